/* SPDX-License-Identifier: MIT */
/*
 * execve while other threads compute: they end in the kernel, some of them displaced just then, while the address
 * space that they had goes. Arguments: how often, number of threads; the program passes the rest of the rounds on to
 * itself. Every second time a thread that is not the first calls execve.
 */
#include "test.h"
#include <pthread.h>

static char rounds[32], *threads;

__attribute__((noreturn)) static void *compute(void *unused)
{
	(void)unused;
	for (volatile unsigned long i = 0;; i++)
		;
}

static void *again(void *unused)
{
	char *argv[] = { "exec", rounds, threads, NULL }, *envp[] = { NULL };

	execve("/proc/self/exe", argv, envp);
	show("FAIL execve, errno %d", errno);
	return unused;
}

int main(int argc, char **argv)
{
	long left = argc > 1 ? atol(argv[1]) : 100, nr = argc > 2 ? atol(argv[2]) : 8;
	pthread_t thread;

	threads = argc > 2 ? argv[2] : "8";
	if (left == 0)
		return test_end();
	snprintf(rounds, sizeof(rounds), "%ld", left - 1);
	for (long i = 0; i < nr; i++)
		need(pthread_create(&thread, NULL, compute, NULL) == 0);
	usleep((useconds_t)(left * 317 % 3000)); /* so that the threads are met in many places */
	if (left % 2)
		again(NULL);
	need(pthread_create(&thread, NULL, again, NULL) == 0);
	pthread_join(thread, NULL);
	return 1;
}
