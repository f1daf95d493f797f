"""What a lowering works with: values, places, locals, the frames of inlined functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.lower.c import types as t
from verifier.lower.c.lines import looked_at
from verifier.lower.c.memory import TestMemory
from verifier.lower.c.pointers import Pointers, pointers
from verifier.lower.c.structs import Bitfield
from verifier.lower.c.types import Type
from verifier.lower.code import Instruction, Touch
from verifier.program.expressions import FALSE, KERNEL, TRUE, Apply, Const, Expr, Reg, call
from verifier.program.values import Value
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.nodes import nodes_of

MAX_COPIES = 10_000  # of functions and of loops' bodies


class Spanned(Protocol):
    """What stands somewhere in the source: an expression, a statement, a parameter."""

    @property
    def span(self) -> Span:
        """Where."""


@dataclass(frozen=True, slots=True)
class Val:
    """A value: its expression over locals, and its type. ``bits``: a mask that is not in memory, by
    CPU. ``function``: its name, if it is one. ``data``: it was just read through a translation. ``local``:
    it is the address of this local, which may only be passed on and followed."""

    expr: Expr
    type: Type
    bits: tuple[Expr, ...] | None = None
    function: str = ""
    data: bool = False
    local: Local | None = None


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """Something in memory: its address and what it holds. ``virtual``: translated first; ``whole``:
    a struct itself: only its fields can be read and written; ``percpu``: what every CPU has, which
    has an address but cannot be accessed; ``part``: a bitfield, ``addr`` is its unit's; ``low``: it
    is seen as a number of 64 bits, whatever it is declared as: so many low bits of an address in it are 0;
    ``other``: whether it is declared as an integer of the other sign than the one it is seen as; ``kept``:
    how the memory keeps its number, if another name of the same memory has another sign."""

    addr: Expr
    type: Type
    virtual: bool = False
    whole: bool = False
    percpu: bool = False
    part: Bitfield | None = None
    low: Expr | None = None
    other: Expr = FALSE
    kept: Type | None = None

    def touch(self, into: str | None = None, value: Expr | None = None, when: Expr = TRUE) -> Touch:
        """An access to it."""
        read: Expr | None = None if into is None else Reg(into)
        seen = read
        if seen is not None and self.other != FALSE:
            seen = t.wrapped(seen, self.type)
        if seen is not None and self.low is not None:
            seen = call("as_number", seen, self.low)
        if value is not None and self.other != FALSE:
            value = call("ite", self.other, t.wrapped(value, t.other_sign(self.type)), value)
        return Touch(self.addr, into, value, when, None if seen is read else seen)


@dataclass(slots=True, eq=False)
class Local:
    """A local: its register, what it is declared to hold, what it was last seen to hold.

    ``fixed``: it stands for this value wherever it is mentioned (a parameter, a loop's counter).
    ``constant``: nothing assigns to it.
    ``written``: the type that its declaration writes.
    """

    reg: str
    declared: Type | None = None
    type: Type | None = None
    fixed: Val | None = None
    span: Span | None = None  # of its declaration
    stack: str = ""  # what is on the stack, at the address that ``fixed`` is: a struct, an array, a mask, …
    place: MemoryPlace | None = None  # where a lock or a counter on the stack is, which has a value
    constant: bool = False
    written: Type | None = None


class Held(NamedTuple):
    """A guard that holds its lock, or a local with ``__free()``: what gives it back, where it stands, and the
    labels in its scope."""

    end: ast.Stmt
    span: Span
    labels: frozenset[str]


class Exits(NamedTuple):
    """The targets of ``break`` and ``continue`` (empty if there is none), and how many guards are held
    there. ``guard``: they are the end of a ``scoped_guard()``."""

    end: str
    again: str
    held: int
    held_again: int
    guard: bool = False


@dataclass(slots=True)
class Frame:
    """A function being inlined, or the thread itself."""

    prefix: str
    end: str
    scopes: list[dict[str, Local]] = field(default_factory=lambda: [{}])
    returned: Val | None = None
    labels: dict[str, Span | None] = field(default_factory=dict)  # None once defined
    places: dict[str, int] = field(default_factory=dict)  # by label, where it is defined
    turns: list[dict[str, str]] = field(default_factory=list)  # labels of loops that are written out
    turned: set[str] = field(default_factory=set)  # the labels of all such loops
    exits: list[Exits] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    jumps: list[tuple[str, tuple[int, ...], Span]] = field(default_factory=list)  # label, guards held there
    guarded: dict[str, tuple[int, ...]] = field(default_factory=dict)  # by label, the guards held there
    result: Type | None = None  # what the function is declared to give
    site: tuple[str, int] = ("", 0)  # the function, and where it is called


class Started(NamedTuple):
    """A handler as it is started: its function and its CPU, what its ``info`` is, and who calls it:
    functions, and the handlers within which it is sent."""

    function: str
    cpu: int
    info: Type
    bits: tuple[Expr, ...] | None
    called: str  # the function that ``info`` is, if it is one
    stack: tuple[str, ...] = ()
    within: tuple[Started, ...] = ()


class Slot(NamedTuple):
    """Where an object on a stack is declared, and by which calls."""

    cpu: int
    context: str
    path: tuple[tuple[str, int], ...]
    name: str
    start: int
    source: str


@dataclass(slots=True)
class Shared:
    """What all bodies of a test have in common. ``versions``: see ``events.World``.

    ``suspects``: warnings that are right unless something stores a page as data (``keeps_pages``).
    """

    unit: ast.Unit
    memory: TestMemory
    troubles: list[Diagnostic]
    handlers: dict[Started, tuple[Instruction, ...]] = field(default_factory=dict)
    counter: int = 0
    slots: dict[Slot, str] = field(default_factory=dict)  # of stacks: the names of the objects
    assigned: dict[int, set[str]] = field(default_factory=dict)  # by id of a function; 0: in programs
    # PCIDs that CR3 is loaded with; None: known only at run time
    pcids: set[Value | str | None] = field(default_factory=set)
    warnings: list[Diagnostic] = field(default_factory=list)
    suspects: list[Diagnostic] = field(default_factory=list)
    keeps_pages: bool = False
    waits: set[bool | None] = field(default_factory=set)  # are sends waited for? None: known at run time
    fetches: bool = False  # does anybody fetch instructions?
    versions: set[int] = field(default_factory=set)

    def ask_version(self, expr: Expr) -> None:
        """Note at which kernels an expression over ``KERNEL`` changes."""
        if isinstance(expr, Apply) and expr.args[0] == KERNEL and isinstance(expr.args[1], Const):
            assert expr.function == "ge" and isinstance(expr.args[1].value, int)
            self.versions.add(expr.args[1].value)
        elif isinstance(expr, Apply):
            for a in expr.args:
                self.ask_version(a)

    budget: Budget = field(default_factory=Budget)
    copies: int = 0
    found: Pointers | None = None  # made by ``pointers``
    seen: bool | None = None  # made by ``line_is_seen``
    recast: bool | None = None  # made by ``recasts``
    signs: frozenset[int] | None = None  # made by ``resigned``
    states: dict[int, bool] = field(default_factory=dict)  # by CPU: see ``blocking.has_states``

    @property
    def pointers(self) -> Pointers:
        """Where function pointers lead to."""
        if self.found is None:
            self.found = pointers(self.unit)
        return self.found

    @property
    def recasts(self) -> bool:
        """Does the text make a pointer one to an integer of 64 bits, or to a pointer?"""
        if self.recast is None:
            held = {to.kind if to.kind != "int" or to.bits == 64 else "" for to in self._pointed()}
            self.recast = not held.isdisjoint(("int", "pointer", "struct"))
        return self.recast

    @property
    def resigned(self) -> frozenset[int]:
        """The widths of the integers to which the text makes a pointer one."""
        if self.signs is None:
            self.signs = frozenset(to.bits for to in self._pointed() if to.kind == "int")
        return self.signs

    def _pointed(self) -> Iterator[t.Type]:
        """What the pointers lead to that casts make."""
        for x in nodes_of(self.unit, (ast.Cast,)):
            to = None if x.type.of else t.of(x.type).to
            if to is not None:
                yield to

    @property
    def line_is_seen(self) -> bool:
        """Does anybody look at the line in front of a lock?"""
        if self.seen is None:
            self.seen = looked_at(self.unit)
        return self.seen

    def copied(self, span: Span) -> None:
        """A function is inlined, or a turn of a loop written out, at ``span``. Raises ``LimitError`` for
        too many of them."""
        self.budget.tick()
        self.copies += 1
        if self.copies > MAX_COPIES:
            what = f"functions inlined and loops written out more than {MAX_COPIES} times"
            raise LimitError(f"{what}, the last one in {span.source.name}:{span.line}")
