"""What states and stories call a cell, and an address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verifier.lower.c.objects import Objects
from verifier.patterns import pattern
from verifier.program.events import Cell
from verifier.program.values import Ptr, element

_ELEMENT = pattern(r"\+([0-9]+)\.")  # of an array of structs, as an address has it
# What an address is written & before: the part of an object, and what each CPU has its own of. The name of a
# whole object is its address, as in herd7.
_PART = pattern(r"[\w:]+[.\[][^()]*|[0-9]+:\w+")


def cell_name(ptr: Ptr, objects: Objects) -> str:
    """The name of a cell."""
    if ptr in objects.tables.names:
        return objects.tables.names[ptr]
    named = objects.named.get(ptr.base.split(":", 1)[-1])
    several = (
        ptr.base.split(":", 1)[-1] in objects.arrays
        or ptr.base.startswith("mm_cpumask(")
        or (named is not None and (named.size is not None or named.type.kind == "mask"))
    )
    return elements(ptr.base, objects) + index(ptr, objects) if several else elements(ptr.path, objects)


def index(ptr: Ptr, objects: Objects) -> str:
    """How an element of an array is called."""
    name = ptr.base.split(":", 1)[-1]
    columns = objects.columns.get(name, 0)
    if not columns or columns == objects.arrays.get(name):
        return f"[{ptr.off}]"
    return f"[{ptr.off // columns}][{ptr.off % columns}]"


def elements(path: str, objects: Objects) -> str:
    """An address as C writes it: with the number of each element that a field is of, also of the first."""
    parts = path.split(".")
    for at in range(len(parts) - 1):
        if ".".join(parts[: at + 1]).split(":", 1)[-1] in objects.arrays:
            parts[at] += "+0"
    return _ELEMENT.sub(r"[\1].", str(Ptr(".".join(parts))))


def address_names(cells: Iterable[Cell]) -> Iterator[tuple[Ptr, str]]:
    """What addresses are called that have no name of their own: those of the parts of objects."""
    known: set[Ptr] = set()
    for cell in cells:
        pending = [(cell.ptr, cell.name)]
        while pending:
            ptr, name = pending.pop()
            if ptr in known:
                continue
            known.add(ptr)
            if name != str(ptr) or _PART.fullmatch(name):
                yield ptr, f"&{name}" if _PART.fullmatch(name) else name
            around, dot, _ = ptr.base.rpartition(".")
            if dot and _PART.fullmatch(name):
                pending.append((element(around), name[: name.rfind(".")]))
