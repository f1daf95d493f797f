"""What names mean in a condition of a C or MM test: cells, registers, constants, addresses."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.asked import address_in, address_of_cpu, container, root_of
from verifier.lower.c.bodies import assigned_names
from verifier.lower.c.body import BodyCode
from verifier.lower.c.fields import group
from verifier.lower.c.memory import TestMemory
from verifier.lower.c.objects import attributes, check_present, never_a_number, no_mm
from verifier.lower.c.structs import Bitfield
from verifier.lower.c.types import Type
from verifier.lower.meanings import CellOf, EntryOf, Meaning, PartOf, RegisterOf, WideOf
from verifier.program.expressions import Const, call, evaluate
from verifier.program.values import FAULT, ROOT, UNACCESSED, Ptr, Value, flags, make_entry, target
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax import condition as c
from verifier.syntax.idle import OF_CPUS
from verifier.syntax.trouble import Trouble, nearest
from verifier.words.table import NAMED_VALUES, is_mask_of_mm, is_root_of_mm, special


class Pcids:
    """Which PCIDs there are: what a CPU or its TLB starts with, and what CR3 is loaded with."""

    def __init__(self, memory: TestMemory, loaded: set[Value | str | None]) -> None:
        starts = {memory.values.get(Ptr(f"{cpu}:pcid"), 0) for cpu in range(memory.cpus)}
        self.known: set[Value | str | None] = {*starts, *loaded, *(pcid for _, pcid, _, _ in memory.tlb)}
        self.any = None in loaded

    def check(self, pcid: int, span: Span) -> None:
        """Raise ``Trouble`` for a PCID that no CPU ever has."""
        if pcid not in self.known and not self.any:
            hint = f"a CPU gets it by load_cr3(mm, {pcid}), or starts with it: 0:pcid = {pcid}"
            raise Trouble("pcid", f"no CPU ever has PCID {pcid}", span, hint)


class Scope:
    """What names mean in a condition; see ``meanings.Scope``."""

    def __init__(self, memory: TestMemory, bodies: list[BodyCode], unit: ast.Unit, pcids: Pcids) -> None:
        self.memory, self.bodies, self.unit, self.pcids = memory, bodies, unit, pcids

    def cpus(self) -> int:
        """How many CPUs there are."""
        return self.memory.cpus

    def constant(self, name: c.Name) -> int:
        """A constant of an ``enum``."""
        if name.name not in self.unit.enums:
            hint = nearest(name.name, self.unit.enums)
            raise Trouble("unknown-name", f"there is no constant {name.name!r}", name.span, hint)
        return self.unit.enums[name.name]

    def place(self, place: c.Place, cpu: int | None) -> Meaning:
        """A cell, a register or a constant."""
        if cpu is not None:
            return self._of_cpu(place, cpu)
        if isinstance(place, c.Name):
            return self._name(place)
        if isinstance(place, c.Call) and special(place.name) == "mk_pte":
            return EntryOf(self._mk_pte(place, ("page", "table")))
        if isinstance(place, c.Call) and place.name == c.CONTAINER:
            return Const(self._container(place)[0])
        if isinstance(place, c.Call) and is_root_of_mm(place.name):
            return Const(root_of(self.memory, place))
        if isinstance(place, c.Call) and special(place.name) == "err_ptr":
            return Const(self.memory.value(self._syntax(place))[0])
        return self._whole_or_part(place, None)

    def _container(self, place: c.Call) -> tuple[Value, Type]:
        return container(self.memory, place, self.address(*address_in(place)))

    def _wide(self, cell: CellOf, place: c.Place, cpu: int | None) -> CellOf | WideOf:
        """A cell, with the other one if it is half an integer of 128 bits."""
        high = self.memory.cells.get(Ptr(f"{cell.cell.path}.{t.HIGH}"))
        of = self.holds(place, cpu) if high is not None else None
        if high is None or of is None or not t.wide(of):
            return cell
        low = CellOf(cell.cell, high.name.removesuffix(t.HIGH) + t.LOW)
        return WideOf(low, CellOf(high.ptr, high.name), of)

    def _whole_or_part(self, place: c.Place, cpu: int | None) -> CellOf | PartOf | WideOf:
        ptr = self._cell(place, cpu)
        high = self.memory.cells.get(Ptr(f"{ptr.path}.{t.HIGH}"))
        half = high is not None and isinstance(place, c.Field) and place.name == t.LOW
        cell = CellOf(ptr, self.memory.cells[ptr].name + (f".{t.LOW}" if half else ""))
        at = self._of_stack(self._syntax(place), cpu)
        part, sign = self.memory.part(at), self.memory.signed(at)
        if sign is not None:
            return PartOf(cell, Bitfield(ptr.path, 0, sign))
        return self._wide(cell, place, cpu) if part is None else PartOf(cell, part)

    def _name(self, name: c.Name) -> Meaning:
        word = name.name
        named = self.memory.named.get(word)
        if named is None:
            if word in self.unit.enums:
                return Const(self.unit.enums[word])
            if word in self.unit.functions:
                return Const(Ptr(word))
            if word == "fault":
                return Const(FAULT)
            if word in NAMED_VALUES:
                return Const(NAMED_VALUES[word])
            local = any(body.local(word, False) for body in self.bodies)
            error = self.memory.unknown(word, name.span)
            if local or (word[:1] == "r" and word[1:].isdigit()):
                error = Trouble("unknown-name", f"{word} is a register", name.span, f"say whose: 0:{word}")
            raise error
        if named.percpu:
            raise Trouble("percpu", f"{word} is a per-CPU object", name.span, f"say whose: 0:{word}")
        if named.handle:
            if named.type.kind in ("page", "table") and self.memory.used.attributes:
                return EntryOf(Ptr(word))
            return Const(Ptr(word))
        if named.size is not None:
            if not name.brackets:
                # On the right of a comparison it is an address; ``observe`` asks for the cell.
                return CellOf(Ptr(word), f"{word}[0]")
            raise Trouble("type", f"{word} is an array", name.span, f"name an element: {word}[0]")
        return self._wide(CellOf(Ptr(word), f"[{word}]"), name, None)

    def address(self, place: c.Place, cpu: int | None) -> Value:
        """The address of an object, or of a part of one; with a CPU, of what only it has."""
        if cpu is not None:
            return address_of_cpu(self.memory, place, cpu)
        if isinstance(place, c.Field) and isinstance(place.base, c.Call) and place.base.name == c.CONTAINER:
            of, kind = self._container(place.base)
            for step in self.memory.steps(group(kind), place.name):
                of = evaluate(call("field", Const(of), Const(step)), {})
            return of
        self._no_pointer(place)
        address = self._syntax(place)
        if self.memory.part(address) is not None:
            raise Trouble("bitfield", f"{place.span.text} is a bitfield, which has no address", place.span)
        root = self.memory.named.get(self._root(address))
        if root is not None and root.percpu:
            text, hint = f"{root.name} is a per-CPU object", f"say whose: &0:{place.span.text}"
            raise Trouble("percpu", text, place.span, hint)
        return self.memory.address(address, end=True)[0]

    def moves(self, address: Ptr) -> bool:
        """The last bits of a root are a PCID and flags of CR3."""
        return Ptr(address.base) in self.memory.vas or address.base.endswith(ROOT)

    def points(self, place: c.Place, cpu: int | None) -> bool:
        """Does a place hold the address of something?"""
        kind = self._held(place, cpu)
        return kind is not None and kind.kind in ("pointer", "struct")

    def comparable(self, place: c.Place, cpu: int | None, meaning: Meaning, named: bool) -> str:
        """Empty if a place may be a number that is not 0; otherwise what to write instead."""
        kind = ""
        if isinstance(meaning, CellOf) and meaning.cell in self.memory.tables.cells:
            kind = "pte"
        elif isinstance(meaning, CellOf) and meaning.cell.base.endswith(":cr3"):
            kind = "mm"
        elif isinstance(meaning, EntryOf):
            kind = "page"
        elif isinstance(place, c.Name) and isinstance(meaning, RegisterOf):
            local = self.bodies[meaning.cpu].frames[0].scopes[0].get(place.name)
            kind = local.type.kind if local is not None and local.type is not None else ""
        elif isinstance(place, c.Name) and place.name in self.memory.named:
            of = self.memory.named[place.name]
            kind = of.type.kind if of.handle else ""
        return never_a_number(kind, place.span.text if cpu is None else "", named)

    def holds(self, place: c.Place, cpu: int | None) -> Type | None:
        """The type of what is compared, as far as the comparison of numbers goes."""
        kind = self._held(place, cpu)
        return kind if kind is not None and kind.kind in ("int", "any") else None

    def _held(self, place: c.Place, cpu: int | None) -> Type | None:
        """The type of what a place holds; None if nothing says it."""
        named = self.memory.named.get(place.name) if isinstance(place, c.Name) else None
        if cpu is not None and isinstance(place, c.Name) and (named is None or not named.percpu):
            local = self.bodies[cpu].frames[0].scopes[0].get(place.name)
            kind = None if local is None else local.declared or local.type
        else:
            try:
                at = self._of_stack(self._syntax(place), cpu)
                _, kind = self.memory.address(at)
                counter = self.memory.signed(at) if kind.to is t.ANY else None
            except Trouble:
                return None
            kind = counter or kind.to or t.ANY if kind.kind == "pointer" else None
        return kind

    def _of_cpu(self, place: c.Place, cpu: int) -> Meaning:
        if isinstance(place, c.Name):
            word, label = place.name, f"{cpu}:{place.name}"
            if word in OF_CPUS and word in self.bodies[cpu].frames[0].scopes[0]:
                text = f"{label} is what each CPU has, and P{cpu} has a local {word}, too"
                raise Trouble("reserved-name", text, place.span, "give the local another name")
            if word in ("cr3", "irq", "pcid"):
                ptr = Ptr(f"{cpu}:{word}")
                if ptr not in self.memory.cells:
                    raise no_mm(place.span)
                return CellOf(ptr, label)
            if word == "warn":
                return RegisterOf(cpu, "%warn", label)
            named = self.memory.named.get(word)
            local = self.bodies[cpu].frames[0].scopes[0].get(word)
            if (named is None or not named.percpu) and (local is None or local.place is None):
                return self._register(place, cpu)
        return self._whole_or_part(place, cpu)

    def _register(self, name: c.Name, cpu: int) -> Meaning:
        body = self.bodies[cpu]
        scope = body.frames[0].scopes[0]
        reg = scope[name.name].reg if name.name in scope else name.name
        if reg not in body.written:
            if name.name in self.memory.named and name.name not in scope:
                text, hint = f"{name.name} is shared by all CPUs", f"write {name.name}, without the CPU"
                raise Trouble("unwritten", text, name.span, hint)
            mine = [*(w for w in body.written if "#" not in w), "cr3", "pcid", "irq", "warn"]
            known = f"no statement of P{cpu} writes {name.name!r}"
            raise Trouble("unwritten", known, name.span, _own_of(body, name.name) or nearest(name.name, mine))
        return RegisterOf(cpu, reg, f"{cpu}:{name.name}")

    def _cell(self, place: c.Place, cpu: int | None) -> Ptr:
        """The cell that a place with fields, elements or arguments is."""
        self._no_pointer(place)
        address = self._of_stack(self._syntax(place), cpu)
        ptr, _ = self.memory.address(address)
        if cpu is not None and ptr not in self.memory.cells:
            ptr = Ptr(f"{cpu}:{ptr.base}", ptr.off)
        if ptr not in self.memory.cells:
            hint = ""
            base = self._root(address)
            if base in self.memory.named and self.memory.named[base].percpu and cpu is None:
                hint = f"say whose: 0:{place.span.text}"
            elif any(cell.path.startswith(f"{ptr.path}.") for cell in self.memory.cells):
                hint = f"name a field of it; &{place.span.text} is its address"
            raise Trouble("place", f"{place.span.text} does not hold a value", place.span, hint)
        if isinstance(place, c.Call) and is_mask_of_mm(place.name):
            raise Trouble(
                "type", "a condition names one bit of a mask", place.span, f"write {place.span.text}[0]"
            )
        return ptr

    def _no_pointer(self, place: c.Place) -> None:
        """Raise ``Trouble`` for a field behind a pointer."""
        base = place.base if isinstance(place, c.Field) else None
        named = self.memory.named.get(base.name) if isinstance(base, c.Name) else None
        if (
            isinstance(place, c.Field)
            and named is not None
            and named.type.kind == "pointer"
            and named.size is None
        ):
            hint = f"name a field of the object that it leads to, as s.{place.name}"
            raise Trouble("pointer", "a condition follows no pointers", place.span, hint)

    def _of_stack(self, e: ast.CExpr, cpu: int | None) -> ast.CExpr:
        """The same place, if it is in a struct or an array on the stack of a CPU's program."""
        if isinstance(e, ast.FieldExpr | ast.IndexExpr):
            return replace(e, base=self._of_stack(e.base, cpu))
        if cpu is not None and isinstance(e, ast.Ident):
            local = self.bodies[cpu].frames[0].scopes[0].get(e.name)
            if local is not None and local.stack and local.fixed is not None:
                assert isinstance(local.fixed.expr, Const)
                return ast.Ident(str(local.fixed.expr.value), e.span)
        return e

    def _root(self, e: ast.CExpr) -> str:
        while isinstance(e, ast.FieldExpr | ast.IndexExpr):
            e = e.base
        return e.name if isinstance(e, ast.Ident | ast.CallExpr) else ""

    def _syntax(self, operand: c.Operand) -> ast.CExpr:
        """A condition's place as an expression of the initial state, which means the same."""
        if isinstance(operand, c.Number):
            return ast.Num(operand.value, operand.span)
        if isinstance(operand, c.Name):
            return ast.Ident(operand.name, operand.span)
        if isinstance(operand, c.Member):
            return ast.IndexExpr(self._syntax(operand.base), self._syntax(operand.index), operand.span)
        if isinstance(operand, c.Field):
            return ast.FieldExpr(self._syntax(operand.base), operand.name, operand.span)
        if isinstance(operand, c.Call):
            arguments = tuple(self._syntax(a[0]) for a in operand.arguments)
            return ast.CallExpr(operand.name, arguments, operand.span)
        if isinstance(operand, c.Arith) and operand.op == "neg":
            return ast.Unary("-", self._syntax(operand.parts[0]), operand.span)
        raise Trouble("place", "a register has no parts", operand.span)

    def va(self, name: c.Name) -> Ptr:
        """A virtual address that some mm maps."""
        if Ptr(name.name) not in self.memory.vas:
            hint = nearest(name.name, [v.base for v in self.memory.vas])
            raise Trouble("unknown-name", f"no mm maps {name.name!r}", name.span, hint)
        return Ptr(name.name)

    def page(self, operand: c.Operand) -> Value:
        """A page, perhaps with attributes, as TLBs cache it."""
        page = self._target(operand, ("page",))
        if target(page) is None:
            raise Trouble("value", "a TLB holds only entries that are present", operand.span)
        if flags(page) & UNACCESSED:
            raise Trouble("value", "a TLB holds only entries whose A is set", operand.span)
        return page

    def pcid(self, pcid: int, span: Span) -> int:
        """A PCID that some CPU has at some time."""
        self.pcids.check(pcid, span)
        return pcid

    def _target(self, operand: c.Operand, kinds: tuple[str, ...]) -> Value:
        """What an entry leads to, and its attributes."""
        if isinstance(operand, c.Call) and special(operand.name) == "mk_pte":
            return self._mk_pte(operand, kinds)
        named = self.memory.named.get(operand.name) if isinstance(operand, c.Name) else None
        if named is None or named.type.kind not in kinds:
            known = [n.name for n in self.memory.named.values() if n.type.kind in kinds]
            word = operand.name if isinstance(operand, c.Name) else ""
            if word == "none":
                hint = "say which page it does not hold: ~0:tlb[v -> A]"
                raise Trouble("value", "a TLB holds only entries that are present", operand.span, hint)
            if word and named is None and word not in (*self.unit.enums, *NAMED_VALUES):
                raise Trouble("unknown-name", f"there is no {word!r}", operand.span, nearest(word, known))
            what = "a page or a table" if len(kinds) > 1 else "a page"
            raise Trouble("type", f"{what} is needed here", operand.span, nearest(word, known))
        return Ptr(named.name)

    def _mk_pte(self, place: c.Call, kinds: tuple[str, ...]) -> Value:
        if not 1 <= len(place.arguments) <= 2 or len(place.arguments[0]) != 1:
            text, hint = f"{place.name} takes a page and attributes", f"{place.name}(A, ro | nx)"
            raise Trouble("arity", text, place.span, hint)
        bits = 0
        for operand in place.arguments[1] if len(place.arguments) > 1 else ():
            bits |= attributes(self._syntax(operand))
        to = self._target(place.arguments[0][0], kinds)
        check_present(bits, t.TABLE if to in self.memory.tables.tables else t.PAGE, place.span)
        return make_entry(to, bits)


def _own_of(body: BodyCode, name: str) -> str:
    """A hint, if what is called, or runs as a handler or an NMI, on a CPU has a local of this name."""
    functions = body.unit.functions
    called = {reg.partition("#")[0] for reg in body.written if "#" in reg and reg.rpartition(".")[2] == name}
    sent = {who.function for who in body.shared.handlers if who.cpu == body.cpu}
    sent = {f for f in sent if f in functions and name in assigned_names(functions[f].body)}
    nmis = (n for n in body.unit.nmis if n.cpu == body.cpu)
    if found := sorted((called | sent) & functions.keys()):
        return f"{found[0]}() has its own {name}; store it in an object or return it"
    if any(name in assigned_names(nmi.body) for nmi in nmis):
        return f"the NMI has its own {name}; store it in an object"
    return ""
