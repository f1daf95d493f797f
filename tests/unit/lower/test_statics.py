"""Static locals: one object for all calls, in memory, initialised once (C11 6.2.4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.judges import holds, states
from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.lower.build import build
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.load import load_all
from verifier.suite.options import Options

COUNT = "MM t\n{ }\nint count(int by) { static int n = 3; n += by; return n; }\n"


def always(text: str, tree: KernelTree | None = None) -> bool:
    (test,) = load_all(Source("t.litmus", text), tree=tree)
    return run(test, Options(judge="both", witnesses=False)).observation == "always"


def test_all_calls_share_it_and_it_starts_once() -> None:
    assert always(COUNT + "P0 { count(1); r0 = count(1); }\nexists (0:r0 = 5)")


def test_other_cpus_share_it() -> None:
    text = COUNT + "P0 { r0 = count(1); }\nP1 { r0 = count(1); }\n"
    assert holds(text + "exists (0:r0 = 4 /\\ 1:r0 = 5)")
    assert holds(text + "exists (0:r0 = 4 /\\ 1:r0 = 4)")  # both load before either stores


def test_two_functions_have_two() -> None:
    text = "MM t\n{ }\nint f(void) { static int n; n++; return n; }\n"
    text += "int g(void) { static int n = 7; n++; return n; }\n"
    assert always(text + "P0 { f(); r0 = g(); r1 = f(); }\nexists (0:r0 = 8 /\\ 0:r1 = 2)")


def test_a_block_has_its_own() -> None:
    text = "MM t\n{ }\nint f(int a) { static int n = 1; { int n = 5; a += n; } "
    text += "{ static int n = 20; n += a; a = n; } return a + n; }\n"
    assert always(text + "P0 { f(0); r0 = f(0); }\nexists (0:r0 = 31)")


def test_states_and_conditions_call_it_by_its_function() -> None:
    text = COUNT + "P0 { count(1); }\nexists (count__n = 4)"
    assert always(text)
    assert "count__n" in str(next(iter(states(text))))


@pytest.mark.parametrize(
    ("declared", "use", "gives"),
    [
        ("static struct s x = { .a = 4 };", "x.a++; return x.a;", 6),
        ("static int x[2] = { 4, 5 };", "x[1]++; return x[1];", 7),
        ("static atomic_t x = ATOMIC_INIT(4);", "return atomic_inc_return(&x);", 6),
        ("static struct s *x;", "if (!x) x = &o; return x->a;", 9),
        ("static int x = 1, y = 2;", "x += y; return x;", 5),
        ("static unsigned char x = 254;", "x++; return x;", 0),
        ("static const int x = 4;", "return x;", 4),
    ],
)
def test_it_may_have_any_type(declared: str, use: str, gives: int) -> None:
    text = "MM t\nstruct s { int a; };\n{ struct s o = { .a = 9 }; }\n"
    text += f"int f(void) {{ {declared} {use} }}\n"
    assert always(f"{text}P0 {{ f(); r0 = f(); }}\nexists (0:r0 = {gives})")


@pytest.mark.parametrize("word", ["MUTEX", "SPINLOCK", "RAW_SPINLOCK", "RWLOCK"])
def test_a_lock_of_a_tree_keeps_others_out(tmp_path: Path, word: str) -> None:
    take, give = {
        "MUTEX": ("mutex_lock", "mutex_unlock"),
        "SPINLOCK": ("spin_lock", "spin_unlock"),
        "RAW_SPINLOCK": ("raw_spin_lock", "raw_spin_unlock"),
        "RWLOCK": ("write_lock", "write_unlock"),
    }[word]
    code = f"int f(int *x)\n{{\n\tstatic DEFINE_{word}(lock);\n\tstatic int calls;\n\tint r;\n\n"
    code += f"\t{take}(&lock);\n\tcalls++;\n\tr = calls;\n\t{give}(&lock);\n\treturn r;\n}}\n"
    (tmp_path / "t.c").write_text(code)
    text = 'MM t\n#kernel "t.c" { f }\n{ int x; }\nP0 { r0 = f(&x); }\nP1 { r0 = f(&x); }\n'
    assert always(
        text + "exists (0:r0 = 1 /\\ 1:r0 = 2 \\/ 0:r0 = 2 /\\ 1:r0 = 1)", KernelTree(str(tmp_path))
    )


def test_one_of_a_loop_is_an_error() -> None:
    text = "MM t\n{ int y; }\nint f(int a) { int s = 0; for (static int n = 0; n < 2; n++) s++; return s; }\n"
    with pytest.raises(InputError, match="n is a static object of a loop"):
        build(load_all(Source("t.litmus", text + "P0 { r0 = f(1); }\nexists (0:r0 = 0)"))[0], 0)


def test_one_that_starts_with_no_constant_is_an_error() -> None:
    text = "MM t\n{ int y; }\nint g(void) { return 1; }\nint f(int a) { static int n = g(); return n; }\n"
    with pytest.raises(InputError):
        build(load_all(Source("t.litmus", text + "P0 { r0 = f(1); }\nexists (0:r0 = 0)"))[0], 0)
