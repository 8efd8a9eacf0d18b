/* SPDX-License-Identifier: MIT */
/*
 * Priority inheritance: who holds a PTHREAD_PRIO_INHERIT mutex runs with the
 * priority of who waits for it, along chains, and no longer than they wait. All
 * threads are bound to one CPU, so that priorities alone decide who runs. The
 * priority that a thread has now is read in /proc/self/task/TID/stat, field 18.
 */
#include "test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>

#define FIFO(n) (-1 - (n)) /* as stat shows it */
#define OTHER 20

struct actor {
	pthread_t thread;
	pid_t tid;
	int priority; /* 0: SCHED_OTHER */
	pthread_mutex_t *holds, *wants;
	int result; /* of locking wants */
	int order;  /* in which they got there, from 1 */
	int timeout_ms;
	bool is_busy, may_release, has_finished, dies_with_it;
};
static int nr_arrived;

#define get(x) __atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define set(x, value) __atomic_store_n(&(x), value, __ATOMIC_SEQ_CST)

static void make_mutex(pthread_mutex_t *m, bool is_robust)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	need(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
	if (is_robust)
		need(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0);
	need(pthread_mutex_init(m, &attr) == 0);
}

/* Of /proc/self/task/TID/stat: from the state on, which is field 3. NULL: it has ended. */
static char *read_stat(pid_t tid)
{
	static __thread char text[512];
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return NULL;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	need(n > 0);
	text[n] = 0;
	return strrchr(text, ')') + 2;
}

/* Field 18: what the scheduler goes by. */
static int priority_now(pid_t tid)
{
	char *p = read_stat(tid);

	if (!p)
		return 999;
	for (int field = 3; field < 18; field++)
		p = strchr(p, ' ') + 1;
	return atoi(p);
}

/* It sleeps: in its wait, as it has said that it goes there. */
static void wait_until_asleep(pid_t tid)
{
	char *p;

	do {
		sleep_ms(1);
		p = read_stat(tid);
	} while (p && *p != 'S');
}

/* What it becomes within seconds. */
static int priority_soon(const struct actor *a, int expected)
{
	for (int i = 0; i < 2000 && priority_now(a->tid) != expected; i++)
		sleep_ms(1);
	return priority_now(a->tid);
}

static void *act(void *argument)
{
	struct actor *a = argument;

	if (a->holds)
		need(pthread_mutex_lock(a->holds) == 0);
	set(a->tid, (pid_t)syscall(SYS_gettid));
	if (a->wants && a->timeout_ms) {
		struct timespec end = ns_to_timespec(now_ns(CLOCK_REALTIME) + a->timeout_ms * 1000000LL);
		a->result = pthread_mutex_timedlock(a->wants, &end);
	} else if (a->wants) {
		a->result = pthread_mutex_lock(a->wants);
	}
	a->order = __atomic_add_fetch(&nr_arrived, 1, __ATOMIC_SEQ_CST);
	while (!get(a->may_release))
		if (!a->is_busy)
			sleep_ms(1);
	if (a->wants && (a->result == 0 || a->result == EOWNERDEAD))
		pthread_mutex_unlock(a->wants);
	if (a->holds && !a->dies_with_it)
		pthread_mutex_unlock(a->holds);
	set(a->has_finished, true);
	return NULL;
}

static void start(struct actor *a)
{
	struct sched_param param = { .sched_priority = a->priority };
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, a->priority ? SCHED_FIFO : SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &param);
	need(pthread_create(&a->thread, &attr, act, a) == 0);
	while (!get(a->tid))
		sleep_ms(1);
	if (a->wants)
		wait_until_asleep(a->tid);
}

static void *hog(void *until)
{
	int64_t end = now_ns(CLOCK_MONOTONIC) + 3000000000;

	while (!get(*(bool *)until) && now_ns(CLOCK_MONOTONIC) < end)
		;
	return (void *)(long)get(*(bool *)until);
}

