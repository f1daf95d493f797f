"""What litmus/kernel says of real kernels: every verdict is that of the record, and the record has no others.

``VERIFIER_TREES=DIR pytest tests/trees`` asks each ``linux-source-X.Y`` in a directory, as Debian's packages
unpack them, or with ``--update-golden`` writes ``tests/golden/kernel-trees/X.Y.json`` anew. ``make trees``
brings such trees. One takes a minute or two. A file is ``error`` where the tree has nothing that it asks for.

A stable release may have taken a fix since the record was made. Of another release than that of the record
the same variants have to be decided, whatever they say.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from verifier.cli import main

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "litmus" / "kernel"
RECORDS = ROOT / "tests" / "golden" / "kernel-trees"
PLACE = os.environ.get("VERIFIER_TREES", "")
FOUND = (
    {p.name.removeprefix("linux-source-"): p for p in Path(PLACE).glob("linux-source-*/")} if PLACE else {}
)
SERIES = sorted({p.stem for p in RECORDS.glob("*.json")} | set(FOUND))
# Of one test: on two slow cores the longest takes half a minute.
LIMITS = ("--timeout", "600", "--memory", "6000")


def release(tree: Path) -> str:
    """The kernel that a tree is, as its Makefile says: ``6.12.117``."""
    head = (tree / "Makefile").read_text()[:400]
    found = dict(re.findall(r"^(VERSION|PATCHLEVEL|SUBLEVEL) = (\d+)$", head, re.MULTILINE))
    return f"{found['VERSION']}.{found['PATCHLEVEL']}.{found['SUBLEVEL']}"


def said(tree: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """What ``verifier check`` says of each variant of each file."""
    jobs = os.cpu_count() or 1
    where = ("--kernel", str(tree), "litmus/kernel")
    main(["check", "-q", "--no-store", "--format", "json", "-j", str(jobs), *LIMITS, *where])
    answer = json.loads(capsys.readouterr().out)
    found: dict[str, dict[str, str]] = {path.stem: {} for path in FILES.glob("*.litmus")}
    for one in answer["results"]:
        hangs = ", hangs" if one["hangs"] else ""
        found[Path(one["file"]).stem][one["variant"] or "-"] = f"{one['observation']}{hangs}"
    return {name: verdicts or {"-": "error"} for name, verdicts in sorted(found.items())}


def decided(files: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, bool]]:
    """Whether each variant is decided."""
    return {name: {v: "unknown" not in said for v, said in of.items()} for name, of in files.items()}


@pytest.mark.long
@pytest.mark.parametrize("series", SERIES)
def test_verdicts_are_those_of_the_record(
    series: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if not PLACE:
        pytest.skip("VERIFIER_TREES names no directory of kernel trees")
    if series not in FOUND:
        pytest.skip(f"there is no {PLACE}/linux-source-{series}")
    monkeypatch.chdir(ROOT)
    now: dict[str, Any] = {"release": release(FOUND[series]), "files": said(FOUND[series], capsys)}
    record = RECORDS / f"{series}.json"
    if request.config.getoption("--update-golden"):
        record.write_text(json.dumps(now, indent=1) + "\n")
    if not record.exists():
        pytest.skip(f"there is no record of {series}: --update-golden makes one")
    then = json.loads(record.read_text())
    if now["release"] != then["release"]:
        now, then = decided(now["files"]), decided(then["files"])
    assert now == then


@pytest.mark.parametrize("record", sorted(RECORDS.glob("*.json")), ids=lambda path: path.stem)
def test_a_record_has_every_file(record: Path) -> None:
    found = json.loads(record.read_text())
    assert set(found["files"]) == {path.stem for path in FILES.glob("*.litmus")}
    assert found["release"].startswith(f"{record.stem}.")
    odd = [name for name, verdicts in found["files"].items() if "unknown" in " ".join(verdicts.values())]
    assert not odd, "what is unknown in a record says nothing"
