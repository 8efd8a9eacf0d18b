/* SPDX-License-Identifier: MIT
 *
 * Faults on several CPUs at once, on the same pages, against munmap, mprotect, mremap, madvise and truncation. A page of memory holds nothing or its own number; a page
 * of the file the file's. Under TSan.
 *
 * An access looks the page up and uses it with the address space's lock held for reading: that stands for the TLB, whose invalidation makes munmap wait for accesses
 * under way.
 */
/* sources: mmu/aspace.c mmu/area.c mmu/area-tree.c mmu/limits.c mmu/remap.c mmu/advise.c mmu/info.c mmu/fault.c mmu/object.c mmu/pt.c mmu/heap.c mmu/page.c mmu/buddy.c mmu/init.c mmu/kmap.c tests/host/mmu-env.c */
/* sanitizer: thread */
/* libs: -Wno-tsan */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "libc/print.h"
#include "mmu/aspace-priv.h"
#include "mmu/fault.h"
#include "sched/cpu.h"
#include "tests/host/mmu-env.h"

#define NR_THREADS	4
#define MIB		(1ul << 20)
#define BASE		0x7f0000000000ul
#define W		1536u
#define FILE_PAGES	64u
#define ROUNDS		100000

static struct aspace *as;
static paddr_t file_pa;
static uint32_t file_size = FILE_PAGES;	/* [a] pages */
static int refs;

static int get_page(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out)
{
	(void)o;
	if (idx >= atomic_load(&file_size, SEQ_CST))
		return -ENXIO;
	out->pa = file_pa + idx * PAGE_SIZE;
	out->is_writable = for_write;
	page_get(out->pa);
	sched_yield();
	return 0;
}

static void ref(struct vm_object *o)
{
	(void)o;
	atomic_fetch_add(&refs, 1, RELAXED);
}

static void unref(struct vm_object *o)
{
	(void)o;
	atomic_fetch_sub(&refs, 1, RELAXED);
}

static const struct vm_object_ops ops = { .get_page = get_page, .ref = ref, .unref = unref };
static struct vm_object file = { .ops = &ops };

/* The even 64 pages of the window map the file, the odd ones memory; so a page is known by its place. */
static bool is_file(unsigned i)
{
	return i / 64 % 4 == 0;
}

static vaddr_t va_of(unsigned i)
{
	return BASE + (vaddr_t)i * PAGE_SIZE;
}

static void map_run(unsigned i, unsigned n, unsigned prot, unsigned flags)
{
	unsigned end = MIN(i + n, W);

	for (; i < end; i = (i / 64 + 1) * 64) {
		unsigned stop = MIN((i / 64 + 1) * 64, end);
		struct vm_map_request r = { .hint = va_of(i), .len = (stop - i) * PAGE_SIZE, .prot = prot, .flags = VM_FIXED | flags,
					    .object = is_file(i) ? &file : NULL, .off = is_file(i) ? i % 64 * PAGE_SIZE : 0 };
		vaddr_t at;

		CHECK(aspace_map(as, &r, &at) == 0);
	}
}

static void access_page(unsigned i, bool is_write)
{
	vaddr_t va = va_of(i);
	unsigned tries, level;

	for (tries = 0; tries < 100; tries++) {
		bool is_done = false;
		pte_t v;

		rwlock_read_lock(&as->lock);
		pt_lookup(as, va, &level, &v);
		if (pt_is_valid(v) && (!is_write || pt_flags(v) & PT_WRITE)) {
			uint32_t *w = phys_to_virt(pt_address(v) + (va & ((1ull << PT_SHIFT(level)) - 1)));
			uint32_t seen;

			if (is_write && !is_file(i))
				atomic_store(w, i + 1, RELAXED);
			/* A private copy may be freed by truncation while we look, which takes no lock of ours. */
			seen = is_file(i) && pt_flags(v) & PT_OWN ? 1000000 + i % 64 : atomic_load(w, RELAXED);
			if (is_file(i) ? seen != 1000000 + i % 64 : seen != 0 && seen != i + 1)
				panic("page %u holds %u", i, seen);
			is_done = true;
		}
		rwlock_read_unlock(&as->lock);
		if (is_done || mmu_fault(as, va, is_write ? FAULT_WRITE : FAULT_READ))
			return;
	}
}

