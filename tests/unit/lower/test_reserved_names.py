"""Names: nothing that a test declares is taken for what the verifier keeps, and the other way round."""

from __future__ import annotations

import pytest

from verifier.budget import Budget
from verifier.errors import InputError
from verifier.explore.prepared import Prepared
from verifier.lower.build import build
from verifier.program.profiles import GENERIC
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.syntax.idle import OF_CPUS

# A program with whatever the judges keep beside the cells of a test.
ALL_KINDS = """
MM all-kinds
{{ int {name} = 2; int x; spinlock_t l; page A = 1; mm N {{ v -> A }}; 0..1:cr3 = N; }}
void f(void *info) {{ r0 = 1; }}
P0 {{
    smp_call_function_single(1, f, NULL, 1);
    spin_lock(&l);
    spin_unlock(&l);
    local_bh_disable();
    local_bh_enable();
    synchronize_rcu();
    r0 = READ_ONCE({name});
    r1 = *v;
    smp_call_function_single(1, f, NULL, 0);
}}
P1 {{ rcu_read_lock(); WRITE_ONCE({name}, 4); rcu_read_unlock(); safe_halt(); }}
exists (0:r0 = 2 /\\ 0:r1 = 1)
"""


def decided(text: str) -> Verdict:
    (test,) = load(Source("t.litmus", text))
    return run(test, Options(judge="both", states=True))


def error(text: str) -> str:
    (test,) = load(Source("t.litmus", text))
    with pytest.raises(InputError) as caught:
        build(test)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "reserved-name" and diagnostic.span is not None
    return diagnostic.message


@pytest.mark.parametrize("name", ["acks", "rcu0", "rcu1", "halted", "bh", "root", "irq", "pcid", "waiting"])
def test_an_object_is_nothing_but_an_object(name: str) -> None:
    """The same states as with any other name, by both judges."""
    found, plain = (decided(ALL_KINDS.format(name=n)) for n in (name, "plain"))
    assert found.observation == plain.observation == "sometimes"
    assert found.states == plain.states and found.rests == plain.rests


def test_what_the_explorer_keeps_has_no_name_that_can_be_written() -> None:
    (test,) = load(Source("t.litmus", ALL_KINDS.format(name="plain")))
    program = build(test)
    own = {str(cell.ptr) for cell in Prepared(program, GENERIC, Budget()).cells} - {
        str(p) for p in program.cells
    }
    assert own and all("%" in name for name in own)


@pytest.mark.parametrize("name", OF_CPUS)
@pytest.mark.parametrize("arch", ["C", "MM"])
def test_what_each_cpu_has_is_no_percpu_object(name: str, arch: str) -> None:
    program = f"P0 {{ this_cpu_write({name}, 1); r0 = 1; }}\nexists (0:r0 = 1)\n"
    text = f"{arch} t\n{{ percpu int {name}; }}\n{program}"
    assert error(text) == f"{name} is what each CPU has already, as in 0:{name}"


@pytest.mark.parametrize("name", ["irq", "pcid", "cr3", "warn"])
def test_a_local_is_not_asked_for_by_the_name_of_what_each_cpu_has(name: str) -> None:
    state = "{ page A = 1; mm N { v -> A }; 0:cr3 = N; }"
    text = f"MM t\n{state}\nP0 {{ int {name} = 7; r0 = *v + {name}; }}\nexists "
    assert decided(text + "(0:r0 = 8)\n").observation == "always"
    assert (
        error(f"{text}(0:{name} = 7)\n") == f"0:{name} is what each CPU has, and P0 has a local {name}, too"
    )


@pytest.mark.parametrize("name", ["fault", "NULL", "true", "false"])
def test_a_value_is_no_object(name: str) -> None:
    text = f"MM t\n{{ int {name}; }}\nP0 {{ r0 = {name}; }}\nexists (0:r0 = 0)\n"
    assert error(text) == f"{name} is a value already"
