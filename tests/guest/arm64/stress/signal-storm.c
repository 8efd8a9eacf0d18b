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

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	/* Spoil what a handler may: everything comes back from the frame. */
	__asm__ volatile("movi v0.16b, #0xaa\n\tmovi v31.16b, #0xaa\n\tcmp xzr, xzr" ::: "v0", "v31", "cc");
	if (sig == SIGUSR2)
		syscall(SYS_getppid);
	__atomic_add_fetch(&nr_handled, 1, __ATOMIC_RELAXED);
}

/* A call with a pattern in the other registers. Returns the number of registers that changed. */
static long call_and_check(long number, long a0, long a1, long a2, long seed, long *result)
{
	long in[7] = { number, a0, a1, a2, seed };

	__asm__ volatile(
		"mov x27, %[in]\n\tldr x8, [x27]\n\tldp x0, x1, [x27, #8]\n\tldp x2, x19, [x27, #24]\n\t"
		"mov x20, x1\n\tmov x21, x2\n\tmov x22, x8\n\t"
		"add x3, x19, #3\n\tadd x4, x19, #4\n\tadd x5, x19, #5\n\tadd x6, x19, #6\n\tadd x7, x19, #7\n\t"
		"add x9, x19, #9\n\tadd x10, x19, #10\n\tadd x11, x19, #11\n\tadd x12, x19, #12\n\tadd x13, x19, #13\n\t"
		"add x14, x19, #14\n\tadd x15, x19, #15\n\tadd x16, x19, #16\n\tadd x17, x19, #17\n\tadd x30, x19, #30\n\t"
		"fmov d0, x19\n\tfmov d31, x19\n\tmov x23, sp\n\t"
		"cmp x19, x19\n\tccmp x19, x19, #10, ne\n\t"	/* flags: N and V */
		"svc #0\n\t"
		"mrs x24, nzcv\n\tstr x0, [x27, #40]\n\tmov x25, #0\n\t"
		"lsr x24, x24, #28\n\tcmp x24, #10\n\tcinc x25, x25, ne\n\t"
		"cmp x1, x20\n\tcinc x25, x25, ne\n\tcmp x2, x21\n\tcinc x25, x25, ne\n\tcmp x8, x22\n\tcinc x25, x25, ne\n\t"
		"sub x3, x3, #3\n\tcmp x3, x19\n\tcinc x25, x25, ne\n\tsub x4, x4, #4\n\tcmp x4, x19\n\tcinc x25, x25, ne\n\t"
		"sub x5, x5, #5\n\tcmp x5, x19\n\tcinc x25, x25, ne\n\tsub x6, x6, #6\n\tcmp x6, x19\n\tcinc x25, x25, ne\n\t"
		"sub x7, x7, #7\n\tcmp x7, x19\n\tcinc x25, x25, ne\n\tsub x9, x9, #9\n\tcmp x9, x19\n\tcinc x25, x25, ne\n\t"
		"sub x10, x10, #10\n\tcmp x10, x19\n\tcinc x25, x25, ne\n\tsub x11, x11, #11\n\tcmp x11, x19\n\tcinc x25, x25, ne\n\t"
		"sub x12, x12, #12\n\tcmp x12, x19\n\tcinc x25, x25, ne\n\tsub x13, x13, #13\n\tcmp x13, x19\n\tcinc x25, x25, ne\n\t"
		"sub x14, x14, #14\n\tcmp x14, x19\n\tcinc x25, x25, ne\n\tsub x15, x15, #15\n\tcmp x15, x19\n\tcinc x25, x25, ne\n\t"
		"sub x16, x16, #16\n\tcmp x16, x19\n\tcinc x25, x25, ne\n\tsub x17, x17, #17\n\tcmp x17, x19\n\tcinc x25, x25, ne\n\t"
		"sub x30, x30, #30\n\tcmp x30, x19\n\tcinc x25, x25, ne\n\t"
		"fmov x26, d0\n\tcmp x26, x19\n\tcinc x25, x25, ne\n\tfmov x26, d31\n\tcmp x26, x19\n\tcinc x25, x25, ne\n\t"
		"mov x26, sp\n\tcmp x26, x23\n\tcinc x25, x25, ne\n\t"
		"str x25, [x27, #48]"
		:
		: [in] "r"(in)
		: "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x19",
		  "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x30", "v0", "v31", "cc", "memory");
	*result = in[5];
	return in[6];
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
