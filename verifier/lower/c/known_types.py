"""Types that nobody has defined: a name that ends in ``_t`` is read as a type, whatever it is."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from verifier.lower.c import types as t
from verifier.patterns import pattern
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes_of
from verifier.syntax.trouble import misspelt

_TYPED = (
    ast.Declare,
    ast.Object,
    ast.Parameter,
    ast.StructField,
    ast.Cast,
    ast.SizeOf,
    ast.TypeArgument,
    ast.Literal,
)
_BEFORE = 200  # characters: a declaration's type stands that near before the name


def unknown_types(unit: ast.Unit, theirs: Collection[str]) -> list[Diagnostic]:
    """Errors about types that a test names. In the text of a kernel, whose files are ``theirs``, a type that
    is unknown is a word of 64 bits that holds anything."""
    defined = {s.name for s in unit.structs if s.typedef}
    known = {name: name for name in (*t.TYPE_NAMES, *defined)}
    tags = (
        *(name for name in t.NAMES if name.startswith("struct ")),
        *(f"struct {s.name}" for s in unit.structs),
    )
    known |= {f"{name.split()[-1]}_t": name for name in (*tags, "bool", "int", "long", "char", "short")}
    found: dict[tuple[str, int, str], Diagnostic] = {}
    for span, c in _types(unit):
        if c.of is not None or t.is_known(c.base) or c.base in defined or span.source.name in theirs:
            continue
        at = _written(span, c.base)
        near = [known[name] for name in misspelt(c.base, known, ("t",))]
        hint = f"did you mean {near[0]!r}?" if near else "write int, u64, struct … or another type of C"
        text = f"there is no type {c.base!r}"
        found.setdefault((span.source.name, at.start, text), Diagnostic("unknown-type", text, at, hint))
    return list(found.values())


def _types(unit: ast.Unit) -> Iterator[tuple[Span, ast.CType]]:
    """The types that a test writes, with where they stand; once for each function."""
    for function in unit.functions.values():
        if not function.kernel:
            yield function.span, function.result
    own = [f for f in unit.functions.values() if not f.kernel]
    for x in nodes_of((own, unit.threads, unit.nmis, unit.initial, unit.structs), _TYPED):
        yield x.span, x.type


def _written(span: Span, name: str) -> Span:
    """Where the name of a type stands, of what stands at ``span``: there, or last before it."""
    first = max(0, span.start - _BEFORE)
    word = pattern(rf"\b{name}\b")
    every = [m.start() for m in word.finditer(span.source.text, first, span.end)]
    inside = [at for at in every if at >= span.start]
    at = inside[0] if inside else every[-1] if every else span.start
    return Span(span.source, at, at + len(name) if every else span.end)
