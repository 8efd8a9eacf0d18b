/* SPDX-License-Identifier: MIT
 *
 * memset, on the plan of memcpy.S.
 */
#include "arch-x86/asm.h"

#define REP_MIN	128

	.cfi_sections .debug_frame

/* void *memset(void *dst (rdi), int c (esi), size_t n (rdx)); clobbers rcx, rdx, rsi, rdi */
func memset
	movq	%rdi, %r8
	movzbl	%sil, %eax
	movq	$0x0101010101010101, %rcx
	imulq	%rcx, %rax
	cmpq	$16, %rdx
	ja	.Lbig
	cmpl	$8, %edx
	jae	.L8_16
	cmpl	$4, %edx
	jae	.L4_7
	testl	%edx, %edx
	jz	.Ldone
	movb	%al, (%rdi)
	movb	%al, -1(%rdi, %rdx)
	shrl	$1, %edx
	movb	%al, (%rdi, %rdx)
	jmp	.Ldone
.L4_7:
	movl	%eax, (%rdi)
	movl	%eax, -4(%rdi, %rdx)
	jmp	.Ldone
.L8_16:
	movq	%rax, (%rdi)
	movq	%rax, -8(%rdi, %rdx)
.Ldone:
	movq	%r8, %rax
	ret
.Lbig:
	leaq	-16(%rdi, %rdx), %rsi
	cmpq	$REP_MIN, %rdx
	jae	.Lrep
1:	movq	%rax, (%rdi)
	movq	%rax, 8(%rdi)
	addq	$16, %rdi
	cmpq	%rsi, %rdi
	jb	1b
	jmp	.Ltail
.Lrep:
	movq	%rdx, %rcx
	shrq	$3, %rcx
	rep stosq
.Ltail:
	movq	%rax, (%rsi)
	movq	%rax, 8(%rsi)
	movq	%r8, %rax
	ret
endfunc memset
