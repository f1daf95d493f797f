"""Finds what a C file of a kernel tree defines, without running a preprocessor.

Comments, directives and the branches of ``#if`` that are not compiled become blanks of the same length, so
that every offset stays that of the file. A condition that nothing decides is ``open``: its first branch is
kept, and it is an error for whatever lies in it or around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from verifier.kernel.conditions import Condition, Config, Macros, Malformed, Meaning, Said
from verifier.patterns import pattern
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Source

_KEPT_FILES = 64  # how many files are kept as a configuration compiles them
Kind = Literal["function", "struct", "typedef", "alias", "enum", "object"]


class Macro(NamedTuple):
    """A ``#define``: ``parameters`` is None without brackets; its body lies at ``start`` .. ``end``."""

    name: str
    parameters: tuple[str, ...] | None
    start: int
    end: int
    at: int

    @property
    def rest(self) -> str:
        """The name of all the arguments that it takes besides; "" if it takes none."""
        last = self.parameters[-1] if self.parameters else ""
        return "" if not last.endswith("...") else last.removesuffix("...").strip() or "__VA_ARGS__"


class MacroChange(NamedTuple):
    """From ``at`` on a name stands for ``macro``; for none after an ``#undef``."""

    at: int
    macro: Macro | None


class Definition(NamedTuple):
    """What the file defines at ``start`` .. ``end``; ``body`` is where its braces open. An ``alias`` is a
    typedef without braces, and its ``body`` is -1."""

    kind: Kind
    name: str
    start: int
    end: int
    body: int


class Open(NamedTuple):
    """A condition that nothing decides: its text at ``start`` .. ``end``, what it governs up to ``upto``, and
    the ``names`` that it asks."""

    start: int
    end: int
    upto: int
    names: list[str]


@dataclass(slots=True)
class _If:
    """An ``#if`` whose ``#endif`` is not reached. ``taken``: has a branch been compiled? None: open."""

    around: bool
    active: bool
    taken: bool
    start: int
    end: int
    names: list[str] | None = None


