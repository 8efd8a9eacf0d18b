/* SPDX-License-Identifier: MIT
 *
 * memset. Big zero fills go by whole cache lines with dc zva, which reads nothing.
 */
#include "arch-arm64/asm.h"

	.cfi_sections .debug_frame

/* void *memset(void *dst (x0), int c (w1), size_t n (x2)). Clobbers x1-x5. */
func memset
	and	x1, x1, #0xff
	orr	x1, x1, x1, lsl #8
	orr	x1, x1, x1, lsl #16
	orr	x1, x1, x1, lsl #32
	add	x4, x0, x2			// end
	cmp	x2, #16
	b.hs	.L16
	tbz	x2, #3, 1f
	str	x1, [x0]
	str	x1, [x4, #-8]
	ret
1:	tbz	x2, #2, 2f
	str	w1, [x0]
	str	w1, [x4, #-4]
	ret
2:	cbz	x2, 3f
	strb	w1, [x0]
	strb	w1, [x4, #-1]
	lsr	x2, x2, #1
	strb	w1, [x0, x2]
3:	ret
.L16:
	stp	x1, x1, [x4, #-16]
	stp	x1, x1, [x0]			// from both ends, overlapping in the middle
	cmp	x2, #32
	b.ls	5f
	stp	x1, x1, [x0, #16]
	stp	x1, x1, [x4, #-32]
	cmp	x2, #64
	b.ls	5f
	cmp	x2, #256
	b.hs	.Lbig
	add	x3, x0, #32
	sub	x5, x4, #64			// the last 32 are done
4:	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	add	x3, x3, #32
	cmp	x3, x5
	b.ls	4b
	stp	x1, x1, [x4, #-64]
	stp	x1, x1, [x4, #-48]
5:	ret
.Lbig:
	stp	x1, x1, [x0, #32]
	stp	x1, x1, [x0, #48]
	add	x3, x0, #64
	and	x3, x3, #~63
	sub	x5, x4, #64			// last place for a whole step
	cbnz	x1, 6f
	mrs	x2, dczid_el0
	cmp	x2, #4				// 64-byte blocks, allowed
	b.ne	6f
7:	dc	zva, x3
	add	x3, x3, #64
	cmp	x3, x5
	b.ls	7b
	b	8f
6:	stp	x1, x1, [x3]
	stp	x1, x1, [x3, #16]
	stp	x1, x1, [x3, #32]
	stp	x1, x1, [x3, #48]
	add	x3, x3, #64
	cmp	x3, x5
	b.ls	6b
8:	stp	x1, x1, [x4, #-64]
	stp	x1, x1, [x4, #-48]
	stp	x1, x1, [x4, #-32]
	ret
endfunc memset
