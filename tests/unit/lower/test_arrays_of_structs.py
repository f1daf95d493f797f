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
        ("struct node mine[2]; r0 = mine[2].tag;", "0:r0 = 1", "there is no element 2"),
        ("struct node mine[2]; r0 = mine.tag;", "0:r0 = 1", "mine is a pointer to a struct"),
        ("struct node mine[2]; r0 = mine[0]->tag;", "0:r0 = 1", "mine[0] is a struct, not a pointer to one"),
        ("struct node mine[2]; mine = all;", "0:r0 = 1", "an array cannot be written whole"),
        ("struct node mine[1] = { { .tag = 1 }, { .tag = 2 } };", "i = 1", "mine has only 1 elements"),
        ("struct node mine[1] = { 1 };", "i = 1", "an element that is a struct is given in braces"),
        ("struct node mine[1] = { { .tg = 1 } };", "i = 1", "struct node has no field 'tg'"),
        ("struct node mine[2][2];", "i = 1", "an array of arrays of a struct is not supported"),
        ("struct node mine[2]; r0 = &mine + 1 == mine;", "i = 1", "&mine is the address of a whole array"),
        ("cpumask_t mine[2];", "i = 1", "local arrays of a cpumask are not supported"),
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


@pytest.mark.parametrize(
    ("code", "gives"),
    [
        ("struct node f[2] = { { .tag = 1 }, { .tag = 2 } }; i = f[0].tag * 10 + f[1].tag;", 12),
        ("struct node f[3] = { { .tag = 1 } }; i = f[0].tag * 10 + f[2].tag;", 10),
        ("struct node f[2] = { 0 }; i = f[0].tag + f[1].tag;", 0),
        ("struct node f[2] = { }; f[1].tag = 3; i = f[1].tag;", 3),
        ("struct node f[] = { { .tag = 1 }, { .tag = 2 } }; i = ARRAY_SIZE(f);", 2),
        ("struct node f[2]; f[0] = all[1]; f[1] = f[0]; i = f[1].tag;", 2),
        ("struct node f[2]; r1 = 1; f[r1].tag = 4; i = f[1].tag;", 4),
        ("struct node f[2]; f[0].next = &f[1]; f[0].next->tag = 5; i = f[1].tag;", 5),
        ("struct node f[2]; struct node *p = f; p++; p->tag = 6; i = f[1].tag;", 6),
        ("struct node f[2]; struct node *p = &f[1]; p->tag = 7; i = (f + 1)->tag;", 7),
        (
            "struct node f[3]; for (struct node *p = f; p < ARRAY_END(f); p++) p->tag = p - f; i = f[2].tag;",
            2,
        ),
        ("struct node f[2]; WRITE_ONCE(f[1].tag, 8); i = READ_ONCE(f[1].tag);", 8),
        ("struct box f[2]; f[1].all[1].tag = 9; i = f[1].all[1].tag;", 9),
        ("struct node *f[2] = { all, &all[2] }; i = f[1]->tag;", 9),
        ("struct node f[2]; filled(f, 2); i = f[0].tag + f[1].tag;", 3),
        ("struct node f[2]; f[1].tag = 3; i = container_of(&f[1].tag, struct node, tag) - f;", 1),
    ],
)
def test_an_array_on_the_stack(code: str, gives: int) -> None:
    function = "void filled(struct node *p, int n) { while (n) { p->tag = n; p++; n--; } }\n"
    text = f"{STATE}{function}P0 {{ {code} }}\nP1 {{ }}\nexists (i = 0)\n"
    assert states(text) == [f"[i]={gives};"]


def test_a_handler_reads_it_through_its_address() -> None:
    handler = "void seen(void *info) { struct node *p = info; i = p[1].tag; }\n"
    code = "struct node f[2] = { { .tag = 1 }, { .tag = 2 } }; smp_call_function_single(1, seen, f, 1);"
    text = f"{STATE}{handler}P0 {{ {code} }}\nP1 {{ }}\nexists (i = 2 /\\ 0:f[1].tag = 2)\n"
    assert states(text) == ["0:f[1].tag=2; [i]=2;"]