_COMMENT = pattern(r'/\*.*?\*/|//(?:[^\\\n]|\\.)*|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'', re.DOTALL)
_DIRECTIVE = pattern(r"^[ \t]*#[ \t]*(\w*)([^\n]*)", re.MULTILINE)
_DEFINE = pattern(r"\s+(\w+)(\(([^()]*)\))?")
_BEFORE_REST = pattern(r"(,\s*)##(?=\s*\w+\s*\))")  # f(x, ##args): without arguments there is no comma
# The head of a struct that is a lock, since v7.0 (version unchecked): linux/compiler-context-analysis.h.
_LOCK_STRUCT = pattern(r"\bcontext_lock_struct\(\s*(\w+)\s*\)(?=\s*\{)")
_GUARD = pattern(r"\s*#[ \t]*define[ \t]+(\w+)[ \t]*\n")
_BRACKET = pattern(r'[{}();]|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)+\'')
_TRAILING = pattern(
    r"(\b(__(?:cond_)?(?:acquires|releases)\w*|__must_hold\w*|__attribute__|__no_sanitize\w*)\s*\(.*\)"
    r"|\b__\w+|\bnotrace)\s*$",
    re.DOTALL,
)
_TAGGED = pattern(r"\b(typedef\s+)?\b(struct|union|enum)\b[^{};]*$")
_NO_DEFINITION = pattern(r"\s*(?:typedef|extern)\b")
_PERCPU = pattern(r"\b(DEFINE|DECLARE)_PER_CPU\w*\s*\(([^;]*?),\s*(\w+)\s*\)")
# What defines a lock, and the type of the lock.
LOCK = pattern(r"\bDEFINE_(MUTEX|SPINLOCK|RAW_SPINLOCK|RWLOCK)\s*\(\s*(\w+)\s*\)")
LOCKS = {
    "MUTEX": "struct mutex", "SPINLOCK": "spinlock_t", "RAW_SPINLOCK": "raw_spinlock_t",
    "RWLOCK": "rwlock_t",
}  # fmt: skip
# The name that a typedef gives: of a function or a pointer to one, else the last word.
_ALIAS = pattern(r"\(?\s*\*?\s*\b(\w+)\s*\)?\s*\([^;]*\)\s*;$|(\w+)\s*(?:\[[^\]]*\]\s*)*;$")
_ATTRIBUTE = pattern(r"\b__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)|\b__\w+\s*\([^()]*\)")
_OBJECT = pattern(r"\b(\w+)\s*(?:\[[^\]]*\]\s*)*(?:__\w+\s*)*(?:=|$)")


def blanked(text: str) -> str:
    """Spaces of the same length; newlines stay."""
    return "\n".join(" " * len(line) for line in text.split("\n"))


@dataclass(slots=True)
class Scanned:
    """A file as a configuration compiles it. ``active`` has blanks for all that is no code."""

    source: Source
    config: Config
    active: str = ""
    bare: str = ""  # without comments alone
    macros: dict[str, Macro] = field(default_factory=dict)  # at the end of the file
    changes: dict[str, list[MacroChange]] = field(default_factory=dict)  # by name, in the order of the file
    known: Macros = field(default_factory=dict)  # what other files say of names that nothing here says
    open: list[Open] = field(default_factory=list)
    _definitions: dict[tuple[Kind, str], Definition] | None = None

    @property
    def definitions(self) -> Mapping[tuple[Kind, str], Definition]:
        """What the file defines, by kind and name; of two definitions the last one."""
        if self._definitions is None:
            self._definitions = {(d.kind, d.name): d for d in _definitions(self.active)}
        return self._definitions

    def macro(self, name: str, at: int) -> Macro | None:
        """What a name stands for at an offset, by what the file says above it."""
        change = self._change(name, at)
        return change.macro if change is not None else None

    def undone(self, name: str, at: int) -> bool:
        """Does an ``#undef`` above an offset say that a name stands for nothing?"""
        change = self._change(name, at)
        return change is not None and change.macro is None

    def _change(self, name: str, at: int) -> MacroChange | None:
        return next((c for c in reversed(self.changes.get(name, ())) if c.at <= at), None)

    def body(self, macro: Macro) -> str:
        """The body of a macro, each character at its offset after ``macro.start``."""
        text = self.bare[macro.start : macro.end].replace("\\\n", " \n")
        return _BEFORE_REST.sub(lambda m: f"{m[1]}  ", text) if macro.rest else text

    def said(self, name: str) -> tuple[bool, str | None]:
        """Is a name a macro at the end of the file; and the body, of one without arguments."""
        macro = self.macros.get(name)
        if macro is None:
            return False, None
        return True, None if macro.parameters is not None else self.body(macro)

    def lines(self) -> list[str]:
        """The lines of the code that is compiled."""
        return self.active.split("\n")

    def around(self, start: int, end: int) -> list[Open]:
        """The open conditions that matter to what lies at ``start`` .. ``end``."""
        return [x for x in self.open if x.start < end and start < x.upto]

    def elsewhere(self, name: str) -> list[int]:
        """Where a name stands before a bracket or a brace in the text that is not compiled."""
        found = re.finditer(rf"\b{re.escape(name)}\b(?=\s*[({{])", self.bare)
        return [m.start() for m in found if not self.active[m.start() : m.end()].strip()]


@lru_cache(maxsize=_KEPT_FILES)
def _kept(
    source: Source, said: frozenset[tuple[str, int, bool]], known: frozenset[tuple[str, str | None]]
) -> Scanned:
    constants = frozenset(name for name, _, constant in said if constant)
    return scan(source, Config({name: value for name, value, _ in said}, constants), dict(known))


def scanned(source: Source, config: Config, known: Macros = MappingProxyType({})) -> Scanned:
    """``scan``, which is done once for a source, what ``#config`` says and what other files say."""
    made = _kept(source, config.key(), frozenset(known.items()))
    config.used |= made.config.used
    return made


def scan(source: Source, config: Config, known: Macros = MappingProxyType({})) -> Scanned:
    """A file under a configuration. ``known``: macros of other files, for questions that nothing else
    answers."""
    made = Scanned(source, config, known=known)
    made.bare = _uncommented(source.text, blanked)
    # A comment is one space, and a line that ends with a backslash goes on (C11 5.1.1.2).
    lines = _uncommented(source.text, lambda text: " " * len(text)).replace("\\\n", "  ")
    pieces: list[str] = []
    stack: list[_If] = []
    at, active = 0, True
    for found in _DIRECTIVE.finditer(lines):
        text = made.bare[at : found.start()]
        pieces += [text if active else blanked(text), blanked(made.bare[found.start() : found.end()])]
        at = found.end()
        word = found.group(1)
        if word in ("if", "ifdef", "ifndef"):
            stack.append(_opened(made, found, active))
        elif word in ("elif", "else") and stack:
            _other(made, stack[-1], found)
        elif word == "endif" and stack:
            done = stack.pop()
            active = done.around
            if done.names is not None and done.around:
                made.open.append(Open(done.start, done.end, found.end(), done.names))
            continue
        elif active and word == "define":
            _defined(made, found)
        elif active and word == "undef":
            _changed(made, (found.group(2).split() or [""])[0], found.start(), None)
        active = stack[-1].active if stack else True
    rest = made.bare[at:]
    code = "".join([*pieces, rest if active else blanked(rest)])
    made.active = _LOCK_STRUCT.sub(lambda m: f"struct {m[1]}".ljust(len(m[0])), code)
    return made


def _uncommented(text: str, blank: Callable[[str], str]) -> str:
    """A text whose comments are blank."""
    return _COMMENT.sub(lambda m: m.group() if m.group()[0] in "\"'" else blank(m.group()), text)


def _changed(made: Scanned, name: str, at: int, macro: Macro | None) -> None:
    """A name stands for a macro, or for nothing, from here on."""
    made.changes.setdefault(name, []).append(MacroChange(at, macro))
    made.macros.pop(name, None)
    if macro is not None:
        made.macros[name] = macro


class _Above(Said):
    """What a file says above a condition, and what other files say."""

    def __init__(self, made: Scanned) -> None:
        self.made = made

    def here(self, name: str) -> Meaning | None:
        if name not in self.made.changes:
            return None
        at = self.made.changes[name][-1].at
        asked = tuple(n for x in self.made.around(at, at + 1) for n in x.names)
        there, body = self.made.said(name)
        return Meaning(there, body, asked)

    def elsewhere(self, name: str) -> Meaning | None:
        return Meaning(True, self.made.known[name]) if name in self.made.known else None


def _opened(made: Scanned, found: re.Match[str], active: bool) -> _If:
    """An ``#if``, ``#ifdef`` or ``#ifndef``."""
    word, text = found.group(1), found.group(2)
    names: list[str] = []
    value: int | None
    if not active:
        return _If(False, False, True, found.start(), found.end())
    if word == "if":
        value, names = _decided(made, text)
    else:
        name = text.strip()
        following = _GUARD.match(found.string, found.end())
        if word == "ifndef" and following and following.group(1) == name:
            value = 0  # a file's guard against a second inclusion
        else:
            value, names = _decided(made, f"defined({name})")
        if value is not None:
            value = int(bool(value) == (word == "ifdef"))
    stands = value is None or bool(value)
    return _If(True, stands, stands, found.start(), found.end(), names if value is None else None)


def _decided(made: Scanned, text: str) -> tuple[int | None, list[str]]:
    try:
        asked = Condition(text, made.config, _Above(made))
        return asked.value, asked.open
    except (Malformed, ValueError, RecursionError):
        return None, []


def _other(made: Scanned, inside: _If, found: re.Match[str]) -> None:
    """An ``#elif`` or ``#else``."""
    if not inside.around:
        return
    if inside.names is not None or inside.taken:
        inside.active = False  # of an open condition only the first branch is kept
        return
    value: int | None = 1
    if found.group(1) == "elif":
        value, names = _decided(made, found.group(2))
        if value is None:
            inside.names, inside.start, inside.end = names, found.start(), found.end()
    inside.active = inside.taken = value is None or bool(value)


def _defined(made: Scanned, found: re.Match[str]) -> None:
    """A ``#define``."""
    head = _DEFINE.match(found.group(2))
    if head is None:
        return
    parameters = None
    if head.group(2) is not None:
        parameters = tuple(p.strip() for p in head.group(3).split(",") if p.strip())
    start = found.start(2)
    macro = Macro(head.group(1), parameters, start + head.end(), found.end(), start + head.start(1))
    _changed(made, macro.name, found.start(), macro)


def _definitions(active: str) -> Iterator[Definition]:
    """The definitions at the outer level of a file."""
    start, braces, brackets, body, function = 0, 0, 0, -1, False
    for found in _BRACKET.finditer(active):
        mark = found.group()
        if mark == "{":
            if braces == 0 and brackets == 0:
                function = _is_head(active[_own(active, start, found.start()) : found.start()])
                body = found.start()
            braces += 1
        elif mark == "}":
            braces = max(0, braces - 1)
            if braces == 0 and function:
                yield from _function(active, start, found.end(), body)
                start, function, body, brackets = found.end(), False, -1, 0
        elif mark == "(":
            brackets += 1
        elif mark == ")":
            brackets = max(0, brackets - 1)
        elif mark == ";" and braces == 0 and not (brackets and _MAKER.match(active, start)):
            yield from _declaration(active, start, found.end(), body)
            start, body, brackets = found.end(), -1, 0


def _is_head(text: str) -> bool:
    """Is this what stands before the body of a function?"""
    text = text.rstrip()
    return _named(text) is not None


def _named(head: str) -> tuple[int, int] | None:
    """Where the name of a function stands in its head."""
    text = head.rstrip()
    while (found := _TRAILING.search(text)) and ")" in text[: found.start()]:
        text = text[: found.start()].rstrip()
    if not text.endswith(")"):
        return None
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] == ")") - (text[at] == "(")
        if depth == 0:
            name = re.search(r"(\w+)\s*$", text[:at])
            if name is None or "=" in text[:at]:
                return None
            return name.start(1), name.end(1)
    return None


