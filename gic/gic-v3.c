/* SPDX-License-Identifier: MIT
 *
 * GICv3 with affinity routing, one security state or the non-secure view of two: all interrupts are group 1. See gic.h.
 *
 * Each CPU finds its redistributor by the affinity in GICR_TYPER; they are usually in the order of the CPUs, so that is looked at first.
 */
#include "gic/gic.h"

#include <arch/barrier.h>

#include "gic/gic-reg.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/page.h"
#include "sched/cpu.h"
#include "sched/irq.h"

#define PRIORITY	0xa0
#define WAKE_TRIES	1000000u

/* ICC_* of the CPU interface (IHI 0069H 12.2), by encoding: the assembler's base architecture does not know them. */
#define icc_read(enc) \
	({ \
		uint64_t v_; \
		__asm__ volatile("mrs %0, " enc : "=r"(v_) : : "memory"); \
		v_; \
	})
#define icc_write(enc, v)	__asm__ volatile("msr " enc ", %0" : : "r"((uint64_t)(v)) : "memory")
#define ICC_PMR_EL1	"S3_0_C4_C6_0"
#define ICC_IAR1_EL1	"S3_0_C12_C12_0"
#define ICC_EOIR1_EL1	"S3_0_C12_C12_1"
#define ICC_BPR1_EL1	"S3_0_C12_C12_3"
#define ICC_CTLR_EL1	"S3_0_C12_C12_4"
#define ICC_SRE_EL1	"S3_0_C12_C12_5"
#define ICC_IGRPEN1_EL1	"S3_0_C12_C12_7"
#define ICC_SGI1R_EL1	"S3_0_C12_C11_5"

static struct {
	uint8_t *dist;					/* [I] */
	struct {
		uint8_t *base;
		uint64_t frame;				/* bytes of one */
		unsigned nr_frames;
	} region[GIC_MAX_REGIONS];			/* [I] */
	unsigned nr_regions;				/* [I] */
	uint64_t stride;				/* [I] 0: each frame says */
	uint8_t *sgi[MAX_CPUS];				/* [c] SGI frame of each CPU's redistributor */
} gic;

/* Affinity as in GICR_TYPER[63:32], from MPIDR fields. */
static uint32_t packed_affinity(uint64_t hwid)
{
	return (uint32_t)((hwid & 0xffffff) | (hwid >> 8 & 0xff000000));
}

static uint64_t frame_size(uint64_t typer)
{
	return gic.stride ? gic.stride : typer & GICR_TYPER_VLPIS ? GICR_FRAME_VLPIS : GICR_FRAME;
}

/*
 * How many frames a region holds: its size may be one for more CPUs than the machine has, and behind the
 * last frame there is nothing that can be read.
 */
static unsigned count_frames(const uint8_t *base, uint64_t size, uint64_t *frame)
{
	unsigned nr = 0;
	uint64_t typer;

	*frame = frame_size(mmio_read64(base + GICR_TYPER));
	do
		typer = mmio_read64(base + nr++ * *frame + GICR_TYPER);
	while (!(typer & GICR_TYPER_LAST) && (nr + 1) * *frame <= size);
	return nr;
}

static uint8_t *find_in_order(unsigned id, uint32_t affinity)
{
	for (unsigned i = 0; i < gic.nr_regions; i++) {
		uint8_t *p = gic.region[i].base + id * gic.region[i].frame;

		if (id < gic.region[i].nr_frames)
			return mmio_read64(p + GICR_TYPER) >> 32 == affinity ? p : NULL;
		id -= gic.region[i].nr_frames;
	}
	return NULL;
}

static uint8_t *find_redistributor(struct cpu *cpu)
{
	uint32_t affinity = packed_affinity(cpu->hwid);
	uint8_t *found = find_in_order(cpu->id, affinity);

	for (unsigned i = 0; i < gic.nr_regions && !found; i++) {
		for (unsigned n = 0; n < gic.region[i].nr_frames && !found; n++) {
			uint8_t *p = gic.region[i].base + n * gic.region[i].frame;

			if (mmio_read64(p + GICR_TYPER) >> 32 == affinity)
				found = p;
		}
	}
	return found;
}

