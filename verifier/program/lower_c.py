"""C and MM tests to code: ``lower``. Objects are in ``objects``, statements in ``lower_body``."""

from __future__ import annotations

from verifier.errors import InputError
from verifier.program.code import Instruction, Lowered, Set
from verifier.program.kernel import NAMED_VALUES
from verifier.program.lower_body import Body
from verifier.program.objects import Objects, Thing
from verifier.program.observe import CellOf, Meaning, RegisterOf, Trouble, observe
from verifier.program.values import FAULT, Const, Ptr, Value
from verifier.source import Diagnostic
from verifier.syntax import condition as c
from verifier.syntax.ast import Unit
from verifier.syntax.test import Test
from verifier.syntax.trouble import nearest


def lower(test: Test) -> Lowered:
    """The code of a C or MM test. Raises ``InputError`` with every error of the file."""
    unit: Unit = test.tree
    troubles: list[Diagnostic] = []
    cpus = max([*unit.threads, *(n.cpu for n in unit.nmis)], default=-1) + 1
    for nmi in unit.nmis:
        troubles.append(Diagnostic("not-yet", "NMIs are not supported yet", nmi.span))
    if not cpus:
        raise InputError([Diagnostic("no-threads", "there is no program", test.span, "write P0 { … }")])
    objects = Objects(unit, cpus, troubles)
    for thread in unit.threads.values():
        for parameter in thread.parameters:
            wrap = "" if parameter.type.pointers > 1 else "s32"
            objects.things.setdefault(parameter.name, Thing(parameter.name, "data", wrap))
    objects.build()
    scope = _Scope(unit, objects, cpus)
    threads: list[tuple[Instruction, ...]] = []
    for cpu in range(cpus):
        start: list[Instruction] = []
        for at, name, value, span in objects.registers:
            if at == cpu:
                start.append(Set(name, Const(value), span))
                scope.written[cpu].add(name)
        if cpu in unit.threads:
            body = Body(unit, objects, cpu, troubles)
            start += body.thread(unit.threads[cpu])
            scope.written[cpu] |= body.written
        threads.append(tuple(start))
    seen = None
    try:
        seen = observe(unit.final, scope)
    except InputError as error:
        troubles += error.diagnostics
    if troubles or seen is None:
        raise InputError(list(dict.fromkeys(troubles)))
    return Lowered(
        threads, objects.cells(), seen.observables, seen.condition, seen.shown, seen.filter,
        tlb=objects.tlb, vas=[Ptr(v) for v in objects.names("va")], names=_names(objects),
    )  # fmt: skip


def _names(objects: Objects) -> dict[Ptr, str]:
    """How values are printed: elements by their index."""
    return {
        cell: f"{thing.name}[{cell.off}]"
        for thing in objects.things.values()
        if thing.kind == "array"
        for cell in (Ptr(thing.name, i) for i in range(thing.size))
    }


