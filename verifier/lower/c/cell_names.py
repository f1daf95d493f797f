"""What states and stories call a cell, and an address."""

from __future__ import annotations

from collections.abc import Iterable

from verifier.lower.c.objects import Objects
from verifier.patterns import pattern
from verifier.program.events import Cell
from verifier.program.values import Ptr, element, of_all

_ELEMENT = pattern(r"\+([0-9]+)\.")  # of an array of structs, as an address has it
_LAST = pattern(r"(.*)\[([0-9]+)\]")
# What an address is written & before: the part of an object, and what each CPU has its own of. The name of a
# whole object is its address, as in herd7.
_PART = pattern(r"[\w:]+[.\[][^()]*|[0-9]+:\w+")


def cell_name(ptr: Ptr, objects: Objects) -> str:
    """The name of a cell."""
    if ptr in objects.tables.names:
        return objects.tables.names[ptr]
    named = objects.named.get(of_all(ptr.base))
    several = (
        of_all(ptr.base) in objects.arrays
        or ptr.base.startswith("mm_cpumask(")
        or (named is not None and (named.size is not None or named.type.kind == "mask"))
    )
    return elements(ptr.base, objects) + index(ptr, objects) if several else elements(ptr.path, objects)


def index(ptr: Ptr, objects: Objects) -> str:
    """How an element of an array is called."""
    name = of_all(ptr.base)
    columns = objects.columns.get(name, 0)
    if not columns or columns == objects.arrays.get(name):
        return f"[{ptr.off}]"
    return f"[{ptr.off // columns}][{ptr.off % columns}]"


def elements(path: str, objects: Objects) -> str:
    """An address as C writes it: with the number of each element that a field is of, also of the first."""
    parts = path.split(".")
    for at in range(len(parts) - 1):
        if of_all(".".join(parts[: at + 1])) in objects.arrays:
            parts[at] += "+0"
    return _ELEMENT.sub(r"[\1].", str(Ptr(".".join(parts))))


def address_names(cells: Iterable[Cell]) -> dict[Ptr, str]:
    """What addresses are called that have no name of their own: those of the parts of objects, and
    the ends of arrays."""
    called: dict[Ptr, str] = {}
    for cell in cells:
        pending = [(cell.ptr, cell.name)]
        while pending:
            ptr, name = pending.pop()
            if ptr in called:
                continue
            called[ptr] = name
            around, dot, _ = ptr.base.rpartition(".")
            if dot and _PART.fullmatch(name):
                pending.append((element(around), name[: name.rfind(".")]))
    for ptr, name in list(called.items()):
        last = _LAST.fullmatch(name)
        if last is not None:
            called.setdefault(Ptr(ptr.base, ptr.off + 1), f"{last[1]}[{int(last[2]) + 1}]")
    return {
        ptr: f"&{name}" if _PART.fullmatch(name) else name
        for ptr, name in called.items()
        if name != str(ptr) or _PART.fullmatch(name)
    }
