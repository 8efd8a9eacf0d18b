/* SPDX-License-Identifier: MIT
 *
 * Accesses to application memory that may fault (arch/uaccess.h). Each load and store that may is in the exception table.
 *
 * The big loops advance their pointers only after a whole step has succeeded, so that after a fault the rest is done again byte by byte from the start of the step, and the
 * byte that cannot be had ends it: the count is exact. The string instructions do the same by themselves: rcx counts what is left (Intel SDM vol. 2B, REP).
 */
#include "arch-x86/asm.h"

	.cfi_sections .debug_frame

/* The end of an access at label 1f: return 0, or -EFAULT. */
.macro return_0_or_fault
	xorl	%eax, %eax
	ret
1:	movl	$-14, %eax			// -EFAULT
	ret
.endm

/*
 * size_t arch_user_copy(void *dst (rdi), const void *src (rsi), size_t len (rdx)): bytes NOT copied.
 * Clobbers rcx, r8-r11, rax.
 */
func arch_user_copy
	cmpq	$256, %rdx
	jae	.Lcopy_words
.Lcopy_32:
	cmpq	$32, %rdx
	jb	.Lcopy_8
	user	.Lcopy_bytes, movq (%rsi), %r8
	user	.Lcopy_bytes, movq 8(%rsi), %r9
	user	.Lcopy_bytes, movq 16(%rsi), %r10
	user	.Lcopy_bytes, movq 24(%rsi), %r11
	user	.Lcopy_bytes, movq %r8, (%rdi)
	user	.Lcopy_bytes, movq %r9, 8(%rdi)
	user	.Lcopy_bytes, movq %r10, 16(%rdi)
	user	.Lcopy_bytes, movq %r11, 24(%rdi)
	addq	$32, %rsi
	addq	$32, %rdi
	subq	$32, %rdx
	jmp	.Lcopy_32
.Lcopy_8:
	cmpq	$8, %rdx
	jb	.Lcopy_bytes
	user	.Lcopy_bytes, movq (%rsi), %r8
	user	.Lcopy_bytes, movq %r8, (%rdi)
	addq	$8, %rsi
	addq	$8, %rdi
	subq	$8, %rdx
	jmp	.Lcopy_8
.Lcopy_words:
	movq	%rdx, %rcx
	shrq	$3, %rcx
	andl	$7, %edx
	user	.Lcopy_words_fault, rep movsq
.Lcopy_bytes:
	testq	%rdx, %rdx
	jz	.Lcopy_done
	user	.Lcopy_done, movb (%rsi), %al
	user	.Lcopy_done, movb %al, (%rdi)
	incq	%rsi
	incq	%rdi
	decq	%rdx
	jmp	.Lcopy_bytes
.Lcopy_done:
	movq	%rdx, %rax
	ret
.Lcopy_words_fault:
	leaq	(%rdx, %rcx, 8), %rdx
	jmp	.Lcopy_bytes
endfunc arch_user_copy

/* size_t arch_user_zero(void *dst (rdi), size_t len (rsi)): bytes NOT zeroed. Clobbers rcx, rax. */
func arch_user_zero
	xorl	%eax, %eax
	movq	%rsi, %rcx
	shrq	$3, %rcx
	andl	$7, %esi
	user	.Lzero_words_fault, rep stosq
.Lzero_bytes:
	movq	%rsi, %rcx
	user	.Lzero_done, rep stosb
.Lzero_done:
	movq	%rcx, %rax
	ret
.Lzero_words_fault:
	leaq	(%rsi, %rcx, 8), %rsi
	jmp	.Lzero_bytes
endfunc arch_user_zero

/*
 * ssize_t arch_user_strncpy(char *dst (rdi), const char *src (rsi), size_t max (rdx)): length without the 0, max, or -EFAULT.
 * Bytes up to an aligned source, then words: an aligned word does not cross a page, so reading past the 0 is harmless.
 * A word w has a zero byte iff (w - 0x01..01) & ~w & 0x80..80 != 0; the lowest set bit marks the first. Clobbers rcx, r8-r11.
 */
func arch_user_strncpy
	movq	%rdi, %r8			// start
	movq	$0x0101010101010101, %r9
	movq	$0x8080808080808080, %r10
.Lstr_bytes:
	testl	$7, %esi
	jz	.Lstr_words
	testq	%rdx, %rdx
	jz	.Lstr_done
	user	.Lstr_fault, movb (%rsi), %al
	movb	%al, (%rdi)
	testb	%al, %al
	jz	.Lstr_done
	incq	%rdi
	incq	%rsi
	decq	%rdx
	jmp	.Lstr_bytes
.Lstr_words:
	cmpq	$8, %rdx
	jb	.Lstr_tail
	user	.Lstr_fault, movq (%rsi), %rax
	movq	%rax, %rcx
	movq	%rax, %r11
	notq	%r11
	subq	%r9, %rcx
	andq	%r11, %rcx
	movq	%rax, (%rdi)
	andq	%r10, %rcx
	jnz	.Lstr_end_in_word
	addq	$8, %rdi
	addq	$8, %rsi
	subq	$8, %rdx
	jmp	.Lstr_words
.Lstr_end_in_word:
	bsfq	%rcx, %rcx
	shrq	$3, %rcx
	addq	%rcx, %rdi
	jmp	.Lstr_done
.Lstr_tail:
	testq	%rdx, %rdx
	jz	.Lstr_done
	user	.Lstr_fault, movb (%rsi), %al
	movb	%al, (%rdi)
	testb	%al, %al
	jz	.Lstr_done
	incq	%rdi
	incq	%rsi
	decq	%rdx
	jmp	.Lstr_tail
.Lstr_done:
	movq	%rdi, %rax
	subq	%r8, %rax
	ret
.Lstr_fault:
	movq	$-14, %rax			// -EFAULT
	ret
endfunc arch_user_strncpy

/* int arch_user_load32(const uint32_t *src (rdi), uint32_t *out (rsi)) */
func arch_user_load32
	user	1f, movl (%rdi), %eax
	movl	%eax, (%rsi)
	return_0_or_fault
endfunc arch_user_load32

/* int arch_user_load64(const uint64_t *src (rdi), uint64_t *out (rsi)) */
func arch_user_load64
	user	1f, movq (%rdi), %rax
	movq	%rax, (%rsi)
	return_0_or_fault
endfunc arch_user_load64

/* int arch_user_store32(uint32_t *dst (rdi), uint32_t value (esi)) */
func arch_user_store32
	user	1f, movl %esi, (%rdi)
	return_0_or_fault
endfunc arch_user_store32

/* int arch_user_store64(uint64_t *dst (rdi), uint64_t value (rsi)) */
func arch_user_store64
	user	1f, movq %rsi, (%rdi)
	return_0_or_fault
endfunc arch_user_store64

/*
 * int arch_user_cas32(uint32_t *p (rdi), uint32_t expected (esi), uint32_t desired (edx), uint32_t *seen (rcx)). A locked instruction is a full fence.
 */
func arch_user_cas32
	movl	%esi, %eax
	user	1f, lock cmpxchgl %edx, (%rdi)
	movl	%eax, (%rcx)
	return_0_or_fault
endfunc arch_user_cas32