# A macro on a line of its own before a definition, which makes others, as HPAGEFLAG(Freed, freed) and
# DEFINE_LOCK_GUARD_1(rq_lock, struct rq, …, struct rq *rq; struct rq_flags rf).
_MAKER = pattern(r"\s*[A-Z_][A-Z0-9_]*(?=\()")
_NEXT = pattern(r"[ \t]*\n\s*(?=\w)")


def _own(active: str, start: int, end: int) -> int:
    """Where a definition begins, after macros that make others."""
    while (maker := _MAKER.match(active, start, end)) is not None:
        after = _NEXT.match(active, _closed(active, maker.end(), end), end)
        if after is None:
            break
        start = after.end()
    return start


def _closed(active: str, opening: int, end: int) -> int:
    """Where what follows a bracket and the one that closes it begins."""
    depth = 0
    for at in range(opening, end):
        depth += (active[at] == "(") - (active[at] == ")")
        if depth == 0:
            return at + 1
    return end


# What defines a system call, the name of which is its first argument (linux/syscalls.h, linux/compat.h).
SYSCALL = pattern(r"\b(COMPAT_)?SYSCALL_DEFINE[0-6]\s*\(\s*(\w+)\s*(,?)")


def _function(active: str, start: int, end: int, body: int) -> Iterator[Definition]:
    start = _own(active, start, body)
    head = active[start:body]
    call = SYSCALL.search(head)
    if call is not None:
        name = f"{'compat_sys' if call[1] else 'sys'}_{call[2]}"
        yield Definition("function", name, start + call.start(), end, body)
        return
    where = _named(head)
    if where is not None:
        start += len(head) - len(head.lstrip())
        yield Definition("function", head[where[0] : where[1]], start, end, body)


