"""Words of mm code that this vocabulary lacks: what to write instead, or that there is no such thing.

Each hint says what the word is on x86 in words that are here, or where a test gets it from. A hint never
names a weaker barrier than the word is. Sources: arch/x86/include/asm (barrier.h, tlbflush.h, pgtable.h,
special_insns.h), include/asm-generic/barrier.h, include/linux (mm.h, mm_types.h, page_ref.h, kref.h,
percpu-rwsem.h, rwsem.h, seqlock.h, smp.h, swapops.h, kvm_host.h, page_table_check.h), virt/kvm/kvm_main.c,
arch/x86/kernel (smp.c, apic/), arch/x86/mm (pgtable.c, tlb.c), mm/pgtable-generic.c, mm/rmap.c,
kernel/stop_machine.c, kernel/jump_label.c, lib/refcount.c. Versions are from memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from verifier.patterns import pattern
from verifier.words.hosts_elsewhere import HOSTS
from verifier.words.waits_elsewhere import WAITS

# Hints, each with the words that it is for, indented.
_TABLE = """\
write smp_mb(), which it is on x86
    __smp_mb
write mb(), which it is on x86, or smp_mb() for memory alone
    __mb __dma_mb
write smp_rmb(): on x86 it is for the compiler only
    __smp_rmb
write smp_wmb(): on x86 it is for the compiler only
    __smp_wmb smp_mb__before_spinlock
write smp_store_mb(x, e)
    set_mb __smp_store_mb
write smp_load_acquire(&x)
    __smp_load_acquire
write smp_store_release(&x, e)
    __smp_store_release
write barrier(), which it is on x86
    smp_mb__after_switch_mm mmiowb barrier_data OPTIMIZER_HIDE_VAR
write barrier(): it does nothing on x86
    read_barrier_depends
write smp_mb__before_atomic(); the LOCK'd operation is the barrier
    smp_mb__before_clear_bit smp_mb__before_atomic_inc smp_mb__before_atomic_dec
write smp_mb__after_atomic(); the LOCK'd operation is the barrier
    smp_mb__after_clear_bit smp_mb__after_atomic_inc smp_mb__after_atomic_dec
write lfence(), which it is on x86
    rdtsc_ordered speculation_barrier
write mfence() and lfence(), which it is on Intel; nothing on AMD
    weak_wrmsr_fence
write cpu_relax()
    rep_nop native_pause cpu_relax_yield cpu_relax_lowlatency
write load_cr3(mm, pcid); or write_cr3(__pa(mm->pgd) | pcid)
    build_cr3
write load_cr3_noflush(mm, pcid); or write_cr3(__pa(mm->pgd) | pcid | CR3_NOFLUSH)
    build_cr3_noflush
write read_cr3(), or __read_cr3()
    native_read_cr3
write flush_tlb_local()
    local_flush_tlb __flush_tlb __native_flush_tlb
    native_flush_tlb local_flush_tlb_mm
write __flush_tlb_all()
    flush_tlb_global local_flush_tlb_all
    __native_flush_tlb_global
write invlpg(v)
    local_flush_tlb_page __invlpg flush_tlb_one
write invpcid(type, pcid, v)
    __invpcid
write invlpgb(pcid, v), and tlbsync() to wait for it
    __invlpgb invlpgb_flush_user_nr_nosync __invlpgb_flush_user_nr_nosync
there is no INVLPGB of one address with its globals, for all PCIDs; invlpgb_all() and tlbsync() remove more
    invlpgb_flush_addr_nosync __invlpgb_flush_addr_nosync
write invlpgb(pcid), and tlbsync() to wait for it
    invlpgb_flush_single_pcid_nosync __invlpgb_flush_single_pcid_nosync invlpgb_flush_single_pcid
write invlpgb_all(), and tlbsync() to wait for it
    invlpgb_flush_all __invlpgb_all
there is no INVLPGB of all but globals here; invlpgb_all() removes more
    invlpgb_flush_all_nonglobals
write tlbsync()
    __tlbsync native_tlbsync
write cr4_toggle_pge() if it changes PGE, which flushes; if not, serialize(), which is all that it does then
    write_cr4 __write_cr4 native_write_cr4 cr4_set_bits cr4_clear_bits cr4_update_irqsoff
there is only cr4_toggle_pge() to write CR4 here
    read_cr4 __read_cr4 load_mm_cr4
