"""The types that the kernel's text names: structs that come along, and what typedefs are other names of.

A file's text means the types that this file says; the others' come as ``kernel_meanings`` finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from verifier.kernel.scan import Definition, Kind, Scanned
from verifier.lower.c import types as t
from verifier.lower.c.kernel_meanings import Meanings, two_meanings
from verifier.lower.c.kernel_notes import Account
from verifier.lower.c.kernel_trees import bases, field_names
from verifier.records import replace
from verifier.source import Span
from verifier.syntax import ast
from verifier.syntax.rebuilt import retyped
from verifier.syntax.trouble import Trouble
from verifier.syntax.typenames import STRUCTS

_KINDS_OF_TAGS: tuple[Kind, ...] = ("struct",)
_KINDS_OF_TYPEDEFS: tuple[Kind, ...] = ("typedef", "alias")
Needed = set[tuple[str, str]]  # types, each with the file in whose text it stands; "": the test's own


def typed(
    unit: ast.Unit,
    meanings: Meanings,
    account: Account,
    named: Collection[str],
    mapped: Callable[[ast.StructDef], ast.StructDef],
) -> ast.Unit:
    """A unit with the structs that its types name, and without typedefs.

    ``named``: what the test takes by name, which goes before the language's own types; ``mapped``: of a
    struct, the same with the tree's constants in it. What is wrong is said to ``account``.
    """
    types = _Types(meanings, named, mapped, frozenset(field_names(unit)), unit.structs)
    own = [f for f in unit.functions.values() if not f.kernel]
    pending = {(b, "") for b in bases((own, unit.threads, unit.nmis, unit.initial, unit.structs))}
    pending |= {(b, f.kernel) for f in unit.functions.values() if f.kernel for b in bases(f)}
    seen: Needed = set()
    while pending:
        one = pending.pop()
        if one in seen:
            continue
        seen.add(one)
        try:
            pending |= types.needs(*one)
        except Trouble as trouble:
            account.said(trouble)
    unit = replace(unit, structs=tuple(types.structs.values()))
    return retyped(unit, types.typedefs) if types.typedefs else unit


class _Types:
    """The structs and typedefs that are known. ``asked``: the fields that anything names."""

    def __init__(
        self,
        meanings: Meanings,
        named: Collection[str],
        mapped: Callable[[ast.StructDef], ast.StructDef],
        asked: frozenset[str],
        structs: Collection[ast.StructDef],
    ) -> None:
        self.meanings, self.named, self.mapped, self.asked = meanings, named, mapped, asked
        self.structs = {s.name: s for s in structs}
        self.own = frozenset(self.structs)
        self.typedefs: dict[str, ast.CType] = {
            s.name: ast.CType(f"struct {s.name}") for s in structs if s.typedef
        }
        self.found: dict[tuple[bool, str], tuple[Scanned, Definition]] = {}  # by name; is it that of a tag?

    def needs(self, base: str, path: str) -> Needed:
        """Take what a type is from the tree; the types that this needs. Raises ``Trouble``, also where two
        files mean different ones."""
        name = base.split()[-1]
        if base in STRUCTS and name not in self.named:
            return {(f"struct {STRUCTS[base]}", path)}
        if name in self.own or (t.is_own(base) and name not in self.named):
            return set()
        one = self._meant(base, name, path)
        if one is None:
            return set()
        file, found = one
        alias = None if found.kind == "struct" else self.meanings.cutter.alias(file, found)
        if alias is not None:
            self.typedefs[name] = alias
            has_tag = found.kind == "alias" or ("struct", name) in file.definitions
            if has_tag or alias.base != f"struct {name}":
                return {(alias.base, file.source.name)}
        needed = self._struct(self.meanings.cutter.struct(file, found, self.asked), name)
        return {(b, file.source.name) for b in needed}

    def _meant(self, base: str, name: str, path: str) -> tuple[Scanned, Definition] | None:
        """The definition that a file's text means; None if it is there already, or nowhere."""
        tagged = base.startswith(("struct ", "union "))
        known = self.found.get((tagged, name))
        if known is not None and not path:
            return None
        kinds = _KINDS_OF_TAGS if tagged else _KINDS_OF_TYPEDEFS
        every = (self.meanings.struct((kind, name), path, self.asked) for kind in kinds)
        one = next((found for found in every if found is not None), None)
        if one is None or one == known:
            return None
        if known is not None:
            members = self.meanings.members
            if members(*one, self.asked) != members(*known, self.asked):
                span = Span(one[0].source, one[1].start, max(one[1].body, one[1].start + 1))
                raise two_meanings(name, known, one, span)
            return None
        self.found[tagged, name] = one
        return one

    def _struct(self, made: ast.StructDef, name: str) -> set[str]:
        if made.typedef:
            self.typedefs.setdefault(name, ast.CType(f"struct {name}"))
        if not made.fields:
            return set()
        made = replace(made, fields=tuple(f for f in made.fields if f.name in self.asked))
        self.structs[name] = self.mapped(made)
        return bases(self.structs[name])
