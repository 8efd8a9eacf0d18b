// SPDX-License-Identifier: MIT
#include "net/neigh.h"

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/ip.h"
#include "net/netdev-priv.h"
#include "net/siphash.h"
#include "net/wire.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/timer.h"

/* RFC 4861 10, RFC 4861 7.2.2 (queue), and what Linux uses for ARP. */
#define REACHABLE_NS	(30 * NSEC_PER_SEC)
#define DELAY_NS	(5 * NSEC_PER_SEC)
#define RETRANS_NS	(1 * NSEC_PER_SEC)
#define MAX_PROBES	3u
#define DEFEND_NS	(10 * NSEC_PER_SEC)	/* DEFEND_INTERVAL of RFC 5227 */
#define CLAIM_NS	(NSEC_PER_SEC / 2)	/* between two questions to who is said to have moved */
#define CLAIM_PROBES	2u
#define MAX_PENDING	16u
#define MAX_ENTRIES	1024u
#define NR_BUCKETS	64u

#define MAC_KNOWN	(1ull << 56)

static struct mutex neigh_lock;
static struct neigh *buckets[NR_BUCKETS];	/* [neigh_lock] */
static unsigned nr_entries;			/* [neigh_lock] */
static struct timer probe_timer;		/* [neigh_lock] armed while an entry waits for an answer */
static bool is_timer_armed;			/* [neigh_lock] */
static struct siphash_key key;			/* [neigh_lock] */

static struct neigh **bucket_of(const struct ip_addr *a)
{
	if (!key.k[0])
		random_bytes(&key, sizeof(key));
	return &buckets[siphash13(&key, a->d, 2) % NR_BUCKETS];
}

static void neigh_free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct neigh, rcu));
}

void neigh_put(struct neigh *n)
{
	/* acq_rel: all uses before the free. Pairs: itself */
	if (n && atomic_fetch_sub(&n->refs, 1u, ACQ_REL) == 1)
		rcu_defer(&n->rcu, neigh_free_rcu);
}

static struct neigh *find(struct netdev *dev, const struct ip_addr *addr)
{
	struct neigh *n = *bucket_of(addr);

	while (n && (n->dev != dev || !ip_equal(&n->addr, addr)))
		n = n->next;
	return n;
}

static struct pkt *take_pending(struct neigh *n)
{
	struct pkt *list = n->pending;

	n->pending = NULL;
	n->pending_tail = &n->pending;
	n->nr_pending = 0;
	return list;
}

/* lock held. Takes it out of the table; the caller reports what was pending. */
static void unlink_entry(struct neigh *n)
{
	struct neigh **link = bucket_of(&n->addr);

	while (*link != n)
		link = &(*link)->next;
	*link = n->next;
	n->is_dead = true;
	n->state = NEIGH_FAILED;
	nr_entries--;
}

/* lock held. An entry that nobody else refers to, the one not confirmed for longest. */
static struct neigh *find_victim(void)
{
	struct neigh *best = NULL;

	for (unsigned i = 0; i < NR_BUCKETS; i++) {
		for (struct neigh *n = buckets[i]; n; n = n->next) {
			if (atomic_load(&n->refs, RELAXED) == 1 && !n->is_permanent && (!best || n->fresh_until < best->fresh_until))
				best = n;
		}
	}
	return best;
}

static struct neigh *neigh_find_or_make(struct netdev *dev, const struct ip_addr *addr, struct neigh **victim)
{
	struct neigh *n = find(dev, addr), **link;

	*victim = NULL;
	if (n)
		return n;
	if (nr_entries >= MAX_ENTRIES) {
		*victim = find_victim();
		if (!*victim)
			return NULL;
		unlink_entry(*victim);
	}
	n = KNEW(struct neigh);
	if (!n)
		return NULL;
	n->addr = *addr;
	n->dev = dev;
	n->refs = 1;
	n->state = NEIGH_INCOMPLETE;
	n->pending_tail = &n->pending;
	link = bucket_of(addr);
	n->next = *link;
	*link = n;
	nr_entries++;
	return n;
}

static void drop_victim(struct neigh *victim)
{
	if (!victim)
		return;
	pkt_free_list(take_pending(victim));
	neigh_put(victim);
}

struct neigh *neigh_get(struct netdev *dev, const struct ip_addr *addr)
{
	struct neigh *n, *victim;

	mutex_lock(&neigh_lock);
	n = neigh_find_or_make(dev, addr, &victim);
	if (n)
		atomic_fetch_add(&n->refs, 1u, RELAXED);
	mutex_unlock(&neigh_lock);
	drop_victim(victim);
	return n;
}

