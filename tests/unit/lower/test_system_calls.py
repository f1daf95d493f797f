"""System calls of a kernel's text, which a macro defines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.lower.test_kernel_text import read_all
from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.suite.decide import run
from verifier.suite.options import Options

TREE = """
/* Kernel-like C, and no kernel's. */
struct s { int x; };
SYSCALL_DEFINE0(nothing)
{
	return 3;
}
SYSCALL_DEFINE3(three, struct s __user *, p, unsigned int, b,
		int __user *, c)
{
	return READ_ONCE(p->x) + b + READ_ONCE(*c);
}
#ifdef CONFIG_COMPAT
COMPAT_SYSCALL_DEFINE1(old, int, c)
{
	return c;
}
#endif
static bool locks(struct s *p)
	__cond_releases(true, &p->x)
{
	return p->x;
}
"""


def of(names: str, code: str, tmp_path: Path) -> str:
    (tmp_path / "a.c").write_text(TREE)
    text = (
        f'#kernel "a.c" {{ {names} }}\n#config CONFIG_COMPAT\n{{ struct s a = {{ .x = 1 }}; int x = 20; }}\n'
    )
    try:
        (test,) = read_all(f"{text}P0 {{ r0 = {code}; }}\nlocations [0:r0;]\n", KernelTree(str(tmp_path)))
    except InputError as error:
        return f"{error.diagnostics[0].message}; {error.diagnostics[0].hint}"
    (state,) = run(test, Options(states=True, witnesses=False)).states or ()
    return str(state)


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("sys_nothing", "sys_nothing()", "(3,)"),
        ("sys_three", "sys_three(&a, 100, &x)", "(121,)"),
        ("compat_sys_old", "compat_sys_old(7)", "(7,)"),
        ("locks", "locks(&a)", "(1,)"),
        ("sys_thre", "1", "a.c defines no 'sys_thre'; did you mean 'sys_three'?"),
    ],
)
def test_a_system_call_is_a_function_of_its_name(name: str, code: str, expected: str, tmp_path: Path) -> None:
    assert expected in of(name, code, tmp_path)
