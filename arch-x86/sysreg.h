/* SPDX-License-Identifier: MIT
 *
 * Control register values, bits spelled as in the Intel SDM (vol. 3A 2.5). Included by assembly.
 */
#pragma once

#define CR0_PE		(1 << 0)
#define CR0_MP		(1 << 1)
#define CR0_TS		(1 << 3)
#define CR0_ET		(1 << 4)
#define CR0_NE		(1 << 5)
#define CR0_WP		(1 << 16)
#define CR0_PG		0x80000000
#define CR0_BOOT	(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE)

#define CR4_PAE		(1 << 5)
#define CR4_MCE		(1 << 6)
#define CR4_PGE		(1 << 7)
#define CR4_OSFXSR	(1 << 9)
#define CR4_OSXMMEXCPT	(1 << 10)
#define CR4_FSGSBASE	(1 << 16)
#define CR4_OSXSAVE	(1 << 18)
#define CR4_BOOT	(CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT)

#define MSR_EFER_NR	0xc0000080
#define MSR_FS_BASE_NR	0xc0000100
#define EFER_BOOT	0x901			/* SCE, LME, NXE */

/* RFLAGS that the entry of a system call clears: TF, IF, DF, NT, AC. */
#define RFLAGS_TF	(1 << 8)
#define RFLAGS_IF	(1 << 9)
#define RFLAGS_DF	(1 << 10)
#define RFLAGS_NT	(1 << 14)
#define RFLAGS_AC	(1 << 18)
#define RFLAGS_ODD	(RFLAGS_TF | RFLAGS_DF | RFLAGS_NT | RFLAGS_AC)

#define TRAMPOLINE_PA	0x8000
