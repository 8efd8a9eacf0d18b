// SPDX-License-Identifier: MIT
/*
 * DHCPv4 client: RFC 2131, options of RFC 2132, RFC 6842. A state machine for each device, driven by answers (a port of its own in the UDP layer would need an address; so the
 * client hears port 68 through a UDP socket bound to any address) and by the worker's slow tick.
 *
 *	INIT -> SELECTING -> REQUESTING -> PROBING -> BOUND -> RENEWING -> REBINDING -> INIT
 *
 * PROBING: is the address that we were given free? Who uses it answers our ARP probes (RFC 2131 4.4.1, RFC 5227 2.1); then the server is told (DECLINE) and asked again later. The
 * times of RFC 5227 are for radio and sleepy switches, and would cost a start seconds.
 */
#include "libc/errno.h"
#include "libc/list.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/config.h"
#include "net/csum.h"
#include "net/dgram.h"
#include "net/ip.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/wire.h"
#include "net/worker.h"
#include "sched/clock.h"

struct dhcp_msg {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint16_t secs, flags;
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16], sname[64], file[128];
	uint32_t cookie;
	uint8_t options[312];
} PACKED;
_Static_assert(sizeof(struct dhcp_msg) == 240 + 312, "RFC 2131 2");

#define COOKIE		0x63825363u
#define OPT_MASK	1
#define OPT_ROUTER	3
#define OPT_DNS		6
#define OPT_HOSTNAME	12
#define OPT_DOMAIN	15
#define OPT_MTU		26
#define OPT_BROADCAST	28
#define OPT_ADDRESS	50
#define OPT_LEASE	51
#define OPT_TYPE	53
#define OPT_SERVER	54
#define OPT_PARAMS	55
#define OPT_T1		58
#define OPT_T2		59
#define OPT_CLIENT_ID	61
#define OPT_END		255

enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE_ };
enum dhcp_state { SELECTING, REQUESTING, PROBING, BOUND, RENEWING, REBINDING };

#define NR_PROBES	2u
#define PROBE_NS	(100 * NSEC_PER_MSEC)
#define DECLINED_NS	(10 * NSEC_PER_SEC)	/* RFC 2131 3.1.5 */
#define MAX_AT_ONCE	64u	/* messages: who floods the port does not keep the worker for himself */

/* What an answer says. */
struct lease {
	uint32_t addr, mask, router, server;	/* network order */
	uint32_t lease_s, t1_s, t2_s;
	struct ip_addr dns[3];
	unsigned nr_dns;
	uint16_t mtu;
	uint8_t type;
	char domain[64];
};

struct dhcp {
	struct dhcp *next;
	struct netdev *dev;		/* [I] */
	enum dhcp_state state;		/* [lock] */
	uint32_t xid;			/* [lock] */
	unsigned tries;			/* [lock] */
	nsec_t started, next_at, t2_at, end_at;	/* [lock] */
	struct lease lease;		/* [lock] the present one, or what was offered */
	bool has_addr;			/* [a] */
};

static struct mutex lock;
static struct dhcp *clients;		/* [lock for writes], never removed */
static struct socket *sock;		/* [lock] */

static struct dhcp *find(const struct netdev *dev)
{
	struct dhcp *d = atomic_load(&clients, ACQUIRE);

	while (d && d->dev != dev)
		d = d->next;
	return d;
}

/* ---- sending ----------------------------------------------------------------------------------------------------------------- */

static uint8_t *put_opt(uint8_t *o, uint8_t type, const void *data, uint8_t len)
{
	*o++ = type;
	*o++ = len;
	memcpy(o, data, len);
	return o + len;
}