/* Is the address known to be right? What was under way when it changed may still be acknowledged: that confirms the former one. */
static bool is_confirmed(const struct neigh *n, nsec_t now)
{
	nsec_t confirmed = atomic_load(&n->confirmed, RELAXED);

	return confirmed && confirmed + REACHABLE_NS > now && (!n->changed_at || confirmed >= n->changed_at + RETRANS_NS);
}

bool neigh_may_defend(struct netdev *dev, const struct ip_addr *addr, nsec_t *next)
{
	nsec_t now = clock_monotonic();
	char text[IP_TEXT_LEN];

	if (now < atomic_load(next, RELAXED))
		return false;
	atomic_store(next, now + DEFEND_NS, RELAXED);
	log_line("%s: another machine uses %s", dev->name, ip_to_text(addr, text));
	return true;
}

/* ---- probing ---------------------------------------------------------------------------------------------------- */

static void solicit(const struct neigh *n)
{
	uint64_t mac = atomic_load(&n->mac, RELAXED);
	const uint8_t *unicast = n->state == NEIGH_PROBE && mac ? (const uint8_t *)&mac : NULL;

	if (ip_is_v4(&n->addr))
		arp_solicit(n->dev, &n->addr, unicast);
	else
		nd_solicit(n->dev, &n->addr, unicast);
}

/* lock held. It has moved, as it seems: the next packet starts to ask whether that is so. */
static void replace(struct neigh *n, uint64_t mac, nsec_t now)
{
	atomic_store(&n->mac, mac, RELAXED);
	atomic_store(&n->fresh_until, 0, RELAXED);
	n->state = NEIGH_STALE;
	n->changed_at = now;
	n->claim = 0;
	n->probe_at = 0;
}

/* lock held. Entries whose time has come; those that failed are collected in *failed. Returns when to look again. */
static nsec_t probe_all(nsec_t now, struct neigh **failed)
{
	nsec_t next = NSEC_NEVER;

	for (unsigned i = 0; i < NR_BUCKETS; i++) {
		struct neigh *n, *after;

		for (n = buckets[i]; n; n = after) {
			after = n->next;
			if (n->state == NEIGH_REACHABLE || n->state == NEIGH_STALE || n->state == NEIGH_FAILED)
				continue;
			if (n->claim && n->probe_at <= now && n->nr_probes >= CLAIM_PROBES) {
				replace(n, n->claim, now);
				continue;
			}
			if (n->state != NEIGH_INCOMPLETE && !n->claim && is_confirmed(n, now)) {
				n->state = NEIGH_REACHABLE;
				atomic_store(&n->fresh_until, atomic_load(&n->confirmed, RELAXED) + REACHABLE_NS, RELAXED);
				continue;
			}
			if (n->probe_at <= now) {
				if (n->nr_probes >= MAX_PROBES) {
					atomic_store(&n->mac, 0ull, RELAXED);
					unlink_entry(n);
					n->next = *failed;
					*failed = n;
					continue;
				}
				if (n->state == NEIGH_DELAY)
					n->state = NEIGH_PROBE;
				n->nr_probes++;
				n->probe_at = now + (n->claim ? CLAIM_NS : RETRANS_NS);
				solicit(n);
			}
			next = MIN(next, n->probe_at);
		}
	}
	return next;
}

static void arm_probe_timer(nsec_t at)
{
	if (!probe_timer.fn)
		return;
	is_timer_armed = true;
	timer_arm(&probe_timer, at, 50 * NSEC_PER_MSEC);
}

static void probe_fn(struct timer *t)
{
	struct neigh *failed = NULL, *n;
	nsec_t next;

	(void)t;
	mutex_lock(&neigh_lock);
	is_timer_armed = false;
	next = probe_all(clock_monotonic(), &failed);
	if (next != NSEC_NEVER)
		arm_probe_timer(next);
	mutex_unlock(&neigh_lock);
	if (failed)
		(void)atomic_fetch_add(&route_generation, 1u, RELAXED);	/* cached routes let go of it */
	while ((n = failed)) {
		struct pkt *p = take_pending(n), *q;

		failed = n->next;
		for (q = p; q; q = pkt_next(q))
			ip_report_unreachable(q, EHOSTUNREACH);
		pkt_free_list(p);
		neigh_put(n);
	}
}

