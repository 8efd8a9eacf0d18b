/* SPDX-License-Identifier: MIT
 *
 * The switch between threads. Callee-saved registers (System V AMD64 ABI 3.2.1) go on the kernel stack; what the application owns (extended state, FS base) goes into
 * struct arch_thread, and only for threads that have it.
 */
#include "arch-x86/asm.h"
#include "arch-x86/sysreg.h"

	.cfi_sections .debug_frame

/* Extended state at base (64-byte aligned); clobbers eax, edx. XSAVE writes no more of the header than xstate_bv. */
.macro fpu_move base, xop, fxop
	movl	arch_fpu_format, %eax		// .xcr0
	xorl	%edx, %edx
	testl	%eax, %eax
	jz	8f
	\xop	(\base)
	jmp	9f
8:	\fxop	(\base)
9:
.endm

/*
 * struct thread *arch_switch(struct thread *prev (rdi), struct thread *next (rsi))
 * Interrupts masked. Returns prev in rax, on next's stack. Clobbers what a call clobbers.
 */
func arch_switch
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	movq	%rsp, THREAD_KSP(%rdi)
	cmpq	$0, THREAD_HAS_FPU(%rdi)
	je	1f
	cmpb	$0, arch_has_fsgsbase		// without it only arch_tls_set() changes FS base, and it notes the value
	je	2f
	rdfsbase %rax
	movq	%rax, THREAD_TLS(%rdi)
2:	leaq	THREAD_FPU(%rdi), %rcx
	fpu_move %rcx, xsave64, fxsave64
1:
	movq	%rsi, %gs:0
	movq	THREAD_KSTACK(%rsi), %rax
	addq	$ASM_KSTACK_SIZE, %rax
	movq	%rax, %gs:CPU_KSTACK_TOP
	cmpq	$0, THREAD_HAS_FPU(%rsi)
	je	3f
	leaq	THREAD_FPU(%rsi), %rcx
	fpu_move %rcx, xrstor64, fxrstor64
	movq	THREAD_TLS(%rsi), %rax
	cmpb	$0, arch_has_fsgsbase
	je	4f
	wrfsbase %rax
3:
	movq	THREAD_KSP(%rsi), %rsp
	movq	%rdi, %rax
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	.cfi_def_cfa rsp, 8
	ret
4:	movq	%rax, %rdx
	shrq	$32, %rdx
	movl	$MSR_FS_BASE_NR, %ecx
	wrmsr
	jmp	3b
endfunc arch_switch

/*
 * First switch to a thread comes here: rbx = entry, r12 = argument (thread.c, arch_thread_init). Interrupts stay masked, as in arch_switch: the entry has to finish
 * the switch first. (An interrupt before that may give the former thread to another CPU, and the finish would put it into a queue a second time.)
 */
func arch_thread_first
	movq	%r12, %rdi
	xorl	%ebp, %ebp
	pushq	%rbp				// end of the frame records; rsp was 16-byte aligned
	pushq	%rbp
	call	*%rbx
	ud2
endfunc arch_thread_first

/* void arch_fpu_store(struct arch_fpu *to (rdi)): the reserved part of the header has to be 0 for the load; clobbers rax, rdx */
func arch_fpu_store
	xorl	%eax, %eax
	movq	%rax, FPU_XSTATE_BV(%rdi)
	movq	%rax, FPU_XSTATE_BV + 8(%rdi)
	movq	%rax, FPU_XSTATE_BV + 16(%rdi)
	movq	%rax, FPU_XSTATE_BV + 24(%rdi)
	movq	%rax, FPU_XSTATE_BV + 32(%rdi)
	movq	%rax, FPU_XSTATE_BV + 40(%rdi)
	movq	%rax, FPU_XSTATE_BV + 48(%rdi)
	movq	%rax, FPU_XSTATE_BV + 56(%rdi)
	fpu_move %rdi, xsave64, fxsave64
	ret
endfunc arch_fpu_store

/*
 * void arch_fpu_load(const struct arch_fpu *from (rdi)); clobbers rax, rdx, rdi and the extended state.
 * XRSTOR takes MXCSR from memory even where xstate_bv says "initial"; 0 there would unmask every exception, so all zero means arch_fpu_initial (thread.c).
 */
func arch_fpu_load
	movl	FPU_MXCSR(%rdi), %eax
	orl	FPU_FCW(%rdi), %eax
	orq	FPU_XSTATE_BV(%rdi), %rax
	jnz	1f
	movq	$arch_fpu_initial, %rdi
1:	fpu_move %rdi, xrstor64, fxrstor64
	ret
endfunc arch_fpu_load
