/* SPDX-License-Identifier: MIT
 *
 * The fast entry of system calls, called by veneers (veneer.c). No exception: the application's registers are live, sp is the kernel stack with room for a
 * struct frame, interrupts are enabled.
 *
 * Only what a C function may change is saved (x0-x18, x30, NZCV; AAPCS64 6.1.1), in pairs, so not quite where struct frame has them:
 *
 *	x[0] x[1] x[2] ... x[19]		pc			pstate
 *	x0   x30  x1   ... x18			return address		NZCV
 *
 * The frame is put in order and completed where one is needed: for calls that want it (their entry in syscall_fast_table is syscall_fast_frame), and for attention
 * on the way out. Those leave by user_exit and an exception return.
 *
 * No signal is lost: thread->attention is looked at with interrupts masked, and they stay masked until the veneer is back at EL1t. Who sets attention
 * afterwards kicks this CPU, and that interrupt is taken at EL1t, where user_exit looks again. (A sequence that an interrupt restarts would save the two
 * instructions, and cost each interrupt a comparison of its pc.)
 */
#include "arch-arm64/asm.h"
#include <arch/syscall.h>

	.cfi_sections .debug_frame

#define NZCV		x9
#define RETURN		x30
#define X(n)		(FRAME_X + (n) * 8)

/* Order, then x19-x29, pc behind the site, sp, pstate, the call. In: RETURN, NZCV. Clobbers x1-x8, x10-x14 (all saved), x29. */
.macro complete_frame
	ldr	x10, [sp, #X(1)]		// x30
	ldp	x1, x2, [sp, #X(2)]
	ldp	x3, x4, [sp, #X(4)]
	ldp	x5, x6, [sp, #X(6)]
	ldp	x7, x8, [sp, #X(8)]
	stp	x1, x2, [sp, #X(1)]
	stp	x3, x4, [sp, #X(3)]
	stp	x5, x6, [sp, #X(5)]
	stp	x7, x8, [sp, #X(7)]
	ldp	x2, x3, [sp, #X(10)]		// x9, x10
	ldp	x4, x5, [sp, #X(12)]
	ldp	x6, x7, [sp, #X(14)]
	ldp	x11, x12, [sp, #X(16)]
	ldp	x13, x14, [sp, #X(18)]		// x17, x18
	stp	x2, x3, [sp, #X(9)]
	stp	x4, x5, [sp, #X(11)]
	stp	x6, x7, [sp, #X(13)]
	stp	x11, x12, [sp, #X(15)]
	stp	x13, x14, [sp, #X(17)]
	stp	x19, x20, [sp, #X(19)]
	stp	x21, x22, [sp, #X(21)]
	stp	x23, x24, [sp, #X(23)]
	stp	x25, x26, [sp, #X(25)]
	stp	x27, x28, [sp, #X(27)]
	stp	x29, x10, [sp, #X(29)]
	ldr	x1, [sp, #X(0)]
	mov	w2, w8				// the number counts as 32 bits
	stp	x1, x2, [sp, #FRAME_ORIG_X0]
	ldr	w3, [RETURN, #FAST_BACK_OFFSET]	// b site + 4
	add	x4, RETURN, #FAST_BACK_OFFSET
	sbfiz	x3, x3, #2, #26
	add	x4, x4, x3
	and	x5, NZCV, #0xf0000000
	orr	x5, x5, #FRAME_PSTATE_EL1T
	mrs	x6, sp_el0
	str	x6, [sp, #FRAME_SP]
	stp	x4, x5, [sp, #FRAME_PC]
	stp	xzr, xzr, [sp, #FRAME_ESR]
	stp	x29, x4, [sp, #FRAME_RECORD]
	add	x29, sp, #FRAME_RECORD
.endm

/*
 * From a veneer: arguments in x0-x5, number in w8, x0 and x30 saved. Result in x0, interrupts masked. Preserves all other registers and NZCV, but x30. Not by func: a
 * landing pad (bti) would be one instruction more in every system call, and only veneers come here.
 */
	.section .text.syscall_fast_entry, "ax", %progbits
	.globl	syscall_fast_entry
	.type	syscall_fast_entry, %function
	.balign	64
	.cfi_startproc
syscall_fast_entry:
	stp	x1, x2, [sp, #X(2)]
	stp	x3, x4, [sp, #X(4)]
	stp	x5, x6, [sp, #X(6)]
	stp	x7, x8, [sp, #X(8)]
	stp	x9, x10, [sp, #X(10)]
	stp	x11, x12, [sp, #X(12)]
	stp	x13, x14, [sp, #X(14)]
	stp	x15, x16, [sp, #X(16)]
	stp	x17, x18, [sp, #X(18)]
	mrs	NZCV, nzcv
	stp	RETURN, NZCV, [sp, #FRAME_PC]
	cmp	w8, #ARCH_NR_SYSCALLS
	b.hs	syscall_fast_frame
	ldr	x10, .Ltable
	ldr	x10, [x10, w8, uxtw #3]
	blr	x10
	msr	daifset, #2
	ldp	RETURN, NZCV, [sp, #FRAME_PC]
	mrs	x11, tpidr_el1
	ldr	x12, [x11, #THREAD_FAST_CALLS]
	add	x12, x12, #1
	str	x12, [x11, #THREAD_FAST_CALLS]
	ldr	w12, [x11, #THREAD_ATTENTION]
	cbnz	w12, .Lattention
	msr	nzcv, NZCV
	ldp	x1, x2, [sp, #X(2)]
	ldp	x3, x4, [sp, #X(4)]
	ldp	x5, x6, [sp, #X(6)]
	ldp	x7, x8, [sp, #X(8)]
	ldp	x9, x10, [sp, #X(10)]
	ldp	x11, x12, [sp, #X(12)]
	ldp	x13, x14, [sp, #X(14)]
	ldp	x15, x16, [sp, #X(16)]
	ldp	x17, x18, [sp, #X(18)]
	ret
.Lattention:
	complete_frame
	str	x0, [sp, #X(0)]
	b	user_exit
	.balign	8
.Ltable:
	.quad	syscall_fast_table
endfunc syscall_fast_entry

/* In the table in place of calls that take a frame, and of those that are not there; sp and saved registers as above. Does not return to its caller. */
func syscall_fast_frame
	ldp	RETURN, NZCV, [sp, #FRAME_PC]
	complete_frame
	mov	x0, sp
	bl	linux_syscall_from_veneer
	b	user_exit
endfunc syscall_fast_frame
