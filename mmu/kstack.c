/* SPDX-License-Identifier: MIT
 *
 * Kernel stacks: virtual slots of twice the size, the upper half mapped, so that the bit KSTACK_SIZE of sp says whether it has run below its stack.
 *
 *	KSTACK_BASE + n * 2 * KSTACK_SIZE:  | guard, never mapped | stack |
 *
 * A stack that was made stays mapped for ever and is used again: threads come and go without page-table changes or TLB invalidation. Each CPU keeps some; the rest are
 * on one list. An RCU callback puts stacks there, and who asks for memory may wait for RCU: so the list's lock is not held while a stack is made.
 */
#include "mmu/page-priv.h"

#include <arch/pt.h>

#include "sched/thread.h"

#define SLOT_SIZE	(2 * KSTACK_SIZE)
#define KEEP_PER_CPU	8

static struct {
	struct mutex lock;
	void *free;			/* [lock] linked through the first word */
	struct mutex making;		/* never taken by who gives memory back */
	uint64_t nr_slots;		/* [making] ever made */
} stacks;

/* Map fresh pages there. */
static bool fill_slot(vaddr_t stack)
{
	paddr_t pa[KSTACK_SIZE / PAGE_SIZE];
	unsigned n;

	for (n = 0; n < ARRAY_SIZE(pa); n++) {
		pa[n] = page_alloc(0, 0);
		if (pa[n] == PADDR_NONE)
			goto err_free;
	}
	if (kmap_add_pages(stack, pa, n, PT_WRITE))
		return true;
err_free:
	while (n > 0)
		page_free(pa[--n], 0);
	return false;
}

static void *make_stack(void)
{
	vaddr_t stack;
	void *s = NULL;

	mutex_lock(&stacks.making);
	stack = KSTACK_BASE + stacks.nr_slots * SLOT_SIZE + KSTACK_SIZE;
	if (stack + KSTACK_SIZE <= KMAP_BASE && fill_slot(stack)) {
		stacks.nr_slots++;
		s = (void *)stack;
	}
	mutex_unlock(&stacks.making);
	return s;
}

void *kstack_alloc(void)
{
	struct mmu_cpu *c;
	void *s = NULL;

	preempt_disable();
	c = mmu_cpu();
	if (c && c->stacks) {
		s = c->stacks;
		c->stacks = *(void **)s;
		c->nr_stacks--;
	}
	preempt_enable();
	if (s)
		return s;
	mutex_lock(&stacks.lock);
	s = stacks.free;
	if (s)
		stacks.free = *(void **)s;
	mutex_unlock(&stacks.lock);
	return s ? s : make_stack();
}

/* Context: thread, also with preemption disabled (the last step of a thread's end). */
void kstack_free(void *stack)
{
	struct mmu_cpu *c;

	bool must_keep = !mmu_can_sleep();

	if (!stack)
		return;
	preempt_disable();
	c = mmu_cpu();
	if (c && (c->nr_stacks < KEEP_PER_CPU || must_keep)) {
		*(void **)stack = c->stacks;
		c->stacks = stack;
		c->nr_stacks++;
		stack = NULL;
	}
	preempt_enable();
	if (!stack)
		return;
	mutex_lock(&stacks.lock);
	*(void **)stack = stacks.free;
	stacks.free = stack;
	mutex_unlock(&stacks.lock);
}
