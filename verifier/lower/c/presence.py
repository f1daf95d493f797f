"""Tells what the tree at hand has: names that a test takes if they are there, and fields of structs."""

from __future__ import annotations

from verifier.records import NamedTuple, replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.nodes import nodes
from verifier.syntax.trouble import Trouble

# The structs behind the words that make objects of the memory model.
_HANDLES = {"mm": "struct mm_struct", "page": "struct page"}


class There(NamedTuple):
    """Whether something is in the tree, and what to say of that."""

    is_there: bool
    where: str


class Presence:
    """What a tree has, of that which a test may ask."""

    def __init__(self, unit: ast.Unit, asked: ast.KernelText, cutter: Cutter) -> None:
        self.asked, self.cutter = asked, cutter
        self.own = {s.name: s for s in unit.structs if s.fields}
        self.objects = {"init_mm": ast.CType("struct mm_struct")}
        for item in unit.initial:
            if isinstance(item, ast.Object):
                self.objects[item.name] = item.type

    # -- names ------------------------------------------------------------------------------------

    def asks(self, e: ast.CallExpr, own_names: frozenset[str]) -> There:
        """``defined(name)``, ``defined(struct.field)``. ``own_names``: the fields that the test's own code
        names. Raises ``Trouble`` for a question that no version can answer in another way."""
        asked = e.arguments[0] if len(e.arguments) == 1 else None
        if isinstance(asked, ast.Ident):
            return self._name(asked)
        if isinstance(asked, ast.FieldExpr) and isinstance(asked.base, ast.Ident):
            if asked.name not in own_names:
                text = f"nothing else in this test names a field {asked.name!r}"
                raise Trouble("defined", text, asked.span, "ask for the field that the arm uses")
            found = self._field(asked.base.name, asked.name)
            where = f"struct {asked.base.name} has {'it' if found else 'no such field'}"
            return There(found is not None, where)
        hint = "write defined(name), or defined(struct_name.field)"
        raise Trouble("defined", "defined() asks for a name, or for a field of a struct", e.span, hint)

    def _name(self, asked: ast.Ident) -> There:
        name = asked.name
        every = [(one, taken) for one in self.asked.files for taken in one.names if taken.name == name]
        if not every:
            hint = f'name it: #kernel "file" {{ {name}? }}'
            raise Trouble("defined", f"no #kernel of this test names {name!r}", asked.span, hint)
        for one, taken in every:
            if not (taken.optional or one.optional):
                hint = f"write {name}? there, or leave this question out"
                raise Trouble("defined", f"{name} is always there: #kernel takes it", asked.span, hint)
        for one, taken in every:
            file = self.cutter.files.get(one.path)
            if file is None:
                continue
            try:
                found = self.cutter.find(taken, file)
            except Trouble as trouble:
                if trouble.diagnostic.code != "missing":
                    raise
                continue
            line = Span(file.source, found.start, found.start).line
            return There(True, f"{one.path}:{line} has it")
        return There(False, "no file that the test names has it")

    # -- fields -----------------------------------------------------------------------------------

    def _field(self, name: str, field: str) -> ast.StructField | None:
        """A field of a struct, given by its tag or by its typedef; None if either is missing."""
        own = self.own.get(name)
        if own is not None:
            return next((f for f in own.fields if f.name == field), None)
        for file in self.cutter.files.values():
            for found in (file.definitions.get(("struct", name)), file.definitions.get(("typedef", name))):
                if found is not None:
                    made = self.cutter.struct(file, found, frozenset({field}))
                    return next((f for f in made.fields if f.name == field), None)
        return None

    def _kind(self, place: ast.CExpr) -> ast.CType | None:
        """The type of a place of the initial state; None if a field on the way is missing. Raises
        ``Trouble`` if it is no field of an object."""
        if isinstance(place, ast.Ident) and place.name in self.objects:
            return self.objects[place.name]
        if isinstance(place, ast.IndexExpr):
            return self._kind(place.base)
        if isinstance(place, ast.FieldExpr):
            around = self._kind(place.base)
            return None if around is None else self._of(around, place.name, place.span)
        hint = "write '?' after a field of an object, as in 1:state.new_field? = 1"
        raise Trouble("optional", "'?' is about a field that another version may not have", place.span, hint)

    def _of(self, around: ast.CType, field: str, span: Span) -> ast.CType | None:
        """The type of a field of a type."""
        base = _HANDLES.get(around.base, around.base)
        if around.pointers or base == "table":
            hint = "set the field where the object is declared that it belongs to"
            raise Trouble("optional", f"nothing says which struct has {field!r}", span, hint)
        found = self._field(base.split()[-1], field)
        return None if found is None else found.type

    def initial(self, item: ast.Initial) -> tuple[ast.Initial | None, list[tuple[str, Span, bool]]]:
        """An item of the initial state without the optional fields that are missing, and what became of
        each: its name, its place, whether it is there."""
        said: list[tuple[str, Span, bool]] = []
        if isinstance(item, ast.Setting):
            if item.optional:
                there = self._at(item.place)
                said.append((item.place.span.text, item.place.span, there))
                if not there:
                    return None, said
            return item, said
        if isinstance(item.value, ast.Braced):
            return replace(item, value=self._braces(item.value, item.type, said)), said
        return item, said

    def _at(self, place: ast.CExpr) -> bool:
        if not isinstance(place, ast.FieldExpr):
            hint = "write '?' after a field of an object, as in 1:state.new_field? = 1"
            text = "'?' is about a field that another version may not have"
            raise Trouble("optional", text, place.span, hint)
        return self._kind(place) is not None

    def _braces(
        self, value: ast.Braced, kind: ast.CType | None, said: list[tuple[str, Span, bool]]
    ) -> ast.Braced:
        """Braces without the optional fields that are missing; ``kind``: of what stands in braces."""
        if not _asks(value):
            return value
        items: list[ast.InitItem] = []
        for one in value.items:
            if isinstance(one, ast.FieldInit) and (one.optional or _asks(one.value)):
                inner = None if kind is None else self._of(kind, one.name, one.span)
                if one.optional:
                    said.append((f".{one.name}", one.span, inner is not None))
                    if inner is None:
                        continue
                if isinstance(one.value, ast.Braced):
                    one = replace(one, value=self._braces(one.value, inner, said))
            elif isinstance(one, ast.Braced):  # an element of an array
                one = self._braces(one, kind, said)
            items.append(one)
        return replace(value, items=tuple(items))


def _asks(value: object) -> bool:
    """Does an initial value have optional fields?"""
    return any(isinstance(x, ast.FieldInit) and x.optional for x in nodes(value))
