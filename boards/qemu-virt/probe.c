/* SPDX-License-Identifier: MIT
 *
 * ARM machines that are described by a device tree: QEMU virt, Firecracker. From what fdt.c found to struct board, and the devices that the
 * kernel itself needs: console, interrupt controller, clock, PSCI.
 */
#include "boards/board.h"

#include <arch/boot.h>
#include <arch/barrier.h>
#include <arch/psci.h>
#include <arch/pt.h>

#include "boards/qemu-virt/fdt.h"
#include "boards/uart.h"
#include "gic/gic.h"
#include "libc/print.h"
#include "libc/string.h"
#include "sched/irq.h"

#define MAX_FDT_SIZE	(2u * 1024 * 1024)	/* Linux booting.rst */
#define PL031_DR	0	/* DDI 0224C 3.3.1: seconds */
#define GICV2_MAX_CPUS	8

_Static_assert(FDT_MAX_BANKS <= MEM_MAX_BANKS, "tables fit");
_Static_assert(FDT_MAX_RESERVED + 3 > MEM_MAX_RESERVED, "checked below, not by size");
_Static_assert(FDT_MAX_VIRTIO <= BOARD_MAX_VIRTIO_MMIO, "tables fit");
_Static_assert(FDT_MAX_CPUS <= MAX_CPUS, "tables fit");

static struct fdt_machine machine;
static struct uart console;
static enum fdt_uart_kind console_kind;

static void init_log(void)
{
	const struct fdt_uart *u;

	if (machine.stdout_uart < 0)
		return;
	u = &machine.uart[machine.stdout_uart];
	console_kind = u->kind;
	console.regs = mmu_map_device(u->reg.base, MAX(u->reg.size, 64ul));
	console.irq = u->irq.number;
	console.is_edge = u->irq.is_edge;
	console.reg_shift = u->reg_shift;
	console.io_width = u->io_width;
	if (!console.regs)
		return;
	if (u->kind == FDT_PL011)
		pl011_init(&console);
	else
		ns16550_init(&console);
}

static bool reserve(struct board *b, paddr_t start, paddr_t end)
{
	struct mem_layout *m = &b->memory;

	if (start >= end)
		return true;
	if (m->nr_reserved == MEM_MAX_RESERVED)
		return false;
	m->reserved[m->nr_reserved++] = (struct mem_range){ start, end - start };
	return true;
}

static bool in_ram(paddr_t start, paddr_t end)
{
	for (unsigned i = 0; i < machine.nr_banks; i++)
		if (start >= machine.bank[i].base && end <= machine.bank[i].base + machine.bank[i].size)
			return true;
	return false;
}

static const char *take_memory(struct board *b)
{
	bool has_room = true;

	if (!machine.nr_banks)
		return "the device tree names no memory";
	for (unsigned i = 0; i < machine.nr_banks; i++)
		b->memory.bank[b->memory.nr_banks++] = (struct mem_range){ machine.bank[i].base, machine.bank[i].size };
	for (unsigned i = 0; i < machine.nr_reserved; i++)
		has_room &= reserve(b, machine.reserved[i].base, machine.reserved[i].base + machine.reserved[i].size);
	has_room &= reserve(b, arch_boot.image_start, arch_boot.image_end);
	has_room &= reserve(b, arch_boot.fdt, arch_boot.fdt + machine.used_size);
	if (machine.initrd_start < machine.initrd_end) {
		if (!in_ram(machine.initrd_start, machine.initrd_end))
			return "the initrd lies outside RAM: give the machine more memory";
		b->initrd_start = machine.initrd_start;
		b->initrd_end = machine.initrd_end;
		has_room &= reserve(b, b->initrd_start, b->initrd_end);
	}
	return has_room ? NULL : "the device tree reserves more ranges of memory than the kernel has room for";
}

static void take_seed(struct board *b)
{
	unsigned n = MIN(machine.rng_seed_len, BOARD_SEED_LEN - 8u);

	if (machine.rng_seed)
		memcpy(b->seed, machine.rng_seed, n);
	else
		n = 0;
	memcpy(b->seed + n, &machine.kaslr_seed, 8);
	b->seed_len = n + 8;
}

