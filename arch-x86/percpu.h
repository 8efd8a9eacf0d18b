/* SPDX-License-Identifier: MIT
 *
 * What the machine code keeps for each CPU: GS base points at it, for good. It lies at the start of 16 KiB, naturally aligned, whose rest are the stacks that exceptions arrive on:
 *
 *	0	struct arch_cpu
 *	2 KiB	IST 1, 4 KiB: every vector but those below. Only vectors.S runs here, masked, until it has moved the frame; and the end of a kernel whose stack overflowed
 *	6 KiB	IST 2, 3 KiB: double fault
 *	9 KiB	IST 3, 3 KiB: NMI
 *	12 KiB	IST 4, 4 KiB: machine check
 *
 * Created by arch_cpu_start() (the boot CPU's is in .bss), never freed.
 */
#pragma once

#ifndef __ASSEMBLY__
#include "libc/types.h"
#endif

#define ARCH_CPU_AREA		16384
#define ARCH_CPU_IST_FAULT	(6 * 1024)
#define ARCH_CPU_IST_DF		(9 * 1024)
#define ARCH_CPU_IST_NMI	(12 * 1024)
#define ARCH_CPU_IST_MC		(16 * 1024)

/* Selectors: Intel SDM vol. 3A 3.4.5. User code finds these in cs and ss, and no harm is in that. */
#define SEL_CODE		0x08
#define SEL_DATA		0x10
#define SEL_TSS			0x18

#ifndef __ASSEMBLY__
struct thread;

/* Intel SDM vol. 3A 7.7 */
struct arch_tss {
	uint32_t reserved0;
	uint64_t rsp[3], reserved1, ist[7], reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct arch_tss) == 104, "TSS");

#define TLB_SLOTS	64u

struct arch_cpu {
	struct thread *current;		/* [c] <arch/cpu.h> reads it at gs:0 */
	uint64_t kstack_top;		/* [c] of the current thread */
	uint64_t user_rsp;		/* [c] interrupts masked: the entry of system calls */
	int32_t vector;			/* [c] of the interrupt that sched_irq() is called for; -1: taken */
	uint32_t apic_id;		/* [I] */
	struct arch_cpu *self;		/* [I] */
	uint64_t gdt[6];		/* [I] */
	struct arch_tss tss;		/* [I] */

	/* tlb.c */
	__cacheline uint32_t asid;	/* [a] whose root is loaded; 0: the kernel's. Written by this CPU */
	uint32_t next_asid;		/* [a] which is being loaded, else the same */
	uint32_t tlb_idle;		/* [a] enum tlb_idle */
	uint64_t tlb_requests;		/* [a] bit i: slot i waits for this CPU */
};
_Static_assert(sizeof(struct arch_cpu) <= 2048, "the stacks begin there");

/* By number in sched/'s order of creation; as many as have been started. */
extern struct arch_cpu *arch_cpus[];
extern unsigned arch_nr_cpus;			/* [a] */

static inline struct arch_cpu *arch_cpu_this(void)
{
	struct arch_cpu *c;

	__asm__("movq %%gs:%c1, %0" : "=r"(c) : "i"(__builtin_offsetof(struct arch_cpu, self)));
	return c;
}

/* This CPU: control registers, GDT, TSS, IDT, GS base, extended state. area: 16 KiB, zeroed. */
void arch_cpu_init(void *area, uint32_t apic_id);
void arch_cpu_load(struct arch_cpu *c);

/* early.c */
extern paddr_t arch_kernel_root;		/* [I] */

/* tlb.c: first thing in each interrupt; the interrupt of its own. */
void arch_tlb_wake(struct arch_cpu *c);
void arch_tlb_serve(void);
/* A CPU that is started: it has no translations that count before it has arrived, if it ever does. By the CPU that starts it; on the CPU itself. */
void arch_tlb_set_absent(struct arch_cpu *c);
void arch_tlb_arrive(struct arch_cpu *c);
#endif
