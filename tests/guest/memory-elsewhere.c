/* SPDX-License-Identifier: MIT */
/*
 * What a thread made on one CPU and another gave back on a second is there for whoever needs memory next, though the first CPU does nothing but compute, or sleeps.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define NR_SOCKETS 8000		/* some 13 MiB, of 32 */
#define NEEDED (20ul << 20)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static int fds[NR_SOCKETS];
static int stage;	/* 1: they are made; 2: the maker may end */
static bool computes;

static bool pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void *make(void *argument)
{
	bool is_alone = !pin(1);

	(void)argument;
	for (int i = 0; i < NR_SOCKETS; i++)
		need((fds[i] = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	__atomic_store_n(&stage, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&stage, __ATOMIC_ACQUIRE) != 2)
		if (is_alone || !computes)
			usleep(1000);
	return NULL;
}

static bool can_have(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool is_had = madvise(p, bytes, MADV_POPULATE_WRITE) == 0;

	munmap(p, bytes);
	return is_had;
}

static void try(const char *what)
{
	pthread_t thread;
	int i;

	stage = 0;
	need(pthread_create(&thread, NULL, make, NULL) == 0);
	while (!__atomic_load_n(&stage, __ATOMIC_ACQUIRE))
		usleep(1000);
	for (i = 0; i < NR_SOCKETS; i++)
		close(fds[i]);
	/* The kernel may free later what was closed now: it gets the time for that, but the maker's CPU nothing else to do. */
	for (i = 0; i < 100 && !can_have(NEEDED); i++)
		usleep(20000);
	check(what, i < 100);
	__atomic_store_n(&stage, 2, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

int main(void)
{
	struct rlimit limit = { NR_SOCKETS + 100, NR_SOCKETS + 100 };

	setrlimit(RLIMIT_NOFILE, &limit);
	pin(0);
	try("made on a CPU that sleeps");
	computes = true;
	try("made on a CPU that computes");
	return test_end();
}
