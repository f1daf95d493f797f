"""Assembly: accesses of another size than what they access, and bits that lie beyond an object."""

from __future__ import annotations

import pytest

from tests.judges import states
from verifier.errors import InputError
from verifier.explore import explore
from verifier.lower.build import build
from verifier.solve import decide
from verifier.source import Source
from verifier.syntax import load


def text(init: str, code: str, end: str = "forall (true)") -> str:
    rows = " ;\n ".join(code.split("; "))
    return f"X86_64 t\n{{ {init} }}\n P0 ;\n {rows} ;\n{end}\n"


def told(source: str) -> str:
    """What both judges say of a run that is wrong."""
    (test,) = load(Source("t.litmus", source))
    program = build(test)
    answers = [judge(program).bad for judge in (decide, explore)]
    assert answers[0] is not None and answers[0] == answers[1]
    return answers[0].told


BITS = [
    ("64", "lock btsq %rax,(x)", "x[0]=1; x[1]=3; x[2]=3;"),
    ("-1", "lock btcq %rax,x+8(%rip)", f"x[0]={1 - 2**63}; x[1]=2; x[2]=3;"),
    ("130", "lock btcq %rax,(x)", "x[0]=1; x[1]=2; x[2]=7;"),
    ("-64", "btsq %rax,16(%rbx)", "x[0]=1; x[1]=3; x[2]=3;"),
    ("65", "btsq %rax,(x); movq $0,%rcx; jc L; movq $1,%rcx; L: movq %rcx,(x)", "x[0]=0; x[1]=2; x[2]=3;"),
]


@pytest.mark.parametrize(("index", "code", "expected"), BITS)
def test_a_bit_of_memory_is_counted_from_the_operand_on(index: str, code: str, expected: str) -> None:
    init = f"int64_t x[3] = {{1, 2, 3}}; 0:rax = {index}; 0:rbx = x;"
    assert states(text(init, code, "locations [x[0]; x[1]; x[2];]\nforall (true)")) == [expected]


def test_a_constant_index_and_that_of_a_register_are_masked() -> None:
    init = "uint64_t x; 0:rax = 65; 0:rbx = 0;"
    end = "locations [x; 0:rbx;]\nforall (true)"
    assert states(text(init, "btsq $64,(x); btsq %rax,%rbx", end)) == ["0:rbx=2; [x]=1;"]


@pytest.mark.parametrize("code", ["lock btsq %rax,(x)", "btrq %rax,(x)", "btq %rax,(x)", "btcl %eax,(y)"])
@pytest.mark.parametrize("index", [64, -1])
def test_a_bit_that_is_of_no_object(code: str, index: int) -> None:
    said = told(text(f"uint64_t x; uint32_t y; 0:rax = {index};", code))
    assert said == f"an access in line 4 to an address that belongs to no object: {code}"


@pytest.mark.parametrize(
    ("init", "code", "cell", "bits"),
    [
        ("uint64_t x; 0:rdx = x;", "movb $1,4(%rdx)", "x", 64),
        ("uint64_t x = 511; 0:rdx = x;", "movb $0,(%rdx)", "x", 64),
        ("uint64_t x; 0:rdx = x;", "lock incl (%rdx)", "x", 64),
        ("uint64_t x; 0:rdx = x;", "lock btsl $1,(%rdx)", "x", 64),
        ("uint32_t x; uint32_t y; 0:rdx = x;", "movq (%rdx),%rax", "x", 32),
        ("uint32_t x[4]; 0:rdx = x;", "movl 6(%rdx),%eax", "x[1]", 32),
        ("0:rdx = x;", "movb $1,(%rdx); movl $2,(x)", "x", 32),
        ("uint64_t x; 0:rdx = x;", "movzbl 1(%rdx),%eax", "x", 64),
    ],
)
def test_an_access_through_a_register_of_another_size(init: str, code: str, cell: str, bits: int) -> None:
    first = code.split("; ")[0]
    assert told(text(init, code)) == (
        f"an access in line 4 to other bytes than those of {cell}, which has {bits} bits: {first}; "
        "accesses of different sizes to one location are not modelled"
    )


@pytest.mark.parametrize(
    ("init", "code", "end", "expected"),
    [
        ("uint64_t x = 511; 0:rdx = x;", "movzbl (%rdx),%eax", "0:rax", "0:rax=255;"),
        ("uint32_t x; uint64_t y; 0:rdx = x; 0:rbx = y;", "movl $1,(%rdx); movq $2,(%rbx)", "x; y",
         "[x]=1; [y]=2;"),
        ("uint64_t *p = x; uint32_t x = 7; 0:rdx = p;", "movq (%rdx),%rbx; movl (%rbx),%eax", "0:eax",
         "0:eax=7;"),
        ("0:rdx = x; 0:rbx = y;", "movb $1,(%rdx); movb $2,(%rbx)", "x; y", "[x]=1; [y]=2;"),
    ],
)  # fmt: skip
def test_accesses_through_registers_of_the_right_size(init: str, code: str, end: str, expected: str) -> None:
    assert states(text(init, code, f"locations [{end};]\nforall (true)")) == [expected]


@pytest.mark.parametrize(
    ("init", "code", "said"),
    [
        ("uint64_t x = 511;", "movb $0,(x)", "an access of 8 bits to x, which has 64"),
        ("uint64_t x;", "mov %eax,(x)", "an access of 32 bits to x, which has 64"),
        ("0:rdx = x;", "movb $1,(%rdx); movl $2,(%rdx)",
         "nothing says how many bits x has: accesses through registers have 8 or 32"),
        ("", "movq $x,%rdx; movb $1,(%rdx); movq $2,(%rdx)",
         "nothing says how many bits x has: accesses through registers have 8 or 64"),
        ("uint8_t x;", "btsb $1,(x)", "bts has no form of 8 bits"),
    ],
)  # fmt: skip
def test_sizes_that_do_not_go_together(init: str, code: str, said: str) -> None:
    (test,) = load(Source("t.litmus", text(init, code)))
    with pytest.raises(InputError) as caught:
        build(test)
    (trouble,) = caught.value.diagnostics
    assert trouble.message == said and trouble.span is not None and trouble.span.line >= 4
