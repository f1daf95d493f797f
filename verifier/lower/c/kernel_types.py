"""The types that the kernel's text names: structs that come along, and what typedefs are other names of."""

from __future__ import annotations

from collections.abc import Callable, Collection

from verifier.kernel.scan import Kind
from verifier.lower.c import types as t
from verifier.lower.c.kernel_notes import Account
from verifier.lower.c.kernel_trees import bases, field_names
from verifier.records import replace
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.rebuilt import retyped
from verifier.syntax.trouble import Trouble
from verifier.syntax.typenames import STRUCTS

_KINDS_OF_TAGS: tuple[Kind, ...] = ("struct",)
_KINDS_OF_TYPEDEFS: tuple[Kind, ...] = ("typedef", "alias")


def typed(
    unit: ast.Unit,
    cutter: Cutter,
    account: Account,
    named: Collection[str],
    mapped: Callable[[ast.StructDef], ast.StructDef],
) -> ast.Unit:
    """A unit with the structs that its types name, and without typedefs.

    ``named``: what the test takes by name, which goes before the language's own types; ``mapped``: of a
    struct, the same with the tree's constants in it. What is wrong is said to ``account``.
    """
    types = _Types(cutter, named, mapped, frozenset(field_names(unit)), unit.structs)
    pending = bases((unit.functions, unit.threads, unit.nmis, unit.initial, unit.structs))
    seen: set[str] = set()
    while pending:
        base = pending.pop()
        if base in seen:
            continue
        seen.add(base)
        try:
            pending |= types.needs(base)
        except Trouble as trouble:
            account.said(trouble)
    unit = replace(unit, structs=tuple(types.structs.values()))
    return retyped(unit, types.typedefs) if types.typedefs else unit


class _Types:
    """The structs and typedefs that are known. ``asked``: the fields that anything names."""

    def __init__(
        self,
        cutter: Cutter,
        named: Collection[str],
        mapped: Callable[[ast.StructDef], ast.StructDef],
        asked: frozenset[str],
        structs: Collection[ast.StructDef],
    ) -> None:
        self.cutter, self.named, self.mapped, self.asked = cutter, named, mapped, asked
        self.structs = {s.name: s for s in structs}
        self.typedefs: dict[str, ast.CType] = {
            s.name: ast.CType(f"struct {s.name}") for s in structs if s.typedef
        }

    def needs(self, base: str) -> set[str]:
        """Take what a type is from the tree; the types that this needs. Raises ``Trouble``."""
        name = base.split()[-1]
        if base in STRUCTS and name not in self.named:
            return {f"struct {STRUCTS[base]}"}
        if name in self.structs or (t.is_own(base) and name not in self.named):
            return set()
        kinds = _KINDS_OF_TAGS if base.startswith(("struct ", "union ")) else _KINDS_OF_TYPEDEFS
        for file in self.cutter.files.values():
            found = next((file.definitions[k, name] for k in kinds if (k, name) in file.definitions), None)
            if found is None:
                continue
            alias = None if found.kind == "struct" else self.cutter.alias(file, found)
            if alias is not None:
                self.typedefs[name] = alias
                has_tag = found.kind == "alias" or ("struct", name) in file.definitions
                if has_tag or alias.base != f"struct {name}":
                    return {alias.base}
            return self._struct(self.cutter.struct(file, found, self.asked), name)
        return set()

    def _struct(self, made: ast.StructDef, name: str) -> set[str]:
        if made.typedef:
            self.typedefs.setdefault(name, ast.CType(f"struct {name}"))
        if not made.fields:
            return set()
        made = replace(made, fields=tuple(f for f in made.fields if f.name in self.asked))
        self.structs[name] = self.mapped(made)
        return bases(self.structs[name])
