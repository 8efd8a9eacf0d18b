/* SPDX-License-Identifier: MIT
 *
 * virtio-net's receive buffers, from the queue's pool (net/pkt-pool.h); packets are built in them, without a copy and without an allocation. What the device writes is read once
 * and checked.
 *
 * A ring holds `budget` bytes of memory, as pages or as big buffers. With merged buffers (MRG_RXBUF) a packet of 64 KiB takes nineteen pages or three big buffers, and each costs the
 * same to offer, to take back, to copy from and to free. So while packets come that are larger than a page, the ring is filled with big buffers, and with pages again when there were none
 * among BIG_FOR. What would fit a page but came in a big buffer is copied to a page, and the big one goes back to the ring: memory that a packet pins is never more than
 * nine times what it holds, or a page.
 *
 * Memory of a queue: the budget (1 MiB, or 256 KiB in a machine of less than 64 MiB) in the ring; in the pool up to 4 MiB in pages, and as much in big buffers while there are any in the
 * ring, each not more than a 64th of the machine's memory; and what sockets hold, which they count.
 */
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "virtio/net-priv.h"
#include "virtio/net-reg.h"

#define RX_RETRY_NS	(10 * NSEC_PER_MSEC)
#define RX_LOW		16u
#define BIG_FOR		256u
#define POOL_PART	64u		/* of memory, the most that lies in the pool as pages, and again as big buffers */
#define POOL_MOST	(4ull << 20)	/* and not more than this: most of a receive window */
#define BIG_BUDGET	(256u << 10)	/* the least: two packets of 64 KiB and what they leave unused */

static void rx_error(struct net *n)
{
	atomic_fetch_add(&n->netdev.rx_errors.errors, 1ul, RELAXED);
}

static uint32_t buf_size(const struct pkt *buf)
{
	return buf->buf_size == PKT_BUF_BIG ? PKT_BIG_SIZE : PAGE_SIZE;
}

/* ---- the ring ------------------------------------------------------------------------------------------------------- */

/* lock held. There is room for it. */
static bool rx_offer(struct rx_queue *q, struct pkt *buf)
{
	struct virtq_buf b = { virt_to_phys(pkt_buf_start(buf)), pkt_buf_room(buf) };

	if (unlikely(virtqueue_add(q->vq, &b, 0, 1, buf))) {
		pkt_pool_put(buf);
		return false;
	}
	q->posted += buf_size(buf);
	return true;
}

/* lock held. No memory: the next packet tries again, unless there may be none: an empty ring receives nothing for ever. */
static void rx_retry_later(struct rx_queue *q)
{
	if (virtqueue_nr_pending(q->vq) >= RX_LOW || q->is_timer_armed)
		return;
	q->is_timer_armed = true;
	timer_arm(&q->timer, clock_monotonic() + RX_RETRY_NS, RX_RETRY_NS / 2);
}

/* lock held. */
static void rx_fill(struct rx_queue *q)
{
	while (q->vq->nr_free && q->posted + PAGE_SIZE <= q->budget) {
		struct pkt *buf = NULL;

		if (q->big_for) {
			if (q->posted + PKT_BIG_SIZE > q->budget)
				break;
			buf = pkt_pool_get(&q->pool, PKT_BUF_BIG);
		}
		if (!buf)
			buf = pkt_pool_get(&q->pool, PKT_BUF_PAGE);
		if (!buf) {
			rx_retry_later(q);
			break;
		}
		if (!rx_offer(q, buf))
			break;
	}
	pkt_pool_settle(&q->pool);
	virtqueue_kick(q->vq);
}

void virtio_net_rx_refill(struct rx_queue *q)
{
	/* Some at once: telling the device costs as much as offering a buffer. */
	if (q->budget - q->posted >= q->budget / 16)
		rx_fill(q);
	else if (unlikely(q->vq->avail_idx != q->vq->kicked_idx))
		virtqueue_kick(q->vq);	/* what rx_shrink() has offered again */
}

static void rx_timer(struct timer *t)
{
	struct rx_queue *q = container_of(t, struct rx_queue, timer);

	mutex_lock_urgent(&q->lock);
	q->is_timer_armed = false;
	rx_fill(q);
	mutex_unlock_urged(&q->lock);
}

void virtio_net_rx_init(struct rx_queue *q, uint64_t memory)
{
	uint32_t most = (uint32_t)MIN(memory / POOL_PART, POOL_MOST);

	q->budget = q->vq->num * PAGE_SIZE;
	q->may_use_big = q->budget >= BIG_BUDGET && virtio_has(q->net->device, VIRTIO_NET_F_MRG_RXBUF);
	q->most_big = most / PKT_BIG_SIZE;
	pkt_pool_init(&q->pool, most / PAGE_SIZE, 0);
	timer_init(&q->timer, rx_timer);
}

