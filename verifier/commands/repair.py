"""``repair``: print what would mend each test."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import options_of, reported, tasks_of
from verifier.commands.options import add_formatting, add_limits, add_machine, add_paths, one_or_more
from verifier.errors import Interrupted, worst
from verifier.output import Output

if TYPE_CHECKING:
    from verifier.render.answers import AnswerReport
    from verifier.suite.options import Options
    from verifier.syntax.test import Test
    from verifier.why.found import Repairs


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command)
    add_machine(command)
    command.add_argument(
        "--cost", dest="costs", type=_cost, action="append", default=[], metavar="KIND=N",
        help="give an edit of a kind another cost, such as smp_mb=3 (the page repair.md has the table)",
    )  # fmt: skip
    command.add_argument("--patch", action="store_true", help="print the first answer as a unified diff")
    command.add_argument(
        "--take", type=one_or_more, default=1, metavar="N", help="the answer that --patch prints"
    )
    add_formatting(command)
    add_limits(command, "test", "all edits together")
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the progress")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``repair``: print what would mend each test."""
    from verifier.render.repair import Patches, RepairJson, RepairText
    from verifier.suite.pool import stopping
    from verifier.why.costs import costs

    options = options_of(arguments)
    _ = options.switches, costs(dict(arguments.costs))  # complain before reading files
    report: AnswerReport[Repairs] = RepairText(out)
    if arguments.format == "json":
        report = RepairJson(out)
    elif arguments.patch:
        report = Patches(out, arguments.take)
    codes: list[int] = []
    stopped = 0
    try:
        with stopping():
            _repair(arguments, options, report, codes)
    except Interrupted as stop:
        report.error(stop)
        stopped = stop.exit_code
    report.close()
    return stopped or worst(codes)


def _repair(arguments: Arguments, options: Options, report: AnswerReport[Repairs], codes: list[int]) -> None:
    """Report the repairs of each test of a call, and collect exit codes."""
    from verifier.progress import Progress
    from verifier.suite.load import load_task
    from verifier.why.repair import repair_alone

    tasks = tasks_of(arguments)
    progress = Progress(report.out, wanted=not arguments.quiet)
    for number, task in enumerate(tasks, 1):
        tests: list[Test] = []
        with reported(report, task.name, codes):
            tests = load_task(task, options)
        for test in tests:
            with reported(report, task.name, codes):
                place = test.id, number, len(tasks)

                def hear(text: str, place: tuple[str, int, int] = place) -> None:
                    progress.at(f"{place[0]}: {text}", *place[1:])

                found = repair_alone(test, options, dict(arguments.costs), hear if progress.on else None)
                codes.append(found.exit_code)
                report.add(found)
    progress.close()


def _cost(word: str) -> tuple[str, int]:
    name, _, value = word.partition("=")
    try:
        return name, int(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not kind=number") from None
