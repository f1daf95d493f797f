"""RCU and SRCU: where readers' sections begin and end (MMR 18.1, 18.4)."""

from __future__ import annotations

from verifier.lower import srcu
from verifier.lower.code import (
    Emit,
    Touch,
)
from verifier.lower.collector import Collector, Handed, last
from verifier.lower.facts import decided, known
from verifier.lower.paths import Env, Path, negation, substitute
from verifier.lower.taken import now
from verifier.program.events import Body, Event, ReaderBegun, Warned
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call, refs
from verifier.program.ops import Kind
from verifier.program.values import Ptr
from verifier.source import Span


def waits_for_readers(x: Emit) -> bool:
    """Does an RCU grace period begin here? SRCU's readers are no RCU readers."""
    return not x.touches and (x.kind == "rcu" or (x.op == "GP" and x.kind == "start"))


READER_FLAGS = ("%rcu", "%off", "%eqs")  # the locals that say whether a thread is a reader


def reading(env: Env) -> Expr:
    """Is there a reason to be an RCU reader: a section, a window with interrupts off? None counts in an
    extended quiescent state (MMR 18.1)."""
    nested = call("gt", env.get("%rcu", Const(0)), Const(0))
    return call("and", negation(env.get("%eqs", FALSE)), call("or", nested, env.get("%off", FALSE)))


def mark(c: Collector, body: Body, guard: Expr, kind: Kind, code: Emit | None) -> None:
    """The beginning or the end of an RCU reader's section; unnamed if it is a window's."""
    if guard != FALSE:
        told = code is not None and code.op in ("RCU", "EQS")
        span, text = (code.span, code.text) if code is not None and told else (None, "")
        event = Event(len(c.events), body.id, body.cpu, "RCU", guard=guard, kind=kind, span=span, text=text)
        c.add(event)


def makes_event(c: Collector, body: Body, code: Emit, env: Env) -> bool:
    """Does an instruction make an event? The beginning or the end of a section does only where it counts."""
    if code.op not in ("RCU", "EQS") or code.touches:
        return code.op != "SYSRET"
    if not c.graced or body.rank:
        return False
    before, after = reading(env), reading(_counted(env, code))
    return call("and", negation(before), after) != FALSE or call("and", before, negation(after)) != FALSE


def _counted(env: Env, code: Emit) -> Env:
    """The locals behind the beginning or the end of a section, which is counted, or of an extended quiescent
    state."""
    if code.op == "EQS":
        return {**env, "%eqs": TRUE if code.kind == "start" else FALSE}
    more = call("add", env.get("%rcu", Const(0)), Const(1) if code.kind == "lock" else Const(-1))
    return {**env, "%rcu": call("ite", call("gt", more, Const(0)), more, Const(0))}


def reader(c: Collector, body: Body, code: Emit, path: Path) -> None:
    """What an instruction changes in the reasons to be a reader; only first and last count. A handler
    is one from its delivery to its return. An STI with the CLI right behind it ends nothing (MMR 8.11)."""
    if c.optional and code.op == "RCU" and code.kind == "lock":
        c.begun.append(ReaderBegun(body.cpu, code.span, call("and", *path.guard)))
    if not c.graced or body.rank or (code.op == "IRQ" and code.joined):
        return
    env, before = path.env, reading(path.env)
    if code.op == "IRQ":
        env["%off"] = call("not", env[now(Ptr(f"{body.cpu}:irq"))])
    else:
        env |= _counted(env, code)
    after = reading(env)
    mark(c, body, call("and", *path.guard, negation(before), after), "lock", code)
    mark(c, body, call("and", *path.guard, before, negation(after)), "unlock", code)


def given_value(c: Collector, expr: Expr, path: Path, span: Span | None) -> Expr:
    """What an expression is on a path; no index of an SRCU section."""
    if c.indexed:
        srcu.check(expr, path.env, span)
    return substitute(expr, path.env)


