/* SPDX-License-Identifier: MIT
 *
 * Page faults of the application.
 *
 * A fault holds the address space's lock for reading; so any number run at once, also on the same page: entries are changed by CAS, and who loses starts again (the
 * winner has made progress: lock-free). What is done, by area and state of the entry:
 *
 *	empty, anonymous	a cleared page or 2 MiB block; the shared zero page if the area cannot be written
 *	empty, object		the object's page; or, writing to a private mapping, a copy of it
 *	present, not writable	private: made writable if this mapping is its only owner, else copied; shared: the object is asked for a page to write
 *
 * get_page may sleep on locks of the file system, and those may be held around a copy that faults: so the lock is dropped around it, and everything is looked at again.
 *
 * Truncation and the like (object.c) do not take the lock. They change the object's seq, then take leaves out; a fault stores its leaf, then looks whether seq is still
 * what it was before it asked for the page; if not it takes the leaf out again.
 */
#include "mmu/fault.h"

#include "mmu/aspace-priv.h"

#include <arch/cache.h>
#include <arch/tlb.h>
#include <arch/uaccess.h>

#include "libc/string.h"
#include "mmu/page-priv.h"
#include "sched/trace.h"

#define RETRY		1	/* internal result: look at everything again */
#define AROUND		16u	/* pages of an object mapped with one fault, aligned */
#define BIG_AREA	(8 * BLOCK_SIZE)	/* blocks from the first touch on */

struct fault {
	struct aspace *as;
	struct area *a;
	vaddr_t va;			/* page aligned */
	enum fault_access access;
	struct vm_object *o;		/* NULL: anonymous */
	uint64_t idx;			/* page in the object */
	uint32_t seq;			/* of the object before its page was asked for */
};

/* All zero, never written, not managed: page_get and page_put do nothing. */
static const uint8_t zero_page[PAGE_SIZE] __attribute__((aligned(4096)));

static paddr_t zero_page_address(void)
{
	static paddr_t pa;	/* the same whoever stores it */

	if (!READ_ONCE(pa)) {
		paddr_t found;

		if (arch_pt_translate(zero_page, &found))
			WRITE_ONCE(pa, found);
	}
	return pa;
}

static bool wants_write(const struct fault *f)
{
	return f->access == FAULT_WRITE;
}

static bool is_private(const struct fault *f)
{
	return !(f->a->flags & VM_SHARED) || !f->o;
}

/* Text that comes into a mapping: the instruction caches may hold what the page was before. Pages that nobody manages never were anything else. */
static void sync_text(const struct fault *f, paddr_t pa)
{
	if (f->a->prot & VM_EXEC && page_find(pa))
		arch_sync_icache(phys_to_virt(pa), PAGE_SIZE);
}

/* Put a leaf where nothing is. False: something is there now. */
static bool install(struct fault *f, pte_t *e, pte_t leaf, unsigned level)
{
	uint64_t nr = 1ull << (PT_SHIFT(level) - PAGE_SHIFT);
	pte_t none = 0;

	/* Counted before: who takes the leaf out, as soon as it is there, counts down. */
	atomic_fetch_add(&f->as->nr_resident, nr, RELAXED);
	/* release: the page's content before its mapping. Pairs: the walks of other CPUs */
	if (likely(atomic_cas(e, &none, leaf, RELEASE)))
		return true;
	atomic_fetch_sub(&f->as->nr_resident, nr, RELAXED);
	return false;
}

/* Take out a leaf that has the value v. False: it has changed meanwhile. The caller owns the page then. */
static bool take_out(struct fault *f, pte_t *e, pte_t v, unsigned level)
{
	/* acquire: what was done to the page before it was mapped. Pairs: install */
	if (!atomic_cas(e, &v, 0, ACQUIRE))
		return false;
	atomic_fetch_sub(&f->as->nr_resident, 1ull << (PT_SHIFT(level) - PAGE_SHIFT), RELAXED);
	if (pt_is_valid(v))
		arch_tlb_flush_range(f->as->asid, f->va, 1, PAGE_SIZE, false);
	return true;
}

