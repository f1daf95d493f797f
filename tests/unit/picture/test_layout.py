"""Where things are: nothing covers anything, and each step has its node, in all kinds of tests."""

from __future__ import annotations

import random

import pytest

import verifier
from tests.pictures import LITMUS, load, look_over, pictures
from verifier.picture.parts import Bar, Picture, PictureEdge, PictureNode, Spoke
from verifier.picture.runs import run_picture
from verifier.picture.svg import svg
from verifier.picture.texts import clean, columns, folded_lines, shortened
from verifier.render.story import runs

# Each has something that the others lack: three lanes, handlers, NMIs, hangs, snapshots, INVLPGB, callbacks.
SAMPLE = [
    ("classic/IRIW.litmus", None),
    ("classic/n6.litmus", None),
    ("hangs/nmi-two-locks.litmus", "B"),
    ("linux/gup-fast/table-free.litmus", "B2"),
    ("linux/sleep/kthread-park.litmus", "PLAIN"),
    ("linux/switch_mm-vs-flush.litmus", "F"),
    ("mmu/11.3-invlpgb.litmus", "NOSYNC"),
    ("mmu/3.5-forwarding.litmus", "SEEN"),
    ("mmu/7.3-dirty-and-old.litmus", "WITH"),
    ("mmu/8.7-ever.litmus", "SEND"),
    ("rcu/18.5-no-grace-period.litmus", "CALL"),
    ("rcu/freeing.litmus", "LATE"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "variant"), SAMPLE)
def test_nothing_covers_anything(path: str, variant: str | None) -> None:
    assert list(pictures(load(path, variant)))


@pytest.mark.long
@pytest.mark.parametrize("folder", ["classic", "c", "hangs", "linux", "locks", "mmu", "rcu", "words"])
def test_a_sample_of_each_folder(folder: str) -> None:
    """The sample is the same each time; files are added to it as they come."""
    files = sorted((LITMUS / folder).rglob("*.litmus"))
    drawn = 0
    for path in random.Random(folder).sample(files, min(len(files), 4)):
        for test in verifier.load(path)[:2]:
            drawn += sum(1 for _ in pictures(test))
    assert drawn


def test_edges_of_any_picture_keep_off_its_nodes() -> None:
    """Far more edges than runs have."""
    chance = random.Random(3)
    for _ in range(60):
        cpus = tuple(range(chance.randint(1, 4)))
        nodes = tuple(
            PictureNode(chance.choice(cpus), "code", "statement", "x" * chance.randint(1, 60), "y" * 9)
            for _ in range(chance.randint(1, 14))
        )
        count = len(nodes)
        edges = tuple(
            PictureEdge("rf", chance.randrange(count), chance.randrange(count), f"rf {'z' * n}", "")
            for n in range(chance.randint(0, 24))
        )
        cpu = chance.choice(cpus)
        home = PictureNode(cpu, "tlb", "processor", "fill")
        uses = [n for n, node in enumerate(nodes) if node.cpu == cpu]
        bars = ()
        if uses:
            spokes = (Spoke("fills", count), *(Spoke("misses", n) for n in uses))
            bars = (Bar("tlb", count, min(uses), count, spokes),)
        look_over(Picture("any", "", cpus, (*nodes, home), edges, bars))


def _run(path: str, variant: str | None, judge: str = "z3") -> Picture:
    verdict = verifier.check(load(path, variant), judge=judge)
    return run_picture(verdict, runs(verdict)[0])


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_store_buffers_and_from_reads(judge: str) -> None:
    """SB: one store is buffered while its CPU reads, and each read finds what is overwritten later."""
    picture = _run("classic/SB.litmus", None, judge)
    buffered = [bar for bar in picture.bars if bar.lane == "buffer"]
    assert buffered and all([s.kind for s in bar.spokes] == ["enters", "leaves"] for bar in buffered)
    edges = [e for e in picture.edges if e.kind == "fr"]
    assert sorted(e.label for e in edges) == ["fr x", "fr y"]
    for e in edges:
        assert picture.nodes[e.first].cpu != picture.nodes[e.second].cpu and not e.minor


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_translations_from_their_walk_to_their_last_use(judge: str) -> None:
    from verifier.source import Source
    from verifier.syntax import load as tests

    path, asked = LITMUS / "linux" / "switch_mm-vs-flush.litmus", "exists (1:tlb[v -> A]"
    text = path.read_text().replace(asked, f"{asked} /\\ 1:r1 = B")
    verdict = verifier.check(
        next(t for t in tests(Source(str(path), text)) if t.variant == "B1"), judge=judge
    )
    picture = run_picture(verdict, runs(verdict)[0])
    (old, new) = (bar for bar in picture.bars if bar.lane == "tlb")
    assert picture.nodes[old.home].text == "fill v -> A" and picture.nodes[old.last].text == "has v -> A"
    assert (
        picture.nodes[new.home].text == "fill v -> B" and picture.nodes[new.last].text == "r1 = translate(v)"
    )
    read = [e for e in picture.edges if e.kind == "rf" and e.second == new.home]
    assert [picture.nodes[e.first].text for e in read] == ["pte(N, v) = B"]


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_a_flush_removes_one_translation_and_misses_another(judge: str) -> None:
    from verifier.source import Source
    from verifier.syntax import load as tests

    text = """MM two-entries
{ page A; page B; mm N { v -> A, w -> B }; 0:cr3 = N; }
P0 { r1 = translate(v); r2 = translate(w); invlpg(v); r3 = translate(w); }
exists (0:r3 = B)
"""
    (test,) = tests(Source("two.litmus", text))
    verdict = verifier.check(test, judge=judge)
    picture = run_picture(verdict, runs(verdict)[0])
    ends = {picture.nodes[b.home].text: [s.kind for s in b.spokes] for b in picture.bars}
    assert ends["fill v -> A"] == ["fills", "uses", "removes"]
    assert ends["fill w -> B"].count("misses") == 1 and ends["fill w -> B"].count("uses") == 2


def test_interrupts_from_the_send_to_the_answer() -> None:
    picture = _run("linux/gup-fast/table-free.litmus", "B1")
    said = [(e.kind, picture.nodes[e.first].text[:24], picture.nodes[e.second].text) for e in picture.edges]
    assert ("IPI", "smp_call_function_many(m", "interrupt: do_flush_tlb") in said
    assert ("ack", "return from do_flush_tlb", "smp_call_function_many() continues") in said
    assert [n.indent for n in picture.nodes if n.shape == "interrupt"] == [1, 1]


def test_a_cpu_that_waits_for_ever() -> None:
    verdict = verifier.check(load("hangs/abba-mmap-sem.litmus", "B"))
    assert verdict.hang is not None
    picture = run_picture(verdict, verdict.hang)
    stops = [n for n in picture.nodes if n.shape == "stop"]
    assert len(stops) == len(verdict.waits) > 1 and "waits" in picture.sentence


def test_texts_keep_to_their_room() -> None:
    assert columns("日本") == 4 and columns("e\u0301") == 1
    assert shortened("日本語", 4) == "日…" and shortened("abc", 3) == "abc"
    assert folded_lines("aa bb cc dd", 5, 2) == ["aa bb", "cc dd"]
    assert folded_lines("aa bb cc dd ee", 5, 2) == ["aa bb", "cc d…"]
    assert clean("a\u202eb\n c\x00") == "a\\u202eb c\\u0000"


def test_the_text_is_the_same_each_time() -> None:
    assert svg(_run("classic/n6.litmus", None)) == svg(_run("classic/n6.litmus", None))
