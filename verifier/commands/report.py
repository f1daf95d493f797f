"""``report``: write pages about tests into a directory."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import changed_tasks, decided, options_of, store_of
from verifier.commands.options import add_limiting, add_machine, add_paths, add_results, positive_seconds
from verifier.output import Output
from verifier.records import replace
from verifier.suite.options import JUDGES

if TYPE_CHECKING:
    from verifier.suite.discover import Task

WHY_SECONDS = 2.0  # for each explanation and each audit


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command)
    command.add_argument(
        "-o", dest="directory", required=True, metavar="DIR",
        help="where to write: a new or empty directory, or an older report, which is replaced",
    )  # fmt: skip
    add_machine(command)
    command.add_argument(
        "--judge", choices=JUDGES, default=JUDGES[0], help="which judge decides (default: %(default)s)"
    )
    command.add_argument(
        "--no-audit", dest="audit", action="store_false", help="do not say which parts are needed"
    )
    command.add_argument(
        "--why-timeout", type=positive_seconds, default=WHY_SECONDS, metavar="S",
        help="seconds for each explanation, and for each audit (default: %(default)g)",
    )  # fmt: skip
    command.add_argument(
        "--claims", metavar="FILE", help="claims that the tests decide (default: those of the verifier's own)"
    )
    command.add_argument("--times", action="store_true", help="show how long each test took")
    add_limiting(command)
    add_results(command)
    command.add_argument(
        "--changed-since", metavar="REV",
        help="report only the files that differ from a git revision, or include a file that does",
    )  # fmt: skip
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the progress")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``report``: write the pages, and print where the index is."""
    from verifier.reports.claims import own, read_claims
    from verifier.reports.folder import ReportFolder
    from verifier.reports.written import Contents, ReportPages

    why = arguments.why_timeout
    options = replace(
        options_of(arguments),
        judge=arguments.judge,
        strict=arguments.strict,
        skip_other=arguments.skip_other,
        store=store_of(arguments),
        fresh=arguments.fresh,
        more=2 * why if arguments.audit else why,
    )
    _ = options.switches  # complain about an unknown switch before anything is read or written
    claims = own() if arguments.claims is None else read_claims(arguments.claims)
    tasks = _together(changed_tasks(arguments, out))
    hurry = out.terminal and not arguments.quiet
    contents = Contents(why, audits=arguments.audit, times=arguments.times, hurry=hurry)
    pages = ReportPages(out, ReportFolder(arguments.directory), tasks, options, contents, claims)
    stopped = decided(arguments, [options], pages, tasks)
    pages.close()
    out.write(f"{pages.index}: {pages.tally}\n")
    return stopped or pages.exit_code


def _together(tasks: list[Task]) -> list[Task]:
    """The tasks, one for each file: what the call asks of a file stands on one page."""
    found: dict[str, Task] = {}
    for task in tasks:
        known = found.setdefault(os.path.realpath(task.name), task)
        variants = tuple(dict.fromkeys(known.variants + task.variants))
        found[os.path.realpath(task.name)] = replace(known, variants=variants)
    return list(found.values())
