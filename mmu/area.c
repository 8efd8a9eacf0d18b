/* SPDX-License-Identifier: MIT
 *
 * Areas: making, splitting, joining, taking away, finding room. All under aspace.lock for writing.
 *
 * A reference to an object may only be dropped with no lock held (its last one may need the file system's locks, which can be held around a fault), so areas that go are
 * collected and buried by the caller at the end.
 */
#include "mmu/aspace-priv.h"

#include "libc/print.h"
#include "mmu/heap.h"

uint32_t aspace_max_areas = MAX_AREAS;

struct area *area_alloc(struct aspace *as)
{
	struct area *a;

	if (as->tree.nr >= MIN(READ_ONCE(aspace_max_areas), MAX_AREAS))
		return NULL;
	a = kmalloc(sizeof(*a));
	if (a)
		a->as = as;
	return a;
}

void area_insert(struct area *a)
{
	a->node.guard = a->flags & VM_GROWSDOWN ? STACK_GUARD : 0;
	if (a->object && (a->flags & VM_SHARED))
		atomic_store(&a->as->has_shared, true, RELAXED);
	area_tree_insert(&a->as->tree, &a->node);
	a->as->nr_virtual += (a->node.end - a->node.start) >> PAGE_SHIFT;
	object_link(a);
}

void area_bury(struct area *a, struct area_graves *g)
{
	object_unlink(a);
	area_tree_remove(&a->as->tree, &a->node);
	a->as->nr_virtual -= (a->node.end - a->node.start) >> PAGE_SHIFT;
	if (a->as->hint == a)
		a->as->hint = NULL;
	if (a->object) {
		a->object_next = g->first;
		g->first = a;
	} else {
		kfree(a);
	}
}

void area_graves_empty(struct area_graves *g)
{
	struct area *a, *next;

	for (a = g->first; a; a = next) {
		next = a->object_next;
		a->object->ops->unref(a->object);
		kfree(a);
	}
	g->first = NULL;
}

void area_resize(struct area *a, vaddr_t start, vaddr_t end)
{
	a->as->nr_virtual += (end - start) >> PAGE_SHIFT;
	a->as->nr_virtual -= (a->node.end - a->node.start) >> PAGE_SHIFT;
	object_lock(a);
	a->off += start - a->node.start;
	a->node.start = start;
	a->node.end = end;
	object_unlock(a);
	area_tree_update(&a->as->tree, &a->node);
}

/* The part of a from addr on becomes an area of its own. */
static int split_area(struct area *a, vaddr_t addr)
{
	struct area *b = area_alloc(a->as);
	vaddr_t end = a->node.end;

	if (!b)
		return -ENOMEM;
	b->prot = a->prot;
	b->flags = a->flags;
	b->max_prot = a->max_prot;
	b->object = a->object;
	b->name = a->name;
	b->off = a->off + (addr - a->node.start);
	b->node.start = addr;
	b->node.end = end;
	if (b->object)
		b->object->ops->ref(b->object);
	/*
	 * Between the two steps pages of b are on no list of the object: vm_object_unmap() then would miss them. So b is linked before a gives them up; seeing a page
	 * through both does no harm.
	 */
	object_link(b);
	a->as->nr_virtual -= (end - addr) >> PAGE_SHIFT;
	object_lock(a);
	a->node.end = addr;
	object_unlock(a);
	area_tree_update(&a->as->tree, &a->node);
	b->node.guard = b->flags & VM_GROWSDOWN ? STACK_GUARD : 0;
	area_tree_insert(&a->as->tree, &b->node);
	a->as->nr_virtual += (end - addr) >> PAGE_SHIFT;
	return 0;
}

int area_split(struct area *a, vaddr_t addr)
{
	if (!a || a->node.start >= addr || a->node.end <= addr)
		return 0;
	if (pt_split(a->as, addr))
		return -ENOMEM;
	return split_area(a, addr);
}

