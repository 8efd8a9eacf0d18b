/* SPDX-License-Identifier: MIT
 *
 * Entry of all CPUs: from the boot loader's (Linux's) arm64 boot protocol, or from PSCI CPU_ON, to C with the MMU on.
 * Linux Documentation/arm64/booting.rst: MMU off, x0 = device tree, EL2 or EL1, image cleaned to the point of coherency.
 *
 * Until `br` to the high address the code runs at its physical address: everything is found by adrp. x19..x28 hold across calls.
 */
#include "arch-arm64/asm.h"
#include "arch-arm64/sysreg.h"

#include <arch/mair.h>

	.cfi_sections .debug_frame

	.section .head.text, "ax", %progbits
_head:
	b	primary_entry				// code0, code1
	.long	0
	.quad	0					// text_offset
	.quad	_image_size				// image_size, with .bss
	.quad	0xa					// flags: little endian, 4 KiB pages, anywhere in RAM
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

	.section .text.entry, "ax", %progbits

/*
 * Bring the CPU to EL1, interrupts masked, MMU off, in a known state. Clobbers x0-x2.
 * Returns w0 = 1 if it was entered at EL2.
 */
	.type	cpu_to_el1, %function
cpu_to_el1:
	mov_q	x0, SCTLR_EL1_MMU_OFF
	msr	sctlr_el1, x0
	mrs	x0, CurrentEL
	cmp	x0, #CURRENT_EL_2
	b.eq	.Lel2
	isb
	mov	w0, #0
	ret
.Lel2:
	mov_q	x0, HCR_EL2_RW | HCR_EL2_HCD | HCR_EL2_APK | HCR_EL2_API
	msr	hcr_el2, x0
	isb
	mrs	x0, cnthctl_el2				// counter and timer are EL1's
	orr	x0, x0, #3
	msr	cnthctl_el2, x0
	msr	cntvoff_el2, xzr
	mrs	x0, midr_el1
	mrs	x1, mpidr_el1
	msr	vpidr_el2, x0
	msr	vmpidr_el2, x1
	mov	x0, #CPTR_EL2_NONE
	msr	cptr_el2, x0
	msr	hstr_el2, xzr
	msr	vttbr_el2, xzr

	mov	x1, #0					// MDCR_EL2.HPMN: all counters are EL1's
	mrs	x0, id_aa64dfr0_el1
	sbfx	x0, x0, #8, #4				// PMUVer
	cmp	x0, #1
	b.lt	1f
	mrs	x0, pmcr_el0
	ubfx	x1, x0, #11, #5				// PMCR_EL0.N
1:	msr	mdcr_el2, x1

	mrs	x0, id_aa64pfr0_el1			// GICv3 CPU interface by system registers
	ubfx	x0, x0, #24, #4
	cbz	x0, 1f
	mrs	x0, S3_4_C12_C9_5			// ICC_SRE_EL2
	orr	x0, x0, #8				// Enable
	orr	x0, x0, #1				// SRE
	msr	S3_4_C12_C9_5, x0
	isb
	mrs	x0, S3_4_C12_C9_5
	tbz	x0, #0, 1f
	msr	S3_4_C12_C11_0, xzr			// ICH_HCR_EL2
1:
	mrs	x0, id_aa64mmfr0_el1			// fine-grained traps off
	ubfx	x0, x0, #56, #4
	cbz	x0, 1f
	msr	S3_4_C1_C1_4, xzr			// HFGRTR_EL2
	msr	S3_4_C1_C1_5, xzr			// HFGWTR_EL2
	msr	S3_4_C1_C1_6, xzr			// HFGITR_EL2
	msr	S3_4_C3_C1_4, xzr			// HDFGRTR_EL2
	msr	S3_4_C3_C1_5, xzr			// HDFGWTR_EL2
1:
	mov	x0, #SPSR_EL1H_MASKED
	msr	spsr_el2, x0
	msr	elr_el2, x30
	mov	w0, #1
	eret
	.size	cpu_to_el1, . - cpu_to_el1

/*
 * Translation on. x0 = TTBR0 (identity), x1 = TTBR1. Clobbers x2-x4. Returns, still at the physical address.
 * Every CPU feature that must be the same on all CPUs is set here.
 */
	.type	cpu_mmu_on, %function
cpu_mmu_on:
	mov_q	x2, MAIR_VALUE
	msr	mair_el1, x2
	mov_q	x2, TCR_EL1_VALUE
	mrs	x3, id_aa64mmfr0_el1
	ubfx	x4, x3, #0, #4				// PARange; 52-bit needs more than IPS
	cmp	x4, #5
	mov	x3, #5
	csel	x4, x4, x3, lo
	bfi	x2, x4, #TCR_EL1_IPS_SHIFT, #3
	mrs	x3, id_aa64mmfr0_el1
	ubfx	x4, x3, #4, #4				// ASIDBits: 2 = 16 bits
	cmp	x4, #2
	cset	x4, eq
	bfi	x2, x4, #TCR_EL1_AS_SHIFT, #1
	msr	tcr_el1, x2
	msr	ttbr0_el1, x0
	msr	ttbr1_el1, x1
	msr	cpacr_el1, xzr				// FP registers closed (switch.S)
	msr	mdscr_el1, xzr
	mov	x2, #3					// the counters, should the application ever run at EL0
	msr	cntkctl_el1, x2
	msr	tpidr_el0, xzr
	msr	tpidrro_el0, xzr
	msr	contextidr_el1, xzr
	dsb	ishst
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	mov_q	x2, SCTLR_EL1_MMU_ON
	msr	sctlr_el1, x2
	isb
	ret
	.size	cpu_mmu_on, . - cpu_mmu_on