/* Whether the private copy just made is of a page that has been truncated since. (Two truncations in the time of one fault: assumed.) */
static bool copy_is_gone(struct fault *f, uint32_t seq)
{
	bool is_gone;

	mutex_lock(&f->o->mappings.lock);
	is_gone = seq - f->seq != 1 || (f->o->mappings.gone <= f->idx && f->idx <= f->o->mappings.gone_end);
	mutex_unlock(&f->o->mappings.lock);
	return is_gone;
}

/*
 * After a leaf with the object's page, or a copy, was stored: true if pages of the object were unmapped meanwhile, this one perhaps, and the leaf has been taken out again.
 * A copy that may stay must stay: another thread may have written to it already.
 */
static bool object_changed(struct fault *f, pte_t *e, pte_t leaf)
{
	uint32_t seq;

	/* seq_cst: the leaf before the look at seq. Pairs: unmap() in object.c */
	atomic_fence(SEQ_CST);
	seq = atomic_load(&f->o->mappings.seq, RELAXED);
	if (likely(seq == f->seq) || (pt_is_own(leaf) && !copy_is_gone(f, seq)))
		return false;
	if (take_out(f, e, leaf, 0))
		page_put(pt_address(leaf));
	return true;
}

/* ---- anonymous -------------------------------------------------------------------------------------------------------- */

static bool is_in_use(struct fault *f, vaddr_t block)
{
	unsigned level;
	pte_t v;

	pt_lookup(f->as, block, &level, &v);
	return level == 0 || !pt_is_empty(v);
}

/* Whether a neighbouring block of the area is in use: memory is touched in order, so this one will be. */
static bool has_neighbour(struct fault *f, vaddr_t block)
{
	return (block >= f->a->node.start + BLOCK_SIZE && is_in_use(f, block - BLOCK_SIZE)) ||
	       (block + 2 * BLOCK_SIZE <= f->a->node.end && is_in_use(f, block + BLOCK_SIZE));
}

static bool wants_block(struct fault *f)
{
	vaddr_t block = ALIGN_DOWN(f->va, BLOCK_SIZE);
	struct area *a = f->a;

	if (a->flags & (VM_NOHUGE | VM_GROWSDOWN) || !(a->prot & VM_WRITE))
		return false;
	if (block < a->node.start || block + BLOCK_SIZE > a->node.end)
		return false;
	if (a->flags & VM_HUGE)
		return true;
	/* Leave an eighth of memory for what needs pages. */
	if (READ_ONCE(buddy.nr_free) < buddy.nr_total / 8 + BLOCK_PAGES)
		return false;
	return a->node.end - a->node.start >= BIG_AREA || has_neighbour(f, block);
}

/* True: done, by this fault or another. */
static bool fault_block(struct fault *f)
{
	unsigned level = 1;
	pte_t *e = pt_make(f->as, f->va, &level);
	paddr_t pa;

	if (!e || level != 1)
		return false;
	pa = page_alloc(PAGE_ORDER_BLOCK, PAGE_ZERO | PAGE_ANON | PAGE_NOWAIT);
	if (pa == PADDR_NONE)
		return false;
	if (!install(f, e, pt_make_leaf(pa, 1, pt_area_flags(f->a, true, true)), 1))
		page_free(pa, PAGE_ORDER_BLOCK);
	return true;
}

static int fault_anonymous(struct fault *f, pte_t *e, unsigned level)
{
	paddr_t pa;
	bool is_own;

	if (level > 0) {
		if (wants_block(f) && fault_block(f))
			return 0;
		level = 0;
		e = pt_make(f->as, f->va, &level);
		if (!e)
			return -ENOMEM;
		if (level)
			return RETRY;
	}
	is_own = f->a->prot & VM_WRITE;
	pa = is_own ? page_alloc(0, PAGE_ZERO | PAGE_ANON | PAGE_RESERVE) : zero_page_address();
	if (pa == PADDR_NONE)
		return -ENOMEM;
	if (!install(f, e, pt_make_leaf(pa, 0, pt_area_flags(f->a, is_own, true)), 0))
		page_put(pa);
	return 0;
}

/* ---- copy on write ---------------------------------------------------------------------------------------------------- */

