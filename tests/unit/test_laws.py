"""The laws of the house: imports point one way, a name means one thing, nothing prints below cli."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "verifier"

# What each room may import besides itself. A room that is missing here is a mistake.
BASE = {"source", "errors", "budget"}
JUDGED = BASE | {"program"}
LOWERED = JUDGED | {"kernel", "syntax", "words", "lower"}
SOLVED = JUDGED | {"model", "execution", "solve"}
TOLD = LOWERED | SOLVED | {"explore", "results", "suite"}
SHOWN = TOLD | {"against", "why", "revisions", "settings", "output", "render", "reports", "compare", "runs"}
SHOWN |= {"generate", "fuzz", "picture", "editor", "progress", "skeletons", "style"}
MAY: dict[str, set[str]] = {
    "patterns": set(),
    "records": set(),
    "notebook": set(),
    "source": set(),
    "errors": {"source"},
    "budget": {"errors"},
    "output": {"errors"},
    "progress": {"output"},
    "settings": {"errors"},
    "kernel": BASE,
    "syntax": BASE | {"kernel"},
    "program": BASE,
    "words": JUDGED | {"syntax"},
    "lower": JUDGED | {"kernel", "syntax", "words"},
    "model": JUDGED,
    "execution": JUDGED | {"model"},
    "solve": JUDGED | {"model", "execution"},
    "explore": JUDGED,  # if it knew more, it could not contradict the others
    "results": JUDGED | {"syntax", "notebook"},
    "suite": TOLD,
    "against": LOWERED | {"explore"},
    "why": TOLD | {"notebook"},
    "revisions": TOLD,
    "render": JUDGED
    | {"results", "syntax", "output", "against", "why", "revisions", "lower", "words", "model"},
    "picture": JUDGED | {"model", "results", "syntax", "output", "why", "render", "notebook"},
    "generate": {"errors", "syntax"},
    "fuzz": TOLD,
    "editor": TOLD | {"why", "output", "render", "settings"},
    "style": {"source", "errors", "syntax"},
    "skeletons": {"errors"},
    "reports": TOLD | {"why", "output", "render", "picture"},
    "compare": TOLD | {"output", "render"},
    "runs": TOLD | {"output", "render"},
    "__init__": TOLD | {"why", "revisions", "notebook", "picture"},
    "pytest_plugin": TOLD | {"render", "settings"},
    "completion": {"program"},
    "commands": SHOWN | {"__init__", "completion"},
    "cli": {"errors", "output", "commands", "suite", "render"},
    "__main__": {"cli"},
}


@cache
def nodes(path: Path) -> list[ast.AST]:
    """The nodes of a file's tree."""
    return list(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> set[str]:
    """The modules that a file imports, also in TYPE_CHECKING blocks."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{a.name}" for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
    return found


def name(path: Path) -> str:
    """The dotted name of a file's module."""
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


FILES = sorted(ROOT.rglob("*.py"))
MODULES = {name(path): path for path in FILES}


def test_every_room_is_known() -> None:
    assert {room(path) for path in FILES} == set(MAY)


@pytest.mark.parametrize("here", sorted(MAY))
def test_imports_point_one_way(here: str) -> None:
    for path in (p for p in FILES if room(p) == here):
        for module in imports(path):
            if module.split(".")[0] == "z3":
                assert here == "solve", f"{path}: only solve/ imports z3"
            if module in MODULES:
                there = room(MODULES[module])
                package = there == "__init__" and module == "verifier"  # its version, or one of its rooms
                below = there in ("records", "patterns")  # stand for the standard library
                assert there in MAY[here] | {here} or package or below, f"{path} imports {there}"


ROOMS = sorted(p.name for p in ROOT.iterdir() if p.is_dir() and any(p.glob("*.py")))


def test_tests_mirror_the_rooms() -> None:
    here = Path(__file__).parent
    assert {p.name for p in here.iterdir() if any(p.glob("test_*.py"))} == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_has_circles(room: str) -> None:
    """The modules of a room can be read in an order in which each comes after those that it imports.

    Imports for types count, too.
    """
    graph = {
        module: {m for m in imports(path) if m in MODULES and m != module}
        for module, path in MODULES.items()
        if path.is_relative_to(ROOT / room) and path.name != "__init__.py"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("here", sorted(MAY.keys() - {"cli"}))
def test_nothing_prints_below_cli(here: str) -> None:
    for path in (p for p in FILES if room(p) == here):
        calls = [n.func for n in nodes(path) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
        assert "print" not in {name.id for name in calls}, path


def test_every_equation_cites_its_rule() -> None:
    from verifier.model import MODELS

    for model in MODELS.values():
        for axiom in model.axioms:
            for rule in axiom.rules:
                assert rule.equation.__doc__, rule.name


# Names that two rooms define, because they mean the same thing in both.
SAME = {
    "EVERY": "how many cheap calls there are for each one that looks",
    "MAX_DEPTH": "how deep the things of the room may be nested",
    "PAIR": "bytes for one pair of a relation, as the room stores it",
}


def defined(path: Path) -> set[str]:
    """The public classes and constants (in upper case) at the top level of a file; no type variables."""
    found: set[str] = set()
    for node in nodes(path)[0].body:  # type: ignore[attr-defined]
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not _makes_type_variable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {x.id for t in targets for x in ast.walk(t) if isinstance(x, ast.Name)}
            found |= {name for name in names if name.isupper()}
    return {name for name in found if not name.startswith("_")}


def _makes_type_variable(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "TypeVar"


def test_a_name_means_one_thing() -> None:
    """A reader who knows a name from one room may rely on it in every other one."""
    homes: dict[str, set[str]] = {}
    for path in FILES:
        for defined_name in defined(path):
            homes.setdefault(defined_name, set()).add(room(path))
    shared = {n: sorted(rooms) for n, rooms in homes.items() if len(rooms) > 1}
    wrong = {n: rooms for n, rooms in shared.items() if n not in SAME}
    assert not wrong, f"defined in several rooms: {wrong}"
    assert not SAME.keys() - shared.keys(), "in the table, but not defined in several rooms"
