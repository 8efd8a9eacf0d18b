// SPDX-License-Identifier: MIT
#include "net/port.h"

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/random.h"
#include "net/netdev-priv.h"
#include "net/sysctl.h"
#include "net/tcp-priv.h"
#include "sched/rcu.h"

#define NR_BUCKETS	512u

struct port_table {
	struct mutex lock;
	bool is_tcp;			/* [I] */
	struct port_entry *buckets[NR_BUCKETS];	/* [rcu] */
};

struct port_table udp_ports, tcp_ports = { .is_tcp = true };

static struct port_entry **bucket_of(struct port_table *t, uint16_t port)
{
	return &t->buckets[(port ^ port >> 7) % NR_BUCKETS];
}

/* Does an address that an entry is bound to take packets for a? */
bool port_takes(const struct port_entry *e, const struct ip_addr *a)
{
	if (!ip_is_any(&e->laddr))
		return ip_equal(&e->laddr, a);
	if (ip_is_v4(&e->laddr))
		return ip_is_v4(a);
	return !ip_is_v4(a) || !sock_has(e->so, SF_V6ONLY);
}

static bool overlaps(const struct port_entry *a, const struct port_entry *b)
{
	return port_takes(a, &b->laddr) || port_takes(b, &a->laddr) || (ip_is_any(&a->laddr) && ip_is_any(&b->laddr) && ip_is_v4(&a->laddr) == ip_is_v4(&b->laddr));
}

/* lock held. ip(7), socket(7): SO_REUSEADDR, SO_REUSEPORT. */
static bool conflicts(struct port_table *t, const struct port_entry *e)
{
	for (struct port_entry *o = *bucket_of(t, e->port); o; o = o->next) {
		struct netdev *da = atomic_load(&o->so->bound_dev, RELAXED), *db = atomic_load(&e->so->bound_dev, RELAXED);

		if (o == e || o->port != e->port || (da && db && da != db) || !overlaps(o, e))
			continue;
		if (sock_has(o->so, SF_REUSEPORT) && sock_has(e->so, SF_REUSEPORT) && o->so->cred.uid == e->so->cred.uid)
			continue;
		if (sock_has(o->so, SF_REUSEADDR) && sock_has(e->so, SF_REUSEADDR) && !(t->is_tcp && o->is_listening))
			continue;
		return true;
	}
	return t->is_tcp && tcp_is_port_in_use(e);
}

static bool choose(struct port_table *t, struct port_entry *e)
{
	uint32_t first, range = net_ports(&first), start;

	random_bytes(&start, sizeof(start));
	for (unsigned i = 0; i < range; i++) {
		e->port = (uint16_t)(first + (start + i) % range);
		if (!net_port_is_reserved(e->port) && !conflicts(t, e))
			return true;
	}
	e->port = 0;
	return false;
}

int port_bind(struct port_table *t, struct port_entry *e, const struct ip_addr *laddr, uint16_t port)
{
	struct port_entry **bucket;
	bool ok;

	if (port && port < atomic_load(&net_first_free_port, RELAXED) && !capable(CAP_NET_BIND_SERVICE))
		return -EACCES;
	mutex_lock(&t->lock);
	e->laddr = *laddr;
	e->port = port;
	e->is_listening = false;
	ok = port ? !conflicts(t, e) : choose(t, e);
	if (ok) {
		bucket = bucket_of(t, e->port);
		e->next = *bucket;
		rcu_assign(*bucket, e);
	} else {
		e->port = 0;
	}
	mutex_unlock(&t->lock);
	return ok ? 0 : -EADDRINUSE;
}

void port_unbind(struct port_table *t, struct port_entry *e)
{
	struct port_entry **link;

	mutex_lock(&t->lock);
	if (e->port) {
		for (link = bucket_of(t, e->port); *link && *link != e; link = &(*link)->next)
			;
		if (*link)
			rcu_assign(*link, e->next);
		e->port = 0;
		e->is_listening = false;
	}
	mutex_unlock(&t->lock);
}

bool port_is_bound(struct port_table *t, uint16_t port)
{
	struct port_entry *e;

	rcu_read_lock();
	for (e = rcu_deref(*bucket_of(t, port)); e && e->port != port; e = rcu_deref(e->next))
		;
	rcu_read_unlock();
	return e;
}

int port_listen(struct port_table *t, struct port_entry *e)
{
	int r = 0;

	mutex_lock(&t->lock);
	if (conflicts(t, e))
		r = -EADDRINUSE;
	else
		atomic_store(&e->is_listening, true, RELEASE);
	mutex_unlock(&t->lock);
	return r;
}

void port_unlisten(struct port_table *t, struct port_entry *e)
{
	mutex_lock(&t->lock);
	atomic_store(&e->is_listening, false, RELAXED);
	mutex_unlock(&t->lock);
}

/* How well e fits: 0 not at all. */
static unsigned score(const struct port_entry *e, const struct ip_addr *src, uint16_t sport, const struct ip_addr *dst, uint16_t dport, const struct netdev *dev)
{
	struct netdev *bound = atomic_load(&e->so->bound_dev, RELAXED);
	unsigned s = 1;

	if (e->port != dport || !port_takes(e, dst))
		return 0;
	if (!ip_is_any(&e->laddr))
		s += 4;
	if (e->rport) {
		if (e->rport != sport || !ip_equal(&e->raddr, src))
			return 0;
		s += 8;
	}
	if (bound) {
		if (bound != dev)
			return 0;
		s += 2;
	}
	return s + (ip_is_v4(&e->laddr) == ip_is_v4(dst));
}

struct socket *port_lookup(struct port_table *t, const struct ip_addr *src, uint16_t sport, const struct ip_addr *dst, uint16_t dport, const struct netdev *dev,
			   uint32_t hash, bool only_listening)
{
	struct socket *found = NULL;
	unsigned best = 0, nr_best = 0;

	rcu_read_lock();
	for (struct port_entry *e = rcu_deref(*bucket_of(t, dport)); e; e = rcu_deref(e->next)) {
		unsigned s = score(e, src, sport, dst, dport, dev);

		if (!s || s < best || (only_listening && !atomic_load(&e->is_listening, ACQUIRE)))
			continue;
		if (s > best) {
			best = s;
			nr_best = 0;
		}
		/* Of n equal ones each is chosen with the same share of the hashes: the k-th replaces the former with probability 1/k. */
		nr_best++;
		if (nr_best == 1 || (sock_has(e->so, SF_REUSEPORT) && ((uint64_t)(hash * 0x9e3779b1u * nr_best) * nr_best >> 32) == 0))
			found = e->so;
	}
	if (found && !socket_try_get(found))
		found = NULL;
	rcu_read_unlock();
	return found;
}

struct socket *port_next_match(struct port_table *t, struct socket *prev, const struct ip_addr *src, uint16_t sport, const struct ip_addr *dst, uint16_t dport,
			       const struct netdev *dev)
{
	struct socket *found = NULL;
	bool seen = !prev;

	rcu_read_lock();
	for (struct port_entry *e = rcu_deref(*bucket_of(t, dport)); e && !found; e = rcu_deref(e->next)) {
		if (!seen) {
			seen = e->so == prev;
			continue;
		}
		if (score(e, src, sport, dst, dport, dev) && socket_try_get(e->so))
			found = e->so;
	}
	rcu_read_unlock();
	if (prev)
		socket_put(prev);
	return found;
}
