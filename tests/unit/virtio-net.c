/* SPDX-License-Identifier: MIT
 *
 * virtio-net against a device model: headers, merged buffers, queue pairs, transmit with and without indirect tables, and a device that lies. net/ is played by this file.
 */
/* sources: net/csum.c net/pkt-pool.c net/pkt.c virtio/queue.c virtio/device.c virtio/net.c virtio/net-rx.c virtio/net-rxbuf.c sched/poller.c tests/host/fake-special.c tests/host/fake-virtio.c */
#include "libc/random.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "net/netdev.h"
#include "sched/cpu.h"
#include "sched/poller.h"
#include "tests/host/fake-virtio.h"
#include "tests/host/special.h"
#include "virtio/net-reg.h"

/* Rings stay for ever: so do their leaks here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

/* ---- net/, random and threads as the driver sees them --------------------------------------------------------------- */

static struct cpu only_cpu;
static struct netdev *netdev;
static struct pkt *received[128];
static unsigned nr_received, nr_link_changes, nr_announces;

void cpus_wait_online(void)
{
}

unsigned cpus_nr_online(void)
{
	return 1;
}

struct cpu *cpu_online_nth(unsigned n)
{
	(void)n;
	return &only_cpu;
}

int netdev_register(struct netdev *dev)
{
	netdev = dev;
	return 0;
}

void netdev_link_changed(struct netdev *dev)
{
	(void)dev;
	nr_link_changes++;
}

void netdev_announce(struct netdev *dev)
{
	(void)dev;
	nr_announces++;
}

void netdev_receive(struct netdev *dev, unsigned queue, struct pkt *list)
{
	CHECK(dev == netdev);
	CHECK_EQ(queue, 0);
	for (; list; list = pkt_next(list))
		received[nr_received++] = list;
}

static struct shrinker *shrinker;

void shrinker_register(struct shrinker *s)
{
	shrinker = s;
}

void random_bytes(void *buf, size_t len)
{
	memset(buf, 0x5b, len);
}

void page_stats(struct page_stats *out)
{
	*out = (struct page_stats){ .total_bytes = 1ull << 30 };
}

int thread_create(const struct thread_params *params, struct thread **out)
{
	(void)params, (void)out;
	return -ENOMEM;
}

void thread_start(struct thread *t)
{
	(void)t;
}

int thread_set_affinity(struct thread *t, const uint64_t *mask, unsigned nr_words)
{
	(void)t, (void)mask, (void)nr_words;
	return 0;
}

static bool is_busy;

bool thread_others_wait(void)
{
	return is_busy;
}

/* ---- the device ----------------------------------------------------------------------------------------------------- */

static struct model *model;
static uint8_t sent[1 << 17];
static size_t nr_sent;
static unsigned nr_sent_frames, nr_sent_segments;
static bool is_holding;

static void take_sent(void)
{
	struct model_chain c;

	while (model_take(model, 1, &c)) {
		nr_sent = model_copy_out(&c, sent, sizeof(sent));
		nr_sent_segments = c.nr_out;
		nr_sent_frames++;
		model_use(model, 1, c.head, 0);
	}
}

static void on_notify(struct model *m, unsigned index)
{
	struct model_chain c;
	uint8_t ok = VIRTIO_NET_OK;

	if (index == 1 && !is_holding)
		take_sent();
	if (index != 2 || !model_take(m, 2, &c))
		return;
	model_copy_in(&c, &ok, 1);
	model_use(m, 2, c.head, 1);
}

static void start(uint64_t features, bool is_legacy)
{
	static const uint8_t mac[6] = { 0x52, 0x54, 0, 1, 2, 3 };

	model = calloc(1, sizeof(*model));
	model->offered = features | VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS;
	memcpy(model->config, mac, 6);
	model->config[VIRTIO_NET_CFG_STATUS] = VIRTIO_NET_S_LINK_UP;
	for (unsigned i = 0; i < 3; i++)
		model->queues[i].max = 64;
	model->on_notify = on_notify;
	model_init(model, VIRTIO_ID_NET, is_legacy);
	CHECK_EQ(virtio_device_start(&model->device), 0);
	CHECK(!(model->status & VIRTIO_STATUS_DRIVER_OK));
	CHECK(!memcmp(netdev->mac, mac, 6));
	CHECK_EQ(netdev->is_link_up, 1);
	CHECK_EQ(netdev->ops->open(netdev), 0);
	CHECK(model->status & VIRTIO_STATUS_DRIVER_OK);
	nr_received = nr_sent_frames = 0;
}

