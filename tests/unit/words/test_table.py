"""The vocabulary table: every row is well formed, and the reference page shows all rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from verifier.lower.c.language import LANGUAGE
from verifier.program.expressions import Apply, Expr, Reg
from verifier.program.functions import FUNCTIONS
from verifier.words.rows import (
    KERNEL,
    Effect,
    Load,
    Locked,
    Machine,
    Modify,
    Pure,
    Special,
    Store,
    Where,
)
from verifier.words.table import VALUE_KINDS, WORDS, Word, reference

GIVEN = {"old", "this_cpu", "cpus", "bit", KERNEL.name}


def mentioned(expr: Expr | None) -> set[str]:
    if isinstance(expr, Reg):
        return {expr.name}
    if isinstance(expr, Apply):
        assert expr.function in FUNCTIONS
        return set().union(*(mentioned(a) for a in expr.args))
    return set()


def flat(effects: Iterable[Effect]) -> Iterator[Effect]:
    for effect in effects:
        yield effect
        if isinstance(effect, Where):
            yield from flat(effect.effects)


@pytest.mark.parametrize("word", WORDS.values(), ids=lambda w: w.name)
def test_a_row_is_well_formed(word: Word) -> None:
    names = {p.name for p in word.parameters}
    assert len(names) == len(word.parameters)
    assert all(p.kind in VALUE_KINDS for p in word.parameters)
    assert word.result in (*VALUE_KINDS, "same", "int", "uint")
    assert word.doc
    for effect in flat(word.effects):
        used: set[str] = set()
        if isinstance(effect, Where):
            used = mentioned(effect.condition)
        elif isinstance(effect, Modify):
            used = {effect.at} | mentioned(effect.value) | mentioned(effect.result)
        elif isinstance(effect, Load):
            used = {effect.at} | mentioned(effect.result) | mentioned(effect.needs)
        elif isinstance(effect, Store):
            used = {effect.at} | mentioned(effect.value)
        elif isinstance(effect, Locked):
            used = {effect.at}
            for expr in (effect.value, effect.result, effect.when, effect.needs, effect.looks):
                used |= mentioned(expr)
        elif isinstance(effect, Pure):
            used = mentioned(effect.value)
        elif isinstance(effect, Machine):
            used = ({effect.va, effect.pcid} - {""}) | mentioned(effect.value) | ({effect.into} - {""})
        elif isinstance(effect, Special):
            assert effect.name in LANGUAGE.words
        assert used <= names | GIVEN
    if word.effects and not word.planned:
        events = any(isinstance(e, Load | Store | Locked | Modify | Machine) for e in flat(word.effects))
        assert word.rule or not events, "what makes events says by which rule"
        assert word.source, "what is not planned says where it was read"
        assert "|" not in word.source and not word.source.endswith(".")


def test_words_of_the_kernels_dialect_are_there() -> None:
    expected = """READ_ONCE WRITE_ONCE smp_load_acquire smp_store_release smp_store_mb rcu_dereference
        rcu_assign_pointer smp_mb smp_rmb smp_wmb barrier smp_mb__before_atomic smp_mb__after_atomic
        smp_mb__after_spinlock smp_mb__after_unlock_lock xchg xchg_relaxed cmpxchg_acquire
        spin_lock spin_unlock spin_trylock spin_is_locked atomic_read atomic_set atomic_add_unless
        atomic_fetch_andnot_release atomic_inc_and_test atomic_add_negative atomic64_sub_return_acquire
        test_and_set_bit rcu_read_lock synchronize_rcu call_rcu srcu_read_lock
        synchronize_srcu srcu_read_unlock srcu_down_read srcu_up_read rcu_barrier
        mutex_lock down_read read_unlock"""
    assert all(not WORDS[name].planned for name in expected.split())
    assert not WORDS["kfree_rcu"].planned


def unfolded(name: str) -> set[str]:
    """``a{,_b}(c)`` as ``a(c)`` and ``a_b(c)``."""
    before, brace, rest = name.partition("{")
    if not brace:
        return {name}
    choices, _, behind = rest.partition("}")
    return {before + choice + more for choice in choices.split(",") for more in unfolded(behind)}


@pytest.mark.slow
def test_the_reference_has_every_word() -> None:
    page = reference()
    cells = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    listed = {one for cell in cells for one in unfolded(cell)}
    assert not [w.name for w in WORDS.values() if w.name not in listed and w.signature not in listed]
    assert page == reference()
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}, "every row has five cells"
    assert "\n\n\n" not in page
