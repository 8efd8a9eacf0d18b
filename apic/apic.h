/* SPDX-License-Identifier: MIT
 *
 * The interrupt controllers of x86-64 machines as struct irq_controller (sched/irq.h): the CPUs' local APICs (<arch/lapic.h>) and the I/O APICs between them and devices.
 *	apic.c		both
 *
 * Interrupt numbers are GSIs (ACPI 6.5, 5.2.13), the vector of each is the number + 32. The timer and the interrupt between CPUs have numbers by their vectors. Nothing is
 * touched that is not used: each register access may leave the virtual machine.
 */
#pragma once

#include "libc/types.h"

#define APIC_NR_GSIS	208	/* VECTOR_IRQ_END - VECTOR_IRQ_BASE */
#define APIC_IRQ_TIMER	208	/* VECTOR_TIMER - VECTOR_IRQ_BASE */
#define APIC_MAX_IOAPICS	4

struct apic_ioapic {
	paddr_t base;
	uint32_t gsi_base;
};

/* Make them the machine's controller. 0, -ENOMEM (cannot be mapped), -ENODEV (too many). */
int __must_check apic_init(const struct apic_ioapic *ioapics, unsigned nr);
/* The line's signal is low when active (default: high). Before irq_register(). */
void apic_set_active_low(int gsi);
