"""Counters in fields whose type the test does not define: their words give what C gives for them."""

from __future__ import annotations

import pytest

from verifier.explore import decide as explored
from verifier.lower.build import build
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load

NUMBERS = (0, 1, -1, 5, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
READS = {"atomic_read": True, "atomic_read_acquire": True, "refcount_read": False}  # by word: has it a sign?
FETCHES = (
    "atomic_fetch_add(0, {})",
    "atomic_add_return(0, {})",
    "atomic_xchg({}, 0)",
    "atomic_cmpxchg({}, 9, 9)",
    "atomic_fetch_or(0, {})",
    "atomic_fetch_add_unless({}, 1, 9)",
)
FIELDS = {
    "a field without a type": ("struct foo s", "&s.n", ""),
    "the count of a page": ("page A", "&A.refcount", ""),
    "an atomic_t": ("struct foo s", "&s.n", "struct foo { atomic_t n; };\n"),
    "a refcount_t": ("struct foo s", "&s.n", "struct foo { refcount_t n; };\n"),
}


def as_c(number: int, signed: bool) -> int:
    """A number as an int, or as an unsigned int."""
    low = number & 0xFFFFFFFF
    return low - (1 << 32) if signed and low >> 31 else low


def check(field: str, call: str, number: int, wanted: int) -> None:
    declared, place, struct = FIELDS[field]
    name = place.rpartition(".")[2]
    text = (
        f"MM t\n{struct}{{ {declared} {{ .{name} = {number} }}; }}\n"
        f"P0 {{ long r = {call.format(place)}; r0 = r; }}\n"
        f"exists (0:r0 = {wanted})\n"
    )
    (test,) = load(Source("t.litmus", text))
    program = build(test)
    for answer in (decide(program, witnesses=False), explored(program, witnesses=False)):
        assert (answer.reachable, answer.refutable) == (True, False), text


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    ("field", "word"),
    [(f, w) for f in FIELDS for w in READS if not f.endswith("_t") or w[:6] in f],
)
def test_what_a_read_gives(field: str, word: str, number: int) -> None:
    check(field, f"{word}({{}})", number, as_c(number, READS[word]))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("call", FETCHES)
@pytest.mark.parametrize("field", [name for name in FIELDS if "refcount" not in name])
def test_what_a_read_modify_write_gives(field: str, call: str, number: int) -> None:
    check(field, call, number, as_c(number, signed=True))


@pytest.mark.parametrize("field", ["a field without a type", "the count of a page", "a refcount_t"])
def test_a_count_that_saturates_is_large(field: str) -> None:
    """REFCOUNT_SATURATED is 0xc0000000, and refcount_read() gives an unsigned int."""
    declared, place, struct = FIELDS[field]
    name = place.rpartition(".")[2]
    text = (
        f"MM t\n{struct}{{ {declared} {{ .{name} = 1 }}; }}\n"
        f"P0 {{ refcount_dec({place}); r0 = refcount_read({place}) > 0; }}\nexists (0:r0 = 1)\n"
    )
    (test,) = load(Source("t.litmus", text))
    assert (decide(build(test)).reachable, decide(build(test)).refutable) == (True, False)
