/* SPDX-License-Identifier: MIT
 *
 * Physical pages inside mmu/: the metadata, how it is found, and what each CPU keeps.
 *
 *	paddr --(- page_map.base, >> 12)--> index --(>> 18)--> chunk (1 GiB): pages[] and one bit per 2 MiB block "its metadata is initialised"
 *
 * An index is 32 bits: RAM may span 16 TiB.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"
#include "mmu/page.h"
#include "sched/cpu.h"
#include "sched/mutex.h"

#define CHUNK_SHIFT	30
#define CHUNK_PAGES	(1u << (CHUNK_SHIFT - PAGE_SHIFT))
#define BLOCK_PAGES	(1u << PAGE_ORDER_BLOCK)
#define NO_PAGE		((uint32_t)-1)

enum page_state {
	PAGE_TAIL,		/* inside a block whose first page says what it is. Must be 0 */
	PAGE_RESERVED,		/* not the allocator's: image, initrd, hole */
	PAGE_FREE,		/* first page of a free block, on the buddy's list of its order */
	PAGE_CACHED,		/* first page of a free block that a CPU keeps */
	PAGE_USED,		/* first page of an allocated block */
};

enum page_kind { KIND_KERNEL, KIND_ANON, KIND_CACHE, NR_KINDS };

struct page {
	uint32_t count;		/* [a] owners, when PAGE_USED */
	uint8_t state;		/* [a] PAGE_FREE comes and goes under buddy.lock only; else the owner's */
	uint8_t order;		/* of the block that starts here */
	uint8_t kind;		/* enum page_kind, when PAGE_USED */
	uint8_t unused;
	uint32_t next, prev;	/* [as state] list links: indices */
};
_Static_assert(sizeof(struct page) == 16, "metadata is 0.4 % of RAM");

struct chunk {
	struct page *pages;		/* [I] as if it began at the chunk's first page; NULL: no RAM here */
	uint64_t initialised[CHUNK_PAGES / BLOCK_PAGES / 64];	/* [a] bit set once, under buddy.lock */
};

struct page_map {
	paddr_t base;			/* [I] of index 0, 1 GiB aligned */
	uint32_t nr_chunks;		/* [I] */
	struct chunk *chunks;		/* [I] */
};
extern struct page_map page_map;

/* relaxed: who reads another's page only asks whether it is PAGE_FREE (buddy.lock) or PAGE_RESERVED (never changes once the block is initialised). */
static inline enum page_state page_state(const struct page *p)
{
	return atomic_load(&p->state, RELAXED);
}

static inline void page_set_state(struct page *p, enum page_state state)
{
	atomic_store(&p->state, (uint8_t)state, RELAXED);
}

/* Only for an index whose block is initialised. */
static inline struct page *page_at(uint32_t idx)
{
	return page_map.chunks[idx / CHUNK_PAGES].pages + idx % CHUNK_PAGES;
}

static inline uint32_t page_index(paddr_t pa)
{
	return (uint32_t)((pa - page_map.base) >> PAGE_SHIFT);
}

static inline paddr_t page_address(uint32_t idx)
{
	return page_map.base + ((paddr_t)idx << PAGE_SHIFT);
}

/* The metadata of any address; NULL if it is not the allocator's to manage. Any context. */
static inline struct page *page_find(paddr_t pa)
{
	uint64_t n = (pa - page_map.base) >> PAGE_SHIFT;
	struct chunk *c;
	struct page *p;
	unsigned block;

	if (n >= (uint64_t)page_map.nr_chunks * CHUNK_PAGES)
		return NULL;
	c = &page_map.chunks[n / CHUNK_PAGES];
	block = (unsigned)(n % CHUNK_PAGES) / BLOCK_PAGES;
	/* acquire: the metadata after the bit. Pairs: initialise_block in buddy.c */
	if (!(atomic_load(&c->initialised[block / 64], ACQUIRE) >> block % 64 & 1))
		return NULL;
	p = c->pages + n % CHUNK_PAGES;
	return page_state(p) == PAGE_RESERVED ? NULL : p;
}

/* ---- buddy.c: all free memory that no CPU keeps. Callers hold buddy.lock --------------------------------------- */

