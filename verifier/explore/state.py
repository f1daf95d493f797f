"""States of the abstract machine, drafts of states, and the moves between them."""

from __future__ import annotations

from typing import Literal, TypeVar

from verifier.program.events import Event
from verifier.program.values import Value
from verifier.records import NamedTuple, dataclass

Written = tuple[tuple[int, Value], ...]  # pairs of a cell's index and the value written there

IDLE = -1  # no handler is running; no fault is being taken
WRONG_BIT, WRONG_BITS = 40, 64  # in ``State.ever``: bodies that have decided by an UNDEF value
WRONG = (1 << WRONG_BITS) - 1 << WRONG_BIT  # all of them
ASTRAY = 1 << 104  # in ``State.ever``: a body did so first by an access to an address without a cell
CUT = 1 << 105  # in ``State.ever``: the run was cut at the unrolling bound, in the loops of the bits above

# Bits of ``Buffered.kind``: properties of a store.
NT = 1  # non-temporal: it need not wait for older stores (MMR 2.6)
VIRTUAL = 2  # it went through a translation, and an INVLPGB's answer may have to wait for it (11.3)
ALIAS = 4  # it writes an instruction word by a linear address that the fetch does not use (10.2)
JUMPED = 8  # the CPU has taken a branch since (10.2)
# Bits of ``Buffered.kind``: entries that are not stores.
BARRIER = 16  # an SFENCE: younger stores wait for older ones (2.5)
SENDING = 32  # a bare ICR write that waits (8.1, 8.2)
WEAK = 64  # with SENDING: it waits only for earlier ICR writes
FENCED = 128  # with SENDING: it waits for an SFENCE, too
UNCACHED = 256  # with SENDING: later loads wait for it
RELEASE = 512  # the end of an RCU reader's section (18.1)
CALLBACK = 1024  # a ``call_rcu``; its grace period starts when it leaves the buffer (18.3)
ANSWER = 2048  # a handler's acknowledgement (8.7)
SILENT = RELEASE | CALLBACK | ANSWER  # these write no cell that a program could read


DIRECT = 0  # the linear address of what names a cell itself


def linear_address(va: int) -> int:
    """A virtual address, by its number, as a linear address. Whoever names a cell itself uses ``DIRECT``."""
    return va + 1


class Buffered(NamedTuple):
    """An entry of a store buffer. All its writes are committed in one step."""

    writes: Written
    kind: int = 0
    sync: int = 0  # CPUs whose TLBSYNC waits for it, as bits
    sends: tuple[int, ...] = ()  # handlers that an ICR write starts
    linear: int = 0  # the linear address of a store to an instruction word, see ``linear_address``


Buffer = tuple[Buffered, ...]


class State(NamedTuple):
    """One state of the machine. A slot that no later step needs is None."""

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
    floods: tuple[tuple[tuple[int, int], ...], ...]  # by CPU, INVLPGBs to take effect: (sender, which)
    marked: tuple[int, ...]  # by CPU, the item in whose leaf the present access has set D, or IDLE
    early: int  # SENDs that a CPU has executed early, as bits


Element = TypeVar("Element")


def put(items: tuple[Element, ...], index: int, item: Element) -> tuple[Element, ...]:
    """A copy of a tuple in which one item is another."""
    return (*items[:index], item, *items[index + 1 :])


@dataclass(slots=True)
class Draft:
    """A state that a step is changing. Fields that are tuples change rarely, and are replaced as a whole.

    A draft has the fields of ``State`` in the same order. States and drafts are made from each other by
    position, because that is faster, and the search does it for every step.
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
    """What a step did. Cells are indices.

    ``kind`` is as in ``trace.Step``, or ``never``: an NMI does not strike. If a store or an ICR write has to
    wait, it enters the store buffer with an ``exec``, and leaves it, from index ``at``, with a ``commit``.
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


Successor = tuple[Move, State]  # a step, and the state after it


class Dropped(Exception):
    """This run does not count: an assumption fails, it is cut, or an address is wrong."""