write this_cpu_read(cpu_tlbstate.loaded_mm) == mm of the CPU's task: in the middle of a switch it is no mm
    nmi_uaccess_okay
write this_cpu_read(cpu_tlbstate.cr4), where the kernel keeps what it has written to CR4
    cr4_read_shadow
define it, or take it from the kernel: #include "linux/tlb-v6.15.inc" has flush_tlb_mm_range(mm)
    flush_tlb_mm flush_tlb_mm_range flush_tlb_others flush_tlb_multi native_flush_tlb_others
    native_flush_tlb_multi flush_pmd_tlb_range flush_hugetlb_tlb_range
    arch_tlbbatch_flush try_to_unmap_flush flush_tlb flush_tlb_current_task
define it: if more is pending in mm->tlb_flush_batched than is flushed, flush_tlb_mm_range(mm), which
#include "linux/tlb-v6.15.inc" has, then atomic_cmpxchg() of what was read to what is pending
    flush_tlb_batched_pending
define it: inc_mm_tlb_gen(mm), which #include "linux/tlb-v6.15.inc" has, then
cpumask_or(&m, &m, mm_cpumask(mm)) for the mask m of the batch
    arch_tlbbatch_add_pending
define it: of an entry that can be in a TLB, inc_mm_tlb_gen(mm), which #include "linux/tlb-v6.15.inc" has,
then cpumask_or(&m, &m, mm_cpumask(mm)) for the mask m of the batch, then atomic_inc(&mm->tlb_flush_batched)
    set_tlb_ubc_flush_pending
define it, or take it from the kernel: #include "linux/tlb-v6.15-range.inc" has flush_tlb_page(mm, addr)
    flush_tlb_page flush_tlb_range
define it: on_each_cpu() of a function that is __flush_tlb_all()
    flush_tlb_all
define it: on_each_cpu(func, NULL, 1) of a function that does invlpg(v) for each page; for many pages
__flush_tlb_all()
    flush_tlb_kernel_range flush_tlb_kernel_page
define it, or #include "linux/tlb-v6.15.inc", which has switch_mm_irqs_off()
    switch_mm activate_mm use_mm
define it, or #include "linux/tlb-v6.15.inc"
    switch_mm_irqs_off enter_lazy_tlb load_new_mm_cr3 inc_mm_tlb_gen
define it, or #include "linux/tlb-v4.13.inc"
    leave_mm
define it: what an ASID still has is what invpcid_flush_single_context() removes
    invalidate_user_asid clear_asid_other choose_new_asid
define it, or #include "linux/mmu_gather.inc"
    tlb_gather_mmu tlb_finish_mmu tlb_remove_table tlb_remove_table_sync_one inc_tlb_flush_pending
    dec_tlb_flush_pending mm_tlb_flush_nested tlb_table_invalidate broadcast_tlb_flush
define it; #include "linux/mmu_gather.inc" has the gather's parts
    tlb_flush tlb_flush_mmu tlb_flush_mmu_tlbonly tlb_remove_page pte_free_tlb pmd_free_tlb
    mm_tlb_flush_pending free_pgtables tlb_remove_tlb_entry
write set_pte(p, e)
    native_set_pte native_set_pte_at set_pte_atomic set_pte_safe __set_pte ptep_modify_prot_commit
write set_pte(p, e) for each entry: it is one plain store each
    set_ptes
write set_pmd(p, e)
    native_set_pmd
write pte_clear(p)
    native_pte_clear pte_clear_full
write ptep_get(p)
    huge_ptep_get
write ptep_get_and_clear(p)
    native_ptep_get_and_clear huge_ptep_get_and_clear ptep_modify_prot_start
write ptep_get_and_clear(p); if full is set, it is ptep_get(p) and pte_clear(p)
    ptep_get_and_clear_full
write ptep_get_and_clear(p), and the flush after it if pte_present(e) && !pte_protnone(e) of what that gives;
while another flush is pending, if pte_present(e)
    ptep_clear_flush ptep_clear_flush_notify huge_ptep_clear_flush
write pudp_get_and_clear(p), and the flush after it
    pudp_huge_clear_flush pudp_huge_clear_flush_notify
write pmdp_get_and_clear(p), and the flush after it
    pmdp_huge_clear_flush pmdp_collapse_flush pmdp_huge_clear_flush_notify pmdp_clear_flush
