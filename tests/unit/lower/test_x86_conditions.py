"""Assembly: instructions that a flag or the counter decides, carries, and pairs of words."""

from __future__ import annotations

import itertools

import pytest

from tests.judges import states
from verifier.lower.x86.refused import REFUSED
from verifier.lower.x86.table import BYTE_SETS, CONDITIONAL_MOVES, JUMPS, KNOWN, decode


def end(code: str, observed: str, init: str = "", arch: str = "X86_64") -> str:
    """The one final state of one column."""
    rows = " ;\n ".join(part.strip() for part in code.split(";"))
    (state,) = states(f"{arch} t\n{{ {init} }}\n P0 ;\n {rows} ;\nlocations [{observed}]\nforall (true)\n")
    return state


SINGLE = [
    ("movq $-1,%rax; cmpl $0,(x); sete %al", "0:rax", "0:rax=-255;"),
    ("cmpl $0,(x); setne (b)", "b", "[b]=0;"),
    ("cmpl $1,(x); setb (b); setg %ah", "b; 0:rax", "0:rax=0; [b]=1;"),
    ("movl $1,%ebx; cmpl $0,(x); cmovel %ebx,%eax", "0:rax", "0:rax=1;"),
    ("movq $-1,%rax; cmpl $0,(x); cmovne %ebx,%eax", "0:rax", "0:rax=4294967295;"),
    ("movq $-1,%rax; cmpl $0,(x); cmovne %rbx,%rax", "0:rax", "0:rax=-1;"),
    ("movw $-1,%ax; cmpl $0,(x); cmovzw %bx,%ax", "0:rax", "0:rax=0;"),
    ("movq $x,%rbx; cmpl $0,(x); cmoveq %rbx,%rax", "0:rax", "0:rax=x;"),
    ("movl $3,%ecx; L: incl (x); loop L", "0:rcx; x", "0:rcx=0; [x]=3;"),
    ("movl $3,%ecx; L: incl (x); cmpl $2,(x); loopne L", "0:rcx; x", "0:rcx=1; [x]=2;"),
    ("movl $3,%ecx; L: incl (x); cmpl $1,(x); loope L", "0:rcx; x", "0:rcx=1; [x]=2;"),
    ("cmpl $1,(x); movl $1,%ecx; loop L; L: setb %al", "0:rax; 0:rcx", "0:rax=1; 0:rcx=0;"),
    ("loop L; movl $1,(x); L: nop", "0:rcx; x", "0:rcx=-1; [x]=0;"),
    ("jrcxz L; movl $1,(x); L: nop", "x", "[x]=0;"),
    ("movl $1,%ecx; jecxz L; movl $1,(x); L: nop", "x", "[x]=1;"),
    ("movq $1,%rcx; shlq $32,%rcx; jecxz L; movl $1,(x); L: nop", "x", "[x]=0;"),
    ("movq $1,%rcx; shlq $32,%rcx; jrcxz L; movl $1,(x); L: nop", "x", "[x]=1;"),
    ("stc; setc %al; cmc; setc %bl; clc; setnc %cl", "0:rax; 0:rbx; 0:rcx", "0:rax=1; 0:rbx=0; 0:rcx=1;"),
    ("stc; adcl $5,(x); setc %al", "0:rax; x", "0:rax=0; [x]=6;"),
    ("stc; lock sbbl $0,(x); setc %al", "0:rax; x", "0:rax=1; [x]=-1;"),
    ("stc; sbbl %eax,%eax", "0:rax", "0:rax=4294967295;"),
    ("movq $-1,%rax; addq $1,%rax; adcq $0,%rbx", "0:rax; 0:rbx", "0:rax=0; 0:rbx=1;"),
    ("stc; incl %eax; adcl $0,%ebx", "0:rbx", "0:rbx=1;"),
    ("prefetcht0 (x); prefetchw (x); movl $1,(x)", "x", "[x]=1;"),
]


@pytest.mark.parametrize(("code", "observed", "expected"), SINGLE)
def test_one_column(code: str, observed: str, expected: str) -> None:
    assert end(code, observed) == expected


def test_the_counter_of_x86_has_32_bits() -> None:
    assert end("loop L; mov [x],1; L: nop", "x; 0:ECX", arch="X86") == "0:ECX=-1; [x]=0;"


