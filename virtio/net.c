/* SPDX-License-Identifier: MIT
 *
 * virtio-net (virtio 1.2, 5.1): a struct netdev with one receive and one transmit queue for each pair that the device has and a CPU can use.
 *
 * Nothing but the MAC address is read at boot; queues are made and the device is started when net/ opens it, at the first use of the network.
 *
 * Receive: the ring holds whole pages; a packet is built in the tail of its first page (pkt_from_page), with the further pages of a merged one (MRG_RXBUF) behind it: no copy and no
 * allocation but the page that refills the ring. Interrupts are off while the thread works through the ring. A device with one pair is served by the interrupt thread itself;
 * with several each has a thread of its own that the interrupt thread wakes.
 *
 * Transmit: the header goes into the room before the frame, so a small packet is one descriptor. There are no transmit interrupts: finished packets are taken back by the next
 * transmit, and by a timer 10 ms after the last one.
 */
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "net/netdev.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "virtio/net-reg.h"
#include "virtio/queue.h"
#include "virtio/virtio.h"

#define RING_SIZE	256u
#define RING_SIZE_SMALL	64u
#define SMALL_MEMORY	(64ull << 20)
#define MAX_BUFS	(PKT_MAX_SEGS + 1)
#define TX_CLEAN_NS	(10 * NSEC_PER_MSEC)
#define RX_RETRY_NS	(10 * NSEC_PER_MSEC)
#define RX_LOW		16u
#define CTRL_TRIES	1000u		/* times 1 ms */
#define CTRL_DATA	16u
#define DEFAULT_MTU	1500u
#define ETH_HDR_LEN	14u

struct net;

struct rx_queue {
	struct net *net;		/* [I] */
	unsigned index;			/* [I] */
	struct mutex lock;		/* the serving thread and the timer */
	struct virtqueue *vq;		/* [lock] */
	struct timer timer;		/* [lock] refills a ring that memory was too short for */
	bool is_timer_armed;		/* [lock] */
	struct thread *thread;		/* [I] NULL: served by the interrupt thread */
	uint32_t has_work;		/* [a] */
};

struct tx_queue {
	struct net *net;		/* [I] */
	struct mutex lock;
	struct virtqueue *vq;		/* [lock] */
	struct timer timer;		/* [lock] */
	bool is_timer_armed;		/* [lock] */
};

/* One a device, never freed. */
struct net {
	struct netdev netdev;
	struct virtio_device *device;	/* [I] */
	unsigned hdr_size;		/* [I] */
	unsigned nr_pairs, max_pairs;	/* [I] used; in the device (the control queue comes after them) */
	struct rx_queue *rx;		/* [I] nr_pairs */
	struct tx_queue *tx;		/* [I] nr_pairs */
	struct mutex ctrl_lock;
	struct virtqueue *ctrl;		/* [ctrl_lock] or NULL */
	uint8_t *ctrl_buffer;		/* [ctrl_lock] command, data, answer */
};

static void rx_error(struct net *n)
{
	atomic_fetch_add(&n->netdev.rx_errors.errors, 1ul, RELAXED);
}

/* ---- receive ------------------------------------------------------------------------------------------------------ */

/* lock held. */
static void rx_refill(struct rx_queue *q)
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
	rx_refill(q);
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

/* lock held. Up to NETDEV_RX_BATCH packets to net/. False: the ring is empty. */
static bool rx_batch(struct rx_queue *q)
{
	struct pkt *first = NULL, *last = NULL, *p;
	unsigned nr = 0;
	uint32_t len;
	void *page;

	while (nr < NETDEV_RX_BATCH && (page = virtqueue_get(q->vq, &len))) {
		nr++;
		p = rx_packet(q, page, len);
		if (!p)
			continue;
		pkt_set_next(p, NULL);
		if (last)
			pkt_set_next(last, p);
		else
			first = p;
		last = p;
	}
	rx_refill(q);
	if (first)
		netdev_receive(&q->net->netdev, q->index, first);
	return nr;
}

