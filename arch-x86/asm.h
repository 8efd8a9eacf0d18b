/* SPDX-License-Identifier: MIT
 *
 * What assembly files share: functions with unwind data, the exception table, frames of exceptions.
 *
 * vectors.S and the entry of system calls build and leave frames with the same macros:
 *
 *	frame_save_rest		at rsp lies a struct frame whose rax, rcx, rdx and iretq words are filled in; saves the others, rbp -> frame.record
 *	jmp user_exit		with interrupts in any state and a complete user frame at rsp, at the top of the kernel stack: looks at thread->attention, delivers it, leaves
 */
#pragma once

#include <arch/layout.h>

#include "asm-offsets.h"

/* Each function in a section of its own (--gc-sections). */
.macro func name
	.section .text.\name, "ax", @progbits
	.globl	\name
	.type	\name, @function
	.balign	16
	.cfi_startproc
\name:
.endm

.macro endfunc name
	.cfi_endproc
	.size	\name, . - \name
.endm

/* If the instruction at \from faults on an application address that cannot be had, go on at \to. Offsets relative to the entry. */
.macro extable from, to
	.pushsection .extable, "a"
	.balign	4
	.long	(\from) - .
	.long	(\to) - .
	.popsection
.endm

/* One access that may fault: user \fixup, movq (%rsi), %rax */
.macro user fixup, insn:vararg
9999:	\insn
	extable	9999b, \fixup
.endm

/* Physical address of a symbol of the image. */
#define PHYS(sym)	((sym) - KERNEL_BASE + KERNEL_PHYS)

/* The frame at rsp, of which rax, rcx, rdx and the iretq words are in place: the rest. Clobbers rax. */
.macro frame_save_rest
	movq	%r15, FRAME_R15(%rsp)
	movq	%r14, FRAME_R14(%rsp)
	movq	%r13, FRAME_R13(%rsp)
	movq	%r12, FRAME_R12(%rsp)
	movq	%r11, FRAME_R11(%rsp)
	movq	%r10, FRAME_R10(%rsp)
	movq	%r9, FRAME_R9(%rsp)
	movq	%r8, FRAME_R8(%rsp)
	movq	%rdi, FRAME_RDI(%rsp)
	movq	%rsi, FRAME_RSI(%rsp)
	movq	%rbp, FRAME_RBP(%rsp)
	movq	%rbx, FRAME_RBX(%rsp)
	movq	FRAME_RIP(%rsp), %rax
	movq	%rbp, FRAME_RECORD(%rsp)
	movq	%rax, FRAME_RECORD + 8(%rsp)
	leaq	FRAME_RECORD(%rsp), %rbp
.endm

/* Leave by the frame at rsp; interrupts masked. */
.macro frame_restore
	movq	FRAME_R15(%rsp), %r15
	movq	FRAME_R14(%rsp), %r14
	movq	FRAME_R13(%rsp), %r13
	movq	FRAME_R12(%rsp), %r12
	movq	FRAME_R11(%rsp), %r11
	movq	FRAME_R10(%rsp), %r10
	movq	FRAME_R9(%rsp), %r9
	movq	FRAME_R8(%rsp), %r8
	movq	FRAME_RDI(%rsp), %rdi
	movq	FRAME_RSI(%rsp), %rsi
	movq	FRAME_RBP(%rsp), %rbp
	movq	FRAME_RBX(%rsp), %rbx
	movq	FRAME_RDX(%rsp), %rdx
	movq	FRAME_RCX(%rsp), %rcx
	movq	FRAME_RAX(%rsp), %rax
	addq	$FRAME_RIP, %rsp
	iretq
.endm

/* Unwind data of code that runs with a frame at rsp. */
.macro frame_cfi
	.cfi_signal_frame
	.cfi_def_cfa rsp, FRAME_RIP + 16
	.cfi_offset rip, -16
	.cfi_offset rbp, FRAME_RBP - FRAME_RIP - 16
.endm
