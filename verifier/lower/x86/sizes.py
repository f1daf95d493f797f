"""How many bits the objects of an assembly file have, and which accesses have another size.

An object has its declared size, or that of the widest access that names it. What no access names is
accessed through registers alone, and has their size. An access of another size is no access to the object,
but for a load of its low part.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from verifier.lower.c.types import Type
from verifier.lower.code import Emit
from verifier.lower.x86.thread import Column, RegisterAccess
from verifier.program.events import Cell
from verifier.program.expressions import Const, Expr, call
from verifier.program.undefined import ONE_SIZE
from verifier.program.values import WITHIN, Ptr
from verifier.records import dataclass, field, replace
from verifier.source import Diagnostic, Span


@dataclass(slots=True)
class NamedObject:
    """A named object: its declared type (of an element; None: not declared), elements (0: no array), access
    sizes seen. ``taken``: its address is a value somewhere."""

    type: Type | None = None
    elements: int = 0
    accesses: dict[int, tuple[bool, Span]] = field(default_factory=dict)  # bits -> (written, where)
    taken: bool = False

    @property
    def bits(self) -> int:
        """The declared bits of an element, 0 if there are none."""
        return self.type.bits if self.type else 0

    @property
    def unsigned(self) -> int:
        """The same of what is declared without a sign; 0 of anything else."""
        return self.type.bits if self.type and not self.type.signed else 0

    @property
    def widest(self) -> int:
        """The declared bits, or those of the widest access that names it."""
        return self.bits or max(self.accesses, default=0)


def mixed(objects: Mapping[str, NamedObject], threads: Collection[Column]) -> Iterator[Diagnostic]:
    """Accesses that name an object and have another size, and objects whose size nothing says."""
    for name, known in objects.items():
        for bits, (written, span) in known.accesses.items():
            if bits > known.widest or (written and bits < known.widest):
                text = f"an access of {bits} bits to {name}, which has {known.widest}"
                yield Diagnostic("mixed-size", text, span=span, hint=ONE_SIZE)
    through = [(t.bits, code.span) for column in threads for t, code in _through(column)]
    sizes = sorted({bits for bits, _ in through})
    if len(sizes) < 2:
        return
    for name, known in objects.items():
        if known.taken and not known.widest:
            text = f"nothing says how many bits {name} has: accesses through registers have {_either(sizes)}"
            hint = f"declare it in the initial state: uint{sizes[-1]}_t {name};"
            yield Diagnostic("mixed-size", text, span=through[0][1], hint=hint)


def _either(sizes: list[int]) -> str:
    *most, last = map(str, sizes)
    return f"{', '.join(most)} or {last}"


def sized(
    cells: dict[Ptr, Cell], objects: Mapping[str, NamedObject], threads: Collection[Column]
) -> dict[Ptr, Cell]:
    """The cells with their sizes. Accesses through registers that have another size than a cell lead to no
    cell from now on."""
    through = max((t.bits for column in threads for t, _ in _through(column)), default=0)
    made = {
        cell: replace(known, bits=objects[cell.base].widest or through) if cell.base in objects else known
        for cell, known in cells.items()
    }
    for column in threads:
        for access, code in _through(column):
            wrong = [c for c, known in made.items() if _another(known.bits, access.bits, access.written)]
            if wrong:
                touches = tuple(t._replace(addr=_without(t.addr, wrong)) for t in code.touches)
                column.code[access.at] = code._replace(touches=touches)
    return made


def _through(column: Column) -> Iterator[tuple[RegisterAccess, Emit]]:
    for access in column.through:
        code = column.code[access.at]
        assert isinstance(code, Emit)
        yield access, code


def _another(cell: int, access: int, written: bool) -> bool:
    """Does an access have another size than a cell? It may load the low part."""
    return bool(cell) and (access > cell or (written and access < cell))


def _without(address: Expr, cells: list[Ptr]) -> Expr:
    """An address that is none of these cells, but a part of one."""
    out = address
    for cell in cells:
        part = Const(Ptr(cell.base + WITHIN, cell.off))
        out = call("ite", call("eq", address, Const(cell)), part, out)
    return out
