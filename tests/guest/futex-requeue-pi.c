/* SPDX-License-Identifier: MIT */
/*
 * Futex calls that libraries seldom make: WAIT_REQUEUE_PI with CMP_REQUEUE_PI,
 * LOCK_PI2, wrong pairs of calls, and futex_waitv.
 */
#include "test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

static uint32_t cond, lock, other;

static long futex(uint32_t *word, int op, uint32_t value, const void *timeout, uint32_t *word2, uint32_t value3)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, timeout, word2, value3);
}

struct waiter {
	pthread_t thread;
	pid_t tid;
	int timeout_ms, error, order;
	long result;
	bool is_owner;
};
static int nr_done;

static void sleep_until_asleep(pid_t *tid)
{
	char path[64], text[256];

	while (!__atomic_load_n(tid, __ATOMIC_SEQ_CST))
		sleep_ms(1);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", *tid);
	for (int i = 0; i < 2000; i++) {
		int fd = open(path, O_RDONLY);
		ssize_t n = read(fd, text, sizeof(text) - 1);
		close(fd);
		text[n > 0 ? n : 0] = 0;
		char *p = strrchr(text, ')');
		if (p && p[2] == 'S')
			return;
		sleep_ms(1);
	}
}

static void *wait_and_lock(void *argument)
{
	struct waiter *w = argument;
	struct timespec end = ns_to_timespec(now_ns(CLOCK_MONOTONIC) + w->timeout_ms * 1000000LL);

	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	w->result = futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, w->timeout_ms ? &end : NULL, &lock, 0);
	w->error = w->result ? errno : 0;
	w->order = __atomic_add_fetch(&nr_done, 1, __ATOMIC_SEQ_CST);
	w->is_owner = (__atomic_load_n(&lock, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == (uint32_t)w->tid;
	if (w->is_owner)
		futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return NULL;
}

static void start(struct waiter *waiters, int n)
{
	nr_done = 0;
	for (int i = 0; i < n; i++) {
		need(pthread_create(&waiters[i].thread, NULL, wait_and_lock, &waiters[i]) == 0);
		sleep_until_asleep(&waiters[i].tid);
	}
}

static void finish(struct waiter *waiters, int n)
{
	for (int i = 0; i < n; i++) {
		pthread_join(waiters[i].thread, NULL);
		show("  waiter %d: %ld, errno %d, %s, as number %d", i, waiters[i].result, waiters[i].error,
		     waiters[i].is_owner ? "owner" : "not owner", waiters[i].order);
	}
}

static long send_on(long nr)
{
	return futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)nr, &lock, 0);
}

