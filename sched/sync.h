/* SPDX-License-Identifier: MIT
 *
 * Built on the mutex: reader-writer lock, condition, semaphore, one-shot completion. Context: thread, may sleep, unless said otherwise.
 */
#pragma once

#include "libc/list.h"
#include "sched/mutex.h"

struct thread;

/* Many readers or one writer; a waiting writer holds new readers back. Zero-initialised is free. Readers may not nest. */
struct rwlock {
	uint32_t word;			/* [a] readers, writer bit, waiting-writer bit */
	struct mutex writers;
	struct mutex_waiter *readers;	/* [a] */
};

void rwlock_read_lock(struct rwlock *l);
void rwlock_read_unlock(struct rwlock *l);
void rwlock_write_lock(struct rwlock *l);
void rwlock_write_unlock(struct rwlock *l);

/* Condition: waiters are moved to the mutex's queue when signalled (wait morphing), not woken to sleep again. */
struct cond_waiter;
struct cond {
	struct cond_waiter *first, *last;	/* [the mutex used with it] */
};

/* m is held at the call and at the return. 0, -ETIMEDOUT or -EINTR (WAIT_INTERRUPTIBLE). */
int cond_wait(struct cond *c, struct mutex *m, nsec_t deadline, unsigned flags);
void cond_signal(struct cond *c, struct mutex *m);	/* m held */
void cond_broadcast(struct cond *c, struct mutex *m);	/* m held */

struct semaphore {
	struct mutex lock;
	struct cond nonzero;
	uint64_t count;
};

int semaphore_wait(struct semaphore *s, uint64_t units, nsec_t deadline, unsigned flags);
void semaphore_post(struct semaphore *s, uint64_t units);

/* Something that happens once, for one waiter. completion_set(): any context. */
struct completion {
	struct thread *waiter;		/* [a] */
	uint32_t is_set;		/* [a] */
};

void completion_set(struct completion *c);
int completion_wait(struct completion *c, nsec_t deadline, unsigned flags);
