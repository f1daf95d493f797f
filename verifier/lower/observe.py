"""From a condition to observables and an expression over them; what a name means is the front end's."""

from __future__ import annotations

from verifier.errors import InputError
from verifier.lower.c import types as t
from verifier.lower.c.types import Type
from verifier.lower.meanings import EntryOf, HangOf, Meaning, PartOf, RegisterOf, Scope, WideOf
from verifier.program.events import Observable
from verifier.program.expressions import FALSE, TRUE, Apply, Const, Expr, Obs, Reg, call, evaluate
from verifier.program.values import ALIGNED, FAULT, UNDEF, Ptr, Value
from verifier.records import dataclass, replace
from verifier.source import Diagnostic
from verifier.syntax import condition as c
from verifier.syntax.trouble import Trouble


@dataclass(slots=True)
class Observed:
    """The outcome part of ``Lowered``."""

    observables: list[Observable]
    condition: Expr
    shown: list[int]
    filter: Expr | None
    warnings: list[Diagnostic]


def observe(final: c.Final, scope: Scope) -> Observed:
    """Resolve all that a file says about its end; raises ``InputError`` with every error in it."""
    observer = _Observer(scope)
    for place in final.locations:
        try:
            observer.operand(place)
        except Trouble as trouble:
            observer.troubles.append(trouble.diagnostic)
    condition = TRUE if final.proposition is None else observer.proposition(final.proposition)
    shown = observer.shown()
    filters = [observer.proposition(p) for p in final.filters]
    if observer.troubles:
        raise InputError(observer.troubles)
    asked = call("and", *filters) if filters else None
    return Observed(observer.observables, condition, shown=shown, filter=asked, warnings=observer.warnings)


MAX_RANGE = 256


