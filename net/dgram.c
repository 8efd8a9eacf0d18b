// SPDX-License-Identifier: MIT
#include "net/dgram.h"

#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/pkt-uio.h"
#include "sched/clock.h"
#include "sched/poller.h"

#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM | FILE_POLLWRBAND)
#define CONFIG_WAIT_MS	5000u

void dgram_init(struct dgram *d)
{
	d->mc_hops = 1;
}

/* ---- receive ----------------------------------------------------------------------------------------------------- */

bool dgram_deliver(struct dgram *d, struct pkt *p)
{
	uint32_t before = atomic_fetch_add(&d->queued, p->truesize, RELAXED);

	/* A socket that is shut for reading takes datagrams all the same, as on Linux. */
	if (before + p->truesize > atomic_load(&d->so.rcvbuf, RELAXED)) {
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

static void put_control(struct dgram *d, struct sock_msg *m, struct pkt *p)
{
	uint32_t flags = atomic_load(&d->so.flags, RELAXED);
	bool v4 = ip_is_v4(&p->dst);
	int v;

	if (flags & (SF_TIMESTAMP | SF_TIMESTAMPNS)) {
		nsec_t t = p->time + clock_realtime_offset();
		int64_t tv[2] = { (int64_t)(t / NSEC_PER_SEC), (int64_t)(t % NSEC_PER_SEC) };

		if (!(flags & SF_TIMESTAMPNS))
			tv[1] /= 1000;
		sock_msg_put(m, SOL_SOCKET, flags & SF_TIMESTAMPNS ? 35 : 29, tv, sizeof(tv));
	}
	if (flags & SF_PKTINFO) {
		if (d->so.family == AF_INET) {
			uint32_t info[3] = { p->dev->index, p->dst.w[3], p->dst.w[3] };

			sock_msg_put(m, IPPROTO_IP, 8, info, sizeof(info));
		} else {
			struct {
				struct ip_addr a;
				uint32_t index, pad;
			} info = { .a = p->dst, .index = p->dev->index };

			sock_msg_put(m, IPPROTO_IPV6, 50, &info, 20);
		}
	}
	v = p->udp.hop_limit;
	if (flags & SF_RECVTTL)
		sock_msg_put(m, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? 2 : 52, &v, sizeof(v));
	if (flags & SF_RECVHOPS_2292 && !v4)
		sock_msg_put(m, IPPROTO_IPV6, 8, &v, sizeof(v));
	v = p->udp.tos;
	if (flags & SF_RECVTOS)
		sock_msg_put(m, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? 1 : 67, &v, v4 ? 1 : sizeof(v));
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
	if (m->control_room)
		put_control(d, m, p);
	return m->flags & MSG_TRUNC ? (ssize_t)p->len : n;
}

uint32_t dgram_poll(struct socket *so)
{
	struct dgram *d = container_of(so, struct dgram, so);
	uint32_t shut = atomic_load(&so->shut, RELAXED), events = POLL_OUT;

	if (dgram_has_data(d))
		events |= POLL_IN;
	if (atomic_load(&so->error, RELAXED) || sock_has_errqueue(so))
		events |= FILE_POLLERR;
	if (shut & SHUT_RD_BIT)
		events |= POLL_IN | FILE_POLLRDHUP;
	if (shut == (SHUT_RD_BIT | SHUT_WR_BIT))
		events |= FILE_POLLHUP;
	return events;
}

void dgram_error(struct dgram *d, int error)
{
	atomic_store(&d->so.error, error, RELAXED);
	socket_wake(&d->so, (unsigned)-1, 0);
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
		dev = d->mc_dev;
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

int dgram_parse_control(struct dgram *d, const struct sock_msg *m, struct dgram_control *c)
{
	const struct cmsg_hdr *h;
	size_t pos = 0;
	int error;

	c->opts = d->opts;
	c->src = d->laddr;
	c->dev = NULL;
	c->segment = 0;
	if (!m->control_len)
		return 0;
	while ((h = sock_msg_next(m, &pos, &error))) {
		const uint8_t *data = (const uint8_t *)(h + 1);
		size_t len = h->len - sizeof(*h);
		uint32_t index = 0, v = 0;

		if (len >= 4)
			memcpy(&v, data, 4);
		if (h->level == IPPROTO_IP && h->type == 8 && len >= 12) {
			index = v;
			memcpy(&v, data + 4, 4);
			if (v)
				c->src = ip_from_v4(v);
		} else if (h->level == IPPROTO_IPV6 && h->type == 50 && len >= 20) {
			struct ip_addr a;

			memcpy(&a, data, 16);
			memcpy(&index, data + 16, 4);
			if (!ip_is_any(&a))
				c->src = a;
		} else if ((h->level == IPPROTO_IP && h->type == 2) || (h->level == IPPROTO_IPV6 && h->type == 52)) {
			c->opts.hop_limit = (uint8_t)v;
		} else if ((h->level == IPPROTO_IP && h->type == 1) || (h->level == IPPROTO_IPV6 && h->type == 67)) {
			c->opts.tos = len >= 4 ? (uint8_t)v : data[0];
		} else if (h->level == 17 && h->type == 103 && len >= 2) {
			c->segment = (uint16_t)(data[0] | data[1] << 8);
		}
		if (index) {
			c->dev = netdev_by_index(index);
			if (!c->dev)
				return -ENODEV;
		}
	}
	return error;
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

	pkt_free_list(d->queue);
	if (n)
		pkt_free_list(container_of(n, struct pkt, node));
	socket_free(&d->so);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static int membership(struct dgram *d, struct netdev *dev, const struct ip_addr *group, bool is_join)
{
	struct mc_member **link, *g;
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

	if (len < 4)
		return -EINVAL;
	memcpy(&w, v, 4);
	if (level == IPPROTO_IPV6)
		index = w;
	else if (len >= 12)
		memcpy(&index, v + 8, 4);
	if (index) {
		dev = netdev_by_index(index);
	} else if (level == IPPROTO_IP && (len < 8 ? w : (memcpy(&w, v + 4, 4), w))) {
		struct ip_addr a = ip_from_v4(w);

		dev = dev_of_addr(&a);
	} else {
		d->mc_dev = NULL;
		return 0;
	}
	if (!dev)
		return level == IPPROTO_IP ? -EADDRNOTAVAIL : -ENODEV;
	d->mc_dev = dev;
	return 0;
}

int dgram_setopt(struct socket *so, int level, int name, const void *value, unsigned len)
{
	struct dgram *d = container_of(so, struct dgram, so);
	int v = 0, r;

	if (level != IPPROTO_IP && level != IPPROTO_IPV6)
		return -ENOPROTOOPT;
	if ((level == IPPROTO_IP && (name == 35 || name == 36)) || (level == IPPROTO_IPV6 && (name == 20 || name == 21)))
		return set_membership(d, level, value, len, name == 35 || name == 20);
	if (len >= 4)
		memcpy(&v, value, 4);
	else if (len >= 1)
		v = *(const uint8_t *)value;
	else
		return -EINVAL;
	mutex_lock(&so->lock);
	if ((level == IPPROTO_IP && name == 32) || (level == IPPROTO_IPV6 && name == 17)) {
		r = set_multicast_if(d, level, value, len);
	} else if ((level == IPPROTO_IP && name == 33) || (level == IPPROTO_IPV6 && name == 18)) {
		d->mc_hops = (uint8_t)(v < 0 ? 1 : v);
		r = v > 255 ? -EINVAL : 0;
	} else if ((level == IPPROTO_IP && name == 34) || (level == IPPROTO_IPV6 && name == 19)) {
		d->no_mc_loop = !v;
		r = 0;
	} else {
		r = inet_setopt(so, &d->opts, level, name, v);
	}
	mutex_unlock(&so->lock);
	return r;
}

int dgram_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	struct dgram *d = container_of(so, struct dgram, so);
	int v, r = 0;

	if (level != IPPROTO_IP && level != IPPROTO_IPV6)
		return -ENOPROTOOPT;
	mutex_lock(&so->lock);
	if ((level == IPPROTO_IP && name == 33) || (level == IPPROTO_IPV6 && name == 18))
		v = d->mc_hops;
	else if ((level == IPPROTO_IP && name == 34) || (level == IPPROTO_IPV6 && name == 19))
		v = !d->no_mc_loop;
	else if ((level == IPPROTO_IP && name == 14) || (level == IPPROTO_IPV6 && name == 24)) {
		v = d->route.dev ? (int)d->route.mtu : -1;
		r = v < 0 ? -ENOTCONN : 0;
	} else
		r = inet_getopt(so, &d->opts, level, name, &v);
	mutex_unlock(&so->lock);
	if (r)
		return r;
	*len = MIN(*len, 4u);
	memcpy(value, &v, *len);
	return 0;
}
