/* SPDX-License-Identifier: MIT
 *
 * Page-table format: VMSAv8-64, 4 KiB granule, 48-bit addresses (Arm ARM DDI 0487 J.a D8.3; AttrIndx and AP D8.4, D8.5).
 *
 * mmu/pt.c walks tables with these; it knows no bit. Levels are numbered from the leaves: level 0 maps 4 KiB, 1 maps 2 MiB, 2 maps 1 GiB, 3 is the root (Arm's level is
 * 3 - level). The entry code uses the constants (this header may be included by assembly).
 *
 *	63  58    56    55   54  53  52     51   50..48 47            12 11 10 9 8  7    6  5  4..2  1    0
 *	+----+------+-----+-----+---+------+-----+------+----------------+--+--+----+-----+----+------+----+-----+
 *	|    | none | own | UXN |PXN|contig| DBM |      | output address |nG|AF| SH |AP: RO|EL0|AttrIx|tab | val |
 *	+----+------+-----+-----+---+------+-----+------+----------------+--+--+----+-----+----+------+----+-----+
 *
 * Application and kernel both run at EL1: AP[1] (EL0 access) is never set, UXN always; what is executable is said by PXN. An application page is nG (tagged with its
 * ASID). EL1 cannot execute without reading, so PROT_EXEC and PROT_WRITE imply reading, as on Linux without EPAN.
 */
#pragma once

#include <arch/layout.h>

/* Of this port alone. MAIR_EL1 (D19.2.100): what the attribute indices mean. The entry code loads PT_MAIR_VALUE. */
#define PT_ATTR_NORMAL	0		/* write-back, allocate: 0xff */
#define PT_ATTR_DEVICE	1		/* device-nGnRE: 0x04 */
#define PT_ATTR_NC	2		/* normal non-cacheable: 0x44 */
#define PT_MAIR_VALUE	LAYOUT_UL(0x4404ff)

#define PTE_VALID	LAYOUT_UL(0x1)
#define PTE_TABLE	LAYOUT_UL(0x2)		/* levels 1..3: a table; level 0: must be set for a page */
#define PTE_ATTR_SHIFT	2
#define PTE_RDONLY	LAYOUT_UL(0x80)		/* AP[2] */
#define PTE_INNER	LAYOUT_UL(0x300)	/* SH: inner shareable */
#define PTE_AF		LAYOUT_UL(0x400)
#define PTE_NG		LAYOUT_UL(0x800)
#define PTE_PXN		LAYOUT_UL(0x0020000000000000)
#define PTE_UXN		LAYOUT_UL(0x0040000000000000)
#define PTE_SW_OWN	LAYOUT_UL(0x0080000000000000)	/* software, bit 55: a private page of this mapping */
#define PTE_SW_NONE	LAYOUT_UL(0x0100000000000000)	/* software, bit 56: content kept, no access (invalid entry) */
#define PTE_ADDR_MASK	LAYOUT_UL(0x0000fffffffff000)

#ifndef __ASSEMBLY__
#include "libc/types.h"

typedef uint64_t pte_t;

#define PT_ENTRIES	512u
#define PT_TOP_LEVEL	3u
#define PT_BLOCK_MAX	2u		/* highest level at which a leaf may stand */
#define PT_SHIFT(level)	(PAGE_SHIFT + 9 * (level))

/* Portable meaning of a leaf. */
#define PT_WRITE	1u
#define PT_EXEC		2u
#define PT_USER		4u		/* application: tagged with the ASID */
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
	return e & PTE_VALID;
}

static inline bool pt_is_table(pte_t e, unsigned level)
{
	return level > 0 && (e & (PTE_VALID | PTE_TABLE)) == (PTE_VALID | PTE_TABLE);
}

static inline paddr_t pt_address(pte_t e)
{
	return e & PTE_ADDR_MASK;
}

static inline pte_t pt_make_table(paddr_t table)
{
	return table | PTE_VALID | PTE_TABLE;
}

