"""A program as guarded events, which is the input of both judges.

A program has no control flow. Each event has a ``guard`` over the values that earlier events read, and a
run executes an event exactly if its guard holds in this run.  Values are single-assignment: a read fills
a *slot*, and expressions mention slots (``Ref``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from verifier.program.addresses import asked
from verifier.program.expressions import TRUE, Apply, Const, Expr, Ref
from verifier.program.ops import Kind, Op
from verifier.program.profiles import Switches, kernels
from verifier.program.values import FIRST_ERROR, Ptr, Value, plain
from verifier.program.waits import Loop, Stop, Wait
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Diagnostic, Span

CellKind = Literal["data", "pte", "code", "register"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One unit of memory, always accessed whole.

    ``kind``: ``data`` (plain kernel data, page contents, mask bits), ``pte`` (an entry, of any level,
    that page walks read), ``code`` (an instruction word), ``register`` (``c:cr3``, ``c:pcid``,
    ``c:irq``, ``c:%halted``: per-CPU state; writes are not buffered).
    ``unsigned``: the bits of a number that is told without its sign, whatever the cell holds for it; 0: as
    it is held.
    ``bits``: how many it has, where addresses count bytes; 0: they count cells, or nothing says it.
    """

    ptr: Ptr
    name: str
    init: Value
    kind: CellKind = "data"
    unsigned: int = 0
    bits: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """The surroundings in which the bodies of a test run. Lowering makes them, and unrolling keeps them.

    ``cpus``       the number of CPUs;
    ``cells``      every cell, with its initial value. Each CPU has the register cell ``Ptr("c:irq")`` (kind
                   ``register``, init 1 or 0). If there is an mm, it has ``Ptr("c:cr3")`` (init: the mm's
                   ``Ptr``), and if there are PCIDs, ``Ptr("c:pcid")``; if it halts somewhere,
                   ``Ptr("c:%halted")``, init 0;
    ``tlb``        the initial TLB contents: (cpu, pcid, va, content of the entry);
    ``vas``        the virtual addresses;
    ``tables``     the tables: a present entry leads to one of these, or to a page;
    ``entries``    (mm or table, va) -> the cell of the entry that a walk for the va reads there. Two
                   vas in one region have the same cell;
    ``depth``      the number of entries that the longest walk reads;
    ``versions``   the kernels at which some word of the test changes, as indices into ``profiles.KERNELS``;
    ``tree``       the kernel whose text the test takes, if that is known, as an index into ``KERNELS``, too;
    ``names``      the names of some addresses in states and stories;
    ``constants``  the names of numbers that have one meaning where an address is expected
                   (``LOADED_MM_SWITCHING``);
    ``poisons``    numbers that are told in hexadecimal: what freed memory is filled with;
    ``errors``     are there pointers that stand for errors?
    ``warnings``   about things that are allowed, but that the author hardly means;
    ``flavours``   those that hold in kernels in which RCU has several flavours;
    ``overlaid``   by cell, the others that share bytes with it: members of a union that the test uses;
    ``file``       the name of the test's source.
    """

    cpus: int
    cells: dict[Ptr, Cell]
    tlb: list[tuple[int, int, Ptr, Value]] = field(default_factory=list)
    vas: list[Ptr] = field(default_factory=list)
    tables: frozenset[Ptr] = frozenset()
    entries: dict[tuple[Ptr, Ptr], Ptr] = field(default_factory=dict)
    depth: int = 1
    versions: frozenset[int] = frozenset()
    tree: int | None = None
    names: dict[Ptr, str] = field(default_factory=dict)
    constants: dict[int, str] = field(default_factory=dict)
    poisons: frozenset[int] = frozenset()
    errors: bool = False
    warnings: list[Diagnostic] = field(default_factory=list)
    flavours: list[Diagnostic] = field(default_factory=list)
    overlaid: Mapping[Ptr, frozenset[Ptr]] = field(default_factory=dict)
    file: str = ""


