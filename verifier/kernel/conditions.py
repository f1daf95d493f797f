"""Decides the conditions of ``#if`` by what ``#config`` says (C11 6.10.1). What it does not say is open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from verifier.patterns import pattern
from verifier.source import Diagnostic, Span

# What the model is: an SMP kernel for x86-64 without PREEMPT_RT, whose C files are compiled. A test may say
# otherwise.
ASSUMED: Mapping[str, int] = MappingProxyType(
    {
        "CONFIG_X86": 1, "CONFIG_X86_64": 1, "CONFIG_64BIT": 1, "CONFIG_MMU": 1, "CONFIG_SMP": 1,
        "CONFIG_X86_32": 0, "CONFIG_PREEMPT_RT": 0, "CONFIG_PREEMPT_RT_FULL": 0,
        "__KERNEL__": 1, "__ASSEMBLY__": 0, "__ASSEMBLER__": 0, "MODULE": 0, "__CHECKER__": 0,
        "__GENKSYMS__": 0, "BUILD_VDSO": 0, "__GNUC__": 1, "__clang__": 0,
    }
)  # fmt: skip

_TOKEN = pattern(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|<<|>>|[()!<>+\-*/%&|^~?:,])|(?P<end>$))"
)
_LEVELS = (("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"),
           ("+", "-"), ("*", "/", "%"))  # fmt: skip
_OPTIONS = frozenset({"defined", "IS_ENABLED", "IS_BUILTIN", "IS_MODULE", "IS_REACHABLE"})
MAX_BRACKETS = 50


class Malformed(Exception):
    """A condition that is no expression."""


class Config:
    """What ``#config`` says: names with values, each with its place; what is asked is noted."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self.values = dict(values)
        self.used: set[str] = set()

    def value(self, name: str) -> int | None:
        """The value of a name; None if nothing says it."""
        if name in self.values:
            self.used.add(name)
            return self.values[name]
        return ASSUMED.get(name)


class Condition:
    """The condition of an ``#if``. ``value`` is None if it is open; ``open`` has the names that it asks and
    that nothing says."""

    def __init__(self, text: str, config: Config, defined: frozenset[str] = frozenset()) -> None:
        self.config, self.defined = config, defined
        self.open: list[str] = []
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while True:
            found = _TOKEN.match(text, at)
            if not found or len(self.tokens) > 2000:
                raise Malformed(text)
            kind = found.lastgroup or "end"
            self.tokens.append((kind, found.group(kind)))
            if kind == "end":
                break
            at = found.end()
        self.at = self.depth = 0
        self.value = self._choice()
        if self.tokens[self.at][0] != "end":
            raise Malformed(text)
        if self.value is not None:
            self.open = []

    def _next(self) -> tuple[str, str]:
        token = self.tokens[self.at]
        self.at += token[0] != "end"
        return token

    def _take(self, sign: str) -> bool:
        if self.tokens[self.at] != ("sign", sign):
            return False
        self.at += 1
        return True

    def _choice(self) -> int | None:
        value = self._level(0)
        if not self._take("?"):
            return value
        then = self._choice()
        if not self._take(":"):
            raise Malformed
        other = self._choice()
        return None if value is None else then if value else other

    def _level(self, level: int) -> int | None:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while self.tokens[self.at][0] == "sign" and self.tokens[self.at][1] in _LEVELS[level]:
            sign = self._next()[1]
            left = _binary(sign, left, self._level(level + 1))
        return left

    def _unary(self) -> int | None:
        self.depth += 1
        if self.depth > MAX_BRACKETS:
            raise Malformed
        try:
            for sign, function in (("!", lambda v: int(not v)), ("-", lambda v: -v), ("~", lambda v: ~v)):
                if self._take(sign):
                    value = self._unary()
                    return None if value is None else function(value)
            if self._take("+"):
                return self._unary()
            return self._primary()
        finally:
            self.depth -= 1

    def _primary(self) -> int | None:
        if self._take("("):
            value = self._choice()
            if not self._take(")"):
                raise Malformed
            return value
        kind, text = self._next()
        if kind == "number":
            return int(text, 0) if not re.fullmatch(r"0[0-7]+", text) else int(text, 8)
        if kind != "name":
            raise Malformed
        if text in _OPTIONS:
            return self._defined(text)
        if self._take("("):  # another macro with arguments, such as __has_attribute(x)
            self._skip()
            return self._asked(text)
        return self._asked(text)

    def _defined(self, word: str) -> int | None:
        brackets = self._take("(")
        kind, name = self._next()
        if kind != "name" or (brackets and not self._take(")")) or (word != "defined" and not brackets):
            raise Malformed
        if word == "defined" and name in self.defined:
            return 1
        value = self._asked(name)
        if word == "IS_MODULE":
            return None if value is None else 0
        return None if value is None else int(value != 0)

    def _asked(self, name: str) -> int | None:
        value = self.config.value(name)
        if value is None and name not in self.open:
            self.open.append(name)
        return value

    def _skip(self) -> None:
        depth = 1
        while depth:
            kind, text = self._next()
            if kind == "end":
                raise Malformed
            depth += (text == "(") - (text == ")") if kind == "sign" else 0


def _binary(sign: str, a: int | None, b: int | None) -> int | None:
    """The value of an operation of which an operand may be open."""
    if sign == "&&":
        return 0 if a == 0 or b == 0 else None if a is None or b is None else 1
    if sign == "||":
        known = [v for v in (a, b) if v is not None]
        return 1 if any(known) else None if len(known) < 2 else 0
    if a is None or b is None:
        return None
    if sign in ("/", "%"):
        if not b:
            raise Malformed
        return a // b if sign == "/" else a % b
    if sign in ("<<", ">>"):
        if not 0 <= b < 64:
            raise Malformed
        return a << b if sign == "<<" else a >> b
    return {
        "==": int(a == b), "!=": int(a != b), "<": int(a < b), ">": int(a > b), "<=": int(a <= b),
        ">=": int(a >= b), "+": a + b, "-": a - b, "*": a * b, "&": a & b, "|": a | b, "^": a ^ b,
    }[sign]  # fmt: skip


def undecided(names: list[str], text: str, span: Span) -> Diagnostic:
    """The error about a condition that is open."""
    said = " and ".join(f"{n} or !{n}" for n in names) or "what it asks"
    return Diagnostic("config", f"nothing decides {text.strip()}", span, f"write #config {said}")
