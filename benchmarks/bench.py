"""``make bench``: CPU time, medians of several runs, as ratios where two things are compared.

The list of assembly tests is litmus/classic, or the file named by VERIFIER_BENCH (one JSON object
a line, with the field ``litmus``).
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

from verifier.program.build import build
from verifier.solve import decide
from verifier.solve.encode import Encoding
from verifier.solve.z3 import Solver
from verifier.source import Source
from verifier.syntax import load, read

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5


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


def child(*command: str) -> float:
    """CPU milliseconds of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def family(cpus: int) -> tuple[float, float]:
    """S000-01 F with ``cpus`` switching CPUs: milliseconds of encoding and of solving."""
    path = ROOT / "litmus" / "linux" / "switch_mm-vs-flush-n.litmus"
    program = build(load(read(path), {"n": cpus})[0])
    start = time.process_time()
    from verifier.model import MODELS

    encoding = Encoding(program, MODELS["x86-tso"])
    outcome = encoding.truth(program.condition)
    text = encoding.clauses.dimacs()
    encoded = time.process_time()
    with Solver(text) as solver:
        assert solver.check([outcome]) is False
    return (encoded - start) * 1000, (time.process_time() - encoded) * 1000


def main() -> None:
    """Print the figures."""
    texts = sources()
    whole_list(texts)  # warm
    each = statistics.median(whole_list(texts) for _ in range(RUNS))
    print(f"{len(texts)} assembly tests, all final states, parsing included: {each:.2f} ms CPU a test")
    herd = os.environ.get("VERIFIER_HERD")
    if herd:
        with tempfile.TemporaryDirectory() as folder:
            names = []
            for i, source in enumerate(texts):
                name = Path(folder) / f"{i}.litmus"
                name.write_text(source.text)
                names.append(str(name))
            theirs = statistics.median(child(herd, *names) for _ in range(RUNS)) / len(texts)
        print(f"  herd7 on the same list: {theirs:.2f} ms CPU a test, ratio {each / theirs:.2f}")
    sb = str(ROOT / "litmus" / "classic" / "SB.litmus")
    z3 = statistics.median(child(sys.executable, "-c", "import z3") for _ in range(RUNS))
    cold = statistics.median(child(sys.executable, "-m", "verifier.cli", "check", sb) for _ in range(RUNS))
    print(f"verifier check SB from a cold start: {cold:.0f} ms CPU, {cold / z3:.2f} times `import z3`")
    for cpus in (2, 4, 8):
        found = [family(cpus) for _ in range(RUNS)]
        encoded, solved = (statistics.median(x) for x in zip(*found, strict=True))
        print(f"S000-01 F, {cpus} switching CPUs: {encoded:.1f} ms encoding, {solved:.1f} ms solving")


if __name__ == "__main__":
    main()