static unsigned thread_cpu_of(void)
{
	return thread_current()->cpu->id;
}

static void change(unsigned *seed)
{
	unsigned i = (unsigned)rand_r(seed) % W, n = MIN(1 + (unsigned)rand_r(seed) % (rand_r(seed) % 8 ? 30 : 600), W - i);
	int r;

	switch (rand_r(seed) % (thread_cpu_of() == 1 ? 6 : 4)) {
	case 0:
		r = aspace_unmap(as, va_of(i), n * PAGE_SIZE);
		map_run(i, n, VM_READ | VM_WRITE, VM_HUGE);
		break;
	case 1:
		r = aspace_protect(as, va_of(i), n * PAGE_SIZE, VM_READ);
		break;
	case 2:
		r = aspace_protect(as, va_of(i), n * PAGE_SIZE, VM_READ | VM_WRITE);
		break;
	case 3:
		r = aspace_advise(as, va_of(i), n * PAGE_SIZE, 4);
		if (rand_r(seed) % 4 == 0)
			vm_object_refresh(&file, i % FILE_PAGES, n % FILE_PAGES);
		break;
	case 4:		/* one thread only: the others would change the size while it looks */
		n = (unsigned)rand_r(seed) % FILE_PAGES;
		atomic_store(&file_size, n, SEQ_CST);
		vm_object_unmap(&file, n, FILE_PAGES);
		/* From here on no page from n on is mapped, until the file grows. */
		for (i = 0; i < W; i++) {
			unsigned level;
			pte_t v;

			if (is_file(i) && i % 64 >= n) {
				rwlock_write_lock(&as->lock);	/* faults under way have ended */
				pt_lookup(as, va_of(i), &level, &v);
				CHECK(pt_is_empty(v));
				rwlock_write_unlock(&as->lock);
				i += 16;
			}
		}
		atomic_store(&file_size, FILE_PAGES, SEQ_CST);
		break;
	default:
		map_run(i, n, VM_READ | VM_WRITE, rand_r(seed) % 2 ? VM_SHARED : VM_HUGE);
		break;
	}
	(void)r;
}

static void *worker(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg + 1, n, at = 0;

	env_thread(seed - 1);
	for (n = 0; n < ROUNDS; n++) {
		if (n % 50 == 0)
			at = (unsigned)(n / 50 * 37) % W;	/* all threads go for the same places */
		access_page((at + (unsigned)rand_r(&seed) % 32) % W, rand_r(&seed) % 2);
		if (n % 40 == 0 && arg && thread_cpu_of() < 3)
			change(&seed);
	}
	return NULL;
}

int main(void)
{
	static const struct mem_range bank = { 0, 64 * MIB };
	pthread_t t[NR_THREADS];
	struct page_stats s;
	unsigned i;

	env_init(64 * MIB, 0, &bank, 1, NULL, 0);
	file_pa = page_alloc(6, 0);
	CHECK(file_pa != PADDR_NONE);
	page_split(file_pa, 6);
	for (i = 0; i < FILE_PAGES; i++)
		*(uint32_t *)phys_to_virt(file_pa + i * PAGE_SIZE) = 1000000 + i;
	as = aspace_create();
	CHECK(as);
	map_run(0, W, VM_READ | VM_WRITE, VM_HUGE);
	for (i = 1; i < NR_THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)(uintptr_t)i);
	worker((void *)0);
	for (i = 1; i < NR_THREADS; i++)
		pthread_join(t[i], NULL);
	aspace_destroy(as);
	CHECK(refs == 0);
	for (i = 0; i < FILE_PAGES; i++)
		CHECK(page_count(file_pa + i * PAGE_SIZE) == 1);
	page_stats(&s);
	CHECK(s.anon_bytes == 0);
	puts("ok");
	return 0;
}
