"""Words whose meaning depends on several rows, by both judges; waits in a circle."""

from __future__ import annotations

import pytest

from verifier.errors import InputError
from verifier.lower.build import build
from verifier.program.states import state_line
from verifier.source import Diagnostic, Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.table import WORDS


def states(initial: str, code: str, places: str) -> list[str]:
    """All final states of a program, on which both judges must agree."""
    text = f"MM t\n{{ {initial} }}\n{code}\nlocations [{places}]\nexists (true)\n"
    (test,) = load(Source("t", text))
    verdict = run(test, Options(judge="both", states=True, witnesses=False))
    assert verdict.observation == "always" and verdict.program is not None and not verdict.program.warnings
    return sorted(state_line(verdict.program, s) for s in verdict.states or ())


MASKS = "cpumask m = {0, 2}; cpumask o = {0, 1}; cpumask d;"


@pytest.mark.parametrize(
    ("initial", "code", "places", "expected"),
    [
        (
            "refcount_t c = REFCOUNT_INIT(1);",
            "P0 { r0 = refcount_inc_not_zero(&c); refcount_add(3, &c); r1 = refcount_sub_and_test(4, &c);"
            " r2 = refcount_dec_not_one(&c); r3 = refcount_dec_if_one(&c); r4 = refcount_inc_not_zero(&c);"
            " refcount_set(&c, 1); r5 = refcount_dec_and_test(&c); r6 = refcount_read(&c); }",
            "0:r0; 0:r1; 0:r2; 0:r3; 0:r4; 0:r5; 0:r6",
            ["0:r0=1; 0:r1=0; 0:r2=0; 0:r3=1; 0:r4=0; 0:r5=1; 0:r6=0;"],
        ),
        (
            MASKS,
            "P0 { r0 = cpumask_any_but(&m, 0); r1 = cpumask_any_but(&m, 2); r2 ="
            " cpumask_any_but(cpumask_of(1), 1); r3 = cpumask_and(&d, &m, &o);"
            " r4 = cpumask_weight(&d); r5 = cpumask_andnot(&d, &m, &o);"
            " r6 = cpumask_first(&d); cpumask_or(&d, &m, &o); r7 = cpumask_full(&d); }\nP1 { }\nP2 { }",
            "0:r0; 0:r1; 0:r2; 0:r3; 0:r4; 0:r5; 0:r6; 0:r7",
            ["0:r0=2; 0:r1=0; 0:r2=3; 0:r3=1; 0:r4=1; 0:r5=1; 0:r6=2; 0:r7=1;"],
        ),
        (
            "percpu u8 y = 255; percpu int z = 5;",
            "P0 { this_cpu_inc(y); r0 = this_cpu_read(y); r1 = this_cpu_add_return(z, 2); r2 ="
            " this_cpu_xchg(z, 9); r3 = this_cpu_cmpxchg(z, 1, 2); r4 = this_cpu_cmpxchg(z, 9, 2);"
            " __this_cpu_or(z, 4); raw_cpu_dec(z); r5 = this_cpu_read(z); }",
            "0:r0; 0:r1; 0:r2; 0:r3; 0:r4; 0:r5",
            ["0:r0=0; 0:r1=7; 0:r2=7; 0:r3=9; 0:r4=9; 0:r5=5;"],
        ),
        (
            "int x;",
            "P0 { r0 = irqs_disabled(); local_irq_disable(); r1 = irqs_disabled(); cpu_relax();"
            " local_irq_enable(); r2 = irqs_disabled(); }",
            "0:r0; 0:r1; 0:r2",
            ["0:r0=0; 0:r1=1; 0:r2=0;"],
        ),
    ],
)
def test_what_they_compute(initial: str, code: str, places: str, expected: list[str]) -> None:
    assert states(initial, code, places) == expected


SENT = "void f(void *i) { this_cpu_inc(y); }\n"
CALL = "\nP1 { smp_call_function_single(0, f, NULL, 1); }"


