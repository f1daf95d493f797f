"""Assembly tests: the format, the effect of each instruction, and the errors."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.judges import holds
from tests.judges import states as judged
from verifier.errors import InputError
from verifier.explore import explore
from verifier.lower.build import build
from verifier.lower.x86.instructions import INSTRUCTIONS
from verifier.lower.x86.table import GROUPS, KNOWN, reference
from verifier.program.events import Program
from verifier.program.states import state_line
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.test import Test


def test(text: str) -> Test:
    (only,) = load(Source("t.litmus", text))
    return only


test.__test__ = False  # type: ignore[attr-defined]


def program(text: str) -> Program:
    return build(test(text))


def states(text: str) -> list[str]:
    made = program(text)
    return sorted(state_line(made, s) for s in explore(made).shown)


def run(code: str, observed: str, arch: str = "X86_64", init: str = "") -> str:
    """The one final state of one column; instructions are separated by semicolons."""
    rows = f" P0 ;\n {code.replace(';', ' ;')} ;\n"
    (state,) = states(f"{arch} t\n{{ {init} }}\n{rows}locations [{observed}]\nforall (true)\n")
    return state


def errors(text: str) -> list[tuple[str, int, int, str]]:
    with pytest.raises(InputError) as caught:
        build(test(text))
    return [(d.code, d.span.line, d.span.column, d.hint) for d in caught.value.diagnostics if d.span]


# -- the format -------------------------------------------------------------------------------------


def test_a_whole_file() -> None:
    t = test(
        """X86_64 MP+comments (* a comment (* in another *) *)
"Message
 passing"
Cycle=Rfe PodRR
Com=Rf Fr
{ int x = 0; uint64_t y; 1:rdi = x; // nothing
  int t[2] = {1, -1}; int *p = &x; [z] = 3; }
 P0          | P1              ;  (* columns *)
 movl $1,(x) | movl (y),%eax   ;
 movl $1,(z) | L1: L2:         ;
             | movl (%rdi),%ebx ;
