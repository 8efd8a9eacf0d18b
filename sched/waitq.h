/* SPDX-License-Identifier: MIT
 *
 * Wait queues: who wants to know when an object becomes readable, writable, ... Used by sleeping calls and by poll and epoll alike.
 *
 * Context: thread (the queue is guarded by a mutex). Interrupt handlers wake threads directly (thread_wake).
 */
#pragma once

#include "libc/list.h"
#include "sched/mutex.h"
#include "sched/thread.h"

struct waitq {
	struct mutex lock;
	struct list waiters;		/* [lock] */
	uint32_t nr_waiters;		/* [a] lets a waker see "nobody" without the lock */
};

/*
 * One subscription. Created and owned by the waiter (often on its stack), linked from waitq_add() to waitq_del().
 * notify() runs in the waker's thread with the queue's lock held; key says what happened (POLL* bits, 0: anything). It must not touch the same queue.
 * It returns true if it took the event (counts towards nr of waitq_wake for exclusive waiters).
 */
struct waiter {
	struct list node;		/* [queue's lock] */
	struct waitq *queue;		/* [o] NULL: not linked */
	bool (*notify)(struct waiter *w, uint32_t key);
	struct thread *thread;		/* for waiter_notify_thread() */
	uint32_t events;		/* wanted bits; 0: all */
	uint32_t fired;			/* [a] set by waiter_notify_thread() */
	bool is_exclusive;
};

#define WAITQ_INIT(name)	{ .waiters = LIST_INIT((name).waiters) }

void waitq_init(struct waitq *q);
/* Wakes w->thread and sets w->fired if (key & w->events), or either is 0. */
bool waiter_notify_thread(struct waiter *w, uint32_t key);
/* For the current thread, not exclusive, not linked. */
void waiter_init(struct waiter *w, uint32_t events);
void waitq_add(struct waitq *q, struct waiter *w);
/* After it returns notify() does not run any more. Harmless if not linked. */
void waitq_del(struct waiter *w);

/*
 * Tell all non-exclusive waiters and up to nr exclusive ones. The caller has made its change visible before: a full fence inside pairs with that of
 * waitq_add(), so either the waker sees the waiter or the waiter sees the change.
 */
void __waitq_wake(struct waitq *q, unsigned nr, uint32_t key);
static inline void waitq_wake(struct waitq *q, unsigned nr, uint32_t key)
{
	atomic_fence(SEQ_CST);	/* store of the condition before the load of nr_waiters. Pairs: waitq_add */
	if (atomic_load(&q->nr_waiters, RELAXED))
		__waitq_wake(q, nr, key);
}

static inline void waitq_wake_all(struct waitq *q, uint32_t key)
{
	waitq_wake(q, (unsigned)-1, key);
}

/* Tell one exclusive waiter, and nobody else: what one of them was told of is still there. */
void __waitq_pass_on(struct waitq *q, uint32_t key);
static inline void waitq_pass_on(struct waitq *q, uint32_t key)
{
	atomic_fence(SEQ_CST);	/* as in waitq_wake */
	if (atomic_load(&q->nr_waiters, RELAXED))
		__waitq_pass_on(q, key);
}

/*
 * Sleep on q until cond. cond may take mutexes (it is looked at in state RUNNING; w.fired decides about blocking). 0, -ETIMEDOUT, -EINTR.
 */
#define waitq_wait_until(q, wchan_, want, cond, deadline, flags)	waitq_wait_as(q, wchan_, want, cond, deadline, flags, false)

/*
 * The same for one of several who each take one of what comes: a wake-up for one is for one of them. Each event must be followed by a wake-up. Who has slept and leaves
 * something of it for others says so by waitq_pass_on().
 */
#define waitq_wait_exclusive(q, wchan_, want, cond, deadline, flags)	waitq_wait_as(q, wchan_, want, cond, deadline, flags, true)

#define waitq_wait_as(q, wchan_, want, cond, deadline, flags, is_exclusive_) \
	({ \
		struct waiter w_; \
		int wq_r_ = 0; \
		if (!(cond)) { \
			waiter_init(&w_, (want)); \
			w_.is_exclusive = (is_exclusive_); \
			waitq_add((q), &w_); \
			for (;;) { \
				atomic_store(&w_.fired, 0u, RELAXED); \
				/* fired = 0 before the look at cond: store->load. Pairs: the wakers' fence in waitq_wake */ \
				atomic_fence(SEQ_CST); \
				if (cond) { \
					wq_r_ = 0; \
					break; \
				} \
				if (wq_r_) \
					break; \
				wq_r_ = thread_wait_until(wchan_, atomic_load(&w_.fired, ACQUIRE), (deadline), (flags)); \
			} \
			waitq_del(&w_); \
			/* Told once more on the way out: that was meant for one who still waits. */ \
			if ((is_exclusive_) && atomic_load(&w_.fired, RELAXED)) \
				waitq_pass_on((q), (want)); \
		} \
		wq_r_; \
	})
