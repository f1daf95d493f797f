"""A program made ready for the machine: compiled expressions, indices, and what is still to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from verifier.program.events import Access, Event, Program
from verifier.program.values import TRUE, UNDEF, Apply, Const, Expr, Ptr, Ref, Value, apply, refs

Slots = Sequence["Value | None"]
Code = Callable[[Slots], Value]
UNSENT = -1  # program counter of a handler that no SEND has started yet

# Executed only with an empty store buffer (MMR 2.1, 2.3, 8.2, 8.4, 8.6, 17.4).
DRAINING = frozenset({"X", "SEND", "DLV", "IRET"})


def compiled(expr: Expr) -> Code:
    """An expression as a function of the slots; as lazy as ``values.evaluate``."""
    if isinstance(expr, Const):
        value = expr.value
        return lambda slots: value  # type: ignore[return-value]
    if isinstance(expr, Ref):
        slot = expr.slot
        return lambda slots: slots[slot]  # type: ignore[return-value]
    if not isinstance(expr, Apply):
        raise TypeError(f"not a closed expression: {expr}")
    function, args = expr.function, [compiled(a) for a in expr.args]
    if function == "and":
        return lambda slots: int(all(a(slots) != 0 for a in args))
    if function == "or":
        return lambda slots: int(any(a(slots) != 0 for a in args))
    if function == "ite":
        chosen, then, other = args

        def branch(slots: Slots) -> Value:
            which = chosen(slots)
            return UNDEF if which == UNDEF else then(slots) if which != 0 else other(slots)

        return branch
    return lambda slots: apply(function, tuple([a(slots) for a in args]))


def mask(expr: Expr | None) -> int:
    """The slots that an expression mentions, as bits."""
    bits = 0
    if expr is not None:
        for slot in refs(expr):
            bits |= 1 << slot
    return bits


@dataclass(slots=True, eq=False)
class Touch:
    """One access, compiled. ``cell`` is its index if the address is fixed, else -1."""

    cell: int
    addr: Code
    slot: int | None
    value: Code | None
    when: Code | None


@dataclass(slots=True, eq=False)
class Op:
    """One event, compiled. ``reads`` and ``writes`` are the cells it may touch at its instant."""

    event: Event
    guard: Code | None
    touches: tuple[Touch, ...]
    drains: bool
    translated: bool
    args: tuple[Code, ...] = ()
    reads: int = 0
    writes: int = 0
    stores: int = 0  # cells it may write, then or later
    slots: int = 0  # slots it mentions
    vas: int = 0  # virtual addresses it may use
    visible: bool = False  # an ``ever`` may see its instant


@dataclass(slots=True, eq=False)
class Pending:
    """An expression to be evaluated as soon as all events it speaks of are past.

    ``needs`` has one (body, index of its last event that matters) for each body.
    """

    kind: str  # "assume", "cut" or "result"
    code: Code
    needs: tuple[tuple[int, int], ...]
    slots: int
    index: int = 0


@dataclass(frozen=True, slots=True)
class Rest:
    """What may still happen from some program counters on, handlers not yet sent included.

    ``slots`` that somebody will look at; by CPU: the virtual addresses it may use, the cells it may
    read, and those it may write by events that are still to be executed.
    """

    slots: int
    vas: tuple[int, ...]
    reads: tuple[int, ...]
    writes: tuple[int, ...]


class Layout:
    """All that is known of a program before its first step.

    ``buffered`` is False for sequential consistency: stores reach memory at once.
    """

    def __init__(self, program: Program, buffered: bool) -> None:
        self.program = program
        self.buffered = buffered
        self.cells = list(program.cells.values())
        self.cell_at: dict[Value | str, int] = {cell.ptr: i for i, cell in enumerate(self.cells)}
        self.register = [cell.kind == "register" for cell in self.cells]
        self.cpus = range(program.cpus)
        self.irq = [self.cell_at.get(Ptr(f"{c}:irq"), -1) for c in self.cpus]
        self.cr3 = [self.cell_at.get(Ptr(f"{c}:cr3"), -1) for c in self.cpus]
        self.vas = list(program.vas)
        self.va_at: dict[Value | str, int] = {va: i for i, va in enumerate(self.vas)}
        self.entries: list[tuple[int, Value]] = []  # TLB entry by bit number: (va, page)
        self.entry_bit: dict[tuple[int, Value], int] = {}
        self.va_entries = [0] * len(self.vas)
        self.everything = (1 << len(self.cells)) - 1
        self.ptes = self._cells(lambda i: self.cells[i].kind == "pte")
        self.page_data = self._cells(lambda i: self.cells[i].ptr.base.endswith(".data"))
        self._pte_cells: dict[tuple[Value, int], int] = {}
        self._observe()
        self.ops = [[self._op(event) for event in body.events] for body in program.bodies]
        self.length = [len(ops) for ops in self.ops]
        self.threads = [0] * program.cpus
        self.handlers: list[list[int]] = [[] for _ in self.cpus]
        for body in program.bodies:
            if body.kind == "thread":
                self.threads[body.cpu] = body.id
            else:
                self.handlers[body.cpu].append(body.id)
        self.bodies_on = [[self.threads[c], *self.handlers[c]] for c in self.cpus]
        self.sender = [-1 if body.send is None else body.send.cpu for body in program.bodies]
        self.sent_if = [None if b.guard == TRUE else compiled(b.guard) for b in program.bodies]
        self._schedule()
        self._suffixes()
        # Without translated accesses, or conditions about the TLB, there is no TLB to keep.
        self.translating = any(rows[0][1] for rows in self._columns) or any(self.watched)

    def _cells(self, chosen: Callable[[int], bool]) -> int:
        return sum(1 << i for i in range(len(self.cells)) if chosen(i))

    def _observe(self) -> None:
        """Sort the observables: what is asked of results, TLBs and single instants."""
        observables = self.program.observables
        self.finals = [i for i, o in enumerate(observables) if o.at is None or o.kind == "ever"]
        self.evers = [i for i in self.finals if observables[i].kind == "ever"]
        self.watched = [0] * self.program.cpus  # TLB entries that a condition asks for
        self.watched_vas = [0] * self.program.cpus
        self.seen_cells = 0  # cells that an ``ever`` looks at
        self.seen_tlbs: set[int] = set()
        self.instants: dict[int, list[int]] = {}
        for i, o in enumerate(observables):
            if o.kind == "tlb" and o.cpu is not None and o.va is not None and o.page is not None:
                va = self.va_at[o.va]
                self.watched[o.cpu] |= self.entry(va, o.page)
                self.watched_vas[o.cpu] |= 1 << va
            if o.at is None or o.kind == "ever":
                continue
            self.instants.setdefault(o.at, []).append(i)
            if o.kind == "mem" and o.cell is not None:
                self.seen_cells |= 1 << self.cell_at[o.cell]
            elif o.kind == "tlb" and o.cpu is not None:
                self.seen_tlbs.add(o.cpu)
                self.seen_cells |= self.ptes

    def entry(self, va: int, page: Value) -> int:
        """The bit of the TLB entry ``va -> page``."""
        bit = self.entry_bit.get((va, page))
        if bit is None:
            bit = self.entry_bit[va, page] = 1 << len(self.entries)
            self.entries.append((va, page))
            self.va_entries[va] |= bit
        return bit

    def _op(self, event: Event) -> Op:
        touches = tuple(self._touch(a) for a in event.accesses)
        translated = event.virtual or event.op == "T"
        op = Op(
            event,
            None if event.guard == TRUE else compiled(event.guard),
            touches,
            event.serializing or event.op in DRAINING or (event.op == "F" and event.kind == "mfence"),
            translated,
            tuple(compiled(a) for a in event.args),
        )
        op.slots = mask(event.guard)
        for a in event.accesses:
            op.slots |= mask(a.addr) | mask(a.value) | mask(a.when)
        for argument in event.args:
            op.slots |= mask(argument)
        for h in event.handlers:
            op.slots |= mask(self.program.bodies[h].guard)
        for a, touch in zip(event.accesses, touches, strict=True):
            where = 1 << touch.cell if touch.cell >= 0 else self.everything
            if translated:
                where = self.page_data
                fixed = self.va_at.get(a.addr.value, -1) if isinstance(a.addr, Const) else -1
                op.vas |= 1 << fixed if fixed >= 0 else (1 << len(self.vas)) - 1
                op.reads |= self.ptes
            if event.op == "T":
                continue
            if a.slot is not None:
                op.reads |= where
            if a.value is not None:
                op.stores |= where
        if event.op in ("INV", "CR3"):
            op.reads |= self.ptes
        op.writes = 0 if event.op == "W" and self.buffered else op.stores
        op.visible = bool(
            op.writes & self.seen_cells
            or (event.cpu in self.seen_tlbs and (op.reads | op.stores) & self.ptes and event.op != "R")
            or (event.cpu in self.seen_tlbs and translated)
        )
        return op

    def _touch(self, a: Access) -> Touch:
        cell = self.cell_at.get(a.addr.value, -1) if isinstance(a.addr, Const) else -1
        return Touch(
            cell,
            compiled(a.addr),
            a.slot,
            None if a.value is None else compiled(a.value),
            None if a.when == TRUE else compiled(a.when),
        )

    def _schedule(self) -> None:
        """When each assumption, cut and result can be evaluated."""
        home: dict[int, tuple[int, int]] = {}
        for body in self.program.bodies:
            for i, event in enumerate(body.events):
                for a in event.accesses:
                    if a.slot is not None:
                        home[a.slot] = (body.id, i)
        program = self.program
        exprs = [("assume", e, 0) for e in program.assumes] + [("cut", e, 0) for e in program.cuts]
        self.result_of: dict[int, int] = {}
        for i in self.finals:
            o = program.observables[i]
            if o.kind == "reg" and o.expr is not None:
                exprs.append(("result", o.expr, len(self.result_of)))
                self.result_of[i] = len(self.result_of)
        self.waiting: list[Pending] = []
        self.due: dict[tuple[int, int], list[Pending]] = {}
        for kind, expr, index in exprs:
            last: dict[int, int] = {}
            for slot in refs(expr):
                body_id, i = home[slot]
                last[body_id] = max(i, last.get(body_id, 0))
            item = Pending(kind, compiled(expr), tuple(last.items()), mask(expr), index)
            self.waiting.append(item)
            for need in item.needs:
                self.due.setdefault(need, []).append(item)

    def _suffixes(self) -> None:
        """For every body and program counter: what the rest of the body may still touch."""
        self._columns: list[list[tuple[int, int, int, int]]] = []
        for body, ops in enumerate(self.ops):
            waiting = [0] * (len(ops) + 1)
            for item in self.waiting:
                for at, last in item.needs:
                    if at == body:
                        waiting[last] |= item.slots
            rows = [(0, 0, 0, 0)]
            for i in range(len(ops) - 1, -1, -1):
                op, (slots, vas, reads, writes) = ops[i], rows[-1]
                rows.append(
                    (slots | op.slots | waiting[i], vas | op.vas, reads | op.reads, writes | op.stores)
                )
            rows.reverse()
            rows.append(rows[0])  # at index UNSENT
            self._columns.append(rows)
        self._rests: dict[tuple[int, ...], Rest] = {}

    def rest(self, pcs: tuple[int, ...]) -> Rest:
        """What may still happen from these program counters on."""
        known = self._rests.get(pcs)
        if known is None:
            slots, vas, reads, writes = 0, [], [], []
            for bodies in self.bodies_on:
                v = r = w = 0
                for body in bodies:
                    row = self._columns[body][pcs[body]]
                    slots |= row[0]
                    v |= row[1]
                    r |= row[2]
                    w |= row[3]
                vas.append(v)
                reads.append(r)
                writes.append(w)
            known = self._rests[pcs] = Rest(slots, tuple(vas), tuple(reads), tuple(writes))
        return known

    def unfinished(self, pcs: tuple[int, ...], handlers: Iterable[int]) -> bool:
        """Is one of these handlers still to run, as far as is known?"""
        return any(pcs[h] < self.length[h] for h in handlers)

    def pte_cell(self, root: Value, va: int) -> int:
        """The cell of the entry that a walk reads; -1 if there is none."""
        cell = self._pte_cells.get((root, va))
        if cell is None:
            cell = self._pte_cells[root, va] = self.cell_at.get(apply("pte", (root, self.vas[va])), -1)
        return cell

    def entries_of(self, vas: int) -> int:
        """All TLB entries of some virtual addresses."""
        found = 0
        for i, entries in enumerate(self.va_entries):
            if vas >> i & 1:
                found |= entries
        return found
