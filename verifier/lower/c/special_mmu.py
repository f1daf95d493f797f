"""The MMU's words that are more than a row: entries, attributes, invalidations with a type, fetches."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.access import load
from verifier.lower.c.arguments import given, mismatch
from verifier.lower.c.body import BodyCode, SpecialCall
from verifier.lower.c.objects import attributes, check_present, no_mm
from verifier.lower.c.parts import MemoryPlace, Val
from verifier.lower.c.system import a_root, system
from verifier.lower.code import Branch, Jump, Label, Touch
from verifier.program.expressions import FALSE, TRUE, Const, Expr, Reg, call
from verifier.program.ops import Kind
from verifier.program.values import ATTRIBUTES, MIGRATION, SWAP, Ptr
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Machine


def entry_of(b: BodyCode, use: SpecialCall) -> Val:
    """``pte(N, v)``, ``pmd(N, v)``."""
    handle = given(b, use, "handle")
    va = given(b, use, "v")
    of = handle.expr
    if not isinstance(of, Const) and handle.type.kind in ("pmd", "any") and b.memory.used.attributes:
        of = call("pte_target", of)
    address = b.memory.tables.address(use.word.name, of, va.expr, use.e.span, kind=handle.type.kind)
    return Val(address, t.ENTRY if use.word.entry == "leaf" else t.UPPER)


def leaf(b: BodyCode, use: SpecialCall) -> Val:
    """A large page, which may be PROT_NONE or invalid; no table, and no swap entry but for ``value``."""
    content = given(b, use, "e").expr
    to = call("pte_target", content)
    is_table = [call("eq", to, Const(table)) for table in sorted(b.memory.tables.tables)]
    swapped = [call("pte_has", content, Const(bit)) for bit in (SWAP, MIGRATION)]
    plain = content == FALSE or not b.memory.used.attributes or use.special.value == TRUE
    no = is_table if plain else [*swapped, *is_table]
    large = call("and", call("ne", content, FALSE), *(call("not", x) for x in no))
    return Val(large, t.INT)


def mk_pte(b: BodyCode, use: SpecialCall) -> Val:
    to = given(b, use, "page")
    node = use.arguments.get("attributes")
    bits: Expr = FALSE if node is None else attributes_of(b, node)
    if isinstance(bits, Const) and isinstance(bits.value, int):
        check_present(bits.value, to.type, use.e.span)
    kind = t.PMD if to.type.kind == "table" else t.PTE
    return Val(to.expr if bits == FALSE else call("mk_pte", to.expr, bits), kind)


def attributes_of(b: BodyCode, node: ast.CExpr) -> Expr:
    try:
        return Const(attributes(node))
    except Trouble:
        if not isinstance(node, ast.Ident) or b.local(node.name, False) is None:
            raise
    value = b.value(node)
    fits = not isinstance(value.expr, Const) or value.expr.value in range(1 << len(ATTRIBUTES))
    if value.type.kind not in ("int", "any") or not fits:
        raise Trouble("attribute", f"{node.name} does not hold the attributes of an entry", node.span)
    return value.expr


def read_register(b: BodyCode, use: SpecialCall) -> Val:
    cell, temp = Ptr(f"{b.cpu}:{use.special.register}"), b.fresh()
    if cell not in b.memory.cells:
        raise no_mm(use.e.span)
    b.emit("R", use.e, Touch(Const(cell), temp))
    return Val(Reg(temp), t.MM if use.word.result == "mm" else t.INT)


def registers(b: BodyCode, use: SpecialCall) -> tuple[Ptr, Ptr]:
    """This CPU's ``cr3`` and ``pcid``. Raises ``Trouble`` if there is no mm."""
    root, pcid = (Ptr(f"{b.cpu}:{name}") for name in ("cr3", "pcid"))
    if root not in b.memory.cells:
        raise no_mm(use.e.span)
    return root, pcid


