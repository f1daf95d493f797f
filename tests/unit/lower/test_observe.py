"""From conditions to observables: resolution of names, order, and questions that are refused."""

from __future__ import annotations

import pytest

from verifier.errors import InputError
from verifier.lower.meanings import CellOf, Meaning, RegisterOf
from verifier.lower.observe import Observed, observe
from verifier.program.events import Observable
from verifier.program.expressions import Apply, Const, Obs, Reg, evaluate
from verifier.program.values import FAULT, Ptr, Value
from verifier.source import Diagnostic, Source
from verifier.syntax import condition as c
from verifier.syntax.trouble import Trouble


class Names:
    """Two CPUs, objects x y z, registers r0 r1, a virtual address v, pages A B."""

    def place(self, place: c.Place, cpu: int | None) -> Meaning:
        assert isinstance(place, c.Name)
        if cpu is not None:
            if place.name not in ("r0", "r1"):
                raise Trouble("unwritten", f"P{cpu} does not write {place.name}", place.span)
            return RegisterOf(cpu, place.name, f"{cpu}:{place.name}")
        if place.name in ("A", "B"):
            return Const(Ptr(place.name))
        if place.name == "fault":
            return Const(FAULT)
        if place.name not in ("x", "y", "z"):
            raise Trouble("unknown-name", f"unknown {place.name}", place.span)
        return CellOf(Ptr(place.name), f"[{place.name}]")

    def constant(self, name: c.Name) -> int:
        return {"n": 1}[name.name]

    def cpus(self) -> int:
        return 2

    def holds(self, place: c.Place, cpu: int | None) -> None:
        return None

    def comparable(self, place: c.Place, cpu: int | None, meaning: Meaning, named: bool) -> str:
        return ""

    def va(self, name: c.Name) -> Ptr:
        return Ptr(name.name)

    def page(self, operand: c.Operand) -> Value:
        assert isinstance(operand, c.Name)
        return Ptr(operand.name)


def observed(text: str) -> Observed:
    return observe(c.parse_final(Source("o.litmus", text), text), Names())


def refused(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(InputError) as caught:
        observed(text)
    return caught.value.diagnostics


def labels(o: Observed) -> list[str]:
    return [o.observables[i].label for i in o.shown]


def test_what_is_shown_and_in_which_order() -> None:
    o = observed("locations [z; 1:r0] exists (y=1 /\\ 1:r1=0 /\\ 0:r1=1 /\\ x=0 /\\ 1:r0=1)")
    assert labels(o) == ["0:r1", "1:r0", "1:r1", "[x]", "[y]", "[z]"]


def test_a_filter_is_not_shown() -> None:
    o = observed("filter (y=1) exists (x=1)")
    assert labels(o) == ["[x]"]
    assert o.filter is not None and len(o.observables) == 2


def test_the_same_place_is_one_observable() -> None:
    o = observed("locations [x] exists (x=1 \\/ [x]=2)")
    assert len(o.observables) == 1


def test_values_of_conditions() -> None:
    o = observed("exists (0:r0=x /\\ [x]=[y] /\\ ~z=1 /\\ (1:r1=fault => x=7))")
    at = {o.observables[i].label: i for i in o.shown}

    def holds(r0: Value, x: Value, y: Value, z: Value, r1: Value) -> Value:
        values = {at["0:r0"]: r0, at["[x]"]: x, at["[y]"]: y, at["[z]"]: z, at["1:r1"]: r1}
        return evaluate(o.condition, {}, values)

    assert holds(Ptr("x"), 7, 7, 0, FAULT) == 1
    assert holds(Ptr("x"), 6, 6, 0, FAULT) == 0
    assert holds(Ptr("x"), 6, 6, 0, 3) == 1
    assert holds(Ptr("y"), 7, 7, 0, 3) == 0
    assert holds(Ptr("x"), 7, 8, 0, 3) == 0
    assert holds(Ptr("x"), 7, 7, 1, 3) == 0


def test_registers_are_locals_and_fault_is_a_value() -> None:
    o = observed("exists fault(1:r1)")
    assert o.observables == [Observable("reg", "1:r1", 1, expr=Reg("r1"))]
    assert o.condition == Apply("eq", (Obs(0), Const(FAULT)))


def test_tlb_and_ever() -> None:
    o = observed("exists (ever (x=1 /\\ 1:tlb[v -> A]) /\\ ever (x=1) /\\ 0:tlb[v -> B])")
    kinds = [(x.kind, x.label, x.at) for x in o.observables]
    assert ("mem", "[x]", 0) in kinds and ("mem", "[x]", 1) in kinds
    assert ("tlb", "1:tlb[v -> A]", 0) in kinds and ("tlb", "0:tlb[v -> B]", None) in kinds
    assert sorted(x.at for x in o.observables if x.kind == "ever" and x.at is not None) == [0, 1]
    shown = [o.observables[i] for i in o.shown]
    assert all(x.at is None or x.kind == "ever" for x in shown)


def test_ranges() -> None:
    o = observed("exists (some c in 0..n: c:r0=1)")
    assert labels(o) == ["0:r0", "1:r0"]
    assert isinstance(o.condition, Apply) and o.condition.function == "or"
    assert observed("exists (all c in 0..1: c:r0=c)").condition == Apply(
        "and", (Apply("eq", (Obs(0), Const(0))), Apply("eq", (Obs(1), Const(1))))
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("~1:tlb[v -> A]", "absent"), ("~(x=1 /\\ 1:tlb[v -> A])", "absent"), ("~ever (x=1)", "absent"),
        ("1:tlb[v -> A] => x=1", "absent"), ("ever (ever (x=1))", "nested-ever"),
        ("ever (0:r0 = 1)", "register-ever"), ("2:r0 = 1", "no-cpu"), ("0:r7 = 1", "unwritten"),
        ("w = 1", "unknown-name"), ("some c in 0..999999999: x=1", "range"),
    ],
)  # fmt: skip
def test_refusals(text: str, code: str) -> None:
    (diagnostic,) = refused(f"exists ({text})")
    assert diagnostic.code == code and diagnostic.span is not None


def test_twice_negated_is_not_negated() -> None:
    assert observed("exists ~~1:tlb[v -> A]").observables[0].kind == "tlb"


def test_all_errors_at_once() -> None:
    found = refused("locations [w] filter (0:r7=1) exists (u=1 /\\ ~(3:r0=1 \\/ q=1) => s=1)")
    assert sorted(d.code for d in found) == ["no-cpu", *["unknown-name"] * 4, "unwritten"]
