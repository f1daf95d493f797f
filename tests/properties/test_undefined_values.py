"""Both judges decide random programs in which values are undefined, and must agree.

They must find the same programs wrong, in which a run decides by such a value, and for all others the same
final states. ``VERIFIER_EFFORT`` as for ``test_agreement``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.effort import EFFORT
from tests.properties.programs import Draw, describe, drawing, random_test
from tests.properties.test_agreement import ANSWERS, EXAMPLES, LIMIT
from verifier import explore, solve
from verifier.lower.code import (
    Assume,
    Branch,
    Decide,
    Emit,
    Instruction,
    Lowered,
    SetRegister,
    Target,
    Touch,
    Warn,
)
from verifier.lower.unroll import unroll
from verifier.program.expressions import Apply, Const, Expr, Reg
from verifier.program.kinds import undefined_decisions
from verifier.program.values import UNDEF, Ptr

KINDS = ("plain", "mmu", "ipi", "rcu")
MANY = 200


class _Spoiler:
    """Makes values of a test undefined: what is stored and looked at, and what is there at first."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw

    def test(self, test: Lowered) -> Lowered:
        """The test, with undefined values in it."""
        cells = dict(test.world.cells)
        if self.draw((False, False, True)):
            at = self.draw((Ptr("x"), Ptr("y")))
            cells[at] = replace(cells[at], init=UNDEF)
        nmis = [(cpu, self.code(code)) for cpu, code in test.nmis]
        threads = [self.code(code) for code in test.threads]
        return replace(test, world=replace(test.world, cells=cells), threads=threads, nmis=nmis)

    def code(self, code: tuple[Instruction, ...]) -> tuple[Instruction, ...]:
        """Code, with undefined values in it."""
        out: list[Instruction] = []
        regs: list[str] = []
        for x in code:
            if isinstance(x, Branch | Assume):
                x = x._replace(condition=self.condition(x.condition, regs))
            elif isinstance(x, Emit):
                x = self.emit(x, regs)
                regs += [touch.into for touch in x.touches if touch.into]
            out.append(x)
            out += self.more(regs)
        return tuple(out)

    def more(self, regs: list[str]) -> list[Instruction]:
        """Sometimes one more instruction that decides by a value, or passes it on."""
        if not regs or self.draw((False,) * 7 + (True,)) is False:
            return []
        reg = self.draw(regs)
        made: tuple[Instruction, ...] = (
            Decide(self.compared(reg)),
            Warn(self.compared(reg)),
            SetRegister(reg, self.value(Reg(reg))),
            SetRegister(reg, Apply("ite", (self.compared(reg), Const(1), Reg(reg)))),
        )
        return [self.draw(made)]

    def emit(self, x: Emit, regs: list[str]) -> Emit:
        """An instruction that may store an undefined value, or send by one."""
        if x.op in ("W", "X") and not x.joined:
            touches = tuple(self.touch(x, touch) for touch in x.touches)
            x = x._replace(touches=touches)
        return x._replace(targets=tuple(self.target(t, regs) for t in x.targets))

    def touch(self, x: Emit, touch: Touch) -> Touch:
        """What an instruction stores, or when."""
        if touch.value is None or self.draw((False, True, True)):
            return touch
        if x.op == "X" and touch.into and self.draw((False, True)):
            return touch._replace(when=self.compared(touch.into))
        return touch._replace(value=self.value(touch.value))

    def target(self, target: Target, regs: list[str]) -> Target:
        """One target of an IPI."""
        guard = self.condition(target.guard, regs) if self.draw((False, False, True)) else target.guard
        return target._replace(code=self.code(target.code), guard=guard)

    def value(self, value: Expr) -> Expr:
        """A value that may be undefined."""
        made: tuple[Expr, ...] = (
            Const(UNDEF),
            Apply("mul", (value, Const(3))),
            Apply("bitand", (value, Const(self.draw((0, 1))))),
            Apply("add", (value, Const(1))),
            Apply("div", (Const(4), value)),
        )
        return self.draw(made)

    def compared(self, reg: str) -> Expr:
        """A comparison of a local that may be undefined."""
        made: tuple[Expr, ...] = (
            Apply("lt", (Reg(reg), Const(2))),
            Apply("eq", (Reg(reg), Const(1))),
            Apply("not", (Reg(reg),)),
        )
        return self.draw(made)

    def condition(self, condition: Expr, regs: list[str]) -> Expr:
        """A condition that may be undefined."""
        if not regs or self.draw((False, True)):
            return condition
        other = self.compared(self.draw(regs))
        pair = self.draw(((condition, other), (other, condition)))
        return self.draw((other, Apply("and", pair), Apply("or", pair), Apply("not", (other,))))


def judged(draw: Draw, kind: str, say: Callable[[str], object] = str) -> str:
    """Decide a random program by both judges, which must agree. What it is: wrong, good, or neither.

    It is neither if nothing in it decides by a value that may be undefined, or if it is too large. ``say``
    hears about the program.
    """
    program = unroll(_Spoiler(draw).test(random_test(draw, kind)), 1)
    model = draw(("x86-tso", "x86-tso", "sc"))
    say(describe(program))
    explored = explore.decide(program, model=model, want_states=True, limit_states=LIMIT)
    if explored.states is None and explored.bad is None:
        return "neither"
    solved = solve.decide(program, model=model, want_states=True)
    say(f"the explorer: {explored.bad}\nZ3: {solved.bad}")
    assert (explored.bad is None) == (solved.bad is None)
    if explored.bad is not None and solved.bad is not None:
        assert explored.stopped or explored.bad.lost == solved.bad.lost
        complete = not explored.stopped and not explored.bad.lost
        for what in ("reachable", "refutable", "hangs"):
            known = getattr(explored, what), getattr(solved, what)
            assert False not in known, what
            assert known[0] == known[1] or not complete, what
        return "wrong"
    for what in ANSWERS:
        if what != "cut" or program.filter is None:
            assert getattr(explored, what) == getattr(solved, what), what
    return "good" if undefined_decisions(program) else "neither"


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_judges_agree_about_undefined_values(kind: str) -> None:
    @settings(
        max_examples=EXAMPLES // len(KINDS),
        deadline=None,
        derandomize=EFFORT == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        judged(lambda options: data.draw(st.sampled_from(options)), kind, note)

    agree()


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_wrong_and_good_programs(kind: str) -> None:
    """Of these programs, two of five are wrong, and one of ten is good. So some of ``MANY`` surely are."""
    missing = {"wrong", "good"}
    for seed in range(MANY):
        missing.discard(judged(drawing(seed), kind))
        if not missing:
            return
    pytest.fail(f"none of {MANY} programs is {' or '.join(missing)}")
