"""Turns C and MM files into tests: the kernel's litmus dialect, guards, variants, includes, families."""

from __future__ import annotations

from collections.abc import Iterator

from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.records import NamedTuple, replace
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import NO_TREE, clues, condition, finals, layout, printed
from verifier.syntax.ast import Unit
from verifier.syntax.condition import Final
from verifier.syntax.grammars import Node, is_tree
from verifier.syntax.idle import idle, idle_constants, mentioned
from verifier.syntax.includes import Includes, ReadFile, parsed
from verifier.syntax.test import Expectation, Test
from verifier.syntax.tree import Builder
from verifier.syntax.trouble import Reading, Unfinished, agreed
from verifier.syntax.units import Gathered
from verifier.syntax.unused import loops, unused
from verifier.syntax.variants import Guards, Variant

MAX_SIZE = 2 << 20  # characters of all variants together


def _tokens(tree: Node) -> Iterator[Node]:
    """All tokens below a tree, however deep it is."""
    pending = [tree]
    while pending:
        x = pending.pop()
        if hasattr(x, "children"):
            pending += x.children
        else:
            yield x


def parse(
    source: Source,
    *,
    defines: dict[str, int] | None = None,
    plain: bool = False,
    only: str | None = None,
    tree: KernelTree | None = None,
    reader: ReadFile | None = None,
) -> list[Test]:
    """All variants of a file, in its order. Raises ``InputError`` with all errors.

    ``plain``: without warnings about text that has no effect in any variant; ``only``: this variant alone,
    ``plain``; ``tree``: where the kernel's own text is taken from; ``reader``: what gives the text of
    included files, if not the disk alone.
    """
    return _File(source, defines or {}, plain, only, tree=tree, reader=reader).tests()


def declared(source: Source) -> tuple[str, list[str]]:
    """The name of a C or MM file and its variants, whatever else is in it. Raises ``InputError``."""
    file = _File(source, {})
    top = [t.children[-1] for t in file.main.tree.children]
    return file.head.name, [str(v.children[0]) for t in top if t.data == "variants" for v in t.children]


class _Whole(NamedTuple):
    """The statements for a whole file. ``portable``: the expectation is about the kernel's portable model."""

    expected: str | None
    hangs: bool = False
    otherwise: tuple[Expectation, ...] = ()
    comment: str = ""
    portable: bool = False
    unroll: Node | None = None


