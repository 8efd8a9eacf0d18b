/* SPDX-License-Identifier: MIT
 *
 * Of this port alone: registers of the local APIC, in memory or, in x2APIC mode, as MSRs (Intel SDM vol. 3A 10.4, 10.12). The timer and the start of CPUs are arch-x86's,
 * the rest is apic/'s. Registers by their offset in memory.
 */
#pragma once

#include <arch/barrier.h>
#include <arch/io.h>

#include "libc/types.h"

#define LAPIC_ID		0x020
#define LAPIC_VERSION		0x030
#define LAPIC_TPR		0x080
#define LAPIC_EOI		0x0b0
#define LAPIC_LDR		0x0d0
#define LAPIC_SVR		0x0f0
#define LAPIC_SVR_ENABLE	(1u << 8)
#define LAPIC_ISR		0x100	/* in service: 8 registers of 32 vectors, 16 bytes apart */
#define LAPIC_ESR		0x280
#define LAPIC_ICR		0x300
#define LAPIC_ICR_HIGH		0x310	/* xAPIC: destination in bits 31:24 */
#define LAPIC_ICR_INIT		0x4500u	/* assert, edge */
#define LAPIC_ICR_STARTUP	0x4600u
#define LAPIC_LVT_TIMER		0x320
#define LAPIC_LVT_LINT0		0x350
#define LAPIC_LVT_LINT1		0x360
#define LAPIC_LVT_ERROR		0x370
#define LAPIC_LVT_MASKED	(1u << 16)
#define LAPIC_LVT_DEADLINE	(2u << 17)
#define LAPIC_TIMER_INITIAL	0x380
#define LAPIC_TIMER_CURRENT	0x390
#define LAPIC_TIMER_DIVIDE	0x3e0
#define LAPIC_TIMER_DIVIDE_1	0xbu

/* Interrupt vectors. 0x20 to 0xef are the I/O APIC's to use. */
#define VECTOR_IRQ_BASE		0x20
#define VECTOR_IRQ_END		0xf0
#define VECTOR_TIMER		0xf0
#define VECTOR_IPI		0xf1
#define VECTOR_TLB		0xf2	/* arch-x86/tlb.c; never seen by the interrupt controller's driver */
#define VECTOR_SPURIOUS		0xff

/* [I] */
struct arch_lapic {
	uint8_t *regs;
	bool is_x2;
};
extern struct arch_lapic arch_lapic;

/* Map the registers; x2APIC mode if the CPU has it. On each CPU, first of all its accesses. False: no memory. */
bool arch_lapic_init(void);

static inline uint32_t lapic_read(unsigned reg)
{
	if (arch_lapic.is_x2)
		return (uint32_t)msr_read(MSR_X2APIC + (reg >> 4));
	return mmio_read32(arch_lapic.regs + reg);
}

/* It has interrupted this CPU with that vector and has not been told the end yet. */
static inline bool lapic_is_in_service(unsigned vector)
{
	return lapic_read(LAPIC_ISR + vector / 32 * 16) >> vector % 32 & 1;
}

static inline void lapic_write(unsigned reg, uint32_t v)
{
	if (arch_lapic.is_x2)
		msr_write(MSR_X2APIC + (reg >> 4), v);
	else
		mmio_write32(arch_lapic.regs + reg, v);
}

/* Send an interrupt: command as in the low half of ICR, to the CPU with that APIC id. Any context. */
void arch_lapic_send(uint32_t apic_id, uint32_t command);

/* The vector of the interrupt that sched_irq() was called for: once; -1 after that. */
int arch_irq_take_vector(void);
