"""Decides the conditions of ``#if`` by what ``#config`` says (C11 6.10.1). What it does not say is open."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from verifier.kernel.characters import character
from verifier.patterns import pattern
from verifier.records import NamedTuple
from verifier.source import Diagnostic, Span

# What the model is: an SMP kernel for x86-64 without PREEMPT_RT, whose C files are compiled. A test may say
# otherwise.
ASSUMED: Mapping[str, int] = MappingProxyType(
    {
        "CONFIG_X86": 1, "CONFIG_X86_64": 1, "CONFIG_64BIT": 1, "CONFIG_MMU": 1, "CONFIG_SMP": 1,
        "CONFIG_X86_32": 0, "CONFIG_PREEMPT_RT": 0, "CONFIG_PREEMPT_RT_FULL": 0,
        "__KERNEL__": 1, "__ASSEMBLY__": 0, "__ASSEMBLER__": 0, "MODULE": 0, "__CHECKER__": 0,
        "__GENKSYMS__": 0, "BUILD_VDSO": 0, "__GNUC__": 1, "__clang__": 0, "BITS_PER_LONG": 64,
    }
)  # fmt: skip

_TOKEN = pattern(
    r"\s*(?:(?P<number>(?:0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<character>'(?:[^'\\\n]|\\(?:x[0-9a-fA-F]+|[0-7]{1,3}|.))')"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|<<|>>|[()!<>+\-*/%&|^~?:,])|(?P<end>$))"
)
_LEVELS = (("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<", ">", "<=", ">="), ("<<", ">>"),
           ("+", "-"), ("*", "/", "%"))  # fmt: skip
_OPTIONS = frozenset({"defined", "IS_ENABLED", "IS_BUILTIN", "IS_MODULE", "IS_REACHABLE"})
MAX_BRACKETS = 50
MAX_TOKENS = 2000
_SPAN = 1 << 64  # all values have 64 bits (C11 6.10.1)
Macros = Mapping[str, str | None]  # bodies by name; None: it takes arguments, or has several meanings
Token = tuple[str, str]


_UNARY: Mapping[str, Callable[[int], int]] = MappingProxyType(
    {"!": operator.not_, "-": operator.neg, "~": operator.invert}
)
_COMPARED: Mapping[str, Callable[[int, int], bool]] = MappingProxyType(
    {
        "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt, "<=": operator.le,
        ">=": operator.ge,
    }
)  # fmt: skip
_CALCULATED: Mapping[str, Callable[[int, int], int]] = MappingProxyType(
    {
        "+": operator.add, "-": operator.sub, "*": operator.mul, "&": operator.and_, "|": operator.or_,
        "^": operator.xor,
    }
)  # fmt: skip


class Malformed(Exception):
    """A condition that is no expression."""


class _Unsigned(int):
    """A value of an unsigned type."""


class Config:
    """What ``#config`` says: names with values; what is asked is noted. ``constants``: those that are given a
    value, ``NAME = 0``. They are defined, whatever it is; others are if their value is not 0."""

    def __init__(self, values: Mapping[str, int], constants: frozenset[str] = frozenset()) -> None:
        self.values, self.constants = dict(values), constants
        self.used: set[str] = set()

    def key(self) -> frozenset[tuple[str, int, bool]]:
        """What is said, for comparisons."""
        return frozenset((name, value, name in self.constants) for name, value in self.values.items())

    def value(self, name: str) -> int | None:
        """The value of a name; None if nothing says it."""
        if name in self.values:
            self.used.add(name)
            return self.values[name]
        return ASSUMED.get(name)

    def constant(self, name: str) -> int | None:
        """The value of a name that is given one; None of ``NAME`` and ``!NAME``."""
        return self.value(name) if name in self.constants else None

    def defined(self, name: str) -> int | None:
        """Is a name defined? None if nothing says it."""
        value = self.value(name)
        return None if value is None else 1 if name in self.constants else int(value != 0)


class Meaning(NamedTuple):
    """What a text says of a name: ``there``: it is a macro; the ``body`` of one without arguments; ``open``:
    the names on whose values this depends."""

    there: bool
    body: str | None = None
    open: tuple[str, ...] = ()


class Said:
    """What is said of names by the text of the condition, above it, and by other texts. None: nothing."""

    def here(self, name: str) -> Meaning | None:
        """What the condition's own text says."""
        return None

    def elsewhere(self, name: str) -> Meaning | None:
        """What other texts say. ``#config`` goes before it."""
        return None


class _Without(Said):
    """What is said, but for one name."""

    def __init__(self, said: Said, name: str) -> None:
        self.said, self.name = said, name

    def here(self, name: str) -> Meaning | None:
        return None if name == self.name else self.said.here(name)

    def elsewhere(self, name: str) -> Meaning | None:
        return None if name == self.name else self.said.elsewhere(name)


