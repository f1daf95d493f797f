/* Kernel-like text, written for tests: counters on top of what the machine has. */
#ifndef _LINUX_ATOMIC_H
#define _LINUX_ATOMIC_H

#include <linux/types.h>
#include <asm/atomic.h>

/* The machine has it, or else a loop does it. */
#ifndef machine_inc
static __always_inline void machine_inc(atomic_t *v)
{
	machine_add(1, v);
}
#define machine_inc machine_inc
#endif

#if defined(machine_fetch_and)
#define atomic_fetch_and machine_fetch_and
#elif IS_ENABLED(CONFIG_X86)
static inline int atomic_fetch_and(int i, atomic_t *v)
{
	int old = READ_ONCE(v->counter);

	do {
	} while (!machine_try_cmpxchg(v, &old, old & i));
	return old;
}
#endif

/* Looks whether an object is aligned, where someone asks for it. */
static inline void look(const void *v)
{
	if (IS_ENABLED(CONFIG_DEBUG_HERE))
		WARN_ON_ONCE((unsigned long)v & (sizeof(struct { long x; } __aligned(8)) - 1));
}

static inline void atomic_inc(atomic_t *v)
{
	look(v);
	machine_inc(v);
}
#define atomic_add(i, v)	machine_add(i, v)

/* Stops at u, without a LOCK'd instruction. */
static inline bool atomic_add_unless(atomic_t *v, int a, int u)
{
	int c = READ_ONCE(v->counter);

	do {
		if (unlikely(c == u))
			return false;
	} while (!machine_try_cmpxchg(v, &c, c + a));
	return true;
}

/* A slip: without LOCK. */
#define atomic_sub(i, v) asm volatile("subl %1, %0" : "+m" ((v)->counter) : "ir" (i) : "memory")

/* A slip: nobody keeps the store before a later load. */
static inline void virt_store_mb_of(int *p, int v)
{
	WRITE_ONCE(*p, v);
	barrier();
}
#define virt_store_mb(x, v)	virt_store_mb_of(&(x), v)

#define OPS(op, c_op)							\
static inline int atomic_##op##_return(int i, atomic_t *v)		\
{									\
	return i c_op machine_xadd(v, c_op i);				\
}

OPS(add, +)
#undef OPS

static inline bool atomic_sub_and_test(int i, atomic_t *v)
{
	return outside(v);
}

static inline bool atomic_dec_and_test(atomic_t *v)
{
	return SIZED(dec, v->counter);
}

static inline bool atomic_inc_and_test(atomic_t *v)
{
	asm volatile("frobl %0" : "+m" (v->counter));
	return 0;
}

#endif
