/* SPDX-License-Identifier: MIT */
/*
 * Segment registers, which 64-bit programs have no use for: who loads them with what Linux allows goes on as before.
 */
#include "test.h"

#include <sys/time.h>

static void load_gs(unsigned short selector)
{
	__asm__ volatile("mov %0, %%gs" : : "r"(selector));
}

/* Time for interrupts. */
static void spin(void)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < 20000000);
}

int main(void)
{
	static const unsigned short selectors[] = { 0, 3, 0x2b };

	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
			load_gs(selectors[i]);
			need(syscall(SYS_getpid) == getpid());
			load_gs(selectors[i]);
			*(volatile char *)malloc(100000) = 1;	/* a page fault comes first */
			load_gs(selectors[i]);
			if (round == 0)
				spin();
		}
	}
	check("gs can be loaded", true);
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"((unsigned short)0x2b));
	check("ds and es too", syscall(SYS_getpid) == getpid());
	return test_end();
}
