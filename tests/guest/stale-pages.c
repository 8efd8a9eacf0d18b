/* SPDX-License-Identifier: MIT */
/*
 * Does any CPU use a translation that is gone? Readers touch a page all the time; the main thread changes what it is, says so once the system call has
 * returned, and from then on no reader may see what was before. A kernel that forgets to tell the other CPUs fails here.
 */
#include "test.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#define NR_READERS 3
#define NR_ROUNDS 600
#define NR_WAITS 60

static volatile uint32_t *page;
static volatile uint32_t generation, allowed_from;	/* values below allowed_from are stale; FORBIDDEN: every read is */
static volatile bool is_over, is_forbidden;
static long nr_stale, nr_forbidden;
static volatile long nr_reads[NR_READERS];
static __thread sigjmp_buf out_of_fault;

static void on_fault(int number)
{
	(void)number;
	siglongjmp(out_of_fault, 1);
}

static void *reader(void *argument)
{
	long me = (long)argument;

	while (!is_over) {
		bool was_forbidden = __atomic_load_n(&is_forbidden, __ATOMIC_SEQ_CST);
		uint32_t oldest = __atomic_load_n(&allowed_from, __ATOMIC_SEQ_CST), before = generation, value;

		if (sigsetjmp(out_of_fault, 0) == 0) {
			value = *page;
			/* Only if nothing changed meanwhile does it say something. */
			if (was_forbidden && is_forbidden && before == generation)
				__atomic_add_fetch(&nr_forbidden, 1, __ATOMIC_SEQ_CST);
			else if (!was_forbidden && value && value < oldest)	/* 0: the new page, not written yet */
				__atomic_add_fetch(&nr_stale, 1, __ATOMIC_SEQ_CST);
		}
		nr_reads[me]++;
	}
	return NULL;
}

/* Until every reader has looked again, or for a while: a reader may be waiting for a CPU. */
static void let_them_read(void)
{
	long seen[NR_READERS];

	for (int i = 0; i < NR_READERS; i++)
		seen[i] = nr_reads[i];
	for (int n = 0; n < NR_WAITS; n++) {
		bool all = true;

		for (int i = 0; i < NR_READERS; i++)
			all &= nr_reads[i] > seen[i] + 1;
		if (all)
			return;
		sched_yield();
	}
}

static void *fresh(void *at)
{
	void *p = mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0), -1, 0);

	need(p != MAP_FAILED);
	return p;
}

/* The page is given away and comes back with a larger number in it, in three ways. */
static void round_of(uint32_t n)
{
	void *p = (void *)page;

	is_forbidden = false;
	switch (n % 3) {
	case 0:		/* another page in its place */
		generation = n;
		fresh(p);
		*page = n;
		break;
	case 1:		/* written through while it was read-only: copied, or made writable */
		need(mprotect(p, 4096, PROT_READ) == 0);
		generation = n;
		let_them_read();
		need(mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0);
		*page = n;
		break;
	default:	/* moved away and back */
		generation = n;
		need(mremap(p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)p + 65536) != MAP_FAILED);
		fresh(p);
		*page = n;
		need(munmap((char *)p + 65536, 4096) == 0);
		break;
	}
	__atomic_store_n(&allowed_from, n, __ATOMIC_SEQ_CST);
	let_them_read();
}

static void forbid(void)
{
	need(mprotect((void *)page, 4096, PROT_NONE) == 0);
	__atomic_store_n(&is_forbidden, true, __ATOMIC_SEQ_CST);
	let_them_read();
	generation++;
	is_forbidden = false;
	generation++;
	need(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) == 0);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
	pthread_t threads[NR_READERS];
	char *area = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(area != MAP_FAILED);
	sigaction(SIGSEGV, &action, NULL);
	page = fresh(area + 65536);
	for (long i = 0; i < NR_READERS; i++)
		need(pthread_create(&threads[i], NULL, reader, (void *)i) == 0);
	for (uint32_t n = 1; n <= NR_ROUNDS; n++) {
		round_of(n);
		if (n % 4 == 0)
			forbid();
	}
	is_over = true;
	for (int i = 0; i < NR_READERS; i++)
		pthread_join(threads[i], NULL);
	check("no reader saw an old page", nr_stale == 0);
	check("no reader got through PROT_NONE", nr_forbidden == 0);
	return test_end();
}
