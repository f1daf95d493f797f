// A file of a small tree that tests take text from. It is kernel-like C, and no kernel's.
#include <flags.h>

static DEFINE_PER_CPU_ALIGNED(struct board, boards);
static int limit __read_mostly = 33;
static const struct file_operations flag_fops = { .open = simple_open, };

DEFINE_STATIC_KEY_FALSE(fast_key);

static __always_inline void hint(struct board *b) { prefetchw(&b->data); }

NOKPROBE void notrace raise_flag(struct board *b __maybe_unused, int value)
	__releases(&b->lock)
{
	lockdep_assert_irqs_enabled();
	WRITE_ONCE(b->data, value);
#if defined(CONFIG_FENCES) && !defined(CONFIG_SLOW)
	smp_mb();
#elif IS_ENABLED(CONFIG_SLOW)
	synchronize_rcu();
#endif
	if (static_branch_unlikely(&fast_key))
		fast_raise(b);
	else
		WRITE_ONCE(b->state.flag, FLAG_SET);
	trace_flag_raised(b, "raise");
}

int wait_flag(struct board *b)
{
	if (flag_of(b) != FLAG_SET)
		return -1;
	return READ_ONCE(b->data);
}

void read_both(struct board *b, int *data, bool *raised)
{
	*raised = READ_ONCE(b->state.flag) & FLAG_SET;
	*data = READ_ONCE(b->data);
}

void publish(struct board *b, enum step step)
{
	announce(b, step == STEP_THIRD ? 2 : 1);
	WRITE_ONCE(b->state.flag, FLAG_SET);
}

void fast_raise(struct board *b)
{
	WRITE_ONCE(b->state.flag, FLAG_SET | unknown_helper(b));
}

EXPORT_SYMBOL_GPL(raise_flag);
