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
	uint32_t word;			/* [a] number of readers, RWLOCK_WRITER */
	struct mutex writers;		/* held by the writer; readers that find a writer queue here too */
};

#define RWLOCK_WRITER	0x80000000u	/* a writer holds the lock or waits for the readers to leave */

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

/* Takes units at once, in no particular order among waiters. 0, -ETIMEDOUT, -EINTR. */
int semaphore_wait(struct semaphore *s, uint64_t units, nsec_t deadline, unsigned flags);
void semaphore_post(struct semaphore *s, uint64_t units);

/* Something that happens once, for one waiter. Zero-initialised is "not yet". completion_set(): any context; does not touch c after the waiter can know. */
struct completion {
	uintptr_t word;			/* [a] 0, the waiting thread, or COMPLETION_SET */
};

#define COMPLETION_SET	1ul

void completion_set(struct completion *c);
bool completion_is_set(const struct completion *c);
/* 0, -ETIMEDOUT or -EINTR. */
int completion_wait(struct completion *c, nsec_t deadline, unsigned flags);
