/* SPDX-License-Identifier: MIT
 *
 * AT_HWCAP of x86-64: CPUID leaf 1 EDX, as Linux gives it (arch/x86/include/asm/elf.h). What else there is, programs ask the CPU itself: CPUID shows OSXSAVE and XGETBV what
 * of the extended state is kept.
 */
#include <arch/io.h>
#include <arch/program.h>

uint64_t arch_hwcap(void)
{
	return cpuid(1, 0).edx;
}

uint64_t arch_hwcap2(void)
{
	return 0;
}