write pmdp_establish(vma, v, p, pmd_mkinvalid(pmdp_get(p))), and the flush after it; up to v4.15 a plain
set_pmd_at() of pmd_mkinvalid(pmdp_get(p))
    pmdp_invalidate
write pmdp_establish(vma, v, p, pmd_mkinvalid(pmdp_get(p))): x86 does not flush
    pmdp_invalidate_ad
write pudp_establish(vma, v, p, pmd_mkinvalid(pudp_get(p))), and the flush after it
    pudp_invalidate
write ptep_test_and_clear_young(p): x86 does not flush
    ptep_clear_flush_young ptep_clear_young_notify
write pmdp_test_and_clear_young(p), and the flush after it if that gives 1
    pmdp_clear_flush_young
write ptep_get(p), and set_pte(p, e) if the entry differs and is to be dirty
    ptep_set_access_flags
write pmdp_get(p), and set_pmd(p, e) if the entry differs and is to be dirty
    pmdp_set_access_flags
write pte(T, v), or pte_offset_kernel(p, v) of a pointer to the upper entry
    pte_offset virt_to_kpte
write pte(T, v), or pte_offset_kernel(p, v) of a pointer to the upper entry; since v6.6 after rcu_read_lock()
    pte_offset_map pte_offset_map_nolock pte_offset_map_ro_nolock
write pte(T, v), or pte_offset_kernel(p, v) of a pointer to the upper entry; then spin_lock(&ptl); since v6.6
all this after rcu_read_lock()
    pte_offset_map_lock
write pmd(N, v), or pmd_offset(p, v) of a pointer to the entry above
    pmd_off pmd_off_k
write pgd_offset(mm, v)
    pgd_offset_pgd pgd_offset_k
write rcu_read_unlock(), which it is since v6.6; before, it does nothing on x86-64
    pte_unmap
leave it out: nothing is mapped by hand here
    kmap kunmap kmap_local_page kunmap_local
declare a spinlock_t, and write spin_lock(&ptl)
    pte_lockptr pmd_lockptr pmd_lock pmd_trans_huge_lock
write spin_unlock(&ptl), and since v6.6 rcu_read_unlock() after it
    pte_unmap_unlock
write pte_page(e)
    pte_pfn pte_folio vm_normal_page vm_normal_folio
write pmd_page(e)
    pmd_pfn pmd_folio
write mk_pte(page, attributes)
    pfn_pte mk_pmd pfn_pmd mk_huge_pte folio_mk_pte folio_mk_pmd __pte pte_mkspecial pte_mkglobal
write pte_wrprotect(e) or pte_mkwrite(e), which leave A and D as they are; or mk_pte(page, attributes)
    pte_modify
write pmd_wrprotect(e) or pmd_mkwrite(e), which leave A and D as they are; or mk_pte(page, attributes)
    pmd_modify
write pte_mkwrite(e)
    pte_mkwrite_novma
write pmd_mkwrite(e)
    pmd_mkwrite_novma
leave it out: a page in an upper entry is a large page
    pmd_mkhuge pud_mkhuge
write mk_pte(page, migration)
    make_migration_entry make_device_private_entry
write mk_pte(page, swap)
    swp_entry
write is_migration_entry(e) && pte_write(e)
    is_writable_migration_entry softleaf_is_migration_write
write is_migration_entry(e) && !pte_write(e)
    is_readable_migration_entry softleaf_is_migration_read
write is_migration_entry(e): the others are not here
    non_swap_entry
write pfn_swap_entry_to_page(e)
    migration_entry_to_page swp_offset_pfn pfn_swap_entry_folio
write softleaf_to_page(e)
    softleaf_to_folio softleaf_to_pfn
write pmd_leaf(e)
    pmd_large pud_large
write pte_present(e) && !pte_protnone(e); while a flush is pending, pte_present(e)
    pte_accessible
write pmd_none(e) || pmd_leaf(e)
    pmd_none_or_clear_bad pmd_none_or_trans_huge_or_clear_bad
entries are compared by ==; there are no numbers of entries here
    __pgd
a page is its name, such as A; there are no numbers of pages here
    page_to_pfn pfn_to_page page_address __va page_folio virt_to_phys phys_to_virt
