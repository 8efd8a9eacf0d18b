/* SPDX-License-Identifier: MIT
 *
 * Starting a device (virtio 1.2, 3.1.1), its configuration space and its interrupts.
 */
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "virtio/queue.h"
#include "virtio/virtio.h"

#define MAX_CONFIG_RETRIES	16u

SET_DECLARE(virtio_drivers, struct virtio_driver);

static const struct virtio_driver *driver_find(uint32_t id)
{
	const struct virtio_driver *const *p;

	SET_FOREACH(p, virtio_drivers)
		if ((*p)->id == id)
			return *p;
	return NULL;
}

bool virtio_has_driver(uint32_t id)
{
	return driver_find(id);
}

/* 3.1.1 steps 4 to 6. */
static int negotiate(struct virtio_device *d)
{
	uint64_t offered = d->transport->get_features(d);
	uint64_t wanted = d->driver->features | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;

	if (d->is_legacy)
		wanted |= VIRTIO_F_ANY_LAYOUT;
	else
		wanted |= VIRTIO_F_VERSION_1 | VIRTIO_F_IN_ORDER;
	d->features = offered & wanted;
	if (d->driver->choose)
		d->features = d->driver->choose(d->features);
	if (!d->is_legacy && !virtio_has(d, VIRTIO_F_VERSION_1))
		return -ENODEV;
	d->transport->set_features(d, d->features);
	if (d->is_legacy)
		return 0;
	d->transport->set_status(d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
	return d->transport->get_status(d) & VIRTIO_STATUS_FEATURES_OK ? 0 : -ENODEV;
}

int virtio_device_start(struct virtio_device *d)
{
	int r;

	d->driver = driver_find(d->id);
	if (!d->driver)
		return -ENODEV;
	d->transport->set_status(d, 0);
	d->transport->set_status(d, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	r = negotiate(d);
	if (!r)
		r = d->driver->probe(d);
	if (r) {
		log_line("%s: not usable (error %d)", d->name, -r);
		/* No more DMA from rings of a driver that has given up; then say why. */
		d->transport->set_status(d, 0);
		d->transport->set_status(d, VIRTIO_STATUS_FAILED);
	}
	return r;
}

void virtio_device_ready(struct virtio_device *d)
{
	uint8_t status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK;

	d->transport->set_status(d, d->is_legacy ? status : status | VIRTIO_STATUS_FEATURES_OK);
}

void virtio_device_broken(struct virtio_device *d, const char *what)
{
	if (!atomic_exchange(&d->is_broken, true, RELAXED))
		log_line("%s: device error: %s; not used any more", d->name, what);
}

void virtio_device_interrupt(struct virtio_device *d, bool has_config_changed)
{
	struct virtqueue *q;

	/* acquire: the queue's fields. Pairs: virtqueue_create */
	for (q = atomic_load(&d->queues, ACQUIRE); q; q = q->next)
		if (q->on_used && virtqueue_has_used(q))
			q->on_used(q);
	if (has_config_changed && d->driver && d->driver->config_changed)
		d->driver->config_changed(d);
}

/* ---- configuration (2.5) -------------------------------------------------------------------------------------------- */

uint8_t virtio_config8(struct virtio_device *d, unsigned off)
{
	return (uint8_t)d->transport->config_read(d, off, 1);
}

uint16_t virtio_config16(struct virtio_device *d, unsigned off)
{
	return (uint16_t)d->transport->config_read(d, off, 2);
}

uint32_t virtio_config32(struct virtio_device *d, unsigned off)
{
	return d->transport->config_read(d, off, 4);
}

/* Read fn's worth of bytes; repeat while the generation moves (2.5.3), but not for ever. */
void virtio_config_read(struct virtio_device *d, unsigned off, void *buf, unsigned len)
{
	uint32_t before, after = d->transport->config_generation(d);
	unsigned tries = 0;
	uint8_t *p = buf;

	do {
		before = after;
		for (unsigned i = 0; i < len; i++)
			p[i] = virtio_config8(d, off + i);
		after = d->transport->config_generation(d);
	} while (before != after && ++tries < MAX_CONFIG_RETRIES);
}

uint64_t virtio_config64(struct virtio_device *d, unsigned off)
{
	uint32_t before, after = d->transport->config_generation(d), low, high;
	unsigned tries = 0;

	do {
		before = after;
		low = virtio_config32(d, off);
		high = virtio_config32(d, off + 4);
		after = d->transport->config_generation(d);
	} while (before != after && ++tries < MAX_CONFIG_RETRIES);
	return (uint64_t)high << 32 | low;
}
