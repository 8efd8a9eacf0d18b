/* SPDX-License-Identifier: MIT
 *
 * GICv2. One distributor, one CPU interface whose registers are banked by CPU. See gic.h.
 */
#include "gic/gic.h"

#include <arch/barrier.h>

#include "gic/gic-reg.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/page.h"
#include "sched/cpu.h"
#include "sched/irq.h"

#define NR_TARGETS	8
#define PRIORITY	0xa0	/* one for all: nothing nests */

static struct {
	uint8_t *dist, *cpu;		/* [I] */
	uint8_t target[NR_TARGETS];	/* [c] bit of each CPU in ITARGETSR and SGIR, by cpu->id */
} gic;

static void init_cpu(struct cpu *cpu)
{
	if (cpu->id >= NR_TARGETS)
		panic("gic: GICv2 has 8 CPUs, this is number %u", cpu->id + 1);
	/* The target registers of the banked interrupts say which CPU is reading (4.3.12). 0: a single CPU. */
	gic.target[cpu->id] = mmio_read8(gic.dist + GICD_ITARGETSR);
	if (!gic.target[cpu->id])
		gic.target[cpu->id] = 1;
	mmio_write32(gic.dist + GICD_ISENABLER, 1);	/* SGI 0 */
	mmio_write32(gic.cpu + GICC_PMR, 0xff);
	mmio_write32(gic.cpu + GICC_CTLR, GICC_CTLR_ENABLE);
}

static int ack(void)
{
	uint32_t iar = mmio_read32(gic.cpu + GICC_IAR);
	int irq = (int)(iar & 0x3ff);

	if (irq >= GIC_INTID_SPECIAL)
		return -1;
	/* The end of an SGI must name its sender (4.4.5), which eoi() does not know: end it now, interrupts are masked anyway. */
	if (irq < GIC_PPI_BASE)
		mmio_write32(gic.cpu + GICC_EOIR, iar);
	return irq;
}

static void eoi(int irq)
{
	if (irq >= GIC_PPI_BASE)
		mmio_write32(gic.cpu + GICC_EOIR, (uint32_t)irq);
}

static void configure(int irq, enum irq_trigger trigger)
{
	uint8_t *reg = gic.dist + GICD_ICFGR + irq / 16 * 4;
	uint32_t edge = 2u << irq % 16 * 2, v;

	mmio_write8(gic.dist + GICD_IPRIORITYR + irq, PRIORITY);
	if (irq < GIC_SPI_BASE)
		return;
	v = mmio_read32(reg);
	v = trigger == IRQ_EDGE ? v | edge : v & ~edge;
	mmio_write32(reg, v);
}

static void unmask(int irq)
{
	mmio_write32(gic.dist + GICD_ISENABLER + irq / 32 * 4, 1u << irq % 32);
}

static void mask(int irq)
{
	mmio_write32(gic.dist + GICD_ICENABLER + irq / 32 * 4, 1u << irq % 32);
}

static void set_target(int irq, struct cpu *cpu)
{
	if (irq >= GIC_SPI_BASE && cpu->id < NR_TARGETS)
		mmio_write8(gic.dist + GICD_ITARGETSR + irq, gic.target[cpu->id]);
}

static void send_ipi(struct cpu *cpu)
{
	/* The write is ordered after earlier stores (mmio_write32), so the other CPU sees why it was interrupted. */
	mmio_write32(gic.dist + GICD_SGIR, (uint32_t)gic.target[cpu->id] << 16);
}

static const struct irq_controller controller = {
	.name = "GICv2",
	.init_cpu = init_cpu,
	.ack = ack,
	.eoi = eoi,
	.configure = configure,
	.unmask = unmask,
	.mask = mask,
	.set_target = set_target,
	.send_ipi = send_ipi,
	.ipi = 0,
};

int gic_v2_init(struct gic_region distributor, struct gic_region cpu_interface)
{
	gic.dist = mmu_map_device(distributor.base, PAGE_SIZE);
	gic.cpu = mmu_map_device(cpu_interface.base, PAGE_SIZE);
	if (!gic.dist || !gic.cpu)
		return -ENOMEM;
	mmio_write32(gic.dist + GICD_CTLR, GICD_CTLR_ENABLE);
	irq_set_controller(&controller);
	return 0;
}
