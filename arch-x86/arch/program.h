/* SPDX-License-Identifier: MIT
 *
 * What a new program is told about the machine, and its first registers.
 */
#pragma once

#include <arch/frame.h>

#include "libc/types.h"

#define ARCH_ELF_MACHINE	62		/* EM_X86_64 */
#define ARCH_PLATFORM		"x86_64"
/* Smallest signal frame with the largest extended state that the kernel saves, rounded up (AT_MINSIGSTKSZ). */
#define ARCH_MINSIGSTKSZ	3632

/* AT_HWCAP: CPUID leaf 1 EDX. AT_HWCAP2: no bit: FSGSBASE would promise the program a GS base of its own. */
uint64_t arch_hwcap(void);
uint64_t arch_hwcap2(void);

/* Registers at the entry of a program: all zero but pc and sp. */
static inline void arch_program_frame(struct frame *f, vaddr_t pc, vaddr_t sp)
{
	*f = (struct frame){ .rip = pc, .rsp = sp, .cs = FRAME_USER_CS, .ss = FRAME_USER_SS, .rflags = FRAME_USER_RFLAGS, .syscall_nr = -1 };
}