struct buddy {
	struct mutex lock;
	uint64_t nr_free;		/* [lock] pages, virgin ones included */
	uint64_t nr_total;		/* [I] pages the allocator got */
};
extern struct buddy buddy;

/* First page of a block of 2^order pages, state PAGE_CACHED; NO_PAGE. */
uint32_t buddy_take_locked(unsigned order);
void buddy_give_locked(uint32_t idx, unsigned order);
/* Boot: [start, end) is free memory whose metadata has not been touched. */
void buddy_add_virgin(uint32_t start, uint32_t end);
/* Boot: cut nr pages from the end of the largest virgin range within [low, high); NO_PAGE. */
uint32_t buddy_carve(uint32_t nr, uint32_t low, uint32_t high);

/* ---- page.c: freeing many ---------------------------------------------------------------------------------------- */

/* Put a single page whose one reference the caller holds on a chain to be freed. False: it has other owners; the reference stays the caller's. */
static inline bool page_chain(uint32_t *chain, paddr_t pa)
{
	uint32_t idx = page_index(pa);
	struct page *p = page_at(idx);

	if (atomic_load(&p->count, ACQUIRE) != 1)	/* acquire: see page_put */
		return false;
	p->next = *chain;
	*chain = idx;
	return true;
}

void page_free_chain(uint32_t chain);	/* NO_PAGE: nothing to do. Context: thread, preemption enabled */

/* ---- what each CPU keeps ---------------------------------------------------------------------------------------- */

#define HEAP_CLASSES	22

struct page_list {
	uint32_t head, nr;
};

struct heap_slab;
struct heap_cpu {
	struct heap_slab *active[HEAP_CLASSES];		/* [c] objects are taken from here */
	struct heap_slab *partial[HEAP_CLASSES];	/* [c] list: some objects free */
	void *remote[HEAP_CLASSES];			/* [a] MPSC: objects freed by other CPUs */
	bool has_remote;				/* [a] a hint: some have come since they were last taken */
};

/* [c] throughout, preemption off, except heap.remote and has_remote. One for each CPU, made when it first allocates, never freed. */
struct mmu_cpu {
	struct page_list single, quad, block;	/* order 0, PAGE_ORDER_QUAD, PAGE_ORDER_BLOCK */
	uint32_t run, run_end;		/* single pages too: a stretch from the buddy whose metadata says nothing yet; taken when the list is empty */
	int64_t nr_kind[NR_KINDS];	/* pages allocated minus freed here */
	unsigned id;
	void *stacks;			/* free kernel stacks, linked through their first word */
	unsigned nr_stacks;
	struct heap_cpu heap;
};

extern struct mmu_cpu *mmu_cpus[MAX_CPUS];

/* Preemption off. */
static inline unsigned mmu_cpu_id(void)
{
	struct cpu *c = thread_current()->cpu;

	return c ? c->id : 0;
}

/* Preemption off. NULL: this CPU has none yet (mmu_cpu_make() in a context that can sleep). */
static inline struct mmu_cpu *mmu_cpu(void)
{
	return atomic_load(&mmu_cpus[mmu_cpu_id()], RELAXED);
}

/* May sleep. The caches of the CPU that the caller is on when it looks are there; false: no memory for them. */
bool mmu_cpu_make(void);
void page_init_boot_cpu(void);

/* ---- kmap.c: the kernel's own page table ------------------------------------------------------------------------- */

/* Boot: look at the tables that the entry code made. May be called again. */
void kmap_init(void);
/* Boot: table pages come from virgin memory with these indices, until kmap_tables_from_allocator(). */
void kmap_tables_from(uint32_t low, uint32_t high);
void kmap_tables_from_allocator(void);
/* Where the image's page tables, and so the image, lie. */
paddr_t kmap_image_address(void);
/*
 * Map [va, va + len) to pa on with the biggest leaves that fit; what is mapped already stays. flags: PT_*. False: no memory for tables. Takes its own lock.
 */
bool __must_check kmap_range(vaddr_t va, paddr_t pa, uint64_t len, unsigned flags);
/* Map single pages where nothing is, within 2 MiB. False: no memory for tables, nothing is mapped. */
bool __must_check kmap_add_pages(vaddr_t va, const paddr_t *pa, unsigned nr, unsigned flags);

static inline bool mmu_can_sleep(void)
{
	return thread_current()->preempt_count == 0;
}
