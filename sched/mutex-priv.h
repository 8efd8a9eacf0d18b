/* SPDX-License-Identifier: MIT
 *
 * The mutex's queue, for conditions, which move their waiters onto it. See mutex.c.
 */
#pragma once

#include "libc/mpsc.h"
#include "sched/mutex.h"

/* On the waiter's stack, from mutex_enqueue() until its thread has taken itself off the queue, which it does only as owner of the mutex. */
struct mutex_waiter {
	struct mpsc_node node;		/* first: mutex.incoming points at it */
	struct thread *thread;		/* [I] */
	uint32_t is_starving;		/* [a] set by the waiter: wants the mutex handed over */
	bool is_urgent;			/* [I] its owner must not be kept from running */
};

/* Queue w for its thread. Any thread; w->thread must then compete, or m's owner must be going to unlock it. Returns the former word. */
uintptr_t mutex_enqueue(struct mutex *m, struct mutex_waiter *w);
/* w (of the current thread) is queued: sleep until the mutex is ours, and dequeue. */
void mutex_compete(struct mutex *m, struct mutex_waiter *w, const char *wchan);
/* The current thread owns m: take w off its queue. */
void mutex_dequeue(struct mutex *m, struct mutex_waiter *w);
