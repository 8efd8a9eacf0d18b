/* SPDX-License-Identifier: MIT
 *
 * Sleeping mutex, lock-free inside, not recursive. Context: thread, preemption enabled. A contended lock sleeps; a releaser wakes the first waiter,
 * which competes (no convoy) and gets the mutex handed over if it starves. See mutex.c for the protocol and its drawing, tests/models/mutex.pml
 * for its model.
 */
#pragma once

#include "libc/mpsc.h"
#include "libc/types.h"

struct thread;
struct mutex_waiter;

/* Zero-initialised is unlocked. */
struct mutex {
	uintptr_t word;			/* [a] owner (struct thread *) and flag bits; 0: free */
	struct mpsc incoming;		/* [a] pushed by lockers, newest first */
	struct mutex_waiter *waiting;	/* [the owner] oldest first */
};

#define MUTEX_INIT	{ 0 }

void mutex_lock(struct mutex *m);
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_held(const struct mutex *m);	/* by the current thread */
