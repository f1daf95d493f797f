"""Forms of tests from elsewhere, and words without effect: the parser reads them or reports them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.texts import wrong
from verifier.cli import main
from verifier.source import Diagnostic, Source
from verifier.suite.decide import run
from verifier.suite.load import load_checked
from verifier.suite.options import Options
from verifier.syntax.ast import CType
from verifier.syntax.test import Test

ROWS = " P0 | P1 ;\n MOV [x],$1 | MOV EAX,[x] ;\n"
PROGRAMS = "P0(int *x) { WRITE_ONCE(*x, 1); }\nP1(int *x) { int r0 = READ_ONCE(*x); }\n"
MM = "MM t\n{ page A = 1; mm N { v -> A }; int x; int y; }\n"
ONE = "MM t\n{ int x; }\n"
P0 = "P0 { x = 1; }\n"
END = "exists (x = 1)\n"


def only(text: str, name: str = "t.litmus") -> Test:
    (test,) = load_checked(Source(name, text))
    return test


def warned(text: str) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for test in load_checked(Source("t.litmus", text)):
        program = run(test, Options(states=True)).program
        assert program is not None
        found += [w for w in (*test.warnings, *program.warnings) if w not in found]
    return found


def observation(text: str) -> str:
    return run(only(text), Options(judge="both")).observation


# -- herd7's forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "X86 t\n{ x=0; };\n" + ROWS + "exists (1:EAX=0);\n",
        'X86 t (title) "a doc";\n{ }\n' + ROWS + "exists (P1:EAX=0)\n",
        "X86 t\nsome words about it\nHash=12\nand more words\n{ P1:EAX=0; 1:%EBX=1; }\n"
        + ROWS
        + "exists (1:%EAX=0)\n",
        "X86 t more words\n{ }\n" + ROWS + "final (1:EAX=0);\nwith\ntso: ~exists;\nsc: exists;\n",
        "X86 t\n{ }\n" + ROWS + "observed 1:EAX=0; x=1; and 1:EAX=2; x=1;\n",
        "X86 t\n{ }\n" + ROWS + 'exists (1:EAX=0)\n<<\nshow 3 "\n(unread\n>>\n',
        "C t\nNothing is known of x, or (of) y.\n{ [x]=0; P1:r7 = 3; }\n" + PROGRAMS + "exists (P1:r0=0);\n",
        "C t\nint f(int a)\n{ return a; }\n{ }\n" + PROGRAMS + "exists (1:r0=0)\n<<\nfigure\n>>\n",
    ],
)
def test_forms_of_herd(text: str) -> None:
    assert observation(text) == "sometimes"
    assert only(text).name == "t"


def test_the_name_is_one_word_or_that_of_the_file() -> None:
    assert only("C --\n{ }\n" + PROGRAMS + "exists (x=1)\n", "some/where/a-test.litmus").name == "a-test"
    assert only("X86 n1.2+po a b\n{ }\n" + ROWS + "exists (x=1)\n").name == "n1.2+po"
    (found,) = wrong("MM two words\n{ int x; }\n" + P0 + END)
    assert found.code == "header" and found.span is not None and found.span.text == "words"


def test_text_that_looks_like_code_is_told() -> None:
    (found,) = warned("C t\nSome words.\nexpct never;\n{ }\n" + PROGRAMS + "exists (x=1)\n")
    assert found.code == "text" and found.span is not None and found.span.line == 3


@pytest.mark.parametrize(
    "code",
    [
        "atomic_load_explicit(x, memory_order_relaxed)",
        "atomic_store(x, 1)",
        "atomic_thread_fence(m)",
        "(_Atomic int) 1",
        "atomic_fetch_add_explicit(x, 1, memory_order_seq_cst)",
    ],
)
def test_atomics_of_c11_are_refused_as_such(code: str) -> None:
    (found,) = wrong(f"C t\n{{ }}\nP0(int *x) {{ int r0 = {code}; }}\nexists (0:r0=1)\n")
    assert found.code == "c11" and "is from C11" in found.message and "READ_ONCE" in found.hint


def test_a_local_is_declared() -> None:
    (found,) = wrong("C t\n{ }\nP0(int *x) { tmp = READ_ONCE(*x); }\nexists (x=1)\n")
    assert found.hint == "declare it: int tmp;"


# -- tests that ask nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["exists (true)", "~exists (false)", "forall (1 = 1)"])
def test_a_condition_on_nothing_shows_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, condition: str
) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(MM + P0 + condition + "\n")
    assert main(["states", str(path)]) == 0
    assert "nothing is shown of a state: the condition asks for nothing" in capsys.readouterr().err
    path.write_text(MM + P0 + "locations [x] " + condition + "\n")
    assert main(["states", str(path)]) == 0
    assert "nothing is shown" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["X86 t\n{ }\n" + ROWS, "X86 t\n{ }\n" + ROWS + "locations [x; 1:EAX]\n", MM + P0 + "locations [x]\n"],
)
def test_states_need_no_condition(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.litmus"
    path.write_text(text)
    assert main(["states", str(path)]) == 0
    out, errors = capsys.readouterr()
    assert ("[x]=1;" in out) == ("locations" in text)
    assert ("nothing is shown of a state" in errors) == ("locations" not in text)
    assert main(["check", str(path)]) == 2
    assert "a test needs a condition" in capsys.readouterr().err


# -- rows and numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("MOV [x],$1", "1 column, not 2"),
        ("| MOV [x],$1 | MOV [x],$1", "3 columns, not 2"),
        ("", "1 column"),
        ("| |", "3 columns, not 2"),
    ],
)
def test_rows_are_even(row: str, says: str) -> None:
    (found,) = wrong(f"X86 t\n{{ }}\n{ROWS} {row} ;\nexists (x=1)\n")
    assert says in found.message and found.span is not None and found.span.line == 5


LONG = "9" * 5000
NUMBERS = {
    "x86 immediate": "X86 t\n{ }\n P0 ;\n MOV [x],$# ;\nexists (x=1)\n",
    "x86 displacement": "X86_64 t\n{ }\n P0 ;\n movl $1,#(%rax) ;\nexists (x=1)\n",
    "x86 factor": "X86_64 t\n{ }\n P0 ;\n movl $1,(%rax,%rbx,#) ;\nexists (x=1)\n",
    "x86 initial value": "X86 t\n{ x = #; }\n P0 ;\n MOV [x],$1 ;\nexists (x=1)\n",
    "x86 initial cpu": "X86 t\n{ #:EAX = 1; }\n P0 ;\n MOV [x],$1 ;\nexists (x=1)\n",
    "x86 array": "X86 t\n{ int t[#]; }\n P0 ;\n MOV [x],$1 ;\nexists (x=1)\n",
    "x86 element": "X86 t\n{ 0:EAX = t[#]; }\n P0 ;\n MOV [x],$1 ;\nexists (x=1)\n",
    "x86 condition": "X86 t\n{ }\n P0 ;\n MOV [x],$1 ;\nexists (x=#)\n",
    "initial value": "MM t\n{ int x = #; }\nP0 { x = 1; }\n" + END,
    "negative value": "MM t\n{ int x = -#; }\nP0 { x = 1; }\n" + END,
    "pcid": "MM t\n{ page A; mm N { v -> A }; int x; 0:tlb = { v@# -> A }; }\nP0 { x = 1; }\n" + END,
    "cpu": "MM t\n{ page A; mm N { v -> A }; int x; #:cr3 = N; }\nP0 { x = 1; }\n" + END,
    "thread": MM + P0 + "P# { x = 1; }\n" + END,
    "nmi": MM + P0 + "nmi P# { x = 1; }\n" + END,
    "unroll": MM + P0 + "unroll #;\n" + END,
    "condition": MM + P0 + "exists (x = # /\\ y = 1)\n",
    "cpu of a condition": MM + P0 + "exists (#:irq = 1)\n",
    "pcid of a condition": MM + P0 + "exists (0:tlb[v@# -> A])\n",
}


@pytest.mark.parametrize("place", NUMBERS)
def test_numbers_have_an_end_and_one_reading(place: str) -> None:
    found = wrong(NUMBERS[place].replace("#", LONG))
    assert "number" in [d.code for d in found]
    if place != "unroll":
        found = wrong(NUMBERS[place].replace("#", "010"))
        assert next(d.hint for d in found if d.code == "number") == "write 8 or 10"


def test_long_numbers_in_code() -> None:
    for text in (MM + f"P0 {{ x = {LONG}; }}\n" + END, MM + f"enum {{ a = {LONG} }};\n" + P0 + END):
        assert wrong(text)[0].code == "number"
    assert wrong(MM + "enum { a = 1 << 63, b = a * a };\n" + P0 + END)[0].code == "number"
    assert wrong("MM t\nenum { n = 1 };\n" + MM[5:] + P0 + END, {"n": 10**5000})[0].code == "number"


def test_a_leading_zero_is_octal_in_code() -> None:
    assert observation(MM + "P0 { x = 010 + 0x10 + 07; }\nexists (x = 31)\n") == "always"
    assert wrong(MM + "P0 { x = 09; }\n" + END)[0].hint == "a leading 0 means octal in C; leave it out"


# -- words that would do nothing ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("C t\n(* Result: Nevr *)\n{ }\n" + PROGRAMS + "exists (x=1)\n", "result", "did you mean 'never'?"),
        (
            "C t\n(* Result: Never *)\n(* Result: Always *)\n{ }\n" + PROGRAMS + "exists (x=2)\n",
            "result",
            "first",
        ),
        ("MM t\nId=a\nId=b\n{ int x; }\n" + P0 + END, "duplicate", "the last one counts"),
        ("MM t\nIdd=a\n{ int x; }\n" + P0 + END, "unknown-key", "did you mean 'Id'?"),
        ("X86 t\n{ }\n" + ROWS + "exists (x=1)\nwith tso: ~exists\n", "with", "Result"),
        ("X86 t\n{ }\n" + ROWS + "locations [xx]\nexists (x=1)\n", "untouched", "did you mean 'x'?"),
        (ONE + "void f(void *i) { x = 1; }\n" + P0 + END, "unused", ""),
        (ONE + "P0 { if (x) goto out; x = 1; out: ; outt: ; }\n" + END, "unused", "did you mean 'out'?"),
        (ONE + P0 + "expect always; // Result: Never\n" + END, "result", "they differ"),
        ("X86 t\n{ }\n P0 ;\n L: MOV [x],$1 ;\nexists (x=1)\n", "label", ""),
    ],
)
def test_a_warning_about_a_word_without_effect(text: str, code: str, hint: str) -> None:
    (found,) = warned(text)
    assert (found.code, found.severity) == (code, "warning") and hint in found.hint


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('MM t\n#include "linux/smp.inc" more\n{ int x; }\n' + P0 + END, "include"),
        (MM + P0 + "variants { }\n" + END, "setting"),
        ("MM t\n{ int x; 0:r1 = 3; 0:r1 = 4; }\nP0 { x = r1; }\n" + END, "duplicate"),
        (MM + P0 + "expect never, amd always, amd never;\n" + END, "duplicate"),
        (MM + P0 + "variants { F never, tce=true always, tce=true never; }\n" + END, "duplicate"),
        (MM + P0 + "struct s { int a; };\nstruct s { int a; };\n" + END, "duplicate"),
        (MM + P0 + "struct s { int a; int a; };\n" + END, "duplicate"),
    ],
)
def test_an_error_about_a_word_without_effect(text: str, code: str) -> None:
    assert [d.code for d in wrong(text)] == [code]


def test_defines_need_a_constant() -> None:
    for text in ("X86 t\n{ }\n" + ROWS + "exists (x=1)\n", MM + P0 + END):
        assert [d.code for d in wrong(text, {"n": 3})] == ["define"]


def test_what_one_variant_uses_is_used() -> None:
    functions = "void f(void *i) { x = 1; }\n"
    text = ONE + functions + "P0 { [B] f(NULL); x = 1; [B] goto l; l: ; }\n"
    assert warned(text + "variants { B always; F always; }\n" + END) == []


# -- guards -------------------------------------------------------------------------------------------

VARIANTS = "variants { F sometimes; B sometimes; C : B sometimes; }\n"


@pytest.mark.parametrize(
    ("text", "variants"),
    [
        ("MM t\n{ int x; }\nP0 { [B] [!C] x = 1; }\n" + VARIANTS + END, "B"),
        ("MM t\n{ int x; }\nP0 { if (1) [B] [!C] x = 1; }\n" + VARIANTS + END, "B"),
        ("MM t\n{ [B] [!C] int x = 1; [else] int x; }\nP0 { }\n" + VARIANTS + END, "B"),
        ("MM t\n{ int x; }\nP0 { [F] x = 2; [else] [C] x = 1; }\n" + VARIANTS + END, "C"),
        ("MM t\n{ int x; }\n[B] [C] P0 { x = 1; }\n[else] P0 { }\n" + VARIANTS + END, "C"),
        (
            "MM t\n{ int x; }\nP0 { x = 1; }\n"
            + VARIANTS
            + "[B] [C] exists (x = 1)\n[else] exists (x = 2)\n",
            "C",
        ),
    ],
)
def test_two_guards_in_a_row_both_hold(text: str, variants: str) -> None:
    tests = load_checked(Source("t.litmus", text))
    assert "".join(str(t.variant) for t in tests if run(t, Options()).observation == "always") == variants


def test_guards_in_a_row_that_exclude_each_other() -> None:
    found = wrong("MM t\n{ int x; }\nP0 { [F] [B] x = 1; }\n" + VARIANTS + END)
    assert [d.code for d in found] == ["constant-guard"]


@pytest.mark.parametrize(
    ("guarded", "always"),
    [
        ("[F] x = 1;", True),
        ("[!F] x = 2; x = 1;", True),
        ("[F] x = 1; [else] x = 2;", True),
        ("[F] x = 2;", False),
    ],
)
def test_a_list_of_variants_that_was_cut_down(guarded: str, always: bool) -> None:
    text = "MM t\n{ int x; }\nP0 { " + guarded + " }\nvariants { F sometimes; }\n" + END
    assert {w.code for w in warned(text)} == {"constant-guard"}
    (test,) = load_checked(Source("t.litmus", text))
    assert (run(test, Options()).observation == "always") == always


def test_a_guard_that_no_list_can_change_is_an_error() -> None:
    for guard in ("[F & !F]", "[F | !F]", "[F & B]"):
        assert [
            d.code for d in wrong("MM t\n{ int x; }\nP0 { " + guard + " x = 1; }\n" + VARIANTS + END)
        ] == ["constant-guard"]


# -- structs, arithmetic, names -----------------------------------------------------------------------


def test_struct_definitions_are_read() -> None:
    struct = "struct foo { int a; const struct bar *b, *c[2]; u16 d:3; union { long e; char f[4]; };"
    struct += " void (*g)(struct foo *, int); atomic_t h; };\nstruct later;\n"
    for text in (MM + struct + P0 + END, "MM t\n" + struct + MM[5:] + P0 + END, MM + P0 + struct + END):
        foo, later = only(text).tree.structs
        assert {f.name: f.type for f in foo.fields} == {
            "a": CType("int"),
            "b": CType("struct bar", 1),
            "c": CType("struct bar", 1),
            "d": CType("u16"),
            "e": CType("long"),
            "f": CType("char"),
            "g": CType("function", 1),
            "h": CType("atomic_t"),
        }
        assert [f.name for f in foo.fields if f.bits] == ["d"] and [f.name for f in foo.fields if f.size] == [
            "c",
            "f",
        ]
        assert (later.name, later.fields) == ("later", ())


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("(x & 8) = 8", "always"),
        ("(x & 2) = 2", "never"),
        ("x % 4 = 1 /\\ x / 2 = 4", "always"),
        ("x - 10 = -1", "always"),
        ("(x >> 3 ^ 1) = 0", "always"),
        ("x * 2 > 17", "always"),
        ("x << 70 = 0", "never"),
        ("x % y = 0", "never"),
        ("(~x & 1) = 1", "never"),
        ("(x | 2) = 11", "always"),
        ("ever ((x & 8) = 8)", "sometimes"),
        ("pte(N, v) & 1", "never"),
        ("0:cr3 + 1 = 2", "never"),
        ("(0:cr3 & 1) < 2", "never"),
        ("x & 1", "always"),
        ("all c in 0..0: c + x = 9", "always"),
    ],
)
def test_conditions_calculate(condition: str, expected: str) -> None:
    assert observation(MM + f"P0 {{ x = 9; }}\nexists ({condition})\n") == expected


def test_filters_calculate() -> None:
    assert (
        observation(MM + "P0 { x = 9; }\nP1 { r0 = x; }\nfilter (1:r0 & 1)\nexists (1:r0 = 9)\n") == "always"
    )


def test_a_page_is_nothing_to_calculate_with() -> None:
    (found,) = wrong(MM + P0 + "exists (A + 1 = 2)\n")
    assert (found.code, found.message) == ("type", "A is not a number")


@pytest.mark.parametrize(
    "text",
    [
        "MM t\n{ page v; page A; mm N { v -> A }; int x; }\n" + P0 + END,
        "MM t\n{ mm N { v -> A }; page A; page v; int x; }\n" + P0 + END,
        "MM t\n{ mm v { v -> A }; page A; int x; }\n" + P0 + END,
        "MM t\n{ mm N { A -> A }; page A; int x; }\n" + P0 + END,
        "MM t\n{ mm N { x -> A }; page A; int x; }\n" + P0 + END,
        MM + P0 + "nmi P3 { y = 1; }\n" + END,
        "MM t\n{ int x; int y; }\nnmi P3 { y = 1; }\n" + END,
        MM + "P0 { int \u0660; x = 1; }\n" + END,
        MM + "P0 { x = 1; } // \n(*\n" + END,
        "MM t",
        "MM t\n",
        "MM t {",
        "C t {}",
        'MM t\n#include "' + "a" * 5000 + '"\n{ int x; }\n' + P0 + END,
    ],
)
def test_hostile_texts_are_errors(text: str) -> None:
    assert wrong(text)
