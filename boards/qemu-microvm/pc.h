/* SPDX-License-Identifier: MIT
 *
 * Map of the folder: x86-64 machines that are entered by PVH.
 *
 *	probe.c		struct board: memory, command line, virtio-mmio devices, CPUs	console.c	COM1
 *	firmware.h	tables of the firmware: acpi.c, mp-table.c			power.c		leaving
 *	cmdline.c	virtio-mmio devices on the command line				cmos.c		the clock
 */
#pragma once

#include "boards/board.h"
#include "boards/qemu-microvm/firmware.h"

/* Seconds since 1970; 0: there is no clock. */
uint64_t cmos_seconds(void);

/* The kernel's log goes there, if it is there. */
void console_init_log(void);

/* The interrupt number of an ISA interrupt; others are what they are. */
int isa_irq(int irq);

/*
 * virtio_mmio.device=SIZE@ADDRESS:IRQ (Linux Documentation/admin-guide/kernel-parameters.txt), SIZE with K or M. QEMU and Firecracker put such words at the end, which may be behind
 * the program's arguments: those are cut off. Fills in b->virtio_mmio; pure otherwise, also tested on the host.
 */
void take_virtio_devices(char *bootargs, struct board *b);

/* Registers that leaving the machine needs are mapped while there is memory for it. */
void power_init(const struct pc_firmware *firmware);
