"""The objects of a C or MM test: what its initial state declares, and what its expressions mean."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.constants import calculated, chosen
from verifier.lower.c.error_numbers import as_address
from verifier.lower.c.fields import Fields, group
from verifier.lower.c.structs import Bitfield
from verifier.lower.c.tables import Tables, Uses
from verifier.lower.c.types import Type
from verifier.program.functions import apply
from verifier.program.values import ATTRIBUTES, FAULT, NOT_PRESENT, Ptr, Value, make_entry
from verifier.records import dataclass, replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.idle import CALLED_NAMES, OF_CPUS, PERCPU_NAMES
from verifier.syntax.trouble import Trouble, nearest
from verifier.words.table import (
    CONSTANT_MASKS,
    ELSEWHERE,
    INITIALIZERS,
    LIMITS,
    LONG_VALUES,
    NAMED_VALUES,
    ROOTS,
    WORDS,
    entry_level,
    instead,
    is_mask_of_mm,
    special,
)

MAX_CELLS = 4096
MAPPING = ("mm", "table")


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object or a handle. ``type`` is what a plain object holds, or the handle's own type.

    ``size``: elements of an array; None if it is not an array.
    """

    name: str
    type: Type
    span: Span
    size: int | None = None
    percpu: bool = False
    shown: str = ""  # how it is called, if not by its name

    @property
    def handle(self) -> bool:
        """Is the name itself a value (a page, an mm, a struct, …)?"""
        return self.type.kind in t.HANDLES and self.size is None


def no_mm(span: Span | None) -> Trouble:
    """The error about what only a test with address spaces has."""
    hint = "declare one in the initial state, as in mm N { v -> A }; the test then has init_mm, too"
    return Trouble("no-mm", "there is no mm in this test, not even init_mm", span, hint)


