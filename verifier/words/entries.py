"""The kernel's macros that find the struct around a node of a list, and its loops over such structs."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from verifier.records import dataclass

Link = Literal["", "next", "prev"]


@dataclass(frozen=True, slots=True)
class EntryWord:
    """``word(p, type, member)``: the struct of that type whose ``member`` is at p or, with a ``link``, at
    what this link of p leads to. ``or_null``: NULL, if that is p itself. ``source`` as in ``rows.Word``."""

    name: str
    source: str
    link: Link = ""
    or_null: bool = False

    @property
    def signature(self) -> str:
        """How it is written."""
        return f"{self.name}(p, struct foo, member)"


@dataclass(frozen=True, slots=True)
class EntryLoop:
    """``word(pos, head, member) { … }``: one turn for each struct whose ``member`` is in the list. ``first``:
    the link of the head that leads to the first node; empty: that node is given. ``link``: from one node to
    the next. ``ends``: the list ends with NULL, else where it began. ``safe``: pos may be taken out in
    its turn; another pointer comes after pos, which has the next struct, or the next node."""

    name: str
    source: str
    first: Literal["", "first", "next", "prev"] = "next"
    link: Literal["next", "prev"] = "next"
    ends: bool = False
    safe: Literal["", "struct", "node"] = ""

    @property
    def signature(self) -> str:
        """How it is written."""
        names = ["pos", *(["n"] if self.safe else []), "head" if self.first else "node", "member"]
        return f"{self.name}({', '.join(names)})"


_LIST, _RCU, _LOCKLESS = "linux/list.h", "linux/rculist.h", "linux/llist.h"
_ENTRIES = (
    EntryWord("container_of", "linux/container_of.h"),
    EntryWord("list_entry", _LIST),
    EntryWord("list_entry_rcu", _RCU),
    EntryWord("llist_entry", _LOCKLESS),
    EntryWord("hlist_entry", _LIST),
    EntryWord("hlist_entry_safe", _LIST),
    EntryWord("rb_entry", "linux/rbtree.h"),
    EntryWord("list_first_entry", _LIST, "next"),
    EntryWord("list_last_entry", _LIST, "prev"),
    EntryWord("list_first_entry_or_null", _LIST, "next", or_null=True),
    EntryWord("list_first_or_null_rcu", _RCU, "next", or_null=True),
)
_LOOPS = (
    EntryLoop("list_for_each_entry", _LIST),
    EntryLoop("list_for_each_entry_safe", _LIST, safe="struct"),
    EntryLoop("list_for_each_entry_reverse", _LIST, "prev", link="prev"),
    EntryLoop("list_for_each_entry_rcu", _RCU),
    EntryLoop("hlist_for_each_entry", _LIST, "first", ends=True),
    EntryLoop("hlist_for_each_entry_safe", _LIST, "first", ends=True, safe="node"),
    EntryLoop("hlist_for_each_entry_rcu", _RCU, "first", ends=True),
    EntryLoop("llist_for_each_entry", _LOCKLESS, "", ends=True),
    EntryLoop("llist_for_each_entry_safe", _LOCKLESS, "", ends=True, safe="struct"),
)

ENTRY_WORDS: Mapping[str, EntryWord] = MappingProxyType({word.name: word for word in _ENTRIES})
ENTRY_LOOPS: Mapping[str, EntryLoop] = MappingProxyType({loop.name: loop for loop in _LOOPS})