static void drop_received(void)
{
	while (nr_received)
		pkt_free(received[--nr_received]);
}

/* Give the driver one packet of len bytes in buffers of at most `part` bytes. */
static void deliver(const struct virtio_net_hdr *h, unsigned hdr_size, unsigned len, unsigned part)
{
	static uint8_t frame[70000];
	unsigned done = 0, total = hdr_size + len;
	struct model_chain c;

	memcpy(frame, h, hdr_size);
	for (unsigned i = 0; i < len; i++)
		frame[hdr_size + i] = (uint8_t)(i * 3);
	while (done < total) {
		unsigned n = MIN(part, total - done);

		CHECK(model_take(model, 0, &c));
		CHECK_EQ(model_copy_in(&c, frame + done, n), n);
		model_use(model, 0, c.head, n);
		done += n;
	}
}

static void check_frame(const struct pkt *p, unsigned len)
{
	unsigned at = 0;

	CHECK_EQ(p->len, len);
	for (unsigned s = 0; s < p->nr_segs; s++)
		for (unsigned i = 0; i < p->seg[s].len; i++, at++)
			CHECK_EQ(p->seg[s].data[i], (uint8_t)(at * 3));
	CHECK_EQ(at, len);
}

static void test_receive(uint64_t features, bool is_legacy)
{
	unsigned hdr = is_legacy && !(features & VIRTIO_NET_F_MRG_RXBUF) ? 10 : 12;
	struct virtio_net_hdr h = { .num_buffers = 1 };

	start(features, is_legacy);
	for (unsigned round = 0; round < 300; round++) {
		deliver(&h, hdr, 60 + round, ~0u);
		model_interrupt(model, 0);
		CHECK_EQ(nr_received, 1);
		check_frame(received[0], 60 + round);
		drop_received();
	}
	for (unsigned i = 0; i < 20; i++)
		deliver(&h, hdr, 60 + i, ~0u);
	model_interrupt(model, 0);
	CHECK_EQ(nr_received, 20);
	drop_received();
	h.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	deliver(&h, hdr, 60, ~0u);
	h = (struct virtio_net_hdr){ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 16, .num_buffers = 1 };
	deliver(&h, hdr, 60, ~0u);
	h.csum_start = 50;	/* beyond the frame */
	deliver(&h, hdr, 60, ~0u);
	deliver(&h, hdr, 5, ~0u);
	model_interrupt(model, 0);
	CHECK_EQ(nr_received, features & VIRTIO_NET_F_GUEST_CSUM ? 2 : 1);
	CHECK_EQ(received[0]->flags & PKT_CSUM_OK, PKT_CSUM_OK);
	if (nr_received == 2)
		CHECK(received[1]->flags & PKT_CSUM_PARTIAL && received[1]->csum_start == 34 && received[1]->csum_offset == 16);
	CHECK_EQ(netdev->rx_errors.errors, features & VIRTIO_NET_F_GUEST_CSUM ? 2 : 3);
	drop_received();
	CHECK(!model->device.is_broken);
}

