/* SPDX-License-Identifier: MIT
 *
 * virtio-blk (virtio 1.2, 5.2): a struct blkdev over as many queues as the device has and CPUs can use. A request goes to the queue of the CPU it is submitted on; when that ring is
 * full the submitter sleeps until something is done.
 */
#include "fs/blkdev.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/cpu.h"
#include "sched/mutex.h"
#include "sched/trace.h"
#include "sched/waitq.h"
#include "virtio/blk-reg.h"
#include "virtio/queue.h"
#include "virtio/virtio.h"

#define RING_SIZE	128u
#define MAX_SEGS	64u
#define MAX_SEG_LEN	(1u << 20)

/* What the device reads and writes of one request besides its data. */
struct blk_slot {
	struct virtio_blk_req header;	/* dma */
	uint8_t status;			/* dma */
	struct blk_request *request;
	uint32_t data_len;		/* bytes that the device has to write for a read */
	struct blk_slot *next_free;
};

struct blk_queue {
	struct blk *blk;		/* [I] */
	struct mutex lock;
	struct virtqueue *vq;		/* [lock] */
	struct blk_slot *slots;		/* [I] */
	struct blk_slot *free;		/* [lock] */
	struct waitq room;
};

/* One a device, never freed. */
struct blk {
	struct blkdev blkdev;
	struct virtio_device *device;	/* [I] */
	unsigned nr_queues;		/* [I] */
	struct blk_queue *queues;	/* [I] */
};

/* lock held. False: no room now. */
static bool blk_try_submit(struct blk_queue *q, struct blk_request *r, int *error)
{
	static const uint32_t type[] = { [BLK_READ] = VIRTIO_BLK_T_IN, [BLK_WRITE] = VIRTIO_BLK_T_OUT, [BLK_FLUSH] = VIRTIO_BLK_T_FLUSH };
	struct virtq_buf bufs[MAX_SEGS + 2];
	struct blk_slot *s = q->free;
	unsigned nr = 0, nr_out;
	uint64_t bytes = 0;

	*error = 0;
	if (!s)
		return false;
	s->header = (struct virtio_blk_req){ .type = type[r->op], .sector = r->sector };
	s->status = 0xff;
	s->request = r;
	s->data_len = 0;
	bufs[nr++] = (struct virtq_buf){ virt_to_phys(&s->header), sizeof(s->header) };
	for (unsigned i = 0; i < r->nr_segs; i++) {
		bufs[nr++] = (struct virtq_buf){ r->segs[i].pa, r->segs[i].len };
		bytes += r->segs[i].len;
		s->data_len += r->op == BLK_READ ? r->segs[i].len : 0;
	}
	nr_out = r->op == BLK_READ ? 1 : nr;
	bufs[nr++] = (struct virtq_buf){ virt_to_phys(&s->status), 1 };
	*error = virtqueue_add(q->vq, bufs, nr_out, nr - nr_out, s);
	if (*error == -ENOSPC)
		return false;
	if (!*error) {
		q->free = s->next_free;
		trace(TRACE_BLOCK_BEGIN, r->sector, bytes | (uint64_t)(r->op == BLK_WRITE) << 63);
		virtqueue_kick(q->vq);
	}
	return true;
}

static bool blk_submit_or_full(struct blk_queue *q, struct blk_request *r, int *error)
{
	bool has_room;

	mutex_lock(&q->lock);
	has_room = blk_try_submit(q, r, error);
	mutex_unlock(&q->lock);
	return has_room;
}

static void blk_submit(struct blkdev *dev, struct blk_request *r)
{
	struct blk *b = dev->private;
	struct blk_queue *q;
	unsigned cpu;
	int error;

	preempt_disable();
	cpu = cpu_this()->id;
	preempt_enable();
	q = &b->queues[cpu % b->nr_queues];
	(void)waitq_wait_until(&q->room, "virtio-blk", 0, blk_submit_or_full(q, r, &error), NSEC_NEVER, 0);
	if (error)
		r->done(r, -EIO);
}

