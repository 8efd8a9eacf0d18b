/* SPDX-License-Identifier: MIT
 *
 * Kernel heap with several CPUs: contents survive, alignment, frees by other CPUs come back, pages are given back. Under TSan the remote lists are checked for races.
 */
/* sources: mmu/heap.c mmu/page.c mmu/buddy.c mmu/init.c mmu/kmap.c mmu/pt.c mmu/limits.c tests/host/mmu-env.c mmu/fault.c mmu/area-tree.c mmu/area.c mmu/object.c */
/* sanitizer: thread */
/* libs: -Wno-tsan */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/atomic.h"
#include "libc/print.h"
#include "mmu/heap.h"
#include "tests/host/mmu-env.h"

#define NR_THREADS	4
#define NR_SLOTS	512
#define ROUNDS		8000

/* A pointer is taken out by exchange, so whoever has it frees it: mostly another CPU than its maker. */
static void *slots[NR_SLOTS];

static void fill(uint8_t *p, size_t size)
{
	memset(p, (int)(size * 7 + 1), size);
	memcpy(p, &size, sizeof(size));
}

static void check(uint8_t *p)
{
	size_t size, i;

	memcpy(&size, p, sizeof(size));
	CHECK(size >= 8 && size <= ksize(p));
	for (i = sizeof(size); i < size; i += 17)
		CHECK(p[i] == (uint8_t)(size * 7 + 1));
}

static void *worker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg, n;

	env_thread(seed);
	for (n = 0; n < ROUNDS; n++) {
		unsigned k = (unsigned)rand_r(&seed) % NR_SLOTS;
		size_t size = 8 + (size_t)rand_r(&seed) % (rand_r(&seed) % 10 ? 600 : 9000);
		uint8_t *p = kmalloc(size);
		void *old;

		CHECK(p && IS_ALIGNED((uintptr_t)p, 16) && (size % 64 || IS_ALIGNED((uintptr_t)p, 64)));
		fill(p, size);
		if (rand_r(&seed) % 8 == 0) {
			p = krealloc(p, size + 100);
			CHECK(p);
			check(p);
		}
		old = atomic_exchange(&slots[k], (void *)p, ACQ_REL);
		if (old) {
			check(old);
			kfree(old);
		}
	}
	return NULL;
}

/* Between fetching a page and making a slab of it the thread comes to a CPU that never allocated, and once more while the caches of that one are made: no reason to fail. */
static void move_to_new_cpus(void)
{
	static void *p[1024];
	unsigned n = 0, i;

	for (i = 0; i < 3; i++) {
		env_move_at_unlock(3, NR_THREADS + 4 * i);
		while (env_moves_left()) {
			CHECK(n < ARRAY_SIZE(p));
			p[n] = kmalloc(1900);
			CHECK(p[n]);
			n++;
		}
	}
	for (i = 0; i < n; i++)
		kfree(p[i]);
	env_thread(0);
}

int main(void)
{
	static const struct mem_range bank = { 0, 64ul << 20 };
	pthread_t t[NR_THREADS];
	uint64_t before;
	unsigned i, round;
	void *p;

	env_init(64ul << 20, 0, &bank, 1, NULL, 0);

	before = env_free_bytes();
	p = kzalloc(100);
	for (i = 0; i < 100; i++)
		CHECK(((char *)p)[i] == 0);
	kfree(p);
	kfree(NULL);
	CHECK(kmalloc((size_t)1 << 40) == NULL);
	p = kstrdup("maple");
	CHECK(p && strcmp(p, "maple") == 0);
	kfree(p);
	p = kmalloc(64 << 10);
	CHECK(p && IS_ALIGNED((uintptr_t)p, PAGE_SIZE) && ksize(p) == 64 << 10);
	kfree(p);
	for (round = 0; round < 2; round++) {
		for (i = 1; i < NR_THREADS; i++)
			pthread_create(&t[i], NULL, worker, (void *)(uintptr_t)i);
		worker((void *)0);
		for (i = 1; i < NR_THREADS; i++)
			pthread_join(t[i], NULL);
	}
	for (i = 0; i < NR_SLOTS; i++)
		kfree(slots[i]);
	move_to_new_cpus();
	/* What stays: active slabs, objects on remote lists, one struct mmu_cpu a CPU. */
	CHECK(before - env_free_bytes() < 4ul << 20);
	puts("ok");
	return 0;
}
