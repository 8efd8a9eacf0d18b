/* SPDX-License-Identifier: MIT
 *
 * What a signal handler without SA_RESTORER returns to (the C libraries give one of their own). Unwinders know a signal frame by this very sequence.
 */
	.text
	.balign	16
	nop
	.globl	__kernel_rt_sigreturn
	.type	__kernel_rt_sigreturn, @function
__kernel_rt_sigreturn:
	movq	$15, %rax			// rt_sigreturn
	syscall
	.size	__kernel_rt_sigreturn, . - __kernel_rt_sigreturn
	.section .note.GNU-stack, "", @progbits
