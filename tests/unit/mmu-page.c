/* SPDX-License-Identifier: MIT
 *
 * Page allocator: banks with holes and odd edges, random allocation against an owner map, reference counts, what is not managed, exhaustion,
 * threads that run out of memory while another gives some back.
 */
/* sources: mmu/page.c mmu/buddy.c mmu/init.c mmu/kmap.c mmu/pt.c mmu/limits.c tests/host/mmu-env.c mmu/fault.c mmu/area-tree.c mmu/area.c mmu/object.c mmu/heap.c */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libc/atomic.h"
#include "libc/print.h"
#include "mmu/page-priv.h"
#include "tests/host/mmu-env.h"

#define MIB	(1ull << 20)
#define ARENA	(96 * MIB)
#define NR	(ARENA / PAGE_SIZE)

static uint8_t owner[NR];	/* of the model: 0 free or not ours */
static bool is_ram[NR];
static struct {
	paddr_t pa;
	unsigned order;
} held[4096];
static unsigned nr_held;

static const struct mem_range banks[] = {
	{ 0x1000, 8 * MIB - 0x1000 }, { 20 * MIB + 0x800, 30 * MIB }, { 64 * MIB, 32 * MIB },
};
static const struct mem_range reserved[] = {
	{ 2 * MIB, 100 * 1024 }, { 24 * MIB + 123, 5 * MIB }, { 26 * MIB, MIB }, { 70 * MIB, 4096 }, { 90 * MIB, 100 * MIB },
};

static void mark_ram(void)
{
	unsigned i;
	uint64_t p;

	for (i = 0; i < ARRAY_SIZE(banks); i++) {
		for (p = ALIGN_UP(banks[i].start, PAGE_SIZE); p + PAGE_SIZE <= banks[i].start + banks[i].size; p += PAGE_SIZE)
			is_ram[p / PAGE_SIZE] = true;
	}
	for (i = 0; i < ARRAY_SIZE(reserved); i++) {
		for (p = ALIGN_DOWN(reserved[i].start, PAGE_SIZE); p < reserved[i].start + reserved[i].size && p < ARENA; p += PAGE_SIZE)
			is_ram[p / PAGE_SIZE] = false;
	}
}

static void take(unsigned order, unsigned flags)
{
	paddr_t pa = page_alloc(order, flags);
	uint64_t i, first = (pa - env_base) / PAGE_SIZE;

	if (pa == PADDR_NONE)
		return;
	CHECK(IS_ALIGNED(pa, PAGE_SIZE << order));
	CHECK(page_count(pa) == 1);
	for (i = first; i < first + (1u << order); i++) {
		CHECK(i < NR && is_ram[i] && !owner[i]);
		owner[i] = 1;
	}
	if (flags & PAGE_ZERO) {
		const uint64_t *w = phys_to_virt(pa);

		for (i = 0; i < (PAGE_SIZE << order) / 8; i++)
			CHECK(w[i] == 0);
	}
	memset(phys_to_virt(pa), 0xa5, PAGE_SIZE << order);
	held[nr_held].pa = pa;
	held[nr_held++].order = order;
}

static void give(unsigned k)
{
	paddr_t pa = held[k].pa;
	unsigned order = held[k].order, i;

	for (i = 0; i < 1u << order; i++)
		owner[(pa - env_base) / PAGE_SIZE + i] = 0;
	held[k] = held[--nr_held];
	if (order && rand() % 4 == 0) {
		page_split(pa, order);
		for (i = 0; i < 1u << order; i++) {
			if (i % 3 == 0)
				page_get(pa + i * PAGE_SIZE);
			page_put(pa + i * PAGE_SIZE);
			if (i % 3 == 0)
				page_put(pa + i * PAGE_SIZE);
		}
	} else if (rand() % 3 == 0) {	/* one count for all of it */
		page_get(pa);
		page_put(pa);
		CHECK(page_count(pa) == 1);
		page_put(pa);
	} else {
		page_free(pa, order);
	}
}

static void test_random(void)
{
	uint64_t before = env_free_bytes(), i;
	unsigned n;

	for (n = 0; n < 40000; n++) {
		unsigned order = rand() % 100 < 80 ? 0 : (unsigned)rand() % 11;

		if (nr_held < ARRAY_SIZE(held) && rand() % 100 < 55)
			take(order, rand() % 8 == 0 ? PAGE_ZERO : 0);
		else if (nr_held)
			give((unsigned)rand() % nr_held);
	}
	while (nr_held)
		give(nr_held - 1);
	CHECK(env_free_bytes() == before);
	for (i = 0; i < NR; i++)
		CHECK(!owner[i]);
}

/* Everything can be had, the last by faults alone, and nothing twice; big blocks come back after it was all in pieces. */
static void test_exhaust(void)
{
	static paddr_t all[NR];
	uint64_t n = 0, before = env_free_bytes(), i;

	while ((all[n] = page_alloc(0, 0)) != PADDR_NONE)
		n++;
	CHECK(before - n * PAGE_SIZE >= before / 128 && before - n * PAGE_SIZE <= before / 32);
	while ((all[n] = page_alloc(0, PAGE_ANON | PAGE_RESERVE)) != PADDR_NONE)
		n++;
	CHECK(n * PAGE_SIZE == before);
	CHECK(page_alloc(3, 0) == PADDR_NONE);
	for (i = 0; i < n; i++)
		page_put(all[(i * 7919) % n]);
	CHECK(env_free_bytes() == before);
	all[0] = page_alloc(11, 0);	/* 8 MiB, aligned: within the third bank */
	CHECK(all[0] != PADDR_NONE);
	page_free(all[0], 11);
}

