"""Finds variants of one file that are the same test."""

from __future__ import annotations

from verifier.program.events import Program
from verifier.records import fields, is_dataclass
from verifier.results import Verdict
from verifier.source import Diagnostic
from verifier.syntax.test import Test

# Fields that the judges do not look at.
_SHOWN_ONLY = frozenset({"span", "text", "warnings", "warns", "constants", "told", "origin"})


class _Numbers:
    """Numbers programs and their parts. Two that differ only in their places get the same number."""

    def __init__(self) -> None:
        self.known: dict[object, int] = {}
        # By id. The object is kept alive, so that its id stays unique.
        self.seen: dict[int, tuple[object, int]] = {}

    def of(self, x: object) -> int:
        """The number of a value, new or known."""
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
    """Remembers the variants of a file by their programs."""

    def __init__(self) -> None:
        self.numbers = _Numbers()
        self.first: dict[tuple[str, int], Test] = {}
        # By a rough shape: only variants of one shape are compared in full.
        self.alike: dict[object, list[tuple[Test, Program]]] = {}

    def add(self, verdict: Verdict) -> list[Diagnostic]:
        """Add a variant. Returns a warning if it is the same test as an earlier one."""
        program = verdict.program
        if program is None or not program.cpus:
            return []  # too large to be built
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
