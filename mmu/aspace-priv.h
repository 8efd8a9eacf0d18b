/* SPDX-License-Identifier: MIT
 *
 * Address spaces inside mmu/: structures, page-table walking, changes in progress.
 *
 * Lock order: aspace.lock, then vm_object.mappings.lock, then the allocator's. An object's operations are called with no lock held, except get_cached, get_block, name and
 * identity (aspace.lock for reading).
 *
 * Who may touch page-table entries of an area:
 *	a fault			aspace.lock for reading; entries change by CAS only; tables are added by CAS
 *	map, unmap, protect	aspace.lock for writing; the only ones that free tables
 *	vm_object_unmap		mappings.lock of the object, nothing of the address space: takes leaves out by exchange. So an area leaves the object's list, or changes its
 *				bounds, with that lock held, and before its tables go.
 */
#pragma once

#include <arch/pt.h>

#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/types.h"
#include "mmu/area-tree.h"
#include "mmu/aspace.h"
#include "mmu/page.h"
#include "sched/sync.h"
#include "sched/thread.h"

#define MAX_AREAS	65530u			/* at most, whatever aspace_max_areas says */
#define STACK_GUARD	(256 * PAGE_SIZE)	/* kept free below a stack */
#define MAP_LOWEST	0x10000ul		/* placement; MAP_FIXED may go down to the second page */
#define TASK_END	(USER_TOP - PAGE_SIZE)	/* no mapping ends above: addresses past it would wrap in the last page */

/* Flags that areas keep; they must be equal for two to merge. */
#define VM_AREA_FLAGS	(VM_SHARED | VM_GROWSDOWN | VM_NORESERVE | VM_NOHUGE | VM_HUGE | VM_KERNEL | VM_DONTFORK | VM_WIPEONFORK | VM_LOCK_MASK | VM_POLICY_MASK)

/* Allocated with kmalloc, freed when it has left tree and list; pointers to it are valid while aspace.lock is held. */
struct area {
	struct area_node node;		/* [aspace.lock, and mappings.lock if it has an object] start, end, place in the tree */
	struct aspace *as;		/* [I] */
	unsigned prot, flags, max_prot;	/* [aspace.lock] */
	struct vm_object *object;	/* [I] ref; NULL: anonymous */
	uint64_t off;			/* [as node] of start in the object, bytes */
	const char *name;		/* [I] literal or NULL */
	struct area *object_next, **object_link;	/* [mappings.lock] */
};

struct aspace {
	struct rwlock lock;
	struct area_tree tree;		/* [lock] */
	struct area *hint;		/* [a] the area of a recent fault, NULL or in the tree: cleared under lock for writing */
	paddr_t root;			/* [I] */
	unsigned asid;			/* [I] */
	bool has_forked;		/* [lock] pages of its own may have other owners: page_count() tells. Else they have none */
	bool has_shared;		/* [a] there is, or was, an area that shares an object */
	uint64_t nr_resident;		/* [a] pages mapped, zero page and blocks of objects included */
	uint64_t nr_virtual;		/* [lock] pages in areas */
	uint64_t nr_faults, nr_major;	/* [a] */
	vaddr_t mmap_base;		/* [lock] */
	vaddr_t brk_start, brk_end;	/* [lock] */
	size_t stack_limit;		/* [lock] */
	struct aspace_limits limits;	/* [lock] */
	unsigned lock_future;		/* [lock] VM_LOCKED and VM_LOCK_ONFAULT of areas to come */
	bool is_limited;		/* [lock] limits or lock_future have a say in areas that are not locked */
};

static inline struct area *area_of(struct area_node *n)
{
	return n ? container_of(n, struct area, node) : NULL;
}

static inline struct area *area_next(struct area *a)
{
	return area_of(a->node.next);
}

static inline struct area *area_prev(struct area *a)
{
	return area_of(a->node.prev);
}

/* The lowest area that ends above addr, or NULL. */
static inline struct area *area_find(struct aspace *as, vaddr_t addr)
{
	return area_of(area_tree_find(&as->tree, addr));
}

