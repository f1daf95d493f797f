"""Repairs of the kernel's own text: the patch applies to the tree, and the patched tree is judged."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from verifier.cli import main

pytestmark = pytest.mark.slow  # together, these take many seconds

FILE = "kernel/flag.c"
TEST = f"""MM flags

#kernel "{FILE}" {{ raise_flag }}
#kernel "include/flag.h"
#config !CONFIG_SLOW

{{ struct flag a; struct flag b; }}
P0 {{ raise_flag(&a); r0 = READ_ONCE(b.up); }}
P1 {{ raise_flag(&b); r0 = READ_ONCE(a.up); }}
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
HEADER = "struct flag { int up; u64 unused; };\n#define UP 1\n#define RAISE(f) WRITE_ONCE((f)->up, UP)\n"
BODY = """
/* Above. */

void raise_flag(struct flag *f)
{
	int one = UP;

	%s
}

int other(int x) { return x + 1; }
"""


def tree(path: Path, statement: str, end: str = "\n") -> Path:
    """A repository whose function has this statement."""
    (path / "flags.litmus").write_text(TEST)
    return repository(path, {FILE: BODY % statement, "include/flag.h": HEADER}, end)


def repository(path: Path, files: Mapping[str, str], end: str = "\n") -> Path:
    """A repository with these files."""
    root = path / "tree"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.replace("\n", end).encode())
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "a tree")
    return root


def git(root: Path, *words: str, given: str | None = None) -> None:
    subprocess.run(["git", "-C", str(root), *words], check=True, input=given, text=True, capture_output=True)


@pytest.mark.parametrize(
    "statement",
    [
        "WRITE_ONCE(f->up, one);",
        "WRITE_ONCE(f->up, one); /* the comment\n\t * goes on */",
        "RAISE(f);",
        "do_it: WRITE_ONCE(f->up, one);",
        "if (one) {\n\t\tf->up = one;\n\t}",
    ],
)
def test_the_patch_mends_the_tree(statement: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tree(tmp_path, statement)
    test = str(tmp_path / "flags.litmus")
    assert main(["repair", "-q", "--patch", "--kernel", f"{root}@HEAD", test]) == 0
    patch = capsys.readouterr().out
    assert f"--- a/{FILE}\n+++ b/{FILE}\n" in patch and "\n+\t" in patch
    git(root, "apply", "--check", "-", given=patch)
    git(root, "apply", "-", given=patch)
    assert main(["check", "-q", "--judge", "both", "--kernel", str(root), test]) == 0
    assert "never" in capsys.readouterr().out


def test_the_answer_names_the_kernels_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tree(tmp_path, "WRITE_ONCE(f->up, one);")
    assert main(["repair", "-q", "--kernel", str(root), str(tmp_path / "flags.litmus")]) == 0
    assert f"insert smp_mb() after line 8 of {FILE}, in raise_flag()" in capsys.readouterr().out


def test_no_patch_of_a_file_that_is_not_read_as_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A patch of a file with carriage returns would not apply."""
    root = tree(tmp_path, "WRITE_ONCE(f->up, one);", "\r\n")
    main(["repair", "-q", "--patch", "--kernel", str(root), str(tmp_path / "flags.litmus")])
    assert f"a/{FILE}" not in capsys.readouterr().out


# By kind of edit: what a function says, so that an edit of this kind mends it.
KINDS = {
    "move": "smp_mb();\n\tWRITE_ONCE(f->up, one);\n\tr = READ_ONCE(g->up);",
    "move_far": "smp_mb();\n\tWRITE_ONCE(f->up, one);\n\tWRITE_ONCE(f->down, one);\n\tr = READ_ONCE(g->up);",
    "locked": "WRITE_ONCE(f->up, one);\n\tr = READ_ONCE(g->up);",
    "exchange": "r = READ_ONCE(f->up);\n\tWRITE_ONCE(f->up, one);\n\tr = READ_ONCE(g->up);",
    "helper": "WRITE_ONCE(f->up, one);\n\tr = READ_ONCE(g->up);",
    "lock": "WRITE_ONCE(f->up, one);\n\tr = READ_ONCE(g->up);\n\tspin_lock(&board);\n\tspin_unlock(&board);",
}
DEKKER = """MM dekker

#kernel "include/flag.h"
#kernel "kernel/flag.c" { settle, look, board }

{ struct flag a; struct flag b; }
P0 { settle(); r0 = look(&a, &b); }
P1 { r0 = look(&b, &a); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
"""
LOOK = """static DEFINE_SPINLOCK(board);

static void settle(void)
{
	smp_mb();
}

int look(struct flag *f, struct flag *g)
{
	int one = 1, r;

	%s
	return r;
}
"""


def answers(root: Path, test: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    main(["repair", "-q", "--format", "json", "--kernel", f"{root}@HEAD", *more, str(test)])
    (found,) = json.loads(capsys.readouterr().out)["results"]
    for one in found["repairs"]:
        git(root, "apply", "--check", "-", given=one["patch"])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_edits_of_the_kernels_text(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header = "struct flag { int up; int down; };\n"
    root = repository(tmp_path, {"include/flag.h": header, FILE: LOOK % KINDS[kind]})
    (tmp_path / "dekker.litmus").write_text(DEKKER)
    found = answers(root, tmp_path / "dekker.litmus", capsys, "--cost", f"{kind}=1")
    assert [kind] in [one["kinds"] for one in found["repairs"]]
    assert "tlbsync" in found["untried"] and kind not in found["untried"]


def test_a_patch_of_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each function lacks a barrier, and each is in a file of its own."""
    one = "int %s(int *mine, int *other)\n{\n\tWRITE_ONCE(*mine, 1);\n\treturn READ_ONCE(*other);\n}\n"
    root = repository(tmp_path, {"kernel/left.c": one % "left", "kernel/right.c": one % "right"})
    (tmp_path / "two.litmus").write_text(
        'MM two\n\n#kernel "kernel/left.c" { left }\n#kernel "kernel/right.c" { right }\n\n'
        "{ int x; int y; }\nP0 { r0 = left(&x, &y); }\nP1 { r0 = right(&y, &x); }\n"
        "exists (0:r0 = 0 /\\ 1:r0 = 0)\n"
    )
    found = answers(root, tmp_path / "two.litmus", capsys)
    patch = next(one["patch"] for one in found["repairs"] if one["kinds"] == ["smp_mb", "smp_mb"])
    assert "+++ b/kernel/left.c\n" in patch and "+++ b/kernel/right.c\n" in patch
    git(root, "apply", "-", given=patch)
    assert main(["check", "-q", "--judge", "both", "--kernel", str(root), str(tmp_path / "two.litmus")]) == 0
    assert "never" in capsys.readouterr().out
