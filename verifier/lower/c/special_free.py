"""Words that free memory. As the kernel's slab poisoning does it, a free fills an object with POISON_FREE, so
that who reads it afterwards finds that."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.arguments import given, mismatch
from verifier.lower.c.beginnings import wholes
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.copies import cells
from verifier.lower.c.fields import group
from verifier.lower.c.parts import Val
from verifier.lower.c.types import Type
from verifier.lower.code import Branch, Emit, Jump, Label, Target, Touch
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import Ptr
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble

POISON_FREE = 0x6B  # linux/poison.h: each byte of an object that was freed
_NOWHERE = "no object begins here"  # no field has this name, so that an access to it is a wrong one
_HEADS = ("rcu_head", "callback_head")


def free(b: BodyCode, use: SpecialCall) -> Val:
    """``kfree()``: the object is filled now."""
    what = freed(b, use)
    if what is not None:
        end = unless_null(b, what.expr, use)
        fill_whole(b, what, use)
        b.code.append(Label(end))
    return Val(Const(0), t.VOID)


def free_rcu(b: BodyCode, use: SpecialCall) -> Val:
    """``kfree_rcu()``: a grace period, then a workqueue frees the object, on a CPU that has no program. No
    ``rcu_barrier()`` waits for it."""
    what = freed(b, use)
    if what is None:
        return Val(Const(0), t.VOID)
    if "field" in use.arguments:
        check_head(b, what.type, use)
    b.shared.counter += 1
    group = f"rcu{b.shared.counter}"
    end, worker = unless_null(b, what.expr, use), b.memory.worker(group)
    later = BodyCode(b.shared, worker, b.language, b.stack, b.within)
    later.interrupting = True
    later.context = f"{use.word.name}@{worker}"
    fill_whole(later, Val(Reg("%info"), what.type), use)
    target = Target(
        worker, TRUE, tuple(later.code), (("%info", what.expr),), name=use.word.name, awaited=False
    )
    b.emit("SEND", use.e, kind="rcu", group=group, targets=(target,))
    b.code.append(Label(end))
    return Val(Const(0), t.VOID)


def freed(b: BodyCode, use: SpecialCall) -> Val | None:
    """The struct that is freed, as its address, which may have any type; None for NULL, for which nothing is
    done. Raises ``Trouble`` for what no allocator has given, and for what has no fields."""
    node = use.arguments["p"]
    value = given(b, use, "p")
    if value.expr == FALSE:
        if use.writes(node):
            b.warn("no-effect", f"{use.word.name} of NULL does nothing", node.span, "leave it out")
        return None
    kind, parameter = value.type, use.word.parameters[0]
    if kind.percpu:
        raise mismatch(use.word, parameter, kind.words, node, "it frees one object, not one for each CPU")
    named = "field" in use.arguments  # a field of the struct, whose type says which
    if kind.kind != "struct" and (named or kind.kind not in ("pointer", "any")):
        hint = "declare what it is kept in as struct … *"
        raise mismatch(use.word, parameter, kind.words, node, hint)
    at = value.expr.value if isinstance(value.expr, Const) else None
    if isinstance(at, Ptr):
        check_whole(b, at, kind, use)
    if kind.kind == "struct" and not has_fields(b, value) and not any(True for _ in wholes(b.memory, kind)):
        hint = f"define struct {kind.tag} {{ … }}; or give an object initial values"
        raise Trouble("struct", f"struct {kind.tag} has no fields", node.span, hint)
    return Val(b.held(value.expr), kind)


def check_whole(b: BodyCode, at: Ptr, kind: Type, use: SpecialCall) -> None:
    """Raise ``Trouble`` unless an object that can be freed begins at an address."""
    node = use.arguments["p"]
    if any(f"{at.base}.".startswith(f"{name}.") for name in b.memory.stack):
        text = f"{node.span.text} is on a stack, so it cannot be freed"
        raise Trouble("free", text, node.span, "declare the object in the initial state")
    if "." in at.start.base:
        text = f"{node.span.text} is a part of an object, which cannot be freed by itself"
        raise Trouble("free", text, node.span, "name the whole object")
    begins = any(call("eq", Const(at), Const(x)) != FALSE for x, _ in wholes(b.memory, kind))
    if kind.kind != "struct" and not begins:
        raise mismatch(use.word, use.word.parameters[0], kind.words, node, "only structs are freed here")


def has_fields(b: BodyCode, what: Val) -> bool:
    """Is anything known of the struct at an address of this type?"""
    return any(True for _ in cells(b, what.expr, what.type))


def check_head(b: BodyCode, kind: Type, use: SpecialCall) -> None:
    """Raise ``Trouble`` unless the word names the ``struct rcu_head`` in the object."""
    node = use.arguments["field"]
    if not isinstance(node, ast.Ident):
        raise mismatch(use.word, use.word.parameters[1], "this", node)
    if not b.memory.has(group(kind), node.name):
        raise b.memory.no_field(kind, node.name, node.span)
    of, _ = b.memory.field(group(kind), node.name)
    if of is not t.ANY and (of.kind, of.tag) not in [("struct", tag) for tag in _HEADS]:
        text = f"{node.name} is no struct rcu_head of struct {kind.tag}"
        raise Trouble("type", text, node.span, "declare it in the struct: struct rcu_head rcu;")


def unless_null(b: BodyCode, at: Expr, use: SpecialCall) -> str:
    """Nothing is freed at NULL; the label of the end."""
    end = b.fresh("null")
    if not isinstance(at, Const):
        b.code.append(Branch(call("eq", at, FALSE), end, use.e.span))
    return end


def fill_whole(b: BodyCode, what: Val, use: SpecialCall) -> None:
    """Fill the object that begins at an address, which may be that of its first member."""
    end = b.fresh("filled")
    for at, kind in wholes(b.memory, what.type):
        here, other = call("eq", what.expr, Const(at)), b.fresh("other")
        if here == FALSE:
            continue
        if here == TRUE:
            fill(b, Val(Const(at), kind), use)
            return
        b.code.append(Branch(call("not", here), other, use.e.span))
        fill(b, Val(Const(at), kind), use)
        b.code += [Jump(end), Label(other)]
    if what.type.kind == "struct" and has_fields(b, what):
        fill(b, what, use)
    else:
        b.emit("W", use.e, Touch(call("field", what.expr, Const(_NOWHERE)), None, FALSE))
        told(b, _NOWHERE)
    b.code.append(Label(end))


def fill(b: BodyCode, what: Val, use: SpecialCall) -> None:
    """A plain store to each field, one after the other."""
    for path, cell, kind in cells(b, what.expr, what.type):
        if kind is t.BIT:
            bit = int(path[path.rindex("[") + 1 : -1]) % 8  # of a mask
            value = POISON_FREE >> bit & 1
        else:
            value = poison(kind)
            if kind.bits != 8:
                b.memory.poisons.add(value)
        b.emit("W", use.e, Touch(cell, None, Const(value)))
        told(b, path)


def told(b: BodyCode, what: str) -> None:
    """Stories and reasons say of the last store what it is about."""
    b.code[-1:] = [x._replace(text=f"{x.text}: {what}") for x in b.code[-1:] if isinstance(x, Emit)]


def poison(kind: Type) -> int:
    """What a field of this type holds in an object that was freed; one whose type nobody declared, and a
    pointer, has 8 bytes. No sign: the highest bit of each byte is clear."""
    bits = kind.bits if kind.kind == "int" else 64
    return int.from_bytes(bytes([POISON_FREE]) * 16, "little") & ((1 << bits) - 1)
