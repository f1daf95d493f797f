"""Columns of assembly that were lowered before: the tests of a suite have few different ones.

A column becomes the same code wherever it stands, but for the places in the source, if it has no labels and
its test declares no sizes of objects.
"""

from __future__ import annotations

from collections.abc import Sequence

from verifier.lower.code import Emit, Instruction, SetRegister
from verifier.lower.x86.thread import Column, RegisterAccess
from verifier.program.values import Ptr
from verifier.records import NamedTuple
from verifier.source import Span
from verifier.syntax import x86

Key = tuple[object, ...]
COLUMNS_KEPT = 10_000  # a few kilobytes each

KNOWN: dict[Key, KnownColumn] = {}

_SPAN = {kind: kind._fields.index("span") for kind in (Emit, SetRegister)}


class NamedAccess(NamedTuple):
    """An access that names its cell: by the column's instruction ``row``."""

    cell: Ptr
    bits: int
    written: bool
    row: int


class KnownColumn(NamedTuple):
    """What lowering a column has added to it, and what it has done to the objects of its test.

    ``code``: the instructions, without places, each with its row of the column; ``touched`` and ``taken``:
    the objects that it names, and of which the address is a value, in the order of their first mention.
    """

    code: tuple[tuple[Instruction, int], ...]
    written: frozenset[str]
    temporaries: int
    through: tuple[RegisterAccess, ...]
    touched: tuple[str, ...]
    taken: tuple[str, ...]
    accesses: tuple[NamedAccess, ...]

    def repeat(self, thread: Column, column: Sequence[x86.Placed]) -> None:
        """Do the same to a column of the same text."""
        objects, start = thread.objects, len(thread.code)
        for name in self.touched:
            objects.object(name)
        for name in self.taken:
            objects.taken(name)
        for cell, bits, written, row in self.accesses:
            objects.access(cell, bits, written, column[row].span)
        thread.code += [_placed(instruction, column[row].span) for instruction, row in self.code]
        thread.written |= self.written
        thread.temporaries = self.temporaries
        thread.through += [a._replace(at=a.at + start) for a in self.through]


def _placed(instruction: Instruction, span: Span | None) -> Instruction:
    """The same instruction at another place, or at none."""
    at = _SPAN[type(instruction)]  # type: ignore[index]
    return type(instruction)._make((*instruction[:at], span, *instruction[at + 1 :]))


class Recorder:
    """Stands between a column that is lowered from its first instruction on and the objects of its test, and
    notes what is done to them."""

    def __init__(self, thread: Column) -> None:
        self.thread, self.objects = thread, thread.objects
        self.rows: list[int] = []  # of the code
        self.row = 0
        self.touched: dict[str, None] = {}
        self.mentioned: dict[str, None] = {}
        self.accesses: list[NamedAccess] = []
        thread.objects = self

    def object(self, name: str) -> Ptr:
        """As ``SharedObjects``."""
        self.touched[name] = None
        return self.objects.object(name)

    def taken(self, name: str) -> Ptr:
        """As ``SharedObjects``."""
        self.touched[name] = self.mentioned[name] = None
        return self.objects.taken(name)

    def width(self, name: str) -> int:
        """As ``SharedObjects``."""
        return self.objects.width(name)

    def access(self, cell: Ptr, bits: int, written: bool, span: Span) -> None:
        """As ``SharedObjects``."""
        self.accesses.append(NamedAccess(cell, bits, written, self.row))
        self.objects.access(cell, bits, written, span)

    def lowered(self) -> None:
        """An instruction of the column is lowered."""
        self.rows += [self.row] * (len(self.thread.code) - len(self.rows))
        self.row += 1

    def end(self) -> None:
        """The column is lowered, and has its objects again."""
        self.thread.objects = self.objects

    def column(self) -> KnownColumn:
        """What was done."""
        thread = self.thread
        return KnownColumn(
            code=tuple((_placed(x, None), row) for x, row in zip(thread.code, self.rows, strict=True)),
            written=frozenset(thread.written),
            temporaries=thread.temporaries,
            through=tuple(thread.through),
            touched=tuple(self.touched),
            taken=tuple(self.mentioned),
            accesses=tuple(self.accesses),
        )


def keep(key: Key, column: KnownColumn) -> None:
    """Remember a column; all are forgotten once there are too many."""
    if len(KNOWN) >= COLUMNS_KEPT:
        KNOWN.clear()
    KNOWN[key] = column
