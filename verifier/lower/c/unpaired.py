"""Warnings about what gives back that nothing has taken: a lock, a reader's section, preemption."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from verifier.lower.code import Branch, Emit, Instruction, Jump, Label
from verifier.program.expressions import Const
from verifier.program.values import Ptr, Value
from verifier.source import Diagnostic

_MOST = 8  # sections around an instruction; more are not counted
_HINT = "take it before on this CPU; a lock may be taken at first, as spinlock_t l = 1 is"


def unpaired(codes: Iterable[Sequence[Instruction]], values: Mapping[Ptr, Value]) -> list[Diagnostic]:
    """Warnings about ends of sections in programs, where no path to them has a beginning.

    ``values``: what memory holds at first. A program that may give back what is taken at first gets none.
    """
    found: dict[object, Diagnostic] = {}
    for code in codes:
        ends = [at for at, x in enumerate(code) if _section(x) < 0]
        if not ends or any(_taken_at_first(code, at, values) for at in ends):
            continue
        depths = _depths(code)
        for at in ends:
            if depths.get(at) == 0 and (span := code[at].span) is not None:
                span = span.called or span
                text = f"nothing before {' '.join(span.text.split())} takes what it gives back"
                warning = Diagnostic("unpaired", text, span, _HINT, severity="warning")
                found.setdefault((span.source.name, span.start), warning)
    return list(found.values())


def _section(x: Instruction) -> int:
    """1 where preemption goes off, -1 where it comes back, else 0. A reader of SRCU has a domain."""
    if not isinstance(x, Emit) or x.op != "RCU" or x.touches:
        return 0
    return 1 if x.kind == "lock" else -1


def _taken_at_first(code: Sequence[Instruction], at: int, values: Mapping[Ptr, Value]) -> bool:
    """May the lock of the word whose section ends here be taken at first?"""
    touched = [
        t.addr for x in code[:at] if isinstance(x, Emit) and x.span == code[at].span for t in x.touches
    ]
    held = [a.value for a in touched if isinstance(a, Const)]
    return len(held) < len(touched) or any(isinstance(p, Ptr) and values.get(p, 0) != 0 for p in held)


def _depths(code: Sequence[Instruction]) -> dict[int, int]:
    """By instruction that control may reach, how many sections may be around it at most."""
    labels = {x.name: at for at, x in enumerate(code) if isinstance(x, Label)}
    most: dict[int, int] = {}
    pending = [(0, 0)]
    while pending:
        at, depth = pending.pop()
        if at >= len(code) or most.get(at, -1) >= depth:
            continue
        most[at] = depth
        x = code[at]
        depth = min(_MOST, max(0, depth + _section(x)))
        if isinstance(x, Branch | Jump):
            pending.append((labels[x.target], depth))
        if not isinstance(x, Jump):
            pending.append((at + 1, depth))
    return most
