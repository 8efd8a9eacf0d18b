/* SPDX-License-Identifier: MIT
 *
 * Sleeping mutex, lock-free inside, not recursive. Context: thread, preemption enabled. A contended lock sleeps; a releaser wakes the first waiter,
 * which competes (no convoy) and gets the mutex handed over if it starves. See mutex.c for the protocol and its drawing, tests/models/mutex.pml
 * for its model.
 */
#pragma once

#include <arch/cpu.h>

#include "libc/atomic.h"
#include "libc/mpsc.h"
#include "libc/types.h"
#include "sched/mutex-check.h"

struct thread;
struct mutex_waiter;

/* Zero-initialised is unlocked. */
struct mutex {
	uintptr_t word;			/* [a] owner (struct thread *) and flag bits; 0: free */
	struct mpsc incoming;		/* [a] pushed by lockers, newest first */
	struct mutex_waiter *waiting;	/* [the owner] oldest first */
#ifdef MUTEX_CHECKS
	struct mutex_check check;
#endif
};

#define MUTEX_INIT	{ 0 }
#define MUTEX_HAS_WAITERS	1ul

void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
/* The same, with the common case in line, for where every instruction counts. */
void mutex_lock_slow(struct mutex *m);
void mutex_unlock_slow(struct mutex *m);
static inline void mutex_lock_inline(struct mutex *m)
{
	uintptr_t word = 0;

	mutex_check_wait(m);
	/* acquire: what the last owner did. Pairs: mutex_unlock */
	if (unlikely(!atomic_cas(&m->word, &word, (uintptr_t)arch_current(), ACQUIRE)))
		mutex_lock_slow(m);
	mutex_check_taken(m, __builtin_return_address(0));
}
static inline void mutex_unlock_inline(struct mutex *m)
{
	uintptr_t word = (uintptr_t)arch_current();

	mutex_check_left(m);
	/* release: the critical section. Pairs: mutex_lock, try_take */
	if (unlikely(!atomic_cas(&m->word, &word, 0ul, RELEASE)))
		mutex_unlock_slow(m);
}
bool mutex_trylock(struct mutex *m);
/*
 * For what interrupt threads share with threads that only try: who holds m is made to run as an interrupt thread does while the caller waits, until it has called
 * mutex_unlock_urged() (which all users of such a mutex call).
 */
void mutex_lock_urgent(struct mutex *m);
void mutex_unlock_urged(struct mutex *m);
bool mutex_is_held(const struct mutex *m);	/* by the current thread */
/*
 * By anybody. Acquire: if not, what the last owner did is seen. For a look without the lock at things that an owner moves from a lock-free list to a guarded one; while
 * they are under way they are in neither. Look at the list first (mpsc_is_empty_acquire), then here, then at the guarded place; if it is busy, take the lock and look again.
 */
static inline bool mutex_is_busy(const struct mutex *m)
{
	/* acquire: the last critical section. Pairs: mutex_unlock */
	return atomic_load(&m->word, ACQUIRE) & ~MUTEX_HAS_WAITERS;
}
