// SPDX-License-Identifier: MIT
#include "net/dgram.h"

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "net/sysctl.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/poller.h"

#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM | FILE_POLLWRBAND)
#define CONFIG_WAIT_MS	5000u

/* Control messages of ip(7), ipv6(7), udp(7). */
#define SO_RXQ_OVFL		40
#define IP_TOS			1
#define IP_TTL			2
#define IP_RETOPTS		7
#define IP_PKTINFO		8
#define IP_ORIGDSTADDR		20
#define IP_PROTOCOL		52
#define IPV6_2292PKTINFO	2
#define IPV6_2292HOPLIMIT	8
#define IPV6_PKTINFO		50
#define IPV6_HOPLIMIT		52
#define IPV6_DONTFRAG		62
#define IPV6_TCLASS		67
#define IPV6_ORIGDSTADDR	74
/* Options that streams do not have. */
#define IP_MULTICAST_IF		32
#define IP_MULTICAST_TTL	33
#define IP_ADD_MEMBERSHIP	35
#define IP_DROP_MEMBERSHIP	36
#define IPV6_MULTICAST_IF	17
#define IPV6_MULTICAST_HOPS	18
#define IPV6_ADD_MEMBERSHIP	20
#define IPV6_DROP_MEMBERSHIP	21
#define IPV6_V6ONLY		26
#define SOL_UDP			17
#define UDP_SEGMENT		103

#define PKTINFO4_LEN		12u
#define SKB_SIZE		256u	/* Linux's struct sk_buff; */
#define SKB_ROOM		384u	/* headers, and struct skb_shared_info */
#define PKTINFO6_LEN		20u

void dgram_init(struct dgram *d)
{
	d->mc_hops[0] = d->mc_hops[1] = 1;
}

/* ---- receive ----------------------------------------------------------------------------------------------------- */

/*
 * What a datagram takes of SO_RCVBUF: as Linux counts it, so that as many fit; its bookkeeping, and bytes and headers
 * rounded up to a power of two. A receive buffer that holds little is a quarter of what it really takes, as with TCP.
 */
static uint32_t memory_of(const struct pkt *p)
{
	uint32_t counted = SKB_SIZE + (2u << (31 - __builtin_clz(p->len + SKB_ROOM - 1)));

	return MAX(counted, p->truesize / 4);
}

bool dgram_deliver(struct dgram *d, struct pkt *p)
{
	uint32_t before;

	p->udp.nr_dropped = 0;
	if (unlikely(atomic_load(&d->queued, RELAXED) || atomic_load(&d->nr_dropped, RELAXED))) {	/* alone it is taken anyway */
		p->truesize = memory_of(p);
		p->udp.nr_dropped = atomic_load(&d->nr_dropped, RELAXED);
	}
	before = atomic_fetch_add(&d->queued, p->truesize, RELAXED);
	/* One more while there is any room, so that one always fits. A socket that is shut for reading takes datagrams all the same. Both as on Linux. */
	if (before > atomic_load(&d->so.rcvbuf, RELAXED)) {
		(void)atomic_fetch_sub(&d->queued, p->truesize, RELAXED);
		(void)atomic_fetch_add(&d->nr_dropped, 1u, RELAXED);
		pkt_free(p);
		return false;
	}
	(void)mpsc_push(&d->channel, &p->node);
	socket_wake(&d->so, 1, POLL_IN);
	return true;
}

bool dgram_has_data(struct dgram *d)
{
	bool r;

	/* In this order: see mutex_is_busy(). Another reader may have packets in hand that are in neither queue. */
	if (!mpsc_is_empty_acquire(&d->channel))
		return true;
	if (!mutex_is_busy(&d->so.lock))
		return atomic_load(&d->queue, RELAXED);
	mutex_lock(&d->so.lock);
	r = d->queue || !mpsc_is_empty(&d->channel);
	mutex_unlock(&d->so.lock);
	return r;
}

/* so.lock held. The oldest packet, or NULL. */
static struct pkt *first(struct dgram *d)
{
	if (!d->queue) {
		struct mpsc_node *n = mpsc_take_newest_first(&d->channel);

		if (!n)
			return NULL;
		d->queue_tail = container_of(n, struct pkt, node);
		n = mpsc_reverse(n);
		atomic_store(&d->queue, container_of(n, struct pkt, node), RELAXED);
	}
	return d->queue;
}

