"""What a run with the bad outcome has to do with statements: edits without influence on it do not help."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verifier.program.trace import Trace
from verifier.source import Span
from verifier.syntax import ast
from verifier.why.sites import Key, called, calls, key
from verifier.words.table import WORDS


class BadRun:
    """A run of a program, told as ``witness``. Without one, every statement counts."""

    def __init__(self, witness: Trace | None, unit: ast.Unit) -> None:
        self.unit = unit
        self.executed = _executed(witness)
        self.apparent = _apparent(witness)
        self.hangs = witness is not None and bool(witness.waits)
        self._noticed: dict[Key, bool] = {}  # by statement

    @property
    def known(self) -> bool:
        """Is there a run?"""
        return bool(self.executed)

    def executes(self, s: ast.Stmt) -> bool:
        """May the run execute a statement? A call of a function counts."""
        if not self.known or any(_within(at, s.span) for at in self.executed):
            return True
        return any(x.name in self.unit.functions or x.name not in WORDS for x in calls(s)) or not any(
            calls(s)
        )

    def notices(self, s: ast.Stmt) -> bool:
        """Has a statement, with the functions that it calls, an event of the run that others could
        notice?"""
        if not self.known:
            return True
        if key(s.span) not in self._noticed:
            self._noticed[key(s.span)] = any(
                _within(at, part) for part in self._reaching(s) for at in self.apparent
            )
        return self._noticed[key(s.span)]

    def matters(self, moved: ast.Stmt, over: Sequence[ast.Stmt]) -> bool:
        """May it matter to the run that a statement moves over others? A run that hangs never comes to what
        is behind the place where it waits; it does if that moves in front."""
        here, there = self.notices(moved), any(map(self.notices, over))
        if not self.hangs:
            return here and there
        behind, some_behind = not self._done(moved), not all(map(self._done, over))
        return (here or behind) and (there or some_behind) and (here or there)

    def _done(self, s: ast.Stmt) -> bool:
        return any(_within(at, s.span) for at in self.executed)

    def _reaching(self, s: ast.Stmt) -> Iterator[Span]:
        """The statement, and all functions that it may call or ask others to call."""
        yield s.span
        yield from (body.span for body in called(self.unit, [s]))


def _within(at: Key, span: Span) -> bool:
    return at[0] == span.source.name and span.start <= at[1] and at[2] <= span.end


def _executed(witness: Trace | None) -> set[Key]:
    """The places of the events of a run."""
    spans = (s.event.span for s in witness.steps if s.event is not None) if witness is not None else ()
    return {key(span) for span in spans if span is not None}


def _apparent(witness: Trace | None) -> set[Key]:
    """The places of the events of a run of which the order matters to others: all but plain accesses to what
    no other code, and no page walk, touches in it. Such an access can come a bit earlier or later. In a run
    that hangs, others may come to touch it."""
    found: set[Key] = set()
    users: dict[str, set[int]] = {}  # by cell: the bodies that touch it, -1 for all that is no access
    steps, waits = (witness.steps, witness.waits) if witness is not None else ((), ())
    for step in steps:
        access = step.event is not None and step.kind in ("exec", "commit")
        for cell, _ in (*step.reads, *step.writes):
            users.setdefault(cell, set()).add(step.event.body if access and step.event is not None else -1)
    for step in steps:
        event = step.event
        if event is None or event.span is None:
            continue
        plain = not waits and event.op in ("R", "W") and not event.virtual and step.kind in ("exec", "commit")
        if not plain or any(len(users[cell]) > 1 for cell, _ in (*step.reads, *step.writes)):
            found.add(key(event.span))
    return found
