"""Hints for words that the vocabulary lacks: they name words that exist and are at least as strong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from verifier.source import Source
from verifier.suite.decide import run
from verifier.suite.options import Options
from verifier.syntax import load
from verifier.words.elsewhere import ELSEWHERE
from verifier.words.table import LOOPS, WORDS, instead, strength

ROOT = Path(__file__).resolve().parents[3]
MENTIONED = re.compile(r"\b([A-Za-z_]\w*)\(")
OF_C = {"while"}


def included(name: str) -> str:
    """The text of an include, and of those that it includes."""
    text = (ROOT / "litmus" / name).read_text()
    return text + "".join(included(inner) for inner in re.findall(r'#include "(.*?)"', text))


def test_it_is_a_table_of_what_is_not_here() -> None:
    assert len(ELSEWHERE) >= 150
    assert not ELSEWHERE.keys() & WORDS.keys()


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_hint_names_what_is_here(name: str) -> None:
    hint = ELSEWHERE[name]
    assert hint
    includes = "".join(included(x) for x in re.findall(r'#include "(.*?)"', hint))
    for word in set(MENTIONED.findall(hint)) - OF_C:
        here = word in LOOPS or (word in WORDS and not WORDS[word].planned)
        assert here or re.search(rf"\b{word}\(", includes), word


TAKEN = [n for n, hint in ELSEWHERE.items() if hint.startswith("define it, or #include")]


@pytest.mark.parametrize("name", TAKEN)
def test_an_include_that_is_named_has_it(name: str) -> None:
    hint = ELSEWHERE[name]
    has = re.search(r"has (\w+)\(", hint)
    text = "".join(included(x) for x in re.findall(r'#include "(.*?)"', hint))
    assert re.search(rf"\b{has.group(1) if has else name}\(", text)


FULL = [
    "__smp_mb", "__mb", "set_mb", "build_cr3",
    "__invlpg", "local_flush_tlb", "sync_core_before_usermode", "kick_all_cpus_sync",
    "native_ptep_get_and_clear", "ptep_modify_prot_start", "pmdp_invalidate", "ptep_clear_flush",
    "kref_get", "get_task_struct", "assign_bit",
    "native_write_msr", "wbinvd", "cr4_set_bits", "mmap_write_lock",
]  # fmt: skip


@pytest.mark.parametrize("name", FULL)
def test_a_full_barrier_gets_one(name: str) -> None:
    words = [w for w in MENTIONED.findall(ELSEWHERE[name]) if w in WORDS]
    assert any(strength(WORDS[w]) == 2 for w in words)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("build_cr3", "load_cr3(mm, pcid)"),
        ("native_read_cr3", "read_cr3()"),
        ("build_cr3_noflush", "load_cr3_noflush(mm, pcid)"),
        ("__invlpg", "invlpg(v)"),
        ("local_flush_tlb_page", "invlpg(v)"),
        ("__flush_tlb", "flush_tlb_local()"),
        ("flush_tlb_global", "__flush_tlb_all()"),
        ("percpu_down_read", "percpu-rwsem.inc"),
        ("wake_up_process", "wait.inc"),
        ("mod_timer", "there are no timers here"),
        ("hrtimer_cancel", "a word says that the handler runs"),
        ("hrtimer_start", "there are no timers here"),
        ("flush_work", "work.inc"),
        ("get_page", "linux/page.inc"),
        ("try_get_folio", "atomic_add_unless(&folio->_refcount, 1, 0)"),
        ("unpin_user_page", "atomic_dec_and_test(&folio->_refcount)"),
        ("folio_lock", "linux/page.inc"),
        ("list_del_init", "linux/list.inc"),
        ("llist_add", "linux/llist.inc"),
        ("raw_spin_unlock_wait", "spin_unlock_wait(&l)"),
        ("swait_active", "waitqueue_active(&wq)"),
        ("call_rcu_tasks", "call_srcu(&s, &head, func)"),
        ("get_task_struct", "refcount_inc(&t.usage)"),
        ("wake_q_add", "linux/wake_q.inc"),
        ("DEFINE_WAKE_Q", "it declares a local"),
        ("wait_for_completion_killable", "linux/wait.inc"),
        ("schedule_on_each_cpu", "not within preempt_disable()"),
        ("wait_event_cmd", "schedule()"),
        ("wake_up_nr", "wake_up_all(&wq)"),
        ("local_lock_nested_bh", "without PREEMPT_RT it does nothing"),
        ("i_size_read", "smp_load_acquire(&inode->i_size)"),
        ("fetch_or", "try_cmpxchg(&x, &old, old | mask)"),
        ("set_mask_bits", "try_cmpxchg(&x, &old, (old & ~mask) | bits)"),
        ("assign_bit", "else clear_bit(nr, &x)"),
        ("atomic_add_negative_acquire", "atomic_add_negative(i, &v)"),
        ("cpumask_equal", "cpumask_test_cpu(cpu, a) == cpumask_test_cpu(cpu, b)"),
        ("cmpxchg16b", "cmpxchg_double(&p->a, &p->b"),
        ("kref_put", "refcount_dec_and_test(&r)"),
        ("mmap_read_lock", "down_read(&mm->mmap_lock)"),
        ("read_seqcount_begin", "seqlock.inc"),
        ("write_seqlock_irqsave", "__write_seqlock_irqsave(sl)"),
        ("ptep_set_access_flags", "set_pte(p, e)"),
        ("ptep_clear_flush", "ptep_get_and_clear(p)"),
        ("ptep_clear_flush", "if pte_present(e) && !pte_protnone(e)"),
        ("ptep_clear_flush_notify", "while another flush is pending, if pte_present(e)"),
        ("huge_ptep_clear_flush", "ptep_get_and_clear(p)"),
        ("pudp_huge_clear_flush", "write pudp_get_and_clear(p), and the flush after it"),
        ("kvm_make_all_cpus_request", "cmpxchg(&mode, IN_GUEST_MODE, EXITING_GUEST_MODE)"),
        ("kvm_make_all_cpus_request", "not found to be OUTSIDE_GUEST_MODE"),
        ("flush_tlb_kernel_range", "on_each_cpu(func, NULL, 1) of a function that does invlpg(v)"),
        ("flush_tlb_batched_pending", "atomic_cmpxchg()"),
        ("set_tlb_ubc_flush_pending", "atomic_inc(&mm->tlb_flush_batched)"),
        ("arch_tlbbatch_add_pending", "cpumask_or(&m, &m, mm_cpumask(mm))"),
        ("pte_clear_soft_dirty", "there is no such bit"),
        ("is_writable_migration_entry", "is_migration_entry(e) && pte_write(e)"),
        ("pte_free_defer", "call_rcu(NULL, func)"),
        ("nmi_uaccess_okay", "this_cpu_read(cpu_tlbstate.loaded_mm)"),
        ("raw_seqcount_try_begin", "raw_read_seqcount(s)"),
        ("do_raw_write_seqcount_begin", "raw_write_seqcount_begin(s)"),
        ("do_raw_write_seqcount_end", "raw_write_seqcount_end(s)"),
        ("page_table_check_pte_set", "without CONFIG_PAGE_TABLE_CHECK it does nothing"),
        ("pmdp_clear_flush_young", "the flush after it if that gives 1"),
        ("pmdp_set_access_flags", "set_pmd(p, e)"),
        ("pmd_modify", "pmd_wrprotect(e)"),
        ("non_swap_entry", "is_migration_entry(e)"),
        ("pmdp_invalidate", "pmdp_establish(vma, v, p, pmd_mkinvalid(pmdp_get(p))), and the flush"),
        ("pmdp_invalidate_ad", "x86 does not flush"),
        ("pte_offset_map_lock", "then spin_lock(&ptl)"),
        ("pte_unmap", "rcu_read_unlock()"),
        ("pmd_off", "pmd(N, v)"),
        ("pfn_pte", "mk_pte(page"),
        ("pmd_large", "pmd_leaf(e)"),
        ("pte_alloc_one", "there is no allocator of tables"),
        ("update_mmu_cache", "nothing on x86"),
        ("kmalloc", "there is no allocator"),
        ("switch_mm", "switch_mm_irqs_off()"),
        ("tlb_gather_mmu", "mmu_gather.inc"),
        ("leave_mm", "tlb-v4.13.inc"),
        ("mmgrab", "sched.inc"),
        ("kick_all_cpus_sync", "smp_mb(), then smp_call_function("),
        ("text_poke_sync", "sync_core()"),
        ("text_poke_bp", "text_poke(&c, INT3), on_each_cpu()"),
        ("static_branch_unlikely", "ifetch(&key)"),
        ("static_branch_enable", "sync_core()"),
        ("stop_machine", "one CPU runs func, and the others wait for it"),
        ("stop_one_cpu", "smp_call_function_single(cpu, func, info, 1)"),
        ("schedule_work", "does not run while this CPU spins"),
        ("queue_work_on", "does not run while that CPU spins"),
        ("smp_call_on_cpu", "does not run while that CPU spins"),
        ("stop_machine", "not within preempt_disable()"),
        ("tasklet_schedule", "waits for no reader of RCU"),
        ("raise_softirq", "apic_icr_write(smp_processor_id(), func)"),
        ("try_get_page", "the LOCK'd operation has no condition"),
        ("folio_ref_try_add", "linux/page.inc"),
        ("invlpgb_flush_addr_nosync", "invlpgb_all() and tlbsync() remove more"),
        ("synchronize_rcu_tasks", "srcu_read_lock_fast(&s)"),
        ("synchronize_rcu_tasks_trace", "these readers have no fence"),
        ("call_rcu_tasks", "srcu_read_lock_fast(&s)"),
        ("rcu_barrier_tasks", "srcu_barrier(&s)"),
        ("rcu_read_unlock_trace", "srcu_read_unlock_fast(&s, idx)"),
        ("memset", "plain stores, one for each object"),
        ("memcmp", "one for each object"),
        ("text_poke_early", "then sync_core()"),
        ("native_cpuid", "write cpuid()"),
        ("sync_core_before_usermode", "with PTI it is nothing"),
        ("mmap_write_unlock", "mm->mm_lock_seq"),
        ("resched_curr", "polls the flags"),
        ("mcs_spin_unlock", "a plain store"),
        ("get_state_synchronize_rcu", "write smp_mb()"),
        ("unpin_user_page", "a pin is one reference here"),
        ("smp_send_reschedule", "write apic_icr_write_mmio(cpu, func)"),
        ("native_apic_icr_write", "write apic_icr_write_mmio(cpu, func)"),
        ("x2apic_send_IPI", "mfence() and lfence()"),
        ("resched_cpu", "spin_lock_irqsave(&l, flags)"),
        ("flush_tlb", "flush_tlb_mm_range(mm)"),
        ("cr4_set_bits", "if not, serialize()"),
        ("get_cpu_ptr", "preempt_disable()"),
        ("vma_start_read", "down_read_trylock()"),
        ("rcuwait_wake_up", "rcuwait.inc"),
        ("refcount_dec_and_lock", "refcount_dec_not_one(&r)"),
        ("rwsem_is_locked", "READ_ONCE(s) != 0"),
        ("in_interrupt", "pass 1 from a handler"),
        ("need_resched", "test_bit(nr, &flags)"),
        ("get_user", "user_read(v)"),
        ("ACCESS_ONCE", "READ_ONCE(x)"),
        ("call_rcu_lazy", "call_rcu(x, func)"),
        ("down_timeout", "with a time-out nobody waits for ever"),
        ("msleep", "schedule_timeout_uninterruptible(1)"),
        ("swait_event_exclusive", "wait_event(wq, c)"),
        ("smp_mb_", "'smp_mb'?"),
        ("smb_mb", "'smp_mb'?"),
        ("smp_mmb", "'smp_mb'?"),
        ("smpmb", "'smp_mb'?"),
        ("READONCE", "'READ_ONCE'?"),
        ("pte_presnt", "'pte_present'?"),
        ("srcu_read_lok", "'srcu_read_lock'?"),
        ("rcu_barrierr", "'rcu_barrier'?"),
        ("kfree_rcuu", "'kfree_rcu'?"),
        ("pte_get_and_clear", "'ptep_get_and_clear'?"),
        ("get_pgae", "there is no get_page() either; define it, or #include"),
        ("build_crr3", "there is no build_cr3() either; write load_cr3"),
    ],
)
def test_the_right_hint(name: str, says: str) -> None:
    assert name not in WORDS and says in instead(name)


STOPPED = """MM t
{ atomic_t in; int done; int x; int y; }
void stopped(void *info) {
    atomic_inc(&in);
    while (atomic_read(&in) < 2) cpu_relax();
    if (smp_processor_id() == 0) { WRITE_ONCE(x, 1); WRITE_ONCE(y, 1); smp_store_release(&done, 1); }
    else while (!smp_load_acquire(&done)) cpu_relax();
}
P0 { smp_call_function(stopped, NULL, 0); local_irq_disable(); stopped(NULL); local_irq_enable(); }
P1 { local_irq_disable(); r0 = READ_ONCE(x); r1 = READ_ONCE(y); local_irq_enable(); }
exists (1:r0 != 1:r1)
"""


def test_a_machine_is_stopped_as_the_hint_says() -> None:
    """A window with interrupts off sees all of what is done meanwhile, or nothing; nobody hangs."""
    (test,) = load(Source("t", STOPPED))
    verdict = run(test, Options(judge="both"))
    assert verdict.observation == "never" and not verdict.hangs


def outcome(text: str) -> bool:
    """May a test's condition hold?"""
    (test,) = load(Source("t", f"MM t\n{text}"))
    return run(test, Options(judge="both")).observation == "sometimes"


