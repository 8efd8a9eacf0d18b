// SPDX-License-Identifier: MIT
/*
 * NETLINK_SOCK_DIAG, sock_diag(7): what `ss` asks. TCP, UDP, raw and AF_UNIX sockets, all of them or (TCP, UDP) one by its addresses. Programs of filters
 * (INET_DIAG_REQ_BYTECODE) are ignored: ss filters what it gets once more. Closing sockets (ss -K) is not possible.
 *
 * A socket's lock may not be taken under the lock of the list, since sockets are made under locks of others: sockets are collected with a reference first.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/dgram.h"
#include "net/netlink-priv.h"
#include "net/tcp-priv.h"
#include "net/unix.h"
#include "sched/clock.h"

#define STATE_ESTABLISHED	1u
#define STATE_CLOSE		7u
#define STATE_LISTEN		10u
#define IPPROTO_RAW		255

/* ---- collecting ------------------------------------------------------------------------------------------------------ */

struct collection {
	struct socket **sockets;	/* kmalloc; a reference each */
	unsigned nr, room;
	uint8_t family, proto;		/* proto 0: AF_UNIX */
};

static bool try_get(struct socket *so)
{
	uint32_t refs = atomic_load(&so->refs, RELAXED);

	/* Bounded by how often others take or drop references meanwhile. */
	while (refs)
		if (atomic_cas(&so->refs, &refs, refs + 1, RELAXED))
			return true;
	return false;
}

static bool is_wanted(const struct collection *c, const struct socket *so)
{
	if (so->family != c->family)
		return false;
	if (c->family == AF_UNIX)
		return true;
	if (c->proto == IPPROTO_TCP)
		return so->ops == &tcp_ops;
	if (c->proto == IPPROTO_RAW)
		return so->type == SOCK_RAW;
	return so->type == SOCK_DGRAM && so->proto == c->proto;
}

static void count_one(struct socket *so, void *arg)
{
	struct collection *c = arg;

	c->room += is_wanted(c, so);
}

static void collect_one(struct socket *so, void *arg)
{
	struct collection *c = arg;

	if (c->nr < c->room && is_wanted(c, so) && try_get(so))
		c->sockets[c->nr++] = so;
}

/* 0 or -ENOMEM. Sockets made meanwhile may be missing. */
static int collect(struct collection *c)
{
	socket_for_each(count_one, c);
	c->sockets = kmalloc(MAX((size_t)c->room, (size_t)1) * sizeof(*c->sockets));
	if (!c->sockets)
		return -ENOMEM;
	socket_for_each(collect_one, c);
	return 0;
}

/* ---- TCP, UDP, raw ------------------------------------------------------------------------------------------------------ */

static void put_address(uint32_t out[4], const struct ip_addr *a, uint8_t family)
{
	if (family == AF_INET)
		out[0] = ip_is_v4(a) ? a->w[3] : 0;
	else if (!ip_is_any(a))
		memcpy(out, a->b, 16);
}

static void put_id(struct inet_diag_sockid *id, struct socket *so, const struct ip_addr *la, uint16_t lp, const struct ip_addr *ra, uint16_t rp)
{
	const struct netdev *dev = atomic_load(&so->bound_dev, RELAXED);
	uint64_t cookie = socket_cookie(so);

	id->sport = net16(lp);
	id->dport = net16(rp);
	put_address(id->src, la, (uint8_t)so->family);
	put_address(id->dst, ra, (uint8_t)so->family);
	id->interface = dev ? dev->index : 0;
	id->cookie[0] = (uint32_t)cookie;
	id->cookie[1] = (uint32_t)(cookie >> 32);
}

