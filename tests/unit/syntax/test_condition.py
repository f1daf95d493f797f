"""The syntax of conditions: its meaning, its spans, and the errors."""

from __future__ import annotations

from typing import Any

import pytest

from verifier.errors import InputError
from verifier.source import Source, Span
from verifier.syntax.condition import (
    Call,
    Ever,
    Fault,
    Field,
    Final,
    Logic,
    Member,
    Name,
    Ranged,
    Register,
    Tlb,
    Truth,
    parse_final,
)
from verifier.syntax.printed import as_herd


def final(text: str) -> Final:
    return parse_final(Source("c.litmus", text), text)


def proposition(text: str) -> Any:
    return final("exists " + text).proposition


def bare(node: Any) -> Any:
    """A tree without spans."""
    if isinstance(node, Span):
        return None
    if isinstance(node, Member):
        return ("Member", bare(node.base), bare(node.index))
    if isinstance(node, tuple):
        kind = (type(node).__name__,) if hasattr(node, "_fields") else ()
        return (*kind, *(bare(n) for n in node if not isinstance(n, Span)))
    return node


def same(a: str, b: str) -> bool:
    return bool(bare(proposition(a)) == bare(proposition(b)))


@pytest.mark.parametrize(
    ("text", "quantifier"),
    [
        ("exists x=1", "exists"), ("~exists (x=1)", "~exists"), ("~ exists x=1", "~exists"),
        ("forall x=1", "forall"),
    ],
)  # fmt: skip
def test_quantifiers(text: str, quantifier: str) -> None:
    assert final(text).quantifier == quantifier


def test_herds_form_without_brackets() -> None:
    assert same("1:rax=1 /\\ [y]=1", "(1:rax=1 /\\ [y]=1)")


def test_atoms() -> None:
    left = ("Register", ("Number", 0), ("Name", "r0", False))
    assert bare(proposition("0:r0 = 1")) == ("Compare", "eq", left, ("Number", 1))
    kinds = {
        "x=2": Name, "[x]=2": Name, "*x=2": Name, "x[1]=2": Member, "[x[1]]=2": Member,
        "A.data = 2": Field,
        "A->data = 2": Field, "pte(N, v) = B": Call, "1:cr3 = N": Register, "1:runqueues.curr = t": Register,
        "mk_pte(A, ro | nx) = pte(N, v)": Call,
    }  # fmt: skip
    for text, kind in kinds.items():
        assert type(proposition(text).left) is kind, text
    assert proposition("[x]=2").left.brackets and proposition("*x=2").left.brackets
    assert not proposition("x=2").left.brackets
    assert isinstance(proposition("1:r1 = fault").right, Name)
    assert isinstance(proposition("1:warn"), Truth)
    assert isinstance(proposition("mm_cpumask(N)[1]"), Truth)
    assert isinstance(proposition("fault(1:r1)"), Fault)


def test_numbers() -> None:
    for text, value in (("x=16", 16), ("x=0x10", 16), ("x=-1", -1), ("x= - 0x1", -1), ("x = 007", 7)):
        assert proposition(text).right.value == value


def test_comparisons_on_both_sides() -> None:
    signs = {"=": "eq", "==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
    for sign, op in signs.items():
        for text in (f"x {sign} 1", f"1 {sign} x", f"0:r0{sign}1:r1", f"[x]{sign}[y]"):
            assert proposition(text).op == op, text


def test_logic_and_its_precedence() -> None:
    assert same("x=1 /\\ y=1 \\/ z=1", "(x=1 && y=1) || z=1")
    assert same("~x=1 /\\ y=1", "(not (x=1)) /\\ y=1")
    assert same("!x=1 /\\ y=1 => z=1 => w=1", "((!x=1 /\\ y=1) => (z=1 => w=1))")
    assert bare(proposition("true")) == ("Logic", "and", ())
    assert bare(proposition("false")) == ("Logic", "or", ())


def test_the_fast_tokens_mean_the_same() -> None:
    """Hexadecimal numbers and a type take the long way through the grammar."""
    assert same("1:r0=1 /\\ [x]=2 /\\ y==3", "1:r0=0x1 /\\ [x]=0x2 /\\ y==0x3")
    assert same("(a=1 /\\ b=2) \\/ (c=3)", "(a=0x1 /\\ b=0x2) \\/ (c=0x3)")
    fast, slow = final("locations [x; 0:r1;] exists x=1"), final("locations [int x; 0:r1;] exists x=1")
    assert bare(fast.locations) == bare(slow.locations)
    text = "exists (1:r0 = 1 /\\ [x] = -2)"
    parts = final(text).proposition.parts  # type: ignore[union-attr]
    assert [p.span.text for p in parts] == ["1:r0 = 1", "[x] = -2"]
    assert [p.left.span.text for p in parts] == ["1:r0", "x"]
    assert [p.right.span.text for p in parts] == ["1", "-2"]
    assert parts[0].left.place.span.text == "r0"


def test_memberships_and_instants() -> None:
    tlb = proposition("1:tlb[v@2 -> A]")
    assert isinstance(tlb, Tlb) and (tlb.va.name, tlb.pcid) == ("v", 2)
    assert proposition("1:tlb[v -> A]").pcid is None
    ever = proposition("ever (done = 1 /\\ 2:tlb[v -> A])")
    assert isinstance(ever, Ever) and isinstance(ever.body, Logic)
    ranged = proposition("some c in 1..n: c:tlb[v -> A] /\\ x=1")
    assert isinstance(ranged, Ranged) and isinstance(ranged.body, Logic)
    assert (ranged.kind, ranged.variable) == ("some", "c")
    assert isinstance(proposition("all c in 0..1: c:r0 = 1"), Ranged)


def test_locations_and_filter() -> None:
    found = final("locations [0:r1; int x; *p; x[0]; unsigned long z] filter (y=1) filter x=1 exists (x=1)")
    assert [type(p) for p in found.locations] == [Register, Name, Name, Member, Name]
    assert len(found.filters) == 2
    assert final("locations []").locations == ()
    assert final("") == Final()


def test_as_logs_print_them() -> None:
    texts = {
        "(0:rax = 0x1 /\\ x=1)": "0:rax=1 /\\ [x]=1",
        "(x=1 \\/ y=2) /\\ ~z=3": "([x]=1 \\/ [y]=2) /\\ not ([z]=3)",
        "x=1 /\\ y=2 => [p]=x": "([x]=1 /\\ [y]=2) => [p]=x",
        "1:r1 = y": "1:r1=y",
    }
    for text, printed in texts.items():
        assert as_herd(proposition(text)) == printed


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("exists", 7), ("exists (x=1", 12), ("exists x=", 10), ("exists x=1 /\\", 14), ("exists x=1)", 11),
        ("exists 1:=1", 10), ("exists x ? 1", 10), ("locations [x; y", 16), ("exists x=1 exists y=1", 12),
    ],
)  # fmt: skip
def test_syntax_errors_have_a_place(text: str, column: int) -> None:
    with pytest.raises(InputError) as caught:
        final(text)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.span is not None and diagnostic.span.column == column
    assert "^" in diagnostic.render()


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "x=1" + ")" * 5000, "~" * 5000 + "x=1", "x=y => " * 5000 + "x=y",
        "*" * 5000 + "x=1", "x" + "[1]" * 5000 + "=1", "x" + ".f" * 5000 + "=1",
        "ever (" * 5000, "some c in 1..2: " * 5000 + "x=1",
    ],
)  # fmt: skip
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        final("exists " + text)
    assert [d.code for d in caught.value.diagnostics] == ["nesting"]