EDGES = (0, 1, 0x7E, 0x7F, 0x80, 0x81, 0xFE, 0xFF)


def signed(a: int) -> int:
    return a - 256 if a & 0x80 else a


def flags_of(opcode: str, a: int, b: int, carry: int) -> list[int]:
    """The result and the flags by their definitions, independently of the lowering."""
    sign = 1 if opcode == "adcb" else -1
    exact, wide = signed(a) + sign * (signed(b) + carry), a + sign * (b + carry)
    low = wide & 0xFF
    return [
        low, not 0 <= wide <= 255, low == 0, low >> 7, not -128 <= exact <= 127, low.bit_count() % 2 == 0,
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("opcode", ["adcb", "sbbb"])
@pytest.mark.parametrize("carry", [0, 1])
def test_carries_are_exact(opcode: str, carry: int) -> None:
    for a, b in itertools.product(EDGES, EDGES):
        code = f"movb ${a},%al; movb ${b},%bl; {'stc' if carry else 'clc'}; {opcode} %bl,%al; "
        code += "; ".join(f"set{f} (y{f})" for f in "czsop") + "; movb %al,(result)"
        wanted = dict(
            zip(("result", "yc", "yz", "ys", "yo", "yp"), flags_of(opcode, a, b, carry), strict=True)
        )
        found = end(code, "; ".join(wanted), "uint8_t result;")
        assert found == " ".join(f"[{name}]={int(wanted[name])};" for name in sorted(wanted)), (a, b)


def test_a_conditional_move_loads_in_any_case() -> None:
    text = "X86_64 t\n{ }\n P0 ;\n movl $1,%ebx ;\n cmpl $0,%ebx ;\n cmovel (x),%ebx ;\nlocations [0:rbx;]\n"
    assert states(f"{text}forall (true)\n") == ["0:rbx=1;"]


PAIR = """X86_64 t
{{ uint64_t x[2] = {{1, 2}}; uint64_t y; 0:rax = 1; 0:rdx = {expected}; 0:rbx = 5; 0:rcx = 6; }}
 P0 | P1 ;
 {lock} cmpxchg16b (x) | movq x+8(%rip),%rax ;
 sete %sil | movq (x),%rbx ;
locations [x[0]; x[1]; 0:rax; 0:rdx; 0:rsi; {other}]
forall (true)
"""


def test_a_pair_is_written_at_one_instant() -> None:
    found = states(PAIR.format(expected=2, lock="lock", other="1:rax; 1:rbx;"))
    ends = [(1, 2), (5, 2), (5, 6)]  # rbx, rax
    assert found == sorted(
        f"0:rax=1; 0:rdx=2; 0:rsi=1; 1:rax={a}; 1:rbx={b}; x[0]=5; x[1]=6;" for b, a in ends
    )


@pytest.mark.parametrize("lock", ["", "lock"])
def test_a_pair_that_differs_is_loaded(lock: str) -> None:
    found = states(PAIR.format(expected=3, lock=lock, other=""))
    assert found == ["0:rax=1; 0:rdx=2; 0:rsi=0; x[0]=1; x[1]=2;"]


def test_a_pair_of_halves() -> None:
    init = "uint32_t x[2] = {1, 2}; int64_t 0:rax = -1; 0:rdx = 2; 0:rbx = 5; 0:rcx = 6;"
    seen = "x[0]; x[1]; 0:rax; 0:rdx"
    assert end("lock cmpxchg8b (x)", seen, init) == "0:rax=1; 0:rdx=2; x[0]=1; x[1]=2;"
    assert end("lock cmpxchg8b (x)", seen, init.replace("-1", "1")) == "0:rax=1; 0:rdx=2; x[0]=5; x[1]=6;"


def test_each_jump_has_its_kin() -> None:
    assert {name[1:] for name in JUMPS} - {"lt", "gt"} == {name[3:] for name in BYTE_SETS}
    assert {name[3:] for name in BYTE_SETS} == {name[4:] for name in CONDITIONAL_MOVES}


def test_what_is_refused_is_not_read() -> None:
    assert not [word for word in REFUSED if word in KNOWN or decode(word)]
