"""What a turn of a loop takes and gives back: locks, and interrupts or softirqs that are off (MMR 20.4).

A lock is *plain* if every access to it takes it (a LOCK'd operation that waits until it is 0), gives it back
after the same body has taken it, or waits until it is 0.  Nobody can tell a turn in which a plain lock was
taken and given back from one in which it was not.  Unrolling takes a lock for plain where a turn asks for it,
and looks at the end whether all accesses agree.

A turn that begins and ends with interrupts on may turn them off between: what strikes at its ends strikes
there without the turn.
"""

from __future__ import annotations

from collections.abc import Iterable

from verifier.lower.paths import Env, Path
from verifier.lower.turns import Facts, known, settled
from verifier.program.events import Event, Program, World
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, Ref, parts
from verifier.program.functions import INTEGER_TYPES
from verifier.program.stops import fixed
from verifier.program.values import SOFTIRQS_OFF, Ptr
from verifier.program.waits import Wait


class Cells:
    """Which cells an address may be, as far as its form says it. ``events`` store what may be found."""

    def __init__(self, world: World, events: Iterable[Event]) -> None:
        self._of: dict[str, set[Ptr]] = {}
        for ptr in world.cells:
            self._of.setdefault(ptr.base, set()).add(ptr)
        self._found = {cell.init.base for cell in world.cells.values() if isinstance(cell.init, Ptr)}
        for event in events:
            for access in event.accesses:
                if access.value is not None:
                    self._found |= self._bases(access.value)

    def of(self, addr: Expr) -> set[Ptr]:
        """The cells that an address may be."""
        if type(addr) is Const and isinstance(addr.value, Ptr):
            return {addr.value}
        return {cell for base in self._bases(addr) for cell in self._of.get(base, ())}

    def _bases(self, expr: Expr) -> set[str]:
        """What the values of an expression may be the address of, or lie near to."""
        if type(expr) is Const:
            return {expr.value.base} if isinstance(expr.value, Ptr) else set()
        if not isinstance(expr, Apply):
            return set(self._found)
        function, args = expr.function, expr.args
        if function == "field" and not any(_goes_out(part) for part in parts(expr)):
            name = args[1]
            assert isinstance(name, Const)
            return {base for base in self._of if base.endswith(f".{name.value}")}
        if function in _NAMED:
            return {base for base in self._of if base.startswith(f"{function}(")}
        if function in _NEAR or function in INTEGER_TYPES:
            return set[str]().union(*map(self._bases, args[function == "ite" :]))
        return set() if function in _TRUTHS else set(self._of)


_NAMED = frozenset(("pte", "mm_cpumask"))
_NEAR = frozenset(("add", "sub", "ite"))
_TRUTHS = frozenset(("eq", "ne", "lt", "le", "gt", "ge", "not", "and", "or", "bool", "known", "holds"))


def _goes_out(part: Expr) -> bool:
    """From a field to what has it?"""
    return isinstance(part, Apply) and part.function == "container"


