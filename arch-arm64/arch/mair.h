/* SPDX-License-Identifier: MIT
 *
 * Of this port alone. Memory attributes: what MAIR_EL1 holds, set by the entry code on each CPU, and the index of each in a translation table entry
 * (AttrIndx, bits 4:2). Arm ARM DDI0487 D17.2.97 MAIR_EL1. Included by assembly.
 */
#pragma once

#include <arch/layout.h>

#define MAIR_IDX_NORMAL		0	/* write-back, read and write allocate, inner and outer */
#define MAIR_IDX_DEVICE		1	/* Device-nGnRE */
#define MAIR_IDX_UNCACHED	2	/* Normal, inner and outer non-cacheable */

#define MAIR_VALUE		LAYOUT_UL(0x4404ff)
