/* SPDX-License-Identifier: MIT
 *
 * Map of the folder, and what main.c wants of a machine.
 *
 *	main.c		from the entry code to the program		cmdline.c	the kernel command line
 *	panic.c		the end, symbolised backtraces			exit.c		leaving the machine
 *	uart.h		consoles: ns16550.c here, pl011.c in a board	report.c	phases of the boot
 *	qemu-virt/	ARM machines that are described by a device tree (QEMU virt, Firecracker)
 *	qemu-microvm/	x86-64 machines that are entered by PVH (QEMU microvm and q35, Firecracker)
 */
#pragma once

#include "libc/types.h"
#include "mmu/page.h"
#include "sched/cpu.h"

#define BOARD_MAX_VIRTIO_MMIO	64
#define BOARD_SEED_LEN		64

struct board_virtio_mmio {
	paddr_t base;
	uint64_t size;
	int irq;
	bool is_edge;
};

/* Filled in by board_probe(); constant afterwards. Pointers lead into memory that stays reserved. */
struct board {
	struct mem_layout memory;
	const char *bootargs;			/* "" if none */
	paddr_t initrd_start, initrd_end;	/* equal: none */
	uint8_t seed[BOARD_SEED_LEN];		/* entropy from the boot loader */
	unsigned seed_len;
	uint64_t cpu_hwid[MAX_CPUS];		/* CPUs that can be started, without regard to which one boots */
	unsigned nr_cpus;
	uint32_t timer_hz;			/* 0: ask the CPU */
	int timer_irq;				/* -1: none */
	struct board_virtio_mmio virtio_mmio[BOARD_MAX_VIRTIO_MMIO];
	unsigned nr_virtio_mmio;
};

/*
 * Supplied by boards/<name>/. All on the boot CPU.
 * board_probe	describe the machine; brings up the console as soon as it can. False: what is wrong is in *why, a literal.
 * board_init_irq	the interrupt controller: as board_probe; memory and the scheduler work.
 * board_rtc_seconds	real time, seconds since 1970; 0: no clock
 * board_init_console	make the UART a console port, with interrupts; false: there is none. board_console_name: that port's name.
 * board_start_cpu	0 or -errno
 * board_leave	end the emulator with this status, in the way that exit= on the command line names; returns if it cannot. Any context.
 * board_power_off	returns if it cannot
 */
bool board_probe(struct board *b, const char **why);
bool board_init_irq(const struct board *b, const char **why);
uint64_t board_rtc_seconds(void);
bool board_init_console(void);
const char *board_console_name(void);
int board_start_cpu(struct cpu *cpu);
void board_leave(const char *method, int status);
void board_power_off(void);

extern struct board board;
