/* SPDX-License-Identifier: MIT
 *
 * Accesses to application memory that may fault (arch/uaccess.h). Each load and store that may is in the exception table.
 *
 * The big loops advance their pointers only after a whole step has succeeded, so that after a fault the rest is done again byte by
 * byte from the start of the step, and the byte that cannot be had ends it: the count is exact.
 */
#include "arch-arm64/asm.h"

	.cfi_sections .debug_frame

	.arch	armv8-a+fp+simd

#define VECTOR_MIN		512	// bytes from which saving eight registers pays
#define VECTOR_CLAIM_MIN	4096	// and from which a trap pays, too
#define VECTOR_SAVE		(8 * 16)

/*
 * size_t arch_user_copy(void *dst (x0), const void *src (x1), size_t len (x2)): bytes NOT copied.
 * Clobbers x3-x14.
 *
 * Much is copied through q0-q7, which are the application's: they are saved here and put back. A fault or an interrupt in the midst may switch to another thread, which
 * saves and loads them as if the application had set them (switch.S); if they are closed afterwards the next access traps and has them loaded (arch_kernel_trap).
 * A kernel thread has none and goes the other way, and so does a thread whose registers are closed unless there is enough to copy.
 */
func arch_user_copy
	cmp	x2, #64
	b.lo	.Lcopy_16
	subs	x2, x2, #256
	b.lo	.Lcopy_under_256
	cmp	x2, #VECTOR_MIN - 256
	b.hs	.Lcopy_choose
