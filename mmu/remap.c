/* SPDX-License-Identifier: MIT
 *
 * mremap(2): shrink, grow in place, move by moving page-table entries.
 */
#include "mmu/aspace-priv.h"

#include "libc/string.h"
#include "mmu/heap.h"

#define MREMAP_MAYMOVE		1u
#define MREMAP_FIXED		2u
#define MREMAP_DONTUNMAP	4u

struct remap {
	struct aspace *as;
	vaddr_t from;
	uint64_t from_len, to_len;	/* whole pages */
	unsigned flags;
	vaddr_t to;			/* MREMAP_FIXED, or a hint with DONTUNMAP */
	bool is_locked;			/* what is added must be made present */
};

static int check(const struct remap *m)
{
	if (m->flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || !IS_ALIGNED(m->from, PAGE_SIZE) || !m->to_len)
		return -EINVAL;
	if (m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(m->flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (m->flags & MREMAP_DONTUNMAP && m->from_len != m->to_len)
		return -EINVAL;
	if (m->from > TASK_END || m->from_len > TASK_END - m->from)
		return -EFAULT;
	if (m->flags & MREMAP_FIXED) {
		if (!IS_ALIGNED(m->to, PAGE_SIZE) || m->to_len > TASK_END || m->to > TASK_END - m->to_len)
			return -EINVAL;
		if (m->to < PAGE_SIZE)
			return -EPERM;
		if (m->from < m->to + m->to_len && m->to < m->from + m->from_len)
			return -EINVAL;
	}
	return 0;
}

/* An area like a, for [start, start + len), of which the first bytes show off. Takes a reference to the object. */
static struct area *clone_area(const struct area *a, vaddr_t start, uint64_t len, uint64_t off)
{
	struct area *n = area_alloc(a->as);

	if (!n)
		return NULL;
	n->prot = a->prot;
	n->flags = a->flags;
	n->max_prot = a->max_prot;
	n->name = a->name;
	n->object = a->object;
	n->off = off;
	n->node.start = start;
	n->node.end = start + len;
	if (n->object)
		n->object->ops->ref(n->object);
	return n;
}

/* After the entries have moved: the old place goes, or (DONTUNMAP) stays empty. */
static void leave_old(struct remap *m, struct area_graves *g)
{
	struct pt_batch b;

	if (m->flags & MREMAP_DONTUNMAP) {
		area_find(m->as, m->from)->flags &= ~VM_LOCK_MASK;
		return;
	}
	/* Nothing here can fail: the ends were split. */
	if (area_unmap(m->as, m->from, m->from + m->from_len, g)) {
		pt_batch_init(&b, m->as);
		pt_unmap(&b, m->from, m->from + m->from_len);
		pt_batch_finish(&b);
	}
}

static int move(struct remap *m, struct area *a, vaddr_t to, struct area_graves *g)
{
	uint64_t off = a->object ? a->off + (m->from - a->node.start) : 0;
	struct area *n = clone_area(a, to, m->to_len, off);
	struct pt_batch b;
	int r;

	if (!n)
		return -ENOMEM;
	area_insert(n);
	pt_batch_init(&b, m->as);
	/*
	 * With the object's lock held, vm_object_unmap() sees a page at one place or the other, not in between. No memory may be asked for then: a shrinker could want that
	 * lock. So the tables are made before.
	 */
	if (n->object && pt_prepare_move(m->as, m->from, to, MIN(m->from_len, m->to_len))) {
		area_bury(n, g);
		return -ENOMEM;
	}
	object_lock(n);
	r = pt_move(&b, m->from, to, MIN(m->from_len, m->to_len));
	object_unlock(n);
	pt_batch_finish(&b);
	if (r) {
		area_bury(n, g);
		return r;
	}
	leave_old(m, g);
	area_merge(n, g);
	return 0;
}

/* Where it goes; room is made there. */
static int choose(struct remap *m, struct area *a, vaddr_t *to, struct area_graves *g)
{
	if (m->flags & MREMAP_FIXED) {
		*to = m->to;
		return area_unmap(m->as, m->to, m->to + m->to_len, g);
	}
	*to = area_place(m->as, m->to_len, a->object);
	return *to ? 0 : -ENOMEM;
}

/* old_len 0: a second mapping of shared memory. */
static int duplicate(struct remap *m, struct area *a, vaddr_t *out, struct area_graves *g)
{
	struct area *n;
	vaddr_t to;
	int r;

	if (!(a->flags & VM_SHARED))
		return -EINVAL;
	if (!(m->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	if (area_is_limited(m->as, a->flags)) {
		r = area_check_limits(m->as, a->prot, a->flags, m->to_len, 0, 0);
		if (r)
			return r;
	}
	r = choose(m, a, &to, g);
	if (r)
		return r;
	a = area_find(m->as, m->from);
	n = clone_area(a, to, m->to_len, a->object ? a->off + (m->from - a->node.start) : 0);
	if (!n)
		return -ENOMEM;
	area_insert(n);
	*out = to;
	return 0;
}

static bool grow_in_place(struct remap *m, struct area *a, struct area_graves *g)
{
	vaddr_t end = a->node.end, to = m->from + m->to_len;

	if (m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) || m->from + m->from_len != end || to > TASK_END || to < end ||
	    !area_tree_is_free(&m->as->tree, end, to))
		return false;
	area_resize(a, a->node.start, to);
	area_merge(a, g);
	return true;
}

static int remap_locked(struct remap *m, vaddr_t *out, struct area_graves *g)
{
	struct area *a = area_find(m->as, m->from);
	vaddr_t to;
	int r;

	if (!a || a->node.start > m->from)
		return -EFAULT;
	if (a->flags & VM_KERNEL)
		return -EINVAL;
	if (!m->from_len)
		return duplicate(m, a, out, g);
	if (m->from_len > a->node.end - m->from)
		return -EFAULT;
	if (a->object && a->off + (m->from - a->node.start) + m->to_len < a->off)
		return -EINVAL;
	*out = m->from;
	if (m->to_len < m->from_len) {
		r = area_unmap(m->as, m->from + m->to_len, m->from + m->from_len, g);
		if (r)
			return r;
		m->from_len = m->to_len;
		a = area_find(m->as, m->from);
	}
	if (m->to_len == m->from_len && !(m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)))
		return 0;
	if (m->to_len > m->from_len && !area_can_commit(m->to_len - m->from_len, a->prot, a->flags, a->object))
		return -ENOMEM;
	if (m->to_len > m->from_len && area_is_limited(m->as, a->flags)) {
		r = area_check_limits(m->as, a->prot, a->flags, m->to_len - m->from_len, 0, 0);
		if (r)
			return r;
		m->is_locked = a->flags & VM_LOCKED;
	}
	if (grow_in_place(m, a, g))
		return 0;
	if (!(m->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	if (m->flags & MREMAP_DONTUNMAP && area_is_limited(m->as, a->flags)) {
		r = area_check_limits(m->as, a->prot, a->flags & ~VM_LOCK_MASK, m->from_len, 0, 0);
		if (r)
			return r;
	}
	r = choose(m, a, &to, g);
	if (!r)
		r = area_split(area_find(m->as, m->from), m->from);
	if (!r)
		r = area_split(area_find(m->as, m->from), m->from + m->from_len);
	if (!r)
		r = move(m, area_find(m->as, m->from), to, g);
	if (!r)
		*out = to;
	return r;
}

int aspace_remap(struct aspace *as, vaddr_t old, size_t old_len, size_t new_len, unsigned flags, vaddr_t new_addr, vaddr_t *out)
{
	struct remap m = { as, old, ALIGN_UP(old_len, PAGE_SIZE), ALIGN_UP(new_len, PAGE_SIZE), flags, new_addr, false };
	struct area_graves g = { NULL };
	int r;

	if (old_len > USER_TOP || new_len > USER_TOP)
		return -EINVAL;
	r = check(&m);
	if (r)
		return r;
	rwlock_write_lock(&as->lock);
	r = remap_locked(&m, out, &g);
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	if (!r && m.is_locked)
		(void)aspace_fill_locked(as, *out + m.from_len, *out + m.to_len, true);
	return r;
}
