/* SPDX-License-Identifier: MIT
 *
 * virtio-net (virtio 1.2, 5.1): a struct netdev with one receive and one transmit queue for each pair that the device has and a CPU can use.
 *
 * Nothing but the MAC address is read at boot; queues are made and the device is started when net/ opens it, at the first use of the network.
 *
 * Receive: net-rx.c, net-rxbuf.c.
 *
 * Transmit: the header goes into the room before the frame, so a small packet is one descriptor. There are no transmit interrupts: finished packets are taken back by the next
 * transmit, and by a timer 10 ms after the last one.
 *
 * Room: a queue is full when a quarter of the ring is left, for those who do not wait, or TX_BYTES are in it. While somebody waits for room there is an interrupt when half of what
 * is in the ring has been used; the timer tells them, too, so that a lost interrupt costs no more than that.
 */
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/thread.h"
#include "virtio/net-priv.h"
#include "virtio/net-reg.h"

#define RING_SIZE	256u
#define RING_SIZE_SMALL	64u
#define SMALL_MEMORY	(64ull << 20)
#define MAX_BUFS	(PKT_MAX_SEGS + 1)
#define TX_CLEAN_NS	(10 * NSEC_PER_MSEC)
#define TX_BYTES	(1u << 20)	/* sixteen packets of the largest size */
#define CTRL_TRIES	1000u		/* times 1 ms */
#define CTRL_DATA	16u
#define DEFAULT_MTU	1500u

/* ---- transmit ----------------------------------------------------------------------------------------------------- */

static uint64_t tx_bit(const struct tx_queue *q)
{
	return 1ull << (q - q->net->tx);
}

/* lock held. */
static void tx_clean(struct tx_queue *q)
{
	struct pkt *p;
	uint32_t ignored;

	while ((p = virtqueue_get(q->vq, &ignored))) {
		q->bytes -= p->len;
		pkt_free(p);
	}
	if (unlikely(q->is_full) && virtqueue_nr_pending(q->vq) <= q->vq->num / 2 && q->bytes <= TX_BYTES / 2) {
		q->is_full = false;
		(void)atomic_fetch_and(&q->net->netdev.full_queues, ~tx_bit(q), RELAXED);
	}
}

/* lock held. */
static void tx_note_full(struct tx_queue *q)
{
	if (likely(virtqueue_nr_pending(q->vq) < q->full_at && q->bytes < TX_BYTES) || q->is_full)
		return;
	q->is_full = true;
	(void)atomic_fetch_or(&q->net->netdev.full_queues, tx_bit(q), RELAXED);
}

/* lock held. What is under way must come back even if nothing is sent any more. */
static void tx_arm_timer(struct tx_queue *q)
{
	if (q->is_timer_armed || !virtqueue_nr_pending(q->vq))
		return;
	q->is_timer_armed = true;
	timer_arm(&q->timer, clock_monotonic() + TX_CLEAN_NS, TX_CLEAN_NS / 2);
}

/* lock held. */
static void tx_arm_timer_now(struct tx_queue *q)
{
	q->is_timer_armed = true;
	timer_arm(&q->timer, clock_monotonic(), 0);
}

/* lock held. Clean until there is room, or an interrupt or the timer is to tell. True: there is room. */
static bool tx_ask_for_room(struct tx_queue *q)
{
	do
		tx_clean(q);
	while (q->is_full && virtqueue_enable_interrupts_after(q->vq, virtqueue_nr_chains(q->vq) / 2));
	tx_arm_timer(q);
	return !q->is_full || atomic_load(&q->net->device->is_broken, RELAXED);
}

/* What the device has used is taken back, and whoever waits for the room is told of it. */
static void tx_take_back(struct tx_queue *q, bool is_timer)
{
	struct netdev_waiter *w = NULL, *next;

	mutex_lock(&q->lock);
	if (is_timer)
		q->is_timer_armed = false;
	if (!q->waiters) {
		tx_clean(q);
		tx_arm_timer(q);
	} else if (tx_ask_for_room(q)) {
		virtqueue_disable_interrupts(q->vq);
		w = q->waiters;
		atomic_store(&q->waiters, (struct netdev_waiter *)NULL, RELAXED);
	}
	mutex_unlock(&q->lock);
	for (; w; w = next) {
		next = w->next;
		/* release: the look at next, before its owner lets it wait again. Pairs: the look at is_waiting of __tcp_waits_for_room */
		atomic_store(&w->is_waiting, 0u, RELEASE);
		w->room(w);
	}
}

static void tx_timer(struct timer *t)
{
	tx_take_back(container_of(t, struct tx_queue, timer), true);
}

