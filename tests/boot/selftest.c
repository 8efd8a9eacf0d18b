/* SPDX-License-Identifier: MIT */
#include "tests/boot/selftest.h"

#include <arch/time.h>

#include "boards/boot.h"
#include "boards/exit.h"
#include "libc/atomic.h"
#include "libc/string.h"
#include "sched/cpu.h"
#include "sched/init.h"
#include "sched/sync.h"

unsigned selftest_nr_failed;
unsigned selftest_scale = 1;

static const struct {
	const char *name;
	void (*fn)(void);
	bool is_slow;
} tests[] = {
	{ "bench", bench_sched, false },
	{ "locks", test_locks, false },
	{ "wakeups", test_wakeups, false },
	{ "threads", test_threads, false },
	{ "affinity", test_affinity, false },
	{ "timers", test_timers, false },
	{ "rcu", test_rcu, false },
	{ "conservation", test_conservation, false },
	{ "fairness", test_fairness, true },
	{ "many", test_many_threads, true },
	{ "soak", test_soak, true },
	{ "yield", bench_yield, true },
	{ "wake", bench_wake, true },
	{ "create", bench_create, true },
	{ "holder", bench_holder, true },
};

struct runner {
	void (*fn)(unsigned i);
	uint32_t next, nr_left;
	struct completion done;
};

static void runner_main(void *arg)
{
	struct runner *r = arg;

	r->fn(atomic_fetch_add(&r->next, 1u, RELAXED));
	if (atomic_fetch_sub(&r->nr_left, 1u, ACQ_REL) == 1)
		completion_set(&r->done);
}

static void run(unsigned nr, void (*fn)(unsigned i), struct thread_params p, bool pin)
{
	struct runner r = { .fn = fn, .nr_left = nr };
	struct thread *t;

	p.name = "test";
	p.entry = runner_main;
	p.arg = &r;
	for (unsigned i = 0; i < nr; i++) {
		if (pin)
			p.pinned_cpu = (int)(i % nr_cpus);
		if (thread_create(&p, &t)) {
			CHECK(false, "no memory for thread %u", i);
			if (atomic_fetch_sub(&r.nr_left, nr - i, ACQ_REL) == nr - i)
				completion_set(&r.done);
			break;
		}
		thread_start(t);
	}
	completion_wait(&r.done, NSEC_NEVER, 0);
}

void selftest_run(unsigned nr, void (*fn)(unsigned i), bool pin)
{
	run(nr, fn, (struct thread_params){ .pinned_cpu = -1 }, pin);
}

void selftest_run_with(unsigned nr, void (*fn)(unsigned i), const struct thread_params *params)
{
	run(nr, fn, *params, false);
}

uint64_t selftest_random(void)
{
	static uint64_t state = 88172645463325252ull;
	uint64_t x = atomic_fetch_add(&state, 0x9e3779b97f4a7c15ull, RELAXED) + arch_time_ns();

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

void selftest_report(const char *name, uint64_t value, const char *unit)
{
	log_raw("%s %lu %s\n", name, value, unit);
}

static const char *option(const char *name)
{
	size_t len = strlen(name);

	for (const char **e = boot_options.envp; *e; e++)
		if (strncmp(*e, name, len) == 0)
			return *e + len;
	return NULL;
}

static bool is_wanted(const char *list, const char *name, bool is_slow)
{
	size_t len = strlen(name);

	if (!list)
		return !is_slow;
	for (const char *p = strstr(list, name); p; p = strstr(p + 1, name))
		if ((p == list || p[-1] == ',') && (p[len] == ',' || !p[len]))
			return true;
	return false;
}

static void selftest(void)
{
	const char *list = option("SELFTEST="), *scale = option("SCALE=");
	nsec_t start;

	if (scale) {
		selftest_scale = 0;
		for (; *scale >= '0' && *scale <= '9'; scale++)
			selftest_scale = selftest_scale * 10 + (unsigned)(*scale - '0');
	}
	thread_sleep_until(arch_time_ns() + 20 * NSEC_PER_MSEC, 0);	/* the other CPUs come up */
	for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
		if (!is_wanted(list, tests[i].name, tests[i].is_slow))
			continue;
		start = arch_time_ns();
		tests[i].fn();
		log_raw("%s: done, %lu us, %u failed\n", tests[i].name, (arch_time_ns() - start) / 1000, selftest_nr_failed);
	}
	if (option("THREADS="))
		thread_dump_all();
	machine_exit(selftest_nr_failed ? 1 : 0);
}

INIT_HOOK(INIT_CORE, selftest);
