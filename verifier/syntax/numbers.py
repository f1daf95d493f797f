"""Reads numbers: how large they may be, and what a leading zero means.

In C code ``010`` is eight. Conditions, initial states and assembly have herd7's notation, in which ``010``
is ten. There it is an error, because the author may have meant either. ``07`` is the same in both.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from verifier.errors import InputError
from verifier.source import Diagnostic, Span

MAX_BITS = 64
COMPARED: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
        ">=": operator.ge,
    }
)  # fmt: skip


class NumberError(ValueError):
    """A text is not a number. ``message`` and ``hint`` are for a diagnostic."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(message)

    def at(self, span: Span) -> Diagnostic:
        """The diagnostic, at its place."""
        return Diagnostic("number", self.message, span, self.hint)


def number(word: str, *, octal: bool = False) -> int:
    """The value of ``12``, ``0x1f``, ``- 3``, ``7ul``. ``octal``: a leading zero means octal, as in C.

    Raises ``NumberError`` for more than 64 bits, and for leading zeros that can be read in two ways.
    """
    if word.isdecimal() and word.isascii() and len(word) < 10 and (word[0] != "0" or word == "0"):
        return int(word)
    text = "".join(word.split()).lower().rstrip("ul")
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text)
    digits = digits.lstrip("0") or "0" if not digits.startswith("0x") else digits
    if len(digits) > 30 and len(digits.removeprefix("0x").lstrip("0")) > 20:
        raise NumberError("this number is too large", f"numbers have {MAX_BITS} bits")
    base = 16 if digits.startswith("0x") else 10
    zeros = base == 10 and len(text.lstrip("-")) > len(digits)
    if zeros and octal:
        if "8" in digits or "9" in digits:
            raise NumberError(f"{word} is not a number", "a leading 0 means octal in C; leave it out")
        base = 8
    elif zeros and len(digits) > 1:
        told = f"{int(digits, 8)} or " if not set(digits) & {"8", "9"} else ""
        raise NumberError(f"{word} is octal in C and decimal in herd7", f"write {told}{digits}")
    value = int(digits, base)
    if value >> MAX_BITS:
        raise NumberError("this number is too large", f"numbers have {MAX_BITS} bits")
    return sign * value


def at(word: str, span: Span, *, octal: bool = False) -> int:
    """``number``, with errors as ``InputError`` at a place."""
    try:
        return number(word, octal=octal)
    except NumberError as error:
        raise InputError([error.at(span)]) from None
