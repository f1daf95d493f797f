"""What is said of the kernel's text that a test takes: what became of names in it, and what is missing."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal

from verifier.kernel.includes import FoundIn, Headers
from verifier.kernel.scan import Macro, Scanned
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.kernel import Cutter
from verifier.syntax.trouble import Trouble, nearest
from verifier.words.table import instead

Outcome = Literal["taken", "dropped", "omitted", "decided", "unused", "set", "not set"]


def _no_header(_: str) -> str:
    return ""


def _named(found: FoundIn, name: str) -> str:
    """A hint to take a name from a header."""
    if found.is_function:
        return f'take it: #kernel "{found.path}" {{ {name} }}'
    return f'name the file that defines it: #kernel "{found.path}"'


class Note(NamedTuple):
    """What became of a name in the kernel's text, where, and why."""

    outcome: Outcome
    name: str
    reason: str
    span: Span


@dataclass(slots=True)
class Resolved:
    """A unit whose kernel text is closed, and what became of that text."""

    unit: ast.Unit
    notes: list[Note] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    version: int | None = None  # LINUX_VERSION_CODE of the tree
    header: Callable[[str], str] = _no_header  # the one that defines a struct; "": none does


class Account:
    """What there is to say of one test, each trouble once."""

    def __init__(self, cutter: Cutter, functions: Collection[str], objects: Collection[str]) -> None:
        self.cutter, self.functions, self.objects = cutter, functions, objects
        self.headers = Headers(cutter.tree, cutter.files)
        self.notes: list[Note] = []
        self.troubles: dict[tuple[str, str], Diagnostic] = {}

    def trouble(self, code: str, message: str, span: Span, hint: str = "") -> None:
        """Something is wrong with the test, or with the text."""
        self.troubles.setdefault((code, message), Diagnostic(code, message, span, hint))

    def said(self, trouble: Trouble) -> None:
        """Something is wrong that another room has found."""
        d = trouble.diagnostic
        self.troubles.setdefault((d.code, f"{d.message} {d.span.start if d.span else 0}"), d)

    def note(self, outcome: Outcome, name: str, reason: str, span: Span) -> None:
        """Something became of a name."""
        self.notes.append(Note(outcome, name, reason, span))

    def unknown(self, name: str, span: Span) -> None:
        """An object that nothing declares."""
        where = self._defining(name)
        hint = nearest(name, self.objects)
        if where is not None:
            hint = f'declare it in the initial state, or take it: #kernel "{where}" {{ {name} }}'
        elif (found := self.headers.defining(name)) is not None:
            hint = _named(found, name)
        elif not hint:
            hint = "declare it in the initial state, or name the file that defines it in #kernel"
        self.trouble("unknown-name", f"there is no {name!r}", span, hint)

    def missing(self, name: str, span: Span) -> None:
        """A function that is neither taken nor a word."""
        where = self._defining(name)
        if where is not None:
            hint = f'take it: #kernel "{where}" {{ {name} }}; or leave it out: #without {name}'
        elif (found := self.headers.defining(name)) is not None:
            hint = f"{_named(found, name)}; or leave it out: #without {name}"
        else:
            hint = instead(name, self.functions)
            rest = f"name the file that defines it in #kernel, or leave it out: #without {name}"
            hint = f"{hint}; or {rest}" if hint else rest
        self.trouble("unresolved", f"there is no function {name!r}", span, hint)

    def no_loop(self, name: str, span: Span) -> None:
        """A macro in front of a statement that no file of the test defines."""
        text = f"there is no loop {name!r}"
        found = self.headers.defining(name)
        hint = "name the file that defines this macro in #kernel" if found is None else _named(found, name)
        self.trouble("unresolved", text, span, hint)

    def refused(self, file: Scanned, macro: Macro, why: str, span: Span) -> None:
        """A macro that cannot be expanded."""
        place = f"{file.source.name}:{Span(file.source, macro.at, macro.at).line}"
        hint = f"define it in the test, or write #without {macro.name}"
        if macro.parameters is None:
            hint = f"give it a value: #config {macro.name} = …"
        self.trouble("macro", f"{macro.name} ({place}) cannot be expanded: {why}", span, hint)

    def _defining(self, name: str) -> str | None:
        """The file that defines a function or an object, of those that the test names."""
        for path, file in self.cutter.files.items():
            if any((kind, name) in file.definitions for kind in ("function", "object")):
                return path
        return None