/* Index in the object of the page at va. */
static inline uint64_t area_index(const struct area *a, vaddr_t va)
{
	return (a->off + (va - a->node.start)) >> PAGE_SHIFT;
}

/* Filling memory in may take long: the thread has been told to end. */
static inline bool is_ending(void)
{
	return atomic_load(&thread_current()->attention, RELAXED) & ATTN_EXIT;
}

/* ---- pt.c: the application's page table --------------------------------------------------------------------------- */

/*
 * A change in progress: what must happen after entries were taken out and before anything else may use the memory or the addresses. Translations first, then pages.
 */
#define BATCH_MAX	64
struct pt_batch {
	struct aspace *as;
	vaddr_t low, high;		/* addresses whose valid entries were changed; low >= high: none */
	uint64_t stride;		/* BLOCK_SIZE as long as only blocks were changed: one invalidation each */
	bool has_tables;
	uint64_t nr_gone;		/* pages that are no longer resident */
	uint32_t own;			/* private pages that nobody else owns, any number: linked through their metadata. NO_PAGE: none */
	unsigned nr;
	paddr_t item[BATCH_MAX];	/* page | BATCH_* */
};
#define BATCH_PAGE	0u		/* drop a reference */
#define BATCH_BLOCK	1u		/* free 2 MiB */
#define BATCH_TABLE	2u

void pt_batch_init(struct pt_batch *b, struct aspace *as);
void pt_batch_finish(struct pt_batch *b);
/* The translation of [va, va + size) was changed. */
void pt_batch_note(struct pt_batch *b, vaddr_t va, uint64_t size);

/*
 * The entry that translates va, or the empty entry at the highest level where nothing is. *found is what stood there, a leaf or nothing: act on that and by CAS. A second
 * look may find a table that a fault has put there since.
 */
pte_t *pt_lookup(struct aspace *as, vaddr_t va, unsigned *level, pte_t *found);
/*
 * As pt_lookup, but makes tables down to *level. *level is higher on return if a leaf stood there. At the level asked for, a table may stand there (above level 0). NULL: no
 * memory.
 */
pte_t *pt_make(struct aspace *as, vaddr_t va, unsigned *level);

/*
 * Walk what is not empty:
 *	struct pt_iter it = PT_ITER(as, start, end);
 *	for (; pt_iter_find(&it); pt_iter_step(&it)) ... it.e, it.v, it.va, it.level
 * it.v is the leaf that was found at it.e: not looked at again, for it may have become something else. A leaf of a block may begin before start or end after end.
 */
struct pt_iter {
	struct aspace *as;
	vaddr_t va, end;
	pte_t *e;			/* NULL: look va up */
	pte_t v;
	unsigned level;
};
#define PT_ITER(as_, start_, end_)	{ .as = (as_), .va = (start_), .end = (end_) }
bool pt_iter_find(struct pt_iter *it);

static inline void pt_iter_step(struct pt_iter *it)
{
	uint64_t size = 1ull << PT_SHIFT(it->level);

	it->va = ALIGN_DOWN(it->va, size) + size;
	it->e = it->level == 0 && !IS_ALIGNED(it->va, BLOCK_SIZE) ? it->e + 1 : NULL;
}

