/* SPDX-License-Identifier: MIT
 *
 * What a new program is told about the machine, and its first registers.
 */
#pragma once

#include <arch/frame.h>

#include "libc/types.h"

#define ARCH_ELF_MACHINE	183		/* EM_AARCH64 */
#define ARCH_PLATFORM		"aarch64"
/* Smallest signal frame with FP/SIMD and ESR records and the frame record above it, rounded up (AT_MINSIGSTKSZ). */
#define ARCH_MINSIGSTKSZ	4720

/* AT_HWCAP, AT_HWCAP2: only features whose state is saved and which are enabled. */
uint64_t arch_hwcap(void);
uint64_t arch_hwcap2(void);

/* Registers at the entry of a program: all zero but pc and sp. */
static inline void arch_program_frame(struct frame *f, vaddr_t pc, vaddr_t sp)
{
	*f = (struct frame){ .pc = pc, .sp = sp, .pstate = PSTATE_EL1T, .syscall_nr = -1 };
}
