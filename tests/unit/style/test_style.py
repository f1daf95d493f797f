"""The style of files: only space changes, nothing is lost, and a second time changes nothing."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.fuzz import corpus, mutant
from verifier.errors import InputError, InternalError
from verifier.source import Source
from verifier.style import columns, lines
from verifier.style.formatted import formatted
from verifier.style.same import same, without_places
from verifier.style.tokens import comment_lines
from verifier.suite.load import load_checked
from verifier.syntax import layout, read
from verifier.syntax.grammars import folder

LITMUS = folder("litmus")
FILES = sorted([*LITMUS.rglob("*.litmus"), *LITMUS.rglob("*.inc")])
FEW = [f for f in FILES if f.parent.name in ("classic", "locks", "hangs", "c")]


def printed(text: str) -> str:
    return formatted(Source("t.litmus", text))


def comments(text: str) -> list[list[str]]:
    bare = layout.uncomment(Source("t", text), herd=text.startswith("X86"))
    return sorted(map(comment_lines, bare.comments))


def programs(path: Path, text: str) -> list[object]:
    """What a text means, without where it stands: all of its tests, lowered."""
    return [
        (
            t.id,
            t.expected,
            t.hangs,
            t.otherwise and len(t.otherwise),
            t.comment,
            t.condition,
            without_places(t.tree),
        )
        for t in load_checked(Source(str(path), text))
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(LITMUS)))
def test_the_files_of_this_project_have_its_style(path: Path) -> None:
    text = path.read_text()
    assert formatted(read(path)) == text


@pytest.mark.parametrize("path", FEW, ids=lambda p: str(p.relative_to(LITMUS)))
def test_other_space_means_the_same_and_comes_out_the_same(path: Path) -> None:
    text = path.read_text()
    rng = random.Random(path.name)
    other = re.sub(r"(?m)^([ \t]*)(?=[^\s\"])|[ \t]+$", lambda m: rng.choice(["", " ", "\t\t"]), text)
    made = formatted(Source(str(path), other))
    assert comments(made) == comments(text)
    assert formatted(Source(str(path), made)) == made
    if path.suffix == ".litmus":
        assert programs(path, made) == programs(path, text)


MESSY = """C messy (* a title *)
"doc"

{
int x=0; atomic_t y = ATOMIC_INIT( 1 );
}
// comment
P0(int *x,atomic_t * y)
{

int r0; int *p = & x [ 1 ];
if(READ_ONCE(* x)==1&&!r0){
r0=-1;
  /* several
   * lines */
 for(r0=0;r0<3;r0++)
 WRITE_ONCE(*x,r0*2+ -1);
} else if (r0)
r0 = r0?1:2;
else
  do { r0 += 1 ; } while (r0 < 3);
switch (r0) {
case 1: r0 = 2; break;
default:
break;
}
again: r0 = foo(1,
                2);
{ r0=1; }

}


int foo(int a, int b) { return a - b; }
exists(0:r0=0/\\x=1) // done
"""
TIDY = """C messy (* a title *)
"doc"

{
\tint x = 0; atomic_t y = ATOMIC_INIT(1);
}
// comment
P0(int *x, atomic_t *y)
{
\tint r0; int *p = &x[1];
\tif (READ_ONCE(*x) == 1 && !r0) {
\t\tr0 = -1;
\t\t/* several
\t\t * lines */
\t\tfor (r0 = 0; r0 < 3; r0++)
\t\t\tWRITE_ONCE(*x, r0 * 2 + -1);
\t} else if (r0)
\t\tr0 = r0 ? 1 : 2;
\telse
\t\tdo { r0 += 1; } while (r0 < 3);
\tswitch (r0) {
\tcase 1: r0 = 2; break;
\tdefault:
\t\tbreak;
\t}
again: r0 = foo(1,
\t\t2);
\t{ r0 = 1; }
}

int foo(int a, int b) { return a - b; }
exists (0:r0=0 /\\ x=1)                          // done
"""


def test_c() -> None:
    assert printed(MESSY) == TIDY


def test_mm() -> None:
    text = """MM t

#include   "linux/smp.inc"
{
  page A=1;  mm N { v->A };   // the space
        0:cr3=N;
}
[ B1|B2 ]  void f(void  *info){ }
P0{
[!B1&!B2] smp_mb();   // a barrier
    [B1] if (1)
      {
      r0=1;
      }
    smp_call_function_single( 1, f,
                              NULL, 1);
}
P1 { }
variants {
 F never "none";
  B1 : F sometimes, sc never "one";  // both
  B2 never;
}
[F]  exists (0:r0=0)
[B1 | B2] exists (0:r0=1 /\\
                  1:tlb[v -> A])
"""
    assert (
        printed(text)
        == """MM t

