"""What a lowering works with: values, places, locals, the frames of inlined functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.program.c_types import Type
from verifier.program.code import Instruction
from verifier.program.memory import Memory
from verifier.program.values import Expr
from verifier.source import Diagnostic, Span
from verifier.syntax import ast

MAX_COPIES = 20_000  # of functions and of loops' bodies


@dataclass(frozen=True, slots=True)
class Val:
    """A value: its expression over locals, and its type. ``bits``: a mask that is not in memory, by
    CPU. ``function``: its name, if it is one. ``data``: it was just read through a translation."""

    expr: Expr
    type: Type
    bits: tuple[Expr, ...] | None = None
    function: str = ""
    data: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Something in memory: its address and what it holds. ``virtual``: translated first; ``whole``:
    a struct itself, of which only fields can be read and written."""

    addr: Expr
    type: Type
    virtual: bool = False
    whole: bool = False


@dataclass(slots=True, eq=False)
class Local:
    """A local: its register, what it is declared to hold, what it was last seen to hold.

    ``fixed``: it stands for this value wherever it is mentioned (a parameter, a loop's counter).
    """

    reg: str
    declared: Type | None = None
    type: Type | None = None
    fixed: Val | None = None
    span: Span | None = None  # of its declaration


@dataclass(slots=True)
class Frame:
    """A function being inlined, or the thread itself."""

    prefix: str
    end: str
    scopes: list[dict[str, Local]] = field(default_factory=lambda: [{}])
    returned: Val | None = None
    labels: dict[str, Span | None] = field(default_factory=dict)  # None once defined
    exits: list[tuple[str, str]] = field(default_factory=list)  # (break, continue) targets


@dataclass(slots=True)
class Shared:
    """What all bodies of a test have in common.

    ``suspects``: warnings that are right unless something stores a page as data (``keeps_pages``).
    """

    unit: ast.Unit
    memory: Memory
    troubles: list[Diagnostic]
    handlers: dict[Any, tuple[Instruction, ...]] = field(default_factory=dict)
    counter: int = 0
    assigned: dict[int, set[str]] = field(default_factory=dict)  # by id of a function of the test
    pcids: set[Any] = field(default_factory=set)  # that CR3 is loaded with; None: known only at run time
    warnings: list[Diagnostic] = field(default_factory=list)
    suspects: list[Diagnostic] = field(default_factory=list)
    keeps_pages: bool = False
    budget: Budget = field(default_factory=Budget)
    copies: int = 0

    def copied(self, span: Span) -> None:
        """A function is inlined, or a turn of a loop written out, at ``span``. Raises ``LimitError`` for
        too many of them."""
        self.budget.tick()
        self.copies += 1
        if self.copies > MAX_COPIES:
            what = f"functions inlined and loops written out more than {MAX_COPIES} times"
            raise LimitError(f"{what}, the last one in {span.source.name}:{span.line}")
