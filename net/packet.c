// SPDX-License-Identifier: MIT
/*
 * AF_PACKET: packet(7). A frame is copied for each socket that wants it, after its filter has said how much of it; nothing is held while the device waits. Sockets of one protocol see
 * what is received, those of ETH_P_ALL also what is sent (but for what they sent themselves). Fan-out and rings for sending are not there.
 */
#include "net/packet.h"

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/dgram.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/rcu.h"

#define ETH_P_ALL	0x0003u
#define ETH_P_802_2	0x0004u
#define ETH_P_MIN	0x0600u		/* below it is a length (IEEE 802.3 3.2.6) */
#define ARPHRD_ETHER	1
#define ARPHRD_LOOPBACK	772
#define MAC_LEN		6u
#define SLL_LEN		20u
#define SLL_ADDR	12u		/* offset of the address */
#define MAX_RECEIVERS	16u

#define SOL_PACKET	263
enum { PACKET_ADD_MEMBERSHIP = 1, PACKET_DROP_MEMBERSHIP, PACKET_RX_RING = 5, PACKET_STATISTICS, PACKET_COPY_THRESH, PACKET_AUXDATA, PACKET_ORIGDEV, PACKET_VERSION,
       PACKET_HDRLEN, PACKET_RESERVE, PACKET_TIMESTAMP = 17, PACKET_IGNORE_OUTGOING = 23 };

struct packet_mreq {
	int32_t index;
	uint16_t type, alen;
	uint8_t addr[8];
};
enum { PACKET_MR_MULTICAST, PACKET_MR_PROMISC, PACKET_MR_ALLMULTI, PACKET_MR_UNICAST };

struct packet_sock {
	struct dgram d;
	uint32_t type;			/* [a] Ethernet's type that it wants, host order; 0: none */
	uint32_t index;			/* [a] of the device; 0: all */
	uint32_t wants_aux, ignores_out, orig_dev;	/* [a] */
	uint32_t nr_seen, nr_dropped;	/* [a] since they were read */
	struct mutex ring_lock;		/* innermost: a frame may come while locks of routes and neighbours are held */
	uint32_t version, reserve;	/* [ring_lock] of a ring to come */
	struct packet_ring *ring;	/* [ring_lock]; that there is one is looked at without */
	struct packet_sock *next;	/* [rcu] */
};

static struct mutex lock;
static struct packet_sock *socks;	/* [rcu] written under lock */
static uint32_t nr_tapping;		/* [a] written under lock: sockets with a type */

static struct packet_sock *packet_of(struct socket *so)
{
	return container_of(so, struct packet_sock, d.so);
}

bool packet_is_tapping(void)
{
	return atomic_load(&nr_tapping, RELAXED);
}

/* lock held. The first and the last socket that wants frames. */
static void count_tapping(int change)
{
	uint32_t nr = nr_tapping + (uint32_t)change;

	atomic_store(&nr_tapping, nr, RELAXED);
	for (struct netdev *d = netdev_first(); d; d = d->next)
		netdev_set_special(d, NETDEV_TAPPED, nr);
}

static void set_type(struct packet_sock *s, uint32_t type, uint32_t index)
{
	mutex_lock(&lock);
	if (!s->type != !type)
		count_tapping(type ? 1 : -1);
	atomic_store(&s->type, type, RELAXED);
	atomic_store(&s->index, index, RELAXED);
	mutex_unlock(&lock);
}

/* ---- input -------------------------------------------------------------------------------------------------------- */

