/* SPDX-License-Identifier: MIT
 *
 * The host as a port: no TLB.
 */
#pragma once

#include "libc/types.h"

static inline void arch_tlb_flush_asid(unsigned asid)
{
	(void)asid;
}

static inline void arch_tlb_retire(unsigned asid)
{
	(void)asid;
}

static inline void arch_tlb_flush_range(unsigned asid, vaddr_t va, uint64_t nr, uint64_t stride, bool has_tables)
{
	(void)asid;
	(void)va;
	(void)nr;
	(void)stride;
	(void)has_tables;
}

static inline void arch_tlb_flush_kernel(vaddr_t va, uint64_t nr_pages)
{
	(void)va;
	(void)nr_pages;
}
