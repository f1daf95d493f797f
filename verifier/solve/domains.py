"""May-values: an upper bound of what each read can return, before anything is encoded.

A value that a read returns was written by a store.  The store's value was computed from earlier reads, and
so on back to a constant; in one execution no store is in its own history.  So as many rounds of propagation
as there are stores with computed values (and accesses with computed addresses) reach every value.

And each value comes with its smallest ``histories``: the computing stores that it passed.  A store that is
in all of them does not compute from it.  So a counter to which three stores add 1 ends at 3.  A history of n
steps, or a part of it, is known by round n.

The result contains every possible value, and may contain others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.program.events import Access, Event, Program
from verifier.program.expressions import (
    Apply,
    Const,
    Expr,
    Ref,
    evaluate,
    large_parts,
    mask,
    refs,
)
from verifier.program.functions import apply
from verifier.program.rights import needs
from verifier.program.values import (
    CLEAN,
    COMBINED,
    FAULT,
    GLOBAL,
    RO,
    UNACCESSED,
    UNDEF,
    Entry,
    Ptr,
    Value,
    compared,
    flags,
    make_entry,
    target,
    truth,
)
from verifier.solve.branches import Branches
from verifier.solve.histories import NEW, Histories, joined, smallest
from verifier.solve.large import HELP, too_many
from verifier.solve.tabled import Tabled

MAX_VALUES = 1024
MAX_COMBINATIONS = 50_000

Values = frozenset[Value]


def order_key(value: Value) -> tuple[int, str, int]:
    """A total order on values: integers by size, then names."""
    if isinstance(value, int):
        return (0, "", value)
    if isinstance(value, Ptr):
        return (1, *value)
    if isinstance(value, Entry):
        return (2, value.target.base, value.flags)
    return (3, value.name, 0)


def _logic(function: str, arguments: list[Values]) -> Values:
    """What a connective may give: its arguments are taken to be independent of each other."""
    if function in ("not", "bool"):
        return frozenset(apply(function, (v,)) for v in arguments[0])
    decided = int(function == "or")
    truths = [{v if v == UNDEF else int(truth(v)) for v in values} for values in arguments]
    decides = any(decided in t for t in truths)
    if not all(truths):  # what is never read does not matter where another argument decides
        return frozenset((decided,)) if decides else frozenset()
    found: set[Value] = {decided} if decides else set()
    if all(1 - decided in t for t in truths):
        found.add(1 - decided)
    if any(UNDEF in t for t in truths) and not any(t == {decided} for t in truths):
        found.add(UNDEF)
    return frozenset(found)


def _equal(function: str, a: Values, b: Values) -> Values:
    """What a comparison may give."""
    unknown = {UNDEF} if a and b and UNDEF in a | b else set[Value]()
    a, b = (frozenset(map(compared, values - unknown)) for values in (a, b))
    equal = {True} if a & b else set[bool]()
    if len(a | b) > 1 and a and b:
        equal = equal | {False}
    return frozenset(int(e == (function == "eq")) for e in equal) | unknown


def unreached(program: Program, kernels: tuple[int, ...], budget: Budget) -> frozenset[int]:
    """The events whose guards hold in no run, whatever the order of memory is: what reads may return is taken
    from all that is ever stored there. Raises ``LimitError``."""
    domains = Domains(program, budget, kernels, guarded=True)
    return frozenset(e.id for e in program.events if not domains.may_hold(e.guard))


_NEVER: Values = frozenset((0,))


class Domains:
    """May-values of slots and addresses of a program.

    ``slots[s]`` what read slot s may return; ``addresses[access]`` the cells an access may touch
    (for a virtual access the data cells of the pages it may be translated to); ``pages[access]``
    the pages a translation may give; ``faults[access]`` whether it may find no page;
    ``roots[cpu]`` what its cr3 may hold.
    ``kernels``: which kernels' words these may be, as indices into ``profiles.KERNELS``.
    ``guarded``: a store whose guard never holds adds no value; this is finer, and takes more rounds.
    Raises ``LimitError`` if a domain is too large, or the time is over.
    """

    def __init__(
        self, program: Program, budget: Budget, kernels: tuple[int, ...] = (0,), guarded: bool = False
    ) -> None:
        self.program, self.budget, self.guarded, self.kernels = program, budget, guarded, kernels
        self.branches = Branches(program)
        self.tabled = Tabled()
        self._walked = frozenset(program.entries.values())
        self._refuses = program.refuses
        self._fill()
        if any(UNDEF in self.of(x) for x in self.branches.conditions()):
            self.branches.decided = False
            self._fill()
        contents = [v for cell in program.entries.values() for v in self.contents(cell)]
        self.globals = any(flags(v) & GLOBAL for v in [*contents, *(c for _, _, _, c in program.tlb)])

    def _fill(self) -> None:
        """Find all values."""
        program = self.program
        self.slots: list[Values] = [frozenset()] * program.slots
        for body in program.bodies:
            if body.choice is not None:
                self.slots[body.choice] = frozenset((0, 1))
        for stop in program.stops:
            self.slots[stop.slot] = frozenset((0, 1))
        if program.kernel is not None:
            self.slots[program.kernel] = frozenset(self.kernels)
        for slot in program.options.values():
            self.slots[slot] = frozenset((0, 1))
        # By cell, what was stored there: value, body and event, with the histories.
        self.cells: dict[Value, dict[tuple[Value, int, int], Histories]] = {}
        self.addresses: dict[int, Values] = {}
        self.pages: dict[int, Values] = {}
        self.faults: dict[int, bool] = {}
        self._grown: dict[Value, int] = {}  # how often something new was known of a cell
        self._looked: dict[int, tuple[Values, int]] = {}  # by access: where it looked, and how much was there
        self._histories = [dict.fromkeys(values, NEW) for values in self.slots]  # the same, by slot and value
        self._memo: dict[Expr, Values] = {}  # of what may have changed since, nothing
        self._stored: dict[int, Values] = {}  # by access: where something is stored already
        self._less = 0  # the slots whose histories had less in common after the last round
        for cell in program.cells.values():
            self.cells[cell.ptr] = {(cell.init, -1, -1): NEW}
        accesses = [(e, a) for e in program.events for a in e.accesses]
        computed = sum(
            e.virtual or type(a.addr) is not Const or (a.value is not None and type(a.value) is not Const)
            for e, a in accesses
        )
        # Walks pass values on too: entry -> translation -> address.
        rounds = computed + 1 + program.depth * sum(e.virtual for e, _ in accesses)
        rounds += self.guarded  # one more shows whether a store happens after all
        self._idle: set[int] = set()  # the stores whose guards did not hold at first, by access
        self._stores_here: set[int] = set()  # those whose guards may hold: the more values, the more may
        self._begun = 0  # how many of these may happen after all
        self._sets = False  # does the processor set A or D? It may do so between any two of them
        done = 0
        # So does a store that happens only after what it waits for: one more step for each.
        while done < (rounds + self._begun) * (1 + self._sets) and self._round(accesses):
            done += 1

    def contents(self, cell: Value) -> Values:
        """What a cell may hold at some time."""
        return frozenset(v for v, _, _ in self.cells.get(cell, ()))

    def roots(self, cpu: int) -> Values:
        """What the CPU's cr3 may hold."""
        return self.contents(Ptr(f"{cpu}:cr3"))

    def pcids(self, cpu: int) -> Values:
        """What the CPU's PCID may be."""
        return self.contents(Ptr(f"{cpu}:pcid")) or frozenset((0,))

    def _round(self, accesses: list[tuple[Event, Access]]) -> bool:
        """One step of propagation: where accesses look, what stores store there, what loads return. False if
        nothing changed."""
        changed = self._look(accesses)
        changed = self._stores(accesses) or changed
        changed = self._updated(accesses) or changed
        return self._loads(accesses) or changed

    def _look(self, accesses: list[tuple[Event, Access]]) -> bool:
        """Find the addresses of accesses; False if none is new."""
        changed = False
        for event, access in accesses:
            self.budget.tick()
            where, before = self._where(event, access), self.addresses.get(id(access))
            if where is not before and where != before:
                self.addresses[id(access)] = where
                changed = True
        return changed

    def _loads(self, accesses: list[tuple[Event, Access]]) -> bool:
        """Find what loads return; False if that is known."""
        new = less = 0  # the slots that may return more than before; whose histories have less in common
        for event, access in accesses:
            if access.slot is None:
                continue
            self.budget.tick()
            where = self.addresses[id(access)]
            if not event.virtual:
                looked = self._looked.get(id(access))
                grown = sum(self._grown.get(cell, 0) for cell in where)
                if looked is not None and looked[0] is where and looked[1] == grown:
                    continue
                self._looked[id(access)] = where, grown
            read: dict[Value, set[int]] = {}
            if event.op == "T":
                read = {page: {0} for page in self.pages[id(access)]}
            else:
                for cell in where:
                    for value, histories in self._seen(event, cell):
                        read.setdefault(value, set()).update(histories)
            if event.virtual and self.faults[id(access)]:
                read[FAULT] = {0}
            if (self._refuses or not read) and self._may_be_lost(event, access):
                read[UNDEF] = {0}
            got = {value: smallest(histories) for value, histories in read.items()}
            if got != self._histories[access.slot]:
                self._histories[access.slot] = got
                less |= 1 << access.slot
            values = frozenset(got)
            if values != self.slots[access.slot]:
                self.slots[access.slot] = values
                new |= 1 << access.slot
        if new:
            self._memo = {expr: v for expr, v in self._memo.items() if not mask(expr) & new}
        self._less = less
        return bool(new or less)

    def _stores(self, accesses: list[tuple[Event, Access]]) -> bool:
        """Store what stores store; False if that is known."""
        changed = False
        for number, (event, access) in enumerate(accesses):
            if access.value is None:
                continue
            if self.guarded and id(access) not in self._stores_here:
                if not self.may_hold(event.guard):
                    self._idle.add(id(access))
                    continue
                self._stores_here.add(id(access))
                self._begun += id(access) in self._idle
            where = self.addresses[id(access)]
            if self._stored.get(id(access)) == where and not mask(access.value) & self._less:
                continue
            self.budget.tick()
            self._stored[id(access)] = where
            written = self._written(access.value, 1 << number)
            for cell in where:
                changed = self._store(cell, event, written) or changed
        return changed

    def _seen(self, event: Event, cell: Value) -> Iterator[tuple[Value, Histories]]:
        """What a read of a cell may return, with the histories of each value."""
        branches = self.branches
        after = branches.after(event, cell)
        first = after < 0 or cell in self._walked  # walkers store there, too
        for (value, body, at), histories in self.cells.get(cell, {}).items():
            if body == event.body:
                if after <= at < event.id and not branches.exclusive(event.id, at):
                    yield value, histories
            elif body >= 0 or first:
                yield value, histories

    def _store(self, cell: Value, event: Event, values: dict[Value, Histories]) -> bool:
        """A cell may hold these values, too, with these histories; False if that is known. Raises
        ``LimitError``."""
        here, changed = self.cells.get(cell), False
        if here is None:
            return False
        for value, histories in values.items():
            item = (value, event.body, event.id)
            known = here.get(item)
            both = histories if known is None or known == histories else smallest({*known, *histories})
            if both != known:
                here[item] = both
                changed = True
        self._grown[cell] = self._grown.get(cell, 0) + changed
        if len(here) > MAX_VALUES and len(self.contents(cell)) > MAX_VALUES:
            raise LimitError(f"cell {cell} may hold more than {MAX_VALUES} values; {HELP}")
        return changed

    def _written(self, expr: Expr, store: int) -> dict[Value, Histories]:
        """What a store may write; ``store``: this store, as a bit."""
        slots = list(refs(expr))
        if not slots:
            return dict.fromkeys(self.of(expr), NEW)
        size = 1
        for s in slots:
            size *= len(self._histories[s])
        if not 0 < size <= 64:
            return dict.fromkeys(self.of(expr), (store,))
        assert isinstance(expr, Apply | Ref)
        found: dict[Value, set[int]] = {}
        for choice in product(*(self._histories[s].items() for s in slots)):
            values = tuple(value for value, _ in choice)
            histories = joined([h for _, h in choice], store)
            if histories:
                value = values[0] if isinstance(expr, Ref) else self.tabled.of(expr, values)
                found.setdefault(value, set()).update(histories)
        return {value: smallest(histories) for value, histories in found.items()}

    def _updated(self, accesses: list[tuple[Event, Access]]) -> bool:
        """The processor sets A anywhere, and D where something writes (MMR 7)."""
        writes = any(e.virtual and needs(e) & RO for e, _ in accesses)
        changed = False
        for cell in self.program.entries.values():
            for value in self.contents(cell):
                new = {apply("pte_without", (value, UNACCESSED))}
                if writes and flags(value) & CLEAN:
                    new |= {apply("pte_without", (value, bits)) for bits in (CLEAN, CLEAN | UNACCESSED)}
                for item in ((v, -1, -1) for v in new if v != value):
                    if item not in self.cells[cell]:
                        self.cells[cell][item] = NEW
                        self._grown[cell] = self._grown.get(cell, 0) + 1
                        self._sets = changed = True
        return changed

    def _where(self, event: Event, access: Access) -> Values:
        if not event.virtual:
            return self.of(access.addr)
        vas = self.of(access.addr)
        pages: set[Value] = set()
        fault = False
        for va in vas:
            found, absent = self._walks(event.cpu, va)
            cached = [c for cpu, _, at, c in self.program.tlb if cpu == event.cpu and at == va]
            pages.update(p for v in (*found, *cached) if (p := target(v)) is not None)
            fault = fault or absent or any(flags(v) & needs(event) for v in (*found, *cached))
        self.pages[id(access)] = frozenset(pages)
        self.faults[id(access)] = fault and event.unless is None
        return frozenset(apply("page_data", (p,)) for p in pages)

    def _may_be_lost(self, event: Event, access: Access) -> bool:
        """May an access have an address without a cell? Then it reads UNDEF, and the run is wrong, if no
        assumption after it refuses it."""
        program = self.program
        if event.virtual and (self.of(access.addr) - set(program.vas) or UNDEF in self.roots(event.cpu)):
            return True
        return not self.addresses[id(access)] <= program.cells.keys()

    def _walks(self, cpu: int, va: Value) -> tuple[list[Value], bool]:
        """What walks by a CPU may find in the end, with the attributes of upper entries; and whether they
        may find an entry that is not present."""
        found: dict[Value, None] = {}
        absent = False
        handles = {h: 0 for h in self.roots(cpu)}
        for _ in range(self.program.depth):
            below: dict[Value, int] = {}
            for handle, above in handles.items():
                cell = self.program.entries.get((handle, va))  # type: ignore[arg-type]
                for value in self.contents(cell) if cell is not None else ():
                    to = target(value)
                    if to is None:
                        absent = True
                    elif to in self.program.tables:
                        below[to] = below.get(to, 0) | above | flags(value) & COMBINED
                    else:
                        found[make_entry(to, flags(value) | above)] = None
            handles = below
        return list(found), absent

    def of(self, expr: Expr) -> Values:
        """May-values of an expression over slots."""
        if type(expr) is Const:
            known = self._memo.get(expr)
            if known is None:
                known = self._memo[expr] = frozenset((expr.value,))  # type: ignore[arg-type]
            return known
        if type(expr) is Ref:
            return self.slots[expr.slot]
        known = self._memo.get(expr)
        if known is None:
            for part in large_parts(expr, self._memo):
                self._memo[part] = self._combine(part)
            known = self._memo[expr] = self._combine(expr)
        return known

    def may_hold(self, guard: Expr) -> bool:
        """May a guard hold, with what is known so far? Guards share conditions, so these come first."""
        parts = guard.args if isinstance(guard, Apply) and guard.function == "and" else ()
        return not any(self.of(part) <= _NEVER for part in parts) and not self.of(guard) <= _NEVER

    def _without(self, expr: Apply, slots: Sequence[int]) -> Values:
        """May-values of an expression that also mentions slots which no read fills: those that it has where
        these do not matter, as in the other arm of an ``ite``."""
        found: set[Value] = set()
        for choice in product(*(self.slots[s] for s in slots)):
            with suppress(KeyError):
                found.add(evaluate(expr, dict(zip(slots, choice, strict=True))))
        return frozenset(found)

    def _combine(self, expr: Expr) -> Values:
        assert isinstance(expr, Apply)
        self.budget.tick()
        slots: list[int] = []
        size, missing = 1, False
        for s in refs(expr):
            if not self.slots[s]:  # no read fills it, so far
                missing = True
                continue
            slots.append(s)
            size *= len(self.slots[s])
            if size > 64:
                break
        if size <= 64 and missing:
            return self._without(expr, slots)
        if size <= 64:
            # Few combinations of what was read: exact for correlated arguments.
            return frozenset(
                self.tabled.of(expr, choice) for choice in product(*(self.slots[s] for s in slots))
            )
        arguments = [self.of(a) for a in expr.args]
        size = 1
        for values in arguments:
            size *= len(values)
        if expr.function in ("and", "or", "not", "bool"):
            return _logic(expr.function, arguments)
        if expr.function in ("eq", "ne"):
            return _equal(expr.function, *arguments)
        if expr.function == "ite":
            if UNDEF in arguments[0]:
                return arguments[1] | arguments[2] | {UNDEF}
            truths = {truth(v) for v in arguments[0]}
            return frozenset().union(*(arguments[1 if t else 2] for t in truths))
        if size > MAX_COMBINATIONS:
            raise too_many(self.program, expr, f"combines {size} values")
        out = frozenset(apply(expr.function, choice) for choice in product(*arguments))
        if len(out) > MAX_VALUES:
            raise too_many(self.program, expr, f"may have more than {MAX_VALUES} values")
        return out
