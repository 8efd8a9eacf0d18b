/* SPDX-License-Identifier: MIT
 *
 * virtio-net's receive buffers: the ring holds whole pages; a packet is built in the tail of its first page (pkt_from_page), with the further pages of a merged one (MRG_RXBUF) behind
 * it: no copy and no allocation but the page that refills the ring. What the device writes is read once and checked.
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

static void rx_error(struct net *n)
{
	atomic_fetch_add(&n->netdev.rx_errors.errors, 1ul, RELAXED);
}

void virtio_net_rx_refill(struct rx_queue *q)
{
	while (q->vq->nr_free) {
		paddr_t pa = page_alloc(0, PAGE_NOWAIT);
		struct virtq_buf b = { pa, PKT_PAGE_ROOM };

		if (pa == PADDR_NONE) {
			/* The next packet tries again, unless there may be none: an empty ring receives nothing for ever. */
			if (virtqueue_nr_pending(q->vq) < RX_LOW && !q->is_timer_armed) {
				q->is_timer_armed = true;
				timer_arm(&q->timer, clock_monotonic() + RX_RETRY_NS, RX_RETRY_NS / 2);
			}
			break;
		}
		if (virtqueue_add(q->vq, &b, 0, 1, phys_to_virt(pa))) {
			page_put(pa);
			break;
		}
	}
	virtqueue_kick(q->vq);
}

static void rx_timer(struct timer *t)
{
	struct rx_queue *q = container_of(t, struct rx_queue, timer);

	mutex_lock(&q->lock);
	q->is_timer_armed = false;
	virtio_net_rx_refill(q);
	mutex_unlock(&q->lock);
}

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

/* Further buffers of a merged packet. False: it is to be dropped; all its buffers were taken from the ring. */
static bool rx_add_buffers(struct rx_queue *q, struct pkt *p, unsigned nr)
{
	bool is_good = true;

	while (nr--) {
		uint32_t len;
		void *page = virtqueue_get(q->vq, &len);

		if (!page)
			return false;
		if (!len || !is_good || !pkt_add_page(p, page, len)) {
			page_put(virt_to_phys(page));
			is_good = false;
		}
	}
	return is_good;
}

/* The packet that starts with page. NULL: dropped. */
static struct pkt *rx_packet(struct rx_queue *q, uint8_t *page, uint32_t len)
{
	struct net *n = q->net;
	struct virtio_net_hdr h = { .num_buffers = 1 };
	unsigned nr_buffers;
	struct pkt *p;

	if (len < n->hdr_size + ETH_HDR_LEN) {
		page_put(virt_to_phys(page));
		rx_error(n);
		return NULL;
	}
	memcpy(&h, page, n->hdr_size);	/* a copy: the device could still change the page */
	nr_buffers = virtio_has(n->device, VIRTIO_NET_F_MRG_RXBUF) ? h.num_buffers : 1;
	p = pkt_from_page(page, n->hdr_size, len - n->hdr_size);
	if (!nr_buffers || !rx_add_buffers(q, p, nr_buffers - 1) || !rx_set_offload(n, p, &h)) {
		pkt_free(p);
		rx_error(n);
		return NULL;
	}
	return p;
}

bool virtio_net_rx_take(struct rx_queue *q, struct pkt **out)
{
	uint32_t len;
	void *page = virtqueue_get(q->vq, &len);

	if (!page)
		return false;
	*out = rx_packet(q, page, len);
	return true;
}

void virtio_net_rx_init(struct rx_queue *q)
{
	timer_init(&q->timer, rx_timer);
}
