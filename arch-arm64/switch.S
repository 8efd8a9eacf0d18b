/* SPDX-License-Identifier: MIT
 *
 * The switch between threads. Callee-saved registers (AAPCS64 6.1.1) go on the kernel stack; what the application owns (FP/SIMD, TPIDR_EL0,
 * SP_EL0) goes into struct arch_thread, and only for threads that have it.
 */
#include "arch-arm64/asm.h"

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
	ldr	x3, [x0, #THREAD_HAS_FPU]
	cbz	x3, 1f
	mrs	x4, tpidr_el0
	mrs	x5, sp_el0
	stp	x4, x5, [x0, #THREAD_TLS]
	add	x6, x0, #THREAD_FPU
	fpu_move stp, x6
	mrs	x4, fpsr
	mrs	x5, fpcr
	str	w4, [x6, #FPU_FPSR]
	str	w5, [x6, #FPU_FPSR + 4]
1:
	msr	tpidr_el1, x1
	ldr	x3, [x1, #THREAD_HAS_FPU]
	cbz	x3, 2f
	ldp	x4, x5, [x1, #THREAD_TLS]
	msr	tpidr_el0, x4
	msr	sp_el0, x5
	add	x6, x1, #THREAD_FPU
	fpu_move ldp, x6
	ldr	w4, [x6, #FPU_FPSR]
	ldr	w5, [x6, #FPU_FPSR + 4]
	msr	fpsr, x4
	msr	fpcr, x5
2:
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

/* void arch_fpu_store(struct arch_fpu *to (x0)); clobbers x1, x2 */
func arch_fpu_store
	fpu_move stp, x0
	mrs	x1, fpsr
	mrs	x2, fpcr
	str	w1, [x0, #FPU_FPSR]
	str	w2, [x0, #FPU_FPSR + 4]
	ret
endfunc arch_fpu_store

/* void arch_fpu_load(const struct arch_fpu *from (x0)); clobbers x1, x2, q0-q31 */
func arch_fpu_load
	fpu_move ldp, x0
	ldr	w1, [x0, #FPU_FPSR]
	ldr	w2, [x0, #FPU_FPSR + 4]
	msr	fpsr, x1
	msr	fpcr, x2
	ret
endfunc arch_fpu_load