/* Low holds the lock, high waits for it, middle wants the CPU: without inheritance high waits for middle. */
static void test_inversion(void)
{
	pthread_mutex_t m;
	struct actor low = { .holds = &m, .is_busy = true }, high = { .priority = 30, .wants = &m, .may_release = true };
	struct sched_param param = { .sched_priority = 20 };
	pthread_attr_t attr;
	pthread_t middle;
	void *has_seen;

	make_mutex(&m, false);
	start(&low);
	show("low before: %d", priority_now(low.tid));
	start(&high);
	show("low with high waiting: %d, high %d", priority_soon(&low, FIFO(30)), priority_now(high.tid));
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
	pthread_attr_setschedparam(&attr, &param);
	need(pthread_create(&middle, &attr, hog, &high.has_finished) == 0);
	set(low.may_release, true);
	pthread_join(middle, &has_seen);
	check("high finished while middle wanted the CPU", has_seen != NULL);
	pthread_join(high.thread, NULL);
	pthread_join(low.thread, NULL);
	show("high's lock: %d", high.result);
}

/* high waits for b, which middle holds, who waits for a, which low holds. */
static void test_chain(void)
{
	pthread_mutex_t a, b;
	struct actor low = { .holds = &a }, middle = { .holds = &b, .wants = &a, .may_release = true };
	struct actor high = { .priority = 40, .wants = &b, .timeout_ms = 1000, .may_release = true };
	struct actor higher = { .priority = 45, .wants = &b, .may_release = true };
	struct sched_param param = { .sched_priority = 41 };

	make_mutex(&a, false);
	make_mutex(&b, false);
	start(&low);
	start(&middle);
	show("nobody real-time: low %d, middle %d", priority_now(low.tid), priority_now(middle.tid));
	start(&high);
	show("high waits: low %d, middle %d", priority_soon(&low, FIFO(40)), priority_soon(&middle, FIFO(40)));
	pthread_join(high.thread, NULL);
	show("high gave up (%s): low %d, middle %d", high.result == ETIMEDOUT ? "timeout" : "?", priority_soon(&low, OTHER),
	     priority_soon(&middle, OTHER));
	start(&higher);
	show("higher waits: low %d, middle %d", priority_soon(&low, FIFO(45)), priority_soon(&middle, FIFO(45)));
	need(sched_setparam(higher.tid, &param) == 0);
	show("lowered while it waits: low %d, middle %d", priority_soon(&low, FIFO(41)), priority_soon(&middle, FIFO(41)));
	show("policy of the lent one: %d", sched_getscheduler(low.tid));
	set(low.may_release, true);
	pthread_join(higher.thread, NULL);
	pthread_join(middle.thread, NULL);
	pthread_join(low.thread, NULL);
	show("middle %d, higher %d", middle.result, higher.result);
}

/* The best waiter is next, equals in their order; the new owner inherits from those who go on waiting. */
static void test_order(void)
{
	pthread_mutex_t m;
	struct actor owner = { .holds = &m }, waiters[] = {
		{ .priority = 0, .wants = &m },	 { .priority = 10, .wants = &m }, { .priority = 12, .wants = &m },
		{ .priority = 12, .wants = &m }, { .priority = 11, .wants = &m },
	};

	make_mutex(&m, false);
	nr_arrived = 0;
	start(&owner);
	for (size_t i = 0; i < ARRAY_LEN(waiters); i++) {
		start(&waiters[i]);
		show("waiter of priority %d: owner %d", waiters[i].priority, priority_soon(&owner, waiters[i].priority == 11 ? FIFO(12) : waiters[i].priority ? FIFO(waiters[i].priority) : OTHER));
	}
	set(owner.may_release, true);
	static const int order[] = { 2, 3, 4, 1, 0 };
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct actor *a = &waiters[order[i]];
		while (!get(a->order))
			sleep_ms(1);
		int next = i + 1 < ARRAY_LEN(order) ? waiters[order[i + 1]].priority : 0;
		int expected = a->priority > next ? a->priority : next;
		show("then %d (arrived as %d): %d", order[i], a->order - 1, priority_soon(a, expected ? FIFO(expected) : OTHER));
		set(a->may_release, true);
	}
	for (size_t i = 0; i < ARRAY_LEN(waiters); i++)
		pthread_join(waiters[i].thread, NULL);
	pthread_join(owner.thread, NULL);
}

/* What is lent is not inherited by a thread that its owner makes. */
static void *report_priority(void *unused)
{
	(void)unused;
	return (void *)(long)priority_now((pid_t)syscall(SYS_gettid));
}

static void *create_while_boosted(void *argument)
{
	struct actor *a = argument;
	pthread_t child;
	void *result;

	need(pthread_mutex_lock(a->holds) == 0);
	set(a->tid, (pid_t)syscall(SYS_gettid));
	a->order = priority_soon(a, FIFO(35));
	need(pthread_create(&child, NULL, report_priority, NULL) == 0);
	pthread_join(child, &result);
	pthread_mutex_unlock(a->holds);
	return result;
}

