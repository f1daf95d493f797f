"""Definitions of structs: types of fields, bitfields, parts of parts; objects on the stack."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.judges import holds, states
from verifier import check
from verifier.errors import InputError
from verifier.lower.build import build
from verifier.lower.c import structs
from verifier.lower.c.structs import Declarator, declared, layout
from verifier.source import Source
from verifier.syntax import load
from verifier.syntax.ast import Binary, CType, Ident, Num

UNSIGNED, U64, U16, U8 = CType("unsigned"), CType("u64"), CType("u16"), CType("u8")
DEFINED = {
    "struct flags": (
        Declarator("gen", U64), Declarator("small", U16), Declarator("a", UNSIGNED, 3),
        Declarator("b", UNSIGNED, 5),
        Declarator("s", CType("int"), 4), Declarator("wide", UNSIGNED, 30),
        Declarator("yes", CType("bool"), 1),
        Declarator("owner", CType("struct mm_struct", 1)), Declarator("next", CType("struct flags", 1)),
    ),
    "struct ctx": (Declarator("id", U8), Declarator("gen", U64), Declarator("busy", UNSIGNED, 1)),
    "struct state": (
        Declarator("ctxs", CType("struct ctx"), size=2), Declarator("cur", CType("struct ctx")),
        Declarator("slots", U8, size=3), Declarator("cpus", CType("cpumask_t")),
        Declarator("n", CType("int")),
    ),
    "struct mm_struct": (Declarator("tlb_gen", U64), Declarator("asid", U16)),
    "struct page": (Declarator("refs", U8),),
}  # fmt: skip


@pytest.fixture(autouse=True)
def defined(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test of this file has these definitions."""
    monkeypatch.setattr(structs, "declared", lambda unit: DEFINED)
    yield


def errors(text: str) -> list[str]:
    """The messages of all errors."""
    with pytest.raises(InputError) as caught:
        for test in load(Source("t", text)):
            build(test)
    return [d.message for d in caught.value.diagnostics]


