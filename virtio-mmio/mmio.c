/* SPDX-License-Identifier: MIT
 *
 * The MMIO transport. Each register access leaves the virtual machine, so none is made that is not needed.
 *
 * Interrupts: all queues share one line, which stays up until every bit of InterruptStatus is acknowledged. Both bits are acknowledged at once (an edge-triggered
 * controller would never see another edge if one stayed set), and before the queues are looked at, so that a buffer used after the look raises it again. Whether the
 * configuration changed is read only for drivers that care; a change in the few instructions between the read and the acknowledgement is told with the next interrupt.
 */
#include "virtio-mmio/virtio-mmio.h"

#include <arch/barrier.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/irq.h"
#include "virtio-mmio/mmio-reg.h"
#include "virtio/virtio.h"
#include "virtio/virtio-reg.h"

#define RESET_TRIES	100000u

/* Created by virtio_mmio_probe(), stays for ever once the device runs. */
struct mmio_device {
	struct virtio_device device;
	uint8_t *regs;			/* [I] */
	struct irq *irq;		/* [I] */
	size_t size;			/* [I] of the register window */
};

static uint32_t reg_read(const struct virtio_device *d, unsigned off)
{
	return mmio_read32(((struct mmio_device *)d->transport_priv)->regs + off);
}

static void reg_write(const struct virtio_device *d, unsigned off, uint32_t value)
{
	mmio_write32(((struct mmio_device *)d->transport_priv)->regs + off, value);
}

static uint8_t mmio_get_status(struct virtio_device *d)
{
	return (uint8_t)reg_read(d, VIRTIO_MMIO_STATUS);
}

static void mmio_set_status(struct virtio_device *d, uint8_t status)
{
	reg_write(d, VIRTIO_MMIO_STATUS, status);
	/* 4.2.2.1 (and 2.4.2): after a reset wait until the device says that it is done. */
	for (unsigned i = 0; !status && i < RESET_TRIES && reg_read(d, VIRTIO_MMIO_STATUS); i++)
		;
	if (!status && d->is_legacy)
		reg_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
}

static uint64_t mmio_get_features(struct virtio_device *d)
{
	uint64_t features;

	reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	features = reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
	if (d->is_legacy)
		return features;
	reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return features | (uint64_t)reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

static void mmio_set_features(struct virtio_device *d, uint64_t features)
{
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	if (d->is_legacy)
		return;
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static uint32_t mmio_config_read(struct virtio_device *d, unsigned off, unsigned size)
{
	struct mmio_device *m = d->transport_priv;
	uint8_t *p = m->regs + VIRTIO_MMIO_CONFIG + off;

	if (VIRTIO_MMIO_CONFIG + off + size > m->size)
		return 0;
	return size == 1 ? mmio_read8(p) : size == 2 ? mmio_read16(p) : mmio_read32(p);
}

static void mmio_config_write(struct virtio_device *d, unsigned off, unsigned size, uint32_t value)
{
	struct mmio_device *m = d->transport_priv;
	uint8_t *p = m->regs + VIRTIO_MMIO_CONFIG + off;

	if (VIRTIO_MMIO_CONFIG + off + size > m->size)
		return;
	if (size == 1)
		mmio_write8(p, (uint8_t)value);
	else if (size == 2)
		mmio_write16(p, (uint16_t)value);
	else
		mmio_write32(p, value);
}

static uint32_t mmio_config_generation(struct virtio_device *d)
{
	return d->is_legacy ? 0 : reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION);
}

static unsigned mmio_queue_max(struct virtio_device *d, unsigned index)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
	return reg_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void write64(struct virtio_device *d, unsigned low, unsigned high, uint64_t value)
{
	reg_write(d, low, (uint32_t)value);
	reg_write(d, high, (uint32_t)(value >> 32));
}

/* QueueSel still holds index: mmio_queue_max() was called just before (4.2.3.2, 4.2.4.1). */
static int mmio_queue_setup(struct virtio_device *d, unsigned index, unsigned num, paddr_t pa, size_t avail_off, size_t used_off)
{
	(void)index;
	reg_write(d, VIRTIO_MMIO_QUEUE_NUM, num);
	if (d->is_legacy) {
		if (pa >> (PAGE_SHIFT + 32))
			return -ENOMEM;	/* QueuePFN has 32 bits: below 16 TiB */
		reg_write(d, VIRTIO_MMIO_QUEUE_ALIGN, VIRTIO_RING_ALIGN);
		reg_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(pa >> PAGE_SHIFT));
		return 0;
	}
	write64(d, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH, pa);
	write64(d, VIRTIO_MMIO_QUEUE_DRIVER_LOW, VIRTIO_MMIO_QUEUE_DRIVER_HIGH, pa + avail_off);
	write64(d, VIRTIO_MMIO_QUEUE_DEVICE_LOW, VIRTIO_MMIO_QUEUE_DEVICE_HIGH, pa + used_off);
	reg_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

static void mmio_notify(struct virtio_device *d, unsigned index)
{
	reg_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, index);
}

