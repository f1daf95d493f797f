"""Warnings about interrupts and NMIs that a processor may nest; the model runs them one after the other."""

from __future__ import annotations

from verifier.program.events import Body, Event, Program
from verifier.program.expressions import Const
from verifier.program.values import Ptr, truth
from verifier.source import Diagnostic, Span


def nested(program: Program) -> list[Diagnostic]:
    """One warning for each place at which a handler or an NMI lets another one in before it returns (SDM
    6.7.1, 6.8.1)."""
    hint = "in the model it comes when this one has returned"
    found: dict[Span | None, Diagnostic] = {}
    for body in program.bodies:
        if any(b.cpu == body.cpu and b.kind == body.kind and b is not body for b in program.bodies):
            for event in body.events:
                text = _lets_in(body, event)
                if text:
                    d = Diagnostic("nested", text, event.span, hint, severity="warning")
                    found.setdefault(event.span, d)
    return list(found.values())


def _lets_in(body: Body, event: Event) -> str:
    """What it does that lets another one in; empty if nothing."""
    if body.kind == "handler" and _turns_on(event, body):
        return f"the processor may deliver another interrupt here, within {body.name}()"
    if body.kind == "nmi" and event.op == "SER" and event.kind in ("iret", "sync_core"):
        return "an IRET lets the next NMI in, within this one"
    return ""


def _turns_on(event: Event, body: Body) -> bool:
    """Does it turn interrupts on?"""
    flag = Const(Ptr(f"{body.cpu}:irq"))
    written = (a.value for a in event.accesses if event.op == "IRQ" and a.addr == flag)
    return any(isinstance(value, Const) and truth(value.value) for value in written)