class _Observer:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.observables: list[Observable] = []
        self.index: dict[tuple[str, str, int | None], int] = {}
        self.at: int | None = None
        self.snapshots = 0
        self.variables: dict[str, int] = {}
        self.meanings: dict[int, Meaning] = {}  # by the identity of a place in the tree
        self.troubles: list[Diagnostic] = []
        self.warnings: list[Diagnostic] = []

    def shown(self) -> list[int]:
        """Registers by CPU and name, then memory by name, then the rest."""
        order = {"reg": 0, "mem": 1, "tlb": 2, "ever": 3, "hang": 4}
        mine = [i for i, o in enumerate(self.observables) if o.at is None or o.kind == "ever"]
        return sorted(
            mine,
            key=lambda i: (
                order[self.observables[i].kind],
                self.observables[i].cpu or 0 if self.observables[i].kind != "mem" else 0,
                self.observables[i].label,
            ),
        )

    def add(self, observable: Observable) -> Expr:
        """The observable's leaf; the same one for the same observable."""
        if self.at is not None and observable.kind != "ever":
            observable = replace(observable, at=self.at)
        key = observable.kind, observable.label, observable.at
        if key not in self.index:
            self.index[key] = len(self.observables)
            self.observables.append(observable)
        return Obs(self.index[key])

    def proposition(self, p: c.Proposition, negated: bool = False) -> Expr:
        """An expression that is 1 or 0; errors go to ``troubles``."""
        if isinstance(p, c.Logic):
            if p.op == "not":
                return call("not", self.proposition(p.parts[0], not negated))
            if p.op == "implies":
                left = self.proposition(p.parts[0], not negated)
                return call("or", call("not", left), self.proposition(p.parts[1], negated))
            return call(p.op, *(self.proposition(q, negated) for q in p.parts))
        try:
            return self.atom(p, negated)
        except Trouble as trouble:
            self.troubles.append(trouble.diagnostic)
            return FALSE

    def atom(self, p: c.Proposition, negated: bool) -> Expr:
        """A proposition without and, or, not; raises ``Trouble``."""
        if isinstance(p, c.Compare):
            return self.compare(p)
        if isinstance(p, c.Truth):
            truth = "holds" if isinstance(p.operand, c.Arith) else "bool"
            return call(truth, self.operand(p.operand))
        if isinstance(p, c.Fault):
            return call("eq", self.operand(p.place), Const(FAULT))
        if isinstance(p, c.Ranged):
            return self.ranged(p, negated)
        if negated:
            what = "a TLB entry" if isinstance(p, c.Tlb) else "'ever'"
            raise Trouble(
                "absent",
                f"a condition cannot ask whether {what} is absent",
                p.span,
                "entries may vanish at any time, so absence is always possible; ask for presence"
                if isinstance(p, c.Tlb)
                else "ask what holds at some instant, without '~' before it",
            )
        if isinstance(p, c.Tlb):
            return self.tlb(p)
        assert isinstance(p, c.Ever)
        return self.ever(p)

    def tlb(self, p: c.Tlb) -> Expr:
        """A membership of a CPU's TLB."""
        cpu, va, page = self.cpu(p.cpu), self.scope.va(p.va), self.scope.page(p.page)
        pcid = None if p.pcid is None else self.scope.pcid(p.pcid, p.span)
        tag = "" if pcid is None else f"@{pcid}"
        label = f"{cpu}:tlb[{va}{tag} -> {page}]"
        return self.add(Observable("tlb", label, cpu, va=va, page=page, pcid=pcid))

    def ever(self, p: c.Ever) -> Expr:
        """One instant of its own for each ``ever``."""
        if self.at is not None:
            hint = "one 'ever' is enough: it looks at one instant"
            raise Trouble("nested-ever", "'ever' inside 'ever'", p.span, hint)
        number, self.snapshots = self.snapshots, self.snapshots + 1
        self.at = number
        inner = self.proposition(p.body)
        self.at = None
        text = " ".join(p.span.text.split())
        return self.add(Observable("ever", text, expr=inner, at=number))

    def ranged(self, p: c.Ranged, negated: bool) -> Expr:
        """``some`` and ``all`` over CPUs."""
        low, high = self.number(p.low), self.number(p.high)
        if high - low >= MAX_RANGE:
            raise Trouble("range", f"a range of more than {MAX_RANGE} numbers", p.span)
        if high < low and not self._counted(p.low) and not self._counted(p.high):
            raise Trouble("range", f"the range {low}..{high} is empty", p.span, "write low..high")
        outer = dict(self.variables)
        parts: list[Expr] = []
        for cpu in range(low, high + 1):
            self.variables = {**outer, p.variable: cpu}
            parts.append(self.proposition(p.body, negated))
        self.variables = outer
        return call("or" if p.kind == "some" else "and", *parts)

    def _counted(self, n: c.Number | c.Name) -> bool:
        return isinstance(n, c.Name) and n.name in self.variables

    def number(self, n: c.Number | c.Name) -> int:
        """A number, by itself or by name."""
        if isinstance(n, c.Number):
            return n.value
        return self.variables[n.name] if n.name in self.variables else self.scope.constant(n)

    def cpu(self, n: c.Number | c.Name) -> int:
        """The number of a CPU that exists."""
        cpu = self.number(n)
        if not 0 <= cpu < self.scope.cpus():
            raise Trouble(
                "no-cpu", f"there is no CPU {cpu}", n.span, f"CPUs are 0 to {self.scope.cpus() - 1}"
            )
        return cpu

    def compare(self, p: c.Compare) -> Expr:
        """A comparison; ``[x]`` and ``x`` beside another place mean what they hold, a name its value. What is
        compared with the order of numbers is what ``x`` holds: addresses have none."""
        if isinstance(p.right, c.Number) and p.op in ("eq", "ne") and isinstance(p.left, c.Place):
            return self.compared(p, p.left, p.right)
        undefined = self.undefined(p)
        if undefined is not None:
            return undefined
        self.sensible(p)
        address = p.op in ("eq", "ne") and isinstance(p.left, c.Place)
        left, right = self.operand(p.left), self.operand(p.right, value=address)
        self.no_address(p, right)
        for held, other in ((left, p.right), (right, p.left)) if p.op in ("eq", "ne") else ():
            wanted = None if isinstance(held, Const) or isinstance(other, c.Number) else self.entry(other)
            if wanted is not None:
                found = Apply("pte_matches", (held, Const(wanted)))
                return found if p.op == "eq" else call("not", found)
        left, right = self.agreed(p, left, right)
        if p.op not in ("eq", "ne"):
            return call("holds", call(p.op, left, right))
        return Apply(p.op, (left, right)) if not isinstance(left, Const) else call(p.op, left, right)

    def compared(self, p: c.Compare, place: c.Place, number: c.Number) -> Expr:
        """``compare`` of what a place holds with a number."""
        if number.value:
            self.sensible_number(p, place, number)
        left, constant = self.operand(place), Const(number.value)
        kind = self.holds(place, left)
        right: Expr = constant
        if kind is not None and kind.kind != "int":
            left, right = self.agreed(p, left, constant)
        elif kind is not None:
            right = self.stored(constant, kind, p)
        return Apply(p.op, (left, right)) if not isinstance(left, Const) else call(p.op, left, right)

    def undefined(self, p: c.Compare) -> Expr | None:
        """``x = undef``: is it a value of which nothing is known? None for other comparisons."""
        if not isinstance(p.right, c.Name) or p.right.name != str(UNDEF) or p.op not in ("eq", "ne"):
            return None
        if self.declares(p.right):
            return None
        found = call("undefined", self.operand(p.left))
        return found if p.op == "eq" else call("not", found)

    def declares(self, name: c.Name) -> bool:
        """Does the test have something of this name?"""
        try:
            self.meaning(name)
        except Trouble:
            return name.name in self.variables
        return True

    def holds(self, p: c.Operand, value: Expr) -> Type | None:
        """The C type of an operand; ``value`` is what it came to."""
        if isinstance(value, Const):
            text = p.span.text if isinstance(p, c.Number) else ""
            return t.literal(value.value, text) if isinstance(value.value, int) else None
        if isinstance(p, c.Register):
            return self.scope.holds(p.place, self.cpu(p.cpu))
        return self.scope.holds(p, None) if isinstance(p, c.Place) else None

    def agreed(self, p: c.Compare, left: Expr, right: Expr) -> tuple[Expr, Expr]:
        """Both sides as C compares them. Of ``=`` a constant is what its place would hold if it were
        stored there: ``x = -1`` is true of a ``u64`` with all bits set."""
        equal = p.op in ("eq", "ne")
        if equal and isinstance(right, Const) and isinstance(right.value, int):
            x = self.holds(p.left, left)
            if x is None or x.kind == "int":
                return left, right if x is None else self.stored(right, x, p)
        x, y = self.holds(p.left, left), self.holds(p.right, right)
        if x is None or y is None:
            return left, right
        if x.kind == y.kind == "int":
            if equal and isinstance(left, Const):
                return self.stored(left, y, p), right
            common = t.promoted(x, y)
            return t.converted(left, x, common), t.converted(right, y, common)
        return t.words_of_64(left, right, x, y) if equal else (left, right)

    def stored(self, constant: Const, kind: Type, p: c.Compare) -> Expr:
        """A constant as an object of a type holds it; one that no such object can hold stays, with a
        warning."""
        number = constant.value
        assert isinstance(number, int)
        low, high = t.limits(kind)
        if low <= number <= high:
            return constant
        if t.loses(number, kind) or kind.tag == "bool":
            text = f"{t.words(kind)} is {low} to {high}, never {number}"
            self.warnings.append(Diagnostic("overflow", text, span=p.span, hint="", severity="warning"))
            return constant
        return t.wrapped(constant, kind)

    def sensible(self, p: c.Compare) -> None:
        """Raise ``Trouble`` where something that is not a number is compared with a number other than 0."""
        for place, other in ((p.left, p.right), (p.right, p.left)):
            named = isinstance(other, c.Name) and other.name not in self.variables
            if not (named or isinstance(other, c.Number)) or not isinstance(place, c.Place):
                continue
            assert isinstance(other, c.Number | c.Place)
            meaning = Const(other.value) if isinstance(other, c.Number) else self.meaning(other)
            if isinstance(meaning, Const) and isinstance(meaning.value, int) and meaning.value:
                self.sensible_number(p, place, other)

    def sensible_number(self, p: c.Compare, place: c.Place, other: c.Number | c.Place) -> None:
        """Raise ``Trouble`` if a place holds no number; ``other`` is one that is not 0."""
        if isinstance(place, c.Name) and place.name in self.variables:
            return
        of, cpu = (place.place, self.cpu(place.cpu)) if isinstance(place, c.Register) else (place, None)
        hint = self.scope.comparable(of, cpu, self.meaning(place), not isinstance(other, c.Number))
        if hint:
            text = f"{place.span.text} is never {other.span.text}: it is not a number"
            raise Trouble("type", text, p.span, hint)

    def no_address(self, p: c.Compare, right: Expr) -> None:
        """Warn where a number is compared with the address of another one, and an address with what a field
        holds."""
        self.no_content(p)
        if not (isinstance(right, Const) and isinstance(right.value, Ptr) and isinstance(p.right, c.Name)):
            return
        if isinstance(p.left, c.Register) or not isinstance(p.left, c.Place):
            return
        kinds = self.scope.holds(p.left, None), self.scope.holds(p.right, None)
        if all(kind is not None and kind.kind == "int" and kind.tag != t.WORD for kind in kinds):
            name = p.right.name
            text = f"{name} is here the address of {name}, and {p.left.span.text} holds a number"
            hint = f"write [{name}] for what {name} holds"
            self.warnings.append(Diagnostic("address", text, span=p.span, hint=hint, severity="warning"))

    def no_content(self, p: c.Compare) -> None:
        """Warn where an address is compared with the number that a field or an element holds."""
        if p.op not in ("eq", "ne") or not isinstance(p.right, c.Field | c.Member):
            return
        of, cpu = (p.left.place, self.cpu(p.left.cpu)) if isinstance(p.left, c.Register) else (p.left, None)
        kind = self.scope.holds(p.right, None)
        if kind is None or kind.kind != "int" or isinstance(of, c.Number | c.Arith | c.AddressOf):
            return
        if self.scope.points(of, cpu):
            name = p.right.span.text
            text = f"{p.left.span.text} holds an address, and {name} is here the number that {name} holds"
            hint = f"write &{name} for the address of {name}"
            self.warnings.append(Diagnostic("address", text, span=p.span, hint=hint, severity="warning"))

    def meaning(self, p: c.Place) -> Meaning:
        """What a place means here. ``hang`` is no place, unless the test has one of this name."""
        known = self.meanings.get(id(p))
        if known is None:
            known = self._meaning(p)
            if not self.variables:  # in a range, it may mean something else the next time
                self.meanings[id(p)] = known
        return known

    def _meaning(self, p: c.Place) -> Meaning:
        place, cpu = (p.place, self.cpu(p.cpu)) if isinstance(p, c.Register) else (p, None)
        try:
            return self.scope.place(place, cpu)
        except Trouble:
            if isinstance(place, c.Name) and place.name == "hang":
                return HangOf(cpu)
            raise

    def entry(self, p: c.Operand) -> Value | None:
        """The content that an entry is compared with, if the operand is one."""
        if isinstance(p, c.AddressOf) and isinstance(p.place, c.Name):
            p = p.place
        if isinstance(p, c.Number | c.Register | c.Arith | c.AddressOf) or (
            isinstance(p, c.Name) and p.name in self.variables
        ):
            return None
        meaning = self.scope.place(p, None)
        return meaning.content if isinstance(meaning, EntryOf) else None

    def moved(self, p: c.Arith) -> Const | None:
        """``v + 8``: an address and a number after it, as states print it; None for other calculations."""
        if p.op != "add" or not isinstance(p.parts[1], c.Number):
            return None
        try:
            start = self.operand(p.parts[0])
        except Trouble:
            return None
        at = start.value if isinstance(start, Const) else None
        if not isinstance(at, Ptr) or not (isinstance(p.parts[0], c.AddressOf) or self.scope.moves(at)):
            return None
        return Const(Ptr(at.base, at.off + p.parts[1].value))

    def marked(self, p: c.Arith) -> Const | None:
        """``&x | 1``: an address as a number, with marks in its low bits; None for other calculations."""
        address, mark = p.parts[0], p.parts[-1]
        if p.op != "bitor" or not isinstance(address, c.AddressOf | c.Call) or not isinstance(mark, c.Number):
            return None
        at = self.operand(address)
        if not isinstance(at, Const) or not isinstance(at.value, Ptr):
            return None
        as_number = at if self.scope.moves(at.value) else call("as_number", at, Const(ALIGNED))
        made = evaluate(call("bitor", as_number, Const(mark.value)), {})
        if not isinstance(made, Ptr):
            hint = f"marks are numbers below {1 << ALIGNED}: the other bits say where the object is"
            raise Trouble("value", f"what {p.span.text} is, nothing says", p.span, hint)
        return Const(made)

    def calculable(self, p: c.Operand) -> Expr:
        """A part of a calculation. Raises ``Trouble`` for a page or another thing that is not a number."""
        found = self.operand(p)
        if isinstance(found, Const) and not isinstance(found.value, int):
            raise Trouble("type", f"{p.span.text} is not a number", p.span)
        return found

    def operand(self, p: c.Operand, value: bool = False) -> Expr:
        """``value``: the right side of a comparison, where the name of an object is its address."""
        if isinstance(p, c.Number):
            return Const(p.value)
        if isinstance(p, c.Arith):
            as_printed = self.moved(p) or self.marked(p)
            return as_printed or call("known", call(p.op, *map(self.calculable, p.parts)))
        if isinstance(p, c.Name) and p.name in self.variables:
            return Const(self.variables[p.name])
        if isinstance(p, c.AddressOf):
            place, cpu = (
                (p.place.place, self.cpu(p.place.cpu)) if isinstance(p.place, c.Register) else (p.place, None)
            )
            return Const(self.scope.address(place, cpu))
        meaning = self.meaning(p)
        if isinstance(meaning, EntryOf):
            return Const(meaning.content)
        if isinstance(meaning, Const):
            return meaning
        if isinstance(meaning, HangOf):
            if self.at is not None:
                hint = "ask for it beside 'ever': a run hangs at its end"
                raise Trouble("hang-ever", "'ever' does not look at hangs", p.span, hint)
            label = "hang" if meaning.cpu is None else f"{meaning.cpu}:hang"
            return self.add(Observable("hang", label, meaning.cpu, expr=FALSE))
        if isinstance(meaning, RegisterOf):
            if self.at is not None:
                raise Trouble(
                    "register-ever", f"{meaning.label} is a register; 'ever' does not look at it", p.span,
                    "'ever' speaks of memory, cr3, pcid, irq and tlb",
                )  # fmt: skip
            return self.add(Observable("reg", meaning.label, meaning.cpu, expr=Reg(meaning.local)))
        if isinstance(meaning, PartOf):
            unit = self.add(Observable("mem", meaning.cell.label, cell=meaning.cell.cell))
            return meaning.part.read(unit)
        if isinstance(meaning, WideOf):
            if value and isinstance(p, c.Name) and not p.brackets:
                return Const(meaning.low.cell)
            found = [self.add(Observable("mem", x.label, cell=x.cell)) for x in (meaning.low, meaning.high)]
            return t.both(found[0], found[1], meaning.type)
        if value and isinstance(p, c.Name) and not p.brackets:
            return Const(meaning.cell)
        held = self.add(Observable("mem", meaning.label, cell=meaning.cell))
        return call(f"uint{meaning.unsigned}", held) if meaning.unsigned else held
