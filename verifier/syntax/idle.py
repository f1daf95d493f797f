"""Warnings about text without effect: names that nothing uses, settings of registers that no CPU has.

Text that stands in several variants is without effect if it is so in all of them. Includes are exempt: they
may offer more than a test needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from verifier.patterns import pattern
from verifier.records import dataclass, field
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax import condition as c
from verifier.syntax.nodes import gathered, nodes
from verifier.syntax.trouble import nearest

REGISTERS = ("cr3", "irq", "pcid", "tlb", "pending")  # each CPU has these
OF_CPUS = (*REGISTERS, "warn", "hang")  # and conditions ask for these
# Names that stand for what a CPU has, by the per-CPU object: asm/current.h.
PERCPU_NAMES: Mapping[str, str] = MappingProxyType({"current": "current_task"})
# Likewise, by a function of an include that gives it.
CALLED_NAMES: Mapping[str, str] = MappingProxyType({"current": "get_current"})
_NAMED = frozenset((ast.Ident, ast.CallExpr, c.Name, c.Call, ast.Parameter))
_LOOPS = frozenset((ast.ForEachCpu, ast.ForEachEntry))
_LINKS: Mapping[str, str] = MappingProxyType({"_first_": "next", "_last_": "prev"})  # list_first_entry()
_LOOP_LINKS: Mapping[str, str] = MappingProxyType(
    {"hlist_": "first", "_reverse": "prev"}
)  # of loops over lists
_REGISTER = pattern(r"r[0-9]+")
Key = tuple[str, int, str]


def mentioned(tree: object) -> set[str]:
    """The names that a tree mentions: of objects, locals, functions."""
    found = gathered(tree, _names_of)
    also = (*PERCPU_NAMES.items(), *CALLED_NAMES.items())
    return found.union(more for name, more in also if name in found)


def _names_of(some: Iterable[object]) -> set[str]:
    found: set[str] = set()
    for x in some:
        kind = type(x)
        if kind in _NAMED:
            found.add(x.name)  # type: ignore[attr-defined]
        elif kind in _LOOPS:
            found.add(x.variable)  # type: ignore[attr-defined]
    return found


def fields(tree: object) -> set[str]:
    """The fields that a tree asks for."""
    return gathered(tree, _fields_of)


def _fields_of(some: Iterable[object]) -> set[str]:
    found: set[str] = set()
    for x in some:
        if isinstance(x, ast.FieldExpr | c.Field):
            found.add(x.name)
        elif isinstance(x, ast.ContainerOf):
            found.update(link for part, link in _LINKS.items() if part in x.word)
        elif isinstance(x, ast.ForEachEntry):
            found |= {"next", *(link for part, link in _LOOP_LINKS.items() if part in x.word)}
    return found


def reached(unit: ast.Unit, also: Iterable[str] = ()) -> set[str]:
    """The functions that some program calls or sends, and those of ``also``, with all that these reach."""
    found: set[str] = set(also)
    given = tuple(x.value for x in unit.initial)  # functions that pointers lead to
    roots: list[object] = [given, *unit.threads.values(), *unit.nmis]
    roots += [unit.functions[name] for name in found]
    while roots:
        new = mentioned(roots.pop()) & unit.functions.keys() - found
        found |= new
        roots += [unit.functions[name] for name in new]
    return found


@dataclass(slots=True)
class _Report:
    """The possible warnings, and which of them some variant refutes."""

    said: dict[Key, Diagnostic] = field(default_factory=dict)
    used: set[Key] = field(default_factory=set)

    def add(
        self, used: bool, code: str, message: str, span: Span, hint: str, severity: str = "warning"
    ) -> None:
        """Note a warning. ``used``: the variant at hand refutes it."""
        key = (span.source.name, span.start, code)
        if used:
            self.used.add(key)
        elif key not in self.said:
            self.said[key] = Diagnostic(code, message, span=span, hint=hint, severity=severity)

    def idle(self) -> list[Diagnostic]:
        """The warnings that no variant refutes."""
        return [d for key, d in self.said.items() if key not in self.used]


def idle(units: Iterable[ast.Unit]) -> list[Diagnostic]:
    """Diagnostics about text that no variant of a file uses. Settings of unknown registers are errors."""
    report = _Report()
    for unit in units:
        _Unit(unit, report).look()
    return report.idle()


def idle_constants(
    enums: Iterable[Sequence[tuple[str, Span]]], named: Collection[str], defines: Collection[str]
) -> list[Diagnostic]:
    """Warnings about enums of which no constant is used.

    ``named`` has every name in the file, without the declarations; ``defines`` has the names that the
    command line sets.
    """
    return [
        Diagnostic(
            "unused", f"nothing uses {', '.join(name for name, _ in enum)}", span=enum[0][1].to(enum[-1][1]),
            hint=nearest(enum[0][0], [n for n in named if len(n) > 1]) or "use it, or leave it out",
            severity="warning",
        )
        for enum in enums
        if enum and not any(name in named or name in defines for name, _ in enum)
    ]  # fmt: skip


class _Unit:
    """Looks at one variant."""

    def __init__(self, unit: ast.Unit, report: _Report) -> None:
        self.unit, self.report = unit, report
        self.mine = [x for i, x in enumerate(unit.initial) if i not in unit.overridable]
        self.asked = mentioned(unit.final)
        self.reached = reached(unit, (f.name for f in unit.functions.values() if f.included or f.early))
        bodies = [f for f in unit.functions.values() if f.included or f.name in self.reached]
        self.code: Sequence[object] = (*bodies, *unit.threads.values(), *unit.nmis)
        self.names = self._names()

    def _names(self) -> set[str]:
        """The objects that code, conditions or objects in use mention."""
        known = mentioned(self.code) | self.asked
        pending = [
            (_owner(item), item, i in self.unit.overridable) for i, item in enumerate(self.unit.initial)
        ]
        while True:
            used = [x for x in pending if x[2] or not x[0] or x[0] in known or _joins(x[1], known)]
            if not used:
                return known
            for x in used:
                pending.remove(x)
                item = x[1]
                known |= _given(item)
                if _joins(item, known):
                    known.add(x[0])
                if isinstance(item, ast.Setting):
                    known |= mentioned((item.place, item.cpus))

    def look(self) -> None:
        """Report everything that this variant does not use."""
        places = [i.place for i in self.mine if isinstance(i, ast.Setting)]
        given = [i.value for i in self.unit.initial]  # these may have the address of a field
        asked_fields = fields((self.code, self.unit.final, places, given)) | _passed(self.code)
        for item in self.mine:
            if isinstance(item, ast.Object):
                self._object(item, asked_fields)
            elif item.cpus is not None:
                self._register(item)
            else:
                self._setting(item)
        for f in self.unit.functions.values():
            if not f.included:
                called = f.name in self.reached
                others = [] if called else [g.name for g in self.unit.functions.values() if g.included]
                self.report.add(
                    called,
                    "unused",
                    message=f"nothing calls {f.name}()",
                    span=f.span,
                    hint=nearest(f.name, others) or "call it, or leave it out",
                )
        for cpu, thread in self.unit.threads.items():
            self._locals(thread.body, self.asked, f"P{cpu}")
        for nmi in self.unit.nmis:
            self._locals(
                nmi.body, set(), f"the NMI of P{nmi.cpu}", own="the NMI's own; store it in an object"
            )
            does = any(not isinstance(x, ast.Block | ast.Empty) for x in nmi.body.body)
            self.report.add(
                does, "no-effect", message="this NMI does nothing", span=nmi.span, hint="give it statements"
            )
        for f in self.unit.functions.values():
            if not f.included:
                own = f"{f.name}()'s own; store it in an object or return it"
                self._locals(f.body, set(), f"{f.name}()", own=own)

    def _object(self, item: ast.Object, asked: set[str]) -> None:
        used = item.name in self.names
        hint = "use it, or leave it out"
        self.report.add(used, "unused", message=f"nothing uses {item.name}", span=item.span, hint=hint)
        if not isinstance(item.value, ast.Braced):
            return
        for part in item.value.items:
            if isinstance(part, ast.FieldInit):
                used = part.name in asked or (item.type.base == "page" and part.name == "data")
                used = used or (self._first(item) == part.name and bool(_within_value(part.value) & asked))
                hint = nearest(part.name, asked) or "name it in code or in the condition, or leave it out"
                self.report.add(
                    used,
                    "unused-field",
                    message=f"nothing uses the field {part.name}",
                    span=part.span,
                    hint=hint,
                )
            elif isinstance(part, ast.Mapping) and isinstance(part.va, ast.Ident):
                self._address(item, part, part.va.name)

    def _address(self, item: ast.Object, part: ast.Mapping, va: str) -> None:
        others = [x for x in self.unit.initial if x is not item]
        used = va in self.names or va in mentioned(others)
        text, hint = f"nothing uses the address {va}", "use it, or leave it out"
        self.report.add(used, "unused-address", message=text, span=part.span, hint=hint)

    def _register(self, item: ast.Setting) -> None:
        """``1:cr3 = N``, ``1:y = 2``, ``1:r0 = 3``."""
        name = _root(item.place)
        assert item.cpus is not None
        if name == "tlb" and isinstance(item.value, ast.Braced):
            self._tags(item.value)
        objects = {x.name for x in self.unit.initial if isinstance(x, ast.Object)}
        if name in REGISTERS or name in objects or not name:
            return
        threads = [t for t in self.unit.threads.values() if _within(t.cpu, item.cpus, self.unit)]
        known = {n for t in threads for n in mentioned(t) | _declared(t)}
        percpu = [x.name for x in self.unit.initial if isinstance(x, ast.Object) and x.percpu]
        near = nearest(name, [*REGISTERS, *percpu, *sorted(known - self.unit.functions.keys())])
        text = f"CPU {item.cpus.span.text.rstrip(':')} has no register, local or per-CPU object {name!r}"
        severity = "error" if self.unit.arch == "MM" else "warning"
        used = name in known or name in self.asked
        self.report.add(
            used,
            "no-setting",
            message=text,
            span=item.place.span,
            hint=near or "leave it out",
            severity=severity,
        )

    def _tags(self, tlb: ast.Braced) -> None:
        """Report ``v@7 -> A`` if no number 7 stands where a PCID could come from."""
        given = [
            x.value for x in self.unit.initial if isinstance(x, ast.Setting) and _root(x.place) == "pcid"
        ]
        tree = (self.code, given, self.unit.final)
        numbers = {x.value for x in nodes(tree) if isinstance(x, ast.Num)}
        numbers |= {x.pcid for x in nodes(tree) if isinstance(x, c.Tlb) and x.pcid is not None}
        numbers |= {self.unit.enums[name] for name in mentioned(tree) & self.unit.enums.keys()}
        for part in tlb.items:
            if isinstance(part, ast.Mapping) and part.pcid:
                glob = any(isinstance(x, ast.Ident) and x.name == "global" for x in nodes(part.target))
                text = f"no CPU ever has PCID {part.pcid}, so nothing uses this entry"
                used = glob or part.pcid in numbers
                self.report.add(
                    used, "unused-entry", message=text, span=part.span, hint="leave it out, or load the PCID"
                )

    def _setting(self, item: ast.Setting) -> None:
        """``mm_cpumask(N) = {0}``. A setting of an object is reported where the object is declared."""
        if isinstance(item.place, ast.CallExpr) and isinstance(item.value, ast.Braced):
            name = item.place.name
            used = name in mentioned((self.code, self.unit.final))
            self.report.add(
                used, "unused", message=f"nothing looks at {name}()", span=item.span, hint="leave it out"
            )
        elif isinstance(item.place, ast.Ident) and self.unit.arch == "C":
            used, text = item.place.name in self.names, f"nothing uses {item.place.name}"
            self.report.add(used, "unused", message=text, span=item.span, hint="use it, or leave it out")

    def _first(self, item: ast.Object) -> str:
        """The first field of a struct: a pointer to the struct points to it, too. Empty if none is known."""
        defined = (x for x in self.unit.structs if item.type.base == f"struct {x.name}" and x.fields)
        return next((x.fields[0].name for x in defined), "")

    def _locals(self, body: ast.Block, asked: set[str], where: str, own: str = "") -> None:
        """Report locals that get a value and are never read: a constant, or, in the registers and locals that
        are a function's ``own`` (what a hint says of that), whatever a condition seems to ask for."""
        counts = Counter(x.name for x in nodes(body) if isinstance(x, ast.Ident))
        loops = (x for x in nodes(body) if isinstance(x, ast.ForEachCpu | ast.ForEachEntry))
        counts.update(x.variable for x in loops)
        written = Counter(name for _, name, _ in _given_to_locals(body))
        for x, name, value in _given_to_locals(body):
            declared = isinstance(x, ast.Declare)
            reads = counts[name] - (0 if declared else written[name])
            if not declared and not _REGISTER.fullmatch(name):
                continue
            said = own and (not declared or name in self.asked)
            if isinstance(value, ast.Num) or said:
                used = reads > 0 or name in asked
                text = f"nothing in {where} uses {'the local ' if declared else ''}{name}"
                hint = "use it, or leave it out" if declared else "leave it out"
                if said:
                    hint = f"{name} here is {own}"
                self.report.add(used, "unused", message=text, span=x.span, hint=hint)


