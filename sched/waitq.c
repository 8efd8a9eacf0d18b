/* SPDX-License-Identifier: MIT */
#include "sched/waitq.h"

void waitq_init(struct waitq *q)
{
	*q = (struct waitq)WAITQ_INIT(*q);
}

bool waiter_notify_thread(struct waiter *w, uint32_t key)
{
	if (key && w->events && !(key & w->events))
		return false;
	/* Exclusive, and told before, of something else: this is for another. */
	if (w->is_exclusive && atomic_load(&w->fired, RELAXED))
		return false;
	/* release: what happened. Pairs: waitq_wait_until. The waiter cannot leave before the queue's lock is free: w stays valid. */
	atomic_store(&w->fired, 1u, RELEASE);
	thread_wake(w->thread);
	return true;
}

void waiter_init(struct waiter *w, uint32_t events)
{
	w->queue = NULL;
	w->notify = waiter_notify_thread;
	w->thread = thread_current();
	w->events = events;
	w->fired = 0;
	w->is_exclusive = false;
	list_init(&w->node);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	mutex_lock(&q->lock);
	w->queue = q;
	/* Exclusive ones at the end: a wake-up reaches all others before it has used up nr. */
	if (w->is_exclusive)
		list_add_tail(&q->waiters, &w->node);
	else
		list_add_head(&q->waiters, &w->node);
	atomic_store(&q->nr_waiters, q->nr_waiters + 1, RELAXED);
	mutex_unlock(&q->lock);
	/* seq_cst: nr_waiters before the caller's look at its condition: store->load. Pairs: waitq_wake */
	atomic_fence(SEQ_CST);
}

void waitq_del(struct waiter *w)
{
	struct waitq *q = w->queue;

	if (!q)
		return;
	mutex_lock(&q->lock);
	list_del(&w->node);
	atomic_store(&q->nr_waiters, q->nr_waiters - 1, RELAXED);
	w->queue = NULL;
	mutex_unlock(&q->lock);
}

static __attribute__((noinline)) void wake_many(struct waitq *q, unsigned nr, uint32_t key)
{
	struct waiter *w, *tmp;

	list_for_each_safe(w, tmp, &q->waiters, node) {
		if (w->is_exclusive && !nr)
			break;
		if (w->notify(w, key) && w->is_exclusive)
			nr--;
	}
}

void __waitq_pass_on(struct waitq *q, uint32_t key)
{
	struct waiter *w, *tmp;

	mutex_lock(&q->lock);
	list_for_each_safe(w, tmp, &q->waiters, node) {
		if (w->is_exclusive && w->notify(w, key))
			break;
	}
	mutex_unlock(&q->lock);
}

void __waitq_wake(struct waitq *q, unsigned nr, uint32_t key)
{
	struct waiter *w;

	mutex_lock_inline(&q->lock);
	if (likely(nr && q->waiters.next == q->waiters.prev && !list_is_empty(&q->waiters))) {
		w = list_first(&q->waiters, struct waiter, node);
		w->notify(w, key);
	} else {
		wake_many(q, nr, key);
	}
	mutex_unlock_inline(&q->lock);
}