class _Scope:
    """What names mean in a condition."""

    def __init__(self, unit: Unit, objects: Objects, cpus: int) -> None:
        self.unit, self.objects, self.count = unit, objects, cpus
        self.written: list[set[str]] = [set() for _ in range(cpus)]

    def cpus(self) -> int:
        return self.count

    def constant(self, name: c.Name) -> int:
        if name.name not in self.unit.enums:
            hint = nearest(name.name, self.unit.enums)
            raise Trouble("unknown-name", f"{name.name!r} is no constant", name.span, hint)
        return self.unit.enums[name.name]

    def va(self, name: c.Name) -> Ptr:
        if self.objects.kind(name.name) != "va":
            hint = nearest(name.name, self.objects.names("va")) or "no mm maps it"
            raise Trouble("type", f"{name.name!r} is no virtual address", name.span, hint)
        return Ptr(name.name)

    def page(self, operand: c.Operand) -> Value:
        if not isinstance(operand, c.Name) or self.objects.kind(operand.name) != "page":
            raise Trouble("type", "a TLB entry leads to a page", operand.span, "such as 1:tlb[v -> A]")
        return Ptr(operand.name)

    def place(self, place: c.Place, cpu: int | None) -> Meaning:
        if cpu is not None:
            return self._of_cpu(place, cpu)
        if isinstance(place, c.Name):
            return self._name(place)
        if isinstance(place, c.Call):
            return self._call(place)
        if isinstance(place, c.Member):
            return self._member(place)
        if isinstance(place, c.Field):
            path = self._path(place)
            self.objects.fields.add(place.name)
            return CellOf(Ptr(path), path)
        raise Trouble("type", "this has no value", place.span)

    def _name(self, place: c.Name) -> Meaning:
        name, kind = place.name, self.objects.kind(place.name)
        if kind == "data":
            thing = self.objects.things[name]
            if thing.percpu:
                raise Trouble("percpu", f"each CPU has its own {name}", place.span, f"such as 1:{name}")
            return CellOf(Ptr(name), f"[{name}]")
        if kind in ("array", "mask") and place.brackets and kind == "array":
            return CellOf(Ptr(name, 0), f"{name}[0]")
        if kind:
            return Const(Ptr(name))
        if name == "fault":
            return Const(FAULT)
        if name in self.unit.enums:
            return Const(self.unit.enums[name])
        if name in NAMED_VALUES:
            return Const(NAMED_VALUES[name])
        if self.unit.arch == "C":
            # herd7 takes a name that nothing mentions for an object that is always 0.
            self.objects.things[name] = Thing(name, "data", "s32")
            return CellOf(Ptr(name), f"[{name}]")
        known = [*self.objects.things, *self.unit.enums]
        raise Trouble("unknown-name", f"there is no {name!r}", place.span, nearest(name, known))

    def _call(self, place: c.Call) -> Meaning:
        names = [a[0].name if len(a) == 1 and isinstance(a[0], c.Name) else "" for a in place.arguments]
        kinds = [self.objects.kind(n) for n in names]
        if place.name == "pte" and kinds == ["mm", "va"]:
            return CellOf(Ptr(f"pte({names[0]}, {names[1]})"), f"pte({names[0]}, {names[1]})")
        if place.name == "mk_pte" and kinds == ["page"]:
            return Const(Ptr(names[0]))
        if place.name == "mm_cpumask" and kinds == ["mm"]:
            raise Trouble(
                "type", "a mask has no value", place.span, f"ask for a member: mm_cpumask({names[0]})[1]"
            )
        if place.name in ("pte", "mm_cpumask"):
            wanted = "pte(mm, va)" if place.name == "pte" else "mm_cpumask(mm)"
            raise Trouble("type", f"it takes {wanted}", place.span)
        raise Trouble("unknown-name", f"{place.name}() means nothing in a condition", place.span)

    def _member(self, place: c.Member) -> Meaning:
        index = place.index.value if isinstance(place.index, c.Number) else self.constant(place.index)
        base = place.base
        if isinstance(base, c.Call) and base.name == "mm_cpumask":
            mm = base.arguments[0][0] if len(base.arguments) == 1 and base.arguments[0] else None
            if not isinstance(mm, c.Name) or self.objects.kind(mm.name) != "mm":
                raise Trouble("type", "mm_cpumask() takes an mm", base.span)
            name, size = f"mm_cpumask({mm.name})", self.count
        elif isinstance(base, c.Name) and self.objects.kind(base.name) in ("array", "mask"):
            thing = self.objects.things[base.name]
            name, size = thing.name, thing.size if thing.kind == "array" else self.count
        else:
            raise Trouble("type", "this has no members", place.span)
        if not 0 <= index < size:
            raise Trouble("array", f"there is no member {index}", place.span, f"0 to {size - 1}")
        return CellOf(Ptr(name, index), f"{name}[{index}]")

    def _path(self, place: c.Place) -> str:
        if isinstance(place, c.Name):
            if self.objects.kind(place.name) not in ("mm", "page", "struct"):
                known = [t.name for t in self.objects.things.values()]
                raise Trouble(
                    "unknown-name", f"{place.name!r} has no fields", place.span, nearest(place.name, known)
                )
            return place.name
        if isinstance(place, c.Field):
            return f"{self._path(place.base)}.{place.name}"
        raise Trouble("type", "this has no fields", place.span)

    def _of_cpu(self, place: c.Place, cpu: int) -> Meaning:
        if isinstance(place, c.Name):
            name = place.name
            if name == "warn":
                return RegisterOf(cpu, "%warn", f"{cpu}:warn")
            if name == "irq" or (name == "cr3" and self.objects.names("mm")):
                return CellOf(Ptr(f"{cpu}:{name}"), f"{cpu}:{name}")
            if name == "pcid":
                raise Trouble("not-yet", "PCIDs are not supported yet", place.span)
            thing = self.objects.things.get(name)
            if thing is not None and thing.percpu and thing.kind == "data":
                return CellOf(Ptr(f"{cpu}:{name}"), f"{cpu}:{name}")
            if name in self.written[cpu]:
                return RegisterOf(cpu, name, f"{cpu}:{name}")
            hint = nearest(name, self.written[cpu])
            raise Trouble("unwritten", f"no statement of P{cpu} writes {name}", place.span, hint)
        root: c.Place = place
        while isinstance(root, c.Field):
            root = root.base
        if (
            isinstance(root, c.Name)
            and root.name in self.objects.things
            and self.objects.things[root.name].percpu
        ):
            self.objects.fields.add(place.name if isinstance(place, c.Field) else "")
            path = f"{cpu}:{self._path(place)}"
            return CellOf(Ptr(path), path)
        raise Trouble("unknown-name", "no such per-CPU object", place.span)
