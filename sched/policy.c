/* SPDX-License-Identifier: MIT
 *
 * What system calls set and ask about a thread: policy, nice value, affinity, times, state.
 *
 * Parameters are written where they lie and taken over by the CPU that has the thread, at the latest when it is asked to look (wake_request). A sleeping
 * thread takes them over when it is woken.
 */
#include <arch/time.h>

#include "libc/errno.h"
#include "sched/mutex.h"
#include "sched/sched-priv.h"

/* Make the CPU that has t look at what changed. */
static void apply(struct thread *t)
{
	arch_irqflags_t flags;
	struct cpu *cpu;

	preempt_disable();
	if (t == thread_current()) {
		flags = arch_irq_save();
		rq_refresh_params(t->sched);
		t->needs_resched = 1;
		arch_irq_restore(flags);
	} else {
		cpu = atomic_load(&t->cpu, RELAXED);
		wake_request(cpu, REQUEST_RECHECK | REQUEST_RESCHED);
		/* It may have gone elsewhere by the old parameters just before they changed; who moves it from now on sees the new ones. */
		if (atomic_load(&t->cpu, RELAXED) != cpu)
			wake_request(atomic_load(&t->cpu, RELAXED), REQUEST_RECHECK | REQUEST_RESCHED);
	}
	preempt_enable();
}

static int change(struct thread *t, uint32_t mask, uint32_t bits)
{
	uint32_t *params = &t->sched->params, old = atomic_load(params, RELAXED);

	while (!atomic_cas(params, &old, (old & ~mask) | bits, RELAXED))
		;
	if (old == ((old & ~mask) | bits))
		return 0;
	/* seq_cst: params before it, whatever order the two stores to it take. Pairs: rq_refresh_params. Who wakes t and does not see it yet is asked to look again: */
	atomic_fence(SEQ_CST);
	atomic_store(&t->sched->has_new_params, 1, RELAXED);
	apply(t);
	return 0;
}

int thread_set_policy(struct thread *t, enum thread_policy policy, int priority)
{
	bool is_rt = policy == POLICY_FIFO || policy == POLICY_RR;

	if (!is_rt && policy != POLICY_OTHER && policy != POLICY_BATCH && policy != POLICY_IDLE)
		return -EINVAL;
	if (is_rt ? priority < 1 || priority > 99 : priority != 0)
		return -EINVAL;
	return change(t, 0x7fff00u, (uint32_t)policy << 16 | (uint32_t)priority << 8);
}

void thread_get_policy(struct thread *t, enum thread_policy *policy, int *priority)
{
	uint32_t params = atomic_load(&t->sched->params, RELAXED);

	*policy = PARAMS_POLICY(params);
	*priority = PARAMS_OWN_PRIO(params);
}

void thread_boost(struct thread *t, int priority)
{
	change(t, 0xffu << PARAMS_BOOST_SHIFT, (uint32_t)priority << PARAMS_BOOST_SHIFT);
}

void thread_urge(struct thread *t, bool is_urged)
{
	if (!t->sched->is_idle)		/* which is not preempted where it holds a lock */
		change(t, PARAMS_URGED, is_urged ? PARAMS_URGED : 0);
}

int thread_priority(const struct thread *t)
{
	uint32_t params = atomic_load(&t->sched->params, RELAXED);

	return PARAMS_PRIO(params);
}

int thread_set_nice(struct thread *t, int nice)
{
	return change(t, 0xff, (uint32_t)(MIN(MAX(nice, -20), 19) + 20));
}

int thread_get_nice(struct thread *t)
{
	return PARAMS_NICE(atomic_load(&t->sched->params, RELAXED));
}

int thread_set_affinity(struct thread *t, const uint64_t *mask, unsigned nr_words)
{
	static struct mutex lock;	/* of two who set it at once one is first, with all words */
	unsigned i, w, nr_allowed = 0, nr_usable = 0;

	for (i = 0; i < nr_cpus; i++) {
		bool is_allowed = i / 64 < nr_words && (mask[i / 64] >> i % 64 & 1);

		nr_allowed += is_allowed;
		nr_usable += is_allowed && cpu_is_online(cpus[i]);
	}
	if (!nr_usable)
		return -EINVAL;
	mutex_lock(&lock);
	atomic_store(&t->sched->is_restricted, nr_allowed < nr_cpus, RELAXED);
	/* Not atomic as a whole: who looks in between sees a mixture, for once. */
	for (w = 0; w < CPU_WORDS; w++)
		atomic_store(&t->sched->affinity[w], w < nr_words ? mask[w] : 0, RELAXED);
	mutex_unlock(&lock);
	if (t == thread_current())
		thread_yield();
	else
		apply(t);
	return 0;
}

void thread_get_affinity(struct thread *t, uint64_t *mask, unsigned nr_words)
{
	unsigned w, i;

	for (w = 0; w < nr_words; w++) {
		mask[w] = w < CPU_WORDS ? atomic_load(&t->sched->affinity[w], RELAXED) : 0;
		for (i = 0; i < 64; i++)
			if (w * 64 + i >= nr_cpus || !cpu_is_online(cpus[w * 64 + i]))
				mask[w] &= ~(1ull << i);
	}
}

void thread_times(struct thread *t, struct thread_times *out)
{
	/* One word, read before the time: never more than has passed. */
	uint64_t clock = atomic_load(&t->sched->clock, ACQUIRE), total;

	total = clock & CLOCK_RUNNING ? arch_time_ns() - (clock & ~CLOCK_RUNNING) : clock;
	out->user_ns = t->task ? total : 0;
	out->system_ns = t->task ? 0 : total;
	out->nr_voluntary = t->sched->nr_voluntary;
	out->nr_involuntary = t->sched->nr_involuntary;
}

nsec_t cpu_idle_ns(struct cpu *cpu)
{
	struct thread_times times;

	thread_times(cpu->idle, &times);
	return times.system_ns;
}

char thread_state_letter(struct thread *t)
{
	switch ((enum thread_state)atomic_load(&t->sched->state, RELAXED)) {
	case STATE_RUNNABLE:
		return 'R';
	case STATE_DEAD:
		return 'Z';
	case STATE_NEW:
	case STATE_ANNOUNCED:
	case STATE_BLOCKED:
		break;
	}
	return t->sched->is_interruptible || !t->task ? 'S' : 'D';
}

int thread_cpu_id(struct thread *t)
{
	return (int)atomic_load(&t->cpu, RELAXED)->id;
}
