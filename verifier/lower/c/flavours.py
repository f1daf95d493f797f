"""The flavours of RCU in kernels up to v4.19: what a grace period need not wait for there.

The model has one flavour (MMR 18.1), as kernels have since v4.20. Before, with CONFIG_PREEMPT, each of
rcu_read_lock(), preempt_disable() and local_bh_disable() began readers of its own flavour. Sources:
Documentation/RCU/whatisRCU.txt of v4.19; synchronize_rcu(), kernel/rcu/tree_plugin.h; synchronize_sched() and
synchronize_rcu_bh(), kernel/rcu/tree.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from verifier.program.expressions import FALSE
from verifier.source import Diagnostic, Span
from verifier.syntax import ast
from verifier.syntax.idle import reached
from verifier.syntax.nodes import nodes_of
from verifier.words.guards import GUARDS
from verifier.words.rows import READER, Machine, Word, flat
from verifier.words.table import WORDS

_ATOMIC = frozenset({"sched", "bh"})  # a softirq, or preemption, or interrupts are off
_STARTS = frozenset({"call_rcu", "free_rcu"})  # the special words that start a grace period
_INTERRUPTS = frozenset({"call_cpus", "icr"})
_INITIAL = frozenset({"irq", "pending"})  # what a CPU may start with: interrupts off, interrupts that came


def missed(unit: ast.Unit) -> list[Diagnostic]:
    """Warnings about grace periods that up to v4.19 need not wait for some readers of the test."""
    words = list(_words(unit))
    readers = [(f"{name}()", reads(word)) for name, word, _ in words if reads(word)]
    readers += [(f"the NMI of P{nmi.cpu}", _ATOMIC) for nmi in unit.nmis]
    starts = (
        x.place.name for x in unit.initial if isinstance(x, ast.Setting) and isinstance(x.place, ast.Ident)
    )
    readers += [(f"the initial {name}", _ATOMIC) for name in starts if name in _INITIAL]
    found: list[Diagnostic] = []
    for name, word, span in words:
        flavour = waits_for(word)
        other = next((who for who, flavours in readers if flavour and flavour not in flavours), None)
        if other is not None:
            text = f"up to v4.19 with CONFIG_PREEMPT, {name}() need not wait for the readers of {other}"
            hint = "the verdict is that of v4.20 and later, where RCU has one flavour; "
            hint += "the switch takes v4.20 to v5.7 for v4.19"
            found.append(Diagnostic("flavour", text, span, hint, severity="warning"))
    return found


def waits_for(word: Word) -> str:
    """The flavour of RCU whose readers the grace period of a word waits for; empty if it has none."""
    starts = any(
        isinstance(x, Machine) and (x.op, x.kind, x.domain) == ("GP", "start", "") for x in word.effects
    )
    calls = word.special is not None and word.special.name in _STARTS and word.at("domain") is None
    return _named(word.name) if starts or calls else ""


def reads(word: Word) -> frozenset[str]:
    """The flavours of RCU that a word begins readers of: by itself, or in the interrupt that it sends."""
    if READER in flat(word.effects) and word.name.startswith("rcu_read_lock"):
        return frozenset({_named(word.name)}) | (_ATOMIC if "_bh" in word.name else frozenset())
    off = any(isinstance(x, Machine) and x.register == "irq" and x.value == FALSE for x in flat(word.effects))
    sends = word.special is not None and word.special.name in _INTERRUPTS
    if READER in flat(word.effects) or off or sends:
        soft = off or sends or word.name.endswith("_bh") or "local_bh" in word.name
        return _ATOMIC if soft else frozenset({"sched"})
    return frozenset()


def _named(name: str) -> str:
    """The flavour that the name of a word says."""
    return next((flavour for flavour in ("bh", "sched") if f"_{flavour}" in name), "rcu")


def _words(unit: ast.Unit) -> Iterator[tuple[str, Word, Span]]:
    """The words that programs and what they reach call, with their rows."""
    functions = (unit.functions[name] for name in sorted(reached(unit)))
    for code in (*unit.threads.values(), *unit.nmis, *functions):
        for x in nodes_of(code, (ast.CallExpr, ast.Guard)):
            name = x.name if isinstance(x, ast.CallExpr) else ""
            if isinstance(x, ast.Guard) and x.name in GUARDS:
                name = GUARDS[x.name].begin
            if name in WORDS and name not in unit.functions:
                assert isinstance(x, ast.CallExpr | ast.Guard)
                yield name, WORDS[name], x.span
