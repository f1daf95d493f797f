"""Loops that are their last turn (MMR 20.4).

A turn that goes back, writes nothing but locals, and leaves none of these for the next one to look at, can
be left out of any run: what remains is a run with the same end.  So a loop all of whose turns back
are like this needs no bound.  The turn that cannot be left out is the last one, or, where the loop can
never be left, the one at which its CPU comes to rest.

A failed ``try_cmpxchg()`` leaves what it found for the next turn.  That is what the load in front of the
loop would have found at that time, so the load stands for it, and the turn can be left out as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from verifier.budget import Budget
from verifier.lower import sections
from verifier.lower.code import Assume, Branch, Instruction, Jump, Label
from verifier.lower.facts import Facts, decided, known, settled, where
from verifier.lower.liveness import Liveness
from verifier.lower.paths import LoopEntry, Path, merge
from verifier.program.events import Access, Body, Event
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, Ref, call, mask
from verifier.program.functions import INTEGER_TYPES
from verifier.program.stops import fixed
from verifier.records import NamedTuple
from verifier.source import Span

Env = dict[str, Expr]
Guard = tuple[Expr, ...]


# ---- loops, and turns that can be left out


class Loops:
    """The loops of one body: where turns begin, and which locals are live there."""

    def __init__(
        self,
        code: tuple[Instruction, ...],
        at_end: frozenset[str],
        at_rest: frozenset[str],
        interrupted: bool,
    ) -> None:
        self.code, self.at_end, self.at_rest, self.interrupted = code, at_end, at_rest, interrupted
        self.places = {x.name: i for i, x in enumerate(code) if isinstance(x, Label)}
        jumps = [(at, self.places[x.target]) for at, x in enumerate(code) if isinstance(x, Jump | Branch)]
        self.heads = {to for at, to in jumps if to <= at}
        self._live: Liveness | None = None

    @property
    def live(self) -> Liveness:
        """The live locals."""
        if self._live is None:
            self._live = Liveness(self.code, self.at_end, self.at_rest, self.interrupted)
        return self._live

    def merged(self, paths: list[Path], at: int, budget: Budget) -> Path | None:
        """Paths that meet at a label, or at the end, as one; None if there are none."""
        if len(paths) < 2:
            return paths[0] if paths else None
        return merge(paths, budget, partial(self.live.dead, place=at))

    def span(self, at: int, to: int) -> Span | None:
        """From the beginning of a loop to the jump back."""
        start, end = self.code[to].span, self.code[at].span
        if start is not None and end is not None and start.source is end.source:
            return start.to(end)
        return start or end

    def endless(self, at: int, to: int) -> bool:
        """Does nothing leave a loop: no jump, no end of its turns, and no ``assume()`` of the user?"""
        for x in self.code[to : at + 1]:
            if isinstance(x, Assume) and not x.kind:
                return False
            if isinstance(x, Jump | Branch):
                never = isinstance(x, Branch) and x.condition == FALSE
                if not never and not to <= self.places[x.target] <= at:
                    return False
        jump = self.code[at]
        return isinstance(jump, Jump) or (isinstance(jump, Branch) and jump.condition == TRUE)


class LoopTurn(NamedTuple):
    """A turn of a loop that goes back.

    ``path``   the path that goes back;
    ``kept``   the locals that are live where the turn began;
    ``asked``  those whose values where the body rests are asked for;
    ``warns``  the warnings since then: whether they were hit;
    ``assumes``  what has been assumed since then;
    ``warned, assumed``  likewise before.
    """

    body: Body
    entry: LoopEntry
    path: Path
    kept: tuple[str, ...]
    asked: frozenset[str]
    warns: tuple[Expr, ...]
    assumes: Sequence[Expr] = ()
    warned: Sequence[Expr] = ()
    assumed: Sequence[Expr] = ()


class Returning(Protocol):
    """Which events of turns take something and give it back (``taken``)."""

    def turned(self, events: Iterable[Event], before: Env, after: Env, facts: Facts, seen: bool) -> set[int]:
        """Of the events of a turn, those; those, too, of which somebody may see it, if ``seen``."""

    def misread(self, events: Iterable[Event], closed: set[int], before: Env, facts: Facts) -> int:
        """The slots, as bits, in which a last look, which takes nothing, finds another value."""


def looked_by(
    turn: LoopTurn, returning: Returning, anyhow: bool = False, spontaneous: bool = True
) -> tuple[int, ...] | None:
    """The events of a turn that can be left out; None if it cannot.

    ``anyhow``: a turn that turns interrupts on and off counts as one that can, and one that stores what it
    does not look at, or of which somebody can see what it takes: it cannot be left out, but any number of
    such turns may come one after the other.
    ``spontaneous``: there are walks that no access asks for, so that those of the turn are not missed.
    """
    entry, path = turn.entry, turn.path
    facts = known(path.guard)
    if any(decided(hit, facts) is not False for hit in turn.warns):
        return None
    mine = [e for e in turn.body.events[entry.events :] if decided(e.guard, facts) is not False]
    closed = _closed(mine) | _srcu_sections(mine, facts)
    back = returning.turned(mine, entry.env, path.env, facts, anyhow)
    fine = back | closed | (_repeated(mine) if anyhow else set())
    ends = any(e.op == "RCU" and e.kind == "unlock" and e.domain is None for e in mine)
    if ends and _reads(entry.env, facts):
        return None  # grace periods may end in the turn
    events: list[int] = []
    for event in mine:
        if not spontaneous and (event.virtual or event.op == "T"):
            return None
        if event.id not in fine and not _looks(event, facts) and not _looks(event, where(facts, event.guard)):
            return None
        events.append(event.id)
    wrong = returning.misread(mine, back, entry.env, facts)
    if wrong and not anyhow and any(mask(x) & wrong for x in _looked_at(turn, mine, back)):
        return None
    return _not_kept(turn, facts, events)


def _repeated(events: Sequence[Event]) -> set[int]:
    """The events of a turn that the next turn can do again as they were: what concerns interrupts, and stores
    to cells that the turn does not look at."""
    looked = {a.addr for e in events for a in e.accesses if a.slot is not None}
    walks = any(e.virtual or e.op == "T" for e in events)
    named = not walks and all(isinstance(addr, Const) for addr in looked)

    def apart(e: Event) -> bool:
        return all(isinstance(a.addr, Const) and a.addr not in looked for a in e.accesses)

    return {e.id for e in events if e.op == "IRQ" or (e.op == "W" and named and apart(e))}


def _looked_at(turn: LoopTurn, mine: Sequence[Event], back: set[int]) -> Iterator[Expr]:
    """What the way of a turn, its other accesses and the locals that are asked for depend on."""
    yield from turn.path.guard
    yield from turn.assumes
    yield from (_of(turn.path.env, reg) for reg in turn.asked)
    for event in mine:
        yield event.guard
        yield from (x for x in (event.va, event.pcid) if x is not None)
        for access in event.accesses:
            yield from (access.addr, access.when)
            if access.value is not None and event.id not in back:
                yield access.value


def _not_kept(turn: LoopTurn, facts: Facts, events: list[int]) -> tuple[int, ...] | None:
    """The events, if the turn leaves no local that is looked at; perhaps with the load that stands for the
    one which it leaves."""
    changed = _changed(turn, facts)
    if not changed:
        return tuple(events)
    renewed = _renewed(turn, changed, facts)
    if renewed is None or not all(decided(x, facts) for x in renewed.needs):
        return None
    return (*renewed.events, *events)


def _changed(turn: LoopTurn, facts: Facts) -> list[str]:
    """The locals that are not what they were where the turn began."""
    before, after = turn.entry.env, turn.path.env
    return [r for r in _looked_later(turn) if not _equal(_of(before, r), _of(after, r), facts)]


def _looked_later(turn: LoopTurn) -> tuple[str, ...]:
    return (*turn.kept, *sections.READER_FLAGS)


def _equal(before: Expr, after: Expr, facts: Facts) -> bool:
    """Is a local what it was, as far as facts say it?"""
    return before == settled(after, facts) or bool(decided(call("eq", after, before), facts))


def needed(turn: LoopTurn) -> Expr:
    """A condition under which a turn may be one that can be left out, though it cannot in general: that it
    leaves in a local or a cell what was there; that a load in front finds its way to the loop with what the
    turn has found. FALSE if nothing is to be tried."""
    facts = known(turn.path.guard)
    conditions: list[Expr] = []
    for event in turn.body.events[turn.entry.events :]:
        if event.op == "X" and not event.virtual and decided(event.guard, facts) is not False:
            conditions += [
                call("or", call("not", event.guard), call("eq", Ref(a.slot), a.value))
                for a in event.accesses
                if a.slot is not None and isinstance(a.value, Const) and decided(a.when, facts) is not False
            ]
    changed: list[str] = []
    for reg in _changed(turn, facts):
        before, after = _of(turn.entry.env, reg), settled(_of(turn.path.env, reg), facts)
        if isinstance(before, Const) and not isinstance(after, Const):
            conditions.append(call("eq", after, before))
        else:
            changed.append(reg)
    if changed:
        renewed = _renewed(turn, changed, facts)
        if renewed is None:
            return FALSE
        conditions += renewed.needs
    made = call("and", *(x for x in conditions if decided(x, facts) is not True))
    return FALSE if decided(made, facts) is False else made


def _reads(env: Env, facts: Facts) -> bool:
    """Perhaps, is a thread an RCU reader?"""
    return decided(sections.reading(env), facts) is not False


def _closed(events: Sequence[Event]) -> set[int]:
    """STIs and the CLIs right behind them, between which no interrupt comes (MMR 8.11)."""
    found: set[int] = set()
    first: Event | None = None
    for event in events:
        if event.op == "IRQ" and first is not None:
            found |= {first.id, event.id}
        started = event if event.op == "IRQ" else first
        first = started if event.joined else None
    return found


def _srcu_sections(events: Sequence[Event], facts: Facts) -> set[int]:
    """The beginnings and ends of SRCU sections that begin and end in a turn."""
    found: set[int] = set()
    for event in events:
        begin = next((e for e in events if e.id == event.begun), None)
        if begin is not None and (event.guard == begin.guard or decided(event.guard, facts)):
            found |= {begin.id, event.id}
    return found


def _of(env: Env, reg: str) -> Expr:
    return env.get(reg, FALSE)


def _looks(event: Event, facts: Facts) -> bool:
    """Does an event only look, or order: a load, a fence, a LOCK'd operation that changes nothing?

    A store that is not done on this path is nothing. One that is done is something, though it write what
    was read: another CPU may have stored in between.
    """
    if event.op in ("R", "F", "T", "SER", "PAUSE", "JMP", "RCU"):
        return event.domain is None
    if event.op == "W" and not event.virtual:
        return all(decided(a.when, facts) is False for a in event.accesses)
    if event.op != "X" or event.virtual:
        return False
    return all(a.value is None or decided(a.when, facts) is False or _same(a, facts) for a in event.accesses)


def _same(a: Access, facts: Facts) -> bool:
    """Does a LOCK'd operation write what it has read: a number that it was, a bit that was set?"""
    if a.slot is None or a.value is None:
        return False
    read = Ref(a.slot)
    if decided(Apply("eq", (read, a.value)), facts):
        return True
    value = a.value
    if isinstance(value, Apply) and value.function in INTEGER_TYPES:
        (value,) = value.args  # what was read has this type
    if not isinstance(value, Apply) or value.function != "bitor" or read not in value.args:
        return False
    return all(arg == read or _is_set(arg, read, facts) for arg in value.args)


