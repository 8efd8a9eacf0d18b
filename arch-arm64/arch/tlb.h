/* SPDX-License-Identifier: MIT
 *
 * TLB invalidation, broadcast to all CPUs by the hardware (inner shareable). Arm ARM DDI 0487 J.a D8.13, D8.14.
 *
 * Each function: entries written before it are seen by all walkers, and when it returns no CPU uses a translation that was cached before. Context: thread, may sleep (here
 * none does; ports whose hardware does not broadcast must).
 */
#pragma once

#include "libc/types.h"

#define TLB_PAGES_MAX	256u	/* more than this many are invalidated by ASID instead of by address */

/* Of this port alone: what stands around the instructions. */
static inline void arch_tlb_begin(void)
{
	__asm__ volatile("dsb ishst" : : : "memory");
}

/* Of this port alone. */
static inline void arch_tlb_end(void)
{
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

/* All of an address space. */
static inline void arch_tlb_flush_asid(unsigned asid)
{
	arch_tlb_begin();
	__asm__ volatile("tlbi aside1is, %0" : : "r"((uint64_t)asid << 48) : "memory");
	arch_tlb_end();
}

/* The address space is about to be freed, no thread of it will run again: nothing of it is cached anywhere when this returns. */
static inline void arch_tlb_retire(unsigned asid)
{
	arch_tlb_flush_asid(asid);
}

/*
 * nr addresses from va on, stride bytes apart (a page or a block). has_tables: tables were taken out of the walk, so cached walks go too; else only last-level entries.
 */
static inline void arch_tlb_flush_range(unsigned asid, vaddr_t va, uint64_t nr, uint64_t stride, bool has_tables)
{
	uint64_t arg = (uint64_t)asid << 48 | va >> PAGE_SHIFT;

	if (nr > TLB_PAGES_MAX) {
		arch_tlb_flush_asid(asid);
		return;
	}
	arch_tlb_begin();
	for (; nr; nr--, arg += stride >> PAGE_SHIFT) {
		if (has_tables)
			__asm__ volatile("tlbi vae1is, %0" : : "r"(arg) : "memory");
		else
			__asm__ volatile("tlbi vale1is, %0" : : "r"(arg) : "memory");
	}
	arch_tlb_end();
}

/* Kernel mappings (global). The operand takes VA[55:12] in bits 43:0. */
static inline void arch_tlb_flush_kernel(vaddr_t va, uint64_t nr_pages)
{
	arch_tlb_begin();
	for (; nr_pages; nr_pages--, va += PAGE_SIZE)
		__asm__ volatile("tlbi vaae1is, %0" : : "r"(va >> PAGE_SHIFT & 0xfffffffffffull) : "memory");
	arch_tlb_end();
}