static void put_memory(struct answer *a, const struct socket *so, unsigned ext, uint32_t rmem, uint32_t wmem, uint32_t dropped)
{
	struct inet_diag_meminfo m = { .rmem = rmem, .wmem = wmem, .tmem = wmem };
	uint32_t v[SK_MEMINFO_VARS] = { [SK_MEMINFO_RMEM_ALLOC] = rmem, [SK_MEMINFO_RCVBUF] = atomic_load(&so->rcvbuf, RELAXED),
					[SK_MEMINFO_SNDBUF] = atomic_load(&so->sndbuf, RELAXED), [SK_MEMINFO_WMEM_QUEUED] = wmem,
					[SK_MEMINFO_DROPS] = dropped };

	if (ext & 1u << (INET_DIAG_MEMINFO - 1))
		nl_attr(a, INET_DIAG_MEMINFO, &m, sizeof(m));
	if (ext & 1u << (INET_DIAG_SKMEMINFO - 1))
		nl_attr(a, INET_DIAG_SKMEMINFO, v, sizeof(v));
}

/* Which timer runs out next, and in how many milliseconds. */
static void put_timer(struct inet_diag_msg *m, const struct tcp_sock *tp)
{
	const struct {
		nsec_t at;
		uint8_t timer;
	} timers[] = { { tp->xmit_at, tp->xmit_kind == XMIT_PERSIST ? DIAG_TIMER_PROBE : DIAG_TIMER_RETRANSMIT },
		       { tp->state_at, DIAG_TIMER_STATE },
		       { tp->keep_at, DIAG_TIMER_KEEPALIVE } };
	nsec_t now = clock_monotonic();

	for (unsigned i = 0; i < ARRAY_SIZE(timers); i++)
		if (timers[i].at != NSEC_NEVER) {
			m->timer = timers[i].timer;
			m->expires = (uint32_t)((MAX(timers[i].at, now) - now) / NSEC_PER_MSEC);
			break;
		}
	m->retrans = tp->nr_backoff;
}

static void put_tcp(struct answer *a, struct tcp_sock *tp, const struct inet_diag_req_v2 *req)
{
	struct socket *so = &tp->so;
	struct tcp_info_abi info;
	struct inet_diag_msg *m;
	uint8_t shut;

	tcp_lock(tp);
	if (tp->state == TCP_CLOSED || !(req->states >> tp->state & 1))
		goto out;
	m = nl_begin(a, SOCK_DIAG_BY_FAMILY, sizeof(*m));
	if (!m)
		goto out;
	m->family = (uint8_t)so->family;
	m->state = tp->state;
	m->uid = so->cred.uid;
	m->inode = (uint32_t)so->ino;
	m->rqueue = tp->state == TCP_LISTEN ? tp->nr_accept : tp->rcv_bytes;
	m->wqueue = tp->state == TCP_LISTEN ? tp->backlog : tp->write_seq - tp->snd_una;
	put_id(&m->id, so, &tp->laddr, tp->lport, &tp->raddr, tp->rport);
	put_timer(m, tp);
	put_memory(a, so, req->ext, tp->rcv_memory, m->wqueue, 0);
	if (req->ext & 1u << (INET_DIAG_INFO - 1)) {
		tcp_fill_info(tp, &info);
		nl_attr(a, INET_DIAG_INFO, &info, sizeof(info));
	}
	if (req->ext & 1u << (INET_DIAG_CONG - 1) && tp->cong)
		nl_attr(a, INET_DIAG_CONG, tp->cong->name, (unsigned)strlen(tp->cong->name) + 1);
	shut = (uint8_t)atomic_load(&so->shut, RELAXED);
	nl_attr(a, INET_DIAG_SHUTDOWN, &shut, 1);
out:
	tcp_unlock(tp);
}

