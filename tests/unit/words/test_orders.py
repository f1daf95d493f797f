"""Every word of the vocabulary between a store and a load: is it a fence there, and on which path?

The table was read from the kernel's sources, by the functions that docs/vocabulary.md names, and not from
the rows. A word that it does not know fails the test, and so does a pattern that no word needs.
"""

from __future__ import annotations

import re

import pytest

from tests.words import arguments, called, text
from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.rows import Word
from verifier.words.table import WORDS, orders

pytestmark = pytest.mark.slow  # together, these take many seconds

_COUNTER, _ORDER = r"atomic(64|_long)?_", "(_relaxed|_acquire|_release)?"

# A LOCK'd instruction (XCHG is one), a fence for loads, or a serializing instruction on every path.
FENCES = rf"""
(smp|virt|dma)_mb mb mfence (smp|virt)_store_mb (try_)?(cmp)?xchg{_ORDER}
(try_)?cmpxchg64 (try_)?cmpxchg128{_ORDER} sync_cmpxchg cmpxchg_double
(clear_bit|xor)_unlock_is_negative_byte
{_COUNTER}(add|sub|and|or|xor|andnot|inc|dec) {_COUNTER}fetch_(add|sub|and|or|xor|andnot|inc|dec){_ORDER}
{_COUNTER}(add|sub|inc|dec)_return{_ORDER} {_COUNTER}(try_)?(cmp)?xchg{_ORDER}
{_COUNTER}(inc|dec|sub)_and_test {_COUNTER}add_negative(_relaxed)?
refcount_(add|inc|dec|sub_and_test|dec_and_test|dec_if_one)
(test_and_)?(set|clear|change)_bit test_and_set_bit_lock clear_bit_unlock bit_spin_((un)?lock|trylock)
wait_on_bit_lock
(raw_)?spin_lock(_irq|_irqsave|_bh)? mutex_(un)?lock (read|write)_lock(_irq|_irqsave|_bh)?
(raw_)?spin_lock(_nested|_nest_lock|_irqsave_nested) mutex_lock_(io|nest_lock|nested|io_nested)
mutex_lock_(killable|interruptible)(_nested)? down_(read|write)_(nested|killable) down_read_interruptible
down(_trylock|_interruptible|_killable)? up
read_unlock(_irq|_irqrestore|_bh)? (down|up)_(read|write) downgrade_write
synchronize_(rcu|rcu_expedited|rcu_bh|sched|sched_expedited|net|srcu|srcu_expedited)
srcu_barrier rcu_barrier(_sched|_bh)? (ct_idle|ct_cpuidle|rcu_idle)_(enter|exit)
srcu_read_(un)?lock(_notrace|_nmisafe)? srcu_(down|up)_read cpumask_(test_and_)?(set|clear)_cpu
p..?p_((huge_)?get_and_clear|xchg|cmpxchg) p..p_set_wrprotect ptep_try_set p[mu]dp_establish
load_cr3(_noflush)? (native_|__native_)?write_cr3 invlpg (__)?flush_tlb_one_(user|kernel)
__flush_tlb_(one|single) native_flush_tlb_one_user __native_flush_tlb_single
flush_tlb_local native_flush_tlb_(local|global) __flush_tlb_(local|global)
__flush_tlb_all cr4_toggle_pge tlbsync
invpcid(_flush_(one|single_context|all|all_nonglobals))? sync_core cpuid serialize iret wrmsr[lq]?
""".split()

