/* SPDX-License-Identifier: MIT
 *
 * See apic.h. An interrupt goes to one CPU (fixed delivery, physical destination); vectors are the same on all CPUs.
 *
 * The I/O APIC is an index and a data register, so that two CPUs must not write entries at once. No lock guards that: what an entry shall be is an atomic word, and
 * whoever finds the chip free writes out all entries that have changed, others' too.
 *
 *	change				write_out
 *	entry = new value		busy: 0 -> 1; not 0: return (1)
 *	changed |= pin			take changed, write those entries
 *	write_out			busy = 0; changed again: once more
 *
 * (1) who holds the chip looks at `changed` after it has let go, so nothing is lost; at worst a line is masked a little later and fires once more, which is harmless.
 */
#include "apic/apic.h"

#include <arch/barrier.h>
#include <arch/cpu.h>
#include <arch/lapic.h>

#include "apic/ioapic-reg.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/page.h"
#include "sched/cpu.h"
#include "sched/irq.h"

#define MAX_PINS	64u
#define ICR_FIXED	0x4000u	/* assert, edge, fixed delivery */
#define MAX_XAPIC_ID	254u	/* 8 bits of destination in an entry, 255 is all CPUs */

_Static_assert(APIC_IRQ_TIMER == VECTOR_TIMER - VECTOR_IRQ_BASE, "the board tells sched/ this number");
_Static_assert(APIC_NR_GSIS == VECTOR_IRQ_END - VECTOR_IRQ_BASE, "a vector for each line");

struct ioapic {
	uint8_t *regs;			/* [I] */
	uint32_t gsi_base, nr_pins;	/* [I] */
	uint32_t is_busy;		/* [a] somebody writes entries */
	uint64_t changed;		/* [a] pins whose entry is to be written */
	uint64_t entry[MAX_PINS];	/* [a] what it shall be; 0: never used */
};

static struct ioapic ioapics[APIC_MAX_IOAPICS];	/* made at boot */
static unsigned nr_ioapics;			/* [I] */

static void write_register(struct ioapic *io, uint32_t reg, uint32_t v)
{
	mmio_write32(io->regs + IOREGSEL, reg);
	mmio_write32(io->regs + IOWIN, v);
}

/* The half with the mask goes last, so that an entry that is opened is complete. */
static void write_entry(struct ioapic *io, unsigned pin)
{
	uint64_t entry = atomic_load(&io->entry[pin], RELAXED);

	write_register(io, IOREDTBL(pin) + 1, (uint32_t)(entry >> 32));
	write_register(io, IOREDTBL(pin), (uint32_t)entry);
}

/* Lock-free: a further round is made only for a change that somebody made meanwhile. */
static void write_out(struct ioapic *io)
{
	arch_irqflags_t flags = arch_irq_save();

	do {
		uint64_t pins;

		/* seq_cst: the chip after who had it before, and see the store below. Pairs: that */
		if (atomic_exchange(&io->is_busy, 1u, SEQ_CST))
			break;
		/* acquire: the entries after their bits. Pairs: change */
		pins = atomic_exchange(&io->changed, 0u, ACQUIRE);
		for (; pins; pins &= pins - 1)
			write_entry(io, (unsigned)__builtin_ctzll(pins));
		/* seq_cst, both: either this load sees another's bit, or that one's exchange sees the chip free (Dekker). Pairs: change */
		atomic_store(&io->is_busy, 0u, SEQ_CST);
	} while (atomic_load(&io->changed, SEQ_CST));
	arch_irq_restore(flags);
}

/* The entry of a line: the bits of clear go, those of set come. */
static void change(int irq, uint64_t clear, uint64_t set)
{
	for (unsigned i = 0; i < nr_ioapics; i++) {
		struct ioapic *io = &ioapics[i];
		uint32_t pin = (uint32_t)irq - io->gsi_base;
		uint64_t old;

		if ((uint32_t)irq < io->gsi_base || pin >= io->nr_pins)
			continue;
		old = atomic_load(&io->entry[pin], RELAXED);
		while (!atomic_cas2(&io->entry[pin], &old, (old & ~clear) | set, RELAXED, RELAXED))
			;
		/* seq_cst: the entry before its bit, the bit before the look at is_busy. Pairs: write_out */
		atomic_fetch_or(&io->changed, 1ull << pin, SEQ_CST);
		write_out(io);
	}
}

