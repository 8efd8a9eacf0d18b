/* SPDX-License-Identifier: MIT
 *
 * Walks of the page table that others may change meanwhile. Taking an object's pages out of all mappings (truncation, holes, reclaim) takes no lock of the address space,
 * and faults of several threads run side by side; so an entry may become something else between any two looks at it.
 *
 * One walk is cut at each of its atomic operations in turn, and another one put in there as a whole: what a second CPU would do at the worst moment. After each run the
 * entries are those of the mapping, what was written is there, and the counter of resident pages says what the table says. It is at no time negative.
 */
/* sources: mmu/aspace.c mmu/area.c mmu/area-tree.c mmu/limits.c mmu/remap.c mmu/advise.c mmu/info.c mmu/heap.c mmu/page.c mmu/buddy.c mmu/init.c mmu/kmap.c tests/host/mmu-env.c */
#include <stdio.h>
#include <stdlib.h>

#include "libc/atomic.h"

static void cut(void);

/* The files under test are compiled here, with a cut before each atomic operation. */
#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_cas
#define atomic_load(p, order)		(cut(), __atomic_load_n((p), order))
#define atomic_store(p, v, order)	(cut(), __atomic_store_n((p), (v), order))
#define atomic_exchange(p, v, order)	(cut(), __atomic_exchange_n((p), (v), order))
#define atomic_fetch_add(p, v, order)	(cut(), __atomic_fetch_add((p), (v), order))
#define atomic_fetch_sub(p, v, order)	(cut(), __atomic_fetch_sub((p), (v), order))
#define atomic_cas(p, expected, v, order) \
	(cut(), __atomic_compare_exchange_n((p), (expected), (v), false, order, __ATOMIC_RELAXED))

#include "mmu/fault.c"
#include "mmu/object.c"
#include "mmu/pt.c"

#include "tests/host/mmu-env.h"

#define MIB	(1ul << 20)
#define BASE	0x7f0000000000ul
#define TO	(BASE + 16 * MIB)
#define PAGES	(BLOCK_SIZE / PAGE_SIZE)
#define MARK	0x5a

static struct aspace *as;
static paddr_t file_pa;		/* 2 MiB */
static bool has_block;		/* the object gives them out as one */
static bool is_empty_file;	/* it has no pages any more */

/* Where the walk is cut: before the operation that brings this to 0. */
static unsigned countdown;
static void (*action)(void);

static void cut(void)
{
	if (as && (int64_t)as->nr_resident < 0)
		panic("%ld pages are resident", (long)as->nr_resident);
	if (countdown && --countdown == 0)
		action();
}

static int get_page(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out)
{
	(void)o;
	if (is_empty_file)
		return -ENXIO;
	out->pa = file_pa + idx * PAGE_SIZE;
	out->is_writable = for_write;
	page_get(out->pa);
	return 0;
}

static int get_block(struct vm_object *o, uint64_t idx, bool for_write, paddr_t *pa)
{
	(void)o, (void)idx;
	*pa = file_pa;
	return has_block && !is_empty_file && !for_write ? 0 : -ENOTSUP;
}

static void count_nothing(struct vm_object *o)
{
	(void)o;
}

static const struct vm_object_ops ops = { .get_page = get_page, .get_block = get_block, .ref = count_nothing, .unref = count_nothing };
static struct vm_object file = { .ops = &ops };

static void map(vaddr_t at, size_t len, struct vm_object *o, unsigned prot, unsigned flags)
{
	struct vm_map_request r = { .hint = at, .len = len, .prot = prot, .flags = VM_FIXED | flags, .object = o };

	CHECK(aspace_map(as, &r, &at) == 0);
}

static pte_t entry(vaddr_t va, unsigned *level)
{
	pte_t v;

	pt_lookup(as, va, level, &v);
	return v;
}

/* ---- what lies there before -------------------------------------------------------------------------------------------- */

/* The object, and one page of memory in the same 2 MiB; nothing touched. */
static void beside_memory(void)
{
	map(BASE, BLOCK_SIZE, &file, VM_READ | VM_WRITE, VM_SHARED);
	map(BASE, PAGE_SIZE, NULL, VM_READ | VM_WRITE, 0);
}

/* The object's block, read. */
static void a_block(void)
{
	has_block = true;
	map(BASE, BLOCK_SIZE, &file, VM_READ | VM_WRITE, 0);
	CHECK(mmu_fault(as, BASE, FAULT_READ) == 0);
}

