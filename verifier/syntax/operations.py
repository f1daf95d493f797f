"""The operators of conditions: their functions, and C's precedence.

The grammar reads ``x & 8 = 8`` as terms with operators between them; ``grouped`` makes a tree of these.
"""

from __future__ import annotations

from verifier.records import NamedTuple
from verifier.syntax.grammars import Node, is_tree, made_tree

COMPARISONS = {
    "=": "eq", "==": "eq", "!=": "ne", "<>": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
}  # fmt: skip
CONDITION_FUNCTIONS = {
    "*": "mul", "/": "div", "%": "mod", "+": "add", "-": "sub", "<<": "shl", ">>": "shr",
    "&": "bitand", "^": "bitxor", "|": "bitor",
}  # fmt: skip
SIGNS = {function: sign for sign, function in CONDITION_FUNCTIONS.items()} | {"neg": "-", "inv": "~"}
# C11 6.5: the operators of an earlier row bind tighter.
_ROWS = ("* / %", "+ -", "<< >>", "< <= > >=", "= == != <>", "&", "^", "|")
_BINDS = {sign: -i for i, row in enumerate(_ROWS) for sign in row.split()}


class Operation(NamedTuple):
    """``left sign right``. ``inside``: it is an operand of another operation, without brackets of its own."""

    sign: Node
    left: Node | Operation
    right: Node | Operation
    inside: bool = False


def grouped(parts: list[Node]) -> Node | Operation:
    """Terms and operators, in turns, as one ``Operation``; a single term is itself."""
    values: list[Node | Operation] = [parts[0]]
    signs: list[Node] = []

    def reduce() -> None:
        right, left = values.pop(), values.pop()
        values.append(Operation(signs.pop(), _inner(left), _inner(right)))

    for sign, term in zip(parts[1::2], parts[2::2], strict=True):
        while signs and _BINDS[str(signs[-1])] >= _BINDS[str(sign)]:
            reduce()
        signs.append(sign)
        values.append(term)
    while signs:
        reduce()
    return values[0]


def _inner(value: Node | Operation) -> Node | Operation:
    return value._replace(inside=True) if isinstance(value, Operation) else value


def with_units(parts: list[Node]) -> list[Node]:
    """Terms and operators where ``s.a|b``, without spaces and before a comparison, is one term: the unit that
    the bitfields a and b share, as states print it."""
    parts = [*parts]
    while len(parts) > 4 and _is_unit(parts[0], parts[1], parts[2]):
        parts[:3] = [_unit(parts[0], parts[2])]
    return parts


def _is_unit(left: Node, sign: Node, right: Node) -> bool:
    field = left.children[-1] if left.data == "register" else left
    beside = field.meta.end_pos + 1 == right.meta.start_pos if str(sign) == "|" and is_tree(right) else False
    return bool(beside and field.data == "field" and right.data == "name")


def _unit(left: Node, right: Node) -> Node:
    """The field that is called ``a|b``."""
    first, last = left.children
    start, end = left.meta.start_pos, right.meta.end_pos
    if left.data == "register":
        return made_tree("register", [first, _unit(last, right)], start, end)
    both: list[Node] = [first, f"{last}|{right.children[0]}"]  # type: ignore[list-item]
    return made_tree("field", both, start, end)
