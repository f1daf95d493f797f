"""What a turn of a loop takes and gives back: locks, and interrupts or softirqs that are off (MMR 20.4).

A lock is *plain* if every access to it takes it (a LOCK'd operation that waits until it is 0), gives it back
after the same body has taken it, or waits until it is 0.  Nobody can tell a turn in which a plain lock was
taken and given back from one in which it was not.  Unrolling takes a lock for plain where a turn asks for it,
and looks at the end whether all accesses agree.

A turn that begins and ends with interrupts on may turn them off between: what strikes at its ends strikes
there without the turn.  A flag of a CPU is its thread's own if all that interrupts the thread leaves it as
it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import combinations
from typing import TypeVar

from verifier.lower.aliases import Cells
from verifier.lower.facts import Facts, known, settled
from verifier.lower.paths import Env, Path
from verifier.program.events import Body, Event, Program
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, Ref
from verifier.program.stops import fixed
from verifier.program.values import SOFTIRQS_OFF, Ptr, softirqs_off
from verifier.program.waits import Wait

T = TypeVar("T")


class Locks:
    """The locks of the bodies that are unrolled: by event, who takes one, who gives it back. Likewise what
    bodies do to their CPU's flags.

    ``shared``: the cells that are no plain locks, and flags that are not the thread's own, by an earlier
    attempt; ``cells`` of that attempt.
    """

    def __init__(self, shared: frozenset[Ptr] = frozenset(), cells: Cells | None = None) -> None:
        self.shared, self._cells = shared, cells
        self._takes: dict[int, Expr] = {}
        self._gives: dict[int, Expr] = {}
        self._awaits: set[int] = set()
        self._flags: dict[int, tuple[Ptr, Expr]] = {}  # by event: a flag, and what it is after it
        self._read: dict[int, Expr] = {}  # by slot: the flag that is read there
        self._names: dict[Expr, str] = {}  # by the address of a lock: the local that is 1 while a body has it
        self._upset: set[Ptr] = set()  # flags that something has left changed
        self._asked: set[Expr] = set()  # taken for plain locks
        self._together: set[tuple[Expr, Expr]] = set()  # and for different ones
        self._owned: set[Ptr] = set()  # taken for the thread's own flags

    # -- locks ------------------------------------------------------------------------------------

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
            path.env[self._held(access.addr)] = TRUE

    def stored(self, event: Event, path: Path) -> None:
        """A body executes an event. This may give back a lock that it has."""
        if event.op not in ("W", "X") or len(event.accesses) != 1 or event.virtual:
            return
        (access,) = event.accesses
        if access.value != FALSE or access.when != TRUE or access.addr not in self._names:
            return
        held = self._names[access.addr]
        if settled(path.env.get(held, FALSE), known(path.guard)) == TRUE:
            self._gives[event.id] = access.addr
            path.env[held] = FALSE

    def _held(self, addr: Expr) -> str:
        return self._names.setdefault(addr, f"%held {len(self._names)}")

    # -- flags ------------------------------------------------------------------------------------

    def begins(self, body: Body) -> Env:
        """What the flags of its CPU are where a handler, a callback or an NMI begins; for what only counts,
        as in a place where softirqs are off."""
        irq, bh = Ptr(f"{body.cpu}:irq"), softirqs_off(body.cpu)
        callback = body.kind == "callback"
        return {now(irq): Const(int(callback)), now(bh): Const(int(not callback))}

    def ends(self, body: Body, path: Path) -> None:
        """Where it ends: has it left a flag changed? An NMI may have begun with any."""
        mine = {self._flags[e.id][0] for e in body.events if e.id in self._flags}
        before, facts = self.begins(body), known(path.guard)
        for flag in mine:
            if now(flag) not in path.env or (body.kind == "handler" and not _counts(flag)):
                continue  # nothing comes to its end, or its return turns interrupts on
            if body.kind == "nmi" or settled(path.env[now(flag)], facts) != before[now(flag)]:
                self._upset.add(flag)

    def flagged(self, event: Event, body: Body, path: Path) -> None:
        """A body reads or changes a flag of its CPU."""
        access = event.accesses[0]
        flag = access.addr.value if isinstance(access.addr, Const) else None
        if not isinstance(flag, Ptr) or now(flag) not in path.env:
            return
        if access.slot is not None:
            self._read[access.slot] = path.env[now(flag)]
            if self._tells(event, body, flag):
                self._upset.add(flag)
        if access.value is not None:
            value = fixed(access.value, self._read)
            path.env[now(flag)] = value
            if event.kind != "hlt":
                self._flags[event.id] = flag, value

    def _tells(self, event: Event, body: Body, flag: Ptr) -> bool:
        """Does this read tell what the flag was in the body that is interrupted? A handler has interrupts off
        itself, and a callback comes where neither is off."""
        if body.kind == "nmi":
            return True
        return body.kind == "handler" and _counts(flag) and event.op != "IRQ"

    # -- turns ------------------------------------------------------------------------------------

    def turned(self, events: Iterable[Event], before: Env, after: Env, facts: Facts, seen: bool) -> set[int]:
        """Of the events of a turn, those that take a lock and give it back, or change flags that are in the
        end as before. ``before`` and ``after``: the locals where the turn begins and ends; there the
        ``facts`` hold. ``seen``: those, too, of which somebody may see that they are taken."""
        shared = frozenset[Ptr]() if seen else self.shared
        closed = set[int]()
        for addr, ids in _by(events, {**self._takes, **self._gives}).items():
            held = self._names[addr]
            free = before.get(held, FALSE) == FALSE == settled(after.get(held, FALSE), facts)
            if free and not (self._cells is not None and self._cells.of(addr) & shared):
                closed |= ids
        for flag, ids in _by(events, {id: flag for id, (flag, _) in self._flags.items()}).items():
            value = before[now(flag)]
            values = [settled(self._flags[id][1], facts) for id in ids]
            same = settled(after[now(flag)], facts) == value and not _opens(flag, value, values)
            if same and flag not in shared:
                closed |= ids
        return closed

    def misread(self, events: Iterable[Event], closed: set[int], before: Env, facts: Facts) -> int:
        """The slots, as bits, that a last look would fill with another value than the turn, as it takes
        nothing."""
        slots = 0
        for event in events:
            for access in event.accesses:
                if access.slot is None:
                    continue
                if event.id in self._gives and event.id in closed:
                    slots |= 1 << access.slot
                elif access.slot in self._read:
                    flag = access.addr.value if isinstance(access.addr, Const) else None
                    assert isinstance(flag, Ptr)
                    if settled(self._read[access.slot], facts) != before[now(flag)]:
                        slots |= 1 << access.slot
        return slots

    def rely(self, events: Iterable[int]) -> tuple[int, ...]:
        """A turn with these events is left out: the locks that it takes have to be plain, and different ones;
        its flags have to be the thread's own. Those of the events that take something or give it back."""
        known = self._takes.keys() | self._gives.keys() | self._flags.keys()
        back = tuple(id for id in events if id in known)
        taken = {self._takes[id] for id in back if id in self._takes}
        self._asked |= taken
        self._together |= {(a, b) for a, b in combinations(taken, 2)}
        self._owned |= {self._flags[id][0] for id in back if id in self._flags}
        return back

    def again(self, program: Program) -> Locks | None:
        """Unrolling starts anew with these if a lock was taken for plain that is not, or a flag for the
        thread's own; else None."""
        seen = {o.cell for o in program.observables if o.at is not None}
        wrong = self._owned & (self._upset | seen)
        cells = Cells(program.world, program.events) if self._asked else None
        if cells is not None:
            asked = set[Ptr]().union(*map(cells.of, self._asked))
            shared = set(seen)
            plain = self._awaits | self._takes.keys() | self._gives.keys()
            shared = shared.union(*(cells.touched(e) for e in program.events if e.id not in plain))
            shared = shared.union(*(cells.of(a) & cells.of(b) for a, b in self._together))
            wrong |= asked & shared
        return Locks(self.shared | wrong, cells) if wrong else None


_NOW = "%now "


@lru_cache(4096)
def now(flag: Ptr) -> str:
    """The local that says what a flag of the CPU is."""
    return f"{_NOW}{flag}"


def _by(events: Iterable[Event], of: Mapping[int, T]) -> dict[T, set[int]]:
    """Some of the events, by what they are about."""
    found: dict[T, set[int]] = {}
    for event in events:
        if event.id in of:
            found.setdefault(of[event.id], set()).add(event.id)
    return found


def _counts(flag: Ptr) -> bool:
    """Is it the counter of the reasons why softirqs are off?"""
    return flag.base.endswith(f":{SOFTIRQS_OFF}")


def _opens(flag: Ptr, before: Expr, values: Iterable[Expr]) -> bool:
    """May something strike between changes of a flag that cannot strike before them?"""
    if _counts(flag):
        return before != FALSE and not all(isinstance(v, Const) and v != FALSE for v in values)
    return before != TRUE and any(v != FALSE for v in values)
