"""Handlers, callbacks and NMIs: what is sent, from its delivery to its return (MMR 8, 12, 18.3)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Literal

from verifier.lower import rests, sections
from verifier.lower.code import (
    Assume,
    Branch,
    Emit,
    Instruction,
    Jump,
    Label,
    PendingHandler,
    SetRegister,
    Target,
)
from verifier.lower.collector import Collector
from verifier.lower.paths import Env, Path, negation, substitute
from verifier.program.events import Access, Body, BodyKind, Event
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Ref, call
from verifier.program.ops import ICR
from verifier.program.values import Ptr, halted, softirqs_off
from verifier.program.waits import Wait
from verifier.records import replace
from verifier.source import Span


def _ending(code: tuple[Instruction, ...]) -> Literal["", "sysret"]:
    """How a handler returns: ``sysret``, or nothing for IRET."""
    last = next((x for x in reversed(code) if not isinstance(x, Label | SetRegister)), None)
    return "sysret" if isinstance(last, Emit) and last.op == "SYSRET" else ""


def send(c: Collector, event: Event, code: Emit, path: Path, env: Env) -> list[int]:
    """One handler body for each CPU that may be a target."""
    made: list[int] = []
    for target in code.targets:
        wanted = substitute(target.guard, env)
        if wanted == FALSE or _too_often(c, target):
            continue
        guard = call("and", event.guard, wanted)
        name = target.name or "handler"
        kind: Literal["", "callback"] = "callback" if event.kind == "rcu" else ""
        rank: BodyKind = "nmi" if target.nmi else kind or "handler"
        body = c.body(target.cpu, rank, name, guard, send=event)
        body.awaited, body.sent = target.awaited, guard
        made.append(body.id)
        sent = path.under(call("bool", wanted))
        assert sent is not None
        _merging(c, body, sent)
        local = {**c.given, **{name: substitute(value, env) for name, value in target.locals}}
        inside = dict(c.sending)[target.key] if target.again else target.code
        c.sending.append((target.key, inside))
        if target.nmi:
            strike(c, body, inside, sent, local, code.span)
        else:
            waited = code.group in c.waited
            handler(c, body, inside, sent, local, code.span, kind=kind, waited=waited)
        c.sending.pop()
    return made


def _too_often(c: Collector, target: Target) -> bool:
    """Is a handler sent from within itself more often than the bound says?"""
    return target.again and sum(key == target.key for key, _ in c.sending) > c.bound


def cut_sends(c: Collector, body: Body, code: Emit, path: Path) -> None:
    """Where handlers would be sent from within themselves too often, a run is cut: as a loop is."""
    for target in code.targets:
        wanted = substitute(target.guard, path.env) if _too_often(c, target) else FALSE
        if wanted != FALSE:
            always = not any(isinstance(x, Jump | Branch | Assume) for x in _before(c.sending[-1][1], code))
            guard = call("and", *path.guard, wanted)
            c.cut(body, code.span, guard, endless=always and wanted == TRUE, sends=target.name)
            path.guard = (*path.guard, negation(wanted))


def _before(code: tuple[Instruction, ...], place: Instruction) -> Iterator[Instruction]:
    """The instructions in front of one."""
    return takewhile(lambda x: x is not place, code)


def _merging(c: Collector, body: Body, sent: Path) -> None:
    """A bare write whose interrupt may find the same one pending, or be found so (MMR 8.3)."""
    assert body.send is not None
    if body.send.kind in ICR:
        around = set[int]()  # the handlers within which it is sent have begun before
        event: Event | None = body.send
        while event is not None:
            around.add(event.body)
            event = c.bodies[event.body].send
        same = (b for b in c.bodies[: body.id] if b.send is not None and b.send.kind in ICR)
        mine = body.cpu, body.kind, body.name
        body.merges = tuple([b.id for b in same if (b.cpu, b.kind, b.name) == mine and b.id not in around])
    if body.merges:
        body.choice = c.slot()
        sent.guard = (*sent.guard, Ref(body.choice))


def handler(
    c: Collector,
    body: Body,
    code: tuple[Instruction, ...],
    sent: Path,
    local: Env,
    span: Span | None,
    *,
    kind: Literal["", "callback"] = "",
    waited: bool = False,
) -> None:
    """A handler or a callback that is sent on the path ``sent``, from its delivery to its return."""
    irq, name = Const(Ptr(f"{body.cpu}:irq")), body.name
    c.stop(body, "pending", sent)
    inside = sent.guard
    guard = body.guard = call("and", *inside)
    slot = c.slot()
    off = None if kind else Const(0)
    accesses = (Access(irq, slot, off), *wakes(c, body.cpu))
    softly = c.slot() if kind and softirqs_off(body.cpu) in c.registers else None
    if softly is not None:
        accesses = (*accesses, Access(Const(softirqs_off(body.cpu)), softly))
    c.ends(body, "DLV", accesses, span=span, name=name, kind=kind)
    why = Wait(body.cpu, "interrupt", "for interrupts to be on", span)
    c.assume(guard, call("eq", Ref(slot), Const(1)), why)
    if softly is not None:
        why = Wait(body.cpu, "interrupt", "for softirqs to be on", span)
        c.assume(guard, call("eq", Ref(softly), Const(0)), why)
    within(c, body, code, Path(inside, local, {}), guard)
    if kind and c.barriers and body.awaited and body.send is not None:
        end = Emit("RCU", kind="unlock", span=span)
        sections.srcu_mark(c, body, rests.over(c, body), end, body.send.domain, body.send.id)
    if waited:
        c.ends(body, "ACK", (), span=span, name=name, guard=rests.over(c, body))
    on = () if kind else (Access(irq, None, Const(1)),)
    c.ends(body, "IRET", on, span=span, name=name, kind=kind or _ending(code), guard=rests.over(c, body))


def pending_handler(c: Collector, p: PendingHandler) -> None:
    """A handler that is pending from the start."""
    body = c.body(p.cpu, "handler", p.name)
    c.sending.append((p.key, p.code))
    handler(c, body, p.code, Path((), {}, {}), {**c.given, **dict(p.locals)}, p.span)
    c.sending.pop()


def nmi(c: Collector, cpu: int, code: tuple[Instruction, ...]) -> None:
    """An NMI, which may strike or not."""
    slot = c.slot()
    body = c.body(cpu, "nmi", f"the NMI of CPU {cpu}", Ref(slot))
    body.choice = slot
    struck(c, body, code, Path((Ref(slot),), dict(c.given), {}), None, name="NMI")


def strike(
    c: Collector, body: Body, code: tuple[Instruction, ...], sent: Path, local: Env, span: Span | None
) -> None:
    """An NMI that is sent: it strikes, unless its CPU has come to rest in another one."""
    if c.halting.get(body.cpu, 0) >= body.rank:
        c.stop(body, "pending", sent)
    body.guard = call("and", *sent.guard)
    struck(c, body, code, Path(sent.guard, local, {}), span, name=body.name)


def struck(
    c: Collector, body: Body, code: tuple[Instruction, ...], path: Path, span: Span | None, name: str
) -> None:
    """An NMI from its delivery to its return."""
    c.ends(body, "NMI", wakes(c, body.cpu), span=span, name=name)
    within(c, body, code, path, body.guard)
    c.ends(body, "IRET", (), span=span, name=name, guard=rests.over(c, body))


def wakes(c: Collector, cpu: int) -> tuple[Access, ...]:
    """The end of a halt on a CPU that may halt (MMR 8.11)."""
    return (Access(Const(halted(cpu)), None, Const(0)),) if halted(cpu) in c.registers else ()


def within(c: Collector, body: Body, code: tuple[Instruction, ...], path: Path, guard: Expr) -> None:
    """What a handler does between its delivery and its return: all of it as an RCU reader."""
    if c.graced:
        sections.mark(c, body, guard, "lock", None)
    path.env.update(c.locks.begins(body))
    ended = c.run(body, code, path)
    rested = (negation(Ref(s.slot)) for s in c.stops if s.body == body.id)
    c.locks.ends(body, replace(ended, guard=(*ended.guard, *rested)))
    if c.graced:
        sections.mark(c, body, rests.over(c, body), "unlock", None)
