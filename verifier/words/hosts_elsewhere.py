"""The part of ``elsewhere`` about devices, guests and memory of user mode, and the warnings of subsystems.

Sources: arch/x86/include/asm (io.h, smap.h, uaccess.h, svm.h, vmx.h), include/linux (kvm_host.h, cpumask.h,
context_tracking.h). SDM and APM: "Store Buffer", "I/O"; the sections of VMX and SVM. Versions are from
memory.
"""

from __future__ import annotations

from verifier.patterns import pattern

# Hints, each with the words that it is for, indented.
HOSTS = """\
devices are not modelled: write WRITE_ONCE(x, e) of an object that stands for the register; what an access
of uncacheable memory orders beyond that is not here
    writeb writew writel writeq writeb_relaxed writew_relaxed writel_relaxed writeq_relaxed
    __raw_writeb __raw_writew __raw_writel __raw_writeq iowrite8 iowrite16 iowrite32 iowrite64
devices are not modelled: write READ_ONCE(x) of an object that stands for the register; what an access of
uncacheable memory orders beyond that is not here
    readb readw readl readq readb_relaxed readw_relaxed readl_relaxed readq_relaxed
    __raw_readb __raw_readw __raw_readl __raw_readq ioread8 ioread16 ioread32 ioread64
ports are not modelled; what such an instruction orders in memory is what mb() does: it drains the store
buffer
    outb outw outl inb inw inl outb_p inb_p outsb insb
devices are not modelled: write the stores, one for each word, of an object that stands for their memory
    memcpy_toio memset_io
devices are not modelled: write the loads, one for each word, of an object that stands for their memory
    memcpy_fromio
guests are not modelled: write what the host does in front of the entry, and what it does behind the exit;
what these two order and flush by themselves is not here
    vmrun vmload vmsave vmlaunch vmresume vmcall vmmcall vmxon vmxoff vmptrld vmclear vmread vmwrite
    __vmx_vcpu_run __svm_vcpu_run __svm_sev_es_vcpu_run vmcs_writel vmcs_readl vmcs_write32 vmcs_read32
    vmcs_write64 vmcs_read64 vmcs_load vmcs_clear kvm_hypercall0 kvm_hypercall1 kvm_hypercall2
guests are not modelled, nor the flag that they have for interrupts and NMIs together; local_irq_disable()
and local_irq_enable() hold interrupts off alone
    clgi stgi
nested page tables (EPT, NPT) and VPIDs are not modelled, nor what is cached of them: no flush here stands
for this one; flush_tlb_local() and its kin remove what was cached of the tables of a test
    invept invvpid __invept __invvpid ept_sync_global ept_sync_context vpid_sync_context
    vpid_sync_vcpu_addr vpid_sync_vcpu_global ept_sync_individual_addr
leave it out: whether the kernel may access pages of user mode (SMAP) is not checked here, and it orders
nothing
    clac stac __uaccess_end user_access_end user_access_save user_access_restore
write barrier_nospec(): the STAC in front of it does nothing here
    __uaccess_begin_nospec user_access_begin user_read_access_begin user_write_access_begin
write try_cmpxchg(v, &old, new) of the virtual address v: where there is no page, old is fault
    cmpxchg_user __try_cmpxchg_user unsafe_try_cmpxchg_user cmpxchg_user_key
declare percpu cpumask_t m, and write this_cpu_ptr(&m)
    this_cpu_cpumask_var_ptr
declare percpu cpumask_t m, and write per_cpu_ptr(&m, cpu)
    per_cpu_cpumask_var_ptr
write WARN_ON(c): that no CPU enters the guest again is not modelled
    KVM_BUG_ON KVM_BUG KVM_BUG_ON_DATA_CORRUPTION
"""

_WARNS = pattern(r"\w+_(BUG|WARN)_ON\w*")


def of_subsystem(name: str) -> str:
    """The hint for the warning of a subsystem, as ``drm_WARN_ON``; empty for all other names."""
    return "write WARN_ON(c): what the subsystem does besides is not here" if _WARNS.fullmatch(name) else ""
