"""What stands in braces after a file of the kernel: names, or the initial state."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.kernel.tree import KernelTree
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.ast import Object, Unit


@pytest.mark.parametrize(
    ("after", "names", "objects"),
    [
        ("{ f }", ["f"], []),
        ("{ f, struct s?, }", ["f", "s"], []),
        ("{ int x; }", [], ["x"]),
        ("{ u64 x }", [], ["x"]),
        ("{ struct s x; }", [], ["x"]),
        ("{ page x }", [], ["x"]),
        ("{ }", [], []),
        ("{ f }\n\n{ int x; }", ["f"], ["x"]),
        ("? { f }\n{ int x = 1 }", ["f"], ["x"]),
    ],
)
def test_an_initial_state_may_follow_a_file_of_the_kernel(
    tmp_path: Path, after: str, names: list[str], objects: list[str]
) -> None:
    (tmp_path / "f.c").write_text("int f(int a) { return a; }\nstruct s { int a; };\n")
    text = f'MM t\n#kernel "f.c"{after}\nP0 {{ }}\nexists (true)\n'
    (test,) = load(Source("t.litmus", text), plain=True, tree=KernelTree(str(tmp_path)))
    assert isinstance(test.tree, Unit) and test.tree.kernel is not None
    (file,) = test.tree.kernel.files
    assert [n.name for n in file.names] == names
    assert file.optional == after.startswith("?")
    assert [x.name for x in test.tree.initial if isinstance(x, Object)] == objects
