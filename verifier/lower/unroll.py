"""Code to guarded events: loops are cut at a bound, branches become guards, locals become slots.

A body's code is laid out once for each backward jump it may take: a backward jump from copy ``t``
goes to its label in copy ``t + 1``, and one from the last copy is a *cut*.  Walking all copies in
order, paths that meet at a label are merged: guards by disjunction, locals by ``ite``.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from verifier.budget import Budget
from verifier.errors import InternalError, LimitError
from verifier.lower import srcu
from verifier.lower.code import (
    Assume,
    Branch,
    Emit,
    Instruction,
    Jump,
    Label,
    Lowered,
    PendingHandler,
    SetRegister,
    Warn,
)
from verifier.lower.paths import Env, Path, merge, negation, substitute
from verifier.lower.turns import Live, LoopEntry, decided, known, live, looked_by
from verifier.program.events import RANKS, Access, Body, BodyKind, Event, Observable, Program, Warned
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, Ref, Reg, call, parts
from verifier.program.invalidations import INVALIDATING, invalidation
from verifier.program.ops import KINDS, Kind, Op
from verifier.program.values import Ptr, halted
from verifier.program.waits import Loop, Stop, StopKind, Wait
from verifier.source import Span
from verifier.words.rows import KERNEL

MAX_EVENTS = 4000
MAX_CONDITIONS = 2_000_000  # in the guards of all events together


def _ending(code: tuple[Instruction, ...]) -> Literal["", "sysret"]:
    """How a handler returns: ``sysret``, or nothing for IRET."""
    last = next((x for x in reversed(code) if not isinstance(x, Label | SetRegister)), None)
    return "sysret" if isinstance(last, Emit) and last.op == "SYSRET" else ""


def _with_handlers(code: Iterable[tuple[Instruction, ...]]) -> list[tuple[Instruction, ...]]:
    """This code and the code of all handlers that it starts, each once."""
    found: dict[int, tuple[Instruction, ...]] = {}
    pending = list(code)
    while pending:
        body = pending.pop()
        if id(body) not in found:
            found[id(body)] = body
            pending += [t.code for x in body if isinstance(x, Emit) for t in x.targets]
    return list(found.values())


def _waits_for_readers(x: Instruction) -> bool:
    """Does an RCU grace period begin here? SRCU's readers are no RCU readers."""
    if not isinstance(x, Emit) or x.touches:
        return False
    return x.kind == "rcu" or (x.op == "GP" and x.kind == "start")


def _reading(env: Env) -> Expr:
    """Is there a reason to be an RCU reader: a section, a window with interrupts off (MMR 18.1)?"""
    nested = call("gt", env.get("%rcu", Const(0)), Const(0))
    return call("or", nested, env.get("%off", FALSE))


def _comes_to_rest(code: tuple[Instruction, ...]) -> bool:
    """May a body with this code come to rest for ever?"""
    labels = set[str]()
    for x in code:
        if isinstance(x, Label):
            labels.add(x.name)
        elif isinstance(x, Jump | Branch) and x.target in labels:
            return True  # a loop may never be left
        elif (isinstance(x, Assume) and x.kind) or (isinstance(x, Emit) and x.op in ("WAIT", "GP")):
            return True
    return False


def _halting(lowered: Lowered) -> dict[int, int]:
    """By CPU, the highest rank (``Body.rank``) of the interrupts that may come to rest there."""
    found: dict[int, int] = {}
    pending: list[tuple[int, int, tuple[Instruction, ...]]] = [(-1, 0, code) for code in lowered.threads]
    pending += [(cpu, RANKS.index("nmi"), code) for cpu, code in lowered.nmis]
    pending += [(p.cpu, RANKS.index("handler"), p.code) for p in lowered.pending]
    seen: set[tuple[int, int, int]] = set()
    while pending:
        cpu, rank, code = pending.pop()
        if (cpu, rank, id(code)) in seen:
            continue
        seen.add((cpu, rank, id(code)))
        if rank and _comes_to_rest(code):
            found[cpu] = max(rank, found.get(cpu, 0))
        for x in (x for x in code if isinstance(x, Emit)):
            above = RANKS.index("callback" if x.kind == "rcu" else "handler")
            pending += [(t.cpu, RANKS.index("nmi") if t.nmi else above, t.code) for t in x.targets]
    return found


