/* SPDX-License-Identifier: MIT
 *
 * Split virtqueues (virtio 1.2, 2.7).
 *
 *	driver                                             device
 *	desc[]    what buffers are          --->
 *	avail     heads of chains offered   --->           takes them in order
 *	                                    <---  used     heads of chains done, any order, with the bytes written
 *
 * Everything that the driver needs later (which descriptors form a chain, how long it is, whose it is) is kept in slots that the device cannot write; of what the device writes
 * (used.idx, used.ring, flags, avail_event) each is read once and checked.
 *
 * Locking: the caller; one queue is used by one thread at a time. Only virtqueue_has_used() may be called by anyone.
 */
#pragma once

#include "libc/types.h"
#include "virtio/virtio.h"
#include "virtio/virtio-reg.h"

/* A piece of memory of a request. dma: the device may touch it from virtqueue_kick() until virtqueue_get() returns its token. */
struct virtq_buf {
	paddr_t pa;
	uint32_t len;
};

struct virtq_slot {
	void *token;			/* NULL: not in flight */
	struct virtq_desc *indirect;	/* table of its own, made at first need */
	uint32_t in_len;		/* bytes that the device may write */
	uint16_t next;			/* next descriptor of the chain, or next free one */
	uint16_t nr;			/* descriptors in the table that the chain takes */
};

/* Created by virtqueue_create(), never freed. */
struct virtqueue {
	struct virtio_device *device;	/* [I] */
	struct virtqueue *next;		/* [I] of the device's list */
	unsigned index, num;		/* [I] num: power of two */
	void (*on_used)(struct virtqueue *q);	/* [I] interrupt thread: there may be used buffers. NULL: none wanted */
	void *priv;			/* the driver's */
	struct virtq_desc *desc;	/* ring memory: device may read and write at any time */
	struct virtq_avail *avail;
	struct virtq_used *used;
	struct virtq_slot *slots;	/* num of them */
	uint16_t *order;		/* VIRTIO_F_IN_ORDER: heads in the order of avail; else NULL */
	uint16_t free_head, nr_free;
	uint16_t avail_idx;		/* next to be written to avail.idx */
	uint16_t kicked_idx;		/* avail.idx at the last kick */
	uint16_t used_idx;		/* next used element to look at */
	uint16_t batch_left;		/* IN_ORDER: more buffers done by the last used element */
	uint32_t batch_len;		/* IN_ORDER: length in that element */
	uint16_t max_indirect;		/* 0: chains are in the table */
	bool has_event_idx;
};

/*
 * Queue index of d with at most max_num entries. max_indirect: chains of 2 to that many buffers go through an indirect table if the device can (0: never). Interrupts are
 * enabled. give: stays for ever. 0, -ENOENT (no such queue), -ENOMEM, -EINVAL.
 */
int __must_check virtqueue_create(struct virtio_device *d, unsigned index, unsigned max_num, unsigned max_indirect, void (*on_used)(struct virtqueue *q),
				  struct virtqueue **out);

/*
 * Offer a chain: nr_out buffers that the device reads, then nr_in that it writes. token (not NULL) comes back from virtqueue_get(). The device sees it at the next kick.
 * 0, -ENOSPC, -EIO (broken).
 */
int __must_check virtqueue_add(struct virtqueue *q, const struct virtq_buf *bufs, unsigned nr_out, unsigned nr_in, void *token);
/* Show what was added; notify the device if it wants that. */
void virtqueue_kick(struct virtqueue *q);
/* Oldest finished request: its token and the bytes written (at most what was offered). NULL: none. */
void *virtqueue_get(struct virtqueue *q, uint32_t *len);
/* Ask for no more interrupts: a hint. */
void virtqueue_disable_interrupts(struct virtqueue *q);
/*
 * Ask for one interrupt, when the next buffer is used: to be called after each time the queue was emptied, or none comes. True: there are used buffers already, look again
 * (an interrupt may not come for them).
 */
bool virtqueue_enable_interrupts(struct virtqueue *q);
/* The same, when n of the chains in flight have been used, or sooner. True: they have been. */
bool virtqueue_enable_interrupts_after(struct virtqueue *q, unsigned n);
bool virtqueue_has_used(const struct virtqueue *q);
/* Chains in flight, with those used and not taken back. */
static inline unsigned virtqueue_nr_chains(const struct virtqueue *q)
{
	return (uint16_t)(q->avail_idx - q->used_idx);
}
static inline unsigned virtqueue_nr_pending(const struct virtqueue *q)
{
	return q->num - q->nr_free;
}