/* If a block of the application's own memory spans va, turn it into pages. Lock for writing. -ENOMEM. */
int __must_check pt_split(struct aspace *as, vaddr_t va);
/* Take out all leaves in [start, end); blocks of objects that reach over the ends go as a whole (they fault in again). */
void pt_unmap(struct pt_batch *b, vaddr_t start, vaddr_t end);
/* The same, but private pages of the mapping stay. */
void pt_unmap_foreign(struct pt_batch *b, vaddr_t start, vaddr_t end);
/* Free the tables that serve [start, end) and nothing outside [floor, ceiling). Lock for writing. */
void pt_collect(struct pt_batch *b, vaddr_t start, vaddr_t end, vaddr_t floor, vaddr_t ceiling);
/* Change access of the leaves of area a in [start, end) to what its prot says now. */
void pt_protect(struct pt_batch *b, struct area *a, vaddr_t start, vaddr_t end);
/* Move leaves. -ENOMEM: all as before. Lock for writing; both ends of a block straddling start or end have been split. */
int __must_check pt_move(struct pt_batch *b, vaddr_t from, vaddr_t to, uint64_t len);
/* Make the tables that pt_move of an object's area will need (it has no blocks of its own). -ENOMEM. */
int __must_check pt_prepare_move(struct aspace *as, vaddr_t from, vaddr_t to, uint64_t len);
/* Pages present in [start, end). */
uint64_t pt_count(struct aspace *as, vaddr_t start, vaddr_t end);
/* Leaf flags (PT_*) for a page of area a; is_own: private page, alone: nobody else owns it. */
unsigned pt_area_flags(const struct area *a, bool is_own, bool is_alone);
/* Free everything. */
void pt_destroy(struct aspace *as);

/* ---- object.c ------------------------------------------------------------------------------------------------------ */

void object_link(struct area *a);		/* on its object's list; takes mappings.lock */
void object_unlink(struct area *a);

static inline void object_lock(struct area *a)
{
	if (a->object)
		mutex_lock(&a->object->mappings.lock);
}

static inline void object_unlock(struct area *a)
{
	if (a->object)
		mutex_unlock(&a->object->mappings.lock);
}

/* ---- aspace.c, area.c: under aspace.lock for writing ----------------------------------------------------------------- */

/* Areas that have gone and whose object references must be dropped with no lock held. */
struct area_graves {
	struct area *first;
};

struct area *area_alloc(struct aspace *as);	/* NULL: no memory, or too many. Only as is set; node and list links are set by inserting */
void area_insert(struct area *a);		/* in tree and object's list; the reference is the caller's */
void area_bury(struct area *a, struct area_graves *g);	/* out of tree and list */
void area_graves_empty(struct area_graves *g);	/* no lock held */
void area_resize(struct area *a, vaddr_t start, vaddr_t end);	/* off follows start */
/* Split a (or NULL) at addr if it spans it: a keeps the lower part. -ENOMEM. */
int __must_check area_split(struct area *a, vaddr_t addr);
/* Join a with its neighbours where they are alike. */
void area_merge(struct area *a, struct area_graves *g);
/* Take [start, end) away: areas, pages, tables. -ENOMEM (nothing changed), -EPERM (VM_KERNEL). */
int __must_check area_unmap(struct aspace *as, vaddr_t start, vaddr_t end, struct area_graves *g);
/* Where len bytes fit, downwards from mmap_base; 0: nowhere. */
vaddr_t area_place(struct aspace *as, uint64_t len, const struct vm_object *o);

/* ---- limits.c --------------------------------------------------------------------------------------------------------- */

/* Whether more bytes may be mapped, in the place of what [start, end) holds. -ENOMEM, or -EAGAIN for locked memory. Lock for writing, as below. */
int __must_check area_check_limits(struct aspace *as, unsigned prot, unsigned flags, uint64_t more, vaddr_t start, vaddr_t end);
/* Whether that many bytes of a may be protected so. */
bool area_may_become_data(const struct area *a, uint64_t bytes, unsigned prot);
/* Make present what is locked in [start, end), no lock held: see aspace_lock. goes_on: as much as can be. */
int aspace_fill_locked(struct aspace *as, vaddr_t start, vaddr_t end, bool goes_on);

/* Whether area_check_limits() must be asked about an area with these flags. */
static inline bool area_is_limited(const struct aspace *as, unsigned flags)
{
	return unlikely(as->is_limited || flags & VM_LOCKED);
}

/* Mode 0 of vm.overcommit_memory: refuse only what can never be. */
bool area_can_commit(uint64_t len, unsigned prot, unsigned flags, const struct vm_object *o);
