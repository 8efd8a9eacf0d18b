/* SPDX-License-Identifier: MIT
 *
 * madvise(2), msync(2), mincore(2): what is done to ranges without changing which areas exist (but for flags).
 */
#include "mmu/aspace-priv.h"

#include "mmu/fault.h"

/* Linux numbers (uapi asm-generic/mman-common.h). */
enum {
	MADV_NORMAL = 0, MADV_RANDOM = 1, MADV_SEQUENTIAL = 2, MADV_WILLNEED = 3, MADV_DONTNEED = 4, MADV_FREE = 8, MADV_REMOVE = 9,
	MADV_DONTFORK = 10, MADV_DOFORK = 11, MADV_MERGEABLE = 12, MADV_UNMERGEABLE = 13, MADV_HUGEPAGE = 14, MADV_NOHUGEPAGE = 15,
	MADV_DONTDUMP = 16, MADV_DODUMP = 17, MADV_WIPEONFORK = 18, MADV_KEEPONFORK = 19, MADV_COLD = 20, MADV_PAGEOUT = 21,
	MADV_POPULATE_READ = 22, MADV_POPULATE_WRITE = 23, MADV_DONTNEED_LOCKED = 24,
};

#define MS_ASYNC	1
#define MS_INVALIDATE	2
#define MS_SYNC		4

/* Whether all of [start, end) is mapped. */
static bool is_mapped(struct aspace *as, vaddr_t start, vaddr_t end)
{
	struct area *a;

	for (a = area_find(as, start); a && a->node.start <= start; a = area_next(a)) {
		start = a->node.end;
		if (start >= end)
			return true;
	}
	return false;
}

/* Drop pages: anonymous memory reads as zero again, objects' pages come back from the object. Holes are passed over, and told at the end. */
static int drop(struct aspace *as, vaddr_t start, vaddr_t end, bool anonymous_only, bool locked_too)
{
	struct area_graves g = { NULL };
	struct pt_batch b;
	struct area *a;
	int r = 0;

	rwlock_write_lock(&as->lock);
	for (a = area_find(as, start); a && a->node.start < end; a = area_next(a)) {
		if (a->flags & VM_KERNEL || (anonymous_only && a->object) || (a->flags & VM_LOCKED && !locked_too))
			r = -EINVAL;
	}
	if (!r && (pt_split(as, start) || pt_split(as, end)))
		r = -ENOMEM;
	if (r)
		goto out;
	pt_batch_init(&b, as);
	for (a = area_find(as, start); a && a->node.start < end; a = area_next(a))
		pt_unmap(&b, MAX(start, a->node.start), MIN(end, a->node.end));
	pt_batch_finish(&b);
	r = is_mapped(as, start, end) ? 0 : -ENOMEM;
out:
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	return r;
}

static int set_flags(struct aspace *as, vaddr_t start, vaddr_t end, unsigned set, unsigned clear)
{
	struct area_graves g = { NULL };
	struct area *a;
	vaddr_t at;
	int r;

	rwlock_write_lock(&as->lock);
	r = is_mapped(as, start, end) ? 0 : -ENOMEM;
	if (!r)
		r = area_split(area_find(as, start), start);
	if (!r)
		r = area_split(area_find(as, end - 1), end);
	if (r)
		goto out;
	for (a = area_find(as, start); a && a->node.start < end; a = area_next(a)) {
		if (!(a->flags & VM_KERNEL))
			a->flags = (a->flags & ~clear) | set;
	}
	for (at = start; at < end; at = area_find(as, at)->node.end)
		area_merge(area_find(as, at), &g);
out:
	rwlock_write_unlock(&as->lock);
	area_graves_empty(&g);
	return r;
}

/* All of it mapped, else -ENOMEM; and no part of it locked, else if_locked. */
static int check_mapped(struct aspace *as, vaddr_t start, vaddr_t end, int if_locked)
{
	int r;

	rwlock_read_lock(&as->lock);
	r = is_mapped(as, start, end) ? 0 : -ENOMEM;
	for (struct area *a = area_find(as, start); if_locked && a && a->node.start < end; a = area_next(a)) {
		if (a->flags & VM_LOCKED)
			r = if_locked;
	}
	rwlock_read_unlock(&as->lock);
	return r;
}

int aspace_set_policy(struct aspace *as, vaddr_t start, vaddr_t end, unsigned policy)
{
	int r = check_mapped(as, start, end, 0);

	return r ? -EFAULT : set_flags(as, start, end, policy, VM_POLICY_MASK);
}

