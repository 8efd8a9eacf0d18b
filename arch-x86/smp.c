/* SPDX-License-Identifier: MIT
 *
 * Other CPUs: what each is told at its start, and its way from start.S to the scheduler (Intel SDM vol. 3A 8.4.4).
 */
#include "arch-x86/smp.h"

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/lapic.h>

#include "arch-x86/percpu.h"
#include "arch-x86/sysreg.h"
#include "asm-offsets.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/page.h"
#include "sched/irq.h"

#define AREA_ORDER	2
_Static_assert(ARCH_CPU_AREA == PAGE_SIZE << AREA_ORDER, "one allocation");
_Static_assert(ARCH_TRAMPOLINE_PA == TRAMPOLINE_PA, "start.S");

struct secondary_start *arch_secondary_starts;	/* [a] list; only the boot CPU adds, nobody removes */

extern const char arch_trampoline[], arch_trampoline_end[];
_Noreturn void arch_secondary_start(struct secondary_start *s);
/* sched/sched.h; above this folder, and like the vectors' up-calls only ever called from here. */
_Noreturn void sched_secondary(struct cpu *cpu);

int arch_cpu_start(struct cpu *cpu, struct thread *idle, void *stack_top)
{
	struct secondary_start *s = (struct secondary_start *)((char *)stack_top - 64);
	uint32_t id = *(const uint32_t *)((const char *)cpu + ASM_CPU_ID);
	uint32_t apic_id = (uint32_t) * (const uint64_t *)((const char *)cpu + ASM_CPU_HWID);
	paddr_t area = page_alloc(AREA_ORDER, PAGE_ZERO);

	_Static_assert(sizeof(struct secondary_start) <= 64, "fits");
	if (area == PADDR_NONE)
		return -ENOMEM;
	if (!arch_secondary_starts)
		memcpy(phys_to_virt(ARCH_TRAMPOLINE_PA), arch_trampoline, (size_t)(arch_trampoline_end - arch_trampoline));
	arch_cpu_init(phys_to_virt(area), apic_id);
	arch_tlb_set_absent(phys_to_virt(area));
	arch_cpus[id] = phys_to_virt(area);
	/* release: the CPU before the number. Pairs: find_targets (tlb.c) */
	atomic_store(&arch_nr_cpus, id + 1, RELEASE);
	*s = (struct secondary_start){ .next = arch_secondary_starts, .apic_id = apic_id, .area = phys_to_virt(area), .cpu = cpu, .idle = idle,
				       .stack_top = s };
	/* release: what it points at. Pairs: start.S, secondary_high */
	atomic_store(&arch_secondary_starts, s, RELEASE);
	/*
	 * The pauses that the specification wants between these (10 ms, 200 us) are for the CPUs of the 1990s; Linux leaves them out, and so does every hypervisor's
	 * virtual CPU need none. A second SIPI finds a CPU that runs already and is ignored.
	 */
	arch_lapic_send(apic_id, LAPIC_ICR_INIT);
	arch_lapic_send(apic_id, LAPIC_ICR_STARTUP | ARCH_TRAMPOLINE_PA >> PAGE_SHIFT);
	arch_lapic_send(apic_id, LAPIC_ICR_STARTUP | ARCH_TRAMPOLINE_PA >> PAGE_SHIFT);
	return 0;
}

void arch_secondary_start(struct secondary_start *s)
{
	struct cpu *cpu = s->cpu;

	arch_cpu_load(s->area);
	arch_tlb_arrive(s->area);
	arch_set_current(s->idle);
	arch_time_init_cpu();
	irq_controller()->init_cpu(cpu);
	sched_secondary(cpu);
}
