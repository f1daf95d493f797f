"""Kernel trees: a directory, or a revision of its repository, of which nothing is checked out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from verifier.errors import UsageError
from verifier.kernel.tree import MAX_FILE, KernelTree, Unreadable


def git(where: Path, *words: str) -> None:
    name = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(where), *name, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits, and a change that is not committed."""
    git(tmp_path, "init", "-q")
    file = tmp_path / "mm" / "f.c"
    file.parent.mkdir()
    for text in ("int one;\n", "int two;\n"):
        file.write_text(text)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", text)
    file.write_text("int three;\n")
    return tmp_path


def test_a_directory_is_what_lies_there(repository: Path) -> None:
    source = KernelTree(str(repository)).source("mm/f.c")
    assert (source.name, source.text) == ("mm/f.c", "int three;\n")


@pytest.mark.parametrize(("revision", "text"), [("HEAD", "int two;\n"), ("HEAD~1", "int one;\n")])
def test_a_revision(repository: Path, revision: str, text: str) -> None:
    tree = KernelTree(f"{repository}@{revision}")
    assert tree.source("mm/f.c").text == text
    assert (repository / "mm" / "f.c").read_text() == "int three;\n"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("{}@nowhere", "there is no revision 'nowhere'"),
        ("{}@--all", "there is no revision '--all'"),
        ("{}@", "the revision after '@' is missing"),
        ("@HEAD", "the directory before '@' is missing"),
        ("{}/none", "there is no directory"),
        ("{}/mm/f.c", "there is no directory"),
    ],
)
def test_what_is_no_tree(repository: Path, place: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        KernelTree(place.format(repository))


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no git repository"):
        KernelTree(f"{tmp_path}@HEAD")


@pytest.mark.parametrize("revision", ["", "@HEAD"])
@pytest.mark.parametrize("path", ["mm/none.c", "mm", "../f.c", "/etc/passwd", "mm/../../x", ""])
def test_a_file_that_is_not_there(repository: Path, revision: str, path: str) -> None:
    with pytest.raises(Unreadable):
        KernelTree(f"{repository}{revision}").source(path)


def test_a_large_file_and_one_that_is_no_text(repository: Path) -> None:
    (repository / "large.c").write_text("x" * (MAX_FILE + 1))
    (repository / "binary.c").write_bytes(b"int a;\0")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "large")
    for place in (str(repository), f"{repository}@HEAD"):
        with pytest.raises(Unreadable, match="MiB") as large:
            KernelTree(place).source("large.c")
        assert "generated" in large.value.hint
        with pytest.raises(Unreadable, match="not text"):
            KernelTree(place).source("binary.c")
