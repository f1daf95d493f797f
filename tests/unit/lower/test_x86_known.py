"""A column that is known already becomes what lowering it anew makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from verifier.budget import Budget
from verifier.errors import InputError
from verifier.lower.x86 import known
from verifier.lower.x86.file import lower
from verifier.records import fields, is_dataclass
from verifier.source import Source, Span
from verifier.syntax import load, read

CLASSIC = sorted(Path(__file__).resolve().parents[3].glob("litmus/classic/*.litmus"))


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    known.KNOWN.clear()
    yield
    known.KNOWN.clear()


def told(x: Any) -> Any:
    """All that an object says, places included."""
    if isinstance(x, Span):
        return x.source.name, x.start, x.end
    if isinstance(x, dict):
        return [(told(k), told(v)) for k, v in x.items()]
    if isinstance(x, tuple | list):
        return type(x).__name__, *map(told, x)
    if is_dataclass(x):
        return type(x).__name__, *(told(getattr(x, f.name)) for f in fields(x))
    return x


def lowered(source: Source) -> Any:
    (test,) = load(source)
    try:
        return told(lower(test, Budget()))
    except InputError as error:
        return str(error)


def afresh(source: Source) -> Any:
    known.KNOWN.clear()
    return lowered(source)


TEXT = """X86_64 t
{ %s }
 P0 | P1 ;
 %s ;
exists (x=1 /\\ y=1)
"""


def of(columns: str, init: str = "") -> Source:
    rows = " ;\n ".join(columns.splitlines())
    return Source("t.litmus", TEXT % (init, rows))


def test_files_with_known_columns_become_what_they_become_afresh() -> None:
    sources = [read(str(path)) for path in CLASSIC]
    wanted = [afresh(source) for source in sources]
    known.KNOWN.clear()
    for _ in range(2):  # the second time, each column is known that can be
        assert [lowered(source) for source in sources] == wanted
    assert len(known.KNOWN) > 50


ONE = of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)")


@pytest.mark.parametrize(
    "other",
    [
        of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)", "0:rcx=7; 1:rax=3;"),
        of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)", "x=2; y=1;"),
        of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)", "uint16_t x; y=1;"),
        of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)", "int x[2];"),
        of("movl (y),%eax | movl $1,(x)\nlock cmpxchgl %ebx,(x) | xchgl %ecx,(y)"),
        of("   movl $1,(x)   | movl (y),%eax\nmfence | \nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)"),
        of("movl $-1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)"),
        of("movq $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)"),
        of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock frobl %ebx,(x)"),
        of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | movl (%rsp),%ebx"),
        of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | movl (%rsp),%ebx", "1:rsp=x;"),
        of("L: movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)"),
        of("movl $1,(%rbx) | movl (y),%eax\nxchgl %ecx,(y) | lock cmpxchgl %ebx,(x)", "0:rbx=x;"),
        of("movq $x,%rbx | movl (y),%eax\nmovl $1,(%rbx) | lock cmpxchgl %ebx,(x)"),
    ],
    ids=range(14),
)
def test_what_is_known_from_another_file_changes_nothing(other: Source) -> None:
    wanted, again = afresh(other), afresh(ONE)
    known.KNOWN.clear()
    lowered(ONE)
    assert lowered(other) == wanted
    assert lowered(ONE) == again
    assert lowered(other) == wanted


def test_a_column_with_an_error_is_not_kept() -> None:
    source = of("movl $1,(x) | movl (y),%eax\nxchgl %ecx,(y) | frobl %ebx,(x)")
    first = lowered(source)
    assert "frobl" in first and lowered(source) == first
    assert len(known.KNOWN) == 1


def test_a_condition_on_a_part_of_a_register_leaves_what_is_known() -> None:
    text = TEXT % ("", "movl $1,(x) | movl (y),%eax")
    part = Source("part.litmus", text.replace("x=1 /\\ y=1", "1:al=1"))
    whole = Source("whole.litmus", text.replace("x=1 /\\ y=1", "1:eax=1"))
    wanted = afresh(whole)
    lowered(part)
    assert lowered(whole) == wanted


@pytest.mark.parametrize("init", ["0:rbx=x;", "0:rbx=x; 0:rcx=2; x=5;", "0:rbx=x; 1:rsp=x;"])
def test_initial_registers_stand_in_front_of_what_is_known(init: str) -> None:
    columns = "movl $1,(%rbx) | movq $x,%rcx\nmovw %ax,(%rbx) | movl (%rcx),%eax"
    wanted = afresh(of(columns, init))
    known.KNOWN.clear()
    lowered(of(columns))
    assert len(known.KNOWN) == 2
    assert lowered(of(columns, init)) == wanted
