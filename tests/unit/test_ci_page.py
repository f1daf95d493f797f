"""The commands of docs/ci.md and of the hooks for pre-commit, run in a small kernel tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def steps(found: Any) -> Iterator[str]:
    """What the jobs of a CI system run, in whatever place of its settings."""
    if isinstance(found, dict):
        for key, value in found.items():
            if key == "run":
                yield value
            elif key == "script":
                yield from value
            else:
                yield from steps(value)
    elif isinstance(found, list):
        for value in found:
            yield from steps(value)


SHELL = blocks("sh")
JOBS = [step for text in blocks("yaml") for step in steps(yaml.safe_load(text)) if "pip install" not in step]
JENKINS = [step for text in blocks("groovy") for step in re.findall(r"^\s*sh '(.*)'$", text, re.MULTILINE)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A kernel tree with tests, and a commit after origin/main that changes what they take."""
    shutil.copytree(ROOT / "tests" / "trees" / "small", tmp_path, dirs_exist_ok=True)
    tests = tmp_path / "tools" / "litmus"
    tests.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "trees" / "flag.litmus", tests)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=T", "-c", "user.email=t@example.org"]
    flag = tmp_path / "kernel" / "flag.c"
    upstream = "update-ref refs/remotes/origin/main HEAD"
    for words in ("init -q", "add .", "commit -q -m one", upstream):
        subprocess.run([*git, *words.split()], check=True)
    flag.write_text(flag.read_text() + "/* more */\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "two"], check=True)
    return tmp_path


def shell(tree: Path, text: str) -> str:
    """Run a text in bash, in a tree. It must succeed; what it prints."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    more = {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tree), "GITHUB_BASE_REF": "main"}
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(command, cwd=tree, env=os.environ | more, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_page_has_examples() -> None:
    assert len(SHELL) > 4 and len(JOBS) == 3 and len(JENKINS) == 1


@pytest.mark.long
@pytest.mark.parametrize("text", SHELL)
def test_shell(tree: Path, text: str) -> None:
    said = shell(tree, text)
    expected = "Nothing that the test takes changes" if "verifier history" in text else "2 as expected"
    assert expected in said


@pytest.mark.long
@pytest.mark.parametrize("text", [*JOBS, *JENKINS])
def test_jobs(tree: Path, text: str) -> None:
    shell(tree, text)
    written = re.search(r"> (\S+)", text)
    if "--changed-since" in text:
        assert "1 of 1 files differ" in shell(tree, text)
    else:
        assert written and (tree / written[1]).stat().st_size > 100


@pytest.mark.long
def test_hooks(tree: Path) -> None:
    (used,) = [found["repos"] for text in blocks("yaml") if "repos" in (found := yaml.safe_load(text))]
    args = {hook["id"]: hook.get("args", []) for hook in used[0]["hooks"]}
    assert sorted(args) == sorted(hook["id"] for hook in HOOKS)
    (tree / "kernel" / "flag.c").open("a").write("/* changed, not committed */\n")
    test = tree / "tools" / "litmus" / "flag.litmus"
    tidy = test.read_text()
    test.write_text(tidy.replace("    B sometimes", "B  sometimes"))
    for hook in HOOKS:
        assert re.search(hook["files"], "tools/litmus/flag.litmus")
        decides = hook["entry"].startswith("verifier check")
        tree_too = ["--kernel", "."] if decides else []
        files = [*tree_too, "tools/litmus/flag.litmus"] if hook.get("pass_filenames", True) else []
        said = shell(tree, " ".join([hook["entry"], *args[hook["id"]], *files]))
        assert ("2 tests: 2 as expected" if decides else "tools/litmus/flag.litmus\n") in said
    assert test.read_text() == tidy
