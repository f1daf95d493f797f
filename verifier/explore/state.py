"""What the abstract machine is made of at one instant, and what a step did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from verifier.program.events import Event
from verifier.program.values import Value

Written = tuple[tuple[int, Value], ...]  # cells, by index, and what is written there

IDLE = -1  # no handler is running; no fault is being taken
CUT = 1 << 62  # in ``State.ever``: the run was cut at the unrolling bound, in the loops of the bits above

# Bits of ``Buffered.kind``.
NT = 1  # non-temporal: it need not wait for older stores (MMR 2.6)
VIRTUAL = 2  # it went through a translation, and an INVLPGB's answer may have to wait for it (11.3)
ALIAS = 4  # to an instruction word, by another linear address than it is fetched by (10.2)
JUMPED = 8  # a branch was taken since (10.2)
BARRIER = 16  # no store but an SFENCE: younger stores wait for older ones (2.5)
SENDING = 32  # no store but a bare ICR write that waits (8.1, 8.2)
WEAK = 64  # an ICR write that waits for earlier ICR writes alone
FENCED = 128  # one that waits for an SFENCE, too
UNCACHED = 256  # an ICR write that later loads wait for
RELEASE = 512  # no store but the end of an RCU reader's section (18.1)
CALLBACK = 1024  # no store but a ``call_rcu``, whose grace period starts when it leaves the buffer (18.3)
ANSWER = 2048  # no store but a handler's acknowledgement (8.7)
SILENT = RELEASE | CALLBACK | ANSWER  # what writes nothing that a program could read


class Buffered(NamedTuple):
    """Something in a store buffer; its writes are all committed at once."""

    writes: Written
    kind: int = 0
    sync: int = 0  # CPUs whose TLBSYNC waits for it, as bits
    sends: tuple[int, ...] = ()  # handlers that an ICR write starts


Buffer = tuple[Buffered, ...]


class State(NamedTuple):
    """One state of the machine. Slots that nobody will look at again are None."""

    pcs: tuple[int, ...]  # by body
    memory: tuple[Value, ...]  # by cell, register cells too
    buffers: tuple[Buffer, ...]  # by CPU, oldest store first
    tlbs: tuple[int, ...]  # by CPU, a set of bits of ``Caches.items``
    pending: tuple[tuple[int, ...], ...]  # by CPU, handlers to be delivered
    running: tuple[int, ...]  # by CPU, the handler that runs, or IDLE
    struck: tuple[int, ...]  # by CPU, the NMI that runs, or IDLE
    calling: tuple[int, ...]  # by CPU, the callback that runs, or IDLE
    batches: tuple[int, ...]  # by CPU, the handlers that came with the interrupt being handled, as bits
    slots: tuple[Value | None, ...]
    results: tuple[Value | None, ...]  # of ``reg`` observables
    ever: int  # which ``ever`` observables have held at some instant
    faults: tuple[int, ...]  # by CPU, the virtual address of the fault being taken, or IDLE
    copies: tuple[tuple[int, int], ...]  # by CPU, prefetched instructions: see ``fetch``
    floods: tuple[tuple[tuple[int, int], ...], ...]  # by CPU, INVLPGBs to come: (by whom, which)
    marked: tuple[int, ...]  # by CPU, the item in whose leaf the access being executed has set D, or IDLE
    early: int  # SENDs already executed, ahead of their place, as bits


Element = TypeVar("Element")


def put(items: tuple[Element, ...], index: int, item: Element) -> tuple[Element, ...]:
    """A tuple with one item exchanged."""
    return (*items[:index], item, *items[index + 1 :])


@dataclass(slots=True)
class Draft:
    """A state being changed; what changes rarely is replaced as a whole.

    It has the fields of ``State`` in the same order: drafts and states are made of each other by position,
    which is faster, and they are made all the time.
    """

    pcs: list[int]
    memory: list[Value]
    buffers: list[Buffer]
    tlbs: list[int]
    pending: list[tuple[int, ...]]
    running: list[int]
    struck: tuple[int, ...]
    calling: tuple[int, ...]
    batches: tuple[int, ...]
    slots: list[Value | None]
    results: list[Value | None]
    ever: int
    faults: tuple[int, ...]
    copies: tuple[tuple[int, int], ...]
    floods: tuple[tuple[tuple[int, int], ...], ...]
    marked: tuple[int, ...]
    early: int

    @classmethod
    def of(cls, s: State) -> Draft:
        """A draft that equals a state."""
        return cls(
            list(s.pcs),
            list(s.memory),
            list(s.buffers),
            list(s.tlbs),
            list(s.pending),
            list(s.running),
            s.struck,
            s.calling,
            s.batches,
            list(s.slots),
            list(s.results),
            s.ever,
            s.faults,
            s.copies,
            s.floods,
            s.marked,
            s.early,
        )

    def state(self) -> State:
        """The draft as a state."""
        return State(
            tuple(self.pcs),
            tuple(self.memory),
            tuple(self.buffers),
            tuple(self.tlbs),
            tuple(self.pending),
            tuple(self.running),
            self.struck,
            self.calling,
            self.batches,
            tuple(self.slots),
            tuple(self.results),
            self.ever,
            self.faults,
            self.copies,
            self.floods,
            self.marked,
            self.early,
        )


MoveKind = Literal["exec", "commit", "update", "flush", "fault", "never"]


class Move(NamedTuple):
    """What a step did: ``kind`` as in ``trace.Step``, or ``never``: no NMI strikes; cells are indices.

    ``kind`` ``exec`` of a store or ICR write that has to wait is its entry into the store buffer,
    ``commit`` its leaving it, from place ``at``.
    """

    kind: MoveKind
    cpu: int
    event: Event | None = None
    reads: Written = ()
    writes: Written = ()
    used: int = 0  # the TLB entry that translated the access
    fault: bool = False
    at: int = 0
    dirty: Written = ()  # the entry in which this access sets D
    copy: int = 0  # the prefetched instruction


Successor = tuple[Move, State]  # what was done, and the state after it


class Dropped(Exception):
    """This run does not count: an assumption fails, it is cut, or an address is wrong."""
