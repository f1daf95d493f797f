"""The fields of the structs of a test: their types, and where each is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from verifier.lower.c import structs
from verifier.lower.c import types as t
from verifier.lower.c.overlaid import differ_in_sign, overlaid, same_memory, sharing
from verifier.lower.c.structs import Bitfield
from verifier.lower.c.types import Type
from verifier.program.values import ALIGNED, step
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.trouble import Trouble, nearest
from verifier.syntax.unions import halves

MAX_NAMED = 8  # fields that a hint lists
MAX_INNER = 16  # structs in structs
FOLIO = "struct folio"


class Fields:
    """The fields of each group of objects: what definitions say, and initial values where there is none."""

    def __init__(self, unit: ast.Unit) -> None:
        self.unit = unit
        self.header: Callable[[str], str] | None = None  # of a kernel tree: the one that defines a struct
        self.fields: dict[str, dict[str, Type]] = {}  # by kind of object: those that have a name
        self.defined: list[Diagnostic] = []  # what is wrong with definitions
        self.parts: dict[str, dict[str, Bitfield]] = {}  # likewise: bitfields, whose units are fields
        for name, members in structs.declared(unit).items():
            made = structs.layout(members)
            key = group(t.of(ast.CType(name)))
            self.fields[key], self.parts[key] = made.fields, made.parts
            self.defined += made.troubles
        self.closed = frozenset(self.fields)  # groups whose definition says which fields there are
        # Likewise: fields that are halves of another one, or another name of it, with where these
        # lie and with their types.
        self.halves: dict[str, dict[str, tuple[tuple[str, ...], Type]]] = {}
        self.signs: dict[str, set[str]] = {}  # likewise: fields of which one has a sign, and another none
        self.mixed: set[int] = set()  # of how many bits these are
        # Fields of no type that words take as counters: of what widths.
        self.counters: dict[str, set[int]] = {}
        self.uses: dict[str, dict[str, Span]] = {}  # likewise: where a field is first used
        for definition in unit.structs:
            self._overlay(group(t.of(ast.CType(f"struct {definition.name}"))), definition)
        self.unions: dict[str, set[frozenset[str]]] = {}  # likewise: two fields that share bytes
        for definition in unit.structs:
            self._share(group(t.of(ast.CType(f"struct {definition.name}"))), definition)
        # Likewise: the fields that have the address of their struct.
        self.first: dict[str, tuple[str, ...]] = {}
        for definition in unit.structs:
            key = group(t.of(ast.CType(f"struct {definition.name}")))
            self.first[key] = structs.at_the_beginning(definition, self.fields.get(key, ()))

    def _overlay(self, key: str, definition: ast.StructDef) -> None:
        """Fields of a struct that are parts of others, or other names of them."""
        fields = self.fields.get(key, {})
        for half, (whole, upper) in halves(definition).items():
            of = fields.pop(half)
            self.halves.setdefault(key, {})[half] = ((whole, t.HIGH) if upper else (whole,), of)
        for name, whole in same_memory(definition, fields).items():
            of = fields.pop(name)
            self.halves.setdefault(key, {})[name] = ((whole,), of)
            if differ_in_sign(of, fields[whole]):
                self.signs.setdefault(key, set()).update((name, whole))
                self.mixed.add(of.bits)

    def _share(self, key: str, definition: ast.StructDef) -> None:
        """Which fields of a struct have cells of their own, and bytes in common."""
        apart = [
            frozenset({self.steps_within(key, a.name)[0], self.steps_within(key, b.name)[0]})
            for a, b in sharing(definition, self.unit)
        ]
        pairs = {pair for pair in apart if len(pair) == 2 and pair <= self.fields.get(key, {}).keys()}
        if pairs:
            self.unions[key] = pairs

    def sharing(self, of: str) -> set[frozenset[str]]:
        """Two fields each of an object of a group that share bytes, and have cells of their own."""
        return set[frozenset[str]]().union(*(self.unions.get(part, ()) for part in seen_as(of)))

    def name_field(self, kind: Type, name: str) -> None:
        """A field that is named for one object exists for all of its kind, unless a definition says which
        fields there are."""
        if group(kind) in self.closed and (kind.kind, name) != ("page", "data"):
            return
        fields = self.fields.setdefault(group(kind), {})
        if name not in self.parts.get(group(kind), {}) and name not in self.halves.get(group(kind), {}):
            fields.setdefault(name, t.ANY)

    def has(self, of: str, name: str) -> bool:
        """Have objects of a group (see ``group``) a field of that name?"""
        return any(name in known.get(of, {}) for known in (self.fields, self.parts, self.halves))

    def field(self, of: str, name: str) -> tuple[Type, Bitfield | None]:
        """A field of a group: its type, and where it is if it is a bitfield."""
        part = self.parts.get(of, {}).get(name)
        half = self.halves.get(of, {}).get(name)
        return (part.type if part else half[1] if half else self.fields[of][name]), part

    def field_is(self, of: str, name: str, kind: Type) -> None:
        """What a field of a group holds is known better."""
        if name in self.halves.get(of, {}):
            self.halves[of][name] = self.halves[of][name][0], kind
        else:
            self.fields[of][name] = kind

    def kept_as(self, of: str, name: str) -> Type | None:
        """How memory keeps the number that a field of a group is, if another name of it has another sign."""
        if name not in self.signs.get(of, ()):
            return None
        return self.fields[of][self.steps_within(of, name)[0]]

    def overlays(self) -> list[Diagnostic]:
        """Warnings about members of unions that should share memory, and do not."""
        structs = {group(t.of(ast.CType(f"struct {x.name}"))): x for x in self.unit.structs}
        return [
            warned
            for of, struct in structs.items()
            if of in self.unions
            for warned in overlaid(
                struct, self.uses.get(of, {}), partial(self.steps_within, of), self.unions[of]
            )
        ]

    def use(self, of: str, name: str, span: Span) -> None:
        """A field of a group is read, written or given a value."""
        self.uses.setdefault(of, {}).setdefault(name, span)

    def steps(self, of: str, name: str) -> tuple[str, ...]:
        """The names that lead to a field of a group: of a bitfield to its unit, of half an integer of 128
        bits to the integer, and to its upper cell, of another name of a field to that field."""
        if of == FOLIO and self.has("page", name):
            of = "page"
        whole, *more = self.steps_within(of, name)
        return (self.step(of, whole), *more)

    def steps_within(self, of: str, name: str) -> tuple[str, ...]:
        """The same, as the definition calls them."""
        part = self.parts.get(of, {}).get(name)
        return (part.unit,) if part else self.halves.get(of, {}).get(name, ((name,), t.ANY))[0]

    def step(self, of: str, name: str) -> str:
        """The name of a field, or of a unit of bitfields, in addresses. That of a defined struct is no other
        one's, and one that the definition gives first has its struct's address. A folio is a page: the fields
        that both have are the same memory (``FOLIO_MATCH()`` in include/linux/mm_types.h)."""
        if of == FOLIO and ("page" not in self.closed or name in self.fields["page"]):
            of = "page"
        if of not in self.closed or (of, name) == ("page", "data"):  # what a page holds is no field of it
            return name
        return step(of.removeprefix("struct "), name, name in self.first.get(of, ()))

    def low_bits(self, to: Type, depth: int = 0) -> int:
        """How many low bits of an address are 0, by the alignment of what it leads to on x86-64 (psABI
        3.1.2)."""
        if to.kind == "array":
            return self.low_bits(to.to or t.ANY, depth)
        if (to.inside or not depth) and group(to) in self.closed and depth <= MAX_INNER:
            held = self.fields.get(group(to), {}).values()
            return max((self.low_bits(of, depth + 1) for of in held), default=0)
        return min(ALIGNED, (to.bits // 8).bit_length() - 1) if to.kind == "int" else ALIGNED

    def no_field(self, kind: Type, name: str, span: Span | None) -> Trouble:
        """The error about a field that no definition has, and no initial state names."""
        groups = (self.fields, self.parts, self.halves)
        known = [name for of in groups for name in of.get(group(kind), {}) if "|" not in name]
        hint, what = nearest(name, known), kind.words
        if group(kind) in self.closed:
            what = f"struct {kind.tag}" if kind.kind == "struct" else what
            hint = (
                hint or f"its definition has {', '.join(known[:MAX_NAMED])}{', …' * (len(known) > MAX_NAMED)}"
            )
        hint = hint or f"name it once in the initial state, as in {{ .{name} = 0 }}"
        if kind.kind == "struct" and not known:
            hint = f"give it once where an object is declared: struct {kind.tag} … = {{ .{name} = 0 }}"
            path = self.header(kind.tag) if self.header is not None else ""
            if path:
                what, hint = f"struct {kind.tag}", f'name the file that defines it: #kernel "{path}"'
        return Trouble("unknown-field", f"{what} has no field {name!r}", span, hint)


def group(kind: Type) -> str:
    """Objects of one group have the same fields."""
    return f"struct {kind.tag}" if kind.kind == "struct" else kind.kind


def seen_as(of: str) -> tuple[str, ...]:
    """The groups whose fields an object of a group has: a page is a folio, too."""
    return (of, FOLIO) if of == "page" else (of,)