there is no such bit of entries here: the walker does not look at it
    pte_special pte_soft_dirty pte_mksoft_dirty pte_clear_soft_dirty pte_uffd_wp pte_mkuffd_wp
    pte_clear_uffd_wp pte_devmap pte_swp_soft_dirty pte_swp_mksoft_dirty pte_swp_clear_soft_dirty
    pte_swp_uffd_wp pte_swp_mkuffd_wp pte_swp_clear_uffd_wp
    pmd_devmap pmd_special pmd_soft_dirty pmd_mksoft_dirty pmd_clear_soft_dirty pmd_uffd_wp pmd_mkuffd_wp
    pmd_clear_uffd_wp pmd_swp_soft_dirty pmd_swp_mksoft_dirty pmd_swp_clear_soft_dirty
leave it out: it does nothing on x86
    update_mmu_cache update_mmu_cache_range flush_cache_range flush_cache_page flush_cache_mm
    flush_dcache_page flush_icache_range flush_icache_page flush_dcache_folio arch_enter_lazy_mmu_mode
    arch_leave_lazy_mmu_mode lazy_mmu_mode_enable lazy_mmu_mode_disable lazy_mmu_mode_pause
    lazy_mmu_mode_resume flush_tlb_before_set
leave it out: without CONFIG_PAGE_TABLE_CHECK it does nothing; with it, it counts who maps a page
    page_table_check_pte_set page_table_check_ptes_set page_table_check_pmd_set page_table_check_pud_set
    page_table_check_pte_clear page_table_check_pmd_clear page_table_check_pud_clear
there is no allocator of tables here: declare table T, and write pmd_populate(mm, p, T)
    pte_alloc pte_alloc_one pmd_alloc pud_alloc __pte_alloc pte_alloc_map_lock pmd_install
there is no allocator here: what becomes of a freed table is what somebody stores into it
    pte_free pmd_free __free_pages free_page __free_page free_pages free_unref_page put_pages_list
    pagetable_free
there is no allocator here: write call_rcu(NULL, func) of a func that stores into the table what becomes of it
    pte_free_defer
write kfree(p)
    kmem_cache_free kfree_sensitive kzfree kfree_bulk
there is none that waits for kfree_rcu(): write call_rcu(&p->rcu, f) with an f that calls kfree(), and
rcu_barrier()
    kvfree_rcu_barrier
there is no allocator here: declare what is used in the initial state
    kmalloc kzalloc kvmalloc vmalloc alloc_page alloc_pages get_zeroed_page __get_free_page kmem_cache_alloc
    folio_alloc alloc_percpu
define it, or #include "linux/page.inc"
    get_page folio_get page_ref_inc page_ref_add folio_ref_inc folio_ref_add put_page folio_put
    page_ref_dec_and_test put_page_testzero folio_put_testzero page_ref_sub_and_test get_page_unless_zero
    folio_try_get page_ref_add_unless page_count page_ref_count folio_ref_count page_ref_freeze
    folio_ref_freeze page_ref_unfreeze folio_ref_unfreeze page_cache_get_speculative folio_ref_try_add
define it: 0 if atomic_read(&page->_refcount) <= 0; else atomic_inc(&page->_refcount), and 1: the count may
have become 0 since the look, as the LOCK'd operation has no condition
    try_get_page
define it: -ENOMEM if atomic_read(&page->_refcount) <= 0; else atomic_inc(&page->_refcount), and 0, as its
last forms do (mm/gup.c)
    try_grab_page try_grab_folio
write folio_try_get(folio), after #include "linux/page.inc": atomic_add_unless(&folio->_refcount, 1, 0)
    try_get_folio try_grab_folio_fast
write folio_put(folio), after #include "linux/page.inc": atomic_dec_and_test(&folio->_refcount); a pin is one
reference here, where the kernel's may count 1024
    unpin_user_page
give the page a counter, page A { ._mapcount = 0 }, and write atomic_read(&A->_mapcount)
    page_mapcount folio_mapcount
write refcount_inc(&r)
    kref_get
write refcount_dec_and_test(&r)
    kref_put
write refcount_inc_not_zero(&r)
    kref_get_unless_zero
give the task a counter, struct task_struct t { .usage = 1 }, and write refcount_inc(&t.usage)
    get_task_struct
give the task a counter, struct task_struct t { .usage = 1 }, and write refcount_dec_and_test(&t.usage)
    put_task_struct
define it: 0 if refcount_dec_not_one(&r); if not, spin_lock(&l) and refcount_dec_and_test(&r), and
spin_unlock(&l) where that gives 0
    refcount_dec_and_lock refcount_dec_and_lock_irqsave
