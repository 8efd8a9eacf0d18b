/* SPDX-License-Identifier: MIT
 *
 * The application's page table: looking up, taking out, changing, splitting, moving. The format is <arch/pt.h>'s.
 *
 * Break-before-make (Arm ARM D8.14.1): needed where a valid entry is replaced by another valid one with a different output address or size. Here that is only the split
 * of a block: the entry is cleared, translations are invalidated, then the table is put in. (Copy on write does the same in fault.c.) Changing access bits alone is
 * done in place, and an entry that was not valid can be in no TLB.
 */
#include "mmu/aspace-priv.h"

#include <arch/tlb.h>

#include "libc/print.h"
#include "mmu/page-priv.h"

static pte_t *table_of(paddr_t pa)
{
	return phys_to_virt(pa);
}

static pte_t *entry_in(paddr_t table, vaddr_t va, unsigned level)
{
	return &table_of(table)[va >> PT_SHIFT(level) & (PT_ENTRIES - 1)];
}

/* ---- batches ------------------------------------------------------------------------------------------------------- */

void pt_batch_init(struct pt_batch *b, struct aspace *as)
{
	b->as = as;
	b->low = (vaddr_t)-1;
	b->high = 0;
	b->stride = BLOCK_SIZE;
	b->has_tables = false;
	b->nr_gone = 0;
	b->own = NO_PAGE;
	b->nr = 0;
}

static void batch_flush(struct pt_batch *b)
{
	unsigned i;

	if (b->low < b->high)
		arch_tlb_flush_range(b->as->asid, b->low, (b->high - b->low) / b->stride, b->stride, b->has_tables);
	b->low = (vaddr_t)-1;
	b->high = 0;
	b->stride = BLOCK_SIZE;
	b->has_tables = false;
	if (b->nr_gone)
		atomic_fetch_sub(&b->as->nr_resident, b->nr_gone, RELAXED);
	b->nr_gone = 0;
	page_free_chain(b->own);
	b->own = NO_PAGE;
	for (i = 0; i < b->nr; i++) {
		paddr_t pa = ALIGN_DOWN(b->item[i], PAGE_SIZE);

		switch (b->item[i] & (PAGE_SIZE - 1)) {
		case BATCH_PAGE:
			page_put(pa);
			break;
		case BATCH_BLOCK:
			page_free(pa, PAGE_ORDER_BLOCK);
			break;
		default:
			page_free(pa, 0);
			break;
		}
	}
	b->nr = 0;
}

void pt_batch_finish(struct pt_batch *b)
{
	batch_flush(b);
}

void pt_batch_note(struct pt_batch *b, vaddr_t va, uint64_t size)
{
	b->low = MIN(b->low, va);
	b->high = MAX(b->high, va + size);
	if (size < BLOCK_SIZE)
		b->stride = PAGE_SIZE;
}

static void batch_add(struct pt_batch *b, paddr_t pa, unsigned kind)
{
	if (b->nr == BATCH_MAX)
		batch_flush(b);
	b->item[b->nr++] = pa | kind;
}

/* ---- walking ------------------------------------------------------------------------------------------------------- */

pte_t *pt_lookup(struct aspace *as, vaddr_t va, unsigned *level, pte_t *found)
{
	paddr_t table = as->root;
	unsigned l = PT_TOP_LEVEL;

	for (;; l--) {
		pte_t *e = entry_in(table, va, l);
		/* acquire: a table's entries after the entry that leads to it. Pairs: pt_make */
		pte_t v = atomic_load(e, ACQUIRE);

		if (!pt_is_table(v, l)) {
			*level = l;
			*found = v;
			return e;
		}
		table = pt_address(v);
	}
}

pte_t *pt_make(struct aspace *as, vaddr_t va, unsigned *level)
{
	for (;;) {
		unsigned l;
		pte_t v, old = 0, *e = pt_lookup(as, va, &l, &v);
		paddr_t table;

		if (l <= *level || !pt_is_empty(v)) {
			*level = l;
			return e;
		}
		table = page_alloc(0, PAGE_ZERO | PAGE_RESERVE);
		if (table == PADDR_NONE)
			return NULL;
		/* release: the zeroed table before it can be walked. Pairs: pt_lookup, and the hardware's walks. Lost: another fault made one. */
		if (!atomic_cas(e, &old, pt_make_table(table), RELEASE))
			page_free(table, 0);
	}
}