static void test_merged(void)
{
	struct virtio_net_hdr h = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448, .num_buffers = 10, .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };

	start(VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_F_EVENT_IDX, false);
	CHECK_EQ(netdev->features, NETDEV_RXCSUM | NETDEV_RXGSO);
	deliver(&h, 12, 30000 - 12, 3000);
	model_interrupt(model, 0);
	CHECK_EQ(nr_received, 1);
	check_frame(received[0], 30000 - 12);
	CHECK_EQ(received[0]->gso_size, 1448);
	CHECK_EQ(received[0]->gso_type, PKT_GSO_TCP4);
	drop_received();
	/* More buffers than a packet can have; fewer than promised; none; a type that was not agreed; size 0. */
	h.num_buffers = 30;
	deliver(&h, 12, 30000 - 12, 1000);
	h.num_buffers = 5;
	deliver(&h, 12, 2000, ~0u);
	model_interrupt(model, 0);
	h.num_buffers = 0;
	deliver(&h, 12, 2000, ~0u);
	h.num_buffers = 1;
	h.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	deliver(&h, 12, 2000, ~0u);
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h.gso_size = 0;
	deliver(&h, 12, 2000, ~0u);
	model_interrupt(model, 0);
	CHECK_EQ(nr_received, 0);
	CHECK_EQ(netdev->rx_errors.errors, 5);
	h = (struct virtio_net_hdr){ .num_buffers = 1 };
	deliver(&h, 12, 100, ~0u);
	model_interrupt(model, 0);
	CHECK_EQ(nr_received, 1);
	drop_received();
	CHECK(!model->device.is_broken);
}

/* A frame of nr_segs segments of 100 bytes, the first in the packet's own memory. */
static struct pkt *new_frame(unsigned nr_segs)
{
	struct pkt *p = pkt_alloc(PKT_DEV_ROOM, 100);

	memset(pkt_put(p, 100), 'a', 100);
	while (p->nr_segs < nr_segs) {
		uint8_t *page = phys_to_virt(page_alloc(0, 0));

		memset(page, 'a' + p->nr_segs, 100);
		CHECK(pkt_add_page(p, page, 100));
	}
	return p;
}