static const char *probe(struct board *b)
{
	const void *fdt = phys_to_virt(arch_boot.fdt);
	const char *error;
	paddr_t pa;

	if (!arch_boot.fdt || !arch_pt_translate(fdt, &pa))
		return "the boot loader gave no device tree";
	error = fdt_parse(fdt, MAX_FDT_SIZE, &machine);
	psci_init(machine.psci == FDT_PSCI_HVC ? PSCI_HVC : machine.psci == FDT_PSCI_SMC ? PSCI_SMC : PSCI_NONE);
	if (machine.nr_uarts && machine.stdout_uart < 0)
		machine.stdout_uart = 0;
	init_log();
	if (error)
		return error;
	b->bootargs = machine.bootargs;
	error = take_memory(b);
	if (error)
		return error;
	if (machine.psci == FDT_PSCI_NONE)
		return "the device tree has no PSCI (arm,psci-0.2)";
	if (!machine.gic_version)
		return "the device tree has no interrupt controller that the kernel knows (GICv2, GICv3)";
	if (machine.timer.number < 0)
		return "the device tree has no virtual timer (arm,armv8-timer)";
	b->timer_irq = machine.timer.number;
	b->timer_hz = machine.timer_hz;
	take_seed(b);
	b->nr_cpus = machine.nr_cpus;
	memcpy(b->cpu_hwid, machine.cpu, machine.nr_cpus * sizeof(machine.cpu[0]));
	if (machine.gic_version == 2 && b->nr_cpus > GICV2_MAX_CPUS)
		b->nr_cpus = GICV2_MAX_CPUS;
	for (unsigned i = 0; i < machine.nr_virtio; i++)
		b->virtio_mmio[b->nr_virtio_mmio++] = (struct board_virtio_mmio){
			machine.virtio[i].reg.base, machine.virtio[i].reg.size, machine.virtio[i].irq.number,
			machine.virtio[i].irq.is_edge
		};
	if (machine.is_truncated)
		log_line("the device tree has more nodes of a kind than the kernel has room for; the rest is not used");
	arch_pauth_init(b->seed);
	return NULL;
}

bool board_probe(struct board *b, const char **why)
{
	*why = probe(b);
	return !*why;
}

bool board_init_irq(const struct board *b, const char **why)
{
	struct gic_region reg[FDT_MAX_GIC_REGS];
	int r;

	(void)b;
	for (unsigned i = 0; i < machine.nr_gic_regs; i++)
		reg[i] = (struct gic_region){ machine.gic_reg[i].base, machine.gic_reg[i].size };
	if (machine.nr_gic_regs < 2)
		r = -1;
	else if (machine.gic_version == 2)
		r = gic_v2_init(reg[0], reg[1]);
	else
		r = gic_v3_init(reg[0], reg + 1, MIN(machine.gic_nr_redist_regions, machine.nr_gic_regs - 1),
				machine.gic_stride);
	*why = "the interrupt controller cannot be used as the device tree describes it";
	return r == 0;
}

uint64_t board_rtc_seconds(void)
{
	uint8_t *regs = machine.rtc ? mmu_map_device(machine.rtc, PAGE_SIZE) : NULL;

	return regs ? mmio_read32(regs + PL031_DR) : 0;
}

const char *board_console_name(void)
{
	return console_kind == FDT_PL011 ? "pl011" : "ns16550";
}

bool board_init_console(void)
{
	if (!console.regs)
		return false;
	if (console_kind == FDT_PL011)
		pl011_start(&console);
	else
		ns16550_start(&console);
	return true;
}

int board_start_cpu(struct cpu *cpu)
{
	return arch_cpu_start(cpu, cpu->idle, cpu->idle->kstack + KSTACK_SIZE);
}

void board_leave(const char *method, int status)
{
	if (strcmp(method, "semihosting") == 0)
		arch_semihosting_exit(status);
}

void board_power_off(void)
{
	psci_system_off();
}
