/* SPDX-License-Identifier: MIT */
/*
 * Robust mutexes: a thread that ends with one locked hands it on with
 * EOWNERDEAD. The raw list too: the kernel sets FUTEX_OWNER_DIED and wakes.
 */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>

static pthread_mutex_t mutexes[3];

static bool has_locked;

static void *lock_and_die(void *argument)
{
	for (int i = 0; i < 3; i++)
		need(pthread_mutex_lock(&mutexes[i]) == 0);
	__atomic_store_n(&has_locked, true, __ATOMIC_RELEASE);
	sleep_ms((int)(long)argument);
	return NULL;
}

static void test_mutexes(int delay)
{
	pthread_mutexattr_t attr;
	pthread_t thread;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	for (int i = 0; i < 3; i++)
		need(pthread_mutex_init(&mutexes[i], &attr) == 0);
	__atomic_store_n(&has_locked, false, __ATOMIC_RELEASE);
	need(pthread_create(&thread, NULL, lock_and_die, (void *)(long)delay) == 0);
	if (delay == 0)
		pthread_join(thread, NULL);
	while (!__atomic_load_n(&has_locked, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	for (int i = 0; i < 3; i++)
		check("lock after death gives EOWNERDEAD", pthread_mutex_lock(&mutexes[i]) == EOWNERDEAD);
	if (delay != 0)
		pthread_join(thread, NULL);
	check("made consistent it works", pthread_mutex_consistent(&mutexes[0]) == 0 &&
						  pthread_mutex_unlock(&mutexes[0]) == 0 &&
						  pthread_mutex_lock(&mutexes[0]) == 0 &&
						  pthread_mutex_unlock(&mutexes[0]) == 0);
	pthread_mutex_unlock(&mutexes[1]);
	check("otherwise it is ENOTRECOVERABLE", pthread_mutex_lock(&mutexes[1]) == ENOTRECOVERABLE);
	pthread_mutex_consistent(&mutexes[2]);
	pthread_mutex_unlock(&mutexes[2]);
}

/* The list as set_robust_list(2) has it: glibc's own is replaced in that thread. */
struct entry {
	struct robust_list list;
	uint32_t futex;
};
static struct entry entries[3], pending;
static struct robust_list_head head;

static void *die_with_list(void *unused)
{
	uint32_t tid = (uint32_t)syscall(SYS_gettid);

	(void)unused;
	head.futex_offset = offsetof(struct entry, futex);
	head.list.next = &entries[0].list;
	entries[0].list.next = &entries[1].list;
	entries[1].list.next = &entries[2].list;
	entries[2].list.next = &head.list;
	entries[0].futex = tid;
	entries[1].futex = tid | FUTEX_WAITERS;
	entries[2].futex = 12345; /* somebody else's: left alone */
	pending.futex = tid;
	head.list_op_pending = &pending.list;
	need(syscall(SYS_set_robust_list, &head, sizeof(head)) == 0);
	return NULL;
}

static void test_list(void)
{
	pthread_t thread;
	struct robust_list_head *got = NULL;
	size_t size = 0;

	check("get_robust_list", syscall(SYS_get_robust_list, 0, &got, &size) == 0 && got != NULL && size == sizeof(head));
	check_errno("wrong size", syscall(SYS_set_robust_list, &head, 1), EINVAL);
	need(pthread_create(&thread, NULL, die_with_list, NULL) == 0);
	pthread_join(thread, NULL);
	show("futex words: 0x%x 0x%x %u, pending 0x%x", entries[0].futex, entries[1].futex, entries[2].futex,
	     pending.futex);
}

/* A list that is a circle or leads nowhere must not hang or harm the kernel. */
static void *die_with_bad_list(void *argument)
{
	static struct robust_list_head bad;

	bad.futex_offset = 1 << 20;
	if (argument == NULL) {
		bad.list.next = &entries[0].list;
		entries[0].list.next = &entries[1].list;
		entries[1].list.next = &entries[0].list;
		bad.futex_offset = offsetof(struct entry, futex);
	} else {
		bad.list.next = argument;
	}
	need(syscall(SYS_set_robust_list, &bad, sizeof(bad)) == 0);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	test_mutexes(0);
	test_mutexes(100);
	test_list();
	void *bad[] = { NULL, (void *)16, (void *)0xffff800000000000, (void *)0x7fffffffff00 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		need(pthread_create(&thread, NULL, die_with_bad_list, bad[i]) == 0);
		pthread_join(thread, NULL);
	}
	check("bad lists do no harm", true);
	return test_end();
}
