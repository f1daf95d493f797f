"""Warnings about what may sleep where nobody may: in an interrupt, and where preemption is off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verifier.lower.code import Branch, Emit, Instruction, Jump, Label, SetRegister
from verifier.program.expressions import FALSE
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Span

_SLEEPS = "%sleeps"  # a ``SetRegister`` of it stands before the code of a word that may sleep

Instructions = Sequence[Instruction]


class CodeOf(NamedTuple):
    """The code of a program, a handler or an NMI; ``interrupts``: why nobody may sleep there, if so."""

    code: Instructions
    interrupts: str = ""


def sleeps(span: Span) -> SetRegister:
    """The mark of a word that may sleep."""
    return SetRegister(_SLEEPS, FALSE, span)


def atomic_sleeps(places: Iterable[CodeOf]) -> list[Diagnostic]:
    """Warnings about words that may sleep in interrupts, or with preemption off on every path to them. Of an
    include's code, the call is named."""
    found: dict[tuple[str, int, str], Diagnostic] = {}
    for place in places:
        marks = list(_marks(place.code))
        depths = _depths(place.code) if marks and not place.interrupts else {}
        for at, x in marks:
            if place.interrupts:
                why, hint = (
                    place.interrupts,
                    "an interrupt has no task that could sleep: leave it to a program",
                )
            elif depths.get(at, 0) > 0:
                why = "preemption is off here, or it is an RCU reader"
                hint = (
                    "give the spinlock back before, or end the RCU reader; a mutex may be held by who sleeps"
                )
            else:
                continue
            span = x.called or x
            said = " ".join(span.text.split())
            warning = Diagnostic("sleep", f"{said} may sleep, and {why}", span, hint, severity="warning")
            found.setdefault((span.source.name, span.start, why), warning)
    return list(found.values())


def _marks(code: Instructions) -> Iterator[tuple[int, Span]]:
    """Where something may sleep."""
    for at, x in enumerate(code):
        if isinstance(x, SetRegister) and x.reg == _SLEEPS and x.span is not None:
            yield at, x.span


def _depths(code: Instructions) -> dict[int, int]:
    """By instruction that control may reach, how many sections with preemption off there are around it, on
    the path with the fewest."""
    labels = {x.name: at for at, x in enumerate(code) if isinstance(x, Label)}
    least: dict[int, int] = {}
    pending = [(0, 0)]
    while pending:
        at, depth = pending.pop()
        if at >= len(code) or least.get(at, depth + 1) <= depth:
            continue
        least[at] = depth
        x = code[at]
        if isinstance(x, Emit) and x.op == "RCU" and not x.touches:  # a section of SRCU has a domain
            depth = depth + 1 if x.kind == "lock" else max(0, depth - 1)
        if isinstance(x, Branch | Jump):
            pending.append((labels[x.target], depth))
        if not isinstance(x, Jump):
            pending.append((at + 1, depth))
    return least
