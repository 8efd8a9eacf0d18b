/* SPDX-License-Identifier: MIT
 *
 * Split virtqueues: see queue.h. Sections are those of virtio 1.2.
 *
 * Ring memory is one contiguous piece, laid out as legacy transports demand (2.7.2), which modern ones accept too:
 *
 *	| desc[num] | avail: flags idx ring[num] used_event | pad | used: flags idx ring[num] avail_event |
 *
 * Notification suppression with event indices (2.7.7, 2.7.10): a side that moves its index from old to new tells the other if the other's event index is in
 * [old, new). Between writing one's own index and reading the other's event a full barrier is needed on both sides (store before load).
 */
#include "virtio/queue.h"

#include <arch/barrier.h>

#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"

static uint16_t *used_event(const struct virtqueue *q)
{
	return &q->avail->ring[q->num];
}

static uint16_t *avail_event(const struct virtqueue *q)
{
	return (uint16_t *)&q->used->ring[q->num];
}

/* 2.7.7.2: has the index passed event on its way from old to new? */
static bool event_is_passed(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* ---- creation ----------------------------------------------------------------------------------------------------- */

static size_t ring_avail_off(unsigned num)
{
	return num * sizeof(struct virtq_desc);
}

static size_t ring_used_off(unsigned num)
{
	return ALIGN_UP(ring_avail_off(num) + sizeof(struct virtq_avail) + (num + 1) * sizeof(uint16_t), (size_t)VIRTIO_RING_ALIGN);
}

static size_t ring_size(unsigned num)
{
	return ring_used_off(num) + sizeof(struct virtq_used) + num * sizeof(struct virtq_used_elem) + sizeof(uint16_t);
}

static void queue_init_slots(struct virtqueue *q)
{
	for (unsigned i = 0; i < q->num; i++)
		q->slots[i].next = (uint16_t)(i + 1);
	q->free_head = 0;
	q->nr_free = (uint16_t)q->num;
}

int virtqueue_create(struct virtio_device *d, unsigned index, unsigned max_num, unsigned max_indirect, void (*on_used)(struct virtqueue *q),
		     struct virtqueue **out)
{
	unsigned num = 1, limit = d->transport->queue_max(d, index), order = 0;
	struct virtqueue *q;
	paddr_t pa;
	int r = -ENOMEM;

	if (!limit)
		return -ENOENT;
	limit = MIN(limit, MIN(max_num, 32768u));	/* 2.7: at most 32768 */
	while (num * 2 <= limit)
		num *= 2;
	while ((PAGE_SIZE << order) < ring_size(num))
		order++;
	q = KNEW(struct virtqueue);
	if (!q)
		return -ENOMEM;
	q->slots = kzalloc(num * sizeof(*q->slots));
	if (virtio_has(d, VIRTIO_F_IN_ORDER))
		q->order = kzalloc(num * sizeof(*q->order));
	pa = page_alloc(order, PAGE_ZERO);
	if (!q->slots || pa == PADDR_NONE || (virtio_has(d, VIRTIO_F_IN_ORDER) && !q->order))
		goto err_free;
	q->device = d;
	q->index = index;
	q->num = num;
	q->on_used = on_used;
	q->desc = phys_to_virt(pa);
	q->avail = (void *)((uint8_t *)q->desc + ring_avail_off(num));
	q->used = (void *)((uint8_t *)q->desc + ring_used_off(num));
	q->max_indirect = virtio_has(d, VIRTIO_F_INDIRECT_DESC) ? (uint16_t)max_indirect : 0;
	q->has_event_idx = virtio_has(d, VIRTIO_F_EVENT_IDX);
	queue_init_slots(q);
	r = d->transport->queue_setup(d, index, num, pa, ring_avail_off(num), ring_used_off(num));
	if (r)
		goto err_free;
	q->next = d->queues;
	/* release: the queue before it is found by the interrupt thread. Pairs: virtio_device_interrupt */
	atomic_store(&d->queues, q, RELEASE);
	*out = q;
	return 0;
err_free:
	if (pa != PADDR_NONE)
		page_free(pa, order);
	kfree(q->order);
	kfree(q->slots);
	kfree(q);
	return r;
}

/* ---- offering ----------------------------------------------------------------------------------------------------- */

static void fill_desc(struct virtq_desc *d, const struct virtq_buf *b, bool is_in, bool has_next, uint16_t next)
{
	d->addr = b->pa;
	d->len = b->len;
	d->flags = (uint16_t)((is_in ? VIRTQ_DESC_F_WRITE : 0) | (has_next ? VIRTQ_DESC_F_NEXT : 0));
	d->next = next;
}

/* 2.7.5.3: one descriptor that points to a table of nr. */
static void add_indirect(struct virtqueue *q, struct virtq_slot *s, uint16_t head, const struct virtq_buf *bufs, unsigned nr_out, unsigned nr)
{
	struct virtq_buf table = { virt_to_phys(s->indirect), (uint32_t)(nr * sizeof(struct virtq_desc)) };

	for (unsigned i = 0; i < nr; i++)
		fill_desc(&s->indirect[i], &bufs[i], i >= nr_out, i + 1 < nr, (uint16_t)(i + 1));
	fill_desc(&q->desc[head], &table, false, false, 0);
	q->desc[head].flags = VIRTQ_DESC_F_INDIRECT;
}

/* The chain at head is complete: note whose it is, and offer it. */
static inline void queue_offer(struct virtqueue *q, uint16_t head, unsigned nr_taken, uint16_t next_free, uint32_t in_len, void *token)
{
	struct virtq_slot *s = &q->slots[head];
	uint16_t at = q->avail_idx & (uint16_t)(q->num - 1);

	q->free_head = next_free;
	q->nr_free -= (uint16_t)nr_taken;
	s->in_len = in_len;
	s->nr = (uint16_t)nr_taken;
	s->token = token;
	if (unlikely(q->order))
		q->order[at] = head;
	WRITE_ONCE(q->avail->ring[at], head);
	q->avail_idx++;
}

/* A chain of several. */
static __attribute__((noinline)) int queue_add_chain(struct virtqueue *q, const struct virtq_buf *bufs, unsigned nr_out, unsigned nr, void *token)
{
	uint16_t head = q->free_head, i = head;
	struct virtq_slot *s = &q->slots[head];
	bool is_indirect = nr <= q->max_indirect && q->nr_free;
	uint32_t in_len = 0;

	if (!nr)
		return -EINVAL;
	if (is_indirect && !s->indirect) {
		s->indirect = kmalloc(q->max_indirect * sizeof(struct virtq_desc));
		is_indirect = s->indirect;
	}
	if ((is_indirect ? 1 : nr) > q->nr_free)
		return -ENOSPC;
	for (unsigned b = nr_out; b < nr; b++)
		in_len += bufs[b].len;
	if (is_indirect) {
		add_indirect(q, s, head, bufs, nr_out, nr);
		queue_offer(q, head, 1, s->next, in_len, token);
		return 0;
	}
	for (unsigned b = 0; b < nr; b++) {
		fill_desc(&q->desc[i], &bufs[b], b >= nr_out, b + 1 < nr, q->slots[i].next);
		i = q->slots[i].next;
	}
	queue_offer(q, head, nr, i, in_len, token);
	return 0;
}

int virtqueue_add(struct virtqueue *q, const struct virtq_buf *bufs, unsigned nr_out, unsigned nr_in, void *token)
{
	uint16_t head = q->free_head;

	if (unlikely(atomic_load(&q->device->is_broken, RELAXED)))
		return -EIO;
	if (nr_out + nr_in != 1)
		return queue_add_chain(q, bufs, nr_out, nr_out + nr_in, token);
	if (unlikely(!q->nr_free))
		return -ENOSPC;
	q->desc[head] = (struct virtq_desc){ .addr = bufs->pa, .len = bufs->len, .flags = nr_in ? VIRTQ_DESC_F_WRITE : 0 };
	queue_offer(q, head, 1, q->slots[head].next, nr_in ? bufs->len : 0, token);
	return 0;
}

void virtqueue_kick(struct virtqueue *q)
{
	uint16_t old = q->kicked_idx, new = q->avail_idx;
	bool must_notify;

	if (old == new || atomic_load(&q->device->is_broken, RELAXED))
		return;
	dma_wmb();	/* descriptors and ring before idx: 2.7.13.3 */
	WRITE_ONCE(q->avail->idx, new);
	q->kicked_idx = new;
	dma_mb();	/* idx before the look at the device's wish: 2.7.13.4 */
	if (q->has_event_idx)
		must_notify = event_is_passed(READ_ONCE(*avail_event(q)), new, old);
	else
		must_notify = !(READ_ONCE(q->used->flags) & VIRTQ_USED_F_NO_NOTIFY);
	if (must_notify)
		q->device->transport->notify(q->device, q->index);
}

/* ---- taking back --------------------------------------------------------------------------------------------------- */

bool virtqueue_has_used(const struct virtqueue *q)
{
	return (q->batch_left || READ_ONCE(q->used->idx) != READ_ONCE(q->used_idx)) && !atomic_load(&q->device->is_broken, RELAXED);
}

/* The chain at head goes back to the free list. Its token. */
static inline void *queue_release(struct virtqueue *q, struct virtq_slot *s, uint16_t head, uint32_t *len)
{
	struct virtq_slot *tail = s;
	void *token = s->token;

	for (unsigned n = 1; n < s->nr; n++)
		tail = &q->slots[tail->next];
	tail->next = q->free_head;
	q->free_head = head;
	q->nr_free += s->nr;
	s->token = NULL;
	*len = MIN(*len, s->in_len);	/* a device that claims more wrote no more: it had no more room */
	return token;
}

static __attribute__((noinline)) void *queue_is_broken(struct virtqueue *q, const char *what)
{
	virtio_device_broken(q->device, what);
	return NULL;
}

/* 2.7.9: one used element may stand for a batch, all chains up to its id in the order they were offered. */
static __attribute__((noinline)) void *queue_get_in_order(struct virtqueue *q, uint16_t pending, uint32_t *len)
{
	uint16_t head = q->order[q->used_idx & (q->num - 1)];

	if (!q->batch_left) {
		struct virtq_used_elem *e = &q->used->ring[q->used_idx & (q->num - 1)];
		uint32_t id = READ_ONCE(e->id);
		uint16_t n = 0;

		q->batch_len = READ_ONCE(e->len);
		while (n < pending && q->order[(uint16_t)(q->used_idx + n) & (q->num - 1)] != id)
			n++;
		if (n == pending)
			return queue_is_broken(q, "used id out of order");
		q->batch_left = (uint16_t)(n + 1);
	}
	q->batch_left--;
	/* Of chains skipped in a batch no length is told: they were used completely. */
	*len = q->batch_left ? UINT32_MAX : q->batch_len;
	WRITE_ONCE(q->used_idx, (uint16_t)(q->used_idx + 1));
	if (!q->slots[head].token)
		return queue_is_broken(q, "used id not in flight");
	return queue_release(q, &q->slots[head], head, len);
}

void *virtqueue_get(struct virtqueue *q, uint32_t *len)
{
	uint16_t at = q->used_idx, pending = (uint16_t)(READ_ONCE(q->used->idx) - at);
	struct virtq_used_elem *e;
	struct virtq_slot *s;
	uint32_t id, num = q->num;

	if ((!pending && !q->batch_left) || atomic_load(&q->device->is_broken, RELAXED))
		return NULL;
	dma_rmb();	/* used.idx before the element: 2.7.14 */
	if (unlikely(pending > num))
		return queue_is_broken(q, "used index too far");
	if (unlikely(q->order))
		return queue_get_in_order(q, pending, len);
	e = &q->used->ring[at & (num - 1)];
	id = READ_ONCE(e->id);
	*len = READ_ONCE(e->len);
	if (unlikely(id >= num))
		return queue_is_broken(q, "used id too large");
	s = &q->slots[id];
	if (unlikely(!s->token))
		return queue_is_broken(q, "used id not in flight");
	WRITE_ONCE(q->used_idx, (uint16_t)(at + 1));
	return queue_release(q, s, (uint16_t)id, len);
}

void virtqueue_disable_interrupts(struct virtqueue *q)
{
	/* With event indices: an index that has just been passed is not met again for 65535 buffers. */
	if (q->has_event_idx)
		WRITE_ONCE(*used_event(q), (uint16_t)(q->used_idx - 1));
	else
		WRITE_ONCE(q->avail->flags, (uint16_t)VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool virtqueue_enable_interrupts_after(struct virtqueue *q, unsigned n)
{
	uint16_t more = (uint16_t)(n ? n - 1 : 0);

	if (!q->has_event_idx)
		return virtqueue_enable_interrupts(q);
	dma_wmb();	/* what the caller has noted for the interrupt's thread */
	WRITE_ONCE(*used_event(q), (uint16_t)(q->used_idx + more));
	dma_mb();	/* the wish before the look at used.idx: 2.7.7 */
	return (uint16_t)(READ_ONCE(q->used->idx) - q->used_idx) > more && !atomic_load(&q->device->is_broken, RELAXED);
}

bool virtqueue_enable_interrupts(struct virtqueue *q)
{
	if (q->has_event_idx)
		WRITE_ONCE(*used_event(q), q->used_idx);
	else
		WRITE_ONCE(q->avail->flags, (uint16_t)0);
	dma_mb();	/* the wish before the look at used.idx: 2.7.7 */
	return virtqueue_has_used(q);
}
