"""Walks by software: from an entry to the entries of the table that it leads to."""

from __future__ import annotations

from itertools import product

from verifier.lower.c import types as t
from verifier.lower.c.access import store
from verifier.lower.c.arguments import given
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.objects import NamedObject
from verifier.lower.c.parts import MemoryPlace, Slot, Val
from verifier.lower.code import Touch
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.values import ATTRIBUTES, NOT_PRESENT, UNDEF, Ptr
from verifier.syntax.trouble import Trouble
from verifier.words.walks import LEVELS, LEVELS_OPTION


def levels(b: BodyCode, use: SpecialCall) -> int:
    """How many levels the tables have: what ``#config`` says, or those of the deepest mm of the test."""
    depth = b.memory.tables.depth
    config = () if b.unit.kernel is None else b.unit.kernel.config
    said = next((c.value for c in config if c.name == LEVELS_OPTION), None)
    if depth < 2:
        hint = "give it a table: table T { v -> A }; mm N { v -> T };"
        raise Trouble(
            "level", "a walk by software begins at an upper entry, and no mm here has one", use.e.span, hint
        )
    if said is not None and not depth <= said <= len(LEVELS) + 1:
        text = f"{LEVELS_OPTION} is {said}, and some mm here has {depth} levels"
        raise Trouble("level", text, use.e.span, f"from {depth} to {len(LEVELS) + 1} fit")
    return depth if said is None else said


def folded(b: BodyCode, use: SpecialCall) -> bool:
    """Is there no table of the word's level? Those next to the first one are folded first."""
    gone = range(1, len(LEVELS) + 2 - levels(b, use))
    return use.special.value in [Const(number) for number in gone]


def address(b: BodyCode, use: SpecialCall, handle: Val, va: Val) -> Expr:
    """The address of the entry for ``va`` in a handle, which is found out when the program runs."""
    of = handle.expr
    if handle.type.kind == "pmd" and b.memory.used.attributes:
        of = call("pte_target", of)
    return b.memory.tables.anywhere(of, call("va_page", va.expr), of_mm=handle.type.kind == "mm")


def first_entry(b: BodyCode, use: SpecialCall) -> Val:
    """``pgd_offset()``."""
    levels(b, use)
    return Val(b.held(address(b, use, given(b, use, "mm"), given(b, use, "addr"))), t.UPPER)


def entry_below(b: BodyCode, use: SpecialCall) -> Val:
    """``pmd_offset()`` and its kin, with the load of the entry above or with what was read from it."""
    kind = t.ENTRY if use.word.result == "entry" else t.UPPER
    above = given(b, use, "p")
    if folded(b, use):
        return above if above.local is None else copied(b, use, above)
    content = given(b, use, "e") if "e" in use.arguments else loaded(b, use, above)
    return Val(b.held(address(b, use, content, given(b, use, "addr"))), kind)


def loaded(b: BodyCode, use: SpecialCall, above: Val) -> Val:
    """What an entry holds; a local that holds a copy of one is no place in memory."""
    if above.local is not None:
        return Val(Reg(above.local.reg), t.PMD)
    temp = b.fresh()
    b.emit("R", use.e, Touch(above.expr, temp))
    return Val(Reg(temp), t.PMD)


def copied(b: BodyCode, use: SpecialCall, above: Val) -> Val:
    """The address of a local that holds an entry: memory on the stack, to which it is written now."""
    assert above.local is not None
    path = (*(frame.site for frame in b.frames), (use.word.name, use.e.span.start))
    name = above.local.reg.rpartition(".")[2]
    key = Slot(b.cpu, b.context, path, name, start=use.e.span.start, source=use.e.span.source.name)
    cell = b.shared.slots.setdefault(key, f"stack{len(b.shared.slots)}/{b.context}/{name}")
    if cell not in b.memory.stack:
        b.memory.on_stack(NamedObject(cell, t.PMD, use.e.span, shown=f"{b.cpu}:{name}"))
    at = Const(Ptr(cell))
    store(b, MemoryPlace(at, t.PMD), Val(Reg(above.local.reg), t.PMD), use.e)
    return Val(at, t.UPPER)


def bad_entry(b: BodyCode, use: SpecialCall) -> Val:
    """``pmd_bad()`` and its kin: it leads to no table; ``value``: an empty one leads to none, either. With
    four levels the kernel's ``pgd_bad()`` is 0."""
    content = given(b, use, "e").expr
    to = call("pte_target", content)
    table = call("or", *(call("eq", to, Const(one)) for one in sorted(b.memory.tables.tables)))
    if b.memory.used.attributes:
        gone = (call("pte_has", content, Const(bit)) for bit in ATTRIBUTES.values() if bit & NOT_PRESENT)
        table = call("and", table, *(call("not", x) for x in gone))
    empty = call("eq", content, FALSE)
    if use.special.value == TRUE:
        return Val(call("or", empty, call("not", table)), t.INT)
    return Val(call("not", call("or", empty, table)), t.INT)


def table_of(b: BodyCode, use: SpecialCall) -> Val:
    """The table that an entry lies in; ``value``: as its page, which has its fields."""
    at, tables = given(b, use, "p").expr, b.memory.tables
    found: Expr = Const(UNDEF)
    for handle, va in product(tables.handles, tables.vas):
        if handle in tables.tables:
            found = call("ite", call("eq", at, Const(tables.entries[handle, va])), Const(handle), found)
    return Val(found, t.PAGE_OF_TABLE if use.special.value == TRUE else t.TABLE)
