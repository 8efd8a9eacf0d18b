/* SPDX-License-Identifier: MIT
 *
 * See mutex-check.h.
 */
#include "sched/mutex-check.h"

#include "libc/print.h"
#include "sched/mutex.h"
#include "sched/thread.h"

#ifdef MUTEX_CHECKS
static _Noreturn void complain(const struct mutex *m, const char *what)
{
	panic("%s: lock %p, taken at %p. Who gives memory back waits for it, so it must not be held by who asks for memory", what, (const void *)m, m->check.taken_at);
}

void mutex_check_wait(struct mutex *m)
{
	if (!thread_current()->nr_duties)
		return;
	atomic_store(&m->check.is_for_duty, true, RELAXED);
	atomic_fence(SEQ_CST);		/* this mark before the look at the other: store->load. Pairs: mutex_check_request */
	if (atomic_load(&m->check.is_at_request, RELAXED))
		complain(m, "waits for a lock that was held at a request for memory");
}

void mutex_check_taken(struct mutex *m, const void *where)
{
	struct thread *self = thread_current();

	m->check.taken_at = where;
	m->check.next = self->held;
	self->held = m;
}

void mutex_check_left(struct mutex *m)
{
	struct mutex **link = &thread_current()->held;

	while (*link && *link != m)
		link = &(*link)->check.next;
	ASSERT(*link);
	*link = m->check.next;
}

void mutex_check_request(void)
{
	struct thread *self = thread_current();

	if (self->nr_duties)
		panic("who gives memory back asks for memory");
	for (struct mutex *m = self->held; m; m = m->check.next) {
		atomic_store(&m->check.is_at_request, true, RELAXED);
		atomic_fence(SEQ_CST);	/* this mark before the look at the other: store->load. Pairs: mutex_check_wait */
		if (atomic_load(&m->check.is_for_duty, RELAXED))
			complain(m, "asks for memory");
	}
}

void mutex_check_duty(bool begins)
{
	struct thread *self = thread_current();

	self->nr_duties += begins ? 1 : -1;
}
#endif
