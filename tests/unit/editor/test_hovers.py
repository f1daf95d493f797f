"""What is shown of a name, where it is declared, and what a file has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editing import names_of, pointed
from verifier.editor.files import Files
from verifier.editor.follow import definition, references, symbols, variants
from verifier.editor.hover import hover, rule_line, vocabulary
from verifier.model.rules import rules
from verifier.syntax.grammars import folder
from verifier.words.table import WORDS

TEXT = """MM t

#include "h.inc"

enum { n = 2 };

{
    int x = 1;                  // what is asked
    percpu struct s z { .k = 2 };
    page A = 1;
    mm N { v -> A };
    1:r1 = 5;
    1:cr3 = N;
}

struct s { int k; };

// Looks at x.
int look(int *p) { return READ_ONCE(*p); }

P0 {
    int got = look(&x);
    [B1] smp_mb();
    r0 = got + helper(1);
    guard(mutex)(&m);
  out:
    goto out;
}

P1..n { r1 = this_cpu_read(z.k); }

variants {
    F  never "with it";
    B1 : F sometimes, amd never, tce=false never "without it";
}

exists (0:r0 = 1 /\\ some c in 1..n: c:r1 = 2)
"""
HELPERS = """/* Gives one more. */
int helper(int a) { return a + 1; }
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "h.inc").write_text(HELPERS)
    return Files()


def shown(text: str, mark: str, files: Files, tmp_path: Path) -> str:
    """What is shown where ``mark`` has its pointer."""
    plain = mark.replace("‸", "")
    assert plain in text
    names, at = pointed(text.replace(plain, mark, 1), str(tmp_path / "t.litmus"), files)
    found = hover(names, at)
    return found.markdown if found is not None else ""


@pytest.mark.parametrize(
    ("mark", "parts"),
    [
        ("smp‸_mb", ["smp_mb()", "On x86: LOCK'd operation", "rule 2.1", "SDM 8.1.2.2", "asm/barrier.h"]),
        ("READ_ON‸CE", ["On x86: load", "rule 1.1, TSO", "Read from:"]),
        ("look(&‸x", ["int x = 1", "what is asked"]),
        ("‸look(&x", ["int look(int *p)", "Looks at x."]),
        ("hel‸per(1", ["int helper(int a)", "Gives one more.", "h.inc", "line 2"]),
        ("‸got + ", ["int got = look(&x)", "A local of `P0`", "line 22"]),
        ("‸r0 = got", ["A register of `P0`"]),
        ("‸r1 = this", ["A register of `P1`", "At first: `1:r1 = 5`"]),
        ("[‸B1]", ["B1 : F sometimes", "without it"]),
        ("‸amd never", ["The profile `amd`"]),
        ("‸tce=", ["The switch `tce`", "rule"]),
        ("‸exists", ["whether some run ends"]),
        ("1:c‸r3", ["the address space that CPU 1 is in"]),
        ("h.in‸c", ["h.inc", "Gives one more."]),
        ("int *‸p)", ["A parameter of `look()`"]),
        ("guard(mu‸tex", ["mutex_lock", "mutex_unlock"]),
        ("‸guard(mutex", ["wherever its scope is left"]),
        ("z.‸k)", ["int k"]),
        ("struct ‸s z", ["struct s { int k; }"]),
        ("P1..‸n", ["n = 2"]),
        ("‸page A", ["a page and what it holds"]),
        ("‸variants", ["lists the variants"]),
        ("#inc‸lude", ["adds the functions"]),
        ("‸never \"with", ["No run that ends"]),
    ],
)  # fmt: skip
def test_hovers_say(mark: str, parts: list[str], files: Files, tmp_path: Path) -> None:
    said = shown(TEXT, mark, files, tmp_path)
    assert all(part in said for part in parts), said


@pytest.mark.parametrize("mark", ["// what is ‸asked", "‸= got", "\n\n‸P0"])
def test_nothing_is_shown_of_nothing(mark: str, files: Files, tmp_path: Path) -> None:
    assert shown(TEXT, mark, files, tmp_path) == ""


