"""Macros of the kernel's text: what #config leaves alone, where a body ends, how statements are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.lower.test_kernel_text import read_all, read_back
from verifier.errors import InputError
from verifier.kernel.tree import KernelTree
from verifier.suite.decide import run
from verifier.suite.options import Options

P = "struct s s = { .x = 3, .y = 5 };"
S = "struct s { int x; int y; };\n"


def of(define: str, code: str, tmp_path: Path, config: str = "") -> str:
    """What a function of this code gives, under these macros."""
    return read_back(f"{S}{define}\nint f(struct s *p)\n{{\n\t{code}\n}}\n", P, "f(&s)", tmp_path, config)


def of_files(files: dict[str, str], taken: str, config: str, code: str, tmp_path: Path) -> str:
    """What an expression of a test gives that takes these files, or the first error."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    kernel = "\n".join(f'#kernel "{name}"' for name in files)
    for word in taken.split():
        name, _, function = word.partition(":")
        kernel = kernel.replace(f'#kernel "{name}"', f'#kernel "{name}" {{ {function.replace(",", ", ")} }}')
    text = (
        f"{kernel}\n#config NEVER_ASKED\n{config}\n{{ int x; }}\nP0 {{ r0 = {code}; }}\nlocations [0:r0;]\n"
    )
    try:
        (test,) = read_all(text, KernelTree(str(tmp_path)))
        (state,) = run(test, Options(states=True, witnesses=False)).states or ()
        return str(state)
    except InputError as error:
        return f"{error.diagnostics[0].message}; {error.diagnostics[0].hint}"


@pytest.mark.parametrize(
    ("config", "define", "code", "expected"),
    [
        ("#config N", "#define N 21", "return N;", "(21,)"),
        ("#config !N", "#define N 21", "return N;", "(21,)"),
        ("#config N = 7", "#define N 21", "return N;", "(7,)"),
        ("#config N", "enum { M, N };", "return N;", "(1,)"),
        ("#config N", "enum { M = 4, N };", "return N;", "(5,)"),
        ("#config N = 7", "enum { M = 4, N };", "return N;", "(7,)"),
        ("#config N", "", "return N;", "(1,)"),
        ("#config !N", "", "return N;", "(0,)"),
    ],
)
def test_an_answer_without_a_value_leaves_a_constant_alone(
    config: str, define: str, code: str, expected: str, tmp_path: Path
) -> None:
    assert of(define, code, tmp_path, config) == expected


@pytest.mark.parametrize(
    ("header", "config", "question", "expected"),
    [
        ("#define N 21", "", "#ifdef N", "(21,)"),
        ("#define N 21", "", "#if N > 20", "(21,)"),
        ("#define M 21\n#define N M", "", "#if N > 20", "(21,)"),
        ("#define N 21\n#undef N", "", "#ifndef N", "nothing decides #ifndef N"),
        ("#define N 21", "#config !N", "#ifndef N", "(21,)"),
        ("#define N(x) x", "", "#ifndef N", "f.c defines no 'f'"),
        ("#define N 21", "#config N = 0", "#ifdef N", "(0,)"),
        ("#if A\n#define N 21\n#endif", "", "#ifdef N", "nothing decides #ifdef N"),
    ],
)
def test_what_a_named_file_defines_answers_a_question(
    header: str, config: str, question: str, expected: str, tmp_path: Path
) -> None:
    files = {"f.c": f"{question}\nint f(void) {{ return N; }}\n#endif\n", "n.h": f"{header}\n"}
    assert of_files(files, "f.c:f", config, "f()", tmp_path).startswith(expected)


@pytest.mark.parametrize(
    ("define", "code", "expected"),
    [
        ("#define A(p) ((p)->x /* one,\t\\\n\t\tand two */ \\\n\t + (p)->y)", "return A(p);", "(8,)"),
        ("#define A(p) ((p)->x /* one\n\t\tand two */ + (p)->y)", "return A(p);", "(8,)"),
        ("#define A(p) ((p)->x \\\n/*\\\n * two\\\n */\\\n + (p)->y)", "return A(p);", "(8,)"),
        ("// the rest is one comment \\\n#define A(p) 1\n#define A(p) 2", "return A(p);", "(2,)"),
        ("#if 1 /* one\n\t or two */ + 1 == 2\n#define A(p) 3\n#endif", "return A(p);", "(3,)"),
        ("/* a\n */ #define A(p) 4", "return A(p);", "(4,)"),
    ],
)
def test_a_comment_is_one_space(define: str, code: str, expected: str, tmp_path: Path) -> None:
    assert of(define, code, tmp_path) == expected