static void rx_run(struct rx_queue *q)
{
	mutex_lock(&q->lock);
	virtqueue_disable_interrupts(q->vq);
	do {
		while (rx_batch(q))
			;
	} while (virtqueue_enable_interrupts(q->vq));
	mutex_unlock(&q->lock);
}

static void rx_thread(void *arg)
{
	struct rx_queue *q = arg;

	for (;;) {
		(void)thread_wait_until("virtio-net-rx", atomic_load(&q->has_work, ACQUIRE), NSEC_NEVER, 0);
		atomic_store(&q->has_work, 0u, RELAXED);
		atomic_fence(SEQ_CST);	/* has_work = 0 before the look at the ring: what the device adds later sets it again. Pairs: the interrupt */
		rx_run(q);
	}
}

static void rx_interrupt(struct virtqueue *vq)
{
	struct rx_queue *q = vq->priv;

	if (!q->thread) {
		rx_run(q);
		return;
	}
	/* release: pairs with the acquire in rx_thread; what counts is in the ring anyway */
	atomic_store(&q->has_work, 1u, RELEASE);
	thread_wake(q->thread);
}

/* ---- transmit ----------------------------------------------------------------------------------------------------- */

/* lock held. */
static void tx_clean(struct tx_queue *q)
{
	struct pkt *p;
	uint32_t ignored;

	while ((p = virtqueue_get(q->vq, &ignored)))
		pkt_free(p);
}

/* lock held. What is under way must come back even if nothing is sent any more. */
static void tx_arm_timer(struct tx_queue *q)
{
	if (q->is_timer_armed || !virtqueue_nr_pending(q->vq))
		return;
	q->is_timer_armed = true;
	timer_arm(&q->timer, clock_monotonic() + TX_CLEAN_NS, TX_CLEAN_NS / 2);
}

static void tx_timer(struct timer *t)
{
	struct tx_queue *q = container_of(t, struct tx_queue, timer);

	mutex_lock(&q->lock);
	q->is_timer_armed = false;
	tx_clean(q);
	tx_arm_timer(q);
	mutex_unlock(&q->lock);
}

static bool net_is_sending(struct netdev *dev)
{
	struct net *n = dev->private;
	bool is = false;

	for (unsigned i = 0; i < n->nr_pairs; i++) {
		struct tx_queue *q = &n->tx[i];

		mutex_lock(&q->lock);
		if (q->vq) {
			tx_clean(q);
			is |= virtqueue_nr_pending(q->vq) != 0;
		}
		mutex_unlock(&q->lock);
	}
	return is;
}

/* Field by field: with the short header num_buffers would be the first bytes of the frame. */
static void tx_fill_header(struct virtio_net_hdr *h, const struct pkt *p, unsigned size)
{
	bool is_partial = p->flags & PKT_CSUM_PARTIAL;

	h->flags = is_partial ? VIRTIO_NET_HDR_F_NEEDS_CSUM : 0;
	h->csum_start = is_partial ? p->csum_start : 0;
	h->csum_offset = is_partial ? p->csum_offset : 0;
	h->gso_type = VIRTIO_NET_HDR_GSO_NONE;
	h->hdr_len = 0;
	h->gso_size = 0;
	if (size == sizeof(*h))
		h->num_buffers = 0;
	if (p->gso_type != PKT_GSO_NONE) {
		h->gso_type = p->gso_type == PKT_GSO_TCP4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		h->gso_size = p->gso_size;
		h->hdr_len = p->hdr_len;
	}
}

/* lock held. 0, or -errno: the packet is still the caller's. */
static int tx_packet(struct tx_queue *q, struct pkt *p)
{
	struct net *n = q->net;
	struct virtq_buf bufs[MAX_BUFS];
	uint8_t *header = p->seg[0].data - n->hdr_size;
	unsigned nr = 0, i = 0;

	tx_fill_header((struct virtio_net_hdr *)header, p, n->hdr_size);
	if (n->device->is_legacy && !virtio_has(n->device, VIRTIO_F_ANY_LAYOUT))
		bufs[nr++] = (struct virtq_buf){ virt_to_phys(header), n->hdr_size };	/* 2.7.4.1, legacy: framing matters */
	else
		bufs[nr++] = (struct virtq_buf){ virt_to_phys(header), n->hdr_size + p->seg[i++].len };
	for (; i < p->nr_segs; i++)
		bufs[nr++] = (struct virtq_buf){ virt_to_phys(p->seg[i].data), p->seg[i].len };
	return virtqueue_add(q->vq, bufs, nr, 0, p);
}