static void put_dgram(struct answer *a, struct dgram *d, const struct inet_diag_req_v2 *req)
{
	struct socket *so = &d->so;
	struct inet_diag_msg *m;
	unsigned state;

	mutex_lock(&so->lock);
	state = d->is_connected ? STATE_ESTABLISHED : STATE_CLOSE;
	if (!(req->states >> state & 1))
		goto out;
	m = nl_begin(a, SOCK_DIAG_BY_FAMILY, sizeof(*m));
	if (!m)
		goto out;
	m->family = (uint8_t)so->family;
	m->state = (uint8_t)state;
	m->uid = so->cred.uid;
	m->inode = (uint32_t)so->ino;
	m->rqueue = atomic_load(&d->queued, RELAXED);
	put_id(&m->id, so, &d->laddr, so->type == SOCK_RAW ? so->proto : d->lport, &d->raddr, d->rport);
	put_memory(a, so, req->ext, m->rqueue, 0, atomic_load(&d->nr_dropped, RELAXED));
out:
	mutex_unlock(&so->lock);
}

/* The one that the request names. Its address may be of the form ::ffff:1.2.3.4 or, for AF_INET, one word. */
static bool is_named(struct socket *so, const struct inet_diag_sockid *id)
{
	struct inet_diag_sockid own = { 0 };

	if (so->ops == &tcp_ops)
		put_id(&own, so, &tcp_of(so)->laddr, tcp_of(so)->lport, &tcp_of(so)->raddr, tcp_of(so)->rport);
	else
		put_id(&own, so, &container_of(so, struct dgram, so)->laddr, container_of(so, struct dgram, so)->lport,
		       &container_of(so, struct dgram, so)->raddr, container_of(so, struct dgram, so)->rport);
	if (own.sport != id->sport || own.dport != id->dport)
		return false;
	return so->family == AF_INET ? own.src[0] == id->src[0] && own.dst[0] == id->dst[0] :
				       !memcmp(own.src, id->src, 16) && !memcmp(own.dst, id->dst, 16);
}

/* IPPROTO_MPTCP is not 262 & 255. */
static uint32_t protocol_of(const struct inet_diag_req_v2 *req, const uint8_t *attrs, unsigned len)
{
	uint32_t protocol = req->protocol;

	for (unsigned i = 0; i + sizeof(struct rtattr) <= len;) {
		struct rtattr h;

		memcpy(&h, attrs + i, sizeof(h));
		if (h.len < sizeof(h) || h.len > len - i)
			break;
		if (h.type == INET_DIAG_REQ_PROTOCOL && h.len >= sizeof(h) + sizeof(protocol))
			memcpy(&protocol, attrs + i + sizeof(h), sizeof(protocol));
		i += ALIGN_UP(h.len, 4u);
	}
	return protocol;
}

static bool diag_inet(struct answer *a, const uint8_t *body, unsigned len)
{
	struct inet_diag_req_v2 req;
	struct collection c = { 0 };
	bool is_dump = a->req->flags & NLM_F_DUMP, found = false;
	uint32_t protocol;
	int r;

	if (len < sizeof(req)) {
		nl_put_error(a, -EINVAL);
		return false;
	}
	memcpy(&req, body, sizeof(req));
	protocol = protocol_of(&req, body + sizeof(req), len - (unsigned)sizeof(req));
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_RAW) {
		nl_put_error(a, -ENOENT);
		return false;
	}
	c.family = req.family;
	c.proto = (uint8_t)protocol;
	r = collect(&c);
	if (!is_dump)
		req.states = ~0u;
	for (unsigned i = 0; i < c.nr; i++) {
		struct socket *so = c.sockets[i];

		if (is_dump || (!found && is_named(so, &req.id))) {
			found = true;
			if (so->ops == &tcp_ops)
				put_tcp(a, tcp_of(so), &req);
			else
				put_dgram(a, container_of(so, struct dgram, so), &req);
		}
		socket_put(so);
	}
	kfree(c.sockets);
	if (!r && !is_dump && !found)
		r = -ENOENT;
	if (r)
		nl_put_error(a, r);
	return !r;
}

/* ---- AF_UNIX ---------------------------------------------------------------------------------------------------------- */

/* What recv() would give: of a datagram socket the first message. u's lock held. */
static uint32_t unix_bytes(const struct unix_sock *u)
{
	uint32_t sum = 0;

	for (const struct unix_msg *m = u->head; m; m = u->so.type == SOCK_DGRAM ? NULL : m->next)
		sum += m->len - m->off;
	return sum;
}

