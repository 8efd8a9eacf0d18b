/* SPDX-License-Identifier: MIT
 *
 * Exceptions and interrupts (Intel SDM vol. 3A 6.14). Application and kernel both run at ring 0, so the CPU would push on whatever stack is in use; and below the stack
 * pointer of the application lies its red zone (System V AMD64 ABI 3.2.2). Therefore every gate has an IST stack, which the CPU switches to unconditionally. The code
 * here runs on it with interrupts masked, touches nothing that can fault, and moves the frame to where it belongs:
 *
 *	IST 1 (of this CPU)			from the application: top of the thread's kernel stack
 *	+------------------+			from the kernel: below the interrupted rsp (the kernel has no red zone)
 *	| ss               |			+------------------+
 *	| rsp  interrupted | ----------------->	| ss, rsp, rflags, |
 *	| rflags, cs, rip  |			| cs, rip          |
 *	| error code or 0  |	copied		| record, cr2,     |
 *	| vector           |			| error, vector    |
 *	| rax, rcx, rdx    |			| registers        |  <- rsp from now on: struct frame
 *	+------------------+			+------------------+
 *
 * After the move IST 1 is free again: a nested exception (page fault of an access to application memory, interrupt while the kernel has them enabled) starts anew at its
 * top, on top of nothing. So any depth of nesting is sound, and a thread may be switched out in the middle of an exception.
 *
 * Who was interrupted? The application, if rip or rsp lies in the lower half. (rip alone would do but for a wild jump into the upper half.) The exception: the first
 * instructions of the system-call entry run in the kernel with the application's rsp, masked. Only what cannot be masked comes there, and that does not come here:
 *
 *	NMI, double fault, machine check	stacks of their own (IST 2-4), which they never leave, since they end in a panic. So it does not matter what they
 *						interrupted, this code included
 *
 * A kernel stack that overflows runs into its guard page; the page fault arrives on IST 1, finds that rsp has left the stack (one bit, as stacks are the upper half of
 * slots of twice their size) and ends in a panic on IST 1.
 *
 * A program that loads the gs register takes GS base away from the kernel (it gets a descriptor's, which is 0). The next exception from it gives it back. If that is the
 * page fault of the system-call entry, which reads its first word through gs and finds page 0, nothing is lost: it starts again.
 *
 * Nothing else can fault here: IST stacks, GS area and kernel stacks are always mapped, in every address space.
 *
 * Every way back to the application goes through user_exit.
 */
#include "arch-x86/asm.h"
#include "arch-x86/sysreg.h"
#include "arch-x86/percpu.h"

	.cfi_sections .debug_frame

/* On IST 1: offsets from rsp after rax, rcx, rdx have been pushed. */
#define AT_RDX		0
#define AT_RCX		8
#define AT_RAX		16
#define AT_VECTOR	24
#define AT_ERROR	32
#define AT_RIP		40
#define AT_CS		48
#define AT_RFLAGS	56
#define AT_RSP		64
#define AT_SS		72

	.section .text.vectors, "ax", @progbits
	.balign	16
	.globl	vector_stubs
	.type	vector_stubs, @function
/*
 * One for each vector, 16 bytes apart. Those with an error code: SDM vol. 3A table 6-1.
 *
 * A program at ring 0 may say `int n` for any of them, which pushes no error code. IST stacks are aligned to 16 bytes, so the stack pointer tells.
 */
vector_stubs:
	.set	n, 0
	.rept	256
	.balign	16
	.if	n == 2 || n == 18
	pushq	$0
	pushq	$n
	jmp	fatal
	.elseif	n == 8
	pushq	$n
	jmp	double_fault
	.elseif	n == 10 || n == 11 || n == 12 || n == 13 || n == 14 || n == 17 || n == 21 || n == 29 || n == 30
	pushq	$n
	jmp	move_frame_with_error
	.else
	pushq	$0
	.if	n < 128
	pushq	$n
	.else
	pushq	$n - 256		// one byte, sign extended; made good below
	.endif
	jmp	move_frame
	.endif
	.set	n, n + 1
	.endr
	.balign	16
	.size	vector_stubs, . - vector_stubs

/* Copy the frame from IST 1 to the stack that ends at rcx; rsp is that frame, rax its vector. Clobbers rdx. */
.macro copy_word from, to
	movq	\from(%rsp), %rdx
	movq	%rdx, \to(%rcx)
.endm

/* What the stub and the CPU have pushed, into the frame at rcx. Clobbers rdx; eax: the vector. */
.macro copy_words
	copy_word AT_RAX, FRAME_RAX
	copy_word AT_RCX, FRAME_RCX
	copy_word AT_RDX, FRAME_RDX
	copy_word AT_ERROR, FRAME_ERROR
	copy_word AT_RIP, FRAME_RIP
	copy_word AT_CS, FRAME_CS
	copy_word AT_RFLAGS, FRAME_RFLAGS
	copy_word AT_RSP, FRAME_RSP
	copy_word AT_SS, FRAME_SS
	movzbl	AT_VECTOR(%rsp), %eax
	movq	%rax, FRAME_VECTOR(%rcx)
.endm

/* The stub of a vector with an error code has pushed the vector only. */
func move_frame_with_error
	.cfi_signal_frame
	.cfi_def_cfa rsp, 32
	testb	$8, %spl
	jz	int_instruction
	jmp	move_frame
endfunc move_frame_with_error

/*
 * `int n` where the CPU would have pushed an error code. Where privilege levels differ, and so on Linux, it is a general protection fault at the instruction, and the error
 * code names the gate (SDM vol. 3A 6.12.1.1, 6.13). On the stack: the vector, rip behind the instruction.
 */
