"""Members in members: what container_of() and the loops over lists find the struct around."""

from __future__ import annotations

import pytest

from tests.judges import holds, states
from tests.texts import wrong

STATE = """MM t
#include "linux/list.inc"
struct node { struct node *next; int tag; };
struct pair { struct node a; struct node b; };
struct foo { int val; struct pair p; struct node all[3]; struct list_head in[2]; };
struct first { struct pair p; int val; };
struct box { struct first f[2]; int end; };
struct flags { unsigned int low : 3, high : 5; };
struct more { int n; struct flags f; struct node *far; };
{
    struct foo x { .val = 7 };
    struct foo y { .val = 8 };
    struct first g { .val = 9 };
    struct foo many[2] = { { .val = 1 }, { .val = 2 } };
    struct box box;
    struct more more;
    struct list_head head = { .next = &x.in[1], .prev = &y.in[1] };
    x.in[1].next = &y.in[1];
    x.in[1].prev = &head;
    y.in[1].next = &head;
    y.in[1].prev = &x.in[1];
    struct node *start = &x.p.b;
    void *any = &g.p.b;
    void *deep = &g.p.a.next;
    int sum;
}
"""

DOES = {
    "sum = container_of(&x.p.b, struct foo, p.b)->val;": 7,
    "sum = container_of(&x.p.b.tag, struct foo, p.b.tag)->val;": 7,
    "sum = container_of(READ_ONCE(start), struct foo, p.b) == &x;": 1,
    "sum = container_of(READ_ONCE(start), typeof(x), p.b)->val;": 7,
    "sum = container_of(&x.all[2], struct foo, all[2])->val;": 7,
    "sum = container_of(&many[1].all[1].tag, struct foo, all[1].tag)->val;": 2,
    "r1 = 1; sum = container_of(&many[r1].all[1], struct foo, all[1])->val;": 2,
    "sum = container_of(&g.p.a, struct first, p.a)->val;": 9,
    "sum = container_of(&g.p.a.next, struct first, p.a.next) == &g;": 1,
    "sum = container_of(READ_ONCE(any), struct first, p.b)->val;": 9,
    "sum = container_of((void *)&g, struct first, p.a)->val;": 9,
    "sum = container_of((void *)&g.p, struct first, p.a)->val;": 9,
    "sum = container_of((void *)&g.p.a.next, struct first, p)->val;": 9,
    "sum = container_of(READ_ONCE(deep), struct first, p)->val;": 9,
    "sum = container_of(READ_ONCE(deep), struct first, p.a)->val;": 9,
    "sum = container_of(READ_ONCE(deep), struct first, p.a)->p.b.tag;": 0,
    "sum = container_of(&box.f[1].p.b, struct box, f[1].p.b) == &box;": 1,
    "sum = container_of(&box.f[0].p.a, struct box, f[0].p.a) == &box;": 1,
    "sum = container_of((struct node *)NULL, struct foo, all[1]) == NULL;": 1,
    "struct foo *f; list_for_each_entry(f, &head, in[1]) sum = sum * 10 + f->val;": 78,
    "sum = list_first_entry(&head, struct foo, in[1])->val;": 7,
    "sum = list_entry(head.prev, struct foo, in[1])->val;": 8,
    "struct foo *f; struct foo *n; list_for_each_entry_safe(f, n, &head, in[1]) list_del_init(&f->in[1]);"
    " sum = list_empty(&head);": 1,
}


@pytest.mark.parametrize("code", DOES)
def test_a_member_of_a_member_leads_to_the_struct(code: str) -> None:
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={DOES[code]};"]


def test_the_head_of_a_list_leads_back_to_itself() -> None:
    code = "struct foo *f = container_of(&head, struct foo, in[1]); sum = &f->in[1] == &head;"
    assert states(f"{STATE}P0 {{ {code} }}\nexists (sum = 0)\n") == ["[sum]=1;"]


def test_a_loop_over_two_lists_of_one_struct_follows_the_one_that_is_named() -> None:
    code = "struct foo *f; list_for_each_entry(f, &head, in[0]) sum = 1;"
    assert not holds(f"{STATE}P0 {{ {code} }}\nexists (sum = 1 /\\ sum = 2)\n")


