"""What unrolling collects: bodies, events, assumptions, and where bodies may come to rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Hashable, Iterable, Mapping

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.lower.code import (
    Emit,
    Instruction,
)
from verifier.lower.overlaps import Overlaid
from verifier.lower.paths import Env, Path, negation
from verifier.lower.taken import Locks
from verifier.program.events import Access, Body, BodyKind, DecidedBy, Event, ReaderBegun, Warned
from verifier.program.expressions import TRUE, Apply, Const, Expr, Ref, call
from verifier.program.ops import KINDS, Kind, Op
from verifier.program.values import UNDEF, Ptr
from verifier.program.waits import Loop, Stop, StopKind, Wait
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Span

MAX_EVENTS = 4000
MAX_CONDITIONS = 2_000_000  # in the guards of all events together


def last(body: Body) -> int:
    """The last event of a body; -1 if it has none yet."""
    return body.events[-1].id if body.events else -1


class Handed(NamedTuple):
    """The end of a section whose index is read from memory: who ends it and where, the value that is the
    index, and the events that will be the ends of the sections which it may be."""

    body: Body
    guard: tuple[Expr, ...]
    value: Expr
    domain: Ptr
    ends: tuple[Event, ...]
    span: Span | None


@dataclass(slots=True)
class Collector(ABC):
    """The program that is being made."""

    bound: int
    budget: Budget
    exact: bool = True  # are loops that are their last turn taken for it?
    spontaneous: bool = True  # are there walks that no access asks for?
    given: Env = field(default_factory=dict)  # what every body knows from the start
    optional: list[Expr] = field(default_factory=list)  # what may be there or not (``optional``)
    graced: bool = False  # does anybody wait for RCU readers?
    registers: Container[Ptr] = frozenset()  # the cells of the test
    overlaid: Overlaid = field(default_factory=dict)  # cells that share bytes
    waited: frozenset[str] = frozenset()  # the groups of sends that somebody waits for
    barriers: bool = False  # does anybody wait for callbacks?
    repeated: bool = False  # has a loop gone back?
    bodies: list[Body] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    slots: int = 0
    assumes: list[Expr] = field(default_factory=list)
    cuts: list[Expr] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    warnings: dict[int, list[Expr]] = field(default_factory=dict)
    warns: list[Warned] = field(default_factory=list)
    decisions: list[DecidedBy] = field(default_factory=list)
    conditions: int = 0  # in the guards of all events
    cuts_after: list[int] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    origin: dict[int, Emit] = field(default_factory=dict)  # what each event was made of
    unreached: Mapping[int, Emit] = field(default_factory=dict)
    locks: Locks = field(default_factory=Locks)
    last_looks: frozenset[int] = frozenset()  # of the wait before
    at_end: list[frozenset[str]] = field(default_factory=list)  # by CPU, the locals that observables ask for
    judges_hangs: bool = False  # does the condition ask for hangs?
    halting: dict[int, int] = field(default_factory=dict)  # CPU -> highest rank of what may come to rest
    indexed: bool = False  # has there been an SRCU section?
    present: dict[int, Expr] = field(default_factory=dict)  # by its begin, whether an SRCU section is there
    begins: int = 0  # how many places begin SRCU sections
    carriers: set[str] = field(default_factory=set)  # the cells and fields that are given an index
    begun: list[ReaderBegun] = field(default_factory=list)  # where RCU sections begin, if parts are optional
    handed: list[Handed] = field(default_factory=list)  # ends of sections by an index from memory
    # The handlers around what is unrolled, each with what tells it from others.
    sending: list[tuple[Hashable, tuple[Instruction, ...]]] = field(default_factory=list)
    near: Span | None = None  # of the next instruction that has one, once there has been a section

    @abstractmethod
    def run(self, body: Body, code: tuple[Instruction, ...], path: Path) -> Path:
        """Unroll ``code`` into ``body`` from ``path``; the path at its end."""

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def add(self, event: Event) -> Event:
        if len(self.events) >= MAX_EVENTS:
            smaller = "write fewer statements, or fewer turns of loops that count"
            help_ = "ask for a smaller bound" if self.repeated else smaller
            raise LimitError(f"more than {MAX_EVENTS} events{' after unrolling' * self.repeated}; {help_}")
        self.conditions += len(event.guard.args) if isinstance(event.guard, Apply) else 1
        if self.conditions > MAX_CONDITIONS:
            raise LimitError(f"more than {MAX_CONDITIONS} conditions in the guards of all events")
        if event.kind not in KINDS[event.op]:
            raise InternalError(f"there is no event {event.op} {event.kind!r}")
        self.events.append(event)
        self.bodies[event.body].events.append(event)
        return event

    def pause(self, body: Body, path: Path, span: Span | None) -> int:
        """An event at which a body waits that looks at nothing; its number."""
        guard = call("and", *path.guard)
        return self.add(Event(len(self.events), body.id, body.cpu, "PAUSE", guard=guard, span=span)).id

    def assume(self, guard: Expr, condition: Expr, wait: Wait) -> None:
        needed = call("or", negation(guard), condition)
        if needed != TRUE:
            self.assumes.append(needed)
            self.waits.append(wait)

    def decides(
        self, body: Body, guard: tuple[Expr, ...], value: Expr, span: Span | None, limit: str = ""
    ) -> None:
        """After the last event of a body, a value decides what is done."""
        if not isinstance(value, Const) or value.value == UNDEF:
            self.decisions.append(DecidedBy(body.id, last(body), guard, value, span, limit))

    def stop(
        self, body: Body, kind: StopKind, path: Path, wait: Wait | None = None, event: int | None = None
    ) -> Path:
        """Where ``path`` is, its body may come to rest for ever; the path that ends here. ``path`` goes on
        where it does not."""
        slot = self.slot()
        ends = path.under(Ref(slot))
        assert ends is not None
        self.stops.append(Stop(kind, body.cpu, body.id, slot, wait, event))
        self.assume(Ref(slot), call("and", *path.guard), Wait(body.cpu, "stopped"))
        path.guard = (*path.guard, negation(Ref(slot)))
        return ends

    def rests_in(self, events: Iterable[int]) -> None:
        """Where a body rests at the last stop, these events only look: what fails there takes no lock."""
        here = Ref(self.stops[-1].slot)
        for event in map(self.events.__getitem__, events):
            for access in event.accesses:
                access.when = call("and", negation(here), access.when)

    def cut(
        self,
        body: Body,
        loop: Span | None,
        guard: Expr,
        endless: bool,
        any_number: bool = False,
        sends: str = "",
        walks: bool = False,
    ) -> None:
        """A backward jump is not taken, or what a handler ``sends`` again is not followed: a loop is cut."""
        who = f"{body.name}() on CPU {body.cpu}" if body.kind in ("handler", "callback") else body.name
        self.cuts.append(guard)
        self.cuts_after.append(last(body))
        self.loops.append(Loop(body.cpu, who, loop, endless, any_number, sends, walks))

    def body(
        self, cpu: int, kind: BodyKind, name: str, guard: Expr = TRUE, send: Event | None = None
    ) -> Body:
        body = Body(len(self.bodies), cpu, kind, name, guard=guard, send=send)
        self.bodies.append(body)
        return body

    def ends(
        self,
        body: Body,
        op: Op,
        accesses: tuple[Access, ...],
        span: Span | None,
        name: str,
        kind: Kind = "",
        guard: Expr | None = None,
    ) -> None:
        """An event at an end of a handler or NMI; ``guard``: if it is not the body's."""
        self.add(
            Event(
                id=len(self.events),
                body=body.id,
                cpu=body.cpu,
                op=op,
                guard=body.guard if guard is None else guard,
                accesses=accesses,
                kind=kind,
                serializing=op == "IRET" and not kind,
                span=span,
                text=name,
            )
        )
