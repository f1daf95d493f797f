"""What the kernel's code says for its debuggers and its statistics, and not for its data.

Calls of these are dropped from the kernel's text, and ``verifier kernel`` lists them. What their arguments do
besides stays if the kernel evaluates them. A function or a macro that a test takes by name, and ``#without``,
go before this table.
"""

from __future__ import annotations

import re
from typing import Literal

from verifier.records import NamedTuple

# Whether the kernel evaluates the arguments: in all runs, in none, or in some of them.
Evaluates = Literal["always", "never", "sometimes"]


class Unjudged(NamedTuple):
    """Words that match ``pattern`` are dropped for ``reason``. ``evaluates``: are their arguments evaluated?
    ``unless``: the option under which they are compiled; where ``#config`` sets it, they stay."""

    pattern: str
    reason: str
    evaluates: Evaluates
    unless: str = ""


_LOCKDEP = "compiled with CONFIG_PROVE_LOCKING alone"
_STATISTIC = "a statistic"

# The first row that matches counts.
UNJUDGED = (
    # BUILD_BUG_ON_INVALID(), linux/mmdebug.h: the size of the condition
    Unjudged(r"VM_(WARN|BUG)_ON\w*|VM_WARN\w*", "compiled with CONFIG_DEBUG_VM alone", "never",
            "CONFIG_DEBUG_VM"),
    Unjudged(r"BUILD_BUG_ON\w*|static_assert|compiletime_assert\w*", "checked by the compiler", "never"),
    # (void)(l), linux/lockdep.h; lockdep_assert(), lockdep_init_map() and kin are do { } while (0)
    Unjudged(r"lockdep_assert_(not_)?held\w*|lockdep_set_class|lockdep_(re|un)pin_lock", _LOCKDEP, "always",
            "CONFIG_PROVE_LOCKING"),
    Unjudged(r"might_sleep_if", _LOCKDEP, "always", "CONFIG_PROVE_LOCKING"),  # if (cond), linux/kernel.h
    Unjudged(r"lockdep_\w+|might_(sleep|lock|fault|resched)\w*|rcu_lockdep\w*|rwlock_(acquire|release)\w*",
            _LOCKDEP, "never", "CONFIG_PROVE_LOCKING"),
    Unjudged(r"cant_(sleep|migrate)|non_block_(start|end)", "compiled with CONFIG_DEBUG_ATOMIC_SLEEP alone",
            "never", "CONFIG_DEBUG_ATOMIC_SLEEP"),
    # functions, whose arguments are evaluated where the key is off, too: linux/tracepoint.h
    Unjudged(r"trace_\w+", "a trace point", "always"),
    Unjudged(r"tracepoint_string", "a name for trace points", "never"),  # a string, linux/tracepoint.h
    # do { } while (0), or behind a key that is off: linux/vmstat.h, kernel/sched/stats.h; a field's name
    Unjudged(r"count_vm_(numa|tlb|vma_lock)_event|schedstat_\w+|inc_irq_stat", _STATISTIC, "never"),
    # functions: linux/vmstat.h, linux/memcontrol.h, linux/mm.h
    Unjudged(r"count_vm_\w+|__count_vm_\w+|(inc|dec|mod|add)_\w*(state|stat)\b|vm_events_\w+|count_memcg_\w+|"
            r"kstat_\w+|(__)?mod_\w*_page_state|add_mm_counter|inc_mm_counter|dec_mm_counter|update_hiwater_\w+",
            _STATISTIC, "always"),
    # do { } while (0), linux/sched.h
    Unjudged(r"debug_(normal|special)_state_change|debug_rtlock_\w+", "for a sanitizer", "never"),
    # functions: linux/kasan-checks.h, linux/kcsan-checks.h, linux/instrumented.h, linux/page_table_check.h
    Unjudged(r"k(asan|csan|msan)_\w+|instrument_\w+|instrumentation_(begin|end)|page_table_check_\w+|debug_\w+|"
            r"data_race_\w+|ASSERT_EXCLUSIVE_\w+", "for a sanitizer", "always"),
    # no_printk(), linux/printk.h: if (0)
    Unjudged(r"pr_(debug|devel)\w*", "a message", "never"),
    Unjudged(r"(pr|printk)_\w*(once|ratelimited)", "a message", "sometimes"),
    Unjudged(r"pr_(emerg|alert|crit|err|warn|warning|notice|info|cont)\w*|printk\w*|dump_\w+|"
            r"bad_page\w*|(print|add)_\w*taint\w*", "a message", "always"),
    Unjudged(r"cpus_read_(un)?lock|(get|put)_online_cpus", "no CPU comes or goes here", "never"),
    # functions, and __builtin_prefetch(): linux/prefetch.h, asm/processor.h
    Unjudged(r"prefetchw?|prefetch_\w+|touch_(nmi_|softlockup_)?watchdog\w*", "a hint to the machine",
            "always"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(d.pattern), d) for d in UNJUDGED)


def dropped(name: str) -> Unjudged | None:
    """The line of the table that a name matches; None if none does."""
    return next((d for pattern, d in _PATTERNS if pattern.fullmatch(name)), None)
