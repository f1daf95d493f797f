"""What a bare ICR write waits for (MMR 8.2): both judges have the same states, with any branches in front."""

from __future__ import annotations

from itertools import cycle
from random import Random

import pytest

from tests.effort import times
from tests.properties.test_waiting import check_text
from verifier.program.asking import demanded
from verifier.program.expressions import Const, Expr, Ref, call, evaluate
from verifier.program.profiles import PROFILES


class _Branching:
    """Programs with branches between LOCK'd operations and a bare ICR write."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def test(self) -> str:
        one, other = (self.random.choice(["r1", "r2", "r3 == 1", "!r1", "r2 != 5"]) for _ in range(2))
        return f"{one} {self.random.choice(['&&', '||', '&'])} {other}" if self.random.random() < 0.5 else one

    def statement(self, depth: int = 0) -> str:
        inside = "barrier();" if depth > 1 else " ".join(self.statement(depth + 1) for _ in range(2))
        return self.random.choice(
            [
                f"WARN_ON({self.test()});", "WRITE_ONCE(z, 1);", "barrier();", f"r3 = {self.test()} ? 1 : 2;",
                f"if ({self.test()}) {{ {inside} }}", f"if ({self.test()}) {{ {inside} }} else {{ r3 = 1; }}",
            ]
        )  # fmt: skip

    def text(self) -> str:
        lines = ["r3 = 0;", "r2 = READ_ONCE(a);", "r1 = xchg(&y, 1);"]
        lines += [self.statement() for _ in range(3)] + ["apic_icr_write(1, f);"]
        return (
            "MM t\n{ int y; int z; int a; }\nvoid f(void *info) { WRITE_ONCE(y, 5); }\n"
            f"P0 {{ {' '.join(lines)} }}\nP1 {{ WRITE_ONCE(a, 1); }}\nlocations [0:r1; 0:r2; y; z;]\n"
            "exists (0:r1 = 5)\n"
        )


@pytest.mark.long
def test_both_judges_know_the_same_branches() -> None:
    drawn = [_Branching(seed).text() for seed in range(times(100))]
    found = [check_text(text, profile) for text, profile in zip(drawn, cycle(PROFILES), strict=False)]
    assert None not in found


def _expression(random: Random, depth: int) -> Expr:
    if depth == 0 or random.random() < 0.2:
        return Ref(random.randrange(4)) if random.random() < 0.8 else Const(random.randrange(2))
    function, count = random.choice([("and", 3), ("or", 3), ("ite", 3), ("not", 1), ("eq", 2), ("bitxor", 2)])
    return call(function, *(_expression(random, depth - 1) for _ in range(count)))


class _Looked(dict[int, int]):
    """Values of slots that know which of them have been asked for."""

    def __init__(self, values: int) -> None:
        super().__init__((slot, values >> slot & 1) for slot in range(4))
        self.seen: set[int] = set()

    def __getitem__(self, slot: int) -> int:
        self.seen.add(slot)
        return super().__getitem__(slot)


@pytest.mark.parametrize("seed", range(40))
def test_a_slot_is_demanded_if_it_is_looked_at(seed: int) -> None:
    expr = _expression(Random(seed), 4)
    wanted = demanded(expr, 0b1111)
    for values in range(16):
        slots = _Looked(values)
        evaluate(expr, slots)
        assert slots.seen == {slot for slot, when in wanted.items() if evaluate(when, _Looked(values))}