void dgram_pop(struct dgram *d)
{
	struct pkt *p = d->queue;

	atomic_store(&d->queue, pkt_next(p), RELAXED);
	(void)atomic_fetch_sub(&d->queued, p->truesize, RELAXED);
}

int dgram_wait(struct dgram *d, struct sock_msg *m, struct pkt **out)
{
	struct socket *so = &d->so;
	nsec_t deadline = 0;

	for (;;) {
		int r;

		r = sock_take_error(so);	/* comes before data */
		if (r)
			return r;
		mutex_lock(&so->lock);
		*out = first(d);
		if (*out)
			return 0;
		mutex_unlock(&so->lock);
		if (poller_is_any_on() && sock_msg_look(m))
			continue;
		if (m->is_nonblock)
			return -EAGAIN;
		if (atomic_load(&so->shut, RELAXED) & SHUT_RD_BIT)
			return 1;	/* Linux tells only who would wait */
		if (!deadline)
			deadline = sock_deadline(atomic_load(&so->rcv_timeout, RELAXED));
		r = sleeper_wait_exclusive(&so->reader, &so->wq, "recv", POLL_IN | FILE_POLLERR | FILE_POLLHUP,
				       dgram_has_data(d) || atomic_load(&so->error, RELAXED) || atomic_load(&so->shut, RELAXED) & SHUT_RD_BIT, deadline);
		if (r)
			return sock_wait_error(r, deadline);
	}
}

/* Of packets of IPv4, whatever the family of the socket. */
static void put_control4(struct socket *so, struct sock_msg *m, const struct pkt *p, uint32_t flags, struct ip_addr local)
{
	int v = p->udp.hop_limit;

	if (flags & SF_PKTINFO) {
		uint32_t info[3] = { p->dev->index, 0, p->dst.w[3] };

		if (p->flags & PKT_BROADCAST)	/* what an answer would come from */
			(void)ip_choose_source(&p->src, p->dev, &local);
		info[1] = local.w[3];
		sock_msg_put(m, IPPROTO_IP, IP_PKTINFO, info, sizeof(info));
	}
	if (flags & SF_RECVTTL)
		sock_msg_put(m, IPPROTO_IP, IP_TTL, &v, sizeof(v));
	if (flags & SF_RECVTOS)
		sock_msg_put(m, IPPROTO_IP, IP_TOS, &p->udp.tos, 1);
	if (atomic_load(&so->inet.flags, RELAXED) & INF_ORIGDST) {
		uint16_t to[8] = { AF_INET, net16(p->udp.dport) };

		memcpy(&to[2], &p->dst.w[3], 4);
		sock_msg_put(m, IPPROTO_IP, IP_ORIGDSTADDR, to, sizeof(to));
	}
}

static void put_control6(struct socket *so, struct sock_msg *m, const struct pkt *p, uint32_t flags, uint32_t inf)
{
	int hops = p->udp.hop_limit, tclass = p->udp.tos;

	if (inf & INF6_HOPS)
		sock_msg_put(m, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
	if (inf & INF6_TCLASS)
		sock_msg_put(m, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass));
	if (flags & SF_RECVHOPS_2292)
		sock_msg_put(m, IPPROTO_IPV6, IPV6_2292HOPLIMIT, &hops, sizeof(hops));
	if (inf & INF6_ORIGDST) {
		struct sock_addr to;

		inet_to_sockaddr(so, &to, &p->dst, p->udp.dport, p->dev);
		sock_msg_put(m, IPPROTO_IPV6, IPV6_ORIGDSTADDR, to.bytes, to.len);
	}
}

void inet_put_control(struct socket *so, struct sock_msg *m, const struct pkt *p, const struct ip_addr *local)
{
	uint32_t flags = atomic_load(&so->flags, RELAXED), inf = atomic_load(&so->inet.flags, RELAXED);

	if (inf & (INF6_PKTINFO | INF6_PKTINFO_2292)) {
		struct {
			struct ip_addr a;
			uint32_t index, pad;
		} info = { .a = p->dst, .index = p->dev->index };

		if (inf & INF6_PKTINFO)
			sock_msg_put(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, PKTINFO6_LEN);
		if (inf & INF6_PKTINFO_2292)
			sock_msg_put(m, IPPROTO_IPV6, IPV6_2292PKTINFO, &info, PKTINFO6_LEN);
	}
	if (ip_is_v4(&p->dst))
		put_control4(so, m, p, flags, *local);
	else
		put_control6(so, m, p, flags, inf);
}