define it: 0 if refcount_dec_not_one(&r); if not, mutex_lock(&l) and refcount_dec_and_test(&r), and
mutex_unlock(&l) where that gives 0
    refcount_dec_and_mutex_lock
define it: 0 if atomic_add_unless(&v, -1, 1); if not, spin_lock(&l) and atomic_dec_and_test(&v), and
spin_unlock(&l) where that gives 0
    atomic_dec_and_lock _atomic_dec_and_lock
define it, or #include "linux/sched.inc"
    mmgrab mmdrop kthread_use_mm finish_task_switch __schedule
give the mm a counter, mm N { .mm_users = 1 }, and write atomic_inc(&N->mm_users)
    mmget
give the mm a counter, mm N { .mm_users = 1 }, and write atomic_dec_and_test(&N->mm_users)
    mmput mmput_async
give the mm a counter, mm N { .mm_users = 1 }, and write atomic_inc_not_zero(&N->mm_users)
    mmget_not_zero
define it, or #include "linux/page.inc"
    lock_page trylock_page folio_lock folio_trylock unlock_page folio_unlock folio_wait_locked
    wait_on_page_locked folio_test_locked PageLocked
give the page a word of flags, and write set_bit(nr, &A->flags)
    SetPageDirty set_page_dirty folio_set_dirty SetPageUptodate folio_mark_dirty
give the page a word of flags, and write test_bit(nr, &A->flags)
    PageDirty folio_test_dirty PageUptodate PageAnon
write smp_call_function_single(cpu, func, info, 0)
    generic_exec_single
write smp_call_function_single(cpu, func, info, wait) of a CPU of the mask, its own if that is in it
    smp_call_function_any
define it: of each vcpu set_bit(nr, &requests) and cmpxchg(&mode, IN_GUEST_MODE, EXITING_GUEST_MODE), then
smp_call_function_many(m, func, NULL, wait) of a func that does nothing, for those whose mode it has found
to be IN_GUEST_MODE; if it waits (a TLB flush does), for all that it has not found to be OUTSIDE_GUEST_MODE
    kvm_make_all_cpus_request kvm_make_vcpus_request_mask kvm_make_all_cpus_request_except
write apic_icr_write_mmio(cpu, func); with an x2APIC mfence(), lfence() and apic_icr_write(cpu, func)
    smp_send_reschedule native_smp_send_reschedule arch_smp_send_reschedule native_send_call_func_ipi
    native_send_call_func_single_ipi arch_send_call_function_ipi_mask arch_send_call_function_single_ipi
write set_bit(nr, &flags) of the task's flags, then apic_icr_write_mmio(cpu, func), unless it is set already,
or the CPU polls the flags while it is idle, and so gets no interrupt
    resched_curr
write spin_lock_irqsave(&l, flags), set_bit(nr, &flags), apic_icr_write_mmio(cpu, func), and the unlock
    resched_cpu
define it, or #include "linux/csd.inc"
    smp_call_function_single_async
define it, or #include "linux/irq_work.inc"
    irq_work_queue irq_work_queue_on irq_work_sync irq_work_run irq_work_single irq_work_is_busy
    irq_work_is_pending
write apic_icr_write(smp_processor_id(), func), the interrupt that it sends to its own CPU
    arch_irq_work_raise
write smp_mb(), then smp_call_function(func, NULL, 1) of a function that does nothing
    kick_all_cpus_sync
write on_each_cpu(func, NULL, 1) of a function that is sync_core()
    text_poke_sync smp_text_poke_sync_each_cpu
define it: smp_call_function() of a function, without a wait, then the same here with interrupts off. In it,
every CPU counts itself by atomic_inc() and waits for all; then one CPU runs func, and the others wait for it.
There this comes in an interrupt; the kernel's comes in threads, and not within preempt_disable()
    stop_machine stop_machine_cpuslocked
write smp_call_function_single(cpu, func, info, 1): there func comes in an interrupt; the kernel's comes in a
thread, and not within preempt_disable()
    stop_one_cpu
write apic_icr_write(cpu, func)
    native_x2apic_icr_write __x2apic_send_IPI_dest
write mfence() and lfence(), nothing on AMD, then apic_icr_write(cpu, func)
    x2apic_send_IPI
write apic_icr_write_mmio(cpu, func)
    native_apic_icr_write
write sync_core(); with PTI it is nothing, and so it was up to v5.10 (unchecked) in an interrupt
    sync_core_before_usermode
