"""``kernel``: print what each test takes of the kernel's own text, or compare the vocabulary with a tree."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import tasks_of, tree_of
from verifier.commands.options import add_formatting, add_paths, add_tree
from verifier.errors import ExitCode, UsageError, VerifierError, worst
from verifier.output import Output

if TYPE_CHECKING:
    from verifier.against.compare import ComparedWord


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command, "; with --words, words of the vocabulary, or none for all")
    command.add_argument("--words", action="store_true", help="compare the vocabulary with the tree instead")
    add_tree(command)
    add_formatting(command)


def run(arguments: Arguments, out: Output) -> int:
    """Run ``kernel``: print what each test takes of the kernel's own text."""
    if arguments.words:
        return _compared_words(arguments, out)
    if not arguments.paths:
        raise UsageError("'verifier kernel' takes files, or --words")
    from verifier.lower.c.kernel import resolved
    from verifier.render.base import Wanted
    from verifier.render.formats import FORMATS
    from verifier.render.kernel import as_json, taken_json, taken_text
    from verifier.suite.load import load_task
    from verifier.suite.options import Options

    options = Options(defines=dict(arguments.defines), kernel=tree_of(arguments))
    codes: list[int] = []
    rows: list[dict[str, object]] = []
    seen: set[str] = set()
    for task in tasks_of(arguments):
        try:
            for test in load_task(task, options):
                if getattr(test.tree, "kernel", None) is None:
                    continue
                found = resolved(test.tree)
                text = taken_text("", found)
                if text in seen and not task.variants:  # another variant with the same text
                    continue
                seen.add(text)
                rows.append(taken_json(test.id, found))
                if arguments.format == "text":
                    out.write(taken_text(test.id, found) + "\n")
        except VerifierError as error:
            codes.append(error.exit_code)
            FORMATS["text"].report(out, Wanted()).error(error, task.name)
    if not rows and not codes:
        from verifier.syntax.grammars import page

        raise UsageError(f"no test here takes text of a kernel; {page('kernel-text.md')} says how")
    if arguments.format == "json":
        out.write(as_json(rows))
    return worst(codes)


def _compared_words(arguments: Arguments, out: Output) -> int:
    """Run ``kernel --words``: compare the rows of the vocabulary with a tree."""
    from verifier.against.compare import Comparison
    from verifier.kernel.tree import KernelTree
    from verifier.render.against import compared_json, compared_text
    from verifier.syntax.trouble import nearest
    from verifier.words.table import WORDS

    for name in arguments.paths:
        if name not in WORDS:
            hint = nearest(name, WORDS) or "with --words come words of the vocabulary, and no files"
            raise UsageError(f"there is no word {name!r}: {hint}")
    place = tree_of(arguments)
    if place is None:
        raise UsageError("say with which tree to compare: --kernel DIR")
    comparison = Comparison(KernelTree(place))
    comparison.check()
    differs = False

    def compared() -> Iterator[ComparedWord]:
        nonlocal differs
        for found in comparison.words(arguments.paths or None):
            differs |= found.status == "differs"
            yield found

    if arguments.format == "json":
        out.write(compared_json(place, compared()))
    else:
        for line in compared_text(place, compared()):
            out.write(line)
    return int(ExitCode.DIFFERS) if differs else 0
