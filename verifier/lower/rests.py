"""Where bodies may come to rest for ever (MMR 20.1)."""

from __future__ import annotations

from verifier.lower import sections, srcu
from verifier.lower.code import (
    Assume,
    Branch,
    Emit,
    Instruction,
    Jump,
    Label,
    Lowered,
)
from verifier.lower.collector import Collector, last
from verifier.lower.facts import decided, known
from verifier.lower.paths import Env, Path, negation, substitute
from verifier.program.events import RANKS, Body, Observable
from verifier.program.expressions import TRUE, Expr, Ref, call
from verifier.program.waits import Wait
from verifier.records import replace
from verifier.source import Span


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


def halting(lowered: Lowered) -> dict[int, int]:
    """By CPU, the highest rank (``Body.rank``) of the interrupts that may come to rest there."""
    found: dict[int, int] = {}
    pending: list[tuple[int, int, tuple[Instruction, ...]]] = [(-1, 0, code) for code in lowered.threads]
    pending += [(cpu, RANKS.index("nmi"), code) for cpu, code in lowered.nmis]
    pending += [(p.cpu, RANKS.index("handler"), p.code) for p in lowered.pending]
    seen: set[tuple[int, int, int]] = set()
    codes = {p.key: p.code for p in lowered.pending}  # of handlers that may be sent from within
    while pending:
        cpu, rank, code = pending.pop()
        if (cpu, rank, id(code)) in seen:
            continue
        seen.add((cpu, rank, id(code)))
        if rank and _comes_to_rest(code):
            found[cpu] = max(rank, found.get(cpu, 0))
        for x in (x for x in code if isinstance(x, Emit) and x.targets):
            above = RANKS.index("callback" if x.kind == "rcu" else "handler")
            codes |= {t.key: t.code for t in x.targets if not t.again}
            pending += [
                (t.cpu, RANKS.index("nmi") if t.nmi else above, codes[t.key] if t.again else t.code)
                for t in x.targets
            ]
    return found


def waiting(c: Collector, body: Body, code: Assume) -> Wait:
    """What an assumption of a body stands for: it looks by the last events, those that are its own."""
    looks: list[int] = []
    for event in reversed(body.events):
        if not any(c.origin.get(event.id) is x for x in code.reads) or event.id in c.last_looks:
            break
        looks.append(event.id)
    c.last_looks = frozenset(looks)
    events, after = tuple(reversed(looks)), last(body)
    return Wait(body.cpu, code.kind, what=code.what, span=code.span, events=events, after=after)


def look(c: Collector, body: Body, code: Assume, path: Path, ended: list[Path]) -> None:
    """The end of a wait: what is looked for is there, or the body comes to rest here. Where processors walk
    only for accesses, a look that walks and fails is no last one: the run is cut (MMR 20.4)."""
    holds, wait = sections.given_value(c, code.condition, path, code.span), waiting(c, body, code)
    c.decides(body, path.guard, holds, code.span)
    walks = any(c.events[e].virtual or c.events[e].op == "T" for e in wait.events)
    if wait.kind and holds != TRUE and walks and not c.spontaneous:
        guard = call("and", *path.guard, negation(holds))
        c.cut(body, code.span, guard, endless=False)
        path.guard = (*path.guard, holds)
        return
    if wait.kind not in ("", "retry") and holds != TRUE:
        looks = looks_at(c, body, path, wait.events, code.span, ended=ended, fails=negation(holds))
        wait = wait._replace(holds=holds, events=looks, after=last(body))
        ended.append(c.stop(body, "look", path, wait))
        here = Ref(c.stops[-1].slot)
        c.assume(here, negation(holds), wait._replace(kind="stopped"))
        c.rests_in(wait.events)
    c.assume(call("and", *path.guard), holds, wait)
    if wait.kind == "lock" and len(wait.events) == 1:
        c.locks.waited(c.events[wait.events[0]], wait, path)


def looks_at(
    c: Collector,
    body: Body,
    path: Path,
    events: tuple[int, ...],
    span: Span | None,
    *,
    ended: list[Path],
    fails: Expr = TRUE,
) -> tuple[int, ...]:
    """The events of a look that ``fails`` on a path. Where perhaps none of them is executed, with one more,
    at which the body waits."""
    facts = known(path.guard)
    sure = (e for e in map(c.events.__getitem__, events) if e.op not in ("F", "JMP"))
    if any(decided(e.guard, facts) for e in sure):
        return events
    return (*events, _pause(c, body, path, span, ended=ended, fails=fails))


def _pause(c: Collector, body: Body, path: Path, span: Span | None, *, ended: list[Path], fails: Expr) -> int:
    """An event at which a body waits that looks at nothing; its number."""
    there = path.under(fails)
    assert there is not None
    if c.halting.get(body.cpu, 0) > body.rank:
        ended.append(c.stop(body, "interrupted", there, event=len(c.events)))
        path.guard = (*path.guard, there.guard[-1])
    return c.pause(body, there, span)


def in_front(c: Collector, body: Body, code: Emit, path: Path, ended: list[Path]) -> None:
    """The body may come to rest in front of an instruction: by what it waits for there, or because
    an interrupt does not return."""
    halfway = bool(body.events) and body.events[-1].joined
    if c.halting.get(body.cpu, 0) > body.rank and not halfway:
        ended.append(c.stop(body, "interrupted", path, event=len(c.events)))
    if code.op == "WAIT":
        handlers = path.groups.get(code.group, ())
        if handlers:
            ended.append(c.stop(body, "answers", path, event=len(c.events)))
            missing = [Ref(s.slot) for s in c.stops if s.body in handlers]
            wait = Wait(body.cpu, "answers", "", code.span)
            c.assume(call("and", *path.guard), negation(call("or", *missing)), wait)
    elif code.op == "GP" and code.kind == "end":
        ended.append(c.stop(body, "grace", path, event=len(c.events)))


def observed(c: Collector, o: Observable, finals: list[Env]) -> Observable:
    """What a condition asks for, over slots; ``finals`` are the threads' locals at their ends."""
    if o.kind == "hang":
        waits = [s for s in c.stops if o.cpu is None or (o.cpu == s.cpu and s.kind != "pending")]
        return replace(o, expr=call("or", *(Ref(s.slot) for s in waits)))
    if o.kind == "reg" and o.cpu is not None and o.expr is not None:
        expr = substitute(o.expr, finals[o.cpu])
        return replace(o, expr=srcu.shown(expr) if c.indexed else expr)
    return o


def over(c: Collector, body: Body) -> Expr:
    """That an interrupt has come to its end, where only another one can still keep it."""
    if c.halting.get(body.cpu, 0) > body.rank:
        c.stop(body, "interrupted", Path((body.guard,), {}, {}), event=len(c.events))
    stops = (s.slot for s in c.stops if s.body == body.id and s.kind != "pending")
    return call("and", body.guard, *(negation(Ref(slot)) for slot in stops))
