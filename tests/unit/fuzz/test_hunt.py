"""The hunt finds a planted fault, shrinks it, and says which judge says what."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.errors import ExitCode
from verifier.fuzz import hunt as hunting
from verifier.fuzz.drafts import Act, Sketch, drafted
from verifier.fuzz.hunt import MENDED, Hunt, States, judged, shrunk
from verifier.model import Model
from verifier.model import model as model_of
from verifier.program.profiles import GENERIC, Switches
from verifier.solve import queries
from verifier.source import Source
from verifier.syntax import load

pytestmark = pytest.mark.slow  # together, these take many seconds


def weakened(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """Take a rule away from Z3, and leave the explorer as it is."""

    def weak(switches: Switches, name: str = "x86-tso") -> Model:
        return model_of(switches, name).without(rule)

    monkeypatch.setattr(queries, "model_of", weak)


def statements(draft: Sketch) -> list[str]:
    return sorted(s.what for cpu in draft.cpus for s in cpu)


@pytest.mark.long
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


@pytest.mark.long
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
MORE = ("0:EAX=9",)
# What a herd7 finds beside our states by its own model, and by the mended one, and what that is.
CLASSES = [((), (), "same"), ((MORE,), (), "known"), ((MORE,), (MORE,), "differs")]


@pytest.mark.parametrize(("own", "mended", "kind"), CLASSES)
def test_a_difference_is_known_if_the_mended_model_explains_it(
    own: tuple[tuple[str, ...], ...],
    mended: tuple[tuple[str, ...], ...],
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = dict(judged(0, XCHG, Hunt("X86", GENERIC)).states)["z3"]

    def herd(command: str, text: str, seconds: float, model: str | None = None) -> States:
        return ours | set(mended if model == MENDED else own)

    monkeypatch.setattr(hunting, "_herd", herd)
    found = judged(0, XCHG, Hunt("X86", GENERIC, herd="herd7"))
    assert found.kind == kind
    assert found.exit_code == (ExitCode.DIFFERS if kind == "differs" else ExitCode.EXPECTED)
    assert ("only herd7: 0:EAX=9" in found.text("X86")) == bool(own)


def test_a_state_that_herd7_lacks_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the mended model lacks another one."""
    ours = dict(judged(0, XCHG, Hunt("X86", GENERIC)).states)["z3"]
    first, second = sorted(ours)
    monkeypatch.setattr(hunting, "_herd", lambda *words: ours - {second if MENDED in words else first})
    found = judged(0, XCHG, Hunt("X86", GENERIC, herd="herd7"))
    assert found.kind == "differs" and found.exit_code == ExitCode.DIFFERS


# The model of a release, which lacks ``amo`` in its first axiom.
RELEASED = """include "x86fences.cat"
include "filters.cat"
include "cos.cat"
let com = rf | fr | co
acyclic po-loc | com
empty rmw & (fre;coe)
let implied = MA(WR(po)) | AM(WR(po))
acyclic mfence | implied | WW(po) | RM(po) | rfe | fr | co
"""


@pytest.mark.skipif(shutil.which("herd7") is None, reason="herd7 is not on PATH")
def test_the_known_difference_is_that_of_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    real = hunting._herd

    def released(command: str, text: str, seconds: float, model: str | None = None) -> States | None:
        model = model or '"released"\ninclude "x86tso.cat"\n'
        return real(command, text, seconds, model.replace('include "x86tso.cat"', RELEASED))

    monkeypatch.setattr(hunting, "_herd", released)
    assert judged(0, XCHG, Hunt("X86", GENERIC, herd="herd7")).kind == "known"


def test_programs_depend_on_the_seed_alone() -> None:
    assert [drafted(s, "MM") for s in range(20)] == [drafted(s, "MM") for s in range(20)]
    assert len({drafted(s, "MM") for s in range(200)}) > 190
