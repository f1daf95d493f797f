"""``verifier show``: which form, which test, where to."""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.picture.parts import EdgeKind
from verifier.picture.svg import MEANINGS

ROOT = Path(__file__).resolve().parents[3]
SB, SWITCH = "litmus/classic/SB.litmus", "litmus/linux/switch_mm-vs-flush.litmus"


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """The exit code, and what is written to both streams."""
    code = main(["show", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "ending", "start"),
    [("html", ".html", "<!DOCTYPE html>"), ("html", ".HTM", "<!DOCTYPE html>"), ("svg", ".svg", "<svg "),
     ("dot", ".dot", "digraph "), ("dot", ".gv", "digraph ")],
)  # fmt: skip
def test_forms(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, form: str, ending: str, start: str
) -> None:
    """The ending of a file says the form as well as an option does."""
    target = tmp_path / f"out{ending}"
    assert run(capsys, SB, "-o", target) == (0, "", "")
    code, text, _ = run(capsys, SB, f"--{form}")
    assert code == 0 and text.startswith(start) and text == target.read_text(encoding="utf-8")


def test_an_option_goes_before_an_ending(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    assert run(capsys, SB, "--svg", "-o", target)[0] == 0
    assert target.read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([SB], "say what to draw: --html, --svg or --dot; or -o FILE, as in -o run.html"),
        ([SB, "-o", "out.txt"], "-o out.txt: the ending says no form; add --html, --svg or --dot"),
        ([SB, "--svg", "-o", "no/such/folder.svg"], "no/such/folder.svg: No such file or directory"),
        ([SWITCH, "--svg"], "has several variants: F, B1, B2, V3, B4, V5, V6, L; name one, as in"),
        ([f"{SWITCH}::F,B1", "--svg"], f"variants: F, B1; name one, as in {SWITCH}::F"),
        ([f"{SWITCH}::B9", "--svg"], "there is no variant 'B9'"),
        (["litmus/classic", "--svg"], "'verifier show' draws one test; name a file, or FILE::VARIANT"),
        (["litmus/none.litmus", "--svg"], "there is no such file"),
        ([SB, "--svg", "--html"], "not allowed with"),
        ([SB, "--svg", "--profile", "none"], "none"),
    ],
)
def test_bad_calls(capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    code, text, errors = run(capsys, *words)
    assert code == 2 and not text and said in errors
    assert not Path("out.txt").exists()


@pytest.mark.slow
def test_an_impossible_outcome_shows_its_cycles(capsys: pytest.CaptureFixture[str]) -> None:
    code, one, _ = run(capsys, f"{SWITCH}::F", "--svg")
    assert code == 0 and one.count("why it cannot happen</text>") == 2
    assert run(capsys, f"{SWITCH}::F", "--svg", "--reasons", 2)[1].count("why it cannot happen</text>") == 4
    code, text, errors = run(capsys, f"{SWITCH}::F", "--dot")
    assert code == 2 and not text and "--svg and --html draw the cycles" in errors


def test_what_holds_always_shows_a_run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "all.litmus"
    path.write_text("MM all\n{ int x = 0; }\nP0 { WRITE_ONCE(x, 1); }\nforall (x = 1)\n")
    assert "a run in which it holds" in run(capsys, path, "--svg")[1]


def test_nothing_to_draw(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No cycle makes it impossible: no program writes a 2."""
    path = tmp_path / "values.litmus"
    path.write_text("MM values\n{ int x = 0; }\nP0 { WRITE_ONCE(x, 1); }\nexists (x = 2)\n")
    code, text, errors = run(capsys, path, "--svg")
    assert (code, text) == (2, "") and "values is never, and no run or cycle shows why" in errors
    assert "rests on no barrier" in run(capsys, path, "--html")[1]


def test_options_of_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert "why it cannot happen" in run(capsys, SB, "--svg", "--model", "sc")[1]
    code, text, errors = run(capsys, SB, "--svg", "--timeout", "0.000001")
    assert code == 3 and not text and "SB is unknown (timeout" in errors and "nothing to draw" in errors


def test_a_test_that_differs_has_its_exit_code(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "t.litmus"
    path.write_text("MM t\n{ int x = 0; }\nP0 { WRITE_ONCE(x, 1); }\nvariants { A never; }\nexists (x = 1)\n")
    code, text, _ = run(capsys, path, "--html")
    assert code == 1 and "DIFFERS" in text


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(Path(SB).read_bytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    code, text, _ = run(capsys, "-", "--html")
    assert code == 0 and "&lt;stdin&gt;" in text


@pytest.mark.slow
def test_the_figures_of_the_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    """They are what the tool draws today. The page names their calls, and all edges."""
    page = Path("docs/pictures.md").read_text()
    for name, variant in (("run", "B1"), ("cycles", "F")):
        call = f"{SWITCH}::{variant}"
        assert f"`verifier show --svg {call}`" in page and f"(figures/{name}.svg)" in page
        assert run(capsys, "--svg", call)[1] == Path(f"docs/figures/{name}.svg").read_text()
    kinds: list[EdgeKind] = [kind for kind in MEANINGS if kind not in ("order", "data")]
    assert all(f"`{kind}" in page for kind in kinds)


def test_a_file_that_is_not_written_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    into = tmp_path / "run.dot"
    code, text, errors = run(capsys, "litmus/classic/MP.litmus", "-o", into)
    assert (code, text) == (2, "") and f"{into} is not written" in errors and not into.exists()


def test_code_in_sentences_is_code(capsys: pytest.CaptureFixture[str]) -> None:
    _, text, _ = run(capsys, SB, "--html")
    sentence = re.search(r'<p class="v-matter">(.*?)</p>', text)
    assert sentence is not None and "<code>" in sentence[1] and "`" not in sentence[1]