@dataclass(slots=True, eq=False)
class Access:
    """One cell that an event reads (``slot`` is not None), writes (``value`` is not None) or both.

    ``addr`` is the cell's address; for a virtual event it is the virtual address. ``when`` holds
    if the write happens; ``value`` and ``when`` may mention the event's own slots.
    """

    addr: Expr
    slot: int | None = None
    value: Expr | None = None
    when: Expr = TRUE


@dataclass(slots=True, eq=False)
class Event:
    """One instant of a body; ``op`` and ``kind`` as in ``ops``.

    ``va`` and ``pcid`` are the address and the PCID that an INV or BINV names, if its row in
    ``invalidations`` says that it names one.

    ``waited``: does the sender wait for a SEND? None if this does not matter.

    ``handlers``: the bodies that a SEND starts, or that a WAIT waits for; each has its own guard.

    ``joined``: this event and the next event of its body, which has the same guard, are one instruction (MMR
    8.9), or STI and CLI (8.11): no interrupt comes between the two.
    ``unless``: the load of such an instruction, if this is its store and both are translated: if the load
    faults, the instruction stores nothing; else the store does not fault either (MMR 6.3).

    ``domain``: of an RCU, GP or SEND, the ``srcu_struct`` that it is about; None for RCU itself.
    ``begun``: the event that began the section which this one ends, if it is a section of SRCU or of a
    callback (MMR 18.4, 18.5).
    """

    id: int
    body: int
    cpu: int
    op: Op
    guard: Expr = TRUE
    accesses: tuple[Access, ...] = ()
    virtual: bool = False
    kind: Kind = ""
    va: Expr | None = None
    pcid: Expr | None = None
    waited: Expr | None = None
    serializing: bool = False
    handlers: tuple[int, ...] = ()
    span: Span | None = None
    text: str = ""
    joined: bool = False
    unless: int | None = None
    domain: Ptr | None = None
    begun: int | None = None


BodyKind = Literal["thread", "callback", "handler", "nmi"]
RANKS: tuple[BodyKind, ...] = get_args(BodyKind)


@dataclass(slots=True, eq=False)
class Body:
    """A thread, an NMI, or one instance of a handler: one for each (SEND event, possible target).

    A callback of ``call_rcu`` is a body between threads and handlers: interrupts are on in it (MMR 18.3).

    ``guard`` holds if the body runs. For a thread it is TRUE. For a handler or an NMI it says that it was
    ``sent``, and that ``choice`` is 1 if there is one. A handler without a ``send`` is pending from
    the start.
    ``choice`` is a slot that no read fills. For an NMI that nobody sends it is 1 if the NMI strikes and 0 if
    it does not; both are always possible. For a handler or an NMI with ``merges`` it is 0 if one of these,
    whose vector and CPU are the same, runs for both: one of the two was pending when the other came (MMR
    8.3). Of several that are merged the first one in this list runs.
    ``events`` are in program order. The first event of a handler is its DLV, and the last is its IRET;
    an NMI begins with NMI and ends with IRET. ``awaited``: of a callback, does ``rcu_barrier`` wait for it?
    """

    id: int
    cpu: int
    kind: BodyKind
    name: str
    events: list[Event] = field(default_factory=list)
    guard: Expr = TRUE
    send: Event | None = None
    awaited: bool = True
    sent: Expr = TRUE
    choice: int | None = None
    merges: tuple[int, ...] = ()

    @property
    def rank(self) -> int:
        """Bodies of a higher rank can interrupt a body; bodies of the same or a lower rank cannot."""
        return RANKS.index(self.kind)


@dataclass(frozen=True, slots=True)
class Observable:
    """A value that a condition or ``locations`` asks for.

    ``kind``  ``reg``: ``expr`` is the final value, over slots;
              ``mem``: the content of ``cell`` (register cells too);
              ``tlb``: 1 if CPU ``cpu`` may translate ``va`` to ``page`` (with at least the attributes
                       that ``page`` names) by a cached entry under PCID ``pcid``, None: under its
                       current one; entries may vanish, so 0 is always possible too;
              ``ever``: 1 if ``expr``, over the observables with ``at`` equal to its own ``at``,
                       holds at one instant of the run; 0 is always possible too;
              ``hang``: 1 if the run comes to rest for ever, and CPU ``cpu`` waits there (None: any
                       CPU); ``expr`` says so, over the slots of ``Program.stops``.
    ``at``    None: at the end of the run; k: at the instant of snapshot k (memory and registers as
              they are then, store buffers not counted).
    """

    kind: Literal["reg", "mem", "tlb", "ever", "hang"]
    label: str
    cpu: int | None = None
    expr: Expr | None = None
    cell: Ptr | None = None
    va: Ptr | None = None
    page: Value | None = None
    at: int | None = None
    pcid: int | None = None