static void test_children(void)
{
	struct sched_param param = { .sched_priority = 0 };
	pthread_mutex_t m;
	struct actor parent = { .holds = &m }, high = { .priority = 35, .wants = &m, .may_release = true };
	pthread_attr_t attr;
	void *result;

	make_mutex(&m, false);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &param);
	need(pthread_create(&parent.thread, &attr, create_while_boosted, &parent) == 0);
	while (!get(parent.tid))
		sleep_ms(1);
	start(&high);
	pthread_join(parent.thread, &result);
	pthread_join(high.thread, NULL);
	show("parent %d, its new thread %ld", parent.order, (long)result);
}

static void test_deadlock(void)
{
	pthread_mutex_t a, b;
	struct actor other = { .holds = &b, .wants = &a, .may_release = true };

	make_mutex(&a, false);
	make_mutex(&b, false);
	need(pthread_mutex_lock(&a) == 0);
	start(&other);
	uint32_t *word = (uint32_t *)&b.__data.__lock;
	check_errno("a circle is refused", syscall(SYS_futex, word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EDEADLK);
	pthread_mutex_unlock(&a);
	pthread_join(other.thread, NULL);
	show("the other one: %d", other.result);
}

/* An owner of a robust mutex ends. */
static void test_robust(void)
{
	pthread_mutex_t m;
	struct actor owner = { .holds = &m, .dies_with_it = true }, first = { .priority = 10, .wants = &m };
	struct actor second = { .priority = 5, .wants = &m, .may_release = true };

	make_mutex(&m, true);
	start(&owner);
	start(&first);
	start(&second);
	show("robust: owner %d", priority_soon(&owner, FIFO(10)));
	set(owner.may_release, true);
	pthread_join(owner.thread, NULL);
	while (!get(first.order))
		sleep_ms(1);
	show("first got %s, priority %d", first.result == EOWNERDEAD ? "EOWNERDEAD" : "?", priority_soon(&first, FIFO(10)));
	pthread_mutex_consistent(&m);
	set(first.may_release, true);
	pthread_join(first.thread, NULL);
	pthread_join(second.thread, NULL);
	show("second got %d", second.result);
}

/* An owner ends whose lock is in no robust list: the kernel knows by the waiters. */
static uint32_t word;

static void *lock_raw(void *argument)
{
	struct actor *a = argument;

	set(a->tid, (pid_t)syscall(SYS_gettid));
	a->result = (int)syscall(SYS_futex, &word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	bool is_mine = (get(word) & FUTEX_TID_MASK) == (uint32_t)a->tid, has_died = get(word) & FUTEX_OWNER_DIED;
	while (!get(a->may_release))
		sleep_ms(1);
	if (!a->dies_with_it)
		syscall(SYS_futex, &word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	return (void *)(is_mine | 2l * has_died);
}

static void test_death(void)
{
	struct actor actors[3] = { { .dies_with_it = true }, { .dies_with_it = true }, { 0 } };
	void *result;

	for (int i = 0; i < 3; i++) {
		need(pthread_create(&actors[i].thread, NULL, lock_raw, &actors[i]) == 0);
		while (!get(actors[i].tid))
			sleep_ms(1);
		if (i > 0)
			wait_until_asleep(actors[i].tid);
	}
	for (int i = 0; i < 3; i++) {
		set(actors[i].may_release, true);
		pthread_join(actors[i].thread, &result);
		show("owner %d: %d, %s%s", i, actors[i].result, (long)result & 1 ? "its number" : "another number",
		     (long)result & 2 ? ", owner died" : "");
	}
	show("in the end %s", word ? "not free" : "free");
	/* Nobody has this number: the owner died before anybody waited. */
	word = (uint32_t)actors[0].tid;
	check_errno("lock of a dead owner", syscall(SYS_futex, &word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
	check_errno("trylock of a dead owner", syscall(SYS_futex, &word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), ESRCH);
}

int main(void)
{
	struct sched_param param = { .sched_priority = 50 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	need(sched_setaffinity(0, sizeof(one), &one) == 0);
	need(sched_setscheduler(0, SCHED_FIFO, &param) == 0);
	test_inversion();
	test_chain();
	test_order();
	test_children();
	test_deadlock();
	test_robust();
	test_death();
	return test_end();
}
