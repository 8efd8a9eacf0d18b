/* SPDX-License-Identifier: MIT
 *
 * A virtio device as a host test plays it: a transport whose registers are variables, and the device's side of split rings.
 */
#pragma once

#include "virtio/queue.h"
#include "virtio/virtio.h"

#define MODEL_QUEUES	16u

struct model_queue {
	unsigned max;			/* 0: no such queue */
	unsigned num;
	struct virtq_desc *desc;
	struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t seen;			/* next of avail to take */
	uint16_t signalled;		/* used.idx at the last interrupt */
};

struct model {
	struct virtio_device device;
	uint64_t offered;
	uint8_t status;
	uint8_t config[64];
	struct model_queue queues[MODEL_QUEUES];
	unsigned nr_notifies, nr_raises;
	/* What the device does when it is told of a queue. */
	void (*on_notify)(struct model *m, unsigned index);
};

/* Fill in m->offered, queues[].max, config, on_notify first. */
void model_init(struct model *m, uint32_t id, bool is_legacy);

/* A chain as the device sees it. */
struct model_chain {
	uint16_t head;
	unsigned nr_out, nr_in;
	struct { uint8_t *data; uint32_t len; } out[64], in[64];
};
/* False: none is offered. Indirect tables are followed. */
bool model_take(struct model *m, unsigned index, struct model_chain *c);
size_t model_out_size(const struct model_chain *c);
size_t model_copy_out(const struct model_chain *c, void *buf, size_t size);
size_t model_copy_in(const struct model_chain *c, const void *buf, size_t len);
void model_use(struct model *m, unsigned index, uint16_t head, uint32_t len);
/* Would the device raise an interrupt for what was used since the last call? */
bool model_wants_interrupt(struct model *m, unsigned index);
/* Raise it if so. */
void model_interrupt(struct model *m, unsigned index);
