/* SPDX-License-Identifier: MIT
 *
 * Page-table format: 4-level paging, 4 KiB pages (Intel SDM vol. 3A 4.5).
 *
 * mmu/pt.c walks tables with these; it knows no bit. Levels are numbered from the leaves: level 0 maps 4 KiB, 1 maps 2 MiB, 2 maps 1 GiB, 3 is the root. The entry code
 * uses the constants (this header may be included by assembly).
 *
 *	63  62..54 53    52   51            12 11..9 8  7    6  5  4   3   2   1   0
 *	XD  -      NONE  OWN  address          -     G  PS   D  A  PCD PWT U/S R/W P
 *
 * Application and kernel run at one privilege level, so U/S is 0 everywhere. G is 1 for the kernel's leaves only. A and D are set from the start: the hardware never writes an
 * entry, so that compare-and-swap sees only what software did. Memory types: the PAT as it is after reset, write-back (0) and uncached (PCD and PWT).
 */
#pragma once

#include <arch/layout.h>

#define PTE_PRESENT	LAYOUT_UL(0x1)
#define PTE_WRITE	LAYOUT_UL(0x2)
#define PTE_UNCACHED	LAYOUT_UL(0x18)		/* PCD, PWT */
#define PTE_ACCESSED	LAYOUT_UL(0x20)
#define PTE_DIRTY	LAYOUT_UL(0x40)
#define PTE_BLOCK	LAYOUT_UL(0x80)		/* PS */
#define PTE_GLOBAL	LAYOUT_UL(0x100)
#define PTE_NX		LAYOUT_UL(0x8000000000000000)
#define PTE_SW_OWN	LAYOUT_UL(0x0010000000000000)	/* software, bit 52: a private page of this mapping */
#define PTE_SW_NONE	LAYOUT_UL(0x0020000000000000)	/* software, bit 53: content kept, no access (entry not present) */
#define PTE_ADDR_MASK	LAYOUT_UL(0x000ffffffffff000)

/* Of this port alone. */
#define PT_TABLE_BITS	(PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)

#ifndef __ASSEMBLY__
#include "libc/types.h"

typedef uint64_t pte_t;

#define PT_ENTRIES	512u
#define PT_TOP_LEVEL	3u
#define PT_BLOCK_MAX	arch_pt_block_max	/* highest level at which a leaf may stand */
#define PT_SHIFT(level)	(PAGE_SHIFT + 9 * (level))

/* Of this port alone. [I] 2 if the CPU has blocks of 1 GiB, else 1. */
extern unsigned arch_pt_block_max;

/* Portable meaning of a leaf. */
#define PT_WRITE	1u
#define PT_EXEC		2u
#define PT_USER		4u		/* application: not global */
#define PT_DEVICE	8u
#define PT_OWN		16u		/* software: private page of this mapping (anonymous, or copied) */
#define PT_NONE		32u		/* no access; the entry keeps the page */

static inline bool pt_is_empty(pte_t e)
{
	return e == 0;
}

/* The hardware would use it: it may be in a TLB. */
static inline bool pt_is_valid(pte_t e)
{
	return e & PTE_PRESENT;
}

static inline bool pt_is_table(pte_t e, unsigned level)
{
	return level > 0 && (e & (PTE_PRESENT | PTE_BLOCK)) == PTE_PRESENT;
}

static inline paddr_t pt_address(pte_t e)
{
	return e & PTE_ADDR_MASK;
}

static inline pte_t pt_make_table(paddr_t table)
{
	return table | PT_TABLE_BITS;
}

/* The access bits of flags (PT_WRITE, PT_EXEC, PT_NONE) at this level. */
static inline pte_t pt_access_bits(unsigned level, unsigned flags)
{
	pte_t e = flags & PT_NONE ? PTE_SW_NONE : PTE_PRESENT;

	(void)level;
	e |= flags & PT_WRITE ? PTE_WRITE : 0;
	e |= flags & PT_EXEC ? 0 : PTE_NX;
	return e;
}

static inline pte_t pt_make_leaf(paddr_t pa, unsigned level, unsigned flags)
{
	pte_t e = pa | PTE_ACCESSED | PTE_DIRTY | pt_access_bits(level, flags);

	e |= level > 0 ? PTE_BLOCK : 0;
	e |= flags & PT_DEVICE ? PTE_UNCACHED : 0;
	e |= flags & PT_USER ? 0 : PTE_GLOBAL;
	e |= flags & PT_OWN ? PTE_SW_OWN : 0;
	return e;
}

/* The same leaf with other access bits (of its level). */
static inline pte_t pt_replace_access(pte_t e, pte_t bits)
{
	return (e & ~(PTE_PRESENT | PTE_SW_NONE | PTE_WRITE | PTE_NX)) | bits;
}

static inline pte_t pt_with_access(pte_t e, unsigned level, unsigned flags)
{
	return pt_replace_access(e, pt_access_bits(level, flags));
}

static inline bool pt_is_writable(pte_t e)
{
	return e & PTE_WRITE;
}

static inline bool pt_is_own(pte_t e)
{
	return e & PTE_SW_OWN;
}

static inline unsigned pt_flags(pte_t e)
{
	return (e & PTE_WRITE ? PT_WRITE : 0) | (e & PTE_NX ? 0 : PT_EXEC) | (e & PTE_GLOBAL ? 0 : PT_USER) |
	       (e & PTE_SW_OWN ? PT_OWN : 0) | (e & PTE_SW_NONE ? PT_NONE : 0) | (e & PTE_UNCACHED ? PT_DEVICE : 0);
}

/* Root of the kernel's tables. The upper half of every root is the same. */
paddr_t arch_pt_kernel_root(void);
/* A root, zeroed, for an address space: the kernel's half goes in. */
void arch_pt_init_root(pte_t *root);
/* On this CPU; preemption disabled. What was cached of the former one is dropped. */
void arch_pt_activate(paddr_t root, unsigned asid);

/* Biggest identifier of an address space: hardware has none here (no PCID), it only names them. */
static inline unsigned arch_pt_asid_max(void)
{
	return 65535;
}

/* Where the kernel's tables map a kernel address; false: nowhere. */
bool arch_pt_translate(const void *va, paddr_t *pa);

/* Entries written before are seen by the walks of accesses after it: an entry that was not present is cached nowhere (4.10.2.3). */
static inline void arch_pt_sync(void)
{
	__asm__ volatile("" : : : "memory");
}
#endif /* __ASSEMBLY__ */
