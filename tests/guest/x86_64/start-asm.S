// SPDX-License-Identifier: MIT
// Checks the process start as the ABI states it, without a libc: rsp is 16-byte
// aligned, argc is 1, argv[argc] is NULL, rdx (a function for atexit) is 0, the
// flags are clear, .data and .bss hold what they must, all registers but rax, rcx
// and r11 survive a system call, and the 128 bytes below rsp too, the same call
// site works many times, and the exit status is 42. A check that fails ends with
// its number as status.

	.macro	fail_unless_eq status
	mov	$\status, %edi		// mov leaves the flags alone
	jne	.Lfail
	.endm

	.text
	.globl	_start
	.type	_start, @function
_start:
	pushfq				// 10: no flag but IF and the fixed one
	pop	%rax
	and	$~0x202, %rax
	cmp	$0, %rax
	fail_unless_eq 10
	cmp	$0, %rdx		// 11
	fail_unless_eq 11
	test	$15, %spl		// 1: alignment of the stack
	fail_unless_eq 1
	cmpq	$1, (%rsp)		// 2: argc
	fail_unless_eq 2
	cmpq	$0, 16(%rsp)		// 3: argv[1] is the end
	fail_unless_eq 3
	movabs	$0x1122334455667788, %rbx
	cmp	%rbx, initialised(%rip)	// 4: .data is loaded
	fail_unless_eq 4
	mov	%rbx, initialised+8(%rip)	// .data can be written
	lea	zeroed(%rip), %rsi	// 5: .bss is zero over all its pages
	mov	$16384, %ecx
.Lzero_check:
	cmpq	$0, (%rsi)
	fail_unless_eq 5
	add	$8, %rsi
	sub	$8, %ecx
	jne	.Lzero_check

	mov	%rbx, -128(%rsp)	// 6: one site, a thousand calls of getppid
	mov	%rbx, -8(%rsp)
	mov	%rsp, %rbp
	mov	$1000, %r15d
.Lcalls:
	mov	$110, %eax
	mov	$101, %edi
	mov	$102, %esi
	mov	$103, %edx
	mov	$104, %r8d
	mov	$105, %r9d
	mov	$106, %r10d
	mov	$107, %r12d
	mov	$108, %r13d
	mov	$109, %r14d
	syscall
	mov	%edi, %r11d
	cmp	$101, %r11d
	fail_unless_eq 6
	cmp	$102, %esi
	fail_unless_eq 6
	cmp	$103, %edx
	fail_unless_eq 6
	cmp	$104, %r8d
	fail_unless_eq 6
	cmp	$105, %r9d
	fail_unless_eq 6
	cmp	$106, %r10d
	fail_unless_eq 6
	cmp	$107, %r12d
	fail_unless_eq 6
	cmp	$108, %r13d
	fail_unless_eq 6
	cmp	$109, %r14d
	fail_unless_eq 6
	cmp	%rbp, %rsp
	fail_unless_eq 6
	cmp	%rbx, -128(%rsp)	// 12: the red zone
	fail_unless_eq 12
	cmp	%rbx, -8(%rsp)
	fail_unless_eq 12
	sub	$1, %r15d
	jne	.Lcalls

	mov	$1000, %eax		// 7: an unknown call is -ENOSYS
	syscall
	cmp	$-38, %rax
	fail_unless_eq 7
	mov	$1, %eax		// 8: write to a bad address is -EFAULT
	mov	$1, %edi
	mov	$16, %esi
	mov	$1, %edx
	syscall
	cmp	$-14, %rax
	fail_unless_eq 8
	mov	$1, %eax		// 9: write to a bad descriptor is -EBADF
	mov	$-1, %edi
	lea	text(%rip), %rsi
	mov	$1, %edx
	syscall
	cmp	$-9, %rax
	fail_unless_eq 9

	mov	$1, %eax
	mov	$1, %edi
	lea	text(%rip), %rsi
	mov	$text_end - text, %edx
	syscall
	mov	$42, %edi
.Lfail:
	mov	$231, %eax
	syscall
	.size	_start, . - _start

text:	.ascii	"ok start from assembly\n"
text_end:
	.data
initialised:
	.quad	0x1122334455667788, 0
	.bss
	.balign	8
zeroed:	.skip	16384
	.section .note.GNU-stack, "", @progbits