/* Times, and how many were lost. */
static __attribute__((noinline)) void put_rare(struct dgram *d, struct sock_msg *m, const struct pkt *p)
{
	if (stamp_is_wanted(&d->so))
		stamp_put(&d->so, m, p->time);
	else
		atomic_store(&d->so.stamp, p->time, RELAXED);
	if (sock_has(&d->so, SF_RXQ_OVFL) && p->udp.nr_dropped)
		sock_msg_put(m, SOL_SOCKET, SO_RXQ_OVFL, &p->udp.nr_dropped, sizeof(p->udp.nr_dropped));
}

ssize_t dgram_copy(struct dgram *d, struct sock_msg *m, struct pkt *p)
{
	unsigned len = (unsigned)MIN((size_t)p->len, m->uio->left);
	ssize_t n = len ? pkt_to_uio(p, 0, m->uio, len) : 0;

	if (n < (ssize_t)len)
		return -EFAULT;
	if (len < p->len)
		m->out_flags |= MSG_TRUNC;
	if (m->name)
		inet_to_sockaddr(&d->so, m->name, &p->src, p->udp.sport, p->dev);
	if (likely(!sock_has(&d->so, SF_TIMESTAMP | SF_RX_STAMPS | SF_RXQ_OVFL)))
		atomic_store(&d->so.stamp, p->time, RELAXED);
	else
		put_rare(d, m, p);
	if (m->control_room)
		inet_put_control(&d->so, m, p, &p->dst);
	return m->flags & MSG_TRUNC ? (ssize_t)p->len : n;
}

static void room_came(struct netdev_waiter *w)
{
	struct dgram *d = container_of(w, struct dgram, room);

	socket_wake(&d->so, (unsigned)-1, POLL_OUT);
	socket_put(&d->so);
}

static bool is_without_room(struct dgram *d)
{
	return atomic_load(&d->room.is_waiting, ACQUIRE);	/* the driver has looked at its link. Pairs: tx_take_back */
}

int dgram_find_room(struct dgram *d, struct netdev *dev, uint32_t hash)
{
	if (!netdev_is_full(dev, 0, hash))
		return 0;
	if (is_without_room(d))
		return -EAGAIN;
	d->room.room = room_came;
	socket_get(&d->so);
	if (netdev_wait_for_room(dev, 0, hash, &d->room))
		return -EAGAIN;
	socket_put(&d->so);
	return 0;
}

int dgram_wait_for_room(struct dgram *d, nsec_t deadline)
{
	struct socket *so = &d->so;
	int r;

	mutex_unlock(&so->lock);
	r = waitq_wait_until(&so->wq, "dgram-send", POLL_OUT, !is_without_room(d) || atomic_load(&so->shut, RELAXED) & SHUT_WR_BIT, deadline, WAIT_INTERRUPTIBLE);
	mutex_lock(&so->lock);
	if (r)
		return sock_wait_error(r, deadline);
	return atomic_load(&so->shut, RELAXED) & SHUT_WR_BIT ? -EPIPE : 0;
}

uint32_t dgram_poll(struct socket *so)
{
	struct dgram *d = container_of(so, struct dgram, so);
	uint32_t shut = atomic_load(&so->shut, RELAXED), events = is_without_room(d) ? 0 : POLL_OUT;

	if (dgram_has_data(d))
		events |= POLL_IN;
	if (atomic_load(&so->error, RELAXED) || sock_has_errqueue(so))
		events |= FILE_POLLERR | (sock_has(so, SF_ERRQUEUE_PRI) ? FILE_POLLPRI : 0);
	if (shut & SHUT_RD_BIT)
		events |= POLL_IN | FILE_POLLRDHUP;
	if (shut == (SHUT_RD_BIT | SHUT_WR_BIT))
		events |= FILE_POLLHUP;
	return events;
}

void dgram_error(struct dgram *d, int error)
{
	atomic_store(&d->so.error, error, RELAXED);
	socket_wake(&d->so, (unsigned)-1, FILE_POLLANY);
}

