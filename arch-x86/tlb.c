/* SPDX-License-Identifier: MIT
 *
 * Invalidation of translations on other CPUs: by interrupt, and whoever asked sleeps until all have answered. Nobody spins.
 *
 *	initiator (thread)				target
 *	entries are changed
 *	full fence					arch_pt_activate: next_asid = new
 *	which CPUs have this address space?		load CR3 (serializes; drops what was cached)
 *	  none: done					asid = new
 *	slot = { what, waiter, number of targets }
 *	set the slot's bit in each target's word;
 *	  the word was 0: interrupt it	-------->	arch_tlb_serve: take the word; for each slot in it:
 *	sleep until the number is 0					invalidate, number - 1; at 0: wake the waiter
 *
 * A CPU that the initiator finds without the address space either never had it, or dropped its translations when it loaded another root; or it is about to load it, and
 * then the fences on both sides see to it that its walks find the changed entries. Identifiers (ASIDs) only name address spaces here: there is no PCID, CR3 is loaded
 * with all translations but the kernel's global ones dropped.
 *
 * CPUs that run kernel threads or nothing keep the last address space loaded. Those that sleep are not woken, but told to drop everything when they wake:
 *
 *	initiator					sleeper
 *	entries are changed				tlb_idle = SLEEPS; hlt
 *	tlb_idle: SLEEPS -> STALE; was it NO:		exchange tlb_idle with NO, first thing in its interrupt; it was STALE:
 *	  interrupt it as the others			  drop everything
 *
 * except when tables are freed, which a CPU might walk, on its own initiative, between the two. Progress: a target answers as soon as it has interrupts enabled, which
 * never depends on a thread; slots are given back by threads that wait for nothing but that.
 */
#include <arch/tlb.h>

#include <arch/cpu.h>
#include <arch/lapic.h>
#include <arch/pt.h>

#include "arch-x86/percpu.h"
#include "asm-offsets.h"
#include "libc/atomic.h"
#include "sched/sync.h"
#include "sched/thread.h"

#define CPU_WORDS	(ASM_MAX_CPUS / 64)

enum tlb_kind { TLB_RANGE, TLB_ALL, TLB_RETIRE, TLB_KERNEL };

enum tlb_idle { TLB_IDLE_NO, TLB_IDLE_SLEEPS, TLB_IDLE_STALE, TLB_IDLE_ABSENT };

/* In use by one thread from slot_get() to slot_put(); targets read it between the two. */
struct tlb_request {
	enum tlb_kind kind;
	unsigned asid;
	vaddr_t va;
	uint64_t nr, stride;
	bool has_tables;		/* tables were taken out */
	struct thread *waiter;
	uint32_t nr_pending;		/* [a] targets that have not answered */
};

static struct tlb_request slots[TLB_SLOTS];
static uint64_t used_slots;		/* [a] bit i: slots[i] is taken */
static struct semaphore nr_free = { .count = TLB_SLOTS };

