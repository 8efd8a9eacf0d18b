/* SPDX-License-Identifier: MIT
 *
 * The entry of system calls. Two ways lead here, both masked and on the application's stack, of which nothing may be written (red zone):
 *
 *	syscall_entry		by the instruction syscall (MSR_LSTAR): rcx = address behind it, r11 = flags (Intel SDM vol. 2, SYSCALL)
 *	syscall_fast_entry	from a veneer (veneer.c): rcx as above, flags in rflags
 *
 * Either makes room for a struct frame at the top of the kernel stack and stores of it what a C function may change (System V AMD64 ABI 3.2.1) and what it needs to get
 * back; the slot of the flags holds them with interrupts masked. The call is made through syscall_fast_table. The way back is not sysret, which leads to ring 3:
 *
 *	popfq; popq %rsp; sti; jmp *%rcx
 *
 * sti lets interrupts in only after the instruction behind it (SDM vol. 2, STI), so the first one is taken in the program, on its own stack. What the
 * program finds changed is rax, rcx and r11, as on Linux.
 *
 * The frame is completed where one is needed: for calls that want it (their entry in syscall_fast_table is syscall_fast_frame), for attention on the way out, for
 * a program that is single-stepping, and for the first call of a site, which linux/veneer.c shall see. Those leave by user_exit and iretq.
 *
 * No signal is lost: thread->attention is looked at with interrupts masked, and they stay masked until the program runs again. Who sets attention afterwards
 * kicks this CPU, and that interrupt is taken in the program, where user_exit looks again.
 */
#include "arch-x86/asm.h"
#include "arch-x86/percpu.h"
#include "arch-x86/site.h"
#include "arch-x86/sysreg.h"
#include <arch/syscall.h>

	.cfi_sections .debug_frame

/* rsp = top of the kernel stack, but for the two topmost words and the flags below them. */
#define ABOVE_FLAGS	16

/* What a call clobbers, the program's stack pointer, the number. In: rcx. Clobbers rcx. */
.macro save_call
	movq	%rcx, FRAME_RIP(%rsp)
	movq	%rdi, FRAME_RDI(%rsp)
	movq	%rsi, FRAME_RSI(%rsp)
	movq	%rdx, FRAME_RDX(%rsp)
	movq	%r10, FRAME_R10(%rsp)
	movq	%r8, FRAME_R8(%rsp)
	movq	%r9, FRAME_R9(%rsp)
	movq	%gs:CPU_USER_RSP, %rcx
	movl	%eax, %eax			// the number counts as 32 bits
	movq	%rcx, FRAME_RSP(%rsp)
	movq	%rax, FRAME_SYSCALL_NR(%rsp)
.endm

/* Everything else; rax: the call's number, or its result. Clobbers rcx, r11, rbp. */
.macro complete_frame
	movq	%rax, FRAME_RAX(%rsp)
	movq	%r15, FRAME_R15(%rsp)
	movq	%r14, FRAME_R14(%rsp)
	movq	%r13, FRAME_R13(%rsp)
	movq	%r12, FRAME_R12(%rsp)
	movq	%rbp, FRAME_RBP(%rsp)
	movq	%rbx, FRAME_RBX(%rsp)
	movq	FRAME_RFLAGS(%rsp), %r11
	movq	FRAME_RIP(%rsp), %rcx
	orq	$RFLAGS_IF, %r11
	movq	%rcx, FRAME_RCX(%rsp)
	movq	%r11, FRAME_R11(%rsp)
	movq	%r11, FRAME_RFLAGS(%rsp)
	movq	$SEL_CODE, FRAME_CS(%rsp)
	movq	$SEL_DATA, FRAME_SS(%rsp)
	movq	$0, FRAME_VECTOR(%rsp)
	movq	$0, FRAME_ERROR(%rsp)
	movq	$0, FRAME_CR2(%rsp)
	movq	%rbp, FRAME_RECORD(%rsp)
	movq	%rcx, FRAME_RECORD + 8(%rsp)
	leaq	FRAME_RECORD(%rsp), %rbp
.endm

	.section .text.syscall_entry, "ax", @progbits
	.globl	syscall_entry
	.type	syscall_entry, @function
	.balign	64
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa rsp, FRAME_RIP + 16
	.cfi_offset rip, -16
syscall_entry:
	movq	%rsp, %gs:CPU_USER_RSP
	movq	%gs:CPU_KSTACK_TOP, %rsp
	subq	$FRAME_SIZE, %rsp
	btrl	$9, %r11d			// RFLAGS.IF
	movq	%r11, FRAME_RFLAGS(%rsp)
	movq	%rcx, %r11
	save_call
	/* Seen before? Else somebody may want to rewrite it. */
	movq	%r11, %rcx
	shrq	$SITE_HASH_SHIFT, %rcx
	xorq	%r11, %rcx
	andl	$SITES_KNOWN - 1, %ecx
	cmpq	%r11, arch_sites_known(, %rcx, 8)
	jne	.Lunknown_site
.Lcall:
	sti
	movq	%r10, %rcx			// fourth argument
	cmpl	$ARCH_NR_SYSCALLS, %eax
	jae	.Lno_such_call
	call	*syscall_fast_table(, %rax, 8)
	cli
	movq	%gs:0, %rcx
	incq	THREAD_FAST_CALLS(%rcx)
	cmpl	$0, THREAD_ATTENTION(%rcx)
	jne	.Lattention
	testl	$RFLAGS_TF, FRAME_RFLAGS(%rsp)
	jnz	.Lattention
	movq	FRAME_RDI(%rsp), %rdi
	movq	FRAME_RSI(%rsp), %rsi
	movq	FRAME_RDX(%rsp), %rdx
	movq	FRAME_R10(%rsp), %r10
	movq	FRAME_R8(%rsp), %r8
	movq	FRAME_R9(%rsp), %r9
	movq	FRAME_RIP(%rsp), %rcx
	addq	$FRAME_RFLAGS, %rsp
	popfq
	popq	%rsp
	sti
	jmp	*%rcx

	.globl	syscall_fast_entry
syscall_fast_entry:
	movq	%rsp, %gs:CPU_USER_RSP
	movq	%gs:CPU_KSTACK_TOP, %rsp
	leaq	-ABOVE_FLAGS(%rsp), %rsp
	pushfq
	testl	$RFLAGS_ODD, (%rsp)
	jnz	.Lodd_flags
.Lplain_flags:
	subq	$FRAME_RFLAGS, %rsp
	save_call
	jmp	.Lcall

	/* What MSR_FMASK clears for the instruction: the kernel's iretq would fault with NT, its string instructions go backwards with DF. */
.Lodd_flags:
	pushq	$2
	popfq
	jmp	.Lplain_flags

.Lattention:
	complete_frame
	jmp	user_exit

.Lunknown_site:
	complete_frame
	sti
	movq	%rsp, %rdi
	call	linux_syscall
	jmp	user_exit

	/* As if it had been called through the table. */
.Lno_such_call:
	pushq	%rax
	jmp	syscall_fast_frame
endfunc syscall_entry

/* In the table in place of calls that take a frame, and of those that are not there; saved registers as above. Does not return to its caller. */
func syscall_fast_frame
	addq	$8, %rsp
	movq	FRAME_SYSCALL_NR(%rsp), %rax
	complete_frame
	movq	%rsp, %rdi
	call	linux_syscall_from_veneer
	jmp	user_exit
endfunc syscall_fast_frame
