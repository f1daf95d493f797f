"""SRCU: which lock an unlock belongs to, and what else a test may do with the index."""

from __future__ import annotations

import pytest

from verifier.errors import InputError
from verifier.lower.build import build
from verifier.program.events import Program
from verifier.source import Source
from verifier.syntax import load


def built(program: str, functions: str = "", other: str = "", condition: str = "x = 1") -> Program:
    text = f"""MM t
{{ struct srcu_struct s; struct srcu_struct t; struct srcu_struct *p = &s; int x; int y; }}
{functions}
P0 {{
    int i; int j;
    {program}
}}
P1 {{ {other} }}
exists ({condition})
"""
    (test,) = load(Source("t", text))
    return build(test)


def sections(program: Program) -> list[tuple[str, int]]:
    """The domain of each section, and the number of events that may end it."""
    return [(str(begin.domain), len(ends)) for begin, ends in program.sections()]


@pytest.mark.parametrize(
    ("program", "found"),
    [
        ("i = srcu_read_lock(&s); srcu_read_unlock(&s, i);", [("s", 1)]),
        ("i = srcu_read_lock(&s); x = 1;", [("s", 0)]),
        ("i = srcu_read_lock(&s); j = srcu_read_lock(&t); srcu_read_unlock(&s, i); srcu_read_unlock(&t, j);",
         [("s", 1), ("t", 1)]),
        ("i = srcu_read_lock(&s); j = i; i = 0; srcu_read_unlock(&s, j);", [("s", 1)]),
        ("if (READ_ONCE(y)) i = srcu_read_lock(&s); else i = srcu_read_lock(&s); srcu_read_unlock(&s, i);",
         [("s", 1), ("s", 1)]),
        ("r0 = READ_ONCE(y); if (r0) i = srcu_read_lock(&s); x = 1; if (r0) srcu_read_unlock(&s, i);",
         [("s", 1)]),
        ("i = srcu_read_lock(&s); if (READ_ONCE(y)) srcu_read_unlock(&s, i); else srcu_read_unlock(&s, i);",
         [("s", 2)]),
    ],
)  # fmt: skip
def test_the_index_says_which_section_ends(program: str, found: list[tuple[str, int]]) -> None:
    assert sections(built(program)) == found


@pytest.mark.parametrize(
    ("program", "line", "says"),
    [
        ("srcu_read_unlock(&s, 0);", 6, "which srcu_read_lock() this index comes from"),
        ("if (READ_ONCE(y)) i = srcu_read_lock(&s);\n srcu_read_unlock(&s, i);", 7, "on every path"),
        ("i = srcu_read_lock(&s);\n srcu_read_unlock(&t, i);", 7, "comes from the srcu_struct s, not from t"),
        ("i = srcu_read_lock(&s);\n WRITE_ONCE(x, i + 1);", 7, "keep it in a local"),
        ("i = srcu_read_lock(&s);\n if (i) x = 1;", 7, "keep it in a local"),
        ("i = srcu_read_lock(&s);\n WARN_ON(i);", 7, "keep it in a local"),
        ("i = srcu_read_lock(&s);\n srcu_read_unlock(&s, i + 1);", 7, "keep it in a local"),
        ("i = srcu_read_lock(READ_ONCE(p));", 6, "which srcu_struct this is depends on the run"),
        (
            "i = srcu_read_lock(&s); srcu_read_unlock(&s, i);\n srcu_read_unlock(&s, i);",
            7,
            "has ended already",
        ),
        ("srcu_read_lock(&x);", 6, "declare struct srcu_struct s;"),
        ("synchronize_srcu(x);", 6, "declare struct srcu_struct s;"),
    ],
)
def test_what_is_wrong(program: str, line: int, says: str) -> None:
    with pytest.raises(InputError) as caught:
        built(program)
    (found,) = caught.value.diagnostics
    assert found.span is not None and found.span.line == line
    assert says in f"{found.message} {found.hint}"


def test_only_one_word_ends_a_section_of_another_cpu() -> None:
    functions = "void f(void *info) { srcu_read_unlock(&s, info); }"
    program = "i = srcu_down_read(&s); smp_call_function_single(1, f, i, 1);"
    with pytest.raises(InputError, match="this section began on another CPU"):
        built(program, functions)
    assert sections(built(program, functions.replace("read_unlock", "up_read"))) == [("s", 1)]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("int j = READ_ONCE(x); if (j) y = 1; srcu_up_read(&s, j);", "nothing can be done with the index"),
        ("int j = READ_ONCE(x); y = j + 1; srcu_up_read(&s, j);", "nothing can be done with the index"),
        ("srcu_read_unlock(&s, READ_ONCE(x));", "which srcu_read_lock() this index comes from"),
        ("srcu_up_read(&s, READ_ONCE(x)); smp_call_function_single(0, f, NULL, 0);", "may end this section"),
    ],
)
def test_what_an_index_in_memory_is_for(more: str, says: str) -> None:
    functions = f"void g(void *info) {{ {more} }} void f(void *info) {{ srcu_up_read(&s, READ_ONCE(x)); }}"
    program = "i = srcu_down_read(&s); WRITE_ONCE(x, i); smp_call_function_single(1, g, NULL, 1);"
    with pytest.raises(InputError) as caught:
        built(program, functions)
    assert any(says in d.message for d in caught.value.diagnostics)


def test_a_condition_cannot_ask_for_an_index() -> None:
    with pytest.raises(InputError, match="0:i is the index of an SRCU section") as caught:
        built("i = srcu_read_lock(&s); srcu_read_unlock(&s, i);", condition="0:i = 0")
    assert all(d.span is not None for d in caught.value.diagnostics)


def test_a_turn_with_a_section_can_be_left_out() -> None:
    program = built("do { i = srcu_read_lock(&s); j = READ_ONCE(y); srcu_read_unlock(&s, i); } while (!j);")
    assert sections(program) == [("s", 1)] and not program.cuts


def test_a_loop_whose_sections_stay_open_is_cut() -> None:
    program = built("do { i = srcu_read_lock(&s); j = READ_ONCE(y); } while (!j); srcu_read_unlock(&s, i);")
    assert len(sections(program)) == 3 and program.cuts
