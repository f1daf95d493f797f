"""One column of assembly while it is lowered: its registers, its flags, the objects it shares."""

from __future__ import annotations

from typing import Protocol

from verifier.lower.code import Instruction, SetRegister
from verifier.lower.x86.table import FLAGS_READ, REGISTER_NAMES, decode
from verifier.program.expressions import TRUE, Const, Expr, Reg, call
from verifier.program.values import Ptr
from verifier.records import NamedTuple, dataclass, field
from verifier.source import Span
from verifier.syntax import x86


class SharedObjects(Protocol):
    """What the columns of a file share: its objects."""

    def object(self, name: str) -> Ptr:
        """The address of an object."""

    def taken(self, name: str) -> Ptr:
        """The address of an object that becomes a value."""

    def width(self, name: str) -> int:
        """The declared bits of an object, 0 if it is not declared."""

    def access(self, cell: Ptr, bits: int, written: bool, span: Span) -> None:
        """Note an access to a cell. Raises ``Trouble`` if there is none."""


class RegisterAccess(NamedTuple):
    """An access through a register: where it stands in the code, its bits, and whether it may write."""

    at: int
    bits: int
    written: bool


@dataclass(slots=True, eq=False)
class Column:
    """One column while it is lowered. ``bits`` is the width of whole registers.

    ``small``: no value of the test leaves the range in which wrapping to 32 bits does nothing.
    """

    objects: SharedObjects
    cpu: int
    bits: int
    small: bool
    code: list[Instruction] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    flags: set[str] = field(default_factory=set)
    returns: bool = False
    temporaries: int = 0
    through: list[RegisterAccess] = field(default_factory=list)

    END = "%end"

    def prepare(self, cells: list[x86.TableCell]) -> None:
        """Find out which flags the column's instructions read."""
        for cell in cells:
            opcode = decode(cell.opcode)
            self.flags |= FLAGS_READ.get(opcode.name, frozenset()) if opcode else frozenset()

    def temporary(self) -> str:
        """A local of its own."""
        self.temporaries += 1
        return f"%t{self.temporaries}"

    def signed(self, expr: Expr, bits: int) -> Expr:
        """Wrapped to a signed number; pointers fit whole registers. Locals are wrapped already."""
        pointer = isinstance(expr, Const) and isinstance(expr.value, Ptr)
        fits = bits == self.bits and (pointer or isinstance(expr, Reg))
        return expr if fits or (self.small and bits >= 32) else call(f"s{bits}", expr)

    def unsigned(self, expr: Expr, bits: int) -> Expr:
        """Wrapped to an unsigned number."""
        return expr if self.small and bits >= 32 else call(f"u{bits}", expr)

    def register(self, name: str) -> Expr:
        """A register's value, modulo its width."""
        register = REGISTER_NAMES[name.lower()]
        whole = Reg(register.whole)
        return call("shr", self.unsigned(whole, 16), Const(8)) if register.shift else whole

    def set(self, name: str, value: Expr, span: Span, when: Expr = TRUE) -> None:
        """Write a register, if ``when``; what happens to the rest of it is the manuals' rule."""
        register = REGISTER_NAMES[name.lower()]
        whole, bits = register.whole, register.bits
        if bits >= self.bits:
            value = self.signed(value, self.bits)
        elif bits == 32:
            value = self.unsigned(value, 32)
        else:
            rest = call("bitand", Reg(whole), Const(~(((1 << bits) - 1) << register.shift)))
            value = call("bitor", rest, call("shl", self.unsigned(value, bits), Const(register.shift)))
        self.code.append(
            SetRegister(whole, value if when == TRUE else call("ite", when, value, Reg(whole)), span)
        )
        self.written.add(whole)
