"""Where an execution comes to rest for ever: checked again, and as facts that are told (MMR 20.1)."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.execution.run import Execution
from verifier.model.roles import bare
from verifier.program.events import Body, Event
from verifier.program.hang import Hang
from verifier.program.values import Ptr, softirqs_off
from verifier.program.waits import Stop


def stops(x: Execution) -> list[Stop]:
    """The stops at which bodies are."""
    return [stop for stop in x.program.stops if x.slots.get(stop.slot)]


def hang(x: Execution) -> Hang:
    """The configuration in which an execution ends, as facts."""
    written, events = x.written_at(), x.program.events
    history = {
        cell: [(events[node] if node < len(events) else None, written[node, cell]) for node in order]
        for cell, order in x.co.items()
    }
    memory = {cell: x.final(cell) for cell in x.program.cells}
    through = {w.event: w.content for w in x.walks if w.event is not None and w.kind != "fault"}
    open_ = {end.id: list(awaited(x, start)) for start, end in x.program.grace_periods()}
    return Hang(x.program, stops(x), x.slots, memory, history, open_, through)


def awaited(x: Execution, start: Event) -> Iterator[Event]:
    """Where the readers' sections begin that have not ended, and that a grace period waits for."""
    chosen = x.choices.get("grace", frozenset())
    for lock, unlocks in x.program.sections():
        is_open = lock.id in x.executed and not any(u.id in x.executed for u in unlocks)
        mine = is_open and x.program.awaits(start, lock)
        if mine and (lock.kind == "held" or (lock.id, start.id) in chosen):
            yield lock


def check_rest(x: Execution) -> list[str]:
    """What is wrong with where an execution comes to rest: each stop needs its reason."""
    here = stops(x)
    wrong = [f"nothing keeps a body at its stop ({s.kind})" for s in here if not _reason(x, s, here)]
    for stop in here:
        body = x.program.bodies[stop.body]
        if body.rank and stop.kind != "pending" and not _is_last(x, body):
            wrong.append(f"{body.name} has come to rest, and its CPU goes on")
    return wrong


def _reason(x: Execution, stop: Stop, here: list[Stop]) -> bool:
    """Has a body a reason to be at this stop?"""
    program, body = x.program, x.program.bodies[stop.body]
    resting = [program.bodies[s.body] for s in here if s.kind != "pending"]
    above = any(b.cpu == body.cpu and b.rank > body.rank for b in resting)
    if stop.kind == "interrupted":
        return above
    if stop.kind == "pending":
        off = x.final(Ptr(f"{body.cpu}:irq")) == 0 and body.kind != "nmi"
        if body.kind == "callback" and softirqs_off(body.cpu) in program.cells:
            off = off or x.final(softirqs_off(body.cpu)) != 0
        busy = any(b.cpu == body.cpu and b.rank >= body.rank for b in resting)
        return off or busy or _comes_after(x, body, here) or _waits_for_readers(x, body.events[0])
    if above:
        return False
    if stop.kind == "look":
        assert stop.wait is not None
        return all(_sees_the_end(x, event) for event in stop.wait.events)
    assert stop.event is not None
    event = program.events[stop.event]
    if stop.kind == "answers":
        return any(s.body in event.handlers for s in here)
    return _waits_for_readers(x, event)


def _sees_the_end(x: Execution, event: int) -> bool:
    """Does everything that an event reads come from the last write?"""
    last = {cell: order[-1] for cell, order in x.co.items() if order}
    return all(r.write == last.get(r.cell) for r in x.reads if r.read in (event, *x.loads.get(event, ())))


def _comes_after(x: Execution, body: Body, here: list[Stop]) -> bool:
    """Is something pending that a handler has to come after?"""
    if body.send is None:
        return False
    for stop in here:
        send = x.program.bodies[stop.body].send
        if stop.kind == "pending" and stop.cpu == body.cpu and send is not None and send is not body.send:
            line = x.order[body.send.cpu]
            alike = send.domain == body.send.domain and not bare(send) and not bare(body.send)
            if send.cpu == body.send.cpu and alike:
                return line.index(send.id) < line.index(body.send.id)
    return False


def _waits_for_readers(x: Execution, end: Event) -> bool:
    """Does a section that was open when it started keep this end of a grace period from coming?"""
    starts = [a for a, b in x.program.grace_periods() if b.id == end.id]
    return any(True for start in starts for _ in awaited(x, start))


def _is_last(x: Execution, body: Body) -> bool:
    """Is nothing that a body holds up executed after it on its CPU?"""
    bodies = [x.program.events[e].body for e in x.order[body.cpu]]
    if body.id not in bodies:
        return True
    after = bodies[len(bodies) - bodies[::-1].index(body.id) :]
    return not any(x.program.bodies[b].rank <= body.rank for b in after)
