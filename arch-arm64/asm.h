/* SPDX-License-Identifier: MIT
 *
 * What assembly files share: functions with unwind data, address and constant loading, the exception table, and the frame of an
 * exception. vectors.S and syscall-fast.S build and leave frames with the same two macros.
 *
 *	frame_save user		on the kernel stack of an application thread, right after the exception: makes a struct frame at sp
 *				(sp_el0 is the interrupted stack), x29 -> frame.record, so that a backtrace passes through
 *	frame_save kernel	the same on top of whatever the kernel was doing; frame.sp is its sp before
 *	frame_restore user|kernel	the reverse, ends with eret; interrupts must be masked
 *
 * The hook for the fast path of system calls (syscall-fast.S): `b user_exit` with interrupts in any state and a complete user frame at
 * sp looks at thread->attention, delivers it, and leaves.
 */
#pragma once

#include <arch/layout.h>

#include "asm-offsets.h"

/* Each function in a section of its own (--gc-sections); bti c, so that it can be called through a pointer with BTI on. */
.macro func name
	.section .text.\name, "ax", %progbits
	.globl	\name
	.type	\name, %function
	.balign	16
	.cfi_startproc
\name:
	hint	#34				// bti c
.endm

.macro endfunc name
	.cfi_endproc
	.size	\name, . - \name
.endm

/* Address of a symbol within +-4 GiB: physical before the MMU is on, virtual after. */
.macro adr_l reg, sym
	adrp	\reg, \sym
	add	\reg, \reg, :lo12:\sym
.endm

.macro ldr_l reg, sym, tmp
	adrp	\tmp, \sym
	ldr	\reg, [\tmp, :lo12:\sym]
.endm

/* Any 64-bit constant. */
.macro mov_q reg, val
	movz	\reg, :abs_g3:\val
	movk	\reg, :abs_g2_nc:\val
	movk	\reg, :abs_g1_nc:\val
	movk	\reg, :abs_g0_nc:\val
.endm

/* If the instruction at \from faults on an application address that cannot be had, go on at \to. Offsets relative to the entry. */
.macro extable from, to
	.pushsection .extable, "a"
	.balign	4
	.long	(\from) - .
	.long	(\to) - .
	.popsection
.endm

/* One access that may fault: user \fixup, ldr x0, [x1] */
.macro user fixup, insn:vararg
9999:	\insn
	extable	9999b, \fixup
.endm

/* Frame of an exception. Clobbers x0-x3 and x29 after saving them. sp -= FRAME_SIZE must have been done. */
.macro frame_save_body from
	stp	x2, x3, [sp, #FRAME_X + 2 * 8]
	stp	x4, x5, [sp, #FRAME_X + 4 * 8]
	stp	x6, x7, [sp, #FRAME_X + 6 * 8]
	stp	x8, x9, [sp, #FRAME_X + 8 * 8]
	stp	x10, x11, [sp, #FRAME_X + 10 * 8]
	stp	x12, x13, [sp, #FRAME_X + 12 * 8]
	stp	x14, x15, [sp, #FRAME_X + 14 * 8]
	stp	x16, x17, [sp, #FRAME_X + 16 * 8]
	stp	x18, x19, [sp, #FRAME_X + 18 * 8]
	stp	x20, x21, [sp, #FRAME_X + 20 * 8]
	stp	x22, x23, [sp, #FRAME_X + 22 * 8]
	stp	x24, x25, [sp, #FRAME_X + 24 * 8]
	stp	x26, x27, [sp, #FRAME_X + 26 * 8]
	stp	x28, x29, [sp, #FRAME_X + 28 * 8]
	mrs	x1, elr_el1
	mrs	x2, spsr_el1
.ifc \from, user
	mrs	x0, sp_el0
.else
	add	x0, sp, #FRAME_SIZE
.endif
	stp	x30, x0, [sp, #FRAME_X + 30 * 8]	// x30, sp
	stp	x1, x2, [sp, #FRAME_PC]			// pc, pstate
	stp	x29, x1, [sp, #FRAME_RECORD]
	add	x29, sp, #FRAME_RECORD
.endm

.macro frame_save from
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp, #FRAME_X]
	frame_save_body \from
.endm

.macro frame_restore to
	ldp	x1, x2, [sp, #FRAME_PC]
	ldp	x30, x0, [sp, #FRAME_X + 30 * 8]
	msr	elr_el1, x1
	msr	spsr_el1, x2
.ifc \to, user
	msr	sp_el0, x0
.endif
	ldp	x0, x1, [sp, #FRAME_X]
	ldp	x2, x3, [sp, #FRAME_X + 2 * 8]
	ldp	x4, x5, [sp, #FRAME_X + 4 * 8]
	ldp	x6, x7, [sp, #FRAME_X + 6 * 8]
	ldp	x8, x9, [sp, #FRAME_X + 8 * 8]
	ldp	x10, x11, [sp, #FRAME_X + 10 * 8]
	ldp	x12, x13, [sp, #FRAME_X + 12 * 8]
	ldp	x14, x15, [sp, #FRAME_X + 14 * 8]
	ldp	x16, x17, [sp, #FRAME_X + 16 * 8]
	ldp	x18, x19, [sp, #FRAME_X + 18 * 8]
	ldp	x20, x21, [sp, #FRAME_X + 20 * 8]
	ldp	x22, x23, [sp, #FRAME_X + 22 * 8]
	ldp	x24, x25, [sp, #FRAME_X + 24 * 8]
	ldp	x26, x27, [sp, #FRAME_X + 26 * 8]
	ldp	x28, x29, [sp, #FRAME_X + 28 * 8]
	add	sp, sp, #FRAME_SIZE
	eret
.endm