static void put_unix(struct answer *a, struct unix_sock *u, const struct unix_diag_req *req)
{
	struct socket *so = &u->so;
	struct unix_sock *peer;
	struct unix_diag_msg *m;
	struct sock_addr name;
	uint64_t cookie;
	unsigned state;
	uint8_t shut;

	mutex_lock(&so->lock);
	peer = u->peer;
	state = u->is_listening ? STATE_LISTEN : peer ? STATE_ESTABLISHED : STATE_CLOSE;
	if (!(req->states >> state & 1))
		goto out;
	m = nl_begin(a, SOCK_DIAG_BY_FAMILY, sizeof(*m));
	if (!m)
		goto out;
	m->family = AF_UNIX;
	m->type = so->type;
	m->state = (uint8_t)state;
	m->ino = (uint32_t)so->ino;
	cookie = socket_cookie(so);
	m->cookie[0] = (uint32_t)cookie;
	m->cookie[1] = (uint32_t)(cookie >> 32);
	unix_get_name(u, &name);
	if (req->show & UDIAG_SHOW_NAME && name.len > 2)
		nl_attr(a, UNIX_DIAG_NAME, name.un.path, (unsigned)name.len - 2);
	if (req->show & UDIAG_SHOW_PEER && peer)
		nl_attr_u32(a, UNIX_DIAG_PEER, (uint32_t)peer->so.ino);
	if (req->show & UDIAG_SHOW_RQLEN) {
		uint32_t lengths[2] = { u->is_listening ? u->nr_accept : unix_bytes(u), u->is_listening ? u->backlog : 0 };

		nl_attr(a, UNIX_DIAG_RQLEN, lengths, sizeof(lengths));
	}
	if (req->show & UDIAG_SHOW_MEMINFO) {
		uint32_t v[SK_MEMINFO_VARS] = { [SK_MEMINFO_RMEM_ALLOC] = atomic_load(&u->queued, RELAXED),
						[SK_MEMINFO_RCVBUF] = atomic_load(&so->rcvbuf, RELAXED),
						[SK_MEMINFO_SNDBUF] = atomic_load(&so->sndbuf, RELAXED) };

		nl_attr(a, UNIX_DIAG_MEMINFO, v, sizeof(v));
	}
	shut = (uint8_t)atomic_load(&so->shut, RELAXED);
	nl_attr(a, UNIX_DIAG_SHUTDOWN, &shut, 1);
out:
	mutex_unlock(&so->lock);
}

static bool diag_unix(struct answer *a, const uint8_t *body, unsigned len)
{
	struct collection c = { .family = AF_UNIX };
	struct unix_diag_req req;
	int r;

	if (len < sizeof(req)) {
		nl_put_error(a, -EINVAL);
		return false;
	}
	memcpy(&req, body, sizeof(req));
	if (!(a->req->flags & NLM_F_DUMP)) {
		nl_put_error(a, -EOPNOTSUPP);
		return false;
	}
	r = collect(&c);
	for (unsigned i = 0; i < c.nr; i++) {
		put_unix(a, unix_of(c.sockets[i]), &req);
		socket_put(c.sockets[i]);
	}
	kfree(c.sockets);
	if (r)
		nl_put_error(a, r);
	return !r;
}

bool nl_diag(struct answer *a, const uint8_t *body, unsigned len)
{
	if (a->req->type != SOCK_DIAG_BY_FAMILY) {
		nl_put_error(a, a->req->type == TCPDIAG_GETSOCK || a->req->type == DCCPDIAG_GETSOCK ? -EOPNOTSUPP : -EINVAL);
		return false;
	}
	switch (a->family) {
	case AF_INET:
	case AF_INET6:
		return diag_inet(a, body, len);
	case AF_UNIX:
		return diag_unix(a, body, len);
	}
	nl_put_error(a, -ENOENT);	/* as Linux without the module for the family */
	return false;
}