def _asked(lowered: Lowered) -> list[frozenset[str]]:
    """By CPU, the locals that observables ask for."""
    found: list[set[str]] = [set() for _ in lowered.threads]
    for o in lowered.observables:
        if o.kind == "reg" and o.cpu is not None and o.expr is not None:
            found[o.cpu] |= {part.name for part in parts(o.expr) if isinstance(part, Reg)}
    return [frozenset(names) for names in found]


def _last(body: Body) -> int:
    """The last event of a body; -1 if it has none yet."""
    return body.events[-1].id if body.events else -1


class _Loops:
    """The loops of one body: where turns begin, and which locals are live there."""

    def __init__(self, code: tuple[Instruction, ...], at_end: frozenset[str], places: dict[str, int]) -> None:
        self.code, self.at_end, self.places = code, at_end, places
        self.entered: dict[int, LoopEntry] = {}
        self._live: Live | None = None

    @property
    def live(self) -> Live:
        """The live locals of each label."""
        if self._live is None:
            self._live = live(self.code, self.at_end)
        return self._live

    def span(self, at: int, to: int) -> Span | None:
        """From the beginning of a loop to the jump back."""
        start, end = self.code[to].span, self.code[at].span
        if start is not None and end is not None and start.source is end.source:
            return start.to(end)
        return start or end