class Locks:
    """The locks of the bodies that are unrolled: by event, who takes one, who gives it back. Likewise what
    threads do to their CPU's flags.

    ``shared``: the cells that are no plain locks, by an earlier attempt; ``cells`` of that attempt.
    """

    def __init__(self, shared: frozenset[Ptr] = frozenset(), cells: Cells | None = None) -> None:
        self.shared, self._cells = shared, cells
        self._takes: dict[int, Expr] = {}
        self._gives: dict[int, Expr] = {}
        self._awaits: set[int] = set()
        self._asked: set[Expr] = set()  # taken for plain locks
        self._flags: dict[int, tuple[Ptr, Expr]] = {}  # by event: a flag, and what it is after it
        self._read: dict[int, Expr] = {}  # by slot: the flag that is read there

    def waited(self, event: Event, wait: Wait, path: Path) -> None:
        """A body has waited until an event has found what it looks for. This may take a lock."""
        if len(event.accesses) != 1 or event.virtual:
            return
        (access,) = event.accesses
        if access.slot is None or wait.holds != Apply("eq", (Ref(access.slot), FALSE)):
            return
        if access.value is None:
            self._awaits.add(event.id)
        elif event.op == "X" and isinstance(access.value, Const) and access.value != FALSE:
            self._takes[event.id] = access.addr
            path.env[_held(access.addr)] = TRUE

    def stored(self, event: Event, path: Path) -> None:
        """A body executes an event. This may give back a lock that it has."""
        if event.op not in ("W", "X") or len(event.accesses) != 1 or event.virtual:
            return
        (access,) = event.accesses
        if access.value != FALSE or access.when != TRUE:
            return
        has = path.env.get(_held(access.addr), FALSE)
        if has != FALSE and settled(has, known(path.guard)) == TRUE:
            self._gives[event.id] = access.addr
            path.env[_held(access.addr)] = FALSE

    def flagged(self, event: Event, path: Path) -> Expr:
        """A thread changes a flag of its CPU; what it is then."""
        access = event.accesses[0]
        assert isinstance(access.addr, Const) and isinstance(access.addr.value, Ptr)
        assert access.value is not None
        flag = access.addr.value
        if access.slot is not None:
            self._read[access.slot] = path.env[f"%now {flag}"]
        now = fixed(access.value, self._read)
        path.env[f"%now {flag}"] = now
        self._flags[event.id] = flag, now
        return now

    def turned(self, events: Iterable[Event], before: Env, after: Env, facts: Facts) -> set[int]:
        """Of the events of a turn, those that take a lock and give it back, or change flags that are in the
        end as before. ``before`` and ``after``: the locals where the turn begins and ends; there the
        ``facts`` hold."""
        found: dict[Expr, set[int]] = {}
        flags: dict[Ptr, list[int]] = {}
        for event in events:
            if event.id in self._flags:
                flags.setdefault(self._flags[event.id][0], []).append(event.id)
            addr = self._takes.get(event.id) or self._gives.get(event.id)
            if addr is not None:
                found.setdefault(addr, set()).add(event.id)
        closed = set[int]()
        for addr, ids in found.items():
            free = before.get(_held(addr), FALSE) == FALSE == settled(after.get(_held(addr), FALSE), facts)
            if free and not (self._cells is not None and self._cells.of(addr) & self.shared):
                closed |= ids
        for flag, changes in flags.items():
            now = before[f"%now {flag}"]
            values = [settled(self._flags[id][1], facts) for id in changes]
            if settled(after[f"%now {flag}"], facts) == now and not _opens(flag, now, values):
                closed |= set(changes)
        return closed

    def rely(self, events: Iterable[int]) -> tuple[int, ...]:
        """A turn with these events is left out: the locks that it takes have to be plain. Those of the events
        that take something or give it back."""
        known = self._takes.keys() | self._gives.keys() | self._flags.keys()
        back = tuple(id for id in events if id in known)
        self._asked |= {self._takes[id] for id in back if id in self._takes}
        return back

    def again(self, program: Program) -> Locks | None:
        """Unrolling starts anew with these if a lock was taken for plain that is not; else None."""
        if not self._asked:
            return None
        cells = Cells(program.world, program.events)
        asked = set[Ptr]().union(*map(cells.of, self._asked))
        shared = {o.cell for o in program.observables if o.at is not None}
        for event in program.events:
            if event.id not in self._awaits | self._takes.keys() | self._gives.keys():
                shared = shared.union(*(cells.of(a.addr) for a in event.accesses if not event.virtual))
        wrong = asked & shared
        return Locks(self.shared | wrong, cells) if wrong else None


def _opens(flag: Ptr, now: Expr, values: Iterable[Expr]) -> bool:
    """May something strike between changes of a flag that cannot strike before them?"""
    if flag.base.endswith(f":{SOFTIRQS_OFF}"):  # it counts the reasons why softirqs are off
        return now != FALSE and not all(isinstance(v, Const) and v != FALSE for v in values)
    return now != TRUE and any(v != FALSE for v in values)


def _held(addr: Expr) -> str:
    """The local that is 1 while a body has the lock at an address."""
    return f"%held {addr}"
