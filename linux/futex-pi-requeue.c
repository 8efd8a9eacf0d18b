/* SPDX-License-Identifier: MIT
 *
 * FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI (futex(2)): condition variables over priority-inheritance locks. A thread waits on the condition's word; who wakes it
 * sends it on to the lock's word, where it takes part in inheritance as if it had called FUTEX_LOCK_PI itself, and it returns as the owner of the lock.
 */
#include "libc/errno.h"
#include "linux/deadline.h"
#include "linux/futex-priv.h"
#include "linux/process.h"
#include "linux/syscalls.h"

long futex_wait_requeue_pi(struct futex_pair *pair, bool is_private, bool is_realtime, uint32_t expected, vaddr_t timeout)
{
	struct futex_pi_waiter p;
	nsec_t deadline;
	int r;

	if (pair->addr[0] == pair->addr[1])
		return -EINVAL;
	r = futex_deadline(timeout, is_realtime, &deadline);
	if (!r)
		r = futex_pair_init(pair, is_private);
	if (!r && futex_key_equal(&pair->key[0], &pair->key[1]))
		r = -EINVAL;
	if (r)
		return r;
	futex_pi_waiter_init(&p, pair->addr[1]);
	p.target = &pair->key[1];
	p.w.key = pair->key[0];
	p.w.bucket = pair->bucket[0];
	r = futex_enqueue_if_equal(&p.w, pair->addr[0], expected);
	if (r)
		return r;
	r = deadline_wait_until("futex-requeue-pi", atomic_load(&p.w.is_woken, ACQUIRE), deadline, WAIT_INTERRUPTIBLE);
	if (r && futex_remove_waiter(&p.w)) {
		if (r != -EINTR)
			return r;
		/* Sent on already, the word on which it waited has changed: the caller begins again. */
		return futex_key_equal(&p.w.key, p.target) ? -EAGAIN : -ERESTARTNOINTR;
	}
	return p.has_to_retry ? futex_pi_lock(pair->addr[1], is_private, deadline) : 0;
}

/* The waiters, the one with the highest priority first. Both buckets locked, the lock's page there. How many; -EAGAIN, -EFAULT: again; or an error. */
static long requeue_locked(struct futex_pair *pair, long nr_requeue)
{
	struct futex_bucket *to = pair->bucket[1];
	struct futex_waiter *w;
	unsigned nr_waiting;
	long done;
	int r;

	for (done = 0; done <= nr_requeue; done++) {
		w = futex_pi_best(pair->bucket[0], &pair->key[0], &nr_waiting);
		if (!w)
			break;
		/* Each wait names the lock that it is for. */
		if (!w->pi || w->pi->owner || !futex_key_equal(w->pi->target, &pair->key[1]))
			return -EINVAL;
		/* Others come after it: its unlock has to pass by the kernel. */
		r = futex_pi_claim(w->pi, to, &pair->key[1], nr_requeue ? FUTEX_WAITERS : 0);
		if (r < 0)
			return r;
		if (r == 0)
			futex_wake_waiter(w);
		else
			futex_move_waiter(w, to, &pair->key[1]);
	}
	return done;
}

long futex_requeue_pi(struct futex_pair *pair, bool is_private, long nr_wake, long nr_requeue, uint32_t expected)
{
	long r;

	if (nr_wake != 1 || nr_requeue < 0)
		return -EINVAL;
	r = futex_pair_init(pair, is_private);
	if (!r && futex_key_equal(&pair->key[0], &pair->key[1]))
		r = -EINVAL;
	if (r)
		return r;
	do {
		r = futex_pair_lock_if(pair, &expected);
		if (r)
			return r;
		r = requeue_locked(pair, nr_requeue);
		futex_pair_unlock(pair);
		if (r == -EFAULT && !futex_fault_in_writable(pair->addr[1]))
			r = -EAGAIN;
	} while (r == -EAGAIN);
	return r;
}
