/* SPDX-License-Identifier: MIT
 *
 * TLB invalidation on all CPUs that may have the translations: by interrupt, and the caller sleeps until all of them have answered (arch-x86/tlb.c).
 *
 * Each function: entries written before it are seen by all walkers, and when it returns no CPU uses a translation that was cached before. Context: thread, may sleep.
 */
#pragma once

#include "libc/types.h"

#define TLB_PAGES_MAX	32u	/* more than this many are invalidated all at once instead of by address */

/* All of an address space. */
void arch_tlb_flush_asid(unsigned asid);
/*
 * nr addresses from va on, stride bytes apart (a page or a block). has_tables: tables were taken out of the walk, so cached walks go too (invlpg does both: Intel SDM
 * vol. 3A 4.10.4.1).
 */
void arch_tlb_flush_range(unsigned asid, vaddr_t va, uint64_t nr, uint64_t stride, bool has_tables);
/* Kernel mappings (global). */
void arch_tlb_flush_kernel(vaddr_t va, uint64_t nr_pages);
/*
 * The address space is about to be freed, no thread of it will run again: no CPU has its root loaded, or anything of it cached, when this returns.
 */
void arch_tlb_retire(unsigned asid);
