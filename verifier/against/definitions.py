"""Finds the functions and the types in preprocessed text, also those that macros make."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from verifier.against.preprocess import KEPT, Defined, Preprocessed, expand
from verifier.against.tokens import Token, spelled, tokens
from verifier.budget import Budget
from verifier.kernel.conditions import Condition, Config, Malformed
from verifier.patterns import pattern
from verifier.records import NamedTuple, dataclass, field

_BRACKET = pattern(r'[{}();]|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'')
_ENUM = pattern(r"\benum\b[^{};()=]*\{([^{}]*)\}")
_BEHIND = pattern(r"(?:\s+__\w+)+$")
_CALLED = pattern(r"\b([A-Za-z_]\w*)\s*\(")
_ATTRIBUTES = frozenset(
    {
        "__attribute__", "__attribute", "static", "inline", "__inline", "__inline__", "extern",
        "__extension__",
        "__signed__", "noinline", "__noreturn", "register",
    }
)  # fmt: skip


class Found(NamedTuple):
    """A function: its text at ``start`` .. ``end`` of what a tree compiles, expanded at ``time``; or its
    tokens, if a macro made it. ``place``: its file and line."""

    name: str
    text: str
    time: int
    place: str
    made: tuple[Token, ...] = ()


@dataclass(slots=True)
class Definitions:
    """The functions of preprocessed text, by name; of two definitions the last one."""

    of: Preprocessed
    functions: dict[str, Found] = field(default_factory=dict)
    _constants: dict[str, int] | None = None

    @property
    def constants(self) -> Mapping[str, int]:
        """The constants of all enums whose values are known without the values of others."""
        if self._constants is None:
            self._constants = {}
            for found in _ENUM.finditer(self.of.text):
                self._enumerate(found.group(1), self.of.piece(found.start()).time)
        return self._constants

    def _enumerate(self, inside: str, time: int) -> None:
        assert self._constants is not None
        value: int | None = -1
        for part in inside.split(","):
            name, _, given = part.partition("=")
            if not name.strip():
                continue
            if given.strip():
                value = self._number(given, time)
            elif value is not None:
                value += 1
            if value is not None:
                self._constants[name.strip()] = value

    def _number(self, text: str, time: int) -> int | None:
        assert self._constants is not None
        made = spelled(expand(self.of, tokens(text), time))
        known = self._constants
        made = re.sub(r"\b[A-Za-z_]\w*\b", lambda m: str(known.get(m[0], m[0])), made)
        try:
            return Condition(made, Config({})).value
        except (Malformed, ValueError):
            return None

    def tokens(self, found: Found) -> list[Token]:
        """A function as the compiler sees it, without attributes."""
        given = list(found.made) or tokens(found.text)
        return without_attributes(expand(self.of, given, found.time, KEPT))

    def macro(self, name: str) -> Defined | None:
        """What a name means after everything."""
        return self.of.macro(name, self.of.time)


def definitions(of: Preprocessed, budget: Budget) -> Definitions:
    """All functions of preprocessed text."""
    made = Definitions(of)
    for start, end, body in _items(of):
        budget.tick()
        if body < 0:
            for found in _expanded(of, start, end):
                made.functions[found.name] = found
            continue
        name = function_name(of.text[start:body])
        if name:
            made.functions[name] = Found(name, of.text[start:end], of.piece(start).time, of.place(start))
    return made


def _items(of: Preprocessed) -> Iterator[tuple[int, int, int]]:
    """The functions at the outer level: where each begins and ends, and where its braces open; -1 for a
    macro that makes definitions."""
    text, start = of.text, 0
    while True:
        start = _trimmed(text, start)
        made = _CALLED.match(text, start)
        if made is not None and _makes(of, made.group(1), of.piece(start).time):
            end = _closed(text, made.end() - 1)
            yield start, end, -1
            start = end
            continue
        item = _item(text, start)
        if item is None:
            return
        end, body = item
        if body >= 0:
            yield start, end, body
        start = end


def _item(text: str, start: int) -> tuple[int, int] | None:
    """Where what begins at ``start`` ends, and where its braces open if it is a function."""
    braces, brackets, body = 0, 0, -1
    for found in _BRACKET.finditer(text, start):
        mark = found.group()
        if mark == "{":
            if braces == 0 and brackets == 0 and body < 0:
                body = found.start()
            braces += 1
        elif mark == "}":
            braces = max(0, braces - 1)
            if braces == 0 and body == start:  # of a function whose head a macro made
                return found.end(), -1
            if braces == 0 and body >= 0 and is_head(text[start:body]):
                return found.end(), body
        elif mark == "(" and braces == 0:
            brackets += 1
        elif mark == ")" and braces == 0:
            brackets = max(0, brackets - 1)
        elif mark == ";" and braces == 0:
            return found.end(), -1
    return None


def _closed(text: str, at: int) -> int:
    """Where the bracket that opens at ``at`` has closed."""
    depth = 0
    for found in _BRACKET.finditer(text, at):
        depth += (found.group() == "(") - (found.group() == ")")
        if depth == 0:
            return found.end()
    return len(text)


def _trimmed(text: str, start: int) -> int:
    found = re.compile(r"\s*").match(text, start)
    return found.end() if found else start


def is_head(text: str) -> bool:
    """Could this stand before the body of a function? Attributes may stand behind its parameters."""
    text = _BEHIND.sub("", text.strip())
    return text.endswith(")") and "=" not in re.sub(r"\([^()]*\)", "", text)


def function_name(head: str) -> str:
    """The name of the function whose head this is; empty if it is none."""
    names = [t for t in without_attributes(tokens(head))]
    depth = 0
    for at, token in enumerate(names):
        if token.text == "(" and depth == 0 and at and names[at - 1].kind == "name":
            return names[at - 1].text
        depth += (token.text == "(") - (token.text == ")")
    return ""


def _makes(of: Preprocessed, name: str, time: int) -> bool:
    """Is a name a macro with arguments? Where a definition would begin, it makes some, or nothing."""
    macro = of.macro(name, time)
    return macro is not None and macro.parameters is not None


def _expanded(of: Preprocessed, start: int, end: int) -> Iterator[Found]:
    """The functions that a macro makes."""
    time = of.piece(start).time
    made = without_attributes(expand(of, tokens(of.text[start:end]), time, KEPT))
    place = of.place(start)
    at, depth, brackets, first, body = 0, 0, 0, 0, -1
    for at, token in enumerate(made):
        mark = token.text if token.kind == "mark" else ""
        if mark == "{":
            if depth == 0 and brackets == 0 and body < 0:
                body = at
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0 and body >= 0:
                head = spelled(made[first:body])
                name = function_name(head) if is_head(head) else ""
                if name:
                    yield Found(name, "", time, place, tuple(made[first : at + 1]))
                    first, body = at + 1, -1
        elif mark in "()" and mark and depth == 0:
            brackets += (mark == "(") - (mark == ")")
        elif mark == ";" and depth == 0:
            first, body = at + 1, -1


def without_attributes(given: list[Token]) -> list[Token]:
    """Tokens without what tells a compiler how to compile."""
    out: list[Token] = []
    at = 0
    while at < len(given):
        token = given[at]
        if token.text in ("__attribute__", "__attribute", "_Pragma", "__declspec") and at + 1 < len(given):
            at = closing(given, at + 1) + 1
            continue
        if token.text not in _ATTRIBUTES:
            out.append(token)
        at += 1
    return out


def closing(given: list[Token], at: int) -> int:
    """Where the bracket that opens at ``at`` closes."""
    depth = 0
    for i in range(at, len(given)):
        if given[i].kind == "mark":
            depth += given[i].text in ("(", "[", "{")
            depth -= given[i].text in (")", "]", "}")
            if depth == 0:
                return i
    return len(given) - 1
