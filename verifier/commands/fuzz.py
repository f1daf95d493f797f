"""``fuzz``: write a file for each random program about which the judges differ."""

from __future__ import annotations

import argparse
import os
import time

from verifier.commands.arguments import Arguments
from verifier.commands.options import (
    add_limits,
    add_memory_model,
    add_sharing,
    one_or_more,
    positive_seconds,
    whole_number,
)
from verifier.errors import LimitError, UsageError, worst
from verifier.output import Output


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
    from collections import Counter

    from verifier.fuzz.hunt import Hunt, herd7, hunted
    from verifier.progress import Progress
    from verifier.suite.options import Options
    from verifier.suite.pool import Raised
    from verifier.suite.worker import Limits

    into = arguments.into or "."
    machine = Options(model=arguments.model, profile=arguments.profile, settings=dict(arguments.settings))
    plain = arguments.language == "X86" and arguments.model == "x86-tso" and arguments.profile != "sc"
    hunt = Hunt(
        arguments.language,
        machine.switches,
        arguments.model,
        herd7() if plain and not arguments.settings else None,
        arguments.timeout,
    )
    count = 1000 if arguments.count is None and arguments.seconds is None else arguments.count
    kinds, codes = Counter[str](), list[int]()
    limits = Limits(arguments.memory, None)
    progress = Progress(out, wanted=not arguments.quiet)
    end = time.monotonic() + arguments.seconds if count is None and arguments.seconds is not None else None
    for found in hunted(hunt, arguments.seed, count, arguments.seconds, limits, arguments.jobs):
        left = None if end is None else max(0.0, end - time.monotonic())
        progress.at(f"{kinds['differs']} differ", kinds.total() + 1, count or 0, left)
        if isinstance(found, Raised):
            if not isinstance(found.error, LimitError):
                raise found.error
            kinds["undecided"] += 1
            continue
        kinds[found.kind] += 1
        if found.kind == "differs":
            codes.append(found.exit_code)
            path = os.path.join(into, f"fuzz-{found.seed}.litmus")
            text = found.text(arguments.language)
            try:
                os.makedirs(into, exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            except OSError as error:
                raise UsageError(f"cannot write {path}: {error.strerror}") from None
            out.write(f"{path}\n{text}\n")
    progress.close()
    said = ", ".join(f"{kinds[kind]} {kind}" for kind in ("same", "known", "differs", "undecided"))
    judges = "z3, explorer" + (", herd7" if hunt.herd else "")
    out.write(f"{kinds.total()} programs by {judges}: {said}\n")
    return worst(codes)