write sync_core(), which it is on x86
    iret_to_self
write cpuid()
    native_cpuid
write wrmsrq(msr, value): it serializes, but for some MSRs, which its row names
    native_write_msr native_wrmsr native_wrmsrl native_wrmsrq wrmsr_safe wrmsrl_safe wrmsrq_safe
    paravirt_write_msr
write wrmsrns(msr, value), which orders nothing
    native_wrmsrns wrmsrns_safe
write wrmsrq(MSR_IA32_PRED_CMD, 1), which orders nothing; what it does to predictors is not here
    indirect_branch_prediction_barrier
there is no such instruction here; it is serializing, as cpuid() is
    wbinvd wbnoinvd invd
leave it out: it orders nothing
    rdmsr rdmsrl rdtsc native_read_msr swapgs native_swapgs
leave it out: here an interrupt ends with its handler
    apic_eoi ack_APIC_irq native_apic_mem_eoi eoi
there are no protection keys here: leave it out, and the accesses that they forbid
    pkru_write_default write_pkru wrpkru __write_pkru rdpkru read_pkru
write text_poke(&c, e)
    text_poke_copy
write text_poke(&c, e), then sync_core()
    text_poke_early
write text_poke(&c, INT3), on_each_cpu() of a function that is sync_core(), text_poke(&c, e), and the
on_each_cpu() again, as linux/code-patching/int3.litmus
    text_poke_bp smp_text_poke_single
write synchronize_rcu()
    synchronize_rcu_mult
the branch is in the code: declare code key, and write if (ifetch(&key)); or READ_ONCE() of an int, which
is read anew each time
    static_branch_likely static_branch_unlikely static_key_false static_key_true
write text_poke(&key, e), then on_each_cpu() of a function that is sync_core(); the kernel has an INT3 there
meanwhile, as linux/code-patching/int3.litmus
    static_branch_enable static_branch_disable static_branch_inc static_branch_dec static_key_enable
    static_key_disable static_key_slow_inc static_key_slow_dec
write call_rcu(x, func)
    call_rcu_lazy
leave it out, and declare struct srcu_struct s;
    init_srcu_struct cleanup_srcu_struct DEFINE_SRCU DEFINE_STATIC_SRCU
define it, or #include "linux/list.inc"
    INIT_LIST_HEAD list_add list_add_tail list_del list_del_init list_del_init_careful list_empty
    list_empty_careful list_add_rcu list_add_tail_rcu list_del_rcu
    INIT_HLIST_HEAD INIT_HLIST_NODE hlist_unhashed hlist_unhashed_lockless hlist_empty hlist_del
    hlist_del_init hlist_add_head hlist_add_before hlist_add_behind hlist_add_head_rcu hlist_del_rcu
    hlist_del_init_rcu
define it, or #include "linux/llist.inc"
    init_llist_head llist_add llist_add_batch llist_del_all llist_del_first llist_empty llist_next
write this_cpu_ptr(&x)
    raw_cpu_ptr __this_cpu_ptr
write preempt_disable(), then this_cpu_ptr(&x)
    get_cpu_ptr get_cpu_var
write preempt_enable()
    put_cpu_ptr put_cpu_var
write cpumask_test_cpu(cpu, cpu_online_mask)
    cpu_possible
write num_online_cpus()
    num_possible_cpus num_present_cpus
write the loop: for_each_cpu(cpu, m) { … }
    cpumask_next cpumask_next_and cpumask_next_zero cpumask_next_wrap cpumask_first_zero
write 1UL << n
    BIT BIT_ULL BIT_MASK
write the number
    GENMASK GENMASK_ULL
nothing says it here: pass 1 from a handler, an nmi or a callback, and 0 from a program
    in_irq in_hardirq in_nmi in_serving_softirq
nothing says it here: pass 1 from a handler, an nmi or a callback, and where softirqs are off; else 0
    in_interrupt in_softirq
nothing says it here: pass 0 from a handler, an nmi or a callback, and 1 from a program
    in_task
declare a word of flags, and write test_bit(nr, &flags): a load
    need_resched tif_need_resched test_tsk_need_resched
declare a word of flags, and write set_bit(nr, &flags), which is LOCK'd
    set_tsk_need_resched set_need_resched
declare a word of flags, and write clear_bit(nr, &flags), which is LOCK'd
    clear_tsk_need_resched clear_need_resched