static void init_cpu(struct cpu *cpu)
{
	(void)cpu;
	/* Firmware leaves LINT0 as the way in for the 8259's interrupts and LINT1 for NMIs: neither is used. */
	lapic_write(LAPIC_LVT_LINT0, LAPIC_LVT_MASKED);
	lapic_write(LAPIC_LVT_LINT1, LAPIC_LVT_MASKED);
	lapic_write(LAPIC_LVT_ERROR, LAPIC_LVT_MASKED);
	lapic_write(LAPIC_TPR, 0);
	lapic_write(LAPIC_SVR, LAPIC_SVR_ENABLE | VECTOR_SPURIOUS);
}

/* A spurious interrupt has no end (SDM vol. 3A 10.9). */
static int ack(void)
{
	int vector = arch_irq_take_vector();

	return vector < VECTOR_IRQ_BASE || vector == VECTOR_SPURIOUS ? -1 : vector - VECTOR_IRQ_BASE;
}

static void eoi(int irq)
{
	(void)irq;
	lapic_write(LAPIC_EOI, 0);
}

static void configure(int irq, enum irq_trigger trigger)
{
	change(irq, 0xff | IOREDTBL_LEVEL, (uint64_t)(VECTOR_IRQ_BASE + irq) | IOREDTBL_MASKED | (trigger == IRQ_LEVEL ? IOREDTBL_LEVEL : 0));
}

static void unmask(int irq)
{
	change(irq, IOREDTBL_MASKED, 0);
}

static void mask(int irq)
{
	change(irq, 0, IOREDTBL_MASKED);
}

/* A CPU that an entry cannot name gets none: the line stays where it was. */
static void set_target(int irq, struct cpu *cpu)
{
	if (cpu->hwid <= MAX_XAPIC_ID)
		change(irq, 0xffull << (32 + IOREDTBL_DEST_SHIFT), cpu->hwid << (32 + IOREDTBL_DEST_SHIFT));
}

static void send_ipi(struct cpu *cpu)
{
	arch_lapic_send((uint32_t)cpu->hwid, VECTOR_IPI | ICR_FIXED);
}

static const struct irq_controller controller = {
	.name = "APIC",
	.init_cpu = init_cpu,
	.ack = ack,
	.eoi = eoi,
	.configure = configure,
	.unmask = unmask,
	.mask = mask,
	.set_target = set_target,
	.send_ipi = send_ipi,
	.ipi = VECTOR_IPI - VECTOR_IRQ_BASE,
};

void apic_set_active_low(int gsi)
{
	change(gsi, 0, IOREDTBL_ACTIVE_LOW | IOREDTBL_MASKED);
}

/* All lines are masked after reset (3.2.4). */
static int add_ioapic(const struct apic_ioapic *from)
{
	struct ioapic *io = &ioapics[nr_ioapics];

	io->regs = mmu_map_device(from->base, PAGE_SIZE);
	if (!io->regs)
		return -ENOMEM;
	mmio_write32(io->regs + IOREGSEL, IOAPICVER);
	io->nr_pins = (mmio_read32(io->regs + IOWIN) >> IOAPICVER_MAX_SHIFT & 0xff) + 1;
	io->gsi_base = from->gsi_base;
	if (io->gsi_base >= APIC_NR_GSIS)
		return 0;	/* numbers that have no vector: not used */
	io->nr_pins = MIN(MIN(io->nr_pins, MAX_PINS), APIC_NR_GSIS - io->gsi_base);
	nr_ioapics++;
	return 0;
}

int apic_init(const struct apic_ioapic *from, unsigned nr)
{
	int r = nr > APIC_MAX_IOAPICS ? -ENODEV : arch_lapic_init() ? 0 : -ENOMEM;

	for (unsigned i = 0; !r && i < nr; i++)
		r = add_ioapic(&from[i]);
	if (!r)
		irq_set_controller(&controller);
	return r;
}
