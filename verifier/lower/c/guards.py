"""Lock guards to code: what ends with a scope, and where scopes are left."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.lower.c import types as t
from verifier.lower.c.body import BodyCode
from verifier.lower.c.parts import Held, Val
from verifier.lower.code import Emit, Instruction, changed
from verifier.program.expressions import Const, Reg
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes
from verifier.syntax.rebuilt import substituted
from verifier.syntax.trouble import Trouble, nearest
from verifier.words.guards import FREES, GUARDED, GUARDS, LockGuard


def begin(b: BodyCode, s: ast.Guard, rest: Sequence[ast.Stmt]) -> None:
    """A guard takes its lock. ``rest``: the statements in its scope. The argument is evaluated once."""
    row = GUARDS.get(s.name)
    if row is None and s.own is None:
        raise Trouble("unknown-word", f"there is no guard {s.name!r}", s.named, nearest(s.name, GUARDS))
    if s.fails is not None:
        hint = f"write scoped_guard({s.name}, …)"
        raise Trouble("guard", f"the guard {s.name} never fails", s.named, hint)
    wanted = row.arguments if row is not None else s.own.arguments if s.own is not None else 0
    if len(s.arguments) != wanted:
        many = f"{wanted} argument{'s' if wanted != 1 else ''}"
        hint = f"write {row.signature}" if row is not None else f"write {many}"
        raise Trouble("arity", f"the guard {s.name} takes {many}, not {len(s.arguments)}", s.span, hint)
    given = tuple(_once(b, s, e) for e in s.arguments)
    labels = frozenset(x.name for x in nodes(tuple(rest)) if isinstance(x, ast.LabelStmt))
    if row is None:
        assert s.own is not None
        ends = substituted(s.own, dict(zip((GUARDED,), given, strict=False)))
        for kept in ends.keeps:
            b.statement(kept)
        before = len(b.code)
        b.statement(ends.begin)
        _told(b, before, " ".join(s.span.text.split()).rstrip(";"), s.span)
        b.captured(lambda: b.statement(ends.end))  # what is wrong with it is said here
        b.frame.held.append(Held(ends.end, s.span, labels))
        return
    flags = _kept(b, s, row)
    first, last = given, given
    if flags is not None and row.keeps == "flags":
        first = (*given, flags)
    got = b.value(ast.CallExpr(row.begin, first, s.span))
    if flags is not None:
        last = (*given, flags)
        if row.keeps == "index":
            local = b.local(flags.name)
            assert local is not None
            b.set(local.reg, got.expr, s.span)
            local.type = got.type
    ends = ast.ExprStmt(ast.CallExpr(row.end, last, s.span), s.span)
    b.frame.held.append(Held(ends, s.span, labels))


def freed(b: BodyCode, s: ast.Declare, rest: Sequence[ast.Stmt]) -> None:
    """A local with ``__free()``: what it holds is given back where its scope is left, unless it is NULL or an
    error. ``rest``: the statements in its scope."""
    word = FREES.get(s.free)
    if word is None:
        hint = nearest(s.free, FREES) or "leave out the function that has it"
        raise Trouble("unknown-word", f"there is no cleanup {s.free!r} for __free()", s.span, hint)
    own = ast.Ident(s.name, s.span)
    ends: ast.Stmt = ast.ExprStmt(ast.CallExpr(word, (own,), s.span), s.span)
    local = b.local(s.name, False)
    if local is not None and not local.stack:
        none = ast.CallExpr("IS_ERR_OR_NULL", (own,), s.span)
        ends = ast.If(ast.Unary("!", none, s.span), ends, None, s.span)
    b.captured(lambda: b.statement(ends))  # what is wrong with it is said here
    labels = frozenset(x.name for x in nodes(tuple(rest)) if isinstance(x, ast.LabelStmt))
    b.frame.held.append(Held(ends, s.span, labels))


def _once(b: BodyCode, s: ast.Guard, e: ast.CExpr) -> ast.CExpr:
    """What stands for the argument's value: a name, if only the run shows the value. A number is no lock,
    which the word itself says."""
    code, value = b.captured(lambda: b.value(e))
    if isinstance(value.expr, Const) or value.type.kind == "int":
        return e
    b.code += code
    local = b.declare(b.fresh("guarded"), None)
    local.fixed = Val(b.held(value.expr), value.type, value.bits, value.function)
    return ast.Ident(next(name for name, x in b.frame.scopes[-1].items() if x is local), e.span)


def _kept(b: BodyCode, s: ast.Guard, row: LockGuard) -> ast.Ident | None:
    """A local for what the guard keeps from its beginning to its end."""
    if not row.keeps:
        return None
    name = b.fresh(row.keeps)
    local = b.declare(name, t.ULONG if row.keeps == "flags" else None)
    local.type = t.ULONG
    b.written.add(local.reg)
    b.set(local.reg, Reg(local.reg))
    return ast.Ident(name, s.span)


def leave(b: BodyCode, down_to: int, at: Span | None = None) -> None:
    """The guards above ``down_to`` give back their locks, the last one first. They are still held where
    other paths go on."""
    for held in reversed(b.frame.held[down_to:]):
        _end(b, held, at)


def closed(b: BodyCode, down_to: int) -> None:
    """A scope ends."""
    leave(b, down_to)
    del b.frame.held[down_to:]


def goes_to(b: BodyCode, label: str, span: Span) -> None:
    """A jump leaves the scopes of those guards that the label is not in."""
    stays = 0
    for held in b.frame.held:
        if label not in held.labels:
            break
        stays += 1
    leave(b, stays, span)
    b.frame.jumps.append((label, tuple(h.span.start for h in b.frame.held[:stays]), span))


def check_jumps(b: BodyCode) -> None:
    """Note jumps into the scope of a guard, which compilers refuse."""
    for label, held, span in b.frame.jumps:
        if label in b.frame.guarded and b.frame.guarded[label] != held:
            text = f"this jumps to {label}, into the scope of a guard"
            b.shared.troubles.append(Trouble("guard", text, span, "put the guard into a block").diagnostic)


def _end(b: BodyCode, held: Held, at: Span | None) -> None:
    """A guard gives back its lock."""
    before = len(b.code)
    b.statement(held.end)
    _told(b, before, f"end of {' '.join(held.span.text.split()).rstrip(';')}", at or held.span)


def _told(b: BodyCode, before: int, text: str, at: Span) -> None:
    """What a guard does is told where the guard stands, or where its scope is left."""

    def of(x: Instruction) -> Instruction:
        return x._replace(text=text if x.text else "", span=at) if isinstance(x, Emit) else x

    b.code[before:] = changed(b.code[before:], of)