static void net_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	struct net *n = dev->private;
	struct tx_queue *q = &n->tx[queue];
	struct pkt *next;

	mutex_lock(&q->lock);
	tx_clean(q);
	for (; list; list = next) {
		next = pkt_next(list);
		if (!tx_packet(q, list))
			continue;
		virtqueue_kick(q->vq);
		tx_clean(q);
		if (tx_packet(q, list)) {
			pkt_free(list);
			atomic_fetch_add(&dev->tx_errors.dropped, 1ul, RELAXED);
		}
	}
	virtqueue_kick(q->vq);
	tx_arm_timer(q);
	mutex_unlock(&q->lock);
}

/* ---- control queue (5.1.6.5) ---------------------------------------------------------------------------------------- */

/* 0, or -errno. Asks for the answer from time to time instead of waiting for an interrupt: it may run in the interrupt thread. */
static int ctrl_command(struct net *n, uint8_t class, uint8_t command, const void *data, unsigned len)
{
	uint8_t *buf = n->ctrl_buffer, *answer = buf + sizeof(struct virtio_net_ctrl) + CTRL_DATA;
	struct virtq_buf bufs[2];
	uint32_t ignored;
	int r = -ENOTSUP;

	if (!n->ctrl)
		return r;
	mutex_lock(&n->ctrl_lock);
	*(struct virtio_net_ctrl *)buf = (struct virtio_net_ctrl){ class, command };
	memcpy(buf + sizeof(struct virtio_net_ctrl), data, len);
	*answer = 0xff;
	bufs[0] = (struct virtq_buf){ virt_to_phys(buf), (uint32_t)sizeof(struct virtio_net_ctrl) + len };
	bufs[1] = (struct virtq_buf){ virt_to_phys(answer), 1 };
	r = virtqueue_nr_pending(n->ctrl) ? -EBUSY : virtqueue_add(n->ctrl, bufs, 1, 1, n);
	if (!r) {
		virtqueue_kick(n->ctrl);
		for (unsigned i = 0; i < CTRL_TRIES && !virtqueue_get(n->ctrl, &ignored); i++)
			(void)thread_sleep_until(clock_monotonic() + NSEC_PER_MSEC, 0);
		r = READ_ONCE(*answer) == VIRTIO_NET_OK ? 0 : -EIO;
	}
	mutex_unlock(&n->ctrl_lock);
	return r;
}

static void net_config_changed(struct virtio_device *d)
{
	struct net *n = d->priv;
	uint16_t status;

	if (!n || !virtio_has(d, VIRTIO_NET_F_STATUS))
		return;
	status = virtio_config16(d, VIRTIO_NET_CFG_STATUS);
	if (atomic_exchange(&n->netdev.is_link_up, (uint32_t)(status & VIRTIO_NET_S_LINK_UP), RELAXED) != (status & VIRTIO_NET_S_LINK_UP))
		netdev_link_changed(&n->netdev);
	if (status & VIRTIO_NET_S_ANNOUNCE && virtio_has(d, VIRTIO_NET_F_GUEST_ANNOUNCE)) {
		netdev_announce(&n->netdev);
		(void)!ctrl_command(n, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, "", 0);
	}
}

/* ---- start -------------------------------------------------------------------------------------------------------- */

