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

static DEFINE_MUTEX(board_mutex);
#define SERIALIZED() guard(mutex)(&board_mutex)
typedef void (*tell_t)(void *info);

struct bag {
	unsigned int nr;
	void *items[];
};

static void tell_set(void *info)
{
	struct board *b = info;

	WRITE_ONCE(b->data, 1);
}

static void tell_clear(void *info)
{
	struct board *b = info;

	WRITE_ONCE(b->data, 2);
}

int tell_others(struct board *b, int clear, int cpu)
{
	cpumask_var_t mask;
	tell_t tell = tell_set;
	int other;

	if (clear)
		tell = tell_clear;
	if (cpu < 0 && !zalloc_cpumask_var(&mask, GFP_KERNEL))
		return -1;
	SERIALIZED();
	cpus_read_lock();
	if (cpu >= 0) {
		if (cpu >= nr_cpu_ids || !cpu_online(cpu))
			goto out;
		smp_call_function_single(cpu, tell, b, 1);
	} else {
		for_each_online_cpu(other)
			__cpumask_set_cpu(other, mask);
		smp_call_function_many(mask, tell, b, true);
	}
out:
	if (cpu < 0)
		free_cpumask_var(mask);
	cpus_read_unlock();
	return current->pid;
}

int put_in(struct bag *bag, struct board *b)
{
	struct board *room = new_room(GFP_NOWAIT | __GFP_NOWARN);

	if (unlikely((unsigned long)room | (unsigned long)bag->items[1]))
		return -1;
	bag->items[bag->nr++] = b;
	return bag->nr;
}
