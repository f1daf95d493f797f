"""How everything in a C or MM test is lowered: all the tables."""

from __future__ import annotations

from types import MappingProxyType

from verifier.lower.c import special_control as control
from verifier.lower.c import special_free as memory
from verifier.lower.c import special_ipi as ipi
from verifier.lower.c import special_masks as masks
from verifier.lower.c import special_mmu as mmu
from verifier.lower.c import special_numbers as numbers
from verifier.lower.c import special_pointers as pointers
from verifier.lower.c import special_walk as walk
from verifier.lower.c import special_wide as wide
from verifier.lower.c.body import Language
from verifier.lower.c.calls import CALLS
from verifier.lower.c.entries import ENTRY_EXPRESSIONS, ENTRY_STATEMENTS
from verifier.lower.c.expressions import EXPRESSIONS
from verifier.lower.c.loops import LOOP_STATEMENTS
from verifier.lower.c.statements import STATEMENT_EXPRESSIONS, STATEMENTS

LANGUAGE = Language(
    expressions=MappingProxyType({**EXPRESSIONS, **CALLS, **ENTRY_EXPRESSIONS, **STATEMENT_EXPRESSIONS}),
    statements=MappingProxyType({**STATEMENTS, **LOOP_STATEMENTS, **ENTRY_STATEMENTS}),
    words=MappingProxyType(
        {
            "array_size": pointers.array_size,
            "assume": control.assume,
            "bad_entry": walk.bad_entry,
            "call_cpus": ipi.call_cpus,
            "call_rcu": ipi.call_rcu,
            "chosen": numbers.chosen,
            "cmpxchg128": wide.cmpxchg128,
            "cmpxchg_double": control.cmpxchg_double,
            "cond_load": control.cond_load,
            "entry_below": walk.entry_below,
            "entry_of": mmu.entry_of,
            "err_ptr": pointers.err_ptr,
            "first_entry": walk.first_entry,
            "free": memory.free,
            "free_rcu": memory.free_rcu,
            "halt": ipi.halt,
            "icr": ipi.icr,
            "ifetch": mmu.ifetch,
            "invlpgb": mmu.invlpgb,
            "invpcid": mmu.invpcid,
            "irqs_disabled": mmu.irqs_disabled,
            "leaf": mmu.leaf,
            "limit": control.limit,
            "mask_any_but": masks.mask_any_but,
            "mask_combine": masks.mask_combine,
            "mask_copy": masks.mask_copy,
            "mask_empty": masks.mask_empty,
            "mask_fill": masks.mask_fill,
            "mask_first": masks.mask_first,
            "mask_full": masks.mask_full,
            "mask_modify": masks.mask_modify,
            "mask_of": masks.mask_of,
            "mask_weight": masks.mask_weight,
            "mk_pte": mmu.mk_pte,
            "per_cpu": control.per_cpu,
            "read_cr3": mmu.read_cr3,
            "read_poll": control.read_poll,
            "read_register": mmu.read_register,
            "table_of": walk.table_of,
            "try_cmpxchg": control.try_cmpxchg,
            "wait_event": control.wait_event,
            "warn": control.warn,
            "write_cr3": mmu.write_cr3,
        }
    ),
)