static uint8_t kind_of(const struct netdev *dev, const uint8_t *dst)
{
	static const uint8_t all[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (dst[0] & 1)
		return memcmp(dst, all, MAC_LEN) ? PACKET_MULTICAST : PACKET_BROADCAST;
	return memcmp(dst, dev->mac, MAC_LEN) ? PACKET_OTHERHOST : PACKET_HOST;
}

static bool wants(struct packet_sock *s, const struct bpf_view *v)
{
	uint32_t type = atomic_load(&s->type, RELAXED), index = atomic_load(&s->index, RELAXED);

	if (!type || (index && index != v->dev->index))
		return false;
	if (v->kind == PACKET_OUTGOING)
		return type == ETH_P_ALL && !atomic_load(&s->ignores_out, RELAXED);
	return type == ETH_P_ALL || type == v->protocol;
}

/* A copy with its link header in front, whether the socket sees it or not. */
static struct pkt *copy(const struct bpf_view *v, const struct packet_info *info)
{
	struct pkt *c = pkt_copy(v->pkt, v->head_len);

	if (!c)
		return NULL;
	memcpy(pkt_push(c, v->head_len), v->head, v->head_len);
	c->base = c->seg[0].data;
	pkt_pull(c, v->start);
	pkt_trim_to(c, info->snaplen);
	c->dev = (struct netdev *)(uintptr_t)v->dev;
	c->udp.sport = v->protocol;
	c->udp.hop_limit = v->kind;
	c->udp.tos = (uint8_t)info->status;
	c->udp.full_len = info->len;
	return c;
}

static void fill_address(struct sockaddr_ll *a, const struct netdev *dev, uint16_t type, uint8_t kind, const uint8_t *mac)
{
	*a = (struct sockaddr_ll){ .family = AF_PACKET, .protocol = net16(type), .index = (int32_t)dev->index, .hatype = dev == &loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER,
				   .kind = kind, .halen = MAC_LEN };
	memcpy(a->addr, mac, MAC_LEN);
}

static bool give_to_ring(struct packet_sock *s, struct bpf_view *v, struct packet_info *info, const uint8_t *src_mac)
{
	bool r = false;

	fill_address(&info->from, v->dev, v->protocol, v->kind, src_mac);
	info->time = v->pkt->time + clock_realtime_offset();
	mutex_lock(&s->ring_lock);
	if (s->ring)
		r = packet_ring_write(s->ring, v, info);
	mutex_unlock(&s->ring_lock);
	if (r)
		socket_wake(&s->d.so, 1, FILE_POLLIN | FILE_POLLRDNORM);
	return r;
}

static void give(struct packet_sock *s, struct bpf_view *v, const uint8_t *src_mac)
{
	struct packet_info info = { .status = TP_STATUS_USER };
	uint32_t keep;
	struct pkt *c;
	bool r;

	v->start = s->d.so.type == SOCK_RAW ? 0 : ETH_HLEN;
	info.len = v->head_len + v->pkt->len - v->start;
	keep = sock_filter_view(&s->d.so, v);
	if (!keep)
		return;
	info.snaplen = MIN(keep, info.len);
	info.mac_len = ETH_HLEN - v->start;
	if (v->pkt->flags & PKT_CSUM_PARTIAL)
		info.status |= TP_STATUS_CSUM_NOT_READY;
	else if (v->pkt->flags & PKT_CSUM_OK && v->kind != PACKET_OUTGOING)
		info.status |= TP_STATUS_CSUM_VALID;
	(void)atomic_fetch_add(&s->nr_seen, 1u, RELAXED);
	if (atomic_load(&s->ring, RELAXED)) {
		r = give_to_ring(s, v, &info, src_mac);
	} else {
		c = copy(v, &info);
		r = c && dgram_deliver(&s->d, c);
	}
	if (!r)
		(void)atomic_fetch_add(&s->nr_dropped, 1u, RELAXED);
}

void packet_tap(struct netdev *dev, const struct pkt *p, bool has_link, bool is_out, const struct packet_sock *sender)
{
	struct eth_hdr h = { .type = 0 };
	struct bpf_view v = { .head = (const uint8_t *)&h, .pkt = p, .dev = dev, .net = ETH_HLEN, .link = 0 };
	struct packet_sock *who[MAX_RECEIVERS];
	unsigned n = 0;

	if (has_link && p->len < sizeof(h))
		return;
	if (has_link) {
		pkt_copy_out(p, 0, &h, sizeof(h));
	} else {
		h.type = p->len && p->seg[0].data[0] >> 4 == 6 ? net16(ETH_P_IP6) : net16(ETH_P_IP4);
		v.head_len = sizeof(h);
	}
	v.protocol = net16(h.type) >= ETH_P_MIN ? net16(h.type) : ETH_P_802_2;
	v.kind = is_out ? PACKET_OUTGOING : kind_of(dev, h.dst);
	rcu_read_lock();
	for (struct packet_sock *s = rcu_deref(socks); s && n < MAX_RECEIVERS; s = rcu_deref(s->next)) {
		if (s != sender && wants(s, &v) && socket_try_get(&s->d.so))
			who[n++] = s;
	}
	rcu_read_unlock();
	for (unsigned i = 0; i < n; i++) {
		give(who[i], &v, h.src);
		socket_put(&who[i]->d.so);
	}
}

static void put_control(struct packet_sock *s, struct sock_msg *m, const struct pkt *p)
{
	if (stamp_is_wanted(&s->d.so))
		stamp_put(&s->d.so, m, p->time);
	if (atomic_load(&s->wants_aux, RELAXED)) {
		struct {
			uint32_t status, len, snaplen;
			uint16_t mac, net, vlan_tci, vlan_tpid;
		} aux = { .status = p->udp.tos, .len = p->udp.full_len, .snaplen = p->len };

		aux.net = s->d.so.type == SOCK_RAW ? ETH_HLEN : 0;
		sock_msg_put(m, SOL_PACKET, PACKET_AUXDATA, &aux, sizeof(aux));
	}
}

static ssize_t copy_out(struct packet_sock *s, struct sock_msg *m, const struct pkt *p)
{
	unsigned len = (unsigned)MIN((size_t)p->len, m->uio->left);
	ssize_t n = len ? pkt_to_uio(p, 0, m->uio, len) : 0;

	if (n < (ssize_t)len)
		return -EFAULT;
	if (len < p->len)
		m->out_flags |= MSG_TRUNC;
	if (m->name) {
		struct sockaddr_ll a;

		fill_address(&a, p->dev, p->udp.sport, p->udp.hop_limit, p->base + MAC_LEN);
		memset(m->name, 0, sizeof(*m->name));
		memcpy(m->name->bytes, &a, SLL_LEN);
		m->name->len = SLL_LEN;
	}
	atomic_store(&s->d.so.stamp, p->time, RELAXED);
	if (m->control_room)
		put_control(s, m, p);
	return m->flags & MSG_TRUNC ? (ssize_t)p->len : n;
}

static ssize_t packet_recv(struct socket *so, struct sock_msg *m)
{
	struct packet_sock *s = packet_of(so);
	struct pkt *p;
	ssize_t n;
	int e;

	if (m->flags & (MSG_OOB | MSG_WAITALL))
		return -EINVAL;
	if (m->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	e = dgram_wait(&s->d, m, &p);
	if (e)
		return e == 1 ? 0 : e;
	n = copy_out(s, m, p);
	if (!(m->flags & MSG_PEEK)) {
		dgram_pop(&s->d);
		pkt_free(p);
	}
	mutex_unlock(&so->lock);
	return n;
}

static uint32_t packet_poll(struct socket *so)
{
	struct packet_sock *s = packet_of(so);
	uint32_t events = dgram_poll(so);

	if (!atomic_load(&s->ring, RELAXED))
		return events;
	mutex_lock(&s->ring_lock);
	if (s->ring && packet_ring_has_data(s->ring))
		events |= FILE_POLLIN | FILE_POLLRDNORM;
	mutex_unlock(&s->ring_lock);
	return events;
}

/* ---- output ------------------------------------------------------------------------------------------------------- */

/* Where a send goes. */
struct target {
	struct netdev *dev;
	uint16_t protocol;		/* network order */
	const uint8_t *mac;		/* NULL: none given */
};

static int find_target(struct packet_sock *s, const struct sock_msg *m, struct target *t)
{
	uint32_t index = atomic_load(&s->index, RELAXED);

	t->protocol = net16((uint16_t)atomic_load(&s->type, RELAXED));
	t->mac = NULL;
	if (m->name && m->name->len) {
		struct sockaddr_ll a;

		if (m->name->len < SLL_LEN)
			return -EINVAL;
		memcpy(&a, m->name->bytes, SLL_LEN);
		if (m->name->len < SLL_ADDR + a.halen)
			return -EINVAL;
		index = (uint32_t)a.index;
		t->protocol = a.protocol;
		t->mac = m->name->bytes + SLL_ADDR;
	}
	t->dev = index ? netdev_by_index(index) : NULL;
	if (!t->dev)
		return -ENXIO;
	return atomic_load(&t->dev->flags, RELAXED) & IFF_UP ? 0 : -ENETDOWN;
}

/* What the loopback device does with a frame: it comes in again. take. */
static void loop_back(struct pkt *p, uint16_t type, const uint8_t *dst)
{
	uint8_t kind = kind_of(&loopback, dst);

	p->time = clock_monotonic();
	if (atomic_load(&loopback.special, RELAXED) & NETDEV_TAPPED)
		packet_tap(&loopback, p, true, false, NULL);
	if (kind == PACKET_OTHERHOST || p->len == ETH_HLEN || (type != net16(ETH_P_IP4) && type != net16(ETH_P_IP6))) {
		pkt_free(p);
		return;
	}
	/* Not loopback_receive(), which trusts what it gets: this is held to be from a wire, where our own addresses are martians. */
	p->dev = &loopback;
	p->base = p->seg[0].data;
	p->l3 = ETH_HLEN;
	if (kind != PACKET_HOST)
		p->flags |= PKT_BROADCAST;
	pkt_pull(p, ETH_HLEN);
	(void)atomic_fetch_add(&loopback.rx_packets, 1ull, RELAXED);
	(void)atomic_fetch_add(&loopback.rx_bytes, (uint64_t)p->len, RELAXED);
	if (type == net16(ETH_P_IP4))
		ip4_input(p);
	else
		ip6_input(p);
}

/* p is a whole frame. take. */
static void transmit(struct packet_sock *s, struct netdev *dev, struct pkt *p)
{
	struct eth_hdr h;

	p->time = clock_monotonic();
	if (atomic_load(&dev->special, RELAXED) & NETDEV_TAPPED)
		packet_tap(dev, p, true, true, s);
	if (dev != &loopback) {
		netdev_give(dev, p);
		return;
	}
	(void)atomic_fetch_add(&dev->tx_packets, 1ull, RELAXED);
	(void)atomic_fetch_add(&dev->tx_bytes, (uint64_t)p->len, RELAXED);
	memcpy(&h, p->seg[0].data, sizeof(h));
	loop_back(p, h.type, h.dst);
}

static ssize_t packet_send(struct socket *so, struct sock_msg *m)
{
	static const uint8_t no_mac[MAC_LEN];
	struct packet_sock *s = packet_of(so);
	bool is_raw = so->type == SOCK_RAW;
	size_t len = m->uio->left;
	struct target t;
	struct pkt *p;
	int e = sock_take_error(so);

	if (!e)
		e = find_target(s, m, &t);
	if (e)
		return e;
	if (len > atomic_load(&t.dev->mtu, RELAXED) + (is_raw ? ETH_HLEN : 0) || len > 65535)
		return -EMSGSIZE;
	if (is_raw ? len < ETH_HLEN : !t.mac && t.dev != &loopback)
		return -EINVAL;
	p = pkt_alloc(IP_HEADROOM, (unsigned)len);
	if (!p)
		return -ENOBUFS;
	if (len && uio_copy_from(m->uio, pkt_put(p, (unsigned)len), len) != (ssize_t)len) {
		pkt_free(p);
		return -EFAULT;
	}
	if (!is_raw) {
		struct eth_hdr *h = pkt_push(p, ETH_HLEN);

		memcpy(h->dst, t.mac ? t.mac : no_mac, MAC_LEN);
		memcpy(h->src, t.dev->mac, MAC_LEN);
		h->type = t.protocol;
	}
	transmit(s, t.dev, p);
	return (ssize_t)len;
}

/* ---- calls -------------------------------------------------------------------------------------------------------- */

static int packet_bind(struct socket *so, const struct sock_addr *a)
{
	struct packet_sock *s = packet_of(so);
	struct netdev *dev = NULL;
	struct sockaddr_ll ll;

	if (a->len < SLL_LEN || a->family != AF_PACKET)
		return -EINVAL;
	memcpy(&ll, a->bytes, SLL_LEN);
	if (ll.index) {
		dev = netdev_by_index((uint32_t)ll.index);
		if (!dev)
			return -ENODEV;
	}
	set_type(s, ll.protocol ? net16(ll.protocol) : s->type, (uint32_t)ll.index);
	if (dev && !(atomic_load(&dev->flags, RELAXED) & IFF_UP))
		atomic_store(&so->error, ENETDOWN, RELAXED);
	return 0;
}

static int packet_getname(struct socket *so, struct sock_addr *out, enum sock_name whose)
{
	struct packet_sock *s = packet_of(so);
	struct sockaddr_ll a = { .family = AF_PACKET };
	struct netdev *dev;

	if (whose)
		return -EOPNOTSUPP;
	a.index = (int32_t)atomic_load(&s->index, RELAXED);
	a.protocol = net16((uint16_t)atomic_load(&s->type, RELAXED));
	dev = a.index ? netdev_by_index((uint32_t)a.index) : NULL;
	if (dev)
		fill_address(&a, dev, net16(a.protocol), 0, dev->mac);
	memset(out, 0, sizeof(*out));
	memcpy(out->bytes, &a, SLL_LEN);
	out->len = SLL_ADDR + a.halen;
	return 0;
}

/* All devices here hear all multicast frames, and who is promiscuous gets nothing more: there is nothing to be done. */
static int check_membership(const void *value, unsigned len)
{
	struct packet_mreq r;

	if (len < sizeof(r))
		return -EINVAL;
	memcpy(&r, value, sizeof(r));
	if (r.alen > sizeof(r.addr) || len < 8u + r.alen)
		return -EINVAL;
	if (!netdev_by_index((uint32_t)r.index))
		return -ENODEV;
	if (r.alen > MAC_LEN)
		return -EINVAL;
	return (r.type == PACKET_MR_MULTICAST || r.type == PACKET_MR_UNICAST) && r.alen != MAC_LEN ? -EINVAL : 0;
}

static int set_ring(struct packet_sock *s, const void *value, unsigned len)
{
	struct packet_ring *r = NULL;
	struct packet_ring_req req;
	int e = 0;

	if (len < sizeof(req))
		return -EINVAL;
	memcpy(&req, value, sizeof(req));
	if (!req.nr_blocks && req.nr_frames)
		return -EINVAL;
	if (req.nr_blocks)
		e = packet_ring_make(&req, s->version, s->reserve, &r);
	if (e)
		return e;
	mutex_lock(&s->ring_lock);
	if (r && s->ring) {
		e = -EBUSY;
	} else {
		struct packet_ring *old = s->ring;

		atomic_store(&s->ring, r, RELAXED);
		r = old;
	}
	mutex_unlock(&s->ring_lock);
	if (r)
		packet_ring_put(r);
	return e;
}

/* Of a ring: not while there is one. */
static int set_before_ring(struct packet_sock *s, uint32_t *field, uint32_t v)
{
	int e = 0;

	mutex_lock(&s->ring_lock);
	if (s->ring)
		e = -EBUSY;
	else
		*field = v;
	mutex_unlock(&s->ring_lock);
	return e;
}

static int packet_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct packet_sock *s = packet_of(so);
	int v = 0;

	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	if (name == PACKET_ADD_MEMBERSHIP)
		return check_membership(value, len);
	if (name == PACKET_DROP_MEMBERSHIP)
		return len < sizeof(struct packet_mreq) ? -EINVAL : 0;
	if (name == PACKET_RX_RING)
		return set_ring(s, value, len);
	if (len < sizeof(v) && (name == PACKET_AUXDATA || name == PACKET_ORIGDEV || name == PACKET_VERSION || name == PACKET_RESERVE || name == PACKET_IGNORE_OUTGOING ||
				name == PACKET_TIMESTAMP || name == PACKET_COPY_THRESH))
		return -EINVAL;
	if (len >= sizeof(v))
		memcpy(&v, value, sizeof(v));
	switch (name) {
	case PACKET_AUXDATA:
		atomic_store(&s->wants_aux, v != 0, RELAXED);
		return 0;
	case PACKET_ORIGDEV:
		atomic_store(&s->orig_dev, v != 0, RELAXED);
		return 0;
	case PACKET_IGNORE_OUTGOING:
		if (v < 0 || v > 1)
			return -EINVAL;
		atomic_store(&s->ignores_out, v, RELAXED);
		return 0;
	case PACKET_VERSION:
		return v < 0 || v > 1 ? -EINVAL : set_before_ring(s, &s->version, (uint32_t)v);
	case PACKET_RESERVE:
		return v < 0 ? -EINVAL : set_before_ring(s, &s->reserve, (uint32_t)v);
	case PACKET_TIMESTAMP:
	case PACKET_COPY_THRESH:
		return 0;
	}
	return -ENOPROTOOPT;
}

static int packet_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	struct packet_sock *s = packet_of(so);
	uint32_t stats[2], v;

	if (level != SOL_PACKET)
		return -ENOPROTOOPT;
	switch (name) {
	case PACKET_STATISTICS:
		stats[0] = atomic_exchange(&s->nr_seen, 0u, RELAXED);
		stats[1] = atomic_exchange(&s->nr_dropped, 0u, RELAXED);
		*len = MIN(*len, (unsigned)sizeof(stats));
		memcpy(value, stats, *len);
		return 0;
	case PACKET_AUXDATA:
		v = atomic_load(&s->wants_aux, RELAXED);
		break;
	case PACKET_ORIGDEV:
		v = atomic_load(&s->orig_dev, RELAXED);
		break;
	case PACKET_IGNORE_OUTGOING:
		v = atomic_load(&s->ignores_out, RELAXED);
		break;
	case PACKET_VERSION:
		v = s->version;
		break;
	case PACKET_RESERVE:
		v = s->reserve;
		break;
	case PACKET_HDRLEN:		/* of the version that the value names */
		if (*len < sizeof(v))
			return -EINVAL;
		memcpy(&v, value, sizeof(v));
		if (v > 1)
			return -EINVAL;
		v = packet_ring_header(v);
		break;
	default:
		return -ENOPROTOOPT;
	}
	*len = MIN(*len, (unsigned)sizeof(v));
	memcpy(value, &v, *len);
	return 0;
}