declare percpu struct task_struct *current_task, whose this_cpu_read() it is; or
#include "linux/wait.inc", whose get_current() it is
    current
write READ_ONCE(x) or WRITE_ONCE(x, e)
    ACCESS_ONCE
write smp_load_acquire(&inode->i_size); older kernels have a plain load, which is the same on x86
    i_size_read
write smp_store_release(&inode->i_size, e); older kernels have a plain store, which is the same on x86
    i_size_write
define it: old = READ_ONCE(x), then try_cmpxchg(&x, &old, old | mask) until that gives 1; its value is old
    fetch_or
define it: old = READ_ONCE(x), then try_cmpxchg(&x, &old, (old & ~mask) | bits) until that gives 1; its value
is old
    set_mask_bits
define it: old = READ_ONCE(x), then try_cmpxchg(&x, &old, old & ~clear) until that gives 1, or 0 if old & test
    bit_clear_unless
write if (value) set_bit(nr, &x); else clear_bit(nr, &x);
    assign_bit
write if (value) __set_bit(nr, &x); else __clear_bit(nr, &x);
    __assign_bit
write atomic_add_negative(i, &v), which it is on x86
    atomic_add_negative_acquire atomic_add_negative_release
write atomic64_add_negative(i, &v), which it is on x86
    atomic64_add_negative_acquire atomic64_add_negative_release
write atomic_long_add_negative(i, &v), which it is on x86
    atomic_long_add_negative_acquire atomic_long_add_negative_release
write cpumask_test_cpu(cpu, a) == cpumask_test_cpu(cpu, b) for each CPU: the kernel loads each mask once
    cpumask_equal
write cpumask_test_cpu(cpu, a) && cpumask_test_cpu(cpu, b) for each CPU: the kernel loads each mask once
    cpumask_intersects
write READ_ONCE(x)
    READ_ONCE_NOCHECK __READ_ONCE
write WRITE_ONCE(x, e)
    __WRITE_ONCE
write cmpxchg(&x, old, new): it is LOCK'd, as on other CPUs' memory it has to be
    arch_cmpxchg
write cmpxchg_double(&p->a, &p->b, old_a, old_b, new_a, new_b)
    cmpxchg16b
write user_read(v)
    get_user __get_user copy_from_user raw_copy_from_user unsafe_get_user
write user_write(v, e)
    put_user __put_user copy_to_user raw_copy_to_user unsafe_put_user clear_user
write WARN_ON(c)
    VM_WARN_ON VM_WARN_ON_ONCE DEBUG_LOCKS_WARN_ON
write BUG_ON(c)
    BUG VM_BUG_ON VM_BUG_ON_PAGE VM_BUG_ON_MM BUG_ON_ONCE panic
write the plain stores, one for each object, field or word: there are no bytes here
    memset memset64 memset32 memset16 memzero_explicit clear_page clear_highpage memcpy __memcpy memmove
    copy_page strscpy strcpy
write the loads and comparisons, one for each object, field or word: there are no bytes here
    memcmp memchr_inv strcmp strncmp
leave it out: no verdict depends on it
    printk pr_info pr_warn pr_err trace_tlb_flush count_vm_tlb_event count_vm_event inc_mm_counter
    dec_mm_counter udelay ndelay BUILD_BUG_ON might_lock lockdep_assert_held_write mmap_assert_locked
    kasan_check_write
"""


def _read(table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    hint: list[str] = []
    names = False
    for line in table.splitlines():
        if line.startswith("    "):
            found.update(dict.fromkeys(line.split(), " ".join(hint)))
        elif names:
            hint = [line]
        else:
            hint.append(line)
        names = line.startswith("    ")
    return found


# Functions of the kernel that are not words: what to do instead.
ELSEWHERE: Mapping[str, str] = MappingProxyType(_read(_TABLE) | _read(WAITS) | _read(HOSTS))
# The hint for what an include has by that name.
_INCLUDED = pattern(r'define it, or #include "([^"]*)"(, where |$)')


def included(text: str) -> dict[str, list[str]]:
    """By include, its functions that have a text in their names; all of them if its own name has it."""
    found: dict[str, list[str]] = {}
    for name, hint in ELSEWHERE.items():
        has = _INCLUDED.match(hint)
        if has is not None and (text in name.lower() or text in has.group(1)):
            found.setdefault(has.group(1), []).append(name)
    return found