/* lock held. */
static void send(struct dhcp *d, uint8_t type)
{
	static const uint8_t params[] = { OPT_MASK, OPT_ROUTER, OPT_DNS, OPT_DOMAIN, OPT_MTU, OPT_BROADCAST, OPT_LEASE, OPT_T1, OPT_T2 };
	bool has_addr = d->state >= BOUND, is_unicast = d->state == RENEWING;
	struct ip_addr src = ip_from_v4(has_addr ? d->lease.addr : 0), dst = ip_from_v4(is_unicast ? d->lease.server : 0xffffffff);
	struct pkt *p = pkt_alloc(IP_HEADROOM, sizeof(struct udp_hdr) + sizeof(struct dhcp_msg));
	struct ip_opts opts = { .may_fragment = true };
	uint8_t id[7] = { 1 }, *o;
	struct udp_hdr *u;
	struct dhcp_msg *m;

	if (!p)
		return;
	u = pkt_put(p, sizeof(*u));
	m = pkt_put(p, sizeof(*m));
	memset(m, 0, sizeof(*m));
	m->op = 1;
	m->htype = 1;
	m->hlen = 6;
	m->xid = d->xid;
	m->secs = net16((uint16_t)MIN((clock_monotonic() - d->started) / NSEC_PER_SEC, 0xffffull));
	m->flags = has_addr ? 0 : net16(0x8000);	/* answer by broadcast: we have no address to be reached at */
	m->ciaddr = has_addr ? d->lease.addr : 0;
	memcpy(m->chaddr, d->dev->mac, 6);
	m->cookie = net32(COOKIE);
	memcpy(id + 1, d->dev->mac, 6);
	o = put_opt(m->options, OPT_TYPE, &type, 1);
	o = put_opt(o, OPT_CLIENT_ID, id, sizeof(id));
	if ((type == REQUEST && !has_addr) || type == DECLINE) {
		o = put_opt(o, OPT_ADDRESS, &d->lease.addr, 4);
		o = put_opt(o, OPT_SERVER, &d->lease.server, 4);
	}
	if (type != DECLINE)
		o = put_opt(o, OPT_PARAMS, params, sizeof(params));
	*o = OPT_END;
	*u = (struct udp_hdr){ .sport = net16(68), .dport = net16(67), .len = net16((uint16_t)p->len) };
	u->csum = csum_fold(csum_pseudo(&src, &dst, p->len, IPPROTO_UDP));
	p->flags |= PKT_CSUM_PARTIAL;
	p->csum_offset = offsetof(struct udp_hdr, csum);
	if (is_unicast) {
		ip_send(p, &src, &dst, IPPROTO_UDP, &opts, d->dev);
	} else {
		struct ip_route rt = { .dev = d->dev, .mtu = 1500, .is_broadcast = true };

		(void)ip_output(p, &rt, &src, &dst, IPPROTO_UDP, &opts, clock_monotonic());
	}
}

/* lock held. RFC 2131 4.1: 4, 8, 16 ... 64 s, each +-1 s; we begin with 1 s, since a virtual network answers at once or not at all. */
static void schedule_retry(struct dhcp *d, nsec_t now)
{
	uint32_t r;
	nsec_t t = NSEC_PER_SEC << MIN(d->tries, 6u);

	random_bytes(&r, sizeof(r));
	d->next_at = now + t + (d->tries ? r % NSEC_PER_SEC : 0);
	d->tries++;
	worker_request_slow_tick(d->next_at);
}

