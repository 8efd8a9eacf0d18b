/* SPDX-License-Identifier: MIT
 *
 * The mutex.
 *
 *	word	owner (struct thread *) | HAS_WAITERS
 *
 *	0			free, nobody queued
 *	owner			held
 *	owner | HAS_WAITERS	held; the queue is, or was, not empty
 *	HAS_WAITERS		free; the first waiter has been, or is being, woken
 *
 *	queue	waiting (oldest first) followed by incoming (newest first). Anybody pushes on incoming; only the owner of the mutex takes anything off, or reads
 *		a waiter's record. So a record, which lies on its waiter's stack, stays valid for the owner: it leaves the queue only by its own thread as owner.
 *
 *	lock	0 -> me; or HAS_WAITERS -> me | HAS_WAITERS (barging: whoever runs gets it, there is no convoy)
 *		else push a record, set HAS_WAITERS, and compete: sleep until the word has no owner, and take it then; or until the word names me (handed over)
 *	unlock	me -> 0
 *		else, with HAS_WAITERS: remember the first waiter's thread, then word = HAS_WAITERS, then wake it;
 *		if it has lost STARVATION times: word = it | HAS_WAITERS, wake it
 *
 * Why no wake-up is lost: HAS_WAITERS is set after the push, so an owner that sees it finds a record, and an owner that does not see it frees by a CAS that fails
 * if it is set meanwhile. Who finds no owner at setting the bit, and the bit clear before, is alone responsible and competes without sleeping. If the bit was
 * set before, then whoever freed the mutex with that bit set wakes the first waiter, and that one, or the barger that beats it, unlocks with the bit set again.
 * The bit is cleared by the owner that finds the queue empty, who then looks at incoming once more (Dekker with push; set bit).
 *
 * The wake-up itself happens after the mutex was given up, when neither it nor the record may be touched: the thread is kept valid by RCU (preemption off), and a
 * wake-up that comes late is spurious to whatever it waits for then, which all waits endure.
 *
 * Progress: lock-free but for the sleeping itself. Model: tests/models/mutex.pml.
 */
#include "sched/mutex-priv.h"

#include "libc/print.h"
#include "sched/sched-priv.h"

#define HAS_WAITERS	MUTEX_HAS_WAITERS
#define STARVATION	3u	/* wake-ups that found the mutex taken again */

static struct thread *owner_of(uintptr_t word)
{
	return (struct thread *)(word & ~HAS_WAITERS);
}

static uintptr_t me(void)
{
	return (uintptr_t)thread_current();
}

/* Whoever runs may take a free mutex. */
static bool try_take(struct mutex *m, uintptr_t word)
{
	while (!owner_of(word)) {
		/* acquire: what the last owner did. Pairs: mutex_unlock, mutex_unlock_slow */
		if (atomic_cas(&m->word, &word, me() | word, ACQUIRE))
			return true;
	}
	return false;
}

uintptr_t mutex_enqueue(struct mutex *m, struct mutex_waiter *w)
{
	mpsc_push(&m->incoming, &w->node);
	/* release: the push before the bit, so who sees the bit finds the waiter, and who clears it and looks again finds it too. Pairs: mutex_unlock_slow, first_waiter */
	return atomic_fetch_or(&m->word, HAS_WAITERS, ACQ_REL);
}

/* Owner only: the first waiter; NULL, with HAS_WAITERS cleared: none. */
static struct mutex_waiter *first_waiter(struct mutex *m)
{
	struct mpsc_node *n;

	if (m->waiting)
		return m->waiting;
	n = mpsc_take(&m->incoming);
	if (!n) {
		atomic_fetch_and(&m->word, ~HAS_WAITERS, ACQUIRE);
		atomic_fence(SEQ_CST);	/* the bit before the look: store->load. Pairs: mutex_enqueue */
		n = mpsc_take(&m->incoming);
		if (n)
			atomic_fetch_or(&m->word, HAS_WAITERS, RELAXED);
	}
	m->waiting = n ? container_of(n, struct mutex_waiter, node) : NULL;
	return m->waiting;
}

