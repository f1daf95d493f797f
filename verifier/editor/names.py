"""What each name in a litmus file means: the place where it is declared, or the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Literal

from verifier.editor.declared import REGISTER, Declaration, Declarations, is_type
from verifier.editor.files import Files, Included
from verifier.editor.keywords import (
    CONDITIONS,
    CPU_STATES,
    DECLARED_AS,
    EXPECTED_WORDS,
    FINALS,
    OTHER_WORDS,
    STATEMENT_WORDS,
)
from verifier.editor.scan import MAX_GUARD, WITH_CODE, ColumnCell, Litmus, Section, cells
from verifier.lower.x86.table import REGISTER_NAMES
from verifier.patterns import pattern
from verifier.program.values import ATTRIBUTES
from verifier.records import NamedTuple
from verifier.words.guards import GUARDS
from verifier.words.loops import LOOPS
from verifier.words.table import CONSTANT_MASKS, CPU_COUNTS, INITIALIZERS, NAMED_VALUES, ROOTS, WORDS

Role = Literal[
    "shared", "local", "label", "field", "variant", "tag", "type", "word", "value", "keyword", "state",
    "setting", "cpu", "bound", "kernel", "register", "opcode", "directive",
]  # fmt: skip

VALUES = frozenset(
    {
        *NAMED_VALUES,
        *CONSTANT_MASKS,
        *INITIALIZERS,
        *ROOTS,
        *CPU_COUNTS,
        *ATTRIBUTES,
        "init_mm",
        "fault",
        "current",
    }
)
_TAKES_MEMBER = pattern(r"container_of|kfree_rcu\w*|\w*_entry(_\w+)?|\w*for_each_entry\w*|offsetof")
_ENTRIES = pattern(r"[a-z]*list_for_each_entry\w*")
_PROGRAM = pattern(r"P\d+")
_IN_GUARDS = frozenset("!&|()")
_SIZES = frozenset({"byte", "word", "dword", "qword", "ptr", "lock"})


class Occurrence(NamedTuple):
    """A name, where it stands, and what it means there. ``scopes``: of a local or a label, the scopes it may
    be in; several if ``c:r0`` asks about any CPU."""

    at: int
    name: str
    start: int
    end: int
    role: Role
    scopes: tuple[str, ...] = ()


class KnownNames:
    """The names of a file and of what it includes."""

    def __init__(self, litmus: Litmus, included: Sequence[Included] = ()) -> None:
        self.litmus, self.own = litmus, Declarations(litmus)
        self.included = [(i, Declarations(i.litmus)) for i in included]

    @classmethod
    def of(cls, litmus: Litmus, files: Files) -> KnownNames:
        """The names of a file, whose includes are looked for in ``files``."""
        return cls(litmus, list(files.includes(litmus)))

    # -- declarations ---------------------------------------------------------------------------------

    @property
    def every(self) -> Iterator[Declarations]:
        """What the file declares, then what its includes declare."""
        yield self.own
        for _, declared in self.included:
            yield declared

    def shared(self, name: str) -> Declaration | None:
        """The object, constant or function of a name."""
        return next((d.shared[name] for d in self.every if name in d.shared), None)

    def struct(self, name: str) -> Declaration | None:
        """The struct of a name."""
        return next((d.structs[name] for d in self.every if name in d.structs), None)

    def field(self, name: str) -> Declaration | None:
        """The first field of a name."""
        return next((d.fields[name] for d in self.every if name in d.fields), None)

    def local(self, name: str, scopes: Sequence[str]) -> Declaration | None:
        """The declaration of a local; None for registers, which need none."""
        return next((self.own.locals[s][name] for s in scopes if name in self.own.locals.get(s, {})), None)

    # -- occurrences ----------------------------------------------------------------------------------

    @cached_property
    def occurrences(self) -> list[Occurrence]:
        """All names of the file, in its order."""
        return sorted(_Roles(self).all(), key=lambda o: o.at)

    @cached_property
    def _by_token(self) -> dict[int, Occurrence]:
        return {o.at: o for o in self.occurrences}

    def at(self, offset: int) -> Occurrence | None:
        """The name at an offset."""
        number = self.litmus.at(offset)
        if number is None or self.litmus.in_comment(offset):
            return None
        return self._by_token.get(number)

    def same(self, one: Occurrence) -> list[Occurrence]:
        """All occurrences in the file that mean the same as one of them."""
        return [
            o
            for o in self.occurrences
            if o.name == one.name
            and o.role == one.role
            and (not one.scopes or bool(set(o.scopes) & set(one.scopes)))
        ]


class _Roles:
    """Finds out what names mean, section by section."""

    def __init__(self, names: KnownNames) -> None:
        self.names, self.own, self.litmus = names, names.own, names.litmus
        self.tokens = self.litmus.tokens

    def all(self) -> Iterator[Occurrence]:
        """All names of the file."""
        at = 0
        for section in self.litmus.sections:
            yield from self._variants(at, section.first)
            yield from self._section(section)
            at = section.last + 1
        yield from self._variants(at, len(self.tokens))

    def _made(self, at: int, role: Role, scopes: tuple[str, ...] = ()) -> Occurrence:
        token = self.tokens[at]
        return Occurrence(at, token.text, token.start, token.end, role, scopes)

    def _word(self, at: int) -> str:
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def _named(self, first: int, end: int) -> Iterator[int]:
        return (n for n in range(first, end) if self.tokens[n].kind == "name")

    def _variants(self, first: int, end: int) -> Iterator[Occurrence]:
        """The names in guards between two sections."""
        for at in self._named(first, end):
            yield self._made(at, "keyword" if self._word(at) == "else" else "variant")

    def _section(self, section: Section) -> Iterator[Occurrence]:
        if self.litmus.assembly and section.kind == "table":
            return self._table(section)
        if section.kind in WITH_CODE:
            return self._code(section)
        if section.kind == "final":
            return self._final(section)
        if section.kind == "initial":
            return self._initial(section)
        if section.kind in ("variants", "expect", "unroll"):
            return self._expectations(section)
        if section.kind == "enum":
            return self._enum(section)
        if section.kind == "struct":
            return self._struct(section)
        return self._directive(section)

    # -- sections without code -------------------------------------------------------------------------

    def _directive(self, section: Section) -> Iterator[Occurrence]:
        for at in self._named(section.first, section.last + 1):
            yield self._made(at, "directive" if at == section.first + 1 else "kernel")

    def _expectations(self, section: Section) -> Iterator[Occurrence]:
        for at in self._named(section.first, section.last + 1):
            before = self._word(at - 1)
            if at == section.first or self._word(at) in EXPECTED_WORDS:
                yield self._made(at, "keyword")
            elif section.kind == "variants" and before in ("{", ";", ":"):
                yield self._made(at, "variant")
            else:
                yield self._made(at, "setting")

    def _enum(self, section: Section) -> Iterator[Occurrence]:
        for at in self._named(section.first, section.last + 1):
            if at < section.body:
                yield self._made(at, "keyword" if at == section.first else "tag")
            else:
                yield self._made(at, "shared")

    def _struct(self, section: Section) -> Iterator[Occurrence]:
        depth = 0
        for at in range(section.first, section.last + 1):
            word = self._word(at)
            depth += (word == "[") - (word == "]")
            if self.tokens[at].kind != "name":
                continue
            before, after = self._word(at - 1), self._word(at + 1)
            if word in ("struct", "union", "typedef", "enum"):
                yield self._made(at, "keyword")
            elif before in ("struct", "union", "enum") or at > section.last - 2:
                yield self._made(at, "tag")
            elif depth or before == ":":
                yield self._made(at, self._free(at))
            elif after in (";", ",", "[", ":", ")") and not is_type(self.tokens, at):
                yield self._made(at, "field")
            else:
                yield self._made(at, "type")

    def _initial(self, section: Section) -> Iterator[Occurrence]:
        guarded = self._guarded(section)
        for at in self._named(section.first, section.last + 1):
            word, before, after = self._word(at), self._word(at - 1), self._word(at + 1)
            if at in guarded:
                yield self._made(at, "keyword" if word == "else" else "variant")
            elif before == ".":
                yield self._made(at, "field")
            elif before in ("struct", "union", "enum"):
                yield self._made(at, "tag")
            elif word in DECLARED_AS and self.tokens[min(at + 1, section.last)].kind == "name":
                yield self._made(at, "keyword")
            elif is_type(self.tokens, at):
                yield self._made(at, "type")
            elif _PROGRAM.fullmatch(word) and after in (":", ".."):
                yield self._made(at, "cpu")
            elif before == ":":
                yield self._of_cpu(at)
            else:
                yield self._made(at, self._free(at))

    def _of_cpu(self, at: int) -> Occurrence:
        """The name after ``1:`` or ``0..1:``."""
        word = self._word(at)
        if self.litmus.assembly:
            return self._made(at, "register")
        scopes = self._groups(at - 2)
        here = [s for s in scopes if word in self.own.locals.get(s, {})]
        declared = self.names.shared(word)
        if word in CPU_STATES and not here and declared is None:
            return self._made(at, "state")
        if declared is not None and not here:
            return self._made(at, "shared")
        return self._made(at, "local", scopes)

    def _groups(self, at: int) -> tuple[str, ...]:
        """The groups of programs that a number or a name of a CPU may mean; ``at``: the last token of it."""
        cpu = self._cpu(at)
        if self._word(at - 1) == "..":
            low, high = self._cpu(at - 2), cpu
            if low is None or high is None:
                return self.own.groups_of(None)
            return tuple(
                dict.fromkeys(g for c in range(low, min(high, 64) + 1) for g in self.own.groups_of(c))
            )
        return self.own.groups_of(cpu)

    def _cpu(self, at: int) -> int | None:
        word = self._word(at)
        number = word[1:] if _PROGRAM.fullmatch(word) else word
        return int(number) if number.isdecimal() else None

    def _free(self, at: int) -> Role:
        """A name that is no local: the file's own, or one of the vocabulary."""
        word = self._word(at)
        if self.names.shared(word) is not None:
            return "shared"
        if word in WORDS or word in LOOPS or word in OTHER_WORDS or _ENTRIES.fullmatch(word):
            return "word"
        if word in VALUES or word.startswith(("GFP_", "__GFP_")):
            return "value"
        return "shared"

    def _guarded(self, section: Section) -> set[int]:
        """The tokens of the guards inside a section."""
        found: set[int] = set()
        for opening in range(section.first, section.last + 1):
            if self._word(opening) != "[":
                continue
            closing = opening + 1
            while closing < min(section.last, opening + MAX_GUARD) and (
                self.tokens[closing].kind == "name" or self._word(closing) in _IN_GUARDS
            ):
                closing += 1
            if self._word(closing) == "]" and self._is_guard(opening, closing, section):
                found.update(range(opening, closing + 1))
        return found

    def _is_guard(self, opening: int, closing: int, section: Section) -> bool:
        """Are these brackets a guard, and not those of an array or of ``[x] = 1``?"""
        inside = (self._word(n) for n in self._named(opening, closing))
        before = self._word(opening - 1)
        if before in (")", "else", "do") or (before == ":" and section.kind != "initial"):
            return all(w in self.own.variants or w == "else" for w in inside)
        return before in ("{", "}", ";", ",", "]") and self._word(closing + 1) != "="

    # -- conditions -------------------------------------------------------------------------------------

    def _final(self, section: Section) -> Iterator[Occurrence]:
        bound: set[str] = set()
        skip = -1
        for at in self._named(section.first, section.last + 1):
            word, before, after = self._word(at), self._word(at - 1), self._word(at + 1)
            if at <= skip:
                continue
            if word in ("some", "all") and self._word(at + 2) == "in":
                bound.add(self._word(at + 1))
                yield from (
                    self._made(at, "keyword"),
                    self._made(at + 1, "bound"),
                    self._made(at + 2, "keyword"),
                )
                skip = at + 2
                for number in range(at + 3, min(at + 6, section.last + 1)):
                    skip = number
                    if self.tokens[number].kind == "name":
                        yield self._made(number, self._free(number))
                    if self._word(number + 1) == ":":
                        break
            elif at == section.first or word in FINALS or (word == "in" and before in bound):
                yield self._made(at, "keyword")
            elif before in (".", "->") and self._word(at - 1) == ".":
                yield self._made(at, "field")
            elif (before == ":" and at - 2 > skip) or (before == "%" and self._word(at - 2) == ":"):
                yield self._of_cpu(at)
            elif after == ":" and word in bound:
                yield self._made(at, "bound")
            elif after == ":" and _PROGRAM.fullmatch(word):
                yield self._made(at, "cpu")
            elif self.names.shared(word) is None and (word in CONDITIONS or is_type(self.tokens, at)):
                yield self._made(at, "keyword")
            else:
                yield self._made(at, self._free(at))

    # -- code -------------------------------------------------------------------------------------------

    def _code(self, section: Section) -> Iterator[Occurrence]:
        scope, guarded = self.own.scope(section), self._guarded(section)
        for at in self._named(section.first, section.last + 1):
            if at < section.body:
                yield self._heading(at, section, scope)
            elif at in guarded:
                yield self._made(at, "keyword" if self._word(at) == "else" else "variant")
            else:
                yield self._statement(at, section, scope)

    def _heading(self, at: int, section: Section, scope: str) -> Occurrence:
        word = self._word(at)
        if word == "nmi":
            return self._made(at, "keyword")
        if _PROGRAM.fullmatch(word):
            return self._made(at, "cpu")
        if self._word(at - 1) in ("struct", "union", "enum"):
            return self._made(at, "tag")
        local = self.own.locals[scope].get(word)
        if local is not None and local.kind == "parameter" and local.start == self.tokens[at].start:
            return self._made(at, "local", (scope,))
        if is_type(self.tokens, at) or (
            section.kind == "function" and self._word(at + 1) not in ("(", ",", ")")
        ):
            return self._made(at, "type")
        return self._made(at, "shared")

    def _statement(self, at: int, section: Section, scope: str) -> Occurrence:
        word, before, after = self._word(at), self._word(at - 1), self._word(at + 1)
        if before in (".", "->"):
            return self._made(at, "field")
        if before in ("struct", "union", "enum"):
            return self._made(at, "tag")
        if word in STATEMENT_WORDS:
            return self._made(at, "keyword")
        if before == "goto" or (after == ":" and before in (";", "{", "}", ")")):
            return self._made(at, "label", (scope,))
        if before == "(" and self._word(at - 2) in ("guard", "scoped_guard") and word in GUARDS:
            return self._made(at, "word")
        if after in (")", ".", "[") and before == "," and self._takes_member(at):
            return self._made(at, "field")
        if word in self.own.locals[scope]:
            return self._made(at, "local", (scope,))
        if is_type(self.tokens, at):
            return self._made(at, "type")
        if REGISTER.fullmatch(word) and self.names.shared(word) is None:
            return self._made(at, "local", (scope,))
        return self._made(at, self._free(at))

    def _takes_member(self, at: int) -> bool:
        """Is a token in the last argument of the call around it, and is that the name of a field?"""
        depth, number = 0, at
        while depth >= 0:
            number += 1
            word = self._word(number)
            depth += (word in ("(", "[")) - (word in (")", "]"))
            if word in (",", ";", "") and depth <= 0:
                return False
        depth = 0
        for number in range(at, max(0, at - 200), -1):
            word = self._word(number)
            depth += (word == ")") - (word == "(")
            if depth < 0:
                return bool(_TAKES_MEMBER.fullmatch(self._word(number - 1)))
        return False

    # -- assembly ---------------------------------------------------------------------------------------

    def _table(self, section: Section) -> Iterator[Occurrence]:
        table = [(cell, self._in(cell)) for cell in cells(self.litmus, section)]
        labels: dict[int, set[str]] = {}
        for cell, inside in table:
            labels.setdefault(cell.column, set()).update(
                self._word(n) for n in inside if self._word(n + 1) == ":" and cell.row
            )
        for cell, inside in table:
            opcode = False
            for at in inside:
                yield self._in_cell(at, cell.row, cell.column, labels[cell.column], opcode)
                opcode = opcode or not (self._word(at + 1) == ":" or self._word(at).lower() == "lock")

    def _in(self, cell: ColumnCell) -> list[int]:
        """The names in a cell."""
        return list(self._named(self.litmus.before(cell.start), self.litmus.before(cell.end)))

    def _in_cell(self, at: int, row: int, column: int, labels: set[str], opcode: bool) -> Occurrence:
        word = self._word(at)
        if row == 0:
            return self._made(at, "cpu")
        if word.lower() == "lock" and not opcode:
            return self._made(at, "keyword")
        if word in labels and (self._word(at + 1) == ":" or opcode):
            return self._made(at, "label", (f"P{column}",))
        if not opcode:
            return self._made(at, "opcode")
        if word.lower() in REGISTER_NAMES:
            return self._made(at, "register")
        if word.lower() in _SIZES and self.names.shared(word) is None:
            return self._made(at, "keyword")
        return self._made(at, "shared")
