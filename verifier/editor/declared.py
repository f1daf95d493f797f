"""What a litmus file or an include declares: objects, constants, functions, variants, locals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from verifier.editor.keywords import DECLARED_AS, TAGS, TYPE_WORDS
from verifier.editor.scan import WITH_CODE, Lexeme, Litmus, Section
from verifier.patterns import pattern
from verifier.records import NamedTuple

DeclaredKind = Literal[
    "object", "address", "constant", "function", "struct", "variant", "local", "parameter", "label"
]

REGISTER = pattern(r"r\d+")  # needs no declaration
_TYPE_NAME = pattern(r"\w+_t|_{0,2}[us](8|16|32|64|128)")
_TYPE_WORDS = frozenset({*TYPE_WORDS, *TAGS})
_HANDLES = frozenset(DECLARED_AS) - {"percpu"}
_LAST_CPU = 63


class Declaration(NamedTuple):
    """Where a name is declared, and the text that does so: ``text_start .. text_end``."""

    kind: DeclaredKind
    name: str
    litmus: Litmus
    start: int
    end: int
    text_start: int
    text_end: int
    percpu: bool = False

    @property
    def text(self) -> str:
        """The declaration, on one line."""
        return " ".join(self.litmus.bare[self.text_start : self.text_end].split()).rstrip(";,")


def is_type(tokens: list[Lexeme], at: int) -> bool:
    """Is a token a word of a type, as the grammar sees it?"""
    token = tokens[at]
    if token.kind != "name":
        return False
    after = tokens[at + 1].text if at + 1 < len(tokens) else ""
    if token.text in _TYPE_WORDS or (at and tokens[at - 1].text in TAGS):
        return True
    return bool(_TYPE_NAME.fullmatch(token.text)) and after not in ("(", "=")


def after_guards(tokens: list[Lexeme], at: int, last: int) -> int:
    """The first token that is not of a guard."""
    while at <= last and tokens[at].text == "[":
        end = at
        while end <= last and tokens[end].text != "]":
            end += 1
        if end + 1 <= last and tokens[end + 1].text == "=":
            return at  # [x] = 1
        at = end + 1
    return at


def pieces(tokens: list[Lexeme], first: int, last: int, ends: str = ";") -> Iterator[tuple[int, int]]:
    """The pieces between marks at the level of the first token, each as its first and its last token."""
    start, depth = first, 0
    for at in range(first, last + 1):
        word = tokens[at].text
        depth += (word in "({[") - (word in ")}]") if len(word) == 1 else 0
        if word in ends and depth <= 0:
            if at > start:
                yield start, at - 1
            start = at + 1
    if start <= last:
        yield start, last


class Declarations:
    """What one file declares.

    ``shared``    objects, addresses, constants and functions, by name: the first of each;
    ``structs``   by name; ``fields``: of all of them;
    ``variants``  by name;
    ``groups``    the CPUs of each program: programs that share a CPU are one group, named by its first one;
    ``locals``    those of each scope, by name. A scope is a group, or a function or an NMI, by its start.
    """

    def __init__(self, litmus: Litmus) -> None:
        self.litmus, self.tokens = litmus, litmus.tokens
        self.shared: dict[str, Declaration] = {}
        self.structs: dict[str, Declaration] = {}
        self.fields: dict[str, Declaration] = {}
        self.variants: dict[str, Declaration] = {}
        self.locals: dict[str, dict[str, Declaration]] = {}
        self.again: set[str] = set()  # shared names that are declared more than once
        for section in litmus.sections:
            if section.kind == "enum":
                self._enum(section)
            elif section.kind == "initial":
                self._initial(section)
            elif section.kind == "function":
                self._share(
                    "function", self._name_of(section), section.start, self.tokens[section.body].start
                )
            elif section.kind == "struct":
                self._struct(section)
            elif section.kind == "variants":
                self._variants(section)
        self.groups = self._grouped()
        for section in litmus.sections:
            if section.kind in WITH_CODE:
                self._locals(section)

    # -- CPUs ----------------------------------------------------------------------------------------

    def _grouped(self) -> dict[str, list[tuple[int, int]]]:
        groups: dict[str, list[tuple[int, int]]] = {}
        for section in self.litmus.sections:
            if section.kind != "thread":
                continue
            low, high = self.cpus(section)
            near = [g for g, rs in groups.items() if any(a <= high and low <= b for a, b in rs)]
            name = near[0] if near else section.name
            ranges = groups.setdefault(name, [])
            ranges += [(low, high)] if (low, high) not in ranges else []
            for other in near[1:]:
                groups[name] += groups.pop(other)
        return groups

    def cpus(self, section: Section) -> tuple[int, int]:
        """The CPUs of a program; up to the last one there may be, if a constant says how many."""
        low = int(section.name[1:])
        if section.first + 2 <= section.last and self.tokens[section.first + 1].text == "..":
            bound = self.tokens[section.first + 2]
            return low, int(bound.text) if bound.text.isdigit() else _LAST_CPU
        return low, low

    def scope(self, section: Section) -> str:
        """The scope of a section with code."""
        if section.kind != "thread":
            return f"{section.name}@{section.start}"
        low, _ = self.cpus(section)
        (found,) = self.groups_of(low)
        return found

    def groups_of(self, cpu: int | None) -> tuple[str, ...]:
        """The groups that a CPU may be in; None: any CPU."""
        if cpu is None:
            return tuple(self.groups)
        return tuple(g for g, rs in self.groups.items() if any(a <= cpu <= b for a, b in rs))

    # -- what is shared ------------------------------------------------------------------------------

    def _name_of(self, section: Section) -> Lexeme:
        """The token with the name of a function."""
        return next(
            t
            for n, t in enumerate(self.tokens[section.first : section.body], section.first)
            if t.text == section.name and self.tokens[n + 1].text == "("
        )

    def _share(self, kind: DeclaredKind, token: Lexeme, start: int, end: int, percpu: bool = False) -> None:
        if token.text in self.shared:
            self.again.add(token.text)
            return
        self.shared[token.text] = Declaration(
            kind, token.text, self.litmus, token.start, token.end, start, end, percpu
        )

    def _enum(self, section: Section) -> None:
        for first, last in pieces(self.tokens, section.body + 1, section.last, ends=",}"):
            if self.tokens[first].kind == "name":
                self._share("constant", self.tokens[first], self.tokens[first].start, self.tokens[last].end)

    def _initial(self, section: Section) -> None:
        end = section.last - (self.tokens[section.last].text == "}")
        for first, last in pieces(self.tokens, section.body + 1, end):
            self._item(after_guards(self.tokens, first, last), last)

    def _item(self, first: int, last: int) -> None:
        """One item of the initial state."""
        tokens, at = self.tokens, first
        percpu = at <= last and tokens[at].text == "percpu"
        at += percpu
        start = at
        handle = at < last and tokens[at].text in _HANDLES and tokens[at + 1].kind == "name"
        while at < last and (tokens[at].kind == "name" or tokens[at].text == "*"):
            if tokens[at + 1].kind != "name" and tokens[at + 1].text != "*":
                break
            at += 1
        if at < last and tokens[at + 1].text == "(" and at + 2 <= last and tokens[at + 2].text == "*":
            at += 3  # void (*hook)(int cpu)
        if at > last or tokens[at].kind != "name" or (at < last and tokens[at + 1].text == ":"):
            return
        alone = at == start
        after = tokens[at + 1].text if at < last else ""
        if not alone or (after in ("", "=", "[") and self.litmus.arch != "MM"):
            self._share("object", tokens[at], tokens[first].start, tokens[last].end, percpu=percpu)
        if handle or alone:
            self._addresses(at, last)

    def _addresses(self, first: int, last: int) -> None:
        """The virtual addresses that an mm or a table maps."""
        for at in range(first + 1, last):
            token, after = self.tokens[at], self.tokens[at + 1].text
            before = self.tokens[at - 1].text
            if token.kind == "name" and before in ("{", ",", "]") and after in ("->", "@"):
                self._share("address", token, self.tokens[first].start, self.tokens[last].end)

    def _struct(self, section: Section) -> None:
        tokens = self.tokens
        name = tokens[section.first + 1]
        self.structs.setdefault(
            section.name,
            Declaration(
                "struct", section.name, self.litmus, name.start, name.end, section.start, section.end
            ),
        )
        for first, last in pieces(tokens, section.body + 1, section.last, ends=";}{"):
            for at in range(first + 1, last + 1):
                before, after = tokens[at - 1], tokens[at + 1].text if at + 1 < len(tokens) else ""
                named = before.kind == "name" or before.text in ("*", ",")
                if tokens[at].kind == "name" and named and after in (";", ",", "[", ":", ")"):
                    token = tokens[at]
                    place = tokens[first].start, tokens[last].end
                    found = Declaration("object", token.text, self.litmus, token.start, token.end, *place)
                    self.fields.setdefault(token.text, found)

    def _variants(self, section: Section) -> None:
        end = section.last
        while end > section.body and self.tokens[end].text in (";", "}"):
            end -= 1
        for first, last in pieces(self.tokens, section.body + 1, end):
            token = self.tokens[first]
            if token.kind == "name":
                place = token.start, self.tokens[last].end
                found = Declaration("variant", token.text, self.litmus, token.start, token.end, *place)
                self.variants.setdefault(token.text, found)

    # -- locals --------------------------------------------------------------------------------------

    def _locals(self, section: Section) -> None:
        known = self.locals.setdefault(self.scope(section), {})
        if section.kind == "function":
            self._parameters(section, known)
        for at in range(section.body + 1, section.last + 1):
            if self._begins_statement(at) and is_type(self.tokens, at):
                self._declaration(at, section.last, known)

    def _begins_statement(self, at: int) -> bool:
        before = self.tokens[at - 1].text
        return before in ("{", "}", ";", "]", ":") or (before == "(" and self.tokens[at - 2].text == "for")

    def _parameters(self, section: Section, known: dict[str, Declaration]) -> None:
        tokens = self.tokens
        opening = next(n for n in range(section.first, section.body) if tokens[n].text == "(")
        for first, last in pieces(tokens, opening + 1, section.body - 2, ends=","):
            named = [n for n in range(first, last + 1) if tokens[n].kind == "name"]
            pointer = next((n + 2 for n in range(first, last - 1)
                            if tokens[n].text == "(" and tokens[n + 1].text == "*"), None)  # fmt: skip
            at = pointer if pointer is not None else named[-1] if len(named) > 1 else None
            if at is not None:
                self._local("parameter", tokens[at], tokens[first].start, tokens[last].end, known)

    def _declaration(self, at: int, last: int, known: dict[str, Declaration]) -> None:
        """``int a = 1, *b;``, ``void (*f)(int n) = g;``"""
        tokens, first = self.tokens, at
        while at <= last and is_type(tokens, at):
            at += 1
        if at <= last and tokens[at - 1].text.startswith(("typeof", "__typeof")):
            depth = 0
            while at <= last:
                depth += (tokens[at].text == "(") - (tokens[at].text == ")")
                at += 1
                if depth == 0:
                    break
        end = at
        depth = 0
        while end <= last and not (tokens[end].text == ";" and depth <= 0):
            depth += (tokens[end].text in ("(", "{", "[")) - (tokens[end].text in (")", "}", "]"))
            end += 1
        for start, stop in pieces(tokens, at, end - 1, ends=","):
            name = start
            while name <= stop and tokens[name].text in ("*", "("):
                name += 1
            if name <= stop and tokens[name].kind == "name":
                self._local("local", tokens[name], tokens[first].start, tokens[stop].end, known)

    def _local(
        self, kind: DeclaredKind, token: Lexeme, start: int, end: int, known: dict[str, Declaration]
    ) -> None:
        known.setdefault(
            token.text, Declaration(kind, token.text, self.litmus, token.start, token.end, start, end)
        )
