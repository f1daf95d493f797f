"""The command: texts, files, lines of JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.generate.suite import Made

SB = """X86 SB+mfence+po
"MFencedWR Fre PodWR Fre"
{ }
 P0          | P1          ;
 MOV [x],$1  | MOV [y],$1  ;
 MFENCE      | MOV EAX,[x] ;
 MOV EAX,[y] |             ;
exists (0:EAX=0 /\\ 1:EAX=0)
"""


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["generate", *words])
    return code, *capsys.readouterr()


def test_one_cycle(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever edge comes first, the test is the same one."""
    for cycle in ("PodWR Fre MFencedWR Fre", "Fre,PodWR,Fre,MFencedWR"):
        assert said(capsys, "--cycle", cycle) == (0, SB, "")


def test_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    into = tmp_path / "new" / "suite"
    words = ("--count", "50", "--seed", "3", "--into", str(into))
    assert said(capsys, *words) == (0, "", "")
    files = (into / "@all").read_text().split()
    assert len(files) == 50 and {*files, "@all"} == {p.name for p in into.iterdir()}
    code, out, _ = said(capsys, *words[:4], "--format", "jsonl")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and [f"{line['name']}.litmus" for line in lines] == files
    assert all(line["text"] == (into / f"{line['name']}.litmus").read_text() for line in lines)
    assert all(f'"{line["cycle"]}"' in line["text"] for line in lines)
    code, _, err = said(capsys, *words)
    assert code == 2 and "is not empty" in err


def test_names(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "--max-edges", "4", "--edges", "Fre,Pod", "--format", "names")
    assert out == "SB: PodWR Fre PodWR Fre\n"


def test_several_texts_stand_apart(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "--max-edges", "4", "--edges", "Fre,Coe,PodW*")
    assert [text.split()[1] for text in out.split("\n\n")] == ["SB", "R", "2+2W"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--edges", "Rfe,MFencdWR"), "did you mean 'MFencedWR'"),
        (("--cycle", "Pod Fre PodWR Fre"), "stands for several edges"),
        (("--cycle", "PodWR Fre PodWR Fre", "--count", "2"), "without --edges and --count"),
        (("--max-edges", "3"), "has up to 3 edges"),
    ],
)
def test_errors(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], what: str) -> None:
    code, out, err = said(capsys, *words)
    assert code == 2 and not out and what in err


def test_long_names_are_cut() -> None:
    names = ["+".join(["WW"] * 99), "+".join(["WW"] * 98)]
    files = {Made(name, "", "").file for name in names}
    assert len(files) == 2 and all(len(file) < 255 for file in files)
