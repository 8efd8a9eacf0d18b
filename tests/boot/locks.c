/* SPDX-License-Identifier: MIT
 *
 * Contended locks: sums must be right. Wake-ups must not be lost.
 */
#include <arch/time.h>

#include "libc/atomic.h"
#include "libc/errno.h"
#include "sched/cpu.h"
#include "sched/sync.h"
#include "sched/waitq.h"
#include "tests/boot/selftest.h"

#define NR_LOCKERS	16
#define NR_ROUNDS	(selftest_scale * 5000u)

static struct mutex m;
static struct rwlock rw;
static uint64_t sum, pair[2];

static void lockers(unsigned i)
{
	for (unsigned n = 0; n < NR_ROUNDS; n++) {
		if ((n + i) % 16 == 0 && mutex_trylock(&m)) {
			sum++;
			mutex_unlock(&m);
			continue;
		}
		mutex_lock(&m);
		sum++;
		if (n % 256 == i)
			thread_yield();
		mutex_unlock(&m);
	}
}

static void readers_writers(unsigned i)
{
	for (unsigned n = 0; n < NR_ROUNDS; n++) {
		if ((n + i) % 8) {
			rwlock_read_lock(&rw);
			CHECK(READ_ONCE(pair[0]) == READ_ONCE(pair[1]));
			rwlock_read_unlock(&rw);
		} else {
			rwlock_write_lock(&rw);
			pair[0]++;
			if (n % 64 == 0)
				thread_yield();
			pair[1]++;
			rwlock_write_unlock(&rw);
		}
	}
}

void test_locks(void)
{
	sum = 0;
	selftest_run(NR_LOCKERS, lockers, false);
	CHECK(sum == (uint64_t)NR_LOCKERS * NR_ROUNDS, "%lu", sum);
	CHECK(m.word == 0 && !m.waiting && mpsc_is_empty(&m.incoming));
	pair[0] = pair[1] = 0;
	selftest_run(NR_LOCKERS, readers_writers, false);
	CHECK(pair[0] == (uint64_t)NR_LOCKERS * NR_ROUNDS / 8 && pair[0] == pair[1], "%lu", pair[0]);
	CHECK(rw.word == 0);
}

/* ---- wake-ups ----------------------------------------------------------------------------------------------------- */

#define NR_IN_RING	12

static struct thread *ring[NR_IN_RING];
static uint32_t token[NR_IN_RING];
static struct cond not_empty, not_full;
static unsigned in_buffer;
static uint64_t produced, consumed;
static struct waitq q = WAITQ_INIT(q);
static uint32_t turn;

/* Several tokens go round, all threads wake each other all the time, some wake-ups are for nothing. */
static void pass_on(unsigned i)
{
	unsigned next = (i + 1) % NR_IN_RING;

	thread_get(thread_current());	/* for ever: late wake-ups hit a valid struct thread */
	atomic_store(&ring[i], thread_current(), RELEASE);
	for (unsigned k = 0; k < NR_IN_RING; k++)
		while (!atomic_load(&ring[k], ACQUIRE))
			thread_yield();
	for (unsigned n = 0; n < NR_ROUNDS; n++) {
		thread_wait_until("token", atomic_load(&token[i], ACQUIRE), NSEC_NEVER, 0);
		atomic_fetch_sub(&token[i], 1u, RELAXED);
		atomic_fetch_add(&token[next], 1u, RELEASE);
		thread_wake(ring[next]);
		if (n % 5 == 0)
			thread_wake(ring[(i + 5) % NR_IN_RING]);
	}
}

static void producers_consumers(unsigned i)
{
	for (unsigned n = 0; n < NR_ROUNDS / 4; n++) {
		mutex_lock(&m);
		if (i % 2) {
			while (in_buffer == 3)
				cond_wait(&not_full, &m, NSEC_NEVER, 0);
			in_buffer++;
			produced++;
			cond_signal(&not_empty, &m);
		} else {
			while (in_buffer == 0)
				cond_wait(&not_empty, &m, n % 3 ? NSEC_NEVER : arch_time_ns() + selftest_random() % 50000, 0);
			in_buffer--;
			consumed++;
			if (n % 2)
				cond_signal(&not_full, &m);
			else
				cond_broadcast(&not_full, &m);
		}
		mutex_unlock(&m);
	}
}

static void take_turns(unsigned i)
{
	for (unsigned n = 0; n < NR_ROUNDS / 16; n++) {
		waitq_wait_until(&q, "turn", 0, atomic_load(&turn, ACQUIRE) % 6 == i, NSEC_NEVER, 0);
		atomic_store(&turn, turn + 1, RELEASE);
		waitq_wake_all(&q, 0);
	}
}

void test_wakeups(void)
{
	struct completion never = { 0 };
	nsec_t start;

	for (unsigned i = 0; i < NR_IN_RING; i++) {
		ring[i] = NULL;
		token[i] = i % 3 == 0;
	}
	selftest_run(NR_IN_RING, pass_on, false);
	in_buffer = 0;
	produced = consumed = 0;
	selftest_run(8, producers_consumers, false);
	CHECK(produced == 4ul * (NR_ROUNDS / 4) && consumed == produced && in_buffer == 0);
	CHECK(!not_empty.first && !not_full.first && m.word == 0);
	turn = 0;
	selftest_run(6, take_turns, false);
	CHECK(turn == 6 * (NR_ROUNDS / 16) && q.nr_waiters == 0);
	start = arch_time_ns();
	CHECK(completion_wait(&never, start + 3 * NSEC_PER_MSEC, 0) == -ETIMEDOUT);
	CHECK(arch_time_ns() >= start + 3 * NSEC_PER_MSEC);
}
