"""Measures how fast the verifier is: ``make bench``, some minutes.

All figures are CPU time, user and system together, and medians with the smallest and the largest value.
*Warm* figures come from one process that has done the same work before; *whole process* figures include the
start of Python. What is compared takes turns: take the ratios, not the milliseconds.

``--json FILE`` writes all figures; ``python -m benchmarks.plots FILE`` draws them. ``--only NAME`` measures
one section, and may be repeated. herd7 is measured beside the verifier if it is on PATH, or if VERIFIER_HERD
says where it is. VERIFIER_BENCH may name a file of assembly tests for the section ``list``: on each line a
JSON object with the fields ``name`` and ``litmus`` (default: the files of litmus/classic).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.measure import figure, in_turns, process, ratio, rounded
from benchmarks.scaling import SHAPES
from verifier.lower.build import build
from verifier.model import model
from verifier.program.profiles import GENERIC
from verifier.solve import decide
from verifier.solve.encode import encode
from verifier.solve.z3 import Solver
from verifier.source import Source
from verifier.syntax import load, read

ROOT = Path(__file__).resolve().parents[1]
LINUX = ROOT / "litmus" / "linux"
VERIFIER = str(Path(sys.executable).with_name("verifier"))
HERD = os.environ.get("VERIFIER_HERD") or shutil.which("herd7")
FAMILIES = ("switch_mm-vs-flush-n", "gup-fast/table-free-n", "hugetlb/unshare-gup-n")
CPUS = (2, 4, 8, 16)
SIZES = {
    "ring": (4, 6, 8, 9, 10, 11, 12, 13),
    "chain": (4, 6, 8, 9, 10, 11, 12, 13),
    "pairs": (1, 2, 3, 4, 5),
    "coherence": (1, 2, 3, 4),
}
LONGEST = 60.0  # seconds that the verifier, or herd7, may take for one test of a shape

Rows = list[dict[str, object]]


def the_list(runs: int) -> Rows:
    """Assembly tests from text to all final states: warm, and as a whole process beside herd7."""
    named = os.environ.get("VERIFIER_BENCH")
    if named:
        lines = [json.loads(line) for line in Path(named).read_text().splitlines()]
        texts = [Source(line["name"], line["litmus"]) for line in lines]
    else:
        texts = [read(path) for path in sorted((ROOT / "litmus" / "classic").glob("*.litmus"))]
    each = figure([_warm_list(texts) for _ in range(runs + 1)][1:])
    print(f"{len(texts)} assembly tests, from text to all final states, warm: {each} ms for each test")
    row: dict[str, object] = {"tests": len(texts), "warm": each._asdict()}
    if HERD:
        with tempfile.TemporaryDirectory() as folder:
            names = _renamed(texts, Path(folder))
            times = in_turns(
                {
                    "verifier": lambda: process(VERIFIER, "states", "--format", "herd", *names),
                    "herd7": partial(_herd, names),
                },
                runs,
            )
        found = ratio(times["verifier"], times["herd7"])
        print(f"  whole processes: {found} times herd7's time")
        row |= {name: figure(took)._asdict() for name, took in times.items()} | {"ratio": found._asdict()}
    return [row]


def _warm_list(texts: list[Source]) -> float:
    start = time.process_time()
    for source in texts:
        for test in load(source):
            decide(build(test), want_states=True, witnesses=False)
    return (time.process_time() - start) * 1000 / len(texts)


def _renamed(texts: list[Source], folder: Path) -> list[str]:
    """Files with these tests. herd7 skips a test if it has seen its name before: each gets another name."""
    names = []
    for number, source in enumerate(texts):
        head, _, rest = source.text.partition("\n")
        path = folder / f"{number}.litmus"
        path.write_text(f"{head.split()[0]} T{number}\n{rest}")
        names.append(str(path))
    return names


def _herd(names: list[str], seconds: float | None = None) -> float | None:
    assert HERD is not None
    with tempfile.TemporaryFile("w+") as log:
        took = process(HERD, *names, seconds=seconds, stdout=log.fileno())
        log.seek(0)
        done = sum(line.startswith("Test ") for line in log)
    if took is not None and done != len(names):
        raise SystemExit(f"herd7 ran {done} of {len(names)} tests")
    return took


def cold_start(runs: int) -> Rows:
    """Commands from a cold start, beside the bare ``import z3``, which nobody can avoid."""
    commands = {
        "import z3": (sys.executable, "-c", "import z3"),
        "check SB.litmus": (VERIFIER, "check", str(ROOT / "litmus/classic/SB.litmus")),
        "check -q 5.6-switch.litmus": (VERIFIER, "check", "-q", str(ROOT / "litmus/mmu/5.6-switch.litmus")),
        "rules": (VERIFIER, "rules"),
    }
    times = in_turns({name: partial(process, *command) for name, command in commands.items()}, 2 * runs + 1)
    rows: Rows = []
    for name, took in times.items():
        found = ratio(took, times["import z3"])
        print(f"{name}, whole process: {rounded(figure(took).median)} ms, {found} times `import z3`")
        rows.append({"command": name, "ms": figure(took)._asdict(), "ratio": found._asdict()})
    return rows


def states(runs: int) -> Rows:
    """Shapes that grow: all final states, whole processes, beside herd7."""
    rows: Rows = []
    for shape, sizes in SIZES.items():
        late: set[str] = set()
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                path = str(Path(folder) / f"{shape}{size}.litmus")
                Path(path).write_text(SHAPES[shape](size))
                ours = (VERIFIER, "states", "--timeout", str(LONGEST), path)
                what: dict[str, Callable[[], float | None]] = {
                    "verifier": partial(process, *ours, seconds=2 * LONGEST)
                }
                if HERD and "herd7" not in late:
                    what["herd7"] = partial(_herd, [path], LONGEST)
                times = in_turns(what, runs)
                if not times["verifier"]:
                    break
                count = len(subprocess.run(ours, capture_output=True, text=True).stdout.splitlines()) - 1
            row: dict[str, object] = {"shape": shape, "size": size, "states": count}
            row |= {name: figure(took)._asdict() for name, took in times.items() if took}
            said = f"{shape} of {size}, {count} states: {figure(times['verifier'])} ms"
            if times.get("herd7"):
                found = ratio(times["verifier"], times["herd7"])
                row["ratio"] = found._asdict()
                said += f", {found} times herd7's time"
            late |= {name for name, took in times.items() if not took}
            print(said)
            rows.append(row)
    return rows


def large(runs: int) -> Rows:
    """Two large tests of this folder, warm: build and decide."""
    rows: Rows = []
    for name in ("twelve", "shootdown"):
        for test in load(read(Path(__file__).with_name(f"{name}.litmus"))):
            found = figure([_decided(test) for _ in range(runs + 1)][1:])
            print(f"{test.id}, warm: {found} ms")
            rows.append({"test": test.id, "ms": found._asdict()})
    return rows


def _decided(test: object) -> float:
    start = time.process_time()
    decide(build(test), witnesses=False)  # type: ignore[arg-type]
    return (time.process_time() - start) * 1000


def families(runs: int) -> Rows:
    """Families of the corpus for 2 to 16 CPUs: variant F, encoded and then decided by Z3."""
    rows: Rows = []
    for name in FAMILIES:
        for cpus in CPUS:
            program = build(load(read(LINUX / f"{name}.litmus"), {"n": cpus})[0])
            parts = [_parts(program) for _ in range(runs)]
            encoded, solved = (figure(times) for times in zip(*parts, strict=True))
            print(f"{name}, F, {cpus} CPUs: {encoded} ms to encode, {solved} ms to solve")
            rows.append(
                {"family": name, "cpus": cpus, "encode": encoded._asdict(), "solve": solved._asdict()}
            )
    return rows


def _parts(program: object) -> tuple[float, float]:
    start = time.process_time()
    encoding = encode(program, model(GENERIC, "x86-tso"))  # type: ignore[arg-type]
    outcome = encoding.truth(encoding.program.condition)
    text = encoding.clauses.dimacs()
    encoded = time.process_time()
    with Solver(text) as solver:
        if solver.check([outcome]) is not False:
            raise SystemExit("variant F of a family is reachable")
    return (encoded - start) * 1000, (time.process_time() - encoded) * 1000


def lengths(runs: int) -> Rows:
    """Tests that grow in length, or whose counters more CPUs change: build and decide, warm."""
    rows: Rows = []
    for shape, sizes in (("shootdowns", (1, 2, 4, 8, 12, 16)), ("counters", (2, 4, 6, 8, 12, 16))):
        for size in sizes:
            (test,) = load(Source(f"{shape}{size}.litmus", SHAPES[shape](size)))
            found = figure(_decided(test) for _ in range(runs))
            print(f"{shape} of {size}, warm: {found} ms")
            rows.append({"shape": shape, "size": size, "ms": found._asdict()})
    return rows


def corpus(runs: int) -> Rows:
    """Each test of litmus/linux once, warm, and the whole corpus by the command line."""
    each: list[tuple[float, str]] = []
    for path in sorted(LINUX.rglob("*.litmus")):
        for test in load(read(path)):
            each.append((_decided(test), f"{path.relative_to(LINUX).with_suffix('')}::{test.variant}"))
    times = sorted(took for took, _ in each)
    middle, late = statistics.median(times), times[int(len(times) * 0.95)]
    print(
        f"{len(each)} tests of litmus/linux, warm, once: median {rounded(middle)} ms, p95 {rounded(late)} ms"
    )
    for took, name in sorted(each, reverse=True)[:10]:
        print(f"  {rounded(took)} ms {name}")
    rows: Rows = [{"what": "each", "ms": {name: took for took, name in each}}]
    for what, command in {
        "litmus/linux": (VERIFIER, "check", "-q", str(LINUX)),
        "litmus/linux, explorer": (VERIFIER, "check", "-q", "--judge", "explorer", str(LINUX)),
        "litmus, two processes": (VERIFIER, "check", "-q", "-j", "2", str(ROOT / "litmus")),
    }.items():
        found = process(*command)
        assert found is not None
        print(f"check -q {what}: {found / 1000:.1f} s")
        rows.append({"what": what, "ms": found})
    return rows


SECTIONS: dict[str, Callable[[int], Rows]] = {
    "list": the_list,
    "cold start": cold_start,
    "states": states,
    "large": large,
    "families": families,
    "lengths": lengths,
    "corpus": corpus,
}


def main() -> None:
    """Measure and print."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE", help="write the figures, too")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure one section")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="turns (default: 5)")
    asked = parser.parse_args()
    if asked.runs < 1:
        parser.error("--runs must be 1 or more")
    found: dict[str, object] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}",
        "runs": asked.runs,
        "herd7": _version(),
    }
    for name in asked.only or SECTIONS:
        print(f"-- {name}")
        found[name] = SECTIONS[name](asked.runs)
        if asked.json:  # after each section: what is measured is kept if a later one is stopped
            Path(asked.json).write_text(json.dumps(found, indent=1) + "\n")


def _version() -> str | None:
    if not HERD:
        return None
    said = subprocess.run([HERD, "-version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0]


if __name__ == "__main__":
    main()
