/* SPDX-License-Identifier: MIT
 *
 * The switch between threads. Callee-saved registers (AAPCS64 6.1.1) go on the kernel stack; what the application owns (FP/SIMD, TPIDR_EL0,
 * SP_EL0) goes into struct arch_thread, and only for threads that have it.
 *
 * FP/SIMD registers are saved when a thread is switched out, but only if it has used them since it was switched in; they are loaded when it first uses them
 * (CPACR_EL1.FPEN = 0 traps that: arch_user_trap, thread.c:fpu_claim). So memory holds the truth of every thread but the running one, nothing is ever fetched from
 * another CPU, and a thread that does not use them between two sleeps pays for nothing. Who does use them gets them loaded at once for its next FPU_EAGER turns.
 *
 * The kernel itself uses them only to copy much (uaccess.S), and puts back what it used.
 *
 *	fpu_live	FPEN	registers of the running thread are in
 *	0		closed	arch.fpu
 *	1		open	the CPU
 */
#include "arch-arm64/asm.h"
#include "arch-arm64/sysreg.h"

	.cfi_sections .debug_frame

#define SWITCH_SIZE	(12 * 8)

/* q0-q31 from [base]; clobbers base. */
.macro fpu_move op, base
	\op	q0, q1, [\base]
	\op	q2, q3, [\base, #32]
	\op	q4, q5, [\base, #64]
	\op	q6, q7, [\base, #96]
	\op	q8, q9, [\base, #128]
	\op	q10, q11, [\base, #160]
	\op	q12, q13, [\base, #192]
	\op	q14, q15, [\base, #224]
	\op	q16, q17, [\base, #256]
	\op	q18, q19, [\base, #288]
	\op	q20, q21, [\base, #320]
	\op	q22, q23, [\base, #352]
	\op	q24, q25, [\base, #384]
	\op	q26, q27, [\base, #416]
	\op	q28, q29, [\base, #448]
	\op	q30, q31, [\base, #480]
.endm

	.arch	armv8-a+fp+simd

/*
 * struct thread *arch_switch(struct thread *prev (x0), struct thread *next (x1))
 * Interrupts masked. Returns prev in x0, on next's stack. Clobbers what a call clobbers.
 */
func arch_switch
	stp	x29, x30, [sp, #-SWITCH_SIZE]!
	.cfi_adjust_cfa_offset SWITCH_SIZE
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	mov	x2, sp
	str	x2, [x0, #THREAD_KSP]
	ldp	w3, w4, [x0, #THREAD_FPU_LIVE]	// and has_fpu
	cbz	w4, 1f
	mrs	x4, tpidr_el0
	mrs	x5, sp_el0
	stp	x4, x5, [x0, #THREAD_TLS]
	cbnz	w3, .Lfpu_save
1:
	msr	tpidr_el1, x1
	ldp	w4, w5, [x1, #THREAD_HAS_FPU]	// and fpu_eager
	cbz	w4, 2f
	ldp	x6, x7, [x1, #THREAD_TLS]
	msr	tpidr_el0, x6
	msr	sp_el0, x7
	cbnz	w5, .Lfpu_load
2:	cbnz	w3, .Lfpu_close
3:
	ldr	x2, [x1, #THREAD_KSP]
	mov	sp, x2
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #SWITCH_SIZE
	.cfi_adjust_cfa_offset -SWITCH_SIZE
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_adjust_cfa_offset SWITCH_SIZE	// on either stack
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
.Lfpu_save:
	str	wzr, [x0, #THREAD_FPU_LIVE]
	add	x6, x0, #THREAD_FPU
	fpu_move stp, x6
	mrs	x4, fpsr
	mrs	x5, fpcr
	str	w4, [x6, #FPU_FPSR]
	str	w5, [x6, #FPU_FPSR + 4]
	b	1b
.Lfpu_load:
	sub	w5, w5, #1
	str	w5, [x1, #THREAD_FPU_EAGER]
	str	w4, [x1, #THREAD_FPU_LIVE]	// has_fpu: 1
	cbnz	w3, 4f				// open already
	mov	x3, #CPACR_EL1_FPEN
	msr	cpacr_el1, x3
	isb					// before the accesses below (DDI0487 D13.1.2, context synchronization)
4:	add	x6, x1, #THREAD_FPU
	fpu_move ldp, x6
	ldr	w4, [x6, #FPU_FPSR]
	ldr	w5, [x6, #FPU_FPSR + 4]
	msr	fpsr, x4
	msr	fpcr, x5
	b	3b
.Lfpu_close:
	msr	cpacr_el1, xzr
	isb					// a veneer returns to the application without an exception
	b	3b
endfunc arch_switch

/*
 * First switch to a thread comes here: x19 = entry, x20 = argument (thread.c, arch_thread_init). Interrupts stay masked, as in arch_switch: the entry has to finish
 * the switch first. (An interrupt before that may give the former thread to another CPU, and the finish would put it into a queue a second time.)
 */
func arch_thread_first
	mov	x0, x20
	mov	x29, #0
	mov	x30, #0
	blr	x19
	brk	#1
endfunc arch_thread_first

/* void fpu_open_and_load(const struct arch_fpu *from (x0)): FPEN open from here on; clobbers x1, x2, q0-q31. Interrupts masked. */
func fpu_open_and_load
	mov	x1, #CPACR_EL1_FPEN
	msr	cpacr_el1, x1
	isb					// before the accesses below
	fpu_move ldp, x0
	ldr	w1, [x0, #FPU_FPSR]
	ldr	w2, [x0, #FPU_FPSR + 4]
	msr	fpsr, x1
	msr	fpcr, x2
	ret
endfunc fpu_open_and_load

/* void fpu_store(struct arch_fpu *to (x0)): FPEN is open; clobbers x1, x2 */
func fpu_store
	fpu_move stp, x0
	mrs	x1, fpsr
	mrs	x2, fpcr
	str	w1, [x0, #FPU_FPSR]
	str	w2, [x0, #FPU_FPSR + 4]
	ret
endfunc fpu_store