static int pair_create(struct net *n, unsigned i, unsigned ring)
{
	struct rx_queue *rx = &n->rx[i];
	struct tx_queue *tx = &n->tx[i];
	int r = virtqueue_create(n->device, 2 * i, ring, 0, rx_interrupt, &rx->vq);

	if (!r)
		r = virtqueue_create(n->device, 2 * i + 1, ring, MAX_BUFS, NULL, &tx->vq);
	if (r)
		return r;
	rx->net = tx->net = n;
	rx->index = i;
	rx->vq->priv = rx;
	timer_init(&rx->timer, rx_timer);
	timer_init(&tx->timer, tx_timer);
	virtqueue_disable_interrupts(tx->vq);
	/* virtio-mmio has one interrupt for all queues; it only wakes the threads, each on the CPU whose flows its queue has (flow_queue in net/tcp-output.c). */
	if (n->nr_pairs > 1) {
		struct thread_params params = { .name = "virtio-net-rx", .entry = rx_thread, .arg = rx, .pinned_cpu = (int)(i % nr_cpus), .is_realtime = true };

		r = thread_create(&params, &rx->thread);
	}
	return r;
}

static int ctrl_create(struct net *n)
{
	int r;

	n->ctrl_buffer = kzalloc(64);
	if (!n->ctrl_buffer)
		return -ENOMEM;
	r = virtqueue_create(n->device, 2 * n->max_pairs, 4, 0, NULL, &n->ctrl);
	if (!r)
		virtqueue_disable_interrupts(n->ctrl);
	return r;
}

/* The ring is filled before DRIVER_OK: its kick is only noted by the device then; kicked again when it runs. */
static int net_open(struct netdev *dev)
{
	struct net *n = dev->private;
	struct page_stats stats;
	uint16_t pairs = (uint16_t)n->nr_pairs;
	int r = 0;

	page_stats(&stats);
	for (unsigned i = 0; !r && i < n->nr_pairs; i++)
		r = pair_create(n, i, stats.total_bytes < SMALL_MEMORY ? RING_SIZE_SMALL : RING_SIZE);
	if (!r && virtio_has(n->device, VIRTIO_NET_F_CTRL_VQ))
		r = ctrl_create(n);
	if (r) {
		log_line("%s: network not usable (error %d)", n->device->name, -r);
		return r;
	}
	virtio_device_ready(n->device);
	for (unsigned i = 0; i < n->nr_pairs; i++) {
		if (n->rx[i].thread)
			thread_start(n->rx[i].thread);
		mutex_lock(&n->rx[i].lock);
		rx_refill(&n->rx[i]);
		mutex_unlock(&n->rx[i].lock);
	}
	if (n->nr_pairs > 1 && ctrl_command(n, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &pairs, sizeof(pairs)))
		log_line("%s: the device refuses %u queue pairs; it receives on one", n->device->name, pairs);
	return 0;
}

static void net_set_rx_affinity(struct netdev *dev, unsigned queue, struct cpu *cpu)
{
	struct net *n = dev->private;
	uint64_t mask[MAX_CPUS / 64] = { 0 };

	if (!n->rx[queue].thread)
		return;
	mask[cpu->id / 64] |= 1ull << cpu->id % 64;
	(void)!thread_set_affinity(n->rx[queue].thread, mask, MAX_CPUS / 64);
}

static const struct netdev_ops net_ops = {
	.transmit = net_transmit,
	.set_rx_affinity = net_set_rx_affinity,
	.open = net_open,
	.is_sending = net_is_sending,
};

static uint32_t netdev_features(const struct virtio_device *d)
{
	uint32_t f = 0;

	if (virtio_has(d, VIRTIO_NET_F_CSUM))
		f |= NETDEV_CSUM;
	if (virtio_has(d, VIRTIO_NET_F_HOST_TSO4))
		f |= NETDEV_TSO4;
	if (virtio_has(d, VIRTIO_NET_F_HOST_TSO6))
		f |= NETDEV_TSO6;
	if (virtio_has(d, VIRTIO_NET_F_GUEST_CSUM))
		f |= NETDEV_RXCSUM;
	if (virtio_has(d, VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6))
		f |= NETDEV_RXGSO;
	return f;
}

