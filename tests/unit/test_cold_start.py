"""What a command imports: most of a short run is imports, so each of these modules would cost it dearly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SB = Path(__file__).resolve().parents[2] / "litmus" / "classic" / "SB.litmus"

ALWAYS = {
    "dataclasses": "it compiles methods at import, and imports inspect; records.py stands for it",
    "inspect": "it imports ast, dis and tokenize",
    "json": "for output in JSON",
    "lark": "the grammar's tables are read by syntax/lalr.py; Lark makes them, and reports errors",
    "logging": "Lark imports it",
    "multiprocessing": "the pool has its own workers",
    "shutil": "argparse asks it for the terminal's width; it imports bz2, lzma and zipfile's parts",
    "sqlite3": "for a results store",
    "subprocess": "for git, which reads the text of a kernel",
    "verifier.explore": "the other judge",
    "z3": "solve/libz3.py declares the functions that are used",
}
CHECK = ALWAYS | {
    "ctypes": "for Z3's library, and in a worker",
    "importlib.resources": "z3.z3core imports it to find its library",
    "pathlib": "it imports urllib",
    "threading": "for the clock of solvers, and for git",
    "textwrap": "for a line of a story that does not fit",
    "tomllib": "for a pyproject.toml that has our table",
    "verifier.kernel": "for a kernel's text",
    "verifier.solve.z3": "the search finds small runs; Z3 is asked where it finds none",
    "verifier.syntax.mm": "for C and MM files",
    "verifier.syntax.ast": "for C and MM files",
    "verifier.words.rows": "for C and MM files",
}
SHORT = ALWAYS | {
    "ctypes": "nothing is solved",
    "verifier.lower": "nothing is decided",
    "verifier.solve": "nothing is solved",
}
# Decides in this very process, so that its modules are those of the worker, too.
RUN = """
import sys
import verifier.cli
if sys.argv[1] == "check":
    import verifier.suite.outcomes
    verifier.suite.outcomes.forks = lambda: False
code = verifier.cli.main(sys.argv[1:])
print("modules:", *sorted(sys.modules))
sys.exit(code)
"""


def imported(words: list[str], folder: Path) -> set[str]:
    """The modules that a call imports, in a folder without settings and with the grammars' tables at hand."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    for _ in range(2):  # the first one makes the tables
        done = subprocess.run(
            [sys.executable, "-c", RUN, *words], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("modules:")[2].split())


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "forbidden"),
    [(["check", str(SB)], CHECK), (["--help"], SHORT), (["rules"], SHORT)],
    ids=["check", "help", "rules"],
)
def test_a_call_imports_no_more_than_it_uses(
    words: list[str], forbidden: dict[str, str], tmp_path: Path
) -> None:
    found = imported(words, tmp_path)
    assert "verifier.cli" in found
    assert {name: why for name, why in forbidden.items() if name in found} == {}
