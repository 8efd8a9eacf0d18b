/* SPDX-License-Identifier: MIT
 *
 * Entry of all CPUs, to C at the link address.
 *
 *	boot CPU	pvh_entry: 32-bit protected mode, paging off, ebx = physical address of struct hvm_start_info
 *			(Xen docs/misc/pvh.pandoc, "x86/HVM direct boot ABI")
 *	others		a copy of trampoline in the page ARCH_TRAMPOLINE_PA: real mode, from SIPI (Intel SDM vol. 3A 8.4.4)
 *
 * Both go on with boot_tables, which are made by the assembler: the first GiB of physical memory at 0, LINEAR_BASE and KERNEL_BASE, writable and executable. early.c
 * then makes the real ones.
 */
#include "arch-x86/asm.h"
#include "arch-x86/percpu.h"
#include "arch-x86/sysreg.h"

	.cfi_sections .debug_frame

	.section .text.entry, "ax", @progbits

	.code32
	.globl	pvh_entry
	.type	pvh_entry, @function
pvh_entry:
	cli
	cld
	movl	%ebx, %ebp
	rdtsc
	movl	%eax, %esi
	movl	%edx, %edi
	jmp	to_long_mode
	.size	pvh_entry, . - pvh_entry

/* From the trampoline, with 32-bit segments, paging off. ebp = 0: not the boot CPU. */
	.type	secondary_32, @function
secondary_32:
	xorl	%ebp, %ebp

to_long_mode:
	movl	$CR4_BOOT, %eax
	movl	%eax, %cr4
	movl	$PHYS(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER_NR, %ecx
	rdmsr
	orl	$EFER_BOOT, %eax
	wrmsr
	movl	$CR0_BOOT, %eax
	movl	%eax, %cr0
	lgdt	PHYS(boot_gdt_pointer)
	ljmp	$SEL_CODE, $PHYS(long_mode)
	.size	secondary_32, . - secondary_32

	.code64
long_mode:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	testl	%ebp, %ebp
	movq	$primary_high, %rax
	jnz	1f
	movq	$secondary_high, %rax
1:	jmp	*%rax

/* At the link address from here on. ebp start info, edi:esi TSC. */
func primary_high
	movq	$arch_boot_stack_top, %rsp
	movl	%esi, %ebx
	shlq	$32, %rdi
	orq	%rdi, %rbx
	movl	%ebp, %r12d

	movq	$_bss, %rdi
	movq	$_bss_end, %rcx
	subq	%rdi, %rcx
	shrq	$3, %rcx
	xorl	%eax, %eax
	rep stosq

	movq	%rbx, arch_boot + BOOT_ENTRY_COUNTER
	movq	%r12, arch_boot + BOOT_START_INFO
	xorl	%ebp, %ebp
	pushq	%rbp
	pushq	%rbp
	call	arch_early_init
	call	kernel_main
	ud2
endfunc primary_high

/* Another CPU finds what it was started with in the list of secondary_starts, by its APIC id. No stack yet. */
func secondary_high
	movq	arch_kernel_root, %rax
	movq	%rax, %cr3
	movl	$1, %eax
	cpuid
	shrl	$24, %ebx
	movl	%ebx, %esi			// 8-bit APIC id
	xorl	%eax, %eax
	cpuid
	cmpl	$0xb, %eax
	jb	1f
	movl	$0xb, %eax
	xorl	%ecx, %ecx
	cpuid
	testl	%ebx, %ebx			// no such leaf
	jz	1f
	movl	%edx, %esi			// x2APIC id
1:	movq	arch_secondary_starts, %rdi
2:	testq	%rdi, %rdi
	jz	3f
	cmpl	%esi, SECONDARY_APIC_ID(%rdi)
	je	4f
	movq	SECONDARY_NEXT(%rdi), %rdi
	jmp	2b
3:	cli					// nobody has asked for this one
	hlt
	jmp	3b
4:	movq	SECONDARY_STACK_TOP(%rdi), %rsp
	xorl	%ebp, %ebp
	call	arch_secondary_start
	ud2
endfunc secondary_high

/*
 * Copied to ARCH_TRAMPOLINE_PA: cs = that address / 16, ip = 0. Finds itself by constants.
 */
	.section .rodata.trampoline, "a", @progbits
	.globl	arch_trampoline, arch_trampoline_end
#define AT(label)	(label - arch_trampoline)
	.code16
arch_trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	AT(.Ltrampoline_gdt_pointer)
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$0x18, $TRAMPOLINE_PA + AT(.Ltrampoline_32)
	.code32
.Ltrampoline_32:
	movl	$SEL_DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$PHYS(secondary_32), %eax
	jmp	*%eax
	.balign	8
.Ltrampoline_gdt_pointer:
	.word	4 * 8 - 1
	.long	PHYS(boot_gdt)
	.balign	16
arch_trampoline_end:
	.code64

	.section .data.early_gdt, "aw", @progbits
	.balign	16
boot_gdt:
	.quad	0
	.quad	0x00af9b000000ffff		// SEL_CODE: 64-bit code
	.quad	0x00cf93000000ffff		// SEL_DATA
	.quad	0x00cf9b000000ffff		// 0x18: 32-bit code, for the trampoline
boot_gdt_pointer:
	.word	4 * 8 - 1
	.long	PHYS(boot_gdt)

#define BOOT_TABLE	0x63			/* present, writable, accessed, dirty */
#define BOOT_BLOCK	0xe3			/* and a block */

	.section .data.boot_tables, "aw", @progbits
	.balign	4096
boot_pml4:
	.quad	PHYS(boot_pdpt) + BOOT_TABLE
	.fill	255, 8, 0
	.quad	PHYS(boot_pdpt) + BOOT_TABLE	// LINEAR_BASE
	.fill	254, 8, 0
	.quad	PHYS(boot_pdpt) + BOOT_TABLE	// KERNEL_BASE, with entry 510 below
	.balign	4096
boot_pdpt:
	.quad	PHYS(boot_pd) + BOOT_TABLE
	.fill	509, 8, 0
	.quad	PHYS(boot_pd) + BOOT_TABLE
	.quad	0
	.balign	4096
boot_pd:
	.set	i, 0
	.rept	512
	.quad	i * 0x200000 + BOOT_BLOCK
	.set	i, i + 1
	.endr
