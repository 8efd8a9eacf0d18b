/* SPDX-License-Identifier: MIT */
/* See stress/signal-storm.c. rcx and r11 are the call's, as on Linux. */

static void spoil_registers(void)
{
	__asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm15, %%xmm15\n\tclc" ::: "xmm0", "xmm15", "cc");
}

#define COUNT "setne %%al\n\tmovzbl %%al, %%eax\n\taddq %%rax, %%rcx\n\t"

static long call_and_check(long number, long a0, long a1, long a2, long seed, long *result)
{
	long in[8] = { number, a0, a1, a2, seed };
	register long *pointer __asm__("r15") = in;

	__asm__ volatile(
		"movq (%%r15), %%rax\n\tmovq 8(%%r15), %%rdi\n\tmovq 16(%%r15), %%rsi\n\tmovq 24(%%r15), %%rdx\n\t"
		"movq 32(%%r15), %%rbx\n\tleaq 8(%%rbx), %%r8\n\tleaq 9(%%rbx), %%r9\n\tleaq 10(%%rbx), %%r10\n\tleaq 12(%%rbx), %%r12\n\t"
		"leaq 13(%%rbx), %%r13\n\tleaq 14(%%rbx), %%r14\n\tmovq %%rbx, %%xmm0\n\tmovq %%rbx, %%xmm15\n\tmovq %%rsp, 56(%%r15)\n\t"
		"stc\n\t"
		"syscall\n\t"
		"setnc %%cl\n\tmovzbl %%cl, %%ecx\n\tmovq %%rax, 40(%%r15)\n\t"
		"cmpq 8(%%r15), %%rdi\n\t" COUNT "cmpq 16(%%r15), %%rsi\n\t" COUNT "cmpq 24(%%r15), %%rdx\n\t" COUNT
		"cmpq 32(%%r15), %%rbx\n\t" COUNT "cmpq 56(%%r15), %%rsp\n\t" COUNT
		"subq $8, %%r8\n\tcmpq %%rbx, %%r8\n\t" COUNT "subq $9, %%r9\n\tcmpq %%rbx, %%r9\n\t" COUNT
		"subq $10, %%r10\n\tcmpq %%rbx, %%r10\n\t" COUNT "subq $12, %%r12\n\tcmpq %%rbx, %%r12\n\t" COUNT
		"subq $13, %%r13\n\tcmpq %%rbx, %%r13\n\t" COUNT "subq $14, %%r14\n\tcmpq %%rbx, %%r14\n\t" COUNT
		"movq %%xmm0, %%rdx\n\tcmpq %%rbx, %%rdx\n\t" COUNT "movq %%xmm15, %%rdx\n\tcmpq %%rbx, %%rdx\n\t" COUNT
		"movq %%rcx, 48(%%r15)"
		:
		: "r"(pointer)
		: "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "xmm0", "xmm15", "cc", "memory");
	*result = in[5];
	return in[6];
}
