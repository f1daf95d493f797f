"""``fmt``: print files in the style of this project, or write them so."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

from verifier.commands.arguments import Arguments
from verifier.commands.calls import tasks_of
from verifier.commands.options import add_paths
from verifier.errors import ExitCode, UsageError, VerifierError, worst
from verifier.output import Output
from verifier.suite.discover import parted


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command, what="a .litmus or .inc file, a directory, or -")
    command.add_argument(
        "--check", action="store_true", help="list the files that have another style; exit code 1 if any has"
    )
    command.add_argument("--diff", action="store_true", help="print what would change, as a unified diff")
    command.add_argument("--write", action="store_true", help="write the files, and list those that changed")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``fmt``: print files in the style of this project, or write them so."""
    from verifier.render.base import said

    if arguments.write and (arguments.check or arguments.diff):
        raise UsageError("--write writes files; --check and --diff leave them as they are")
    if any(parted(path)[1] for path in arguments.paths):
        raise UsageError("a whole file has a style: leave '::' and the variant out")
    codes: list[int] = []
    for task in tasks_of(arguments, ends=(".litmus", ".inc")):
        try:
            if task.error is not None:
                raise task.error
            codes.append(_file(task.name, task.source.text if task.source else None, arguments, out))
        except VerifierError as error:
            codes.append(error.exit_code)
            out.complain(said(error))
    return worst(codes)


def _file(name: str, text: str | None, arguments: Arguments, out: Output) -> int:
    """Print or write one file. ``text``: of a stream."""
    from verifier.source import Source
    from verifier.style.formatted import formatted
    from verifier.syntax import read

    made = formatted(read(name) if text is None else Source(name, text))
    old = _as_it_is(name) if text is None else text
    if arguments.diff:
        out.write("".join(_difference(name, old, made)))
    if not (arguments.check or arguments.diff or arguments.write):
        out.write(made)
    if old == made:
        return ExitCode.EXPECTED
    if arguments.write:
        if text is not None:
            raise UsageError(f"{name} cannot be written: leave --write out")
        _write(name, made)
    if arguments.write or (arguments.check and not arguments.diff):
        out.write(f"{name}\n")
    return ExitCode.DIFFERS if arguments.check else ExitCode.EXPECTED


def _as_it_is(name: str) -> str:
    """The text of a file with the ends of its lines, and a mark of its encoding."""
    with open(name, encoding="utf-8", newline="") as file:
        return file.read()


def _difference(name: str, old: str, made: str) -> Iterator[str]:
    """A unified diff."""
    from difflib import unified_diff

    for line in unified_diff(old.splitlines(True), made.splitlines(True), name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _write(name: str, text: str) -> None:
    """Write a file: all of it, or nothing. Raises ``UsageError``."""
    place = os.path.realpath(name)
    part = f"{place}.{os.getpid()}"
    try:
        with open(part, "w", encoding="utf-8", newline="") as file:
            os.chmod(part, os.stat(place).st_mode & 0o7777)
            file.write(text)
        os.replace(part, place)
    except OSError as error:
        if os.path.exists(part):
            os.unlink(part)
        raise UsageError(f"cannot write {name}: {error.strerror}") from None