locations [x; int z; 1:rdi;] filter (1:rax >= 0)
~exists 1:rax = 1 /\\ 1:RBX = 0
"""
    )
    assert (t.name, t.arch, t.doc, t.quantifier) == ("MP+comments", "X86_64", "Message passing", "~exists")
    assert t.meta == {"Cycle": "Rfe PodRR", "Com": "Rf Fr"}
    assert t.condition == "1:rax=1 /\\ 1:rbx=0"
    made = build(t)
    assert [made.observables[i].label for i in made.shown] == ["1:rax", "1:rbx", "1:rdi", "[x]", "[z]"]
    assert {(c.name, str(c.init)) for c in made.cells.values() if c.kind == "data"} >= {
        ("x", "0"), ("t[0]", "1"), ("t[1]", "-1"), ("p", "x"), ("z", "3"),
    }  # fmt: skip


def test_both_operand_orders_are_one_program() -> None:
    intel = "X86 SB\n{ }\n P0 | P1 ;\n MOV [x],$1 | MOV DWORD PTR [y],1 ;\n MOV EAX,[y] | MOV EAX,[x] ;\n"
    att = "X86 SB\n{ }\n P0 | P1 ;\n movl $1,(x) | movl $1,y(%rip) ;\n movl (y),%eax | mov (x),%eax ;\n"
    end = "exists (0:EAX=0 /\\ 1:EAX=0)\n"
    assert states(intel + end) == states(att + end)
    assert states(att + end) == [f"0:EAX={a}; 1:EAX={b};" for a in (0, 1) for b in (0, 1)]


def test_conditions_are_printed_as_logs_do() -> None:
    def condition(text: str) -> str:
        return test(f"X86_64 t\n{{ int *p; }}\nP0;\nmovl $1,(x);\n{text}\n").condition

    assert condition("exists x = 0x10 \\/ ([x]=2 /\\ *p=x)") == "[x]=16 \\/ [x]=2 /\\ [p]=x"
    assert condition("exists (x=1 \\/ x=2) && not x=3") == "([x]=1 \\/ [x]=2) /\\ not ([x]=3)"


@pytest.mark.parametrize("comment", ["// Result: Never", "(* Result: Never *)", "/*\n * Result: Never\n */"])
def test_result_is_an_expectation(comment: str) -> None:
    assert test(f"X86 t\n{comment}\n{{ }}\n P0 ;\n MOV [x],$1 ;\nexists (x=2)\n").expected == "never"


# -- what instructions do -----------------------------------------------------------------------------

SINGLE = [
    ("movl $-1,%eax", "0:rax", "0:rax=4294967295;"),
    ("movq $-1,%rax", "0:rax", "0:rax=-1;"),
    ("movq $-1,%rax; movl $5,%eax", "0:rax", "0:rax=5;"),
    ("movq $-1,%rax; movw $5,%ax", "0:rax", "0:rax=-65531;"),
    ("movl $0x12345678,%eax; movb $0,%al", "0:rax", f"0:rax={0x12345600};"),
    ("movl $0x12345678,%eax; movb $1,%ah", "0:rax", f"0:rax={0x12340178};"),
    ("movl $0x12345678,%eax; movb %ah,%bl", "0:rbx", f"0:rbx={0x56};"),
    ("movl $0x1ff,%eax; movzbl %al,%ebx", "0:rbx", "0:rbx=255;"),
    ("movl $0x1ff,%eax; movsbl %al,%ebx", "0:rbx", "0:rbx=4294967295;"),
    ("movl $-2,%eax; movslq %eax,%rbx", "0:rbx", "0:rbx=-2;"),
    ("mov r8d,7; add r8,r8", "0:r8", "0:r8=14;"),
    ("movl $3,%eax; addl %eax,%eax", "0:rax", "0:rax=6;"),
    ("movl $0,%eax; decl %eax", "0:rax", "0:rax=4294967295;"),
    ("movl $5,%eax; subl $7,%eax", "0:rax; 0:eax", "0:eax=4294967294; 0:rax=4294967294;"),
    ("movl $6,%eax; negl %eax; notl %eax", "0:rax", "0:rax=5;"),
    ("movl $6,%eax; xorl $3,%eax; orl $8,%eax; andl $12,%eax", "0:rax", "0:rax=12;"),
    ("movl $3,%eax; shll $4,%eax; shr $1,%eax", "0:rax", "0:rax=24;"),
    ("movl $-8,%eax; sarl $1,%eax", "0:rax", f"0:rax={2**32 - 4};"),
    ("movl $1,%eax; movl $2,%ebx; xchgl %eax,%ebx", "0:rax; 0:rbx", "0:rax=2; 0:rbx=1;"),
    ("movl $1,%eax; movl $2,%ebx; xaddl %eax,%ebx", "0:rax; 0:rbx", "0:rax=2; 0:rbx=3;"),
    ("movl $1,(x); movl $2,%ebx; lock xaddl %ebx,(x)", "0:rbx; x", "0:rbx=1; [x]=3;"),
    ("movl $1,%eax; xchgl %eax,(x)", "0:rax; x", "0:rax=0; [x]=1;"),
    ("movl $1,%ebx; lock cmpxchgl %ebx,(x)", "0:rax; 0:rbx; x", "0:rax=0; 0:rbx=1; [x]=1;"),
    ("movl $2,(x); movl $1,%ebx; lock cmpxchgl %ebx,(x)", "0:rax; x", "0:rax=2; [x]=2;"),
    ("movl $2,(x); movl $1,%ebx; cmpxchgl %ebx,(x)", "0:rax; x", "0:rax=2; [x]=2;"),
    ("movl $2,%eax; movl $2,%ecx; movl $9,%ebx; cmpxchgl %ebx,%ecx", "0:rax; 0:rcx", "0:rax=2; 0:rcx=9;"),
    ("movl $1,%ecx; movl $9,%ebx; cmpxchgl %ebx,%ecx", "0:rax; 0:rcx", "0:rax=1; 0:rcx=1;"),
    ("movq $-1,%rcx; cmpxchgl %ebx,%ecx", "0:rax; 0:rcx", f"0:rax={2**32 - 1}; 0:rcx=-1;"),
    ("movq $-1,%rax; movq $-1,%rcx; cmpxchgl %ebx,%ecx", "0:rax; 0:rcx", "0:rax=-1; 0:rcx=0;"),
    ("lock btsl $3,(x); btrl $1,(x); btcl $0,(x)", "x", "[x]=9;"),
    ("BTS [x],$3", "x", "[x]=8;"),
    ("LOCK INC [x]; LOCK DEC [y]; lock; addl $5,(z)", "x; y; z", "[x]=1; [y]=-1; [z]=5;"),
    ("movq $x,%rax; movl $7,(%rax)", "0:rax; x", "0:rax=x; [x]=7;"),
    ("leaq x(%rip),%rax; movl $7,(%rax)", "x", "[x]=7;"),
    ("movntil %ebx,(x); clflush (x); sfence; pause", "x", "[x]=0;"),
    ("jmp L; movl $1,%eax; L: movl $2,%ebx; ret; movl $3,%ebx", "0:rbx", "0:rbx=2;"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "observed", "expected"), SINGLE)
def test_one_column(code: str, observed: str, expected: str) -> None:
    assert run(code, observed) == expected


def test_addresses() -> None:
    init = "int64_t t[3] = {5, 6, 7}; 0:rax = t; 0:rbx = 1;"
    for source in ("8(%rax,%rbx,8)", "16(%rax)", "[rax+rbx*8+8]", "[t+16]", "t+16(%rip)", "[8*rbx+t+8]"):
        code = f"movq {source},%rcx" if "(" in source else f"mov rcx,{source}"
        assert run(code, "0:rcx", init=init) == "0:rcx=7;"
    assert run("movl $1,4(%eax)", "0:EAX; t[1]", "X86", "int t[2]; 0:EAX = t;") == "0:EAX=&t[0]; t[1]=1;"


EDGES = (0, 1, 2, 0x7E, 0x7F, 0x80, 0x81, 0xFE, 0xFF)


def signed(a: int) -> int:
    return a - 256 if a & 0x80 else a


def flags_of(opcode: str, a: int, b: int) -> dict[str, bool]:
    """The flags by their definitions, on bytes, independently of the lowering."""
    exact, wide = {
        "cmpb": (signed(a) - signed(b), a - b), "subb": (signed(a) - signed(b), a - b),
        "addb": (signed(a) + signed(b), a + b), "testb": (signed(a & b), a & b),
        "xorb": (signed(a ^ b), a ^ b), "negb": (-signed(a), -a),
        "incb": (signed(a) + 1, None), "decb": (signed(a) - 1, None),
        "xaddb": (signed(a) + signed(b), a + b),
    }[opcode]  # fmt: skip
    low = exact & 0xFF
    return {
        "z": low == 0, "s": bool(low & 0x80), "o": not -128 <= exact <= 127, "p": low.bit_count() % 2 == 0,
        "c": wide is not None and not 0 <= wide <= 255,
    }  # fmt: skip


TAKEN = {
    "jz": lambda f: f["z"], "jnz": lambda f: not f["z"], "js": lambda f: f["s"], "jns": lambda f: not f["s"],
    "jc": lambda f: f["c"], "jae": lambda f: not f["c"], "jo": lambda f: f["o"], "jnp": lambda f: not f["p"],
    "jl": lambda f: f["s"] != f["o"], "jge": lambda f: f["s"] == f["o"],
    "jle": lambda f: f["z"] or f["s"] != f["o"],
    "jg": lambda f: not f["z"] and f["s"] == f["o"], "ja": lambda f: not (f["c"] or f["z"]),
    "jbe": lambda f: f["c"] or f["z"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("opcode", ["cmpb", "subb", "addb", "testb", "xorb", "negb", "incb", "decb", "xaddb"])
def test_flags_and_jumps_are_exact(opcode: str) -> None:
    """Every jump after every instruction on every pair of edges: one column, whose end is constant."""
    one = opcode in ("negb", "incb", "decb")
    for a, b in itertools.product(EDGES, EDGES[:1] if one else EDGES):
        operands = "%al" if one else "%bl,%al"
        lines = [f"movb ${a},%al", f"movb ${b},%bl", f"{opcode} {operands}"]
        columns = [[*lines, f"{jump} L", "movl $1,(x)", "L:"] for jump in TAKEN]  # one column a jump
        rows = ["|".join(f"P{i}" for i in range(len(columns)))]
        rows += ["|".join(row) for row in zip(*columns, strict=True)]
        made = program("X86_64 t\n{ }\n" + " ;\n".join(rows) + " ;\nforall (true)\n")
        stored = {e.cpu for e in made.events if e.op == "W"}
        flags = flags_of(opcode, a, b)
        assert {i for i, jump in enumerate(TAKEN) if not TAKEN[jump](flags)} == stored, (opcode, a, b)


def test_carry_of_shifts_and_bits() -> None:
    for code, carry in (
        ("movb $0x81,%al; shlb $1,%al", 1), ("movb $0x41,%al; shlb $1,%al", 0),
        ("movb $5,%al; shrb $3,%al", 1), ("movb $3,%al; shrb $3,%al", 0),
        ("movl $4,%eax; btl $2,%eax", 1), ("movl $4,%eax; btrl $1,%eax", 0),
    ):  # fmt: skip
        assert run(f"{code}; jnc L; movl $1,%ecx; L:", "0:rcx") == f"0:rcx={carry};"


def test_what_goes_past_the_cache() -> None:
    code = "movnti %eax,(x); mov %eax,(x); clflush (x); clflushopt [x]; clwb [x]; sfence; lfence"
    cells = "".join(f" {part.strip()} ;\n" for part in code.split(";"))
    made = program(f"X86_64 t\n{{ }}\n P0 ;\n{cells}exists (x=0)\n").events
    assert [(e.op, e.kind) for e in made] == [
        ("W", "nt"), ("W", ""), *[("F", "clflush")] * 3, ("F", "sfence"), ("F", "lfence"),
    ]  # fmt: skip


def test_locked_and_unlocked() -> None:
    made = program("X86 t\n{}\nP0;\nINC [x];\nLOCK INC [x];\nXCHG EAX,[x];\nMFENCE;\nexists (x=1)\n")
    assert [e.op for e in made.events] == ["R", "W", "X", "X", "F"]


def test_events_say_where_they_stand() -> None:
    made = program("X86 t\n{ }\n P0 ;\n L0: L1: MOV  [x],$1 ;\nexists (x=1)\n")
    (store,) = made.events
    assert store.text == "MOV [x],$1"
    assert store.span is not None and store.span.line == 4


def test_wrapping_is_left_out_only_where_it_does_nothing() -> None:
    plain = program("X86_64 t\n{ }\n P0 ;\n movl (x),%eax ;\n addl $1,%eax ;\nexists (0:rax=1)\n")
    assert "u32" not in repr(plain.observables)
    loop = program("X86_64 t\n{ }\nP0;\nL: movl (x),%eax;\naddl $1,%eax;\njz L;\nexists (0:rax=1)\n")
    assert "u32" in repr(loop.observables)


def test_a_constant_is_what_its_register_holds() -> None:
    condition = "forall (0:rax=0xffffffffffffffff /\\ x=0xffffffff)\n"
    made = program("X86_64 t\n{ }\n P0 ;\n movq $-1,%rax ;\n movl $-1,(x) ;\n" + condition)
    result = explore(made)
    assert all(result.holds(s) for s in result.states)


# -- what is declared -----------------------------------------------------------------------------------

# The type, the suffix of the operation, and what 0xc8 and -1 are in an object of this type.
DECLARED = [
    ("int8_t", "b", -56, -1), ("uint8_t", "b", 200, 2**8 - 1), ("unsigned char", "b", 200, 2**8 - 1),
    ("int16_t", "w", 200, -1), ("uint16_t", "w", 200, 2**16 - 1), ("unsigned short int", "w", 200, 2**16 - 1),
    ("int", "l", 200, -1), ("uint32_t", "l", 200, 2**32 - 1), ("unsigned", "l", 200, 2**32 - 1),
    ("int64_t", "q", 200, -1), ("uint64_t", "q", 200, 2**64 - 1), ("long unsigned int", "q", 200, 2**64 - 1),
    ("u64", "q", 200, 2**64 - 1), ("uintptr_t", "q", 200, 2**64 - 1),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "suffix", "large", "ones"), DECLARED)
def test_a_declared_type_has_its_sign(kind: str, suffix: str, large: int, ones: int) -> None:
    init = f"{{ {kind} x = 200; {kind} y; {kind} t[2] = {{-1, 1}}; 0:rcx = y; }}"
    head = f"X86_64 t\n{init}\n P0 ;\n mov{suffix} $-1,(%rcx) ;\n"
    asked = ["y = -1", f"y = {ones}", "t[0] = -1", f"x = {large}", "x = 200", "t[0] = [y]"]
    asked += ["y > 0", "y > t[1]", "t[1] < y"] if ones > 0 else ["y < 0", "y < t[1]", "t[1] > y"]
    for one in (*asked, "x > 0" if large > 0 else "x < 0"):
        assert holds(f"{head}exists ({one})\n") and not holds(f"{head}exists (~({one}))\n"), one
        assert not holds(f"{head}filter (~({one}))\nexists (true)\n"), one
    found = f"[x]={large}; [y]={ones}; t[0]={ones};"
    assert judged(f"{head}locations [x; y; t[0];]\nforall (true)\n") == [found]


def test_the_sign_of_what_is_declared_beside_what_is_not() -> None:
    text = "X86 t\n{{ uint32_t x; y = -1; int z = -1; }}\n P0 ;\n MOV [x],$-1 ;\nexists ({})\n"
    for asked in ("x > 1", "x = [z]", "z < 1", "y < 1", "y = 0xffffffff", "x = 0xffffffff", "x = -1"):
        assert holds(text.format(asked)) and not holds(text.format(f"~({asked})")), asked


def test_the_sign_of_a_declared_register() -> None:
    init = "uint32_t 0:rax = -1; int8_t 0:rbx = 200; 0:rcx = -1;"
    assert run("nop", "0:rax; 0:rbx; 0:rcx", init=init) == "0:rax=4294967295; 0:rbx=-56; 0:rcx=-1;"


def test_an_address_stays_whole_in_what_has_no_sign() -> None:
    text = "X86 t\n{ uint32_t p; uint64_t q = x; int *r = x; }\n P0 ;\n MOV EAX,[q] ;\n MOV [p],EAX ;\n"
    for asked in ("p = x", "q = x", "r = x", "0:EAX = x"):
        assert holds(f"{text}exists ({asked})\n") and not holds(f"{text}exists (~({asked}))\n")
        assert build(test(f"{text}exists ({asked})\n")).warnings == []


# -- the stack, and what serializes ---------------------------------------------------------------------

FULL_FENCES = [
    "lock andl $0,(%rsp)", "lock addl $0,-4(%rsp)", "lock; addq $0,(%rsp)", "lock orl $0,8(%rsp)",
    "lock incl (%rsp)", "lock btsl $1,(%rsp)", "LOCK ADD DWORD PTR [rsp-64],0",
    "cpuid", "serialize", "mfence",
]  # fmt: skip


@pytest.mark.parametrize("fence", [*FULL_FENCES, "lfence", "nop"])
def test_a_locked_operation_on_the_stack_is_a_fence(fence: str) -> None:
    rows = (
        f" P0 | P1 ;\n movl $1,(x) | movl $1,(y) ;\n {fence} | mfence ;\n movl (y),%esi | movl (x),%esi ;\n"
    )
    outcome = "exists (0:rsi=0 /\\ 1:rsi=0)\n"
    assert holds(f"X86_64 t\n{{ }}\n{rows}{outcome}") == (fence not in FULL_FENCES)


def test_the_stack_that_a_test_gives_is_an_object() -> None:
    assert run("lock addl $2,(%rsp); movl (%rsp),%eax", "0:rax; x", init="0:rsp = x;") == "0:rax=2; [x]=2;"
    assert run("movq $x,%rsp; movl $3,(%rsp)", "x") == "[x]=3;"


@pytest.mark.parametrize(
    "code",
    [
        "movl %eax,(%rsp)",
        "movl (%rsp),%eax",
        "lock xaddl %eax,(%rsp)",
        "xchgl %eax,4(%rsp)",
        "addl $0,(%rsp)",
    ],
)
def test_what_the_stack_holds_is_not_known(code: str) -> None:
    ((found, line, _, hint),) = errors(f"X86_64 t\n{{ }}\n P0 ;\n {code} ;\nexists (x=0)\n")[:1]
    assert (found, line) == ("stack", 4) and "lock addl $0,(%rsp)" in hint


def test_what_cpuid_leaves_is_not_known() -> None:
    assert run("movl $1,%ebx; movl $1,%esi; cpuid", "0:rbx; 0:rsi") == "0:rbx=undef; 0:rsi=1;"


def test_the_documentation_lists_the_instructions() -> None:
    words = [word for group, _ in GROUPS.values() for word in group]
    assert sorted(words) == sorted(KNOWN)
    assert reference() in Path("docs/kernel-developers.md").read_text()


# -- what is refused ----------------------------------------------------------------------------------

HEAD = "X86_64 t\n{ }\n P0 ;\n"
END = "exists (x=1)\n"


@pytest.mark.parametrize(
    ("text", "code", "line", "column", "hint"),
    [
        (HEAD + " movv $1,(x) ;\n" + END, "unknown-instruction", 4, 2, "mov"),
        (HEAD + " hlt ;\n" + END, "not-yet", 4, 2, "MM"),
        (HEAD + " push %rax ;\n" + END, "not-yet", 4, 2, "stack"),
        (HEAD + " imulq %rbx,%rax ;\n" + END, "not-yet", 4, 2, "initial state"),
        (HEAD + " loop Lent ;\n Lend: movl $1,(x) ;\n" + END, "unknown-label", 4, 2, "Lend"),
        (HEAD + " sete %eax ;\n" + END, "operand", 4, 2, "al"),
        (HEAD + " cmove $1,%eax ;\n" + END, "operand", 4, 2, ""),
        (HEAD + " cmpxchg16b %rax ;\n" + END, "operand", 4, 2, "[x]"),
        (HEAD + " cmpxchg16b (x) ;\n" + END, "out-of-bounds", 4, 2, "int t[2]"),
        ("X86_64 t\n{ uint64_t x[4]; }\n P0 ;\n cmpxchg16b [x+8] ;\n" + END, "operand", 4, 2, ""),
        ("X86 t\n{ }\n P0 ;\n jrcxz L ;\n L: ;\n" + END, "operand", 4, 2, "jecxz"),
        ("X86 t\n{ }\n P0 ;\n cmpxchg16b [x] ;\n" + END, "operand", 4, 2, "cmpxchg8b"),
        (HEAD + " movl (x),%eaxx ;\n" + END, "unknown-register", 4, 2, "eax"),
        (HEAD + " movl $1 ;\n" + END, "arity", 4, 2, ""),
        (HEAD + " mfence %eax ;\n" + END, "arity", 4, 2, ""),
        (HEAD + " jne Lent ;\n Lend: movl $1,(x) ;\n" + END, "unknown-label", 4, 2, "Lend"),
        (HEAD + " lock movl $1,(x) ;\n" + END, "lock", 4, 2, "read-modify-write"),
        (HEAD + " movl (x),(y) ;\n" + END, "operand", 4, 2, "register"),
        (HEAD + " movl $1,(x) ;\n movq (x),%rax ;\n" + END, "mixed-size", 4, 2, "sizes"),
        (HEAD + " movl $1,4(x) ;\n" + END, "out-of-bounds", 4, 2, "declared"),
        (HEAD + " movl $1,(x) ;\n" + "exists (0:rax=1)\n", "unwritten", 5, 11, "always 0"),
        (HEAD + " movl $1,(x) ;\n" + "exists (1:rax=1)\n", "no-cpu", 5, 9, "0"),
        (HEAD + " movl $1,(x) ;\n" + "exists (y=1)\n", "unknown-name", 5, 9, ""),
        (HEAD + " movl $1,(x) ;\n" + "exists (eax=1)\n", "unknown-name", 5, 9, "0:eax"),
        (HEAD + " movl $1,(x) \n" + END, "syntax", 4, 2, "';'"),
        (HEAD + " movl $1,(x ;\n" + END, "syntax", 4, 12, "')'"),
        ("X86_64 t\n{ x=1; x=2; }\n P0 ;\n nop ;\n" + END, "duplicate", 2, 8, ""),
        ("X86_64 t\n{ 0:raxx=1; }\n P0 ;\n nop ;\n" + END, "unknown-register", 2, 3, "rax"),
        ("X86_64 t\n{ int t[2]={1,2,3}; }\n P0 ;\n nop ;\n" + END, "array", 2, 7, ""),
        ("X86_64 t\n{ (* open }\n P0 ;\n nop ;\n" + END, "comment", 2, 3, "*)"),
        ("X86_64 t\n{ \n P0 ;\n nop ;\n" + END, "syntax", 2, 1, "}"),
        ("X86_64\n", "header", 1, 1, ""),
    ],
)  # fmt: skip
def test_refusals(text: str, code: str, line: int, column: int, hint: str) -> None:
    found = errors(text)
    assert any(f[:3] == (code, line, column) and hint in f[3] for f in found), found


def test_all_errors_at_once() -> None:
    code = " movv $1,(x) ;\n jmp L ;\n movl $1,%exa ;\n"
    assert len(errors(HEAD + code + "exists (0:rbx=1 /\\ w=1)\n")) == 5


def test_every_instruction_has_its_function() -> None:
    assert set(INSTRUCTIONS) == KNOWN
