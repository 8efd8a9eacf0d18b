/* SPDX-License-Identifier: MIT
 *
 * Arm Generic Interrupt Controllers as struct irq_controller (sched/irq.h).
 *	gic-v2.c	GICv2 (Arm IHI 0048): up to 8 CPUs, registers in memory
 *	gic-v3.c	GICv3 and 4 (Arm IHI 0069): redistributors, system registers, affinity routing
 *
 * Interrupt numbers are INTIDs: 0-15 SGI, 16-31 PPI, 32-1019 SPI. Nothing is touched that is not used: each register access may leave the virtual
 * machine. What firmware left enabled is masked when it first fires, by sched/.
 */
#pragma once

#include "libc/types.h"

#define GIC_SPI_BASE	32
#define GIC_PPI_BASE	16

struct gic_region {
	paddr_t base;
	uint64_t size;
};

/* Find out how the controller looks and make it the machine's. 0, -ENOMEM (cannot be mapped), -ENODEV (not what it should be). */
int __must_check gic_v2_init(struct gic_region distributor, struct gic_region cpu_interface);
/* stride 0: as the redistributors say. At most GIC_MAX_REGIONS regions of redistributors. */
#define GIC_MAX_REGIONS	8
int __must_check gic_v3_init(struct gic_region distributor, const struct gic_region *redistributors, unsigned nr, uint64_t stride);
