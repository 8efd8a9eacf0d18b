/* SPDX-License-Identifier: MIT */
/* Priority-inheritance futexes: LOCK_PI, TRYLOCK_PI, UNLOCK_PI, errors, pthread mutexes on them. */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>

static uint32_t word;

static long futex(int op, const struct timespec *timeout)
{
	return syscall(SYS_futex, &word, op, 0, timeout, NULL, 0);
}

static void *try_from_thread(void *unused)
{
	(void)unused;
	check_errno("trylock of a held lock", futex(FUTEX_TRYLOCK_PI_PRIVATE, NULL), EAGAIN);
	check_errno("unlock by another", futex(FUTEX_UNLOCK_PI_PRIVATE, NULL), EPERM);
	struct timespec end = ns_to_timespec(now_ns(CLOCK_REALTIME) + 20000000);
	check_errno("lock with timeout", futex(FUTEX_LOCK_PI_PRIVATE, &end), ETIMEDOUT);
	return NULL;
}

static long second_result;
static bool is_second_owner;

static void *lock_later(void *unused)
{
	(void)unused;
	second_result = futex(FUTEX_LOCK_PI_PRIVATE, NULL);
	is_second_owner = (word & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid);
	return (void *)futex(FUTEX_UNLOCK_PI_PRIVATE, NULL);
}

static pthread_mutex_t mutex;
static long sum;

static void *add(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		sum++;
		if (i % 100 == 0)
			sched_yield();
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[4];
	uint32_t tid = (uint32_t)syscall(SYS_gettid);

	check("lock", futex(FUTEX_LOCK_PI_PRIVATE, NULL) == 0 && word == tid);
	check_errno("lock again", futex(FUTEX_LOCK_PI_PRIVATE, NULL), EDEADLK);
	need(pthread_create(&threads[0], NULL, try_from_thread, NULL) == 0);
	pthread_join(threads[0], NULL);
	need(pthread_create(&threads[0], NULL, lock_later, NULL) == 0);
	while (!(__atomic_load_n(&word, __ATOMIC_SEQ_CST) & FUTEX_WAITERS))
		sched_yield();
	sleep_ms(10);
	check("unlock", futex(FUTEX_UNLOCK_PI_PRIVATE, NULL) == 0);
	pthread_join(threads[0], NULL);
	show("second locker: %ld, owner %s", second_result, is_second_owner ? "right" : "wrong");
	check("free at the end", word == 0);

	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	need(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
	need(pthread_mutex_init(&mutex, &attr) == 0);
	for (int i = 0; i < 4; i++)
		need(pthread_create(&threads[i], NULL, add, NULL) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	show("sum under a PI mutex %ld", sum);
	return test_end();
}
