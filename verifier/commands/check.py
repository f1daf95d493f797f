"""``check`` and ``states``: print a verdict for each test, in one of the formats."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import again, cluster_of, decided, options_of, paint, store_of
from verifier.commands.options import (
    add_color,
    add_keeping,
    add_limiting,
    add_machine,
    add_paths,
    whole_number,
)
from verifier.errors import UsageError
from verifier.output import Output
from verifier.records import replace
from verifier.render.formats import formats_of
from verifier.suite.options import JUDGES

if TYPE_CHECKING:
    from verifier.render.base import Verdicts


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command)
    add_machine(command)
    command.add_argument(
        "--judge", choices=JUDGES, default=JUDGES[0], help="which judge decides (default: %(default)s)"
    )
    command.add_argument("--seed", type=whole_number, default=0, metavar="N", help="the solver's seed")
    formats = formats_of(name)
    command.add_argument(
        "--format", choices=formats, default=formats[0], help="the output's format (default: %(default)s)"
    )
    command.add_argument("--dot", metavar="FILE", help="write the last run as a graph; - for standard output")
    add_limiting(command)
    add_keeping(command)
    add_color(command)
    command.add_argument(
        "-q", "--quiet", action="store_true", help="print verdicts without stories, and no progress"
    )
    if name == "check":
        command.add_argument(
            "--changed-since", metavar="REV",
            help="decide only the files that differ from a git revision, or include a file that does",
        )  # fmt: skip


def run(arguments: Arguments, out: Output) -> int:
    """Run ``check`` or ``states``: print a verdict for each test, in one of the formats."""
    from verifier.render.base import Wanted
    from verifier.render.formats import FORMATS

    states, graph = arguments.command == "states", bool(arguments.dot)
    form = FORMATS[arguments.format]
    if arguments.dot == "-" and arguments.format != "text":
        raise UsageError(f"--format {arguments.format} writes to standard output; let --dot write to a file")
    options = replace(
        options_of(arguments),
        judge=arguments.judge,
        seed=arguments.seed,
        states=states or form.states,
        witnesses=graph or (not arguments.quiet and not states),
        counters=graph,
        strict=arguments.strict,
        skip_other=arguments.skip_other,
        store=store_of(arguments),
        fresh=arguments.fresh,
        dask=cluster_of(arguments),
    )
    _ = options.switches  # complain about an unknown switch before reading files
    paint(arguments, out)
    wanted = Wanted(states=states, stories=not arguments.quiet, graph=graph, again=again(arguments))
    report = form.report(out, wanted)
    stopped = decided(arguments, [options], report)
    if arguments.dot and not stopped:
        _dot(report, arguments.dot)
    report.close()
    return stopped or report.exit_code


def _dot(report: Verdicts, path: str) -> None:
    if not report.graph:
        why = f"{report.undecided} is unknown" if report.undecided else "no outcome is reachable"
        report.out.complain(f"verifier: {why}, so there is no graph")
    elif path == "-":
        report.out.write(report.graph)
    else:
        try:
            with open(path, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(report.graph)
        except OSError as error:
            report.error(UsageError(f"{path}: {error.strerror}"))
