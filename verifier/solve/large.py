"""What is said of tests whose values are too many for this judge."""

from __future__ import annotations

from verifier.errors import LimitError
from verifier.program.events import Program
from verifier.program.expressions import Expr, parts
from verifier.program.undefined import line_of
from verifier.source import Span

HELP = "make the test smaller, or try --judge explorer, which follows only values that occur"


def too_many(program: Program, expr: Expr, what: str) -> LimitError:
    """The error that an expression has too many values; ``what`` says how many, with its verb."""
    span = place(program, expr)
    where = f" in {line_of(program.world, span)}" if span is not None else ""
    return LimitError(f"an expression{where} {what}; {HELP}")


def place(program: Program, expr: Expr) -> Span | None:
    """Where the first event stands that computes with an expression; None if none does, as in a condition."""
    for event in program.events:
        computed = [event.guard, *(x for a in event.accesses for x in (a.addr, a.value) if x is not None)]
        if event.span is not None and any(expr in parts(x) for x in reversed(computed)):
            return event.span
    return None