static int packet_map(struct socket *so, uint64_t off, size_t len, struct vm_object **out)
{
	struct packet_sock *s = packet_of(so);
	int e = -EINVAL;

	mutex_lock(&s->ring_lock);
	if (s->ring)
		e = packet_ring_object(s->ring, off, len, out);
	mutex_unlock(&s->ring_lock);
	return e;
}

static void packet_release(struct socket *so)
{
	struct packet_sock *s = packet_of(so), **link;

	mutex_lock(&lock);
	if (s->type)
		count_tapping(-1);
	atomic_store(&s->type, 0u, RELAXED);
	for (link = &socks; *link != s; link = &(*link)->next)
		;
	rcu_assign(*link, s->next);
	mutex_unlock(&lock);
	dgram_release(&s->d);
}

static void packet_destroy(struct socket *so)
{
	struct packet_sock *s = packet_of(so);

	if (s->ring)
		packet_ring_put(s->ring);
	dgram_destroy(&s->d);
}

static const struct socket_ops packet_ops = {
	.bind = packet_bind,
	.getname = packet_getname,
	.send = packet_send,
	.recv = packet_recv,
	.poll = packet_poll,
	.setopt = packet_setopt,
	.getopt = packet_getopt,
	.queued = dgram_queued,
	.map = packet_map,
	.release = packet_release,
	.destroy = packet_destroy,
};

/* proto: Ethernet's type in network order. */
static int packet_create(struct socket **out, int family, int type, int proto)
{
	struct packet_sock *s;

	_Static_assert(offsetof(struct packet_sock, d.so) == 0, "socket_free() frees it");
	_Static_assert(sizeof(struct sockaddr_ll) == SLL_LEN, "packet(7)");
	if (!capable(CAP_NET_RAW))
		return -EPERM;
	s = KNEW(struct packet_sock);
	if (!s)
		return -ENOMEM;
	socket_init(&s->d.so, &packet_ops, family, type, 0);
	dgram_init(&s->d);
	mutex_lock(&lock);
	s->next = socks;
	rcu_assign(socks, s);
	mutex_unlock(&lock);
	set_type(s, net16((uint16_t)proto), 0);
	*out = &s->d.so;
	return 0;
}

NET_PROTO(packet_raw, .family = AF_PACKET, .type = SOCK_RAW, .takes_any_proto = true, .create = packet_create);
NET_PROTO(packet_dgram, .family = AF_PACKET, .type = SOCK_DGRAM, .takes_any_proto = true, .create = packet_create);