static void init_cpu(struct cpu *cpu)
{
	uint8_t *rd = find_redistributor(cpu), *sgi;
	uint32_t waker;

	if (!rd)
		panic("gic: no redistributor for CPU %u (affinity %#lx)", cpu->id, cpu->hwid);
	gic.sgi[cpu->id] = sgi = rd + GICR_SGI;
	waker = mmio_read32(rd + GICR_WAKER);
	if (waker & GICR_WAKER_SLEEP) {
		mmio_write32(rd + GICR_WAKER, waker & ~GICR_WAKER_SLEEP);
		/* The controller, not another CPU, ends this (12.11.42); bounded all the same. */
		for (unsigned n = 0; mmio_read32(rd + GICR_WAKER) & GICR_WAKER_ASLEEP; n++)
			if (n == WAKE_TRIES)
				panic("gic: redistributor of CPU %u does not wake", cpu->id);
	}
	mmio_write32(sgi + GICD_IGROUPR, 0xffffffff);
	mmio_write32(sgi + GICD_ISENABLER, 1);		/* SGI 0 */

	icc_write(ICC_SRE_EL1, icc_read(ICC_SRE_EL1) | 1);
	__asm__ volatile("isb" : : : "memory");		/* the registers below exist only then (12.2.24) */
	if (!(icc_read(ICC_SRE_EL1) & 1))
		panic("gic: CPU %u has no system-register interface", cpu->id);
	icc_write(ICC_PMR_EL1, 0xff);
	icc_write(ICC_BPR1_EL1, 0);
	icc_write(ICC_CTLR_EL1, 0);
	icc_write(ICC_IGRPEN1_EL1, 1);
	__asm__ volatile("isb" : : : "memory");
}

static int ack(void)
{
	uint32_t irq = (uint32_t)icc_read(ICC_IAR1_EL1) & 0xffffff;

	/* The acknowledge is complete before anything the handler does (4.1.1). */
	__asm__ volatile("dsb sy" : : : "memory");
	return irq >= GIC_INTID_SPECIAL && irq < 1024 ? -1 : (int)irq;
}

static void eoi(int irq)
{
	icc_write(ICC_EOIR1_EL1, irq);
	__asm__ volatile("isb" : : : "memory");
}

/* The frame that holds the registers of an interrupt: this CPU's own for SGI and PPI. */
static uint8_t *frame_of(int irq)
{
	return irq < GIC_SPI_BASE ? gic.sgi[cpu_this()->id] : gic.dist;
}

static void configure(int irq, enum irq_trigger trigger)
{
	uint8_t *frame = frame_of(irq);
	uint8_t *cfg = frame + GICD_ICFGR + irq / 16 * 4, *group = frame + GICD_IGROUPR + irq / 32 * 4;
	uint32_t edge = 2u << irq % 16 * 2, v;

	mmio_write8(frame + GICD_IPRIORITYR + irq, PRIORITY);
	if (irq < GIC_SPI_BASE)
		return;
	v = mmio_read32(cfg);
	mmio_write32(cfg, trigger == IRQ_EDGE ? v | edge : v & ~edge);
	mmio_write32(group, mmio_read32(group) | 1u << irq % 32);
}

static void unmask(int irq)
{
	mmio_write32(frame_of(irq) + GICD_ISENABLER + irq / 32 * 4, 1u << irq % 32);
}

static void mask(int irq)
{
	mmio_write32(frame_of(irq) + GICD_ICENABLER + irq / 32 * 4, 1u << irq % 32);
}

static void set_target(int irq, struct cpu *cpu)
{
	if (irq >= GIC_SPI_BASE)
		mmio_write64(gic.dist + GICD_IROUTER + (uint64_t)irq * 8, cpu->hwid);
}

static void send_ipi(struct cpu *cpu)
{
	uint64_t h = cpu->hwid, aff0 = h & 0xff;
	uint64_t v = 1ul << (aff0 & 15) | (h >> 8 & 0xff) << 16 | (h >> 16 & 0xff) << 32 | (h >> 32 & 0xff) << 48 |
		     (aff0 >> 4) << ICC_SGI1R_RS_SHIFT;

	/* Stores before it are seen by the CPU that takes the interrupt (a system register write is not ordered by itself). */
	__asm__ volatile("dsb ishst" : : : "memory");
	icc_write(ICC_SGI1R_EL1, v);
	__asm__ volatile("isb" : : : "memory");
}

static const struct irq_controller controller = {
	.name = "GICv3",
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

int gic_v3_init(struct gic_region distributor, const struct gic_region *redistributors, unsigned nr, uint64_t stride)
{
	if (nr == 0 || nr > GIC_MAX_REGIONS)
		return -ENODEV;
	gic.dist = mmu_map_device(distributor.base, 0x10000);
	if (!gic.dist)
		return -ENOMEM;
	for (unsigned i = 0; i < nr; i++) {
		gic.region[i].base = mmu_map_device(redistributors[i].base, redistributors[i].size);
		if (!gic.region[i].base)
			return -ENOMEM;
		gic.region[i].nr_frames = count_frames(gic.region[i].base, redistributors[i].size, &gic.region[i].frame);
	}
	gic.nr_regions = nr;
	gic.stride = stride;
	mmio_write32(gic.dist + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_ENABLE_GRP1);
	irq_set_controller(&controller);
	return 0;
}
