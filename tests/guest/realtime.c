/* SPDX-License-Identifier: MIT */
/*
 * Threads with SCHED_FIFO that never sleep: ordinary ones go on, on the CPUs
 * that are left and, for a while in each second, on those that are not.
 * membarrier(2) does not wait for them, and disturbs nobody's affinity.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>

enum {
	CMD_QUERY = 0,
	CMD_GLOBAL = 1,
	CMD_GLOBAL_EXPEDITED = 2,
	CMD_REGISTER_GLOBAL_EXPEDITED = 4,
	CMD_PRIVATE = 8,
	CMD_REGISTER_PRIVATE = 16,
	CMD_CORE = 32,
	CMD_REGISTER_CORE = 64,
	CMD_RSEQ = 128,
	CMD_REGISTER_RSEQ = 256,
};

#define SECONDS_MAX 60 /* of a host that has much else to do; what is waited for takes a second */

static int nr_cpus;
static volatile bool is_over;
static long counters[16];
static int nr_ready;

static long membarrier(int command, unsigned flags, int cpu)
{
	return syscall(SYS_membarrier, command, flags, cpu);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	need(sched_setaffinity(0, sizeof(set), &set) == 0);
}

static void set_fifo(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	need(sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &param) == 0);
}

static void *count(void *argument)
{
	long i = (long)argument;

	__atomic_add_fetch(&nr_ready, 1, __ATOMIC_SEQ_CST);
	while (!is_over)
		__atomic_add_fetch(&counters[i], 1, __ATOMIC_RELAXED);
	return NULL;
}

struct hog {
	int cpu, priority;
};

static void *hog_cpu(void *argument)
{
	struct hog *h = argument;

	pin(h->cpu);
	set_fifo(h->priority);
	__atomic_add_fetch(&nr_ready, 1, __ATOMIC_SEQ_CST);
	while (!is_over)
		;
	return NULL;
}

static void await(int nr)
{
	while (__atomic_load_n(&nr_ready, __ATOMIC_SEQ_CST) != nr)
		sleep_ms(1);
}

/* Each of the counters goes on from what it is now; main sleeps in between, which is a sign of life of its own. */
static bool all_go_on(int nr)
{
	long before[ARRAY_LEN(counters)];
	int64_t end = now_ns(CLOCK_MONOTONIC) + SECONDS_MAX * 1000000000LL;

	for (int i = 0; i < nr; i++)
		before[i] = __atomic_load_n(&counters[i], __ATOMIC_RELAXED);
	while (now_ns(CLOCK_MONOTONIC) < end) {
		int nr_on = 0;

		for (int i = 0; i < nr; i++)
			nr_on += __atomic_load_n(&counters[i], __ATOMIC_RELAXED) > before[i];
		if (nr_on == nr)
			return true;
		sleep_ms(20);
	}
	return false;
}

/* Hogs on CPUs first to last, with as many ordinary threads as CPUs and one more. */
static void test_hogs(const char *what, int first, int priority)
{
	pthread_t ordinary[8], hogs[8];
	struct hog h[8];
	int nr = nr_cpus + 1, nr_hogs = nr_cpus - first;

	is_over = false;
	nr_ready = 0;
	for (long i = 0; i < nr; i++)
		need(pthread_create(&ordinary[i], NULL, count, (void *)i) == 0);
	await(nr);
	for (int i = 0; i < nr_hogs; i++) {
		h[i] = (struct hog){ first + i, priority };
		need(pthread_create(&hogs[i], NULL, hog_cpu, &h[i]) == 0);
	}
	await(nr + nr_hogs);
	check(what, all_go_on(nr) && all_go_on(nr));
	is_over = true;
	for (int i = 0; i < nr; i++)
		pthread_join(ordinary[i], NULL);
	for (int i = 0; i < nr_hogs; i++)
		pthread_join(hogs[i], NULL);
}

static void test_commands(void)
{
	show("query %ld", membarrier(CMD_QUERY, 0, 0));
	check_errno("flags of a query", membarrier(CMD_QUERY, 1, 0), EINVAL);
	check_errno("not a command", membarrier(1 << 20, 0, 0), EINVAL);
	check_errno("two at once", membarrier(CMD_GLOBAL | CMD_GLOBAL_EXPEDITED, 0, 0), EINVAL);
	check_errno("negative", membarrier(-1, 0, 0), EINVAL);
	check_errno("private, not registered", membarrier(CMD_PRIVATE, 0, 0), EPERM);
	check_errno("core, not registered", membarrier(CMD_CORE, 0, 0), EPERM);
	check_errno("rseq, not registered", membarrier(CMD_RSEQ, 0, 0), EPERM);
	check("global", membarrier(CMD_GLOBAL, 0, 0) == 0);
	check("global, expedited", membarrier(CMD_GLOBAL_EXPEDITED, 0, 0) == 0);
	for (int command = CMD_REGISTER_GLOBAL_EXPEDITED; command <= CMD_REGISTER_RSEQ; command *= 4) {
		check_errno("flags of a registration", membarrier(command, 1, 0), EINVAL);
		show("register %d: %ld", command, membarrier(command, 0, 0));
		show("command %d: %ld", command / 2, membarrier(command / 2, 0, 0));
		show("again: %ld", membarrier(command, 0, 0));
	}
	check("rseq on one CPU", membarrier(CMD_RSEQ, 1, 0) == 0);
	check("rseq on a CPU that does not exist", membarrier(CMD_RSEQ, 1, 4000) == 0);
	check_errno("rseq, other flags", membarrier(CMD_RSEQ, 2, 0), EINVAL);
	check_errno("core takes no CPU", membarrier(CMD_CORE, 1, 0), EINVAL);
}

