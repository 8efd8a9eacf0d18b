/* SPDX-License-Identifier: MIT
 *
 * virtio-console with ports (virtio 1.2, 5.3): each port is a struct console_port (fs/tty.h) named as the host names it ("samara.stdout").
 *
 * Output: write() copies into a ring of bytes of the port and offers each copy as one buffer; device and driver run concurrently, and the device is told only when
 * it wants to know. Buffers that come back free the ring from its tail. The ring full: write() says 0, and an interrupt brings console_port_writable().
 *
 *	ring:  | free | offered to the device, oldest at tail | free |
 *
 * Input: two page-sized buffers a port. What fs/tty does not take stays in its buffer, which is offered again only when it is empty: so the device, and the host behind
 * it, are held back. The host's close of a port is end of file, after the bytes that came before it.
 *
 * Ports are found by messages on the control queue. probe() waits shortly until every port that the device announces has its name, so that the program's
 * descriptors can be opened right after it. Queues exist from the start for ports 1 to 4, the only ones that are used (port 0 if the device has no ports).
 */
#include "fs/tty.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/waitq.h"
#include "virtio/console-reg.h"
#include "virtio/queue.h"
#include "virtio/virtio.h"

#define NR_PORTS	5u		/* ids 0 to 4: the streams and the trace */
#define NR_RX		2u		/* buffers a port */
#define QUEUE_SIZE	64u
#define TX_ORDER	4u		/* 64 KiB ring of bytes; less if memory is short */
#define NAME_LEN	32u
#define NR_CONTROL	16u		/* control messages that the device may have under way */
#define CONTROL_SIZE	64u
#define SETTLE_NS	(100 * NSEC_PER_MSEC)

struct console;

struct rx_buffer {
	uint8_t *data;			/* a page */
	uint32_t off, len;		/* not yet taken by fs/tty */
	struct rx_buffer *next;		/* in port.rx_first, oldest first */
};

struct tx_piece {
	uint32_t len;
	bool is_done;
};

/* Part of struct console. */
struct port {
	struct console_port console;
	struct console *owner;		/* [I] */
	unsigned id;			/* [I] */
	char name[NAME_LEN];		/* [owner->lock until is_registered] */
	bool is_registered;		/* [owner->lock] */
	bool is_announced;		/* [owner->lock] DEVICE_ADD came */
	uint32_t is_host_open;		/* [a] */

	struct mutex rx_lock;		/* before locks of fs/tty */
	struct virtqueue *rx;		/* [rx_lock] */
	struct rx_buffer rx_buffers[NR_RX];
	struct rx_buffer *rx_first;	/* [rx_lock] with bytes that wait for fs/tty */
	bool has_eof;			/* [rx_lock] the host closed; to be told after the bytes */

	struct mutex tx_lock;
	struct virtqueue *tx;		/* [tx_lock] */
	uint8_t *ring;			/* [tx_lock] made at first write */
	uint32_t ring_size;		/* power of two */
	uint32_t head, tail;		/* [tx_lock] bytes, counting up for ever */
	struct tx_piece pieces[QUEUE_SIZE];	/* [tx_lock] offered, oldest at first_piece */
	uint32_t first_piece, nr_pieces;
	struct waitq drained;
};

/* One a device, never freed. */
struct console {
	struct virtio_device *device;
	struct mutex lock;		/* control queues; before rx_lock */
	struct virtqueue *control_rx, *control_tx;
	uint8_t *control_buffers;	/* [I] a page: NR_CONTROL of CONTROL_SIZE to receive, as many to send */
	uint32_t control_busy;		/* [lock] bit i: the device has the ith buffer to send */
	struct port ports[NR_PORTS];
	struct waitq settled;
};

static bool is_broken(const struct console *c)
{
	return atomic_load(&c->device->is_broken, RELAXED);
}

