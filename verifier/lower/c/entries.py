"""Structs around the nodes of lists: ``container_of()``, and loops over the structs of a list.

A node is a field of a struct; the list itself is C code in an include (linux/list.inc, linux/llist.inc)."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.beginnings import seen_as
from verifier.lower.c.body import BodyCode, Lines, line
from verifier.lower.c.expressions import written
from verifier.lower.c.fields import group
from verifier.lower.c.loops import unrolled
from verifier.lower.c.operators import compared
from verifier.lower.c.parts import Val
from verifier.lower.c.types import Type
from verifier.program.expressions import FALSE, Const, call
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.members import moved
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
        return inside(b, b.value(e.operand), kind, e)
    found = b.value(ast.FieldExpr(e.operand, word.link, e.span))
    made = inside(b, found, kind, e)
    if not word.or_null:
        return made
    differs = compared(b, "!=", found, b.value(e.operand), at=(e.operand, e.operand))
    return Val(call("ite", differs.expr, made.expr, FALSE), kind)


def inside(b: BodyCode, at: Val, kind: Type, e: ast.ContainerOf) -> Val:
    """The struct of type ``kind`` whose member is at an address."""
    way, found = way_to(b, kind, e.member)
    if at.type.kind not in ("struct", "pointer", "any") or at.bits is not None:
        raise Trouble("type", f"the address of a {_said(e)} is needed here, not {at.type.words}", e.span)
    at = seen_as(b, at, replace(found, inside=False) if found.inside else t.Type("pointer", to=found)) or at
    if found.inside and at.type.kind == "struct" and found.tag != at.type.tag:
        text = f"{_said(e)} is a struct {found.tag}, and this is the address of a struct {at.type.tag}"
        raise Trouble("type", text, e.span, "name the member that is at this address")
    made = at.expr
    for step in reversed(way):
        made = call("container", made, Const(step))
    return Val(b.held(made), kind)


def _said(e: ast.ContainerOf) -> str:
    """The member, as it is written."""
    return " ".join(e.member.span.text.split())


def way_to(b: BodyCode, kind: Type, member: ast.CExpr) -> tuple[list[str | int], Type]:
    """The steps from a struct to a place in it: names of fields, and how many cells an element is behind the
    first one; and the type of what is there. Raises ``Trouble`` for what is no place in the struct."""
    if isinstance(member, ast.IndexExpr):
        way, of = way_to(b, kind, member.base)
        if of.kind != "array":
            raise Trouble("type", f"{member.base.span.text} is no array", member.base.span)
        index = b.value(member.index).expr
        number = index.value if isinstance(index, Const) else None
        if not isinstance(number, int):
            hint = "name the element by a constant"
            raise Trouble("index", "which member this is has to be known", member.index.span, hint)
        if not 0 <= number < of.bits:
            raise Trouble(
                "index", f"there is no element {number}", member.span, f"there are {of.bits} elements"
            )
        assert of.to is not None
        return [*way, number * t.cells(of.to)], of.to
    if not isinstance(member, ast.FieldExpr):
        return [], replace(kind, inside=True)
    way, of = way_to(b, kind, member.base)
    if of.kind != "struct" or not of.inside:
        text = f"{member.base.span.text} is {'a pointer' if of.kind == 'struct' else of.words}, and no struct"
        raise Trouble("type", text, member.span, f"define struct {kind.tag} with all members on the way")
    if not b.memory.has(group(of), member.name):
        raise b.memory.no_field(of, member.name, member.span)
    held, part = b.memory.field(group(of), member.name)
    if part is not None:
        raise Trouble("bitfield", "a bitfield has no address", member.span, "name another member")
    return [*way, *b.memory.steps(group(of), member.name)], held


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
        return ast.FieldExpr(moved(member, of_struct), loop.link, span)

    node = ast.FieldExpr(first, loop.first, span) if loop.first else first
    here = ast.Unary("&", moved(member, pos), span)
    goes_on: ast.CExpr = pos if loop.ends else ast.Binary("!=", here, first, span)
    b.value(ast.Assign(pos, "", entry(node), span))
    body, step = s.body, [ast.Assign(pos, "", entry(link(pos)), span)]
    if following is not None:
        ahead, then = (link(pos), entry(following)) if loop.safe == "node" else (entry(link(pos)), following)
        more = ast.ExprStmt(ast.Assign(following, "", ahead, span), span)
        body, step = ast.Block((more, s.body), s.body.span), [ast.Assign(pos, "", then, span)]
    unrolled(b, goes_on, body, tuple(step), span=s.span)


def parts_of(
    b: BodyCode, s: ast.ForEachEntry, loop: EntryLoop
) -> tuple[ast.Ident | None, ast.CExpr, ast.CExpr, Type]:
    """The pointer to the next struct, if there is one; the head or the first node; the member; the type of
    the structs. Raises ``Trouble`` for what is missing."""
    wanted, count = 3 if loop.safe else 2, len(s.arguments) + (s.member is not None)
    if count != wanted:
        text = f"{s.word} takes {wanted + 1} arguments, not {count + 1}"
        raise Trouble("arity", text, s.head, f"write {loop.signature}")
    if s.member is None:
        span = s.arguments[-1].span
        raise Trouble("type", "the last one names a field", span, f"write {loop.signature}")
    *given, first = s.arguments
    kinds: list[Type] = []
    for pointer in (ast.Ident(s.variable, s.head), *given):
        local = b.local(pointer.name, False) if isinstance(pointer, ast.Ident) else None
        kind = None if local is None else local.declared or local.type
        if kind is None or kind.kind != "struct":
            name = pointer.name if isinstance(pointer, ast.Ident) else "this"
            text = f"{name} is no local that points to a struct"
            wanted_type = "hlist_node" if kinds and loop.safe == "node" else "foo"
            raise Trouble("type", text, pointer.span, f"declare it: struct {wanted_type} *{name};")
        kinds.append(kind)
    following = given[0] if given else None
    assert following is None or isinstance(following, ast.Ident)
    return following, first, s.member, kinds[0]


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