static void load_root(paddr_t root)
{
	__asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

static void reload(void)
{
	paddr_t root;

	__asm__ volatile("movq %%cr3, %0\n\tmovq %0, %%cr3" : "=&r"(root) : : "memory");
}

static void flush_global(void)
{
	uint64_t cr4;

	/* A change of CR4.PGE drops everything (SDM vol. 3A 4.10.4.1). */
	__asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("movq %0, %%cr4\n\tmovq %1, %%cr4" : : "r"(cr4 & ~(1ul << 7)), "r"(cr4) : "memory");
}

void arch_pt_activate(paddr_t root, unsigned asid)
{
	arch_irqflags_t flags = arch_irq_save();
	struct arch_cpu *c = arch_cpu_this();

	atomic_store(&c->next_asid, asid, RELAXED);
	load_root(root);		/* serializes: next_asid before all walks. Pairs: find_targets */
	atomic_store(&c->asid, asid, RELEASE);
	arch_irq_restore(flags);
}

/* On this CPU. Interrupts masked, or preemption disabled and the address space ours. */
static void invalidate(struct arch_cpu *c, const struct tlb_request *r)
{
	vaddr_t va = r->va;

	if (r->kind != TLB_KERNEL && c->next_asid != r->asid)
		return;
	switch (r->kind) {
	case TLB_RANGE:
		for (uint64_t n = r->nr; n; n--, va += r->stride)
			__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
		break;
	case TLB_ALL:
		reload();
		break;
	case TLB_RETIRE:
		arch_pt_activate(arch_kernel_root, 0);
		break;
	case TLB_KERNEL:
		flush_global();
		break;
	}
}

void arch_tlb_wake(struct arch_cpu *c)
{
	if (likely(!atomic_load(&c->tlb_idle, RELAXED)))
		return;
	/* acquire: the changed entries, if STALE; else who changes them later finds NO, as it is one word. Pairs: is_told */
	if (atomic_exchange(&c->tlb_idle, (uint32_t)TLB_IDLE_NO, ACQ_REL) == TLB_IDLE_STALE)
		reload();
}

void arch_wait_for_interrupt(void)
{
	struct arch_cpu *c = arch_cpu_this();

	atomic_store(&c->tlb_idle, (uint32_t)TLB_IDLE_SLEEPS, RELEASE);	/* release: after the last use of a translation. Pairs: is_told */
	__asm__ volatile("sti\n\thlt\n\tcli" : : : "memory");
	arch_tlb_wake(c);
}

void arch_tlb_set_absent(struct arch_cpu *c)
{
	c->tlb_idle = TLB_IDLE_ABSENT;
}

void arch_tlb_arrive(struct arch_cpu *c)
{
	atomic_store(&c->tlb_idle, (uint32_t)TLB_IDLE_NO, RELAXED);
	/* seq_cst: present before the flush: who found it absent has changed his entries before (store->load). Pairs: is_told, find_targets */
	atomic_fence(SEQ_CST);
	flush_global();
	reload();
}

/* c sleeps and will drop everything when it wakes: no need to interrupt it. */
static bool is_told(struct arch_cpu *c, const struct tlb_request *r)
{
	uint32_t idle = TLB_IDLE_SLEEPS;

	/* Started, and not here yet, if ever: it drops everything when it arrives. Pairs: arch_tlb_arrive */
	if (atomic_load(&c->tlb_idle, RELAXED) == TLB_IDLE_ABSENT)
		return true;
	if (r->has_tables || r->kind > TLB_ALL)
		return false;
	/* release: the changed entries before STALE; if another has written that, the fence in find_targets() comes before the look. Pairs: arch_tlb_wake */
	return atomic_cas(&c->tlb_idle, &idle, (uint32_t)TLB_IDLE_STALE, RELEASE) || idle == TLB_IDLE_STALE;
}

/* From arch_irq_take_vector(): interrupts masked, not preemptible, an RCU reader (which keeps the waiter valid beyond its last look). */
void arch_tlb_serve(void)
{
	struct arch_cpu *c = arch_cpu_this();
	/* acquire: slots after their bits. Pairs: post */
	uint64_t word = atomic_exchange(&c->tlb_requests, 0ul, ACQUIRE);

	for (; word; word &= word - 1) {
		struct tlb_request *r = &slots[__builtin_ctzl(word)];
		struct thread *waiter = r->waiter;

		invalidate(c, r);
		/* release: done with the slot and the translations. Pairs: the wait in post */
		if (atomic_fetch_sub(&r->nr_pending, 1u, ACQ_REL) == 1)
			(void)thread_wake(waiter);
	}
}

/* Lock-free: fails only if another thread took or gave one. */
static unsigned slot_get(void)
{
	uint64_t used = atomic_load(&used_slots, RELAXED);
	unsigned i;

	(void)semaphore_wait(&nr_free, 1, NSEC_NEVER, 0);
	do
		i = (unsigned)__builtin_ctzl(~used);
	while (!atomic_cas(&used_slots, &used, used | 1ul << i, ACQUIRE));
	return i;
}

static void slot_put(unsigned i)
{
	atomic_fetch_and(&used_slots, ~(1ul << i), RELEASE);
	semaphore_post(&nr_free, 1);
}

static unsigned find_targets(const struct tlb_request *r, const struct arch_cpu *self, uint64_t targets[CPU_WORDS])
{
	unsigned nr = atomic_load(&arch_nr_cpus, ACQUIRE), found = 0;

	/* seq_cst: the changed entries before the look at what others have loaded (store->load). Pairs: arch_pt_activate */
	atomic_fence(SEQ_CST);
	for (unsigned i = 0; i < nr; i++) {
		struct arch_cpu *c = arch_cpus[i];

		if (c == self)
			continue;
		if (r->kind != TLB_KERNEL && atomic_load(&c->asid, ACQUIRE) != r->asid && atomic_load(&c->next_asid, RELAXED) != r->asid)
			continue;
		if (is_told(c, r))
			continue;
		targets[i / 64] |= 1ul << i % 64;
		found++;
	}
	return found;
}

static void post(const struct tlb_request *r, const uint64_t targets[CPU_WORDS], unsigned nr_targets)
{
	unsigned slot = slot_get();
	struct tlb_request *s = &slots[slot];

	*s = *r;
	s->waiter = arch_current();
	s->nr_pending = nr_targets;
	for (unsigned w = 0; w < CPU_WORDS; w++) {
		for (uint64_t bits = targets[w]; bits; bits &= bits - 1) {
			struct arch_cpu *c = arch_cpus[w * 64 + (unsigned)__builtin_ctzl(bits)];

			/* release: the slot before its bit. Pairs: arch_tlb_serve */
			if (!atomic_fetch_or(&c->tlb_requests, 1ul << slot, ACQ_REL))
				arch_lapic_send(c->apic_id, VECTOR_TLB);
		}
	}
	(void)thread_wait_until("tlb", atomic_load(&s->nr_pending, ACQUIRE) == 0, NSEC_NEVER, 0);
	slot_put(slot);
}

static void flush(const struct tlb_request *r)
{
	uint64_t targets[CPU_WORDS] = { 0 };
	struct arch_cpu *self;
	unsigned nr;

	preempt_disable();
	self = arch_cpu_this();
	invalidate(self, r);
	nr = find_targets(r, self, targets);
	preempt_enable();
	if (nr)
		post(r, targets, nr);
}

void arch_tlb_flush_asid(unsigned asid)
{
	flush(&(struct tlb_request){ .kind = TLB_ALL, .asid = asid });
}

void arch_tlb_retire(unsigned asid)
{
	flush(&(struct tlb_request){ .kind = TLB_RETIRE, .asid = asid });
}

void arch_tlb_flush_range(unsigned asid, vaddr_t va, uint64_t nr, uint64_t stride, bool has_tables)
{
	flush(&(struct tlb_request){ .kind = nr > TLB_PAGES_MAX ? TLB_ALL : TLB_RANGE, .asid = asid, .va = va, .nr = nr, .stride = stride,
				      .has_tables = has_tables });
}

void arch_tlb_flush_kernel(vaddr_t va, uint64_t nr_pages)
{
	flush(&(struct tlb_request){ .kind = TLB_KERNEL, .va = va, .nr = nr_pages, .stride = PAGE_SIZE });
}
