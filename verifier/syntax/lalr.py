"""Parses text by the tables of a grammar. Lark makes the tables; reading a text needs nothing of it.

Importing Lark, and loading a grammar with it, takes longer than a small test. The trees are those that Lark
would make. Where a text does not fit the grammar, there is none, and Lark says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from verifier.records import NamedTuple

_END = "$END"  # Lark's name for the end of a text


class Leaf(str):
    """A word of the text, which has a type and a place."""

    __slots__ = ("end_pos", "start_pos", "type")
    type: str
    start_pos: int
    end_pos: int

    def update(self, *, value: str) -> Leaf:
        """The token with another text."""
        made = Leaf(value)
        made.type, made.start_pos, made.end_pos = self.type, self.start_pos, self.end_pos
        return made


class Tree:
    """A node: the name of its rule, and what it is made of. It is its own ``meta``.

    ``start_pos`` and ``end_pos`` are those of the first and the last child; a tree of nothing has neither.
    ``outer`` also spans the tokens that the tree leaves out, such as brackets around it.
    """

    __slots__ = ("children", "data", "end_pos", "outer", "start_pos")
    start_pos: int
    end_pos: int

    def __init__(self, data: str, children: list[Any]) -> None:
        self.data, self.children = data, children
        self.outer: tuple[int, int] | None = None

    @property
    def meta(self) -> Tree:
        return self

    def iter_subtrees(self) -> Iterator[Tree]:
        """All trees below this one, and itself; the lowest ones first."""
        found: dict[int, Tree] = {}
        queue = [self]
        for tree in queue:
            if id(tree) not in found:
                found[id(tree)] = tree
                queue += [c for c in reversed(tree.children) if isinstance(c, Tree) and id(c) not in found]
        return reversed(found.values())


class GrammarTables(NamedTuple):
    """A grammar, in types that ``marshal`` can write.

    ``starts``    by rule: the state in which its text begins, and the one in which all of it has been read;
    ``states``    what follows in each state, by symbol: 2 * the next state, or 2 * the rule that ends + 1;
    ``rules``     its name, the number of its symbols, the name of its tree, whether a tree of one child is
                  that child, and which symbols become children; those with True are replaced by their own
                  children. None: all become children;
    ``reads``     by state: which of the lexers reads on there;
    ``lexers``    a pattern, which has a group for each type of token; and by type, the texts that have
                  another type;
    ``ignored``   the types of what stands between tokens.
    """

    starts: dict[str, tuple[int, int]]
    states: tuple[dict[str, int], ...]
    rules: tuple[tuple[str, int, str, bool, tuple[tuple[int, bool], ...] | None], ...]
    reads: tuple[int, ...]
    lexers: tuple[tuple[str, dict[str, dict[str, str]]], ...]
    ignored: tuple[str, ...]


def tables_of(made: Any) -> GrammarTables:
    """The tables of a parser that Lark has made: a ``Lark``, whose parts are not all public."""
    from lark.parsers.lalr_analysis import Shift

    table, lexers = made.parser.parser._parse_table, made.parser.lexer.lexers
    numbers = {state: number for number, state in enumerate(table.states)}
    rules: dict[Any, int] = {}
    states = tuple(
        {
            str(symbol): 2 * numbers[to] if action is Shift else 2 * rules.setdefault(to, len(rules)) + 1
            for symbol, (action, to) in row.items()
        }
        for row in table.states.values()
    )
    known: dict[int, int] = {}
    read: list[tuple[str, dict[str, dict[str, str]]]] = []
    reads: list[int] = []
    for state in table.states:
        lexer = lexers[state]
        if id(lexer) not in known:
            known[id(lexer)] = len(read)
            read.append(_lexer(lexer))
        reads.append(known[id(lexer)])
    return GrammarTables(
        {start: (numbers[at], numbers[table.end_states[start]]) for start, at in table.start_states.items()},
        states,
        tuple(map(_rule, rules)),
        tuple(reads),
        tuple(read),
        tuple(sorted(map(str, made.parser.lexer.root_lexer.ignore_types))),
    )


def _lexer(lexer: Any) -> tuple[str, dict[str, dict[str, str]]]:
    scanner = lexer.scanner
    pattern = "|".join(f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in scanner.terminals)
    words = {
        str(kind): {t.pattern.value: str(t.name) for t in other.scanner.terminals}
        for kind, other in lexer.callback.items()
    }
    return pattern, words


def _rule(rule: Any) -> tuple[str, int, str, bool, tuple[tuple[int, bool], ...] | None]:
    kept = tuple(
        (i, not symbol.is_term and symbol.name.startswith("_"))
        for i, symbol in enumerate(rule.expansion)
        if rule.options.keep_all_tokens or not (symbol.is_term and symbol.filter_out)
    )
    size, name = len(rule.expansion), str(rule.origin.name)
    whole = len(kept) == size and not any(inlined for _, inlined in kept)
    single = bool(rule.options.expand1) and not rule.alias
    return name, size, str(rule.alias or name), single, None if whole else kept


class Parser:
    """Makes trees by the tables of a grammar."""

    def __init__(self, tables: GrammarTables) -> None:
        self.tables = tables
        self.rules = tables.rules
        self.matches: list[Any] = [None] * len(tables.lexers)  # made when they are needed

    def parse(self, text: str, start: str) -> Tree | Leaf | None:
        """The tree of a text that is a ``start``; None if it is none."""
        tables = self.tables
        states, reads, lexers, ignored = tables.states, tables.reads, tables.lexers, tables.ignored
        matches = self.matches
        state, last = tables.starts[start]
        stack, values = [state], list[Any]()
        at, end = 0, len(text)
        while at < end:
            lexer = reads[state]
            match = matches[lexer]
            if match is None:
                match = matches[lexer] = re.compile(lexers[lexer][0]).match
            found = match(text, at)
            if found is None:
                return None
            begin, at = at, found.end()
            kind = found.lastgroup
            word = found.group()
            words = lexers[lexer][1].get(kind)
            if words is not None:
                kind = words.get(word, kind)
            if kind in ignored:
                continue
            token = Leaf(word)
            token.type, token.start_pos, token.end_pos = kind, begin, at
            next = states[state].get(kind)
            while next is not None and next & 1:
                state = self._reduce(next >> 1, stack, values)
                next = states[state].get(kind)
            if next is None:
                return None
            state = next >> 1
            stack.append(state)
            values.append(token)
        while state != last:
            next = states[state].get(_END)
            if next is None or not next & 1:
                return None
            state = self._reduce(next >> 1, stack, values)
        made: Tree | Leaf = values[-1]
        return made

    def _reduce(self, number: int, stack: list[int], values: list[Any]) -> int:
        """Make a tree of the last values, as a rule says. Returns the next state."""
        origin, size, data, single, kept = self.rules[number]
        if single and size == 1 and kept is None:  # another name for what is there
            stack.pop()
            state = self.tables.states[stack[-1]][origin] >> 1
            stack.append(state)
            return state
        parts = values[-size:] if size else []
        if size:
            del values[-size:], stack[-size:]
        children = parts
        if kept is not None:
            children = []
            for i, inlined in kept:
                if inlined:
                    children += parts[i].children
                else:
                    children.append(parts[i])
        made = children[0] if single and len(children) == 1 else Tree(data, children)
        if type(made) is Tree:
            _place(made, parts)
        values.append(made)
        state = self.tables.states[stack[-1]][origin] >> 1
        stack.append(state)
        return state


def _place(tree: Tree, parts: list[Any]) -> None:
    """Note from where to where a tree goes, which was made of these parts."""
    first = last = None
    for part in parts:
        first = (part.start_pos, part.end_pos) if type(part) is Leaf else part.outer
        if first is not None:
            break
    else:
        return
    for part in reversed(parts):
        last = (part.start_pos, part.end_pos) if type(part) is Leaf else part.outer
        if last is not None:
            break
    assert last is not None
    if tree.outer is None:
        tree.start_pos, tree.end_pos = first[0], last[1]
    tree.outer = first[0], last[1]
