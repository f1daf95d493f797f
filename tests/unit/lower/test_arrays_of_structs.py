"""Arrays of structs, by themselves and in structs."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong

STATE = """MM t
struct node { int tag; struct node *next; };
struct box { int n; struct node all[2]; };
{
    struct node all[3] = { { .tag = 1 }, { .tag = 2, .next = &all[2] } };
    all[2].tag = 9;
    struct box box { .all = { { .tag = 3 }, { .tag = 4 } } };
    percpu struct node own[2] = { { .tag = 5 }, { .tag = 6 } };
    1:own[1].tag = 7;
    int i = 1;
}
"""


@pytest.mark.parametrize(
    ("code", "condition"),
    [
        ("r0 = all[0].tag; r1 = all[i].tag; r2 = all->tag;", "0:r0 = 1 /\\ 0:r1 = 2 /\\ 0:r2 = 1"),
        ("r0 = all[i].next->tag; all[i].next->tag = 8;", "0:r0 = 9 /\\ all[2].tag = 8"),
        (
            "struct node *p = &all[i]; p->tag = 4; WRITE_ONCE(p->next, NULL);",
            "all[1].tag = 4 /\\ all[1].next = 0",
        ),
        (
            "struct node *p = all; r0 = p->tag; r1 = p[2].tag; r2 = p == &all[0];",
            "0:r0 = 1 /\\ 0:r1 = 9 /\\ 0:r2 = 1",
        ),
        ("all[0] = all[1];", "all[0].tag = 2 /\\ all[0].next = &all[2] /\\ all[1].tag = 2"),
        ("r0 = &all[i] == &all[1]; r1 = &all[0] != &all[1];", "0:r0 = 1 /\\ 0:r1 = 1"),
        (
            "box.all[i].tag = 5; r0 = box.all[0].tag;",
            "box.all[1].tag = 5 /\\ 0:r0 = 3 /\\ box.all[0].tag = 3",
        ),
        (
            "r0 = this_cpu_ptr(own)[i].tag; r1 = per_cpu(own[1].tag, 1);",
            "0:r0 = 6 /\\ 0:r1 = 7 /\\ 1:own[1].tag = 7",
        ),
        ("struct node *p = container_of(&all[2].next, struct node, next); r0 = p == &all[2];", "0:r0 = 1"),
        (
            "for (int k = 0; k < 3; k++) all[k].tag += 10;",
            "all[0].tag = 11 /\\ all[1].tag = 12 /\\ all[2].tag = 19",
        ),
    ],
)
def test_values(code: str, condition: str) -> None:
    text = f"{STATE}P0 {{ {code} }}\nP1 {{ }}\n"
    assert holds(f"{text}exists ({condition})")
    assert not holds(f"{text}exists ~({condition})")


def test_each_element_is_called_by_its_number() -> None:
    shown = "locations [all[0].tag; all[1].next; box.all[0].tag; 0:own[0].tag; 1:own[1].tag;]"
    text = f"{STATE}P0 {{ r0 = 1; }}\nP1 {{ }}\n{shown}\nexists (0:r0 = 1)\n"
    cells = "0:own[0].tag=5; 1:own[1].tag=7; all[0].tag=1; all[1].next=&all[2]; box.all[0].tag=3;"
    assert states(text) == [f"0:r0=1; {cells}"]


@pytest.mark.parametrize(
    ("code", "condition", "text"),
    [
        ("r0 = all[3].tag;", "0:r0 = 1", "there is no element 3"),
        ("r0 = all.tag;", "0:r0 = 1", "all is a pointer to a struct"),
        ("r0 = 1;", "all[3].tag = 1", "there is no element 3"),
        ("r0 = 1;", "all[0] = 1", "all[0] does not hold a value"),
        ("struct node mine[2]; r0 = 1;", "0:r0 = 1", "local arrays of a struct are not supported"),
    ],
)
def test_errors(code: str, condition: str, text: str) -> None:
    found = wrong(f"{STATE}P0 {{ {code} }}\nP1 {{ }}\nexists ({condition})\n")
    assert text in [d.message for d in found], found


def test_too_many_elements() -> None:
    found = wrong(
        "MM t\nstruct node { int tag; };\n{ struct node a[1] = { { .tag = 1 }, { .tag = 2 } }; }\n"
        "P0 { }\nexists (a[0].tag = 1)\n"
    )
    assert found[0].message == "a has only 1 elements"