.Lcopy_256:				// x2: what is left after this step
	.irp	offset, 0, 64, 128, 192
	user	.Lcopy_256_fault, ldp x3, x4, [x1, #\offset]
	user	.Lcopy_256_fault, ldp x5, x6, [x1, #\offset + 16]
	user	.Lcopy_256_fault, ldp x7, x8, [x1, #\offset + 32]
	user	.Lcopy_256_fault, ldp x9, x10, [x1, #\offset + 48]
	user	.Lcopy_256_fault, stp x3, x4, [x0, #\offset]
	user	.Lcopy_256_fault, stp x5, x6, [x0, #\offset + 16]
	user	.Lcopy_256_fault, stp x7, x8, [x0, #\offset + 32]
	user	.Lcopy_256_fault, stp x9, x10, [x0, #\offset + 48]
	.endr
	add	x1, x1, #256
	add	x0, x0, #256
	subs	x2, x2, #256
	b.hs	.Lcopy_256
.Lcopy_under_256:
	add	x2, x2, #256
	cmp	x2, #64
	b.lo	.Lcopy_16
.Lcopy_64:
	user	.Lcopy_bytes, ldp x3, x4, [x1]
	user	.Lcopy_bytes, ldp x5, x6, [x1, #16]
	user	.Lcopy_bytes, ldp x7, x8, [x1, #32]
	user	.Lcopy_bytes, ldp x9, x10, [x1, #48]
	user	.Lcopy_bytes, stp x3, x4, [x0]
	user	.Lcopy_bytes, stp x5, x6, [x0, #16]
	user	.Lcopy_bytes, stp x7, x8, [x0, #32]
	user	.Lcopy_bytes, stp x9, x10, [x0, #48]
	add	x1, x1, #64
	add	x0, x0, #64
	sub	x2, x2, #64
	cmp	x2, #64
	b.hs	.Lcopy_64
.Lcopy_16:
	cmp	x2, #16
	b.lo	.Lcopy_8
	user	.Lcopy_bytes, ldp x3, x4, [x1]
	user	.Lcopy_bytes, stp x3, x4, [x0]
	add	x1, x1, #16
	add	x0, x0, #16
	sub	x2, x2, #16
	cbnz	x2, .Lcopy_16
	b	.Lcopy_done
.Lcopy_8:
	tbz	x2, #3, .Lcopy_4
	user	.Lcopy_bytes, ldr x3, [x1]
	user	.Lcopy_bytes, str x3, [x0]
	add	x1, x1, #8
	add	x0, x0, #8
	sub	x2, x2, #8
.Lcopy_4:
	tbz	x2, #2, .Lcopy_bytes
	user	.Lcopy_bytes, ldr w3, [x1]
	user	.Lcopy_bytes, str w3, [x0]
	add	x1, x1, #4
	add	x0, x0, #4
	sub	x2, x2, #4
.Lcopy_bytes:
	cbz	x2, .Lcopy_done
	user	.Lcopy_done, ldrb w3, [x1]
	user	.Lcopy_done, strb w3, [x0]
	add	x1, x1, #1
	add	x0, x0, #1
	sub	x2, x2, #1
	b	.Lcopy_bytes
.Lcopy_done:
	mov	x0, x2
	ret
.Lcopy_256_fault:
	add	x2, x2, #256
	b	.Lcopy_bytes

.Lcopy_choose:				// x2: len - 256
	mrs	x3, tpidr_el1
	ldp	w4, w5, [x3, #THREAD_FPU_LIVE]	// and has_fpu
	cbnz	w4, .Lcopy_vector
	cbz	w5, .Lcopy_256
	cmp	x2, #VECTOR_CLAIM_MIN - 256
	b.lo	.Lcopy_256
.Lcopy_vector:
	stp	q0, q1, [sp, #-VECTOR_SAVE]!
	.cfi_adjust_cfa_offset VECTOR_SAVE
	stp	q2, q3, [sp, #32]
	stp	q4, q5, [sp, #64]
	stp	q6, q7, [sp, #96]
	sub	x2, x2, #512 - 256
.Lcopy_512:				// x2: what is left after this step
	.irp	offset, 0, 128, 256, 384
	user	.Lcopy_512_fault, ldp q0, q1, [x1, #\offset]
	user	.Lcopy_512_fault, ldp q2, q3, [x1, #\offset + 32]
	user	.Lcopy_512_fault, ldp q4, q5, [x1, #\offset + 64]
	user	.Lcopy_512_fault, ldp q6, q7, [x1, #\offset + 96]
	user	.Lcopy_512_fault, stp q0, q1, [x0, #\offset]
	user	.Lcopy_512_fault, stp q2, q3, [x0, #\offset + 32]
	user	.Lcopy_512_fault, stp q4, q5, [x0, #\offset + 64]
	user	.Lcopy_512_fault, stp q6, q7, [x0, #\offset + 96]
	.endr
	add	x1, x1, #512
	add	x0, x0, #512
	subs	x2, x2, #512
	b.hs	.Lcopy_512
	adds	x2, x2, #512 - 64
	b.mi	.Lcopy_vector_done
.Lcopy_vector_64:			// x2: what is left after this step
	user	.Lcopy_vector_done, ldp q0, q1, [x1]
	user	.Lcopy_vector_done, ldp q2, q3, [x1, #32]
	user	.Lcopy_vector_done, stp q0, q1, [x0]
	user	.Lcopy_vector_done, stp q2, q3, [x0, #32]
	add	x1, x1, #64
	add	x0, x0, #64
	subs	x2, x2, #64
	b.hs	.Lcopy_vector_64
.Lcopy_vector_done:			// or 64 and more are left after a fault, which comes again below
	add	x2, x2, #64
	ldp	q2, q3, [sp, #32]
	ldp	q4, q5, [sp, #64]
	ldp	q6, q7, [sp, #96]
	ldp	q0, q1, [sp], #VECTOR_SAVE
	.cfi_adjust_cfa_offset -VECTOR_SAVE
	cmp	x2, #64
	b.lo	.Lcopy_16
	b	.Lcopy_bytes
.Lcopy_512_fault:
	.cfi_adjust_cfa_offset VECTOR_SAVE
	add	x2, x2, #512 - 64
	b	.Lcopy_vector_done
endfunc arch_user_copy

/* size_t arch_user_zero(void *dst (x0), size_t len (x1)): bytes NOT zeroed. Clobbers x2. */
func arch_user_zero
	cmp	x1, #128
	b.lo	.Lzero_16
	mrs	x2, dczid_el0
	cmp	x2, #4				// 64-byte blocks, allowed
	b.ne	.Lzero_16
.Lzero_align:
	tst	x0, #63
	b.eq	.Lzero_64
	user	.Lzero_done, strb wzr, [x0]
	add	x0, x0, #1
	sub	x1, x1, #1
	b	.Lzero_align
.Lzero_64:
	cmp	x1, #64
	b.lo	.Lzero_16
	user	.Lzero_bytes, dc zva, x0
	add	x0, x0, #64
	sub	x1, x1, #64
	b	.Lzero_64
.Lzero_16:
	cmp	x1, #16
	b.lo	.Lzero_bytes
	user	.Lzero_bytes, stp xzr, xzr, [x0]
	add	x0, x0, #16
	sub	x1, x1, #16
	b	.Lzero_16
.Lzero_bytes:
	cbz	x1, .Lzero_done
	user	.Lzero_done, strb wzr, [x0]
	add	x0, x0, #1
	sub	x1, x1, #1
	b	.Lzero_bytes
.Lzero_done:
	mov	x0, x1
	ret
endfunc arch_user_zero

/*
 * ssize_t arch_user_strncpy(char *dst (x0), const char *src (x1), size_t max (x2)): length without the 0, max, or -EFAULT.
 * Words wherever they do not cross a page, so that reading past the 0 is harmless; the source need not be aligned.
 * A word w has a zero byte iff (w - 0x01..01) & ~w & 0x80..80 != 0; the lowest set bit marks the first. Clobbers x3-x7.
 */
func arch_user_strncpy
	mov	x3, x0				// start
	mov	x7, #0x0101010101010101
.Lstr_words:
	and	x6, x1, #4095
	cmp	x6, #4096 - 8
	ccmp	x2, #8, #8, ls			// N alone, "less", if it would cross
	b.lt	.Lstr_byte
	user	.Lstr_fault, ldr x4, [x1], #8
	sub	x5, x4, x7
	bic	x5, x5, x4
	ands	x5, x5, #0x8080808080808080
	str	x4, [x0]
	b.ne	.Lstr_end_in_word
	add	x0, x0, #8
	sub	x2, x2, #8
	b	.Lstr_words
.Lstr_byte:
	cbz	x2, .Lstr_done
	user	.Lstr_fault, ldrb w4, [x1], #1
	strb	w4, [x0]
	cbz	w4, .Lstr_done
	add	x0, x0, #1
	sub	x2, x2, #1
	b	.Lstr_words
.Lstr_end_in_word:
	rbit	x5, x5
	clz	x5, x5
	add	x0, x0, x5, lsr #3
	b	.Lstr_done
.Lstr_done:
	sub	x0, x0, x3
	ret
.Lstr_fault:
	mov	x0, #-14			// -EFAULT
	ret
endfunc arch_user_strncpy


/* int arch_user_load32(const uint32_t *src (x0), uint32_t *out (x1)) */
func arch_user_load32
	user	1f, ldr w2, [x0]
	str	w2, [x1]
	mov	w0, #0
	ret
1:	mov	w0, #-14			// -EFAULT
	ret
endfunc arch_user_load32

/* int arch_user_load64(const uint64_t *src (x0), uint64_t *out (x1)) */
func arch_user_load64
	user	1f, ldr x2, [x0]
	str	x2, [x1]
	mov	w0, #0
	ret
1:	mov	w0, #-14			// -EFAULT
	ret
endfunc arch_user_load64

/* int arch_user_store32(uint32_t *dst (x0), uint32_t value (w1)) */
func arch_user_store32
	user	1f, str w1, [x0]
	mov	w0, #0
	ret
1:	mov	w0, #-14			// -EFAULT
	ret
endfunc arch_user_store32

/* int arch_user_store64(uint64_t *dst (x0), uint64_t value (x1)) */
func arch_user_store64
	user	1f, str x1, [x0]
	mov	w0, #0
	ret
1:	mov	w0, #-14			// -EFAULT
	ret
endfunc arch_user_store64

/*
 * int arch_user_cas32(uint32_t *p (x0), uint32_t expected (w1), uint32_t desired (w2), uint32_t *seen (x3)). Clobbers w4, w5.
 * Full order: load-acquire, store-release, and a fence after, so that later accesses do not pass the store (as Linux's futex does).
 * The loop is on the exclusive monitor only: it repeats when another CPU wrote the line in between.
 */
func arch_user_cas32
.Lcas:
	user	.Lcas_fault, ldaxr w4, [x0]
	cmp	w4, w1
	b.ne	.Lcas_done
	user	.Lcas_fault, stlxr w5, w2, [x0]
	cbnz	w5, .Lcas
.Lcas_done:
	dmb	ish
	str	w4, [x3]
	mov	w0, #0
	ret
.Lcas_fault:
	mov	w0, #-14			// -EFAULT
	ret
endfunc arch_user_cas32
