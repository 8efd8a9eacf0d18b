/* SPDX-License-Identifier: MIT
 *
 * System register values, spelled as in the Arm ARM (DDI0487 D17.2). Included by assembly.
 */
#pragma once

#include <arch/layout.h>

#define CURRENT_EL_2		8

/* HCR_EL2: EL1 is AArch64; pointer authentication is not trapped; hvc is undefined, as nothing listens at EL2 (without EL3 only). */
#define HCR_EL2_HCD		(LAYOUT_UL(1) << 29)
#define HCR_EL2_RW		(LAYOUT_UL(1) << 31)
#define HCR_EL2_APK		(LAYOUT_UL(1) << 40)
#define HCR_EL2_API		(LAYOUT_UL(1) << 41)
/* CPTR_EL2 with E2H = 0: RES1 bits, SVE and SME still trap; FP does not. */
#define CPTR_EL2_NONE		0x33ff

#define SPSR_EL1H_MASKED	0x3c5		/* D, A, I, F masked, EL1h */

/*
 * SCTLR_EL1. RES1 of ARMv8.0 (LSMAOE, nTLSMD, SPAN, EIS, TSCXT, EOS) so that every CPU behaves alike.
 * Alignment checks of accesses are off (A = 0), those of sp on (SA). WXN off: the application may have writable code.
 */
#define SCTLR_EL1_RES1		LAYOUT_UL(0x30d00800)
#define SCTLR_EL1_M		(LAYOUT_UL(1) << 0)
#define SCTLR_EL1_C		(LAYOUT_UL(1) << 2)
#define SCTLR_EL1_SA		(LAYOUT_UL(1) << 3)
#define SCTLR_EL1_SA0		(LAYOUT_UL(1) << 4)
#define SCTLR_EL1_I		(LAYOUT_UL(1) << 12)
#define SCTLR_EL1_ENDB		(LAYOUT_UL(1) << 13)
#define SCTLR_EL1_DZE		(LAYOUT_UL(1) << 14)
#define SCTLR_EL1_UCT		(LAYOUT_UL(1) << 15)
#define SCTLR_EL1_NTWI		(LAYOUT_UL(1) << 16)
#define SCTLR_EL1_NTWE		(LAYOUT_UL(1) << 18)
#define SCTLR_EL1_UCI		(LAYOUT_UL(1) << 26)
#define SCTLR_EL1_ENDA		(LAYOUT_UL(1) << 27)
#define SCTLR_EL1_ENIB		(LAYOUT_UL(1) << 30)
#define SCTLR_EL1_ENIA		(LAYOUT_UL(1) << 31)
#define SCTLR_EL1_MMU_OFF	SCTLR_EL1_RES1
#define SCTLR_EL1_MMU_ON	(SCTLR_EL1_RES1 | SCTLR_EL1_M | SCTLR_EL1_C | SCTLR_EL1_SA | SCTLR_EL1_SA0 | \
				 SCTLR_EL1_I | SCTLR_EL1_DZE | SCTLR_EL1_UCT | SCTLR_EL1_NTWI | SCTLR_EL1_NTWE | \
				 SCTLR_EL1_UCI)

/*
 * TCR_EL1: 48 bits each, 4 KiB granule, walks write-back inner shareable; TBI0: the application's top byte is ignored as under Linux.
 * IPS and AS are filled in from ID_AA64MMFR0_EL1.
 */
#define TCR_EL1_T0SZ		(LAYOUT_UL(16) << 0)
#define TCR_EL1_IRGN0_WBWA	(LAYOUT_UL(1) << 8)
#define TCR_EL1_ORGN0_WBWA	(LAYOUT_UL(1) << 10)
#define TCR_EL1_SH0_INNER	(LAYOUT_UL(3) << 12)
#define TCR_EL1_T1SZ		(LAYOUT_UL(16) << 16)
#define TCR_EL1_IRGN1_WBWA	(LAYOUT_UL(1) << 24)
#define TCR_EL1_ORGN1_WBWA	(LAYOUT_UL(1) << 26)
#define TCR_EL1_SH1_INNER	(LAYOUT_UL(3) << 28)
#define TCR_EL1_TG1_4K		(LAYOUT_UL(2) << 30)
#define TCR_EL1_IPS_SHIFT	32
#define TCR_EL1_AS_SHIFT	36
#define TCR_EL1_TBI0		(LAYOUT_UL(1) << 37)
#define TCR_EL1_VALUE		(TCR_EL1_T0SZ | TCR_EL1_IRGN0_WBWA | TCR_EL1_ORGN0_WBWA | TCR_EL1_SH0_INNER | \
				 TCR_EL1_T1SZ | TCR_EL1_IRGN1_WBWA | TCR_EL1_ORGN1_WBWA | TCR_EL1_SH1_INNER | \
				 TCR_EL1_TG1_4K | TCR_EL1_TBI0)

#define CPACR_EL1_FPEN		(LAYOUT_UL(3) << 20)

/* ESR_EL1 (D17.2.37): EC and the ISS bits that are looked at. */
#define ESR_EC_SHIFT		26
#define ESR_EC_UNKNOWN		0x00
#define ESR_EC_FP_TRAP		0x07
#define ESR_EC_BTI		0x0d
#define ESR_EC_ILLEGAL_STATE	0x0e
#define ESR_EC_SVC64		0x15
#define ESR_EC_SYSREG		0x18
#define ESR_EC_SVE		0x19
#define ESR_EC_FPAC		0x1c
#define ESR_EC_IABT_LOWER	0x20
#define ESR_EC_IABT		0x21
#define ESR_EC_PC_ALIGN		0x22
#define ESR_EC_DABT_LOWER	0x24
#define ESR_EC_DABT		0x25
#define ESR_EC_SP_ALIGN		0x26
#define ESR_EC_FP_EXCEPTION	0x2c
#define ESR_EC_SERROR		0x2f
#define ESR_EC_BREAKPOINT	0x31
#define ESR_EC_STEP		0x33
#define ESR_EC_WATCHPOINT	0x35
#define ESR_EC_BRK		0x3c

#define ESR_ISS_FSC_MASK	0x3f
#define ESR_ISS_FSC_TYPE	0x3c		/* without the level */
#define FSC_ADDRESS_SIZE	0x00
#define FSC_TRANSLATION		0x04
#define FSC_ACCESS_FLAG		0x08
#define FSC_PERMISSION		0x0c
#define FSC_ALIGNMENT		0x21
#define ESR_ISS_WNR		(1u << 6)
#define ESR_ISS_CM		(1u << 8)
