"""``fuzz``: write a file for each random program about which the judges differ."""

from __future__ import annotations

import argparse
import errno
import os
import time
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.options import (
    add_limits,
    add_memory_model,
    add_sharing,
    one_or_more,
    positive_seconds,
    whole_number,
)
from verifier.errors import Interrupted, LimitError, UsageError, worst
from verifier.output import Output

if TYPE_CHECKING:
    from verifier.fuzz.hunt import Hunt


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    from verifier.generate.edges import LANGUAGES

    command.add_argument(
        "--language", choices=LANGUAGES, default="MM", help="the programs' language (default: %(default)s)"
    )
    command.add_argument(
        "--count", type=one_or_more, metavar="N", help="how many programs (default: 1000, without --time)"
    )
    command.add_argument(
        "--time", dest="seconds", type=positive_seconds, metavar="S", help="stop after S seconds"
    )
    command.add_argument(
        "--seed", type=whole_number, default=0, metavar="N", help="the first program's number"
    )
    command.add_argument(
        "--into", metavar="DIR", help="where to write programs about which judges differ (default: here)"
    )
    add_memory_model(command)
    add_limits(command, "program", seconds=20.0)
    add_sharing(command)
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the progress")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``fuzz``: write a file for each random program about which the judges differ."""
    from verifier.fuzz.hunt import Hunt, herd7
    from verifier.suite.options import Options
    from verifier.suite.pool import stopping

    into = "." if arguments.into is None else arguments.into
    _look_at(into)
    machine = Options(model=arguments.model, profile=arguments.profile, settings=dict(arguments.settings))
    plain = arguments.language == "X86" and arguments.model == "x86-tso" and arguments.profile != "sc"
    hunt = Hunt(
        arguments.language,
        machine.switches,
        arguments.model,
        herd7() if plain and not arguments.settings else None,
        arguments.timeout,
    )
    found, stop = _Found(), 0
    try:
        with stopping():
            _hunt(hunt, arguments, into, found, out)
    except Interrupted as stopped:
        out.complain(f"verifier: {stopped}")
        stop = stopped.exit_code
    out.write(f"{found.kinds.total()} programs by {', '.join(hunt.judges)}: {found}\n")
    return stop or worst(found.codes)


class _Found:
    """What was found: programs by kind, answers that are missing by judge, exit codes."""

    def __init__(self) -> None:
        from collections import Counter

        self.kinds, self.silent, self.codes = Counter[str](), Counter[str](), list[int]()

    def __str__(self) -> str:
        kinds = ", ".join(f"{self.kinds[kind]} {kind}" for kind in ("same", "known", "differs", "undecided"))
        lacks = ", ".join(f"{judge} of {count}" for judge, count in sorted(self.silent.items()))
        return f"{kinds}; no answer: {lacks}" if lacks else kinds


def _look_at(into: str) -> None:
    """Raise ``UsageError`` if no files can be written into a directory, which may be made later."""
    there = os.path.abspath(into) if into else ""
    while there and not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        raise UsageError(f"--into {into!r} names no directory" + (f": {there} is a file" if there else ""))
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"cannot write {into}: {os.strerror(errno.EACCES)}")


def _hunt(hunt: Hunt, arguments: Arguments, into: str, told: _Found, out: Output) -> None:
    """Try programs, and write those about which judges differ."""
    from contextlib import closing

    from verifier.fuzz.hunt import hunted
    from verifier.progress import Progress
    from verifier.suite.pool import Raised
    from verifier.suite.worker import Limits

    count = 1000 if arguments.count is None and arguments.seconds is None else arguments.count
    kinds = told.kinds
    limits = Limits(arguments.memory, None)
    progress = Progress(out, wanted=not arguments.quiet)
    end = time.monotonic() + arguments.seconds if count is None and arguments.seconds is not None else None
    tried = hunted(hunt, arguments.seed, count, arguments.seconds, limits, arguments.jobs)
    with closing(progress), closing(tried):
        for found in tried:
            left = None if end is None else max(0.0, end - time.monotonic())
            progress.at(f"{kinds['differs']} differ", kinds.total() + 1, count or 0, left)
            if isinstance(found, Raised):
                if not isinstance(found.error, LimitError):
                    raise found.error
                kinds["undecided"] += 1
                continue
            kinds[found.kind] += 1
            told.silent.update(found.silent)
            if found.kind == "differs":
                told.codes.append(found.exit_code)
                path = os.path.join(into, f"fuzz-{found.seed}.litmus")
                text = found.text(arguments.language)
                try:
                    os.makedirs(into, exist_ok=True)
                    with open(path, "w", encoding="utf-8") as file:
                        file.write(text)
                except OSError as error:
                    raise UsageError(f"cannot write {path}: {error.strerror}") from None
                out.write(f"{path}\n{text}\n")
