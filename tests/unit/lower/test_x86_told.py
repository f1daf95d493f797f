"""What states of assembly tests show: arrays, registers without a sign, flags that nothing defines."""

from __future__ import annotations

import pytest

from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

HEAD = "X86_64 t\n{ %s }\n P0 ;\n %s ;\n%s\n"


def decided(init: str, code: str, asked: str) -> Verdict:
    (test,) = load(Source("t.litmus", HEAD % (init, " ;\n ".join(code.splitlines()), asked)))
    return run(test, Options(judge="both", states=True, witnesses=False))


def shown(verdict: Verdict) -> set[tuple[object, ...]]:
    return set(verdict.states or ())


def test_locations_of_an_array_are_its_elements() -> None:
    verdict = decided("uint64_t x[3]={7,8,9};", "movq $5,(x)", "locations [x;] exists (x[2]=9)")
    assert shown(verdict) == {(5, 8, 9)}


def test_states_that_differ_in_one_element_are_two() -> None:
    code = "movq $1,%rax\nxchgq %rax,8(%rsi)"
    verdict = decided("uint64_t x[2]={7,8}; 0:rsi=x;", code, "locations [x; 0:rax;] forall (x[0]=7)")
    assert verdict.observation == "always" and shown(verdict) == {(8, 7, 1)}


@pytest.mark.parametrize(
    ("declared", "value"),
    [("uint64_t", (1 << 64) - 1), ("unsigned long", (1 << 64) - 1), ("int64_t", -1), ("long", -1)],
)
def test_a_register_has_the_sign_that_it_is_declared_with(declared: str, value: int) -> None:
    asked = "locations [0:rdx;] exists (0:rdx > 5 /\\ 0:rdx = -1)"
    verdict = decided(f"{declared} 0:rdx=-1;", "movq %rdx,(x)", asked)
    assert shown(verdict) == {(value,)}
    assert verdict.observation == ("always" if value > 0 else "never")


def test_a_register_of_32_bits_has_the_sign_of_its_declaration_in_x86() -> None:
    text = "X86 t\n{ uint32_t 0:EDX=-1; }\n P0 ;\n MOV [x],EDX ;\nlocations [0:EDX;] exists (0:EDX > 5)\n"
    (test,) = load(Source("t.litmus", text))
    verdict = run(test, Options(judge="both", states=True, witnesses=False))
    assert shown(verdict) == {((1 << 32) - 1,)} and verdict.observation == "always"


@pytest.mark.parametrize(
    ("code", "defined"),
    [
        ("shll $1,%eax\nseto %bl", True),
        ("shll $2,%eax\nseto %bl", False),
        ("shrl $2,%eax\nseto %bl", False),
        ("sarl $2,%eax\nseto %bl", False),
        ("sarl $1,%eax\nseto %bl", True),
        ("shll $2,%eax\nsetc %bl", True),
        ("shlb $7,%al\nsetc %bl", True),
        ("shlb $8,%al\nsetc %bl", False),
        ("shrb $9,%al\nsetc %bl", False),
        ("shrw $16,%ax\nsetc %bl", False),
        ("sarb $9,%al\nsetc %bl", True),
    ],
)
def test_flags_that_the_manual_leaves_undefined_are_so(code: str, defined: bool) -> None:
    """SDM vol. 2, SAL/SAR/SHL/SHR: OF is defined for shifts by 1; CF is not for SHL and SHR by the size or
    more."""
    verdict = decided("0:rax=0x40; 0:rbx=0;", code, "locations [0:rbx;] exists (0:rbx=1)")
    (state,) = shown(verdict)
    assert (type(state[0]) is int) == defined