bool pt_iter_find(struct pt_iter *it)
{
	while (it->va < it->end) {
		if (it->e)	/* the next one of a table of pages: it cannot become a table */
			it->v = atomic_load(it->e, RELAXED);
		else
			it->e = pt_lookup(it->as, it->va, &it->level, &it->v);
		if (!pt_is_empty(it->v))
			return true;
		pt_iter_step(it);
	}
	return false;
}

uint64_t pt_count(struct aspace *as, vaddr_t start, vaddr_t end)
{
	struct pt_iter it = PT_ITER(as, start, end);
	uint64_t n = 0;

	for (; pt_iter_find(&it); pt_iter_step(&it))
		n += 1ull << (PT_SHIFT(it.level) - PAGE_SHIFT);
	return n;
}

/* ---- taking out ---------------------------------------------------------------------------------------------------- */

/*
 * Take out the leaf that was found; whoever does so owns the page. False: it has changed since, perhaps into a table: pt_iter_find() looks again. acquire: what was done to
 * the page before it was mapped. Pairs: install() in fault.c
 */
static bool iter_take(struct pt_iter *it)
{
	pte_t v = it->v;

	if (likely(atomic_cas(it->e, &v, 0, ACQUIRE)))
		return true;
	it->e = NULL;
	return false;
}

/* The leaf v at va has been taken out: its page and translation go with the batch. */
static void drop_leaf(struct pt_batch *b, pte_t v, vaddr_t va, unsigned level)
{
	uint64_t size = 1ull << PT_SHIFT(level);

	if (pt_is_valid(v))
		pt_batch_note(b, ALIGN_DOWN(va, size), size);
	b->nr_gone += size >> PAGE_SHIFT;
	if (level == 0 && pt_is_own(v) && page_chain(&b->own, pt_address(v)))
		return;
	if (level == 0)
		batch_add(b, pt_address(v), BATCH_PAGE);
	else if (pt_is_own(v))
		batch_add(b, pt_address(v), BATCH_BLOCK);
}

void pt_unmap(struct pt_batch *b, vaddr_t start, vaddr_t end)
{
	struct pt_iter it = PT_ITER(b->as, start, end);

	while (pt_iter_find(&it)) {
		if (!iter_take(&it))
			continue;
		drop_leaf(b, it.v, it.va, it.level);
		pt_iter_step(&it);
	}
}

void pt_unmap_foreign(struct pt_batch *b, vaddr_t start, vaddr_t end)
{
	struct pt_iter it = PT_ITER(b->as, start, end);

	while (pt_iter_find(&it)) {
		if (!pt_is_own(it.v)) {
			if (!iter_take(&it))
				continue;
			drop_leaf(b, it.v, it.va, it.level);
		}
		pt_iter_step(&it);
	}
}

static void collect(struct pt_batch *b, paddr_t table, unsigned level, vaddr_t start, vaddr_t end, vaddr_t floor, vaddr_t ceiling)
{
	uint64_t size = 1ull << PT_SHIFT(level);
	vaddr_t va;

	for (va = ALIGN_DOWN(start, size); va < end; va += size) {
		pte_t *e = entry_in(table, va, level);

		pte_t v = atomic_load(e, RELAXED);
		paddr_t pa = pt_address(v);

		if (!pt_is_table(v, level))
			continue;
		if (level > 1)
			collect(b, pa, level - 1, MAX(va, start), MIN(va + size, end), floor, ceiling);
		if (va >= floor && va + size <= ceiling) {
			atomic_store(e, 0, RELAXED);
			b->has_tables = true;
			pt_batch_note(b, MAX(va, start), PAGE_SIZE);	/* one address in it is enough to drop the walk */
			batch_add(b, pa, BATCH_TABLE);
		}
	}
}

/*
 * All leaves between floor and ceiling are gone. A table is invalidated by one address within it; batch_flush() covers every page between the lowest and the highest.
 */
