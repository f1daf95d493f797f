"""Bare writes of one interrupt may be merged (MMR 8.3): both judges have the same states, and the check holds
what a judge must not say."""

from __future__ import annotations

from itertools import cycle

import pytest

import verifier
from tests.effort import times
from tests.pictures import load
from tests.properties.test_waiting import check_text
from verifier import explore, solve
from verifier.errors import InternalError
from verifier.fuzz.waiting import Waiting
from verifier.lower.build import build
from verifier.program.profiles import PROFILES
from verifier.program.trace import MERGED
from verifier.render.story import runs
from verifier.solve import relate_interrupts
from verifier.source import Source
from verifier.syntax import load as load_text
from verifier.syntax.test import Test

MERGING = "mmu/8.3-merged.litmus"


class _Kicking(Waiting):
    """Programs with many interrupts, most of them of one vector."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.tasks = False
        self.rows = [
            (10, self.store), (8, self.load), (2, self.spin), (16, self.kick), (3, self.locked),
            (5, self.window), (1, self.section), (2, self.call), (2, lambda: ["smp_mb();"]),
            (3, self.branch), (1, self.halt),
        ]  # fmt: skip

    def kick(self) -> list[str]:
        cpu = self.random.randrange(self.cpus)
        word = self.random.choice(["icr_write", "icr_write", "icr_write_mmio", "send_nmi"])
        return [] if self.inside else [f"apic_{word}({cpu}, {self.some('hhhg')});"]


@pytest.mark.long
def test_both_judges_merge_alike() -> None:
    drawn = [_Kicking(seed).text() for seed in range(times(150))]
    asked = [text for text in drawn if text.count("apic_") > 1]
    found = [check_text(text, profile) for text, profile in zip(asked, cycle(PROFILES), strict=False)]
    assert None not in found and len(found) > len(drawn) // 3


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize("variant", ["ONE", "OFF", "KINDS", "NMI"])
def test_a_story_says_which_write_has_no_handler(variant: str, judge: str) -> None:
    (trace,) = runs(verifier.check(load(MERGING, variant), judge=judge))
    sent = [s for s in trace.steps if s.event is not None and s.event.op == "SEND"]
    assert len(sent) == 2 and [MERGED in s.note for s in sent].count(True) == 1
    assert sum(s.event is not None and s.event.op in ("DLV", "NMI") for s in trace.steps) == 1


MAYBE = """MM maybe
{ int x; atomic_t count; }
void counts(void *info) { atomic_inc(&count); }
P0 {
    if (READ_ONCE(x))
        apic_icr_write(1, counts);
    apic_icr_write(1, counts);
}
P1 { }
exists (count = 0)
"""


def test_one_of_them_runs() -> None:
    (test,) = load_text(Source("maybe", MAYBE))
    assert solve.decide(build(test)).reachable is False
    assert explore.decide(build(test)).reachable is False


@pytest.mark.parametrize("text", [load(MERGING, "SEEN"), load_text(Source("maybe", MAYBE))[0]])
def test_the_check_refuses_what_cannot_be(text: Test, monkeypatch: pytest.MonkeyPatch) -> None:
    """Z3 without the clauses that a write which is merged needs: another handler runs for it, and later."""
    monkeypatch.setattr(relate_interrupts, "_merged", lambda *_: None)
    with pytest.raises(InternalError, match=r"nothing runs for it|ghb"):
        solve.decide(build(text))