/* A private copy of the page at from, for this area. PADDR_NONE: no memory. */
static paddr_t copy_page(struct fault *f, paddr_t from)
{
	bool is_zero = from == zero_page_address();
	paddr_t pa = page_alloc(0, PAGE_ANON | PAGE_RESERVE | (is_zero ? PAGE_ZERO : 0));

	/* Neither side is the application's; but this copies with the widest registers. */
	if (pa != PADDR_NONE && !is_zero)
		(void)arch_user_copy(phys_to_virt(pa), phys_to_virt(from), PAGE_SIZE);
	if (pa != PADDR_NONE)
		sync_text(f, pa);
	return pa;
}

/* A present leaf of a private mapping that is to be written. */
static int write_private(struct fault *f, pte_t *e, pte_t v, unsigned level)
{
	paddr_t pa;
	pte_t leaf;

	if (level > 0 && !(pt_flags(v) & PT_OWN)) {	/* an object's block: a table instead, then pages */
		unsigned to = 0;

		take_out(f, e, v, level);
		return pt_make(f->as, f->va, &to) ? RETRY : -ENOMEM;
	}
	if (pt_is_own(v) && (level > 0 || !f->as->has_forked || page_count(pt_address(v)) == 1)) {
		leaf = pt_with_access(v, level, pt_area_flags(f->a, true, true));
		if (atomic_cas(e, &v, leaf, RELAXED))	/* access bits only: no break-before-make */
			arch_tlb_flush_range(f->as->asid, f->va, 1, PAGE_SIZE, false);
		return 0;
	}
	pa = copy_page(f, pt_address(v));
	if (pa == PADDR_NONE)
		return -ENOMEM;
	/* Break, then make. Another fault may map the old page in between: then again. */
	if (!take_out(f, e, v, level)) {
		page_put(pa);
		return 0;
	}
	page_put(pt_address(v));
	leaf = pt_make_leaf(pa, 0, pt_area_flags(f->a, true, true));
	if (!install(f, e, leaf, 0)) {
		page_put(pa);
		return 0;
	}
	return f->o && object_changed(f, e, leaf) ? RETRY : 0;
}

/* ---- objects ---------------------------------------------------------------------------------------------------------- */

/* Map the object's page, or a copy of it if this is a write to a private mapping. Takes over the reference to the page. */
static int map_page(struct fault *f, paddr_t pa, bool is_writable)
{
	unsigned level = 0, flags;
	pte_t *e = pt_make(f->as, f->va, &level), leaf, v;
	bool is_own = false;

	if (!e || level) {
		page_put(pa);
		return e ? RETRY : -ENOMEM;
	}
	if (wants_write(f) && is_private(f)) {
		paddr_t copy = copy_page(f, pa);

		page_put(pa);
		if (copy == PADDR_NONE)
			return -ENOMEM;
		pa = copy;
		is_own = true;
	} else {
		sync_text(f, pa);
	}
	flags = pt_area_flags(f->a, is_own, true);
	if (f->a->flags & VM_SHARED && f->a->prot & VM_WRITE && is_writable)
		flags |= PT_WRITE;
	leaf = pt_make_leaf(pa, 0, flags);
	v = atomic_load(e, RELAXED);
	if (!pt_is_empty(v)) {
		/* A shared page that was mapped to be read: the object may have given another one to write. */
		if (is_own || !wants_write(f) || pt_flags(v) & PT_WRITE || !take_out(f, e, v, 0)) {
			page_put(pa);
			return 0;
		}
		page_put(pt_address(v));
	}
	if (!install(f, e, leaf, 0)) {
		page_put(pa);
		return 0;
	}
	return object_changed(f, e, leaf) ? RETRY : 0;
}