static void test_unmanaged(void)
{
	paddr_t p = env_base + 2 * MIB;

	page_get(p);
	page_put(p);
	page_put(p);
	CHECK(page_count(p) > 1000);
	page_put(env_base + 10 * MIB);		/* a hole between banks */
	page_put(0x9000000);			/* a device */
	CHECK(page_count(0) > 1000);
}

static uint64_t shrink_calls;
static paddr_t shrink_page[40];
static unsigned nr_shrink_pages;
static unsigned nr_expected;	/* threads that come while the first shrink() is under way */
static unsigned nr_ended;	/* [a] of them */

/* Gives back everything in its first call, when all the threads wait or have given up. */
static uint64_t shrink(uint64_t want)
{
	unsigned nr = nr_shrink_pages;

	(void)want;
	CHECK(page_alloc(0, 0) == PADDR_NONE);	/* at once */
	if (!shrink_calls++)
		while (env_nr_waiting(&buddy.lock) + atomic_load(&nr_ended, ACQUIRE) < nr_expected)
			sched_yield();
	while (nr_shrink_pages)
		page_free(shrink_page[--nr_shrink_pages], 0);
	return nr * PAGE_SIZE;
}

static uint64_t fill(paddr_t *all)
{
	uint64_t n = 0;

	while ((all[n] = page_alloc(0, PAGE_NOWAIT)) != PADDR_NONE)
		n++;
	return n;
}

static void test_shrinker(void)
{
	static struct shrinker s = { "test", shrink, NULL };
	static paddr_t all[NR];
	uint64_t n;

	shrinker_register(&s);
	shrink_page[nr_shrink_pages++] = page_alloc(0, PAGE_CACHE);
	n = fill(all);
	CHECK(shrink_calls == 0);
	all[n] = page_alloc(0, 0);
	CHECK(all[n] != PADDR_NONE && shrink_calls == 1);
	n++;
	CHECK(page_alloc(0, 0) == PADDR_NONE);
	while (n)
		page_free(all[--n], 0);
}

static void *late_thread(void *arg)
{
	paddr_t *got = arg;

	env_thread((unsigned)(1 + got[0]));
	got[1] = page_alloc(0, 0);
	atomic_fetch_add(&nr_ended, 1u, RELEASE);
	return NULL;
}

/* Threads that run out while another is in the shrinkers: each gets a page when there are enough; else one more round is made, for all of them. */
static void test_late(unsigned nr_threads, unsigned nr_pages)
{
	static paddr_t all[NR];
	paddr_t got[8][2], first;
	pthread_t id[8];
	uint64_t n, before;
	unsigned i, nr_got = 0;

	for (i = 0; i < nr_threads; i++) {	/* their CPUs have caches, with nothing in them */
		env_thread(i + 1);
		CHECK(mmu_cpu_make());
		page_cpu_give_back();
	}
	env_thread(0);
	before = env_free_bytes();
	for (nr_shrink_pages = 0; nr_shrink_pages < nr_pages; nr_shrink_pages++)
		shrink_page[nr_shrink_pages] = page_alloc(0, 0);
	n = fill(all);
	shrink_calls = nr_ended = 0;
	nr_expected = nr_threads;
	for (i = 0; i < nr_threads; i++) {
		got[i][0] = i;
		pthread_create(&id[i], NULL, late_thread, got[i]);
	}
	first = page_alloc(0, 0);
	for (i = 0; i < nr_threads; i++) {
		pthread_join(id[i], NULL);
		nr_got += got[i][1] != PADDR_NONE;
	}
	CHECK(nr_got + (first != PADDR_NONE) == (nr_pages ? nr_threads + 1 : 0));
	CHECK(shrink_calls == (nr_pages ? 1 : 2));
	for (i = 0; i < nr_threads; i++)
		if (got[i][1] != PADDR_NONE)
			page_free(got[i][1], 0);
	if (first != PADDR_NONE)
		page_free(first, 0);
	while (n)
		page_free(all[--n], 0);
	CHECK(env_free_bytes() == before);
}

int main(void)
{
	struct page_stats s;
	uint64_t nr = 0, i;

	srand(1);
	mark_ram();
	env_init(ARENA, 8 * MIB, banks, ARRAY_SIZE(banks), reserved, ARRAY_SIZE(reserved));
	for (i = 0; i < NR; i++)
		nr += is_ram[i];
	page_stats(&s);
	/* All but metadata, the chunk table and page tables. */
	CHECK(s.total_bytes <= nr * PAGE_SIZE && s.total_bytes + MIB + 200 * PAGE_SIZE > nr * PAGE_SIZE);
	CHECK(s.free_bytes == s.total_bytes);
	test_unmanaged();
	test_random();
	test_exhaust();
	test_random();
	test_unmanaged();
	test_shrinker();
	page_stats(&s);
	CHECK(s.free_bytes == s.total_bytes && s.anon_bytes == 0 && s.cached_bytes == 0);
	test_late(1, 40);
	test_late(7, 40);		/* more than one each: a CPU takes some at a time */
	test_late(7, 0);
	puts("ok");
	return 0;
}
