"""``history``: print how verdicts change along the history of a repository."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import options_of, reported, tasks_of
from verifier.commands.options import add_formatting, add_limits, add_machine, add_paths, add_sharing
from verifier.errors import UsageError, worst
from verifier.output import Output
from verifier.records import replace
from verifier.suite.options import JUDGES

if TYPE_CHECKING:
    from verifier.render.answers import AnswerReport
    from verifier.revisions.found import History


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command, "; last, the revisions A..B")
    add_machine(command)
    command.add_argument(
        "--judge", choices=JUDGES, default=JUDGES[0], help="which judge decides (default: %(default)s)"
    )
    command.add_argument("-a", "--all", action="store_true", help="judge each row, however many there are")
    command.add_argument(
        "--first-parent", action="store_true", help="follow first parents alone: a merge is one step"
    )
    add_formatting(command)
    add_limits(command, "verdict")
    add_sharing(command)
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the table, and the progress")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``history``: print how verdicts change along the history of a repository."""
    from verifier.progress import Progress
    from verifier.render.history import HistoryJson, HistoryText
    from verifier.revisions.commits import RevisionRange
    from verifier.revisions.follow import follow
    from verifier.syntax import read

    *paths, span = arguments.paths or [""]
    if ".." not in span or not paths:
        raise UsageError("'verifier history' takes files, and then a range of revisions: FILE… A..B")
    arguments.paths = paths
    options = replace(options_of(arguments), judge=arguments.judge, witnesses=False)
    _ = options.switches  # complain about an unknown switch before reading files
    if options.kernel is None:
        raise UsageError("say where the kernel's repository is: --kernel DIR")
    place = (
        options.kernel
        if arguments.kernel or os.path.isdir(options.kernel)
        else options.kernel.rpartition("@")[0]
    )
    revisions = RevisionRange(place, span)
    report: AnswerReport[History] = HistoryText(out, quiet=arguments.quiet)
    if arguments.format == "json":
        report = HistoryJson(out)
    progress = Progress(out, wanted=not arguments.quiet)
    codes: list[int] = []
    for task in tasks_of(arguments):
        with reported(report, task.name, codes):
            if task.error is not None:
                raise task.error
            found = follow(
                task.source or read(task.name),
                revisions,
                options,
                variants=task.variants,
                every=arguments.all,
                first_parent=arguments.first_parent,
                jobs=arguments.jobs,
                progress=progress.at,
            )
            codes.append(found.exit_code)
            report.add(found)
    progress.close()
    report.close()
    return worst(codes)
