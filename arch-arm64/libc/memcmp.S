/* SPDX-License-Identifier: MIT
 *
 * memcmp: words, then bytes.
 */
#include "arch-arm64/asm.h"

	.cfi_sections .debug_frame

/* int memcmp(const void *a (x0), const void *b (x1), size_t n (x2)). Clobbers x3-x4. */
func memcmp
1:	cmp	x2, #8
	b.lo	2f
	ldr	x3, [x0], #8
	ldr	x4, [x1], #8
	sub	x2, x2, #8
	cmp	x3, x4
	b.eq	1b
	rev	x3, x3				// first byte becomes the most significant
	rev	x4, x4
	cmp	x3, x4
	cset	w0, hi
	csinv	w0, w0, wzr, hs
	ret
2:	cbz	x2, 3f
	ldrb	w3, [x0], #1
	ldrb	w4, [x1], #1
	sub	x2, x2, #1
	subs	w3, w3, w4
	b.eq	2b
	mov	w0, w3
	ret
3:	mov	w0, #0
	ret
endfunc memcmp
