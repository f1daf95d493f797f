"""``explain`` and ``audit``: decide each test, and say why the verdict is as it is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from verifier.commands.arguments import Arguments
from verifier.commands.calls import again, decided, options_of, paint
from verifier.commands.options import (
    add_color,
    add_formatting,
    add_limiting,
    add_machine,
    add_paths,
    one_or_more,
)
from verifier.output import Output
from verifier.records import replace
from verifier.suite.worker import tell

if TYPE_CHECKING:
    from verifier.render.base import Verdicts


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    add_paths(command)
    add_machine(command)
    if name == "explain":
        command.add_argument(
            "--reasons", type=one_or_more, default=4, metavar="N",
            help="how many independent reasons to look for (default: %(default)s)",
        )  # fmt: skip
    add_formatting(command)
    add_color(command)
    add_limiting(command)
    command.add_argument("-q", "--quiet", action="store_true", help="leave out the runs, and the progress")


def run(arguments: Arguments, out: Output) -> int:
    """Run ``explain`` or ``audit``: decide each test, and say why the verdict is as it is."""
    from verifier.budget import Budget
    from verifier.model import model
    from verifier.render.base import Wanted
    from verifier.render.why import AuditedJson, AuditedText, ExplainedJson, ExplainedText
    from verifier.results import Verdict
    from verifier.why.answers import Audit, Explanation
    from verifier.why.audit import audit
    from verifier.why.explain import explain

    options = replace(
        options_of(arguments),
        strict=arguments.strict,
        skip_other=arguments.skip_other,
        more=arguments.timeout,
    )
    machine = model(options.switches, options.model)
    hurry = out.terminal and not arguments.quiet

    def budget(verdict: Verdict) -> Budget:
        listener = (lambda text: tell(f"{verdict.test.id}: {text}")) if hurry else None
        return Budget(arguments.timeout, arguments.memory, listener)

    def explained(verdict: Verdict) -> Explanation:
        return explain(verdict, machine, budget(verdict), arguments.unroll, arguments.reasons)

    def audited(verdict: Verdict) -> Audit:
        return audit(verdict, machine, budget(verdict), arguments.unroll, not arguments.quiet)

    paint(arguments, out)
    wanted, text = Wanted(stories=not arguments.quiet, again=again(arguments)), arguments.format == "text"
    report: Verdicts
    if arguments.command == "explain":
        report = (ExplainedText if text else ExplainedJson)(out, wanted, explained)
    else:
        report = (AuditedText if text else AuditedJson)(out, wanted, audited)
    stopped = decided(arguments, [options], report)
    report.close()
    return stopped or report.exit_code
