/* SPDX-License-Identifier: MIT */
#include "tests/host/fake-virtio.h"

#include <stdlib.h>
#include <string.h>

#include "libc/errno.h"
#include "mmu/page.h"

static struct model *model_of(struct virtio_device *d)
{
	return d->transport_priv;
}

static uint8_t get_status(struct virtio_device *d)
{
	return model_of(d)->status;
}

static void set_status(struct virtio_device *d, uint8_t status)
{
	model_of(d)->status = status;
}

static uint64_t get_features(struct virtio_device *d)
{
	return model_of(d)->offered;
}

static void set_features(struct virtio_device *d, uint64_t features)
{
	if (features & ~model_of(d)->offered)
		abort();
}

static uint32_t config_read(struct virtio_device *d, unsigned off, unsigned size)
{
	uint32_t v = 0;

	memcpy(&v, model_of(d)->config + off, size);
	return v;
}

static void config_write(struct virtio_device *d, unsigned off, unsigned size, uint32_t value)
{
	memcpy(model_of(d)->config + off, &value, size);
}

static uint32_t config_generation(struct virtio_device *d)
{
	(void)d;
	return 0;
}

static unsigned queue_max(struct virtio_device *d, unsigned index)
{
	return index < MODEL_QUEUES ? model_of(d)->queues[index].max : 0;
}

static int queue_setup(struct virtio_device *d, unsigned index, unsigned num, paddr_t pa, size_t avail_off, size_t used_off)
{
	struct model_queue *q = &model_of(d)->queues[index];

	q->num = num;
	q->desc = phys_to_virt(pa);
	q->avail = phys_to_virt(pa + avail_off);
	q->used = phys_to_virt(pa + used_off);
	return 0;
}

static void notify(struct virtio_device *d, unsigned index)
{
	struct model *m = model_of(d);

	m->nr_notifies++;
	if (m->on_notify)
		m->on_notify(m, index);
}

static void raise(struct virtio_device *d)
{
	model_of(d)->nr_raises++;
}

static const struct virtio_transport model_transport = {
	"model",	   get_status,	 set_status, get_features, set_features, config_read, config_write,
	config_generation, queue_max, queue_setup, notify, raise,
};

void model_init(struct model *m, uint32_t id, bool is_legacy)
{
	memset(&m->device, 0, sizeof(m->device));
	m->device.transport = &model_transport;
	m->device.transport_priv = m;
	m->device.id = id;
	m->device.is_legacy = is_legacy;
	strcpy(m->device.name, "model");
	if (!is_legacy)
		m->offered |= VIRTIO_F_VERSION_1;
}

static void chain_add(struct model_chain *c, const struct virtq_desc *d)
{
	if (d->flags & VIRTQ_DESC_F_WRITE) {
		c->in[c->nr_in].data = phys_to_virt(d->addr);
		c->in[c->nr_in++].len = d->len;
	} else {
		if (c->nr_in)
			abort();	/* 2.7.4.2: readable ones come first */
		c->out[c->nr_out].data = phys_to_virt(d->addr);
		c->out[c->nr_out++].len = d->len;
	}
}

bool model_take(struct model *m, unsigned index, struct model_chain *c)
{
	struct model_queue *q = &m->queues[index];
	const struct virtq_desc *table = q->desc;
	uint16_t i;

	if (!q->avail || q->avail->idx == q->seen)
		return false;
	memset(c, 0, sizeof(*c));
	i = c->head = q->avail->ring[q->seen++ % q->num];
	if (m->device.features & VIRTIO_F_EVENT_IDX)
		*(uint16_t *)&q->used->ring[q->num] = q->seen;
	if (table[i].flags & VIRTQ_DESC_F_INDIRECT) {
		table = phys_to_virt(table[i].addr);
		i = 0;
	}
	for (;;) {
		chain_add(c, &table[i]);
		if (!(table[i].flags & VIRTQ_DESC_F_NEXT))
			return true;
		i = table[i].next;
	}
}

size_t model_out_size(const struct model_chain *c)
{
	size_t n = 0;

	for (unsigned i = 0; i < c->nr_out; i++)
		n += c->out[i].len;
	return n;
}

size_t model_copy_out(const struct model_chain *c, void *buf, size_t size)
{
	size_t n = 0;

	for (unsigned i = 0; i < c->nr_out; i++) {
		size_t part = MIN((size_t)c->out[i].len, size - n);

		memcpy((uint8_t *)buf + n, c->out[i].data, part);
		n += part;
	}
	return n;
}

size_t model_copy_in(const struct model_chain *c, const void *buf, size_t len)
{
	size_t n = 0;

	for (unsigned i = 0; i < c->nr_in && n < len; i++) {
		size_t part = MIN((size_t)c->in[i].len, len - n);

		memcpy(c->in[i].data, (const uint8_t *)buf + n, part);
		n += part;
	}
	return n;
}

void model_use(struct model *m, unsigned index, uint16_t head, uint32_t len)
{
	struct model_queue *q = &m->queues[index];

	q->used->ring[q->used->idx % q->num] = (struct virtq_used_elem){ head, len };
	q->used->idx++;
}

bool model_wants_interrupt(struct model *m, unsigned index)
{
	struct model_queue *q = &m->queues[index];
	uint16_t old = q->signalled, new = q->used->idx, event = q->avail->ring[q->num];

	q->signalled = new;
	if (old == new)
		return false;
	if (m->device.features & VIRTIO_F_EVENT_IDX)
		return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
	return !(q->avail->flags & VIRTQ_AVAIL_F_NO_INTERRUPT);
}

void model_interrupt(struct model *m, unsigned index)
{
	if (model_wants_interrupt(m, index))
		virtio_device_interrupt(&m->device, false);
}