@pytest.mark.parametrize("begin", ["do {", "\\\n\tdo {", "\\\ndo\t\t\\\n{", "\\\n\tif (1) {"])
@pytest.mark.parametrize("head", ["SET", "SET(q)"])
def test_a_statement_may_begin_on_the_next_line(begin: str, head: str, tmp_path: Path) -> None:
    end = "while (0)" if "do" in begin else ""
    define = f"#define {head} {begin}\t\\\n\t\tWRITE_ONCE(p->x, 9);\t\\\n\t}} {end}"
    call = head.replace("q", "p")
    assert of(define, f"if (p->y)\n\t\t{call};\n\treturn p->x;", tmp_path) == "(9,)"


def test_words_that_begin_as_a_statement_does_are_expressions(tmp_path: Path) -> None:
    define = "static inline int double_it(int *q) { *q = 4; return 1; }\n#define SET(q) double_it(q)"
    (tmp_path / "f.c").write_text(f"{S}{define}\nint f(struct s *p) {{ SET(&p->x); return p->x; }}\n")
    text = f'#kernel "f.c" {{ f, double_it }}\n{{ {P} }}\nP0 {{ r0 = f(&s); }}\nlocations [0:r0;]\n'
    (test,) = read_all(text, KernelTree(str(tmp_path)))
    assert {str(s) for s in run(test, Options(states=True, witnesses=False)).states or ()} == {"(4,)"}


def test_a_pointer_in_a_call_begins_no_comment(tmp_path: Path) -> None:
    assert "comment" not in of("#define SET(q) READ_ONCE(*q) }", "return SET(&p->x);", tmp_path)


@pytest.mark.parametrize("word", ["user", "percpu", "force", "must_check", "used", "packed", "rcu", "iomem"])
def test_a_name_that_begins_as_an_attribute_is_whole(word: str, tmp_path: Path) -> None:
    text = f"int __must_check __{word}_take(int *p) {{ return 6; }}\n"
    text += f"int f(int __{word} *p) {{ int __{word}_a = __{word}_take(p); return __{word}_a; }}\n"
    assert of_files({"f.c": text}, f"f.c:f,__{word}_take", "", "f(&x)", tmp_path) == "(6,)"


def test_a_name_that_begins_as_a_keyword_is_whole(tmp_path: Path) -> None:
    text = "typedef_t typedefs = 1;\nint externs = 6;\nint f(void) { return externs; }\n"
    assert of_files({"f.c": text}, "f.c:f,externs", "", "f()", tmp_path) == "(6,)"


