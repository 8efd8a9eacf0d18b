/* SPDX-License-Identifier: MIT */
/*
 * How a program ends, chosen by argument: a status, exit_group from a second
 * thread, the last thread's pthread_exit, death by a signal. The harness
 * compares the exit status with Linux's (128 + n for signal n).
 */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#ifdef __aarch64__
#define UNDEFINED "udf #0"
#define BREAKPOINT "brk #1"
#else
#define UNDEFINED "ud2"
#define BREAKPOINT "int3"
#endif

static void at_exit(void)
{
	show("atexit ran");
}

static void *exit_from_thread(void *unused)
{
	(void)unused;
	exit(17);
}

static void *outlive_main(void *unused)
{
	(void)unused;
	sleep_ms(50);
	show("the last thread ends");
	return NULL;
}

static int recurse(int depth)
{
	volatile char frame[4096];

	if (depth < 0)
		return 0;

	frame[depth & 4095] = 1;
	return recurse(depth + 1) + frame[0];
}

/* The compiler must not see that these are no objects. */
static volatile uintptr_t low_address = 16, high_address = 0xffffff0000000000;

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "zero";
	pthread_t thread;

	show("ending by %s", how);
	if (strcmp(how, "zero") == 0)
		return 0;
	if (strcmp(how, "status") == 0) {
		atexit(at_exit);
		exit(0x1ff & atoi(argv[2]));
	}
	if (strcmp(how, "thread") == 0) {
		need(pthread_create(&thread, NULL, exit_from_thread, NULL) == 0);
		for (;;)
			pause();
	}
	if (strcmp(how, "last-thread") == 0) {
		need(pthread_create(&thread, NULL, outlive_main, NULL) == 0);
		pthread_exit(NULL);
	}
	if (strcmp(how, "exit-busy") == 0) {
		/* exit_group must end threads that never enter the kernel. */
		need(pthread_create(&thread, NULL, exit_from_thread, NULL) == 0);
		for (volatile long i = 0;; i++)
			;
	}
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "segv") == 0)
		*(volatile int *)low_address = 1;
	if (strcmp(how, "kernel-address") == 0)
		*(volatile int *)high_address = 1;
	if (strcmp(how, "exec-data") == 0) {
		static int data[4];
		((void (*)(void))(void *)data)();
	}
	if (strcmp(how, "ill") == 0)
		__asm__ volatile(UNDEFINED);
	if (strcmp(how, "trap") == 0)
		__asm__ volatile(BREAKPOINT);
	if (strcmp(how, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(how, "term") == 0)
		raise(SIGTERM);
	if (strcmp(how, "usr1") == 0)
		raise(SIGUSR1);
	if (strcmp(how, "stack") == 0)
		return recurse(1); /* endless recursion: SIGSEGV, not a hang */
	return 98;
}
