/* SPDX-License-Identifier: MIT
 *
 * Cost of the scheduler's operations inside the kernel. Under --icount nanoseconds are instructions.
 */
#include <arch/time.h>

#include "libc/atomic.h"
#include "sched/cpu.h"
#include "sched/rcu.h"
#include "sched/sched.h"
#include "sched/sync.h"
#include "sched/timer.h"
#include "tests/boot/selftest.h"

#define NR	1000

static struct mutex m;
static struct rwlock rw;
static struct thread *player[2];
static uint32_t ball, nr_ready;
static nsec_t spent;

static void yielder(unsigned i)
{
	nsec_t start;

	atomic_fetch_add(&nr_ready, 1u, RELAXED);
	while (atomic_load(&nr_ready, RELAXED) < 2)
		thread_yield();
	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++)
		thread_yield();
	if (i == 0)
		spent = arch_time_ns() - start;
}

static void ping_pong(unsigned i)
{
	nsec_t start;

	atomic_store(&player[i], thread_current(), RELEASE);
	while (!atomic_load(&player[!i], ACQUIRE))
		thread_yield();
	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++) {
		thread_wait_until("ball", atomic_load(&ball, ACQUIRE) % 2 == i, NSEC_NEVER, 0);
		atomic_store(&ball, ball + 1, RELEASE);
		thread_wake(player[!i]);
	}
	if (i == 1)
		spent = arch_time_ns() - start;
}

static void ping_pong_on(const char *name, int cpu)
{
	const struct thread_params p = { .pinned_cpu = cpu };

	player[0] = player[1] = NULL;
	ball = 0;
	if (cpu == -2)
		selftest_run(2, ping_pong, true);
	else
		selftest_run_with(2, ping_pong, &p);
	selftest_report(name, spent / NR, "ns a round trip");
}

static void nothing(unsigned i)
{
	(void)i;
}

static void timer_fn(struct timer *t)
{
	(void)t;
}

static void bench_timers(void)
{
	struct timer t;
	nsec_t start;

	timer_init(&t, timer_fn);
	timer_arm(&t, arch_time_ns() + NSEC_PER_SEC, 0);
	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++)
		timer_arm(&t, arch_time_ns() + 2 * NSEC_PER_SEC, 0);
	selftest_report("timer re-arm", (arch_time_ns() - start) / NR, "ns");
	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++) {
		timer_arm(&t, arch_time_ns() + 2 * NSEC_PER_SEC, 0);
		timer_cancel(&t);
	}
	selftest_report("timer arm and cancel", (arch_time_ns() - start) / NR, "ns");
	start = arch_time_ns();
	for (unsigned n = 0; n < 100; n++)
		thread_sleep_until(arch_time_ns() + 1000, 0);
	selftest_report("sleep 1 us", (arch_time_ns() - start) / 100, "ns");
}

void bench_yield(void)
{
	const struct thread_params on_0 = { .pinned_cpu = 0 };

	nr_ready = 0;
	selftest_run_with(2, yielder, &on_0);
	selftest_report("yield pair", spent / NR, "ns for both");
}

void bench_wake(void)
{
	ping_pong_on("wake-up, one CPU", 0);
	if (nr_cpus > 1) {
		ping_pong_on("wake-up, two CPUs", -2);
		ping_pong_on("wake-up, anywhere", -1);
	}
}

void bench_create(void)
{
	const struct thread_params on_0 = { .pinned_cpu = 0 };
	nsec_t start = arch_time_ns();

	for (unsigned n = 0; n < NR; n++)
		selftest_run_with(1, nothing, &on_0);
	selftest_report("thread create, run, join", (arch_time_ns() - start) / NR, "ns");
}

void bench_sched(void)
{
	nsec_t start;

	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++)
		__asm__ volatile("" : : "r"(arch_time_ns()));
	selftest_report("arch_time_ns", (arch_time_ns() - start) / NR, "ns");

	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++) {
		mutex_lock(&m);
		mutex_unlock(&m);
	}
	selftest_report("mutex lock and unlock", (arch_time_ns() - start) / NR, "ns");
	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++) {
		rwlock_read_lock(&rw);
		rwlock_read_unlock(&rw);
	}
	selftest_report("rwlock read lock and unlock", (arch_time_ns() - start) / NR, "ns");
	start = arch_time_ns();
	for (unsigned n = 0; n < NR; n++)
		thread_yield();
	selftest_report("yield alone", (arch_time_ns() - start) / NR, "ns");
	bench_yield();
	bench_wake();
	bench_create();
	bench_timers();
	start = arch_time_ns();
	for (unsigned n = 0; n < 50; n++)
		rcu_synchronize();
	selftest_report("rcu_synchronize", (arch_time_ns() - start) / 50, "ns");
}

/* ---- lock-holder preemption: more virtual CPUs than the host has cores, all after one lock -------------------------- */

static uint64_t shared, nr_done;
static nsec_t until;

static void hold(unsigned i)
{
	uint64_t n = 0;

	(void)i;
	while (arch_time_ns() < until) {
		mutex_lock(&m);
		for (unsigned k = 0; k < 50; k++)
			WRITE_ONCE(shared, shared + 1);
		mutex_unlock(&m);
		for (unsigned k = 0; k < 50; k++)
			__asm__ volatile("");
		n++;
	}
	atomic_fetch_add(&nr_done, n, RELAXED);
}

void bench_holder(void)
{
	until = arch_time_ns() + selftest_scale * NSEC_PER_SEC;
	nr_done = 0;
	selftest_run(nr_cpus, hold, true);
	selftest_report("sections under one lock", nr_done / selftest_scale, "a second");
}
