/* SPDX-License-Identifier: MIT
 *
 * Futexes as locks that the kernel hands over (futex(2), "Priority-inheritance futexes"): LOCK_PI, LOCK_PI2, TRYLOCK_PI, UNLOCK_PI.
 *
 *	word	0: free	   owner's thread number, FUTEX_WAITERS: somebody waits in the kernel, FUTEX_OWNER_DIED
 *
 * UNLOCK_PI writes the next owner's number itself, before it wakes it: nobody can take the lock in between. The next owner is the waiter with the highest realtime
 * priority, the first of these. The owner's own priority is not raised: a real-time program that counts on that would have to wait (docs/caveats.md).
 * The word changes from 0 in user space only, so all other changes can be made by compare-and-swap with the bucket locked.
 */
#include "libc/errno.h"
#include "linux/futex-priv.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "linux/sys-util.h"
#include "mmu/user.h"
#include "sched/clock.h"

/* The word is still old: 0. -EAGAIN: it has changed; -EFAULT. Does not sleep. */
static int change(vaddr_t addr, uint32_t old, uint32_t fresh)
{
	uint32_t seen;
	int r;

	preempt_disable();
	r = arch_user_cas32((uint32_t *)addr, old, fresh, &seen);
	preempt_enable();
	return r ? r : seen == old ? 0 : -EAGAIN;
}

static struct futex_waiter *best_waiter(struct futex_bucket *b, const struct futex_key *key, unsigned *nr)
{
	struct futex_waiter *w, *best = NULL;
	int best_priority = -1;

	*nr = 0;
	list_for_each(w, &b->waiters, node) {
		enum thread_policy policy;
		int priority;

		if (!w->pi_tid || !futex_key_equal(&w->key, key))
			continue;
		(*nr)++;
		thread_get_policy(w->thread, &policy, &priority);
		if (priority > best_priority) {
			best = w;
			best_priority = priority;
		}
	}
	return best;
}

/*
 * One attempt, bucket locked. 0: the lock is ours; 1: w (may be NULL: only try) has been queued; -EAGAIN: the word changed, or (w NULL) it is taken; -EDEADLK, -ESRCH,
 * -EFAULT (the page is not there).
 */
static int lock_once(struct futex_bucket *b, vaddr_t addr, uint32_t tid, struct futex_waiter *w, bool *is_taken)
{
	uint32_t word, owner;
	int r = futex_load(addr, &word);

	*is_taken = false;
	if (r)
		return r;
	owner = word & FUTEX_TID_MASK;
	if (owner == tid)
		return -EDEADLK;
	if (!owner)
		return change(addr, word, tid | (word & (FUTEX_OWNER_DIED | FUTEX_WAITERS)));
	if (!process_pid_exists((int)owner))
		return -ESRCH;
	if (!w) {
		*is_taken = true;
		return -EAGAIN;
	}
	if (!(word & FUTEX_WAITERS)) {
		r = change(addr, word, word | FUTEX_WAITERS);
		if (r)
			return r;
	}
	atomic_store(&b->nr_waiters, b->nr_waiters + 1, RELAXED);
	list_add_tail(&b->waiters, &w->node);
	return 1;
}

static long lock_pi(vaddr_t addr, bool is_private, nsec_t deadline, bool only_try)
{
	uint32_t tid = (uint32_t)task_current()->tid;
	struct futex_waiter w = { .thread = thread_current(), .bitset = FUTEX_BITSET_ANY, .pi_tid = tid };
	bool is_taken;
	int r = futex_make_key(addr, is_private, &w.key);

	if (r)
		return r;
	w.bucket = futex_bucket_of(&w.key);
	do {
		futex_bucket_lock(w.bucket);
		r = lock_once(w.bucket, addr, tid, only_try ? NULL : &w, &is_taken);
		mutex_unlock(&w.bucket->lock);
		if (r == -EFAULT) {
			r = futex_fault_in_writable(addr);
			if (r)
				return r;
			r = -EAGAIN;
		}
	} while (r == -EAGAIN && !is_taken);
	if (r <= 0)
		return r;
	r = thread_wait_until("futex-pi", atomic_load(&w.is_woken, ACQUIRE), deadline, WAIT_INTERRUPTIBLE);
	if (r == 0 || !futex_remove_waiter(&w))
		return 0;
	return r;
}

/* Hand the lock at addr to the best waiter, bucket locked. 0; 1: nobody waits; -EAGAIN, -EFAULT. */
static int hand_over(struct futex_bucket *b, const struct futex_key *key, vaddr_t addr, uint32_t word)
{
	unsigned nr;
	struct futex_waiter *w = best_waiter(b, key, &nr);
	int r;

	if (!w)
		return 1;
	r = change(addr, word, w->pi_tid | (nr > 1 ? FUTEX_WAITERS : 0) | (word & FUTEX_OWNER_DIED));
	if (!r)
		futex_wake_waiter(w);
	return r;
}

static int unlock_once(struct futex_bucket *b, const struct futex_key *key, vaddr_t addr, uint32_t tid)
{
	uint32_t word;
	int r = futex_load(addr, &word);

	if (r)
		return r;
	if ((word & FUTEX_TID_MASK) != tid)
		return -EPERM;
	r = hand_over(b, key, addr, word);
	return r == 1 ? change(addr, word, 0) : r;
}

static long unlock_pi(vaddr_t addr, bool is_private)
{
	uint32_t tid = (uint32_t)task_current()->tid;
	struct futex_bucket *b;
	struct futex_key key;
	int r = futex_make_key(addr, is_private, &key);

	if (r)
		return r;
	b = futex_bucket_of(&key);
	do {
		futex_bucket_lock(b);
		r = unlock_once(b, &key, addr, tid);
		mutex_unlock(&b->lock);
		if (r == -EFAULT) {
			r = futex_fault_in_writable(addr);
			if (r)
				return r;
			r = -EAGAIN;
		}
	} while (r == -EAGAIN);
	return r;
}

bool futex_pi_pass_on(vaddr_t addr)
{
	struct futex_bucket *b;
	struct futex_key key;
	uint32_t word;
	int r = 1;

	/* The waiters may have come by a private or by a shared key: the same for private memory. */
	if (futex_make_key(addr, true, &key))
		return false;
	b = futex_bucket_of(&key);
	futex_bucket_lock(b);
	if (!futex_load(addr, &word))
		r = hand_over(b, &key, addr, word);
	mutex_unlock(&b->lock);
	return r == 0;
}

long futex_pi_call(unsigned cmd, bool is_private, bool is_realtime, vaddr_t addr, vaddr_t timeout)
{
	nsec_t deadline = NSEC_NEVER, offset;

	if (cmd == FUTEX_UNLOCK_PI)
		return unlock_pi(addr, is_private);
	if (cmd == FUTEX_TRYLOCK_PI)
		return lock_pi(addr, is_private, 0, true);
	if (timeout) {
		int r = timespec_get((long)timeout, &deadline);

		if (r)
			return r;
		offset = cmd == FUTEX_LOCK_PI || is_realtime ? clock_realtime_offset() : 0;
		deadline = deadline > offset ? deadline - offset : 0;
	}
	return lock_pi(addr, is_private, deadline, false);
}
