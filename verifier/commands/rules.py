"""``rules``: list all rules, or explain one rule, a chapter, or the rules that a switch changes."""

from __future__ import annotations

import argparse

from verifier.commands.arguments import Arguments
from verifier.errors import ExitCode, UsageError
from verifier.output import Output


def add(command: argparse.ArgumentParser, name: str) -> None:
    """Add the arguments."""
    command.add_argument(
        "which",
        nargs="?",
        metavar="WHICH",
        help="a rule (5.7), a chapter (5) or a switch (tce)",
    )


def run(arguments: Arguments, out: Output) -> int:
    """List all rules, or explain one rule, a chapter, or the rules that a switch changes."""
    from verifier.model import cover
    from verifier.model.rules import rules, tell

    known, which = rules().values(), arguments.which
    if which is None:
        for r in known:
            out.write(f"{r.number:<5} {r.title}  [{r.confidence}]  {r.source}\n")
        return ExitCode.EXPECTED
    found = [r.number for r in known if r.number == which] or [
        r.number for r in known if r.number.startswith(f"{which.rstrip('.')}.") or which in r.switches
    ]
    if not found:
        raise UsageError(f"no rule, chapter or switch is called {which!r}; 'verifier rules' lists all rules")
    tables = {cover.RULE: cover.reference()}
    told = [f"{tell(number)}\n\n{tables[number]}" if number in tables else tell(number) for number in found]
    out.write("\n\n".join(one.rstrip("\n") for one in told) + "\n")
    return ExitCode.EXPECTED