# Nothing that holds the load back: plain loads and stores, and instructions that order less.
PLAIN = rf"""
READ_ONCE WRITE_ONCE smp_load_acquire smp_store_release lockless_dereference
rcu_dereference(_raw|(_bh|_sched)?(_check)?|_protected)? rcu_replace_pointer
rcu_assign_pointer rcu_access_pointer RCU_INIT_POINTER data_race smp_cond_load_(acquire|relaxed)
virt_(load_acquire|store_release) atomic(64|_long)?_cond_read_(acquire|relaxed) readx?_poll_timeout(_atomic)?
wait_on_bit pmem_wmb io_stop_wc barrier_nospec array_index_nospec test_bit_acquire __clear_bit_unlock
(try_)?cmpxchg_local cmpxchg64_local cmpxchg_double_local (this|__this|raw)_cpu_(try_cmpxchg|cmpxchg_double)
(try_)?cmpxchg128_local (this|raw)_cpu_(try_)?cmpxchg128 (k|kv|v)free kv?free_rcu(_mightsleep)?
local(64)?_(read|set|add|sub|inc|dec|((add|sub|inc|dec)_return)|((sub|inc|dec)_and_test)|add_negative)
local(64)?_((try_)?cmpxchg|xchg|add_unless|inc_not_zero)
__pa __sme_pa __(native_)?read_cr3 read_cr3_pa preemptible
movnti clflush(opt)? clwb [ls]fence [rw]mb (smp|dma|virt)_[rw]mb barrier smp_read_barrier_depends
smp_mb__(before_atomic|after_atomic|after_spinlock|after_unlock_lock) smp_acquire__after_ctrl_dep
{_COUNTER}(read(_acquire)?|set(_release)?) refcount_(read|set) test_bit __(test_and_)?(set|clear|change)_bit
__bit_spin_unlock wrmsrns
(raw_)?spin_unlock(_irq|_irqrestore|_bh)? (raw_)?spin_is_locked (raw_)?spin_lock_init
mutex_is_locked sema_init local_(un)?lock(_irq|_irqsave|_irqrestore)? write_unlock(_irq|_irqrestore|_bh)?
rcu_read_(un)?lock(_sched|_bh|_sched_notrace)? (preempt|local_bh)_(en|dis)able preempt_enable_no_resched
call_rcu(_hurry|_sched|_bh)? spin_unlock_wait guest(_context|_state)?_(enter|exit)_irqoff
srcu_read_(un)?lock_(lite|fast(_updown|_notrace)?) srcu_(down|up)_read_fast
call_srcu srcu_dereference(_notrace|_check)? smp_mb__after_srcu_read_unlock
(this|__this|raw)_cpu_(read|write|x?chg|cmpxchg|xchg|and|or|(add|sub|inc|dec)(_return)?) (this|per)_cpu_ptr
per_cpu (raw_)?smp_processor_id (get|put)_cpu num_online_cpus __cpumask_(set|clear)_cpu
cpumask_(test_cpu|of|empty|full|weight|first|any|any_but|and|andnot|or|copy|clear|setall) mm_cpumask
pte|pmd|pud|p4d|pgd set_p(te|md|ud|4d|gd) set_p(te|md|ud)_at
p..?_(clear|none|present|populate|leaf|page|same) p..?p_get(_lockless)? mk_pte
pte_(exec|user|global) p[tmu][ed]_(write|dirty|young|wrprotect|mkwrite|mkold|mkyoung|mkclean|mkdirty)
pmd_mk(invalid|notpresent) p.._(addr_end|val|bad|huge|access_permitted)
p[4um]d_offset(_lockless)? pgd_offset pte_offset_kernel
p[mu]d_trans_huge virt_to_(page|ptdesc)
(load_cr3(_noflush)?|inv(lpg|pcid_.*)|(__)?flush_tlb_.*|cr4_toggle_pge)_relaxed
cpu_online (z?alloc|free)_cpumask_var task_rcu_dereference
read_(cr3|pcid) invlpgb(_final|_all)? translate user_(read|write) ifetch text_poke jump
local_irq_(disable|enable|save|restore) irqs_disabled apic_(icr_write|send_nmi)(_mmio)?
p[tm][de]_protnone is_swap_p[tm][de] p[tm][de]_to_swp_entry swp_entry_to_p[tm][de] is_(pmd_)?migration_entry
softleaf_(from_p(te|md)|to_(pte|page)|is_(none|swap|migration)) pmd_is_migration_entry
pfn_swap_entry_to_page make_(read|writ)able_migration_entry pte_clear_not_present_full ptep_clear
wait_(var_)?event(_interruptible|_killable|_idle|_freezable)?(_timeout)?
WARN(_ON)?(_ONCE)? BUG_ON (un)?likely cpu_relax cond_resched cant_migrate might_sleep
(ERR|PTR)_(PTR|ERR|CAST) PTR_ERR_OR_ZERO IS_ERR(_OR_NULL|_VALUE)? ARRAY_(SIZE|END) (min|max|clamp)(_t)?
lockdep_assert_(irqs_disabled|irqs_enabled|preemption_disabled|held) (migrate|pagefault)_(en|dis)able
""".split()

