"""What the paths of a call name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from verifier.suite.discover import Task, discover, parted


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: ``a/x.litmus`` and names for it."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/x.litmus").touch()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "y.litmus").symlink_to("a/x.litmus")
    monkeypatch.chdir(tmp_path)
    return tmp_path


NAMES = (
    "a/x.litmus",
    "./a/x.litmus",
    "a/./x.litmus",
    "a/b/../x.litmus",
    "link/x.litmus",
    "y.litmus",
    "a//x.litmus",
)


@pytest.mark.parametrize("name", [*NAMES, "absolute"])
@pytest.mark.parametrize("first", NAMES)
def test_a_file_is_one_task_by_whatever_names(name: str, first: str, folder: Path) -> None:
    name = os.path.join(folder, "a/x.litmus") if name == "absolute" else name
    assert discover([first, name]) == [Task(first)]
    assert discover([f"{first}::A", f"{name}::A"]) == [Task(first, ("A",))]
    assert discover([f"{first}::A", name]) == [Task(first)]
    assert discover([f"{first}::A", f"{name}::B"]) == [Task(first, ("A",)), Task(name, ("B",))]


@pytest.mark.usefixtures("folder")
def test_other_files_are_other_tasks() -> None:
    Path("a/b/x.litmus").touch()
    Path("z.litmus").symlink_to("nothing")
    names = ["a/x.litmus", "a/b/x.litmus", "z.litmus"]
    assert discover(names) == [Task(name) for name in names]
    assert [task.name for task in discover(["."])] == ["a/b/x.litmus", "a/x.litmus", "z.litmus"]


def test_a_name_may_have_colons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c::d.litmus").touch()
    Path("c").touch()
    Path("folder").mkdir()
    assert discover(["c::d.litmus", "./c::d.litmus::B1,B2"]) == [Task("c::d.litmus")]
    assert discover(["./c::d.litmus::B1,B2"]) == [Task("./c::d.litmus", ("B1", "B2"))]
    assert parted("c::F") == ("c", "::", "F") and parted("folder::F") == ("folder", "::", "F")
    assert parted("gone::d.litmus::F") == ("gone::d.litmus", "::", "F")
    assert parted("-::F") == ("-", "::", "F") and parted("gone") == ("gone", "", "")
    assert parted("c::d.litmus::") == ("c::d.litmus", "::", "")
