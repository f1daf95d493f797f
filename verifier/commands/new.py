"""``new``: write a commented test to begin with."""

from __future__ import annotations

import argparse
import os

from verifier.commands.arguments import Arguments
from verifier.errors import ExitCode, UsageError
from verifier.output import Output
from verifier.patterns import pattern

_NAME = pattern(r"[A-Za-z0-9_][\w.+-]*")


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    from verifier.skeletons import KINDS_OF_SKELETONS, LANGUAGES_OF_SKELETONS, SKELETONS

    kinds = {x: [s.kind for s in SKELETONS if s.language == x] for x in LANGUAGES_OF_SKELETONS}
    there = "; ".join(f"{language}: {', '.join(of)}" for language, of in kinds.items())
    command.add_argument("name", metavar="NAME", help="the test's name; the file is NAME.litmus")
    command.add_argument(
        "--language", choices=LANGUAGES_OF_SKELETONS, help=f"its language (default: {SKELETONS[0].language})"
    )
    command.add_argument(
        "--kind", choices=KINDS_OF_SKELETONS, help=f"what it is about (default: {SKELETONS[0].kind}); {there}"
    )


def run(arguments: Arguments, out: Output) -> int:
    """Run ``new``: write a commented test to begin with. It asks nothing, and replaces no file."""
    from verifier.skeletons import reason_of, skeleton, text_of
    from verifier.syntax.grammars import page

    folder, name = os.path.split(arguments.name)
    name = name.removesuffix(".litmus")
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a test's name: take letters, digits, and _ . + - between them")
    one = skeleton(arguments.language, arguments.kind)
    path = os.path.join(folder, f"{name}.litmus")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text_of(one, name))
    except FileExistsError:
        raise UsageError(f"{path} is there already; take another name") from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
    out.write(f"{path}, in {one.language}: {one.about}\n")
    why = reason_of(one, arguments.language)
    out.write(f"It is in {one.language}, since {why}: --language chooses.\n\n" if why else "\n")
    for call, about in (
        ("check", "its verdicts, and a run for each outcome that can happen"),
        ("watch", "the same again whenever you save it"),
        ("audit", "which of its barriers, flushes and locks are needed"),
    ):
        out.write(f"verifier {call} {path}   {about}\n")
    out.write(f"\n{page('kernel-developers.md')} explains what a test can say.\n")
    return ExitCode.EXPECTED