/* Some of its pages, read; shared or not. */
static void some_pages(void)
{
	map(BASE, BLOCK_SIZE, &file, VM_READ | VM_WRITE, VM_SHARED);
	CHECK(mmu_fault(as, BASE, FAULT_READ) == 0);
	CHECK(mmu_fault(as, BASE + PAGE_SIZE, FAULT_READ) == 0);
}

static void some_private_pages(void)
{
	map(BASE, BLOCK_SIZE, &file, VM_READ | VM_WRITE, 0);
	CHECK(mmu_fault(as, BASE, FAULT_READ) == 0);
	CHECK(mmu_fault(as, BASE + 3 * PAGE_SIZE, FAULT_WRITE) == 0);
}

/* ---- walks ----------------------------------------------------------------------------------------------------------------- */

static void refresh(void)
{
	if (!file.mappings.lock.word)	/* else it would wait for the walk */
		vm_object_refresh(&file, 0, PAGES);
}

static void truncate_all(void)
{
	if (file.mappings.lock.word)
		return;
	is_empty_file = true;
	vm_object_unmap(&file, 0, PAGES);
}

/* As the application: fault until the access works, then write. It holds the lock for reading, so it can run only beside what does not hold it for writing. */
static void fault(vaddr_t va, enum fault_access access)
{
	unsigned level;
	pte_t v;
	int r;

	if (as->lock.word & RWLOCK_WRITER)
		return;
	for (unsigned tries = 0; tries < 100; tries++) {
		r = mmu_fault(as, va, access);
		if (r == -ENXIO && is_empty_file)
			return;
		if (r)
			panic("fault: %d", r);
		v = entry(va, &level);
		if (!pt_is_valid(v) || (access == FAULT_WRITE && !pt_is_writable(v)))
			continue;
		if (access == FAULT_WRITE)
			*(uint8_t *)phys_to_virt(pt_address(v)) = MARK;
		return;
	}
	panic("faults for ever");
}

static void read_first(void)
{
	fault(BASE, FAULT_READ);
}

static void write_first(void)
{
	fault(BASE, FAULT_WRITE);
}

static void read_next(void)
{
	fault(BASE + PAGE_SIZE, FAULT_READ);
}

static void write_next(void)
{
	fault(BASE + PAGE_SIZE, FAULT_WRITE);
}

static void protect(void)
{
	CHECK(aspace_protect(as, BASE, BLOCK_SIZE, VM_READ | VM_EXEC) == 0);
}

static void protect_half(void)
{
	CHECK(aspace_protect(as, BASE, BLOCK_SIZE / 2, VM_READ | VM_EXEC) == 0);
}

static void move_away(void)
{
	vaddr_t out;

	CHECK(aspace_remap(as, BASE, BLOCK_SIZE, BLOCK_SIZE, 3, TO, &out) == 0);
}

static void unmap_half(void)
{
	CHECK(aspace_unmap(as, BASE, BLOCK_SIZE / 2) == 0);
}

static void drop_all(void)
{
	CHECK(aspace_advise(as, BASE, BLOCK_SIZE, 4) == 0);
}

/* ---- after each run ---------------------------------------------------------------------------------------------------------- */

/* What is mapped: the object's pages in their places, or pages of memory. Returns how many. */
static uint64_t check_entries(vaddr_t base)
{
	uint64_t n = 0;

	for (vaddr_t va = base; va < base + BLOCK_SIZE; va += PAGE_SIZE) {
		unsigned level;
		pte_t v = entry(va, &level);
		vaddr_t first = ALIGN_DOWN(va, 1ull << PT_SHIFT(level));

		if (pt_is_empty(v))
			continue;
		n++;
		if (!pt_is_own(v) && pt_address(v) != file_pa + (first - base))
			panic("an entry of nobody at %lx: %lx, level %u", (unsigned long)va, (unsigned long)v, level);
		if (is_empty_file && !pt_is_own(v))
			panic("page %lx of the object stays mapped: %lx", (unsigned long)va, (unsigned long)v);
	}
	return n;
}