void mutex_dequeue(struct mutex *m, struct mutex_waiter *w)
{
	struct mpsc_node *n, *list;

	if (m->waiting == w || (!m->waiting && first_waiter(m) == w)) {
		m->waiting = w->node.next ? container_of(w->node.next, struct mutex_waiter, node) : NULL;
		if (!m->waiting)
			first_waiter(m);	/* clears the bit if that was all */
		return;
	}
	/* Rare: not the first. Join both parts of the queue and cut it out. */
	list = mpsc_take(&m->incoming);
	for (n = &m->waiting->node; n->next; n = n->next)
		;
	n->next = list;
	for (n = &m->waiting->node; n->next != &w->node; n = n->next)
		;
	n->next = w->node.next;
}

/* Who holds m runs ahead of the application's threads, until mutex_unlock_urged(). */
static void urge_owner(struct mutex *m)
{
	struct thread *t;

	rcu_read_lock();
	t = owner_of(atomic_load(&m->word, RELAXED));
	if (t) {
		thread_urge(t, true);
		atomic_fence(SEQ_CST);	/* the mark before this look; the owner: the word before its look at the mark. One sees that it is over. Pairs: mutex_unlock_urged */
		if (owner_of(atomic_load(&m->word, RELAXED)) != t)
			thread_urge(t, false);
	}
	rcu_read_unlock();
}

void mutex_compete(struct mutex *m, struct mutex_waiter *w, const char *wchan)
{
	unsigned nr_lost = 0;
	uintptr_t word;

	for (;;) {
		thread_wait_begin(wchan);
		/* acquire: in case it was handed over. Pairs: mutex_unlock_slow */
		word = atomic_load(&m->word, ACQUIRE);
		if (owner_of(word) == thread_current() || try_take(m, word)) {
			thread_wait_end();
			break;
		}
		if (unlikely(w->is_urgent))
			urge_owner(m);
		thread_wait_block(NSEC_NEVER, 0);
		if (++nr_lost == STARVATION)
			atomic_store(&w->is_starving, 1u, RELAXED);
	}
	mutex_dequeue(m, w);
}

__attribute__((noinline)) void mutex_lock_slow(struct mutex *m)
{
	struct mutex_waiter w = { .thread = thread_current() };

	if (try_take(m, atomic_load(&m->word, RELAXED)))
		return;
	DEBUG_ASSERT(!mutex_is_held(m));
	mutex_enqueue(m, &w);
	mutex_compete(m, &w, "mutex");
}

void mutex_lock_urgent(struct mutex *m)
{
	struct mutex_waiter w = { .thread = thread_current(), .is_urgent = true };

	mutex_check_wait(m);
	if (!try_take(m, atomic_load(&m->word, RELAXED))) {
		mutex_enqueue(m, &w);
		mutex_compete(m, &w, "mutex");
	}
	mutex_check_taken(m, __builtin_return_address(0));
}

void mutex_unlock_urged(struct mutex *m)
{
	struct thread *self = thread_current();

	mutex_unlock(m);
	atomic_fence(SEQ_CST);	/* the word before the look at the mark: store->load. Pairs: urge_owner */
	if (unlikely(atomic_load(&self->sched->params, RELAXED) & PARAMS_URGED))
		thread_urge(self, false);
}

void mutex_lock(struct mutex *m)
{
	mutex_lock_inline(m);
}

bool mutex_trylock(struct mutex *m)
{
	if (!try_take(m, atomic_load(&m->word, RELAXED)))
		return false;
	mutex_check_taken(m, __builtin_return_address(0));
	return true;
}

__attribute__((noinline)) void mutex_unlock_slow(struct mutex *m)
{
	struct mutex_waiter *w;
	struct thread *t;

	/* acquire (in mpsc_take): the records after the bit that announced them. Pairs: mutex_enqueue. The owner that empties the queue clears the bit: it is not empty. */
	w = first_waiter(m);
	ASSERT(w);
	preempt_disable();
	t = w->thread;
	/* release: the critical section. Pairs: try_take; mutex_compete. The bit is set and stays: nobody but the owner clears it. */
	atomic_store(&m->word, (atomic_load(&w->is_starving, RELAXED) ? (uintptr_t)t : 0) | HAS_WAITERS, RELEASE);
	/* m and w may be gone. */
	thread_wake(t);
	preempt_enable();
}

void mutex_unlock(struct mutex *m)
{
	mutex_unlock_inline(m);
}

bool mutex_is_held(const struct mutex *m)
{
	return owner_of(atomic_load(&m->word, RELAXED)) == thread_current();
}
