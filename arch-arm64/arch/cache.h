/* SPDX-License-Identifier: MIT
 *
 * Caches: making text coherent, clearing pages. Arm ARM DDI 0487 J.a B2.4.4 (concurrent modification, the sequence), D7.5; CTR_EL0 D19.2.34, DCZID_EL0 D19.2.38.
 */
#pragma once

#include "libc/string.h"
#include "libc/types.h"

/*
 * What was written at [va, va + len) will be executed, on any CPU. Clean the data cache to the point of unification, then invalidate the instruction caches of all CPUs
 * (by address: caches are physically tagged in effect, so the linear-map alias of a text page does). The CPU that goes on to execute it is synchronised by the isb or
 * by its exception return. Context: any.
 */
static inline void arch_sync_icache(const void *va, size_t len)
{
	uint64_t ctr, end = (vaddr_t)va + len, step, p;

	__asm__("mrs %0, ctr_el0" : "=r"(ctr));
	if (!(ctr >> 28 & 1)) {		/* IDC: no clean needed */
		step = 4ul << (ctr >> 16 & 15);
		for (p = ALIGN_DOWN((vaddr_t)va, step); p < end; p += step)
			__asm__ volatile("dc cvau, %0" : : "r"(p) : "memory");
	}
	__asm__ volatile("dsb ish" : : : "memory");
	if (!(ctr >> 29 & 1)) {		/* DIC: no invalidate needed */
		step = 4ul << (ctr & 15);
		for (p = ALIGN_DOWN((vaddr_t)va, step); p < end; p += step)
			__asm__ volatile("ic ivau, %0" : : "r"(p) : "memory");
		__asm__ volatile("dsb ish" : : : "memory");
	}
	__asm__ volatile("isb" : : : "memory");
}

/* Clear whole pages of normal memory: len is a multiple of PAGE_SIZE. DC ZVA clears a block at a time: 64 bytes on common CPUs, 512 on some. */
static inline void arch_clear_pages(void *va, size_t len)
{
	uint64_t zid, p = (vaddr_t)va, end = p + len, n;

	__asm__("mrs %0, dczid_el0" : "=r"(zid));
	n = 4ul << (zid & 15);
	if (zid & 16 || n < 16 || n > 512) {	/* prohibited, or a size that the unrolled loop does not know */
		memset(va, 0, len);
		return;
	}
	for (; p < end; p += 8 * n)
		__asm__ volatile("dc zva, %0\n\tdc zva, %1\n\tdc zva, %2\n\tdc zva, %3\n\tdc zva, %4\n\tdc zva, %5\n\tdc zva, %6\n\tdc zva, %7"
				 : : "r"(p), "r"(p + n), "r"(p + 2 * n), "r"(p + 3 * n), "r"(p + 4 * n), "r"(p + 5 * n), "r"(p + 6 * n), "r"(p + 7 * n)
				 : "memory");
}