class _File:
    def __init__(
        self,
        source: Source,
        defines: dict[str, int],
        plain: bool = False,
        only: str | None = None,
        tree: KernelTree | None = None,
        reader: ReadFile | None = None,
    ) -> None:
        self.source, self.defines, self.plain, self.only = source, defines, plain, only
        self.tree = tree
        self.troubles: list[Diagnostic] = []
        bare = layout.uncomment(source, herd=False)
        clues.check_quotes(source, bare.text)
        self.result = layout.result(source, bare)
        self.head = layout.head(source, bare.text)
        text = layout.blank(bare.text[: self.head.start]) + bare.text[self.head.start :]
        if self.head.arch == "C":
            text = layout.without_configuration(text)
        clues.check_c11(source, text)
        self.warnings = [*self.head.warnings, *self.result.warnings]
        condition.too_deep(source, text)
        includes = Includes(source, self.troubles, self.warnings, reader)
        text = includes.blanked(text)
        text, self.segments, self.unread = finals.cut(source, text, self.troubles)
        self.main = parsed(source, text, self.troubles)
        self.parts = [*includes.parts, self.main]
        self.before = tuple(self.troubles)

    def _trouble(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.troubles.append(Diagnostic(code, message, span, hint))

    # -- variants ---------------------------------------------------------------------------------

    def tests(self) -> list[Test]:
        """Every variant as a test of its own."""
        first = self._reading(True)
        if not first.troubles:
            return list(first.tests)
        doubtful = tuple(self.guards.doubtful)
        readings = [first, *([self._reading(False)] if doubtful else [])]
        lost = [d for d in first.troubles if d.code == NO_TREE]
        if lost:  # without the kernel's text no program makes sense; what is wrong before that, is wrong
            own = agreed([[d for d in r.troubles if d.code != NO_TREE] for r in readings], doubtful)
            raise InputError(own or lost[:1])
        raise Unfinished(readings, doubtful)

    def _reading(self, standing: bool) -> Reading:
        """The tests of the file with (``standing``) or without the parts whose guards are wrong."""
        self.troubles = list(self.before)
        tests = self._tests(standing)
        # If an include is missing, so are its functions, and each call would give another error.
        lost = any(t.code == "include" for t in self.before)
        return Reading(tuple(self.troubles), () if lost else tuple(tests))

    def _tests(self, standing: bool) -> list[Test]:
        top = [t.children[-1] for t in self.main.tree.children]
        variants = [self._variant(v) for t in top if t.data == "variants" for v in t.children]
        size = len(self.source.text)
        if len(variants) * size > MAX_SIZE:
            what = f"the file has {size} characters and {len(variants)} variants, and each variant is a test"
            raise InputError(
                [Diagnostic("too-large", what, variants[-1].span, "split it into several files")]
            )
        self.guards = Guards(variants, self.troubles, standing)
        variants = self.guards.once
        self._settings()
        whole = self._whole(top)
        self._unread_result(variants, whole.expected)
        chosen = finals.chosen(self.segments, self.guards)
        every: list[Variant | None] = [*variants] or [None]
        if self.only is not None:
            every = [v for v in every if v is not None and v.name == self.only]
        tests = [self._test(v, chosen, whole) for v in every]
        return tests if self.plain or self.only is not None else self._noting_idle(tests)

    def _whole(self, top: list[Node]) -> _Whole:
        """What is said for the whole file."""
        found = _Whole(self.result.word, portable=self.head.arch == "C" and self.result.word is not None)
        for item in top:
            if item.data == "expect":
                expected, hangs, otherwise = self._expectation(item.children[0])
                comment = str(item.children[1])[1:-1] if len(item.children) > 1 else ""
                found = _Whole(expected, hangs, otherwise, comment, unroll=found.unroll)
                if self.guards.variants:
                    span = self._span(item)
                    self._trouble(
                        "expect", "variants have their own expectations", span, "leave this 'expect' out"
                    )
            elif item.data == "unroll":
                found = found._replace(unroll=item.children[0])
        return found

    def _test(self, variant: Variant | None, chosen: dict[str | None, Final], whole: _Whole) -> Test:
        """The test of a variant, or of a file without variants."""
        name = variant.name if variant else None
        final = chosen[name]
        said = variant or whole
        unit = self._unit(name, final)
        return Test(
            source=self.source,
            name=self.head.name,
            arch=self.head.arch,
            quantifier=final.quantifier or "forall",
            condition=self._text(final),
            tree=unit,
            variant=name,
            doc=self.head.doc,
            comment=said.comment,
            meta=self.head.meta,
            expected=said.expected,
            hangs=said.hangs,
            otherwise=said.otherwise,
            portable=whole.portable and not variant,
            unroll=self._bound(whole.unroll, unit.enums),
            span=final.span,
            declared=variant.span if variant else None,
            # As in herd7, a C file without a condition asks whether any run ends.
            asks=bool(final.quantifier) or self.unread or (self.head.arch == "C" and not self.segments),
            warnings=(*self.warnings, *self.guards.warnings, *final.warnings),
            includes=tuple(p.source for p in self.parts if p.included),
        )

    def _bound(self, tree: Node | None, enums: dict[str, int]) -> int | None:
        """How often a CPU may jump backwards, as the file says."""
        if tree is None:
            return None
        builder = Builder(self.source, self.guards, None)
        bound = builder.constant(tree, enums)
        if bound < 0:
            self._trouble("number", f"the bound is {bound}", builder.span(tree), "a bound is 0 or more")
        return max(bound, 0)

    def _unread_result(self, variants: list[Variant], expected: str | None) -> None:
        """Warn about a ``Result:`` comment that contradicts the file's own expectations."""
        said = [v.expected for v in variants] or [expected]
        if self.result.word not in (None, *said):
            text, hint = "this comment has no effect", "the file's own expectations count, and they differ"
            found = Diagnostic("result", text, self.result.span, hint, severity="warning")
            if found not in self.warnings:
                self.warnings.append(found)

    def _noting_idle(self, tests: list[Test]) -> list[Test]:
        """The tests with warnings about text without effect. Settings of unknown registers are errors."""
        if self.unread or any(t.code == "include" for t in self.before):
            return tests  # the missing parts might use it
        if any(t.tree.kernel for t in tests):
            return tests  # another version of the kernel's text might use it
        found = [*idle(t.tree for t in tests), *idle_constants(*self._constants(), self.defines)]
        found += unused(t.tree for t in tests)
        for item in (t for p in self.parts for t in p.tree.children if t.children[-1].data == "unroll"):
            if not loops(t.tree for t in tests):
                text, span = "there is no loop to unroll", self._span(item)
                found.append(Diagnostic("no-effect", text, span, "leave it out", severity="warning"))
        self.troubles += [d for d in found if d.severity == "error" and d not in self.troubles]
        warnings = [d for d in found if d.severity == "warning"]
        return [replace(t, warnings=(*t.warnings, *warnings)) for t in tests] if warnings else tests

    def _constants(self) -> tuple[list[list[tuple[str, Span]]], set[str]]:
        """The test's own constants, one list for each enum, and every name outside their declarations."""
        enums: list[list[tuple[str, Span]]] = []
        named = mentioned([s.final for s in self.segments])
        for part in self.parts:
            for item in part.tree.children:
                if item.children[-1].data == "enum" and not part.included:
                    made = [x for x in item.children[-1].children if is_tree(x)]
                    enums.append([(str(x.children[0]), self._span(x)) for x in made])
                    own = {id(x.children[0]) for x in made}
                    named |= {str(t) for t in _tokens(item) if id(t) not in own}
                else:
                    named |= {str(t) for t in _tokens(item)}
        return enums, named

    def _settings(self) -> None:
        """Check the statements for the whole file: each is in the test itself, unguarded, and unique."""
        seen: set[str] = set()
        for part, item in [(p, i) for p in self.parts for i in p.tree.children]:
            word = str(item.children[-1].data)
            if word not in ("variants", "expect", "unroll"):
                continue
            span = Builder(part.source, self.guards, None).span(item)
            if part.included:
                self._trouble(
                    "setting", f"an included file cannot have '{word}'", span, "move it to the test"
                )
            elif len(item.children) > 1:
                self._trouble("setting", f"'{word}' applies to the whole file", span, "leave the guard out")
            elif word in seen and word != "variants":
                self._trouble("duplicate", f"this is a second '{word}'", span, "a file has one")
            elif word == "variants" and not item.children[-1].children:
                self._trouble("setting", "this 'variants' is empty", span, "leave it out")
            seen.add(word)

    def _text(self, final: Final) -> str:
        """The proposition as herd7's logs print it; in MM files, as the file has it."""
        if final.proposition is None:
            return "true"
        return printed.as_herd(final.proposition) if self.head.arch == "C" else printed.normal(final)

    def _variant(self, tree: Node) -> Variant:
        rest = list(tree.children)
        name = rest.pop(0)
        base = str(rest.pop(0)) if getattr(rest[0], "type", "") == "NAME" else None
        expected, hangs, otherwise = self._expectation(rest.pop(0))
        comment = " ".join(str(rest[0])[1:-1].split()) if rest else ""
        return Variant(
            name=str(name),
            expected=expected,
            hangs=hangs,
            comment=comment,
            span=self._span(name),
            base=base,
            otherwise=otherwise,
        )

    def _span(self, tree: Node) -> Span:
        return Builder(self.source, Guards([], []), None).span(tree)

    def _expectation(self, tree: Node) -> tuple[str | None, bool, tuple[Expectation, ...]]:
        """What is expected in general, whether it hangs, and what is expected under profiles or switches."""
        general: tuple[str | None, bool] | None = None
        otherwise: list[Expectation] = []
        seen: set[tuple[str, ...]] = set()
        for one in tree.children:
            said = {x.type: str(x) for x in one.children if x.type in ("EXPECT", "HANGS")}
            where = [str(x) for x in one.children if x.type not in said]
            word, hangs, span = said.get("EXPECT"), "HANGS" in said, self._span(one)
            if word == "deadlock" and hangs:
                self._trouble("expect", "a deadlock is a hang", span, "leave 'hangs' out")
            key = tuple(where)
            if where and key in seen:
                self._trouble("duplicate", f"{'='.join(where)} has two expectations", span, "leave one out")
            seen.add(key)
            if not where:
                if general is not None or otherwise:
                    hint = "write the general expectation first, then those of profiles and switches"
                    text = f"{' '.join(said.values())!r} does not say for which profile or switch"
                    self._trouble("expect", text, span, hint)
                general = word, hangs
            elif len(where) == 1:
                otherwise.append(Expectation(word, hangs, where[0], None, span))
            else:
                otherwise.append(Expectation(word, hangs, None, (where[0], where[1]), span))
        return *(general or (None, False)), tuple(otherwise)

    def _unit(self, variant: str | None, final: Final) -> Unit:
        """The tree of one variant."""
        gathered = Gathered(self.guards, variant, self.defines, self.tree)
        for part in self.parts:
            gathered.add(part)
        unit = gathered.unit(self.head.arch, final)
        gathered.check_defines(Span(self.source, 0, len(self.head.arch)))
        return unit
