"""The laws of the house: imports point one way, only solve/ knows z3, nothing prints below cli."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "verifier"
ORDER = [
    "source",
    "errors",
    "budget",
    "pool",
    "output",
    "syntax",
    "discover",
    "program",
    "model",
    "execution",
    "storyline",
    "solve",
    "results",
    "twins",
    "suite",
    "report",
    "compare",
]
ALLOWED_TO_EXPLORE = {"source", "errors", "budget", "program", "explore"}


def imports(path: Path) -> set[str]:
    """Modules a file imports, TYPE_CHECKING blocks included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    here = room(path)
    for module in imports(path):
        if module.split(".")[0] == "z3":
            assert here == "solve", "only solve/ imports z3"
        if not module.startswith("verifier."):
            continue
        there = module.split(".")[1]
        if here == "explore":
            assert there in ALLOWED_TO_EXPLORE
        if here in ORDER and there in ORDER:
            assert ORDER.index(there) <= ORDER.index(here), f"{here} imports {there}"
        if here in ORDER and ORDER.index(here) < ORDER.index("suite"):
            assert there not in ("explore", "cli", "pytest_plugin", "render")


@pytest.mark.parametrize(
    "path", [p for p in FILES if room(p) != "cli"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_nothing_prints_below_cli(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        )


def test_every_equation_cites_its_rule() -> None:
    from verifier.model import MODELS

    for model in MODELS.values():
        for axiom in model.axioms:
            for rule in axiom.rules:
                assert rule.equation.__doc__, rule.name
