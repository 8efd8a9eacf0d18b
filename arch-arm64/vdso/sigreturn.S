/* SPDX-License-Identifier: MIT
 *
 * What a signal handler returns to. Unwinders know this very sequence (mov x8, #139; svc #0), and the CFI says where the interrupted code's registers are: x29 points at
 * the frame record above the signal frame. The nop before the function is for unwinders that look at the return address minus one.
 */
	.text
	.cfi_startproc
	.cfi_signal_frame
	.cfi_def_cfa	x29, 0
	.cfi_offset	x29, 0
	.cfi_offset	x30, 8
	nop
	.globl	__kernel_rt_sigreturn
	.type	__kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
	mov	x8, #139			// rt_sigreturn
	svc	#0
	.size	__kernel_rt_sigreturn, . - __kernel_rt_sigreturn
	.cfi_endproc
	.section .note.GNU-stack, "", %progbits
