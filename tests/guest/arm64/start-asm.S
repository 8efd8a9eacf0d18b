// SPDX-License-Identifier: MIT
// Checks the process start as the ABI states it, without a libc: sp is 16-byte
// aligned, argc is 1, argv[argc] is NULL, .data and .bss hold what they must,
// x1-x5 survive a system call, the same call site works many times, and the
// exit status is 42. A check that fails ends with its number as status.

	.macro	fail_unless_eq status
	mov	x19, #\status
	b.ne	.Lfail
	.endm

	.text
	.globl	_start
	.type	_start, %function
_start:
	mov	x20, sp			// 1: alignment of the stack
	tst	x20, #15
	fail_unless_eq 1
	ldr	x21, [sp]		// 2: argc
	cmp	x21, #1
	fail_unless_eq 2
	ldr	x21, [sp, #16]		// 3: argv[1] is the end
	cmp	x21, #0
	fail_unless_eq 3
	adrp	x21, initialised	// 4: .data is loaded
	add	x21, x21, :lo12:initialised
	ldr	x22, [x21]
	ldr	x23, =0x1122334455667788
	cmp	x22, x23
	fail_unless_eq 4
	str	x23, [x21, #8]		// .data can be written
	adrp	x21, zeroed		// 5: .bss is zero over all its pages
	add	x21, x21, :lo12:zeroed
	mov	x24, #16384
.Lzero_check:
	ldr	x22, [x21], #8
	cmp	x22, #0
	fail_unless_eq 5
	subs	x24, x24, #8
	b.ne	.Lzero_check

	mov	x25, #1000		// 6: one site, a thousand calls of getppid
.Lcalls:
	mov	x8, #173
	mov	x1, #101
	mov	x2, #102
	mov	x3, #103
	mov	x4, #104
	mov	x5, #105
	svc	#0
	cmp	x1, #101
	fail_unless_eq 6
	cmp	x2, #102
	fail_unless_eq 6
	cmp	x3, #103
	fail_unless_eq 6
	cmp	x4, #104
	fail_unless_eq 6
	cmp	x5, #105
	fail_unless_eq 6
	cmp	x8, #173
	fail_unless_eq 6
	subs	x25, x25, #1
	b.ne	.Lcalls

	mov	x8, #1000		// 7: an unknown call is -ENOSYS
	svc	#0
	cmn	x0, #38
	fail_unless_eq 7
	mov	x8, #64			// 8: write to a bad address is -EFAULT
	mov	x0, #1
	mov	x1, #16
	mov	x2, #1
	svc	#0
	cmn	x0, #14
	fail_unless_eq 8
	mov	x8, #64			// 9: write to a bad descriptor is -EBADF
	mov	x0, #-1
	adr	x1, text
	mov	x2, #1
	svc	#0
	cmn	x0, #9
	fail_unless_eq 9

	mov	x8, #64
	mov	x0, #1
	adr	x1, text
	mov	x2, #text_end - text
	svc	#0
	mov	x19, #42
.Lfail:
	mov	x0, x19
	mov	x8, #94
	svc	#0
	.size	_start, . - _start
	.ltorg

text:	.ascii	"ok start from assembly\n"
text_end:

	.data
	.balign	8
initialised:
	.quad	0x1122334455667788
	.quad	0

	.bss
	.balign	4096
zeroed:	.skip	16384
