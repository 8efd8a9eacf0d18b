/* SPDX-License-Identifier: MIT
 *
 * Virtio devices, independent of the transport (OASIS virtio 1.2). Map of the folder:
 *	virtio.h	devices, drivers, what a transport implements
 *	queue.h		split virtqueues			virtio-reg.h	layouts of the specification
 *	device.c	start of a device: status, features	*-reg.h		layouts of one device type
 *	console.c rng.c blk.c net.c	drivers: one file each, found through the linker set virtio_drivers
 *
 * A device is not trusted: what it writes is read once and checked; a device that breaks the rules is marked broken and used no more, nothing else.
 */
#pragma once

#include "libc/set.h"
#include "libc/types.h"

struct virtio_device;
struct virtqueue;

/* What virtio-mmio (or pci) implements. Context: thread. */
struct virtio_transport {
	const char *name;
	uint8_t (*get_status)(struct virtio_device *d);
	/* Writing 0 resets; returns when the reset is done. */
	void (*set_status)(struct virtio_device *d, uint8_t status);
	uint64_t (*get_features)(struct virtio_device *d);
	void (*set_features)(struct virtio_device *d, uint64_t features);
	/* One access of size 1, 2, 4 to device-specific configuration. */
	uint32_t (*config_read)(struct virtio_device *d, unsigned off, unsigned size);
	void (*config_write)(struct virtio_device *d, unsigned off, unsigned size, uint32_t value);
	uint32_t (*config_generation)(struct virtio_device *d);
	/* Largest size of queue index; 0: there is none. */
	unsigned (*queue_max)(struct virtio_device *d, unsigned index);
	/* Give the device the ring: one physically contiguous, page aligned piece; desc at pa, avail and used at the offsets. */
	int (*queue_setup)(struct virtio_device *d, unsigned index, unsigned num, paddr_t pa, size_t avail_off, size_t used_off);
	void (*notify)(struct virtio_device *d, unsigned index);
	/* Have the interrupt thread look at the queues, as if the device had interrupted. Any context. */
	void (*raise)(struct virtio_device *d);
};

/* Alignment of the used ring that legacy transports announce (QueueAlign): any power of two >= 4 would do. */
#define VIRTIO_RING_ALIGN	64u

/* Created by the transport, never freed. */
struct virtio_device {
	const struct virtio_transport *transport;	/* [I] */
	void *transport_priv;				/* [I] */
	uint32_t id;					/* [I] device type */
	bool is_legacy;					/* [I] no VIRTIO_F_VERSION_1: legacy layouts */
	bool is_broken;					/* [a] */
	uint64_t features;				/* [I] negotiated */
	const struct virtio_driver *driver;		/* [I] */
	void *priv;					/* [I] the driver's */
	struct virtqueue *queues;			/* [a] list, for interrupts */
	char name[24];					/* [I] "virtio-console@a003e00" */
};

/* One row of the linker set: drivers register with VIRTIO_DRIVER(d). */
struct virtio_driver {
	const char *name;
	uint32_t id;				/* device type */
	uint64_t features;			/* wanted if offered (VERSION_1, EVENT_IDX, INDIRECT_DESC come by themselves) */
	/* Some features make sense only with others: the ones to take of those offered and wanted. Optional. */
	uint64_t (*choose)(uint64_t features);
	/* Features are agreed. Create queues, then virtio_device_ready(d), then use them. 0 or -errno: the device is reset. Context: thread. */
	int (*probe)(struct virtio_device *d);
	/* Configuration has changed. Optional. Context: thread. */
	void (*config_changed)(struct virtio_device *d);
};
#define VIRTIO_DRIVER(d)	SET_ADD(virtio_drivers, d)

/* ---- for transports ----------------------------------------------------------------------------------------------- */

/* Find the driver and start the device. pin. 0, -ENODEV (no driver), -errno. */
int __must_check virtio_device_start(struct virtio_device *d);
bool virtio_has_driver(uint32_t id);
/* An interrupt of this device: look at its queues, and at the configuration if has_config_changed. Context: thread. */
void virtio_device_interrupt(struct virtio_device *d, bool has_config_changed);

/* ---- for drivers -------------------------------------------------------------------------------------------------- */

static inline bool virtio_has(const struct virtio_device *d, uint64_t feature)
{
	return d->features & feature;
}

/* DRIVER_OK: from now on the device runs. */
void virtio_device_ready(struct virtio_device *d);
/* The device broke the rules: say so once; its queues accept and give nothing from now on. */
void virtio_device_broken(struct virtio_device *d, const char *what);
/* Configuration fields, little endian. read: len bytes that belong together, read again if they changed meanwhile. */
uint8_t virtio_config8(struct virtio_device *d, unsigned off);
uint16_t virtio_config16(struct virtio_device *d, unsigned off);
uint32_t virtio_config32(struct virtio_device *d, unsigned off);
uint64_t virtio_config64(struct virtio_device *d, unsigned off);
void virtio_config_read(struct virtio_device *d, unsigned off, void *buf, unsigned len);
