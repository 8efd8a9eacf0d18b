/* SPDX-License-Identifier: MIT
 *
 * Looking at an address space: /proc, crash reports.
 */
#include "mmu/aspace-priv.h"

static void fill(struct aspace *as, const struct area *a, struct vm_area_info *out, bool with_rss)
{
	*out = (struct vm_area_info){
		.start = a->node.start, .end = a->node.end, .prot = a->prot, .flags = a->flags, .off = a->off, .name = a->name, .object = a->object,
	};
	if (with_rss)
		out->rss_bytes = pt_count(as, a->node.start, a->node.end) << PAGE_SHIFT;
}

void aspace_for_each(struct aspace *as, bool (*fn)(const struct vm_area_info *info, void *arg), void *arg)
{
	struct vm_area_info info;
	struct area *a;

	rwlock_read_lock(&as->lock);
	for (a = area_of(as->tree.first); a; a = area_next(a)) {
		fill(as, a, &info, true);
		if (!fn(&info, arg))
			break;
	}
	rwlock_read_unlock(&as->lock);
}

/* As rwlock_read_lock, but never waits (see the word in sched/sync.h). */
static bool try_read_lock(struct rwlock *l)
{
	uint32_t word = atomic_load(&l->word, RELAXED);

	while (!(word & RWLOCK_WRITER)) {
		/* acquire: what writers did before. Pairs: rwlock_write_unlock */
		if (atomic_cas(&l->word, &word, word + 1, ACQUIRE))
			return true;
	}
	return false;
}

static bool find_and_unlock(struct aspace *as, vaddr_t addr, struct vm_area_info *out)
{
	struct area *a = area_find(as, addr);
	bool found = a && a->node.start <= addr;

	if (found)
		fill(as, a, out, false);
	rwlock_read_unlock(&as->lock);
	return found;
}

bool aspace_find(struct aspace *as, vaddr_t addr, struct vm_area_info *out)
{
	return try_read_lock(&as->lock) && find_and_unlock(as, addr, out);
}

bool aspace_lookup(struct aspace *as, vaddr_t addr, struct vm_area_info *out)
{
	rwlock_read_lock(&as->lock);
	return find_and_unlock(as, addr, out);
}

bool aspace_has_shared(const struct aspace *as)
{
	return atomic_load(&as->has_shared, RELAXED);
}

void aspace_stats(struct aspace *as, struct aspace_stats *out)
{
	struct area *a;

	*out = (struct aspace_stats){ .nr_faults = atomic_load(&as->nr_faults, RELAXED), .nr_major_faults = atomic_load(&as->nr_major, RELAXED) };
	rwlock_read_lock(&as->lock);
	out->virtual_bytes = as->nr_virtual << PAGE_SHIFT;
	out->resident_bytes = atomic_load(&as->nr_resident, RELAXED) << PAGE_SHIFT;
	out->brk_start = as->brk_start;
	out->brk_end = as->brk_end;
	for (a = area_of(as->tree.first); a; a = area_next(a)) {
		uint64_t bytes = a->node.end - a->node.start;

		if (a->flags & VM_LOCKED)
			out->locked_bytes += bytes;
		/* As Linux: a stack grows, text is executable and not writable, data is private and writable. */
		if (a->flags & VM_GROWSDOWN)
			out->stack_bytes += bytes;
		else if (a->prot & VM_EXEC && !(a->prot & VM_WRITE))
			out->text_bytes += bytes;
		else if (a->prot & VM_WRITE && !(a->flags & VM_SHARED))
			out->data_bytes += bytes;
	}
	rwlock_read_unlock(&as->lock);
}
