"""Names in a kernel tree's text that the grammar cannot tell from other names: types, and loops of macros.

Each becomes a sign of the same length, which the grammar takes for such a name; the tree then has the name.
"""

from __future__ import annotations

from collections.abc import Collection

from verifier.patterns import pattern
from verifier.syntax.grammars import Node, is_tree
from verifier.syntax.layout import blank

LOOP, TYPE = "\x01", "\x02"  # as grammar/mm.lark has them
_KINDS = ("LOOP", "TYPENAME")
_NO_TYPE = pattern(r"(?:\b(?:struct|union|enum|goto)\s+|\.\s*|->\s*)$")
_BEFORE = 64  # characters: how far such words stand before a name
_WORD = pattern(r"[A-Za-z_]\w*")
QUOTED = pattern(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)+'")
_CALLED = pattern(r"(?:[;{}):]|\belse\b|\bdo\b|\A)\s*([A-Za-z_]\w*)\s*(?=\()")
# What begins a statement and is no macro of a tree. The grammar has loops over lists and CPUs by their names.
_NO_LOOP = pattern(
    r"(?:if|while|for|switch|return|sizeof|else|do|case|goto|guard|scoped_guard|scoped_cond_guard|CLASS|asm"
    r"|_*typeof\w*|__attribute__|[a-z]*list_for_each_entry\w*|for_each_(?:\w+_)?cpu(?:_\w+)?)"
)


class Signed:
    """A text with signs in the places of names; ``names``: which, by offset."""

    def __init__(self, text: str) -> None:
        self.text, self.names = text, dict[int, str]()

    def types(self, known: Collection[str]) -> None:
        """Put signs for names of types. A name is one before a name or a star, and alone in brackets
        (C11 6.7.8)."""
        text = self.text
        for word in _WORD.finditer(text) if known else ():
            if word.group() not in known or _NO_TYPE.search(
                text[max(0, word.start() - _BEFORE) : word.start()]
            ):
                continue
            after = text[word.end() :].lstrip()[:1]
            alone = after == ")" and text[: word.start()].rstrip().endswith("(")
            if after == "*" or after == "_" or after.isalpha() or alone:
                self._put(word.start(), word.group(), TYPE)

    def loops(self, *, ends: bool = False) -> None:
        """Put signs for macros that stand in front of a statement: calls in front of a brace or a name, where
        a statement begins. ``ends``: in front of the ``;`` with which the text ends, too."""
        bare = QUOTED.sub(lambda m: blank(m.group()), self.text)
        for found in _CALLED.finditer(bare):
            if _NO_LOOP.fullmatch(found[1]):
                continue
            rest = bare[closing(bare, found.end()) :].lstrip()
            if rest[:1] in ("{", "_") or rest[:1].isalpha() or (ends and rest == ";"):
                self._put(found.start(1), found[1], LOOP)

    def _put(self, at: int, name: str, sign: str) -> None:
        self.names[at] = name
        self.text = self.text[:at] + sign * len(name) + self.text[at + len(name) :]

    def named(self, tree: Node, before: int) -> Node:
        """The tree of the text, in which names are what they were. ``before``: what stands before it."""
        for node in tree.iter_subtrees() if self.names else ():
            node.children = [self._name(x, before) for x in node.children]
        return tree

    def _name(self, x: Node, before: int) -> Node:
        if is_tree(x) or x.type not in _KINDS or x.start_pos - before not in self.names:
            return x
        return x.update(value=self.names[x.start_pos - before])


def closing(text: str, opening: int) -> int:
    """Where the bracket at ``opening`` is closed, and what follows begins; the end if it is not closed."""
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0:
            return at + 1
    return len(text)
