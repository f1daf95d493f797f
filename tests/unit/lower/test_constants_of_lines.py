"""Constants that lines ``#without`` and ``#config`` make: nobody has written what they make of a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

CODE = """
void warns(void) { WARN_ON_ONCE(in_nmi()); BUG_ON(FLAG); x = 1; }
void frees(void) { kfree(spare()); x = 1; }
void does(void) { nothing(); x = 1; }
"""
LINES = "#without in_nmi = 0, spare = 0, nothing = 0\n#config FLAG = 0\n"


@pytest.fixture
def tree(tmp_path: Path) -> KernelTree:
    (tmp_path / "all.c").write_text(CODE)
    return KernelTree(str(tmp_path))


def _warnings(tree: KernelTree, name: str, code: str) -> list[str]:
    text = f'MM t\n#kernel "all.c" {{ {name} }}\n{LINES}{{ int x; }}\nP0 {{ {code} }}\nexists (x = 0)\n'
    (test,) = load_all(Source("t", text), tree=tree)
    verdict = run(test, Options(judge="both", witnesses=False))
    assert verdict.observation == "never"
    return [d.message for d in verdict.warnings if d.code == "no-effect"]


@pytest.mark.parametrize("name", ["warns", "frees", "does"])
def test_a_constant_of_such_a_line_gets_no_warning(tree: KernelTree, name: str) -> None:
    assert _warnings(tree, name, f"{name}();") == []


def test_a_constant_that_the_call_writes_gets_one(tree: KernelTree) -> None:
    assert _warnings(tree, "warns", "warns(); WARN_ON(0);") == ["WARN_ON of a constant, which never holds"]
