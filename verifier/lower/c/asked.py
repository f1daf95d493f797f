"""Addresses in conditions, as states print them: of what each CPU has its own of, of roots, and of structs
that would be somewhere."""

from __future__ import annotations

from verifier.lower.c import types as t
from verifier.lower.c.cell_names import address_names
from verifier.lower.c.fields import group
from verifier.lower.c.memory import TestMemory
from verifier.lower.c.types import Type
from verifier.program.expressions import Const, Expr, call, evaluate
from verifier.program.values import ROOT, Ptr, Value
from verifier.syntax import ast
from verifier.syntax import condition as c
from verifier.syntax.trouble import Trouble, nearest


def address_of_cpu(objects: TestMemory, place: c.Place, cpu: int) -> Value:
    """The address of what states call ``&0:x``: a per-CPU object, a local in memory, or a part of one. Raises
    ``Trouble`` if nothing is called so."""
    shown = f"&{cpu}:{''.join(place.span.text.split())}"
    known = {name: at for at, name in address_names(objects.cells.values()).items()}
    found = known.get(shown) or known.get(f"{shown}[0]")
    if found is not None:
        return found
    hint = nearest(shown, [name for name in known if name.startswith(f"&{cpu}:")])
    raise Trouble("unknown-name", f"nothing in memory is called {shown[1:]}", place.span, hint)


def root_of(objects: TestMemory, place: c.Call) -> Ptr:
    """``__pa(N.pgd)``: the physical address of the root of an mm, as CR3 has it."""
    of = place.arguments[0][0] if len(place.arguments) == 1 and len(place.arguments[0]) == 1 else None
    mm = of.base if isinstance(of, c.Field) and of.name == "pgd" else None
    named = objects.named.get(mm.name) if isinstance(mm, c.Name) else None
    if named is None or named.type.kind != "mm":
        text = "a condition asks for the root of an address space (mm)"
        raise Trouble("type", text, place.span, "write __pa(N.pgd)")
    return Ptr(f"{named.name}{ROOT}")


def container(objects: TestMemory, place: c.Call, at: Value) -> tuple[Value, Type]:
    """``container_of(&x, s, n)``: the ``struct s`` that has x as its field n, or would have it, and its type.
    ``at``: the address of x."""
    of, name = (operand for (operand,) in place.arguments[1:])
    assert isinstance(of, c.Name) and isinstance(name, c.Name)
    kind = t.of(ast.CType(f"struct {of.name}"))
    if not objects.has(group(kind), name.name):
        raise objects.no_field(kind, name.name, name.span)
    made: Expr = Const(at)
    for step in reversed(objects.steps(group(kind), name.name)):
        made = call("container", made, Const(step))
    return evaluate(made, {}), kind


def address_in(place: c.Call) -> tuple[c.Place, int | None]:
    """What ``container_of()`` takes the address of, and whose it is, if each CPU has its own. Raises
    ``Trouble`` if it is written otherwise."""
    match place.arguments:
        case ((c.AddressOf(c.Register(c.Number(cpu), of)),), (c.Name(),), (c.Name(),)):
            return of, cpu
        case ((c.AddressOf(of),), (c.Name(),), (c.Name(),)):
            return of, None
    hint = f"write {place.name}(&x, s, n), without the word struct"
    raise Trouble("type", "this is no struct around a field", place.span, hint)