func int_instruction
	.cfi_signal_frame
	.cfi_def_cfa rsp, 24
	shlq	$3, (%rsp)
	orq	$2, (%rsp)
	subq	$2, 8(%rsp)
	pushq	$13
	.cfi_adjust_cfa_offset 8
	jmp	move_frame
endfunc int_instruction

func double_fault
	.cfi_signal_frame
	.cfi_def_cfa rsp, 32
	testb	$8, %spl
	jz	int_instruction
	jmp	fatal
endfunc double_fault

func move_frame
	.cfi_signal_frame
	.cfi_def_cfa rsp, 32
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	.cfi_def_cfa rsp, AT_RIP + 16
	cld
	movq	AT_RIP(%rsp), %rax
	movq	AT_RSP(%rsp), %rcx
	andq	%rcx, %rax
	js	.Lfrom_kernel
	movq	$-ARCH_CPU_AREA, %rdx
	andq	%rsp, %rdx			// struct arch_cpu: this stack lies behind it
	cmpb	$0, arch_has_fsgsbase
	je	.Lgs_is_good
	rdgsbase %rcx
	cmpq	%rdx, %rcx
	jne	.Lgs_is_lost
.Lgs_is_good:
	movq	CPU_KSTACK_TOP(%rdx), %rcx
	jmp	.Lcopy
.Lgs_is_lost:
	wrgsbase %rdx
	cmpq	$0, AT_RIP(%rsp)
	jns	.Lgs_is_good
	popq	%rdx				// the entry of a system call: again
	popq	%rcx
	popq	%rax
	addq	$16, %rsp
	iretq
.Lfrom_kernel:
	andq	$-16, %rcx
	leaq	-FRAME_SIZE - 256(%rcx), %rax
	testq	$ASM_KSTACK_SIZE, %rax
	jz	.Loverflow
.Lcopy:
	subq	$FRAME_SIZE, %rcx
	copy_words
	movq	$-1, FRAME_SYSCALL_NR(%rcx)
	movq	%rcx, %rsp
	frame_cfi
	movl	%eax, %edx
	frame_save_rest
	movq	FRAME_RSP(%rsp), %rcx
	andq	%rax, %rcx			// rax: rip
	movq	%rsp, %rdi
	cmpl	$32, %edx
	jae	.Linterrupt
	movq	%cr2, %rax
	movq	%rax, FRAME_CR2(%rsp)
	testq	%rcx, %rcx
	js	.Lkernel_trap
	call	arch_user_trap
	jmp	user_exit
.Lkernel_trap:
	call	arch_kernel_trap
	jmp	kernel_exit
.Linterrupt:
	movl	%edx, %gs:CPU_VECTOR
	testq	%rcx, %rcx
	js	.Lkernel_interrupt
	call	arch_interrupt
	jmp	user_exit
.Lkernel_interrupt:
	call	arch_interrupt
	jmp	kernel_exit

.Loverflow:
	leaq	-FRAME_SIZE - 64(%rsp), %rcx	// stay on this stack
	andq	$-16, %rcx
	copy_words
	movq	%rcx, %rsp
	frame_save_rest
	movq	%cr2, %rax
	movq	%rax, FRAME_CR2(%rsp)
	movq	%rsp, %rdi
	call	arch_stack_overflow
	ud2
endfunc move_frame

/*
 * NMI, double fault, machine check, on a stack of their own: vector and error have been pushed. In the application NMI and machine check may be its `int n`: arch_user_trap
 * looks.
 */
func fatal
	.cfi_signal_frame
	.cfi_def_cfa rsp, 32
	cmpb	$8, (%rsp)
	je	1f
	btl	$31, 20(%rsp)			// rip's top bit
	jnc	move_frame
1:	cld
	subq	$FRAME_RIP - 16, %rsp		// the iretq words are where they belong
	.cfi_def_cfa rsp, FRAME_RIP + 16
	movq	%rax, FRAME_RAX(%rsp)
	movq	%rcx, FRAME_RCX(%rsp)
	movq	%rdx, FRAME_RDX(%rsp)
	movq	FRAME_RIP - 16(%rsp), %rcx
	movq	FRAME_RIP - 8(%rsp), %rdx
	movq	%rcx, FRAME_VECTOR(%rsp)
	movq	%rdx, FRAME_ERROR(%rsp)
	frame_save_rest
	movq	%cr2, %rax
	movq	%rax, FRAME_CR2(%rsp)
	movq	%rsp, %rdi
	andq	$-16, %rsp
	call	arch_bad_exception
	ud2
endfunc fatal

/*
 * The only way to the application: rsp = a complete user frame at the top of the kernel stack. The test of thread->attention and the
 * iretq are one masked section, so that an interrupt that sets it (thread_kick) is taken after the iretq and comes back here.
 */
func user_exit
	frame_cfi
.Lagain:
	cli
	movq	%gs:0, %rax
	cmpl	$0, THREAD_ATTENTION(%rax)
	jne	.Lattention
	orl	$RFLAGS_IF, FRAME_RFLAGS(%rsp)	// popf at ring 0 may have cleared it
	frame_restore
.Lattention:
	movq	%rsp, %rdi
	call	linux_attention
	jmp	.Lagain
endfunc user_exit

/* _Noreturn void arch_return_to_user(struct frame *f (rdi)) */
func arch_return_to_user
	cli
	movq	%rdi, %rsp
	jmp	user_exit
endfunc arch_return_to_user

func kernel_exit
	frame_cfi
	cli
	frame_restore
endfunc kernel_exit