static void test_requeue_pi(void)
{
	struct waiter a[3] = { 0 }, b[2] = { 0 }, c[1] = { { .timeout_ms = 30 } }, d[1] = { { .timeout_ms = 60 } };

	show("the lock is free, all sent");
	start(a, 3);
	show("sent: %ld", send_on(10));
	finish(a, 3);
	show("the lock is taken, one sent, then the other");
	need(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	start(b, 2);
	show("sent: %ld", send_on(0));
	sleep_ms(10);
	show("done before the unlock: %d", nr_done);
	need(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
	while (__atomic_load_n(&nr_done, __ATOMIC_SEQ_CST) != 1)
		sleep_ms(1);
	show("sent: %ld", send_on(0));
	finish(b, 2);
	show("timeout on the condition");
	start(c, 1);
	finish(c, 1);
	show("timeout on the lock");
	need(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	start(d, 1);
	show("sent: %ld", send_on(0));
	finish(d, 1);
	need(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
	show("in the end %s", lock ? "not free" : "free");
}

static void *wait_plainly(void *argument)
{
	struct waiter *w = argument;

	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	w->result = futex(&cond, FUTEX_WAIT, 0, NULL, NULL, 0);
	return NULL;
}

static void *lock_it(void *argument)
{
	struct waiter *w = argument;

	__atomic_store_n(&w->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	w->result = futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	return (void *)futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static void test_misuse(void)
{
	struct waiter plain = { 0 }, locker = { 0 }, pi[1] = { 0 };
	void *many = (void *)100;

	check_errno("both words the same", futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &cond, 0), EINVAL);
	check_errno("another value", futex(&cond, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &lock, 0), EAGAIN);
	check_errno("requeue to the same word", futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, many, &cond, 0), EINVAL);
	check_errno("requeue wakes two", futex(&cond, FUTEX_CMP_REQUEUE_PI, 2, many, &lock, 0), EINVAL);
	check_errno("requeue with another value", futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, many, &lock, 7), EAGAIN);
	show("requeue of nobody: %ld", send_on(5));

	need(pthread_create(&plain.thread, NULL, wait_plainly, &plain) == 0);
	sleep_until_asleep(&plain.tid);
	check_errno("an ordinary waiter is not sent to a lock", send_on(5), EINVAL);
	show("woken: %ld", futex(&cond, FUTEX_WAKE, 5, NULL, NULL, 0));
	pthread_join(plain.thread, NULL);

	start(pi, 1);
	check_errno("one for a lock is not woken", futex(&cond, FUTEX_WAKE, 5, NULL, NULL, 0), EINVAL);
	check_errno("nor requeued", futex(&cond, FUTEX_REQUEUE, 0, many, &other, 0), EINVAL);
	check_errno("nor sent to another lock", futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, many, &other, 0), EINVAL);
	show("sent: %ld", send_on(5));
	finish(pi, 1);

	need(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	need(pthread_create(&locker.thread, NULL, lock_it, &locker) == 0);
	sleep_until_asleep(&locker.tid);
	check_errno("who waits for a lock is not woken", futex(&lock, FUTEX_WAKE, 5, NULL, NULL, 0), EINVAL);
	need(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
	pthread_join(locker.thread, NULL);
	show("it got the lock: %ld", locker.result);
}

static void *hold_for_a_while(void *unused)
{
	(void)unused;
	need(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	__atomic_store_n(&other, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&other, __ATOMIC_SEQ_CST) == 1)
		sleep_ms(1);
	futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return NULL;
}

static volatile int nr_signals;

static void count_signal(int signal)
{
	(void)signal;
	nr_signals++;
}

/* A handler without SA_RESTART: the wait goes on all the same. */
static void test_signal(void)
{
	struct sigaction action = { .sa_handler = count_signal };
	struct waiter locker = { 0 };

	sigaction(SIGUSR1, &action, NULL);
	need(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
	need(pthread_create(&locker.thread, NULL, lock_it, &locker) == 0);
	for (int i = 0; i < 3; i++) {
		sleep_until_asleep(&locker.tid);
		pthread_kill(locker.thread, SIGUSR1);
		while (nr_signals != i + 1)
			sleep_ms(1);
	}
	need(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
	pthread_join(locker.thread, NULL);
	show("signals %d, lock %ld", nr_signals, locker.result);
}

static void test_clocks(void)
{
	pthread_t thread;

	other = 0;
	need(pthread_create(&thread, NULL, hold_for_a_while, NULL) == 0);
	while (!__atomic_load_n(&other, __ATOMIC_SEQ_CST))
		sleep_ms(1);
	struct timespec end = ns_to_timespec(now_ns(CLOCK_MONOTONIC) + 20000000);
	check_errno("LOCK_PI2 by the monotonic clock", futex(&lock, FUTEX_LOCK_PI2, 0, &end, NULL, 0), ETIMEDOUT);
	check("not early", now_ns(CLOCK_MONOTONIC) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	end = ns_to_timespec(now_ns(CLOCK_REALTIME) + 20000000);
	check_errno("LOCK_PI2 by the real time", futex(&lock, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &end, NULL, 0), ETIMEDOUT);
	check("not early", now_ns(CLOCK_REALTIME) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	end.tv_nsec = -1;
	check_errno("LOCK_PI2 with a bad time", futex(&lock, FUTEX_LOCK_PI2, 0, &end, NULL, 0), EINVAL);
	__atomic_store_n(&other, 2, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	show("LOCK_PI2 of a free lock: %ld", futex(&lock, FUTEX_LOCK_PI2, 0, NULL, NULL, 0));
	show("unlock: %ld", futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
}

/* ---- futex_waitv ------------------------------------------------------------------------------ */

struct entry {
	uint64_t value, address;
	uint32_t flags, reserved;
};
#define FUTEX_32_ 2

static uint32_t words[130];
static struct entry entries[130];
static pid_t waitv_tid;

static long waitv(unsigned nr, unsigned flags, const struct timespec *end, clockid_t clock)
{
	return syscall(SYS_futex_waitv, entries, nr, flags, end, clock);
}

static void fill(unsigned nr, unsigned flags)
{
	for (unsigned i = 0; i < nr; i++)
		entries[i] = (struct entry){ .address = (uintptr_t)&words[i], .value = words[i], .flags = flags };
}

static void *wait_for_any(void *argument)
{
	__atomic_store_n(&waitv_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	return (void *)waitv((unsigned)(long)argument, 0, NULL, 0);
}

static long woken_by(unsigned nr, int which)
{
	pthread_t thread;
	void *result;

	waitv_tid = 0;
	need(pthread_create(&thread, NULL, wait_for_any, (void *)(long)nr) == 0);
	sleep_until_asleep(&waitv_tid);
	long n = syscall(SYS_futex, &words[which], FUTEX_WAKE | (entries[which].flags & FUTEX_PRIVATE_FLAG), 1, NULL, NULL, 0);
	pthread_join(thread, &result);
	return n * 1000 + (long)result;
}

static void test_waitv(void)
{
	struct timespec end = ns_to_timespec(now_ns(CLOCK_MONOTONIC) + 20000000), bad = { .tv_nsec = 1000000000 };

	fill(130, FUTEX_32_ | FUTEX_PRIVATE_FLAG);
	check_errno("no word", waitv(0, 0, NULL, 0), EINVAL);
	check_errno("too many", waitv(129, 0, NULL, 0), EINVAL);
	check_errno("flags", waitv(1, 1, NULL, 0), EINVAL);
	check_errno("clock", waitv(1, 0, &end, CLOCK_BOOTTIME), EINVAL);
	check_errno("bad time", waitv(1, 0, &bad, CLOCK_MONOTONIC), EINVAL);
	check_errno("no array", syscall(SYS_futex_waitv, NULL, 1, 0, NULL, 0), EINVAL);
	check_errno("bad array", syscall(SYS_futex_waitv, 16, 1, 0, NULL, 0), EFAULT);
	check_errno("timeout", waitv(3, 0, &end, CLOCK_MONOTONIC), ETIMEDOUT);
	check("not early", now_ns(CLOCK_MONOTONIC) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	end = ns_to_timespec(now_ns(CLOCK_REALTIME) + 20000000);
	check_errno("timeout by the real time", waitv(128, 0, &end, CLOCK_REALTIME), ETIMEDOUT);
	entries[2].value = 1;
	check_errno("another value", waitv(3, 0, NULL, 0), EAGAIN);
	entries[2].value = 0;
	entries[1].flags = 0;
	check_errno("no size", waitv(3, 0, NULL, 0), EINVAL);
	entries[1].flags = FUTEX_32_ | 1;
	check_errno("another size", waitv(3, 0, NULL, 0), EINVAL);
	entries[1].flags = FUTEX_32_;
	entries[1].reserved = 1;
	check_errno("reserved", waitv(3, 0, NULL, 0), EINVAL);
	fill(130, FUTEX_32_ | FUTEX_PRIVATE_FLAG);
	entries[1].address = 16;
	check_errno("bad word", waitv(3, 0, NULL, 0), EFAULT);
	entries[1].address = (uintptr_t)&words[1] + 2;
	check_errno("unaligned word", waitv(3, 0, NULL, 0), EINVAL);
	fill(130, FUTEX_32_ | FUTEX_PRIVATE_FLAG);
	show("first of 1: %ld", woken_by(1, 0));
	show("first of 128: %ld", woken_by(128, 0));
	show("last of 128: %ld", woken_by(128, 127));
	fill(130, FUTEX_32_);
	show("shared, third of 5: %ld", woken_by(5, 2));
}

int main(void)
{
	test_requeue_pi();
	test_misuse();
	test_signal();
	test_clocks();
	test_waitv();
	return test_end();
}