@pytest.mark.parametrize(
    ("mark", "part"),
    [("‸MOV [x]", "`MOV`"), ("‸MFENCE", "rule 2.3"), ("‸EAX,[y]", "32 bits of register `rax`")],
)
def test_assembly_has_hovers(mark: str, part: str, tmp_path: Path) -> None:
    text = "X86 t\n{ }\n P0 | P1 ;\n MOV [x],$1 | MOV EAX,[y] ;\n MFENCE | ;\nexists (x=1)\n"
    assert part in shown(text, mark, Files(), tmp_path)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_each_word_has_a_hover(name: str) -> None:
    said, word = vocabulary(name), WORDS[name]
    assert word.signature in said
    assert word.source in said
    assert all(f"rule {n.strip()}" in said or n.strip() in said for n in word.rule.split(",") if n)


def test_rules_have_title_and_source() -> None:
    for rule in rules().values():
        assert rule_line(rule.number) == f"rule {rule.number}, {rule.title} ({rule.source})"
    assert rule_line("T-FRESH").startswith("rule 0.2, T-FRESH")


@pytest.mark.parametrize(
    ("mark", "file", "line"),
    [
        ("hel‸per(1", "h.inc", 2),
        ('h.in‸c"', "h.inc", 1),
        ("‸look(&x", "t.litmus", 19),
        ("look(&‸x", "t.litmus", 8),
        ("[‸B1]", "t.litmus", 34),
        (": ‸F some", "t.litmus", 33),
        ("‸got + ", "t.litmus", 22),
        ("0:‸r0", "t.litmus", 24),
        ("goto ‸out", "t.litmus", 26),
        ("z.‸k)", "t.litmus", 16),
        ("struct ‸s z", "t.litmus", 16),
        ("1..‸n: c", "t.litmus", 5),
        ("{ ‸v ->", "t.litmus", 11),
    ],
)
def test_definitions(mark: str, file: str, line: int, files: Files, tmp_path: Path) -> None:
    plain = mark.replace("‸", "")
    names, at = pointed(TEXT.replace(plain, mark, 1), str(tmp_path / "t.litmus"), files)
    found = definition(names, at)
    assert found is not None
    source = found.source
    if not source.text:
        source = files.read(source.name)
    assert (Path(source.name).name, source.position(found.start)[0]) == (file, line)


def test_a_word_has_no_definition(files: Files, tmp_path: Path) -> None:
    names, at = pointed(TEXT.replace("smp_mb", "smp‸_mb"), str(tmp_path / "t.litmus"), files)
    assert definition(names, at) is None
    assert len(references(names, at)) == 1


@pytest.mark.parametrize(
    ("mark", "count"), [("‸r0 = got", 2), ("[‸B1]", 2), ("look(&‸x", 2), ("‸r1 = this", 3)]
)
def test_references(mark: str, count: int, files: Files, tmp_path: Path) -> None:
    plain = mark.replace("‸", "")
    names, at = pointed(TEXT.replace(plain, mark, 1), str(tmp_path / "t.litmus"), files)
    assert len(references(names, at)) == count


def test_the_outline_has_sections_and_names() -> None:
    found = [(s.name, [c.name for c in s.children]) for s in symbols(names_of(TEXT))]
    assert found == [
        ("h.inc", []), ("constants", ["n"]), ("initial state", ["x", "z", "A", "N", "v"]), ("s", []),
        ("look", []),         ("P0", []), ("P1..n", []), ("variants", ["F", "B1"]), ("exists", []),
    ]  # fmt: skip


def test_variants_have_lenses_and_includes_none() -> None:
    names = names_of(TEXT)
    assert [v.name for v in variants(names.litmus, names) if v] == ["F", "B1"]
    plain = names_of("MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n")
    assert variants(plain.litmus, plain) == [None]
    include = names_of("void f(void) { }\n", "f.inc")
    assert variants(include.litmus, include) == []


def test_an_open_include_counts_before_the_disk(tmp_path: Path, files: Files) -> None:
    files.put(str(tmp_path / "h.inc"), "int other(int a) { return a; }\n")
    names = names_of(TEXT, str(tmp_path / "t.litmus"), files)
    assert names.shared("other") and not names.shared("helper")
    files.drop(str(tmp_path / "h.inc"))
    assert names_of(TEXT, str(tmp_path / "t.litmus"), files).shared("helper")


def test_includes_of_the_library_are_found() -> None:
    names = names_of('MM t\n#include "linux/smp.inc"\nP0 { do_flush_tlb(NULL); }\n')
    found = names.shared("do_flush_tlb")
    assert found is not None
    assert Path(found.litmus.source.name) == folder("litmus") / "linux/smp.inc"
