/* SPDX-License-Identifier: MIT
 *
 * Which areas map an object, and taking its pages out of all of them.
 */
#include "mmu/object.h"

#include "mmu/aspace-priv.h"

void object_link(struct area *a)
{
	struct vm_object *o = a->object;

	if (!o)
		return;
	mutex_lock(&o->mappings.lock);
	a->object_next = o->mappings.first;
	a->object_link = &o->mappings.first;
	if (a->object_next)
		a->object_next->object_link = &a->object_next;
	o->mappings.first = a;
	mutex_unlock(&o->mappings.lock);
}

void object_unlink(struct area *a)
{
	if (!a->object)
		return;
	mutex_lock(&a->object->mappings.lock);
	*a->object_link = a->object_next;
	if (a->object_next)
		a->object_next->object_link = a->object_link;
	mutex_unlock(&a->object->mappings.lock);
}

static void unmap(struct vm_object *o, uint64_t idx, uint64_t nr, bool keep_own)
{
	uint64_t last = idx + nr - 1 >= idx ? idx + nr - 1 : (uint64_t)-1;	/* inclusive */
	struct area *a;

	if (!nr)
		return;
	mutex_lock(&o->mappings.lock);
	o->mappings.gone = keep_own ? 1 : idx;		/* 1 to 0: nothing */
	o->mappings.gone_end = keep_own ? 0 : last;
	/*
	 * The new number before the entries are looked at; a fault stores its entry before it looks at the number (fault.c, object_changed). One of the two sees
	 * the other, so no page stays mapped.
	 */
	atomic_fetch_add(&o->mappings.seq, 1u, RELEASE);	/* release: gone and gone_end. Pairs: fault.c */
	atomic_fence(SEQ_CST);
	for (a = o->mappings.first; a; a = a->object_next) {
		uint64_t first_idx = a->off >> PAGE_SHIFT, nr_area = (a->node.end - a->node.start) >> PAGE_SHIFT;
		uint64_t from = MAX(idx, first_idx), to = MIN(last, first_idx + nr_area - 1);
		vaddr_t start, end;
		struct pt_batch b;

		if (from > to)
			continue;
		start = a->node.start + ((from - first_idx) << PAGE_SHIFT);
		end = a->node.start + ((to - first_idx + 1) << PAGE_SHIFT);
		pt_batch_init(&b, a->as);
		if (keep_own)
			pt_unmap_foreign(&b, start, end);
		else
			pt_unmap(&b, start, end);
		pt_batch_finish(&b);
	}
	mutex_unlock(&o->mappings.lock);
}

void vm_object_unmap(struct vm_object *o, uint64_t idx, uint64_t nr)
{
	unmap(o, idx, nr, false);
}

void vm_object_refresh(struct vm_object *o, uint64_t idx, uint64_t nr)
{
	unmap(o, idx, nr, true);
}
