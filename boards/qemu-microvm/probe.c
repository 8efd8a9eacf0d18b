/* SPDX-License-Identifier: MIT
 *
 * x86-64 machines that are entered by PVH: QEMU microvm and q35, Firecracker. From what the boot loader and the firmware left in memory to struct board.
 */
#include <arch/boot.h>
#include <arch/random.h>

#include "apic/apic.h"
#include "boards/qemu-microvm/pc.h"
#include "boards/qemu-microvm/pvh-reg.h"
#include "libc/print.h"
#include "libc/string.h"

#define LOW_MEMORY	(2ul << 20)	/* firmware's, other CPUs' first code, the image: not given to the allocator */
#define MAX_CMDLINE	0x10000u
#define MAX_MEMMAP	1024u

_Static_assert(PC_MAX_CPUS <= MAX_CPUS, "tables fit");
_Static_assert(PC_MAX_IOAPICS <= APIC_MAX_IOAPICS, "tables fit");

static struct pc_firmware firmware;

static const void *map(uint64_t pa, size_t len)
{
	return arch_boot_map(pa, len);
}

static bool reserve(struct board *b, paddr_t start, paddr_t end)
{
	struct mem_layout *m = &b->memory;

	if (start >= end || end <= LOW_MEMORY)
		return true;
	if (m->nr_reserved == MEM_MAX_RESERVED)
		return false;
	m->reserved[m->nr_reserved++] = (struct mem_range){ start, end - start };
	return true;
}

static const char *take_banks(struct board *b, const struct hvm_start_info *info)
{
	size_t size = info->memmap_entries * sizeof(struct hvm_memmap_table_entry);
	const struct hvm_memmap_table_entry *e = NULL;

	if (info->version >= 1 && info->memmap_entries && info->memmap_entries <= MAX_MEMMAP)
		e = map(info->memmap_paddr, size);
	if (!e)
		return "the boot loader gave no memory map (PVH start info version 1)";
	for (unsigned i = 0; i < info->memmap_entries; i++) {
		paddr_t start = MAX(e[i].addr, LOW_MEMORY), end = e[i].addr + e[i].size;

		if (e[i].type != XEN_HVM_MEMMAP_TYPE_RAM || end <= start)
			continue;
		if (b->memory.nr_banks == MEM_MAX_BANKS) {
			log_line("the memory map has more ranges than the kernel has room for; the rest is not used");
			break;
		}
		b->memory.bank[b->memory.nr_banks++] = (struct mem_range){ start, end - start };
	}
	return b->memory.nr_banks ? NULL : "the memory map names no memory above 2 MiB";
}

static bool in_ram(const struct board *b, paddr_t start, paddr_t end)
{
	for (unsigned i = 0; i < b->memory.nr_banks; i++)
		if (start >= b->memory.bank[i].start && end <= b->memory.bank[i].start + b->memory.bank[i].size)
			return true;
	return false;
}

static const char *take_initrd(struct board *b, const struct hvm_start_info *info)
{
	const struct hvm_modlist_entry *m;

	if (!info->nr_modules)
		return NULL;
	m = map(info->modlist_paddr, sizeof(*m));
	if (!m || !m->size)
		return NULL;
	if (!in_ram(b, m->paddr, m->paddr + m->size))
		return "the initrd lies outside RAM: give the machine more memory";
	b->initrd_start = m->paddr;
	b->initrd_end = m->paddr + m->size;
	return reserve(b, b->initrd_start, b->initrd_end) ? NULL : "too many ranges of memory";
}

/* It stays where it is; devices that were named behind the program are cut off. */
static const char *take_cmdline(struct board *b, const struct hvm_start_info *info)
{
	char *text;

	b->bootargs = "";
	if (!info->cmdline_paddr)
		return NULL;
	text = (char *)arch_boot_map(info->cmdline_paddr, MAX_CMDLINE);
	if (!text || strnlen(text, MAX_CMDLINE) == MAX_CMDLINE)
		return "the command line cannot be read, or is longer than 64 KiB";
	reserve(b, info->cmdline_paddr, info->cmdline_paddr + strlen(text) + 1);
	take_virtio_devices(text, b);
	b->bootargs = text;
	return NULL;
}

static const char *take_firmware(struct board *b, const struct hvm_start_info *info)
{
	bool is_good = info->rsdp_paddr && acpi_parse(map, info->rsdp_paddr, &firmware);

	if (!is_good)
		is_good = mp_table_parse(map, &firmware) || acpi_parse(map, 0, &firmware);
	if (!is_good)
		return "the firmware names no CPUs or I/O APIC (ACPI MADT, MP table)";
	if (firmware.is_truncated)
		log_line("the firmware names more CPUs or I/O APICs than the kernel has room for; the rest is not used");
	b->nr_cpus = firmware.nr_cpus;
	for (unsigned i = 0; i < firmware.nr_cpus; i++)
		b->cpu_hwid[i] = firmware.apic_id[i];
	for (unsigned i = 0; i < b->nr_virtio_mmio; i++)
		b->virtio_mmio[i].irq = isa_irq(b->virtio_mmio[i].irq);
	return NULL;
}

static void take_seed(struct board *b)
{
	uint64_t v;

	while (b->seed_len + sizeof(v) <= BOARD_SEED_LEN && arch_random64(&v)) {
		memcpy(b->seed + b->seed_len, &v, sizeof(v));
		b->seed_len += sizeof(v);
	}
	if (!b->seed_len) {
		memcpy(b->seed, &arch_boot.entry_counter, sizeof(v));
		b->seed_len = sizeof(v);
	}
}

static const char *probe(struct board *b)
{
	const struct hvm_start_info *info;
	const char *error;

	console_init_log();
	info = map(arch_boot.start_info, sizeof(*info));
	if (!info || info->magic != XEN_HVM_START_MAGIC_VALUE)
		return "the boot loader gave no PVH start info";
	error = take_cmdline(b, info);
	if (!error)
		error = take_banks(b, info);
	if (!error)
		error = take_initrd(b, info);
	if (!error)
		error = take_firmware(b, info);
	reserve(b, arch_boot.image_start, arch_boot.image_end);
	b->timer_irq = APIC_IRQ_TIMER;
	take_seed(b);
	return error;
}

bool board_probe(struct board *b, const char **why)
{
	*why = probe(b);
	return !*why;
}

int isa_irq(int irq)
{
	return irq >= 0 && irq < PC_NR_ISA_IRQS ? (int)firmware.isa_irq[irq].gsi : irq;
}

bool board_init_irq(const struct board *b, const char **why)
{
	struct apic_ioapic ioapic[PC_MAX_IOAPICS];

	(void)b;
	for (unsigned i = 0; i < firmware.nr_ioapics; i++)
		ioapic[i] = (struct apic_ioapic){ firmware.ioapic[i].base, firmware.ioapic[i].gsi_base };
	*why = "the interrupt controllers cannot be used as the firmware describes them";
	if (apic_init(ioapic, firmware.nr_ioapics))
		return false;
	for (unsigned i = 0; i < PC_NR_ISA_IRQS; i++)
		if (firmware.isa_irq[i].is_active_low)
			apic_set_active_low((int)firmware.isa_irq[i].gsi);
	power_init(&firmware);
	return true;
}

uint64_t board_rtc_seconds(void)
{
	return cmos_seconds();
}

int board_start_cpu(struct cpu *cpu)
{
	return arch_cpu_start(cpu, cpu->idle, cpu->idle->kstack + KSTACK_SIZE);
}
