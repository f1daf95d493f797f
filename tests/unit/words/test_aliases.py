"""Only its row says what a word is: under another name it is lowered alike, with the same messages.

Code that keeps a list of names, or looks at the spelling of a word, does not know the other name.
"""

from __future__ import annotations

import ast as python
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import TypeVar, get_args

import pytest

import verifier.syntax
from tests.effort import share
from tests.words import arguments, called, text
from verifier.errors import InputError
from verifier.lower.c.file import lower
from verifier.source import Source, Span
from verifier.syntax import ast, load
from verifier.syntax.test import Test
from verifier.words import loops, table
from verifier.words.rows import Word
from verifier.words.table import LOOPS, WORDS

pytestmark = pytest.mark.slow  # one program for each word

T = TypeVar("T")
# Where the word stands in a text, which may be that of a loop over CPUs; what it is called besides.
HERE, OTHER = "for_each_cpu_here", "OTHER_NAME"
WORD = "WORD_HERE"
PARTS = (*get_args(ast.CExpr), *get_args(ast.Stmt))  # of a tree, whose spans are all that they are
DECIDED = [word for word in WORDS.values() if not word.planned]
SOME = share(DECIDED, 6)

# What may stand where a word takes something else.
ODD = (
    "1", "&x", "m", "A", "N", "v", "*v", "p", "r9", "flags", "nothing", "NULL", "5000", "pte(T, v)",
    "pmd(N, v)", "mk_pte(A, ro)", "cpu_online_mask",
)  # fmt: skip
# Where a call may stand; not all words can stand in all places, which is an error under any name.
AROUND = (
    "{}", "r1 = {} + 1", "if ({}) x = 2", "r2 = {} == A", "r2 = {} == 3", "{} = 1", "r3 = &{}", "{}.f = 1",
    "r4 = READ_ONCE({})", "r5 = *{}", "while (READ_ONCE(y) == 7) {}", "set_pte({}, A)", "set_pmd({}, T)",
    "r6 = pte_same({}, A)", "invpcid(0, {}, v)", "ptep_clear(N, u, {})", "r7 = *pte(T, v) == {}",
    "for_each_cpu(r8, {}) x = 3", "f({})", "g(flags)", f"x = {WORD}",
)  # fmt: skip

MORE = " 1:pcid = 3; percpu struct s s = { .f = 0 }; table U { v -> T, u -> T }; mm M { v -> none };"


def alike(word: Word) -> Iterator[str]:
    """Texts with a word: as it is meant, in all kinds of places with all kinds of arguments, and in the
    initial state and the condition."""
    given = arguments(word)
    call = called(WORD, given)
    yield text(word, f"{call}; r2 = *pte(T, v) == A;")
    lines = [form.format(call) for form in AROUND]
    for at, usual in enumerate(given):
        lines += [called(WORD, [*given[:at], odd, *given[at + 1 :]]) for odd in ODD if odd != usual]
    lines += [called(WORD, [*["N", "u", "v"][:more], *given]) for more in (1, 2, 3)]
    lines += [called(WORD, given[1:]), called(WORD, ["s", *given[1:]]) + ".f = 1"]
    lines.append(f"set_pud({called(WORD, ['M', 'v'])}, U)")
    index = "int idx = 1; " if "idx" in given else ""
    functions = f"void f(int i) {{ }}\nvoid g(unsigned long flags) {{ {index}{call}; x = flags; }}\nP0 {{"
    program = text(word, ";\n    ".join(lines) + ";", "mk_pte(A, ro)", MORE)
    yield program.replace("P0 {", functions, 1)
    named = bool(given) and all(re.fullmatch(r"\w+", a) for a in given)
    condition = f" /\\ {call} = A /\\ {call}[1] = 1" if named else ""
    yield text(word, ";", initial=f" int q = {call}; {call} = A; {call} = {{1}};", condition=condition)


class Text(Source):
    """A source that is not shown in full by everything that stands in it."""

    def __repr__(self) -> str:
        return self.name


@cache
def loaded(program: str) -> Test:
    """The only test of a text."""
    (test,) = load(Text("t", program))
    return test


def renamed(x: T, name: str) -> T:
    """A tree with a name in the word's place."""
    if isinstance(x, str):
        return name if x in (WORD, HERE) else x  # type: ignore[return-value]
    if isinstance(x, Span) or (isinstance(x, PARTS) and WORD not in x.span.text and HERE not in x.span.text):
        return x
    if isinstance(x, tuple):
        parts = [renamed(part, name) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)  # type: ignore[return-value]
    if isinstance(x, dict):
        return {key: renamed(part, name) for key, part in x.items()}  # type: ignore[return-value]
    if is_dataclass(x):
        return type(x)(*(renamed(getattr(x, f.name), name) for f in fields(x)))
    return x


def outcome(test: Test) -> tuple[str, list[Span]]:
    """All that lowering makes of a test, with its warnings, or what is wrong with it, and where."""
    try:
        return repr(lower(test)), []
    except InputError as error:
        return repr(error.diagnostics), [d.span for d in error.diagnostics if d.span is not None]


def without(test: Test, wrong: list[Span]) -> Test:
    """A test without the statements of its first program that something is wrong with."""
    thread = test.tree.threads[0]
    starts = {span.start for span in wrong}
    body = tuple(s for s in thread.body.body if starts.isdisjoint(range(s.span.start, s.span.end)))
    assert len(body) < len(thread.body.body), "something is wrong with its statements"
    rest = replace(thread, body=replace(thread.body, body=body))
    return replace(test, tree=replace(test.tree, threads={**test.tree.threads, 0: rest}))


class Both:
    """A text with the word, and the same with its other name."""

    def __init__(self, program: str, name: str) -> None:
        test, self.name = loaded(program), name
        self.tests = [replace(test, tree=renamed(test.tree, n)) for n in (name, OTHER)]

    def check(self) -> list[Span]:
        """Assert that both come out alike; where something is wrong with them."""
        (one, wrong), (other, _) = map(outcome, self.tests)
        assert other.replace(OTHER, self.name) == one
        return wrong

    def leave_out(self, wrong: list[Span]) -> None:
        """Go on without the statements that something is wrong with."""
        self.tests = [without(test, wrong) for test in self.tests]


@pytest.mark.parametrize("word", SOME, ids=lambda w: w.name)
def test_a_word_is_what_its_row_says(word: Word, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table.BY_NAME, OTHER, replace(word, name=OTHER))
    meant, anywhere, stated = (Both(program, word.name) for program in alike(word))
    assert not meant.check(), "it can be lowered as it is meant"
    wrong = anywhere.check()
    assert wrong, "something is wrong with some of that"
    while wrong:  # what is left has warnings, which errors hide
        anywhere.leave_out(wrong)
        wrong = anywhere.check()
    stated.check()


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_what_its_row_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(loops.BY_NAME, OTHER, replace(LOOPS[name], name=OTHER))
    right = 0
    for masks in ("", ", m", ", m, cpu_online_mask", ", x"):
        both = Both(text(DECIDED[0], f"int cpu; {HERE}(cpu{masks}) x = x + 1 + cpu;"), name)
        right += not both.check()
    assert right == 1, "it takes so many masks, and masks alone"


def test_the_syntax_spells_no_word() -> None:
    """What reads texts does not know the vocabulary: a word in its code would be a list beside the table."""
    for path in Path(verifier.syntax.__file__).parent.glob("*.py"):
        for node in python.walk(python.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, python.Constant) and isinstance(node.value, str):
                assert node.value not in WORDS, f"{path.name}:{node.lineno} spells {node.value}"
