/* SPDX-License-Identifier: MIT
 *
 * The CPU's random numbers (Intel SDM vol. 1, 7.3.17). Context: any.
 */
#pragma once

#include <arch/io.h>

#include "libc/types.h"

/* False: the CPU has none, or has none ready. */
static inline bool arch_random64(uint64_t *out)
{
	bool ok;

	if (!(cpuid(1, 0).ecx >> 30 & 1))		/* RDRAND */
		return false;
	__asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(ok));
	return ok;
}
