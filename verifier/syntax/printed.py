"""Prints conditions: as the file has them, and as herd7's logs print them."""

from __future__ import annotations

from collections.abc import Callable

from verifier.syntax.condition import (
    AddressOf,
    Arith,
    Compare,
    Final,
    Logic,
    Name,
    Number,
    Operand,
    Proposition,
    Register,
)
from verifier.syntax.operations import SIGNS


def normal(final: Final) -> str:
    """The proposition's text, with white space folded and without outer brackets."""
    if final.span is None:
        return ""
    text = " ".join(final.span.text.split())
    while text.startswith("(") and text.endswith(")") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    depth = 0
    for at, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return at
    return -1


def as_herd(proposition: Proposition, register: Callable[[str], str] = str, above: str = "") -> str:
    """A proposition as herd7's logs print it: ``1:rax=0 /\\ [x]=2``.

    ``register`` turns a register's name into the form that logs have; ``above`` is the operator around it.
    """
    p = proposition
    if isinstance(p, Compare) and p.op == "eq":
        return f"{_place(p.left, register)}={_value(p.right, register)}"
    if not isinstance(p, Logic):
        return " ".join(p.span.text.split())
    if not p.parts:
        return "true" if p.op == "and" else "false"
    if p.op == "not":
        return f"not ({as_herd(p.parts[0], register)})"
    sign = {"and": " /\\ ", "or": " \\/ ", "implies": " => "}[p.op]
    text = sign.join(as_herd(q, register, p.op) for q in p.parts)
    brackets = (above, p.op) in _BRACKETED
    return f"({text})" if brackets else text


_BRACKETED = {("implies", "or"), ("implies", "and"), ("and", "or"), ("and", "implies"), ("or", "implies")}


def _value(operand: Operand, register: Callable[[str], str]) -> str:
    if isinstance(operand, AddressOf):
        return " ".join(operand.span.text.split()).removeprefix("&")
    if isinstance(operand, Name) and not operand.brackets:
        return operand.name
    return _place(operand, register)


def _place(operand: Operand, register: Callable[[str], str]) -> str:
    if isinstance(operand, Number):
        return str(operand.value)
    if isinstance(operand, Name):
        return f"[{operand.name}]"
    if isinstance(operand, AddressOf):
        return _value(operand, register)
    if isinstance(operand, Arith):
        parts = [_place(p, register) for p in operand.parts]
        sign = SIGNS[operand.op]
        return f"({parts[0]} {sign} {parts[1]})" if len(parts) > 1 else f"{sign}{parts[0]}"
    if isinstance(operand, Register) and isinstance(operand.place, Name):
        cpu = operand.cpu
        return f"{cpu.value if isinstance(cpu, Number) else cpu.name}:{register(operand.place.name)}"
    return "".join(operand.span.text.split())
