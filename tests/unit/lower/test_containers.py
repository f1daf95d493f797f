"""Lists: the structs around nodes, and the loops over them."""

from __future__ import annotations

import pytest

from tests.judges import states
from tests.texts import wrong

LISTS = """
#include "linux/list.inc"
#include "linux/llist.inc"
struct item { int x; struct list_head node; struct llist_node next; struct hlist_node in; };
{
    struct list_head head = { .next = &a.node, .prev = &b.node };
    struct list_head none = { .next = &none, .prev = &none };
    struct llist_head stack = { .first = &b.next };
    struct hlist_head bucket = { .first = &a.in };
    struct hlist_head full = { .first = NULL };
    struct item a = { .x = 1, .node = { .next = &b.node, .prev = &head },
                      .in = { .next = &b.in, .pprev = &bucket.first } };
    struct item b = { .x = 2, .node = { .next = &head, .prev = &a.node }, .next = { .next = &a.next },
                      .in = { .pprev = &a.in.next } };
    struct item c = { .x = 3 };
    struct item *found;
    int sum;
    int other;
}
"""

H = "struct item *p; hlist_for_each_entry(p, &bucket, in) sum = sum * 10 + p->x;"
DOES = {
    "sum = container_of(&a.node, struct item, node)->x;": "1",
    "sum = list_entry(READ_ONCE(head.next), struct item, node)->x;": "1",
    "sum = list_first_entry(&head, struct item, node)->x;": "1",
    "sum = list_last_entry(&head, struct item, node)->x;": "2",
    "sum = list_first_entry_or_null(&head, struct item, node)->x;": "1",
    "found = list_first_entry_or_null(&none, struct item, node); sum = found == NULL;": "1",
    "struct item *p; list_for_each_entry(p, &head, node) sum = sum * 10 + p->x;": "12",
    "struct item *p; list_for_each_entry(p, &none, node) sum = sum * 10 + p->x;": "0",
    "struct item *p; list_for_each_entry(p, &head, node) { if (p->x < 2) continue; sum = p->x; }": "2",
    "struct item *p; struct item *n; list_for_each_entry_safe(p, n, &head, node) list_del_init(&p->node);"
    " sum = list_empty(&head);": "1",
    "struct item *p; llist_for_each_entry(p, stack.first, next) sum = sum * 10 + p->x;": "21",
    "struct item *p; llist_for_each_entry(p, llist_del_all(&none_left), next) sum = 7;": "0",
    "list_del(&a.node); sum = list_first_entry(&head, struct item, node)->x;": "2",
    "list_del_rcu(&b.node); sum = list_last_entry(&head, struct item, node)->x;": "1",
    "list_del_init(&a.node); list_add_tail(&a.node, &head); sum = head.prev == &a.node;": "1",
    "list_del_init(&b.node); list_add(&b.node, &head); sum = head.next == &b.node;": "1",
    f"hlist_add_head(&c.in, &bucket); {H}": "312",
    f"hlist_add_head_rcu(&c.in, &bucket); {H}": "312",
    f"hlist_add_before(&c.in, &b.in); {H}": "132",
    f"hlist_add_behind(&c.in, &a.in); {H}": "132",
    f"hlist_add_behind(&c.in, &b.in); {H}": "123",
    f"hlist_del(&a.in); {H} sum = sum * 10 + (a.in.next == LIST_POISON1);": "21",
    f"hlist_del_rcu(&b.in); {H} sum = sum * 10 + hlist_unhashed(&b.in);": "10",
    f"hlist_del_init(&b.in); hlist_del_init(&b.in); {H} sum = sum * 10 + hlist_unhashed(&b.in);": "11",
    f"hlist_del_init_rcu(&a.in); {H} sum = sum * 10 + (a.in.next == &b.in);": "21",
    "sum = hlist_empty(&full) * 2 + hlist_empty(&bucket);": "2",
    "INIT_HLIST_HEAD(&bucket); sum = hlist_empty(&bucket);": "1",
    "struct item *p; hlist_for_each_entry_rcu(p, &bucket, in) sum = sum * 10 + p->x;": "12",
    "struct item *p; hlist_for_each_entry(p, &full, in) sum = sum * 10 + p->x;": "0",
    "struct item *p; struct hlist_node *n; hlist_for_each_entry_safe(p, n, &bucket, in)"
    " { sum = sum * 10 + p->x; hlist_del(&p->in); } sum = sum * 10 + hlist_empty(&bucket);": "121",
    "sum = hlist_entry(bucket.first, struct item, in)->x;": "1",
    "found = hlist_entry_safe(full.first, struct item, in); sum = found == NULL;": "1",
    "r1 = llist_del_first(&stack) == &b.next; sum = r1 * 2 + (stack.first == &a.next);": "3",
}


@pytest.mark.parametrize("statements", DOES)
def test_what_a_list_does(statements: str) -> None:
    text = LISTS.replace("int other;", "int other; struct llist_head none_left;") + f"P0 {{ {statements} }}"
    text += "\nunroll 4;"
    assert states(f"MM t{text}\nexists (sum = {DOES[statements]})\n") == [f"[sum]={DOES[statements]};"]


REFUSED = {
    "found = container_of(&a.node, struct item, nod);": "struct item has no field 'nod'",
    "found = container_off(&a.node, struct item, node);": "there is no container_off of a type",
    "found = container_of(&a.node, int, node);": "container_of takes a struct as its type",
    "found = container_of(3, struct item, node);": "the address of a node is needed here, not a number",
    "list_for_each_entry(found, &head, node) sum = 1;": "found is no local that points to a struct",
    "struct item *p; list_for_each_entry(p, &head) sum = 1;": "list_for_each_entry takes 3 arguments, not 2",
    "struct item *p; list_for_each_entry(p, &head, 3) sum = 1;": "the last one names a field",
    "struct item *p; slist_for_each_entry(p, &head, node) sum = 1;": "there is no loop",
    "struct item *p; hlist_for_each_entry(p, bucket.first, in) sum = 1;": "has no field 'first'",
    "struct item *p; int n; hlist_for_each_entry_safe(p, n, &bucket, in) sum = 1;": "n is no local",
}


@pytest.mark.parametrize("statements", REFUSED)
def test_what_is_refused(statements: str) -> None:
    found = wrong(f"MM t{LISTS}P0 {{ {statements} }}\nexists (sum = 1)\n")
    assert any(REFUSED[statements] in d.message for d in found), [d.message for d in found]