static void test_transmit(uint64_t features, bool is_legacy)
{
	unsigned hdr = is_legacy && !(features & VIRTIO_NET_F_MRG_RXBUF) ? 10 : 12, dropped, before;
	struct pkt *p;

	start(features | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4, is_legacy);
	before = atomic_load(&fake_nr_kfree, RELAXED);
	p = new_frame(1);
	p->flags = PKT_CSUM_PARTIAL;
	p->csum_start = 34;
	p->csum_offset = 16;
	netdev->ops->transmit(netdev, 0, p);
	CHECK_EQ(nr_sent, hdr + 100);
	CHECK_EQ(((struct virtio_net_hdr *)sent)->flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
	CHECK_EQ(((struct virtio_net_hdr *)sent)->csum_start, 34);
	CHECK_EQ(nr_sent_segments, is_legacy && !(features & VIRTIO_F_ANY_LAYOUT) ? 2 : 1);
	p = new_frame(PKT_MAX_SEGS);
	p->gso_type = PKT_GSO_TCP4;
	p->gso_size = 1000;
	p->hdr_len = 54;
	netdev->ops->transmit(netdev, 0, p);
	CHECK_EQ(nr_sent, hdr + 100 * PKT_MAX_SEGS);
	CHECK_EQ(((struct virtio_net_hdr *)sent)->gso_size, 1000);
	CHECK_EQ(((struct virtio_net_hdr *)sent)->hdr_len, 54);
	for (unsigned i = 0; i < PKT_MAX_SEGS; i++)
		CHECK_EQ(sent[hdr + 100 * i + 50], 'a' + i);

	/* The device takes nothing: what does not fit is dropped, the rest comes back by the timer. */
	is_holding = true;
	for (unsigned i = 0; i < 100; i++)
		netdev->ops->transmit(netdev, 0, new_frame(1 + i % 3));
	dropped = (unsigned)netdev->tx_errors.dropped;
	CHECK(dropped > 0 && dropped < 90);
	is_holding = false;
	take_sent();
	CHECK_EQ(nr_sent_frames + dropped, 102);
	for (unsigned i = 0; i < 500 && atomic_load(&fake_nr_kfree, RELAXED) != before + 102; i++)
		nap_ms(1);
	CHECK_EQ(atomic_load(&fake_nr_kfree, RELAXED), before + 102);
	CHECK(!model->device.is_broken);
}

static uint32_t nr_room;		/* [a] */

static void on_room(struct netdev_waiter *w)
{
	CHECK(!w->is_waiting);
	(void)atomic_fetch_add(&nr_room, 1u, RELEASE);
}

/* A device that takes nothing: the queue says that it is full while others can still send; who waits is told when half of it is free again, by the interrupt or the timer. */
static void test_room(uint64_t features, bool has_interrupt)
{
	struct netdev_waiter w[2] = { { .room = on_room }, { .room = on_room } };
	unsigned nr = 0;

	start(features, false);
	CHECK_EQ(netdev->full_queues, 0);
	is_holding = true;
	nr_room = 0;
	for (; !netdev->full_queues; nr++)
		netdev->ops->transmit(netdev, 0, new_frame(1));
	CHECK(nr > 30 && nr <= 48);
	CHECK(netdev->ops->wait_for_room(netdev, 0, &w[0]) && netdev->ops->wait_for_room(netdev, 0, &w[1]));
	for (unsigned i = 0; i < 16; i++)
		netdev->ops->transmit(netdev, 0, new_frame(1));
	CHECK_EQ(netdev->tx_errors.dropped, 0);
	CHECK_EQ(atomic_load(&nr_room, ACQUIRE), 0);
	is_holding = false;
	take_sent();
	if (has_interrupt)
		model_interrupt(model, 1);
	while (atomic_load(&nr_room, ACQUIRE) < 2)	/* the timer may have been first */
		nap_ms(1);
	CHECK_EQ(netdev->full_queues, 0);
	/* Room that is there already: no waiting. */
	is_holding = true;
	while (!netdev->full_queues)
		netdev->ops->transmit(netdev, 0, new_frame(1));
	is_holding = false;
	take_sent();
	CHECK(!netdev->ops->wait_for_room(netdev, 0, &w[0]));
	CHECK(!w[0].is_waiting);
	CHECK_EQ(netdev->full_queues, 0);
	CHECK(!model->device.is_broken);
}

/* No page for a while: the ring runs dry, and fills itself again when memory is there. */
static void test_short_memory(void)
{
	struct virtio_net_hdr h = { .num_buffers = 1 };
	unsigned nr = 0;

	start(VIRTIO_F_EVENT_IDX, false);
	fake_page_alloc_fails = true;
	for (; nr < 64; nr++)
		deliver(&h, 12, 60, ~0u);
	model_interrupt(model, 0);
	CHECK_EQ(nr_received, 64);
	nap_ms(30);
	CHECK_EQ(model->queues[0].avail->idx, model->queues[0].seen);
	fake_page_alloc_fails = false;
	for (unsigned i = 0; i < 200 && model->queues[0].avail->idx == model->queues[0].seen; i++)
		nap_ms(1);
	deliver(&h, 12, 60, ~0u);
	model_interrupt(model, 0);
	CHECK_EQ(nr_received, 65);
	drop_received();
}

/* What the ring holds now, in bytes of memory. */
static unsigned posted(void)
{
	struct model_queue *q = &model->queues[0];
	unsigned bytes = 0;

	for (uint16_t i = q->seen; i != q->avail->idx; i++)
		bytes += q->desc[q->avail->ring[i & (q->num - 1)]].len > PAGE_SIZE ? PKT_BIG_SIZE : PAGE_SIZE;
	return bytes;
}

static unsigned nr_big_posted(void)
{
	struct model_queue *q = &model->queues[0];
	unsigned nr = 0;

	for (uint16_t i = q->seen; i != q->avail->idx; i++)
		nr += q->desc[q->avail->ring[i & (q->num - 1)]].len > PAGE_SIZE;
	return nr;
}

/* A packet of len bytes in as many buffers as the device needs, as QEMU does it. */
static void deliver_large(unsigned len)
{
	struct virtio_net_hdr h = { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1448, .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	struct model_chain c[20];
	unsigned nr = 0, room = 0, at = 0;
	uint8_t *frame = malloc(len + 12);

	while (room < len + 12) {
		CHECK(nr < 20 && model_take(model, 0, &c[nr]));
		room += c[nr++].in[0].len;
	}
	h.num_buffers = (uint16_t)nr;
	memcpy(frame, &h, 12);
	for (unsigned i = 0; i < len; i++)
		frame[12 + i] = (uint8_t)(i * 3);
	for (unsigned i = 0; i < nr; i++) {
		unsigned n = MIN(c[i].in[0].len, len + 12 - at);

		CHECK_EQ(model_copy_in(&c[i], frame + at, n), n);
		model_use(model, 0, c[i].head, n);
		at += n;
	}
	free(frame);
}

/*
 * The ring turns to big buffers while there are large packets, and back; never more memory than before; what is freed is used again; a small packet does not pin a
 * big buffer; without memory for big ones it goes on with pages.
 */
static void test_big_buffers(void)
{
	struct virtio_net_hdr h = { .num_buffers = 1 };
	unsigned before = fake_nr_pages(), most;

	start(VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_F_EVENT_IDX, false);
	CHECK_EQ(posted(), 64 * PAGE_SIZE);
	for (unsigned i = 0; i < 100; i++) {
		deliver_large(i % 3 ? 65000 : 20000 + 300 * i);
		model_interrupt(model, 0);
		CHECK_EQ(nr_received, 1);
		check_frame(received[0], i % 3 ? 65000 : 20000 + 300 * i);
		CHECK(i < 20 || received[0]->nr_segs <= 3);
		CHECK(received[0]->truesize <= received[0]->len * 9);
		drop_received();
		CHECK(posted() <= 64 * PAGE_SIZE && posted() > 56 * PAGE_SIZE);
	}
	CHECK_EQ(nr_big_posted(), 8);
	most = fake_nr_pages();
	for (unsigned i = 0; i < 100; i++) {
		deliver_large(65000);
		deliver(&h, 12, 60 + i, ~0u);
		model_interrupt(model, 0);
		CHECK_EQ(nr_received, 2);
		check_frame(received[1], 60 + i);
		CHECK_EQ(received[1]->truesize, PAGE_SIZE);
		drop_received();
	}
	CHECK(fake_nr_pages() <= most + 16);
	/* Only small ones: more of them than there are buffers, then pages again. */
	for (unsigned i = 0; i < 600; i++) {
		deliver(&h, 12, 60 + i, ~0u);
		model_interrupt(model, 0);
		CHECK_EQ(nr_received, 1);
		check_frame(received[0], 60 + i);
		drop_received();
	}
	CHECK_EQ(nr_big_posted(), 0);
	CHECK(fake_nr_pages() <= before + 64 + 64 + 16);
	CHECK(shrinker->shrink(1u << 20) > 0);
	CHECK(fake_nr_pages() <= before + 64 + 16);
	/* Large ones again without memory for anything: what is freed comes back, as pages. */
	fake_page_alloc_fails = true;
	for (unsigned i = 0; i < 50; i++) {
		deliver_large(65000);
		model_interrupt(model, 0);
		check_frame(received[0], 65000);
		drop_received();
	}
	fake_page_alloc_fails = false;
	CHECK(!model->device.is_broken);
}

static void wait_received(unsigned nr)
{
	for (unsigned i = 0; i < 1000 && READ_ONCE(nr_received) != nr; i++)
		nap_ms(1);
	CHECK_EQ(nr_received, nr);
}

/* An interrupt while others wait for the CPU: no more of them, until a thread that looks finds nothing. */
static void start_polling(const struct virtio_net_hdr *h)
{
	is_busy = true;
	deliver(h, 12, 60, ~0u);
	model_interrupt(model, 0);
	is_busy = false;
	CHECK_EQ(nr_received, 1);
	drop_received();
	CHECK_EQ(pollers_on, 1);
	deliver(h, 12, 60, ~0u);
	CHECK(!model_wants_interrupt(model, 0));
	CHECK(poller_look(false));
	CHECK_EQ(nr_received, 1);
	drop_received();
}

static void check_interrupts(const struct virtio_net_hdr *h)
{
	CHECK_EQ(pollers_on, 0);
	deliver(h, 12, 60, ~0u);
	CHECK(model_wants_interrupt(model, 0));
	virtio_device_interrupt(&model->device, false);
	CHECK_EQ(nr_received, 1);
	drop_received();
}

static void test_polling(uint64_t features)
{
	struct virtio_net_hdr h = { .num_buffers = 1 };
	struct cpu cpu = { .id = 0 };

	thread_current()->cpu = &cpu;
	atomic_store(&fake_timers_are_held, true, RELAXED);
	start(features, false);
	check_interrupts(&h);
	/* Who looks and does not sleep leaves it on; who sleeps with an empty ring turns it off, not with a full one. */
	start_polling(&h);
	CHECK(!poller_look(false));
	CHECK_EQ(pollers_on, 1);
	for (unsigned i = 0; i < 3; i++)
		deliver(&h, 12, 60, ~0u);
	CHECK(poller_look(true));
	CHECK_EQ(nr_received, 3);
	drop_received();
	CHECK_EQ(pollers_on, 1);
	CHECK(!poller_look(true));
	check_interrupts(&h);
	/* Nobody looks: the tick does, and in the end it turns it off, for a while. */
	start_polling(&h);
	deliver(&h, 12, 60, ~0u);
	atomic_store(&fake_timers_are_held, false, RELAXED);
	wait_received(1);
	drop_received();
	for (unsigned i = 0; i < 5000 && atomic_load(&pollers_on, RELAXED); i++)
		nap_ms(1);
	check_interrupts(&h);
}

/* A CPU that has nothing to do. */
static void test_idle(uint64_t features)
{
	struct virtio_net_hdr h = { .num_buffers = 1 };
	struct cpu cpu = { .id = 3 };

	thread_current()->cpu = &cpu;
	atomic_store(&fake_timers_are_held, true, RELAXED);
	start(features, false);
	start_polling(&h);
	poller_idle(2);		/* another one */
	CHECK_EQ(pollers_on, 1);
	poller_idle(3);
	check_interrupts(&h);
	CHECK_EQ(model->nr_raises, 0);
	/* With something in the ring, for which no interrupt will come. */
	start_polling(&h);
	deliver(&h, 12, 60, ~0u);
	poller_idle(3);
	CHECK_EQ(model->nr_raises, 1);
	CHECK_EQ(nr_received, 0);
	virtio_device_interrupt(&model->device, false);
	CHECK_EQ(nr_received, 1);
	drop_received();
	check_interrupts(&h);
	atomic_store(&fake_timers_are_held, false, RELAXED);
}

static void test_config(void)
{
	start(VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_GUEST_ANNOUNCE, false);
	model->config[VIRTIO_NET_CFG_STATUS] = 0;
	virtio_device_interrupt(&model->device, true);
	CHECK_EQ(nr_link_changes, 1);
	CHECK_EQ(netdev->is_link_up, 0);
	model->config[VIRTIO_NET_CFG_STATUS] = VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE;
	virtio_device_interrupt(&model->device, true);
	CHECK_EQ(nr_link_changes, 2);
	CHECK_EQ(nr_announces, 1);
	CHECK_EQ(model->queues[2].seen, 1);	/* the acknowledgement */
}

int main(void)
{
	test_receive(0, false);
	test_receive(VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_F_EVENT_IDX, false);
	test_receive(VIRTIO_F_ANY_LAYOUT | VIRTIO_F_EVENT_IDX, true);
	test_receive(VIRTIO_NET_F_MRG_RXBUF, true);
	test_merged();
	for (int has_interrupt = 0; has_interrupt < 2; has_interrupt++) {
		test_room(VIRTIO_F_EVENT_IDX, has_interrupt);
		test_room(VIRTIO_F_INDIRECT_DESC, has_interrupt);
	}
	test_transmit(0, false);
	test_transmit(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX, false);
	test_transmit(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_ANY_LAYOUT, true);
	test_transmit(VIRTIO_NET_F_MRG_RXBUF, true);
	test_short_memory();
	test_big_buffers();
	test_polling(VIRTIO_F_EVENT_IDX);
	test_polling(0);
	test_idle(VIRTIO_F_EVENT_IDX);
	test_idle(0);
	test_config();
	return 0;
}