/* The access bits of flags (PT_WRITE, PT_EXEC, PT_NONE) at this level. */
static inline pte_t pt_access_bits(unsigned level, unsigned flags)
{
	pte_t e = flags & PT_NONE ? PTE_SW_NONE : PTE_VALID;

	e |= level == 0 ? PTE_TABLE : 0;
	e |= flags & PT_WRITE ? 0 : PTE_RDONLY;
	e |= flags & PT_EXEC ? 0 : PTE_PXN;
	return e;
}

static inline pte_t pt_make_leaf(paddr_t pa, unsigned level, unsigned flags)
{
	pte_t e = pa | PTE_AF | PTE_UXN | pt_access_bits(level, flags);

	e |= flags & PT_DEVICE ? (pte_t)PT_ATTR_DEVICE << PTE_ATTR_SHIFT : PTE_INNER;
	e |= flags & PT_USER ? PTE_NG : 0;
	e |= flags & PT_OWN ? PTE_SW_OWN : 0;
	return e;
}

/* The same leaf with other access bits (of its level): no change that needs break-before-make (D8.14.1). */
static inline pte_t pt_replace_access(pte_t e, pte_t bits)
{
	return (e & ~(PTE_VALID | PTE_SW_NONE | PTE_RDONLY | PTE_PXN)) | bits;
}

static inline pte_t pt_with_access(pte_t e, unsigned level, unsigned flags)
{
	return pt_replace_access(e, pt_access_bits(level, flags));
}

static inline bool pt_is_writable(pte_t e)
{
	return !(e & PTE_RDONLY);
}

static inline bool pt_is_own(pte_t e)
{
	return e & PTE_SW_OWN;
}

static inline unsigned pt_flags(pte_t e)
{
	return (e & PTE_RDONLY ? 0 : PT_WRITE) | (e & PTE_PXN ? 0 : PT_EXEC) | (e & PTE_NG ? PT_USER : 0) |
	       (e & PTE_SW_OWN ? PT_OWN : 0) | (e & PTE_SW_NONE ? PT_NONE : 0);
}

#ifndef HOST_TEST
/* Root of the kernel's half, and of the application's (Arm ARM D19.2.153, D19.2.155). */
static inline paddr_t arch_pt_kernel_root(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, ttbr1_el1" : "=r"(v));
	return v & PTE_ADDR_MASK & ~(PAGE_SIZE - 1);
}

/* A root, zeroed, for an address space: the kernel's half has a root of its own (TTBR1). */
static inline void arch_pt_init_root(pte_t *root)
{
	(void)root;
}

/* The isb makes it so for what follows; the TLB needs nothing, as entries carry the ASID. */
static inline void arch_pt_activate(paddr_t root, unsigned asid)
{
	__asm__ volatile("msr ttbr0_el1, %0\n\tisb" : : "r"(root | (uint64_t)asid << 48) : "memory");
}

/* Biggest ASID: 255, or 65535 if the CPU has them and the entry code set TCR_EL1.AS (bit 36). */
static inline unsigned arch_pt_asid_max(void)
{
	uint64_t tcr;

	__asm__ volatile("mrs %0, tcr_el1" : "=r"(tcr));
	return tcr >> 36 & 1 ? 65535 : 255;
}

/* Where the tables now in force map a kernel address; false: nowhere (AT S1E1R, PAR_EL1: D19.2.108). */
static inline bool arch_pt_translate(const void *va, paddr_t *pa)
{
	uint64_t par;

	__asm__ volatile("at s1e1r, %1\n\tisb\n\tmrs %0, par_el1" : "=r"(par) : "r"(va) : "memory");
	*pa = (par & PTE_ADDR_MASK) | ((vaddr_t)va & (PAGE_SIZE - 1));
	return !(par & 1);
}

/* Entries written before are seen by the walks of accesses after it. Needed for kernel mappings; a fault of the application is simply taken again. */
static inline void arch_pt_sync(void)
{
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
}
#endif /* HOST_TEST */
#endif /* __ASSEMBLY__ */
