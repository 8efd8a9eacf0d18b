/* SPDX-License-Identifier: MIT
 *
 * The host as a port: the page-table format of arm64, in memory that no hardware walks. Kernel addresses are physical addresses (LINEAR_BASE is 0).
 */
#pragma once

#include "arch-arm64/arch/pt.h"

extern pte_t host_kernel_root[PT_ENTRIES];	/* tests/host/mmu-env.c; page aligned */

static inline paddr_t arch_pt_kernel_root(void)
{
	return (paddr_t)host_kernel_root;
}

static inline void arch_pt_init_root(pte_t *root)
{
	(void)root;
}

static inline void arch_pt_activate(paddr_t root, unsigned asid)
{
	(void)root;
	(void)asid;
}

static inline unsigned arch_pt_asid_max(void)
{
	return 255;
}

static inline bool arch_pt_translate(const void *va, paddr_t *pa)
{
	*pa = (paddr_t)va;
	return true;
}

static inline void arch_pt_sync(void)
{
}
