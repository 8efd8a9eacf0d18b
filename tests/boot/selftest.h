/* SPDX-License-Identifier: MIT
 *
 * Tests and measurements that run inside the kernel, in the main thread, instead of a program. Built with `make SELFTEST=1`; run by tests/boot/run.sh.
 * Which: env=SELFTEST=NAME,NAME on the kernel command line (none: all but the slow ones); env=SCALE=N multiplies the work.
 */
#pragma once

#include "libc/print.h"
#include "libc/types.h"
#include "sched/thread.h"

#define CHECK(cond, ...) \
	do { \
		if (!(cond)) { \
			log_raw("FAILED %s:%d: %s ", __FILE__, __LINE__, #cond); \
			log_raw(" " __VA_ARGS__); \
			log_raw("\n"); \
			selftest_nr_failed++; \
		} \
	} while (0)

extern unsigned selftest_nr_failed;
extern unsigned selftest_scale;

/* Run fn(i) in nr threads at once, wait for all. pin: thread i on CPU i % nr_cpus. */
void selftest_run(unsigned nr, void (*fn)(unsigned i), bool pin);
/* The same, started with these parameters (name, entry and arg are set). */
void selftest_run_with(unsigned nr, void (*fn)(unsigned i), const struct thread_params *params);
uint64_t selftest_random(void);
/* Print a measurement: "name value unit". */
void selftest_report(const char *name, uint64_t value, const char *unit);

void test_locks(void);
void test_wakeups(void);
void test_threads(void);
void test_many_threads(void);
void test_affinity(void);
void test_timers(void);
void test_rcu(void);
void test_fairness(void);
void test_conservation(void);
void test_soak(void);
void bench_sched(void);
void bench_yield(void);
void bench_wake(void);
void bench_create(void);
void bench_holder(void);