def _declaration(active: str, start: int, end: int, body: int) -> Iterator[Definition]:
    """A type, an object, or nothing that anyone takes."""
    start = _own(active, start, end)
    text = active[start:end]
    start += len(text) - len(text.lstrip())
    found = _TAGGED.search(active[start:body]) if body >= 0 else None
    if found and "=" not in found.group() and ")" not in found.group():
        words = found.group().split()
        kind: Kind = "typedef" if found.group(1) else "enum" if found.group(2) == "enum" else "struct"
        if kind == "typedef":
            after = active[active.rindex("}", body, end) + 1 : end - 1]
            name = next(iter(re.findall(r"\b(?!__)\w+", after)), "")
        else:
            name = words[1] if len(words) > 1 else ""
        if name or kind == "enum":
            yield Definition(kind, name or f"@{start}", start, end, body)
        if kind == "typedef" and (len(words) > 2 or found.group(2) == "enum"):  # its tag is a name, too
            tag = words[2] if len(words) > 2 else f"@{start}"
            yield Definition("enum" if found.group(2) == "enum" else "struct", tag, start, end, body)
        return
    text = text.lstrip()  # comments are spaces, and may be long
    if text.startswith("typedef"):
        named = _ALIAS.search(_ATTRIBUTE.sub(lambda m: blanked(m.group()), text))
        if named:
            yield Definition("alias", named.group(1) or named.group(2), start, end, -1)
        return
    percpu = _PERCPU.search(text)
    if percpu:
        yield Definition("object", percpu.group(3), start, end, body)
        return
    lock = LOCK.search(text)
    if lock:
        yield Definition("object", lock.group(2), start, end, body)
        return
    if _NO_DEFINITION.match(text) or "(" in text.split("=")[0]:
        return
    found = _OBJECT.search(text.rstrip().rstrip(";").split("=")[0].rstrip())
    if found:
        yield Definition("object", found.group(1), start, end, body)