def test_a_function_may_be_called_what_a_value_is() -> None:
    code = "void off(void *i) { x = 1; }\nP0 { smp_call_function_single(1, off, NULL, 1); }\nP1 { }"
    assert states("int x;", code, "x") == ["[x]=1;"]


def test_no_interrupt_comes_into_this_cpu() -> None:
    own = states("percpu int y;", SENT + "P0 { this_cpu_inc(y); }" + CALL, "0:y")
    assert own == ["0:y=2;"]
    bare = states("percpu int y;", SENT + "P0 { __this_cpu_inc(y); }" + CALL, "0:y")
    assert bare == ["0:y=2;"]
    two = states("percpu int y;", SENT + "P0 { r0 = __this_cpu_xchg(y, 5); }" + CALL, "0:y; 0:r0")
    assert two == ["0:r0=0; 0:y=5;", "0:r0=0; 0:y=6;", "0:r0=1; 0:y=5;"]


def test_this_cpu_is_not_locked_for_others() -> None:
    other = "P0 { this_cpu_inc(y); }\nP1 { atomic_inc(&per_cpu(y, 0)); }"
    assert states("percpu atomic_t y;", other, "0:y") == ["0:y=1;", "0:y=2;"]


COND = "bool want(int cpu, void *i) { return READ_ONCE(x) == cpu; }\nvoid f(void *i) { WRITE_ONCE(x, 0); }\n"


def test_the_own_cpu_is_asked_last() -> None:
    # The handler on CPU 1 clears x before CPU 0 asks for itself, or not: it has been sent by then.
    code = COND + "P0 { on_each_cpu_cond(want, f, NULL, 1); r0 = x; }\nP1 { }"
    assert states("int x = 1;", code, "0:r0; x") == ["0:r0=0; [x]=0;"]
    count = "bool want(int cpu, void *i) { return cpu == 1 || READ_ONCE(x) == 5; }\n"
    count += "void f(void *i) { if (smp_processor_id()) WRITE_ONCE(x, 5); else WRITE_ONCE(y, 1); }\n"
    found = states("int x; int y;", count + "P0 { on_each_cpu_cond(want, f, NULL, 1); }\nP1 { }", "y")
    assert found == ["[y]=0;", "[y]=1;"]


def test_no_condition_is_all_cpus() -> None:
    code = "void f(void *i) { atomic_inc(&c); }\n"
    code += "P0 { on_each_cpu_cond(NULL, f, NULL, 1); r0 = atomic_read(&c); }\nP1 { }"
    assert states("atomic_t c;", code, "0:r0") == ["0:r0=2;"]


HANDLER = "void f(void *i) { x = 1; }\n"
OFF = "local_irq_disable(); {} local_irq_enable();"


@pytest.mark.parametrize(
    ("first", "second", "hangs"),
    [
        (OFF, OFF, True),
        (OFF, "{}", False),
        ("{}", "{}", False),
        ("if (x) local_irq_disable(); {} local_irq_enable();", OFF, False),
        ("local_irq_save(flags); {} local_irq_restore(flags);", OFF, True),
    ],
)
def test_waits_in_a_circle(first: str, second: str, hangs: bool) -> None:
    calls = [f"smp_call_function_single({to}, f, NULL, 1);" for to in (1, 0)]
    text = "MM t\n{ int x; }\n" + HANDLER
    text += (
        f"P0 {{ int flags; {first.replace('{}', calls[0])} }}\nP1 {{ {second.replace('{}', calls[1])} }}\n"
    )
    (test,) = load(Source("t", text + "forall (x = 1)\n"))
    verdict = run(test, Options(judge="both"))
    assert verdict.hangs == hangs
    assert [wait.cpu for wait in verdict.waits] == ([0, 1] if hangs else [])