static bool can_merge(const struct area *a, const struct area *b)
{
	return a->node.end == b->node.start && a->prot == b->prot && a->flags == b->flags && a->max_prot == b->max_prot &&
	       a->object == b->object && a->name == b->name && !(a->flags & VM_GROWSDOWN) &&
	       (!a->object || a->off + (a->node.end - a->node.start) == b->off);
}

/* b, right of a, becomes part of a. a grows before b leaves the object's list: see split_area. */
static void absorb(struct area *a, struct area *b, struct area_graves *g)
{
	vaddr_t end = b->node.end;

	object_lock(a);
	a->node.end = end;	/* the tree's sums are put right below: b lies between and goes first */
	object_unlock(a);
	a->as->nr_virtual += (end - b->node.start) >> PAGE_SHIFT;
	area_bury(b, g);
	area_tree_update(&a->as->tree, &a->node);
}

void area_merge(struct area *a, struct area_graves *g)
{
	struct area *p = area_prev(a), *n = area_next(a);

	if (n && can_merge(a, n))
		absorb(a, n, g);
	if (p && can_merge(p, a))
		absorb(p, a, g);
}

/*
 * Make ready what can fail before [start, end) is taken away, first being the first area in it. Areas are split only where one spans the whole range: at its ends they are
 * shortened.
 */
static int prepare_unmap(struct area *first, vaddr_t start, vaddr_t end)
{
	struct area *a, *last = first;

	for (a = first; a && a->node.start < end; last = a, a = area_next(a)) {
		if (a->flags & VM_KERNEL)
			return -EPERM;
	}
	a = first;
	if ((a->node.start < start && pt_split(a->as, start)) || (last->node.end > end && pt_split(a->as, end)))
		return -ENOMEM;
	return a == last && a->node.start < start && a->node.end > end ? split_area(a, end) : 0;
}

int area_unmap(struct aspace *as, vaddr_t start, vaddr_t end, struct area_graves *g)
{
	struct area *a = area_find(as, start), *next;
	vaddr_t floor;
	struct pt_batch b;
	int r;

	if (!a || a->node.start >= end)
		return 0;
	r = prepare_unmap(a, start, end);
	if (r)
		return r;
	pt_batch_init(&b, as);
	floor = a->node.start < start ? start : a->node.prev ? a->node.prev->end : 0;
	for (; a && a->node.start < end; a = next) {
		vaddr_t from = a->node.start, to = a->node.end;

		/* Areas leave their object's list, or shrink, before tables go: vm_object_unmap() has no business there then. */
		next = area_next(a);
		if (from < start) {
			area_resize(a, from, start);
			pt_unmap(&b, start, MIN(end, to));
		} else if (to > end) {
			area_resize(a, end, to);
			pt_unmap(&b, from, end);
			break;		/* a is what comes next */
		} else {
			area_bury(a, g);
			pt_unmap(&b, from, to);
		}
	}
	pt_collect(&b, start, end, floor, a ? a->node.start : USER_TOP);
	pt_batch_finish(&b);
	return 0;
}

bool area_can_commit(uint64_t len, unsigned prot, unsigned flags, const struct vm_object *o)
{
	struct page_stats s;

	if (flags & VM_NORESERVE || !(prot & VM_WRITE) || (o && flags & VM_SHARED) || len < BLOCK_SIZE)
		return true;
	page_stats(&s);
	return len <= s.total_bytes || READ_ONCE(aspace_commits_all);
}

vaddr_t area_place(struct aspace *as, uint64_t len, const struct vm_object *o)
{
	vaddr_t at = 0;

	if (len >= BLOCK_SIZE && (!o || o->ops->get_block))
		at = area_tree_find_gap(&as->tree, len, BLOCK_SIZE, MAP_LOWEST, as->mmap_base);
	if (!at)
		at = area_tree_find_gap(&as->tree, len, PAGE_SIZE, MAP_LOWEST, as->mmap_base);
	if (!at)	/* below is full: above, as Linux falls back to bottom-up */
		at = area_tree_find_gap(&as->tree, len, PAGE_SIZE, MAP_LOWEST, TASK_END);
	return at;
}
