"""Handlers and callbacks that send themselves again: they are followed up to the bound."""

from __future__ import annotations

import pytest

from tests.properties.test_waiting import check_text
from verifier.errors import InputError
from verifier.lower.build import build
from verifier.results import Verdict
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load

STATE = "{ int n; int done; struct rcu_head head; }\n"
# How a function sends itself on CPU 1, and who sends it first.
WAYS = {
    "a callback": ("call_rcu(&head, again);", "P1 { call_rcu(&head, again); }"),
    "a callback, called first": ("call_rcu(&head, again);", "P1 { again(&head); }"),
    "an interrupt": (
        "apic_icr_write(smp_processor_id(), again);", "P0 { apic_icr_write(1, again); }\nP1 { }",
    ),
    "an NMI": ("apic_send_nmi(smp_processor_id(), again);", "P0 { apic_send_nmi(1, again); }\nP1 { }"),
    "by way of another function": (
        "call_rcu(&head, other);", "P1 { again(&head); }\nvoid other(void *p) { call_rcu(&head, again); }",
    ),
    "from CPU to CPU": (
        "smp_call_function_single(1 - smp_processor_id(), again, NULL, 0);",
        "P0 { smp_call_function_single(1, again, NULL, 0); }\nP1 { }",
    ),
    "from the start": (
        "apic_icr_write(smp_processor_id(), again);", "P1 { }",
    ),
}  # fmt: skip


def program(way: str, until: str, condition: str) -> str:
    sends, starts = WAYS[way]
    code, _, more = starts.partition("\n")
    later = more if more.startswith("void") else ""
    state = STATE.replace("{", "{ 1:pending = again;", 1) if way == "from the start" else STATE
    threads = "\n".join(x for x in (code, more) if x.startswith("P"))
    cpus = threads if "P0" in threads else f"P0 {{ WRITE_ONCE(done, 1); }}\n{threads}"
    body = f"void again(void *p) {{ n = n + 1; if ({until}) {sends} }}"
    return f"MM t\n{state}{body}\n{later}\n{cpus}\nlocations [n;]\nexists ({condition})\n"


def verdict(text: str, bound: int, judge: str = "both") -> Verdict:
    (test,) = load(Source("t", text))
    return run(test, Options(judge=judge, unroll=bound))


@pytest.mark.parametrize("way", WAYS)
def test_it_is_sent_as_often_as_it_asks(way: str) -> None:
    """Three times in all, which a bound of two allows."""
    text = program(way, "n < 3", "~n = 3")
    assert verdict(text, 2).observation == "never"
    assert check_text(text, "generic") is False


@pytest.mark.parametrize("way", WAYS)
def test_a_bound_that_is_too_small_says_so(way: str) -> None:
    text = program(way, "n < 8", "~n = 8")
    short = verdict(text, 2)
    assert short.observation == "unknown"
    assert ", which sends " in short.reason and "use --unroll 3" in short.reason
    assert verdict(text, 7).observation == "never"


@pytest.mark.parametrize("judge", ["z3", "explorer"])
def test_what_it_reads_decides(judge: str) -> None:
    """A run in which it goes on is cut, and says nothing."""
    text = program("a callback", "!READ_ONCE(done)", "n = 3")
    assert verdict(text, 2, judge).observation == "sometimes"
    more = program("a callback", "!READ_ONCE(done)", "n = 4")
    assert verdict(more, 2, judge).observation == "unknown"


@pytest.mark.parametrize("way", WAYS)
def test_nothing_ends_it(way: str) -> None:
    found = verdict(program(way, "1", "n = 9"), 2)
    assert found.observation == "unknown"


def test_that_nothing_ends_it_is_said() -> None:
    code = "void h(void *p) { apic_icr_write(1, h); }\nP0 { apic_icr_write(1, h); }\nP1 { }\n"
    found = verdict(f"MM t\n{STATE}{code}exists (n = 1)\n", 2)
    assert "which sends h() again, never ends" in found.reason


def test_no_write_is_merged_with_the_one_that_has_brought_its_handler() -> None:
    (test,) = load(Source("t", program("an interrupt", "n < 3", "~n = 3")))
    assert not any(body.merges for body in build(test, 2).bodies)


def test_a_function_that_calls_itself_is_still_an_error() -> None:
    with pytest.raises(InputError, match="again calls itself"):
        verdict(f"MM t\n{STATE}void again(void) {{ again(); }}\nP0 {{ again(); }}\nexists (n = 1)\n", 2)