/* The device has gone: nobody may wait for it any longer. Called at the end of each interrupt. */
static void wake_if_broken(struct console *c)
{
	if (!is_broken(c))
		return;
	for (unsigned i = 0; i < NR_PORTS; i++) {
		if (!c->ports[i].is_registered)
			continue;
		console_port_writable(&c->ports[i].console);
		waitq_wake_all(&c->ports[i].drained, 0);
	}
}

/* ---- output ------------------------------------------------------------------------------------------------------- */

/* tx_lock held. Take back what the device is done with. */
static void tx_reclaim(struct port *p)
{
	struct tx_piece *piece;
	uint32_t ignored;

	while ((piece = virtqueue_get(p->tx, &ignored)))
		piece->is_done = true;
	while (p->nr_pieces && p->pieces[p->first_piece].is_done) {
		p->tail += p->pieces[p->first_piece].len;
		p->first_piece = (p->first_piece + 1) % QUEUE_SIZE;
		p->nr_pieces--;
	}
}

static bool tx_make_ring(struct port *p)
{
	for (int order = TX_ORDER; order >= 0; order -= 2) {
		/* The last one may be what a program needs to say that there is no memory. */
		paddr_t pa = page_alloc((unsigned)order, order ? 0 : PAGE_RESERVE);

		if (pa != PADDR_NONE) {
			p->ring = phys_to_virt(pa);
			p->ring_size = (uint32_t)(PAGE_SIZE << order);
			return true;
		}
	}
	return false;
}

/* tx_lock held. Copy and offer up to the end of the ring. Bytes taken. */
static size_t tx_offer(struct port *p, const uint8_t *buf, size_t len)
{
	uint32_t at = p->head & (p->ring_size - 1), room = p->ring_size - (p->head - p->tail);
	size_t n = MIN(len, (size_t)MIN(room, p->ring_size - at));
	struct tx_piece *piece = &p->pieces[(p->first_piece + p->nr_pieces) % QUEUE_SIZE];
	struct virtq_buf b = { virt_to_phys(p->ring + at), (uint32_t)n };

	if (!n || p->nr_pieces == QUEUE_SIZE)
		return 0;
	memcpy(p->ring + at, buf, n);
	*piece = (struct tx_piece){ .len = (uint32_t)n };
	if (virtqueue_add(p->tx, &b, 1, 0, piece))
		return 0;
	p->nr_pieces++;
	p->head += (uint32_t)n;
	return n;
}

static size_t port_write(struct console_port *c, const void *buf, size_t len)
{
	struct port *p = c->priv;
	size_t done, n;

	mutex_lock(&p->tx_lock);
	if (is_broken(p->owner) || (!p->ring && !tx_make_ring(p))) {
		mutex_unlock(&p->tx_lock);
		return len;	/* nobody will ever take it */
	}
	do {
		done = 0;
		tx_reclaim(p);
		while (done < len && (n = tx_offer(p, (const uint8_t *)buf + done, len - done)))
			done += n;
		virtqueue_kick(p->tx);
		/* Full: have an interrupt, unless something came back meanwhile. */
	} while (!done && len && virtqueue_enable_interrupts(p->tx));
	mutex_unlock(&p->tx_lock);
	return is_broken(p->owner) ? len : done;
}

static bool tx_is_drained(struct port *p)
{
	bool is_drained;

	mutex_lock(&p->tx_lock);
	do {
		tx_reclaim(p);
		is_drained = !p->nr_pieces || is_broken(p->owner);
	} while (!is_drained && virtqueue_enable_interrupts(p->tx));
	mutex_unlock(&p->tx_lock);
	return is_drained;
}

static int port_drain(struct console_port *c, unsigned wait_flags)
{
	struct port *p = c->priv;

	return waitq_wait_until(&p->drained, "console-drain", 0, tx_is_drained(p), NSEC_NEVER, wait_flags);
}

