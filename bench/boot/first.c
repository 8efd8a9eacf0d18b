/* SPDX-License-Identifier: MIT */
/*
 * Prints the counter as it was at this program's very first instruction, in
 * nanoseconds since reset. Under -icount that is the number of instructions from
 * reset to the program. No libc: nothing of the program's own comes before.
 */
#include <stdint.h>

__asm__(".text\n"
	".global _start\n"
	"_start:\n"
	"mrs x0, cntvct_el0\n"
	"mov x29, xzr\n"
	"mov x30, xzr\n"
	"bl print_and_exit\n");

static long system_call(long number, long a0, long a1, long a2)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a0;
	register long x1 __asm__("x1") = a1;
	register long x2 __asm__("x2") = a2;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

_Noreturn void print_and_exit(uint64_t ticks)
{
	static const char name[] = "first_instruction ";
	char line[64], digits[24];
	uint64_t frequency;
	int len = 0, nr = 0;

	__asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
	uint64_t ns = ticks * (1000000000 / frequency);
	for (const char *c = name; *c; c++)
		line[len++] = *c;
	do
		digits[nr++] = (char)('0' + ns % 10);
	while ((ns /= 10) != 0);
	while (nr > 0)
		line[len++] = digits[--nr];
	line[len++] = '\n';
	system_call(64, 1, (long)line, len);
	system_call(94, 0, 0, 0);
	__builtin_unreachable();
}
