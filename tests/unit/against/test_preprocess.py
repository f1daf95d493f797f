"""The preprocessor: macros, conditions, includes and what a definition finds of them (C11 6.10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from verifier.against.definitions import Definitions, definitions
from verifier.against.preprocess import expand, preprocessed
from verifier.against.tokens import spelled, tokens
from verifier.budget import Budget
from verifier.kernel.tree import KernelTree


def defined(tmp_path: Path, **files: str) -> Definitions:
    """The definitions of a tree whose file ``a.h`` includes what it names."""
    for name, text in files.items():
        path = tmp_path / "include" / f"{name}.h"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    made = preprocessed(KernelTree(str(tmp_path)), ["include/a.h"], Budget())
    return definitions(made, Budget())


def expanded(tmp_path: Path, macros: str, text: str) -> str:
    of = defined(tmp_path, a=macros).of
    return "".join(spelled(expand(of, tokens(text), of.time)).split())


@pytest.mark.parametrize(
    ("macros", "text", "result"),
    [
        ("#define A 1 +\\\n 2", "A;", "1+2;"),
        ("#define F(x, y) x + y\n#define G F", "G(1, (2, 3))", "1+(2,3)"),
        ("#define F(x) #x\n", 'F(a "b" + 1)', '"a\\"b\\"+1"'),
        ("#define F(x, y) x##_##y\n", "F(a, b)", "a_b"),
        ("#define F(x, y) x##y\n", "F(, b)F(a, )", "ba"),
        ("#define A 7\n#define F(x) x##1 x\n", "F(A)", "A17"),
        ("#define F(x, ...) g(x, ##__VA_ARGS__)\n", "F(1)F(1, 2, 3)", "g(1)g(1,2,3)"),
        ("#define F(x, args...) g(x, args)\n", "F(1, 2, 3)", "g(1,2,3)"),
        ("#define f(x) f(x + 1)\n#define a a\n", "f(a)", "f(a+1)"),  # not called again
        ("#define f(x) x f\n", "f(1)(2)", "1f(2)"),  # 6.10.3.4
        ("#define F() 3\n", "F() F", "3F"),
        ("#define A 1\n#undef A\n", "A", "A"),
        ("#define F(x) {x}\n", "F(\n1\n)", "{1}"),
    ],
)
def test_macros(macros: str, text: str, result: str, tmp_path: Path) -> None:
    assert expanded(tmp_path, macros, text) == result


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("#ifdef CONFIG_SMP", True), ("#ifndef CONFIG_SMP", False), ("#ifdef CONFIG_OTHER", False),
        ("#if defined(CONFIG_SMP) && !defined CONFIG_OTHER", True), ("#if A > 2", True),
        ("#if B(1) == 2", True), ("#if CONFIG_OTHER", False), ("#if 0\n#elif A == 3", True),
        ("#if 1\n#else", False), ("#if UNKNOWN(3)", False),
        ("#if (A << 1) == 6 ? 1 : 0", True),
    ],
)  # fmt: skip
def test_conditions(condition: str, holds: bool, tmp_path: Path) -> None:
    text = f"#define A 3\n#define B(x) (x + 1)\n{condition}\nvoid f(void) {{ }}\n#endif\n"
    assert ("f" in defined(tmp_path, a=text).functions) == holds


def test_a_definition_means_the_macros_of_its_place(tmp_path: Path) -> None:
    text = "#define A 1\nint f(void) { return A; }\n#undef A\n#define A 2\nint g(void) { return A; }\n"
    defs = defined(tmp_path, a=text)
    assert [spelled(defs.tokens(defs.functions[n])).split("return ")[1][0] for n in "fg"] == ["1", "2"]
    assert defs.functions["g"].place == "include/a.h:5"


def test_includes_are_followed_once_where_they_have_a_guard(tmp_path: Path) -> None:
    guarded = "#ifndef B\n#define B\nint b(void) { return 1; }\n#else\n#error twice\n#endif\n"
    top = '#include <b.h>\n#include "b.h"\n#include <none.h>\nint a(void) { return b(); }\n'
    defs = defined(tmp_path, a=top, b=guarded)
    assert set(defs.functions) == {"a", "b"} and defs.of.missing == {"none.h"}
    assert defs.functions["b"].place == "include/b.h:3"


def test_macros_make_functions(tmp_path: Path) -> None:
    text = """#define OP(n, o) static inline int op_##n(int a) { return a o 1; }
#define OPS(n, o) OP(n, o) static int twice_##n(int a) { if (a) { a o 2; } return a; }
#define HEAD(n) int n(void)
OP(add, +) OPS(sub, -)
EXPORT(op_add);
HEAD(made) { return 0; }
static __attribute__((__unused__)) int plain(int (*f)(int), struct s { int x; } *p) { return 1; }
struct s object = { .x = 1 };
int last(void)
{ return ({ int a = 1; a; }); }
"""
    defs = defined(tmp_path, a=text)
    assert {"op_add", "op_sub", "twice_sub", "plain", "last"} <= set(defs.functions)
    assert spelled(defs.tokens(defs.functions["op_sub"])) == "int op_sub(int a) { return a - 1; }"
    assert spelled(defs.tokens(defs.functions["plain"])).startswith("int plain(int (*f)(int)")


def test_attributes_stand_behind_parameters_too(tmp_path: Path) -> None:
    text = """#define __takes(x)
#define __unchecked __attribute__((__no_check__))
void take(int *l) __takes(l) __unchecked
{
	(*l)++;
}
struct board { int n; } __unchecked;
struct __unchecked __named { int n; };
int last(void) { return 1; }
"""
    defs = defined(tmp_path, a=text)
    assert set(defs.functions) == {"take", "last"}
    assert defs.functions["last"].text == "int last(void) { return 1; }"


def test_constants_of_enums(tmp_path: Path) -> None:
    text = "#define C 5\nenum a { X, Y = C, Z, W = 1 << 4, V = Y + 1, U = f() };\nenum { T };\n"
    assert defined(tmp_path, a=text).constants == {"X": 0, "Y": 5, "Z": 6, "W": 16, "V": 6, "T": 0}


@pytest.mark.parametrize("text", ["a + +b", "a - -b", "x . y", "- --a", "a & &b", "1 .5", '"a" "b"'])
def test_text_of_tokens_has_the_same_tokens(text: str) -> None:
    assert [t.text for t in tokens(spelled(tokens(text)))] == [t.text for t in tokens(text)]
