/* SPDX-License-Identifier: MIT
 *
 * The rare halves of fs/sleeper-priv.h, out of line: somebody really sleeps.
 */
#include "fs/sleeper-priv.h"

bool sleeper_wake(struct sleeper *s)
{
	struct thread *t;

	rcu_read_lock();
	/* acq_rel: the condition before the slot is seen empty. Pairs: sleeper_is_woken */
	t = atomic_exchange(&s->thread, NULL, ACQ_REL);
	if (t)
		thread_wake(t);
	rcu_read_unlock();
	return t;
}

int sleeper_block(struct sleeper *s, const char *wchan, nsec_t deadline)
{
	return thread_wait_until(wchan, sleeper_is_woken(s), deadline, WAIT_INTERRUPTIBLE);
}
