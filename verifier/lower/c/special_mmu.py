"""The MMU's words that are more than a row: entries, attributes, invalidations with a type, fetches."""

from __future__ import annotations

from typing import Any

from verifier.lower.c import types as t
from verifier.lower.c.objects import attributes, check_present
from verifier.lower.c.parts import Place, Val
from verifier.lower.c.special_ipi import Ipis
from verifier.lower.code import Touch
from verifier.program.expressions import FALSE, Const, Expr, Reg, call
from verifier.program.ops import Kind
from verifier.program.values import ATTRIBUTES, MIGRATION, SWAP, Ptr
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble
from verifier.words.rows import Word

_INVPCID: tuple[Kind, ...] = ("invpcid0", "invpcid1", "invpcid2", "invpcid3")
Arguments = dict[str, ast.CExpr]


class MmuWords(Ipis):
    """Adds the MMU to words."""

    def _given(self, word: Word, name: str, arguments: Arguments) -> Val:
        parameter = next(p for p in word.parameters if p.name == name)
        given = self.argument(word, parameter, arguments[name])
        assert isinstance(given, Val)
        return given

    # -- entries ----------------------------------------------------------------------------------

    def _word_entry_of(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        """``pte(N, v)``, ``pmd(N, v)``."""
        handle = self._given(word, "handle", arguments)
        va = self._given(word, "v", arguments)
        of = handle.expr
        if not isinstance(of, Const) and handle.type.kind in ("pmd", "any") and self.memory.used.attributes:
            of = call("pte_target", of)
        address = self.memory.tables.address(word.name, of, va.expr, e.span, handle.type.kind)
        return Val(address, t.ENTRY if word.name == "pte" else t.UPPER)

    def _word_leaf(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        """A large page, which may be PROT_NONE; no table, and no swap entry."""
        content = self._given(word, "e", arguments).expr
        to = call("pte_target", content)
        is_table = [call("eq", to, Const(table)) for table in sorted(self.memory.tables.tables)]
        swapped = [call("pte_has", content, Const(bit)) for bit in (SWAP, MIGRATION)]
        no = is_table if content == FALSE or not self.memory.used.attributes else [*swapped, *is_table]
        large = call("and", call("ne", content, FALSE), *(call("not", x) for x in no))
        return Val(large, t.INT)

    def _word_mk_pte(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        to = self._given(word, "page", arguments)
        node = arguments.get("attributes")
        bits: Expr = FALSE if node is None else self._attributes(node)
        if isinstance(bits, Const) and isinstance(bits.value, int):
            check_present(bits.value, to.type, e.span)
        kind = t.PMD if to.type.kind == "table" else t.PTE
        return Val(to.expr if bits == FALSE else call("mk_pte", to.expr, bits), kind)

    def _attributes(self, node: ast.CExpr) -> Expr:
        try:
            return Const(attributes(node))
        except Trouble:
            if not isinstance(node, ast.Ident) or self.local(node.name, False) is None:
                raise
        value = self.value(node)
        fits = not isinstance(value.expr, Const) or value.expr.value in range(1 << len(ATTRIBUTES))
        if value.type.kind not in ("int", "any") or not fits:
            raise Trouble("attribute", f"{node.name} holds no attributes of an entry", node.span)
        return value.expr

    # -- CR3 and the TLB --------------------------------------------------------------------------

    def _word_read_register(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        name = word.name.removeprefix("read_")
        cell, temp = Ptr(f"{self.cpu}:{name}"), self.fresh()
        if cell not in self.memory.cells:
            raise Trouble("no-mm", "there is no mm in this test", e.span)
        self.emit("R", e, Touch(Const(cell), temp))
        return Val(Reg(temp), t.MM if name == "cr3" else t.INT)

    def _word_irqs_disabled(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        temp = self.fresh()
        self.emit("R", e, Touch(Const(Ptr(f"{self.cpu}:irq")), temp))
        return Val(call("not", Reg(temp)), t.INT)

    def _word_invpcid(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        kind = self._given(word, "type", arguments).expr
        number = kind.value if isinstance(kind, Const) else None
        if number not in (0, 1, 2, 3):
            hint = "0: an address, 1: a PCID, 2: everything, 3: everything but globals"
            span = arguments["type"].span
            raise Trouble("invpcid", "the type of an INVPCID is a constant, 0 to 3", span, hint)
        pcid, node = self._given(word, "pcid", arguments), arguments["v"]
        va = self.value(node)
        if va.type.kind not in ("va", "any") and (number == 0 or va.expr != FALSE):
            wanted = "a virtual address" if number == 0 else "0, or a virtual address"
            raise Trouble("type", f"INVPCID of type {number} takes {wanted} here", node.span)
        self.system("INV", e, _INVPCID[number], va=va.expr, pcid=pcid.expr)
        return Val(Const(0), t.VOID)

    def _word_invlpgb(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        given = {name: self._given(word, name, arguments).expr for name in arguments}
        kind: Kind = "broadcast-va" if "v" in given else "broadcast-pcid"
        self.system("BINV", e, kind, va=given.get("v"), pcid=given["pcid"])
        return Val(Const(0), t.VOID)

    # -- instruction fetch --------------------------------------------------------------------------

    def _word_ifetch(self, word: Word, e: ast.CallExpr, arguments: Arguments) -> Val:
        node = arguments["c"]
        value = self.value(node)
        kind: Any = value.type.kind
        if kind == "va":
            return self.load(Place(value.expr, t.ANY, True), e, "IF")
        if kind == "any" or (kind == "pointer" and value.type.to in (t.CODE, t.ANY)):
            return self.load(Place(value.expr, t.CODE), e, "IF")
        hint = f"write &{node.name}" if isinstance(node, ast.Ident) else ""
        raise self.mismatch(word, word.parameters[0], value.type.words, node, hint)
