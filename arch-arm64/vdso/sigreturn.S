/* SPDX-License-Identifier: MIT
 *
 * What a signal handler returns to. Unwinders know a signal frame by this very sequence (mov x8, #139; svc #0) and read the registers from the frame that sp points
 * at. It has no unwind data on purpose: CFI can only give x29 and x30, and libgcc would take them for the interrupted code's pc and crash when a cancelled thread
 * unwinds. The nop before the function is for unwinders that look at the return address minus one.
 */
	.text
	.balign	16
	nop
	.globl	__kernel_rt_sigreturn
	.type	__kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
	mov	x8, #139			// rt_sigreturn
	svc	#0
	.size	__kernel_rt_sigreturn, . - __kernel_rt_sigreturn
	.section .note.GNU-stack, "", %progbits
