/* SPDX-License-Identifier: MIT */
/* Prints the counter as it was at the first instruction of main, in nanoseconds since reset. Built static and dynamic. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
#ifdef __x86_64__
	/* With -icount QEMU's TSC is the clock of nanoseconds. */
	uint64_t frequency = 1000000000, ticks = __builtin_ia32_rdtsc();
#else
	uint64_t ticks, frequency;

	__asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(ticks)::"memory");
	__asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
#endif
	printf("main %llu\n", (unsigned long long)(ticks * (1000000000 / frequency)));
	return 0;
}