/* The object's own 2 MiB, mapped at once where it and the area allow. True: done. */
static bool map_block(struct fault *f)
{
	vaddr_t block = ALIGN_DOWN(f->va, BLOCK_SIZE);
	bool for_write = wants_write(f) && !is_private(f);
	unsigned level = 1, flags;
	paddr_t pa;
	pte_t *e;

	if (!f->o->ops->get_block || (wants_write(f) && is_private(f)) || block < f->a->node.start || block + BLOCK_SIZE > f->a->node.end)
		return false;
	if (!IS_ALIGNED(area_index(f->a, block), BLOCK_PAGES) || f->o->ops->get_block(f->o, area_index(f->a, block), for_write, &pa))
		return false;
	e = pt_make(f->as, f->va, &level);
	if (!e || level != 1)
		return false;
	flags = pt_area_flags(f->a, false, true) | (for_write ? PT_WRITE : 0);
	return install(f, e, pt_make_leaf(pa, 1, flags), 1);
}

/* Map what is at hand around the fault, read-only, for the price of one. 0: the faulting page is done; RETRY; -EAGAIN: get_page must be asked. */
static int map_around(struct fault *f)
{
	vaddr_t start = MAX(ALIGN_DOWN(f->va, AROUND * PAGE_SIZE), f->a->node.start);
	vaddr_t end = MIN(ALIGN_DOWN(f->va, AROUND * PAGE_SIZE) + AROUND * PAGE_SIZE, f->a->node.end);
	bool is_copy = wants_write(f) && is_private(f);
	unsigned i, n, level = 0, at;
	paddr_t pa[AROUND], mine;
	vaddr_t va = f->va;
	pte_t *e;

	if (is_copy) {		/* one page is wanted, the neighbours may never be */
		start = va;
		end = va + PAGE_SIZE;
	}
	n = (unsigned)((end - start) >> PAGE_SHIFT);
	at = (unsigned)((va - start) >> PAGE_SHIFT);
	if (!f->o->ops->get_cached || (wants_write(f) && !is_copy) || !f->o->ops->get_cached(f->o, area_index(f->a, start), n, pa))
		return -EAGAIN;
	mine = pa[at];
	pa[at] = PADDR_NONE;
	e = pt_make(f->as, start, &level);	/* one table holds them all */
	for (i = 0; i < n; i++) {
		if (pa[i] == PADDR_NONE)
			continue;
		f->va = start + i * PAGE_SIZE;
		if (e && level == 0 && pt_is_empty(atomic_load(&e[i], RELAXED))) {
			pte_t leaf = pt_make_leaf(pa[i], 0, pt_area_flags(f->a, false, true));

			sync_text(f, pa[i]);
			if (install(f, &e[i], leaf, 0)) {
				object_changed(f, &e[i], leaf);
				continue;
			}
		}
		page_put(pa[i]);
	}
	f->va = va;
	return mine == PADDR_NONE ? -EAGAIN : map_page(f, mine, false);
}

/* Called with the lock held for reading, which it gives up. */
static int fault_object_slow(struct fault *f)
{
	bool for_write = wants_write(f) && !is_private(f);
	unsigned prot = f->a->prot, flags = f->a->flags;
	struct vm_object *o = f->o;
	struct vm_page page;
	struct area *a;
	int r;

	o->ops->ref(o);
	rwlock_read_unlock(&f->as->lock);
	atomic_fetch_add(&f->as->nr_major, 1u, RELAXED);
	r = o->ops->get_page(o, f->idx, for_write, &page);
	if (r)
		goto out;
	rwlock_read_lock(&f->as->lock);
	a = area_find(f->as, f->va);
	if (!a || a->node.start > f->va || a->object != o || area_index(a, f->va) != f->idx || a->prot != prot || a->flags != flags) {
		page_put(page.pa);
		r = RETRY;
	} else {
		f->a = a;
		r = map_page(f, page.pa, for_write || page.is_writable);
	}
	rwlock_read_unlock(&f->as->lock);
out:
	o->ops->unref(o);
	return r;
}

/* ---- dispatch ---------------------------------------------------------------------------------------------------------- */