# Where gcc puts them (psABI 3.1.2): the fields with their bits, and each bitfield in its unit.
LAYOUTS = {
    "a unit of their type": ([("a", "unsigned", 3), ("b", "unsigned", 29)], {"a|b": 32}, {"a": ("a|b", 0),
    "b": ("a|b", 3)}),
    "none crosses one": ([("a", "unsigned", 20), ("b", "unsigned", 20)], {"a": 32, "b": 32},
    {"a": ("a", 0), "b": ("b", 0)}),
    "after a plain field": (
        [("f", "u16", None), ("a", "unsigned", 10), ("b", "unsigned", 10)],
        {"f": 16, "a": 16, "b": 32}, {"a": ("a", 0), "b": ("b", 0)},
    ),
    "a plain field between": (
        [("a", "u8", 3), ("f", "u8", None), ("b", "u8", 3)], {"a": 8, "f": 8, "b": 8}, {"a": ("a", 0),
        "b": ("b", 0)},
    ),
    "units that overlap": (
        [("x", "u8", 4), ("y", "unsigned", 4), ("z", "u8", 8)], {"x|y|z": 32}, {"x": ("x|y|z", 0),
        "z": ("x|y|z", 8)},
    ),
    "no width ends a unit": ([("a", "unsigned", 3), ("", "unsigned", 0), ("b", "unsigned", 3)], {"a": 32,
    "b": 32}, {}),
    "no name is a gap": ([("a", "unsigned", 3), ("", "unsigned", 2), ("b", "unsigned", 3)], {"a|b": 32},
    {"b": ("a|b", 5)}),
    "64 bits": ([("a", "u64", 40), ("b", "u64", 24)], {"a|b": 64}, {"b": ("a|b", 40)}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_where_bitfields_lie(name: str) -> None:
    members, fields, parts = LAYOUTS[name]
    made = layout([Declarator(n, CType(kind), bits) for n, kind, bits in members])
    assert {n: kind.bits for n, kind in made.fields.items()} == fields
    assert {n: (p.unit, p.offset) for n, p in made.parts.items() if n in parts} == parts


def test_what_a_definition_gives() -> None:
    span: Any = None
    sizes = {"gen": None, "ctxs": Binary("+", Ident("N", span), Num(1, span), span), "bad": Ident("n", span)}
    fields = [
        SimpleNamespace(name=n, type=U64, size=size, columns=None, bits=None, span=span)
        for n, size in sizes.items()
    ]
    fields.append(
        SimpleNamespace(name="a", type=UNSIGNED, size=None, columns=None, bits=Num(3, span), span=span)
    )
    unit: Any = SimpleNamespace(
        structs=(
            SimpleNamespace(name="s", fields=tuple(fields)),
            SimpleNamespace(name="opaque", fields=()),
        ),
        enums={"N": 4},
    )
    assert declared(unit) == {
        "struct s": (
            Declarator("gen", U64), Declarator("ctxs", U64, size=5), Declarator("bad", U64, size=-1),
            Declarator("a", UNSIGNED, 3),
        )
    }  # fmt: skip


BAD = {
    "the width of a is a constant from 1 to 32": Declarator("a", UNSIGNED, 33),
    "the width of b is a constant from 1 to 1": Declarator("b", CType("bool"), 2),
    "the width of c is a constant from 1 to 8": Declarator("c", U8, 0),
    "the width of this is a constant from 0 to 32": Declarator("", UNSIGNED, -1),
    "a bitfield holds a number, not an address": Declarator("p", CType("int", 1), 3),
    "the size of an array is a constant from 1 to 4096": Declarator("n", U8, size=0),
}


@pytest.mark.parametrize("message", BAD)
def test_wrong_definitions_are_errors(message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        structs,
        "declared",
        lambda unit: {"struct s": (Declarator("gen", U64), BAD[message], Declarator("z", U8))},
    )
    text = "MM t\n{ struct s o { .gen = 1, .z = 2 }; }\nP0 { o.z = 1; }\nexists (o.z = 1)\n"
    assert errors(text) == [message]


def test_a_struct_that_contains_itself_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        structs, "declared", lambda unit: {"struct s": (Declarator("s", CType("struct s"), size=9),)}
    )
    assert errors("MM t\n{ struct s o; int x; }\nP0 { x = 1; }\nexists (x = 1)\n") == [
        "struct s contains itself"
    ]


def test_too_many_cells_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen million of them: they are counted before they are laid out."""
    many = {
        "struct r": (Declarator("a", U8, size=4096),),
        "struct s": (Declarator("r", CType("struct r"), size=4096),),
    }
    monkeypatch.setattr(structs, "declared", lambda unit: many)
    (test,) = load(Source("t", "MM t\n{ struct s o; int x; }\nP0 { x = 1; }\nexists (x = 1)\n"))
    with pytest.raises(InputError, match="a test has at most 4096 cells; this one has more"):
        check(test, memory=100)


VALUES = {
    "o.a = 9": {"o.a": 1, "o.b": 1, "o.s": -2}, "o.b += 31": {"o.b": 0, "o.a": 5}, "o.s = 7": {"o.s": 7},
    "o.s = 8": {"o.s": -8, "o.b": 1}, "o.s--": {"o.s": -3}, "o.yes = 2": {"o.yes": 1, "o.wide": 0},
    "o.wide = -1": {"o.wide": 2**30 - 1, "o.yes": 0}, "o.gen = -1": {"o.gen": 2**64 - 1},
    "o.small += 7": {"o.small": 1},
    "r0 = o.a - 6 < 0": {"0:r0": 1}, "r0 = o.a << 1": {"0:r0": 10}, "r0 = (o.a = 12)": {"0:r0": 4},
    "r0 = o.a++": {"0:r0": 5, "o.a": 6},
    "r0 = ++o.b": {"0:r0": 2}, "r0 = ~o.a": {"0:r0": -6}, "r0 = o.gen == ~0UL; o.gen = 1": {"0:r0": 1,
    "o.gen": 1},
    "o.owner = N; o.owner->asid = 65537; r0 = o.owner->asid": {"0:r0": 1, "N.asid": 1},
    "struct flags *p = &o; p->a = 2; p->next = p; r0 = p->next->next->a": {"0:r0": 2, "o.b": 1},
    "struct mm_struct *b[1] = { N }; b[0]->asid = 3; r0 = b[0]->asid": {"0:r0": 3, "N.asid": 3},
    "struct flags *p = &o; r0 = (*p).a; load_cr3(held); r1 = held->asid": {"0:r0": 5, "0:cr3": "N"},
    "N->tlb_gen = -1; r0 = N->tlb_gen > 0": {"0:r0": 1, "N.tlb_gen": 2**64 - 1},
    "A->refs = 257; r0 = A->refs": {"0:r0": 1, "A.refs": 1},
}  # fmt: skip


@pytest.mark.parametrize("code", VALUES)
def test_fields_hold_what_their_types_hold(code: str) -> None:
    asked = " /\\ ".join(f"{place} = {value}" for place, value in VALUES[code].items())
    initial = "mm N { }; struct mm_struct *held = N; page A = 1;"
    initial += " struct flags o { .gen = -1, .small = 65530, .a = 5, .b = 1, .s = -2 };"
    assert holds(f"MM t\n{{ {initial} }}\nP0 {{ {code}; }}\nexists ({asked})\n")


def test_a_neighbour_in_the_unit_is_lost_another_unit_is_not() -> None:
    text = "MM t\n{ struct flags o { .gen = 0 }; }\nP0 { o.a = 1; }\nP1 { o.b = 1; }\nP2 { o.wide = 1; }\n"
    assert holds(text + "exists (o.a = 1 /\\ o.b = 0)\n")
    assert holds(text + "exists (o.a = 0 /\\ o.b = 1)\n")
    assert not holds(text + "exists (o.a = 0 /\\ o.b = 0)\n")
    assert not holds(text + "exists (o.wide = 0)\n")


def test_an_update_of_a_bitfield_loads_its_unit_once() -> None:
    (test,) = load(Source("t", "MM t\n{ struct flags o; }\nP0 { o.a += 1; o.b = 3; }\nexists (o.a = 1)\n"))
    assert [event.op for event in build(test).events if event.op in "RW"] == ["R", "W", "R", "W"]


def test_the_initial_state_sets_bits_of_a_unit() -> None:
    text = "MM t\n{ percpu struct flags o { .a = 5, .s = -1 }; 1:o.a = 2; 1:o.b = 9; }\nP0 { }\nP1 { }\n"
    assert holds(text + "exists (0:o.a = 5 /\\ 0:o.s = -1 /\\ 1:o.a = 2 /\\ 1:o.b = 9 /\\ 1:o.s = -1)\n")


PARTS = {
    "s.ctxs[1].gen = -1; r0 = s.ctxs[1].gen > 0; r1 = s.ctxs[0].gen": {"0:r0": 1, "0:r1": 7,
    "s.ctxs[1].gen": -1},
    "struct ctx *c = &s.ctxs[1]; c->id = 300; r0 = c->id; r1 = s.cur.id": {"0:r0": 44, "0:r1": 2,
    "s.ctxs[1].id": 44},
    "int i = READ_ONCE(s.n); s.ctxs[i].busy = 3; s.slots[i + 1] = 511": {"s.ctxs[1].busy": 1,
    "s.slots[2]": 255, "s.slots[1]": 6},
    "u8 *p = s.slots; r0 = p[1]; r1 = *(p + 1)": {"0:r0": 6, "0:r1": 6},
    "cpumask_set_cpu(0, &s.cpus); r0 = cpumask_weight(&s.cpus)": {"0:r0": 2, "s.cpus[0]": 1, "s.cpus[1]": 1},
    "struct ctx *c = &s.cur; xchg(&c->gen, 9); r0 = s.cur.gen": {"0:r0": 9},
    "r0 = this_cpu_read(q.ctxs[1].gen); per_cpu(q.cur.id, 1) = 4": {"0:r0": 5, "1:q.cur.id": 4},
    "WRITE_ONCE(*per_cpu_ptr(&q.cur.id, 1), 3); r1 = *per_cpu_ptr(&q.cur.id, 1)": {"0:r1": 3},
    "struct ctx *c = this_cpu_ptr(&q.ctxs[1]); c->gen = 8; r0 = this_cpu_ptr(&q)->ctxs[1].gen": {"0:r0": 8,
    "0:q.ctxs[1].gen": 8},
}  # fmt: skip


@pytest.mark.parametrize("code", PARTS)
def test_parts_of_parts(code: str) -> None:
    asked = " /\\ ".join(f"{place} = {value}" for place, value in PARTS[code].items())
    initial = "struct state s { .ctxs = {{ .gen = 7 }}, .cur = { .id = 258 }, .slots = {5, 6}, .cpus = {1},"
    initial += " .n = 1 };"
    initial += " percpu struct state q { .ctxs = {{ .gen = 0 }, { .gen = 5, .busy = 1 }} };"
    assert holds(f"MM t\n{{ {initial} }}\nP0 {{ {code}; }}\nP1 {{ }}\nexists ({asked})\n")


WRONG = {
    "r0 = &o.a": "a bitfield has no address",
    "r0 = READ_ONCE(o.a)": "o.a is a bitfield, not a whole object",
    "WRITE_ONCE(o.a, 1)": "o.a is a bitfield, not a whole object",
    "xchg(&o.b, 1)": "a bitfield has no address",
    "r0 = o.nothing": "struct flags has no field 'nothing'", "s.ctxs[2].id = 1": "there is no element 2",
    "s.slots[3] = 1": "there is no element 3", "s.cur = 1": "a struct ctx cannot be assigned from 1",
    "r0 = s.cur.nothing": "struct ctx has no field 'nothing'",
    "u64 *p = &s.slots[0]": "this points to u8, not to u64",
    "struct flags f = { 3 }": "the initial values of a struct name its fields",
    "struct flags f = { .a = 1, .gen = 2, .gen = 3 }": "gen has two initial values",
    "struct flags f; f = 3": "a struct flags cannot be assigned from 3",
    "int i = { 1 }": "i is neither a struct nor an array",
    "int a[2] = { 1, 2, 3 }": "a has only 2 elements", "int a[o.small]": "the size of an array is a constant",
    "int a[2]; a[2] = 1": "there is no element 2",
    "struct flags f = s": "a struct flags cannot be assigned from s, a struct state",
    "struct flags f; f = &o": "a struct flags cannot be assigned from &o",
}  # fmt: skip


@pytest.mark.parametrize("code", WRONG)
def test_what_is_refused(code: str) -> None:
    text = f"MM t\n{{ struct flags o; struct state s; int x; }}\nP0 {{ {code}; }}\nexists (x = 0)\n"
    assert errors(text) == [WRONG[code]]


INFO = "void h(void *info) { struct flags *f = info; x = f->a * 100 + f->gen; f->b = 7; }\n"


def test_a_struct_on_the_stack_is_memory() -> None:
    code = "P0 { struct flags f = { .a = 3, .gen = 2 }; smp_call_function_single(1, h, &f, 1); r0 = f.b; }"
    text = f"MM t\n{{ int x; }}\n{INFO}{code}\nP1 {{ }}\nexists (x = 302 /\\ 0:r0 = 7 /\\ 0:f.a = 3)\n"
    assert states(text) == ["0:r0=7; 0:f.a|b|s=59; [x]=302;"]


STACKS = {
    "each call has its own": (
        "int g(int n) { int a[2] = { n }; h(a); return a[0]; } void h(int *p) { p[1] = p[0]; x += p[1]; }",
        "r0 = g(1) + g(2); r1 = x;", {"0:r0": 3, "0:r1": 3},
    ),
    "a loop uses the same one again": (
        "", "int i; for (i = 0; i < 2; i++) { int a[2]; r0 = a[0]; a[0] = i + 5; }", {"0:r0": 5},
    ),
    "initial values come each time": (
        "", "int i; for (i = 0; i < 2; i++) { int a[2] = { }; r0 = a[0]; a[0] = i + 5; }", {"0:r0": 0},
    ),
    "a mask": (
        "",
        "cpumask_t m; cpumask_copy(&m, cpu_online_mask); cpumask_clear_cpu(0, &m); r0 = cpumask_weight(&m);",
        {"0:r0": 1},
    ),
    "an inner name hides an outer one": (
        "", "int a[1] = { 3 }; { int a[1] = { 4 }; r0 = a[0]; } r1 = a[0];", {"0:r0": 4, "0:r1": 3},
    ),
    "the size may be left to the values": ("", "u8 a[] = { 1, 2, 300 }; r0 = a[2];", {"0:r0": 44}),
    "fields without a definition": (
        "",
        "struct other o = { .left = 1, .right = &x }; *o.right = 5; r0 = x + o.left; r1 = --o.left - 1;",
        {"0:r0": 6, "0:r1": -1},
    ),
    "zeros": ("", "struct flags f = { 0 }; struct flags g = { }; r0 = f.gen + g.a;", {"0:r0": 0}),
    "the parts of its parts are zeros": ("",
    "struct state s = { .n = 1 }; r0 = s.ctxs[1].gen + s.slots[2] + s.n;", {"0:r0": 1}),
    "another CPU's is another": ("", "int a[1]; a[0] = 1; r0 = a[0];", {"0:r0": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_objects_on_the_stack(name: str) -> None:
    functions, code, values = STACKS[name]
    asked = " /\\ ".join(f"{place} = {value}" for place, value in values.items())
    text = (
        f"MM t\n{{ int x; }}\n{functions}\nP0 {{ {code} }}\nP1 {{ int a[1]; a[0] = 9; }}\nexists ({asked})\n"
    )
    assert holds(text)


def test_each_handler_has_a_stack_of_its_own() -> None:
    text = (
        "MM t\n{ int x; }\nvoid g(int n) { int a[1] = { n }; x = x + a[0]; }\nvoid h(void *info) { g(10); }\n"
    )
    text += "P0 { smp_call_function_single(1, h, NULL, 1); }\nP1 { g(1); r0 = x; }\n"
    text += "exists (1:r0 = 20 \\/ 1:r0 = 2)\n"
    assert not holds(text)


def test_a_struct_on_the_stack_stays_in_a_loop_that_is_not_counted() -> None:
    """The address that is taken in a loop's body is that of memory, whatever is stored there."""
    code = "struct pair { int a; int b; };\n{ int n = 2; }\n"
    code += "void put(struct pair *p, int x) { p->a = p->a + x; }\n"
    code += "P0 { struct pair s = { .a = 1 }; int i; int e = n; "
    code += "for (i = 0; i < e; i++) put(&s, 3); r0 = s.a; }\n"
    assert states(f"MM t\n{code}locations [0:r0]\nexists (true)\n") == ["0:r0=7;"]
