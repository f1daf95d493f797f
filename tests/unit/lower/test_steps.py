"""Arithmetic with pointers: sums, differences, comparisons, and the ends of arrays."""

from __future__ import annotations

import pytest

from tests.judges import states
from tests.texts import wrong
from verifier.explore import decide as explored
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

STATE = """MM t
struct node { int tag; struct node *next; };
struct box { struct node all[3]; int t[4]; struct node *first; int end; };
struct pair { struct node n; int more; };
{
    struct node all[3] = { { .tag = 1 }, { .tag = 2, .next = &all[2] }, { .tag = 3 } };
    struct node one { .tag = 7 };
    struct pair pairs[2];
    struct box box { .t = { 4, 5, 6, 7 } };
    percpu struct node own[2] = { { .tag = 8 }, { .tag = 9 } };
    int row[3] = { 10, 20, 30 };
    int grid[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
    struct node *many[2] = { &all[0], &one };
    struct node *start = &all[0];
    struct node *end = &all[3];
    int *last = row + 2;
    void *any = &all[0];
    int sum;
}
"""

DOES = {
    # Structs
    "struct node *p = all; sum = (p + 1)->tag;": 2,
    "struct node *p = all; p++; sum = p->tag;": 2,
    "struct node *p = all; sum = p++->tag * 10; sum += p->tag;": 12,
    "struct node *p = all; ++p; p += 1; sum = p->tag;": 3,
    "struct node *p = &all[2]; p--; sum = p->tag;": 2,
    "struct node *p = &all[2]; p -= 2; sum = p->tag;": 1,
    "struct node *p = &all[2]; sum = p[-1].tag;": 2,
    "struct node *p = all; sum = (2 + p)->tag;": 3,
    "struct node *p = all; sum = (*(p + 1)).tag;": 2,
    "struct node *p = all; sum = (p + 1)[1].tag;": 3,
    "sum = (all + 1)->tag;": 2,
    "sum = (&all[0] + 2)->tag;": 3,
    "r1 = 1; sum = (all + r1)->tag;": 2,
    "r0 = all; r0 = r0 + 1; sum = r0 == &all[1];": 1,
    "sum = (READ_ONCE(start) + 1)->tag;": 2,
    "start++; sum = start->tag;": 2,
    "WRITE_ONCE(start, start + 2); sum = start->tag;": 3,
    "struct node *p = &all[1]; p->tag = 5; sum = all[1].tag;": 5,
    "sum = many[0][2].tag;": 3,
    "box.first = box.all; sum = box.first + 3 == &box.all[3];": 1,
    "box.first = &box.all[1]; box.first[1].tag = 4; sum = box.all[2].tag;": 4,
    "sum = (this_cpu_ptr(own) + 1)->tag;": 9,
    "sum = (*many + 1)->tag;": 2,
    "__auto_type p = &all[0]; p++; sum = p->tag;": 2,
    "struct node *p = (struct node *)pairs; sum = p == all;": 0,
    # How far it is
    "struct node *p = &all[2]; sum = p - all;": 2,
    "struct node *p = &all[2]; sum = all - p;": -2,
    "sum = end - start;": 3,
    "sum = &box.all[2] - box.all;": 2,
    "sum = &box.all[3] - &box.all[0];": 3,
    "sum = &box.t[4] - box.t;": 4,
    "sum = last - row;": 2,
    # Which is lower
    "sum = all < &all[1];": 1,
    "sum = &all[3] > &all[2];": 1,
    "sum = &all[0] >= &all[1];": 0,
    "sum = start < end;": 1,
    "sum = &box.all[0] < &box.all[1];": 1,
    "sum = &all[3] == &all[2] + 1;": 1,
    "sum = end == all;": 0,
    "sum = (void *)&all[1] > (void *)all;": 1,
    # Numbers
    "int *p = row; p++; sum = *p;": 20,
    "int *p = row; sum = *p++ + *p;": 30,
    "int *p = &row[3]; p -= 2; sum = *p;": 20,
    "sum = *(row + 2);": 30,
    "sum = *(box.t + 1);": 5,
    "int f[3] = { 1, 2, 3 }; int *p = f; p += 2; sum = *p;": 3,
    "int f[3]; sum = &f[3] - f;": 3,
    "sum = *(*(grid + 1) + 2);": 6,
    "sum = *(grid[1] + 1);": 5,
    "sum = &grid[1][2] - &grid[1][0];": 2,
    # Loops
    "for (struct node *p = all; p < &all[3]; p++) sum += p->tag;": 6,
    "struct node *p; for (p = all; p != &all[3]; p++) sum = sum * 10 + p->tag;": 123,
    "struct node *p; for (p = &all[2]; p >= all; p--) sum = sum * 10 + p->tag;": 321,
    "struct node *stop = all + 3; for (struct node *p = all; p < stop; p++) sum += p->tag;": 6,
    "int *p; for (p = row; p < row + 3; p += 2) sum += *p;": 40,
    "const int *stop = row + 3; for (int *p = row; p < stop; p++) sum += *p;": 60,
}