int dgram_queued(struct socket *so, unsigned what, int *out)
{
	struct dgram *d = container_of(so, struct dgram, so);
	struct pkt *p;

	*out = 0;
	if (what == 0x541b) {	/* FIONREAD: size of the next datagram */
		mutex_lock(&so->lock);
		p = first(d);
		*out = p ? (int)p->len : 0;
		mutex_unlock(&so->lock);
	}
	return 0;
}

/* ---- send -------------------------------------------------------------------------------------------------------- */

int dgram_route(struct dgram *d, const struct ip_addr *dst, const struct ip_addr *src, struct netdev *dev)
{
	int r;

	if (ip_route_is_valid(&d->route) && ip_equal(&d->route_dst, dst) && !dev && (ip_is_any(src) || ip_equal(src, &d->route.src)))
		return 0;
	ip_route_put(&d->route);
	if (!dev)
		dev = atomic_load(&d->so.bound_dev, RELAXED);
	if (!dev && ip_is_multicast(dst))
		dev = d->mc_dev[!ip_is_v4(dst)];
	r = ip_route_lookup(dst, src, dev, &d->route);
	if (r == -ENETUNREACH && net_is_configuring()) {
		mutex_unlock(&d->so.lock);
		net_wait_configured(CONFIG_WAIT_MS);
		mutex_lock(&d->so.lock);
		r = ip_route_lookup(dst, src, dev, &d->route);
	}
	if (r) {
		ip_route_put(&d->route);
		return r;
	}
	d->route_dst = *dst;
	return 0;
}

static int set_source(struct dgram *d, struct dgram_control *c, const struct ip_addr *a, uint32_t index, int not_ours)
{
	if (index) {
		c->dev = netdev_by_index(index);
		if (!c->dev)
			return -ENODEV;
	}
	if (ip_is_any(a))
		return 0;
	if (!ip_is_ours(a, NULL) && !sock_may_bind_any(&d->so))
		return not_ours;
	c->src = *a;
	return 0;
}

/* One of level IP: for destinations of IPv4. */
static int parse_ip4(struct dgram *d, struct dgram_control *c, int type, const uint8_t *data, size_t len)
{
	uint32_t word[3] = { 0 };
	struct ip_addr a;

	memcpy(word, data, MIN(len, sizeof(word)));
	switch (type) {
	case IP_PKTINFO:
		a = ip_from_v4(word[1]);
		return len == PKTINFO4_LEN ? set_source(d, c, &a, word[0], -ENETUNREACH) : -EINVAL;
	case IP_TTL:
		if (len != 4 || word[0] < 1 || word[0] > 255)
			return -EINVAL;
		c->opts.hop_limit = (uint8_t)word[0];
		return 0;
	case IP_TOS:
		if ((len != 4 && len != 1) || (len == 4 && word[0] > 255))
			return -EINVAL;
		c->opts.tos = data[0];
		return 0;
	case IP_RETOPTS:	/* there are no options on output */
	case IP_PROTOCOL:
		return 0;
	}
	return -EINVAL;
}

/* Flow labels, and extension headers of RFC 2292 and RFC 3542: known, and left out. */
static bool is_header_option(int type)
{
	return type == 11 || (type >= 3 && type <= 5) || type == 54 || type == 55 || type == 57 || type == 59;
}

/* One of level IPv6. */
static int parse_ip6(struct dgram *d, struct dgram_control *c, int type, const uint8_t *data, size_t len)
{
	struct ip_addr a;
	int32_t v = 0;

	memcpy(&v, data, MIN(len, sizeof(v)));
	switch (type) {
	case IPV6_PKTINFO:
	case IPV6_2292PKTINFO:
		if (len < PKTINFO6_LEN)
			return -EINVAL;
		memcpy(&a, data, 16);
		memcpy(&v, data + 16, 4);
		return set_source(d, c, &a, (uint32_t)v, -EINVAL);
	case IPV6_HOPLIMIT:
	case IPV6_2292HOPLIMIT:
		if (len != 4 || v < -1 || v > 255)
			return -EINVAL;
		c->opts.hop_limit = v < 0 ? 0 : (uint8_t)v;
		return 0;
	case IPV6_TCLASS:
		if (len != 4 || v < -1 || v > 255)
			return -EINVAL;
		c->opts.tos = v < 0 ? 0 : (uint8_t)v;
		return 0;
	case IPV6_DONTFRAG:
		if (len != 4 || v < 0 || v > 1)
			return -EINVAL;
		c->opts.no_fragment = v;
		return 0;
	}
	return is_header_option(type) ? 0 : -EINVAL;
}

