"""CPUs that wait for each other with interrupts off: such runs never end, and no verdict counts them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from verifier.lower.code import Branch, Emit, Instruction, Jump, Label
from verifier.program.expressions import Const
from verifier.program.values import truth
from verifier.source import Diagnostic, Span

WaitsFor = tuple[int, int, Span]  # who waits, for whom, where


def hangs(bodies: Iterable[tuple[int, Sequence[Instruction], bool]]) -> list[Diagnostic]:
    """Warnings about waits that can be waited for in a circle.

    ``bodies`` are (CPU, code, whether it starts with interrupts on): programs and handlers.
    """
    waits = [wait for cpu, code, on in bodies for wait in _waits(cpu, code, on)]
    after: dict[int, set[int]] = {}
    for cpu, other, _ in waits:
        after.setdefault(cpu, set()).add(other)
    found: list[Diagnostic] = []
    for cpu, other, span in waits:
        if cpu in _reached(other, after):
            message = (
                f"CPU {cpu} waits for CPU {other} with interrupts off, and CPU {other} can wait for it, too"
            )
            hint = "runs in which CPUs wait for each other do not end, and the verdict does not count them"
            if not any(d.span == span for d in found):
                found.append(Diagnostic("hang", message, span=span, hint=hint, severity="warning"))
    return found


def _reached(start: int, after: dict[int, set[int]]) -> set[int]:
    found: set[int] = set()
    pending = [start]
    while pending:
        cpu = pending.pop()
        if cpu not in found:
            found.add(cpu)
            pending += after.get(cpu, ())
    return found


def _waits(cpu: int, code: Sequence[Instruction], on: bool) -> Iterator[WaitsFor]:
    """The waits for other CPUs at which interrupts are off in every run that gets there."""
    sends = {x.group: x for x in code if isinstance(x, Emit) and x.op == "SEND"}
    for x, off in zip(code, _off(code, on), strict=True):
        if off and isinstance(x, Emit) and x.op == "WAIT" and x.span is not None:
            yield from ((cpu, target.cpu, x.span) for target in sends[x.group].targets)


def _off(code: Sequence[Instruction], on: bool) -> list[bool]:
    """For each instruction: are interrupts off there in every run?"""
    labels = {x.name: i for i, x in enumerate(code) if isinstance(x, Label)}
    maybe_on = [False] * (len(code) + 1)
    reached = [False] * (len(code) + 1)
    pending = [(0, on)]
    while pending:
        at, is_on = pending.pop()
        if reached[at] and (maybe_on[at] or not is_on):
            continue
        reached[at], maybe_on[at] = True, maybe_on[at] or is_on
        if at == len(code):
            continue
        x = code[at]
        if isinstance(x, Emit) and x.op == "IRQ" and x.kind != "bh":
            value = x.touches[0].value
            is_on = not isinstance(value, Const) or truth(value.value)
        if isinstance(x, Branch | Jump) and x.target in labels:
            pending.append((labels[x.target], is_on))
        if not isinstance(x, Jump):
            pending.append((at + 1, is_on))
    return [r and not m for r, m in zip(reached, maybe_on, strict=True)][: len(code)]