static void test_barrier_beside_hogs(void)
{
	pthread_t hogs[8];
	struct hog h[8];
	bool is_right = true;

	is_over = false;
	nr_ready = 0;
	for (int i = 1; i < nr_cpus; i++) {
		h[i] = (struct hog){ i, 1 };
		need(pthread_create(&hogs[i], NULL, hog_cpu, &h[i]) == 0);
	}
	await(nr_cpus - 1);
	for (int i = 0; i < 50; i++) {
		is_right &= membarrier(CMD_PRIVATE, 0, 0) == 0;
		is_right &= membarrier(CMD_CORE, 0, 0) == 0;
		is_right &= membarrier(CMD_RSEQ, 0, 0) == 0;
		is_right &= membarrier(CMD_GLOBAL, 0, 0) == 0;
		is_right &= membarrier(CMD_RSEQ, 1, nr_cpus - 1) == 0;
	}
	check("barriers while others never leave their CPU", is_right);
	is_over = true;
	for (int i = 1; i < nr_cpus; i++)
		pthread_join(hogs[i], NULL);
}

/* The cheap side of an asymmetric barrier has none: two threads, each sets its flag and looks at the other's. */
static int flags[2], seen[2], rounds[2];

static void *cheap_side(void *unused)
{
	(void)unused;
	for (int round = 1; round <= 300; round++) {
		while (__atomic_load_n(&rounds[0], __ATOMIC_ACQUIRE) != round)
			sched_yield();
		__atomic_store_n(&flags[0], 1, __ATOMIC_RELAXED);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		seen[0] = __atomic_load_n(&flags[1], __ATOMIC_RELAXED);
		__atomic_store_n(&rounds[1], round, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void test_order(void)
{
	pthread_t thread;
	int nr_both_missed = 0;

	need(pthread_create(&thread, NULL, cheap_side, NULL) == 0);
	for (int round = 1; round <= 300; round++) {
		flags[0] = flags[1] = 0;
		__atomic_store_n(&rounds[0], round, __ATOMIC_RELEASE);
		__atomic_store_n(&flags[1], 1, __ATOMIC_RELAXED);
		membarrier(CMD_PRIVATE, 0, 0);
		seen[1] = __atomic_load_n(&flags[0], __ATOMIC_RELAXED);
		while (__atomic_load_n(&rounds[1], __ATOMIC_ACQUIRE) != round)
			sched_yield();
		nr_both_missed += !seen[0] && !seen[1];
	}
	pthread_join(thread, NULL);
	show("both sides missed the other %d times", nr_both_missed);
}

static volatile int barrier_tid;

static void *barriers(void *unused)
{
	(void)unused;
	barrier_tid = (int)syscall(SYS_gettid);
	while (!is_over)
		membarrier(CMD_PRIVATE, 0, 0);
	return NULL;
}

static void test_affinity_stays(void)
{
	pthread_t thread;
	int nr_lost = 0;

	is_over = false;
	need(pthread_create(&thread, NULL, barriers, NULL) == 0);
	while (!barrier_tid)
		sleep_ms(1);
	for (int i = 0; i < 100; i++) {
		cpu_set_t set, now;

		CPU_ZERO(&set);
		CPU_SET(i % nr_cpus, &set);
		need(sched_setaffinity(barrier_tid, sizeof(set), &set) == 0);
		sleep_ms(1);
		need(sched_getaffinity(barrier_tid, sizeof(now), &now) == 0);
		nr_lost += !CPU_EQUAL(&set, &now);
	}
	is_over = true;
	pthread_join(thread, NULL);
	show("affinity lost %d times", nr_lost);
}

static void *set_affinities(void *argument)
{
	cpu_set_t set;

	for (int i = 0; i < 300; i++) {
		CPU_ZERO(&set);
		CPU_SET((int)(long)argument, &set);
		sched_setaffinity(getpid(), sizeof(set), &set);
	}
	return NULL;
}

/* Two who set the affinity of a third: it is what one of them wanted. */
static void test_two_setters(void)
{
	pthread_t threads[2];
	cpu_set_t set;

	for (long i = 0; i < 2; i++)
		need(pthread_create(&threads[i], NULL, set_affinities, (void *)(i * (nr_cpus - 1))) == 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	need(sched_getaffinity(0, sizeof(set), &set) == 0);
	check("set by two: one CPU", CPU_COUNT(&set) == 1);
	for (int i = 0; i < nr_cpus; i++)
		CPU_SET(i, &set);
	need(sched_setaffinity(0, sizeof(set), &set) == 0);
}

int main(void)
{
	nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	need(nr_cpus <= 7);
	test_commands();
	test_barrier_beside_hogs();
	test_order();
	test_affinity_stays();
	test_two_setters();
	test_hogs("with all CPUs but one taken", 1, 10);
	test_hogs("with all CPUs taken", 0, 1);
	test_hogs("with all CPUs taken at a high priority", 0, 99);
	return test_end();
}
