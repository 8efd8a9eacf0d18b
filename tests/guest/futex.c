/* SPDX-License-Identifier: MIT */
/*
 * The futex system call itself: WAIT, WAKE, BITSET, REQUEUE, CMP_REQUEUE,
 * WAKE_OP, timeouts relative and absolute, private and shared, errors.
 */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

static long futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout, uint32_t *word2,
		  uint32_t value3)
{
	return syscall(SYS_futex, word, op, value, timeout, word2, value3);
}

/* A thread that waits once on a word and records how the wait ended. */
struct waiter {
	pthread_t thread;
	uint32_t *word;
	uint32_t expected;
	uint32_t bitset;
	int op;
	int nr_woken_before;
	long result;
	int error;
};
static int nr_waiting, nr_woken;

static void *wait_once(void *argument)
{
	struct waiter *w = argument;

	__atomic_add_fetch(&nr_waiting, 1, __ATOMIC_SEQ_CST);
	w->result = futex(w->word, w->op, w->expected, NULL, NULL, w->bitset);
	w->error = errno;
	w->nr_woken_before = __atomic_fetch_add(&nr_woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Start n waiters; return when all sleep (seen in /proc would be better, but a pause is enough here). */
static void start_waiters(struct waiter *waiters, int n, uint32_t *word, int op, uint32_t bitset)
{
	nr_waiting = 0;
	nr_woken = 0;
	for (int i = 0; i < n; i++) {
		waiters[i] = (struct waiter){ .word = word, .expected = *word, .op = op, .bitset = bitset };
		need(pthread_create(&waiters[i].thread, NULL, wait_once, &waiters[i]) == 0);
		while (__atomic_load_n(&nr_waiting, __ATOMIC_SEQ_CST) != i + 1)
			sched_yield();
		sleep_ms(5);
	}
	sleep_ms(20);
}

static void join_waiters(struct waiter *waiters, int n)
{
	for (int i = 0; i < n; i++)
		pthread_join(waiters[i].thread, NULL);
}

static void wait_until_woken(int n)
{
	for (int i = 0; i < 2000 && __atomic_load_n(&nr_woken, __ATOMIC_SEQ_CST) < n; i++)
		sleep_ms(1);
	sleep_ms(10); /* would show a waiter too many */
}

static void test_errors(void)
{
	uint32_t word = 1;
	struct timespec bad = { .tv_nsec = 1000000000 }, negative = { .tv_sec = -1 };

	check_errno("wait with another value", futex(&word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0), EAGAIN);
	check_errno("shared wait with another value", futex(&word, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
	check_errno("wait at an unaligned address",
		    futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EINVAL);
	check_errno("wait at a bad address", futex((uint32_t *)4096, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EFAULT);
	check_errno("wait at a kernel address",
		    futex((uint32_t *)0xffff800000000000, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EFAULT);
	check_errno("wait with tv_nsec too large", futex(&word, FUTEX_WAIT_PRIVATE, 1, &bad, NULL, 0), EINVAL);
	check_errno("wait with negative tv_sec", futex(&word, FUTEX_WAIT_PRIVATE, 1, &negative, NULL, 0), EINVAL);
	check_errno("wait with a bad timeout pointer",
		    futex(&word, FUTEX_WAIT_PRIVATE, 1, (struct timespec *)16, NULL, 0), EFAULT);
	check_errno("unknown operation", futex(&word, 99, 1, NULL, NULL, 0), ENOSYS);
	check_errno("wait with an empty bitset", futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
	check_errno("wake with an empty bitset", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 0), EINVAL);
	check("wake without waiters", futex(&word, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0) == 0);
	check("private wake of unmapped memory", futex((uint32_t *)4096, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 0);
	check_errno("shared wake of unmapped memory", futex((uint32_t *)4096, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
}

static void test_timeouts(void)
{
	uint32_t word = 0;
	struct timespec relative = { .tv_nsec = 20000000 }, zero = { 0 }, absolute;

	int64_t begin = now_ns(CLOCK_MONOTONIC);
	check_errno("relative timeout", futex(&word, FUTEX_WAIT_PRIVATE, 0, &relative, NULL, 0), ETIMEDOUT);
	check("not early", now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	check_errno("zero timeout", futex(&word, FUTEX_WAIT_PRIVATE, 0, &zero, NULL, 0), ETIMEDOUT);

	begin = now_ns(CLOCK_MONOTONIC);
	absolute = ns_to_timespec(begin + 20000000);
	check_errno("absolute monotonic timeout",
		    futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &absolute, NULL, FUTEX_BITSET_MATCH_ANY), ETIMEDOUT);
	check("not early", now_ns(CLOCK_MONOTONIC) - begin >= 20000000);
	begin = now_ns(CLOCK_MONOTONIC);
	absolute = ns_to_timespec(now_ns(CLOCK_REALTIME) + 20000000);
	check_errno("absolute realtime timeout",
		    futex(&word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &absolute, NULL,
			  FUTEX_BITSET_MATCH_ANY),
		    ETIMEDOUT);
	check("not early", now_ns(CLOCK_MONOTONIC) - begin >= 19000000);
	check_errno("absolute time in the past",
		    futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, &(struct timespec){ .tv_sec = 0, .tv_nsec = 1 }, NULL,
			  FUTEX_BITSET_MATCH_ANY),
		    ETIMEDOUT);
}

static void test_wake(int wait_op, int wake_op, const char *kind)
{
	struct waiter waiters[4];
	uint32_t word = 5;
	char what[80];

	start_waiters(waiters, 4, &word, wait_op, FUTEX_BITSET_MATCH_ANY);
	show("%s: wake one: %ld", kind, futex(&word, wake_op, 1, NULL, NULL, FUTEX_BITSET_MATCH_ANY));
	wait_until_woken(1);
	show("%s: woken %d", kind, nr_woken);
	show("%s: wake two: %ld", kind, futex(&word, wake_op, 2, NULL, NULL, FUTEX_BITSET_MATCH_ANY));
	wait_until_woken(3);
	show("%s: wake all: %ld", kind, futex(&word, wake_op, 0x7fffffff, NULL, NULL, FUTEX_BITSET_MATCH_ANY));
	join_waiters(waiters, 4);
	bool all_zero = true;
	for (int i = 0; i < 4; i++)
		all_zero &= waiters[i].result == 0;
	snprintf(what, sizeof(what), "%s: all waits return 0", kind);
	check(what, all_zero);
	snprintf(what, sizeof(what), "%s: first come, first woken", kind);
	check(what, waiters[0].nr_woken_before == 0 && waiters[3].nr_woken_before == 3);
}

static void test_bitset(void)
{
	struct waiter one[1], two[1];
	uint32_t word = 5;

	start_waiters(one, 1, &word, FUTEX_WAIT_BITSET_PRIVATE, 1);
	start_waiters(two, 1, &word, FUTEX_WAIT_BITSET_PRIVATE, 2);
	show("bitset 4 wakes %ld", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 4));
	show("bitset 2 wakes %ld", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2));
	join_waiters(two, 1);
	show("bitset 3 wakes %ld", futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 3));
	join_waiters(one, 1);
}

static void test_requeue(void)
{
	struct waiter waiters[5];
	uint32_t from = 1, to = 2;
	/* The fourth argument is the number to requeue, in the place of a timeout. */
	const struct timespec *two = (const struct timespec *)2, *many = (const struct timespec *)100;

	check_errno("cmp_requeue with another value",
		    futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 1, many, &to, 9), EAGAIN);
	start_waiters(waiters, 5, &from, FUTEX_WAIT_PRIVATE, 0);
	show("cmp_requeue: wake 1, move 2: %ld", futex(&from, FUTEX_CMP_REQUEUE_PRIVATE, 1, two, &to, 1));
	wait_until_woken(1);
	show("woken %d", nr_woken);
	show("wake the target: %ld", futex(&to, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
	wait_until_woken(3);
	show("woken %d", nr_woken);
	show("requeue: wake 0, move all: %ld", futex(&from, FUTEX_REQUEUE_PRIVATE, 0, many, &to, 0));
	show("nobody left at the source: %ld", futex(&from, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
	show("wake the target: %ld", futex(&to, FUTEX_WAKE_PRIVATE, 100, NULL, NULL, 0));
	join_waiters(waiters, 5);
}

static void test_wake_op(void)
{
	struct waiter first[2], second[2];
	uint32_t word1 = 1, word2 = 2;
	const struct timespec *many = (const struct timespec *)100;

	start_waiters(first, 2, &word1, FUTEX_WAIT_PRIVATE, 0);
	start_waiters(second, 2, &word2, FUTEX_WAIT_PRIVATE, 0);
	/* word2 += 5, and wake its waiters if it was > 3: it was not. */
	show("wake_op without second wake: %ld",
	     futex(&word1, FUTEX_WAKE_OP_PRIVATE, 1, many, &word2, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_GT, 3)));
	show("word2 %u", word2);
	show("wake_op with second wake: %ld",
	     futex(&word1, FUTEX_WAKE_OP_PRIVATE, 1, many, &word2, FUTEX_OP(FUTEX_OP_SET, 12, FUTEX_OP_CMP_EQ, 7)));
	show("word2 %u", word2);
	join_waiters(first, 2);
	join_waiters(second, 2);
	static const struct {
		int op, argument;
		const char *name;
	} ops[] = { { FUTEX_OP_OR, 3, "or" }, { FUTEX_OP_ANDN, 4, "andn" }, { FUTEX_OP_XOR, 15, "xor" },
		    { FUTEX_OP_ADD, 0xfff, "add -1" }, { FUTEX_OP_SET | 8, 4, "set shifted" } };
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		futex(&word1, FUTEX_WAKE_OP_PRIVATE, 1, many, &word2,
		      FUTEX_OP(ops[i].op, ops[i].argument, FUTEX_OP_CMP_EQ, 0));
		show("%s: %u", ops[i].name, word2);
	}
	check_errno("wake_op at a bad address",
		    futex(&word1, FUTEX_WAKE_OP_PRIVATE, 1, many, (uint32_t *)4096, FUTEX_OP(0, 0, 0, 0)), EFAULT);
}

/* Two mappings of one shared page are one futex; of private ones, two. */
static void test_shared_mappings(void)
{
	int fd = memfd_create("futex", 0);
	need(fd >= 0 && ftruncate(fd, 4096) == 0);
	uint32_t *a = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint32_t *b = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct waiter waiter[1];

	need(a != MAP_FAILED && b != MAP_FAILED && a != b);
	start_waiters(waiter, 1, a, FUTEX_WAIT, 0);
	show("private wake through the other mapping: %ld", futex(b, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0));
	show("shared wake through the other mapping: %ld", futex(b, FUTEX_WAKE, 9, NULL, NULL, 0));
	join_waiters(waiter, 1);
	munmap(a, 4096);
	munmap(b, 4096);
	close(fd);
}

static void on_signal(int signal_number)
{
	(void)signal_number;
}

static void *wake_main_later(void *argument)
{
	sleep_ms(20);
	pthread_kill(*(pthread_t *)argument, SIGUSR1);
	return NULL;
}

static void test_interruption(void)
{
	uint32_t word = 0;
	pthread_t self = pthread_self(), thread;
	struct sigaction action = { .sa_handler = on_signal };
	struct timespec second = { .tv_sec = 10 };

	sigaction(SIGUSR1, &action, NULL);
	need(pthread_create(&thread, NULL, wake_main_later, &self) == 0);
	check_errno("a handler interrupts a wait", futex(&word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EINTR);
	pthread_join(thread, NULL);
	need(pthread_create(&thread, NULL, wake_main_later, &self) == 0);
	check_errno("a handler interrupts a timed wait", futex(&word, FUTEX_WAIT_PRIVATE, 0, &second, NULL, 0), EINTR);
	pthread_join(thread, NULL);
}

static uint32_t ping, pong;

static void *answer_pings(void *unused)
{
	(void)unused;
	for (uint32_t i = 1; i <= 2000; i++) {
		while (__atomic_load_n(&ping, __ATOMIC_ACQUIRE) != i)
			futex(&ping, FUTEX_WAIT_PRIVATE, i - 1, NULL, NULL, 0);
		__atomic_store_n(&pong, i, __ATOMIC_RELEASE);
		futex(&pong, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return NULL;
}

static void test_ping_pong(void)
{
	pthread_t thread;

	need(pthread_create(&thread, NULL, answer_pings, NULL) == 0);
	for (uint32_t i = 1; i <= 2000; i++) {
		__atomic_store_n(&ping, i, __ATOMIC_RELEASE);
		futex(&ping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		while (__atomic_load_n(&pong, __ATOMIC_ACQUIRE) != i)
			futex(&pong, FUTEX_WAIT_PRIVATE, i - 1, NULL, NULL, 0);
	}
	pthread_join(thread, NULL);
	show("2000 round trips: %u", pong);
}

int main(void)
{
	test_errors();
	test_timeouts();
	test_wake(FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE, "private");
	test_wake(FUTEX_WAIT, FUTEX_WAKE, "shared");
	test_wake(FUTEX_WAIT_BITSET_PRIVATE, FUTEX_WAKE_BITSET_PRIVATE, "bitset");
	test_bitset();
	test_requeue();
	test_wake_op();
	test_shared_mappings();
	test_interruption();
	test_ping_pong();
	return test_end();
}
