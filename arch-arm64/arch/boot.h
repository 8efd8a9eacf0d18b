/* SPDX-License-Identifier: MIT
 *
 * What the entry code found, and the steps of the boot that belong to the machine. Context: boot CPU, single threaded, unless said otherwise.
 */
#pragma once

#include "libc/types.h"

struct cpu;
struct thread;

/* [I] Filled in by the entry code. */
struct arch_boot {
	paddr_t fdt;			/* as the boot loader gave it; 0: none */
	paddr_t image_start, image_end;	/* the kernel with .bss, tables and boot stack; page aligned */
	uint64_t entry_counter;		/* CNTVCT_EL0 at the first instruction that could read it */
	bool from_el2;
};
extern struct arch_boot arch_boot;

/* The boot stack that the first thread runs on (KSTACK_SIZE bytes). */
extern uint8_t arch_boot_stack[];

/* Supplied by boards/: first C code with the MMU on, on the boot stack. */
_Noreturn void kernel_main(void);

/* Hardware id (MPIDR_EL1 affinity fields) of this CPU. */
uint64_t arch_cpu_hwid(void);

/* Start the clock, which shows start at the entry of the kernel; frequency_hz 0: ask the CPU. False: this machine has no usable counter. */
bool arch_time_init(uint32_t frequency_hz, nsec_t start);
/* On each CPU: comparator off. */
void arch_time_init_cpu(void);

/* Entropy for the pointer-authentication keys that all CPUs share; before other CPUs start. No-op where the CPU has none. */
void arch_pauth_init(const uint8_t seed[32]);

/* Start another CPU (PSCI CPU_ON) that was prepared by sched_add_cpu(); it enters sched_secondary(). 0 or -EIO. */
int __must_check arch_cpu_start(struct cpu *cpu, struct thread *idle, void *stack_top);
/* This CPU for good, e.g. after a panic elsewhere. Any context. */
_Noreturn void arch_cpu_halt(void);