def read_cr3(b: BodyCode, use: SpecialCall) -> Val:
    """CR3 as a number; ``value``: with the PCID. One instruction, which finds both at one instant."""
    root, pcid = registers(b, use)
    mm, tag = b.fresh(), b.fresh()
    tagged = use.special.value == TRUE and b.memory.used.pcids
    b.emit("R", use.e, Touch(Const(root), mm), *([Touch(Const(pcid), tag)] if tagged else []))
    found = call("root", Reg(mm))
    return Val(call("bitor", found, Reg(tag)) if tagged else found, t.ULONG)


def write_cr3(b: BodyCode, use: SpecialCall) -> Val:
    """The write of ``load_cr3()`` or, with bit 63, of ``load_cr3_noflush()``: which one, and of which mm, is
    known when the program runs."""
    root, _ = registers(b, use)
    value = b.held(given(b, use, "cr3").expr)
    if isinstance(value, Const) and not isinstance(value.value, Ptr):
        text = f"{use.arguments['cr3'].span.text} is no root of an address space"
        raise Trouble("root", text, use.arguments["cr3"].span, "write __pa(mm->pgd), and | pcid")
    mm = a_root(b, use.e, call("cr3_mm", value))
    pcid = call("cr3_pcid", value)
    keeps = call("cr3_noflush", value)
    touch, flushes, end = Touch(Const(root), None, mm), b.fresh("flushes"), b.fresh("end")
    b.code.append(Branch(call("not", keeps), flushes, use.e.span))
    system(b, use.e, Machine("CR3", "noflush"), touch, pcid=pcid)
    b.code += [Jump(end, use.e.span), Label(flushes)]
    system(b, use.e, Machine("CR3", "cr3"), touch, pcid=pcid)
    b.code.append(Label(end))
    return Val(Const(0), t.VOID)


def irqs_disabled(b: BodyCode, use: SpecialCall) -> Val:
    temp = b.fresh()
    b.emit("R", use.e, Touch(Const(Ptr(f"{b.cpu}:irq")), temp))
    return Val(call("not", Reg(temp)), t.INT)


_INVPCID: tuple[Kind, ...] = ("invpcid0", "invpcid1", "invpcid2", "invpcid3")


def invpcid(b: BodyCode, use: SpecialCall) -> Val:
    kind = given(b, use, "type").expr
    number = kind.value if isinstance(kind, Const) else None
    if number not in (0, 1, 2, 3):
        hint = "0: an address, 1: a PCID, 2: everything, 3: everything but globals"
        span = use.arguments["type"].span
        raise Trouble("invpcid", "the type of an INVPCID is a constant, 0 to 3", span, hint)
    pcid, node = given(b, use, "pcid"), use.arguments["v"]
    va = b.value(node)
    if va.type.kind not in ("va", "any") and (number == 0 or va.expr != FALSE):
        wanted = "a virtual address" if number == 0 else "0, or a virtual address"
        raise Trouble("type", f"INVPCID of type {number} takes {wanted} here", node.span)
    system(b, use.e, Machine("INV", _INVPCID[number]), va=va.expr, pcid=pcid.expr)
    return Val(Const(0), t.VOID)


def invlpgb(b: BodyCode, use: SpecialCall) -> Val:
    named = {name: given(b, use, name).expr for name in use.arguments}
    kind: Kind = "broadcast-va" if "v" in named else "broadcast-pcid"
    system(b, use.e, Machine("BINV", kind), va=named.get("v"), pcid=named["pcid"])
    return Val(Const(0), t.VOID)


def ifetch(b: BodyCode, use: SpecialCall) -> Val:
    b.shared.fetches = True
    node = use.arguments["c"]
    value = b.value(node)
    kind = value.type.kind
    if kind == "va":
        return load(b, MemoryPlace(value.expr, t.ANY, True), use.e, "IF")
    if kind == "any" or (kind == "pointer" and value.type.to in (t.CODE, t.ANY)):
        return load(b, MemoryPlace(value.expr, t.CODE), use.e, "IF")
    hint = f"write &{node.name}" if isinstance(node, ast.Ident) else ""
    raise mismatch(use.word, use.word.parameters[0], value.type.words, node, hint=hint)
