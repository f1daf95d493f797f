"""Locals that nobody looks at any more are not merged; those that somebody may look at are."""

from __future__ import annotations

import random

import pytest

from tests.effort import EFFORT
from verifier.budget import Budget
from verifier.errors import LimitError
from verifier.explore import decide as explored
from verifier.fuzz.waiting import Waiting
from verifier.lower.build import build
from verifier.lower.code import Branch, Jump, Label, SetRegister
from verifier.lower.liveness import Liveness
from verifier.program.answer import Answer
from verifier.program.expressions import Const, Reg
from verifier.solve.queries import decide
from verifier.source import Source
from verifier.syntax import load


def test_what_is_live_and_what_is_dead() -> None:
    code = (
        SetRegister("a", Const(1)),
        SetRegister("b", Reg("a")),
        Label("again"),
        SetRegister("c", Reg("b")),
        Branch(Reg("c"), "again"),
        SetRegister("d", Const(2)),
        Jump("end"),
        Label("end"),
    )
    found = Liveness(code, at_end={"d"})
    assert found.at(2) == ("b",)
    assert found.at(7) == found.at(8) == ("d",)
    assert {name for name in "abcde" if found.dead(name, 2)} == {"a", "c"}
    assert {name for name in "abcde" if found.dead(name, 8)} == {"a", "b", "c"}
    assert "d" not in found.at(2)  # it is set later; but where the body rests, somebody may look at it
    assert not found.dead("d", 2)


# Bodies that come to rest with a local that is set again behind: what it is there, states and conditions ask.
TOLD = "if (READ_ONCE(y)) r0 = 1; else r0 = 2;"
WAITS = "while (!READ_ONCE(x)) cpu_relax();"
RESTING = {
    "look": (f"do {{ {TOLD} }} while (!READ_ONCE(x)); r0 = 3;", "WRITE_ONCE(y, 1);"),
    "wait": (f"{TOLD} {WAITS} r0 = 5;", "WRITE_ONCE(y, 1);"),
    "read": (
        f"r0 = 1; if (READ_ONCE(y)) r0 = READ_ONCE(z); {WAITS} r0 = 5;",
        "WRITE_ONCE(z, 4); WRITE_ONCE(y, 1);",
    ),
    "lock": (
        "r0 = READ_ONCE(y); r1 = 7; if (r0 == 1) r1 = 8; spin_lock(&l); spin_lock(&l); r0 = 5; r1 = 9;",
        "WRITE_ONCE(y, 1); WRITE_ONCE(y, 2);",
    ),
    "call": (
        f"{TOLD} smp_call_function_single(1, h, NULL, 1); r0 = 5;",
        "WRITE_ONCE(y, 1); local_irq_disable();",
    ),
    "grace": (f"{TOLD} synchronize_rcu(); r0 = 5;", f"WRITE_ONCE(y, 1); rcu_read_lock(); {WAITS}"),
    "break": (f"for (;;) {{ {TOLD} if (READ_ONCE(x)) break; cpu_relax(); }} r0 = 5;", "WRITE_ONCE(y, 1);"),
}


def asked(text: str) -> tuple[Answer, Answer]:
    """What the judges say of a test and its states."""
    (test,) = load(Source("t.litmus", text))
    program = build(test)
    return (
        decide(program, want_states=True, witnesses=True, counters=True),
        explored(program, want_states=True, witnesses=False),
    )


@pytest.mark.parametrize("condition", ["0:r0 = 1", "hang /\\ 0:r0 = 2", "hang /\\ 0:r0 = 5"])
@pytest.mark.parametrize("name", RESTING)
def test_locals_where_a_body_rests(name: str, condition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = RESTING[name]
    text = (
        "MM t\n{ int x; int y; int z; spinlock_t l; }\nvoid h(void *info) { }\n"
        f"P0 {{ {one} }}\nP1 {{ {other} }}\nlocations [0:r0;]\nexists ({condition})\n"
    )
    found = [(a.reachable, a.refutable, a.hangs, a.states, a.rests) for a in asked(text)]
    monkeypatch.setattr(Liveness, "dead", lambda self, name, place: False)
    whole = [(a.reachable, a.refutable, a.hangs, a.states, a.rests) for a in asked(text)]
    assert found[0] == found[1] == whole[0] == whole[1]
    assert whole[0][3] or whole[0][4]


def drawn(seed: int) -> str:
    """A program that may hang, with branches that set locals in front of each statement of a CPU."""
    draw = random.Random(seed)
    lines = Waiting(seed).text().splitlines()
    for at, line in enumerate(lines):
        if line.startswith("P"):
            head, _, rest = line.partition("{ ")
            some = [
                f"if (READ_ONCE({draw.choice('xyz')}) == {draw.choice((0, 1))})"
                f" r{8 + n} = {draw.choice((1, 2))}; else r{8 + n} = {draw.choice(('3', 'READ_ONCE(x)'))};"
                for n in range(draw.choice((1, 2)))
            ]
            again = f" r8 = {draw.choice((4, 5))};" if draw.random() < 0.5 else ""
            lines[at] = f"{head}{{ {' '.join(some)} {rest[:-1]}{again} }}"
    cpus = sum(line.startswith("P") for line in lines)
    shown = " ".join(f"{cpu}:r8;" for cpu in range(cpus))
    return "\n".join(lines).replace("locations [", f"locations [{shown} ")


@pytest.mark.parametrize("seed", range(30 * EFFORT))
def test_merging_less_changes_no_state(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (test,) = load(Source("t.litmus", drawn(seed)))
    found = []
    for merging in (True, False):
        if not merging:
            monkeypatch.setattr(Liveness, "dead", lambda self, name, place: False)
        try:
            program = build(test)
        except LimitError:
            pytest.skip("the program is too large")
        answer = decide(program, want_states=True, witnesses=False, budget=Budget(20))
        if answer.states is None:
            pytest.skip("the program takes too long")
        found.append((answer.states, answer.rests, answer.cut, answer.hangs))
    assert found[0] == found[1]