TWO = {
    "a.c": "#define N 1\nenum { A0, A1 };\nint f(int *p) { return N * 10 + A1; }\n",
    "b.c": "#define N 2\nenum { A1, A0 };\nint g(int *p) { return N * 10 + A1; }\n",
}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("f(&x)", "(11,)"),
        ("g(&x)", "(20,)"),
        ("f(&x) * 100 + g(&x)", "(1120,)"),
        ("N", "N has two meanings here: a.c:1 and b.c:1; say which one: #config N = …"),
        ("A1", "A1 has two meanings here: a.c:2 and b.c:2; say which one: #config A1 = …"),
        ("A0 + f(&x)", "A0 has two meanings here: a.c:2 and b.c:2"),
    ],
)
def test_the_text_of_a_file_means_what_this_file_says(code: str, expected: str, tmp_path: Path) -> None:
    assert of_files(TWO, "a.c:f b.c:g", "", code, tmp_path).startswith(expected)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # What macros of a header name is what it is where they stand.
        ({"h.h": "#define GET (N + 4)\n"}, "(5,)"),
        # A header goes before another C file, which no file includes.
        ({"h.h": "#define GET M\n#define M 7\n", "c.c": "#define M 8\n"}, "(7,)"),
        ({"c.c": "#define GET 8\n"}, "(8,)"),
        ({"h.h": "#define GET 8\n", "i.h": "#define GET  8 /* too */\n"}, "(8,)"),
        ({"h.h": "#define GET 8\n", "i.h": "#define GET 9\n"}, "GET has two meanings here: h.h:1 and i.h:1"),
        ({"h.h": "#define GET 8\n", "i.h": "#ifndef GET\n#define GET 9\n#endif\n"}, "(8,)"),
        (
            {"h.h": "enum { A, GET };\n", "i.h": "enum { GET };\n"},
            "GET has two meanings here: h.h:1 and i.h:1",
        ),
        ({"h.h": "enum { A, GET };\n", "i.h": "enum { GET = 1 };\n"}, "(1,)"),
    ],
)
def test_what_a_file_does_not_say_its_headers_say(
    headers: dict[str, str], expected: str, tmp_path: Path
) -> None:
    files = {"f.c": "#define N 1\nint f(int *p) { return GET; }\n"} | headers
    assert of_files(files, "f.c:f", "", "f(&x)", tmp_path).startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#define N 1\nint f(int *p) { return N; }\n#undef N\n#define N 2\n", "(1,)"),
        ("#define N 1\n#undef N\n#define N 2\nint f(int *p) { return N; }\n", "(2,)"),
        (
            "int f(int *p) {\n#define N 1\n\tint a = N;\n#undef N\n#define N 2\n\treturn a * 10 + N;\n}\n",
            "(12,)",
        ),
        # A macro is expanded where it is called.
        ("#define G N\n#define N 1\nint f(int *p) { return G; }\n#undef N\n#define N 2\n", "(1,)"),
        ("#define N 1\n#undef N\nint f(int *p) { return N; }\n", "there is no 'N'"),
        ("int f(int *p) { return N; }\n#define N 1\n", "there is no 'N'"),
        ("#define N 1\n#undef N\n#ifdef N\n#else\nint f(int *p) { return 5; }\n#endif\n", "(5,)"),
        (
            "#if A\n#define N 1\n#endif\n#ifdef N\nint f(int *p) { return 5; }\n#endif\n",
            "nothing decides #ifdef N",
        ),
    ],
)
def test_a_function_means_what_stands_above_it(text: str, expected: str, tmp_path: Path) -> None:
    assert of_files({"f.c": text}, "f.c:f", "", "f(&x)", tmp_path).startswith(expected)


LOCAL = "struct loc {{ int a; {} v; }};\nint {}(int *p) {{ struct loc q = {{ .v = 3 }}; return q.v; }}\n"


@pytest.mark.parametrize(
    ("other", "both", "expected"),
    [
        ("u8", True, "loc has two meanings here: "),
        ("u8", False, ""),
        ("int", True, ""),
        ("int b; int", True, ""),
    ],
)
def test_two_structs_of_one_name(other: str, both: bool, expected: str, tmp_path: Path) -> None:
    files = {"a.c": LOCAL.format("int", "f"), "b.c": LOCAL.format(other, "g")}
    found = of_files(files, "a.c:f b.c:g" if both else "a.c:f", "", "f(&x)", tmp_path)
    assert found.startswith(expected) and ("two meanings" in found) == bool(expected)


def test_of_two_functions_of_one_name_the_file_of_the_first_is_named(tmp_path: Path) -> None:
    text = "int helper(int *p) { return 1; }\n"
    found = of_files({"a.c": text, "b.c": text}, "a.c:helper b.c:helper", "", "helper(&x)", tmp_path)
    assert found == "helper() is defined twice; the first one is in line 1 of a.c"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ("DEFINE_LOCK_GUARD_0(both, smp_mb(),  smp_mb())", "(6,)"),
        ("DEFINE_LOCK_GUARD_0(both, smp_mb(), smp_wmb())", "the guard both has two meanings here: the other"),
    ],
)
def test_two_guards_of_one_name(other: str, expected: str, tmp_path: Path) -> None:
    files = {
        "f.c": "int f(int *p) { guard(both)(); return 6; }\n",
        "g.h": "DEFINE_LOCK_GUARD_0(both, smp_mb(), smp_mb())\n",
        "h.h": f"{other}\n",
    }
    assert of_files(files, "f.c:f", "", "f(&x)", tmp_path).startswith(expected)
