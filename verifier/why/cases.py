"""What the runs have in common that a cycle is about: what was read, which came first, what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.program.events import Event, Program
from verifier.program.expressions import refs
from verifier.program.waits import place
from verifier.solve.clauses import YES
from verifier.why.cycles import Cycle, Edge
from verifier.why.engine import Candidates
from verifier.why.names import EventNames, said

_COMES = {
    "handler": "the interrupt of {} is sent", "nmi": "the NMI of {} strikes",
    "callback": "the callback of {} runs",
}  # fmt: skip


class Cases:
    """Names what distinguishes the runs with a cycle of a program from those with other cycles."""

    def __init__(self, candidates: Candidates, names: EventNames) -> None:
        self.names, self.program = names, candidates.program
        self.sure = [ran == YES for ran in candidates.encoding.ran]
        self.deciding = _deciding(candidates.program)

    def of(self, cycle: Cycle, only: bool) -> str:
        """What the runs have in common, as clauses; empty if nothing is known to be. ``only``: there is no
        other cycle, so that it is about every run."""
        clauses = [self._found(e, cycle) for e in cycle.edges]
        if not only:
            clauses += [self._first(e, cycle) for e in cycle.edges]
            clauses += [] if any(clauses) else self._sent(cycle)
        return "; ".join(dict.fromkeys(filter(None, clauses)))

    def _found(self, edge: Edge, cycle: Cycle) -> str:
        """What a read found that decides a branch."""
        event = self.names.nodes[edge.first].event
        decides = event is not None and any(a.slot in self.deciding for a in event.accesses)
        return self.names.finds(edge.first, cycle) if decides else ""

    def _first(self, edge: Edge, cycle: Cycle) -> str:
        """Which of two came first, where a run has either."""
        a, b = self.names.nodes[edge.first], self.names.nodes[edge.second]
        if edge.rule == "age":
            walk, flush, order = (a, b, "before") if a.kind == "walk" else (b, a, "after")
        elif edge.rule == "fresh_upper" and b.kind == "walk":
            walk, flush, order = b, a, "after"
        elif edge.rule == "grace" and a.event is not None and b.event is not None:
            if a.event.op == "RCU":
                return f"{self.names.reader(a.event, cycle)} ends before the grace period does"
            return f"{self.names.reader(b.event, cycle)} begins after the grace period has started"
        else:
            return ""
        other = "the fault" if flush.kind == "fault" or flush.event is None else self._called(flush.event)
        return f"the {walk.text} ends {order} {other}"

    def _sent(self, cycle: Cycle) -> Iterator[str]:
        """What comes that is not sent in every run."""
        events = (self.names.nodes[e.first].event for e in cycle.edges)
        for body in dict.fromkeys(e.body for e in events if e is not None):
            b = self.program.bodies[body]
            span = b.events[0].span if b.send is None else b.send.span
            if b.kind in _COMES and not self.sure[body] and span is not None:
                yield _COMES[b.kind].format(place(span, self.names.file))

    def _called(self, event: Event) -> str:
        return f"{said(event)} ({place(event.span, self.names.file)})"


def _deciding(program: Program) -> frozenset[int]:
    """The slots that decide what is executed, and those that decide where these are read."""
    guards = [*(e.guard for e in program.events), *(b.guard for b in program.bodies)]
    asked = {slot for guard in guards for slot in refs(guard)}
    reads = [(a.slot, a.addr) for e in program.events for a in e.accesses if a.slot is not None]
    addresses: dict[int, Iterable[int]] = {slot: refs(addr) for slot, addr in reads}
    todo = list(asked)
    while todo:
        new = set(addresses.get(todo.pop(), ())) - asked
        asked |= new
        todo += new
    return frozenset(asked)
