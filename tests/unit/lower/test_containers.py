"""Lists: the structs around nodes, and the loops over them."""

from __future__ import annotations

import pytest

from tests.judges import states
from tests.texts import wrong

LISTS = """
#include "linux/list.inc"
#include "linux/llist.inc"
struct item { int x; struct list_head node; struct llist_node next; };
{
    struct list_head head = { .next = &a.node, .prev = &b.node };
    struct list_head none = { .next = &none, .prev = &none };
    struct llist_head stack = { .first = &b.next };
    struct item a = { .x = 1, .node = { .next = &b.node, .prev = &head } };
    struct item b = { .x = 2, .node = { .next = &head, .prev = &a.node }, .next = { .next = &a.next } };
    struct item *found;
    int sum;
    int other;
}
"""

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
    "r1 = llist_del_first(&stack) == &b.next; sum = r1 * 2 + (stack.first == &a.next);": "3",
}


@pytest.mark.parametrize("statements", DOES)
def test_what_a_list_does(statements: str) -> None:
    text = LISTS.replace("int other;", "int other; struct llist_head none_left;") + f"P0 {{ {statements} }}"
    assert states(f"MM t{text}\nexists (sum = {DOES[statements]})\n") == [f"[sum]={DOES[statements]};"]


REFUSED = {
    "found = container_of(&a.node, struct item, nod);": "struct item has no field 'nod'",
    "found = container_off(&a.node, struct item, node);": "there is no container_off of a type",
    "found = container_of(&a.node, int, node);": "container_of takes a struct as its type",
    "found = container_of(3, struct item, node);": "the address of a node is needed here, not a number",
    "list_for_each_entry(found, &head, node) sum = 1;": "found is no local that points to a struct",
    "struct item *p; list_for_each_entry(p, &head) sum = 1;": "list_for_each_entry takes 3 arguments, not 2",
    "struct item *p; list_for_each_entry(p, &head, 3) sum = 1;": "the last one names a field",
    "struct item *p; plist_for_each_entry(p, &head, node) sum = 1;": "there is no loop",
}


@pytest.mark.parametrize("statements", REFUSED)
def test_what_is_refused(statements: str) -> None:
    found = wrong(f"MM t{LISTS}P0 {{ {statements} }}\nexists (sum = 1)\n")
    assert any(REFUSED[statements] in d.message for d in found), [d.message for d in found]
