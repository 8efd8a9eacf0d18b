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
	paddr_t start_info;		/* struct hvm_start_info as the boot loader gave it (PVH: Xen public/arch-x86/hvm/start_info.h) */
	paddr_t image_start, image_end;	/* the kernel with .bss, tables and boot stack; page aligned */
	uint64_t entry_counter;		/* TSC at the first instruction */
};
extern struct arch_boot arch_boot;

/* The boot stack that the first thread runs on (KSTACK_SIZE bytes). */
extern uint8_t arch_boot_stack[];

/* Supplied by boards/: first C code at the link address, on the boot stack. */
_Noreturn void kernel_main(void);

/*
 * Of this port alone: RAM that the boot loader filled, before mmu_init(): where [pa, pa + len) can be read, NULL if pa is 0 or there is no room in the tables. The 2 MiB
 * that hold the kernel and those at address 0 are mapped from the start.
 */
const void *arch_boot_map(paddr_t pa, size_t len);

/* Of this port alone: other CPUs start in the page at this address, which must be RAM that nobody else uses. */
#define ARCH_TRAMPOLINE_PA	0x8000ul

/* Hardware id (local APIC id) of this CPU. */
uint64_t arch_cpu_hwid(void);

/* Start the clock, which shows start at the entry of the kernel; frequency_hz 0: ask the CPU, or measure. False: this machine has no usable counter. */
bool arch_time_init(uint32_t frequency_hz, nsec_t start);
/* On each CPU: timer off. */
void arch_time_init_cpu(void);

/* Entropy for keys of the CPU: nothing to do on this port. */
void arch_pauth_init(const uint8_t seed[32]);

/* Start another CPU (INIT, SIPI) that was prepared by sched_add_cpu(); it enters sched_secondary(). 0, -ENOMEM or -EIO. */
int __must_check arch_cpu_start(struct cpu *cpu, struct thread *idle, void *stack_top);
/* This CPU for good, e.g. after a panic elsewhere. Any context. */
_Noreturn void arch_cpu_halt(void);