BITS = [word.name for word in WORDS.values() if word.parameters[:1] and word.parameters[0].kind == "bit"]


def bits_of(number: str, at: str, kind: str = "MM") -> list[Diagnostic]:
    """The messages of every word about bits, for one bit of what one pointer points to."""
    initial = "int x; unsigned u; unsigned long y; long s; u64 w; atomic_t c; percpu short z;"
    objects, arguments = f"{{ {initial} page A {{ .flags = 0 }}; }}\n", ""
    if kind == "C":
        objects, arguments = "{ int x = 0; }\n", "int *x"
    code = f"P0({arguments}) {{\n" if arguments else "P0 {\n"
    code += "".join(f"{name}({number}, {at});\n" for name in BITS) + "}\n"
    (test,) = load(Source("t", f"{kind} t\n{objects}{code}exists (true)\n"))
    return list(build(test).warnings)


def test_every_word_about_bits_is_meant() -> None:
    names = {
        "test_bit",
        "set_bit",
        "__change_bit",
        "test_and_clear_bit",
        "__test_and_set_bit",
        "bit_spin_lock",
    }
    assert names <= set(BITS)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        ("64", "bit 0 of the next word"),
        ("127", "bit 63 of the next word"),
        ("70 + 70", "bit 12 of another word"),
        ("-1", "bit 63 of the word before"),
        ("1 << 10", "bit 0 of another word"),
    ],
)
@pytest.mark.parametrize("at", ["&y", "&x", "&A.flags"])
def test_a_bit_outside_the_word_is_an_error(number: str, hint: str, at: str) -> None:
    with pytest.raises(InputError) as caught:
        bits_of(number, at)
    found = [d for d in caught.value.diagnostics if d.severity == "error"]
    assert [d.span.line for d in found if d.span] == list(range(4, 4 + len(BITS)))
    for name, d in zip(BITS, found, strict=True):
        assert d.code == "bit" and hint in d.hint and d.span
        assert d.span.text == number and d.span.column == len(name) + 2


def test_a_bit_outside_the_word_is_an_error_in_the_c_dialect_too() -> None:
    with pytest.raises(InputError) as caught:
        bits_of("64", "x", "C")
    assert {d.code for d in caught.value.diagnostics} == {"bit"}
    assert bits_of("63", "x", "C") == [], "public litmus tests use int"


@pytest.mark.parametrize("at", ["&y", "&s", "&w", "&A.flags"])
def test_bits_of_a_word_of_64_bits_are_fine(at: str) -> None:
    assert bits_of("63", at) == bits_of("0", at) == []


@pytest.mark.parametrize(
    ("at", "width"),
    [("&x", 32), ("&u", 32), ("&c", 32), ("this_cpu_ptr(&z)", 16), ("per_cpu_ptr(&z, 0)", 16)],
)
def test_bits_of_something_narrower_are_a_warning(at: str, width: int) -> None:
    found = bits_of("3", at)
    assert [d.message.split()[0] for d in found] == BITS
    assert all(
        d.code == "width" and d.severity == "warning" and f"has {width} bits" in d.message for d in found
    )


@pytest.mark.parametrize(("how", "other"), [("read", "write"), ("write", "write"), ("write", "read")])
@pytest.mark.parametrize("softly", ["", "_bh"])
def test_no_callback_finds_a_lock_that_is_held_with_softirqs_off(how: str, other: str, softly: str) -> None:
    text = f"""MM t
{{ int head; int n; rwlock_t l; }}
void callback(void *head) {{ {other}_lock(&l); n = n + 1; {other}_unlock(&l); }}
P0 {{ call_rcu(&head, callback); {how}_lock{softly}(&l); n = n + 1; {how}_unlock{softly}(&l); }}
forall (n = 2)
"""
    (test,) = load(Source("t", text))
    verdict = run(test, Options(judge="both"))
    assert verdict.observation == "always" and verdict.hangs is not bool(softly)
