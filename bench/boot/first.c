/* SPDX-License-Identifier: MIT */
/*
 * Prints the counter as it was at this program's very first instruction, in
 * nanoseconds since reset. Under -icount that is the number of instructions from
 * reset to the program. No libc: nothing of the program's own comes before.
 */
#include <stdint.h>

#ifdef __x86_64__
__asm__(".text\n"
	".global _start\n"
	"_start:\n"
	"rdtsc\n"
	"mov %eax, %edi\n"
	"shl $32, %rdx\n"
	"or %rdx, %rdi\n"
	"xor %ebp, %ebp\n"
	"call print_and_exit\n");

#define WRITE 1
#define EXIT 231

static long system_call(long number, long a0, long a1, long a2)
{
	__asm__ volatile("syscall" : "+a"(number) : "D"(a0), "S"(a1), "d"(a2) : "rcx", "r11", "memory");
	return number;
}

/* With -icount QEMU's TSC is the clock of nanoseconds. */
static uint64_t tick_ns(void)
{
	return 1;
}
#else
__asm__(".text\n"
	".global _start\n"
	"_start:\n"
	"mrs x0, cntvct_el0\n"
	"mov x29, xzr\n"
	"mov x30, xzr\n"
	"bl print_and_exit\n");

#define WRITE 64
#define EXIT 94

static long system_call(long number, long a0, long a1, long a2)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a0;
	register long x1 __asm__("x1") = a1;
	register long x2 __asm__("x2") = a2;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

static uint64_t tick_ns(void)
{
	uint64_t frequency;

	__asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
	return 1000000000 / frequency;
}
#endif

_Noreturn void print_and_exit(uint64_t ticks)
{
	static const char name[] = "first_instruction ";
	char line[64], digits[24];
	int len = 0, nr = 0;
	uint64_t ns = ticks * tick_ns();

	for (const char *c = name; *c; c++)
		line[len++] = *c;
	do
		digits[nr++] = (char)('0' + ns % 10);
	while ((ns /= 10) != 0);
	while (nr > 0)
		line[len++] = digits[--nr];
	line[len++] = '\n';
	system_call(WRITE, 1, (long)line, len);
	system_call(EXIT, 0, 0, 0);
	__builtin_unreachable();
}
