/* SPDX-License-Identifier: MIT */
/*
 * FP/SIMD registers belong to their thread: they and their modes survive
 * preemption, sleeps, yields, migration and signals whose handlers use them, in
 * threads that use them always, now and then, or never, and a thread made by
 * clone(2) begins with a copy of its maker's.
 */
#include "test.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>

#define NR_THREADS 8
#define ROUNDS 150

/*
 * uint64_t survive(value, kind, n, argument): all registers are set from value, and the work is done with no other FP instruction in between: kind 0 spins for n steps, else
 * the system call with the number in kind and one argument; afterwards the registers must be as they were. Returns the bits that differ, or-ed.
 *
 * long clone_with(flags, stack_top, unused, tls, child_tid): two registers hold 8 and 31; the child stores its own in the words above stack_top and ends.
 */
#ifdef __aarch64__
#include "arm64/fp-registers.h"
#else
#include "x86_64/fp-registers.h"
#endif

static int nr_wrong;
static pthread_t threads[NR_THREADS];
static bool is_over;
static sem_t done;

static void handler(int signal_number)
{
	if (survive((uint64_t)signal_number << 40, 0, 50, NULL))
		__atomic_add_fetch(&nr_wrong, 1, __ATOMIC_RELAXED);
}

static void move_to(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* The style of thread i: how often it uses the registers, and what it does meanwhile. */
static void *body(void *argument)
{
	unsigned i = (unsigned)(uintptr_t)argument;
	struct timespec sleep = { .tv_nsec = 20000 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t value = (uint64_t)(i + 1) << 32 | round << 8, differ = 0;

		if (i % 4 == 1)
			move_to(i + round);
		switch ((round + i) % 5) {
		case 0:
			differ = survive(value, 0, 20000, NULL);
			break;
		case 1:
			differ = survive(value, SYS_nanosleep, 0, &sleep);
			break;
		case 2:
			differ = survive(value, SYS_sched_yield, 0, NULL);
			break;
		case 3:
			for (int n = 0; n < 40 && i % 2; n++) /* turns without them */
				sched_yield();
			break;
		default:
			differ = survive(value, SYS_getppid, 0, NULL);
		}
		if (differ)
			__atomic_add_fetch(&nr_wrong, 1, __ATOMIC_RELAXED);
	}
	sem_post(&done);
	return NULL;
}

static void *disturb(void *unused)
{
	struct timespec sleep = { .tv_nsec = 300000 };

	for (unsigned i = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); i++) {
		pthread_kill(threads[i % NR_THREADS], SIGUSR1);
		nanosleep(&sleep, NULL);
	}
	return unused;
}

static void test_threads(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	pthread_t disturber;

	sigaction(SIGUSR1, &action, NULL);
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)i);
	pthread_create(&disturber, NULL, disturb, NULL);
	for (int i = 0; i < NR_THREADS; i++)
		sem_wait(&done);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(disturber, NULL); /* before the threads it sends signals to */
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	check("registers survive", nr_wrong == 0);
}

static void test_clone(void)
{
	static uint64_t stack[512] __attribute__((aligned(16)));
	static int tid = 1;
	uint64_t *top = stack + ARRAY_LEN(stack) - 2;
	long r;

	r = clone_with(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID, top, NULL,
		       NULL, &tid);
	check("clone", r > 0);
	while (__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &tid, FUTEX_WAIT, 1, NULL, NULL, 0);
	check("a child has its maker's registers", top[0] == 8 && top[1] == 31);
}

int main(void)
{
	test_clone();
	test_threads();
	return test_end();
}
