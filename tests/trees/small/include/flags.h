/* A header of a small tree that tests take text from. It is kernel-like C, and no kernel's. */
#ifndef _FLAGS_H
#define _FLAGS_H

#include <linux/types.h>

#define FLAG_IDLE	0
#define FLAG_SET	BIT_OF(0)
#define BIT_OF(n)	(1UL << (n))
#define NO_FLAG		-1UL
#define flag_of(b)	((b)->state.flag)
#define announce(b, v)	do { WRITE_ONCE((b)->data, v); smp_mb(); } while (0)

enum step { STEP_FIRST, STEP_SECOND = 4, STEP_THIRD };

typedef struct {
	unsigned long flag;
#ifdef CONFIG_STATISTICS
	u64 changes;
#endif
	atomic64_t generation;
} state_t;

struct board {
	int data;		/* what is announced */
	state_t state;
	struct list_head others;
	struct {
		u8 narrow;
		struct lockdep_map map;
	} ____cacheline_aligned;
};

#ifdef CONFIG_SMP
static inline u64 next_generation(struct board *b)
{
	return atomic64_inc_return(&b->state.generation);
}
#else
static inline u64 next_generation(struct board *b)
{
	return 1;
}
#endif

#endif /* _FLAGS_H */
