"""Warnings about what stands beside nothing: barriers for atomics without one, INVLPGB without TLBSYNC."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from verifier.lower.code import Branch, Emit, Instruction, Jump, Label, SetRegister
from verifier.program.expressions import FALSE
from verifier.source import Diagnostic, Span

LOCKED = "%locked"  # a ``SetRegister`` of it stands around the code of a word that does a LOCK'd operation
_BESIDE = "%beside-"  # and one of this where a barrier is the LOCK'd operation before or after it

Instructions = Sequence[Instruction]


def beside(side: str, span: Span) -> SetRegister:
    """The mark of ``smp_mb__before_atomic()`` (``side`` is ``before``) and its like."""
    return SetRegister(_BESIDE + side, FALSE, span)


def lonely(bodies: Iterable[Instructions]) -> list[Diagnostic]:
    """Warnings about barriers that rest on a LOCK'd operation which is not there on every path."""
    found: list[Diagnostic] = []
    for code in bodies:
        marks = [
            (at, x.reg, x.span)
            for at, x in enumerate(code)
            if isinstance(x, SetRegister) and x.span is not None and x.reg.startswith(_BESIDE)
        ]
        places = _places(code) if marks else {}
        for at, mark, span in marks:
            side = mark.removeprefix(_BESIDE)
            if all(_next_is_locked(code, at, _later if side == "before" else _earlier, places)):
                continue
            where = "after" if side == "before" else "before"
            text = f"{span.text} does nothing on x86: no LOCK'd operation stands right {where} it"
            warning = Diagnostic(
                "lonely-barrier",
                text,
                span=span,
                hint="write smp_mb() if a barrier is meant",
                severity="warning",
            )
            if warning not in found:
                found.append(warning)
    return found


Places = dict[str, list[int]]  # by label: where it is, and where jumps to it are
Direction = Callable[[Instructions, int, Places], Iterator[int]]


def _places(code: Instructions) -> Places:
    found: Places = {}
    for i, x in enumerate(code):
        if isinstance(x, Label | Jump | Branch):
            found.setdefault(x.name if isinstance(x, Label) else x.target, []).append(i)
    return found


def _next_is_locked(code: Instructions, start: int, steps: Direction, places: Places) -> Iterator[bool]:
    """For each path from an instruction: is the first operation on it LOCK'd?"""
    seen: set[int] = set()
    pending = list(steps(code, start, places))
    while pending:
        at = pending.pop()
        if at in seen:
            continue
        seen.add(at)
        if not 0 <= at < len(code):
            yield False
            continue
        x = code[at]
        if isinstance(x, SetRegister) and x.reg == LOCKED:
            yield True
        elif isinstance(x, Emit):
            yield False
        else:
            pending += steps(code, at, places)


def _later(code: Instructions, at: int, places: Places) -> Iterator[int]:
    x = code[at]
    if isinstance(x, Jump | Branch):
        yield from (i for i in places[x.target] if isinstance(code[i], Label))
    if not isinstance(x, Jump):
        yield at + 1


def _earlier(code: Instructions, at: int, places: Places) -> Iterator[int]:
    x = code[at]
    if isinstance(x, Label):
        yield from (i for i in places[x.name] if not isinstance(code[i], Label))
    if at == 0 or not isinstance(code[at - 1], Jump):
        yield at - 1


def unanswered(bodies: Iterable[tuple[int, Instructions]]) -> list[Diagnostic]:
    """Warnings about INVLPGBs after which the CPU may come to its end without a TLBSYNC."""
    every = list(bodies)
    found: list[Diagnostic] = []
    for cpu, code in every:
        others = (x for c, other in every if c == cpu and other is not code for x in other)
        if any(isinstance(x, Emit) and x.op == "TLBSYNC" for x in others):
            continue  # a handler, or the program that it interrupts, waits
        for at, x in enumerate(code):
            if isinstance(x, Emit) and x.op == "BINV" and x.span is not None and _ends(code, at):
                text = f"nothing on CPU {cpu} waits for this INVLPGB, and the test asks for TLBs at its end"
                hint = "it takes effect at any time before this CPU's tlbsync()"
                found.append(Diagnostic("no-tlbsync", text, span=x.span, hint=hint, severity="warning"))
    return found


def _ends(code: Instructions, start: int) -> bool:
    """Does some path lead to the end without a TLBSYNC?"""
    labels = {x.name: [i] for i, x in enumerate(code) if isinstance(x, Label)}
    seen: set[int] = set()
    pending = list(_later(code, start, labels))
    while pending:
        at = pending.pop()
        if at == len(code):
            return True
        x = code[at]
        if at in seen or (isinstance(x, Emit) and x.op == "TLBSYNC"):
            continue
        seen.add(at)
        pending += _later(code, at, labels)
    return False
