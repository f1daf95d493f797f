"""The parser of tables makes the trees that Lark makes, and finds no tree where Lark finds none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lark import Lark
from lark import Tree as LarkTree
from lark.exceptions import UnexpectedInput

from verifier.errors import InputError
from verifier.syntax import grammars, lalr, load, read
from verifier.syntax.condition import Builder
from verifier.syntax.grammars import STARTS, module_of_tables, parser, tree_of

ROOT = Path(__file__).resolve().parents[3]
FILES = [p for p in sorted(ROOT.glob("litmus/**/*.litmus")) if "kernel" not in p.parts]


def shape(node: Any) -> Any:
    """All that a tree says: names, texts, types and places."""
    if not isinstance(node, LarkTree | lalr.Tree):
        return str(node), node.type, node.start_pos, node.end_pos
    span = getattr(node.meta, "start_pos", None), getattr(node.meta, "end_pos", None)
    return str(node.data), span, [shape(child) for child in node.children]


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Compares each tree that is made with Lark's; holds the texts of both."""
    texts: list[str] = []
    parse = lalr.Parser.parse

    def both(self: lalr.Parser, text: str, start: str) -> Any:
        found = parse(self, text, start)
        (grammar,) = (g for g in STARTS if grammars._reader(g) is self)
        try:
            wanted: Any = parser(grammar).parse(text, start=start)
        except UnexpectedInput:
            assert found is None, text
        else:
            assert found is not None and shape(found) == shape(wanted), text
        texts.append(text)
        return found

    monkeypatch.setattr(lalr.Parser, "parse", both)
    monkeypatch.setattr(Builder, "common", lambda *_: None)  # which would read most conditions without a tree
    yield texts


@pytest.mark.parametrize("path", FILES[::12], ids=lambda p: str(p.relative_to(ROOT)))
def test_trees_of_files_are_those_of_lark(path: Path, compared: list[str]) -> None:
    load(read(str(path)))
    assert compared


@pytest.mark.parametrize(
    ("grammar", "start", "text"),
    [
        ("x86", "cell", "MOV [x],$1"),
        ("x86", "cell", ""),
        ("x86", "cell", "MOV [x"),
        ("x86", "cell", "MOV ] x"),
        ("x86", "init", "int x = 1; 0:rax = {1, 2}; P1:rbx=y;"),
        ("x86", "init", "x = ;"),
        ("condition", "final", "exists (0:EAX=0 /\\ ~(1:EBX=1 \\/ x & 8 = 8))"),
        ("condition", "final", "locations [x; y;] exists (not [x]=1)"),
        ("condition", "final", "exists (0:EAX=0"),
        ("condition", "final", "exists (?)"),
        ("mm", "expr", "a->b[1].c + f(x, (int) y) * 3"),
        ("mm", "expr", "(((a)))"),
        ("mm", "stmt", "if (x) { y = 1; } else for (;;) break;"),
        ("mm", "stmt", "if x"),
        ("mm", "start", ""),
    ],
)
def test_a_text_reads_as_with_lark(grammar: str, start: str, text: str, compared: list[str]) -> None:
    try:
        tree_of(text, grammar, start)
    except grammars.Unparsed as error:
        assert isinstance(error.error, UnexpectedInput)
    assert compared == [text]


@pytest.mark.slow
def test_tables_come_back_from_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for grammar in STARTS:
        grammars._reader.__wrapped__(grammar)
        made = grammars._reader.__wrapped__(grammar)
        assert made.tables == lalr.tables_of(parser(grammar))
    assert len(list((tmp_path / "verifier").glob("*.tables"))) == len(STARTS)


def test_a_damaged_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    grammars._reader.__wrapped__("x86")
    (file,) = (tmp_path / "verifier").glob("*.tables")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert grammars._reader.__wrapped__("x86").parse("MOV [x],$1", "cell")
    assert file.read_bytes() == whole


@pytest.mark.long
def test_what_is_kept_of_lark_is_made_by_the_grammar() -> None:
    for grammar, starts in STARTS.items():
        made = Lark(
            grammars.text(grammar), parser="lalr", start=list(starts), propagate_positions=True,
            maybe_placeholders=False,
        )  # fmt: skip
        assert sorted(map(len, lalr.tables_of(made).states)) == sorted(
            map(len, grammars._reader(grammar).tables.states)
        )


@pytest.mark.slow
@pytest.mark.parametrize("grammar", STARTS)
def test_tables_of_a_wheel_are_used(grammar: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of Lark, need no cache, and give way to a grammar that has changed."""
    module = ModuleType(f"{grammars.SHIPPED}.{grammar}")
    exec(module_of_tables(grammar), module.__dict__)
    monkeypatch.setitem(sys.modules, grammars.SHIPPED, ModuleType(grammars.SHIPPED))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert grammars._reader.__wrapped__(grammar).tables == lalr.tables_of(parser(grammar))
    assert not (tmp_path / "verifier").exists()
    module.KEY = ("another grammar", STARTS[grammar])  # type: ignore[attr-defined]
    grammars._reader.__wrapped__(grammar)
    assert (tmp_path / "verifier").exists()


def test_an_error_is_still_an_input_error(tmp_path: Path) -> None:
    file = tmp_path / "a.litmus"
    file.write_text('X86 a\n"x"\n{ x=0; }\n P0 ;\n MOV [x ;\nexists (x=1)\n')
    with pytest.raises(InputError, match="instruction"):
        load(read(str(file)))
