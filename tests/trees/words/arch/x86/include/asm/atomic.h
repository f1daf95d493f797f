/* Kernel-like text, written for tests: what the machine has. */
#ifdef CONFIG_SMP
#define LOCK_HERE ".pushsection .places,\"a\"\n" ".long 671f - .\n" ".popsection\n" "671:" "\n\tlock; "
#define LOCK LOCK_HERE
#else
#define LOCK ""
#endif

static __always_inline void machine_add(int i, atomic_t *v)
{
	asm volatile(LOCK "addl %1,%0" : "+m" (v->counter) : "ir" (i) : "memory");
}

static inline int machine_xadd(atomic_t *v, int i)
{
	int was = i;

	asm volatile (LOCK "xaddl %[was], %[at]" : [was] "+r" (was), [at] "+m" (v->counter));
	return was;
}

#define machine_raw_try(p, old, new)	({					\
	bool done;								\
	typeof(p) _old = (typeof(p))(old);					\
	typeof(*(p)) __old = *_old, __new = (new);				\
	switch (sizeof(*(p))) {							\
	case 8: {								\
		volatile u64 *__p = (volatile u64 *)(p);			\
		asm volatile(LOCK "cmpxchgq %[new], %[at]"			\
			     : "=@ccz" (done), [at] "+m" (*__p), [old] "+a" (__old)	\
			     : [new] "r" (__new) : "memory");			\
		break; }							\
	case 4: {								\
		volatile u32 *__p = (volatile u32 *)(p);			\
		asm volatile(LOCK "cmpxchgl %[new], %[at]"			\
			     : "=@ccz" (done), [at] "+m" (*__p), [old] "+a" (__old)	\
			     : [new] "r" (__new) : "memory");			\
		break; }							\
	default:								\
		no_such_size();							\
	}									\
	if (unlikely(!done))							\
		*_old = __old;							\
	done; })

static inline bool machine_try_cmpxchg(atomic_t *v, int *old, int new)
{
	return machine_raw_try(&v->counter, old, new);
}

#define SIZED(op, var) ({ bool __c; asm volatile(LOCK #op "l %0" : "+m" (var), "=@cc" "e" (__c)); __c; })
