/* SPDX-License-Identifier: MIT */
/* Threads, one at a time: clone, futex, robust lists, ends of threads. With a word: end by that signal, which another thread sends. */
#include "calls.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>

static uint32_t word;

static void *idle(void *arg)
{
	CALL(sched_getscheduler, 0);
	CALL(futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
	return arg;
}

/* The main thread takes the signal. */
static void *killer(void *arg)
{
	struct timespec until_main_sleeps = { 0, 300000000 };
	uint64_t all = ~0ull;

	CALL(nanosleep, &until_main_sleeps, NULL);
	CALL(rt_sigprocmask, SIG_BLOCK, &all, NULL, 8);
	CALL(kill, getpid(), atoi(arg));
	CALL(futex, &word, FUTEX_WAIT, 0, NULL);
	return NULL;
}

static void futexes(void)
{
	struct timespec t = { 0, 1000000 };
	struct { uint64_t val, uaddr; uint32_t flags, reserved; } waitv[1] = { { 5, (uintptr_t)&word, 2, 0 } };
	uint32_t other = 0;
	void *head;
	size_t len;

	CALL(futex, &word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 1, NULL);
	CALL(futex, &word, FUTEX_WAIT, 0, &t);
	CALL(futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, FUTEX_BITSET_MATCH_ANY);
	CALL(futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, 0, &t, NULL, 5);
	CALL(futex, &word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 3);
	CALL(futex, &word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 0x7fffffff);
	CALL(futex, &word, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 2, &other);
	CALL(futex, &word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 2, &other, 9);
	CALL(futex, &word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 2, &other, FUTEX_OP(FUTEX_OP_SET, 3, FUTEX_OP_CMP_GT, 1));
	CALL(futex, &other, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG);
	CALL(futex, BAD, FUTEX_TRYLOCK_PI, 0);
	CALL(futex, BAD, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, &t);
	CALL(futex, &word, 99, 1, &t, &other, 3);
	CALL(futex, BAD, FUTEX_WAKE, 1);
	CALL(futex_waitv, waitv, 1, 0, NULL, CLOCK_MONOTONIC);
	CALL(get_robust_list, 0, &head, &len);
	CALL(set_robust_list, BAD, 5);
	CALL(clone, 0x10800, NULL, NULL, NULL, NULL);
	CALL(clone3, BAD, 64);
	CALL(rseq, BAD, 32, 0, 0x53053053);
}

int main(int argc, char **argv)
{
	struct timespec until_it_ends = { argc > 1 ? 30 : 0, 500000000 };
	pthread_t t;

	futexes();
	pthread_create(&t, NULL, argc > 1 ? killer : idle, argv[argc - 1]);
	CALL(nanosleep, &until_it_ends, NULL);	/* pthread_join() might make a call or not */
	CALL(exit_group, 3);
}