def test_a_softirq_that_is_written_as_the_hint_says_waits_for_no_reader() -> None:
    assert outcome("""{ int p = 1; int d = 1; }
void softirq(void *x) { WRITE_ONCE(d, 66); }
P0 { WRITE_ONCE(p, 0); smp_mb(); apic_icr_write(smp_processor_id(), softirq); }
P1 { rcu_read_lock(); if (READ_ONCE(p)) r1 = READ_ONCE(d); rcu_read_unlock(); }
exists (1:r1 = 66)
""")


@pytest.mark.parametrize("takes", ["if (atomic_read(&ref) > 0) { atomic_inc(&ref); r0 = 1; }"])
def test_a_page_that_is_taken_as_the_hint_says_may_be_free(takes: str) -> None:
    assert outcome(f"""{{ atomic_t ref = 1; int page = 1; }}
P0 {{ if (atomic_dec_and_test(&ref)) WRITE_ONCE(page, 66); }}
P1 {{ r0 = 0; {takes} r1 = READ_ONCE(page); }}
exists (1:r0 = 1 /\\ 1:r1 = 66)
""")


def test_readers_that_are_written_as_the_hint_for_tasks_says_have_no_fence() -> None:
    assert outcome("""{ int x; int y; struct srcu_struct s; }
P0 { int i; WRITE_ONCE(x, 1); i = srcu_read_lock_fast(&s); r0 = READ_ONCE(y); srcu_read_unlock_fast(&s, i); }
P1 { WRITE_ONCE(y, 1); smp_mb(); r0 = READ_ONCE(x); }
exists (0:r0 = 0 /\\ 1:r0 = 0)
""")


