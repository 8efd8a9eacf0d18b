/* SPDX-License-Identifier: MIT
 *
 * The CPU's random numbers (FEAT_RNG; Arm ARM, RNDR). Context: any.
 */
#pragma once

#include "libc/types.h"

/* False: the CPU has none, or has none ready. */
static inline bool arch_random64(uint64_t *out)
{
	uint64_t isar0;
	bool ok;

	__asm__("mrs %0, id_aa64isar0_el1" : "=r"(isar0));
	if (!(isar0 >> 60))				/* RNDR */
		return false;
	__asm__ volatile("mrs %0, s3_3_c2_c4_0" : "=r"(*out), "=@ccne"(ok));	/* RNDR; Z: no number */
	return ok;
}