class Objects(Fields):
    """The names of a test, and constant expressions over them."""

    tables: Tables  # known once the initial state's mappings are

    def __init__(self, unit: ast.Unit) -> None:
        super().__init__(unit)
        self.mm_file = unit.arch == "MM"
        self.cpus = max(unit.threads, default=0) + 1
        self.named: dict[str, NamedObject] = {}
        self.arrays: dict[str, int] = {}  # the sizes of those in structs, by the address in the object
        self.columns: dict[str, int] = {}  # likewise: of rows of arrays, or of arrays that have no rows
        self.held: dict[Ptr, Type] = {}  # what the cells of objects are declared to hold, once laid out
        self.starts: dict[Ptr, Type] = {}  # likewise: where structs begin
        self.stack: dict[str, NamedObject] = {}  # objects on stacks, by a name that nobody writes
        self.vas: list[Ptr] = []
        self.errors = False  # are there pointers that stand for errors?
        self.used = Uses()

    # -- names ------------------------------------------------------------------------------------

    def add(self, named: NamedObject) -> None:
        if named.name in self.unit.functions:
            raise Trouble("duplicate", f"{named.name} is a function already", named.span)
        old = self.named.get(named.name)
        if old is not None and (old.type.kind == "va") != (named.type.kind == "va"):
            raise Trouble("duplicate", f"{named.name} is {old.type.words} already", named.span)
        self.named[named.name] = named
        self._is_free(named)

    def _is_free(self, named: NamedObject) -> None:
        """Raise ``Trouble`` for a name by which tests call something else."""
        hint = "choose another name"
        if named.percpu and named.name in OF_CPUS:
            text = f"{named.name} is what each CPU has already, as in 0:{named.name}"
            raise Trouble("reserved-name", text, named.span, hint)
        if self.mm_file and named.name in ("fault", "NULL", "true", "false"):
            raise Trouble("reserved-name", f"{named.name} is a value already", named.span, hint)

    def declare(self, item: ast.Initial) -> None:
        if isinstance(item, ast.Setting):
            name = item.place
            if item.cpus is None and not self.mm_file and isinstance(name, ast.Ident):
                if name.name not in self.named:
                    self.add(NamedObject(name.name, t.ANY, name.span))
                if isinstance(item.value, ast.Ident | ast.Unary):
                    self._implicit(item.value)
            elif item.cpus is not None and isinstance(item.value, ast.Ident | ast.Unary) and not self.mm_file:
                self._implicit(item.value)
            return
        kind = t.of(item.type)
        if kind.kind in ("mm", "table", "page", "mask", "struct") and item.type.pointers:
            kind = t.kept(kind)
        size = None if item.size is None else self.number(item.size)
        if size is not None and not 0 < size <= MAX_CELLS:
            raise Trouble("size", f"an array of {size} elements", item.span, f"1 to {MAX_CELLS}")
        columns = None if item.columns is None else self.number(item.columns)
        if columns is not None and not 0 < columns <= MAX_CELLS:
            raise Trouble("size", f"an array of {columns} elements", item.span, f"1 to {MAX_CELLS}")
        if kind.kind in (*MAPPING, "page") and (size is not None or item.percpu):
            what = "an array" if size is not None else "a per-CPU object"
            raise Trouble("type", f"{kind.words} cannot be {what}", item.span, "give each a name of its own")
        if kind.kind == "mm" and "init_mm" not in self.named:
            self.named["init_mm"] = NamedObject("init_mm", t.MM, item.span)
        if columns is not None and kind.kind in t.HANDLES:
            text = f"an array of arrays of {kind.words}"
            raise Trouble("not-yet", f"{text} is not supported", item.span, "number the elements yourself")
        if columns is not None:
            kind = Type("array", columns, to=kind)
        if size is not None and kind.kind == "struct":
            kind = replace(kind, inside=True)
        self.add(NamedObject(item.name, kind, item.span, size, percpu=item.percpu))
        if isinstance(item.value, ast.Braced):
            for part in item.value.items:
                if isinstance(part, ast.FieldInit):
                    self.name_field(kind, part.name)
                elif isinstance(part, ast.Mapping) and isinstance(part.va, ast.Ident):
                    self.add(NamedObject(part.va.name, t.VA, part.va.span))
        elif not self.mm_file and isinstance(item.value, ast.Ident | ast.Unary):
            self._implicit(item.value)

    def signed(self, expr: ast.CExpr) -> Type | None:
        """The type of a field whose memory another field has with another sign, or of one without a type that
        is a counter of less than 64 bits to all words, where no other struct has such a field of this name;
        None of any other place."""
        if not isinstance(expr, ast.FieldExpr):
            return None
        of = group(self.address(expr.base)[1])
        if expr.name in self.signs.get(of, ()):
            return self.field(of, expr.name)[0]
        counts = self.counters.get(expr.name) == {t.INT.bits}
        without = [name for name, fields in self.fields.items() if fields.get(expr.name) is t.ANY]
        return t.INT if counts and without == [of] else None

    def part(self, expr: ast.CExpr) -> Bitfield | None:
        """The bitfield that a place is, if it is one."""
        if not isinstance(expr, ast.FieldExpr):
            return None
        _, kind = self.address(expr.base)
        return self.parts.get(group(kind), {}).get(expr.name)

    def _implicit(self, value: ast.CExpr) -> None:
        """In C files, as in herd7, an object whose address is an initial value exists by that."""
        while isinstance(value, ast.Unary) and value.op == "&":
            value = value.operand
        if isinstance(value, ast.Ident) and not self._known(value.name):
            self.add(NamedObject(value.name, t.ANY, value.span))

    def _known(self, name: str) -> bool:
        return name in self.named or name in self.unit.enums or name in NAMED_VALUES

    def parameter(self, p: ast.Parameter) -> None:
        """A thread's parameter names an object; in C files it also creates one."""
        old = self.named.get(p.name)
        if old is None and self.mm_file:
            raise self.unknown(p.name, p.span)
        kind = t.of(p.type)
        held = kind.to if kind.kind == "pointer" and kind.to else t.ANY
        if old is None or (old.type is t.ANY and not old.handle):
            self.named[p.name] = NamedObject(p.name, held, p.span, old.size if old else None)

    def unknown(self, name: str, span: Span | None, otherwise: str = "") -> Trouble:
        """The error about a name that nothing declares; ``otherwise``: the hint where no name is near."""
        if name in WORDS:
            return Trouble("unknown-name", f"{name} is a function", span, f"write {WORDS[name].signature}")
        if name in self.unit.functions:
            return Trouble("unknown-name", f"{name} is a function", span, "write the name of an object")
        if name in NAMED_VALUES:
            return Trouble("unknown-name", f"{name} is a value", span, "write the name of an object")
        if name == "init_mm":
            return no_mm(span)
        own = [*self.named, *self.unit.enums, *self.unit.functions]
        hint = ELSEWHERE.get(name) or nearest(name, own) or otherwise
        hint = hint or nearest(name, [*NAMED_VALUES, *CONSTANT_MASKS]) or instead(name)
        return Trouble("unknown-name", f"there is no {name!r}", span, hint)

    def stands_for_more(self, name: str) -> bool:
        """Is it the kernel's name of what a CPU has, such as ``current``, and has this test that?"""
        return PERCPU_NAMES.get(name) in self.named or CALLED_NAMES.get(name) in self.unit.functions

    # -- values -----------------------------------------------------------------------------------

    def number(self, expr: ast.CExpr) -> int:
        """A constant."""
        value, _ = self.value(expr)
        if not isinstance(value, int):
            raise Trouble("type", "a number is needed here", expr.span)
        return value

    def value(self, expr: ast.InitValue | ast.InitItem) -> tuple[Value, Type]:
        """A value of the initial state and its type."""
        if isinstance(expr, ast.Num):
            return expr.value, t.literal(expr.value, expr.span.text)
        if isinstance(expr, ast.Ident):
            return self._name(expr)
        if isinstance(expr, ast.Unary):
            if expr.op == "&" and isinstance(expr.operand, ast.Ident) and expr.operand.name not in self.named:
                return self._name(expr.operand)
            if expr.op == "&":
                return self.address(expr.operand, end=True)
            value, kind = self.value(expr.operand)
            function = {"-": "neg", "~": "inv", "!": "not"}.get(expr.op)
            if function:
                value = apply(function, (value,))
                if kind.kind == "int" and isinstance(value, int):
                    kind = t.promoted(kind, t.INT)
                    value = t.number(value, kind)
            return value, kind
        if isinstance(expr, ast.Binary):
            return calculated(expr, self._marked if expr.op in ("&", "|", "^") else self.value)
        if isinstance(expr, ast.Conditional | ast.OrElse):
            return chosen(expr, self.value)
        if isinstance(expr, ast.Cast):
            return self._cast(expr)
        if isinstance(expr, ast.IndexExpr | ast.FieldExpr):
            return self.address(expr)
        if isinstance(expr, ast.CallExpr):
            return self._call(expr)
        raise Trouble("value", "this is not an initial value", expr.span)

    def _cast(self, expr: ast.Cast) -> tuple[Value, Type]:
        """``(type) a``. Raises ``Trouble`` for an address as a number of fewer than 64 bits."""
        value, given = self.value(expr.operand)
        kind = t.of(expr.type)
        if kind.kind == "int" and isinstance(value, int):
            return t.number(value, kind), kind
        value, given = self.as_number(value, given, kind)
        if kind.kind == "int" and self.mm_file and (given.kind != "int" or kind.bits < given.bits):
            text = f"an address is no {t.words(kind)}"
            raise Trouble("type", text, expr.span, "it is a number of 64 bits: (unsigned long)&x")
        return value, t.ANY if kind is t.ANY else given

    def as_number(self, value: Value, given: Type, kind: Type) -> tuple[Value, Type]:
        """An address as an integer of 64 bits, if ``kind`` is one; else the value and its type. C files keep
        it whole, as herd7."""
        is_address = given.kind in ("pointer", "struct") and isinstance(value, Ptr) and not given.percpu
        if kind.kind != "int" or kind.bits != 64 or not self.mm_file or not is_address:
            return value, given
        to = given if given.kind == "struct" else given.to or t.ANY
        return (value, given) if to is t.FUNCTION else (apply("as_number", (value, self.low_bits(to))), kind)

    def _marked(self, expr: ast.InitValue | ast.InitItem) -> tuple[Value, Type]:
        """What marks are put on, or taken off: of an address, the number that it is."""
        value, kind = self.value(expr)
        return self.as_number(value, kind, t.ULONG)

    def _name(self, expr: ast.Ident) -> tuple[Value, Type]:
        if expr.name in self.unit.functions:
            return Ptr(expr.name), t.TO_FUNCTION
        if expr.name in self.unit.enums:
            value = self.unit.enums[expr.name]
            return value, t.literal(value)
        named = self.named.get(expr.name)
        if named is not None:
            kind = named.type if named.handle else Type("pointer", to=named.type)
            return Ptr(named.name), replace(kind, percpu=named.percpu)
        if expr.name in LONG_VALUES:
            return LONG_VALUES[expr.name], t.ULONG
        if expr.name in LIMITS:
            value, words = LIMITS[expr.name]
            return value, t.written(words)
        if expr.name in NAMED_VALUES:
            return NAMED_VALUES[expr.name], t.PTE if expr.name == "none" else t.ANY
        if ROOTS.get(expr.name) in self.named:
            return Ptr(ROOTS[expr.name]), t.UPPER
        if expr.name == "fault":
            return FAULT, t.ANY
        raise self.unknown(expr.name, expr.span)

    def _call(self, expr: ast.CallExpr) -> tuple[Value, Type]:
        if special(expr.name) == "mk_pte":
            return self._mk_pte(expr)
        if special(expr.name) == "err_ptr":
            if len(expr.arguments) != 1:
                raise Trouble("arity", f"{expr.name} takes one number", expr.span, f"{expr.name}(-12)")
            self.errors = True
            return as_address(self.number(expr.arguments[0]), expr.span), t.ANY
        if expr.name in INITIALIZERS:
            if len(expr.arguments) != 1:
                raise Trouble("arity", f"{expr.name} takes one argument", expr.span)
            value, kind = self.value(expr.arguments[0])
            return (value, kind) if INITIALIZERS[expr.name] else (0, t.INT)
        return self.address(expr)

    def _mk_pte(self, expr: ast.CallExpr) -> tuple[Value, Type]:
        if not 1 <= len(expr.arguments) <= 2:
            raise Trouble(
                "arity", f"{expr.name} takes a page and attributes", expr.span, f"{expr.name}(A, ro | nx)"
            )
        to, kind = self.value(expr.arguments[0])
        if kind.kind not in ("page", "table"):
            text = f"{expr.name} takes a page or a table, not {kind.words}"
            raise Trouble("type", text, expr.arguments[0].span)
        bits = attributes(expr.arguments[1]) if len(expr.arguments) > 1 else 0
        check_present(bits, kind, expr.span)
        return make_entry(to, bits), t.PMD if kind.kind == "table" else t.PTE

    def address(self, expr: ast.CExpr, end: bool = False) -> tuple[Ptr, Type]:
        """The address of a place, and the type of that address. ``end``: it may be the end of an array."""
        if isinstance(expr, ast.Ident):
            named = self.named.get(expr.name) or self.stack.get(expr.name)
            if named is None:
                raise self.unknown(expr.name, expr.span)
            kind = named.type if named.handle else Type("pointer", to=named.type)
            return Ptr(expr.name), replace(kind, percpu=named.percpu)
        if isinstance(expr, ast.IndexExpr) and isinstance(
            expr.base, ast.Ident | ast.CallExpr | ast.FieldExpr | ast.IndexExpr
        ):
            base, kind = self.address(expr.base)
            index = self.number(expr.index)
            row = isinstance(expr.base, ast.IndexExpr)
            inside = isinstance(expr.base, ast.FieldExpr)
            if (inside or row) and kind.to is not None and kind.to.kind == "array":
                return self._element(base, kind, index, expr.span, end=end)
            if row:
                raise Trouble("index", f"{expr.base.span.text} has no elements", expr.span)
            named = self.named.get(base.base) or self.stack.get(base.base)
            size = self.cpus if kind.kind == "mask" else named.size if named else None
            if size is None or not 0 <= index < size + end:
                raise Trouble("index", f"there is no element {index}", expr.span)
            at = Ptr(base.base, index * t.cells(kind.to))
            if kind.to is not None and kind.to.inside:
                return at, replace(kind.to, inside=False, percpu=kind.percpu)
            return at, kind
        if isinstance(expr, ast.FieldExpr):
            base, kind = self.address(expr.base)
            if (kind.kind, expr.name) == ("page", "data"):
                return Ptr(f"{base.base}.data"), Type("pointer", to=t.ANY)
            if kind.kind == "pointer" and kind.to is not None and t.wide(kind.to):
                half = {t.LOW: base, t.HIGH: Ptr(f"{base.path}.{t.HIGH}")}.get(expr.name)
                if half is not None:
                    return half, Type("pointer", to=t.ULONG, percpu=kind.percpu)
            if not self.has(group(kind), expr.name):
                raise self.no_field(kind, expr.name, expr.span)
            of, _ = self.field(group(kind), expr.name)
            self.use(group(kind), expr.name, expr.span)
            cell = Ptr(".".join((base.path, *self.steps(group(kind), expr.name))))
            if of.inside:
                return cell, replace(of, inside=False, percpu=kind.percpu)
            return cell, Type("pointer", to=of, percpu=kind.percpu)
        if isinstance(expr, ast.CallExpr) and entry_level(expr.name):
            cell = self.tables.cell(expr.name, *self.handle_and_va(expr), expr.span)
            return cell, t.ENTRY if entry_level(expr.name) == "leaf" else t.UPPER
        if isinstance(expr, ast.CallExpr) and is_mask_of_mm(expr.name):
            (mm,) = self._arguments(expr, (("mm",), t.MM.words))
            return Ptr(f"mm_cpumask({mm})"), t.MASK
        raise Trouble("place", "this is not a place in memory", expr.span)

    def _element(self, base: Ptr, kind: Type, index: int, span: Span, end: bool) -> tuple[Ptr, Type]:
        """An element of an array in a struct, or of a row."""
        assert kind.to is not None and kind.to.to is not None
        if not 0 <= index < kind.to.bits + end:
            raise Trouble("index", f"there is no element {index}", span)
        of = kind.to.to
        at = Ptr(base.base, base.off + index * t.cells(of))
        if of.inside:
            return at, replace(of, inside=False, percpu=kind.percpu)
        return at, Type("pointer", to=of, percpu=kind.percpu)

    def handle_and_va(self, expr: ast.CallExpr) -> tuple[Ptr, Ptr]:
        both = ((MAPPING, "an address space (mm) or a table"), (("va",), t.VA.words))
        handle, va = self._arguments(expr, *both)
        return handle, va

    def _arguments(self, expr: ast.CallExpr, *wanted: tuple[tuple[str, ...], str]) -> list[Ptr]:
        """The arguments of ``pte(N, v)`` and the like, each of some kinds."""
        if len(expr.arguments) != len(wanted):
            many = f"{len(wanted)} argument{'s' if len(wanted) > 1 else ''}"
            raise Trouble("arity", f"{expr.name} takes {many}", expr.span)
        pointers: list[Ptr] = []
        for (kinds, words), argument in zip(wanted, expr.arguments, strict=True):
            base, kind = self.address(argument)
            if kind.kind not in kinds:
                raise Trouble("type", f"{words} is needed here", argument.span)
            pointers.append(base)
        return pointers


