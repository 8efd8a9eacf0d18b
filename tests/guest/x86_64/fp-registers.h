/* SPDX-License-Identifier: MIT */
/* See fp-registers.c: xmm0-xmm14, with AVX the upper halves of ymm0-ymm14 too, MXCSR, the top of the x87 stack. The last register is needed to compare. */
#include <stdint.h>

#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_MODES 4	/* rounding modes, bits 13 and 14 */
#define MXCSR_FLAGS 0x3fu /* what was inexact and so on: may change */

#define SET_SSE(i) "movq %[value], %%xmm" #i "\n punpcklqdq %%xmm" #i ", %%xmm" #i "\n incq %[value]\n"
#define COMPARE_SSE(i) "movq %[value], %%xmm15\n punpcklqdq %%xmm15, %%xmm15\n pxor %%xmm" #i ", %%xmm15\n" \
	"movq %%xmm15, %%rcx\n orq %%rcx, %[differ]\n psrldq $8, %%xmm15\n movq %%xmm15, %%rcx\n orq %%rcx, %[differ]\n"
#define GET_SSE(i) "decq %[value]\n" COMPARE_SSE(i)
#define SET_AVX(i) SET_SSE(i) "vinsertf128 $1, %%xmm" #i ", %%ymm" #i ", %%ymm" #i "\n"
#define GET_AVX(i) GET_SSE(i) "vextractf128 $1, %%ymm" #i ", %%xmm" #i "\n" COMPARE_SSE(i)

#define SURVIVE(SET, GET) \
	__asm__ volatile("xorl %%ebx, %%ebx\n" \
			 "ldmxcsr %[mode]\n" \
			 "fildq %[number]\n" \
			 SET(0) SET(1) SET(2) SET(3) SET(4) SET(5) SET(6) SET(7) SET(8) SET(9) SET(10) SET(11) SET(12) SET(13) SET(14) \
			 "testq %%rax, %%rax\n" \
			 "jns 2f\n" \
			 "1: decq %%r9\n" \
			 "jnz 1b\n" \
			 "jmp 3f\n" \
			 "2: movq %%rax, %%r8\n" \
			 "4: movq %%r8, %%rax\n" \
			 "syscall\n" \
			 "decq %%r9\n" \
			 "jg 4b\n" \
			 "3:\n" \
			 GET(14) GET(13) GET(12) GET(11) GET(10) GET(9) GET(8) GET(7) GET(6) GET(5) GET(4) GET(3) GET(2) GET(1) GET(0) \
			 "stmxcsr %[seen]\n" \
			 "fistpq %[back]\n" \
			 : [differ] "=&b"(differ), [value] "+&r"(value), "+a"(kind), "+D"(a0), "+S"(a1), "+d"(a2), "+r"(r9), \
			   [seen] "=m"(seen), [back] "=m"(back) \
			 : [mode] "m"(mode), [number] "m"(number) \
			 : "memory", "cc", "rcx", "r8", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
			   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")

/* As on arm64. */
static uint64_t survive_calls(uint64_t value, long kind, long n, long a0, long a1, long a2, long *result)
{
	uint64_t differ;
	uint32_t mode = MXCSR_DEFAULT | (uint32_t)(value >> 8) % MXCSR_MODES << 13, seen;
	int64_t number = (int64_t)(value >> 8), back;
	register long r9 __asm__("r9") = n;

	if (__builtin_cpu_supports("avx"))
		SURVIVE(SET_AVX, GET_AVX);
	else
		SURVIVE(SET_SSE, GET_SSE);
	__asm__ volatile("ldmxcsr %0" : : "m"((const uint32_t){ MXCSR_DEFAULT }));
	*result = kind;
	return differ | ((seen ^ mode) & ~MXCSR_FLAGS) | (uint64_t)(number ^ back);
}

extern long clone_with(unsigned long flags, void *stack, void *unused, void *tls, int *child_tid);
__asm__(".text\n"
	".global clone_with\n"
	".type clone_with, @function\n"
	"clone_with:\n"
	"mov %r8, %r10\n" /* child_tid goes before tls */
	"mov %rcx, %r8\n"
	"mov $8, %eax\n"
	"movq %rax, %xmm8\n"
	"mov $31, %eax\n"
	"movq %rax, %xmm15\n"
	"mov $56, %eax\n"
	"syscall\n"
	"test %rax, %rax\n"
	"jnz 1f\n"
	"movq %xmm8, (%rsp)\n"
	"movq %xmm15, 8(%rsp)\n"
	"mov $60, %eax\n"
	"xor %edi, %edi\n"
	"syscall\n"
	"1: ret\n"
	".size clone_with, . - clone_with\n");