static void mmio_raise(struct virtio_device *d)
{
	irq_raise(((struct mmio_device *)d->transport_priv)->irq);
}

static const struct virtio_transport mmio_transport = {
	.name = "mmio",
	.get_status = mmio_get_status,
	.set_status = mmio_set_status,
	.get_features = mmio_get_features,
	.set_features = mmio_set_features,
	.config_read = mmio_config_read,
	.config_write = mmio_config_write,
	.config_generation = mmio_config_generation,
	.queue_max = mmio_queue_max,
	.queue_setup = mmio_queue_setup,
	.notify = mmio_notify,
	.raise = mmio_raise,
};

static void mmio_interrupt(void *ctx)
{
	struct mmio_device *m = ctx;
	struct virtio_device *d = &m->device;
	bool cares_for_config = d->driver && d->driver->config_changed;
	uint32_t status = cares_for_config ? reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS) : VIRTIO_MMIO_INT_VRING;

	reg_write(d, VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
	virtio_device_interrupt(d, status & VIRTIO_MMIO_INT_CONFIG);
}

/* There is a device with a driver: check the window, connect the interrupt, start it. */
static int mmio_start(uint8_t *regs, paddr_t base, size_t size, int irq, bool is_edge, uint32_t id)
{
	uint32_t version = mmio_read32(regs + VIRTIO_MMIO_VERSION);
	struct mmio_device *m;
	int r;

	if (mmio_read32(regs + VIRTIO_MMIO_MAGIC_VALUE) != VIRTIO_MMIO_MAGIC || version < VIRTIO_MMIO_VERSION_LEGACY || version > VIRTIO_MMIO_VERSION_MODERN) {
		log_line("virtio-mmio@%llx: not a virtio device, or version %u", (unsigned long long)base, version);
		return -ENODEV;
	}
	m = KNEW(struct mmio_device);
	if (!m)
		return -ENOMEM;
	m->regs = regs;
	m->size = size;
	m->device.transport = &mmio_transport;
	m->device.transport_priv = m;
	m->device.id = id;
	m->device.is_legacy = version == VIRTIO_MMIO_VERSION_LEGACY;
	snprintf(m->device.name, sizeof(m->device.name), "virtio%u@%llx", id, (unsigned long long)base);
	r = irq_register(irq, is_edge ? IRQ_EDGE : IRQ_LEVEL, m->device.name, mmio_interrupt, m, &m->irq);
	if (r) {
		log_line("%s: no interrupt %d (error %d)", m->device.name, irq, -r);
		kfree(m);
		return r;
	}
	return virtio_device_start(&m->device);	/* on failure m stays: the interrupt is connected */
}

/* Several slots share a page: map it once. Only called at boot, by one thread. */
static uint8_t *map_registers(paddr_t base, size_t size)
{
	static paddr_t mapped_page = PADDR_NONE;
	static uint8_t *mapped;
	paddr_t page = ALIGN_DOWN(base, PAGE_SIZE);
	size_t off = base - page;

	if (page != mapped_page || off + size > PAGE_SIZE) {
		mapped = mmu_map_device(page, ALIGN_UP(off + size, PAGE_SIZE));
		mapped_page = mapped ? page : PADDR_NONE;
	}
	return mapped ? mapped + off : NULL;
}

int virtio_mmio_probe(paddr_t base, size_t size, int irq, bool is_edge)
{
	uint8_t *regs;
	uint32_t id;

	if (size < VIRTIO_MMIO_CONFIG)
		return -EINVAL;
	regs = map_registers(base, size);
	if (!regs)
		return -ENOMEM;
	/* 4.2.2: DeviceID 0 is a placeholder. */
	id = mmio_read32(regs + VIRTIO_MMIO_DEVICE_ID);
	if (!id || !virtio_has_driver(id))
		return -ENODEV;
	return mmio_start(regs, base, size, irq, is_edge, id);
}
