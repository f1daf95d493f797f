" Litmus tests; made by 'verifier editor-files' from the vocabulary and the grammar: change those
if exists("b:current_syntax")
  finish
endif
let s:assembly = getline(1) =~# '^\s*X86\(_64\)\=\>'

syn match litmusNumber /\<\(0[xX]\x\+\|\d\+\)[uUlL]*\>/
syn match litmusRegister /\<r\d\+\>/
syn match litmusProgram /\<P\d\+\>/
syn match litmusState /\(\<P\=\d\+\s*:\s*\)\@<=\(cr3\|irq\|pcid\|tlb\|pending\|warn\|hang\)/
syn match litmusQuantifier /\~\s*exists\>/
syn keyword litmusQuantifier exists forall filter locations final observed
syn match litmusQuantifier /\<\(ever\|fault\)\ze\s*(/
syn match litmusHeader /\%1l^\s*\(X86\|X86_64\|C\|MM\)/
syn match litmusMeta /^[A-Z][A-Za-z-]*\ze=/

if s:assembly
  syn case ignore
  syn keyword litmusRegister ah al ax bh bl bp bpl bx ch cl cs cx dh di dil dl ds dx eax ebp ebx ecx edi edx es esi esp fs gs r10
  syn keyword litmusRegister r10b r10d r10w r11 r11b r11d r11w r12 r12b r12d r12w r13 r13b r13d r13w r14 r14b r14d r14w r15 r15b
  syn keyword litmusRegister r15d r15w r8 r8b r8d r8w r9 r9b r9d r9w rax rbp rbx rcx rdi rdx rip rsi rsp si sil sp spl ss
  syn keyword litmusWord adc adcb adcl adcq adcw add addb addl addq addw and andb andl andq andw bt btb btc btcb btcl btcq
  syn keyword litmusWord btcw btl btq btr btrb btrl btrq btrw bts btsb btsl btsq btsw btw clc clcb clcl clcq clcw clflush
  syn keyword litmusWord clflushb clflushl clflushopt clflushoptb clflushoptl clflushoptq clflushoptw clflushq clflushw clwb
  syn keyword litmusWord clwbb clwbl clwbq clwbw cmc cmcb cmcl cmcq cmcw cmova cmovab cmovae cmovaeb cmovael cmovaeq cmovaew
  syn keyword litmusWord cmoval cmovaq cmovaw cmovb cmovbb cmovbe cmovbeb cmovbel cmovbeq cmovbew cmovbl cmovbq cmovbw cmovc
  syn keyword litmusWord cmovcb cmovcl cmovcq cmovcw cmove cmoveb cmovel cmoveq cmovew cmovg cmovgb cmovge cmovgeb cmovgel
  syn keyword litmusWord cmovgeq cmovgew cmovgl cmovgq cmovgw cmovl cmovlb cmovle cmovleb cmovlel cmovleq cmovlew cmovll
  syn keyword litmusWord cmovlq cmovlw cmovna cmovnab cmovnae cmovnaeb cmovnael cmovnaeq cmovnaew cmovnal cmovnaq cmovnaw
  syn keyword litmusWord cmovnb cmovnbb cmovnbe cmovnbeb cmovnbel cmovnbeq cmovnbew cmovnbl cmovnbq cmovnbw cmovnc cmovncb
  syn keyword litmusWord cmovncl cmovncq cmovncw cmovne cmovneb cmovnel cmovneq cmovnew cmovng cmovngb cmovnge cmovngeb
  syn keyword litmusWord cmovngel cmovngeq cmovngew cmovngl cmovngq cmovngw cmovnl cmovnlb cmovnle cmovnleb cmovnlel cmovnleq
  syn keyword litmusWord cmovnlew cmovnll cmovnlq cmovnlw cmovno cmovnob cmovnol cmovnoq cmovnow cmovnp cmovnpb cmovnpl
  syn keyword litmusWord cmovnpq cmovnpw cmovns cmovnsb cmovnsl cmovnsq cmovnsw cmovnz cmovnzb cmovnzl cmovnzq cmovnzw cmovo
  syn keyword litmusWord cmovob cmovol cmovoq cmovow cmovp cmovpb cmovpe cmovpeb cmovpel cmovpeq cmovpew cmovpl cmovpo
  syn keyword litmusWord cmovpob cmovpol cmovpoq cmovpow cmovpq cmovpw cmovs cmovsb cmovsl cmovsq cmovsw cmovz cmovzb cmovzl
  syn keyword litmusWord cmovzq cmovzw cmp cmpb cmpl cmpq cmpw cmpxchg cmpxchg16b cmpxchg16bb cmpxchg16bl cmpxchg16bq
  syn keyword litmusWord cmpxchg16bw cmpxchg8b cmpxchg8bb cmpxchg8bl cmpxchg8bq cmpxchg8bw cmpxchgb cmpxchgl cmpxchgq
  syn keyword litmusWord cmpxchgw cpuid cpuidb cpuidl cpuidq cpuidw dec decb decl decq decw endbr32 endbr32b endbr32l
  syn keyword litmusWord endbr32q endbr32w endbr64 endbr64b endbr64l endbr64q endbr64w inc incb incl incq incw ja jab jae
  syn keyword litmusWord jaeb jael jaeq jaew jal jaq jaw jb jbb jbe jbeb jbel jbeq jbew jbl jbq jbw jc jcb jcl jcq jcw je jeb
  syn keyword litmusWord jecxz jecxzb jecxzl jecxzq jecxzw jel jeq jew jg jgb jge jgeb jgel jgeq jgew jgl jgq jgt jgtb jgtl
  syn keyword litmusWord jgtq jgtw jgw jl jlb jle jleb jlel jleq jlew jll jlq jlt jltb jltl jltq jltw jlw jmp jmpb jmpl jmpq
  syn keyword litmusWord jmpw jna jnab jnae jnaeb jnael jnaeq jnaew jnal jnaq jnaw jnb jnbb jnbe jnbeb jnbel jnbeq jnbew jnbl
  syn keyword litmusWord jnbq jnbw jnc jncb jncl jncq jncw jne jneb jnel jneq jnew jng jngb jnge jngeb jngel jngeq jngew jngl
  syn keyword litmusWord jngq jngw jnl jnlb jnle jnleb jnlel jnleq jnlew jnll jnlq jnlw jno jnob jnol jnoq jnow jnp jnpb jnpl
  syn keyword litmusWord jnpq jnpw jns jnsb jnsl jnsq jnsw jnz jnzb jnzl jnzq jnzw jo job jol joq jow jp jpb jpe jpeb jpel
  syn keyword litmusWord jpeq jpew jpl jpo jpob jpol jpoq jpow jpq jpw jrcxz jrcxzb jrcxzl jrcxzq jrcxzw js jsb jsl jsq jsw
  syn keyword litmusWord jz jzb jzl jzq jzw lea leab leal leaq leaw lfence lfenceb lfencel lfenceq lfencew loop loopb loope
  syn keyword litmusWord loopeb loopel loopeq loopew loopl loopne loopneb loopnel loopneq loopnew loopnz loopnzb loopnzl
  syn keyword litmusWord loopnzq loopnzw loopq loopw loopz loopzb loopzl loopzq loopzw mfence mfenceb mfencel mfenceq mfencew
  syn keyword litmusWord mov movabs movabsb movabsl movabsq movabsw movb movl movnti movntib movntil movntiq movntiw movq
  syn keyword litmusWord movsx movsxb movsxl movsxq movsxw movw movzx movzxb movzxl movzxq movzxw neg negb negl negq negw nop
  syn keyword litmusWord nopb nopl nopq nopw not notb notl notq notw or orb orl orq orw pause pauseb pausel pauseq pausew
  syn keyword litmusWord prefetchnta prefetchntab prefetchntal prefetchntaq prefetchntaw prefetcht0 prefetcht0b prefetcht0l
  syn keyword litmusWord prefetcht0q prefetcht0w prefetcht1 prefetcht1b prefetcht1l prefetcht1q prefetcht1w prefetcht2
  syn keyword litmusWord prefetcht2b prefetcht2l prefetcht2q prefetcht2w prefetchw prefetchwb prefetchwl prefetchwq
  syn keyword litmusWord prefetchww ret retb retl retq retw sal salb sall salq salw sar sarb sarl sarq sarw sbb sbbb sbbl
  syn keyword litmusWord sbbq sbbw serialize serializeb serializel serializeq serializew seta setab setae setaeb setael
  syn keyword litmusWord setaeq setaew setal setaq setaw setb setbb setbe setbeb setbel setbeq setbew setbl setbq setbw setc
  syn keyword litmusWord setcb setcl setcq setcw sete seteb setel seteq setew setg setgb setge setgeb setgel setgeq setgew
  syn keyword litmusWord setgl setgq setgw setl setlb setle setleb setlel setleq setlew setll setlq setlw setna setnab setnae
  syn keyword litmusWord setnaeb setnael setnaeq setnaew setnal setnaq setnaw setnb setnbb setnbe setnbeb setnbel setnbeq
  syn keyword litmusWord setnbew setnbl setnbq setnbw setnc setncb setncl setncq setncw setne setneb setnel setneq setnew
  syn keyword litmusWord setng setngb setnge setngeb setngel setngeq setngew setngl setngq setngw setnl setnlb setnle setnleb
  syn keyword litmusWord setnlel setnleq setnlew setnll setnlq setnlw setno setnob setnol setnoq setnow setnp setnpb setnpl
  syn keyword litmusWord setnpq setnpw setns setnsb setnsl setnsq setnsw setnz setnzb setnzl setnzq setnzw seto setob setol
  syn keyword litmusWord setoq setow setp setpb setpe setpeb setpel setpeq setpew setpl setpo setpob setpol setpoq setpow
  syn keyword litmusWord setpq setpw sets setsb setsl setsq setsw setz setzb setzl setzq setzw sfence sfenceb sfencel sfenceq
  syn keyword litmusWord sfencew shl shlb shll shlq shlw shr shrb shrl shrq shrw stc stcb stcl stcq stcw sub subb subl subq
  syn keyword litmusWord subw test testb testl testq testw xadd xaddb xaddl xaddq xaddw xchg xchgb xchgl xchgq xchgw xor xorb
  syn keyword litmusWord xorl xorq xorw
  syn keyword litmusWord lock
  syn case match
else
  syn keyword litmusWord ARRAY_END ARRAY_SIZE BUG_ON ERR_CAST ERR_PTR IS_ERR IS_ERR_OR_NULL IS_ERR_VALUE PTR_ERR
  syn keyword litmusWord PTR_ERR_OR_ZERO RCU_INIT_POINTER READ_ONCE VAL WARN WARN_ON WARN_ONCE WARN_ON_ONCE WRITE_ONCE
  syn keyword litmusWord __bit_spin_unlock __change_bit __clear_bit __clear_bit_unlock __cpumask_clear_cpu __cpumask_set_cpu
  syn keyword litmusWord __flush_tlb_all __flush_tlb_all_relaxed __flush_tlb_global __flush_tlb_local __flush_tlb_one
  syn keyword litmusWord __flush_tlb_one_kernel __flush_tlb_one_user __flush_tlb_single __native_flush_tlb_single
  syn keyword litmusWord __native_read_cr3 __native_write_cr3 __pa __read_cr3 __set_bit __sme_pa __test_and_change_bit
  syn keyword litmusWord __test_and_clear_bit __test_and_set_bit __this_cpu_add __this_cpu_add_return __this_cpu_and
  syn keyword litmusWord __this_cpu_cmpxchg __this_cpu_cmpxchg_double __this_cpu_dec __this_cpu_dec_return __this_cpu_inc
  syn keyword litmusWord __this_cpu_inc_return __this_cpu_or __this_cpu_read __this_cpu_sub __this_cpu_sub_return
  syn keyword litmusWord __this_cpu_write __this_cpu_xchg alloc_cpumask_var apic_icr_write apic_icr_write_mmio apic_send_nmi
  syn keyword litmusWord apic_send_nmi_mmio array_index_nospec assume atomic64_add atomic64_add_negative
  syn keyword litmusWord atomic64_add_negative_relaxed atomic64_add_return atomic64_add_return_acquire
  syn keyword litmusWord atomic64_add_return_relaxed atomic64_add_return_release atomic64_add_unless atomic64_and
  syn keyword litmusWord atomic64_andnot atomic64_cmpxchg atomic64_cmpxchg_acquire atomic64_cmpxchg_relaxed
  syn keyword litmusWord atomic64_cmpxchg_release atomic64_cond_read_acquire atomic64_cond_read_relaxed atomic64_dec
  syn keyword litmusWord atomic64_dec_and_test atomic64_dec_if_positive atomic64_dec_return atomic64_dec_return_acquire
  syn keyword litmusWord atomic64_dec_return_relaxed atomic64_dec_return_release atomic64_dec_unless_positive
  syn keyword litmusWord atomic64_fetch_add atomic64_fetch_add_acquire atomic64_fetch_add_relaxed atomic64_fetch_add_release
  syn keyword litmusWord atomic64_fetch_add_unless atomic64_fetch_and atomic64_fetch_and_acquire atomic64_fetch_and_relaxed
  syn keyword litmusWord atomic64_fetch_and_release atomic64_fetch_andnot atomic64_fetch_andnot_acquire
  syn keyword litmusWord atomic64_fetch_andnot_relaxed atomic64_fetch_andnot_release atomic64_fetch_dec
  syn keyword litmusWord atomic64_fetch_dec_acquire atomic64_fetch_dec_relaxed atomic64_fetch_dec_release atomic64_fetch_inc
  syn keyword litmusWord atomic64_fetch_inc_acquire atomic64_fetch_inc_relaxed atomic64_fetch_inc_release atomic64_fetch_or
  syn keyword litmusWord atomic64_fetch_or_acquire atomic64_fetch_or_relaxed atomic64_fetch_or_release atomic64_fetch_sub
  syn keyword litmusWord atomic64_fetch_sub_acquire atomic64_fetch_sub_relaxed atomic64_fetch_sub_release atomic64_fetch_xor
  syn keyword litmusWord atomic64_fetch_xor_acquire atomic64_fetch_xor_relaxed atomic64_fetch_xor_release atomic64_inc
  syn keyword litmusWord atomic64_inc_and_test atomic64_inc_not_zero atomic64_inc_return atomic64_inc_return_acquire
  syn keyword litmusWord atomic64_inc_return_relaxed atomic64_inc_return_release atomic64_inc_unless_negative atomic64_or
  syn keyword litmusWord atomic64_read atomic64_read_acquire atomic64_set atomic64_set_release atomic64_sub
  syn keyword litmusWord atomic64_sub_and_test atomic64_sub_return atomic64_sub_return_acquire atomic64_sub_return_relaxed
  syn keyword litmusWord atomic64_sub_return_release atomic64_try_cmpxchg atomic64_try_cmpxchg_acquire
  syn keyword litmusWord atomic64_try_cmpxchg_relaxed atomic64_try_cmpxchg_release atomic64_xchg atomic64_xchg_acquire
  syn keyword litmusWord atomic64_xchg_relaxed atomic64_xchg_release atomic64_xor atomic_add atomic_add_negative
  syn keyword litmusWord atomic_add_negative_relaxed atomic_add_return atomic_add_return_acquire atomic_add_return_relaxed
  syn keyword litmusWord atomic_add_return_release atomic_add_unless atomic_and atomic_andnot atomic_cmpxchg
  syn keyword litmusWord atomic_cmpxchg_acquire atomic_cmpxchg_relaxed atomic_cmpxchg_release atomic_cond_read_acquire
  syn keyword litmusWord atomic_cond_read_relaxed atomic_dec atomic_dec_and_test atomic_dec_if_positive atomic_dec_return
  syn keyword litmusWord atomic_dec_return_acquire atomic_dec_return_relaxed atomic_dec_return_release
  syn keyword litmusWord atomic_dec_unless_positive atomic_fetch_add atomic_fetch_add_acquire atomic_fetch_add_relaxed
  syn keyword litmusWord atomic_fetch_add_release atomic_fetch_add_unless atomic_fetch_and atomic_fetch_and_acquire
  syn keyword litmusWord atomic_fetch_and_relaxed atomic_fetch_and_release atomic_fetch_andnot atomic_fetch_andnot_acquire
  syn keyword litmusWord atomic_fetch_andnot_relaxed atomic_fetch_andnot_release atomic_fetch_dec atomic_fetch_dec_acquire
  syn keyword litmusWord atomic_fetch_dec_relaxed atomic_fetch_dec_release atomic_fetch_inc atomic_fetch_inc_acquire
  syn keyword litmusWord atomic_fetch_inc_relaxed atomic_fetch_inc_release atomic_fetch_or atomic_fetch_or_acquire
  syn keyword litmusWord atomic_fetch_or_relaxed atomic_fetch_or_release atomic_fetch_sub atomic_fetch_sub_acquire
  syn keyword litmusWord atomic_fetch_sub_relaxed atomic_fetch_sub_release atomic_fetch_xor atomic_fetch_xor_acquire
  syn keyword litmusWord atomic_fetch_xor_relaxed atomic_fetch_xor_release atomic_inc atomic_inc_and_test atomic_inc_not_zero
  syn keyword litmusWord atomic_inc_return atomic_inc_return_acquire atomic_inc_return_relaxed atomic_inc_return_release
  syn keyword litmusWord atomic_inc_unless_negative atomic_long_add atomic_long_add_negative atomic_long_add_negative_relaxed
  syn keyword litmusWord atomic_long_add_return atomic_long_add_return_acquire atomic_long_add_return_relaxed
  syn keyword litmusWord atomic_long_add_return_release atomic_long_add_unless atomic_long_and atomic_long_andnot
  syn keyword litmusWord atomic_long_cmpxchg atomic_long_cmpxchg_acquire atomic_long_cmpxchg_relaxed
  syn keyword litmusWord atomic_long_cmpxchg_release atomic_long_cond_read_acquire atomic_long_cond_read_relaxed
  syn keyword litmusWord atomic_long_dec atomic_long_dec_and_test atomic_long_dec_if_positive atomic_long_dec_return
  syn keyword litmusWord atomic_long_dec_return_acquire atomic_long_dec_return_relaxed atomic_long_dec_return_release
  syn keyword litmusWord atomic_long_dec_unless_positive atomic_long_fetch_add atomic_long_fetch_add_acquire
  syn keyword litmusWord atomic_long_fetch_add_relaxed atomic_long_fetch_add_release atomic_long_fetch_add_unless
  syn keyword litmusWord atomic_long_fetch_and atomic_long_fetch_and_acquire atomic_long_fetch_and_relaxed
  syn keyword litmusWord atomic_long_fetch_and_release atomic_long_fetch_andnot atomic_long_fetch_andnot_acquire
  syn keyword litmusWord atomic_long_fetch_andnot_relaxed atomic_long_fetch_andnot_release atomic_long_fetch_dec
  syn keyword litmusWord atomic_long_fetch_dec_acquire atomic_long_fetch_dec_relaxed atomic_long_fetch_dec_release
  syn keyword litmusWord atomic_long_fetch_inc atomic_long_fetch_inc_acquire atomic_long_fetch_inc_relaxed
  syn keyword litmusWord atomic_long_fetch_inc_release atomic_long_fetch_or atomic_long_fetch_or_acquire
  syn keyword litmusWord atomic_long_fetch_or_relaxed atomic_long_fetch_or_release atomic_long_fetch_sub
  syn keyword litmusWord atomic_long_fetch_sub_acquire atomic_long_fetch_sub_relaxed atomic_long_fetch_sub_release
  syn keyword litmusWord atomic_long_fetch_xor atomic_long_fetch_xor_acquire atomic_long_fetch_xor_relaxed
  syn keyword litmusWord atomic_long_fetch_xor_release atomic_long_inc atomic_long_inc_and_test atomic_long_inc_not_zero
  syn keyword litmusWord atomic_long_inc_return atomic_long_inc_return_acquire atomic_long_inc_return_relaxed
  syn keyword litmusWord atomic_long_inc_return_release atomic_long_inc_unless_negative atomic_long_or atomic_long_read
  syn keyword litmusWord atomic_long_read_acquire atomic_long_set atomic_long_set_release atomic_long_sub
  syn keyword litmusWord atomic_long_sub_and_test atomic_long_sub_return atomic_long_sub_return_acquire
  syn keyword litmusWord atomic_long_sub_return_relaxed atomic_long_sub_return_release atomic_long_try_cmpxchg
  syn keyword litmusWord atomic_long_try_cmpxchg_acquire atomic_long_try_cmpxchg_relaxed atomic_long_try_cmpxchg_release
  syn keyword litmusWord atomic_long_xchg atomic_long_xchg_acquire atomic_long_xchg_relaxed atomic_long_xchg_release
  syn keyword litmusWord atomic_long_xor atomic_or atomic_read atomic_read_acquire atomic_set atomic_set_release atomic_sub
  syn keyword litmusWord atomic_sub_and_test atomic_sub_return atomic_sub_return_acquire atomic_sub_return_relaxed
  syn keyword litmusWord atomic_sub_return_release atomic_try_cmpxchg atomic_try_cmpxchg_acquire atomic_try_cmpxchg_relaxed
  syn keyword litmusWord atomic_try_cmpxchg_release atomic_xchg atomic_xchg_acquire atomic_xchg_relaxed atomic_xchg_release
  syn keyword litmusWord atomic_xor barrier barrier_nospec bit_spin_lock bit_spin_trylock bit_spin_unlock call_rcu
  syn keyword litmusWord call_rcu_bh call_rcu_hurry call_rcu_sched call_srcu cant_migrate change_bit clamp clamp_t clear_bit
  syn keyword litmusWord clear_bit_unlock clear_bit_unlock_is_negative_byte clflush clflushopt clwb cmpxchg cmpxchg128
  syn keyword litmusWord cmpxchg128_acquire cmpxchg128_local cmpxchg128_relaxed cmpxchg128_release cmpxchg64 cmpxchg64_local
  syn keyword litmusWord cmpxchg_acquire cmpxchg_double cmpxchg_double_local cmpxchg_local cmpxchg_relaxed cmpxchg_release
  syn keyword litmusWord cond_resched cpu_online cpu_relax cpuid cpumask_and cpumask_andnot cpumask_any cpumask_any_but
  syn keyword litmusWord cpumask_clear cpumask_clear_cpu cpumask_copy cpumask_empty cpumask_first cpumask_full cpumask_of
  syn keyword litmusWord cpumask_or cpumask_set_cpu cpumask_setall cpumask_test_and_clear_cpu cpumask_test_and_set_cpu
  syn keyword litmusWord cpumask_test_cpu cpumask_weight cr4_toggle_pge cr4_toggle_pge_relaxed ct_cpuidle_enter
  syn keyword litmusWord ct_cpuidle_exit ct_idle_enter ct_idle_exit data_race dma_mb dma_rmb dma_wmb down down_interruptible
  syn keyword litmusWord down_killable down_read down_read_interruptible down_read_killable down_read_nested
  syn keyword litmusWord down_read_trylock down_trylock down_write down_write_killable down_write_nested down_write_trylock
  syn keyword litmusWord downgrade_write flush_tlb_local flush_tlb_local_relaxed flush_tlb_one_kernel flush_tlb_one_user
  syn keyword litmusWord for_each_cpu for_each_cpu_and for_each_cpu_andnot for_each_cpu_or for_each_online_cpu
  syn keyword litmusWord for_each_possible_cpu for_each_present_cpu free_cpumask_var get_cpu guard guest_context_enter_irqoff
  syn keyword litmusWord guest_context_exit_irqoff guest_enter_irqoff guest_exit_irqoff guest_state_enter_irqoff
  syn keyword litmusWord guest_state_exit_irqoff halt ifetch invlpg invlpg_relaxed invlpgb invlpgb_all invlpgb_final invpcid
  syn keyword litmusWord invpcid_flush_all invpcid_flush_all_nonglobals invpcid_flush_all_nonglobals_relaxed
  syn keyword litmusWord invpcid_flush_all_relaxed invpcid_flush_one invpcid_flush_one_relaxed invpcid_flush_single_context
  syn keyword litmusWord invpcid_flush_single_context_relaxed io_stop_wc iret irqs_disabled is_migration_entry
  syn keyword litmusWord is_pmd_migration_entry is_swap_pmd is_swap_pte jump kfree kfree_rcu kfree_rcu_mightsleep kvfree
  syn keyword litmusWord kvfree_rcu kvfree_rcu_mightsleep lfence likely load_cr3 load_cr3_noflush load_cr3_noflush_relaxed
  syn keyword litmusWord load_cr3_relaxed local64_add local64_add_negative local64_add_return local64_add_unless
  syn keyword litmusWord local64_cmpxchg local64_dec local64_dec_and_test local64_inc local64_inc_and_test
  syn keyword litmusWord local64_inc_not_zero local64_inc_return local64_read local64_set local64_sub local64_sub_and_test
  syn keyword litmusWord local64_sub_return local64_try_cmpxchg local64_xchg local_add local_add_negative local_add_return
  syn keyword litmusWord local_add_unless local_bh_disable local_bh_enable local_cmpxchg local_dec local_dec_and_test
  syn keyword litmusWord local_dec_return local_inc local_inc_and_test local_inc_not_zero local_inc_return local_irq_disable
  syn keyword litmusWord local_irq_enable local_irq_restore local_irq_save local_lock local_lock_irq local_lock_irqsave
  syn keyword litmusWord local_read local_set local_sub local_sub_and_test local_sub_return local_try_cmpxchg local_unlock
  syn keyword litmusWord local_unlock_irq local_unlock_irqrestore local_xchg lockdep_assert_held lockdep_assert_irqs_disabled
  syn keyword litmusWord lockdep_assert_irqs_enabled lockdep_assert_preemption_disabled lockless_dereference
  syn keyword litmusWord make_readable_migration_entry make_writable_migration_entry max max_t mb mfence might_sleep
  syn keyword litmusWord migrate_disable migrate_enable min min_t mk_pte mm_cpumask model_limit movnti mutex_is_locked
  syn keyword litmusWord mutex_lock mutex_lock_interruptible mutex_lock_interruptible_nested mutex_lock_io
  syn keyword litmusWord mutex_lock_io_nested mutex_lock_killable mutex_lock_killable_nested mutex_lock_nest_lock
  syn keyword litmusWord mutex_lock_nested mutex_trylock mutex_unlock native_flush_tlb_global native_flush_tlb_local
  syn keyword litmusWord native_flush_tlb_one_user native_write_cr3 num_online_cpus on_each_cpu on_each_cpu_cond
  syn keyword litmusWord on_each_cpu_cond_mask on_each_cpu_mask p4d p4d_addr_end p4d_bad p4d_clear p4d_huge p4d_leaf p4d_none
  syn keyword litmusWord p4d_offset p4d_offset_lockless p4d_populate p4d_present p4d_val p4dp_cmpxchg p4dp_get
  syn keyword litmusWord p4dp_get_and_clear p4dp_xchg pagefault_disable pagefault_enable per_cpu per_cpu_ptr
  syn keyword litmusWord pfn_swap_entry_to_page pgd pgd_addr_end pgd_bad pgd_clear pgd_huge pgd_leaf pgd_none pgd_offset
  syn keyword litmusWord pgd_populate pgd_present pgd_val pgdp_cmpxchg pgdp_get pgdp_get_and_clear pgdp_xchg pmd
  syn keyword litmusWord pmd_access_permitted pmd_addr_end pmd_bad pmd_clear pmd_dirty pmd_huge pmd_is_migration_entry
  syn keyword litmusWord pmd_leaf pmd_mkclean pmd_mkdirty pmd_mkinvalid pmd_mknotpresent pmd_mkold pmd_mkwrite pmd_mkyoung
  syn keyword litmusWord pmd_none pmd_offset pmd_offset_lockless pmd_page pmd_populate pmd_present pmd_protnone pmd_same
  syn keyword litmusWord pmd_to_swp_entry pmd_trans_huge pmd_val pmd_write pmd_wrprotect pmd_young pmdp_cmpxchg
  syn keyword litmusWord pmdp_establish pmdp_get pmdp_get_and_clear pmdp_get_lockless pmdp_huge_get_and_clear
  syn keyword litmusWord pmdp_set_wrprotect pmdp_test_and_clear_young pmdp_xchg pmem_wmb preempt_disable preempt_enable
  syn keyword litmusWord preempt_enable_no_resched preemptible pte pte_access_permitted pte_clear pte_clear_not_present_full
  syn keyword litmusWord pte_dirty pte_exec pte_global pte_mkclean pte_mkdirty pte_mkold pte_mkwrite pte_mkyoung pte_none
  syn keyword litmusWord pte_offset_kernel pte_page pte_present pte_protnone pte_same pte_to_swp_entry pte_user pte_val
  syn keyword litmusWord pte_write pte_wrprotect pte_young ptep_clear ptep_cmpxchg ptep_get ptep_get_and_clear
  syn keyword litmusWord ptep_get_lockless ptep_set_wrprotect ptep_test_and_clear_dirty ptep_test_and_clear_young
  syn keyword litmusWord ptep_try_set ptep_xchg pud pud_access_permitted pud_addr_end pud_bad pud_clear pud_dirty pud_huge
  syn keyword litmusWord pud_leaf pud_mkclean pud_mkdirty pud_mkold pud_mkwrite pud_mkyoung pud_none pud_offset
  syn keyword litmusWord pud_offset_lockless pud_page pud_populate pud_present pud_same pud_trans_huge pud_val pud_write
  syn keyword litmusWord pud_wrprotect pud_young pudp_cmpxchg pudp_establish pudp_get pudp_get_and_clear
  syn keyword litmusWord pudp_huge_get_and_clear pudp_test_and_clear_young pudp_xchg put_cpu raw_cpu_add raw_cpu_add_return
  syn keyword litmusWord raw_cpu_and raw_cpu_cmpxchg raw_cpu_cmpxchg128 raw_cpu_cmpxchg_double raw_cpu_dec raw_cpu_dec_return
  syn keyword litmusWord raw_cpu_inc raw_cpu_inc_return raw_cpu_or raw_cpu_read raw_cpu_sub raw_cpu_sub_return
  syn keyword litmusWord raw_cpu_try_cmpxchg raw_cpu_try_cmpxchg128 raw_cpu_write raw_cpu_xchg raw_smp_processor_id
  syn keyword litmusWord raw_spin_is_locked raw_spin_lock raw_spin_lock_bh raw_spin_lock_init raw_spin_lock_irq
  syn keyword litmusWord raw_spin_lock_irqsave raw_spin_lock_irqsave_nested raw_spin_lock_nest_lock raw_spin_lock_nested
  syn keyword litmusWord raw_spin_trylock raw_spin_trylock_bh raw_spin_trylock_irq raw_spin_trylock_irqsave raw_spin_unlock
  syn keyword litmusWord raw_spin_unlock_bh raw_spin_unlock_irq raw_spin_unlock_irqrestore rcu_access_pointer
  syn keyword litmusWord rcu_assign_pointer rcu_barrier rcu_barrier_bh rcu_barrier_sched rcu_dereference rcu_dereference_bh
  syn keyword litmusWord rcu_dereference_bh_check rcu_dereference_check rcu_dereference_protected rcu_dereference_raw
  syn keyword litmusWord rcu_dereference_sched rcu_dereference_sched_check rcu_idle_enter rcu_idle_exit rcu_read_lock
  syn keyword litmusWord rcu_read_lock_bh rcu_read_lock_sched rcu_read_lock_sched_notrace rcu_read_unlock rcu_read_unlock_bh
  syn keyword litmusWord rcu_read_unlock_sched rcu_read_unlock_sched_notrace rcu_replace_pointer read_cr3 read_cr3_pa
  syn keyword litmusWord read_lock read_lock_bh read_lock_irq read_lock_irqsave read_pcid read_poll_timeout
  syn keyword litmusWord read_poll_timeout_atomic read_trylock read_unlock read_unlock_bh read_unlock_irq
  syn keyword litmusWord read_unlock_irqrestore readx_poll_timeout readx_poll_timeout_atomic refcount_add
  syn keyword litmusWord refcount_add_not_zero refcount_dec refcount_dec_and_test refcount_dec_if_one refcount_dec_not_one
  syn keyword litmusWord refcount_inc refcount_inc_not_zero refcount_read refcount_set refcount_sub_and_test rmb safe_halt
  syn keyword litmusWord scoped_guard sema_init serialize set_bit set_p4d set_pgd set_pmd set_pmd_at set_pte set_pte_at
  syn keyword litmusWord set_pud set_pud_at sfence smp_acquire__after_ctrl_dep smp_call_function smp_call_function_many
  syn keyword litmusWord smp_call_function_single smp_cond_load_acquire smp_cond_load_relaxed smp_load_acquire smp_mb
  syn keyword litmusWord smp_mb__after_atomic smp_mb__after_spinlock smp_mb__after_srcu_read_unlock smp_mb__after_unlock_lock
  syn keyword litmusWord smp_mb__before_atomic smp_processor_id smp_read_barrier_depends smp_rmb smp_store_mb
  syn keyword litmusWord smp_store_release smp_wmb softleaf_from_pmd softleaf_from_pte softleaf_is_migration softleaf_is_none
  syn keyword litmusWord softleaf_is_swap softleaf_to_page softleaf_to_pte spin_is_locked spin_lock spin_lock_bh
  syn keyword litmusWord spin_lock_init spin_lock_irq spin_lock_irqsave spin_lock_irqsave_nested spin_lock_nest_lock
  syn keyword litmusWord spin_lock_nested spin_trylock spin_trylock_bh spin_trylock_irq spin_trylock_irqsave spin_unlock
  syn keyword litmusWord spin_unlock_bh spin_unlock_irq spin_unlock_irqrestore spin_unlock_wait srcu_barrier srcu_dereference
  syn keyword litmusWord srcu_dereference_check srcu_dereference_notrace srcu_down_read srcu_down_read_fast srcu_read_lock
  syn keyword litmusWord srcu_read_lock_fast srcu_read_lock_fast_notrace srcu_read_lock_fast_updown srcu_read_lock_lite
  syn keyword litmusWord srcu_read_lock_nmisafe srcu_read_lock_notrace srcu_read_unlock srcu_read_unlock_fast
  syn keyword litmusWord srcu_read_unlock_fast_notrace srcu_read_unlock_fast_updown srcu_read_unlock_lite
  syn keyword litmusWord srcu_read_unlock_nmisafe srcu_read_unlock_notrace srcu_up_read srcu_up_read_fast swp_entry_to_pmd
  syn keyword litmusWord swp_entry_to_pte sync_cmpxchg sync_core synchronize_net synchronize_rcu synchronize_rcu_bh
  syn keyword litmusWord synchronize_rcu_expedited synchronize_sched synchronize_sched_expedited synchronize_srcu
  syn keyword litmusWord synchronize_srcu_expedited sysret task_rcu_dereference test_and_change_bit test_and_clear_bit
  syn keyword litmusWord test_and_set_bit test_and_set_bit_lock test_bit test_bit_acquire text_poke this_cpu_add
  syn keyword litmusWord this_cpu_add_return this_cpu_and this_cpu_cmpxchg this_cpu_cmpxchg128 this_cpu_cmpxchg_double
  syn keyword litmusWord this_cpu_dec this_cpu_dec_return this_cpu_inc this_cpu_inc_return this_cpu_or this_cpu_ptr
  syn keyword litmusWord this_cpu_read this_cpu_sub this_cpu_sub_return this_cpu_try_cmpxchg this_cpu_try_cmpxchg128
  syn keyword litmusWord this_cpu_write this_cpu_xchg tlbsync translate try_cmpxchg try_cmpxchg128 try_cmpxchg128_acquire
  syn keyword litmusWord try_cmpxchg128_local try_cmpxchg128_relaxed try_cmpxchg128_release try_cmpxchg64 try_cmpxchg_acquire
  syn keyword litmusWord try_cmpxchg_local try_cmpxchg_relaxed try_cmpxchg_release unlikely up up_read up_write user_read
  syn keyword litmusWord user_write vfree virt_load_acquire virt_mb virt_rmb virt_store_mb virt_store_release virt_to_page
  syn keyword litmusWord virt_to_ptdesc virt_wmb wait_event wait_event_freezable wait_event_idle wait_event_idle_timeout
  syn keyword litmusWord wait_event_interruptible wait_event_interruptible_timeout wait_event_killable
  syn keyword litmusWord wait_event_killable_timeout wait_event_timeout wait_on_bit wait_on_bit_lock wait_var_event
  syn keyword litmusWord wait_var_event_interruptible wait_var_event_killable wait_var_event_timeout wmb write_cr3 write_lock
  syn keyword litmusWord write_lock_bh write_lock_irq write_lock_irqsave write_trylock write_trylock_irqsave write_unlock
  syn keyword litmusWord write_unlock_bh write_unlock_irq write_unlock_irqrestore wrmsr wrmsrl wrmsrns wrmsrq xchg
  syn keyword litmusWord xchg_acquire xchg_relaxed xchg_release xor_unlock_is_negative_byte zalloc_cpumask_var
  syn match litmusWord /\<for_each_\(\w\+_\)\=cpu\(_\w\+\)\=\>/
  syn match litmusWord /\<\l*list_for_each_entry\w*\>/
  syn keyword litmusConstant APIC_BASE_MSR ATOMIC64_INIT ATOMIC_INIT ATOMIC_LONG_INIT BITS_PER_BYTE BITS_PER_LONG CR3_ADDR_MASK
  syn keyword litmusConstant CR3_NOFLUSH CR3_PCID_MASK E2BIG EACCES EAGAIN EALREADY EBADF EBUSY ECANCELED ECHILD EDEADLK EDOM
  syn keyword litmusConstant EEXIST EFAULT EFBIG EHWPOISON EINPROGRESS EINTR EINVAL EIO EISDIR EMFILE EMLINK ENAMETOOLONG ENFILE
  syn keyword litmusConstant ENODATA ENODEV ENOENT ENOEXEC ENOMEM ENOSPC ENOSYS ENOTBLK ENOTDIR ENOTTY ENXIO EOPNOTSUPP EOVERFLOW
  syn keyword litmusConstant EPERM EPIPE ERANGE ERESTARTSYS EROFS ESPIPE ESRCH ESTALE ETIME ETIMEDOUT ETXTBSY EWOULDBLOCK EXDEV
  syn keyword litmusConstant INIT_LOCAL_LOCK INT_MAX INT_MIN LOCAL64_INIT LOCAL_INIT LONG_MAX LONG_MIN MAX_ERRNO MSR_EFER
  syn keyword litmusConstant MSR_FS_BASE MSR_GS_BASE MSR_HWP_REQUEST MSR_IA32_PKRS MSR_IA32_PRED_CMD MSR_IA32_SPEC_CTRL
  syn keyword litmusConstant MSR_IA32_TSC_DEADLINE MSR_IA32_TSX_CTRL MSR_KERNEL_GS_BASE NULL PAGE_MASK PAGE_SHIFT PAGE_SIZE
  syn keyword litmusConstant REFCOUNT_INIT S16_MAX S16_MIN S32_MAX S32_MIN S64_MAX S64_MIN S8_MAX S8_MIN SIZE_MAX TLB_FLUSH_ALL
  syn keyword litmusConstant U16_MAX U32_MAX U64_MAX U8_MAX UINT_MAX ULONG_MAX X86_CR3_LAM_U48 X86_CR3_LAM_U57 X86_CR3_PCID_BITS
  syn keyword litmusConstant X86_CR3_PCID_MASK X86_CR3_PCID_NOFLUSH __MUTEX_INITIALIZER __RAW_SPIN_LOCK_UNLOCKED
  syn keyword litmusConstant __RWSEM_INITIALIZER __RW_LOCK_UNLOCKED __SPIN_LOCK_UNLOCKED clean cpu_all_mask cpu_none_mask
  syn keyword litmusConstant cpu_online_mask cpu_possible_mask cpu_present_mask current false fault global init_mm invalid
  syn keyword litmusConstant migration none nr_cpu_ids nx off old on protnone ro supervisor swap swapper_pg_dir true
  syn keyword litmusStatement break case continue default do else for goto if return sizeof switch while
  syn keyword litmusType TYPEOF_UNQUAL _Bool __always_inline __auto_type __init __iomem __percpu __rcu __typeof __typeof__
  syn keyword litmusType __typeof_unqual__ __unqual_scalar_typeof __user bool char const enum extern inline int long noinline
  syn keyword litmusType percpu short signed static struct typedef typeof typeof_unqual union unsigned void volatile
  syn match litmusType /\<\w\+_t\>\(\s*[(=]\)\@!/
  syn match litmusType /\<_\{0,2}[us]\(8\|16\|32\|64\|128\)\>\(\s*[(=]\)\@!/
  syn match litmusType /\<\(page\|mm\|table\|cpumask\|code\)\>\ze\s\+\h/
  syn keyword litmusKeyword variants expect unroll nmi
  syn keyword litmusExpected never sometimes always deadlock hangs
  syn match litmusGuard /\(^\|[;{}]\)\s*\zs\(\[[A-Za-z_0-9 !&|()]\+\]\s*\)\+=\@!/
  syn match litmusDirective /^\s*#\s*\(include\|kernel\|config\|without\)\>/
endif

syn region litmusString start=/"/ end=/"/
syn keyword litmusTodo TODO FIXME XXX contained
syn match litmusComment "//.*$" contains=litmusTodo
syn region litmusComment start="/\*" end="\*/" contains=litmusTodo
syn region litmusComment start="(\*\s" end="\*)" contains=litmusTodo

hi def link litmusNumber Number
hi def link litmusRegister Identifier
hi def link litmusProgram Function
hi def link litmusState Special
hi def link litmusQuantifier Keyword
hi def link litmusHeader PreProc
hi def link litmusMeta PreProc
hi def link litmusWord Function
hi def link litmusConstant Constant
hi def link litmusStatement Statement
hi def link litmusType Type
hi def link litmusKeyword Keyword
hi def link litmusExpected Boolean
hi def link litmusGuard Label
hi def link litmusDirective Include
hi def link litmusString String
hi def link litmusComment Comment
hi def link litmusTodo Todo
let b:current_syntax = "litmus"
