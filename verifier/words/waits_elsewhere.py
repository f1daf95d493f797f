"""The part of ``elsewhere`` about what waits: locks, sleeping tasks, work, timers, softirqs.

Sources: include/linux (completion.h, kthread.h, mutex.h, percpu-rwsem.h, rwsem.h, semaphore.h, seqlock.h,
timer.h, wait.h, wait_bit.h, workqueue.h, ww_mutex.h), kernel/rcu/tree.c. Versions are from memory.
"""

from __future__ import annotations

# Hints, each with the words that it is for, indented.
WAITS = """\
define it, or #include "linux/percpu-rwsem.inc"
    percpu_down_read percpu_up_read percpu_down_read_trylock percpu_down_write percpu_up_write
    rcu_sync_enter rcu_sync_exit rcu_sync_is_idle
define it, or #include "linux/percpu-rwsem.inc", which has percpu_down_read()
    cpus_read_lock cpus_read_unlock
define it, or #include "linux/percpu-rwsem.inc", which has percpu_down_write()
    cpus_write_lock cpus_write_unlock
define it, or #include "linux/seqlock.inc"
    read_seqbegin read_seqcount_begin raw_read_seqcount_begin __read_seqcount_begin raw_seqcount_begin
    read_seqretry read_seqcount_retry __read_seqcount_retry raw_read_seqcount write_seqcount_begin
    raw_write_seqcount_begin write_seqlock write_seqcount_end raw_write_seqcount_end write_sequnlock
    write_seqcount_invalidate raw_write_seqcount_barrier raw_read_seqcount_latch write_seqlock_irq
    raw_read_seqcount_latch_retry raw_write_seqcount_latch read_seqlock_excl read_sequnlock_excl
    write_sequnlock_irq write_seqlock_bh write_sequnlock_bh write_sequnlock_irqrestore
write start = raw_read_seqcount(s), which #include "linux/seqlock.inc" has: the section begins if it is even
    raw_seqcount_try_begin
write raw_write_seqcount_begin(s), which #include "linux/seqlock.inc" has
    do_raw_write_seqcount_begin do_write_seqcount_begin do_write_seqcount_begin_nested
write raw_write_seqcount_end(s), which #include "linux/seqlock.inc" has
    do_raw_write_seqcount_end do_write_seqcount_end
define it, or #include "linux/seqlock.inc", which has __write_seqlock_irqsave(sl): it gives the flags
    write_seqlock_irqsave
define it, or #include "linux/seqlock.inc", which has __read_seqlock_excl_irqsave(sl): it gives the flags
    read_seqlock_excl_irqsave
define it, or #include "linux/percpu-refcount.inc"
    percpu_ref_get percpu_ref_put percpu_ref_tryget percpu_ref_tryget_live percpu_ref_kill
    percpu_ref_kill_and_confirm
write down_read(&mm->mmap_lock)
    mmap_read_lock mmap_read_lock_killable
write up_read(&mm->mmap_lock)
    mmap_read_unlock
write down_write(&mm->mmap_lock)
    mmap_write_lock mmap_write_lock_killable
write up_write(&mm->mmap_lock); since v6.4, smp_store_release() of the next mm->mm_lock_seq before it, which
ends the writes of vmas
    mmap_write_unlock
write READ_ONCE(s) != 0 of struct rw_semaphore s: a load; the kernel's is also true while somebody waits
    rwsem_is_locked
write down_read_trylock(&mm->mmap_lock)
    mmap_read_trylock
define it, as up to v6.14: fails if vm_lock_seq is mm_lock_seq; down_read_trylock() of the vma's own lock,
which may fail; the same look again, and up_read() where it fails
    vma_start_read
write up_read() of the vma's own lock, as up to v6.14
    vma_end_read
define it, as up to v6.14: down_write() of the vma's own lock, vm_lock_seq = mm_lock_seq, up_write()
    vma_start_write
write down_write(&i_mmap_rwsem)
    i_mmap_lock_write anon_vma_lock_write
write down_read(&i_mmap_rwsem)
    i_mmap_lock_read anon_vma_lock_read
write mutex_lock(&l)
    rt_mutex_lock
write spin_lock(&l)
    raw_spin_rq_lock rq_lock arch_spin_lock
write spin_unlock(&l)
    raw_spin_rq_unlock rq_unlock arch_spin_unlock
write bit_spin_lock(0, &b) and bit_spin_unlock(0, &b), which are LOCK'd: CPUs do not stand in line for them,
and where somebody waits the kernel's unlock is a plain store
    mcs_spin_lock mcs_spin_unlock osq_lock osq_unlock
write spin_unlock(&l), cond_resched() and spin_lock(&l) on the path that gives the lock back
    cond_resched_lock __cond_resched_lock
nothing here says whether somebody waits for a lock: write READ_ONCE(x) of what another CPU may set
    spin_is_contended spin_needbreak raw_spin_is_contended rwlock_is_contended rwlock_needbreak
nothing here counts what keeps preemption off; in a test it is known where it is
    preempt_count preempt_count_add preempt_count_sub
write both ways: read_seqbegin(&sl), and read_seqlock_excl(&sl), which #include "linux/seqlock.inc" has
    read_seqbegin_or_lock need_seqretry done_seqretry
define it, by queue_work(&wq, &work) and flush_work(&work), which #include "linux/work.inc" has: the worker is
a CPU of its own; the kernel's is one of that CPU, and does not run while that CPU spins
    smp_call_on_cpu
write local_irq_save(flags)
    raw_local_irq_save arch_local_irq_save
write local_irq_restore(flags)
    raw_local_irq_restore arch_local_irq_restore
write local_irq_disable()
    raw_local_irq_disable arch_local_irq_disable native_irq_disable cli
write halt()
    native_halt hlt arch_cpu_idle_dead stop_this_cpu
write safe_halt(), or what the CPU does before it
    native_safe_halt raw_safe_halt arch_safe_halt default_idle arch_cpu_idle cpu_do_idle
there is no MONITOR here: its MWAIT ends at a store, too; wait for that by smp_cond_load_acquire(&x, VAL)
    mwait __mwait __monitor mwait_idle_with_hints __sti_mwait
write local_irq_enable()
    raw_local_irq_enable arch_local_irq_enable native_irq_enable sti
define it, or #include "linux/wait.inc"
    wake_up_process wake_up wake_up_all wake_up_state try_to_wake_up set_current_state __set_current_state
    wake_up_interruptible wake_up_interruptible_all
    set_special_state schedule prepare_to_wait prepare_to_wait_exclusive prepare_to_wait_event finish_wait
    add_wait_queue remove_wait_queue init_waitqueue_head waitqueue_active wq_has_sleeper complete complete_all
    init_completion reinit_completion wait_for_completion try_wait_for_completion completion_done get_current
    cpu_curr wait_for_completion_interruptible wait_for_completion_killable wait_for_completion_io
    wait_for_completion_state wait_for_completion_timeout wait_for_completion_io_timeout
    wait_for_completion_interruptible_timeout wait_for_completion_killable_timeout
    schedule_timeout schedule_timeout_interruptible schedule_timeout_killable schedule_timeout_uninterruptible
    schedule_timeout_idle
write struct completion x; and init_completion(&x), which #include "linux/wait.inc" has
    COMPLETION_INITIALIZER COMPLETION_INITIALIZER_ONSTACK
it declares a local: in a function, with one name; in the initial state write struct completion x;
    DECLARE_COMPLETION_ONSTACK DECLARE_COMPLETION
it declares a local: in a function, with one name; in the initial state write struct wait_queue_head wq;
    DECLARE_WAIT_QUEUE_HEAD_ONSTACK DECLARE_WAIT_QUEUE_HEAD
it declares a local: in a function, with one name
    DEFINE_WAKE_Q
leave it out: prepare_to_wait(&wq, state), which #include "linux/wait.inc" has, makes the entry of this task
    DEFINE_WAIT DEFINE_WAIT_FUNC DECLARE_WAITQUEUE init_wait init_wait_entry
write #include "linux/wait.inc", which has it
    TASK_RUNNING TASK_INTERRUPTIBLE TASK_UNINTERRUPTIBLE TASK_NORMAL TASK_PARKED TASK_IDLE TASK_KILLABLE
    TASK_NOLOAD TASK_WAKEKILL MAX_SCHEDULE_TIMEOUT
declare it: spinlock_t l;
    DEFINE_SPINLOCK
declare it: raw_spinlock_t l;
    DEFINE_RAW_SPINLOCK
declare it: rwlock_t l;
    DEFINE_RWLOCK
declare it: struct mutex l;
    DEFINE_MUTEX
declare it: struct rw_semaphore l;
    DECLARE_RWSEM
declare it with its count: struct semaphore s = 1;
    DEFINE_SEMAPHORE
put it into the initial state: percpu int x;
    DEFINE_PER_CPU DEFINE_PER_CPU_ALIGNED DEFINE_PER_CPU_SHARED_ALIGNED DECLARE_PER_CPU
declare it: unsigned long x[1]; a word has 64 bits
    DECLARE_BITMAP
leave it out: what is declared without a value is unlocked
    mutex_init rwlock_init init_rwsem local_lock_init __mutex_init __init_rwsem
write wake_up(&wq), which #include "linux/wait.inc" has
    swake_up_one wake_up_one wake_up_poll
wake_up(&wq), which #include "linux/wait.inc" has, takes the lock that the caller holds: give it back before
    wake_up_locked swake_up_locked wake_up_all_locked
define it, or #include "linux/wait_bit.inc", by which wait_on_bit() sleeps
    wake_up_bit clear_and_wake_up_bit test_and_clear_wake_up_bit wake_up_var atomic_dec_and_wake_up
    prepare_to_wait_var finish_wait_var wait_on_bit_io
write wait_on_bit(), which with #include "linux/wait_bit.inc" sleeps
    out_of_line_wait_on_bit out_of_line_wait_on_bit_lock __wait_on_bit __wait_on_bit_lock
write smp_store_release(&v, e), smp_mb() and wake_up_var(&v), which #include "linux/wait_bit.inc" has
    store_release_wake_up
write wait_event(wq, c) and wake_up(&wq), which #include "linux/wait.inc" has
    wait_woken woken_wake_function
define it, or #include "linux/wake_q.inc"
    wake_q_init wake_q_empty wake_q_add wake_q_add_safe wake_up_q
define it, or #include "linux/rcuwait.inc"
    rcuwait_wake_up prepare_to_rcuwait finish_rcuwait rcuwait_active
write its loop: #include "linux/rcuwait.inc" has prepare_to_rcuwait() and finish_rcuwait()
    rcuwait_wait_event
write schedule(), which #include "linux/wait.inc" has
    schedule_preempt_disabled io_schedule
write schedule_timeout_uninterruptible(1), which #include "linux/wait.inc" has
    msleep usleep_range ssleep
with a time-out nobody waits for ever: leave the wait out, or let a word that another CPU stores end it
    down_timeout
write wait_event(wq, c): there are no signals
    swait_event_exclusive wait_event_exclusive wait_event_killable_exclusive
    wait_event_interruptible_exclusive swait_event swait_event_interruptible swait_event_idle_exclusive
    swait_event_interruptible_exclusive
    wait_event_idle_exclusive
write wait_event_timeout(wq, c, timeout)
    wait_event_freezable_timeout swait_event_timeout_exclusive swait_event_interruptible_timeout_exclusive
    wait_event_idle_exclusive_timeout
write its loop: it gives the spinlock back while it sleeps, as wait_event(wq, c) does not
    wait_event_lock_irq wait_event_lock_irq_cmd wait_event_interruptible_lock_irq
write mutex_trylock(&l), and give back what is held where it fails: it backs off, as mutex_lock() does not
    ww_mutex_lock ww_mutex_lock_interruptible ww_mutex_lock_slow
define it, or #include "linux/kthread.inc"
    kthread_park kthread_unpark kthread_parkme kthread_should_park kthread_should_stop kthread_stop
    kthread_exit
define it, or #include "linux/work.inc"
    queue_work flush_work cancel_work_sync worker_thread process_one_work work_pending
define it, or #include "linux/work.inc", where the worker is another CPU; the kernel's is one of this CPU, and
does not run while this CPU spins
    schedule_work
write flush_work(&work), which #include "linux/work.inc" has, for each work
    flush_workqueue drain_workqueue destroy_workqueue flush_scheduled_work
there are no timers here: write what the timer does as an nmi, or as a handler that another CPU sends
    mod_timer add_timer del_timer timer_delete hrtimer_start hrtimer_try_to_cancel hrtimer_start_range_ns
    timer_pending add_timer_on mod_timer_pending timer_setup hrtimer_init hrtimer_setup hrtimer_forward
    hrtimer_active
write a loop that waits while a word says that the handler runs, which the handler sets and clears
    del_timer_sync timer_delete_sync timer_shutdown_sync hrtimer_cancel synchronize_irq disable_irq
    free_irq tasklet_kill
there are no timers here: write queue_work(&wq, &work), which #include "linux/work.inc" has, where it expires
    queue_delayed_work schedule_delayed_work mod_delayed_work
write cancel_work_sync(&work), which #include "linux/work.inc" has
    cancel_delayed_work_sync cancel_delayed_work cancel_work
write flush_work(&work), which #include "linux/work.inc" has
    flush_delayed_work
write queue_work(&wq, &work), which #include "linux/work.inc" has: it has one worker, a CPU of its own; the
kernel's is one of that CPU, and does not run while that CPU spins
    queue_work_on
write apic_icr_write(smp_processor_id(), func): an interrupt of this CPU, which waits for no reader of RCU, as
a callback does. No other one comes within it here, and local_bh_disable() does not hold it off
    tasklet_schedule tasklet_hi_schedule raise_softirq raise_softirq_irqoff do_softirq
write smp_mb(), a flag that a callback of call_rcu(&head, func) sets, and synchronize_rcu() where it is
not set
    get_state_synchronize_rcu start_poll_synchronize_rcu poll_state_synchronize_rcu cond_synchronize_rcu
write synchronize_srcu(&s) of an srcu_struct of the test, with srcu_read_lock_fast(&s) and
srcu_read_unlock_fast(&s, idx) around what it waits for: these readers have no fence, as srcu_read_lock() has
    synchronize_rcu_tasks synchronize_rcu_tasks_trace synchronize_rcu_tasks_rude
write srcu_barrier(&s) of an srcu_struct of the test, whose callbacks call_srcu(&s, &head, func) asks for
    rcu_barrier_tasks rcu_barrier_tasks_trace rcu_barrier_tasks_rude
write srcu_read_lock_fast(&s) of an srcu_struct of the test
    rcu_read_lock_trace
write srcu_read_unlock_fast(&s, idx) of an srcu_struct of the test
    rcu_read_unlock_trace
write call_srcu(&s, &head, func) of an srcu_struct of the test, with srcu_read_lock_fast(&s) and
srcu_read_unlock_fast(&s, idx) around what it waits for: these readers have no fence, as srcu_read_lock() has
    call_rcu_tasks call_rcu_tasks_trace call_rcu_tasks_rude
write spin_unlock_wait(&l), which looks at the lock until it is free
    raw_spin_unlock_wait queued_spin_unlock_wait arch_spin_unlock_wait
write waitqueue_active(&wq), which #include "linux/wait.inc" has: a load, and no barrier
    swait_active
write wq_has_sleeper(&wq), which #include "linux/wait.inc" has
    swq_has_sleeper
write wake_up_all(&wq), which #include "linux/wait.inc" has, if no more than nr wait exclusively
    wake_up_nr wake_up_interruptible_nr
write its loop: prepare_to_wait(&wq, state), c, the first command, schedule(), and the second one, until c
holds; then finish_wait(&wq): #include "linux/wait.inc" has these
    wait_event_cmd wait_event_exclusive_cmd
write on_each_cpu(func, NULL, 1): there func comes in an interrupt; the kernel's comes in a worker, and not
within preempt_disable()
    schedule_on_each_cpu
write smp_call_function_single(cpu, func, info, 1): there func comes in an interrupt; the kernel's comes in a
worker, and not within preempt_disable()
    work_on_cpu
leave it out: without PREEMPT_RT it does nothing
    local_lock_nested_bh local_unlock_nested_bh
"""
