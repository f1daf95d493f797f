"""The conditions of #if: what #config says decides them, and what it does not say stays open."""

from __future__ import annotations

import pytest

from verifier.kernel.conditions import ASSUMED, Condition, Config, Malformed, undecided
from verifier.source import Source, Span

SAID = {"CONFIG_A": 1, "CONFIG_B": 0, "LEVELS": 4}


def value(text: str) -> int | None:
    return Condition(text, Config(SAID)).value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("defined(CONFIG_A)", 1),
        ("defined CONFIG_B", 0),
        ("!defined(CONFIG_B) && IS_ENABLED(CONFIG_A)", 1),
        ("IS_MODULE(CONFIG_A)", 0),
        ("LEVELS > 3 && LEVELS <= 0x4", 1),
        ("(LEVELS + 2) * 2 == 12 ? 0 : 1", 0),
        ("LEVELS - 1 - 1 == 2", 1),
        ("1 << 3 == 8", 1),
        ("-1 < 0", 1),
        ("010", 8),
        ("CONFIG_A", 1),
        ("CONFIG_X86_64", 1),
        # Values have 64 bits, and one without a sign makes the other so.
        ("-1 > 0u", 1),
        ("-1 > 0", 0),
        ("0xffffffffffffffff == -1", 1),
        ("~0u >> 63", 1),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("0 ? 1u : -1", 2**64 - 1),
        ("1 << 63 < 0", 1),
        ("'a' == 97 && '\\n' == 10 && '\\x41' == 65", 1),
        # An open operand is open only where it matters.
        ("defined(CONFIG_C)", None),
        ("defined(CONFIG_C) || CONFIG_A", 1),
        ("defined(CONFIG_C) && CONFIG_B", 0),
        ("!CONFIG_C", None),
        ("CONFIG_C > 2", None),
        ("CONFIG_C ? 1 : 0", None),
    ],
)
def test_value(text: str, expected: int | None) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    "text", ["", "(", "1 +", "defined", "defined(1)", "1 2", "1 / 0", "'ab'", "(" * 99, "1 << 99"]
)
def test_no_expression(text: str) -> None:
    with pytest.raises(Malformed):
        Condition(text, Config({}))


def test_a_value_makes_a_name_defined_and_a_refusal_does_not() -> None:
    for name, expected in (("ZERO", 1), ("NOT", 0), ("YES", 1)):
        config = Config({"ZERO": 0, "NOT": 0, "YES": 1}, frozenset({"ZERO"}))
        assert Condition(f"defined({name})", config).value == expected
        assert Condition(f"IS_ENABLED({name})", config).value == (name == "YES")
        assert Condition(name, config).value == (name == "YES")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("#ifdef A", "write #config A or !A"),
        ("#if defined(A) && IS_ENABLED(B)", "write #config A or !A and B or !B"),
        ("#if A > 2", "write #config A = …, or !A"),
    ],
)
def test_the_hint_asks_for_a_value_where_the_condition_does(text: str, hint: str) -> None:
    names = [name for name in "AB" if name in text]
    assert undecided(names, text, Span(Source("f.c", text), 0, 1)).hint == hint


def test_open_names() -> None:
    asked = Condition("defined(CONFIG_C) && CONFIG_A && !CONFIG_D", Config(SAID))
    assert asked.open == ["CONFIG_C", "CONFIG_D"]
    assert Condition("CONFIG_C || CONFIG_A", Config(SAID)).open == []


def test_what_was_asked_is_noted() -> None:
    config = Config(SAID)
    Condition("CONFIG_A || LEVELS", config)
    assert config.used == {"CONFIG_A", "LEVELS"}


def test_a_test_may_contradict_what_is_assumed() -> None:
    assert ASSUMED["CONFIG_SMP"] == 1
    assert Condition("CONFIG_SMP", Config({"CONFIG_SMP": 0})).value == 0
