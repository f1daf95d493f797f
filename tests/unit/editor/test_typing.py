"""A text that is being typed can be asked about, wherever it ends."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.editing import names_of, pointed
from verifier.editor.complete import completions
from verifier.editor.files import Files
from verifier.editor.follow import definition, references, symbols, variants
from verifier.editor.hover import hover
from verifier.editor.rename import rename
from verifier.editor.scan import MAX_SCANNED, Litmus
from verifier.errors import UsageError
from verifier.source import Source

pytestmark = pytest.mark.slow  # together, these take many seconds

LITMUS = Path(__file__).resolve().parents[3] / "litmus"
FILES = [
    LITMUS / name
    for name in (
        "linux/switch_mm-vs-flush.litmus", "linux/tlb_gen.inc", "classic/SB.litmus", "c/bitfields.litmus",
        "kernel/membarrier-rseq.litmus", "mmu/8.2-sections.litmus", "c/function-pointers.litmus",
    )
]  # fmt: skip
ALL = [p for p in sorted(LITMUS.rglob("*")) if p.suffix in (".litmus", ".inc")]


def everything(text: str, path: Path, files: Files, offset: int) -> None:
    """All questions about a place."""
    names = names_of(text, str(path), files)
    hover(names, offset)
    completions(names, offset)
    definition(names, offset)
    references(names, offset)
    symbols(names)
    variants(names.litmus, names)
    try:
        rename(names, offset, "fresh")
    except UsageError as error:
        assert str(error)


@pytest.mark.long
@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_prefix_has_answers(path: Path) -> None:
    text, files = path.read_text(), Files()
    step = 1 if len(text) < 1000 else 23
    for end in range(0, len(text) + 1, step):
        everything(text[:end], path, files, end)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_text_without_a_piece_has_answers(path: Path) -> None:
    text, files = path.read_text(), Files()
    for start in range(0, len(text), 41):
        everything(text[:start] + text[start + 23 :], path, files, start)


@pytest.mark.parametrize("path", ALL, ids=lambda p: str(p.relative_to(LITMUS)))
def test_every_name_means_something(path: Path) -> None:
    names = names_of(path.read_text(), str(path))
    litmus = names.litmus
    assert [o.at for o in names.occurrences] == [n for n, t in enumerate(litmus.tokens) if t.kind == "name"]
    unknown = {o.name for o in names.occurrences if o.role == "variant"} - {*names.own.variants}
    assert not unknown
    assert all(a.end <= b.start for a, b in pairwise(litmus.sections))


OPEN = """MM t

{ int x; int y; }

void f(int *p) {
    if (READ_ONCE(x)) {
        WRITE_ONCE(y, ‸

P0 { r0 = READ_ONCE(x); f(&x); }

variants { F never "why"; }

exists (0:r0 = 1)
"""


def test_what_follows_an_open_block_is_still_known() -> None:
    names, _ = pointed(OPEN)
    assert [s.kind for s in names.litmus.sections] == ["initial", "function", "thread", "variants", "final"]
    (found,) = {o.role for o in names.occurrences if o.name == "r0"}
    assert found == "local"
    assert hover(names, names.litmus.text.index("READ_ONCE(x);")) is not None


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ('variants { F never "why; }\n', "final"),
        ("P0 { /* no end\n", "thread"),
        ("P0 { x = (1;\n", "final"),
    ],
)
def test_a_lost_quote_or_bracket_loses_little(before: str, kept: str) -> None:
    names = names_of(f"MM t\n{{ int x; }}\n{before}\nexists (x = 1)\n")
    assert kept in {s.kind for s in names.litmus.sections}


HOSTILE = [
    "", "MM", "MM t\n" + "{" * 5000, "MM t\n" + "{}" * 5000, "MM t\n" + "[" * 5000, "MM t\n" + "a " * 5000,
    "MM t\n" + "[a]" * 5000 + "exists", "MM t\n" + '"' * 5001, "MM t\n" + "P0 " * 5000,
    "MM t\nP0 { " + "! a " * 5000, "MM t\n" + "/*" * 5000, "MM t\n" + "exists (" * 5000,
    "X86 t\n{}\n" + "|;" * 5000, "\0\ufeff\x0c\u2028MM t",
    "MM t\n#include \"\0\"\n", "MM t\n#include \"" + "x" * 5000 + "\"\n", "MM t\n{ x = " + "(" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_texts_have_answers(number: int) -> None:
    text = HOSTILE[number]
    for offset in (0, len(text) // 2, len(text)):
        everything(text, Path("t.litmus"), Files(), offset)


def test_a_file_that_includes_itself_has_answers(tmp_path: Path) -> None:
    (tmp_path / "a.inc").write_text('#include "b.inc"\nvoid f(void) { }\n')
    (tmp_path / "b.inc").write_text('#include "a.inc"\nvoid g(void) { }\n')
    names = names_of('MM t\n#include "a.inc"\nP0 { f(); g(); }\n', str(tmp_path / "t.litmus"))
    assert names.shared("f") and names.shared("g")


def test_a_text_that_is_too_large_is_not_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    path.write_text("MM t\n" + "x" * MAX_SCANNED)
    assert Files().litmus(str(path)) is None


def test_comments_of_all_kinds_are_found() -> None:
    text = "MM t (* head *)\n{ int x; } // x\nP0 { r0 = /* y */ (*x); }\n"
    litmus = Litmus(Source("t.litmus", text))
    assert [text[a:b] for a, b in litmus.comments] == ["(* head *)", "// x", "/* y */"]