def _given_to_locals(body: ast.Block) -> Iterator[tuple[ast.Declare | ast.ExprStmt, str, ast.CExpr]]:
    """The statements that give a local a value, its name, and the value."""
    for x in nodes(body):
        if isinstance(x, ast.Declare) and x.init is not None and not isinstance(x.init, ast.Braced):
            yield x, x.name, x.init
        elif isinstance(x, ast.ExprStmt) and isinstance(x.expr, ast.Assign):
            yield from [(x, x.expr.target.name, x.expr.value)] if isinstance(x.expr.target, ast.Ident) else ()


def _within_value(value: ast.InitValue) -> set[str]:
    """The fields that a value in braces names, at all levels."""
    return {x.name for x in nodes(value) if isinstance(x, ast.FieldInit)}


def _passed(tree: object) -> set[str]:
    """The names that are arguments behind a first one: some words take the name of a field there."""
    return gathered(tree, _behind_the_first)


def _behind_the_first(some: Iterable[object]) -> set[str]:
    calls = (x for x in some if isinstance(x, ast.CallExpr))
    return {a.name for x in calls for a in x.arguments[1:] if isinstance(a, ast.Ident)}


def _declared(tree: object) -> set[str]:
    return {x.name for x in nodes(tree) if isinstance(x, ast.Declare)}