def test_width_is_no_depth() -> None:
    assert len(proposition(" /\\ ".join(["x=y"] * 2000)).parts) == 2000
    assert len(proposition(" \\/ ".join(["x=1"] * 2000)).parts) == 2000


# -- arithmetic -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("((1:r0 & 8) = 8)", "(1:r0 & 8)=8"),
        ("(x + 1 = 2 * y - 3 << 1)", "([x] + 1)=(((2 * [y]) - 3) << 1)"),
        ("((x & 6 ^ 2 | 1) = 7)", "((([x] & 6) ^ 2) | 1)=7"),
        ("(x % 4 = (~1 & 3))", "([x] % 4)=(~1 & 3)"),
        ("((~x & 1) = 1)", "(~[x] & 1)=1"),
        ("(x = y - -1)", "[x]=([y] - -1)"),
        ("(x - 1 - 1 = -x)", "(([x] - 1) - 1)=-[x]"),
        ("(*x * *y = 6)", "([x] * [y])=6"),
    ],
)
def test_arithmetic_has_the_precedence_of_c(text: str, printed: str) -> None:
    assert as_herd(proposition(text)) == printed


def test_a_tilde_before_a_comparison_negates_it() -> None:
    assert bare(proposition("~x = 1")) == ("Logic", "not", (bare(proposition("x = 1")),))
    assert bare(proposition("(~x) = 1")) != bare(proposition("~x = 1"))
    assert isinstance(proposition("~(x & 1)").parts[0], Truth)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("x & 8 = 8", "8 = 8 is true or false, not a value", "= binds tighter than &"),
        ("(x = 1) + 1 = 2", "not a value", ""),
        ("(x = 1 /\\ y = 2) = 1", "not a value", ""),
        ("!x + 1 = (!y + 1)", "not a value", "write ~ for the complement"),
        ("ever (x = 1) = 1", "not a value", ""),
    ],
)
def test_what_is_true_or_false_is_no_value(text: str, says: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        proposition(text)
    (found,) = caught.value.diagnostics
    assert found.code == "type" and says in found.message and hint in found.hint


def test_old_forms_of_herd() -> None:
    assert same("(x=1);", "(x=1)")
    assert final("final (x=1);").quantifier == "exists"
    assert same("P0:EAX = 1", "0:EAX = 1") and same("0:%EAX = 1", "0:EAX = 1")
    observed = final("observed x=1; y=2; and x=3;")
    assert (observed.quantifier, as_herd(observed.proposition or proposition("false"))) == (
        "exists", "[x]=1 /\\ [y]=2 \\/ [x]=3",
    )  # fmt: skip
    assert bare(final("locations [x int; y int*;]").locations) == bare(final("locations [x; y]").locations)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("x = 010", "write 8 or 10"),
        ("x = 0x10 + 019", "write 19"),
        ("010:r0 = 1", "write 8 or 10"),
        ("x = " + "9" * 5000, "64 bits"),
        ("x = -" + "9" * 5000, "64 bits"),
        ("x = 0x1" + "0" * 16, "64 bits"),
        ("1" * 5000 + ":r0 = 1", "64 bits"),
        ("x[" + "1" * 5000 + "] = 1", "64 bits"),
        ("1:tlb[v@" + "9" * 5000 + " -> A]", "64 bits"),
        ("x = 1 /\\ y = " + "9" * 5000 + " /\\ x = 2", "64 bits"),
        ("some c in 1.." + "9" * 5000 + ": x = 1", "64 bits"),
    ],
)
def test_numbers_that_are_refused(text: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        proposition(text)
    (found,) = caught.value.diagnostics
    assert found.code == "number" and hint in found.hint
    assert found.span is not None
