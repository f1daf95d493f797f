"""Interrupts in the candidate of an encoding: sends and deliveries, several functions of one interrupt, calls
without one, acknowledgements (MMR 8, 17.7)."""

from __future__ import annotations

from verifier.model.roles import bare
from verifier.program import arrivals
from verifier.program.asking import asking
from verifier.program.events import Body, Event
from verifier.program.expressions import FALSE
from verifier.program.profiles import CALL_QUEUE
from verifier.solve.clauses import NO, YES
from verifier.solve.encoding import Encoding
from verifier.solve.relate_walks import Symbolic


def interrupts(e: Encoding, x: Symbolic) -> None:
    """Relate what sends and what answers to the handlers. Adds the clauses that say which of them share one
    interrupt."""
    for body in e.program.bodies:
        if body.send is not None:
            x.sent.add(body.send.id, body.events[0].id, e.ran[body.id])
            if not bare(body.send):
                x.called.add(body.send.id, body.events[0].id, e.ran[body.id])
            _merged(e, x, body, body.send)
    _batches(e, x)
    sends = [v for v in e.program.events if v.op == "SEND"]
    for a in sends:
        e.clauses.check()
        for b in (v for v in sends if v.cpu == a.cpu and v is not a):
            x.kept.add(a.id, b.id, keeps(e, a, b))
    for read, send, there in asking(e.program):
        done = e.clauses.both(e.executed[read.id], e.executed[send.id])
        x.asking.add(read.id, send.id, e.clauses.both(done, e.truth(there)))
    said = e.program.acknowledgements()
    for event in e.program.events:
        if event.op == "WAIT":
            for handler in event.handlers:
                done = e.clauses.both(e.executed[event.id], e.ran[handler])
                x.acked.add(said[handler].id, event.id, done)


def between_functions(e: Encoding) -> dict[int, int]:
    """First and last events of handlers -> the literal that no interrupt is delivered or returns there, as
    it goes on with another function, or went on with this one (MMR 8.10)."""
    bodies, found = e.program.bodies, {}
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    for (a, b), x in e.together.items():
        before.setdefault(b, []).append(x)
        after.setdefault(a, []).append(x)
    for body in bodies:
        if body.id in before:
            found[body.events[0].id] = e.clauses.any(before[body.id])
        if body.id in after:
            found[body.events[-1].id] = e.clauses.any(after[body.id])
    return found


def without_interrupt(e: Encoding) -> dict[int, int]:
    """First and last events of calls -> the literal that the CPU finds the call by itself: before its thread
    begins, in a kernel that does so (MMR 8.12)."""
    found: dict[int, int] = {}
    calls = arrivals.own_calls(e.program)
    new = -_old_queue(e) if calls else NO
    for body in calls:
        thread = e.program.thread(body.cpu)
        before = e.po_literal(body.id, -1, thread.id, thread.events[0].id) if thread.events else YES
        for event in (body.events[0], body.events[-1]):
            found[event.id] = e.clauses.both(new, before)
    return found


def _old_queue(e: Encoding) -> int:
    """The literal that the kernel is older than v5.8 (MMR 8.12, 17.7)."""
    kernels = {} if e.program.kernel is None else e.slots[e.program.kernel]
    return e.clauses.any(
        x for kernel, x in kernels.items() if isinstance(kernel, int) and kernel < CALL_QUEUE
    )


def _merged(e: Encoding, x: Symbolic, body: Body, send: Event) -> None:
    """A bare write may find the same interrupt pending, or be found so: one handler runs for both (MMR
    8.3)."""
    if not body.merges or body.choice is None:
        return
    own = e.slots[body.choice]
    e.clauses.add(own[1], e.truth(body.sent))
    ways = [e.clauses.new() for _ in body.merges]
    for other, one in zip(body.merges, ways, strict=True):
        e.clauses.add(-one, own[0])
        e.clauses.add(-one, e.ran[other])
        x.sent.add(send.id, e.program.bodies[other].events[0].id, one)
    e.clauses.add(-own[0], *ways)


def _batches(e: Encoding, x: Symbolic) -> None:
    """Which handlers one interrupt may run (MMR 8.10). All were sent before it came. No event of a lower rank
    lies between them, and a handler of the same rank that lies between belongs to the interrupt, too."""
    clauses, bodies = e.clauses, e.program.bodies
    after: dict[int, list[tuple[int, int]]] = {}  # by a handler, those that may come next in its interrupt
    for (c, d), further in e.together.items():
        after.setdefault(c, []).append((d, further))
    for (a, b), one in e.together.items():
        first = e.po_literal(a, -1, b, -1)
        for needed in (e.ran[a], e.ran[b], first):
            clauses.add(-one, needed)
        send = bodies[b].send
        assert send is not None
        x.sent.add(send.id, bodies[a].events[0].id, one)
        for other in (c for c in bodies if c.cpu == bodies[a].cpu and c.id not in (a, b)):
            clauses.check()
            if other.rank < bodies[a].rank:
                for event in other.events:
                    mine, its = (e.po_literal(h, -1, other.id, event.id) for h in (a, b))
                    clauses.add(-one, -mine, its)
                    clauses.add(-one, mine, -its)
            elif other.rank == bodies[a].rank:
                middle = (e.po_literal(a, -1, other.id, -1), e.po_literal(other.id, -1, b, -1))
                for pair in ((a, other.id), (other.id, b)):
                    inside = e.together.get(pair, NO)
                    clauses.add(-one, -e.ran[other.id], -middle[0], -middle[1], inside)
        for d, further in after.get(b, ()):
            if d != a:
                clauses.add(-one, -further, e.together.get((a, d), NO))


def keeps(e: Encoding, a: Event, b: Event) -> int:
    """The literal that two sends keep their order: if ``a`` is first, its handler does not come after that
    of ``b``."""
    if a.domain != b.domain:
        return NO  # callbacks of two domains
    said = arrivals.overtakes(b, a)
    overtakes = NO if said == FALSE else e.truth(said)
    return -overtakes if overtakes == NO else e.clauses.either(_old_queue(e), -overtakes)
