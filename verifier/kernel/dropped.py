"""What the kernel's code says for its debuggers and its statistics, and not for its data.

Calls of these are dropped from the kernel's text, with their arguments, and ``verifier kernel`` lists them. A
function or a macro that a test takes by name, and ``#without``, go before this table.
"""

from __future__ import annotations

import re

from verifier.records import NamedTuple


class Unjudged(NamedTuple):
    """Words that match ``pattern`` are dropped for ``reason``. ``unless``: the option under which they are
    compiled; where ``#config`` sets it, they stay."""

    pattern: str
    reason: str
    unless: str = ""


UNJUDGED = (
    Unjudged(r"VM_(WARN|BUG)_ON\w*|VM_WARN\w*", "compiled with CONFIG_DEBUG_VM alone", "CONFIG_DEBUG_VM"),
    Unjudged(r"BUILD_BUG_ON\w*|static_assert|compiletime_assert\w*", "checked by the compiler"),
    Unjudged(r"lockdep_\w+|might_(sleep|lock|fault|resched)\w*|rcu_lockdep\w*|rwlock_(acquire|release)\w*",
            "compiled with CONFIG_PROVE_LOCKING alone", "CONFIG_PROVE_LOCKING"),
    Unjudged(r"cant_(sleep|migrate)|non_block_(start|end)", "compiled with CONFIG_DEBUG_ATOMIC_SLEEP alone",
            "CONFIG_DEBUG_ATOMIC_SLEEP"),
    Unjudged(r"trace_\w+", "a trace point"),
    Unjudged(r"count_vm_\w+|__count_vm_\w+|inc_irq_stat|(inc|dec|mod|add)_\w*(state|stat)\b|vm_events_\w+|count_memcg_\w+|"
            r"schedstat_\w+|kstat_\w+|(__)?mod_\w*_page_state|add_mm_counter|inc_mm_counter|dec_mm_counter|"
            r"update_hiwater_\w+", "a statistic"),
    Unjudged(r"k(asan|csan|msan)_\w+|instrument_\w+|instrumentation_(begin|end)|page_table_check_\w+|debug_\w+|"
            r"data_race_\w+|ASSERT_EXCLUSIVE_\w+", "for a sanitizer"),
    Unjudged(r"pr_(emerg|alert|crit|err|warn|warning|notice|info|cont|debug|devel)\w*|printk\w*|dump_\w+|"
            r"bad_page\w*|(print|add)_\w*taint\w*", "a message"),
    Unjudged(r"cpus_read_(un)?lock|(get|put)_online_cpus", "no CPU comes or goes here"),
    Unjudged(r"prefetchw?|prefetch_\w+|touch_(nmi_|softlockup_)?watchdog\w*", "a hint to the machine"),
)  # fmt: skip
_PATTERNS = tuple((re.compile(d.pattern), d) for d in UNJUDGED)


def dropped(name: str) -> Unjudged | None:
    """The line of the table that a name matches; None if none does."""
    return next((d for pattern, d in _PATTERNS if pattern.fullmatch(name)), None)
