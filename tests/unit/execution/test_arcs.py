"""What steps have to do with each other: it agrees with what the steps say, in the runs of both judges."""

from __future__ import annotations

from collections import Counter

import pytest

import verifier
from tests.pictures import load
from verifier.program.trace import Arc, Step, Trace
from verifier.render.story import runs

SAMPLE = [
    ("classic/n6.litmus", None),
    ("classic/R.litmus", None),
    ("linux/switch_mm-vs-flush.litmus", "B1"),
    ("linux/gup-fast/table-free.litmus", "B1"),
    ("linux/code-patching/int3.litmus", "B1"),
    ("mmu/3.5-forwarding.litmus", "SEEN"),
    ("mmu/11.3-invlpgb.litmus", "NOSYNC"),
    ("mmu/5.1-global.litmus", "LOCAL"),
    ("rcu/freeing.litmus", "LATE"),
]


def told(path: str, variant: str | None, judge: str) -> list[Trace]:
    return list(runs(verifier.check(load(path, variant), judge=judge)))


@pytest.mark.parametrize("judge", ["z3", "explorer"])
@pytest.mark.parametrize(("path", "variant"), SAMPLE)
def test_arcs_agree_with_their_steps(path: str, variant: str | None, judge: str) -> None:
    (trace,) = told(path, variant, judge)
    for arc in trace.arcs:
        _agrees(arc, trace.steps[arc.first], trace.steps[arc.second])
        assert arc.first < arc.second, "a story tells what comes first before what comes later"
    for s in trace.standing:
        uses = [trace.steps[n] for n in s.uses]
        assert all(step.cpu == s.cpu for step in uses)
        if s.since is not None and trace.steps[s.since].kind == "fill":
            assert trace.steps[s.since].writes == ((s.va, s.content),) and s.since < s.uses[0]
        assert s.until is None or (s.until > s.uses[-1] and trace.steps[s.until].cpu == s.cpu)
        assert all((s.since or 0) <= n < s.uses[-1] for n in s.left)


def _agrees(arc: Arc, first: Step, second: Step) -> None:
    for cell in arc.what if arc.kind in ("rf", "co", "fr") else ():
        before, after = (first.reads if arc.kind == "fr" else first.writes), second.writes
        if arc.kind == "rf":
            after = second.reads
        assert cell in dict(before) or arc.kind == "fr", (arc, first)
        # A translated read tells the page's value without its name.
        found = dict(after).get(cell)
        assert found is not None or second.event is None or second.event.virtual, (arc, second)
        if arc.kind == "rf" and found is not None:
            assert found == dict(before)[cell], "it reads what was written"
    ops = [step.event.op if step.event is not None else "" for step in (first, second)]
    if arc.kind == "sends":
        assert ops[0] == "SEND" and ops[1] in ("DLV", "NMI")
    elif arc.kind == "answers":
        assert ops in (["ACK", "WAIT"], ["BINV", "TLBSYNC"])
    elif arc.kind == "broadcast":
        assert first.kind == "exec" and second.kind == "flush" and first.event is second.event
    elif arc.kind == "copy":
        assert first.kind == "fetch" and ops[1] == "IF"


@pytest.mark.long
def test_kinds_of_arcs() -> None:
    kinds = Counter(a.kind for path, variant in SAMPLE for t in told(path, variant, "z3") for a in t.arcs)
    assert {"rf", "co", "fr", "copy", "sends", "answers", "broadcast"} <= kinds.keys()


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_a_walk_reads_the_store_buffer(judge: str) -> None:
    """It reads the store before it reaches memory, so the arc begins where the store is executed."""
    (trace,) = told("mmu/3.5-forwarding.litmus", "SEEN", judge)
    fills = [n for n, step in enumerate(trace.steps) if step.rule == "3.5"]
    first = [trace.steps[a.first] for a in trace.arcs if a.kind == "rf" and a.second in fills]
    assert [step.kind for step in first] == ["exec"] and first[0].rule == "1.2"