/* A fault below a stack: let it grow down to there. RETRY, or why not. */
static int grow_stack(struct aspace *as, vaddr_t va)
{
	int r = -EFAULT;
	struct area *a;

	rwlock_write_lock(&as->lock);
	a = area_find(as, va);
	if (a && a->node.start <= va) {
		r = RETRY;	/* another thread has done it */
	} else if (a && a->flags & VM_GROWSDOWN && a->prot && a->node.end - va <= as->stack_limit && va >= MAP_LOWEST) {
		struct area *p = area_prev(a);

		/* Room is kept below, except towards memory that nobody can touch anyway. */
		bool has_room = !p || p->node.end + (p->prot & VM_PROT_MASK ? STACK_GUARD : 0) <= va;

		if (has_room && (!area_is_limited(as, a->flags) || !area_check_limits(as, a->prot, a->flags, a->node.start - va, 0, 0))) {
			area_resize(a, va, a->node.end);
			r = RETRY;
		}
	}
	rwlock_write_unlock(&as->lock);
	return r;
}

static bool is_allowed(const struct area *a, enum fault_access access)
{
	switch (access) {
	case FAULT_WRITE:
		return a->prot & VM_WRITE;
	case FAULT_EXEC:
		return a->prot & VM_EXEC;
	default:
		return a->prot & VM_PROT_MASK;	/* write and exec imply read */
	}
}

/* A leaf is there already. */
static int fault_present(struct fault *f, pte_t *e, pte_t v, unsigned level)
{
	unsigned flags = pt_flags(v);

	if (flags & PT_NONE || (f->access == FAULT_EXEC && !(flags & PT_EXEC))) {	/* what the area allows, the leaf shall allow */
		bool is_own = flags & PT_OWN;

		if (atomic_cas(e, &v, pt_with_access(v, level, pt_area_flags(f->a, is_own, false)), RELEASE) && pt_is_valid(v))
			arch_tlb_flush_range(f->as->asid, f->va, 1, PAGE_SIZE, false);
		return RETRY;
	}
	if (!wants_write(f) || flags & PT_WRITE)
		return 0;	/* another CPU was faster */
	if (is_private(f))
		return write_private(f, e, v, level);
	return -EAGAIN;		/* ask the object for a page to write */
}

/* Lock held for reading; *unlocked: given up. */
static int handle(struct fault *f, bool *unlocked)
{
	unsigned level;
	pte_t v, *e = pt_lookup(f->as, f->va, &level, &v);
	int r = -EAGAIN;

	f->o = f->a->object;
	if (f->o) {
		f->idx = area_index(f->a, f->va);
		/* acquire: seq before the page is asked for. Pairs: unmap() in object.c */
		f->seq = atomic_load(&f->o->mappings.seq, ACQUIRE);
	}
	if (!pt_is_empty(v)) {
		r = fault_present(f, e, v, level);
		if (r == -EAGAIN && level > 0) {	/* an object's block, read so far: as pages */
			unsigned to = 0;

			take_out(f, e, v, level);
			return pt_make(f->as, f->va, &to) ? RETRY : -ENOMEM;
		}
		if (r != -EAGAIN)
			return r;
	} else if (!f->o) {
		return fault_anonymous(f, e, level);
	} else if (level > 0 && map_block(f)) {
		return 0;
	} else {
		r = map_around(f);
	}
	if (r != -EAGAIN)
		return r;
	*unlocked = true;
	return fault_object_slow(f);
}

static struct area *find_area(struct aspace *as, vaddr_t va)
{
	struct area *a = atomic_load(&as->hint, RELAXED);

	/* In the tree as long as the lock is held: area_bury clears it. */
	if (a && a->node.start <= va && va < a->node.end)
		return a;
	a = area_find(as, va);
	if (!a || a->node.start > va)
		return NULL;
	atomic_store(&as->hint, a, RELAXED);
	return a;
}

static inline __attribute__((always_inline)) int fault_once(struct aspace *as, vaddr_t va, enum fault_access access)
{
	struct fault f = { .as = as, .va = va, .access = access };
	bool unlocked = false;
	int r;

	rwlock_read_lock(&as->lock);
	f.a = find_area(as, va);
	if (unlikely(!f.a)) {
		rwlock_read_unlock(&as->lock);
		return grow_stack(as, va);
	}
	r = likely(is_allowed(f.a, access)) ? handle(&f, &unlocked) : -EACCES;
	if (!unlocked)
		rwlock_read_unlock(&as->lock);
	return r;
}

