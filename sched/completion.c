/* SPDX-License-Identifier: MIT */
#include "libc/errno.h"
#include "sched/sched-priv.h"
#include "sched/sync.h"

void completion_set(struct completion *c)
{
	uintptr_t old;

	preempt_disable();		/* keeps the waiter's struct thread valid */
	/* release: what is complete. Pairs: completion_is_set. acquire: the waiter's struct thread */
	old = atomic_exchange(&c->word, COMPLETION_SET, ACQ_REL);
	/* c may be gone. */
	if (old > COMPLETION_SET)
		thread_wake((struct thread *)old);
	preempt_enable();
}

bool completion_is_set(const struct completion *c)
{
	/* acquire: what is complete. Pairs: completion_set */
	return atomic_load(&c->word, ACQUIRE) == COMPLETION_SET;
}

int completion_wait(struct completion *c, nsec_t deadline, unsigned flags)
{
	uintptr_t word = 0;
	int r;

	/* release: our struct thread. acquire on failure is in completion_is_set(). Pairs: completion_set */
	if (!atomic_cas(&c->word, &word, (uintptr_t)thread_current(), RELEASE))
		return completion_is_set(c) ? 0 : -EBUSY;
	r = thread_wait_until("completion", completion_is_set(c), deadline, flags);
	if (!r)
		return 0;
	word = (uintptr_t)thread_current();
	if (atomic_cas(&c->word, &word, 0ul, RELAXED))
		return r;
	return completion_is_set(c) ? 0 : r;
}