/* Receive interrupts come here as well. */
static void tx_interrupt(struct virtqueue *vq)
{
	struct tx_queue *q = vq->priv;

	if (atomic_load(&q->waiters, RELAXED))
		tx_take_back(q, false);
}

static bool net_wait_for_room(struct netdev *dev, unsigned queue, struct netdev_waiter *w)
{
	struct net *n = dev->private;
	struct tx_queue *q = &n->tx[queue];
	bool has_room;

	mutex_lock(&q->lock);
	has_room = !q->is_full;
	if (!has_room) {
		w->next = q->waiters;
		atomic_store(&w->is_waiting, 1u, RELAXED);
		/* Before the interrupt is asked for, by the barriers there: its thread looks. */
		atomic_store(&q->waiters, w, RELAXED);
		has_room = tx_ask_for_room(q);
		if (has_room) {
			atomic_store(&q->waiters, w->next, RELAXED);
			atomic_store(&w->is_waiting, 0u, RELAXED);
		}
	}
	/* The others are told by the timer: we are called with locks held. */
	if (has_room && q->waiters)
		tx_arm_timer_now(q);
	mutex_unlock(&q->lock);
	return !has_room;
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
		uint32_t len = list->len;

		next = pkt_next(list);
		if (unlikely(tx_packet(q, list))) {
			virtqueue_kick(q->vq);
			tx_clean(q);
			if (tx_packet(q, list)) {
				pkt_free(list);
				atomic_fetch_add(&dev->tx_errors.dropped, 1ul, RELAXED);
				continue;
			}
		}
		q->bytes += len;
	}
	virtqueue_kick(q->vq);
	tx_note_full(q);
	tx_arm_timer(q);
	/* What was taken back just now may be what somebody waits for, and no interrupt comes for it any more. */
	if (unlikely(q->waiters) && !q->is_full)
		tx_arm_timer_now(q);
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

/* What has been made stays when there is no memory for the rest: the next call goes on from there. */
static int pair_create(struct net *n, unsigned i, uint64_t memory)
{
	/* virtio-mmio has one interrupt for all queues; it only wakes the threads, each on the CPU whose flows its queue has (flow_queue in net/tcp-output.c). */
	struct thread_params params = { .name = "virtio-net-rx", .entry = virtio_net_rx_thread, .arg = &n->rx[i], .pinned_cpu = (int)cpu_online_nth(i)->id, .is_realtime = true };
	struct rx_queue *rx = &n->rx[i];
	struct tx_queue *tx = &n->tx[i];
	unsigned ring = memory < SMALL_MEMORY ? RING_SIZE_SMALL : RING_SIZE;
	int r = 0;

	if (rx->net)
		return 0;
	if (!rx->vq)
		r = virtqueue_create(n->device, 2 * i, ring, 0, virtio_net_rx_interrupt, &rx->vq);

	if (!r && !tx->vq)
		r = virtqueue_create(n->device, 2 * i + 1, ring, MAX_BUFS, tx_interrupt, &tx->vq);
	if (!r && n->nr_pairs > 1 && !rx->thread)
		r = thread_create(&params, &rx->thread);
	if (r)
		return r;
	rx->net = tx->net = n;
	tx->vq->priv = tx;
	tx->full_at = tx->vq->num - MIN(MAX(tx->vq->num / 4, MAX_BUFS + 1), tx->vq->num / 2);
	rx->index = i;
	rx->vq->priv = rx;
	virtio_net_rx_init(rx, memory / n->nr_pairs);
	virtio_net_rx_start(rx, n->nr_pairs > 1 ? (int)cpu_online_nth(i)->id : -1);
	timer_init(&tx->timer, tx_timer);
	virtqueue_disable_interrupts(tx->vq);
	return 0;
}

static int ctrl_create(struct net *n)
{
	int r;

	if (!n->ctrl_buffer)
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
		r = pair_create(n, i, stats.total_bytes);
	if (!r && virtio_has(n->device, VIRTIO_NET_F_CTRL_VQ))
		r = ctrl_create(n);
	if (r == -ENOMEM)
		return r;
	if (r) {
		log_line("%s: network not usable (error %d)", n->device->name, -r);
		return r;
	}
	virtio_device_ready(n->device);
	for (unsigned i = 0; i < n->nr_pairs; i++) {
		if (n->rx[i].thread)
			thread_start(n->rx[i].thread);
		mutex_lock_urgent(&n->rx[i].lock);
		virtio_net_rx_refill(&n->rx[i]);
		mutex_unlock_urged(&n->rx[i].lock);
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
	.wait_for_room = net_wait_for_room,
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
	if (n->max_pairs > 1)
		cpus_wait_online();	/* each queue has its CPU */
	n->nr_pairs = MIN(MIN(n->max_pairs, cpus_nr_online()), NETDEV_MAX_QUEUES);
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