@pytest.mark.parametrize("code", DOES)
def test_a_pointer_moves_by_elements(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


REFUSED = {
    "sum = &all[4] == all;": "there is no element 4",
    "sum = &all[-1] == all;": "there is no element -1",
    "sum = all[3].tag;": "there is no element 3",
    "sum = one + 1 == &one;": "one is a struct, and no address of one",
    "sum = all[1] + 1 == all;": "all[1] is a struct, and no address of one",
    "struct node *p = all; sum = *p + 1 == p;": "*p is a struct, and no address of one",
    "struct node *p = all; sum = p * 2;": "a number is needed here, not a struct",
    "struct node *p = all; sum = p + all == p;": "two addresses have no sum",
    "struct node *p = all; sum = 1 - p == p;": "an address is taken away from a number",
    "struct node *p = all; p = p + &one;": "two addresses have no sum",
    "sum = &one < all;": "nothing says whether &one is below all",
    "sum = &one - all;": "nothing says whether &one is below all",
    "sum = &row[1] - &box.t[0];": "nothing says whether",
    "int *p = row; sum = p - start;": "these point to different things",
    "sum = (void *)(all + 1) - (void *)all;": "moves is not known",
    "struct node *p = all; sum = (char *)p + 4 == p;": "moves is not known",
    "struct node *p = all; sum = (unsigned long)p + 16 == p;": "moves is not known",
    "struct node *p = all; char *c = (char *)p; sum = c + 16 == p;": "moves is not known",
    "struct node *p = all; void *v = p; sum = v + 16 == p;": "moves is not known",
    "int *p = row; sum = (void *)p + 4 == p;": "moves is not known",
    "int *p = row; sum = (unsigned long)p + 4 == p;": "moves is not known",
    "sum = moved(all);": "moves is not known",
    "sum = (&box.t + 1) == box.t;": "is the address of a whole array",
    "int x; int *p = &x; p = &x + 1;": "the address of a local can be passed to a function",
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_refused(code: str) -> None:
    function = "int moved(void *v) { return v + 8 == &all[1]; }\n"
    found = wrong(f"{STATE}{function}P0 {{ {code} }}\nexists (sum = 1)\n")
    assert any(REFUSED[code] in d.message for d in found), [d.message for d in found]


@pytest.mark.parametrize(
    "code",
    [
        "struct node *p = end; sum = p->tag;",
        "struct node *p = start; p -= 1; sum = p->tag;",
        "int *p = last; p++; sum = *p;",
        "struct node *p = many[1]; p++; sum = p->tag;",
    ],
)
def test_nothing_is_behind_the_end(code: str) -> None:
    (test,) = load(Source("t", f"{STATE}P0 {{ {code} }}\nexists (sum = 1)\n"))
    program = build(test)
    assert decide(program).bad is not None
    assert explored(program).bad is not None


def test_which_of_two_objects_is_lower_is_not_known() -> None:
    (test,) = load(Source("t", f"{STATE}P0 {{ if (many[0] < many[1]) sum = 1; }}\nexists (sum = 1)\n"))
    for answer in (decide(build(test)), explored(build(test))):
        assert answer.bad is not None and "undefined" in answer.bad.told


def test_the_end_has_a_name_in_states_and_conditions() -> None:
    asks = "locations [start; end; box.first;]\nexists (end = &all[3] /\\ box.first = &box.all[3])"
    found = states(f"{STATE}P0 {{ box.first = &box.all[3]; }}\n{asks}\n")
    assert found == ["[end]=&all[3]; [start]=&all[0]; box.first=&box.all[3];"]