/* lock held. */
static void start_probing(struct neigh *n, nsec_t at)
{
	n->nr_probes = 0;
	n->probe_at = at;
	if (!probe_timer.fn)
		timer_init(&probe_timer, probe_fn);
	if (!is_timer_armed || probe_timer.deadline > at)
		arm_probe_timer(at);
}

/* The slow half of output: the address is unknown, or has not been confirmed for long. take. Returns the packet if it may be sent to n->mac. */
static struct pkt *output_slow(struct neigh *n, struct pkt *p, nsec_t now)
{
	struct pkt *old = NULL;

	mutex_lock(&neigh_lock);
	if (n->is_dead) {
		old = p;
		p = NULL;
	} else if (n->state == NEIGH_INCOMPLETE) {
		if (n->nr_pending == MAX_PENDING) {
			old = n->pending;
			n->pending = pkt_next(old);
			if (!n->pending)
				n->pending_tail = &n->pending;
			n->nr_pending--;
			pkt_set_next(old, NULL);
		}
		pkt_set_next(p, NULL);
		*n->pending_tail = p;
		n->pending_tail = (struct pkt **)&p->node.next;
		n->nr_pending++;
		p = NULL;
		if (!n->probe_at) {
			start_probing(n, now + RETRANS_NS);
			n->nr_probes = 1;
			solicit(n);
		}
	} else if (n->state == NEIGH_REACHABLE || n->state == NEIGH_STALE) {
		if (is_confirmed(n, now)) {
			n->state = NEIGH_REACHABLE;
			atomic_store(&n->fresh_until, atomic_load(&n->confirmed, RELAXED) + REACHABLE_NS, RELAXED);
		} else {
			n->state = NEIGH_DELAY;
			atomic_store(&n->fresh_until, NSEC_NEVER, RELAXED);
			start_probing(n, now + DELAY_NS);
		}
	}
	mutex_unlock(&neigh_lock);
	pkt_free(old);
	return p;
}

void neigh_output(struct neigh *n, struct pkt *p, nsec_t now)
{
	uint64_t mac = atomic_load(&n->mac, RELAXED);

	if (unlikely(!mac || now > atomic_load(&n->fresh_until, RELAXED))) {
		p = output_slow(n, p, now);
		if (!p)
			return;
		mac = atomic_load(&n->mac, RELAXED);
		if (!mac) {
			pkt_free(p);
			return;
		}
	}
	eth_output_word(n->dev, p, mac, ip_is_v4(&n->addr) ? ETH_P_IP4 : ETH_P_IP6);
}

/* lock held. What a message about n says: RFC 4861 7.2.5, reduced to what ARP has too. */
static struct pkt *learn(struct neigh *n, uint64_t mac, unsigned flags, nsec_t now)
{
	uint64_t old = atomic_load(&n->mac, RELAXED);
	bool is_change = old != mac;

	if (n->is_permanent)
		return NULL;
	if (n->state == NEIGH_INCOMPLETE) {
		atomic_store(&n->mac, mac, RELAXED);
		n->state = flags & NEIGH_SOLICITED ? NEIGH_REACHABLE : NEIGH_STALE;
	} else if (is_change && !(flags & NEIGH_OVERRIDE)) {
		if (n->state == NEIGH_REACHABLE)
			n->state = NEIGH_STALE;
		atomic_store(&n->fresh_until, now, RELAXED);
		return NULL;
	} else if (is_change && flags & NEIGH_CLAIM) {
		if (!n->claim && !is_confirmed(n, now)) {
			replace(n, mac, now);
		} else if (!n->claim) {		/* the first claim counts, and until it is settled no other */
			n->claim = mac;
			n->state = NEIGH_PROBE;
			start_probing(n, now);
		}
		return NULL;
	} else if (is_change) {
		replace(n, mac, now);
		if (flags & NEIGH_SOLICITED)
			n->state = NEIGH_REACHABLE;
	} else if (flags & NEIGH_SOLICITED) {
		n->state = NEIGH_REACHABLE;
		n->claim = 0;
	}
	if (flags & NEIGH_SOLICITED)
		n->is_router = flags & NEIGH_ROUTER;
	if (n->state == NEIGH_REACHABLE && flags & NEIGH_SOLICITED) {
		atomic_store(&n->confirmed, now, RELAXED);
		atomic_store(&n->fresh_until, now + REACHABLE_NS, RELAXED);
		n->changed_at = 0;	/* it has said so itself */
	} else if (n->state == NEIGH_STALE && !n->changed_at) {
		atomic_store(&n->fresh_until, now, RELAXED);
	}
	if (n->state == NEIGH_REACHABLE || n->state == NEIGH_STALE)
		n->probe_at = 0;
	return take_pending(n);
}

