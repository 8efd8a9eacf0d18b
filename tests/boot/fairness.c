/* SPDX-License-Identifier: MIT
 *
 * Shares of CPU time, and that no CPU is idle while threads wait.
 */
#include <arch/time.h>

#include "libc/atomic.h"
#include "sched/cpu.h"
#include "sched/sched-priv.h"
#include "sched/sync.h"
#include "tests/boot/selftest.h"

#define MAX_BUSY	64

static nsec_t until, used[MAX_BUSY];
static int nice_of[MAX_BUSY];

static nsec_t my_time(void)
{
	struct thread_times t;

	thread_times(thread_current(), &t);
	return t.user_ns + t.system_ns;
}

static void busy(unsigned i)
{
	nsec_t start;

	thread_set_nice(thread_current(), nice_of[i]);
	start = my_time();
	while (arch_time_ns() < until)
		;
	used[i] = my_time() - start;
}

static void print_moves(void)
{
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct runqueue *rq = cpus[i]->rq;

		log_raw("  CPU %u: %lu incoming, %lu stolen, %lu spread, %lu rotated, %lu switches, %lu interrupts, idle %lu us\n", i,
			rq->nr_incoming, rq->nr_stolen, rq->nr_spread, rq->nr_rotated, cpus[i]->nr_switches, cpus[i]->nr_irqs,
			cpus[i]->idle_ns / 1000);
	}
}

static void equal(unsigned nr, nsec_t length)
{
	nsec_t sum = 0, min = NSEC_NEVER, max = 0;

	for (unsigned i = 0; i < nr; i++)
		nice_of[i] = 0;
	until = arch_time_ns() + length;
	selftest_run(nr, busy, false);
	for (unsigned i = 0; i < nr; i++) {
		sum += used[i];
		min = MIN(min, used[i]);
		max = MAX(max, used[i]);
	}
	log_raw("%u busy threads on %u CPUs: %lu %% of the CPU time used, shares %lu to %lu permille of the mean\n", nr, nr_cpus,
		sum * 100 / (length * MIN(nr_cpus, nr)), min * 1000 * nr / sum, max * 1000 * nr / sum);
	print_moves();
	CHECK(min * 1000 * nr / sum >= 980 && max * 1000 * nr / sum <= 1020);
}

static void weighted(int a, int b, unsigned percent)
{
	uint64_t ratio;

	for (unsigned i = 0; i < 2 * nr_cpus; i++)
		nice_of[i] = i % 2 ? b : a;
	until = arch_time_ns() + 4 * NSEC_PER_SEC;
	selftest_run(2, busy, false);
	ratio = used[0] * 100 / MAX(used[1], 1ul);
	log_raw("nice %d against %d: %lu %%, should be %u %%\n", a, b, ratio, percent);
	if (nr_cpus == 1)
		CHECK(ratio > percent * 93ul / 100 && ratio < percent * 107ul / 100);
}

static void fifo_or_busy(unsigned i)
{
	if (i == 0)
		CHECK(thread_set_policy(thread_current(), POLICY_FIFO, 10) == 0);
	busy(i);
	if (i == 0)
		CHECK(thread_set_policy(thread_current(), POLICY_OTHER, 0) == 0);
}

/* As many real-time threads as CPUs, started on one CPU while ordinary threads keep all busy: each gets a CPU to itself. */
static void realtime_or_busy(unsigned i)
{
	bool is_rt = i < nr_cpus;

	if (is_rt)
		CHECK(thread_set_policy(thread_current(), POLICY_FIFO, 20) == 0);
	busy(i);
	if (is_rt)
		CHECK(thread_set_policy(thread_current(), POLICY_OTHER, 0) == 0);
}

static void test_realtime_spreads(void)
{
	nsec_t min = NSEC_NEVER;

	for (unsigned i = 0; i < MAX_BUSY; i++)
		nice_of[i] = 0;
	until = arch_time_ns() + NSEC_PER_SEC;
	selftest_run(2 * nr_cpus, realtime_or_busy, false);
	for (unsigned i = 0; i < nr_cpus; i++)
		min = MIN(min, used[i]);
	log_raw("%u SCHED_FIFO threads beside as many others: the least got %lu ms of a second\n", nr_cpus, min / 1000000);
	CHECK(min > 900 * NSEC_PER_MSEC);
}

/* Thread 0 is ordinary, but boosted above the FIFO thread 1 for the first half of the time; both on CPU 0. */
static struct thread *boosted;

