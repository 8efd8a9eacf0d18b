/* SPDX-License-Identifier: MIT
 *
 * What the code of the vDSO (linux/vdso/vdso.c) needs of a port. Application code: nothing here may use the kernel.
 */
#pragma once

#include <stdint.h>

#define ARCH_VDSO_NR_CLOCK_GETTIME	228
#define ARCH_VDSO_NR_CLOCK_GETRES	229
#define ARCH_VDSO_NR_GETCPU		309

/* 0: a tick of the TSC is never whole nanoseconds. */
#define ARCH_VDSO_MAY_TICK_WHOLE_NS	0

/* The name of an exported function, and its second name. */
#define ARCH_VDSO_NAME(name)		__vdso_##name
#define ARCH_VDSO_ALSO(type, name, ...)	type name(__VA_ARGS__) __attribute__((weak, alias("__vdso_" #name)))

static inline long arch_vdso_syscall(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

static inline uint64_t arch_vdso_counter(void)
{
	uint32_t lo, hi;

	/* lfence: the counter is not read ahead of what comes before (SDM vol. 2, RDTSC). */
	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