void neigh_update(struct netdev *dev, const struct ip_addr *addr, const uint8_t *mac, unsigned flags)
{
	struct neigh *n, *victim = NULL;
	struct pkt *list = NULL;
	nsec_t now = clock_monotonic();
	uint64_t word = MAC_KNOWN;

	memcpy(&word, mac, 6);
	mutex_lock(&neigh_lock);
	n = flags & NEIGH_CREATE ? neigh_find_or_make(dev, addr, &victim) : find(dev, addr);
	if (n) {
		atomic_fetch_add(&n->refs, 1u, RELAXED);
		list = learn(n, word, flags, now);
	}
	mutex_unlock(&neigh_lock);
	drop_victim(victim);
	while (list) {
		struct pkt *p = list;

		list = pkt_next(p);
		neigh_output(n, p, now);
	}
	neigh_put(n);
}

/* lock held. What the program says of n; word: its address, 0: not said. Returns what may be sent now. */
static struct pkt *set_locked(struct neigh *n, uint64_t word, unsigned state, bool is_replace, nsec_t now)
{
	if (word && (is_replace || !atomic_load(&n->mac, RELAXED)))
		atomic_store(&n->mac, word, RELAXED);
	n->is_permanent = state & (NUD_PERMANENT | NUD_NOARP);
	n->state = n->is_permanent || state & NUD_REACHABLE ? NEIGH_REACHABLE : NEIGH_STALE;
	n->claim = 0;
	n->changed_at = n->probe_at = 0;
	if (state & NUD_REACHABLE)
		atomic_store(&n->confirmed, now, RELAXED);
	atomic_store(&n->fresh_until, n->is_permanent ? NSEC_NEVER : state & NUD_REACHABLE ? now + REACHABLE_NS : now, RELAXED);
	return take_pending(n);
}

int neigh_set(struct netdev *dev, const struct ip_addr *addr, const uint8_t *mac, unsigned state, unsigned mode)
{
	struct neigh *n, *victim = NULL, copy;
	uint64_t word = mac ? MAC_KNOWN : 0;
	struct pkt *list = NULL;
	nsec_t now = clock_monotonic();
	int r = 0;

	if (mac)
		memcpy(&word, mac, 6);
	mutex_lock(&neigh_lock);
	n = find(dev, addr);
	if (n && mode & ROUTE_EXCL && !neigh_is_unasked(n))
		r = -EEXIST;
	else if ((!n || neigh_is_unasked(n)) && !(mode & ROUTE_CREATE))
		r = -ENOENT;
	else if (!word && (!n || !atomic_load(&n->mac, RELAXED)))
		r = -EINVAL;
	else if (!n && !(n = neigh_find_or_make(dev, addr, &victim)))
		r = -ENOBUFS;
	if (!r) {
		atomic_fetch_add(&n->refs, 1u, RELAXED);
		list = set_locked(n, word, state, mode & ROUTE_REPLACE, now);
		copy = *n;
	}
	mutex_unlock(&neigh_lock);
	drop_victim(victim);
	if (r)
		return r;
	while (list) {
		struct pkt *p = list;

		list = pkt_next(p);
		neigh_output(n, p, now);
	}
	net_tell(NET_NEIGH_NEW, &copy);
	neigh_put(n);
	return 0;
}

int neigh_delete(struct netdev *dev, const struct ip_addr *addr)
{
	struct pkt *list = NULL;
	struct neigh *n, copy;

	mutex_lock(&neigh_lock);
	n = find(dev, addr);
	if (n && neigh_is_unasked(n))
		n = NULL;
	if (n) {
		unlink_entry(n);
		atomic_store(&n->mac, 0ull, RELAXED);
		list = take_pending(n);
		copy = *n;
	}
	mutex_unlock(&neigh_lock);
	if (!n)
		return -ENOENT;
	(void)atomic_fetch_add(&route_generation, 1u, RELAXED);	/* cached routes let go of it */
	pkt_free_list(list);
	neigh_put(n);
	net_tell(NET_NEIGH_GONE, &copy);
	return 0;
}

void neigh_for_each(void (*fn)(const struct neigh *n, void *arg), void *arg)
{
	mutex_lock(&neigh_lock);
	for (unsigned i = 0; i < NR_BUCKETS; i++) {
		for (struct neigh *n = buckets[i]; n; n = n->next)
			fn(n, arg);
	}
	mutex_unlock(&neigh_lock);
}
