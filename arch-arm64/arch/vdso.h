/* SPDX-License-Identifier: MIT
 *
 * What the code of the vDSO (linux/vdso/vdso.c) needs of a port. Application code: nothing here may use the kernel.
 */
#pragma once

#include <stdint.h>

#define ARCH_VDSO_NR_CLOCK_GETTIME	113
#define ARCH_VDSO_NR_CLOCK_GETRES	114
#define ARCH_VDSO_NR_GETCPU		168

/* 1: a tick may be whole nanoseconds (vdso_data.shift 0, as on QEMU), which saves the long product. */
#define ARCH_VDSO_MAY_TICK_WHOLE_NS	1

/* The name of an exported function, and its second name (Linux arm64 gives none). */
#define ARCH_VDSO_NAME(name)		__kernel_##name
#define ARCH_VDSO_ALSO(type, name, ...)

static inline long arch_vdso_syscall(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

static inline uint64_t arch_vdso_counter(void)
{
	uint64_t counter;

	/* isb: the counter is not read ahead of what comes before (Arm ARM D11.2.1). */
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(counter) : : "memory");
	return counter;
}
