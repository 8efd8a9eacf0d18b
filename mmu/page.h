/* SPDX-License-Identifier: MIT
 *
 * Physical pages: where RAM is, allocation in powers of two, reference counts.
 *
 * All RAM is mapped linearly: phys_to_virt() is an addition. The metadata (struct page, one for each 4 KiB) is initialised lazily, a 2 MiB block at a time, so that
 * boot time does not depend on the size of RAM.
 *
 * Context: thread, preemption enabled, unless said otherwise. Never sleeps for memory: fails. With preemption disabled it works from what this CPU has cached and may fail
 * early; freeing always works.
 */
#pragma once

#include <arch/layout.h>

#include "libc/types.h"

#define PAGE_ORDER_QUAD		2	/* 16 KiB: as quick to allocate as a page */
#define PAGE_ORDER_BLOCK	9	/* 2 MiB */
#define PAGE_ORDER_MAX		18	/* 1 GiB */

#define PAGE_ZERO	1u		/* zero-filled */
#define PAGE_NOWAIT	2u		/* do not run the shrinkers first */
#define PAGE_ANON	4u		/* accounted as the application's anonymous memory */
#define PAGE_CACHE	8u		/* accounted as page cache */
#define PAGE_RESERVE	16u		/* may use what is kept for page faults: without it the program would be killed */

static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(LINEAR_BASE + pa);
}

/* Only for addresses in the linear map. */
static inline paddr_t virt_to_phys(const void *va)
{
	return (vaddr_t)va - LINEAR_BASE;
}

/* 2^order contiguous, naturally aligned pages, reference count 1; PADDR_NONE: none. */
paddr_t __must_check page_alloc(unsigned order, unsigned flags);
/* Give back what page_alloc returned (whatever the count). */
void page_free(paddr_t pa, unsigned order);

/*
 * Reference counts, for pages that several own (page cache, mappings, copy-on-write, packets). On pages that the allocator does not manage (an image mapped
 * in place) both do nothing. page_put() frees at zero. pa is that of page_alloc(): a block of several pages has one count.
 */
void page_get(paddr_t pa);
void page_put(paddr_t pa);
/* Number of owners; a big number for a page that is not managed: never exclusive. */
unsigned page_count(paddr_t pa);
/* Whether page faults have begun to use what is kept for them: who fills memory in before it is needed stops. */
bool page_reserve_is_used(void);
/* Whether so many pages are free besides those; shrinkers run if not. Nothing is set aside. Context: thread, may sleep. */
bool page_make_room(uint64_t nr);
/* Split an allocated block of this order into single pages, each with count 1. */
void page_split(paddr_t pa, unsigned order);

struct page_stats {
	uint64_t total_bytes;		/* RAM the allocator got */
	uint64_t free_bytes;
	uint64_t cached_bytes;		/* page cache, tmpfs */
	uint64_t anon_bytes;		/* application's anonymous pages */
	uint64_t kernel_bytes;		/* heap and stacks */
};
void page_stats(struct page_stats *out);

/*
 * What a CPU has for itself: page_cpu_keeps() whether there is some, a hint from any CPU (only_objects: of what others have freed for its heap); page_cpu_give_back() makes
 * it everybody's, by a thread that runs there and may sleep. page_nr_shared(): free pages that are everybody's, a hint.
 */
bool page_cpu_keeps(unsigned cpu, bool only_objects);
void page_cpu_give_back(void);
uint64_t page_nr_shared(void);

/*
 * Memory that can be given back under pressure. shrink() frees about want bytes, returns what it freed; must not allocate, and only try locks: the thread that ran out of
 * memory may hold others, an address space's among them. It may wait for RCU and for the thread that gathers (sched/gather.c).
 *
 * A thread that runs out while another goes through the shrinkers waits for that one. That cannot stand still for another reason than going through them itself could:
 * - Whom a shrinker waits for must not wait for memory. These are RCU's thread with the callbacks it runs, the thread that gathers, and the thread in the shrinker:
 *   thread.gives_memory is set for them, and page_alloc() tells them at once that there is none.
 * - What those wait for, the locks of RCU's callbacks, must not be held around an allocation (sched/mutex-check.h finds it), so who waits here does not hold it either. Other
 *   locks are only tried.
 * - A reader of RCU, and who holds off preemption, never waits.
 */
struct shrinker {
	const char *name;
	uint64_t (*shrink)(uint64_t want);
	struct shrinker *next;
};
void shrinker_register(struct shrinker *s);

/* ---- boot ------------------------------------------------------------------------------------------------------ */

/* RAM banks and what in them is taken (kernel image, initrd, device tree, /memreserve/, reserved-memory); both sorted by nothing. */
struct mem_range {
	paddr_t start, size;
};
#define MEM_MAX_BANKS		64
#define MEM_MAX_RESERVED	64
struct mem_layout {
	struct mem_range bank[MEM_MAX_BANKS];
	struct mem_range reserved[MEM_MAX_RESERVED];
	unsigned nr_banks, nr_reserved;
};

/*
 * Build the linear map of all banks (2 MiB and 1 GiB blocks; the early map that the entry code made covers the kernel image and the device tree) and start the
 * allocator. 0, or -ENOMEM with too little memory. Boot CPU, single threaded.
 */
int __must_check mmu_init(const struct mem_layout *layout);

/* Kernel mapping of device registers; stays for ever. NULL: no memory for tables. */
void *mmu_map_device(paddr_t pa, size_t len);

/*
 * A kernel stack of KSTACK-like size (power of two pages) with an unmapped guard page below it, in LAYOUT's stack region. NULL: no memory. Cached for reuse.
 * It is the upper half of a naturally aligned slot of twice its size (virtual addresses are plenty): below the stack one address bit flips, which is how the
 * exception entry finds an overflow with no register to spare.
 */
void *kstack_alloc(void);
void kstack_free(void *stack);
