/* SPDX-License-Identifier: MIT */
/* See fp-registers.c: v0-v31, FPCR. */
#include <stdint.h>

#define FPCR_MODES 4 /* rounding modes, bits 22 and 23 */

/* All 32 registers are set from value, and the work is done with no other FP instruction in between: kind SPIN spins for n steps, else
 * n times svc with the number in kind and the arguments; afterwards the registers must be as they were. Returns the bits that differ, or-ed;
 * *result: what the last call returned. */
static uint64_t survive_calls(uint64_t value, long kind, long n, long a0, long a1, long a2, long *result)
{
	uint64_t differ, fpcr = value % FPCR_MODES << 22;
	register long x8 __asm__("x8") = kind;
	register long x0 __asm__("x0") = a0;
	register long x1 __asm__("x1") = a1;
	register long x2 __asm__("x2") = a2;
	register long x10 __asm__("x10") = a0;
	register long x9 __asm__("x9") = n;

#define SET(i) "dup v" #i ".2d, %[value]\n add v" #i ".2d, v" #i ".2d, v" #i ".2d\n add %[value], %[value], #1\n"
#define GET(i) "sub %[value], %[value], #1\n dup v31.2d, %[value]\n add v31.2d, v31.2d, v31.2d\n eor v31.16b, v31.16b, v" #i ".16b\n" \
	       "mov x3, v31.d[0]\n orr %[differ], %[differ], x3\n mov x3, v31.d[1]\n orr %[differ], %[differ], x3\n"
	__asm__ volatile("mov %[differ], xzr\n"
			 "msr fpcr, %[fpcr]\n"
			 SET(0) SET(1) SET(2) SET(3) SET(4) SET(5) SET(6) SET(7) SET(8) SET(9) SET(10)
			 SET(11) SET(12) SET(13) SET(14) SET(15) SET(16) SET(17) SET(18) SET(19) SET(20)
			 SET(21) SET(22) SET(23) SET(24) SET(25) SET(26) SET(27) SET(28) SET(29) SET(30)
			 "tbz x8, #63, 2f\n"
			 "1: subs x9, x9, #1\n"
			 "b.ne 1b\n"
			 "b 3f\n"
			 "2: mov x0, x10\n"
			 "svc #0\n"
			 "subs x9, x9, #1\n"
			 "b.gt 2b\n"
			 "3:\n"
			 GET(30) GET(29) GET(28) GET(27) GET(26) GET(25) GET(24) GET(23) GET(22) GET(21) GET(20)
			 GET(19) GET(18) GET(17) GET(16) GET(15) GET(14) GET(13) GET(12) GET(11) GET(10)
			 GET(9) GET(8) GET(7) GET(6) GET(5) GET(4) GET(3) GET(2) GET(1) GET(0)
			 "mrs x3, fpcr\n"
			 "eor x3, x3, %[fpcr]\n"
			 "orr %[differ], %[differ], x3\n"
			 "msr fpcr, xzr\n"
			 : [differ] "=&r"(differ), [value] "+&r"(value), "+r"(x0), "+r"(x1), "+r"(x9)
			 : [fpcr] "r"(fpcr), "r"(x8), "r"(x2), "r"(x10)
			 : "memory", "cc", "x3", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12",
			   "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26",
			   "v27", "v28", "v29", "v30", "v31");
	*result = x0;
	return differ;
}

/* long clone_with(flags, stack_top, unused, tls, child_tid): v8 is 8, v31 is 31; the child stores its own in the words above stack_top and ends. */
extern long clone_with(unsigned long flags, void *stack, void *unused, void *tls, int *child_tid);
__asm__(".text\n"
	".global clone_with\n"
	".type clone_with, %function\n"
	"clone_with:\n"
	"fmov x9, d8\n"
	"mov x10, #8\n"
	"mov x11, #31\n"
	"fmov d8, x10\n"
	"fmov d31, x11\n"
	"mov x8, #220\n"
	"svc #0\n"
	"cbnz x0, 1f\n"
	"str d8, [sp]\n"
	"str d31, [sp, #8]\n"
	"mov x8, #93\n"
	"mov x0, #0\n"
	"svc #0\n"
	"1: fmov d8, x9\n"
	"ret\n"
	".size clone_with, . - clone_with\n");
