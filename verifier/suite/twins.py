"""Variants of one file that come out as the same test."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from verifier.program.events import Program
from verifier.results import Verdict
from verifier.source import Diagnostic
from verifier.syntax.test import Test

# What a judge does not look at.
_SHOWN_ONLY = frozenset({"span", "text", "warnings", "warns", "constants", "told"})


class _Numbers:
    """Numbers for programs and their parts: equal ones for what is equal but for where it stands."""

    def __init__(self) -> None:
        self.known: dict[object, int] = {}
        self.seen: dict[int, tuple[object, int]] = {}  # by id, with the object, so that ids stay its own

    def of(self, x: object) -> int:
        """The number of a value."""
        if not is_dataclass(x):
            return self._number(self._plain(x))
        if id(x) not in self.seen:
            parts = tuple(self.of(getattr(x, f.name)) for f in fields(x) if f.name not in _SHOWN_ONLY)
            self.seen[id(x)] = x, self._number((type(x), parts))
        return self.seen[id(x)][1]

    def _plain(self, x: object) -> object:
        if isinstance(x, dict):
            return dict, frozenset((self.of(k), self.of(v)) for k, v in x.items())
        if isinstance(x, frozenset | set):
            return frozenset, frozenset(map(self.of, x))
        if isinstance(x, tuple | list):
            return type(x), tuple(map(self.of, x))
        return type(x), x

    def _number(self, key: object) -> int:
        return self.known.setdefault(key, len(self.known))


class Alike:
    """Remembers the variants of a file by what they are made of."""

    def __init__(self) -> None:
        self.numbers = _Numbers()
        self.first: dict[tuple[str, int], Test] = {}
        self.alike: dict[object, list[tuple[Test, Program]]] = {}  # few have to be looked at closely

    def add(self, verdict: Verdict) -> list[Diagnostic]:
        """One more variant; a warning if it comes out as the same test as one before it."""
        program = verdict.program
        if program is None or not program.cpus:
            return []  # more than can be built
        shape = tuple((e.body, e.op, e.kind, len(e.accesses)) for e in program.events)
        known = self.alike.setdefault(shape, [])
        known.append((verdict.test, program))
        found: list[Diagnostic] = []
        for test, other in [] if len(known) == 1 else known if len(known) == 2 else known[-1:]:
            twin = self.first.setdefault((test.quantifier, self.numbers.of(other)), test)
            if twin is not test:
                message = f"variants {twin.variant} and {test.variant} are the same test"
                hint = "their programs and conditions are equal"
                found.append(Diagnostic("same-test", message, test.declared, hint, severity="warning"))
        return found
