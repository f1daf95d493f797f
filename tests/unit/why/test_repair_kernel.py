"""Repairs of the kernel's own text: the patch applies to the tree, and the patched tree is judged."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from verifier.cli import main

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
    root = path / "tree"
    for name, text in ((FILE, BODY % statement), ("include/flag.h", HEADER)):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_bytes(text.replace("\n", end).encode())
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "a tree")
    (path / "flags.litmus").write_text(TEST)
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
