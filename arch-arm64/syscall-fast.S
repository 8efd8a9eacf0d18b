/* SPDX-License-Identifier: MIT
 *
 * The fast entry of system calls, called by veneers (veneer.c). No exception: the application's registers are live, sp is the kernel stack with room for a
 * struct frame in which x30 is already saved, interrupts are enabled.
 *
 * Only what a C function may change is saved (x0-x18, NZCV; AAPCS64 6.1.1), at its place in the frame, so that the frame can be completed where one is needed: calls
 * that want it (their entry in syscall_fast_table is syscall_fast_frame), and attention on the way out. Those leave by user_exit and an exception return.
 *
 * No signal is lost: thread->attention is looked at with interrupts masked, and they stay masked until the veneer is back at EL1t. Who sets attention
 * afterwards kicks this CPU, and that interrupt is taken at EL1t, where user_exit looks again. (A sequence that an interrupt restarts would save the two
 * instructions, and cost each interrupt a comparison of its pc.)
 *
 *	FRAME_PC	while in the call: return address into the veneer
 *	FRAME_PSTATE	while in the call: NZCV
 */
#include "arch-arm64/asm.h"
#include <arch/syscall.h>

	.cfi_sections .debug_frame

#define NZCV		x9
#define RETURN		x30

/* The rest of the frame: x20-x29, pc behind the site, sp, pstate, the call. In: RETURN, NZCV. Clobbers x1-x6, all saved. */
.macro complete_frame
	stp	x20, x21, [sp, #FRAME_X + 20 * 8]
	stp	x22, x23, [sp, #FRAME_X + 22 * 8]
	stp	x24, x25, [sp, #FRAME_X + 24 * 8]
	stp	x26, x27, [sp, #FRAME_X + 26 * 8]
	stp	x28, x29, [sp, #FRAME_X + 28 * 8]
	ldr	x1, [sp, #FRAME_X]
	ldr	w2, [sp, #FRAME_X + 8 * 8]	// the number counts as 32 bits
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

/* From a veneer: arguments in x0-x5, number in w8. Result in x0. Preserves all other registers and NZCV, but x30. */
func syscall_fast_entry
	stp	x0, x1, [sp, #FRAME_X]
	stp	x2, x3, [sp, #FRAME_X + 2 * 8]
	stp	x4, x5, [sp, #FRAME_X + 4 * 8]
	stp	x6, x7, [sp, #FRAME_X + 6 * 8]
	stp	x8, x9, [sp, #FRAME_X + 8 * 8]
	stp	x10, x11, [sp, #FRAME_X + 10 * 8]
	stp	x12, x13, [sp, #FRAME_X + 12 * 8]
	stp	x14, x15, [sp, #FRAME_X + 14 * 8]
	stp	x16, x17, [sp, #FRAME_X + 16 * 8]
	stp	x18, x19, [sp, #FRAME_X + 18 * 8]
	mrs	NZCV, nzcv
	stp	RETURN, NZCV, [sp, #FRAME_PC]
	mrs	x11, tpidr_el1
	ldr	x12, [x11, #THREAD_FAST_CALLS]
	add	x12, x12, #1
	str	x12, [x11, #THREAD_FAST_CALLS]
	cmp	w8, #ARCH_NR_SYSCALLS
	b.hs	syscall_fast_frame
	adr_l	x10, syscall_fast_table
	ldr	x10, [x10, w8, uxtw #3]
	blr	x10
	msr	daifset, #2
	ldp	RETURN, NZCV, [sp, #FRAME_PC]
	mrs	x11, tpidr_el1
	ldr	w12, [x11, #THREAD_ATTENTION]
	cbnz	w12, .Lattention
	msr	nzcv, NZCV
	ldr	x1, [sp, #FRAME_X + 1 * 8]
	ldp	x2, x3, [sp, #FRAME_X + 2 * 8]
	ldp	x4, x5, [sp, #FRAME_X + 4 * 8]
	ldp	x6, x7, [sp, #FRAME_X + 6 * 8]
	ldp	x8, x9, [sp, #FRAME_X + 8 * 8]
	ldp	x10, x11, [sp, #FRAME_X + 10 * 8]
	ldp	x12, x13, [sp, #FRAME_X + 12 * 8]
	ldp	x14, x15, [sp, #FRAME_X + 14 * 8]
	ldp	x16, x17, [sp, #FRAME_X + 16 * 8]
	ldr	x18, [sp, #FRAME_X + 18 * 8]
	ret
.Lattention:
	complete_frame
	str	x0, [sp, #FRAME_X]
	b	user_exit
endfunc syscall_fast_entry

/* In the table in place of calls that take a frame, and of those that are not there; sp and saved registers as above. Does not return to its caller. */
func syscall_fast_frame
	ldp	RETURN, NZCV, [sp, #FRAME_PC]
	complete_frame
	mov	x0, sp
	bl	linux_syscall_from_veneer
	b	user_exit
endfunc syscall_fast_frame
