"""Structs around the nodes of lists: ``container_of()``, and loops over the structs of a list.

A node is a field of a struct; the list itself is C code in an include (linux/list.inc, linux/llist.inc)."""

from __future__ import annotations

from verifier.lower.c.body import BodyCode, Lines, line
from verifier.lower.c.expressions import written
from verifier.lower.c.loops import unrolled
from verifier.lower.c.objects import group
from verifier.lower.c.operators import compared
from verifier.lower.c.parts import Spanned, Val
from verifier.lower.c.types import Type
from verifier.program.expressions import FALSE, Const, call
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble, nearest
from verifier.words.entries import ENTRY_LOOPS, ENTRY_WORDS, EntryLoop
from verifier.words.table import WORDS


def container_of(b: BodyCode, e: ast.ContainerOf) -> Val:
    """The struct around a node."""
    word = ENTRY_WORDS.get(e.word)
    if word is None:
        known = [*ENTRY_WORDS, *b.unit.functions, *WORDS]
        raise Trouble("unknown-word", f"there is no {e.word} of a type", e.span, nearest(e.word, known))
    kind = written(b, e.type)
    if kind.kind != "struct":
        raise Trouble("type", f"{e.word} takes a struct as its type", e.span, f"write {word.signature}")
    if not word.link:
        return inside(b, b.value(e.operand), kind, e.member, node=e)
    found = b.value(ast.FieldExpr(e.operand, word.link, e.span))
    made = inside(b, found, kind, e.member, node=e)
    if not word.or_null:
        return made
    differs = compared(b, "!=", found, b.value(e.operand), at=(e.operand, e.operand))
    return Val(call("ite", differs.expr, made.expr, FALSE), kind)


def inside(b: BodyCode, at: Val, kind: Type, member: str, node: Spanned) -> Val:
    """The struct of type ``kind`` whose ``member`` is at an address."""
    if not b.memory.has(group(kind), member):
        raise b.memory.no_field(kind, member, node.span)
    if at.type.kind not in ("struct", "pointer", "any") or at.bits is not None:
        raise Trouble("type", f"the address of a {member} is needed here, not {at.type.words}", node.span)
    return Val(b.held(call("container", at.expr, Const(b.memory.step(group(kind), member)))), kind)


def for_each_entry(b: BodyCode, s: ast.ForEachEntry) -> None:
    """One turn for each struct: a loop, which is unrolled."""
    loop = ENTRY_LOOPS.get(s.word)
    if loop is None:
        hint = nearest(s.word, ENTRY_LOOPS)
        raise Trouble("unknown-word", f"there is no loop {s.word!r}", s.head, hint)
    span, (following, first, member, kind) = s.head, parts_of(b, s, loop)
    of = ast.CType(f"struct {kind.tag}", 1)
    pos = ast.Ident(s.variable, span)

    def entry(of_node: ast.CExpr) -> ast.CExpr:
        return ast.ContainerOf(next(iter(ENTRY_WORDS)), of_node, of, member, span)

    def link(of_struct: ast.CExpr) -> ast.CExpr:
        return ast.FieldExpr(ast.FieldExpr(of_struct, member, span), "next", span)

    node = ast.FieldExpr(first, loop.first, span) if loop.first else first
    here = ast.Unary("&", ast.FieldExpr(pos, member, span), span)
    goes_on: ast.CExpr = pos if loop.ends else ast.Binary("!=", here, first, span)
    b.value(ast.Assign(pos, "", entry(node), span))
    body, step = s.body, [ast.Assign(pos, "", entry(link(pos)), span)]
    if following is not None:
        after = link(pos) if loop.node else entry(link(pos))
        more = ast.ExprStmt(ast.Assign(following, "", after, span), span)
        step = [ast.Assign(pos, "", entry(following) if loop.node else following, span)]
        body = ast.Block((more, s.body), s.body.span)
    unrolled(b, goes_on, body, tuple(step), span=s.span)


def parts_of(
    b: BodyCode, s: ast.ForEachEntry, loop: EntryLoop
) -> tuple[ast.Ident | None, ast.CExpr, str, Type]:
    """The pointer to the next struct, if there is one; the head or the first node; the member; the type of
    the structs. Raises ``Trouble`` for what is missing."""
    wanted = 3 if loop.safe else 2
    if len(s.arguments) != wanted:
        text = f"{s.word} takes {wanted + 1} arguments, not {len(s.arguments) + 1}"
        raise Trouble("arity", text, s.head, f"write {loop.signature}")
    *given, first, member = s.arguments
    if not isinstance(member, ast.Ident):
        raise Trouble("type", "the last one names a field", member.span, f"write {loop.signature}")
    kind, *_ = (pointed(b, pointer) for pointer in (ast.Ident(s.variable, s.head), *given))
    following = given[0] if given else None
    assert following is None or isinstance(following, ast.Ident)
    return following, first, member.name, kind


def pointed(b: BodyCode, pointer: ast.CExpr) -> Type:
    """What a local of a loop points to. Raises ``Trouble`` if it is no pointer to a struct."""
    local = b.local(pointer.name, False) if isinstance(pointer, ast.Ident) else None
    kind = None if local is None else local.declared or local.type
    if kind is None or kind.kind != "struct":
        name = pointer.name if isinstance(pointer, ast.Ident) else "this"
        text = f"{name} is no local that points to a struct"
        raise Trouble("type", text, pointer.span, f"declare it: struct foo *{name};")
    return kind


ENTRY_EXPRESSIONS: Lines[BodyCode, Val] = dict((line(ast.ContainerOf, container_of),))
ENTRY_STATEMENTS: Lines[BodyCode, None] = dict((line(ast.ForEachEntry, for_each_entry),))
