"""Measures how fast the verifier is: ``make bench``, about a minute.

All figures are CPU time, user and system together. Unless a line says otherwise, a figure is the median
of five runs (three beside herd7). *Warm* figures come from one process that has done the same work before;
*whole process* figures include the start of Python. Compare two versions on the same idle machine.

The output has a line for each of these:

- a list of assembly tests, from text to all final states; beside herd7, if there is one;
- ``verifier check`` of one small test, beside the bare ``import z3``, which nobody can avoid;
- two large tests of this folder: twelve.litmus, and shootdown.litmus with and without its bug;
- families of the corpus for 2, 4 and 8 CPUs, split into the encoding and Z3's work on it;
- every test of litmus/linux by itself, then all of them by the command line, for each judge.

Two environment variables change what is measured:

VERIFIER_BENCH  a file of assembly tests: on each line a JSON object with the fields ``name`` and
                ``litmus`` (default: the files of litmus/classic)
VERIFIER_HERD   the path of a herd7, which then gets the same tests; the two take turns
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
from argparse import ArgumentParser, RawDescriptionHelpFormatter
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
    """The assembly tests: those that VERIFIER_BENCH names, or litmus/classic."""
    named = os.environ.get("VERIFIER_BENCH")
    if named:
        rows = [json.loads(line) for line in Path(named).read_text().splitlines()]
        return [Source(row["name"], row["litmus"]) for row in rows]
    return [read(p) for p in sorted((ROOT / "litmus" / "classic").glob("*.litmus"))]


def whole_list(texts: list[Source]) -> float:
    """CPU milliseconds for each test, from its text to all final states."""
    start = time.process_time()
    for source in texts:
        for test in load(source):
            decide(build(test), want_states=True, witnesses=False)
    return (time.process_time() - start) * 1000 / len(texts)


def child(*command: str, stdout: Any = subprocess.DEVNULL) -> float:
    """CPU milliseconds of a process.

    Python may keep compiled modules, as it does by default: otherwise it would compile them each time.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=stdout, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def beside(herd: str, texts: list[Source]) -> tuple[float, float]:
    """CPU milliseconds for each test, of the verifier and of herd7: whole processes that print all states.

    herd7 skips a test if it has seen its name before, so this gives each test another name.
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
    """CPU milliseconds of encoding and of solving for variant F of a family with ``cpus`` CPUs."""
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
    """CPU milliseconds to build and decide each test of litmus/linux, warm."""
    found = []
    for path in sorted((ROOT / "litmus" / "linux").rglob("*.litmus")):
        for test in load(read(path)):
            start = time.process_time()
            decide(build(test), witnesses=False)
            found.append((time.process_time() - start) * 1000)
    return found


def main() -> None:
    """Measure and print. The only option is ``--help``."""
    ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter).parse_args()
    texts = sources()
    whole_list(texts)  # warm
    each = statistics.median(whole_list(texts) for _ in range(RUNS))
    what = f"{len(texts)} assembly tests, from text to all final states, warm"
    print(f"{what}: {each:.2f} ms for each test")
    herd = os.environ.get("VERIFIER_HERD")
    if herd:
        ours, theirs = beside(herd, texts)
        print(f"  whole processes: {ours:.2f} ms for each test; herd7 takes {theirs:.2f} ms")
        print(f"  the verifier takes {ours / theirs:.2f} times as long as herd7")
    sb = str(ROOT / "litmus" / "classic" / "SB.litmus")
    z3 = statistics.median(child(sys.executable, "-c", "import z3") for _ in range(RUNS))
    command = str(Path(sys.executable).with_name("verifier"))
    cold = statistics.median(child(command, "check", sb) for _ in range(RUNS))
    print(f"verifier check SB.litmus, whole process: {cold:.0f} ms, {cold / z3:.2f} times `import z3`")
    print(f"twelve operations on two CPUs, with translation, warm: {warm('twelve.litmus'):.1f} ms")
    for variant in ("F", "B"):
        figure = warm("shootdown.litmus", variant)
        print(f"shootdown on four CPUs, with two levels and PCIDs, {variant}, warm: {figure:.1f} ms")
    for name in FAMILIES:
        for cpus in (2, 4, 8):
            found = [family(name, cpus) for _ in range(RUNS)]
            encoded, solved = (statistics.median(x) for x in zip(*found, strict=True))
            print(f"{name}, F, {cpus} CPUs: {encoded:.1f} ms to encode, {solved:.1f} ms to solve")
    each_test = corpus()
    middle, most = statistics.median(each_test), max(each_test)
    print(
        f"{len(each_test)} tests of litmus/linux, warm, once: median {middle:.1f} ms, maximum {most:.0f} ms"
    )
    for judge in ("z3", "explorer"):
        took = child(command, "check", "-q", "-j", "1", "--judge", judge, str(ROOT / "litmus" / "linux"))
        print(f"verifier check -q litmus/linux, judge {judge}, whole process, once: {took / 1000:.1f} s")


if __name__ == "__main__":
    main()