void pt_collect(struct pt_batch *b, vaddr_t start, vaddr_t end, vaddr_t floor, vaddr_t ceiling)
{
	vaddr_t first = ALIGN_DOWN(start, BLOCK_SIZE), last = ALIGN_DOWN(end - 1, BLOCK_SIZE);

	/* The usual small case: the blocks at both ends are the neighbours' too, and nothing lies between. */
	if (last - first <= BLOCK_SIZE && (first < floor || first + BLOCK_SIZE > ceiling) && (last < floor || last + BLOCK_SIZE > ceiling))
		return;
	collect(b, b->as->root, PT_TOP_LEVEL, start, end, floor, ceiling);
}

/* ---- changing ------------------------------------------------------------------------------------------------------ */

unsigned pt_area_flags(const struct area *a, bool is_own, bool is_alone)
{
	unsigned f = PT_USER | (is_own ? PT_OWN : 0);

	if (!(a->prot & VM_PROT_MASK))
		return f | PT_NONE;
	if (a->prot & VM_EXEC)
		f |= PT_EXEC;
	if (a->prot & VM_WRITE && is_own && is_alone)
		f |= PT_WRITE;
	return f;
}

/* What the leaves of an area get; the question that depends on the leaf is whether it may be written. */
struct access {
	struct area *a;
	unsigned flags;			/* PT_*, without PT_WRITE */
	bool can_write;			/* the area may be written */
};

static bool may_write(const struct access *x, pte_t v, unsigned level)
{
	/* A shared page that was writable has been told to its object; it may stay so. A page of our own that was, was ours alone. */
	if (pt_is_writable(v) && (pt_is_own(v) || x->a->flags & VM_SHARED))
		return true;
	return pt_is_own(v) && (level > 0 || !x->a->as->has_forked || page_count(pt_address(v)) == 1);
}

/* The leaves of one table, n of them. */
static void protect_pages(struct pt_batch *b, const struct access *x, pte_t *e, vaddr_t va, unsigned n)
{
	const pte_t ro = pt_access_bits(0, x->flags), rw = pt_access_bits(0, x->flags | PT_WRITE);
	const bool can_write = x->can_write, is_alone = !x->a->object;
	vaddr_t low = 0, high = 0;

	for (; n; n--, e++, va += PAGE_SIZE) {
		pte_t v = atomic_load(e, RELAXED), leaf;

		if (pt_is_empty(v))
			continue;
		leaf = pt_replace_access(v, can_write && may_write(x, v, 0) ? rw : ro);
		if (leaf == v)
			continue;
		/* With the lock held for writing only vm_object_unmap() competes: if it wins the page is gone. */
		if (likely(is_alone)) {
			atomic_store(e, leaf, RELAXED);
		} else {
			pte_t expected = v;

			if (!atomic_cas(e, &expected, leaf, RELAXED))
				continue;
		}
		if (pt_is_valid(v)) {
			low = high ? low : va;
			high = va + PAGE_SIZE;
		}
	}
	if (high)
		pt_batch_note(b, low, high - low);
}

/* With the lock held for writing only vm_object_unmap() competes: who loses against it has nothing left to do. */
static void protect_block(struct pt_batch *b, const struct access *x, struct pt_iter *it, vaddr_t start, vaddr_t end)
{
	uint64_t size = 1ull << PT_SHIFT(it->level);
	vaddr_t va = ALIGN_DOWN(it->va, size);
	pte_t v = it->v, leaf;

	if (!pt_is_own(v) && (va < start || va + size > end)) {
		if (iter_take(it))	/* part of an object's block: comes again as pages */
			drop_leaf(b, v, it->va, it->level);
		return;
	}
	leaf = pt_with_access(v, it->level, x->flags | (x->can_write && may_write(x, v, it->level) ? PT_WRITE : 0));
	if (leaf != v && atomic_cas(it->e, &v, leaf, RELAXED) && pt_is_valid(v))
		pt_batch_note(b, va, size);
}

void pt_protect(struct pt_batch *b, struct area *a, vaddr_t start, vaddr_t end)
{
	const struct access x = { .a = a, .flags = pt_area_flags(a, false, false), .can_write = a->prot & VM_WRITE };
	struct pt_iter it = PT_ITER(b->as, start, end);

	while (pt_iter_find(&it)) {
		if (it.level == 0) {
			vaddr_t stop = MIN(end, ALIGN_DOWN(it.va, BLOCK_SIZE) + BLOCK_SIZE);

			protect_pages(b, &x, it.e, it.va, (unsigned)((stop - it.va) >> PAGE_SHIFT));
			it.va = stop;
			it.e = NULL;
		} else {
			protect_block(b, &x, &it, start, end);
			pt_iter_step(&it);
		}
	}
}

