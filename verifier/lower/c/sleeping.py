"""Warnings about what may sleep where nobody may: in an interrupt, with preemption or interrupts off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verifier.lower.code import Branch, Emit, Instruction, Jump, Label, SetRegister
from verifier.program.expressions import FALSE, Apply, Expr, Reg
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Span

_SLEEPS = "%sleeps"  # a ``SetRegister`` of it stands before the code of a word that may sleep

Instructions = Sequence[Instruction]


class CodeOf(NamedTuple):
    """The code of a program, a handler or an NMI; ``interrupts``: why nobody may sleep there, if so; ``off``:
    it begins with interrupts off."""

    code: Instructions
    interrupts: str = ""
    off: bool = False


def sleeps(span: Span) -> SetRegister:
    """The mark of a word that may sleep."""
    return SetRegister(_SLEEPS, FALSE, span)


def atomic_sleeps(places: Iterable[CodeOf]) -> list[Diagnostic]:
    """Warnings about words that may sleep in interrupts, or with preemption or interrupts off on every path
    to them. Of an include's code, the call is named."""
    found: dict[tuple[str, int, str], Diagnostic] = {}
    for place in places:
        marks = list(_marks(place.code))
        asked = marks and not place.interrupts
        depths, off = (_depths(place.code), _off(place)) if asked else ({}, frozenset[int]())
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
            elif at in off:
                why, hint = "interrupts are off here", "turn interrupts on before"
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


_FLAG = "%irq"  # among the locals that are 0: the interrupt flag itself


def _off(place: CodeOf) -> frozenset[int]:
    """The instructions that control reaches with interrupts off only."""
    code = place.code
    labels = {x.name: at for at, x in enumerate(code) if isinstance(x, Label)}
    zero: dict[int, frozenset[str]] = {}  # by instruction, the flags that are 0 on each path to it
    pending = [(0, frozenset([_FLAG] if place.off else ()))]
    while pending:
        at, here = pending.pop()
        if at >= len(code):
            continue
        here &= zero.get(at, here)
        if zero.get(at) == here:
            continue
        zero[at], x = here, code[at]
        here = _after(x, here)
        if isinstance(x, Branch | Jump):
            pending.append((labels[x.target], here))
        if not isinstance(x, Jump):
            pending.append((at + 1, here))
    return frozenset(at for at, names in zero.items() if _FLAG in names)


def _after(x: Instruction, zero: frozenset[str]) -> frozenset[str]:
    """The flags that are 0 behind an instruction: the interrupt flag, and the locals that keep it."""
    if isinstance(x, SetRegister):
        return _with(zero, x.reg, isinstance(x.value, Reg) and x.value.name in zero)
    if not isinstance(x, Emit):
        return zero
    for touch in x.touches:
        mine = x.op == "IRQ" and x.kind != "bh" and touch is x.touches[0]
        if touch.into is not None:
            zero = _with(zero, touch.into, mine and _FLAG in zero)
        if mine:
            zero = _with(zero, _FLAG, touch.value is not None and _is_zero(touch.value, zero))
    return zero


def _with(names: frozenset[str], name: str, there: bool) -> frozenset[str]:
    return names | {name} if there else names - {name}


def _is_zero(value: Expr, zero: frozenset[str]) -> bool:
    """Is what is written to the interrupt flag surely 0: by itself, or as it was kept?"""
    if isinstance(value, Apply):
        return value.function == "or" and all(_is_zero(a, zero) for a in value.args)
    return value == FALSE or (isinstance(value, Reg) and value.name in zero)
