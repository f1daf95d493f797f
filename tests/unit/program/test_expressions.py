"""Expressions: what is folded when they are built is what evaluating them gives, in each way to do so.

``UNDEF`` is a value of which nothing is known: an operation may give something else for it only if it gives
the same for all other values.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from verifier.explore.compiled import compiled
from verifier.program.expressions import Apply, Const, Expr, Ref, call, evaluate, refs
from verifier.program.functions import FUNCTIONS, LENIENT, apply
from verifier.program.values import FAULT, NX, RO, ROOT, UNDEF, Entry, Ptr, Value
from verifier.solve.tabled import Tabled

VALUES: tuple[Value, ...] = (
    0, 1, 7, -1, 0xFFFF_FFFF_FFFF_F000, Ptr("v"), Ptr("v", 5), Ptr(f"N{ROOT}"), Entry(Ptr("A"), RO), FAULT,
    UNDEF,
)  # fmt: skip
NAMED = ("field", "container")  # their second argument is a name
FEW: tuple[Value, ...] = (0, 1, 7, Ptr("v"), UNDEF)  # for three arguments
ARGUMENTS = {"and": (1, 2, 3), "or": (1, 2, 3), "neg": (1,), "inv": (1,)}
ARGUMENTS |= dict.fromkeys(("mul", "div", "mod"), (2,))  # how many they take, where their signature hides it
OF_FLAGS = ("mk_pte", "pte_has", "pte_with", "pte_without")  # their second argument is a number of attributes


def _patterns(function: str) -> Iterator[tuple[Value | str, ...]]:
    """All arguments of a function that are tried."""
    counts = ARGUMENTS.get(function) or (len(inspect.signature(FUNCTIONS[function]).parameters),)
    if function in NAMED:
        yield from product(VALUES, ("next",))
    elif function in OF_FLAGS:
        yield from product(VALUES, (0, RO, NX | RO, UNDEF))
    else:
        for count in counts:
            yield from product(VALUES if count < 3 else FEW, repeat=count)


def _mixed(function: str, args: Sequence[Value | str]) -> Iterator[tuple[Expr, dict[int, Value]]]:
    """The same application, with each of its arguments a constant or read."""
    free = [i for i, a in enumerate(args) if not isinstance(a, str)]
    for chosen in product((False, True), repeat=len(free)):
        read = {i for i, x in zip(free, chosen, strict=True) if x}
        parts = [Ref(i) if i in read else Const(a) for i, a in enumerate(args)]
        yield call(function, *parts), {i: a for i, a in enumerate(args) if not isinstance(a, str)}


def _tabled(expr: Expr, slots: dict[int, Value]) -> Value | str:
    """The value of an expression by tables, once more after it is known."""
    if not isinstance(expr, Apply):
        return expr.value if isinstance(expr, Const) else slots[expr.slot]  # type: ignore[union-attr]
    tabled, choice = Tabled(), tuple(slots[s] for s in refs(expr))
    assert tabled.of(expr, choice) == tabled.of(expr, choice)
    return tabled.of(expr, choice)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_folding_is_evaluating(function: str) -> None:
    for args in _patterns(function):
        wanted = apply(function, args)  # type: ignore[arg-type]
        for built, slots in _mixed(function, args):
            ways = {
                "evaluated": evaluate(built, slots),
                "of all": _tabled(built, slots),
                "compiled": compiled(built)([slots.get(i, 0) for i in range(3)]),
            }
            assert set(ways.values()) == {wanted}, (function, args, built, ways)


@pytest.mark.slow
@pytest.mark.parametrize("function", ("and", "or", "not", "bool", "ite", "eq"))
def test_a_large_one_is_evaluated_alike(function: str) -> None:
    large: Expr = Const(1)
    for i in range(80):
        large = Apply("ite", (Apply("eq", (Ref(3), Const(i))), Const(0), large))
    for args in _patterns(function):
        if any(isinstance(a, str) for a in args):
            continue
        slots = {i: a for i, a in enumerate(args) if not isinstance(a, str)} | {3: 100}
        same = tuple(Apply("ite", (large, Ref(i), Ref(i))) for i in range(len(args)))
        built = Apply(function, same)
        assert built.large
        assert evaluate(built, slots) == _tabled(built, slots) == apply(function, args)  # type: ignore[arg-type]


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f not in ("known", "holds", "undefined")])
def test_what_an_undefined_argument_gives_all_others_give(function: str) -> None:
    """``UNDEF`` is unknown: a result that is defined would be the same for every value in its place."""
    for args in _patterns(function):
        found = apply(function, args)  # type: ignore[arg-type]
        if UNDEF not in args or found == UNDEF:
            continue
        assert function in LENIENT
        for other in product(*(VALUES if a == UNDEF else (a,) for a in args)):
            assert apply(function, other) == found, (function, args, other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "args", "wanted"),
    [
        ("and", (0, UNDEF), 0),
        ("and", (UNDEF, 0), 0),
        ("and", (1, UNDEF), UNDEF),
        ("or", (1, UNDEF), 1),
        ("or", (UNDEF, 7), 1),
        ("or", (0, UNDEF), UNDEF),
        ("not", (UNDEF,), UNDEF),
        ("bool", (UNDEF,), UNDEF),
        ("eq", (UNDEF, UNDEF), UNDEF),
        ("lt", (Ptr("v"), 7), UNDEF),
        ("ite", (UNDEF, 3, 3), 3),
        ("ite", (UNDEF, 3, 4), UNDEF),
        ("ite", (1, 3, UNDEF), 3),
        ("bitand", (UNDEF, 0), 0),
        ("bitor", (UNDEF, -1), UNDEF),
        ("mul", (UNDEF, 0), UNDEF),
        ("undefined", (UNDEF,), 1),
        ("undefined", (0,), 0),
    ],
)
def test_what_undefined_values_give(function: str, args: tuple[Value, ...], wanted: Value) -> None:
    assert evaluate(call(function, *map(Const, args)), {}) == wanted


def test_what_has_not_been_read_counts_as_undefined_beside_an_undefined_value() -> None:
    built = Apply("and", (Ref(0), Ref(1)))
    assert evaluate(built, {0: UNDEF}) == UNDEF
    assert evaluate(built, {0: 0}) == 0
    with pytest.raises(KeyError):
        evaluate(built, {0: 1})


@pytest.mark.parametrize("chosen", [0, 1, 7, Ptr("v"), UNDEF])
def test_a_choice_by_a_constant_is_folded_as_it_is_evaluated(chosen: Value) -> None:
    slots = {0: chosen, 1: 1, 2: 2}
    folded = call("ite", Const(chosen), Ref(1), Ref(2))
    assert evaluate(folded, slots) == evaluate(Apply("ite", (Ref(0), Ref(1), Ref(2))), slots)