REFUSED = {
    "sum = container_of(&x.p.b, struct foo, p.c)->val;": "struct pair has no field 'c'",
    "sum = container_of(&x.p.b, struct foo, q.b)->val;": "struct foo has no field 'q'",
    "sum = container_of(&x.val, struct foo, val.b)->val;": "val is a number, and no struct",
    "sum = container_of(start, struct more, far.next)->n;": "far is a pointer, and no struct",
    "sum = container_of(start, struct foo, all[3])->val;": "there is no element 3",
    "sum = container_of(start, struct foo, p[1])->val;": "p is no array",
    "sum = container_of(start, struct foo, all[sum])->val;": "which member this is has to be known",
    "sum = container_of(start, struct more, f.high)->n;": "a bitfield has no address",
    "sum = container_of(&more.f, struct foo, p.b)->val;":
        "p.b is a struct node, and this is the address of a struct flags",
    "struct foo *f; list_for_each_entry(f, &head, in.x) sum = 1;": "in is an array, and no struct",
    "struct foo *f; list_for_each_entry(f, &head, 3) sum = 1;": "the last one names a field",
    "struct foo *f; list_for_each_entry(f) sum = 1;": "list_for_each_entry takes 3 arguments, not 1",
    "sum = offsetof(struct foo, p.b);": "offsetof counts bytes",
    "sum = offsetofend(struct foo, val);": "offsetofend counts bytes",
    "sum = sizeof_field(struct foo, val);": "sizeof_field counts bytes",
    "sum = (unsigned long)&((struct foo *)0)->p.b;": "is where p lies in its struct",
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_no_member_is_refused(code: str) -> None:
    found = wrong(f"{STATE}P0 {{ {code} }}\nexists (sum = 1)\n")
    assert any(REFUSED[code] in d.message for d in found), [d.message for d in found]


BUCKETS = """MM t
struct hlist_node { struct hlist_node *next; struct hlist_node **pprev; };
struct hlist_head { struct hlist_node *first; };
struct list_head { struct list_head *next, *prev; };
struct links { int kind; struct hlist_node node; };
struct item { int n; struct links l; struct list_head all; };
{
    struct item a { .n = 1 };
    struct item b { .n = 2 };
    struct hlist_head bucket[2] = { { .first = &a.l.node }, { .first = NULL } };
    a.l.node.next = &b.l.node;
    struct list_head head = { .next = &a.all, .prev = &b.all };
    a.all.next = &b.all;
    a.all.prev = &head;
    b.all.next = &head;
    b.all.prev = &a.all;
    int sum;
}
"""

WALKS = {
    "struct item *p; hlist_for_each_entry(p, &bucket[0], l.node) sum = sum * 10 + p->n;": 12,
    "struct item *p; hlist_for_each_entry(p, &bucket[1], l.node) sum = 7;": 0,
    "struct item *p; hlist_for_each_entry_rcu(p, &bucket[0], l.node) sum = sum * 10 + p->n;": 12,
    "struct item *p; struct hlist_node *t; hlist_for_each_entry_safe(p, t, &bucket[0], l.node) {"
    " sum = sum * 10 + p->n; p->l.node.next = NULL; }": 12,
    "sum = hlist_entry(bucket[0].first, struct item, l.node)->n;": 1,
    "sum = hlist_entry_safe(bucket[1].first, struct item, l.node) == NULL;": 1,
    "struct item *p; list_for_each_entry_reverse(p, &head, all) sum = sum * 10 + p->n;": 21,
}


@pytest.mark.parametrize("code", WALKS)
def test_a_walk_finds_every_struct(code: str) -> None:
    assert states(f"{BUCKETS}P0 {{ {code} }}\nexists (sum = 0)\n") == [f"[sum]={WALKS[code]};"]


def test_a_safe_walk_of_a_bucket_takes_a_node() -> None:
    code = "struct item *p; int t; hlist_for_each_entry_safe(p, t, &bucket[0], l.node) sum = 1;"
    (found, *_) = wrong(f"{BUCKETS}P0 {{ {code} }}\nexists (sum = 1)\n")
    assert (found.message, found.hint) == (
        "t is no local that points to a struct",
        "declare it: struct hlist_node *t;",
    )
