"""Where a name is declared, where else it stands, and the outline of a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

from verifier.editor.declared import Declaration
from verifier.editor.names import KnownNames, Occurrence
from verifier.editor.scan import Litmus
from verifier.records import NamedTuple
from verifier.source import Source
from verifier.syntax.includes import find_include


class Spot(NamedTuple):
    """A piece of a source: ``start .. end``."""

    source: Source
    start: int
    end: int


def definition(names: KnownNames, offset: int) -> Spot | None:
    """Where the name at an offset is declared: an include's function in the include, a guard's variant in
    ``variants``, an undeclared register where it first stands. On ``#include``: the file. None for words of
    the vocabulary."""
    one = names.at(offset)
    if one is None or one.role == "directive":
        section = names.litmus.section_at(offset)
        if section is None or section.kind != "include":
            return None
        path = find_include(names.litmus.source, section.name)
        known = next(
            (i.litmus.source for i, _ in names.included if path and i.litmus.source.name == os.fspath(path)),
            None,
        )
        return Spot(known or Source(os.fspath(path), ""), 0, 0) if path else None
    found = declared(names, one)
    if found is not None:
        return Spot(found.litmus.source, found.start, found.end)
    if one.role in ("local", "label", "register", "shared"):
        first = _label(names, one) or next(iter(_places(names, one)), None)
        return Spot(names.litmus.source, first.start, first.end) if first else None
    return None


def declared(names: KnownNames, one: Occurrence) -> Declaration | None:
    """The declaration of a name; None if it has none."""
    if one.role == "shared":
        return names.shared(one.name)
    if one.role == "local":
        return names.local(one.name, one.scopes)
    if one.role == "variant":
        return names.own.variants.get(one.name)
    if one.role == "tag":
        return names.struct(one.name)
    return names.field(one.name) if one.role == "field" else None


def _label(names: KnownNames, one: Occurrence) -> Occurrence | None:
    """Where the label of a jump stands."""
    tokens = names.litmus.tokens
    if one.role != "label":
        return None
    return next(
        (o for o in names.same(one) if o.at + 1 < len(tokens) and tokens[o.at + 1].text == ":"
         and tokens[o.at - 1].text != "goto"), None,
    )  # fmt: skip


def _places(names: KnownNames, one: Occurrence) -> list[Occurrence]:
    """The places of a name; those in code before those in the initial state."""
    initial = [s for s in names.litmus.sections if s.kind == "initial"]
    return sorted(names.same(one), key=lambda o: (any(s.start < o.start < s.end for s in initial), o.start))


def references(names: KnownNames, offset: int) -> list[Spot]:
    """All places of the file that mean the same as the name at an offset, the declaration among them."""
    one = names.at(offset)
    if one is None or one.role in ("directive", "keyword", "type", "kernel"):
        return []
    return [Spot(names.litmus.source, o.start, o.end) for o in names.same(one)]


# -- the outline ----------------------------------------------------------------------------------------

OutlineKind = Literal[
    "function", "program", "object", "constant", "variant", "condition", "struct", "include", "module"
]
_SHOWN: dict[str, OutlineKind] = {
    "function": "function", "thread": "program", "nmi": "program", "initial": "module", "enum": "module",
    "struct": "struct", "variants": "module", "expect": "variant", "final": "condition", "include": "include",
    "kernel": "include", "table": "program",
}  # fmt: skip
_NAMED = {
    "initial": "initial state",
    "enum": "constants",
    "variants": "variants",
    "expect": "expectation",
    "table": "program",
}


class OutlineItem(NamedTuple):
    """A part of a file, ``start .. end``, and what it declares. ``name_start .. name_end`` is its name."""

    kind: OutlineKind
    name: str
    detail: str
    start: int
    end: int
    name_start: int
    name_end: int
    children: tuple[OutlineItem, ...] = ()


def symbols(names: KnownNames) -> list[OutlineItem]:
    """The outline of a file: its sections, with what they declare."""
    litmus, found = names.litmus, list[OutlineItem]()
    for section in litmus.sections:
        if section.kind not in _SHOWN:
            continue
        last = max(section.start, len(litmus.bare[: section.end].rstrip()))
        first = litmus.tokens[section.first]
        name, place = section.name or _NAMED.get(section.kind, section.kind), (first.start, first.end)
        if section.kind == "thread":
            name = "".join(t.text for t in litmus.tokens[section.first : section.body] if t.text not in "()")
            name = name if section.name + ".." in name else section.name
        if section.kind == "nmi":
            name = f"nmi {name}"
        found.append(
            OutlineItem(
                _SHOWN[section.kind],
                name,
                "",
                section.start,
                last,
                *place,
                _children(names, section.start, last),
            )
        )
    return found


def _children(names: KnownNames, start: int, end: int) -> tuple[OutlineItem, ...]:
    return tuple(
        OutlineItem(_kind(d), d.name, d.text, d.start, d.end, d.start, d.end)
        for d in _declarations(names)
        if start < d.start < end
    )


def _declarations(names: KnownNames) -> Iterator[Declaration]:
    own = names.own
    yield from (d for d in (*own.shared.values(), *own.variants.values()) if d.kind != "function")


def _kind(found: Declaration) -> OutlineKind:
    if found.kind == "constant":
        return "constant"
    return "variant" if found.kind == "variant" else "object"


def variants(litmus: Litmus, names: KnownNames) -> list[Declaration | None]:
    """What is decided in a file: its variants, or the file itself (None). Empty for includes."""
    if litmus.included or litmus.arch not in ("X86", "X86_64", "C", "MM"):
        return []
    return [*names.own.variants.values()] or [None]