static void boosted_or_fifo(unsigned i)
{
	nsec_t start;

	if (i == 0) {
		boosted = thread_current();
		thread_boost(boosted, 60);
		start = my_time();
		while (arch_time_ns() < until - 500 * NSEC_PER_MSEC)
			;
		used[0] = my_time() - start;
		thread_boost(boosted, 0);
		while (arch_time_ns() < until)
			;
		return;
	}
	CHECK(thread_set_policy(thread_current(), POLICY_FIFO, 50) == 0);
	busy(1);
	CHECK(thread_set_policy(thread_current(), POLICY_OTHER, 0) == 0);
}

static void test_boost(void)
{
	const struct thread_params on_0 = { .pinned_cpu = 0 };

	nice_of[0] = nice_of[1] = 0;
	until = arch_time_ns() + NSEC_PER_SEC;
	selftest_run_with(2, boosted_or_fifo, &on_0);
	log_raw("boosted thread: %lu ms, then SCHED_FIFO: %lu ms\n", used[0] / 1000000, used[1] / 1000000);
	CHECK(used[0] > 450 * NSEC_PER_MSEC && used[1] > 450 * NSEC_PER_MSEC);
}

void test_fairness(void)
{
	struct thread_params on_0 = { .pinned_cpu = 0 };

	thread_set_policy(thread_current(), POLICY_FIFO, 90);	/* so that starting the threads is not disturbed */
	equal(nr_cpus * 2, 10 * NSEC_PER_SEC);
	equal(nr_cpus + 1, 10 * NSEC_PER_SEC);
	equal(nr_cpus * 3 / 2 + 2, 10 * NSEC_PER_SEC);
	if (nr_cpus == 1) {
		weighted(0, 1, 125);
		weighted(0, 5, 305);
		weighted(-10, -5, 305);
	}
	for (unsigned i = 0; i < MAX_BUSY; i++)
		nice_of[i] = 0;
	until = arch_time_ns() + NSEC_PER_SEC;
	selftest_run_with(3, fifo_or_busy, &on_0);
	log_raw("SCHED_FIFO against two others for a second: %lu ms, %lu ms, %lu ms\n", used[0] / 1000000, used[1] / 1000000,
		used[2] / 1000000);
	CHECK(used[0] > 950 * NSEC_PER_MSEC);
	thread_set_policy(thread_current(), POLICY_OTHER, 0);
	test_realtime_spreads();
	test_boost();
}

/* ---- work conservation -------------------------------------------------------------------------------------------- */

static nsec_t from, idle_before, idle_after;

static nsec_t idle_sum(void)
{
	nsec_t sum = 0;

	for (unsigned i = 0; i < nr_cpus; i++)
		sum += READ_ONCE(cpus[i]->idle_ns);
	return sum;
}

/* Thread 0 looks at the idle times after the start and at the end. */
static bool goes_on(unsigned i)
{
	nsec_t now = arch_time_ns();

	if (i == 0 && !idle_before && now >= from)
		idle_before = idle_sum();
	if (now < until)
		return true;
	if (i == 0)
		idle_after = idle_sum();
	return false;
}

static void keep_busy(unsigned i)
{
	while (goes_on(i))
		;
}

/* Works and rests at random. */
static void work(unsigned i)
{
	while (goes_on(i)) {
		nsec_t end = arch_time_ns() + selftest_random() % 300000;

		while (arch_time_ns() < end)
			;
		thread_sleep_until(arch_time_ns() + selftest_random() % 100000, 0);
	}
}

static void measure(const char *what, unsigned nr, void (*fn)(unsigned i))
{
	nsec_t length = 400 * NSEC_PER_MSEC * selftest_scale;

	idle_before = 0;
	from = arch_time_ns() + 100 * NSEC_PER_MSEC;
	until = from + length;
	selftest_run(nr, fn, false);
	log_raw("%u %s: idle %lu us of %lu us\n", nr, what, (idle_after - idle_before) / 1000, length * nr_cpus / 1000);
	print_moves();
}

static uint64_t nr_irqs;

static void lonely(unsigned i)
{
	uint64_t before;

	(void)i;
	thread_sleep_until(arch_time_ns() + 100 * NSEC_PER_MSEC, 0);	/* what went before it is over */
	until = arch_time_ns() + NSEC_PER_SEC;
	before = cpus[nr_cpus - 1]->nr_irqs;
	while (arch_time_ns() < until)
		;
	nr_irqs = cpus[nr_cpus - 1]->nr_irqs - before;
}

void test_conservation(void)
{
	const struct thread_params on_last = { .pinned_cpu = (int)nr_cpus - 1 };

	selftest_run_with(1, lonely, &on_last);
	log_raw("a lone busy thread: %lu interrupts in a second\n", nr_irqs);
	CHECK(nr_irqs <= 2);
	measure("busy threads", 2 * nr_cpus, keep_busy);
	measure("threads that work 3/4 of the time", 4 * nr_cpus, work);
}
