"""RCU and SRCU: where readers' sections begin and end (MMR 18.1, 18.4)."""

from __future__ import annotations

from verifier.lower import srcu
from verifier.lower.code import (
    Emit,
    Instruction,
)
from verifier.lower.collector import Collector
from verifier.lower.paths import Env, Path, negation, substitute
from verifier.lower.turns import decided, known
from verifier.program.events import Body, Event
from verifier.program.expressions import FALSE, Const, Expr, Reg, call
from verifier.program.ops import Kind
from verifier.program.values import Ptr
from verifier.source import Span


def waits_for_readers(x: Instruction) -> bool:
    """Does an RCU grace period begin here? SRCU's readers are no RCU readers."""
    if not isinstance(x, Emit) or x.touches:
        return False
    return x.kind == "rcu" or (x.op == "GP" and x.kind == "start")


def _reading(env: Env) -> Expr:
    """Is there a reason to be an RCU reader: a section, a window with interrupts off (MMR 18.1)?"""
    nested = call("gt", env.get("%rcu", Const(0)), Const(0))
    return call("or", nested, env.get("%off", FALSE))


def mark(c: Collector, body: Body, guard: Expr, kind: Kind, code: Emit | None) -> None:
    """The beginning or the end of an RCU reader's section; unnamed if it is a window's."""
    if guard != FALSE:
        span, text = (code.span, code.text) if code is not None and code.op == "RCU" else (None, "")
        event = Event(len(c.events), body.id, body.cpu, "RCU", guard=guard, kind=kind, span=span, text=text)
        c.add(event)


def reader(c: Collector, body: Body, code: Emit, path: Path) -> None:
    """What an instruction changes in the reasons to be a reader; only first and last count. A handler
    is one from its delivery to its return."""
    if not c.graced or body.rank:
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
    mark(c, body, call("and", *path.guard, negation(before), after), "lock", code)
    mark(c, body, call("and", *path.guard, before, negation(after)), "unlock", code)


def given_value(c: Collector, expr: Expr, path: Path, span: Span | None) -> Expr:
    """What an expression is on a path; no index of an SRCU section."""
    if c.indexed:
        srcu.check(expr, path.env, span)
    return substitute(expr, path.env)


def section(c: Collector, body: Body, code: Emit, path: Path) -> None:
    """The beginning or the end of an SRCU section (MMR 18.4). These count each for itself, and in
    handlers, too."""
    (touch,), env = code.touches, path.env
    domain = srcu.domain(substitute(touch.addr, env), code.span)
    guard = call("and", *path.guard)
    if touch.value is None:
        assert touch.into is not None
        c.indexed = True
        event = srcu_mark(c, body, guard, code, domain)
        env[touch.into] = srcu.index(event.id)
        return
    if not isinstance(touch.value, Reg):
        srcu.check(touch.value, env, code.span)
    for began, this in srcu.ended(substitute(touch.value, env), path.guard, code.span):
        lock = c.events[began]
        if lock.body != body.id:
            raise srcu.elsewhere(code.span)
        assert lock.domain is not None
        if lock.domain != domain:
            raise srcu.mixed(lock.domain, domain, code.span)
        facts = known((*path.guard, this))
        if any(e.begun == began and decided(e.guard, facts) for e in body.events):
            raise srcu.over(code.span)
        srcu_mark(c, body, call("and", guard, this), code, domain, began)


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