/* What the socket's time stamps and control messages add. */
int dgram_parse_given(struct dgram *d, const struct sock_msg *m, bool v4, struct dgram_control *c)
{
	const struct cmsg_hdr *h;
	size_t pos = 0;
	int error = 0, r = 0;

	if (sock_has(&d->so, SF_TX_STAMPS))
		c->stamps = stamp_of_send(&d->so);
	if (!m->control_len)
		return 0;
	while (!r && (h = sock_msg_next(m, &pos, &error))) {
		const uint8_t *data = (const uint8_t *)(h + 1);
		size_t len = h->len - sizeof(*h);

		if (h->level == IPPROTO_IP && v4)
			r = parse_ip4(d, c, h->type, data, len);
		else if (h->level == IPPROTO_IPV6 && d->so.family == AF_INET6 && (!v4 || h->type == IPV6_PKTINFO))
			r = parse_ip6(d, c, h->type, data, len);
		else if (h->level == SOL_SOCKET)
			r = stamp_parse_control(&d->so, h, &c->stamps);
		else if (h->level == SOL_UDP && d->so.proto == IPPROTO_UDP) {
			if (h->type != UDP_SEGMENT || len != 2)
				return -EINVAL;
			c->segment = (uint16_t)(data[0] | data[1] << 8);
		}
	}
	return r ? r : error;
}

/* ---- end --------------------------------------------------------------------------------------------------------- */

void dgram_release(struct dgram *d)
{
	struct mc_member *g;

	mutex_lock(&d->so.lock);
	ip_route_put(&d->route);
	while ((g = d->groups)) {
		d->groups = g->next;
		(void)mcast_leave(g->dev, &g->group);
		kfree(g);
	}
	mutex_unlock(&d->so.lock);
}

