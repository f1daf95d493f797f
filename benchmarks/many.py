"""Measures the memory of a suite of many tiny tests: ``python benchmarks/many.py [--tests N] [-j N]``.

Makes N different tests (default: 100,000) in a temporary directory, decides them with ``verifier check -q``,
and prints the peaks of memory (RSS) of the process that prints and of its workers, for growing parts of the
suite: the first grows by the list of files alone, the second not at all. With ``--store``, a results store is
written, and the whole suite is called once more with it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

TEST = """X86 T{n}
{{ }}
 P0          | P1          ;
 MOV [x],$1  | MOV [y],${v} ;
 MOV EAX,[y] | MOV EAX,[x] ;
exists (0:EAX=0 /\\ 1:EAX=0)
"""
FOLDER = 1000  # files in a directory


def made(root: Path, count: int) -> None:
    """Write ``count`` tests, of which no two are the same."""
    for n in range(count):
        folder = root / f"{n // FOLDER:04}"
        if n % FOLDER == 0:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"t{n:06}.litmus").write_text(TEST.format(n=n, v=n % 1000 + 1))


def peak(pid: int) -> int:
    """The peak memory of a process in KiB; 0 if it is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def below(pid: int) -> list[int]:
    """The children of a process."""
    try:
        return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def measured(words: list[str], log: Path) -> tuple[float, int, int, int]:
    """Seconds, the peaks of a command and of its workers in KiB, and the number of lines that it printed."""
    start = time.monotonic()
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, "-m", "verifier.cli", *words], stdout=stream)
        parent = worker = 0
        while process.poll() is None:
            parent = max(parent, peak(process.pid))
            worker = max([worker, *map(peak, below(process.pid))])
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"the suite ended with {process.returncode}")
    with log.open() as lines:
        return time.monotonic() - start, parent, worker, sum(1 for _ in lines)


def main() -> None:
    """Make the suite, and measure parts of it."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=100_000)
    parser.add_argument("-j", dest="jobs", type=int, default=2)
    parser.add_argument("--store", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "suite")
        made(root, asked.tests)
        log = Path(place, "log")
        print(f"{'tests':>8}  {'seconds':>8}  {'parent MB':>9}  {'worker MB':>9}")
        folders = sorted(root.iterdir())
        parts = sorted({max(1, len(folders) // 100), max(1, len(folders) // 10), len(folders)})
        store = ["--store", str(Path(place, "s.db"))] if asked.store else []
        for count in [*parts, *(parts[-1:] if store else [])]:
            words = ["check", "-q", "-j", str(asked.jobs), *store, *map(str, folders[:count])]
            seconds, parent, worker, lines = measured(words, log)
            print(
                f"{lines - 1:>8}  {seconds:>8.1f}  {parent / 1024:>9.1f}  {worker / 1024:>9.1f}", flush=True
            )
        if store:
            print(f"store: {Path(store[1]).stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
