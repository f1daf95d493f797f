"""Arguments of what is dropped from the kernel's text: what they do stays where the kernel evaluates them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.lower.test_kernel_text import read_back
from verifier.kernel.dropped import UNJUDGED, dropped


def of(call: str, tmp_path: Path, more: str = "") -> str:
    """What an object has after a function has made a call about its address ``p``."""
    body = f"{more}\nint f(int *p)\n{{\n\t{call}\n\treturn READ_ONCE(*p);\n}}\n"
    return read_back(body, "int x = 5;", "f(&x)", tmp_path)


@pytest.mark.parametrize(
    "call",
    [
        'pr_info("%d", {});', 'printk("%d", {});', 'printk_deferred("%d", {});', 'pr_err("%d %d", 1, {});',
        "might_sleep_if({});", "count_vm_events(PGFAULT, {});", "lockdep_assert_held({});",
        "mod_node_page_state(NODE, ITEM, {});", "add_mm_counter(MM, MEMBER, {});", "trace_thing({});",
        "kasan_check_write({}, 4);", "prefetch({});", "dump_page({});",
    ],
)  # fmt: skip
@pytest.mark.parametrize("effect", ["xchg(p, 1)", "(*p)--", "*p = 1", "READ_ONCE(*p) + xchg(p, 1)"])
def test_the_kernel_evaluates_them(call: str, effect: str, tmp_path: Path) -> None:
    expected = "(4,)" if "--" in effect else "(1,)"
    assert of(call.format(effect), tmp_path) == expected


@pytest.mark.parametrize(
    "call",
    [
        "VM_WARN_ON({});", "VM_BUG_ON_PAGE({}, PAGE);", "BUILD_BUG_ON({});", "might_lock({});",
        "lockdep_assert({});", "rcu_lockdep_assert({});", "schedstat_add(A, {});", "count_vm_tlb_event({});",
        'pr_debug("%d", {});', 'pr_devel("%d", {});', "debug_normal_state_change({});",
    ],
)  # fmt: skip
def test_the_kernel_does_not_evaluate_them(call: str, tmp_path: Path) -> None:
    assert of(call.format("nobody(p) + xchg(p, 1)"), tmp_path) == "(5,)"


@pytest.mark.parametrize(
    "call",
    [
        'pr_warn_once("%d", {});',
        'printk_ratelimited("%d", {});',
        'WARN_ONCE(1, "%d", {});',
        'WARN(1, "%d", {});',
    ],
)
def test_what_is_evaluated_in_some_runs_is_an_error(call: str, tmp_path: Path) -> None:
    word = call.split("(")[0]
    assert (
        of(call.format("xchg(p, 1)"), tmp_path)
        == f"{word}() evaluates this in some runs alone, and is dropped here"
    )
    assert of(call.format("READ_ONCE(*p) + smp_processor_id()"), tmp_path) == "(5,)"


def test_what_they_only_read_is_left_out_and_needs_nothing(tmp_path: Path) -> None:
    assert of('pr_info("%d", q->unknown[NUMBER] + READ_ONCE(*p));', tmp_path) == "(5,)"


def test_they_are_evaluated_in_order_and_in_a_value_too(tmp_path: Path) -> None:
    assert of('pr_info("%d %d", xchg(p, 1), xchg(p, 2));', tmp_path) == "(2,)"
    assert of('int r = pr_info("%d", xchg(p, 1));\n\tif (r)\n\t\treturn 9;', tmp_path) == "(1,)"


def test_a_macro_may_do_something(tmp_path: Path) -> None:
    assert of('pr_info("%d", TAKE);', tmp_path, "#define TAKE xchg(p, 1)") == "(1,)"


def test_a_function_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    assert of('pr_info("%d", nobody(p));', tmp_path) == "there is no function 'nobody'"


def test_the_first_row_that_matches_counts() -> None:
    expected = {
        "pr_debug_ratelimited": "never", "pr_err_once": "sometimes", "pr_err": "always",
        "lockdep_assert_held_write": "always", "lockdep_assert_irqs_disabled": "never",
        "count_vm_event": "always", "count_vm_vma_lock_event": "never", "printk_once": "sometimes",
        "printk_deferred": "always", "printk_deferred_once": "sometimes", "might_sleep": "never",
    }  # fmt: skip
    found = {name: row.evaluates for name in expected if (row := dropped(name)) is not None}
    assert found == expected
    assert all(row.reason for row in UNJUDGED)
