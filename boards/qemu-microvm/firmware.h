/* SPDX-License-Identifier: MIT
 *
 * What Samara takes from the tables of a PC's firmware: CPUs, interrupt controllers, how to switch off. Pure: physical memory is read through a function of the caller's;
 * also tested and fuzzed on the host. Nothing in the tables is trusted.
 *	acpi.c		ACPI 6.5: RSDP, RSDT or XSDT, MADT, FADT
 *	mp-table.c	Intel MultiProcessor Specification 1.4: machines without ACPI (QEMU's qboot, Firecracker)
 */
#pragma once

#include "libc/types.h"

#define PC_MAX_CPUS		512
#define PC_MAX_IOAPICS		4
#define PC_NR_ISA_IRQS		16

struct pc_firmware {
	uint32_t apic_id[PC_MAX_CPUS];
	unsigned nr_cpus;
	struct {
		uint64_t base;
		uint32_t gsi_base;
		uint8_t id;		/* MP table: how its lines name it */
	} ioapic[PC_MAX_IOAPICS];
	unsigned nr_ioapics;
	struct {
		uint32_t gsi;		/* the same number unless the tables say otherwise */
		bool is_active_low;
	} isa_irq[PC_NR_ISA_IRQS];
	bool has_s5;			/* s5_type is SLP_TYP of "off" (ACPI 7.4.2), to be written to one of these: */
	uint8_t s5_type;
	uint16_t pm1a_control;		/* I/O port; 0: none */
	uint64_t sleep_control;		/* ACPI 4.8.3.7: register in memory of hardware-reduced machines; 0: none */
	bool is_truncated;		/* a table above was too small; the rest was left out */
};

/* [pa, pa + len) as the kernel sees it, or NULL. Valid while the parser runs. */
typedef const void *(*pc_map_t)(uint64_t pa, size_t len);

/* Both: true if *out now names CPUs and an I/O APIC. rsdp 0: look for it where firmware puts it. */
bool acpi_parse(pc_map_t map, uint64_t rsdp, struct pc_firmware *out);
bool mp_table_parse(pc_map_t map, struct pc_firmware *out);

/* For the two: nothing known, ISA lines as they are. */
void pc_firmware_init(struct pc_firmware *out);
bool pc_firmware_add_cpu(struct pc_firmware *out, uint32_t apic_id);
/* Bytes that add up to 0, as all tables of firmware do. */
bool pc_checksum_is_good(const void *p, size_t len);
