/* SPDX-License-Identifier: MIT
 *
 * Caches: making text coherent, clearing pages. Instruction fetches snoop stores (Intel SDM vol. 3A 11.6); a CPU that already executes what is changed must serialize
 * (8.1.3), which the return from an exception does.
 */
#pragma once

#include "libc/string.h"
#include "libc/types.h"

/* What was written at [va, va + len) will be executed, on any CPU. Context: any. */
static inline void arch_sync_icache(const void *va, size_t len)
{
	(void)va;
	(void)len;
	__asm__ volatile("" : : : "memory");
}

/* Clear whole pages of normal memory: len is a multiple of PAGE_SIZE. */
static inline void arch_clear_pages(void *va, size_t len)
{
	uint64_t n = len / 8;

	__asm__ volatile("rep stosq" : "+D"(va), "+c"(n) : "a"(0ul) : "memory");
}