class Warned(NamedTuple):
    """A place where the code hits a WARN or BUG if ``hit``, over slots, holds.

    ``after`` is the event of its body that comes before it; -1 if there is none.
    """

    body: int
    cpu: int
    after: int
    hit: Expr
    span: Span | None


class ReaderBegun(NamedTuple):
    """A place where a CPU begins an RCU section if ``guard``, over slots, holds. Inner ones have no event."""

    cpu: int
    span: Span | None
    guard: Expr


class DecidedBy(NamedTuple):
    """A place where ``value``, over slots, decides what is done, if all of ``guard`` holds.

    In a run in which it is UNDEF nothing is known (``undefined``). ``after``: as for ``Warned``. ``limit``:
    the limit of the test's own model that is reached then, in words. ``other``: an event of any body that
    is done, too; -1: there is none.
    """

    body: int
    after: int
    guard: tuple[Expr, ...]
    value: Expr
    span: Span | None
    limit: str = ""
    other: int = -1


@dataclass(slots=True, eq=False)
class Program:
    """Everything that a judge needs to know about one test.

    ``world``      the surroundings in which it runs; a program has properties for its parts;
    ``assumes``    expressions over slots that are true in every run that ends; only such runs count;
    ``cuts``       expressions, true in a run that is cut at the unrolling bound; such runs do not count;
    ``waits``      the meaning of each of ``assumes``;
    ``stops``      where bodies may come to rest for ever; a run ends only where all their slots are 0;
    ``loops``      the loop that each of ``cuts`` cuts, and ``cuts_after`` the event after which it is cut;
                   -1 if there is none;
    ``condition``  over ``Obs``: the proposition, without its quantifier;
    ``shown``      the observables that make up a final state, in printing order;
    ``filter``     over ``Obs``: the judges drop states that do not satisfy it;
    ``kernel``     the slot that says which kernel's code this is, an index into ``profiles.KERNELS``; no
                   read fills it. None: all words of the test are the same in all versions;
    ``options``    by name, the slots that say whether a part of the code is there (``lower.optional``);
                   no read fills them, and only the Z3 judge chooses them;
    ``warns``      the places where the code may hit a WARN or BUG;
    ``decisions``  the places where a value decides what is done;
    ``origin``     the instruction that each event was made of, by the event's number;
    ``begun``      where RCU sections begin, if some part of the code is optional.
    """

    world: World
    bodies: list[Body]
    events: list[Event]
    slots: int
    assumes: list[Expr]
    cuts: list[Expr]
    observables: list[Observable]
    condition: Expr
    shown: list[int]
    filter: Expr | None = None
    kernel: int | None = None
    options: dict[str, int] = field(default_factory=dict)
    warns: list[Warned] = field(default_factory=list)
    decisions: list[DecidedBy] = field(default_factory=list)
    bound: int = 2
    waits: list[Wait] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    cuts_after: list[int] = field(default_factory=list)
    origin: Mapping[int, object] = field(default_factory=dict, repr=False)
    begun: list[ReaderBegun] = field(default_factory=list)
    told: Names | None = field(default=None, init=False, repr=False)  # made by ``naming``

    # -- its world ------------------------------------------------------------------------------------

    @property
    def judges_hangs(self) -> bool:
        """Does the condition ask for hangs? Then a run that hangs counts as one that ends."""
        return any(o.kind == "hang" for o in self.observables)

    @property
    def cpus(self) -> int:
        """How many CPUs there are."""
        return self.world.cpus

    @property
    def cells(self) -> dict[Ptr, Cell]:
        """Every cell."""
        return self.world.cells

    @property
    def tlb(self) -> list[tuple[int, int, Ptr, Value]]:
        """What TLBs hold at first."""
        return self.world.tlb

    @property
    def vas(self) -> list[Ptr]:
        """The virtual addresses."""
        return self.world.vas

    @property
    def tables(self) -> frozenset[Ptr]:
        """The tables."""
        return self.world.tables

    @property
    def entries(self) -> dict[tuple[Ptr, Ptr], Ptr]:
        """The cells of entries."""
        return self.world.entries

    @property
    def depth(self) -> int:
        """How many entries the longest walk reads."""
        return self.world.depth

    def kernels(self, switches: Switches) -> tuple[int, ...]:
        """The kernels to look at, as indices into ``profiles.KERNELS`` (MMR 19.1)."""
        return kernels(switches, self.world.versions, self.world.tree)

    @property
    def names(self) -> dict[Ptr, str]:
        """What some addresses are called."""
        return self.world.names

    @property
    def constants(self) -> dict[int, str]:
        """What some numbers are called."""
        return self.world.constants

    @property
    def warnings(self) -> list[Diagnostic]:
        """Warnings about the text of the test."""
        return self.world.warnings

    # -- what it says ---------------------------------------------------------------------------------

    @property
    def naming(self) -> Names:
        """How its values are told."""
        if self.told is None:
            self.told = Names(self)
        return self.told

    @property
    def refuses(self) -> bool:
        """Is there an ``assume()`` of the user, for which runs may not count?"""
        return any(not wait.kind for wait in self.waits)

    def acknowledgements(self) -> dict[int, Event]:
        """The acknowledgement of each handler that somebody waits for, by its body."""
        return {e.body: e for e in self.events if e.op == "ACK"}

    def sections(self) -> list[tuple[Event, tuple[Event, ...]]]:
        """The RCU and SRCU read-side sections: the event that begins each, and the events that may end it,
        all in one body; the first of these that is executed does. A callback is such a section, too, from
        its ``call_rcu`` to its end, if somebody waits for callbacks of its domain."""
        out: list[tuple[Event, tuple[Event, ...]]] = []
        awaited = {e.domain for e in self.events if e.kind == "barrier"}
        ended: dict[int, list[Event]] = {}
        for e in (e for body in self.bodies for e in body.events if e.op == "RCU"):
            if e.begun is not None:
                ended.setdefault(e.begun, []).append(e)
        for body in self.bodies:
            marks = [e for e in body.events if e.op == "RCU"]
            asked = body.send if body.awaited else None
            if asked is not None and asked.kind == "rcu" and asked.domain in awaited:
                out.append((asked, tuple(e for e in marks if e.begun == asked.id)))
            for i, mark in enumerate(marks):
                if mark.kind != "unlock":
                    ends = (e for e in marks[i + 1 :] if e.kind == "unlock" and e.begun is None)
                    out.append((mark, tuple(ends if mark.domain is None else ended.get(mark.id, ()))))
        return out

    def grace_periods(self) -> list[tuple[Event, Event]]:
        """Where each grace period starts and ends: for ``call_rcu``, at the delivery of its callback. It
        waits for the sections of its own domain. ``rcu_barrier`` is one that waits for callbacks."""
        out: list[tuple[Event, Event]] = []
        for body in self.bodies:
            events = body.events
            out += [(e, events[i + 1]) for i, e in enumerate(events) if e.op == "GP" and e.kind != "end"]
            if body.send is not None and body.send.kind == "rcu":
                out.append((body.send, events[0]))
        return out

    def awaits(self, start: Event, begin: Event) -> bool:
        """Is a section one that a grace period waits for, if it is open when the grace period starts?"""
        return begin.domain == start.domain and (begin.op == "SEND") == (start.kind == "barrier")

    def thread(self, cpu: int) -> Body:
        """The body of a CPU's thread."""
        return next(b for b in self.bodies if b.kind == "thread" and b.cpu == cpu)


