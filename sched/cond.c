/* SPDX-License-Identifier: MIT
 *
 * Condition variables with wait morphing; semaphores.
 *
 * A signalled waiter is not woken: its record moves from the condition's list to the mutex's queue (the caller owns the mutex), and it wakes when the mutex comes
 * to it. The list is guarded by that mutex.
 */
#include "libc/errno.h"
#include "sched/mutex-priv.h"
#include "sched/sched-priv.h"
#include "sched/sync.h"

/* On the waiter's stack; linked in the condition or queued on the mutex until cond_wait() returns. */
struct cond_waiter {
	struct cond_waiter *next, *prev;	/* [mutex] */
	struct mutex_waiter lock;
	uint32_t is_moved;			/* [a] written under the mutex */
};

static void unlink_waiter(struct cond *c, struct cond_waiter *w)
{
	*(w->prev ? &w->prev->next : &c->first) = w->next;
	*(w->next ? &w->next->prev : &c->last) = w->prev;
}

static void append_waiter(struct cond *c, struct cond_waiter *w)
{
	w->next = NULL;
	w->prev = c->last;
	*(c->last ? &c->last->next : &c->first) = w;
	c->last = w;
}

int cond_wait(struct cond *c, struct mutex *m, nsec_t deadline, unsigned flags)
{
	struct cond_waiter w = { .lock.thread = thread_current() };
	int r;

	append_waiter(c, &w);
	mutex_unlock(m);
	/* acquire: the record on the mutex's queue. Pairs: cond_signal */
	r = thread_wait_until("cond", atomic_load(&w.is_moved, ACQUIRE), deadline, flags);
	if (!r) {
		mutex_compete(m, &w.lock, "mutex");
		mutex_check_taken(m, __builtin_return_address(0));
		return 0;
	}
	mutex_lock(m);
	if (w.is_moved) {		/* signalled meanwhile */
		mutex_dequeue(m, &w.lock);
		return 0;
	}
	unlink_waiter(c, &w);
	return r;
}

void cond_signal(struct cond *c, struct mutex *m)
{
	struct cond_waiter *w = c->first;

	if (!w)
		return;
	unlink_waiter(c, w);
	mutex_enqueue(m, &w->lock);
	/* release: queued before it may compete. Pairs: cond_wait. It cannot leave before we have unlocked m. */
	atomic_store(&w->is_moved, 1u, RELEASE);
}

void cond_broadcast(struct cond *c, struct mutex *m)
{
	while (c->first)
		cond_signal(c, m);
}

int semaphore_wait(struct semaphore *s, uint64_t units, nsec_t deadline, unsigned flags)
{
	int r = 0;

	mutex_lock(&s->lock);
	while (s->count < units && !r)
		r = cond_wait(&s->nonzero, &s->lock, deadline, flags);
	if (s->count >= units) {
		s->count -= units;
		r = 0;
	}
	mutex_unlock(&s->lock);
	return r;
}

void semaphore_post(struct semaphore *s, uint64_t units)
{
	mutex_lock(&s->lock);
	s->count += units;
	cond_broadcast(&s->nonzero, &s->lock);
	mutex_unlock(&s->lock);
}
