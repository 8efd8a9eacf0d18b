/* SPDX-License-Identifier: MIT
 *
 * A place for one sleeping thread, beside a wait queue: most pipes, eventfds and epolls are waited for by one thread at a time, and this costs a third of a subscription. Who finds
 * it taken uses the wait queue.
 *
 *	sleeper						waker
 *	slot: NULL -> me				make the condition true
 *	fence; look at the condition; block		fence; slot: t -> NULL; wake t
 *	until the slot is not mine
 *
 * Producers and consumers: any number of wakers, one sleeper at a time. Lock-free. A thread in the slot is alive, or its memory is kept by RCU: the waker holds RCU from
 * the exchange to the wake-up. No ABA: a slot that is taken and set again by the same thread is a new sleep of it, and a wake-up too many is harmless.
 */
#pragma once

#include "libc/atomic.h"
#include "sched/rcu.h"
#include "sched/thread.h"
#include "sched/waitq.h"

struct sleeper {
	struct thread *thread;		/* [a] */
};

/* False: somebody else is in it. */
static inline bool sleeper_enter(struct sleeper *s)
{
	struct thread *none = NULL;

	if (!atomic_cas(&s->thread, &none, thread_current(), RELAXED))
		return false;
	atomic_fence(SEQ_CST);	/* the slot before the look at the condition: store->load. Pairs: sleeper_wake_all */
	return true;
}

/* Out again, whether or not a waker has emptied the slot. */
static inline void sleeper_leave(struct sleeper *s)
{
	struct thread *me = thread_current();

	(void)atomic_cas(&s->thread, &me, NULL, RELAXED);
}

/* The caller has made the condition true and then passed a full fence. True: there was one. */
static inline bool sleeper_wake(struct sleeper *s)
{
	return thread_wake_slot(&s->thread);
}

/* Both kinds of sleepers, with the one fence they need: the condition before the looks at who sleeps. _fenced: the caller has passed one. */
static inline void sleeper_wake_all_fenced(struct sleeper *s, struct waitq *q, unsigned nr, uint32_t key)
{
	if (atomic_load(&s->thread, RELAXED))
		sleeper_wake(s);
	if (atomic_load(&q->nr_waiters, RELAXED))
		__waitq_wake(q, nr, key);
}

static inline void sleeper_wake_all(struct sleeper *s, struct waitq *q, uint32_t key)
{
	atomic_fence(SEQ_CST);	/* Pairs: sleeper_enter, waitq_add */
	sleeper_wake_all_fenced(s, q, (unsigned)-1, key);
}

/* The same for what one of the exclusive waiters can take: all others are told, and one of those. */
static inline void sleeper_wake_one(struct sleeper *s, struct waitq *q, uint32_t key)
{
	atomic_fence(SEQ_CST);	/* Pairs: sleeper_enter, waitq_add */
	sleeper_wake_all_fenced(s, q, 1, key);
}

/* What one sleeper was told of is still there: one in the slot and an exclusive one of the queue look, nobody else is told. */
static inline void sleeper_pass_on(struct sleeper *s, struct waitq *q, uint32_t key)
{
	atomic_fence(SEQ_CST);	/* Pairs: sleeper_enter, waitq_add */
	if (atomic_load(&s->thread, RELAXED))
		sleeper_wake(s);
	if (atomic_load(&q->nr_waiters, RELAXED))
		__waitq_pass_on(q, key);
}

/* Sleep in the slot. 0: woken, and out of it; -EINTR, -ETIMEDOUT: still in it. Between sleeper_enter() and this the condition is looked at. */
static inline int sleeper_block(struct sleeper *s, const char *wchan, nsec_t deadline)
{
	return thread_wait_slot(&s->thread, wchan, deadline);
}

/* Sleep until cond, in the slot or on the queue. As waitq_wait_until(), interruptible. cond is looked at in state RUNNING, and not again once it was true. */
#define sleeper_wait_until(s, q, wchan_, want, cond, deadline)	sleeper_wait_as(s, q, wchan_, want, cond, deadline, false)
/* On the queue as waitq_wait_exclusive(). An event wakes the one in the slot and one of the queue, so that none of them need care what becomes of the other. */
#define sleeper_wait_exclusive(s, q, wchan_, want, cond, deadline)	sleeper_wait_as(s, q, wchan_, want, cond, deadline, true)

#define sleeper_wait_as(s, q, wchan_, want, cond, deadline, is_exclusive_) \
	({ \
		bool sl_ok_ = false, sl_in_ = sleeper_enter(s); \
		int sl_r_ = 0; \
		while (sl_in_) { \
			sl_ok_ = (cond); \
			if (sl_ok_ || sl_r_) { \
				sleeper_leave(s); \
				break; \
			} \
			sl_r_ = sleeper_block(s, wchan_, deadline); \
			if (!sl_r_) { \
				sl_ok_ = (cond); \
				if (sl_ok_) \
					break; \
				sl_in_ = sleeper_enter(s); \
			} \
		} \
		if (!sl_in_) \
			sl_r_ = waitq_wait_as(q, wchan_, want, cond, deadline, WAIT_INTERRUPTIBLE, is_exclusive_); \
		sl_ok_ ? 0 : sl_r_; \
	})
