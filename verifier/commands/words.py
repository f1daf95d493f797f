"""``words``: search the vocabulary."""

from __future__ import annotations

import argparse

from verifier.commands.arguments import Arguments
from verifier.commands.calls import paint
from verifier.commands.options import add_color, add_formatting
from verifier.errors import ExitCode, UsageError
from verifier.output import Output

NAMED_AT_MOST = 6  # functions of an include


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    command.add_argument(
        "pattern", nargs="?", metavar="PATTERN",
        help="a word (smp_mb), a glob ('smp_*'), or a text in names and meanings (default: all words)",
    )  # fmt: skip
    command.add_argument("-a", "--all", action="store_true", help="list the members of families one by one")
    add_formatting(command)
    add_color(command)


def run(arguments: Arguments, out: Output) -> int:
    """Run ``words``: print the words that a pattern finds; of one word, all that is known."""
    from verifier.render.words import whole_word, word_objects, word_table
    from verifier.words.folding import families, single
    from verifier.words.search import found_words

    paint(arguments, out)
    pattern = arguments.pattern or ""
    found = found_words(pattern)
    if not found:
        raise UsageError(f"no word is found by {pattern!r}{_instead(pattern)}")
    if arguments.format == "json":
        out.write(word_objects(found))
        return ExitCode.EXPECTED
    if len(found) == 1:
        lines = whole_word(found[0], out.paint)
    else:
        lines = word_table([single(w) for w in found] if arguments.all else families(found), out.paint)
    out.write("".join(f"{line}\n" for line in lines))
    return ExitCode.EXPECTED


def _instead(pattern: str) -> str:
    """What to write, or which words are spelt nearly so."""
    from difflib import get_close_matches

    from verifier.words.elsewhere import ELSEWHERE, included
    from verifier.words.table import WORDS

    name = pattern.removesuffix("()")
    if name in ELSEWHERE:
        return f": {ELSEWHERE[name]}"
    text = " ".join(name.lower().split())
    includes = [
        f'#include "{file}" has {", ".join(f"{one}()" for one in names[:NAMED_AT_MOST])}'
        + (", …" if len(names) > NAMED_AT_MOST else "")
        for file, names in included(text).items()
    ]
    if includes:
        return f"; {'; '.join(includes)}"
    near = get_close_matches(name, WORDS, n=5, cutoff=0.6)
    return f"; the nearest are {', '.join(near)}" if near else "; 'verifier words' lists all of them"