def never_a_number(kind: str, text: str, named: bool) -> str:
    """What to write instead where something of a kind is compared with a number that is not 0; empty
    if it may be that number. ``named``: it is a constant, which the kernel keeps in pointers."""
    if kind in ("pte", "pmd"):
        return "an entry holds none or a page" if kind == "pte" else "an entry holds none, a table or a page"
    if kind == "page":
        return f"what it holds is {text}.data" if text.isidentifier() else "name a page"
    if kind == "table" or (kind in ("mm", "va", "struct") and not named):
        return "a number is in a field or element" if kind == "struct" else "it is a name, or 0"
    return ""


def check_present(bits: int, kind: Type, span: Span) -> None:
    """Raise ``Trouble`` for an entry that is not present in two ways, or that so leads to a table."""
    names = [name for name, bit in ATTRIBUTES.items() if bits & bit & NOT_PRESENT]
    if len(names) > 1:
        raise Trouble("attribute", f"an entry cannot be {' and '.join(names)} at the same time", span)
    if names and kind.kind == "table":
        *most, last = (name for name, bit in ATTRIBUTES.items() if bit & NOT_PRESENT)
        hint = f"{', '.join(most)} and {last} stand for a page; write none"
        raise Trouble("attribute", "an entry that is not present cannot lead to a table", span, hint)


def attributes(expr: ast.CExpr) -> int:
    """``ro | nx`` as the attributes of an entry. Raises ``Trouble`` for anything else."""
    if isinstance(expr, ast.Ident) and expr.name in ATTRIBUTES:
        return ATTRIBUTES[expr.name]
    if isinstance(expr, ast.Binary) and expr.op == "|":
        return attributes(expr.left) | attributes(expr.right)
    if isinstance(expr, ast.Num) and expr.value == 0:
        return 0
    name = expr.name if isinstance(expr, ast.Ident) else ""
    known = ", ".join(ATTRIBUTES)
    hint = nearest(name, ATTRIBUTES) or f"they are {known}, joined by |"
    raise Trouble("attribute", f"{expr.span.text} is not an attribute of an entry", expr.span, hint)