static __attribute__((noinline)) int resolve(struct aspace *as, vaddr_t addr, enum fault_access access)
{
	int r;

	do
		r = fault_once(as, ALIGN_DOWN(addr, PAGE_SIZE), access);
	while (r == RETRY);
	return r;
}

static __attribute__((noinline, cold)) int resolve_traced(struct aspace *as, vaddr_t addr, enum fault_access access)
{
	int r;

	trace(TRACE_FAULT_BEGIN, addr, access);
	r = resolve(as, addr, access);
	trace(TRACE_FAULT_END, addr, r);
	return r;
}

int mmu_fault(struct aspace *as, vaddr_t addr, enum fault_access access)
{
	if (!as || addr >= TASK_END)
		return -EFAULT;
	atomic_fetch_add(&as->nr_faults, 1u, RELAXED);
	if (trace_is_wanted(TRACE_FAULT_BEGIN))
		return resolve_traced(as, addr, access);
	return resolve(as, addr, access);
}

/* ---- text patching ------------------------------------------------------------------------------------------------------ */

/* The entry of va is a leaf with a page of this mapping alone: *alias. 0, RETRY (fault it in first) or -ENOMEM. */
static int text_own(struct fault *f, void **alias, vaddr_t addr)
{
	unsigned level, to = 0;
	pte_t v, leaf, *e = pt_lookup(f->as, f->va, &level, &v);
	paddr_t pa;

	if (!pt_is_valid(v))
		return RETRY;
	if (!(pt_flags(v) & PT_OWN)) {
		if (level > 0) {	/* an object's block: pages, from now on */
			take_out(f, e, v, level);
			return pt_make(f->as, f->va, &to) ? RETRY : -ENOMEM;
		}
		pa = copy_page(f, pt_address(v));
		if (pa == PADDR_NONE)
			return -ENOMEM;
		leaf = pt_make_leaf(pa, 0, pt_area_flags(f->a, true, true));
		/*
		 * Threads may be executing this page. No break-before-make: both are read-only (the new one is made so first) and hold the same (Arm ARM D8.14.1).
		 */
		if (!atomic_cas(e, &v, pt_with_access(leaf, 0, pt_flags(leaf) & ~PT_WRITE), RELEASE)) {
			page_put(pa);
			return RETRY;
		}
		arch_tlb_flush_range(f->as->asid, f->va, 1, PAGE_SIZE, false);
		page_put(pt_address(v));
		v = leaf;	/* an area that may be written gets that at the next write */
	}
	*alias = phys_to_virt(pt_address(v) + (addr & ((1ull << PT_SHIFT(level)) - 1)));
	return 0;
}

int aspace_text_lock(struct aspace *as, vaddr_t addr, void **kernel_alias)
{
	struct fault f = { .as = as, .va = ALIGN_DOWN(addr, PAGE_SIZE), .access = FAULT_EXEC };
	int r;

	for (;;) {
		rwlock_write_lock(&as->lock);
		f.a = find_area(as, f.va);
		f.o = f.a ? f.a->object : NULL;
		if (!f.a || !is_allowed(f.a, FAULT_EXEC))
			r = -EFAULT;
		else if (!is_private(&f) || f.a->flags & VM_KERNEL)
			r = -EPERM;
		else
			r = text_own(&f, kernel_alias, addr);
		if (!r)
			return 0;
		rwlock_write_unlock(&as->lock);
		if (r == RETRY)
			r = mmu_fault(as, addr, FAULT_EXEC);
		if (r)
			return r;
	}
}

bool aspace_text_lock_own(struct aspace *as, vaddr_t addr, void **kernel_alias)
{
	unsigned level;
	pte_t v;

	rwlock_write_lock(&as->lock);
	pt_lookup(as, addr, &level, &v);
	if (pt_is_empty(v) || !pt_is_own(v)) {
		rwlock_write_unlock(&as->lock);
		return false;
	}
	*kernel_alias = phys_to_virt(pt_address(v) + (addr & ((1ull << PT_SHIFT(level)) - 1)));
	return true;
}

void aspace_text_unlock(struct aspace *as)
{
	rwlock_write_unlock(&as->lock);
}
