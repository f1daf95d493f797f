"""Pointers to pointers to structs, in fields, objects, locals, parameters and arrays."""

from __future__ import annotations

import pytest

from tests.judges import states

STATE = """MM t
struct n { struct n *next; struct n **pprev; int v; };
struct h { struct n *first; struct n **lastp; struct n **ways[2]; };
{
    struct n a { .v = 1 };
    struct n b { .v = 2 };
    struct n *one = &a;
    struct n **to_one = &one;
    struct n **to_two[2] = { &one, &b.next };
    struct h q { .lastp = &q.first };
    page A = 1;
    struct page *kept;
    struct page **to_kept = &kept;
    long sum;
}
void add(struct h *head, struct n *node) { *head->lastp = node; head->lastp = &node->next; }
struct n *of(struct n **p) { return *p; }
void put(struct n **p, struct n *node) { WRITE_ONCE(*p, node); }
"""
DOES = {
    "add(&q, &a); add(&q, &b); sum = (q.first == &a) + 2 * (a.next == &b);": 3,
    "*q.lastp = &b; sum = q.first->v;": 2,
    "WRITE_ONCE(*q.lastp, &b); sum = READ_ONCE(*q.lastp)->v;": 2,
    "sum = (*to_one)->v;": 1,
    "sum = of(to_one)->v;": 1,
    "sum = of(&one)->v;": 1,
    "put(to_one, &b); sum = one->v;": 2,
    "to_one = &b.next; *to_one = &a; sum = b.next->v;": 1,
    "sum = (*to_two[0])->v;": 1,
    "*to_two[1] = &b; sum = b.next->v;": 2,
    "q.ways[1] = &a.next; *q.ways[1] = &b; sum = a.next->v;": 2,
    "struct n **p = &q.first; *p = &b; p = &(*p)->next; *p = &a; sum = q.first->next->v;": 1,
    "struct n **p[1] = { &q.first }; *p[0] = &b; sum = q.first->v;": 2,
    "struct h l = { .lastp = &q.first }; *l.lastp = &b; sum = q.first->v;": 2,
    "struct h l = { .first = NULL }; l.lastp = &l.first; *l.lastp = &b; sum = l.first->v;": 2,
    "a.pprev = &q.first; *a.pprev = &b; sum = q.first->v;": 2,
    "a.pprev = &q.first; struct n **p = a.pprev; WRITE_ONCE(*p, &b); sum = (*a.pprev)->v;": 2,
    "q.lastp = to_one; sum = (*q.lastp)->v;": 1,
    "sum = q.lastp == &q.first;": 1,
    "sum = xchg(q.lastp, &b) == NULL; sum += q.first->v;": 3,
    "sum = cmpxchg(q.lastp, NULL, &b) == NULL; sum += q.first->v;": 3,
    "sum = smp_load_acquire(to_one)->v;": 1,
    "rcu_assign_pointer(*q.lastp, &b); sum = rcu_dereference(*q.lastp)->v;": 2,
    "*to_kept = A; sum = (kept == A) + (*to_kept == A);": 2,
    "struct n ***p = &q.lastp; **p = &b; sum = q.first->v;": 2,
}


@pytest.mark.parametrize("code", DOES)
def test_a_pointer_to_a_pointer(code: str) -> None:
    found = states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n")
    assert found == [f"[sum]={DOES[code]};"]
