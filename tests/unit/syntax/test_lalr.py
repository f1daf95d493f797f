"""The parser of tables makes the trees that Lark makes, and finds no tree where Lark finds none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lark import Lark
from lark import Tree as LarkTree
from lark.exceptions import UnexpectedInput

from verifier.errors import InputError
from verifier.syntax import grammars, lalr, load, read
from verifier.syntax.grammars import MM_STARTS, parser, tree_of

ROOT = Path(__file__).resolve().parents[3]
FILES = [p for p in sorted(ROOT.glob("litmus/**/*.litmus")) if "kernel" not in p.parts]
GRAMMARS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("x86",): ("cell", "init"), ("condition",): ("final",), ("mm",): MM_STARTS,
}  # fmt: skip


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
        (names,) = (n for n, s in GRAMMARS.items() if grammars._reader(n, s) is self)
        try:
            wanted: Any = parser(names, GRAMMARS[names]).parse(text, start=start)
        except UnexpectedInput:
            assert found is None, text
        else:
            assert found is not None and shape(found) == shape(wanted), text
        texts.append(text)
        return found

    monkeypatch.setattr(lalr.Parser, "parse", both)
    yield texts


@pytest.mark.parametrize("path", FILES[::12], ids=lambda p: str(p.relative_to(ROOT)))
def test_trees_of_files_are_those_of_lark(path: Path, compared: list[str]) -> None:
    load(read(str(path)))
    assert compared


@pytest.mark.parametrize(
    ("names", "start", "text"),
    [
        (("x86",), "cell", "MOV [x],$1"),
        (("x86",), "cell", ""),
        (("x86",), "cell", "MOV [x"),
        (("x86",), "cell", "MOV ] x"),
        (("x86",), "init", "int x = 1; 0:rax = {1, 2}; P1:rbx=y;"),
        (("x86",), "init", "x = ;"),
        (("condition",), "final", "exists (0:EAX=0 /\\ ~(1:EBX=1 \\/ x & 8 = 8))"),
        (("condition",), "final", "locations [x; y;] exists (not [x]=1)"),
        (("condition",), "final", "exists (0:EAX=0"),
        (("condition",), "final", "exists (?)"),
        (("mm",), "expr", "a->b[1].c + f(x, (int) y) * 3"),
        (("mm",), "expr", "(((a)))"),
        (("mm",), "stmt", "if (x) { y = 1; } else for (;;) break;"),
        (("mm",), "stmt", "if x"),
        (("mm",), "start", ""),
    ],
)
def test_a_text_reads_as_with_lark(
    names: tuple[str, ...], start: str, text: str, compared: list[str]
) -> None:
    try:
        tree_of(text, names, GRAMMARS[names], start)
    except grammars.Unparsed as error:
        assert isinstance(error.error, UnexpectedInput)
    assert compared == [text]


def test_tables_come_back_from_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name, starts in GRAMMARS.items():
        grammars._reader.__wrapped__(name, starts)
        made = grammars._reader.__wrapped__(name, starts)
        assert made.tables == lalr.tables_of(parser(name, starts))
    assert len(list((tmp_path / "verifier").glob("*.tables"))) == len(GRAMMARS)


def test_a_damaged_file_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    grammars._reader.__wrapped__(("x86",), GRAMMARS["x86",])
    (file,) = (tmp_path / "verifier").glob("*.tables")
    whole = file.read_bytes()
    file.write_bytes(whole[:100])
    assert grammars._reader.__wrapped__(("x86",), GRAMMARS["x86",]).parse("MOV [x],$1", "cell")
    assert file.read_bytes() == whole


def test_what_is_kept_of_lark_is_made_by_the_grammar() -> None:
    for name, starts in GRAMMARS.items():
        made = Lark(
            grammars.text(*name), parser="lalr", start=list(starts), propagate_positions=True,
            maybe_placeholders=False,
        )  # fmt: skip
        assert sorted(map(len, lalr.tables_of(made).states)) == sorted(
            map(len, grammars._reader(name, starts).tables.states)
        )


def test_an_error_is_still_an_input_error(tmp_path: Path) -> None:
    file = tmp_path / "a.litmus"
    file.write_text('X86 a\n"x"\n{ x=0; }\n P0 ;\n MOV [x ;\nexists (x=1)\n')
    with pytest.raises(InputError, match="instruction"):
        load(read(str(file)))
