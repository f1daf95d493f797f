"""A number that is compared with the address of another one."""

from __future__ import annotations

import pytest

from tests.judges import holds
from verifier.lower.build import build
from verifier.source import Source
from verifier.syntax import load

TEXT = """MM t
{{
    int a;
    u64 b;
    atomic_t c;
    int *p = &a;
    page A;
    mm N {{ v -> A }};
    unsigned long w;
}}
P0 {{ WRITE_ONCE(a, 1); WRITE_ONCE(b, 1); r0 = READ_ONCE(b); }}
exists ({condition})
"""


def warned(condition: str) -> list[tuple[str, str]]:
    (test,) = load(Source("t.litmus", TEXT.format(condition=condition)))
    return [(d.message, d.hint or "") for d in build(test).warnings]


@pytest.mark.parametrize("condition", ["a = b", "a != b", "a = 1 /\\ ~(a = b)", "w = b"])
def test_an_address_in_place_of_a_value(condition: str) -> None:
    place = "w" if condition.startswith("w") else "a"
    said = f"b is here the address of b, and {place} holds a number"
    assert warned(condition) == [(said, "write [b] for what b holds")]


@pytest.mark.parametrize("condition", ["a = [b]", "p = a", "a = 1", "0:r0 = a", "w = A", "a = [c]", "a < b"])
def test_what_may_be_meant(condition: str) -> None:
    assert warned(condition) == []


@pytest.mark.parametrize(
    ("condition", "always"),
    [("a > b", False), ("a <= b", True), ("a = b", False), ("a >= [b]", True), ("~(b < a)", True)],
)
def test_the_order_is_that_of_what_is_held(condition: str, always: bool) -> None:
    assert holds(TEXT.format(condition=condition)) == always
    assert holds(TEXT.format(condition=f"~({condition})")) != always
