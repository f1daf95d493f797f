"""``show``: draw the run of a test, or the cycles that make its outcome impossible."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import options_of
from verifier.commands.options import add_limits, add_machine, one_or_more
from verifier.errors import ExitCode, UsageError
from verifier.output import Output
from verifier.records import replace

if TYPE_CHECKING:
    from verifier.picture.shown import Form
    from verifier.suite.discover import Task
    from verifier.suite.options import Options

_ENDINGS: Mapping[str, Form] = {".html": "html", ".htm": "html", ".svg": "svg", ".dot": "dot", ".gv": "dot"}


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    command.add_argument("paths", nargs=1, metavar="FILE[::VARIANT]", help="the test; - for standard input")
    form = command.add_mutually_exclusive_group()
    for word, about in (
        ("html", "a page: the source, the story and the picture, which show each other"),
        ("svg", "the picture alone"),
        ("dot", "the run as a graph for Graphviz"),
    ):
        form.add_argument(f"--{word}", dest="form", action="store_const", const=word, help=about)
    command.add_argument(
        "-o", dest="into", metavar="FILE",
        help="write into a file (default: standard output); its ending says which form, if no option does",
    )  # fmt: skip
    add_machine(command)
    command.add_argument(
        "--reasons", type=one_or_more, default=1, metavar="N",
        help="how many reasons of an impossible outcome to draw (default: %(default)s)",
    )  # fmt: skip
    add_limits(command, "test", "and again for its explanation")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``show``: decide one test, and draw it."""
    form = _form(arguments)
    from verifier.budget import Budget
    from verifier.commands.outcomes import print_all
    from verifier.model import model
    from verifier.picture.shown import ShownReport
    from verifier.progress import Progress
    from verifier.results import Verdict
    from verifier.suite.outcomes import outcomes
    from verifier.why.answers import Explanation, impossible
    from verifier.why.explain import explain

    options = replace(options_of(arguments), more=arguments.timeout)
    machine = model(options.switches, options.model)
    task = _task(arguments.paths[0], options)

    def explained(verdict: Verdict) -> Explanation | None:
        if verdict.test.quantifier == "forall" or not impossible(verdict):
            return None
        budget = Budget(arguments.timeout, arguments.memory)
        return explain(verdict, machine, budget, arguments.unroll, arguments.reasons)

    report = ShownReport(out, form, explained)
    found = outcomes([task], [options], report.piece, 1, f"{arguments.command} {arguments.paths[0]}")
    stopped = print_all([task], found, report, Progress(out))
    if report.found is not None and not stopped:
        if report.found.lacks:
            unwritten = f"; {arguments.into} is not written" if arguments.into not in (None, "-") else ""
            out.complain(f"verifier: {report.found.lacks}{unwritten}")
            return report.exit_code or ExitCode.WRONG
        _write(report.found.text, arguments.into, out)
    return stopped or report.exit_code


def _form(arguments: Arguments) -> Form:
    """The form that a call asks for. Raises ``UsageError``."""
    if arguments.form is not None:
        return arguments.form
    for ending, form in _ENDINGS.items():
        if arguments.into is not None and arguments.into.lower().endswith(ending):
            return form
    if arguments.into is None:
        raise UsageError("say what to draw: --html, --svg or --dot; or -o FILE, as in -o run.html")
    from verifier.syntax.grammars import page

    raise UsageError(
        f"-o {arguments.into}: the ending says no form; add --html, --svg or --dot "
        f"({page('pictures.md')} says how to get a PNG)"
    )


def _task(path: str, options: Options) -> Task:
    """The task that names one test. Raises ``VerifierError`` for bad input, and if it names several."""
    from verifier.suite.discover import discover
    from verifier.suite.load import load_task

    tasks = discover([path])
    if len(tasks) != 1:
        raise UsageError(f"{path}: 'verifier show' draws one test; name a file, or FILE::VARIANT")
    tests = load_task(tasks[0], options)
    if len(tests) != 1:
        names = ", ".join(test.variant or test.name for test in tests)
        example = f"{path.partition('::')[0]}::{tests[0].variant}"
        raise UsageError(
            f"{path} has several variants: {names}; name one, as in {example}, or use "
            "'verifier report -o DIR'"
        )
    return tasks[0]


def _write(text: str, into: str | None, out: Output) -> None:
    """Write to a file, or to standard output; there, characters that it lacks are written as references."""
    if into is None or into == "-":
        out.write(text if out.unicode else text.encode("ascii", "xmlcharrefreplace").decode())
        return
    try:
        with open(into, "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as error:
        raise UsageError(f"{into}: {error.strerror}") from None