/* lock held. A used buffer, no longer the ring's; NULL: there is none. */
static inline struct pkt *rx_used(struct rx_queue *q, uint32_t *len)
{
	struct pkt *buf = virtqueue_get(q->vq, len);

	if (buf)
		q->posted -= buf_size(buf);
	return buf;
}

/* lock held. Do packets come that need more than a page? */
static inline void rx_note_size(struct rx_queue *q, bool is_large)
{
	if (unlikely(is_large)) {
		if (!q->big_for && q->may_use_big)
			pkt_pool_keep_big(&q->pool, q->most_big);
		q->big_for = q->may_use_big ? BIG_FOR : 0;
	} else if (unlikely(q->big_for) && !--q->big_for) {
		pkt_pool_keep_big(&q->pool, 0);
	}
}

/* ---- packets --------------------------------------------------------------------------------------------------------- */

/* What the header says becomes the packet's fields. False: it contradicts the packet or what was agreed. */
static bool rx_set_offload(const struct net *n, struct pkt *p, const struct virtio_net_hdr *h)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!virtio_has(n->device, VIRTIO_NET_F_GUEST_CSUM) || (uint32_t)h->csum_start + h->csum_offset + 2 > p->len)
			return false;
		p->flags |= PKT_CSUM_PARTIAL;
		p->csum_start = h->csum_start;
		p->csum_offset = h->csum_offset;
	} else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID) {
		p->flags |= PKT_CSUM_OK;
	}
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		p->gso_type = PKT_GSO_TCP4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		p->gso_type = PKT_GSO_TCP6;
		break;
	default:
		return false;
	}
	p->gso_size = h->gso_size;
	return h->gso_size && n->netdev.features & NETDEV_RXGSO;
}

/* lock held. The same len bytes in a page, and the big buffer in the ring again; where no page is to be had, buf. */
static __attribute__((noinline)) struct pkt *rx_shrink(struct rx_queue *q, struct pkt *buf, uint32_t len)
{
	struct pkt *page = pkt_pool_get(&q->pool, PKT_BUF_PAGE);

	if (!page)
		return buf;
	memcpy(pkt_buf_start(page), pkt_buf_start(buf), len);
	if (q->big_for)
		(void)rx_offer(q, buf);
	else
		pkt_pool_put(buf);
	return page;
}

/* lock held. Further buffers of a merged packet. False: it is to be dropped; all its buffers were taken from the ring. */
static __attribute__((noinline)) bool rx_add_buffers(struct rx_queue *q, struct pkt *p, unsigned nr)
{
	bool is_good = true;

	while (nr--) {
		uint32_t len;
		struct pkt *buf = rx_used(q, &len);

		if (!buf)
			return false;
		if (buf->buf_size == PKT_BUF_BIG && len <= PKT_PAGE_ROOM)
			buf = rx_shrink(q, buf, len);
		if (!len || !is_good || !pkt_add_pool(p, buf, len)) {
			pkt_pool_put(buf);
			is_good = false;
		}
	}
	return is_good;
}

/* lock held. The packet that starts with buf. NULL: dropped. */
static struct pkt *rx_packet(struct rx_queue *q, struct pkt *buf, uint32_t len)
{
	struct net *n = q->net;
	struct virtio_net_hdr h;
	unsigned nr_buffers = 1;
	struct pkt *p;

	_Static_assert(sizeof(h) <= VIRTIO_NET_HDR_SIZE_SHORT + ETH_HDR_LEN, "both headers are read as the long one");
	if (unlikely(len < n->hdr_size + ETH_HDR_LEN)) {
		pkt_pool_put(buf);
		rx_error(n);
		return NULL;
	}
	if (unlikely(buf->buf_size == PKT_BUF_BIG) && len <= PKT_PAGE_ROOM)
		buf = rx_shrink(q, buf, len);
	memcpy(&h, pkt_buf_start(buf), sizeof(h));	/* a copy: the device could still change the buffer */
	if (virtio_has(n->device, VIRTIO_NET_F_MRG_RXBUF))
		nr_buffers = h.num_buffers;
	p = pkt_from_pool(buf, n->hdr_size, len - n->hdr_size);
	rx_note_size(q, nr_buffers > 1 || buf->buf_size == PKT_BUF_BIG);
	if (unlikely((nr_buffers != 1 && (!nr_buffers || !rx_add_buffers(q, p, nr_buffers - 1))) || !rx_set_offload(n, p, &h))) {
		pkt_free(p);
		rx_error(n);
		return NULL;
	}
	return p;
}

bool virtio_net_rx_take(struct rx_queue *q, struct pkt **out)
{
	uint32_t len;
	struct pkt *buf = rx_used(q, &len);

	if (!buf)
		return false;
	*out = rx_packet(q, buf, len);
	return true;
}