static int slot_status(const struct blk_slot *s, uint32_t len)
{
	switch (READ_ONCE(s->status)) {
	case VIRTIO_BLK_S_OK:
		return len > s->data_len ? 0 : -EIO;	/* data and the status byte were written */
	case VIRTIO_BLK_S_UNSUPP:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/* Give back what is done, without the lock during done(). False: nothing was. */
static bool blk_complete_one(struct blk_queue *q)
{
	struct blk_request *r;
	struct blk_slot *s;
	uint32_t len;
	int status = 0;

	mutex_lock(&q->lock);
	s = virtqueue_get(q->vq, &len);
	r = s ? s->request : NULL;
	if (s) {
		status = slot_status(s, len);
		s->next_free = q->free;
		q->free = s;
	}
	mutex_unlock(&q->lock);
	if (r) {
		trace(TRACE_BLOCK_END, r->sector, status);
		r->done(r, status);
	}
	return r;
}

/* A device that broke the rules gives nothing back any more: what it has fails now. Its memory stays reserved for it: slots are not reused. */
static void blk_fail_all(struct blk_queue *q)
{
	for (unsigned i = 0; i < q->vq->num; i++) {
		struct blk_request *r = NULL;

		mutex_lock(&q->lock);
		if (q->vq->slots[i].token) {
			struct blk_slot *s = q->vq->slots[i].token;

			r = s->request;
			s->request = NULL;
		}
		mutex_unlock(&q->lock);
		if (r)
			r->done(r, -EIO);
	}
}

static void blk_interrupt(struct virtqueue *vq)
{
	struct blk_queue *q = vq->priv;
	bool has_more;

	do {
		while (blk_complete_one(q))
			;
		mutex_lock(&q->lock);
		has_more = virtqueue_enable_interrupts(vq);
		mutex_unlock(&q->lock);
	} while (has_more);
	if (atomic_load(&vq->device->is_broken, RELAXED))
		blk_fail_all(q);
	waitq_wake_all(&q->room, 0);
}

static void blk_config_changed(struct virtio_device *d)
{
	struct blk *b = d->priv;

	if (b)
		atomic_store(&b->blkdev.nr_sectors, virtio_config64(d, VIRTIO_BLK_CFG_CAPACITY), RELAXED);
}

/* ---- start -------------------------------------------------------------------------------------------------------- */

static int queue_create(struct blk *b, unsigned i)
{
	struct blk_queue *q = &b->queues[i];
	int r = virtqueue_create(b->device, i, RING_SIZE, MAX_SEGS + 2, blk_interrupt, &q->vq);

	if (r)
		return r;
	q->blk = b;
	q->vq->priv = q;
	waitq_init(&q->room);
	q->slots = kzalloc(q->vq->num * sizeof(*q->slots));
	if (!q->slots)
		return -ENOMEM;
	for (unsigned s = 0; s < q->vq->num; s++) {
		q->slots[s].next_free = q->free;
		q->free = &q->slots[s];
	}
	return 0;
}

static void read_config(struct blk *b)
{
	struct virtio_device *d = b->device;
	uint32_t seg_max = virtio_has(d, VIRTIO_BLK_F_SEG_MAX) ? virtio_config32(d, VIRTIO_BLK_CFG_SEG_MAX) : 1;
	uint32_t size_max = virtio_has(d, VIRTIO_BLK_F_SIZE_MAX) ? virtio_config32(d, VIRTIO_BLK_CFG_SIZE_MAX) : MAX_SEG_LEN;
	uint32_t block = virtio_has(d, VIRTIO_BLK_F_BLK_SIZE) ? virtio_config32(d, VIRTIO_BLK_CFG_BLK_SIZE) : BLK_SECTOR;
	unsigned queues = virtio_has(d, VIRTIO_BLK_F_MQ) ? virtio_config16(d, VIRTIO_BLK_CFG_NUM_QUEUES) : 1;

	b->blkdev.nr_sectors = virtio_config64(d, VIRTIO_BLK_CFG_CAPACITY);
	b->blkdev.max_segs = MIN(MAX(seg_max, 1u), MAX_SEGS);
	b->blkdev.block_size = block >= BLK_SECTOR && block <= PAGE_SIZE && !(block & (block - 1)) ? block : BLK_SECTOR;
	b->blkdev.max_seg_len = size_max >= PAGE_SIZE && size_max < MAX_SEG_LEN ? ALIGN_DOWN(size_max, b->blkdev.block_size) : MAX_SEG_LEN;
	b->blkdev.is_read_only = virtio_has(d, VIRTIO_BLK_F_RO);
	b->blkdev.has_flush = virtio_has(d, VIRTIO_BLK_F_FLUSH);
	b->nr_queues = MIN(MAX(queues, 1u), nr_cpus);
}

static const struct blkdev_ops blk_ops = { .submit = blk_submit };

static int blk_probe(struct virtio_device *d)
{
	struct blk *b = KNEW(struct blk);
	int r = 0;

	if (!b)
		return -ENOMEM;
	b->device = d;
	read_config(b);
	b->queues = kzalloc(b->nr_queues * sizeof(*b->queues));
	if (!b->queues)
		return -ENOMEM;
	for (unsigned i = 0; !r && i < b->nr_queues; i++)
		r = queue_create(b, i);
	if (r)
		return r;	/* b stays: queues know it */
	/* A chain must fit the ring even without an indirect table (4 entries hold one block, header and status). */
	if (b->queues[0].vq->num < 4)
		return -ENOTSUP;
	b->blkdev.max_segs = MIN(b->blkdev.max_segs, b->queues[0].vq->num - 2);
	d->priv = b;
	b->blkdev.ops = &blk_ops;
	b->blkdev.private = b;
	virtio_device_ready(d);
	return blkdev_register(&b->blkdev);
}

static const struct virtio_driver blk_driver = {
	.name = "blk",
	.id = VIRTIO_ID_BLOCK,
	.features = VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_MQ,
	.probe = blk_probe,
	.config_changed = blk_config_changed,
};
VIRTIO_DRIVER(blk_driver);