#include   "linux/smp.inc"
{
    page A = 1; mm N { v->A };                  // the space
    0:cr3 = N;
}
[B1 | B2]  void f(void *info) { }
P0 {
    [!B1 & !B2] smp_mb();                       // a barrier
    [B1] if (1)
    {
        r0 = 1;
    }
    smp_call_function_single(1, f,
                             NULL, 1);
}
P1 { }
variants {
    F      never     "none";
    B1 : F sometimes, sc never "one";           // both
    B2     never;
}
[F]       exists (0:r0 = 0)
[B1 | B2] exists (0:r0 = 1 /\\
                  1:tlb[v -> A])
"""
    )


def test_assembly() -> None:
    text = """X86 t
"doc"


(* Result: Sometimes *)
{ x=0; }
 P0 | P1; // the CPUs
MOV [x],$1 | MOV   [y],$1 ;
(* then *)
  MOV EAX,[y] (* of P0 *) | MOV EAX,[x] ;
lock; xchg [x],EAX |;

exists (0:EAX=0 /\\ 1:EAX=0)   """
    assert (
        printed(text)
        == """X86 t
"doc"

(* Result: Sometimes *)
{ x=0; }
 P0                 | P1          ; // the CPUs
 MOV [x],$1         | MOV [y],$1  ;
 (* then *)
 MOV EAX,[y] (* of P0 *) | MOV EAX,[x] ;
 lock; xchg [x],EAX |             ;
exists (0:EAX=0 /\\ 1:EAX=0)
"""
    )


def test_a_file_that_is_wrong_has_the_usual_error() -> None:
    with pytest.raises(InputError, match=r"t.litmus:2:1: error: this block is not closed"):
        printed("MM t\nP0 {\n")


@pytest.mark.parametrize("old, new", [("r0", "r1"), ("// c", "// d"), ("= 1;", "= 1;;"), ('"a"', '" a"')])
def test_a_text_that_would_mean_something_else_is_an_error_of_the_verifier(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    text = 'MM t\n{ int x; }\nP0 { r0 = 1; }   // c\nexpect never "a";\nexists (0:r0 = 0)\n'
    whole = lines.printed
    monkeypatch.setattr(lines, "printed", lambda source: whole(source).replace(old, new, 1))
    with pytest.raises(InternalError, match="something else"):
        printed(text)


def test_a_tree_that_differs_is_seen_even_if_the_tokens_are_the_same() -> None:
    one = 'MM t\n#include "linux/smp.inc"\n{ }\nP0 { }\n'
    assert same(Source("t", one), Source("t", one.replace("{ }", "{\n}"))) == ""
    assert same(Source("t", one), Source("t", one.replace('inc"\n', 'inc" '))) == "its tree is another one"


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_mutated_files_have_errors_or_a_style(seed: int) -> None:
    """Whatever can be read comes out the same the second time; everything else has the usual errors."""
    rng, files = random.Random(seed), corpus()
    read_ = 0
    for _ in range(200):
        name, text = mutant(rng, files)
        try:
            made = formatted(Source(name, text))
        except InputError:
            continue
        read_ += 1
        assert formatted(Source(name, made)) == made
        if read_ == 12:
            return
    assert read_ == 12, "too few of the files can be read"


def test_columns_leave_a_file_alone_that_has_them() -> None:
    path = LITMUS / "classic" / "n6.litmus"
    assert columns.printed(read(path)) == path.read_text()


def test_a_statement_is_apart_from_its_head() -> None:
    """Whatever the head is, and whatever the statement begins with."""
    text = (
        "MM t\n{ int x; int y; }\nP0 {\n    if (x == 1)y = 2;\n    while(x)y++;\n"
        "    for(int i = 0; i < 2; i++)y = 1;\n"
        "    for(;;)*p=1;\n    if (f(x))(void)0; else if((x))f(x);\n    while(x);\n"
        "    for_each_cpu(c, m)f(c);\n"
        "    list_for_each_entry(a, b, c)f(a);\n    scoped_guard(irq)x = 1;\n"
        "    switch(x){ case 1:y = 1; default:y = 2; }\n    a:y = 1;\n}\nexists (x = 1)\n"
    )
    lines = [line.strip() for line in formatted(Source("t", text)).splitlines()]
    assert lines[3:14] == [
        "if (x == 1) y = 2;", "while (x) y++;", "for (int i = 0; i < 2; i++) y = 1;", "for (;;) *p = 1;",
        "if (f(x)) (void)0; else if ((x)) f(x);", "while (x);", "for_each_cpu(c, m) f(c);",
        "list_for_each_entry(a, b, c) f(a);", "scoped_guard(irq) x = 1;",
        "switch (x) { case 1: y = 1; default: y = 2; }", "a: y = 1;",
    ]  # fmt: skip
