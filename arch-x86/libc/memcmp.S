/* SPDX-License-Identifier: MIT
 *
 * memcmp: eight bytes a turn; the first eight that differ are compared as big-endian numbers, which orders them as bytes.
 */
#include "arch-x86/asm.h"

	.cfi_sections .debug_frame

/* int memcmp(const void *a (rdi), const void *b (rsi), size_t n (rdx)); clobbers rcx, rdx, rsi, rdi */
func memcmp
	cmpq	$8, %rdx
	jb	.Lbytes
1:	movq	(%rdi), %rax
	movq	(%rsi), %rcx
	cmpq	%rcx, %rax
	jne	.Ldiffer
	addq	$8, %rdi
	addq	$8, %rsi
	subq	$8, %rdx
	cmpq	$8, %rdx
	jae	1b
.Lbytes:
	testq	%rdx, %rdx
	jz	.Lequal
	movzbl	(%rdi), %eax
	movzbl	(%rsi), %ecx
	subl	%ecx, %eax
	jnz	.Ldone
	incq	%rdi
	incq	%rsi
	decq	%rdx
	jmp	.Lbytes
.Lequal:
	xorl	%eax, %eax
.Ldone:
	ret
.Ldiffer:
	bswapq	%rax
	bswapq	%rcx
	cmpq	%rcx, %rax
	sbbl	%eax, %eax			// -1 if below, else 0
	orl	$1, %eax
	ret
endfunc memcmp
