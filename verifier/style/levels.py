"""Where the lines of a C or MM file begin: how deep each statement, and each item in braces, stands."""

from __future__ import annotations

from bisect import bisect_left

from verifier.records import dataclass, field
from verifier.style.tokens import TextToken
from verifier.syntax.grammars import Node, is_tree

_BODIES = frozenset({"while_", "for_", "for_each", "list_each", "scoped_guard", "switch"})
_BRACED = frozenset(
    {"initial", "struct_def", "typedef", "nested", "enum", "variants", "kernel", "braced", "local_braced"}
)
_BLOCKS = frozenset({"function", "thread", "nmi"})


@dataclass(slots=True)
class Levels:
    """How deep tokens stand with which a line may begin, by their offsets."""

    tokens: list[TextToken]
    of: dict[int, int] = field(default_factory=dict)
    at: dict[int, int] = field(default_factory=dict)  # the number of a token, by its offset
    closing: list[int] = field(default_factory=list)  # where braces close

    def __post_init__(self) -> None:
        self.at = {token.start: number for number, token in enumerate(self.tokens)}
        self.closing = [token.start for token in self.tokens if token.text == "}"]

    def read(self, tree: Node) -> None:
        """Note how deep the parts of a file stand."""
        for top in tree.children:
            self._stands(top, 0)
            item = top.children[-1] if top.data == "guarded_top" else top
            self._stands(item, 0)
            for part in item.children:
                if is_tree(part) and part.data == "block":
                    self._block(part, 0)
            if item.data in _BRACED:
                self._braced(item, 0)
            elif item.data not in _BLOCKS:
                self._inside(item, 0)

    def _stands(self, node: Node, level: int) -> None:
        start = _outer(node)
        if start is not None:
            self.of.setdefault(start[0], level)

    def _block(self, node: Node, level: int) -> None:
        start, end = _outer(node) or (0, 0)
        self.of[start] = self.of[end - 1] = level
        for part in node.children:
            kind = _unguarded(part).data
            inner = 0 if kind == "label" else level if kind in ("case", "default") else level + 1
            self._statement(part, inner)

    def _statement(self, node: Node, level: int) -> None:
        self._stands(node, level)
        kind = node.data
        if kind == "guarded":
            return self._statement(node.children[-1], level)
        if kind == "block":
            return self._block(node, level)
        if kind == "if_":
            condition, then, *other = node.children
            self._inside(condition, level)
            self._body(then, level)
            for part in other:
                self._word_before(part, "else", level)
                if _unguarded(part).data == "if_" and not self._begins_line(part):
                    self._statement(part, level)
                else:
                    self._body(part, level)
            return None
        if kind == "do_":
            self._body(node.children[0], level)
            self._word_before(node.children[1], "while", level)
            return self._inside(node.children[1], level)
        if kind in _BODIES:
            *parts, body = node.children
            for part in parts:
                self._inside(part, level)
            return self._body(body, level)
        return self._inside(node, level)

    def _body(self, node: Node, level: int) -> None:
        inner = _unguarded(node)
        if inner.data == "block" and not (inner is not node and self._begins_line(node)):
            self._stands(node, level + 1)
            self._block(inner, level)
        else:
            self._statement(node, level + 1)

    def _inside(self, node: Node, level: int) -> None:
        """The braces and blocks in a part that is no statement."""
        pending = [node]
        while pending:
            part = pending.pop()
            if not is_tree(part):
                continue
            if part.data in _BRACED:
                self._braced(part, level)
            elif part.data == "block":
                self._block(part, level)
            else:
                pending += part.children

    def _braced(self, node: Node, level: int) -> None:
        """What stands in braces: one level deeper, unless it begins in the line of the brace."""
        start, end = _outer(node) or (0, 0)
        number = self.at.get(start, 0)
        while self.tokens[number].text != "{":
            number += 1
            if number >= len(self.tokens) or self.tokens[number].start >= end:
                return  # such as `struct foo;`
        close = self._closing(end)
        own_lines = self._next(number).breaks > 0
        if own_lines:
            self.of[close] = level
        for part in node.children:
            if is_tree(part):
                if own_lines and (_outer(part) or (0, 0))[0] > self.tokens[number].start:
                    self._stands(part, level + 1)
                self._inside(part, level + 1 if own_lines else level)

    def _next(self, number: int) -> TextToken:
        """The token behind one, without comments in the same line."""
        while number + 1 < len(self.tokens):
            number += 1
            token = self.tokens[number]
            if token.kind != "comment" or token.breaks:
                break
        return self.tokens[number]

    def _closing(self, end: int) -> int:
        """Where the last brace is before an offset."""
        return self.closing[bisect_left(self.closing, end) - 1]

    def _begins_line(self, node: Node) -> bool:
        start = (_outer(node) or (0, 0))[0]
        return self.tokens[self.at[start]].breaks > 0 if start in self.at else False

    def _word_before(self, node: Node, word: str, level: int) -> None:
        """A word before a part, with which a line may begin."""
        number = self.at.get((_outer(node) or (0, 0))[0], 0) - 1
        while number > 0 and self.tokens[number].text != word:
            number -= 1
        self.of[self.tokens[number].start] = level


def _unguarded(node: Node) -> Node:
    while node.data == "guarded":
        node = node.children[-1]
    return node


def _outer(node: Node) -> tuple[int, int] | None:
    """From where to where a node goes, with its brackets; None for a tree of nothing."""
    if not is_tree(node):
        return node.start_pos, node.end_pos
    outer: tuple[int, int] | None = getattr(node, "outer", None)
    return outer