class Condition:
    """The condition of an ``#if``. ``value`` is None if it is open; ``open`` has the names that it asks and
    that nothing says."""

    def __init__(self, text: str, config: Config, said: Said | None = None) -> None:
        self.config, self.said = config, said or Said()
        self.open: list[str] = []
        self.tokens = [*self._expanded(_tokens(text), frozenset()), ("end", "")]
        self.at = self.depth = 0
        self.value = self._choice()
        if self.tokens[self.at][0] != "end":
            raise Malformed(text)
        if self.value is not None:
            self.open = []

    def _meaning(self, name: str) -> Meaning | None:
        """What the texts say of a name; None where ``#config`` goes before them, or nothing is said."""
        if self.config.constant(name) is not None:
            return None
        here = self.said.here(name)
        if here is None and self.config.value(name) is None:
            return self.said.elsewhere(name)
        return here

    def _expanded(self, tokens: list[Token], inside: frozenset[str]) -> list[Token]:
        """Tokens in which macros without arguments are expanded, but for the operand of ``defined``."""
        out: list[Token] = []
        for at, (kind, text) in enumerate(tokens):
            before = [t for _, t in tokens[max(0, at - 2) : at] if t != "("]
            asked = bool(before) and before[-1] in _OPTIONS
            meaning = self._meaning(text) if kind == "name" and not asked and text not in inside else None
            body = meaning.body if meaning is not None and not meaning.open else None
            if body is None or not body.strip():
                out.append((kind, text))
                continue
            try:
                out += self._expanded(_tokens(body), inside | {text})
            except Malformed:
                out.append((kind, text))
            if len(out) > MAX_TOKENS:
                raise Malformed
        return out

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
        if isinstance(then, _Unsigned) and other is not None:
            other = _Unsigned(other % _SPAN)
        elif isinstance(other, _Unsigned) and then is not None:
            then = _Unsigned(then % _SPAN)
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
            for sign, function in _UNARY.items():
                if self._take(sign):
                    value = self._unary()
                    if value is None or sign == "!":
                        return None if value is None else int(not value)
                    return _fitted(function(value), isinstance(value, _Unsigned))
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
            return _number(text)
        if kind == "character":
            return character(text)
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
        if word == "defined":
            return self._is_defined(name)
        value = self._asked(name)
        if word == "IS_MODULE":
            return None if value is None else 0
        return None if value is None else int(value != 0)

    def _is_defined(self, name: str) -> int | None:
        meaning = self._meaning(name)
        if meaning is not None:
            self._opened(*meaning.open)
            return None if meaning.open else int(meaning.there)
        value = self.config.defined(name)
        if value is None:
            self._opened(name)
        return value

    def _asked(self, name: str) -> int | None:
        """The value of a name that stands for no other tokens."""
        meaning = self._meaning(name)
        if meaning is not None and meaning.open:
            self._opened(*meaning.open)
            return None
        if meaning is not None and not meaning.there:
            return 0
        if (
            meaning is not None and meaning.body and meaning.body.strip()
        ):  # asked by IS_ENABLED(), or of itself
            inner = Condition(meaning.body, self.config, _Without(self.said, name))
            self._opened(*inner.open)
            return inner.value
        value = self.config.value(name)
        if value is None:
            self._opened(name)
        return value

    def _opened(self, *names: str) -> None:
        self.open += [name for name in names if name not in self.open]

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
    unsigned = isinstance(a, _Unsigned) or (isinstance(b, _Unsigned) and sign not in ("<<", ">>"))
    if unsigned and sign not in ("<<", ">>"):
        a, b = int(a) % _SPAN, int(b) % _SPAN
    if sign in ("/", "%"):
        if not b:
            raise Malformed
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)  # C rounds towards 0
        return _fitted(quotient if sign == "/" else a - quotient * b, unsigned)
    if sign in ("<<", ">>"):
        if not 0 <= b < 64:
            raise Malformed
        return _fitted(a << b if sign == "<<" else a >> b, unsigned)
    if sign in _COMPARED:
        return int(_COMPARED[sign](a, b))
    return _fitted(_CALCULATED[sign](a, b), unsigned)


def _fitted(value: int, unsigned: bool) -> int:
    """A value in 64 bits."""
    value %= _SPAN
    return _Unsigned(value) if unsigned else value - _SPAN if value >= _SPAN // 2 else value


def _number(text: str) -> int:
    digits = text.rstrip("uUlL")
    value = int(digits, 8) if re.fullmatch(r"0[0-7]+", digits) else int(digits, 0)
    return _Unsigned(value) if "u" in text[len(digits) :].lower() or value >= _SPAN // 2 else value


def _tokens(text: str) -> list[Token]:
    """The tokens of a condition, or of a macro's body. Raises ``Malformed``."""
    out: list[Token] = []
    at = 0
    while True:
        found = _TOKEN.match(text, at)
        if not found or len(out) > MAX_TOKENS:
            raise Malformed(text)
        kind = found.lastgroup or "end"
        if kind == "end":
            return out
        out.append((kind, found.group(kind)))
        at = found.end()


def undecided(names: list[str], text: str, span: Span) -> Diagnostic:
    """The error about a condition that is open."""
    flags = {n for n in names if re.search(rf"(?:def(?:ined)?\s*\(?|IS_\w+\s*\()\s*{n}\b", text)}
    said = " and ".join(f"{n} or !{n}" if n in flags else f"{n} = …, or !{n}" for n in names)
    said = said or "what it asks"
    return Diagnostic("config", f"nothing decides {text.strip()}", span, f"write #config {said}")
