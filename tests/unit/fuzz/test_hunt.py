"""The hunt finds a planted fault, shrinks it, and says which judge says what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier import explore
from verifier.cli import main
from verifier.errors import ExitCode
from verifier.fuzz import hunt as hunting
from verifier.fuzz.drafts import Act, Sketch, drafted
from verifier.fuzz.hunt import Hunt, judged, shrunk
from verifier.lower.build import build
from verifier.model import Model
from verifier.model import model as model_of
from verifier.program.profiles import GENERIC, Switches
from verifier.solve import queries
from verifier.source import Source
from verifier.syntax import load


def weakened(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """Take a rule away from Z3, and leave the explorer as it is."""

    def weak(switches: Switches, name: str = "x86-tso") -> Model:
        return model_of(switches, name).without(rule)

    monkeypatch.setattr(queries, "model_of", weak)


def statements(draft: Sketch) -> list[str]:
    return sorted(s.what for cpu in draft.cpus for s in cpu)


@pytest.mark.parametrize(
    ("language", "rule", "smallest"),
    [("X86", "drain", 6), ("MM", "fresh", 4)],
)
def test_a_planted_fault_is_found_and_shrunk(
    language: str, rule: str, smallest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    weakened(monkeypatch, rule)
    hunt = Hunt(language, GENERIC)
    found = next(
        o for o in (judged(s, drafted(s, language), hunt) for s in range(400)) if o.kind == "differs"
    )
    small = shrunk(found, hunt)
    assert small.kind == "differs" and len(statements(small.draft)) <= smallest
    assert all(judged(0, d, hunt).kind != "differs" for d in small.draft.smaller() if judgeable(d))
    text = small.text(language)
    assert "only z3: " in text and "only explorer" not in text
    assert load(Source("shrunk", text))


def judgeable(draft: Sketch) -> bool:
    return any(s.place or s.reads for cpu in draft.cpus for s in cpu)


def test_the_command_writes_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weakened(monkeypatch, "ppo")
    words = ["fuzz", "--language", "C", "--count", "60", "--seed", "1", "--into", str(tmp_path)]
    assert main(words) == ExitCode.FAULT
    files = sorted(tmp_path.glob("fuzz-*.litmus"))
    out = capsys.readouterr().out
    assert files and all(str(f) in out and f.read_text() in out for f in files)
    assert re.search(
        rf"60 programs by z3, explorer.*: \d+ same, 0 known, {len(files)} differs, 0 undecided", out
    )


def test_no_difference_without_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--count", "20", "-j", "2", "--into", str(tmp_path)]) == ExitCode.EXPECTED
    assert capsys.readouterr().out.startswith("20 programs by z3, explorer: 20 same")
    assert not list(tmp_path.iterdir())


def test_bad_machines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "--profile", "inel"]) == ExitCode.WRONG
    assert "inel" in capsys.readouterr().err


XCHG = Sketch(((Act("xchg", "y", 1),), (Act("write", "y", 2),)))
PLAIN = Sketch(((Act("write", "y", 1),), (Act("read", "y"),)))


@pytest.mark.parametrize(("draft", "kind"), [(XCHG, "known"), (PLAIN, "differs")])
def test_the_known_difference_is_counted_apart(
    draft: Sketch, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """herd7 may have more states if there is a LOCK'd operation, and in no other case."""
    (test,) = load(Source("t", draft.text("X86")))
    ours = explore.decide(build(test), want_states=True).states
    assert ours
    own = dict(judged(0, draft, Hunt("X86", GENERIC)).states)["z3"]
    monkeypatch.setattr(hunting, "_herd", lambda *_: own | {("0:EAX=9",)})
    found = judged(0, draft, Hunt("X86", GENERIC, herd="herd7"))
    assert found.kind == kind
    assert found.exit_code == (ExitCode.DIFFERS if kind == "differs" else ExitCode.EXPECTED)
    assert "only herd7: 0:EAX=9" in found.text("X86")


def test_programs_depend_on_the_seed_alone() -> None:
    assert [drafted(s, "MM") for s in range(20)] == [drafted(s, "MM") for s in range(20)]
    assert len({drafted(s, "MM") for s in range(200)}) > 190
