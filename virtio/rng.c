/* SPDX-License-Identifier: MIT
 *
 * virtio-rng (virtio 1.2, 5.4): seeds the kernel's random generator once at boot. Nobody waits for it: the
 * board has given rng-seed already.
 */
#include "libc/errno.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "virtio/queue.h"
#include "virtio/virtio.h"

#define SEED_SIZE	64u

/* One a device, never freed. */
struct rng {
	struct virtqueue *queue;	/* [interrupt thread, and probe before the device runs] */
	uint8_t seed[SEED_SIZE] __attribute__((aligned(64)));
};

static void rng_done(struct virtqueue *q)
{
	struct rng *r = q->priv;
	uint32_t len;

	while (virtqueue_get(q, &len)) {
		random_add(r->seed, MIN(len, SEED_SIZE));
		memset(r->seed, 0, sizeof(r->seed));
	}
	virtqueue_disable_interrupts(q);	/* one seed is enough */
}

static int rng_probe(struct virtio_device *d)
{
	struct rng *r = KNEW(struct rng);
	struct virtq_buf b;
	int err;

	if (!r)
		return -ENOMEM;
	err = virtqueue_create(d, 0, 2, 0, rng_done, &r->queue);
	if (err)
		return err;	/* r stays with what there is of the queue */
	r->queue->priv = r;
	virtio_device_ready(d);
	b = (struct virtq_buf){ virt_to_phys(r->seed), SEED_SIZE };
	err = virtqueue_add(r->queue, &b, 0, 1, r);
	virtqueue_kick(r->queue);
	return err;
}

static const struct virtio_driver rng_driver = { .name = "rng", .id = VIRTIO_ID_RNG, .probe = rng_probe };
VIRTIO_DRIVER(rng_driver);