/* MADV_POPULATE_*: -EFAULT where a fault would be SIGBUS, -EINVAL where the protection forbids it, -ENOMEM for a hole. */
static int populate(struct aspace *as, vaddr_t start, vaddr_t end, enum fault_access access)
{
	vaddr_t va;

	for (va = start; va < end && !is_ending(); va += PAGE_SIZE) {
		if (page_reserve_is_used())
			return -ENOMEM;
		switch (mmu_fault(as, va, access)) {
		case 0:
			break;
		case -EACCES:
			return -EINVAL;
		case -EFAULT:
		case -ENOMEM:
			return -ENOMEM;
		default:
			return -EFAULT;
		}
	}
	return 0;
}

static bool is_advice_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) || (advice >= MADV_FREE && advice <= MADV_DONTNEED_LOCKED);
}

int aspace_advise(struct aspace *as, vaddr_t addr, size_t len, int advice)
{
	uint64_t size = ALIGN_UP(len, PAGE_SIZE);
	vaddr_t end = addr + size;

	if (!is_advice_known(advice) || !IS_ALIGNED(addr, PAGE_SIZE) || (len && !size) || end < addr)
		return -EINVAL;
	if (!size)
		return 0;
	if (end > TASK_END)
		return -ENOMEM;
	switch (advice) {
	case MADV_DONTNEED:
		return drop(as, addr, end, false, false);
	case MADV_DONTNEED_LOCKED:
		return drop(as, addr, end, false, true);
	case MADV_FREE:		/* "may free": does so at once */
		return drop(as, addr, end, true, false);
	case MADV_REMOVE:	/* no object can punch holes through a mapping yet */
		return -EINVAL;
	case MADV_DONTFORK:
		return set_flags(as, addr, end, VM_DONTFORK, 0);
	case MADV_DOFORK:
		return set_flags(as, addr, end, 0, VM_DONTFORK);
	case MADV_HUGEPAGE:
		return set_flags(as, addr, end, VM_HUGE, VM_NOHUGE);
	case MADV_NOHUGEPAGE:
		return set_flags(as, addr, end, VM_NOHUGE, VM_HUGE);
	case MADV_WIPEONFORK:
		return set_flags(as, addr, end, VM_WIPEONFORK, 0);
	case MADV_KEEPONFORK:
		return set_flags(as, addr, end, 0, VM_WIPEONFORK);
	case MADV_POPULATE_READ:
		return populate(as, addr, end, FAULT_READ);
	case MADV_POPULATE_WRITE:
		return populate(as, addr, end, FAULT_WRITE);
	default:		/* hints about access, merging, dumps, reclaim: nothing to do */
		return check_mapped(as, addr, end, advice == MADV_COLD || advice == MADV_PAGEOUT ? -EINVAL : 0);
	}
}

/* Shared pages are the object's own: what was written is there. */
int aspace_sync(struct aspace *as, vaddr_t addr, size_t len, int flags)
{
	uint64_t size = ALIGN_UP(len, PAGE_SIZE);

	if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || (flags & MS_ASYNC && flags & MS_SYNC) || !IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if ((len && !size) || addr + size < addr || addr + size > TASK_END)
		return -ENOMEM;
	return size ? check_mapped(as, addr, addr + size, flags & MS_INVALIDATE ? -EBUSY : 0) : 0;
}

/* A page of an object that could be mapped at once counts as present, as the page cache does on Linux. */
static bool is_cached(struct area *a, vaddr_t va)
{
	paddr_t pa;

	if (!a->object || !a->object->ops->get_cached || !a->object->ops->get_cached(a->object, area_index(a, va), 1, &pa) || pa == PADDR_NONE)
		return false;
	page_put(pa);
	return true;
}

int aspace_mincore(struct aspace *as, vaddr_t addr, size_t len, uint8_t *vec)
{
	uint64_t size = ALIGN_UP(len, PAGE_SIZE);
	struct area *a;
	vaddr_t va;
	int r = 0;

	if (!IS_ALIGNED(addr, PAGE_SIZE))
		return -EINVAL;
	if ((len && !size) || addr + size < addr || addr + size > TASK_END)
		return -ENOMEM;
	rwlock_read_lock(&as->lock);
	if (size && !is_mapped(as, addr, addr + size)) {
		r = -ENOMEM;
		goto out;
	}
	a = area_find(as, addr);
	for (va = addr; va < addr + size; va += PAGE_SIZE) {
		unsigned level;
		pte_t v;

		while (a->node.end <= va)
			a = area_next(a);
		pt_lookup(as, va, &level, &v);
		*vec++ = !pt_is_empty(v) || is_cached(a, va);
	}
out:
	rwlock_read_unlock(&as->lock);
	return r;
}