def _given(item: ast.Initial) -> set[str]:
    """The names in an initial value, except for virtual addresses: a mapping alone does not use them."""
    if isinstance(item, ast.Object) and isinstance(item.value, ast.Braced):
        return mentioned([x.target if isinstance(x, ast.Mapping) else x for x in item.value.items])
    return mentioned(item.value if item.value is not None else ())


def _joins(item: ast.Initial, known: set[str]) -> bool:
    """Does a space or a table say that two addresses lie side by side, which they do everywhere then? Or is
    it the kernel's own space, which maps an address for all?"""
    if not (isinstance(item, ast.Object) and isinstance(item.value, ast.Braced)):
        return False
    maps = [x for x in item.value.items if isinstance(x, ast.Mapping) and isinstance(x.va, ast.Ident)]
    maps = [x for x in maps if mentioned(x.va) <= known]
    if item.type.base == "table":
        return len(maps) > 1
    if item.name == "init_mm" and maps:
        return True
    below = Counter(frozenset(mentioned(x.target)) for x in maps)
    return item.type.base == "mm" and any(target and count > 1 for target, count in below.items())


def _owner(item: ast.Initial) -> str:
    """The object that an item is about: the item matters if the object is used. Empty: it always matters."""
    if isinstance(item, ast.Object):
        return item.name
    name = _root(item.place)
    return "" if item.cpus is not None and name in REGISTERS else name


def _root(place: ast.CExpr) -> str:
    """The name of the object that a place belongs to."""
    while isinstance(place, ast.FieldExpr | ast.IndexExpr):
        place = place.base
    if isinstance(place, ast.CallExpr) and place.arguments:
        place = place.arguments[0]
    return place.name if isinstance(place, ast.Ident) else ""


def _within(cpu: int, cpus: ast.Range, unit: ast.Unit) -> bool:
    """Is a CPU in a range? Yes, if an end of the range is unknown here; the lowering checks that."""
    ends = []
    for e in (cpus.low, cpus.high):
        if isinstance(e, ast.Num):
            ends.append(e.value)
        elif isinstance(e, ast.Ident) and e.name in unit.enums:
            ends.append(unit.enums[e.name])
        else:
            return True
    return ends[0] <= cpu <= ends[1]
