/* SPDX-License-Identifier: MIT
 *
 * The first translation tables: made by the boot CPU with the MMU off, at its physical address, so that only pc-relative addresses and
 * aligned 64-bit accesses may occur here (no memset, no constants in memory that hold addresses).
 *
 *	TTBR0	the 2 MiB around the entry code, one to one, for the moment of the switch (and for other CPUs' moments)
 *	TTBR1	the kernel image at KERNEL_BASE by 4 KiB pages: text RX, rodata R, data RW; no page below the boot stack
 *		the 2 MiB blocks that hold the image and the device tree, at LINEAR_BASE: RW
 *
 * mmu_init() goes on with the TTBR1 tables. Descriptors: Arm ARM DDI0487 D8.3.
 */
#include <arch/boot.h>
#include <arch/layout.h>
#include <arch/mair.h>

#include "libc/types.h"

#define NR_EARLY_TABLES	16

#define DESC_TABLE	3ul
#define DESC_BLOCK	1ul
#define DESC_PAGE	3ul
#define DESC_ATTR(idx)	((uint64_t)(idx) << 2)
#define DESC_RO		(2ul << 6)
#define DESC_SH_INNER	(3ul << 8)
#define DESC_AF		(1ul << 10)
#define DESC_PXN	(1ul << 53)
#define DESC_UXN	(1ul << 54)
#define DESC_ADDR	0x0000fffffffff000ul

#define NORMAL		(DESC_ATTR(MAIR_IDX_NORMAL) | DESC_SH_INNER | DESC_AF)
#define NORMAL_RX	(NORMAL | DESC_RO | DESC_UXN)
#define NORMAL_RO	(NORMAL | DESC_RO | DESC_UXN | DESC_PXN)
#define NORMAL_RW	(NORMAL | DESC_UXN | DESC_PXN)

#define MAX_FDT_SIZE	BLOCK_SIZE	/* booting.rst: not more than 2 MiB */

struct table {
	uint64_t desc[512];
};

/* [0] TTBR0, [1] TTBR1, [2] an empty one for TTBR0 when there is no application, then as they come. */
extern struct table early_tables[NR_EARLY_TABLES];
struct table early_tables[NR_EARLY_TABLES] __attribute__((section(".early_tables"), aligned(4096)));
__asm__(".globl empty_table\n.set empty_table, early_tables + 2 * 4096");
static unsigned nr_used __attribute__((section(".data.early")));

extern char _text[], _text_end[], _rodata_end[], _end[];

void early_zero_page(struct table *t);
struct table *early_map(paddr_t image, paddr_t fdt, paddr_t image_end);

static struct table *next_table(struct table *t, uint64_t va, unsigned shift)
{
	uint64_t *desc = &t->desc[(va >> shift) & 511];
	struct table *next;

	if (*desc & 1)
		return (struct table *)(*desc & DESC_ADDR);
	if (nr_used == NR_EARLY_TABLES)
		return NULL;
	next = &early_tables[nr_used++];
	early_zero_page(next);
	*desc = (uint64_t)next | DESC_TABLE;
	return next;
}

static bool map_block(struct table *root, uint64_t va, paddr_t pa, uint64_t attr)
{
	struct table *t = next_table(root, va, 39);

	if (t)
		t = next_table(t, va, 30);
	if (!t)
		return false;
	t->desc[(va >> 21) & 511] = ALIGN_DOWN(pa, BLOCK_SIZE) | attr | DESC_BLOCK;
	return true;
}

static void map_image(struct table *root, paddr_t image)
{
	uint64_t va = KERNEL_BASE, attr;
	uint64_t text_end = image + (uint64_t)(_text_end - _text);
	uint64_t rodata_end = image + (uint64_t)(_rodata_end - _text);
	uint64_t guard = image + (uint64_t)((char *)arch_boot_stack - _text) - PAGE_SIZE;
	uint64_t end = image + (uint64_t)(_end - _text);
	struct table *t = NULL;

	for (paddr_t pa = image; pa < end; pa += PAGE_SIZE, va += PAGE_SIZE) {
		if (!t || IS_ALIGNED(va, BLOCK_SIZE)) {
			t = next_table(root, va, 39);
			t = next_table(t, va, 30);
			t = next_table(t, va, 21);
		}
		attr = pa < text_end ? NORMAL_RX : pa < rodata_end ? NORMAL_RO : NORMAL_RW;
		if (pa != guard)
			t->desc[(va >> 12) & 511] = pa | attr | DESC_PAGE;
	}
}

static uint32_t be32(const uint32_t *p)
{
	return __builtin_bswap32(*p);
}

/* Called by start.S. Returns the end of what it wrote. */
__attribute__((target("strict-align"))) struct table *early_map(paddr_t image, paddr_t fdt, paddr_t image_end)
{
	uint64_t fdt_size = 0;

	nr_used = 3;
	__asm__ volatile("dc ivac, %0" : : "r"(&nr_used) : "memory");	/* caches are off: no stale line may hide it later */
	for (unsigned i = 0; i < 3; i++)
		early_zero_page(&early_tables[i]);
	map_block(&early_tables[0], image, image, NORMAL | DESC_UXN);
	map_image(&early_tables[1], image);
	for (paddr_t pa = ALIGN_DOWN(image, BLOCK_SIZE); pa < image_end; pa += BLOCK_SIZE)
		map_block(&early_tables[1], LINEAR_BASE + pa, pa, NORMAL_RW);
	if (fdt && IS_ALIGNED(fdt, 8ul) && fdt < (1ul << 47)) {
		const uint32_t *header = (const uint32_t *)fdt;

		fdt_size = be32(&header[0]) == 0xd00dfeed ? be32(&header[1]) : 0;
		if (fdt_size > MAX_FDT_SIZE)
			fdt_size = 0;
	}
	if (fdt_size)
		for (paddr_t pa = ALIGN_DOWN(fdt, BLOCK_SIZE); pa < fdt + fdt_size; pa += BLOCK_SIZE)
			map_block(&early_tables[1], LINEAR_BASE + pa, pa, NORMAL_RW);
	return &early_tables[nr_used];
}