void dgram_destroy(struct dgram *d)
{
	struct mpsc_node *n = mpsc_take_newest_first(&d->channel);

	sock_free_errors(&d->so);
	pkt_free_list(d->queue);
	if (n)
		pkt_free_list(container_of(n, struct pkt, node));
	socket_free(&d->so);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static int membership(struct dgram *d, struct netdev *dev, const struct ip_addr *group, bool is_join)
{
	struct mc_member **link, *g;
	uint32_t nr = 0;
	int r;

	if (!dev) {
		struct ip_route rt;

		r = ip_route_lookup(group, NULL, NULL, &rt);
		if (r)
			return -ENODEV;
		dev = rt.dev;
		ip_route_put(&rt);
	}
	for (link = &d->groups; (g = *link); link = &g->next) {
		if (g->dev == dev && ip_equal(&g->group, group))
			break;
		nr += ip_is_v4(&g->group);
	}
	if (!is_join) {
		if (!g)
			return -EADDRNOTAVAIL;
		*link = g->next;
		kfree(g);
		return mcast_leave(dev, group);
	}
	if (g)
		return -EADDRINUSE;
	if (ip_is_v4(group) && nr >= atomic_load(&net_max_memberships, RELAXED))
		return -ENOBUFS;
	g = KNEW(struct mc_member);
	if (!g)
		return -ENOMEM;
	r = mcast_join(dev, group);
	if (r) {
		kfree(g);
		return r;
	}
	*g = (struct mc_member){ .next = d->groups, .group = *group, .dev = dev };
	d->groups = g;
	return 0;
}

static bool find_dev_with(const struct ifaddr *a, void *arg)
{
	void **args = arg;

	if (!ip_equal(&a->addr, args[0]))
		return true;
	args[1] = a->dev;
	return false;
}

static struct netdev *dev_of_addr(const struct ip_addr *a)
{
	void *args[2] = { (void *)(uintptr_t)a, NULL };

	ifaddr_for_each(find_dev_with, args);
	return args[1];
}

/* struct ip_mreq, ip_mreqn, ipv6_mreq. */
static int set_membership(struct dgram *d, int level, const uint8_t *v, unsigned len, bool is_join)
{
	struct netdev *dev = NULL;
	struct ip_addr group, local;
	uint32_t index = 0, w;
	int r;

	if (len < (level == IPPROTO_IP ? 8u : 20u))
		return -EINVAL;
	if (level == IPPROTO_IP) {
		memcpy(&w, v, 4);
		group = ip_from_v4(w);
		memcpy(&w, v + 4, 4);
		local = ip_from_v4(w);
		if (is_join && !ip_is_multicast(&group))
			return -EINVAL;
		if (len >= 12)
			memcpy(&index, v + 8, 4);
		if (!index && w) {
			dev = dev_of_addr(&local);
			if (!dev)
				return -ENODEV;
		}
	} else {
		memcpy(&group, v, 16);
		memcpy(&index, v + 16, 4);
	}
	if (index) {
		dev = netdev_by_index(index);
		if (!dev)
			return -ENODEV;
	}
	mutex_lock(&d->so.lock);
	r = membership(d, dev, &group, is_join);
	mutex_unlock(&d->so.lock);
	return r;
}

static int set_multicast_if(struct dgram *d, int level, const uint8_t *v, unsigned len)
{
	uint32_t index = 0, w = 0;
	struct netdev *dev = NULL;
	bool v6 = level == IPPROTO_IPV6;

	if (len < 4)
		return -EINVAL;
	memcpy(&w, v, 4);
	if (v6)
		index = w;
	else if (len >= 8)
		memcpy(&w, v + 4, 4);
	if (!v6 && len >= 12)
		memcpy(&index, v + 8, 4);
	if (index) {
		dev = netdev_by_index(index);
	} else if (!v6 && w) {
		struct ip_addr a = ip_from_v4(w);

		dev = dev_of_addr(&a);
	}
	if (!dev && (index || (!v6 && w)))
		return v6 ? -ENODEV : -EADDRNOTAVAIL;
	d->mc_dev[v6] = dev;
	if (!v6)
		d->mc_addr = w;
	return 0;
}

static int set_multicast_hops(struct dgram *d, int level, const void *value, unsigned len)
{
	bool v6 = level == IPPROTO_IPV6;
	int v, r = inet_opt_value(level, value, len, &v);

	if (r || !len || v < -1 || v > 255)
		return -EINVAL;
	d->mc_hops[v6] = (uint8_t)(v < 0 ? 1 : v);
	return 0;
}

int dgram_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct dgram *d = container_of(so, struct dgram, so);
	bool v6 = level == IPPROTO_IPV6;
	int r;

	if ((level != IPPROTO_IP && !v6) || (v6 && so->family != AF_INET6))
		return -ENOPROTOOPT;
	if ((!v6 && (name == IP_ADD_MEMBERSHIP || name == IP_DROP_MEMBERSHIP)) || (v6 && (name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP)))
		return set_membership(d, level, value, len, name == IP_ADD_MEMBERSHIP || name == IPV6_ADD_MEMBERSHIP);
	mutex_lock(&so->lock);
	if (name == (v6 ? IPV6_MULTICAST_IF : IP_MULTICAST_IF))
		r = set_multicast_if(d, level, value, len);
	else if (name == (v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL))
		r = set_multicast_hops(d, level, value, len);
	else if (v6 && name == IPV6_V6ONLY && d->lport && so->type == SOCK_DGRAM)
		r = -EINVAL;	/* its port is shared or not already */
	else
		r = inet_setopt(so, &d->opts[v6], level, name, value, len);
	mutex_unlock(&so->lock);
	return r;
}

int dgram_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	struct dgram *d = container_of(so, struct dgram, so);
	bool v6 = level == IPPROTO_IPV6;
	int v, r;

	if ((level != IPPROTO_IP && !v6) || (v6 && so->family != AF_INET6))
		return so->family == AF_INET6 ? -ENOPROTOOPT : -EOPNOTSUPP;
	mutex_lock(&so->lock);
	if (name == (v6 ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL)) {
		r = inet_put_int(level, d->mc_hops[v6], value, len);
	} else if (name == (v6 ? IPV6_MULTICAST_IF : IP_MULTICAST_IF)) {
		v = v6 ? d->mc_dev[1] ? (int)d->mc_dev[1]->index : 0 : (int)d->mc_addr;
		*len = MIN(*len, 4u);
		memcpy(value, &v, *len);
		r = 0;
	} else {
		r = inet_getopt(so, &d->opts[v6], d->is_connected ? &d->route : NULL, level, name, value, len);
	}
	mutex_unlock(&so->lock);
	return r;
}
