/* SPDX-License-Identifier: MIT
 *
 * memcpy and memmove. Up to 64 bytes everything is loaded before anything is stored, from both ends, so that overlap does not matter;
 * more goes in steps of 64 bytes, the last step from the end.
 */
#include "arch-arm64/asm.h"

	.cfi_sections .debug_frame

/* void *memmove(void *dst (x0), const void *src (x1), size_t n (x2)). Clobbers x3-x17. */
func memmove
	sub	x3, x0, x1
	cmp	x3, x2				// dst - src < n, unsigned: dst lies inside src: from the end
	b.lo	.Lbackward
	b	.Lforward
endfunc memmove

/* void *memcpy(void *dst (x0), const void *src (x1), size_t n (x2)). Clobbers x3-x17. */
func memcpy
.Lforward:
	add	x4, x1, x2			// end of source
	add	x5, x0, x2			// end of destination
	cmp	x2, #64
	b.hi	.Lbig
.Lsmall:
	cmp	x2, #32
	b.hi	.L33_64
	cmp	x2, #16
	b.hi	.L17_32
	tbnz	x2, #4, .L16
	tbnz	x2, #3, .L8_15
	tbnz	x2, #2, .L4_7
	cbz	x2, .Lret
	ldrb	w6, [x1]			// 1 to 3
	ldrb	w7, [x4, #-1]
	lsr	x3, x2, #1
	ldrb	w8, [x1, x3]
	strb	w6, [x0]
	strb	w8, [x0, x3]
	strb	w7, [x5, #-1]
.Lret:	ret
.L4_7:	ldr	w6, [x1]
	ldr	w7, [x4, #-4]
	str	w6, [x0]
	str	w7, [x5, #-4]
	ret
.L8_15:	ldr	x6, [x1]
	ldr	x7, [x4, #-8]
	str	x6, [x0]
	str	x7, [x5, #-8]
	ret
.L16:	ldp	x6, x7, [x1]
	stp	x6, x7, [x0]
	ret
.L17_32:
	ldp	x6, x7, [x1]
	ldp	x8, x9, [x4, #-16]
	stp	x6, x7, [x0]
	stp	x8, x9, [x5, #-16]
	ret
.L33_64:
	ldp	x6, x7, [x1]
	ldp	x8, x9, [x1, #16]
	ldp	x10, x11, [x4, #-32]
	ldp	x12, x13, [x4, #-16]
	stp	x6, x7, [x0]
	stp	x8, x9, [x0, #16]
	stp	x10, x11, [x5, #-32]
	stp	x12, x13, [x5, #-16]
	ret

	// More than 64, forward: dst below src, or apart. The tail is loaded before the loop could overwrite it.
.Lbig:
	mov	x3, x0
	ldp	x14, x15, [x4, #-16]
	ldp	x16, x17, [x4, #-32]
1:	ldp	x6, x7, [x1]
	ldp	x8, x9, [x1, #16]
	ldp	x10, x11, [x1, #32]
	ldp	x12, x13, [x1, #48]
	add	x1, x1, #64
	stp	x6, x7, [x3]
	stp	x8, x9, [x3, #16]
	stp	x10, x11, [x3, #32]
	stp	x12, x13, [x3, #48]
	add	x3, x3, #64
	sub	x2, x2, #64
	cmp	x2, #64
	b.hs	1b
	cmp	x2, #32
	b.ls	2f
	ldp	x6, x7, [x1]			// 33 to 63 left
	ldp	x8, x9, [x1, #16]
	stp	x6, x7, [x3]
	stp	x8, x9, [x3, #16]
2:	stp	x16, x17, [x5, #-32]
	stp	x14, x15, [x5, #-16]
	ret

	// dst above src, overlapping: from the end.
.Lbackward:
	add	x4, x1, x2
	add	x5, x0, x2
	cmp	x2, #64
	b.ls	.Lsmall
	ldp	x14, x15, [x1]
	ldp	x16, x17, [x1, #16]
1:	ldp	x6, x7, [x4, #-16]
	ldp	x8, x9, [x4, #-32]
	ldp	x10, x11, [x4, #-48]
	ldp	x12, x13, [x4, #-64]
	sub	x4, x4, #64
	stp	x6, x7, [x5, #-16]
	stp	x8, x9, [x5, #-32]
	stp	x10, x11, [x5, #-48]
	stp	x12, x13, [x5, #-64]
	sub	x5, x5, #64
	sub	x2, x2, #64
	cmp	x2, #64
	b.hs	1b
	cmp	x2, #32
	b.ls	2f
	ldp	x6, x7, [x4, #-16]
	ldp	x8, x9, [x4, #-32]
	stp	x6, x7, [x5, #-16]
	stp	x8, x9, [x5, #-32]
2:	stp	x16, x17, [x0, #16]
	stp	x14, x15, [x0]
	ret
endfunc memcpy
