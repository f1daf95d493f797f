"""Cells that LOCK'd operations alone store to: what is added for them rules out nothing that may happen."""

from __future__ import annotations

import random

import pytest

from tests.effort import times
from verifier.lower.build import build
from verifier.model import model
from verifier.program.profiles import GENERIC
from verifier.solve import decide, encode, lines
from verifier.solve.clauses import Clauses
from verifier.solve.encoding import Encoding
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

OPERATIONS = (
    "atomic_inc(&c);",
    "{r} = atomic_inc_return(&c);",
    "{r} = atomic_dec_and_test(&c);",
    "atomic_add(2, &c);",
    "{r} = atomic_xchg(&c, {n});",
    "{r} = atomic_cmpxchg(&c, {n}, {m});",
    "{r} = atomic_inc_not_zero(&c);",
    "{r} = atomic_fetch_or({n}, &c);",
    "if (READ_ONCE(x) == 0) atomic_inc(&c);",
    "atomic_add(READ_ONCE(x), &c);",
    "{r} = atomic_read(&c);",
    "WRITE_ONCE(x, {n});",
    "atomic_set(&c, {n});",  # then the cell has no line
)


def drawn(seed: int) -> str:
    """A test with two or three CPUs, and five operations or fewer."""
    rng = random.Random(seed)
    left, threads, registers = 5, [], []
    for cpu in range(rng.choice((2, 2, 3))):
        body = []
        for number in range(rng.randint(1, min(3, left))):
            text = rng.choice(OPERATIONS)
            if "{r}" in text:
                registers.append(f"{cpu}:r{number}")
            body.append(text.format(r=f"r{number}", n=rng.randint(0, 2), m=rng.randint(0, 2)))
        left -= len(body)
        threads.append(f"P{cpu} {{ {' '.join(body)} }}")
        if not left:
            break
    return (
        f"MM t\n{{ atomic_t c = {rng.randint(0, 2)}; int x; }}\n"
        + "\n".join(threads)
        + f"\nlocations [c; x; {' '.join(f'{r};' for r in registers)}]\nexists (c = {rng.randint(0, 4)})\n"
    )


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, times(150), 15))
def test_the_judges_agree(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "SHORTEST_LINE", 1)
    for seed in range(first, first + 15):
        (test,) = load(Source(f"seed {seed}", drawn(seed)))
        run(test, Options(judge="both", states=True))  # raises where the states of the judges differ


def counter(cpus: int, step: str = "atomic_inc(&c);", asked: str = "") -> str:
    return f"MM t\n{{ atomic_t c; }}\nP0..{cpus - 1} {{ {step} }}\nexists ({asked or f'c = {cpus}'})\n"


def encoded(text: str) -> Encoding:
    (test,) = load(Source("t", text))
    return encode.encode(build(test), model(GENERIC))


def rows(text: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Clauses, int]:
    """The clauses of a test, and how many fewer there are without lines."""
    with_lines = encoded(text).clauses
    with monkeypatch.context() as m:
        m.setattr(lines, "SHORTEST_LINE", 100)
        return with_lines, len(with_lines.rows) - len(encoded(text).clauses.rows)


@pytest.mark.slow
@pytest.mark.parametrize("cpus", [8, 16])
def test_a_counter_of_many_cpus_has_one_final_value(cpus: int) -> None:
    (test,) = load(Source("t", counter(cpus)))
    answer = decide(build(test), want_states=True, witnesses=False)
    assert (answer.reachable, answer.refutable) == (True, False)
    assert answer.states == ((cpus,),)


@pytest.mark.slow
def test_one_of_many_finds_zero() -> None:
    registers = " /\\ ".join(f"{cpu}:r0 = 0" for cpu in range(10))
    text = counter(10, "r0 = atomic_dec_and_test(&c);", registers).replace("atomic_t c;", "atomic_t c = 10;")
    (test,) = load(Source("t", text))
    assert decide(build(test), witnesses=False).reachable is False


@pytest.mark.parametrize(
    "step",
    [
        "WRITE_ONCE(c, 1);",
        "atomic_set(&c, 1);",
        "r0 = atomic_xchg(&c, 0);",
    ],
    ids=["store", "set", "the same at each place"],
)
def test_other_cells_get_no_line(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, more = rows(counter(6, step), monkeypatch)
    assert more == 0


def test_a_model_without_a_rule_gets_no_line() -> None:
    """Then operations need not stand in a line."""
    (test,) = load(Source("t", counter(6)))
    program, whole = build(test), model(GENERIC)
    weak = encode.encode(program, whole.without("fr"))
    with pytest.MonkeyPatch.context() as m:
        m.setattr(lines, "SHORTEST_LINE", 100)
        assert len(weak.clauses.rows) == len(encode.encode(program, whole.without("fr")).clauses.rows)


def test_a_counter_gets_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    _, more = rows(counter(6), monkeypatch)
    assert more > 0
    _, more = rows(counter(4), monkeypatch)
    assert more == 0
