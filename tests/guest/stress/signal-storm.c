/* SPDX-License-Identifier: MIT */
/*
 * Signals at threads that make system calls: arguments: milliseconds, workers. Each worker fills all registers, makes a call (short ones, ones that wait and are
 * interrupted, unknown ones), and looks whether all registers but x0, the flags and the vector registers are as they were. Two threads send signals as fast as
 * they can, another moves the workers between CPUs.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/uio.h>

#define MAX_WORKERS	16

static volatile bool is_over;
static pid_t tids[MAX_WORKERS];
static long nr_workers, nr_handled, nr_calls, nr_wrong;

/*
 * long call_and_check(number, a0, a1, a2, seed, result): a call with a pattern in the other registers. Returns the number of registers that changed.
 */
#ifdef __aarch64__
#include "arm64/signal-storm.h"
#else
#include "x86_64/signal-storm.h"
#endif

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	spoil_registers(); /* what a handler may: everything comes back from the frame */
	if (sig == SIGUSR2)
		syscall(SYS_getppid);
	__atomic_add_fetch(&nr_handled, 1, __ATOMIC_RELAXED);
}

static void *work(void *arg)
{
	long me = (long)arg, result, seed = me * 0x123456789, wrong = 0, calls = 0;
	pid_t pid = getpid();
	struct timespec nap = { 0, 20000 };
	int fds[2];

	need(pipe(fds) == 0);
	tids[me] = (pid_t)syscall(SYS_gettid);
	for (; !is_over; calls += 4) {
		seed += 0x9e3779b97f4a7c15;
		wrong += call_and_check(SYS_getpid, 1, 2, 3, seed, &result) + (result != pid);
		wrong += call_and_check(997, 1, 2, 3, seed, &result) + (result != -ENOSYS);
		wrong += call_and_check(SYS_write, fds[1], (long)&seed, 8, seed, &result) + (result != 8);
		wrong += call_and_check(SYS_read, fds[0], (long)&seed, 8, seed, &result) + (result != 8);
		if (calls % 64 == 0)	/* waits, and is interrupted: by SIGUSR2, or it ends */
			wrong += call_and_check(SYS_nanosleep, (long)&nap, 0, 0, seed, &result) + (result != 0 && result != -EINTR);
	}
	__atomic_add_fetch(&nr_wrong, wrong, __ATOMIC_RELAXED);
	__atomic_add_fetch(&nr_calls, calls, __ATOMIC_RELAXED);
	return NULL;
}

static void *send(void *arg)
{
	pid_t pid = getpid();

	for (long i = (long)arg; !is_over; i++) {
		pid_t tid = tids[i % nr_workers];

		if (tid)
			syscall(SYS_tgkill, pid, tid, i & 1 ? SIGUSR1 : SIGUSR2);
		if (i % 32 == 0)
			sched_yield();
	}
	return NULL;
}

static void *move(void *unused)
{
	cpu_set_t all, one;

	(void)unused;
	sched_getaffinity(0, sizeof(all), &all);
	for (long i = 0; !is_over; i++) {
		pid_t tid = tids[i % nr_workers];

		CPU_ZERO(&one);
		CPU_SET(i / nr_workers % CPU_COUNT(&all), &one);
		if (tid)
			sched_setaffinity(tid, sizeof(one), &one);
		sleep_ms(1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t workers[MAX_WORKERS], others[3];
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
	long ms = argc > 1 ? atol(argv[1]) : 300;

	nr_workers = argc > 2 ? atol(argv[2]) : 4;
	need(nr_workers > 0 && nr_workers <= MAX_WORKERS);
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	for (long i = 0; i < nr_workers; i++)
		need(pthread_create(&workers[i], NULL, work, (void *)i) == 0);
	need(pthread_create(&others[0], NULL, send, (void *)0) == 0);
	need(pthread_create(&others[1], NULL, send, (void *)1) == 0);
	need(pthread_create(&others[2], NULL, move, NULL) == 0);
	sleep_ms((int)ms);
	is_over = true;
	for (long i = 0; i < nr_workers; i++)
		pthread_join(workers[i], NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(others[i], NULL);
	check("calls were made", nr_calls > 100);
	check("handlers ran", nr_handled > 10);
	show("registers and results that were wrong: %ld", nr_wrong);
	return test_end();
}
