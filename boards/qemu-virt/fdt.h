/* SPDX-License-Identifier: MIT
 *
 * What Samara takes from a flattened device tree (Devicetree Specification v0.3), in one pass. Pure: no global state, no devices are touched;
 * also tested and fuzzed on the host.
 */
#pragma once

#include "libc/types.h"

#define FDT_MAX_BANKS		64
#define FDT_MAX_RESERVED	62
#define FDT_MAX_CPUS		512
#define FDT_MAX_UARTS		4
#define FDT_MAX_VIRTIO		64
#define FDT_MAX_GIC_REGS	8
#define FDT_PATH_LEN		64

struct fdt_range {
	uint64_t base, size;
};

struct fdt_irq {
	int number;	/* INTID; -1: none */
	bool is_edge;
};

enum fdt_uart_kind { FDT_PL011, FDT_NS16550 };
enum fdt_psci { FDT_PSCI_NONE, FDT_PSCI_HVC, FDT_PSCI_SMC };

struct fdt_uart {
	enum fdt_uart_kind kind;
	struct fdt_range reg;
	struct fdt_irq irq;
	uint32_t reg_shift, io_width;
	char path[FDT_PATH_LEN];
};

struct fdt_machine {
	struct fdt_range bank[FDT_MAX_BANKS];
	unsigned nr_banks;
	struct fdt_range reserved[FDT_MAX_RESERVED];
	unsigned nr_reserved;
	/* chosen */
	const char *bootargs, *stdout_path;	/* in the tree; "" if none */
	uint64_t initrd_start, initrd_end;
	const uint8_t *rng_seed;		/* in the tree */
	uint32_t rng_seed_len;
	uint64_t kaslr_seed;
	/* cpus */
	uint64_t cpu[FDT_MAX_CPUS];		/* MPIDR */
	unsigned nr_cpus;
	enum fdt_psci psci;
	/* interrupts and time */
	unsigned gic_version;			/* 2, 3; 0: none known */
	struct fdt_range gic_reg[FDT_MAX_GIC_REGS];
	unsigned nr_gic_regs;
	uint32_t gic_nr_redist_regions;		/* #redistributor-regions, default 1 */
	uint64_t gic_stride;
	struct fdt_irq timer;			/* the virtual timer */
	uint32_t timer_hz;
	/* devices */
	struct fdt_uart uart[FDT_MAX_UARTS];
	unsigned nr_uarts;
	int stdout_uart;			/* index by /chosen/stdout-path, else the first; -1: none */
	uint64_t rtc;				/* PL031; 0: none */
	struct {
		struct fdt_range reg;
		struct fdt_irq irq;
	} virtio[FDT_MAX_VIRTIO];
	unsigned nr_virtio;
	uint32_t used_size;			/* bytes of the tree that hold anything: QEMU pads it to 1 MiB */
	bool is_truncated;			/* a table above was too small; the rest was left out */
};

/* max_size: bytes at fdt that may be looked at. NULL, or what is wrong with the tree (a literal). */
const char *fdt_parse(const void *fdt, uint32_t max_size, struct fdt_machine *out);