static void tx_interrupt(struct virtqueue *q)
{
	struct port *p = q->priv;

	mutex_lock(&p->tx_lock);
	virtqueue_disable_interrupts(q);
	tx_reclaim(p);
	mutex_unlock(&p->tx_lock);
	if (p->is_registered)
		console_port_writable(&p->console);
	waitq_wake_all(&p->drained, 0);
	wake_if_broken(p->owner);
}

/* ---- input -------------------------------------------------------------------------------------------------------- */

/* rx_lock held. */
static void rx_offer(struct port *p, struct rx_buffer *b)
{
	struct virtq_buf v = { virt_to_phys(b->data), PAGE_SIZE };

	(void)!virtqueue_add(p->rx, &v, 0, 1, b);	/* there is room for all NR_RX; a broken device gets none */
}

/* rx_lock held. Hand on what waits, oldest first; then the end of file. */
static void rx_deliver(struct port *p)
{
	struct rx_buffer *b;

	while ((b = p->rx_first)) {
		size_t n = console_port_input(&p->console, b->data + b->off, b->len);

		b->off += (uint32_t)n;
		b->len -= (uint32_t)n;
		if (b->len)
			return;
		p->rx_first = b->next;
		rx_offer(p, b);
	}
	if (p->has_eof) {
		p->has_eof = false;
		console_port_input(&p->console, "", 0);
	}
}

/* rx_lock held. */
static void rx_collect(struct port *p)
{
	struct rx_buffer *b, **end;
	uint32_t len;

	while ((b = virtqueue_get(p->rx, &len))) {
		b->off = 0;
		b->len = len;
		b->next = NULL;
		if (!len) {
			rx_offer(p, b);
			continue;
		}
		for (end = &p->rx_first; *end; end = &(*end)->next)
			;
		*end = b;
	}
}

static void rx_run(struct port *p)
{
	mutex_lock(&p->rx_lock);
	if (p->is_registered) {
		do {
			rx_collect(p);
			rx_deliver(p);
			virtqueue_kick(p->rx);
		} while (virtqueue_enable_interrupts(p->rx) && !p->rx_first);
	}
	mutex_unlock(&p->rx_lock);
}

static void rx_interrupt(struct virtqueue *q)
{
	struct port *p = q->priv;

	rx_run(p);
	wake_if_broken(p->owner);
}

static void port_unthrottle(struct console_port *c)
{
	rx_run(c->priv);
}

static int rx_fill(struct port *p)
{
	for (unsigned i = 0; i < NR_RX; i++) {
		paddr_t pa = page_alloc(0, 0);

		if (pa == PADDR_NONE)
			return i ? 0 : -ENOMEM;
		p->rx_buffers[i].data = phys_to_virt(pa);
		rx_offer(p, &p->rx_buffers[i]);
	}
	return 0;
}

/* ---- ports -------------------------------------------------------------------------------------------------------- */

static int port_create_queues(struct console *c, unsigned id)
{
	struct port *p = &c->ports[id];
	unsigned first = id ? 4 + 2 * (id - 1) : 0;
	int r;

	p->owner = c;
	p->id = id;
	waitq_init(&p->drained);
	r = virtqueue_create(c->device, first, NR_RX, 0, rx_interrupt, &p->rx);
	if (!r)
		r = virtqueue_create(c->device, first + 1, QUEUE_SIZE, 0, tx_interrupt, &p->tx);
	if (r)
		return r;
	p->rx->priv = p;
	p->tx->priv = p;
	virtqueue_disable_interrupts(p->tx);
	return 0;
}

static int port_register(struct port *p, const char *name)
{
	int r = rx_fill(p);

	if (r)
		return r;
	strlcpy(p->name, name, sizeof(p->name));
	p->console = (struct console_port){ .name = p->name, .write = port_write, .drain = port_drain, .unthrottle = port_unthrottle, .priv = p };
	r = console_port_register(&p->console);
	if (!r)
		p->is_registered = true;
	return r;
}

/* ---- control (5.3.6.2) -------------------------------------------------------------------------------------------- */

