/* SPDX-License-Identifier: MIT
 *
 * The reader-writer lock: a count of readers with a writer bit, and a mutex on which writers, and readers that find a writer, queue in one order.
 *
 *	read lock	no writer bit: count + 1. Else pass through the mutex: who owns it knows that there is no writer; count + 1; let the next one in
 *	write lock	own the mutex (kept until the unlock), set the writer bit, wait until the count is 0. The last reader wakes the mutex's owner
 *
 * The word is changed by read-modify-writes only, so "last reader leaves" and "writer sets its bit" have an order: either the writer sees the count 0, or the reader
 * sees the bit, and with it who the writer is, for as long as it is counted itself. After its last access to the word a reader touches the lock no more.
 */
#include "sched/sched-priv.h"
#include "sched/sync.h"

#define NR_READERS(word)	((word) & ~RWLOCK_WRITER)

void rwlock_read_lock(struct rwlock *l)
{
	uint32_t word = atomic_load(&l->word, RELAXED);

	while (!(word & RWLOCK_WRITER))
		/* acquire: the last writer's work. Pairs: rwlock_write_unlock */
		if (atomic_cas(&l->word, &word, word + 1, ACQUIRE))
			return;
	mutex_lock(&l->writers);	/* acquires the last writer's work */
	atomic_fetch_add(&l->word, 1u, RELAXED);
	mutex_unlock(&l->writers);
}

void rwlock_read_unlock(struct rwlock *l)
{
	uint32_t word = atomic_load(&l->word, RELAXED);
	struct thread *writer;

	/* release: this reader's accesses before a writer's. Pairs: rwlock_write_lock */
	while (!(word & RWLOCK_WRITER))
		if (atomic_cas(&l->word, &word, word - 1, RELEASE))
			return;
	/* acquire: the owner of the mutex after the bit that it set. Pairs: rwlock_write_lock */
	atomic_fence(ACQUIRE);
	preempt_disable();		/* keeps the writer's struct thread valid */
	writer = (struct thread *)(atomic_load(&l->writers.word, RELAXED) & ~1ul);
	/* release: as above */
	if (atomic_fetch_sub(&l->word, 1u, RELEASE) == (RWLOCK_WRITER | 1))
		thread_wake(writer);
	preempt_enable();
}

void rwlock_write_lock(struct rwlock *l)
{
	mutex_lock(&l->writers);
	/* release: the mutex's word before the bit. acquire: readers that have left. Pairs: rwlock_read_unlock */
	if (atomic_fetch_or(&l->word, RWLOCK_WRITER, ACQ_REL))
		/* acquire: the last reader's accesses. Pairs: rwlock_read_unlock */
		thread_wait_until("rwlock", NR_READERS(atomic_load(&l->word, ACQUIRE)) == 0, NSEC_NEVER, 0);
}

void rwlock_write_unlock(struct rwlock *l)
{
	/* release: the writer's work. Pairs: rwlock_read_lock */
	atomic_fetch_and(&l->word, ~RWLOCK_WRITER, RELEASE);
	mutex_unlock(&l->writers);
}