@dataclass(slots=True)
class _Unroller:
    bound: int
    budget: Budget
    exact: bool = True  # are loops that are their last turn taken for it?
    given: Env = field(default_factory=dict)  # what every body knows from the start
    graced: bool = False  # does anybody wait for RCU readers?
    registers: Container[Ptr] = frozenset()  # the cells of the test
    waited: frozenset[str] = frozenset()  # the groups of sends that somebody waits for
    barriers: bool = False  # does anybody wait for callbacks?
    bodies: list[Body] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    slots: int = 0
    assumes: list[Expr] = field(default_factory=list)
    cuts: list[Expr] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    warnings: dict[int, list[Expr]] = field(default_factory=dict)
    warns: list[Warned] = field(default_factory=list)
    conditions: int = 0  # in the guards of all events
    cuts_after: list[int] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    origin: dict[int, Emit] = field(default_factory=dict)  # what each event was made of
    last_looks: frozenset[int] = frozenset()  # of the wait before
    at_end: list[frozenset[str]] = field(default_factory=list)  # by CPU, the locals that observables ask for
    halting: dict[int, int] = field(default_factory=dict)  # CPU -> highest rank of what may come to rest
    indexed: bool = False  # has there been an SRCU section?
    near: Span | None = None  # of the next instruction that has one, once there has been a section

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def add(self, event: Event) -> Event:
        if len(self.events) >= MAX_EVENTS:
            raise LimitError(f"more than {MAX_EVENTS} events after unrolling; ask for a smaller bound")
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

    def waiting(self, body: Body, code: Assume) -> Wait:
        """What an assumption of a body stands for: it looks by the last events, those that are its own."""
        looks: list[int] = []
        for event in reversed(body.events):
            if not any(self.origin.get(event.id) is x for x in code.reads) or event.id in self.last_looks:
                break
            looks.append(event.id)
        self.last_looks = frozenset(looks)
        events, after = tuple(reversed(looks)), _last(body)
        return Wait(body.cpu, code.kind, what=code.what, span=code.span, events=events, after=after)

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

    def look(self, body: Body, code: Assume, path: Path, ended: list[Path]) -> None:
        """The end of a wait: what is looked for is there, or the body comes to rest here."""
        holds, wait = self.given_value(code.condition, path, code.span), self.waiting(body, code)
        if wait.kind and holds != TRUE:
            if not wait.events:
                pause = self.pause(body, path, code.span)
                wait = wait._replace(events=(pause,), after=pause)
            wait = wait._replace(holds=holds)
            ended.append(self.stop(body, "look", path, wait))
            here = Ref(self.stops[-1].slot)
            self.assume(here, negation(holds), wait._replace(kind="stopped"))
            self.rests_in(wait.events)
        self.assume(call("and", *path.guard), holds, wait)

    def halt(self, body: Body, code: Emit, path: Path, ended: list[Path]) -> None:
        """The body may come to rest in front of an instruction: by what it waits for there, or because
        an interrupt does not return."""
        halfway = bool(body.events) and body.events[-1].joined
        if self.halting.get(body.cpu, 0) > body.rank and not halfway:
            ended.append(self.stop(body, "interrupted", path, event=len(self.events)))
        if code.op == "WAIT":
            handlers = path.groups.get(code.group, ())
            if handlers:
                ended.append(self.stop(body, "answers", path, event=len(self.events)))
                missing = [Ref(s.slot) for s in self.stops if s.body in handlers]
                wait = Wait(body.cpu, "answers", "", code.span)
                self.assume(call("and", *path.guard), negation(call("or", *missing)), wait)
        elif code.op == "GP" and code.kind == "end":
            ended.append(self.stop(body, "grace", path, event=len(self.events)))

    def cut(self, body: Body, loop: Span | None, guard: Expr) -> None:
        """A backward jump is not taken: a loop is cut."""
        who = f"{body.name}() on CPU {body.cpu}" if body.kind in ("handler", "callback") else body.name
        self.cuts.append(guard)
        self.cuts_after.append(_last(body))
        self.loops.append(Loop(body.cpu, who, loop))

    def body(
        self, cpu: int, kind: BodyKind, name: str, guard: Expr = TRUE, send: Event | None = None
    ) -> Body:
        body = Body(len(self.bodies), cpu, kind, name, guard=guard, send=send)
        self.bodies.append(body)
        return body

    def thread(self, cpu: int, code: tuple[Instruction, ...], off: bool) -> Env:
        """Unroll a thread, which may start with interrupts off; its locals at the end."""
        body = self.body(cpu, "thread", f"P{cpu}")
        if off and self.graced:
            self.mark(body, TRUE, "held", None)
        return self.run(body, code, Path((), {**self.given, "%off": Const(int(off))}, {})).env

    def run(self, body: Body, code: tuple[Instruction, ...], path: Path) -> Path:
        """Unroll ``code`` into ``body`` from ``path``; the path at its end."""
        places = {x.name: i for i, x in enumerate(code) if isinstance(x, Label)}
        loops = _Loops(code, self.at_end[body.cpu] if body.kind == "thread" else frozenset(), places)
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
                        current = merge([current, *here] if current else here, self.budget)
                    if current is not None:
                        loops.entered[at] = self.entry(body, current)
                elif current is None:
                    continue
                else:
                    self.budget.tick()
                    if kind is Jump or kind is Branch:
                        current = self.jump(
                            body, loops, current, at, copy=copy, arriving=arriving, ended=finished
                        )
                    else:
                        if self.indexed:
                            self.near = next((x.span for x in code[at:] if x.span is not None), None)
                        self.step(body, instruction, current, finished)
            if current is not None:
                finished.append(current)
                current = None
            here = arriving.pop((copy, end), None)
            if here:
                finished += here
            copy += 1
            if not arriving:
                break
        return merge(finished, self.budget) or Path((FALSE,), {}, {})

    def jump(
        self,
        body: Body,
        loops: _Loops,
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
            condition = call("bool", self.given_value(instruction.condition, path, instruction.span))
        taken, rest = path.under(condition), path.under(negation(condition))
        if taken is not None:
            to = loops.places[instruction.target]
            if to <= at:
                if self.exact and self.last_turn(body, loops, taken, at, to, ended=ended):
                    return rest
                if copy >= self.bound:
                    self.cut(body, loops.span(at, to), guard=call("and", *taken.guard))
                    return rest
                copy += 1
            arriving.setdefault((copy, to), []).append(taken)
        return rest

    def entry(self, body: Body, path: Path) -> LoopEntry:
        """A turn of a loop begins here, if there is a loop."""
        return LoopEntry(len(body.events), len(self.warns), path.guard, dict(path.env), dict(path.groups))

    def last_turn(
        self, body: Body, loops: _Loops, path: Path, at: int, to: int, *, ended: list[Path]
    ) -> bool:
        """Can the turn that ``path`` goes back from be left out? Then the turn is the last one, or the body
        comes to rest in it."""
        events = looked_by(
            body, loops.entered[to], path, loops.live[to],
            lambda first: (w.hit for w in self.warns[first:] if w.body == body.id),
        )  # fmt: skip
        if events is None:
            return False
        span, start = loops.span(at, to), loops.code[to]
        what = start.what if isinstance(start, Label) else ""
        wait = Wait(body.cpu, "spin", what, span, events or (self.pause(body, path, span),), _last(body))
        ended.append(self.stop(body, "look", path, wait))
        self.rests_in(events)
        self.assume(call("and", *path.guard), FALSE, wait)
        return True

    def rests_in(self, events: Iterable[int]) -> None:
        """Where a body rests at the last stop, these events only look: what fails there takes no lock."""
        here = Ref(self.stops[-1].slot)
        for event in map(self.events.__getitem__, events):
            for access in event.accesses:
                access.when = call("and", negation(here), access.when)

    def step(self, body: Body, instruction: Instruction, path: Path, ended: list[Path]) -> None:
        """One instruction that does not jump; the paths on which it is never done are added to ``ended``."""
        env = path.env
        if isinstance(instruction, SetRegister):
            copied = isinstance(instruction.value, Reg)
            value, span = instruction.value, instruction.span or self.near
            env[instruction.reg] = substitute(value, env) if copied else self.given_value(value, path, span)
        elif isinstance(instruction, Emit):
            self.halt(body, instruction, path, ended)
            self.emit(body, instruction, path)
        elif isinstance(instruction, Assume):
            self.look(body, instruction, path, ended)
        elif isinstance(instruction, Warn):
            hit = call("and", *path.guard, self.given_value(instruction.condition, path, instruction.span))
            self.warnings.setdefault(body.cpu, []).append(hit)
            after = body.events[-1].id if body.events else -1
            self.warns.append(Warned(body.id, body.cpu, after=after, hit=hit, span=instruction.span))

    def mark(self, body: Body, guard: Expr, kind: Kind, code: Emit | None) -> None:
        """The beginning or the end of an RCU reader's section; unnamed if it is a window's."""
        if guard != FALSE:
            span, text = (code.span, code.text) if code is not None and code.op == "RCU" else (None, "")
            event = Event(
                len(self.events), body.id, body.cpu, "RCU", guard=guard, kind=kind, span=span, text=text
            )
            self.add(event)

    def reader(self, body: Body, code: Emit, path: Path) -> None:
        """What an instruction changes in the reasons to be a reader; only first and last count. A handler
        is one from its delivery to its return."""
        if not self.graced or body.rank:
            return
        env, before = path.env, _reading(path.env)
        if code.op == "IRQ":
            value = code.touches[0].value
            assert value is not None
            known = {**env, code.touches[0].into or "": call("not", env.get("%off", FALSE))}
            env["%off"] = call("not", substitute(value, known))
        else:
            count = env.get("%rcu", Const(0))
            step = Const(1) if code.kind == "lock" else Const(-1)
            more = call("add", count, step)
            env["%rcu"] = call("ite", call("gt", more, Const(0)), more, Const(0))
        after = _reading(env)
        self.mark(body, call("and", *path.guard, negation(before), after), "lock", code)
        self.mark(body, call("and", *path.guard, before, negation(after)), "unlock", code)

    def given_value(self, expr: Expr, path: Path, span: Span | None) -> Expr:
        """What an expression is on a path; no index of an SRCU section."""
        if self.indexed:
            srcu.check(expr, path.env, span)
        return substitute(expr, path.env)

    def section(self, body: Body, code: Emit, path: Path) -> None:
        """The beginning or the end of an SRCU section (MMR 18.4). These count each for itself, and in
        handlers, too."""
        (touch,), env = code.touches, path.env
        domain = srcu.domain(substitute(touch.addr, env), code.span)
        guard = call("and", *path.guard)
        if touch.value is None:
            assert touch.into is not None
            self.indexed = True
            event = self.srcu_mark(body, guard, code, domain)
            env[touch.into] = srcu.index(event.id)
            return
        if not isinstance(touch.value, Reg):
            srcu.check(touch.value, env, code.span)
        for began, this in srcu.ended(substitute(touch.value, env), path.guard, code.span):
            lock = self.events[began]
            if lock.body != body.id:
                raise srcu.elsewhere(code.span)
            assert lock.domain is not None
            if lock.domain != domain:
                raise srcu.mixed(lock.domain, domain, code.span)
            facts = known((*path.guard, this))
            if any(e.begun == began and decided(e.guard, facts) for e in body.events):
                raise srcu.over(code.span)
            self.srcu_mark(body, call("and", guard, this), code, domain, began)

    def srcu_mark(
        self, body: Body, guard: Expr, code: Emit, domain: Ptr | None, began: int | None = None
    ) -> Event:
        """An end of a section of SRCU, or of a callback."""
        return self.add(
            Event(
                len(self.events),
                body.id,
                body.cpu,
                "RCU",
                guard=guard,
                kind=code.kind,
                span=code.span,
                text=code.text,
                domain=domain,
                begun=began,
            )
        )

    def emit(self, body: Body, code: Emit, path: Path) -> None:
        env = path.env
        if code.op in ("RCU", "SYSRET"):
            if code.op == "RCU" and code.touches:
                self.section(body, code, path)
            elif code.op == "RCU":
                self.reader(body, code, path)
            return
        domain = None
        if code.op == "GP" or code.kind == "rcu":
            for touch in code.touches:
                domain = srcu.domain(substitute(touch.addr, env), code.span)
            code = code._replace(touches=())
        for touch in code.touches if self.indexed else ():
            for part in (touch.addr, touch.value, touch.when):
                srcu.check(part, env, code.span)
        addresses = [substitute(touch.addr, env) for touch in code.touches]
        if code.op in INVALIDATING:
            named = invalidation(code.kind)
            if (code.va is not None, code.pcid is not None) != (named.va, named.pcid):
                raise InternalError(f"{code.text}: what {code.kind!r} names is not what its row says")
        va, pcid, waited = [
            None if a is None else substitute(a, env) for a in (code.va, code.pcid, code.waited)
        ]
        slots = [None if touch.into is None else self.slot() for touch in code.touches]
        before = dict(env)
        for touch, slot in zip(code.touches, slots, strict=True):
            if touch.into is not None and slot is not None:
                env[touch.into] = Ref(slot)
        event = self.add(
            Event(
                id=len(self.events),
                body=body.id,
                cpu=body.cpu,
                op=code.op,
                guard=call("and", *path.guard),
                accesses=tuple(
                    Access(
                        address,
                        slot,
                        None if touch.value is None else substitute(touch.value, env),
                        substitute(touch.when, env),
                    )
                    for touch, slot, address in zip(code.touches, slots, addresses, strict=True)
                ),
                virtual=code.virtual,
                kind=code.kind,
                va=va,
                pcid=pcid,
                waited=waited,
                serializing=code.serializing,
                span=code.span,
                text=code.text,
                joined=code.joined,
                domain=domain,
            )
        )
        self.origin[event.id] = code
        if code.op == "IRQ":
            self.reader(body, code, path)
            event.joined = body.events[-1] is not event  # a reader from that instant on
        if code.op == "SEND":
            event.handlers = tuple(self.send(event, code, path, before))
            path.groups[code.group] = (*path.groups.get(code.group, ()), *event.handlers)
        elif code.op == "WAIT":
            event.handlers = path.groups.get(code.group, ())

    def send(self, event: Event, code: Emit, path: Path, env: Env) -> list[int]:
        """One handler body for each CPU that may be a target."""
        made: list[int] = []
        for target in code.targets:
            wanted = substitute(target.guard, env)
            if wanted == FALSE:
                continue
            guard = call("and", event.guard, wanted)
            name = target.name or "handler"
            kind: Literal["", "callback"] = "callback" if event.kind == "rcu" else ""
            rank: BodyKind = "nmi" if target.nmi else kind or "handler"
            body = self.body(target.cpu, rank, name, guard, send=event)
            made.append(body.id)
            sent = path.under(call("bool", wanted))
            assert sent is not None
            local = {**self.given, **{name: substitute(value, env) for name, value in target.locals}}
            if target.nmi:
                self.strike(body, target.code, sent, local, code.span)
            else:
                waited = code.group in self.waited
                self.handler(body, target.code, sent, local, code.span, kind=kind, waited=waited)
        return made

    def handler(
        self,
        body: Body,
        code: tuple[Instruction, ...],
        sent: Path,
        local: Env,
        span: Span | None,
        *,
        kind: Literal["", "callback"] = "",
        waited: bool = False,
    ) -> None:
        """A handler or a callback that is sent on the path ``sent``, from its delivery to its return."""
        irq, name = Const(Ptr(f"{body.cpu}:irq")), body.name
        self.stop(body, "pending", sent)
        inside = sent.guard
        guard = body.guard = call("and", *inside)
        slot = self.slot()
        off = None if kind else Const(0)
        accesses = (Access(irq, slot, off), *self.wakes(body.cpu))
        self.ends(body, "DLV", accesses, span=span, name=name, kind=kind)
        why = Wait(body.cpu, "interrupt", "for interrupts to be on", span)
        self.assume(guard, call("eq", Ref(slot), Const(1)), why)
        self.within(body, code, Path(inside, local, {}), guard)
        if kind and self.barriers and body.send is not None:
            end = Emit("RCU", kind="unlock", span=span)
            self.srcu_mark(body, self.over(body), end, body.send.domain, body.send.id)
        if waited:
            self.ends(body, "ACK", (), span=span, name=name, guard=self.over(body))
        on = () if kind else (Access(irq, None, Const(1)),)
        self.ends(body, "IRET", on, span=span, name=name, kind=kind or _ending(code), guard=self.over(body))

    def pending(self, p: PendingHandler) -> None:
        """A handler that is pending from the start."""
        body = self.body(p.cpu, "handler", p.name)
        self.handler(body, p.code, Path((), {}, {}), {**self.given, **dict(p.locals)}, p.span)

    def nmi(self, cpu: int, code: tuple[Instruction, ...]) -> None:
        """An NMI, which may strike or not."""
        strikes = Ref(self.slot())
        body = self.body(cpu, "nmi", f"the NMI of CPU {cpu}", strikes)
        self.struck(body, code, Path((strikes,), dict(self.given), {}), None, name="NMI")

    def strike(
        self, body: Body, code: tuple[Instruction, ...], sent: Path, local: Env, span: Span | None
    ) -> None:
        """An NMI that is sent: it strikes, unless its CPU has come to rest in another one."""
        if self.halting.get(body.cpu, 0) >= body.rank:
            self.stop(body, "pending", sent)
        body.guard = call("and", *sent.guard)
        self.struck(body, code, Path(sent.guard, local, {}), span, name=body.name)

    def struck(
        self, body: Body, code: tuple[Instruction, ...], path: Path, span: Span | None, name: str
    ) -> None:
        """An NMI from its delivery to its return."""
        self.ends(body, "NMI", self.wakes(body.cpu), span=span, name=name)
        self.within(body, code, path, body.guard)
        self.ends(body, "IRET", (), span=span, name=name, guard=self.over(body))

    def wakes(self, cpu: int) -> tuple[Access, ...]:
        """The end of a halt on a CPU that may halt (MMR 8.11)."""
        return (Access(Const(halted(cpu)), None, Const(0)),) if halted(cpu) in self.registers else ()

    def within(self, body: Body, code: tuple[Instruction, ...], path: Path, guard: Expr) -> None:
        """What a handler does between its delivery and its return: all of it as an RCU reader."""
        if self.graced:
            self.mark(body, guard, "lock", None)
        self.run(body, code, path)
        if self.graced:
            self.mark(body, self.over(body), "unlock", None)

    def observable(self, o: Observable, finals: list[Env]) -> Observable:
        """What a condition asks for, over slots; ``finals`` are the threads' locals at their ends."""
        if o.kind == "hang":
            waits = [s for s in self.stops if o.cpu is None or (o.cpu == s.cpu and s.kind != "pending")]
            return replace(o, expr=call("or", *(Ref(s.slot) for s in waits)))
        if o.kind == "reg" and o.cpu is not None and o.expr is not None:
            expr = substitute(o.expr, finals[o.cpu])
            return replace(o, expr=srcu.shown(expr) if self.indexed else expr)
        return o

    def over(self, body: Body) -> Expr:
        """That an interrupt has come to its end, where only another one can still keep it."""
        if self.halting.get(body.cpu, 0) > body.rank:
            self.stop(body, "interrupted", Path((body.guard,), {}, {}), event=len(self.events))
        stops = (s.slot for s in self.stops if s.body == body.id and s.kind != "pending")
        return call("and", body.guard, *(negation(Ref(slot)) for slot in stops))

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


def unroll(lowered: Lowered, bound: int = 2, budget: Budget | None = None, exact: bool = True) -> Program:
    """A lowered test as guarded events, each loop's backward jumps taken at most ``bound`` times.

    ``bound`` counts the backward jumps that one body takes in a run. A loop that is its last turn (MMR 20.4)
    needs no bound, and is unrolled only if ``exact`` is false. Raises ``LimitError`` if the
    result is too large to be decided, or the time is over.
    """
    everything = [
        x
        for code in _with_handlers(
            [*lowered.threads, *(code for _, code in lowered.nmis), *(p.code for p in lowered.pending)]
        )
        for x in code
    ]
    unroller = _Unroller(
        bound,
        budget or Budget(),
        exact=exact,
        graced=any(map(_waits_for_readers, everything)),
        halting=_halting(lowered),
        at_end=_asked(lowered),
        registers=lowered.world.cells.keys(),
        barriers=any(isinstance(x, Emit) and x.kind == "barrier" for x in everything),
        waited=frozenset(x.group for x in everything if isinstance(x, Emit) and x.op == "WAIT"),
    )
    kernel = unroller.slot() if lowered.world.versions else None
    if kernel is not None:
        unroller.given[KERNEL.name] = Ref(kernel)
    irqs = [lowered.world.cells.get(Ptr(f"{cpu}:irq")) for cpu in range(len(lowered.threads))]
    finals = [
        unroller.thread(cpu, code, irq is not None and irq.init == 0)
        for cpu, (code, irq) in enumerate(zip(lowered.threads, irqs, strict=True))
    ]
    for cpu, code in lowered.nmis:
        unroller.nmi(cpu, code)
    for pending in lowered.pending:
        unroller.pending(pending)
    for cpu, env in enumerate(finals):
        if cpu in unroller.warnings:
            env["%warn"] = call("or", *unroller.warnings[cpu])
    if unroller.indexed:
        srcu.check_asked(lowered, finals)
    return Program(
        world=lowered.world,
        bodies=unroller.bodies,
        events=unroller.events,
        slots=unroller.slots,
        assumes=unroller.assumes,
        cuts=unroller.cuts,
        observables=[unroller.observable(o, finals) for o in lowered.observables],
        condition=lowered.condition,
        shown=lowered.shown,
        filter=lowered.filter,
        kernel=kernel,
        warns=unroller.warns,
        bound=bound,
        waits=unroller.waits,
        loops=unroller.loops,
        cuts_after=unroller.cuts_after,
        stops=unroller.stops,
    )
