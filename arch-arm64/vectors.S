/* SPDX-License-Identifier: MIT
 *
 * Exception vectors (Arm ARM DDI0487 D1.3.1). The application runs at EL1t: its exceptions arrive in the first group, with the
 * hardware already on the kernel stack, whose top is then empty. Exceptions of the kernel (EL1h) nest on whatever it was doing.
 *
 *	EL1t sync	svc -> linux_syscall(frame), interrupts enabled;  else arch_user_trap(frame)
 *	EL1t irq	sched_irq(frame)
 *	EL1h sync	arch_kernel_trap(frame)		a fault of an access to application memory, or a panic
 *	EL1h irq	sched_irq(frame)
 *	anything else	arch_bad_exception(frame, vector)
 *
 * Every way back to the application goes through user_exit.
 */
#include "arch-arm64/asm.h"
#include "arch-arm64/sysreg.h"

	.cfi_sections .debug_frame

/* One vector: at most 32 instructions. */
.macro vector_begin
	.balign	128
	.Lvector_start = .
.endm
.macro vector_end
	.if	. - .Lvector_start > 128
	.error	"vector too long"
	.endif
.endm

.macro vector_user to
	vector_begin
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp, #FRAME_X]
	b	\to
	vector_end
.endm

/*
 * No register is free until one is saved, and nothing may be saved before sp is known to be good: stacks are the upper half of slots of
 * twice their size, so that bit KSTACK_SIZE_LOG2 of an address in the stack is 1, and 0 after an overflow.
 */
.macro vector_kernel to
	vector_begin
	sub	sp, sp, #FRAME_SIZE
	add	sp, sp, x0			// sp + x0
	sub	x0, sp, x0			// sp
	tbz	x0, #KSTACK_SIZE_LOG2, 0f
	sub	x0, sp, x0			// x0
	sub	sp, sp, x0			// sp
	stp	x0, x1, [sp, #FRAME_X]
	b	\to
0:	sub	x0, sp, x0
	sub	sp, sp, x0
	b	stack_overflow
	vector_end
.endm

.macro vector_bad number
	vector_begin
	sub	sp, sp, #FRAME_SIZE
	stp	x0, x1, [sp, #FRAME_X]
	mov	x1, #\number
	b	bad_exception
	vector_end
.endm

	.section .text.vectors, "ax", %progbits
	.balign	2048
	.globl	vectors
	.type	vectors, %function
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa sp, 0
vectors:
	vector_user	user_sync
	vector_user	user_irq
	vector_bad	2
	vector_bad	3

	vector_kernel	kernel_sync
	vector_kernel	kernel_irq
	vector_bad	6
	vector_bad	7

	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	vector_bad	\n
	.endr
	.cfi_endproc
	.size	vectors, . - vectors

.macro	frame_cfi
	.cfi_signal_frame
	.cfi_def_cfa sp, FRAME_SIZE
	.cfi_offset x29, FRAME_RECORD - FRAME_SIZE
	.cfi_offset x30, FRAME_RECORD + 8 - FRAME_SIZE
.endm

/* From the application; sp is the frame, x0 and x1 are saved in it. */
func user_sync
	frame_cfi
	frame_save_body user
	mrs	x1, esr_el1
	mrs	x2, far_el1
	stp	x1, x2, [sp, #FRAME_ESR]
	lsr	x3, x1, #ESR_EC_SHIFT
	cmp	x3, #ESR_EC_SVC64
	b.ne	.Ltrap
	ldr	x0, [sp, #FRAME_X]
	stp	x0, x8, [sp, #FRAME_ORIG_X0]
	msr	daifclr, #2
	mov	x0, sp
	bl	linux_syscall
	b	user_exit
.Ltrap:
	mov	x0, #-1
	stp	x0, x0, [sp, #FRAME_ORIG_X0]
	mov	x0, sp
	bl	arch_user_trap
	b	user_exit
endfunc user_sync

func user_irq
	frame_cfi
	frame_save_body user
	mov	x0, #-1
	stp	x0, x0, [sp, #FRAME_ORIG_X0]
	stp	xzr, xzr, [sp, #FRAME_ESR]
	mov	x0, sp
	bl	sched_irq
	b	user_exit
endfunc user_irq

/*
 * The only way to the application: sp = a complete user frame at the top of the kernel stack. The test of thread->attention and the
 * eret are one masked section, so that an interrupt that sets it (thread_kick) is taken after the eret and comes back here.
 */
func user_exit
	frame_cfi
.Lagain:
	msr	daifset, #0xf
	mrs	x0, tpidr_el1
	ldr	w1, [x0, #THREAD_ATTENTION]
	cbnz	w1, .Lattention
	frame_restore user
.Lattention:
	mov	x0, sp
	bl	linux_attention
	b	.Lagain
endfunc user_exit

/* _Noreturn void arch_return_to_user(struct frame *f) */
func arch_return_to_user
	msr	daifset, #0xf
	mov	sp, x0
	b	user_exit
endfunc arch_return_to_user

func kernel_sync
	frame_cfi
	frame_save_body kernel
	mrs	x1, esr_el1
	mrs	x2, far_el1
	stp	x1, x2, [sp, #FRAME_ESR]
	mov	x0, sp
	bl	arch_kernel_trap
	msr	daifset, #0xf
	frame_restore kernel
endfunc kernel_sync

func kernel_irq
	frame_cfi
	frame_save_body kernel
	stp	xzr, xzr, [sp, #FRAME_ESR]
	mov	x0, sp
	bl	sched_irq
	msr	daifset, #0xf
	frame_restore kernel
endfunc kernel_irq

/* x1: number of the vector. */
func bad_exception
	frame_cfi
	str	x1, [sp, #FRAME_SYSCALL_NR]
	frame_save_body kernel
	mrs	x1, esr_el1
	mrs	x2, far_el1
	stp	x1, x2, [sp, #FRAME_ESR]
	mov	x0, sp
	ldr	x1, [sp, #FRAME_SYSCALL_NR]
	bl	arch_bad_exception
	brk	#1
endfunc bad_exception

/*
 * The kernel stack is full: sp cannot be used, and nothing will return. Go on at the top of the same stack: what overflowed lies at its
 * bottom, so most of the backtrace survives. TPIDR_EL0 and TPIDRRO_EL0 are free by now.
 */
func stack_overflow
	msr	tpidr_el0, x0
	mov	x0, sp
	add	x0, x0, #FRAME_SIZE
	msr	tpidrro_el0, x0
	mrs	x0, tpidr_el1
	cbz	x0, 1f
	ldr	x0, [x0, #THREAD_KSTACK]
	cbnz	x0, 2f
1:	adr_l	x0, arch_boot_stack
2:	add	x0, x0, #ASM_KSTACK_SIZE
	sub	x0, x0, #FRAME_SIZE
	mov	sp, x0
	mrs	x0, tpidr_el0
	stp	x0, x1, [sp, #FRAME_X]
	frame_save_body kernel
	mrs	x0, tpidrro_el0
	str	x0, [sp, #FRAME_SP]
	mrs	x1, esr_el1
	mrs	x2, far_el1
	stp	x1, x2, [sp, #FRAME_ESR]
	mov	x0, sp
	bl	arch_stack_overflow
	brk	#1
endfunc stack_overflow
