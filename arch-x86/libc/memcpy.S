/* SPDX-License-Identifier: MIT
 *
 * memcpy and memmove. Up to 32 bytes all loads come before all stores, from both ends, so that lengths need no loop and overlap does not matter. From REP_MIN on the string
 * instruction, which CPUs do by cache lines (Intel SDM vol. 1 7.3.9.3), in between 32 bytes a turn. No vector registers: the kernel has none.
 */
#include "arch-x86/asm.h"

#define REP_MIN	256

	.cfi_sections .debug_frame

/* void *memcpy(void *restrict dst (rdi), const void *restrict src (rsi), size_t n (rdx)); clobbers rcx, rdx, rsi, rdi, r8-r11 */
func memcpy
	movq	%rdi, %rax
	cmpq	$32, %rdx
	ja	copy_forwards
copy_small:
	cmpl	$16, %edx
	ja	.L17_32
	cmpl	$8, %edx
	jae	.L8_16
	cmpl	$4, %edx
	jae	.L4_7
	testl	%edx, %edx
	jz	.Ldone
	movzbl	(%rsi), %ecx
	movzbl	-1(%rsi, %rdx), %r8d
	movl	%edx, %r9d
	shrl	$1, %r9d
	movzbl	(%rsi, %r9), %r10d		// the middle one of 3, else the last again
	movb	%cl, (%rdi)
	movb	%r10b, (%rdi, %r9)
	movb	%r8b, -1(%rdi, %rdx)
	ret
.L4_7:
	movl	(%rsi), %ecx
	movl	-4(%rsi, %rdx), %r8d
	movl	%ecx, (%rdi)
	movl	%r8d, -4(%rdi, %rdx)
.Ldone:
	ret
.L8_16:
	movq	(%rsi), %rcx
	movq	-8(%rsi, %rdx), %r8
	movq	%rcx, (%rdi)
	movq	%r8, -8(%rdi, %rdx)
	ret
.L17_32:
	movq	(%rsi), %rcx
	movq	8(%rsi), %r8
	movq	-16(%rsi, %rdx), %r9
	movq	-8(%rsi, %rdx), %r10
	movq	%rcx, (%rdi)
	movq	%r8, 8(%rdi)
	movq	%r9, -16(%rdi, %rdx)
	movq	%r10, -8(%rdi, %rdx)
	ret

/* More than 32 bytes; dst does not lie in what is still to be read. The last 32 are loaded first and stored last. */
copy_forwards:
	cmpq	$REP_MIN, %rdx
	jae	.Lrep
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r12, 0
	movq	-32(%rsi, %rdx), %r8
	movq	-24(%rsi, %rdx), %r9
	movq	-16(%rsi, %rdx), %r10
	movq	-8(%rsi, %rdx), %r11
	leaq	-32(%rdi, %rdx), %r12		// where they go
1:	movq	(%rsi), %rcx
	movq	8(%rsi), %rbx
	movq	%rcx, (%rdi)
	movq	%rbx, 8(%rdi)
	movq	16(%rsi), %rcx
	movq	24(%rsi), %rbx
	movq	%rcx, 16(%rdi)
	movq	%rbx, 24(%rdi)
	addq	$32, %rsi
	addq	$32, %rdi
	cmpq	%r12, %rdi
	jb	1b
	movq	%r8, (%r12)
	movq	%r9, 8(%r12)
	movq	%r10, 16(%r12)
	movq	%r11, 24(%r12)
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	ret
.Lrep:
	movq	-8(%rsi, %rdx), %r8
	leaq	-8(%rdi, %rdx), %r9
	leaq	-1(%rdx), %rcx
	shrq	$3, %rcx			// the last 1 to 8 bytes are left
	rep movsq
	movq	%r8, (%r9)
	ret
endfunc memcpy

/* void *memmove(void *dst (rdi), const void *src (rsi), size_t n (rdx)) */
func memmove
	movq	%rdi, %rax
	cmpq	$32, %rdx
	jbe	copy_small
	movq	%rdi, %rcx
	subq	%rsi, %rcx
	cmpq	%rdx, %rcx			// unsigned: dst before src, or behind it
	jae	.Lforwards
	/* Backwards; the first 32 are loaded first and stored last. */
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbx, 0
	movq	(%rsi), %r8
	movq	8(%rsi), %r9
	movq	16(%rsi), %r10
	movq	24(%rsi), %r11
1:	movq	-8(%rsi, %rdx), %rcx
	movq	-16(%rsi, %rdx), %rbx
	movq	%rcx, -8(%rdi, %rdx)
	movq	%rbx, -16(%rdi, %rdx)
	movq	-24(%rsi, %rdx), %rcx
	movq	-32(%rsi, %rdx), %rbx
	movq	%rcx, -24(%rdi, %rdx)
	movq	%rbx, -32(%rdi, %rdx)
	subq	$32, %rdx
	cmpq	$32, %rdx
	ja	1b
	movq	%r8, (%rdi)
	movq	%r9, 8(%rdi)
	movq	%r10, 16(%rdi)
	movq	%r11, 24(%rdi)
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore rbx
	ret
.Lforwards:
	/* An overlap of less than 32 bytes: a turn of copy_forwards would store over its last loads only if dst < src, and those are held in registers. */
	jmp	copy_forwards
endfunc memmove