def _is_set(bit: Expr, read: Expr, facts: Facts) -> bool:
    """Is one bit, a constant, set in a value?"""
    number = bit.value if isinstance(bit, Const) else None
    if not isinstance(number, int) or number <= 0 or number & (number - 1):
        return False
    shifted = Apply("shr", (read, Const(number.bit_length() - 1)))
    forms = ((read, bit), (bit, read), (shifted, Const(1)))
    return any(decided(Apply("bitand", args), facts) for args in forms)


class _Renewed(NamedTuple):
    """A load in front of a loop, or a ``try_cmpxchg()`` that failed in a turn before, and the fences between
    it and the loop, which are a part of the look as the load is. ``needs``: what holds if the load finds what
    the turn has found."""

    events: tuple[int, ...]
    needs: tuple[Expr, ...]


def _renewed(turn: LoopTurn, changed: Sequence[str], facts: Facts) -> _Renewed | None:
    """The load in front of a loop that stands for the one of the turn: it looks at the same place, and what
    has ``changed`` is what it would be, had this load found what the turn has found there."""
    body, entry = turn.body, turn.entry
    between: list[Event] = []
    begun = known(entry.guard)
    for event in reversed(body.events[: entry.events]):
        if decided(event.guard, begun) is False:
            continue  # behind the loop, after fewer turns
        if event.op != "F":
            break
        between.insert(0, event)
    else:
        return None
    front = event.accesses[0] if event.op == "R" or (event.op == "X" and len(event.accesses) == 1) else None
    if front is None or front.slot is None or event.virtual:
        return None
    fails = [] if event.op == "R" else [call("not", front.when)]  # then it only looks
    if not all(decided(x, begun) for x in fails):
        return None
    bit = 1 << front.slot
    if any(mask(x) & bit for x in turn.warned):
        return None  # what it has found is told
    for again in reversed([a for e in body.events[entry.events :] if not e.virtual for a in e.accesses]):
        if again.slot is None or again.addr != front.addr:
            continue
        found = {front.slot: Ref(again.slot)}
        if all(_as_found(turn, reg, bit, found, reg in changed, facts) for reg in _looked_later(turn)):
            tests = [*entry.guard, *turn.assumed, *fails, *(e.guard for e in between)]
            if any(mask(e.guard) & bit and not decided(e.guard, begun) for e in between):
                return None  # another fence would be there
            needs = tuple(fixed(x, found) for x in tests if mask(x) & bit)
            return _Renewed((event.id, *(e.id for e in between)), needs)
    return None


def _as_found(
    turn: LoopTurn, reg: str, bit: int, found: Mapping[int, Expr], changed: bool, facts: Facts
) -> bool:
    """Has a turn left in a local what would be there, had the load in front found what the turn has found?"""
    before, after = _of(turn.entry.env, reg), _of(turn.path.env, reg)
    if not mask(before) & bit:
        return not changed
    return fixed(before, found) == settled(after, facts)


def walks(body: Body, entry: LoopEntry | None) -> bool:
    """Does a turn that began here change nothing, and follow addresses that it has read?"""
    events = body.events[entry.events :] if entry is not None else []
    reads = 0
    for event in events:
        if event.op not in ("R", "F") or any(a.value is not None for a in event.accesses):
            return False
        for a in event.accesses:
            reads |= 1 << a.slot if a.slot is not None else 0
    return any(mask(a.addr) for event in events for a in event.accesses) and bool(reads)