/* lock held. Dropped if the device takes no messages: it is its own loss. */
static void control_send(struct console *c, uint32_t id, uint16_t event, uint16_t value)
{
	struct virtio_console_control *m;
	struct virtq_buf b;
	uint32_t ignored;
	unsigned slot = 0;

	while ((m = virtqueue_get(c->control_tx, &ignored)))
		c->control_busy &= ~(1u << (((uint8_t *)m - c->control_buffers) / CONTROL_SIZE - NR_CONTROL));
	while (slot < NR_CONTROL && c->control_busy & 1u << slot)
		slot++;
	if (slot == NR_CONTROL)
		return;
	m = (void *)(c->control_buffers + (NR_CONTROL + slot) * CONTROL_SIZE);
	*m = (struct virtio_console_control){ id, event, value };
	b = (struct virtq_buf){ virt_to_phys(m), sizeof(*m) };
	if (virtqueue_add(c->control_tx, &b, 1, 0, m))
		return;
	c->control_busy |= 1u << slot;
	virtqueue_kick(c->control_tx);
}

static void control_port_named(struct console *c, struct port *p, const uint8_t *text, uint32_t len)
{
	char name[NAME_LEN];
	uint32_t n = MIN(len, NAME_LEN - 1);

	if (p->is_registered)
		return;
	memcpy(name, text, n);
	name[n] = 0;
	if (port_register(p, name)) {
		control_send(c, p->id, VIRTIO_CONSOLE_PORT_READY, 0);
		return;
	}
	virtqueue_kick(p->rx);
	control_send(c, p->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
}

static void control_port_open(struct port *p, bool is_open)
{
	atomic_store(&p->is_host_open, is_open, RELAXED);
	if (is_open)
		return;
	mutex_lock(&p->rx_lock);
	p->has_eof = true;
	mutex_unlock(&p->rx_lock);
	rx_run(p);
}

/* lock held. One message of the device, len bytes at m: a copy, the device cannot change it. */
static void control_message(struct console *c, const uint8_t *m, uint32_t len)
{
	struct virtio_console_control msg;
	struct port *p;
	uint16_t size[2];

	if (len < sizeof(msg))
		return;
	memcpy(&msg, m, sizeof(msg));
	p = msg.id < NR_PORTS ? &c->ports[msg.id] : NULL;
	if (!p || !p->rx) {
		if (msg.event == VIRTIO_CONSOLE_DEVICE_ADD)
			control_send(c, msg.id, VIRTIO_CONSOLE_PORT_READY, 0);
		return;
	}
	switch (msg.event) {
	case VIRTIO_CONSOLE_DEVICE_ADD:
		p->is_announced = true;
		control_send(c, msg.id, VIRTIO_CONSOLE_PORT_READY, 1);
		break;
	case VIRTIO_CONSOLE_PORT_NAME:
		control_port_named(c, p, m + sizeof(msg), len - sizeof(msg));
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		control_port_open(p, msg.value);
		break;
	case VIRTIO_CONSOLE_RESIZE:
		if (len >= sizeof(msg) + sizeof(size)) {
			memcpy(size, m + sizeof(msg), sizeof(size));
			tty_set_winsize(size[0], size[1]);
		}
		break;
	default:	/* CONSOLE_PORT says nothing that matters here; ports are not taken away while the program runs */
		break;
	}
}

static void control_offer(struct console *c, uint8_t *m)
{
	struct virtq_buf b = { virt_to_phys(m), CONTROL_SIZE };

	(void)!virtqueue_add(c->control_rx, &b, 0, 1, m);
}

/* lock held. */
static void control_run(struct console *c)
{
	uint8_t copy[CONTROL_SIZE], *m;
	uint32_t len;

	do {
		while ((m = virtqueue_get(c->control_rx, &len))) {
			memcpy(copy, m, sizeof(copy));
			control_offer(c, m);
			virtqueue_kick(c->control_rx);
			control_message(c, copy, MIN(len, CONTROL_SIZE));
		}
	} while (virtqueue_enable_interrupts(c->control_rx));
}

static void control_interrupt(struct virtqueue *q)
{
	struct console *c = q->priv;

	mutex_lock(&c->lock);
	control_run(c);
	mutex_unlock(&c->lock);
	waitq_wake_all(&c->settled, 0);
	wake_if_broken(c);
}

/* At least one port, and all that were announced have their names. */
static bool control_is_settled(struct console *c)
{
	bool has_port = false, has_nameless = false;

	mutex_lock(&c->lock);
	control_run(c);
	for (unsigned i = 0; i < NR_PORTS; i++) {
		has_port |= c->ports[i].is_announced;
		has_nameless |= c->ports[i].is_announced && !c->ports[i].is_registered;
	}
	mutex_unlock(&c->lock);
	return has_port && !has_nameless;
}

static int control_create(struct console *c)
{
	paddr_t pa = page_alloc(0, PAGE_ZERO);
	int r;

	_Static_assert(2 * NR_CONTROL * CONTROL_SIZE <= PAGE_SIZE, "control buffers");
	if (pa == PADDR_NONE)
		return -ENOMEM;
	c->control_buffers = phys_to_virt(pa);
	r = virtqueue_create(c->device, VIRTIO_CONSOLE_CONTROL_RX, NR_CONTROL, 0, control_interrupt, &c->control_rx);
	if (!r)
		r = virtqueue_create(c->device, VIRTIO_CONSOLE_CONTROL_TX, NR_CONTROL, 0, NULL, &c->control_tx);
	if (r)
		return r;
	c->control_rx->priv = c;
	virtqueue_disable_interrupts(c->control_tx);
	for (unsigned i = 0; i < NR_CONTROL; i++)
		control_offer(c, c->control_buffers + i * CONTROL_SIZE);
	return 0;
}

/* ---- start -------------------------------------------------------------------------------------------------------- */

static int console_probe_ports(struct console *c)
{
	uint32_t max = virtio_config32(c->device, VIRTIO_CONSOLE_CFG_MAX_NR_PORTS);
	int r = control_create(c);

	for (unsigned id = 1; !r && id < NR_PORTS && id < max; id++)
		r = port_create_queues(c, id);
	if (r)
		return r;
	virtio_device_ready(c->device);
	mutex_lock(&c->lock);
	virtqueue_kick(c->control_rx);
	control_send(c, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	mutex_unlock(&c->lock);
	/* A port without a name, or none at all, is not waited for longer than this. */
	(void)waitq_wait_until(&c->settled, "virtio-console", 0, control_is_settled(c), clock_monotonic() + SETTLE_NS, 0);
	return 0;
}

static int console_probe(struct virtio_device *d)
{
	struct console *c = KNEW(struct console);
	int r;

	if (!c)
		return -ENOMEM;
	c->device = d;
	d->priv = c;
	waitq_init(&c->settled);
	if (virtio_has(d, VIRTIO_CONSOLE_F_MULTIPORT))
		return console_probe_ports(c);	/* on failure c stays: queues know it */
	r = port_create_queues(c, 0);
	if (r)
		return r;
	virtio_device_ready(d);
	r = port_register(&c->ports[0], "virtio-console");
	if (r)
		return r;
	virtqueue_kick(c->ports[0].rx);
	if (virtio_has(d, VIRTIO_CONSOLE_F_SIZE))
		tty_set_winsize(virtio_config16(d, VIRTIO_CONSOLE_CFG_COLS), virtio_config16(d, VIRTIO_CONSOLE_CFG_ROWS));
	return 0;
}

static const struct virtio_driver console_driver = {
	.name = "console",
	.id = VIRTIO_ID_CONSOLE,
	.features = VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT,
	.probe = console_probe,
};
VIRTIO_DRIVER(console_driver);