static const struct run {
	const char *name;
	void (*before)(void), (*walk)(void), (*other)(void);
	vaddr_t own;		/* a page of memory that was written, and must be there after both; 0: none */
} runs[] = {
	{ "a table comes while a hole is punched", beside_memory, refresh, write_first, BASE },
	{ "a table comes while the file is truncated", beside_memory, truncate_all, write_first, BASE },
	{ "a hole is punched while a table comes", beside_memory, write_first, refresh, BASE },
	{ "the object's block becomes pages in a hole", a_block, refresh, write_next, BASE + PAGE_SIZE },
	{ "a block becomes pages beside truncation", a_block, truncate_all, write_next, 0 },
	{ "a hole while the block becomes pages", a_block, write_next, refresh, BASE + PAGE_SIZE },
	{ "truncation while the block becomes pages", a_block, write_next, truncate_all, 0 },
	{ "two faults in a block", a_block, write_next, write_first, BASE },
	{ "the block goes while its access changes", a_block, protect, refresh, 0 },
	{ "the block goes while half its access changes", a_block, protect_half, refresh, 0 },
	{ "the block goes while it is moved", a_block, move_away, refresh, 0 },
	{ "the block goes while half of it goes", a_block, unmap_half, refresh, 0 },
	{ "the block goes while all is dropped", a_block, drop_all, refresh, 0 },
	{ "pages go while their access changes", some_pages, protect, truncate_all, 0 },
	{ "pages go while they are moved", some_pages, move_away, truncate_all, 0 },
	{ "pages go while half of them go", some_pages, unmap_half, truncate_all, 0 },
	{ "pages go while all is dropped", some_pages, drop_all, truncate_all, 0 },
	{ "pages are truncated while one is read", some_pages, read_next, truncate_all, 0 },
	{ "pages are truncated while one is written", some_pages, write_next, truncate_all, 0 },
	{ "a page is read while they are truncated", some_pages, truncate_all, read_next, 0 },
	{ "a page is written while a hole is punched", some_pages, refresh, write_next, 0 },
	{ "two faults on a page", some_pages, write_first, read_first, 0 },
	{ "two writes to a private page", some_private_pages, write_first, write_first, BASE },
	{ "a private page is written beside a hole", some_private_pages, write_first, refresh, BASE },
	{ "a hole beside a write to a private page", some_private_pages, refresh, write_first, BASE },
	{ "a private page is written beside truncation", some_private_pages, write_first, truncate_all, 0 },
	{ "private pages go while they are moved", some_private_pages, move_away, truncate_all, 0 },
	{ "private pages go while their access changes", some_private_pages, protect, truncate_all, 0 },
};

/* False: the walk has fewer operations than that. */
static bool run_cut_at(const struct run *r, unsigned at)
{
	bool was_cut;
	unsigned level;
	uint64_t n;
	pte_t v;

	has_block = is_empty_file = false;
	r->before();
	action = r->other;
	countdown = at;
	r->walk();
	was_cut = countdown == 0;
	countdown = 0;
	n = check_entries(BASE) + check_entries(TO);
	if (n != as->nr_resident)
		panic("%s: %ld pages are resident, the table has %ld", r->name, (long)as->nr_resident, (long)n);
	v = r->own ? entry(r->own, &level) : 0;
	if (r->own && was_cut && (!pt_is_own(v) || level || *(uint8_t *)phys_to_virt(pt_address(v)) != MARK))
		panic("%s, cut at %u: the page of memory is gone", r->name, at);
	CHECK(aspace_unmap(as, BASE, 32 * MIB) == 0);
	if (as->nr_resident)
		panic("%s: %ld pages are resident with nothing mapped", r->name, (long)as->nr_resident);
	return was_cut;
}

int main(void)
{
	static const struct mem_range bank = { 0, 64 * MIB };
	struct page_stats s;

	env_init(64 * MIB, 0, &bank, 1, NULL, 0);
	file_pa = page_alloc(PAGE_ORDER_BLOCK, 0);
	CHECK(file_pa != PADDR_NONE);
	page_split(file_pa, PAGE_ORDER_BLOCK);
	as = aspace_create();
	CHECK(as);
	for (unsigned i = 0; i < ARRAY_SIZE(runs); i++) {
		unsigned at = 1;

		while (run_cut_at(&runs[i], at))
			at++;
		printf("%s: %u cuts\n", runs[i].name, at - 1);
	}
	aspace_destroy(as);
	for (unsigned i = 0; i < PAGES; i++)
		CHECK(page_count(file_pa + i * PAGE_SIZE) == 1);
	page_stats(&s);
	CHECK(s.anon_bytes == 0);
	puts("ok");
	return 0;
}
