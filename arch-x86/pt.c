/* SPDX-License-Identifier: MIT
 *
 * The kernel's page tables: the first ones, made by the boot CPU while it runs on those of start.S, and what portable code asks about them later.
 *
 *	KERNEL_BASE	the kernel image by 4 KiB pages: text RX, rodata R, data RW; no page below the boot stack
 *	LINEAR_BASE	the 2 MiB blocks at physical address 0 and those that hold the image: RW; what arch_boot_map() adds
 *	KSTACK_BASE, KMAP_BASE	a table each, empty: every address space has a copy of the root's upper half, and an entry that came later would not be in it
 *
 * mmu_init() goes on with them.
 */
#include <arch/pt.h>

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/io.h>

#include "arch-x86/percpu.h"
#include "asm-offsets.h"
#include "libc/string.h"
#include "mmu/page.h"

#define NR_EARLY_TABLES	20

/* [0] is the root; the others as they come. */
static pte_t early_tables[NR_EARLY_TABLES][PT_ENTRIES] __attribute__((section(".early_tables"), aligned(4096)));
static unsigned nr_used;
paddr_t arch_kernel_root;
unsigned arch_pt_block_max = 1;

extern char _text[], _text_end[], _rodata_end[], _end[];

void arch_pt_early_init(void);

static paddr_t image_pa(const void *va)
{
	return (vaddr_t)va - KERNEL_BASE + KERNEL_PHYS;
}

/* Tables of the image are reached through the image, others (of mmu/) through the linear map. */
static pte_t *table_at(paddr_t pa)
{
	if (pa >= KERNEL_PHYS && pa < image_pa(_end))
		return (pte_t *)(pa - KERNEL_PHYS + KERNEL_BASE);
	return phys_to_virt(pa);
}

/* The table below e. NULL: none left. */
static pte_t *early_next(pte_t *e)
{
	if (pt_is_empty(*e)) {
		if (nr_used == NR_EARLY_TABLES)
			return NULL;
		memset(early_tables[nr_used], 0, PAGE_SIZE);
		*e = pt_make_table(image_pa(early_tables[nr_used++]));
	}
	return table_at(pt_address(*e));
}

/* The entry for va at a level. NULL: no table left. */
static pte_t *early_entry(vaddr_t va, unsigned level)
{
	pte_t *t = early_tables[0];

	for (unsigned l = PT_TOP_LEVEL; t && l > level; l--)
		t = early_next(&t[va >> PT_SHIFT(l) & (PT_ENTRIES - 1)]);
	return t ? &t[va >> PT_SHIFT(level) & (PT_ENTRIES - 1)] : NULL;
}

static bool map_blocks(paddr_t start, paddr_t end)
{
	for (paddr_t pa = ALIGN_DOWN(start, BLOCK_SIZE); pa < end; pa += BLOCK_SIZE) {
		pte_t *e = early_entry(LINEAR_BASE + pa, 1);

		if (!e)
			return false;
		if (pt_is_empty(*e))
			*e = pt_make_leaf(pa, 1, PT_WRITE);
	}
	return true;
}

static void map_image(void)
{
	vaddr_t guard = (vaddr_t)arch_boot_stack - PAGE_SIZE;

	for (char *p = _text; p < _end; p += PAGE_SIZE) {
		unsigned flags = p < _text_end ? PT_EXEC : p < _rodata_end ? 0 : PT_WRITE;
		pte_t *e = early_entry((vaddr_t)p, 0);

		if ((vaddr_t)p != guard)
			*e = pt_make_leaf(image_pa(p), 0, flags);
	}
}

void arch_pt_early_init(void)
{
	memset(early_tables[0], 0, PAGE_SIZE);
	nr_used = 1;
	if (cpuid(0x80000001, 0).edx & (1u << 26))	/* blocks of 1 GiB */
		arch_pt_block_max = 2;
	arch_boot.image_start = KERNEL_PHYS;
	arch_boot.image_end = image_pa(_end);
	map_image();
	map_blocks(0, BLOCK_SIZE);
	map_blocks(arch_boot.image_start, arch_boot.image_end);
	(void)early_entry(KSTACK_BASE, 2);
	(void)early_entry(KMAP_BASE, 2);
	arch_kernel_root = image_pa(early_tables[0]);
	__asm__ volatile("movq %0, %%cr3" : : "r"(arch_kernel_root) : "memory");
}

const void *arch_boot_map(paddr_t pa, size_t len)
{
	if (!pa || pa + len < pa || pa + len > USER_TOP || !map_blocks(pa, pa + len))
		return NULL;
	return phys_to_virt(pa);
}

paddr_t arch_pt_kernel_root(void)
{
	return arch_kernel_root;
}

void arch_pt_init_root(pte_t *root)
{
	memcpy(root + PT_ENTRIES / 2, table_at(arch_kernel_root) + PT_ENTRIES / 2, PAGE_SIZE / 2);
}

bool arch_pt_translate(const void *va, paddr_t *pa)
{
	paddr_t table = arch_kernel_root;

	for (unsigned l = PT_TOP_LEVEL;; l--) {
		pte_t e = table_at(table)[(vaddr_t)va >> PT_SHIFT(l) & (PT_ENTRIES - 1)];
		uint64_t size = 1ull << PT_SHIFT(l);

		if (!pt_is_valid(e))
			return false;
		if (!pt_is_table(e, l)) {
			*pa = (pt_address(e) & ~(size - 1)) | ((vaddr_t)va & (size - 1));
			return true;
		}
		table = pt_address(e);
	}
}
