"""C and MM files to tests: the kernel's litmus dialect, guards, variants, includes, families."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from verifier.errors import InputError
from verifier.source import Diagnostic, Source, Span
from verifier.syntax import clues, condition, layout, printed
from verifier.syntax.ast import Function, Initial, Object, StructDef, Thread, Unit
from verifier.syntax.condition import Final
from verifier.syntax.grammars import folder, parser
from verifier.syntax.idle import idle, idle_constants, mentioned
from verifier.syntax.numbers import MAX_BITS
from verifier.syntax.test import Expectation, Test
from verifier.syntax.tree import Builder
from verifier.syntax.trouble import Reading, Unfinished, nearest, syntax_error, the_first
from verifier.syntax.unions import overlaid
from verifier.syntax.unused import unused
from verifier.syntax.variants import Guards, Variant

MAX_SIZE = 2 << 20  # characters of all variants together
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*("([^"\n]*)"|<([^>\n]*)>|[^\n]*)([^\n]*)', re.MULTILINE)
_FINAL = re.compile(
    r"((?:\[[^\[\]\n]*\]\s*)+)?(?<![\w~.])(locations\s*\[[^{}]*?\](?=\s*[a-z~(\[]|\s*$)|(~\s*exists|exists|forall|filter|final|[oO]bserved)\b)"
)
_AFTER = re.compile(
    r"\b(variants|expect|unroll|enum|struct|union|nmi)\b|\bP\d+\b(?!\s*:)|\[(?=[^\[\]\n]*\]\s*(P\d|variants))"
)

_LOOPS = frozenset({"while_", "do_", "for_", "goto"})


def _tokens(tree: Any) -> Iterator[Any]:
    """All tokens below a tree, however deep it is."""
    pending = [tree]
    while pending:
        x = pending.pop()
        if hasattr(x, "children"):
            pending += x.children
        else:
            yield x


def parse(source: Source, *, defines: dict[str, int] | None = None) -> list[Test]:
    """All variants of a file, in its order; raises ``InputError`` with all that is wrong."""
    return _File(source, defines or {}).tests()


@dataclass(slots=True)
class _Segment:
    """One ``exists (…)``, ``locations […]`` or ``filter (…)`` with its guard."""

    final: Final
    span: Span
    guards: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class _Part:
    """A file, included or not, as Lark's tree.

    ``functions`` of an included one, by their place: as it has no guards, they are the same in all
    variants, and in all tests that include it.
    """

    source: Source
    tree: Any
    included: bool
    functions: dict[int, Function] = field(default_factory=dict)


MAX_INCLUDES = 50  # nested ones
_INCLUDED: dict[tuple[str, str], _Part] = {}  # by name and text: what is read once is kept


class _File:
    def __init__(self, source: Source, defines: dict[str, int]) -> None:
        self.source, self.defines = source, defines
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
        self.parts: list[_Part] = []
        self.included: set[str] = set()  # by real path
        self.named: set[str] = set()  # by the file itself, real path
        self.unread = False  # is there a condition with a syntax error?
        text = self._includes(source, text, [os.path.realpath(source.name)])
        text, self.segments = self._finals(text)
        self.main = self._parse(source, text, False)
        self.parts.append(self.main)
        self.before = tuple(self.troubles)

    # -- text -------------------------------------------------------------------------------------

    def _includes(self, source: Source, text: str, chain: list[str]) -> str:
        """Blank out ``#include`` lines and parse what they name, depth first."""
        for found in list(_INCLUDE.finditer(text)):
            span = Span(source, found.start(), found.end())
            name = found.group(2) or found.group(3)
            text = text[: found.start()] + layout.blank(found.group()) + text[found.end() :]
            if name is None:
                self._trouble("include", "this is no include", span, 'write #include "file.inc"')
                continue
            if found.group(4).strip():
                rest = Span(source, found.start(4), found.end(4))
                self._trouble("include", "text after an include", rest, "give it a line of its own")
            path = self._find(source, name)
            if path is None:
                shown = name if len(name) < 100 else f"{name[:100]}…"
                self._trouble("include", f"there is no file {shown!r}", span, self._nearby(source, name))
                continue
            real = os.path.realpath(path)
            if real in chain:
                self._trouble("include", f"{name!r} includes itself", span)
            elif len(chain) > MAX_INCLUDES:
                hint = "include what is needed where it is needed"
                self._trouble("include", f"includes nest more than {MAX_INCLUDES} deep", span, hint)
            elif real not in self.included:
                self._include(path, name, span, [*chain, real])
            elif source is self.source and real in self.named:
                twice = Diagnostic(
                    "duplicate", f"{name!r} is included twice", span, "once is enough", "warning"
                )
                self.warnings.append(twice)
            if source is self.source:
                self.named.add(real)
        return text

    def _include(self, path: Path, name: str, span: Span, chain: list[str]) -> None:
        """Parse what is included, after what that includes; ``span`` is where it is asked for."""
        from verifier.syntax import read

        try:
            inner = read(path)
        except InputError as error:
            (d,) = error.diagnostics
            self._trouble("include", f"{name!r} cannot be read: {d.message}", span, d.hint)
            return
        bare = layout.uncomment(inner, herd=False)
        clues.check_quotes(inner, bare.text)
        body = self._includes(inner, bare.text, chain)
        if (inner.name, body) not in _INCLUDED:
            _INCLUDED[inner.name, body] = self._parse(inner, body, True)
        self.parts.append(_INCLUDED[inner.name, body])
        self.included.add(chain[-1])

    def _places(self, source: Source) -> list[Path]:
        return [Path(source.name).parent, folder("litmus")]

    def _find(self, source: Source, name: str) -> Path | None:
        try:
            return next((p / name for p in self._places(source) if os.path.lexists(p / name)), None)
        except (OSError, ValueError):  # a name that no file can have
            return None

    def _nearby(self, source: Source, name: str) -> str:
        """The include with the nearest name; beside the test, or one folder below, and in the library."""
        beside, library = self._places(source)
        known = [str(f.relative_to(library)) for f in library.glob("**/*.inc")]
        for pattern in ("*.inc", "*/*.inc"):
            known += (str(f.relative_to(beside)) for f in islice(beside.glob(pattern), 500))
        return nearest(name[:200], known)

    def _trouble(self, code: str, message: str, span: Span, hint: str = "") -> None:
        self.troubles.append(Diagnostic(code, message, span, hint))

    def _parse(self, source: Source, text: str, included: bool) -> _Part:
        from lark.exceptions import UnexpectedInput

        try:
            tree = parser(("mm",), ("start", "guard")).parse(text, start="start")
        except UnexpectedInput as error:
            found = clues.explained(source, syntax_error(source, error, "this test"))
            raise InputError([*self.troubles, found]) from None
        except RecursionError:
            raise InputError([Diagnostic("nesting", "nested too deeply", file=source.name)]) from None
        return _Part(source, tree, included)

    def _finals(self, text: str) -> tuple[str, list[_Segment]]:
        """Cut out what the condition grammar reads: all at brace depth 0 that begins with its words."""
        depth, starts = 0, []
        marks = sorted(
            [(m.start(), m.group(), None) for m in re.finditer(r"[{}]", text)]
            + [(m.start(), "", m) for m in _FINAL.finditer(text)],
            key=lambda x: x[0],
        )
        for _, brace, match in marks:
            if match is None:
                depth += 1 if brace == "{" else -1
            elif depth == 0:
                starts.append(match)
        segments: list[_Segment] = []
        for i, match in enumerate(starts):
            end = starts[i + 1].start() if i + 1 < len(starts) else len(text)
            after = _AFTER.search(text, match.end(), end)
            if after and not text[match.end() : after.start()].rstrip().endswith((":", "/\\", "\\/", "=")):
                end = after.start()
            body = match.end(1) if match.group(1) else match.start()
            segment = self._segment(match.group(1), match.start(), text, body, end)
            if segment:
                segments.append(segment)
            text = text[: match.start()] + layout.blank(text[match.start() : end]) + text[end:]
        return text, segments

    def _segment(self, guard: str | None, start: int, text: str, body: int, end: int) -> _Segment | None:
        from lark.exceptions import UnexpectedInput

        try:
            final = condition.parse_final(self.source, layout.blank(text[:body]) + text[body:end])
            span = Span(self.source, start, body if guard else end)
            if guard is None:
                return _Segment(final, span)
            guards: list[Any] = []
            for one in re.finditer(r"\[[^\[\]]*\]", guard):
                word = " " * (start + one.start()) + one.group()
                guards.append(parser(("mm",), ("start", "guard")).parse(word, start="guard").children[0])
            return _Segment(final, span, guards)
        except InputError as error:
            self.troubles += error.diagnostics
        except UnexpectedInput as error:
            self.troubles.append(syntax_error(self.source, error, "this guard"))
        self.unread = True
        return None

    # -- variants ---------------------------------------------------------------------------------

    def tests(self) -> list[Test]:
        """Every variant as a test of its own."""
        first = self._reading(True)
        if not first.troubles:
            return list(first.tests)
        doubtful = tuple(self.guards.doubtful)
        others = [self._reading(False)] if doubtful else []
        raise Unfinished([first, *others], doubtful)

    def _reading(self, standing: bool) -> Reading:
        """The file with, or without, the parts whose guards are wrong."""
        self.troubles = list(self.before)
        tests = self._tests(standing)
        # Without an include every function of it is missing; that would be said where it is called.
        lost = any(t.code == "include" for t in self.before)
        return Reading(tuple(self.troubles), () if lost else tuple(tests))

    def _tests(self, standing: bool) -> list[Test]:
        top = [t.children[-1] for t in self.main.tree.children]
        variants = [self._variant(v) for t in top if t.data == "variants" for v in t.children]
        size = len(self.source.text)
        if len(variants) * size > MAX_SIZE:
            what = f"{len(variants)} variants of {size} characters, and each of them is a test"
            raise InputError([Diagnostic("too-large", what, variants[-1].span, "make several files of them")])
        self.guards = Guards(variants, self.troubles, standing)
        variants = self.guards.once
        self._settings()
        expected, comment = self.result.word, ""
        portable = self.head.arch == "C" and expected is not None
        unroll: int | None = None
        otherwise: tuple[Expectation, ...] = ()
        for item in top:
            if item.data == "expect":
                (expected, otherwise), portable = self._expectation(item.children[0]), False
                comment = str(item.children[1])[1:-1] if len(item.children) > 1 else ""
                if variants:
                    span = Builder(self.source, self.guards, None).span(item)
                    self._trouble("expect", "variants have their own expectations", span, "leave this out")
            elif item.data == "unroll":
                unroll = Builder(self.source, self.guards, None).number(item.children[0])
        self._unread_result(variants, expected)
        finals = self._choose_finals(variants)
        tests: list[Test] = []
        every: list[Variant | None] = [*variants] or [None]
        for variant in every:
            name = variant.name if variant else None
            final = finals.get(name, Final())
            # As herd7 does: a file in C that asks nothing asks whether runs end at all.
            asks = bool(final.quantifier) or self.unread or (self.head.arch == "C" and not self.segments)
            unit = self._unit(name, final)
            tests.append(
                Test(
                    self.source, self.head.name, self.head.arch, final.quantifier or "forall",
                    self._text(final), unit,
                    variant=name, doc=self.head.doc, comment=variant.comment if variant else comment,
                    meta=self.head.meta, expected=variant.expected if variant else expected,
                    otherwise=variant.otherwise if variant else otherwise,
                    portable=portable and not variant, unroll=unroll, span=final.span,
                    declared=variant.span if variant else None, asks=asks,
                    warnings=(*self.warnings, *self.guards.warnings, *final.warnings),
                )
            )  # fmt: skip
        return self._noting_idle(tests)

    def _unread_result(self, variants: list[Variant], expected: str | None) -> None:
        """Warn of a ``Result:`` comment that says otherwise than the file's own expectations."""
        said = [v.expected for v in variants] or [expected]
        if self.result.word not in (None, *said):
            text, hint = "nobody looks at this comment", "the expectations of the file say otherwise"
            found = Diagnostic("result", text, self.result.span, hint, "warning")
            if found not in self.warnings:
                self.warnings.append(found)

    def _noting_idle(self, tests: list[Test]) -> list[Test]:
        """The tests with warnings about what is without effect; settings of nothing are errors."""
        if self.unread or any(t.code == "include" for t in self.before):
            return tests  # who would use it is not known
        found = [*idle(t.tree for t in tests), *idle_constants(*self._constants(), self.defines)]
        found += unused(t.tree for t in tests)
        found += overlaid(t.tree for t in tests)
        top = [t for p in self.parts for t in p.tree.children]
        if not any(x.data in _LOOPS for t in top for x in t.iter_subtrees()):
            for item in (t for t in top if t.children[-1].data == "unroll"):
                text = "there is no loop to unroll"
                found.append(Diagnostic("no-effect", text, self._span(item), "leave it out", "warning"))
        self.troubles += [d for d in found if d.severity == "error" and d not in self.troubles]
        warnings = [d for d in found if d.severity == "warning"]
        return [replace(t, warnings=(*t.warnings, *warnings)) for t in tests] if warnings else tests

    def _constants(self) -> tuple[list[list[tuple[str, Span]]], set[str]]:
        """The test's own constants, an enum at a time, and every name that stands anywhere else."""
        enums: list[list[tuple[str, Span]]] = []
        named = mentioned([s.final for s in self.segments])
        for part in self.parts:
            for item in part.tree.children:
                if item.children[-1].data == "enum" and not part.included:
                    made = [x for x in item.children[-1].children if hasattr(x, "data")]
                    enums.append([(str(x.children[0]), self._span(x)) for x in made])
                    own = {id(x.children[0]) for x in made}
                    named |= {str(t) for t in _tokens(item) if id(t) not in own}
                else:
                    named |= {str(t) for t in _tokens(item)}
        return enums, named

    def _settings(self) -> None:
        """What is for the whole file: not guarded, not included, ``expect`` and ``unroll`` not twice."""
        seen: set[str] = set()
        for part, item in [(p, i) for p in self.parts for i in p.tree.children]:
            word = str(item.children[-1].data)
            if word not in ("variants", "expect", "unroll"):
                continue
            span = Builder(part.source, self.guards, None).span(item)
            if part.included:
                self._trouble("setting", f"an included file has no '{word}'", span, "write it into the test")
            elif len(item.children) > 1:
                self._trouble("setting", f"'{word}' is for the whole file", span, "leave the guard out")
            elif word in seen and word != "variants":
                self._trouble("duplicate", f"a second '{word}'", span, "each file has one")
            elif word == "variants" and not item.children[-1].children:
                self._trouble("setting", "there are no variants here", span, "leave it out")
            seen.add(word)

    def _text(self, final: Final) -> str:
        """The proposition as logs print it; in MM files as it is written."""
        if final.proposition is None:
            return "true"
        return printed.as_herd(final.proposition) if self.head.arch == "C" else printed.normal(final)

    def _variant(self, tree: Any) -> Variant:
        rest = list(tree.children)
        name = rest.pop(0)
        base = str(rest.pop(0)) if getattr(rest[0], "type", "") == "NAME" else None
        expected, otherwise = self._expectation(rest.pop(0))
        comment = " ".join(str(rest[0])[1:-1].split()) if rest else ""
        return Variant(str(name), expected, comment, self._span(name), base, otherwise)

    def _span(self, tree: Any) -> Span:
        return Builder(self.source, Guards([], []), None).span(tree)

    def _expectation(self, tree: Any) -> tuple[str | None, tuple[Expectation, ...]]:
        """What is expected in general, and what under profiles or switches."""
        general: str | None = None
        otherwise: list[Expectation] = []
        seen: set[tuple[str, ...]] = set()
        for one in tree.children:
            *where, word = map(str, one.children)
            span = self._span(one)
            key = tuple(where)
            if where and key in seen:
                self._trouble("duplicate", f"{'='.join(where)} has two expectations", span, "each has one")
            seen.add(key)
            if not where:
                if general is not None or otherwise:
                    hint = "first what is expected in general, then profiles and switches"
                    self._trouble("expect", f"{word} of what", span, hint)
                general = word
            elif len(where) == 1:
                otherwise.append(Expectation(word, where[0], None, span))
            else:
                otherwise.append(Expectation(word, None, (where[0], where[1]), span))
        return general, tuple(otherwise)

    def _choose_finals(self, variants: list[Variant]) -> dict[str | None, Final]:
        """For each variant its condition; locations and filters may be guarded as well."""
        names: list[str | None] = [v.name for v in variants] or [None]
        out: dict[str | None, Final] = {n: Final() for n in names}
        run: list[frozenset[str] | None] = []
        for segment in self.segments:
            where: frozenset[str] | None = None
            if segment.guards:
                where = self.guards.together(segment.guards, run, segment.span)
            else:
                run = []
            for name in names:
                if not segment.guards or self.guards.stands(where, name, segment.span):
                    old, new = out[name], segment.final
                    if old.proposition is not None and new.proposition is not None and new.span is not None:
                        of = f" of variant {name}" if name else ""
                        self._trouble("condition", f"a second condition{of}", new.span, "each test has one")
                        continue
                    out[name] = Final(
                        old.quantifier or new.quantifier, old.proposition or new.proposition,
                        old.span or new.span, old.locations + new.locations, old.filters + new.filters,
                        old.warnings + new.warnings,
                    )  # fmt: skip
        return out

    def _unit(self, variant: str | None, final: Final) -> Unit:
        """The file as one variant sees it."""
        enums: dict[str, int] = {}
        initial: list[Initial] = []
        included: set[int] = set()
        functions: dict[str, Function] = {}
        threads: dict[int, Thread] = {}
        nmis: list[Thread] = []
        structs: list[StructDef] = []
        for part in self.parts:
            builder = Builder(part.source, self.guards, variant, included=part.included)
            items = builder.chosen(part.tree.children, "guarded_top")
            for item in items:
                if item.data == "enum":
                    builder.enum(item, enums, self.defines)
            for at, item in enumerate(items):
                if item.data == "initial":
                    made = builder.initial(item)
                    if part.included:
                        included |= set(range(len(initial), len(initial) + len(made)))
                    initial += made
                elif item.data == "function":
                    function = self._function(builder, part, at, item)
                    old = functions.get(function.name)
                    if old is not None and old.included == part.included:
                        text = f"{function.name}() is defined twice"
                        self._trouble("duplicate", text, function.span, the_first(old.span))
                    functions[function.name] = function
                elif item.data == "thread":
                    for thread in builder.thread(item, enums):
                        if thread.cpu in threads:
                            hint = the_first(threads[thread.cpu].span)
                            self._trouble("duplicate", f"P{thread.cpu} has two programs", thread.span, hint)
                        threads[thread.cpu] = thread
                elif item.data == "struct_def":
                    structs.append(builder.struct(item))
                elif item.data == "nmi":
                    nmis.append(builder.nmi(item))
        self._duplicates(initial, included)
        self._doubled(structs)
        for nmi in list(nmis):
            if nmi.cpu > max(threads, default=0):
                hint = f"one without a program is P{nmi.cpu} {{ }}"
                self._trouble("no-cpu", f"there is no CPU {nmi.cpu}", nmi.span, hint)
                nmis.remove(nmi)
        for name, value in self.defines.items():
            if abs(value) >> MAX_BITS:
                span = Span(self.source, 0, len(self.head.arch))
                self._trouble("number", f"{name} is too large", span, f"numbers have {MAX_BITS} bits")
            if name not in enums:
                span = Span(self.source, 0, len(self.head.arch))
                hint = nearest(name, enums) or "-D sets a constant of an enum"
                self._trouble("define", f"there is no constant {name!r} to define", span, hint)
        return Unit(
            self.head.arch, enums, tuple(initial), functions, threads, tuple(nmis), final,
            tuple(structs), frozenset(included),
        )  # fmt: skip

    def _function(self, builder: Builder, part: _Part, at: int, item: Any) -> Function:
        """A function; that of an include is made once, unless there is something to say of it."""
        known, said = part.functions.get(at), len(self.troubles)
        if known is None:
            known = builder.function(item, part.included)
            if part.included and len(self.troubles) == said:
                part.functions[at] = known
        return known

    def _doubled(self, structs: list[StructDef]) -> None:
        seen: dict[str, Span] = {}
        for struct in structs:
            if struct.fields and struct.name in seen:
                text = f"struct {struct.name} is defined twice"
                self._trouble("duplicate", text, struct.span, the_first(seen[struct.name]))
            elif struct.fields:
                seen[struct.name] = struct.span
            names = [f.name for f in struct.fields]
            for i, one in enumerate(struct.fields):
                if one.name in names[:i]:
                    text = f"struct {struct.name} has two fields {one.name}"
                    self._trouble(
                        "duplicate", text, one.span, the_first(struct.fields[names.index(one.name)].span)
                    )

    def _duplicates(self, initial: list[Initial], included: set[int]) -> None:
        seen: dict[tuple[bool, str], Span] = {}
        for i, item in enumerate(initial):
            if isinstance(item, Object):
                key = (i in included, item.name)
                if key in seen:
                    text = f"{item.name} is declared twice"
                    self._trouble("duplicate", text, item.span, the_first(seen[key]))
                seen.setdefault(key, item.span)