# A plain load, and nothing more where it finds the first value; a LOCK'd operation where the second.
LOOKS = {
    rf"{_COUNTER}(fetch_)?add_unless": (1, 3),
    rf"{_COUNTER}inc_not_zero": (0, 3),
    rf"{_COUNTER}inc_unless_negative": (-1, 0),
    rf"{_COUNTER}(dec_unless_positive)": (1, 0),
    rf"{_COUNTER}dec_if_positive": (0, 3),
    r"refcount_(add|inc)_not_zero": (0, 3),
    r"refcount_dec_not_one": (1, 3),
    r"(raw_)?spin_trylock(_irq|_irqsave|_bh)?|mutex_trylock|(down_)?write_trylock(_irqsave)?": (1, 0),
    r"(down_)?read_trylock": (-1, 0),
    r"p[tmu][de]p_test_and_clear_(young|dirty)": ("mk_pte(A, old | clean)", "A"),
}

# Fences for whom they call; litmus/words/19.3-*.litmus look at those who call nobody.
CALLS = {"smp_call_function_single", "smp_call_function_many", "smp_call_function", "on_each_cpu",
         "on_each_cpu_mask", "on_each_cpu_cond", "on_each_cpu_cond_mask"}  # fmt: skip
# They take runs away, or end a handler; litmus/mmu/8.11-halt.litmus has halts.
ELSEWHERE = {"assume", "model_limit", "halt", "safe_halt", "sysret"}


def matching(patterns: object, name: str) -> list[str]:
    """The patterns that a word's whole name matches."""
    return [p for p in patterns if re.fullmatch(p, name)]  # type: ignore[attr-defined]


def observed(word: Word, value: object = 0) -> str:
    """Store buffering with the word on one side: ``never`` if it is a fence there."""
    (test,) = load(Source(word.name, text(word, f"{called(word.name, arguments(word))};", value)))
    return run(test, Options(witnesses=False)).observation


COUNTS = {"down", "down_interruptible", "down_killable"}  # they wait where the count is 0
NAMES = [w.name for w in WORDS.values() if not w.planned and w.name not in CALLS | ELSEWHERE]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_word_orders(name: str) -> None:
    fence, plain, looks = (matching(table, name) for table in (FENCES, PLAIN, LOOKS))
    if looks:
        stops, goes = LOOKS[looks[0]]
        assert observed(WORDS[name], stops) == "sometimes", "where it looks and gives up it is a load"
        assert observed(WORDS[name], goes) == "never", "where it goes on it is LOCK'd"
        return
    assert bool(fence) != bool(plain), "read its function, and put it where it belongs"
    value = 1 if name in COUNTS else 0
    assert observed(WORDS[name], value) == ("never" if fence else "sometimes")


@pytest.mark.parametrize("name", NAMES)
def test_what_the_reader_is_told_is_so(name: str) -> None:
    fence, looks = matching(FENCES, name), matching(LOOKS, name)
    told = orders(WORDS[name])
    all_ = told == "all" or (told == "all, if it serializes" and name.startswith("wrmsr"))
    assert (all_, told == "all, if it goes on") == (bool(fence), bool(looks))


@pytest.mark.parametrize("name", sorted(CALLS))
def test_calls_order_if_they_call(name: str) -> None:
    assert orders(WORDS[name]) == "all, if it calls a CPU"


def test_no_pattern_is_left_over() -> None:
    unused = [p for p in (*FENCES, *PLAIN, *LOOKS) if not any(re.fullmatch(p, n) for n in NAMES)]
    assert not unused
    assert set(WORDS) >= CALLS | ELSEWHERE
