"""``make bench``: CPU time, medians of several runs, as ratios where two things are compared.

VERIFIER_BENCH  the list of assembly tests, one JSON object a line with the field ``litmus``;
                otherwise litmus/classic
VERIFIER_HERD   a herd7 to compare with on the same list; whole processes, in turn
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from verifier.lower.build import build
from verifier.solve import decide
from verifier.solve.encode import encode
from verifier.solve.z3 import Solver
from verifier.source import Source
from verifier.syntax import load, read

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5
FAMILIES = (
    "switch_mm-vs-flush-n.litmus",
    "gup-fast/table-free-n.litmus",
    "hugetlb/unshare-gup-n.litmus",
)
HERD_RUNS = 3


def sources() -> list[Source]:
    """The tests of the list."""
    named = os.environ.get("VERIFIER_BENCH")
    if named:
        rows = [json.loads(line) for line in Path(named).read_text().splitlines()]
        return [Source(row["name"], row["litmus"]) for row in rows]
    return [read(p) for p in sorted((ROOT / "litmus" / "classic").glob("*.litmus"))]


def whole_list(texts: list[Source]) -> float:
    """CPU milliseconds a test: parsing, building, all final states."""
    start = time.process_time()
    for source in texts:
        for test in load(source):
            decide(build(test), want_states=True, witnesses=False)
    return (time.process_time() - start) * 1000 / len(texts)


def child(*command: str, stdout: Any = subprocess.DEVNULL) -> float:
    """CPU milliseconds of a process. Modules are compiled once, as everywhere but on this run."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=stdout, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def beside(herd: str, texts: list[Source]) -> tuple[float, float]:
    """CPU milliseconds a test of ours and of herd7, whole processes that print all final states.

    herd7 leaves out a test whose name it has seen, so each gets a name of its own.
    """
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for i, source in enumerate(texts):
            head, _, rest = source.text.partition("\n")
            path = Path(folder) / f"{i}.litmus"
            path.write_text(f"{head.split()[0]} T{i}\n{rest}")
            names.append(str(path))
        ours, theirs = [], []
        for _ in range(HERD_RUNS):
            command = (sys.executable, "-m", "verifier.cli", "states", "--format", "herd", *names)
            ours.append(child(*command) / len(texts))
            with open(Path(folder) / "log", "w+") as log:
                theirs.append(child(herd, *names, stdout=log) / len(texts))
                log.seek(0)
                done = sum(line.startswith("Test ") for line in log)
            if done != len(texts):
                raise SystemExit(f"herd7 ran {done} of {len(texts)} tests")
    return statistics.median(ours), statistics.median(theirs)


def warm(name: str, variant: str | None = None) -> float:
    """CPU milliseconds to build and decide a test of this folder, warm."""
    tests = load(read(Path(__file__).with_name(name)))
    test = next(t for t in tests if t.variant == variant)
    found = []
    for _ in range(RUNS + 1):
        start = time.process_time()
        decide(build(test), witnesses=False)
        found.append((time.process_time() - start) * 1000)
    return statistics.median(found[1:])


def family(name: str, cpus: int) -> tuple[float, float]:
    """The first variant, F, with ``cpus`` CPUs of the family: milliseconds of encoding and of solving."""
    program = build(load(read(ROOT / "litmus" / "linux" / name), {"n": cpus})[0])
    start = time.process_time()
    from verifier.model import MODELS

    encoding = encode(program, MODELS["x86-tso"])
    outcome = encoding.truth(program.condition)
    text = encoding.clauses.dimacs()
    encoded = time.process_time()
    with Solver(text) as solver:
        assert solver.check([outcome]) is False
    return (encoded - start) * 1000, (time.process_time() - encoded) * 1000


def corpus() -> list[float]:
    """CPU milliseconds to build and decide each test of the kernel's corpus, warm."""
    found = []
    for path in sorted((ROOT / "litmus" / "linux").rglob("*.litmus")):
        for test in load(read(path)):
            start = time.process_time()
            decide(build(test), witnesses=False)
            found.append((time.process_time() - start) * 1000)
    return found


def main() -> None:
    """Print the figures."""
    texts = sources()
    whole_list(texts)  # warm
    each = statistics.median(whole_list(texts) for _ in range(RUNS))
    what = f"{len(texts)} assembly tests, all final states, parsing included"
    print(f"{what}: {each:.2f} ms CPU a test, warm")
    herd = os.environ.get("VERIFIER_HERD")
    if herd:
        ours, theirs = beside(herd, texts)
        print(f"  whole processes: {ours:.2f} ms CPU a test, herd7 {theirs:.2f}: ratio {ours / theirs:.2f}")
    sb = str(ROOT / "litmus" / "classic" / "SB.litmus")
    z3 = statistics.median(child(sys.executable, "-c", "import z3") for _ in range(RUNS))
    command = str(Path(sys.executable).with_name("verifier"))
    cold = statistics.median(child(command, "check", sb) for _ in range(RUNS))
    print(f"verifier check SB from a cold start: {cold:.0f} ms CPU, {cold / z3:.2f} times `import z3`")
    print(f"two CPUs, twelve operations with translation: {warm('twelve.litmus'):.1f} ms CPU, warm")
    for variant in ("F", "B"):
        figure = warm("shootdown.litmus", variant)
        print(f"shootdown of four CPUs, two levels, PCIDs, {variant}: {figure:.1f} ms CPU, warm")
    for name in FAMILIES:
        for cpus in (2, 4, 8):
            found = [family(name, cpus) for _ in range(RUNS)]
            encoded, solved = (statistics.median(x) for x in zip(*found, strict=True))
            print(f"{name} F, n = {cpus}: {encoded:.1f} ms encoding, {solved:.1f} ms solving")
    each_test = corpus()
    middle, most = statistics.median(each_test), max(each_test)
    print(f"litmus/linux, {len(each_test)} tests: median {middle:.1f} ms CPU warm, most {most:.0f}")
    for judge in ("z3", "explorer"):
        took = child(command, "check", "-q", "-j", "1", "--judge", judge, str(ROOT / "litmus" / "linux"))
        print(f"verifier check -q litmus/linux, {judge}: {took / 1000:.1f} s CPU, start and parsing included")


if __name__ == "__main__":
    main()