/* 5.1.3.1 Feature bit requirements; receive offload only into merged buffers: pages are our buffers. */
static uint64_t net_choose(uint64_t f)
{
	if (!(f & VIRTIO_NET_F_CSUM))
		f &= ~(VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6);
	if (!(f & VIRTIO_NET_F_GUEST_CSUM) || !(f & VIRTIO_NET_F_MRG_RXBUF))
		f &= ~(VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6);
	if (!(f & VIRTIO_NET_F_CTRL_VQ))
		f &= ~(VIRTIO_NET_F_MQ | VIRTIO_NET_F_GUEST_ANNOUNCE);
	if (!(f & VIRTIO_NET_F_STATUS))
		f &= ~VIRTIO_NET_F_GUEST_ANNOUNCE;
	return f;
}

static void read_mac(struct net *n)
{
	uint8_t *mac = n->netdev.mac;

	if (virtio_has(n->device, VIRTIO_NET_F_MAC)) {
		virtio_config_read(n->device, VIRTIO_NET_CFG_MAC, mac, 6);
		if (!(mac[0] & 1))
			return;
	}
	random_bytes(mac, 6);
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);	/* locally administered, unicast */
}

static void read_config(struct net *n)
{
	struct virtio_device *d = n->device;
	unsigned mtu = virtio_has(d, VIRTIO_NET_F_MTU) ? virtio_config16(d, VIRTIO_NET_CFG_MTU) : DEFAULT_MTU;
	unsigned pairs = virtio_has(d, VIRTIO_NET_F_MQ) ? virtio_config16(d, VIRTIO_NET_CFG_MAX_PAIRS) : 1;

	read_mac(n);
	n->netdev.mtu = mtu >= 68 ? mtu : DEFAULT_MTU;
	n->netdev.is_link_up = !virtio_has(d, VIRTIO_NET_F_STATUS) || virtio_config16(d, VIRTIO_NET_CFG_STATUS) & VIRTIO_NET_S_LINK_UP;
	n->max_pairs = pairs >= 1 && pairs <= 0x8000 ? pairs : 1;	/* 5.1.4.1 */
	n->nr_pairs = MIN(MIN(n->max_pairs, nr_cpus), NETDEV_MAX_QUEUES);
	/* Without merged buffers a packet must fit one page with its header. */
	if (!virtio_has(d, VIRTIO_NET_F_MRG_RXBUF))
		n->netdev.mtu = MIN(n->netdev.mtu, PKT_PAGE_ROOM - n->hdr_size - ETH_HDR_LEN);
}

static int net_probe(struct virtio_device *d)
{
	struct net *n;

	if (d->is_legacy && !virtio_has(d, VIRTIO_F_ANY_LAYOUT | VIRTIO_NET_F_MRG_RXBUF))
		return -ENOTSUP;	/* would want the header of a received packet in a buffer of its own */
	n = KNEW(struct net);
	if (!n)
		return -ENOMEM;
	n->device = d;
	n->hdr_size = virtio_has(d, VIRTIO_F_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF) ? sizeof(struct virtio_net_hdr) : VIRTIO_NET_HDR_SIZE_SHORT;
	read_config(n);
	n->rx = kzalloc(n->nr_pairs * sizeof(*n->rx));
	n->tx = kzalloc(n->nr_pairs * sizeof(*n->tx));
	if (!n->rx || !n->tx)
		goto err_free;
	n->netdev.ops = &net_ops;
	n->netdev.private = n;
	n->netdev.nr_rx_queues = n->netdev.nr_tx_queues = (uint16_t)n->nr_pairs;
	n->netdev.features = netdev_features(d);
	d->priv = n;
	return netdev_register(&n->netdev);	/* on failure n stays: an interrupt may be looking at it */
err_free:
	kfree(n->rx);
	kfree(n->tx);
	kfree(n);
	return -ENOMEM;
}

static const struct virtio_driver net_driver = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC | VIRTIO_NET_F_GUEST_TSO4 |
		    VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_MRG_RXBUF |
		    VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_GUEST_ANNOUNCE | VIRTIO_NET_F_MQ,
	.choose = net_choose,
	.probe = net_probe,
	.config_changed = net_config_changed,
};
VIRTIO_DRIVER(net_driver);
