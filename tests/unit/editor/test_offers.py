"""What is offered where something is being written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editing import pointed
from verifier.editor.complete import Completion, completions

HEAD = """MM t

enum { n = 2 };

{
    int x; percpu int y; mm N { v -> A }; page A;
    INIT
}

void flush(void *info) { flush_tlb_local(); }

P0 {
    int got = 1;
    CODE
}

variants {
    F never "a";
    B1 sometimes "b";
    VARIANT
}

exists (CONDITION)
"""


def offered(place: str, text: str) -> dict[str, Completion]:
    """What is offered at the mark in ``text``, which stands in the ``place`` of the file."""
    places = ("INIT", "CODE", "VARIANT", "CONDITION")
    others = [p for p in places if p != place]
    kept = (line for line in HEAD.splitlines() if not any(p in line for p in others))
    names, at = pointed("\n".join(line.replace(place, text) for line in kept))
    return {c.label: c for c in completions(names, at).items}


@pytest.mark.parametrize(
    ("place", "text", "there", "missing"),
    [
        ("CODE", "smp_‸", ["smp_mb", "smp_load_acquire", "got", "x", "flush", "n", "NULL"], ["exists"]),
        ("CODE", "WRITE_ONCE(x, ‸", ["got", "n", "READ_ONCE"], []),
        ("CODE", "[‸", ["F", "B1", "else"], ["smp_mb"]),
        ("CODE", "[!F & ‸", ["B1"], ["smp_mb"]),
        ("CODE", "guard(‸", ["mutex", "rcu"], ["smp_mb"]),
        ("CONDITION", "‸", ["ever", "fault", "x", "mk_pte", "some"], ["smp_mb", "got"]),
        ("CONDITION", "0:‸", ["got", "cr3", "warn", "y"], ["x", "ever"]),
        ("INIT", "‸", ["page", "mm", "percpu", "u64", "int"], ["smp_mb"]),
        ("INIT", "1:‸", ["cr3", "irq", "pending", "y"], ["warn", "page"]),
        ("VARIANT", "V2 ‸", ["never", "sometimes", "amd", "tce"], ["smp_mb"]),
        ("VARIANT", "V2 : ‸", ["F", "B1"], ["never"]),
    ],
)  # fmt: skip
def test_what_fits_is_offered(place: str, text: str, there: list[str], missing: list[str]) -> None:
    found = offered(place, text)
    assert [w for w in there if w not in found] == []
    assert [w for w in missing if w in found] == []


def test_words_come_with_their_arguments() -> None:
    found = offered("CODE", "s‸")
    assert found["set_pte"].snippet == "set_pte(${1:p}, ${2:e})"
    assert found["smp_mb"].snippet == "smp_mb()"
    assert found["smp_load_acquire"].snippet == "smp_load_acquire(${1:&x})"
    assert found["flush"].snippet == "flush(${1:info})"
    assert "rule 2.1" in found["smp_mb"].markdown


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("‸", ["MM", "C", "X86"]),
        ("M‸", ["MM"]),
        ("MM t\n#‸", ["include", "kernel"]),
        ('MM t\n#include "linux/s‸"\n', ["linux/smp.inc"]),
        ("MM t\n{ int x; }\nP0 { }\n‸", ["variants", "exists", "P1", "nmi", "expect"]),
        ("MM t\n{ struct s a; }\nstruct s { int k; };\nP0 { a.‸ }", ["k"]),
        ("X86 t\n{ }\n P0 ;\n MO‸", ["MOV", "MFENCE"]),
        ("X86 t\n{ x=1; }\n P0 ;\n MOV ‸", ["EAX", "x"]),
        ("MM t\n{ int x; }\nP0 { x = 1; }\nexists (x = 1)\n\nvar‸", ["variants"]),
    ],
)
def test_other_places(text: str, there: list[str]) -> None:
    names, at = pointed(text)
    found = {c.label for c in completions(names, at).items}
    assert [w for w in there if w not in found] == []


@pytest.mark.parametrize("text", ["MM t // smp_‸", 'MM t\n{ }\nP0 { }\nvariants { F never "smp_‸"; }'])
def test_nothing_is_offered_in_comments_and_strings(text: str) -> None:
    names, at = pointed(text)
    assert completions(names, at).items == ()


def test_what_is_written_is_replaced() -> None:
    names, at = pointed("MM t\n{ int x; }\nP0 { smp_‸mb(); }")
    found = completions(names, at)
    assert names.litmus.text[found.start : found.end] == "smp_"


def test_includes_beside_the_test_are_offered(tmp_path: Path) -> None:
    (tmp_path / "mine.inc").write_text("")
    names, at = pointed('MM t\n#include "m‸"\n', str(tmp_path / "t.litmus"))
    assert "mine.inc" in {c.label for c in completions(names, at).items}