def show(value: Value | str, names: dict[Ptr, str] | None = None) -> str:
    """The text of a value in states and stories."""
    if isinstance(value, Ptr) and value.low is not None:
        bits = f" | {value.off}" if value.off else ""
        return show(Ptr(value.base).as_pointer, names) + bits
    if isinstance(value, Ptr):
        name = (names or {}).get(value)
        return name if name is not None else str(value)
    return plain(value) if isinstance(value, str) else str(value)


class Names:
    """The text of values in states and stories. It is that of ``show``, with six exceptions: 0 in an entry
    is ``none``, a flag of interrupts is ``on`` or ``off``, a number in a cell of addresses has the name of
    its constant in ``World.constants``, one of ``World.poisons`` is hexadecimal, an address that stands for
    an error is ``ERR_PTR(-12)``, and what ``Cell.unsigned`` says has no sign."""

    def __init__(self, program: Program) -> None:
        self.names, self.constants, self.poisons = program.names, program.constants, program.world.poisons
        self.errors, self.observables, self.cells = program.world.errors, program.observables, program.cells
        self.entries = set(program.entries.values())
        self.interrupts = {p for p, c in program.cells.items() if p.base.endswith(":irq")}
        self.pointers = {p for p, c in program.cells.items() if isinstance(c.init, Ptr)} - self.entries
        self.unsigned = {p: c.unsigned for p, c in program.cells.items() if c.unsigned}
        self.by_name = {cell.name: ptr for ptr, cell in program.cells.items()}
        self.numbers = not (self.constants or self.poisons or self.errors)  # is a number just a number?
        self.origins: dict[int, object] = {}  # by observable
        self.sources = {
            a.slot: a.addr.value
            for e in program.events
            for a in e.accesses
            if a.slot is not None and isinstance(a.addr, Const) and not e.virtual
        }

    def of(self, cell: object, value: Value) -> str:
        """A value that stands in a cell, or comes from there."""
        if type(value) is int and value > 0 and self.numbers and cell not in self.interrupts:
            return str(value)
        if isinstance(value, int) and value == 0 and cell in self.entries:
            return "none"
        if cell in self.interrupts:
            return "on" if value else "off"
        if isinstance(value, int) and value < 0 and cell in self.unsigned:
            return str(value + (1 << self.unsigned[cell]))
        if isinstance(value, int) and cell in self.pointers and value in self.constants:
            return self.constants[value]
        if self.errors and isinstance(value, int) and FIRST_ERROR <= value < 1 << 64:
            return f"ERR_PTR({value - (1 << 64)})"
        if isinstance(value, int) and value in self.poisons:
            return hex(value)
        return show(value, self.names)

    def at(self, name: str, value: Value) -> str:
        """A value in a cell that is known by its name."""
        return self.of(self.by_name.get(name), value)

    def observed(self, index: int, value: Value) -> str:
        """A value of an observable, as a condition has it. If all cells that a register's value can come from
        are of one kind, the value is told as in these cells."""
        text = self._observed(index, value)
        return asked(value, text, self.cells, lambda at: self.of(None, at)) if type(value) is Ptr else text

    def _observed(self, index: int, value: Value) -> str:
        if index not in self.origins:
            self.origins[index] = self._origin(self.observables[index])
        return self.of(self.origins[index], value)

    def _origin(self, o: Observable) -> object:
        """A cell that values of an observable come from, if all such cells are of one kind."""
        if o.kind != "reg" or o.expr is None:
            return o.cell if o.kind == "mem" else None
        cells = {self.sources.get(slot) for slot in _passed_on(o.expr)}
        alike = cells and any(cells <= kind for kind in (self.entries, self.pointers))
        return next(iter(cells)) if alike else None


def _passed_on(expr: Expr) -> set[int]:
    """The slots whose value this expression may be, unchanged; -1 if it may be something else."""
    if isinstance(expr, Ref):
        return {expr.slot}
    if isinstance(expr, Apply) and expr.function == "ite" and not expr.large:
        return _passed_on(expr.args[1]) | _passed_on(expr.args[2])
    return set() if isinstance(expr, Const) else {-1}
