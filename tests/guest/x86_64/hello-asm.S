// SPDX-License-Identifier: MIT
// The smallest program: no libc, no stack, one write and an exit_group.
// The first thing that a new kernel runs.

	.text
	.globl	_start
	.type	_start, @function
_start:
	mov	$1, %eax		// write(1, text, length)
	mov	$1, %edi
	lea	text(%rip), %rsi
	mov	$text_end - text, %edx
	syscall
	mov	$231, %eax		// exit_group(0)
	xor	%edi, %edi
	syscall
	.size	_start, . - _start

text:	.ascii	"ok hello from assembly\n"
text_end:
	.section .note.GNU-stack, "", @progbits
