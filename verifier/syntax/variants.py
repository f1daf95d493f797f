"""Guards: they say which variants of a file a part belongs to."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.records import dataclass, field
from verifier.source import Diagnostic, Span
from verifier.syntax.grammars import Node
from verifier.syntax.test import Expectation
from verifier.syntax.trouble import nearest, the_first


@dataclass(frozen=True, slots=True)
class Variant:
    """One line of ``variants { … }``. ``base`` is the variant that it is based on."""

    name: str
    expected: str | None
    hangs: bool
    comment: str
    span: Span
    base: str | None = None
    otherwise: tuple[Expectation, ...] = ()


_ANOTHER = ""  # a variant that exists in no file


@dataclass(slots=True)
class Guards:
    """Decides guards and collects their errors.

    If a guard is wrong, the variants of its part are unknown: the answer is None, and the part is
    ``doubtful``. ``standing``: such parts belong to all variants, otherwise to none.
    """

    variants: list[Variant]
    troubles: list[Diagnostic]
    standing: bool = True
    doubtful: list[Span] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    holds: dict[str, frozenset[str]] = field(default_factory=dict)  # guard's name -> variants

    def __post_init__(self) -> None:
        known = {v.name: v for v in self.variants}
        seen: dict[str, Span] = {}
        members: dict[str, set[str]] = {v.name: set() for v in self.variants}
        for variant in self.variants:
            if variant.name in seen:
                text = f"variant {variant.name} is declared twice"
                self.trouble("duplicate", text, variant.span, the_first(seen[variant.name]))
            seen.setdefault(variant.name, variant.span)
            line: list[str] = []
            at: Variant | None = variant
            while at is not None:
                if at.name in line:
                    self.trouble("circular", f"variant {at.name} is based on itself", at.span)
                    break
                line.append(at.name)
                if at.base is not None and at.base not in known:
                    hint = nearest(at.base, known)
                    self.trouble("unknown-variant", f"there is no variant {at.base!r}", at.span, hint)
                at = known.get(at.base) if at.base is not None else None
            for name in line:
                members[name].add(variant.name)
        self.holds = {name: frozenset(m) for name, m in members.items()}

    @property
    def once(self) -> list[Variant]:
        """The variants; if several have one name, the first of them."""
        return [v for i, v in enumerate(self.variants) if v.name not in {w.name for w in self.variants[:i]}]

    @property
    def all(self) -> frozenset[str]:
        """The names of all variants."""
        return frozenset(v.name for v in self.variants)

    def trouble(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Note an error."""
        self.note(code, message, span, hint)

    def note(self, code: str, message: str, span: Span, hint: str = "", *, warning: bool = False) -> None:
        """Note an error, or a warning."""
        found = Diagnostic(code, message, span, hint, severity="warning" if warning else "error")
        if not warning:
            self.troubles.append(found)
        elif found not in self.warnings:
            self.warnings.append(found)

    def stands(self, where: frozenset[str] | None, variant: str | None, part: Span) -> bool:
        """Does a part whose guard holds for ``where`` belong to ``variant``?"""
        if where is not None:
            return variant in where
        if part not in self.doubtful:
            self.doubtful.append(part)
        return self.standing

    def where(self, tree: Node, span: Span) -> frozenset[str] | None:
        """The variants for which a guard (its Lark tree) holds; None if it is wrong."""
        try:
            return self._where(tree, span)
        except RecursionError:
            self.trouble("nesting", "this guard is nested too deeply", span, "use fewer levels")
            return None

    def _where(self, tree: Node, span: Span) -> frozenset[str] | None:
        names = sorted({str(t.children[0]) for t in tree.iter_subtrees() if t.data == "g_name"})
        unknown = [n for n in names if n not in self.holds]
        for name in unknown:
            known = (
                f"the variants are {', '.join(self.holds)}"
                if self.holds
                else "declare it in 'variants { … }'"
            )
            hint = nearest(name, self.holds) or known
            self.trouble("unknown-variant", f"there is no variant {name!r}", span, hint)
        if unknown:
            return None
        inside = _evaluate(tree, self.holds, self.all)
        # If another variant, for which no guard holds, makes a difference, the list was probably cut down.
        wider = self.all | {_ANOTHER}
        outside = _evaluate(tree, self.holds, wider)
        if not inside or inside == self.all:
            word = "always" if inside else "never"
            cut_down = outside not in (frozenset(), wider)
            text, hint = f"this guard is {word} true", "leave out the guard, or the part that it guards"
            self.note("constant-guard", text, span, hint, warning=cut_down)
            return inside if inside or cut_down else None
        for name in names:
            every = [{**self.holds, name: n} for n in (frozenset[str](), self.all)]
            if len({_evaluate(tree, h, self.all) for h in every}) > 1:
                continue
            every = [{**self.holds, name: n} for n in (frozenset[str](), wider)]
            cut_down = len({_evaluate(tree, h, wider) for h in every}) > 1
            text = f"{name} makes no difference in this guard"
            self.note("superfluous", text, span, "leave it out", warning=cut_down)
        return inside

    def together(
        self, trees: list[Node], run: list[frozenset[str] | None], span: Span
    ) -> frozenset[str] | None:
        """The variants for which all guards in a row hold; None if one is wrong.

        ``run`` has the guards of the parts directly before this one. This one is added to them.
        """
        found: list[frozenset[str] | None] = []
        rest = False
        for tree in trees:
            if tree.data == "g_name" and str(tree.children[0]) == "else":
                rest = True
                found.append(self.rest(run, span))
            else:
                found.append(self.where(tree, span))
        known = [f for f in found if f is not None]
        where = frozenset.intersection(*known) if len(known) == len(found) else None
        if where is not None and not where and all(known):
            self.trouble("constant-guard", "these guards never hold together", span, "leave them out")
            where = None
        if not rest:
            run.append(where)
        return where

    def rest(self, run: Iterable[frozenset[str] | None], span: Span) -> frozenset[str] | None:
        """The variants of an ``[else]`` after guards with these variants; None if one of them is wrong."""
        guards = list(run)
        if not guards:
            self.trouble("else", "[else] follows no guard", span, "write it after a guarded part")
            return None
        before = [g for g in guards if g is not None]
        if len(before) < len(guards):
            return None
        for i, a in enumerate(before):
            for b in before[:i]:
                if a != b and a & b:
                    self.trouble(
                        "else",
                        "the guards before [else] overlap",
                        span,
                        "they must be equal or exclude each other",
                    )
                    return None
        left = self.all - frozenset().union(*before)
        if not left:
            text, hint = "no variant is left for [else]", "leave out [else] and the part that it guards"
            self.note("constant-guard", text, span, hint, warning=True)
        return left


def _evaluate(tree: Node, holds: dict[str, frozenset[str]], every: frozenset[str]) -> frozenset[str]:
    if tree.data == "g_name":
        return holds[str(tree.children[0])]
    if tree.data == "g_not":
        return every - _evaluate(tree.children[0], holds, every)
    parts = [_evaluate(c, holds, every) for c in tree.children]
    if tree.data == "gand":
        return frozenset.intersection(*parts)
    return frozenset().union(*parts)
