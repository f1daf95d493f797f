"""Instructions of the system kind to code: loads of CR3, invalidations, and the PCIDs beside them."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.lower.c.body import BodyCode
from verifier.lower.code import Touch
from verifier.program.expressions import FALSE, TRUE, Const, Expr, call
from verifier.program.invalidations import INVALIDATING, invalidation
from verifier.program.values import UNDEF, Ptr
from verifier.syntax import ast
from verifier.words.rows import Machine


def system(
    b: BodyCode,
    e: ast.CallExpr,
    x: Machine,
    *touches: Touch,
    va: Expr | None = None,
    pcid: Expr | None = None,
) -> None:
    """Add an instruction of the system kind; if the test has PCIDs, it writes or reads this CPU's.

    ``va`` and ``pcid`` are the word's arguments; the event has those that its kind names.
    """
    own = Const(Ptr(f"{b.cpu}:pcid"))
    if x.op == "CR3":
        loaded = FALSE if pcid is None else pcid
        b.shared.pcids.add(loaded.value if isinstance(loaded, Const) else None)
        touches = (*touches, Touch(own, None, loaded)) if b.memory.used.pcids else touches
    elif b.memory.used.pcids and x.op == "INV":
        touches = (*touches, Touch(own, b.fresh()))
    named = invalidation(x.kind) if x.op in INVALIDATING else None
    va, pcid = va if named and named.va else None, pcid if named and named.pcid else None
    if va is not None:
        one_of(b, e, call("va_base", va), b.memory.tables.vas)
        va = call("va_page", va)
    b.emit(x.op, e, *touches, kind=x.kind, va=va, pcid=pcid, serializing=x.serializes)


def a_root(b: BodyCode, e: ast.CallExpr, mm: Expr) -> Expr:
    """``mm``, which CR3 shall hold. Before a value that is no address space an access of nothing is in the
    way, and the run goes on behind it with some other root, so that both judges see its end."""
    known = one_of(b, e, mm, b.memory.tables.mms)
    return mm if known == TRUE else call("ite", known, mm, Const(b.memory.tables.mms[0]))


def one_of(b: BodyCode, e: ast.CallExpr, value: Expr, known: Iterable[Ptr]) -> Expr:
    """Whether ``value`` is one of these; if it may be none, an access of nothing is in the way."""
    holds = call("holds", call("or", *(call("holds", call("eq", value, Const(one))) for one in known)))
    if holds != TRUE:
        b.emit("R", e, Touch(call("ite", holds, Const(Ptr(f"{b.cpu}:cr3")), Const(UNDEF)), b.fresh()))
    return holds
