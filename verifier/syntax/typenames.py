"""The kernel's names of types, as they are on x86-64: numbers with their width and their sign, structs that
have a second name, pointers to functions. Not compared: include/linux/types.h, gfp_types.h, mm_types.h,
kvm_types.h, ktime.h, asm/pgtable_64_types.h, asm/tsc.h."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

# By bits and sign.
_NUMBERS = {
    (16, False): "umode_t",
    (32, True): "pid_t key_t timer_t clockid_t rwf_t",
    (32, False): """
        gfp_t fmode_t dev_t mode_t nlink_t uid_t gid_t projid_t slab_flags_t isolate_mode_t vm_fault_t
        blk_status_t errseq_t irqreturn_t""",
    (64, True): "ssize_t loff_t off_t ktime_t time64_t clock_t ptrdiff_t intptr_t",
    (64, False): """
        size_t sector_t blkcnt_t pgoff_t phys_addr_t dma_addr_t resource_size_t cycles_t uintptr_t ino_t
        vm_flags_t pteval_t pmdval_t pudval_t p4dval_t pgdval_t pgprotval_t kvm_pfn_t gfn_t gpa_t gva_t
        hpa_t hva_t hfn_t""",
}
# Names of types that the grammar does not take for types, because objects are called so, too.
SHORT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "uint": "unsigned int", "u_int": "unsigned int", "ulong": "unsigned long",
        "u_long": "unsigned long", "ushort": "unsigned short", "u_short": "unsigned short",
        "u_char": "unsigned char", "unchar": "unsigned char",
    }
)  # fmt: skip
INTEGERS: Mapping[str, tuple[int, bool]] = MappingProxyType(
    {name: kind for kind, names in _NUMBERS.items() for name in names.split()}
)
STRUCTS: Mapping[str, str] = MappingProxyType(
    {
        "call_single_data_t": "__call_single_data",
        "wait_queue_head_t": "wait_queue_head",
        "wait_queue_entry_t": "wait_queue_entry",
    }
)
CALLBACK_TYPES = frozenset(
    {
        "smp_call_func_t", "rcu_callback_t", "call_rcu_func_t", "work_func_t", "irq_handler_t",
        "wait_queue_func_t", "cpu_stop_fn_t",
    }
)  # fmt: skip
