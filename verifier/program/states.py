"""The text of final states."""

from __future__ import annotations

from collections.abc import Sequence

from verifier.program.events import Program
from verifier.program.values import Value


def state_line(program: Program, state: tuple[Value, ...]) -> str:
    """A final state (values of ``program.shown`` in order) as herd7 prints it, without its count."""
    return state_lines(program, [state])[0]


def state_lines(program: Program, states: Sequence[tuple[Value, ...]]) -> list[str]:
    """``state_line`` for several states."""
    columns = [_Column(program, index) for index in program.shown]
    return [" ".join([column[v] for column, v in zip(columns, state, strict=True)]) for state in states]


class _Column(dict[Value, str]):
    """The texts of an observable's values; each is made once."""

    def __init__(self, program: Program, index: int) -> None:
        self.label, self.naming, self.index = program.observables[index].label, program.naming, index

    def __missing__(self, value: Value) -> str:
        text = self[value] = f"{self.label}={self.naming.observed(self.index, value)};"
        return text
