/* SPDX-License-Identifier: MIT
 *
 * Futexes, as other files of linux/ use them. See futex.c.
 */
#pragma once

#include "libc/list.h"
#include "libc/types.h"
#include "sched/mutex.h"

struct futex_pi_waiter;
struct task;
struct thread;

#define FUTEX_BITSET_ANY	0xffffffffu

/* A task's place in the graph of who waits for whom: see futex-pi.c. */
struct pi_task {
	struct mutex lock;		/* after a futex bucket's; one at a time */
	struct list waiters;		/* [lock] struct futex_pi_waiter.node: those who wait for locks that the task owns */
	struct futex_pi_waiter *blocked;	/* [lock] its own wait for a lock; NULL: none */
	int lent;			/* [lock] the realtime priority that they lend; 0: none */
	bool is_gone;			/* [lock] it owns nothing any more: nobody joins its waiters */
};

/* Wake up to nr (at least 1) waiters on the word at addr (as a shared futex): their number; -EINVAL: some wait for a lock. */
int futex_wake(vaddr_t addr, int nr, uint32_t bitset);
/* The current thread ends, or its program: mark and wake the robust mutexes that it holds, then pass its priority-inheritance locks on. */
void futex_exit(struct task *t);
/* The priority of t was changed: its own waits lend another one now. Context: thread; t referenced. */
void futex_pi_priority_changed(struct thread *t);
