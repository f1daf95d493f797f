"""Walks the code of one body after another, and collects what becomes of it.

A body's code is laid out once for each backward jump it may take: a backward jump from copy ``t``
goes to its label in copy ``t + 1``, and one from the last copy is a *cut*.  Walking all copies in
order, paths that meet at a label are merged: guards by disjunction, locals by ``ite``.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.errors import InternalError
from verifier.lower import interrupts, overlaps, rests, sections, srcu
from verifier.lower.code import (
    Assume,
    Branch,
    Decide,
    Emit,
    Instruction,
    Jump,
    Label,
    SetRegister,
    Touch,
    Warn,
)
from verifier.lower.collector import Collector, last
from verifier.lower.facts import decided, known
from verifier.lower.paths import Env, LoopEntry, Path, negation, substitute
from verifier.lower.rotated import rotated
from verifier.lower.taken import now
from verifier.lower.turns import Loops, LoopTurn, looked_by, needed, walks
from verifier.program.events import Access, Body, Event, Warned
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Ref, Reg, call, has, mask
from verifier.program.invalidations import INVALIDATING, invalidation
from verifier.program.values import FAULT, Ptr, softirqs_off
from verifier.program.waits import Wait
from verifier.records import dataclass

STRAIGHT_OPS = frozenset(
    {"R", "W", "X", "F"}
)  # accesses and fences: nothing is sent, and nothing is waited for


@dataclass(slots=True)
class Unroller(Collector):
    """Walks the code of bodies, and collects what it makes of it."""

    def thread(self, cpu: int, code: tuple[Instruction, ...], off: bool) -> Env:
        """Unroll a thread, which may start with interrupts off; its locals at the end."""
        body = self.body(cpu, "thread", f"P{cpu}")
        if off and self.graced:
            sections.mark(self, body, TRUE, "held", None)
        irq, bh = Ptr(f"{cpu}:irq"), softirqs_off(cpu)
        flags = {"%off": Const(int(off)), now(irq): Const(int(not off)), now(bh): FALSE}
        return self.run(body, code, Path((), {**self.given, **flags}, {})).env

    def run(self, body: Body, code: tuple[Instruction, ...], path: Path) -> Path:
        """Unroll ``code`` into ``body`` from ``path``; the path at its end."""
        if self.straight(code):
            for instruction in code:
                self.budget.tick()
                self.step(body, instruction, path, [])
            return path
        if self.exact:
            code = rotated(code, self.graced)
        asked = self.at_end[body.cpu] if body.kind == "thread" else frozenset[str]()
        halted = self.halting.get(body.cpu, 0) > body.rank
        loops = Loops(code, asked, asked if self.judges_hangs else frozenset(), halted)
        arriving: dict[tuple[int, int], list[Path]] = {}
        end = len(code)
        current: Path | None = path
        copy = 0
        finished: list[Path] = []
        while True:
            for at, instruction in enumerate(code):
                kind = type(instruction)
                if kind is Label:
                    here = arriving.pop((copy, at), None)
                    if here:
                        current = loops.merged([current, *here] if current else here, at, self.budget)
                    if current is not None and at in loops.heads:
                        current.turns[at] = self.entry(body, current, at)
                elif current is None:
                    continue
                else:
                    self.budget.tick()
                    if id(instruction) in self.unreached:
                        current = None
                    elif kind is Jump or kind is Branch:
                        current = self.jump(
                            body, loops, current, at, copy=copy, arriving=arriving, ended=finished
                        )
                    else:
                        if self.indexed:
                            self.near = next((x.span for x in code[at:] if x.span is not None), None)
                        self.step(body, instruction, current, finished)
                        if current.guard and current.guard[-1] == FALSE:
                            current = None  # a handler that always sends itself
            if current is not None:
                finished.append(current)
                current = None
            here = arriving.pop((copy, end), None)
            if here:
                finished += here
            copy += 1
            if not arriving:
                break
            self.repeated = True
        return loops.merged(finished, end, self.budget) or Path((FALSE,), {}, {})

    def straight(self, code: tuple[Instruction, ...]) -> bool:
        """Does code execute one instruction after the other, and come to rest nowhere?"""
        if self.halting or self.unreached or self.indexed:
            return False
        return all([type(x) is SetRegister or (type(x) is Emit and x.op in STRAIGHT_OPS) for x in code])

    def jump(
        self,
        body: Body,
        loops: Loops,
        path: Path,
        at: int,
        copy: int,
        arriving: dict[tuple[int, int], list[Path]],
        ended: list[Path],
    ) -> Path | None:
        """Send ``path`` where the jump goes; what is left falls through."""
        instruction = loops.code[at]
        assert isinstance(instruction, Jump | Branch)
        condition: Expr = TRUE
        if isinstance(instruction, Branch):
            span = instruction.span
            condition = call("bool", sections.given_value(self, instruction.condition, path, span))
            self.decides(body, path.guard, condition, span)
        taken, rest = path.under(condition), path.under(negation(condition))
        if taken is not None:
            to = loops.places[instruction.target]
            if to <= at:
                # What goes to a label that no path has come by is no turn yet.
                turns = self.exact and to in taken.turns
                again = self.turns(body, loops, taken, at, to, ended) if turns else [taken]
                if copy < self.bound and again:
                    arriving.setdefault((copy + 1, to), []).extend(again)
                else:
                    for going in again:
                        guard, endless = call("and", *going.guard), loops.endless(at, to)
                        any_number = self.left_out(body, loops, going, to, anyhow=True) is not None
                        follows = walks(body, going.turns.get(to))
                        self.cut(body, loops.span(at, to), guard, endless, any_number, walks=follows)
            else:
                arriving.setdefault((copy, to), []).append(taken)
        return rest

    def turns(self, body: Body, loops: Loops, path: Path, at: int, to: int, ended: list[Path]) -> list[Path]:
        """The paths on which the loop turns again, of one that goes back. An optional part may decide
        whether this turn can be left out: where it is there, or where it is not."""
        self.budget.tick()
        if self.last_turn(body, loops, path, at, to, ended=ended):
            return []
        asked = self.asked(body, path.turns[to], path)
        there = path.under(call("and", *asked))
        if not asked or there is None or next(self.splits(body, loops, there, to), None) is None:
            return self.others(body, loops, path, at, to, ended)
        with_it, without = path.under(asked[0]), path.under(negation(asked[0]))
        again = [
            going
            for half in (with_it, without)
            if half is not None
            for going in self.turns(body, loops, half, at, to, ended)
        ]
        return [path] if len(again) == 2 and again[0] is with_it and again[1] is without else again

    def splits(self, body: Body, loops: Loops, path: Path, to: int) -> Iterator[Expr]:
        """Conditions under which what goes back along a path can be left out."""
        for entry in path.turns[to].turns():
            turn = self.loop_turn(body, loops, path, entry, to)
            condition = needed(turn) if turn is not None else FALSE
            there = path.under(condition)
            if there is not None and self.left_out(body, loops, there, to) is not None:
                yield condition

    def others(self, body: Body, loops: Loops, path: Path, at: int, to: int, ended: list[Path]) -> list[Path]:
        """The paths on which the loop turns again, where a condition says which turns can be left out."""
        for condition in list(self.splits(body, loops, path, to)):
            there, rest = path.under(condition), path.under(negation(condition))
            if there is not None:
                self.last_turn(body, loops, there, at, to, ended=ended)
            if rest is None or decided(condition, known(path.guard)):
                return []
            path = rest
        return [path]

    def asked(self, body: Body, entry: LoopEntry, path: Path) -> list[Expr]:
        """The options that a turn asks for, those of them that the path leaves open."""
        slots = 0
        for event in body.events[entry.events :] if self.optional else ():
            slots |= mask(event.guard)
        facts = known(path.guard)
        return [x for x in self.optional if mask(x) & slots and decided(x, facts) is None]

    def entry(self, body: Body, path: Path, at: int) -> LoopEntry:
        """A turn of a loop begins here, if there is a loop."""
        return LoopEntry(
            events=len(body.events),
            warns=len(self.warns),
            assumes=len(self.assumes),
            handed=len(self.handed),
            guard=path.guard,
            env=dict(path.env),
            groups=dict(path.groups),
            earlier=path.turns.get(at),
        )

    def loop_turn(self, body: Body, loops: Loops, path: Path, entry: LoopEntry, to: int) -> LoopTurn | None:
        """The turn, or the turns, since a beginning; None if it cannot be left out whatever it does."""
        if len(self.handed) > entry.handed:
            return None
        if overlaps.differ(body.events[entry.events :], self.overlaid, entry.guard):
            return None
        warns = tuple(w.hit for w in self.warns[entry.warns :] if w.body == body.id)
        assumes = self.assumes[entry.assumes :]
        warned = tuple(w.hit for w in self.warns[: entry.warns] if w.body == body.id)
        assumed = self.assumes[: entry.assumes]
        return LoopTurn(body, entry, path, loops.live.at(to), loops.at_end, warns, assumes, warned, assumed)

    def left_out(
        self, body: Body, loops: Loops, path: Path | None, to: int, anyhow: bool = False
    ) -> tuple[int, ...] | None:
        """The events of the turn that ``path`` goes back from, or of this one and those before it, if these
        can be left out. ``anyhow``: as for ``looked_by``, of the turn alone."""
        latest = None if path is None else path.turns.get(to)
        if path is None or latest is None:
            return None
        for entry in [latest] if anyhow else latest.turns():
            turn = self.loop_turn(body, loops, path, entry, to)
            events = None if turn is None else looked_by(turn, self.locks, anyhow, self.spontaneous)
            if events is not None:
                return events
        return None

    def last_turn(self, body: Body, loops: Loops, path: Path, at: int, to: int, *, ended: list[Path]) -> bool:
        """Can the turn that ``path`` goes back from be left out? Then the turn is the last one, or the body
        comes to rest in it."""
        events = self.left_out(body, loops, path, to)
        if events is None:
            return False
        span, start = loops.span(at, to), loops.code[to]
        what = start.what if isinstance(start, Label) else ""
        looks = rests.looks_at(self, body, path, events, span, ended=ended)
        wait = Wait(body.cpu, "spin", what, span, looks, last(body), returns=self.locks.rely(events))
        ended.append(self.stop(body, "look", path, wait))
        self.rests_in(events)
        self.assume(call("and", *path.guard), FALSE, wait)
        return True

    def step(self, body: Body, instruction: Instruction, path: Path, ended: list[Path]) -> None:
        """One instruction that does not jump; the paths on which it is never done are added to ``ended``."""
        env = path.env
        if isinstance(instruction, SetRegister):
            copied = isinstance(instruction.value, Reg)
            value, span = instruction.value, instruction.span or self.near
            env[instruction.reg] = (
                substitute(value, env) if copied else sections.given_value(self, value, path, span)
            )
        elif isinstance(instruction, Emit) and instruction.op in STRAIGHT_OPS and not self.halting:
            if self.indexed:
                self.index_stays(instruction, env)
            self.event(body, instruction, path)
        elif isinstance(instruction, Emit):
            if sections.makes_event(self, body, instruction, env):
                rests.in_front(self, body, instruction, path, ended)
            if instruction.op == "SEND":
                interrupts.cut_sends(self, body, instruction, path)
            self.emit(body, instruction, path)
        elif isinstance(instruction, Assume):
            rests.look(self, body, instruction, path, ended)
        elif isinstance(instruction, Decide):
            value = sections.given_value(self, instruction.condition, path, instruction.span)
            self.decides(body, path.guard, value, instruction.span, instruction.limit)
        elif isinstance(instruction, Warn):
            value = sections.given_value(self, instruction.condition, path, instruction.span)
            self.decides(body, path.guard, value, instruction.span)
            hit = call("and", *path.guard, value)
            self.warnings.setdefault(body.cpu, []).append(hit)
            after = body.events[-1].id if body.events else -1
            self.warns.append(Warned(body.id, body.cpu, after=after, hit=hit, span=instruction.span))

    def emit(self, body: Body, code: Emit, path: Path) -> None:
        env = path.env
        if code.op in ("RCU", "EQS", "SYSRET"):
            if code.op == "RCU" and code.touches:
                sections.section(self, body, code, path)
            elif code.op != "SYSRET":
                sections.reader(self, body, code, path)
            return
        domain = None
        if code.op == "GP" or code.kind == "rcu":
            for touch in code.touches:
                domain = srcu.domain(substitute(touch.addr, env), code.span)
            code = code._replace(touches=())
        if self.indexed:
            self.index_stays(code, env)
        if code.op in INVALIDATING:
            named = invalidation(code.kind)
            if (code.va is not None, code.pcid is not None) != (named.va, named.pcid):
                raise InternalError(f"{code.text}: what {code.kind!r} names is not what its row says")
        va, pcid, waited = code.va, code.pcid, code.waited
        if va is not None or pcid is not None or waited is not None:
            va, pcid, waited = [None if a is None else substitute(a, env) for a in (va, pcid, waited)]
        before = dict(env) if code.op == "SEND" or code.targets else env
        event = self.event(body, code, path)
        event.va, event.pcid, event.waited, event.domain = va, pcid, waited, domain
        for value in (va, pcid, *(substitute(target.guard, before) for target in code.targets)):
            if value is not None:  # it decides what the event names, or where it sends
                self.decides(body, path.guard, value, code.span)
        if code.op == "IRQ" and code.kind != "bh":
            at = len(body.events)
            sections.reader(self, body, code, path)
            event.joined = code.joined or len(body.events) > at  # a reader from that instant on
        if code.op == "SEND":
            event.handlers = tuple(interrupts.send(self, event, code, path, before))
            path.groups[code.group] = (*path.groups.get(code.group, ()), *event.handlers)
        elif code.op == "WAIT":
            event.handlers = path.groups.get(code.group, ())

    def accesses(self, touches: tuple[Touch, ...], env: Env) -> tuple[Access, ...]:
        """What an instruction accesses; the locals that receive what it reads have it from here on."""
        addresses = [substitute(touch.addr, env) for touch in touches]
        slots = [None if touch.into is None else self.slot() for touch in touches]
        for touch, slot in zip(touches, slots, strict=True):
            if touch.into is not None and slot is not None:
                env[touch.into] = Ref(slot)
                if touch.seen is not None:
                    env[touch.into] = substitute(touch.seen, env)
        return tuple(
            [
                Access(
                    address,
                    slot,
                    None if touch.value is None else substitute(touch.value, env),
                    TRUE if touch.when is TRUE else substitute(touch.when, env),
                )
                for touch, slot, address in zip(touches, slots, addresses, strict=True)
            ]
        )

    def event(self, body: Body, code: Emit, path: Path) -> Event:
        """The event of an instruction. Some values decide what it does: whether it stores, and what a
        register of the processor holds from then on."""
        accesses = self.accesses(code.touches, path.env)
        load = _load_of(body, code) if code.virtual else None
        event = self.add(
            Event(
                len(self.events),
                body.id,
                body.cpu,
                code.op,
                call("and", *path.guard, *_unfaulted(load)) if path.guard or load else TRUE,
                accesses,
                code.virtual,
                code.kind,
                serializing=code.serializing,
                span=code.span,
                text=code.text,
                joined=code.joined,
                unless=None if load is None else load.id,
            )
        )
        self.origin[event.id] = code
        if accesses:
            self.locks.flagged(event, body, path)
            self.locks.stored(event, path)
        for access in accesses:
            if access.when is not TRUE:
                self.decides(body, path.guard, access.when, code.span)
            if access.value is not None and _is_register(access.addr):
                self.decides(body, path.guard, access.value, code.span)
        return event

    def index_stays(self, code: Emit, env: Env) -> None:
        """Raise ``InputError`` where an instruction uses the index of an SRCU section for anything but its
        end."""
        for touch in code.touches:
            kept = sections.keeps_index(self, code, touch, env)
            for part in (touch.addr, None if kept else touch.value, touch.when):
                srcu.check(part, env, code.span)


def _load_of(body: Body, code: Emit) -> Event | None:
    """The translated load of the instruction whose translated store comes next in a body."""
    last = body.events[-1] if body.events and code.op == "W" and code.virtual else None
    return last if last is not None and last.op == "R" and last.joined and last.virtual else None


def _unfaulted(load: Event | None) -> Iterator[Expr]:
    """That the load has not faulted."""
    for access in load.accesses if load is not None else ():
        if access.slot is not None:
            yield call("not", has(access.slot, FAULT))


def _is_register(addr: Expr) -> bool:
    """Is it the address of a register that decides what a CPU does?"""
    cell = addr.value if isinstance(addr, Const) else None
    return isinstance(cell, Ptr) and cell.base.endswith((":irq", ":cr3", ":pcid"))