static void discover(struct dhcp *d, nsec_t now)
{
	d->state = SELECTING;
	random_bytes(&d->xid, sizeof(d->xid));
	send(d, DISCOVER);
	schedule_retry(d, now);
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------------- */

static uint32_t get32(const uint8_t *b)
{
	uint32_t v;

	memcpy(&v, b, 4);
	return net32(v);
}

static void parse_option(struct lease *l, uint8_t type, const uint8_t *v, unsigned len)
{
	switch (type) {
	case OPT_DNS:
		for (unsigned i = 0; i + 4 <= len && l->nr_dns < ARRAY_SIZE(l->dns); i += 4) {
			struct ip_addr a = ip_from_v4(net32(get32(v + i)));

			if (!ip_is_any(&a) && !ip_is_multicast(&a))
				l->dns[l->nr_dns++] = a;
		}
		return;
	case OPT_DOMAIN:
		len = MIN(len, (unsigned)sizeof(l->domain) - 1);
		for (unsigned i = 0; i < len; i++) {
			/* It goes into a file: only what a name may hold. */
			char c = (char)v[i];
			bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';

			if (!ok) {
				l->domain[0] = 0;
				return;
			}
			l->domain[i] = c;
			l->domain[i + 1] = 0;
		}
		return;
	case OPT_TYPE:
		if (len >= 1)
			l->type = v[0];
		return;
	case OPT_MTU:
		if (len >= 2)
			l->mtu = (uint16_t)(v[0] << 8 | v[1]);
		return;
	}
	if (len < 4)
		return;
	switch (type) {
	case OPT_MASK:
		l->mask = net32(get32(v));
		break;
	case OPT_ROUTER:
		l->router = net32(get32(v));
		break;
	case OPT_SERVER:
		l->server = net32(get32(v));
		break;
	case OPT_LEASE:
		l->lease_s = get32(v);
		break;
	case OPT_T1:
		l->t1_s = get32(v);
		break;
	case OPT_T2:
		l->t2_s = get32(v);
		break;
	}
}

/* False: not an answer to us. */
static bool parse(const struct dhcp *d, const struct dhcp_msg *m, size_t len, struct lease *l)
{
	size_t opts = offsetof(struct dhcp_msg, options);

	memset(l, 0, sizeof(*l));
	if (len < opts || m->op != 2 || m->xid != d->xid || memcmp(m->chaddr, d->dev->mac, 6) || m->cookie != net32(COOKIE))
		return false;
	l->addr = m->yiaddr;
	for (size_t i = 0; opts + i < len && m->options[i] != OPT_END;) {
		uint8_t type = m->options[i], n;

		if (!type) {
			i++;
			continue;
		}
		if (opts + i + 1 >= len)
			break;
		n = m->options[i + 1];
		if (opts + i + 2 + n > len)
			break;
		parse_option(l, type, &m->options[i + 2], n);
		i += 2u + n;
	}
	return true;
}

static void drop_address(struct dhcp *d)
{
	struct ip_addr a = ip_from_v4(d->lease.addr), any = ip_from_v4(0), gw = ip_from_v4(d->lease.router);

	if (!d->has_addr)
		return;
	atomic_store(&d->has_addr, false, RELAXED);
	if (d->lease.router)
		(void)route_remove(&any, 96, &gw, d->dev);
	(void)ifaddr_remove(d->dev, &a);
}

static unsigned mask_bits(uint32_t mask)
{
	unsigned n = 0;

	while (mask >> 31) {
		mask <<= 1;
		n++;
	}
	return n;
}

/* lock held. */
static void bind_lease(struct dhcp *d, const struct lease *l, nsec_t now)
{
	struct ip_addr a = ip_from_v4(l->addr), any = ip_from_v4(0), gw = ip_from_v4(l->router);
	uint32_t mask = net32(l->mask ? l->mask : 0x00ffffff), lease = l->lease_s ? l->lease_s : 3600;
	bool is_new = !d->has_addr || d->lease.addr != l->addr;
	unsigned prefix = 96 + mask_bits(mask);
	char text[IP_TEXT_LEN];

	if (is_new)
		drop_address(d);
	d->lease = *l;
	d->state = BOUND;
	d->tries = 0;
	if (is_new) {
		(void)ifaddr_add(d->dev, &a, prefix, 0, NSEC_NEVER, NSEC_NEVER);
		if (l->router)
			(void)route_add(&any, 96, &gw, d->dev, 0, NSEC_NEVER);
		atomic_store(&d->has_addr, true, RELAXED);
		arp_announce(d->dev, &a);
	}
	if (l->mtu >= 576 && l->mtu < atomic_load(&d->dev->mtu, RELAXED))
		atomic_store(&d->dev->mtu, (uint32_t)l->mtu, RELAXED);
	if (l->nr_dns)
		resolv_set(1, l->dns, l->nr_dns, l->domain);
	(void)text;
	/* RFC 2131 4.4.5: T1 half, T2 seven eighths. */
	if (lease == 0xffffffff) {
		d->next_at = d->t2_at = d->end_at = NSEC_NEVER;
	} else {
		uint32_t t1 = l->t1_s && l->t1_s < lease ? l->t1_s : lease / 2, t2 = l->t2_s > t1 && l->t2_s < lease ? l->t2_s : lease - lease / 8;

		d->next_at = now + MAX(t1, 1u) * NSEC_PER_SEC;
		d->t2_at = now + MAX(t2, 1u) * NSEC_PER_SEC;
		d->end_at = now + lease * NSEC_PER_SEC;
		worker_request_slow_tick(d->next_at);
	}
}

/* lock held. */
static void probe(struct dhcp *d, nsec_t now)
{
	struct ip_addr a = ip_from_v4(d->lease.addr);

	arp_probe(d->dev, &a);
	d->tries++;
	d->next_at = now + PROBE_NS;
	worker_request_slow_tick(d->next_at);
}

void dhcp_address_in_use(struct netdev *dev, const struct ip_addr *addr)
{
	struct dhcp *d = find(dev);
	char text[IP_TEXT_LEN];

	if (!d)
		return;
	mutex_lock(&lock);
	if (d->state == PROBING && addr->w[3] == d->lease.addr) {
		log_line("%s: %s, which DHCP gave, is in use by another machine", dev->name, ip_to_text(addr, text));
		send(d, DECLINE);
		random_bytes(&d->xid, sizeof(d->xid));	/* what was offered beside it is not heard any more */
		d->state = SELECTING;
		d->tries = 0;
		d->next_at = clock_monotonic() + DECLINED_NS;
		worker_request_slow_tick(d->next_at);
	}
	mutex_unlock(&lock);
}

/* lock held. */
static void answer(struct dhcp *d, const struct lease *l, nsec_t now)
{
	struct ip_addr a = ip_from_v4(l->addr);

	if (d->state == SELECTING && l->type == OFFER && l->addr && l->server && !ip_is_multicast(&a) && !ip_is_loopback(&a)) {
		d->lease = *l;
		d->state = REQUESTING;
		d->tries = 0;
		send(d, REQUEST);
		schedule_retry(d, now);
	} else if (d->state != SELECTING && d->state != BOUND && l->type == NAK) {	/* BOUND hears nothing (RFC 2131 figure 5) */
		drop_address(d);
		d->tries = 1;
		discover(d, now);
	} else if (d->state == REQUESTING && l->type == ACK && l->addr && l->addr == d->lease.addr) {
		uint32_t server = d->lease.server;

		d->lease = *l;
		if (!l->server)
			d->lease.server = server;
		d->state = PROBING;
		d->tries = 0;
		probe(d, now);
	} else if ((d->state == RENEWING || d->state == REBINDING) && l->type == ACK && l->addr) {
		struct lease full = *l;

		if (!full.server)
			full.server = d->lease.server;
		bind_lease(d, &full, now);
	}
}

/* ---- driving ---------------------------------------------------------------------------------------------------------------------- */

static void receive_all(nsec_t now)
{
	union {
		struct dhcp_msg m;
		uint8_t b[1500];
	} buf;

	for (unsigned nr = 0;; nr++) {
		struct iovec iov;
		struct uio u;
		struct sock_msg msg = { .uio = &u, .is_nonblock = true };
		ssize_t n;

		uio_init(&u, &iov, &buf, sizeof(buf), true);
		n = sock ? sock->ops->recv(sock, &msg) : -EAGAIN;
		if (n < 0)
			break;
		if (nr == MAX_AT_ONCE) {	/* this one is lost: it is a flood */
			worker_request_slow_tick(now);
			break;
		}
		mutex_lock(&lock);
		for (struct dhcp *d = clients; d; d = d->next) {
			struct lease l;

			if (parse(d, &buf.m, (size_t)n, &l))
				answer(d, &l, now);
		}
		mutex_unlock(&lock);
	}
}

/* lock held. A timer of d ran out. */
static void timeout(struct dhcp *d, nsec_t now)
{
	nsec_t left;

	switch (d->state) {
	case SELECTING:
		if (!d->tries) {
			discover(d, now);
			return;
		}
		send(d, DISCOVER);
		schedule_retry(d, now);
		return;
	case PROBING:
		if (d->tries < NR_PROBES)
			probe(d, now);
		else
			bind_lease(d, &d->lease, now);
		return;
	case REQUESTING:
		if (d->tries >= 4) {
			d->tries = 1;
			discover(d, now);
			return;
		}
		send(d, REQUEST);
		schedule_retry(d, now);
		return;
	case BOUND:
		random_bytes(&d->xid, sizeof(d->xid));
		d->started = now;
		d->state = RENEWING;
		/* fall through */
	case RENEWING:
	case REBINDING:
		if (now >= d->end_at) {
			drop_address(d);
			d->tries = 0;
			discover(d, now);
			return;
		}
		if (now >= d->t2_at)
			d->state = REBINDING;
		send(d, REQUEST);
		/* RFC 2131 4.4.5: half of what is left, at least a minute. */
		left = (d->state == REBINDING ? d->end_at : d->t2_at) - now;
		d->next_at = now + MIN(MAX(left / 2, 60 * NSEC_PER_SEC), MAX(left, NSEC_PER_SEC));
		worker_request_slow_tick(d->next_at);
	}
}

void dhcp_tick(nsec_t now)
{
	bool is_bound = false;

	if (!atomic_load(&clients, ACQUIRE))
		return;
	receive_all(now);
	mutex_lock(&lock);
	for (struct dhcp *d = clients; d; d = d->next) {
		if (d->next_at <= now)
			timeout(d, now);
		else if (d->next_at != NSEC_NEVER)
			worker_request_slow_tick(d->next_at);
		is_bound |= d->state == BOUND;
	}
	mutex_unlock(&lock);
	if (is_bound)
		net_config_done();
}

/* An answer has come: the worker looks at once. */
static bool on_packet(struct waiter *w, uint32_t key)
{
	(void)w;
	(void)key;
	worker_request_slow_tick(0);
	return true;
}

static int open_socket(void)
{
	static struct waiter waiter = { .notify = on_packet };
	struct sock_cred cred = { 1, 0, 0 };
	struct sock_addr a = { .len = 16, .in = { .family = AF_INET, .port = net16(68) } };
	struct socket *so;
	int r;

	r = socket_create_plain(AF_INET, SOCK_DGRAM, &cred, &so);
	if (r)
		return r;
	r = so->ops->bind(so, &a);
	if (r) {
		so->ops->release(so);
		socket_put(so);
		return r;
	}
	waitq_add(&so->wq, &waiter);
	sock = so;
	return 0;
}

int dhcp_start(struct netdev *dev)
{
	nsec_t now = clock_monotonic();
	struct dhcp *d;
	int r = 0;

	if (find(dev))
		return 0;
	d = KNEW(struct dhcp);
	if (!d)
		return -ENOMEM;
	d->dev = dev;
	d->started = now;
	mutex_lock(&lock);
	if (!sock)
		r = open_socket();
	if (!r) {
		d->next = clients;
		atomic_store(&clients, d, RELEASE);
		discover(d, now);
	}
	mutex_unlock(&lock);
	if (r)
		kfree(d);
	return r;
}

void dhcp_link_up(struct netdev *dev)
{
	struct dhcp *d = find(dev);

	if (!d)
		return;
	mutex_lock(&lock);
	/* Perhaps another network: confirm soon (RFC 2131 4.4.2 with the lease in hand is what RENEWING does). */
	d->tries = 0;
	d->next_at = clock_monotonic();
	worker_request_slow_tick(d->next_at);
	mutex_unlock(&lock);
}

bool dhcp_is_asking(const struct netdev *dev)
{
	const struct dhcp *d = find(dev);

	return d && !atomic_load(&d->has_addr, RELAXED);
}