int pt_split(struct aspace *as, vaddr_t va)
{
	unsigned level, i;
	pte_t v, *e = pt_lookup(as, va, &level, &v), *t;
	paddr_t table;

	if (level == 0 || pt_is_empty(v) || !(pt_flags(v) & PT_OWN) || IS_ALIGNED(va, BLOCK_SIZE))
		return 0;
	table = page_alloc(0, 0);
	if (table == PADDR_NONE)
		return -ENOMEM;
	page_split(pt_address(v), PAGE_ORDER_BLOCK);
	t = table_of(table);
	for (i = 0; i < PT_ENTRIES; i++)
		t[i] = pt_make_leaf(pt_address(v) + i * PAGE_SIZE, 0, pt_flags(v));
	atomic_store(e, 0, RELAXED);
	if (pt_is_valid(v))
		arch_tlb_flush_range(as->asid, ALIGN_DOWN(va, BLOCK_SIZE), 1, BLOCK_SIZE, false);
	/* release: the entries before the table can be walked. Pairs: pt_lookup */
	atomic_store(e, pt_make_table(table), RELEASE);
	return 0;
}

/* ---- moving -------------------------------------------------------------------------------------------------------- */

/*
 * Move the leaf at *it to the address to. -ENOMEM; -EAGAIN: the leaf is a block and a table (an empty one) is in its way.
 *
 * The application can count on nothing at the old addresses until mremap(2) returns, so their translations may go with the batch, after the new ones are in.
 */
static int move_leaf(struct pt_batch *b, struct pt_iter *it, vaddr_t to)
{
	unsigned level = it->level;
	pte_t *e = pt_make(b->as, to, &level), v;

	if (!e)
		return -ENOMEM;
	if (level != it->level)
		return -EAGAIN;
	v = atomic_exchange(it->e, 0, ACQUIRE);
	if (pt_is_valid(v))
		pt_batch_note(b, it->va, 1ull << PT_SHIFT(it->level));
	atomic_store(e, v, RELEASE);
	return 0;
}

static int move_range(struct pt_batch *b, vaddr_t from, vaddr_t to, uint64_t len)
{
	struct pt_iter it = PT_ITER(b->as, from, from + len);

	while (pt_iter_find(&it)) {
		int r;

		if (it.level > 0 && !pt_is_own(it.v)) {	/* an object's block: faults in again */
			if (!iter_take(&it))
				continue;
			drop_leaf(b, it.v, it.va, it.level);
			pt_iter_step(&it);
			continue;
		}
		r = it.level == 0 || IS_ALIGNED(from - to, BLOCK_SIZE) ? move_leaf(b, &it, to + (it.va - from)) : -EAGAIN;
		if (r == -EAGAIN) {	/* any page of the block but the first makes pt_split() do it */
			r = pt_split(b->as, it.va + PAGE_SIZE);
			it.e = NULL;
		} else if (r == 0) {
			pt_iter_step(&it);
		}
		if (r)
			return r;
	}
	return 0;
}

int pt_prepare_move(struct aspace *as, vaddr_t from, vaddr_t to, uint64_t len)
{
	struct pt_iter it = PT_ITER(as, from, from + len);

	for (; pt_iter_find(&it); pt_iter_step(&it)) {
		unsigned level = 0;

		if (it.level == 0 && !pt_make(as, to + (it.va - from), &level))
			return -ENOMEM;
	}
	return 0;
}

int pt_move(struct pt_batch *b, vaddr_t from, vaddr_t to, uint64_t len)
{
	if (move_range(b, from, to, len) == 0)
		return 0;
	/* Back again: every table and entry on the way back still exists. */
	if (move_range(b, to, from, len))
		panic("pt_move: cannot go back from %lx to %lx", (unsigned long)to, (unsigned long)from);
	return -ENOMEM;
}

void pt_destroy(struct aspace *as)
{
	struct pt_batch b;

	pt_batch_init(&b, as);
	pt_unmap(&b, 0, USER_TOP);
	pt_collect(&b, 0, USER_TOP, 0, USER_TOP);
	pt_batch_finish(&b);
}
