"""Compares the rows of the vocabulary with what a kernel tree says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

from verifier import explore
from verifier.against.assembly import WORDS_OF_ASM
from verifier.against.definitions import Definitions, definitions
from verifier.against.families import FAMILIES, Family, code_of, family_of, reason_of
from verifier.against.preprocess import preprocessed
from verifier.against.situations import (
    ALONE,
    OBSERVED,
    CalledIn,
    CallOfWord,
    calls,
    situations,
    text_of,
)
from verifier.against.taken import MISSING, PREFIX, NotCompared, TakenCall, take
from verifier.budget import Budget
from verifier.errors import InputError, LimitError, UsageError
from verifier.kernel.tree import KernelTree
from verifier.lower.build import build
from verifier.program.answer import Answer
from verifier.program.events import Program
from verifier.program.expressions import KERNEL
from verifier.program.profiles import KERNELS, Switches
from verifier.records import NamedTuple, dataclass, field, replace
from verifier.source import Source
from verifier.syntax import ast, load
from verifier.syntax.test import Test
from verifier.words.rows import Word
from verifier.words.table import WORDS

Status = Literal["agrees", "instruction", "differs", "not compared", "missing"]
States = frozenset[tuple[object, ...]]
_KERNEL = repr(KERNEL)  # where a row depends on the version
MAX_CLASSES = 4  # of the ways in which a call can go


class Difference(NamedTuple):
    """A test in which the two have different final states: those that only one of them has. ``hangs``: of
    the configurations in which a run hangs."""

    test: str
    only_tree: tuple[str, ...]
    only_row: tuple[str, ...]
    hangs: bool = False


@dataclass(frozen=True, slots=True)
class ComparedWord:
    """What became of a word. ``place``: where the tree defines it; ``instructions``: what is in that
    text; ``tests``: in how many tests the two were run; ``said``: what the comparison leaves out
    on purpose."""

    word: str
    status: Status
    reason: str = ""
    place: str = ""
    instructions: tuple[str, ...] = ()
    tests: int = 0
    differences: tuple[Difference, ...] = ()
    said: str = ""


@dataclass(slots=True)
class Comparison:
    """A tree and the rows. ``switches``: with the kernel of ``profiles.KERNELS`` that the tree's
    version is."""

    tree: KernelTree
    budget: Budget = field(default_factory=Budget)
    decide: Callable[..., Answer] = explore.decide  # the judge
    _definitions: Definitions | None = None
    _seen: dict[object, tuple[Status, str, int, tuple[Difference, ...]]] = field(default_factory=dict)
    _rows: dict[object, list[tuple[States, States]]] = field(default_factory=dict)

    def of(self, tree: KernelTree) -> Comparison:
        """The same for another tree, which knows what is known so far."""
        return Comparison(tree, self.budget, self.decide, None, self._seen, self._rows)

    @property
    def definitions(self) -> Definitions:
        """What the tree defines, in the files of all families."""
        if self._definitions is None:
            roots = list(dict.fromkeys(file for family in FAMILIES for file in family.files))
            self._definitions = definitions(preprocessed(self.tree, roots, self.budget), self.budget)
        return self._definitions

    def check(self) -> None:
        """Raise ``UsageError`` if this is no tree of a kernel for x86."""
        if not self.definitions.of.read & {file for family in FAMILIES for file in family.files}:
            raise UsageError(
                f"--kernel {self.tree.place}: it has none of the files in which words are defined"
            )

    @property
    def switches(self) -> Switches:
        """How the rows are read."""
        version = self.tree.version
        if version is None:
            return Switches()
        known = [(code_of(name), name) for name in KERNELS]
        return Switches(kernel=max((k for k in known if k[0] <= version), default=known[0])[1])

    def words(self, names: Iterable[str] | None = None) -> Iterator[ComparedWord]:
        """Compare words, or all words."""
        for name in names if names is not None else WORDS:
            yield self.word(WORDS[name])

    def word(self, word: Word) -> ComparedWord:
        """Compare one word."""
        family = family_of(word, self.tree.version)
        if family is None:
            return ComparedWord(word.name, "not compared", reason_of(word))
        try:
            every = list(calls(word, family))
            if not every:
                raise NotCompared("no values are known for its parameters")
            known = {"void": "void", "same": family.local, "int": "int", "uint": "unsigned int"}
            result = known.get(word.result, "long")
            taken = {c.text: take(self.definitions, family, word.name, c.text, result) for c in every}
        except NotCompared as why:
            missing = str(why) == MISSING
            return ComparedWord(word.name, "missing" if missing else "not compared", str(why))
        one = next(iter(taken.values()))
        # What depends on no version is judged once for all trees.
        kernel = self.switches.kernel if _KERNEL in repr(word.effects) else ""
        key = (_canonical(one), family.names, family.before, _meaning(word), kernel)
        if key not in self._seen:
            self._seen[key] = self._judged(word, family, every, taken)
        status, reason, tests, differences = self._seen[key]
        if status == "agrees" and word.name in WORDS_OF_ASM and one.instructions:
            status = "instruction"
        return ComparedWord(
            word.name, status, reason, one.place, tuple(one.instructions), tests, differences, family.said
        )

    def _judged(
        self, word: Word, family: Family, every: list[CallOfWord], taken: Mapping[str, TakenCall]
    ) -> tuple[Status, str, int, tuple[Difference, ...]]:
        try:
            alone = [CalledIn(ALONE, call) for call in every]
            found, ends = self._differences(family, alone, taken)
            chosen = _classes(every, ends)
            more = [CalledIn(at, call) for call in chosen for at in situations(family)[1:]]
            rest, _ = self._differences(family, more, taken)
        except NotCompared as why:
            return "not compared", str(why), 0, ()
        found += rest
        return ("differs" if found else "agrees"), "", len(alone) + len(more), tuple(found)

    def _differences(
        self, family: Family, variants: list[CalledIn], taken: Mapping[str, TakenCall]
    ) -> tuple[list[Difference], list[States]]:
        """The tests that differ; and the final states of each by the rows."""
        one = next(iter(taken.values()))
        codes = [taken[v.call.text].expression for v in variants]
        functions = {name: text for v in variants for name, text in taken[v.call.text].functions.items()}
        try:
            by_tree = self._tests(text_of(family, variants, codes, "\n".join(functions.values()), tree=True))
            of_tree = [self._states(test, family, True) for test in by_tree]
        except (InputError, LimitError) as error:
            raise NotCompared(one.why(_first(error))) from None
        try:
            of_rows = self._row_states(family, variants)
        except (InputError, LimitError) as error:
            raise NotCompared(f"of the word itself: {_first(error)}") from None
        out: list[Difference] = []
        for variant, a, b in zip(variants, of_tree, of_rows, strict=True):
            for x, y, hangs in ((a[0], b[0], False), (a[1], b[1], True)):
                if x != y:
                    out.append(Difference(variant.words, _told(x - y), _told(y - x), hangs))
        return out, [states for states, _ in of_rows]

    def _row_states(self, family: Family, variants: list[CalledIn]) -> list[tuple[States, States]]:
        """The final states by the rows."""
        text = text_of(family, variants, [v.call.text for v in variants], "", tree=False)
        key = text, self.switches.kernel
        if key not in self._rows:
            self._rows[key] = [self._states(test, family, False) for test in self._tests(text)]
        return self._rows[key]

    def _tests(self, text: str) -> list[Test]:
        return [_of_kernel(test) for test in load(Source("word", text), plain=True)]

    def _states(self, test: Test, family: Family, tree: bool) -> tuple[States, States]:
        """The final states of a test, and those in which it hangs."""
        self.budget.tick()
        program = build(test, budget=self.budget)
        answer = self.decide(
            program, switches=self.switches, want_states=True, witnesses=False, budget=self.budget
        )
        if answer.reason or answer.states is None:
            raise NotCompared(answer.reason or "its states are not known")
        if answer.cut:
            raise NotCompared("a loop turns more often than the bound")
        return (
            frozenset(_state(program, s, family, tree) for s in answer.states),
            frozenset(_state(program, s, family, tree) for s in answer.rests or ()),
        )


def _state(program: Program, state: tuple[object, ...], family: Family, tree: bool) -> tuple[object, ...]:
    """A state, in the order of ``OBSERVED``; numbers as words of as many bits as the cell has."""
    labels = {program.observables[i].label: v for i, v in zip(program.shown, state, strict=True)}
    mask = (1 << family.bits) - 1
    decoded = {there & mask: here for here, there in family.encoding.items()} if tree else {}
    values: list[object] = []
    for name in OBSERVED:
        value = labels.get(name, labels.get(f"[{name}]", labels.get(f"0:{name}")))
        if isinstance(value, int):
            value &= mask
            value = decoded.get(value, value) & mask
        values.append(value)
    return tuple(values)


def _told(states: Iterable[tuple[object, ...]]) -> tuple[str, ...]:
    return tuple(sorted("; ".join(f"{n}={v}" for n, v in zip(OBSERVED, s, strict=True)) for s in states))


def _first(error: Exception) -> str:
    return error.diagnostics[0].message if isinstance(error, InputError) else str(error)


def _of_kernel(test: Test) -> Test:
    """A test in which the tree's functions are known as such: what is never reached in them is not
    looked at."""
    unit = test.tree
    assert isinstance(unit, ast.Unit)
    functions = {
        name: replace(f, kernel="tree", included=True) if name.startswith(PREFIX) else f
        for name, f in unit.functions.items()
    }
    return replace(test, tree=replace(unit, functions=functions))


def _canonical(of: TakenCall) -> str:
    """The text of a call with numbers for the names of functions: words with the same text are judged
    once."""
    names: dict[str, str] = {}
    text = "\n".join((*of.functions.values(), of.expression))
    return re.sub(rf"\b{PREFIX}\w+", lambda m: names.setdefault(m[0], f"{PREFIX}{len(names)}"), text)


def _meaning(word: Word) -> object:
    return word.parameters, word.result, repr(word.effects)


def _classes(every: list[CallOfWord], ends: list[States]) -> list[CallOfWord]:
    """Calls that go in different ways: whether the cell changes, and whether they give 0."""
    chosen: dict[object, CallOfWord] = {}
    for call, states in zip(every, ends, strict=True):
        start = int(call.start) & 0xFFFFFFFF if call.start.lstrip("-").isdigit() else call.start
        ways = {(s[0] & 0xFFFFFFFF if isinstance(s[0], int) else s[0]) == start for s in states}
        chosen.setdefault((frozenset(ways), frozenset(bool(s[1]) for s in states)), call)
    return list(chosen.values())[:MAX_CLASSES]
