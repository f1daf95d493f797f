"""The operators of conditions: their functions, and C's precedence.

The grammar reads ``x & 8 = 8`` as terms with operators between them; ``grouped`` makes a tree of these.
"""

from __future__ import annotations

from verifier.records import NamedTuple
from verifier.syntax.grammars import Node

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
