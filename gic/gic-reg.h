/* SPDX-License-Identifier: MIT
 *
 * Registers of GICv2 (IHI 0048B.b chapter 4) and GICv3 (IHI 0069H chapter 12): offsets and bits, names of the specification.
 */
#pragma once

#define GICD_CTLR		0x000
#define GICD_CTLR_ENABLE	(1u << 0)	/* GICv2 */
#define GICD_CTLR_ENABLE_GRP1	(1u << 1)	/* GICv3 */
#define GICD_CTLR_ARE		(1u << 4)
#define GICD_CTLR_RWP		(1u << 31)
#define GICD_TYPER		0x004
#define GICD_IGROUPR		0x080
#define GICD_ISENABLER		0x100
#define GICD_ICENABLER		0x180
#define GICD_ISPENDR		0x200
#define GICD_ICPENDR		0x280
#define GICD_IPRIORITYR		0x400
#define GICD_ITARGETSR		0x800
#define GICD_ICFGR		0xc00
#define GICD_SGIR		0xf00
#define GICD_IROUTER		0x6000
#define GICD_PIDR2		0xffe8

#define GICC_CTLR		0x000
#define GICC_CTLR_ENABLE	(1u << 0)
#define GICC_PMR		0x004
#define GICC_IAR		0x00c
#define GICC_EOIR		0x010

#define GICR_WAKER		0x0014
#define GICR_WAKER_SLEEP	(1u << 1)	/* ProcessorSleep */
#define GICR_WAKER_ASLEEP	(1u << 2)	/* ChildrenAsleep */
#define GICR_TYPER		0x0008
#define GICR_TYPER_VLPIS	(1ul << 1)
#define GICR_TYPER_LAST		(1ul << 4)
#define GICR_SGI		0x10000		/* second frame, same offsets as the distributor */
#define GICR_FRAME		0x20000
#define GICR_FRAME_VLPIS	0x40000

#define ICC_SGI1R_RS_SHIFT	44
#define GIC_INTID_SPECIAL	1020
