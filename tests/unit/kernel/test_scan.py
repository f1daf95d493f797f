"""What a C file of a kernel tree defines: cut out without a preprocessor, every offset that of the file."""

from __future__ import annotations

from verifier.kernel.conditions import Config
from verifier.kernel.scan import Scanned, scan
from verifier.source import Source


def scanned(text: str, **config: int) -> Scanned:
    return scan(Source("f.c", text), Config(config))


def names(text: str, **config: int) -> list[tuple[str, str]]:
    return list(scanned(text, **config).definitions)


def test_offsets_stay() -> None:
    text = '/* a */ #if\n#ifdef X // no\nint a;\n#else\nint b; /* { */\n#endif\nchar *s = "/* no */ {";\n'
    file = scanned(text, X=0)
    assert len(file.active) == len(text)
    assert file.active.count("\n") == text.count("\n")
    assert "int b;" in file.active and "int a;" not in file.active
    assert '"/* no */ {"' in file.active


def test_definitions() -> None:
    text = """
struct a { int x; };
typedef struct { int y; } b_t;
enum c { ONE, TWO };
static int d __read_mostly = 3, e;
static DEFINE_PER_CPU(struct a, f) = { .x = 1 };
extern int not_here;
int declared(int x);
static inline struct a *g(int x) __acquires(x) { if (x) { return 0; } return 0; }
int (*pointer)(int);
SPECIAL(h);
void __init notrace i(void)
{
}
static const struct a j = { .x = 1 };
"""
    assert names(text) == [
        ("struct", "a"), ("typedef", "b_t"), ("enum", "c"), ("object", "d"), ("object", "f"),
        ("function", "g"), ("function", "i"), ("object", "j"),
    ]  # fmt: skip


def test_the_head_of_a_lock_is_that_of_a_struct() -> None:
    assert names("context_lock_struct(gate) {\n\tint x;\n};\n") == [("struct", "gate")]


def test_macros_that_make_others_end_where_their_brackets_do() -> None:
    text = "MAKE(a, x(b((c)d)->e), f = g; int h)\nMAKE_MORE(x)\nstatic int taken(int x) { return x; }\n"
    text += "MAKE(a;\n b)\nstatic int object = 3;\n"
    file = scanned(text)
    assert list(file.definitions) == [("function", "taken"), ("object", "object")]
    found = file.definitions["function", "taken"]
    assert text[found.start : found.body].strip() == "static int taken(int x)"


def test_of_two_arms_the_one_that_is_compiled() -> None:
    text = "#ifdef A\nvoid f(void) { one(); }\n#else\nvoid f(void) { two(); }\n#endif\n"
    for a, called in ((1, "one"), (0, "two")):
        file = scanned(text, A=a)
        found = file.definitions["function", "f"]
        assert called in file.active[found.start : found.end]
        assert file.around(found.start, found.end) == []


def test_an_open_condition_is_known() -> None:
    file = scanned("#if A > 1\nvoid f(void) { }\n#else\nvoid g(void) { }\n#endif\nvoid h(void) { }\n")
    f, h = file.definitions["function", "f"], file.definitions["function", "h"]
    assert [x.names for x in file.around(f.start, f.end)] == [["A"]]
    assert file.around(h.start, h.end) == []
    assert ("function", "g") not in file.definitions and file.elsewhere("g")


def test_nested_conditions_and_elif() -> None:
    inner = "#if B\nint ab;\n#elif C\nint ac;\n#else\nint a;\n#endif\n"
    text = f"#if A\n{inner}#elif B\nint b;\n#else\nint n;\n#endif\n"
    expected = {(1, 1, 0): "ab", (1, 0, 1): "ac", (1, 0, 0): "a", (0, 1, 1): "b", (0, 0, 1): "n"}
    for (a, b, c), name in expected.items():
        assert names(text, A=a, B=b, C=c) == [("object", name)]


def test_an_open_condition_inside_what_is_left_out_does_not_matter() -> None:
    file = scanned("#if A\n#if B\nint b;\n#endif\n#endif\nint c;\n", A=0)
    assert file.open == []


def test_the_guard_of_a_header_is_no_question() -> None:
    file = scanned("#ifndef _F_H\n#define _F_H\nint a;\n#endif\n")
    assert file.open == [] and ("object", "a") in file.definitions


def test_macros() -> None:
    text = "#define A 1\n#define B(x, y) ((x) + \\\n  (y))\n#define C\n#undef A\n"
    text += "#if 0\n#define D 1\n#endif\n#ifdef C\nint c;\n#endif\n"
    file = scanned(text)
    assert set(file.macros) == {"B", "C"}
    assert file.macros["B"].parameters == ("x", "y")
    assert file.macros["C"].parameters is None
    assert file.bare[file.macros["B"].start : file.macros["B"].end].split() == ["((x)", "+", "\\", "(y))"]
    assert ("object", "c") in file.definitions


def test_braces_in_strings_and_characters() -> None:
    assert names("int f(void) { char c = '{'; p(\"}\"); return c; }\nint g;\n") == [
        ("function", "f"),
        ("object", "g"),
    ]


def test_macros_that_make_definitions_belong_to_no_other_one() -> None:
    text = "FLAG(one, a)\nFLAG(two, b)\n\nstruct s { int x; };\nFLAG(three, c)\nint f(int x)\n{ return x; }\n"
    text += "EXPORT(f);\nDEFINE0(g)\n{ return 0; }\n"
    file = scanned(text)
    assert list(file.definitions) == [("struct", "s"), ("function", "f"), ("function", "DEFINE0")]
    begins = {name: text[d.start :].split("\n")[0] for (_, name), d in file.definitions.items()}
    assert begins["s"].startswith("struct s") and begins["f"].startswith("int f")
