// SPDX-License-Identifier: MIT
// The smallest program: no libc, no stack, one write and an exit_group.
// The first thing that a new kernel runs.

	.text
	.globl	_start
	.type	_start, %function
_start:
	mov	x8, #64			// write(1, text, length)
	mov	x0, #1
	adr	x1, text
	mov	x2, #text_end - text
	svc	#0
	mov	x8, #94			// exit_group(0)
	mov	x0, #0
	svc	#0
	.size	_start, . - _start

text:	.ascii	"ok hello from assembly\n"
text_end:
