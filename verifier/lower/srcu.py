"""SRCU's indices: which lock an unlock belongs to (MMR 18.4).

The index that ``srcu_read_lock()`` gives is a value of its own, a ``Ptr`` that says which event began the
section.  It may be copied from local to local, stored, and given to the unlock.  Nothing else can be done
with it: in the kernel it is 0 or 1, as the domain's grace periods go, and no test should depend on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from verifier.errors import InputError
from verifier.lower.code import Lowered
from verifier.lower.facts import known, settled
from verifier.lower.paths import Env, substitute
from verifier.program.expressions import FALSE, Apply, Const, Expr, Obs, Ref, Reg, call, parts, refs
from verifier.program.values import Ptr
from verifier.source import Diagnostic, Span

_INDEX = "the index of an SRCU section"


def index(event: int) -> Const:
    """The index of the section that this event begins."""
    return Const(Ptr(_INDEX, event))


def begun(value: object) -> int | None:
    """The event that began the section with this index; None if this is no index."""
    return value.off if isinstance(value, Ptr) and value.base == _INDEX else None


def domain(address: Expr, span: Span | None) -> Ptr:
    """The ``srcu_struct`` at an address. Raises ``InputError`` if only a run shows which one it is."""
    if isinstance(address, Const) and isinstance(address.value, Ptr):
        return address.value
    hint = "name it, as in srcu_read_lock(&s), or give a function its address as an argument"
    raise _trouble("which srcu_struct this is depends on the run", span, hint)


def ended(value: Expr, guard: tuple[Expr, ...], span: Span | None) -> Iterator[tuple[int, Expr]]:
    """The events that began the sections which may end here, each with the condition that it is that one.
    Raises ``InputError`` if it cannot be seen where the index comes from."""
    pending: list[tuple[Expr, tuple[Expr, ...]]] = [(value, ())]
    while pending:
        value, when = pending.pop()
        value = settled(value, known((*guard, *when)))
        if isinstance(value, Apply) and value.function == "ite":
            condition, then, otherwise = value.args
            pending.append((otherwise, (*when, call("not", condition))))
            pending.append((then, (*when, condition)))
            continue
        event = begun(value.value) if isinstance(value, Const) else None
        if event is None:
            hint = "keep what srcu_read_lock() gives in a local, which has it on every path to the unlock"
            raise _trouble("it cannot be seen which srcu_read_lock() this index comes from", span, hint)
        yield event, call("and", *when)


def from_memory(value: Expr, guard: tuple[Expr, ...]) -> bool:
    """Is a value, on some path, what was read from memory?"""
    pending = [settled(value, known(guard))]
    while pending:
        part = pending.pop()
        if isinstance(part, Ref):
            return True
        if isinstance(part, Apply) and part.function == "ite":
            pending += part.args[1:]
    return False


def carrier(address: Expr) -> str:
    """What is known of an address: a cell, or ``.field`` of some object; empty: nothing."""
    if isinstance(address, Const) and isinstance(address.value, Ptr):
        return address.value.path
    if isinstance(address, Apply) and address.function == "field" and isinstance(address.args[1], Const):
        return f".{address.args[1].value}"
    return ""


def carries(carriers: Collection[str], address: Expr) -> bool:
    """May one of these be at an address?"""
    here = carrier(address)
    return bool(here) and any(x == here or _ends(x, here) for x in carriers)


def _ends(a: str, b: str) -> bool:
    """Is one a field of some object, and the other one this field of an object?"""
    return (a.startswith(".") and b.endswith(a)) or (b.startswith(".") and a.endswith(b))


def elsewhere(span: Span | None) -> InputError:
    """The error about a section that ends on another CPU, or in another handler, than it began in."""
    hint = "only srcu_up_read() may end it here"
    return _trouble("this section began on another CPU, or outside this handler", span, hint)


def twice(span: Span | None) -> InputError:
    """The error about a section that may end on two CPUs, or in two handlers."""
    hint = "let one CPU, or one handler, end it"
    return _trouble("another CPU or handler may end this section, too", span, hint)


def too_many(span: Span | None) -> InputError:
    """The error about an index that may come from more sections than there are places that begin one."""
    hint = "write the sections out, instead of a loop or a handler that several CPUs run"
    return _trouble("this index may come from too many sections", span, hint)


def used(span: Span | None) -> InputError:
    """The error about an index that was read from memory, and does not only end a section."""
    hint = "read it into a local of its own, and give it to srcu_up_read()"
    text = "nothing can be done with the index of an SRCU section but end the section"
    return _trouble(text, span, hint)


def over(span: Span | None) -> InputError:
    """The error about a section that has ended before."""
    return _trouble("this section has ended already", span, "srcu_read_lock() begins another one")


def mixed(of: Ptr, here: Ptr, span: Span | None) -> InputError:
    """The error about an index of one domain that is given to another."""
    return _trouble(f"the index comes from the srcu_struct {of}, not from {here}", span)


def check(expr: Expr | None, env: Env, span: Span | None) -> None:
    """Raise ``InputError`` if an expression calculates with an index, or looks at it."""
    if expr is None:
        return
    for local in parts(expr):
        if isinstance(local, Reg) and any(is_index(part) for part in parts(env.get(local.name, FALSE))):
            hint = "keep it in a local of the same program or handler, and give it to srcu_read_unlock()"
            text = "nothing can be done with the index of an SRCU section but end the section"
            raise _trouble(text, span, hint)


def check_asked(lowered: Lowered, finals: list[Env], carriers: Collection[str], carried: set[int]) -> None:
    """Raise ``InputError`` if a condition looks at an index; ``finals`` are the threads' last locals.
    ``carriers``: the cells and fields that are given one; ``carried``: the slots that may read one there."""
    asked = [e for e in (lowered.condition, lowered.filter) if e is not None]
    for number in {part.index for e in asked for part in parts(e) if isinstance(part, Obs)}:
        o = lowered.observables[number]
        env = {} if o.cpu is None else finals[o.cpu]
        if o.expr == Reg("%warn"):
            continue
        expr = None if o.expr is None else substitute(o.expr, env)
        local = expr is not None and (any(map(is_index, parts(expr))) or not carried.isdisjoint(refs(expr)))
        if local or (o.cell is not None and carries(carriers, Const(o.cell))):
            text = f"{o.label} is the index of an SRCU section, and a condition cannot look at it"
            raise _trouble(text, None, "locations may name it, and show it as 0")


def shown(expr: Expr) -> Expr:
    """What is shown of a local: an index is 0."""
    if is_index(expr):
        return FALSE
    if isinstance(expr, Apply) and expr.function == "ite":
        condition, then, otherwise = expr.args
        return call("ite", condition, shown(then), shown(otherwise))
    return expr


def is_index(part: Expr) -> bool:
    return isinstance(part, Const) and begun(part.value) is not None


def _trouble(text: str, span: Span | None, hint: str = "") -> InputError:
    return InputError((Diagnostic("srcu", text, span, hint),))