@pytest.mark.parametrize(
    "name",
    [
        "frobnicate",
        "smp_read_acquire",
        "read_mb",
    ],
)
def test_no_hint_is_better_than_a_wrong_one(name: str) -> None:
    assert instead(name) == ""


def misspellings(word: str) -> Iterator[str]:
    """One letter left out, doubled, or swapped with the next."""
    for i in range(1, len(word)):
        yield word[:i] + word[i + 1 :]
        yield word[:i] + word[i] + word[i:]
        yield word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :]


BARRIERS = [w.name for w in WORDS.values() if w.group == "Barriers"]
SOME = [*BARRIERS, *[w.name for w in WORDS.values() if not w.planned and w.name not in BARRIERS][::80]]


@pytest.mark.slow
@pytest.mark.parametrize("word", SOME)
def test_a_misspelt_word_gets_no_weaker_one(word: str) -> None:
    for wrong in set(misspellings(word)) - WORDS.keys() - ELSEWHERE.keys():
        for named in re.findall(r"'(\w+)'", instead(wrong)):
            assert not WORDS[named].planned
            if word in BARRIERS and WORDS[named].group == "Barriers":
                assert strength(WORDS[named]) >= strength(WORDS[word]), (wrong, named)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("KVM_BUG_ON", "WARN_ON(c)"), ("drm_WARN_ON", "WARN_ON(c)"), ("XFS_BUG_ON_THING", "WARN_ON(c)"),
        ("writel", "not modelled"), ("readl", "not modelled"), ("iowrite32", "not modelled"),
        ("outb", "not modelled"), ("vmrun", "not modelled"), ("vmlaunch", "not modelled"),
        ("invept", "not modelled"), ("clac", "leave it out"), ("stac", "leave it out"),
        ("cmpxchg_user", "try_cmpxchg(v, &old, new)"), ("this_cpu_cpumask_var_ptr", "this_cpu_ptr(&m)"),
    ],
)  # fmt: skip
def test_what_hosts_and_drivers_call_is_told(name: str, says: str) -> None:
    assert says in instead(name)
    assert "either" not in instead(name)


def test_no_flush_stands_for_one_of_nested_tables() -> None:
    for name in ("invept", "invvpid", "ept_sync_global"):
        assert "no flush here stands for" in instead(name)