def section(c: Collector, body: Body, code: Emit, path: Path) -> None:
    """The beginning or the end of an SRCU section (MMR 18.4). These count each for itself, and in
    handlers, too. A section that is left out has its index, but no marks."""
    (touch,), env = code.touches, path.env
    domain = srcu.domain(substitute(touch.addr, env), code.span)
    guard = call("and", *path.guard)
    if touch.value is None:
        assert touch.into is not None
        c.indexed = True
        there = substitute(Reg(code.part), env) if code.part else TRUE
        event = srcu_mark(c, body, call("and", guard, there), code, domain)
        c.present[event.id] = there
        env[touch.into] = srcu.index(event.id)
        return
    if not isinstance(touch.value, Reg):
        srcu.check(touch.value, env, code.span)
    value = substitute(touch.value, env)
    if code.anywhere and srcu.from_memory(value, path.guard):
        ends = tuple(srcu_mark(c, body, guard, code, domain, _NOT_KNOWN) for _ in range(c.begins))
        c.handed.append(Handed(body, path.guard, value, domain, ends, code.span))
        return
    for began, this in srcu.ended(value, path.guard, code.span):
        lock = c.events[began]
        if lock.body != body.id and not code.anywhere:
            raise srcu.elsewhere(code.span)
        assert lock.domain is not None
        if lock.domain != domain:
            raise srcu.mixed(lock.domain, domain, code.span)
        facts = known((*path.guard, this))
        if any(e.begun == began and decided(e.guard, facts) for e in body.events):
            raise srcu.over(code.span)
        srcu_mark(c, body, call("and", guard, this, c.present[began]), code, domain, began)


_NOT_KNOWN = -1  # which event began the section that may end here


def keeps_index(c: Collector, code: Emit, touch: Touch, env: Env) -> bool:
    """Does a plain store put the index of a section, and nothing else, to where ``srcu_up_read`` may find
    it?"""
    if code.op != "W" or not isinstance(touch.value, Reg) or touch.when != TRUE:
        return False
    value, place = substitute(touch.value, env), srcu.carrier(substitute(touch.addr, env))
    if not place or not srcu.is_index(value):
        return False
    c.carriers.add(place)
    return True


def hand_over(c: Collector) -> set[int]:
    """The ends of sections whose index is read from memory: now all sections are known. The slots that may
    read an index. Raises ``InputError`` for what is done with one besides."""
    begins = [e for e in c.events if e.op == "RCU" and e.kind == "lock" and e.domain is not None]
    for h in c.handed:
        mine = [e for e in begins if e.domain == h.domain]
        if len(mine) > len(h.ends):
            raise srcu.too_many(h.span)
        here = [call("eq", h.value, srcu.index(lock.id)) for lock in mine]
        for end in h.ends:
            end.guard = FALSE
        for end, lock, this in zip(h.ends, mine, here, strict=False):
            end.guard, end.begun = call("and", *h.guard, this, c.present[lock.id]), lock.id
        wrong = call("and", *h.guard, negation(call("or", *here)))
        c.warnings.setdefault(h.body.cpu, []).append(wrong)
        after = h.ends[-1].id if h.ends else last(h.body)
        c.warns.append(Warned(h.body.id, h.body.cpu, after=after, hit=wrong, span=h.span))
    check_ends(c)
    return check_carried(c)


def check_ends(c: Collector) -> None:
    """Raise ``InputError`` for a section that two CPUs may end."""
    places: dict[int, int] = {}
    for e in c.events:
        if e.op != "RCU" or e.begun is None or e.guard == FALSE:
            continue
        if places.setdefault(e.begun, e.body) != e.body:
            raise srcu.twice(e.span)


def check_carried(c: Collector) -> set[int]:
    """The slots that may read an index. Raises ``InputError`` if one does more than end a section."""
    if not c.carriers:
        return set()
    reads = (a for e in c.events for a in e.accesses if not e.virtual and srcu.carries(c.carriers, a.addr))
    carried = {a.slot for a in reads if a.slot is not None}
    ends = {end.id for h in c.handed for end in h.ends}
    for e in c.events if carried else ():
        exprs = [e.guard, e.va, e.pcid, e.waited]
        exprs += [expr for a in e.accesses for expr in (a.addr, a.value, a.when)]
        if e.id not in ends and any(x is not None and not carried.isdisjoint(refs(x)) for x in exprs):
            raise srcu.used(e.span)
    for expr, wait in zip(c.assumes, c.waits, strict=True) if carried else ():
        if not carried.isdisjoint(refs(expr)):
            raise srcu.used(wait.span)
    return carried


def srcu_mark(
    c: Collector, body: Body, guard: Expr, code: Emit, domain: Ptr | None, began: int | None = None
) -> Event:
    """An end of a section of SRCU, or of a callback."""
    return c.add(
        Event(
            len(c.events),
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