/* Invalidate the lines of [x0, x1): what is written with caches off must not be hidden by stale lines. Clobbers x0, x2. */
	.type	cache_invalidate, %function
cache_invalidate:
	mrs	x2, ctr_el0
	ubfx	x2, x2, #16, #4				// DminLine: log2 of words
	mov	x3, #4
	lsl	x3, x3, x2
1:	dc	ivac, x0
	add	x0, x0, x3
	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret
	.size	cache_invalidate, . - cache_invalidate

	.type	primary_entry, %function
primary_entry:
	mov	x20, x0					// device tree
	bl	cpu_to_el1
	mov	w21, w0
	mrs	x19, cntvct_el0
	adr_l	x22, _text

	adr_l	x0, arch_boot_stack_top
	mov	sp, x0
	mov	x1, x0
	sub	x0, x0, #4096
	bl	cache_invalidate
	mov	x29, #0
	mov	x0, x22
	mov	x1, x20
	adr_l	x2, _end
	bl	early_map				// x0 = end of the tables it used
	mov	x23, x0
	adr_l	x0, early_tables
	mov	x1, x23
	bl	cache_invalidate

	adr_l	x0, early_tables			// [0]: identity, [1]: TTBR1
	add	x1, x0, #4096
	bl	cpu_mmu_on
	ldr	x8, =primary_high
	br	x8
	.size	primary_entry, . - primary_entry

/* From PSCI CPU_ON: x0 = physical address of struct secondary_start. */
	.globl	secondary_entry
	.type	secondary_entry, %function
secondary_entry:
	mov	x20, x0
	bl	cpu_to_el1
	ldp	x0, x1, [x20]				// ttbr0, ttbr1
	ldp	x21, x22, [x20, #16]			// struct cpu, idle thread
	ldr	x23, [x20, #32]				// stack top
	bl	cpu_mmu_on
	ldr	x8, =secondary_high
	br	x8
	.size	secondary_entry, . - secondary_entry
	.ltorg

/* At the link address from here on. x19 counter, x20 device tree, w21 from EL2, x22 physical start. */
func primary_high
	adr_l	x0, arch_boot_stack_top
	mov	sp, x0
	adr_l	x0, vectors
	msr	vbar_el1, x0
	adr_l	x0, empty_table
	mov	x1, x0
	ldr	x8, =_text
	sub	x1, x1, x8
	add	x1, x1, x22				// physical
	msr	ttbr0_el1, x1
	isb
	tlbi	vmalle1
	dsb	nsh
	isb

	// .bss, by cache lines: 64-byte blocks if that is what dc zva does.
	adr_l	x0, _bss
	adr_l	x1, _bss_end
	mrs	x2, dczid_el0
	cmp	x2, #4
	b.ne	2f
1:	cmp	x0, x1
	b.hs	3f
	dc	zva, x0
	add	x0, x0, #64
	b	1b
2:	cmp	x0, x1
	b.hs	3f
	stp	xzr, xzr, [x0], #16
	b	2b
3:
	adr_l	x0, arch_boot
	str	x20, [x0, #BOOT_FDT]
	str	x22, [x0, #BOOT_IMAGE_START]
	adr_l	x1, _end
	sub	x1, x1, x8
	add	x1, x1, x22
	str	x1, [x0, #BOOT_IMAGE_END]
	str	x19, [x0, #BOOT_ENTRY_COUNTER]
	strb	w21, [x0, #BOOT_FROM_EL2]
	mov	x29, #0
	mov	x30, #0
	bl	kernel_main
	brk	#1
endfunc primary_high

/* x20 struct secondary_start (physical), x21 struct cpu, x22 idle thread, x23 stack top. */
func secondary_high
	mov	sp, x23
	adr_l	x0, vectors
	msr	vbar_el1, x0
	msr	tpidr_el1, x22
	mov	x29, #0
	mov	x30, #0
	mov	x0, x21
	bl	arch_secondary_start
	brk	#1
endfunc secondary_high

/* void early_zero_page(uint64_t *table): 16-byte stores, as the MMU may be off. Clobbers x1. */
func early_zero_page
	add	x1, x0, #4096
1:	stp	xzr, xzr, [x0], #16
	stp	xzr, xzr, [x0], #16
	stp	xzr, xzr, [x0], #16
	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	ret
endfunc early_zero_page
