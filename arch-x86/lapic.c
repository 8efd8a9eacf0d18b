/* SPDX-License-Identifier: MIT
 *
 * The local APIC as far as it is the CPU's: finding it, interrupts to other CPUs, the vector of an interrupt.
 */
#include <arch/lapic.h>

#include <arch/cpu.h>

#include "arch-x86/percpu.h"
#include "mmu/page.h"

#define APIC_BASE_ENABLE	(1ul << 11)
#define APIC_BASE_X2		(1ul << 10)
#define APIC_BASE_ADDRESS	0x000ffffffffff000ul

struct arch_lapic arch_lapic;

bool arch_lapic_init(void)
{
	uint64_t base = msr_read(MSR_APIC_BASE);

	if (cpuid(1, 0).ecx & (1u << 21)) {
		/* From xAPIC mode only (SDM vol. 3A 10.12.5, figure 10-27); a bit that is set already stays. */
		msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
		msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2);
		arch_lapic.is_x2 = true;
		return true;
	}
	if (!(base & APIC_BASE_ENABLE))
		msr_write(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	if (!arch_lapic.regs)
		arch_lapic.regs = mmu_map_device(base & APIC_BASE_ADDRESS, PAGE_SIZE);
	return arch_lapic.regs;
}

void arch_lapic_send(uint32_t apic_id, uint32_t command)
{
	arch_irqflags_t flags;

	if (arch_lapic.is_x2) {
		/* WRMSR to the x2APIC does not wait for earlier stores (10.12.3). */
		__asm__ volatile("mfence\n\tlfence" : : : "memory");
		msr_write(MSR_X2APIC + (LAPIC_ICR >> 4), (uint64_t)apic_id << 32 | command);
		return;
	}
	flags = arch_irq_save();
	lapic_write(LAPIC_ICR_HIGH, apic_id << 24);
	lapic_write(LAPIC_ICR, command);
	arch_irq_restore(flags);
}

int arch_irq_take_vector(void)
{
	struct arch_cpu *c = arch_cpu_this();
	int vector = c->vector;

	c->vector = -1;
	arch_tlb_wake(c);
	if (vector != VECTOR_TLB)
		return vector;
	arch_tlb_serve();
	lapic_write(LAPIC_EOI, 0);
	return -1;
}
