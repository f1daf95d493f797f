"""A syntax error names its cause, where that is: what is missing, and what is not C here."""

from __future__ import annotations

import pytest

from tests.texts import wrong
from verifier.syntax.trouble import nearest

TOP, CODE, END = "MM t\n", "{ int x; page A; mm N { v -> A }; }\n", "exists (x = 1)\n"
RUN = "P0 { x = 1; *v = 1; }\n"
TWO = "variants { F never; B never; }\n"


@pytest.mark.parametrize(
    ("text", "line", "says", "hint"),
    [
        (TOP + "{ int é; }\n" + RUN + END, 2, "'é' cannot be in a name", "letters (a to z), digits and _"),
        (TOP + CODE + "P0 { x$ = 1; }\n" + END, 3, "'$' cannot be in a name", "digits and _"),
        (TOP + CODE + RUN + "exists (x = é)\n", 4, "'é' cannot be in a name", "digits and _"),
        (TOP + CODE + "P0 { x = 1.5; }\n" + END, 3, "there are no fractions here", "numbers are whole"),
        (TOP + CODE + "P0 { x = 0b11; }\n" + END, 3, "there are no binary numbers here", "write 0x3"),
        (TOP + CODE + "P0 { x = 12ab; }\n" + END, 3, "this is no number", "numbers are whole"),
        (TOP + CODE + 'P0 { asm volatile("mfence"); }\n' + END, 3, "no inline assembly", "as mfence()"),
        (TOP + CODE + 'P0 { x = 1; __asm__("" ::: "memory"); }\n' + END, 3, "no inline assembly", "mfence()"),
        (
            TOP + "typedef int t;\n" + CODE + RUN + END,
            2,
            "only a struct can have a typedef",
            "write the type",
        ),
        (
            TOP + CODE + "P0 { typedef int t; }\n" + END,
            3,
            "only a struct can have a typedef",
            "write the type",
        ),
        (TOP + CODE + "P0 { else x = 1; }\n" + END, 3, "this else has no if right before it", "put braces"),
        (TOP + CODE + "P0 { if (x) x = 1; x = 2; else x = 3; }\n" + END, 3, "this else has no if", "braces"),
        (TOP + CODE + "P0 { while (x) }\n" + END, 3, "this while has no body", "write ; or {}"),
        (TOP + CODE + "P0 { if (x) x = 1; else }\n" + END, 3, "this else has no body", "write ; or {}"),
        (TOP + CODE + "P0 {\nx = 1\n[F] smp_mb();\n}\n" + TWO + END, 4, "';' is missing", "write it here"),
        (TOP + CODE + "P0 {\nx = READ_ONCE(x)\nsmp_mb();\n}\n" + END, 4, "';' is missing", "write it here"),
        (TOP + CODE + "P0 { x = 1 }\n" + END, 3, "';' is missing", "write it here"),
        (TOP + CODE + "P0 { if (x) x = 1 else x = 2; }\n" + END, 3, "';' is missing", "write it here"),
        (TOP + "{ int x\nint y; }\n" + RUN + END, 2, "';' is missing", "write it here"),
        (TOP + "struct s { int a; }\n" + CODE + RUN + END, 2, "';' is missing", "write it here"),
        (
            TOP + CODE + RUN + 'variants { F never "a"\nB never; }\n' + END,
            4,
            "';' is missing",
            "write it here",
        ),
        (TOP + "{ int x;\n" + RUN + END, 2, "this block is not closed", "line 3 begins another part"),
        (TOP + "{ int x;\nint f(void) { return 1; }\n" + RUN + END, 2, "this block is not closed", "line 3"),
        (TOP + CODE + "P0 { x = 1;\nvoid f(int a) {\n}\n" + END, 3, "this block is not closed", "line 4"),
        (TOP + "int x; }\n" + RUN + END, 2, "the initial state stands in { }", "its '{' is missing"),
        (TOP + "int g;\n" + CODE + RUN + END, 2, "objects are declared in the initial state", "{ int g; }"),
        (
            TOP + CODE + "u64 g = 1;\n" + RUN + END,
            3,
            "objects are declared in the initial state",
            "{ u64 g; }",
        ),
        (TOP + "page B;\n" + CODE + RUN + END, 2, "objects are declared in the initial", "{ page B; }"),
        (TOP + CODE + RUN + "exist (x = 1)\n", 4, "there is no part 'exist'", "did you mean 'exists'?"),
        (
            TOP + CODE + RUN + "variant { F never; }\n" + END,
            4,
            "no part 'variant'",
            "did you mean 'variants'?",
        ),
        (TOP + CODE + "p1 { x = 1; }\n" + END, 3, "there is no part 'p1'", "did you mean 'P1'?"),
        (TOP + CODE + RUN + "not exists (x = 1)\n", 4, "there is no 'not exists'", "write ~exists"),
        (TOP + "{ pge B; }\n" + RUN + END, 2, "there is no type 'pge'", "did you mean 'page'?"),
        (TOP + CODE + RUN + "exists (ever x = 1)\n", 4, "stands in brackets", "write ever (…)"),
        (TOP + CODE + RUN + "exists (x = 1 and x = 2)\n", 4, "'and' does not join", "write /\\"),
        (TOP + CODE + RUN + "exists (x = 1 OR x = 2)\n", 4, "'OR' does not join", "write \\/"),
        (TOP + CODE + "P0 { [F || B] x = 1; }\n" + TWO + END, 3, "other operators", "write [A | B] for or"),
        (TOP + CODE + "P0 { [F && B] x = 1; }\n" + TWO + END, 3, "other operators", "[A & B] for and"),
        (TOP + CODE + "P0 { [~F] x = 1; }\n" + TWO + END, 3, "other operators", "[!A] for not"),
        (TOP + "{ int x; };\n" + RUN + END, 2, "no ';' stands here", "leave it out"),
        (TOP + CODE + "P0 { x = 1; };\n" + END, 3, "no ';' stands here", "leave it out"),
        (
            TOP + CODE + RUN + "variants { F never, B never; }\n" + END,
            4,
            "no profile 'B'",
            "comes after a ';'",
        ),
    ],
)
def test_a_syntax_error_names_its_cause(text: str, line: int, says: str, hint: str) -> None:
    found = wrong(text)[0]
    assert says in found.message and hint in found.hint
    assert found.span is not None and found.span.line == line


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("smp_mbb", ["smp_mb", "smp_rmb"], "smp_mb"),
        ("x", ["X"], "X"),
        ("flag", ["falg", "flags"], "falg"),
        ("variable", ["veriabel"], "veriabel"),
    ],
)
def test_the_nearest_word(word: str, known: list[str], hint: str) -> None:
    assert nearest(word, known) == f"did you mean {hint!r}?"


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("USER", ["USER"]),
        ("n", ["m", "mb"]),
        ("not", ["ino_t", "no_one"]),
        ("push", ["pause"]),
        ("r7", ["r3", "r70_"]),
        ("linux/nothing.inc", ["linux/gup.inc"]),
        ("", ["a"]),
    ],
)
def test_no_word_is_near(word: str, known: list[str]) -> None:
    assert nearest(word, known) == ""
