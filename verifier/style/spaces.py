"""What stands between two tokens of a line: one space, nothing, or what the author chose."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from verifier.style.tokens import TextToken, stay_apart
from verifier.syntax.grammars import Node, is_tree

Role = Literal[
    "binary", "prefix", "postfix", "star", "called", "block", "end", "guard", "guarded", "cast", "head",
    "plain",
]  # fmt: skip
"""What a token is: an operator with two operands, or before or after its one; the star of a type; a name that
is called; the braces of statements; the brackets of a guard; the bracket behind a type that is cast to, or
the sign behind the head of a statement; in a place where the author's spaces stay."""

_BEFORE_BRACKETS = frozenset({"if", "while", "for", "switch"})
# A head in brackets, then a statement.
_HEADED = frozenset({"if_", "while_", "for_", "for_each", "list_each", "scoped_guard", "switch"})
_ASSIGNS = frozenset({"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^="})
_TWO_SIDES = frozenset({"&&", "||", "==", "!=", "<=", ">=", "<<=", ">>="})


def roles(tree: Node) -> dict[int, Role]:
    """The roles of tokens, by their offsets."""
    found: dict[int, Role] = {}
    for node in tree.iter_subtrees():
        found.update(_roles(node))
    return found


def _roles(node: Node) -> Iterator[tuple[int, Role]]:
    kind, parts = node.data, node.children
    if kind in ("binary", "assign"):
        yield parts[1].start_pos, "binary"
    elif kind in ("unary_", "prefix"):
        yield parts[0].start_pos, "prefix"
    elif kind in ("addr", "deref"):
        yield node.meta.start_pos, "prefix"
    elif kind == "postfix_":
        yield parts[1].start_pos, "postfix"
    elif kind in ("call", "function", "thread", "of_type"):
        yield from ((p.start_pos, "called") for p in parts if getattr(p, "type", "") in ("NAME", "THREAD"))
    elif kind == "block":
        yield node.meta.start_pos, "block"
        yield node.meta.end_pos - 1, "end"
    elif kind == "guard":
        yield node.meta.start_pos, "guard"
        yield node.meta.end_pos - 1, "guarded"
    elif kind in ("expectation", "configured", "refused", "omitted"):
        yield from ((at, "plain") for at in range(node.meta.start_pos, node.meta.end_pos))
    elif kind == "num" and parts and getattr(parts[0], "type", "") == "SIGNED":
        yield parts[0].start_pos, "prefix"
    if kind in ("stars", "function_param", "function_field", "function_declarator", "function_object"):
        yield from ((p.start_pos, "star") for p in parts if getattr(p, "type", "") == "STAR")
    if kind in ("conditional", "or_else"):
        for one, other in pairwise(parts):
            yield from ((at, "binary") for at in range(_end(one), _start(other)))
    if kind in ("case", "default", "label"):
        yield node.meta.end_pos - 1, "head"
    if kind in _HEADED:
        body = 1 if kind == "if_" else len(parts) - 1
        last = max(_end(p) for p in parts[:body])
        yield from ((at, "head") for at in range(last, _start(parts[body])))
    if kind in ("cast", "literal"):
        # Behind the type and its stars comes the bracket; a tree of nothing has no place.
        last = max(_end(p) for p in parts[:2])
        yield from ((at, "cast") for at in range(last, _start(parts[2])))


def _start(node: Node) -> int:
    outer = getattr(node, "outer", None) if is_tree(node) else (node.start_pos, 0)
    return outer[0] if outer is not None else 0


def _end(node: Node) -> int:
    outer = getattr(node, "outer", None) if is_tree(node) else (0, node.end_pos)
    return outer[1] if outer is not None else 0


def gap(left: TextToken, right: TextToken, known: dict[int, Role], guards: bool) -> str:
    """What stands between two tokens of a line. ``guards``: they are inside a guard."""
    wanted = _wanted(left, right, known, guards)
    if not wanted and right.gap and stay_apart(left.text, right.text):
        return " "
    return wanted


def _wanted(left: TextToken, right: TextToken, known: dict[int, Role], guards: bool) -> str:
    a, b = left.text, right.text
    chosen = " " if right.gap else ""
    role, after = known.get(left.start), known.get(right.start)
    if "comment" in (left.kind, right.kind):
        return chosen
    if guards and (a in "|&" or b in "|&"):
        return " "
    if guards and a == "!":
        return ""
    if role == "guarded":  # what is guarded may be in line with what other guards guard
        return " " * max(1, right.start - left.end if not right.breaks else 1)
    if "plain" in (role, after):
        return chosen
    if (a, b) in ((";", ";"), (";", ")"), ("{", ";")):
        return chosen
    if b in (";", ",", ")", "]") or a in ("(", "["):
        return ""
    if role == "head" and a in (")", ":"):
        return " "
    if role in ("prefix", "star") or after == "postfix":
        return ""
    if after == "star":
        return " " if a not in ("(", "*") else ""
    if "binary" in (role, after) or a in _ASSIGNS | _TWO_SIDES or b in _ASSIGNS | _TWO_SIDES:
        return " "
    if a in (",", ";") or a in _BEFORE_BRACKETS:
        return " "
    return _beside(left, right, known, chosen)


def _beside(left: TextToken, right: TextToken, known: dict[int, Role], chosen: str) -> str:
    """What stands beside names, brackets and braces."""
    a, b = left.text, right.text
    role, after = known.get(left.start), known.get(right.start)
    if b == "(" and role == "called":
        return ""
    if b == "[" and left.wordlike and after != "guard":
        return ""
    if b == "{" and (left.wordlike or a == ")"):
        return " "
    if (role == "block" and b != "}") or (after == "end" and a != "{"):
        return " "
    if a == "}" and right.wordlike:
        return " "
    if (a == "." and right.kind == "word") or (b == "." and left.wordlike):
        return ""
    return chosen


_JOINS = frozenset({"/\\", "\\/", "=>", "&&", "||"})
_ASKS = frozenset({"exists", "forall", "final", "filter", "locations"})
_COMPARES = frozenset({"=", "==", "!=", "<>", "<=", ">=", "<", ">"})


def final_gap(left: TextToken, right: TextToken, compares: bool) -> str:
    """What stands between two tokens of a condition. ``compares``: are there spaces around comparisons?"""
    wanted = _final(left, right, compares)
    return " " if not wanted and right.gap and stay_apart(left.text, right.text) else wanted


def _final(left: TextToken, right: TextToken, compares: bool) -> str:
    a, b = left.text, right.text
    if "comment" in (left.kind, right.kind):
        return " " if right.gap else ""
    if a in _JOINS or b in _JOINS:
        return " "
    if compares and (a in _COMPARES or b in _COMPARES):
        return " "
    if b in (")", "]", ";", ",") or a in ("(", "[") or (a == "~" and b not in _ASKS):
        return ""
    if a in (",", ";") or a in _ASKS:
        return " "
    return " " if right.gap else ""
