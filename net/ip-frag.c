// SPDX-License-Identifier: MIT
/*
 * Reassembly of fragments: RFC 791 3.2, RFC 8200 4.5. Overlaps discard the whole datagram (RFC 5722, for both versions). Bounded in datagrams, bytes and time, so that
 * fragments which never become whole cost little: when a bound is met the oldest datagram goes.
 */
#include "libc/list.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "net/ip.h"
#include "net/net.h"
#include "net/wire.h"
#include "sched/mutex.h"

#define MAX_DATAGRAMS	64u
#define MAX_BYTES	(1024u * 1024)
#define TIMEOUT_NS	(30 * NSEC_PER_SEC)
#define LINEAR		256u

struct datagram {
	struct list node;		/* oldest first */
	struct ip_addr src, dst;
	uint32_t id;
	uint8_t proto;
	struct pkt *parts;		/* sorted by offset */
	uint32_t received, total;	/* bytes; total 0: last part not seen */
	uint32_t truesize;
	nsec_t deadline;
};

static struct mutex lock;
static struct list datagrams = LIST_INIT(datagrams);	/* [lock] */
static unsigned nr_datagrams;		/* [lock] */
static uint32_t bytes;			/* [lock] */

static void discard(struct datagram *d)
{
	list_del(&d->node);
	nr_datagrams--;
	bytes -= d->truesize;
	pkt_free_list(d->parts);
	kfree(d);
}

static void make_room(nsec_t now)
{
	while (!list_is_empty(&datagrams)) {
		struct datagram *d = list_first(&datagrams, struct datagram, node);

		if (nr_datagrams < MAX_DATAGRAMS && bytes < MAX_BYTES && d->deadline > now)
			return;
		NET_COUNT(ip_reasm_fails);
		discard(d);
	}
}

static struct datagram *find_or_make(const struct pkt *p, uint32_t id, uint8_t proto)
{
	struct datagram *d;

	list_for_each(d, &datagrams, node) {
		if (d->id == id && d->proto == proto && ip_equal(&d->src, &p->src) && ip_equal(&d->dst, &p->dst))
			return d;
	}
	make_room(p->time);
	d = KNEW(struct datagram);
	if (!d)
		return NULL;
	d->src = p->src;
	d->dst = p->dst;
	d->id = id;
	d->proto = proto;
	d->deadline = p->time + TIMEOUT_NS;
	list_add_tail(&datagrams, &d->node);
	nr_datagrams++;
	return d;
}

/* False: overlap or contradiction. A repeated part is dropped silently (take). */
static bool insert(struct datagram *d, struct pkt *p)
{
	struct pkt *prev = NULL, *next = d->parts;
	uint32_t start = p->frag.offset, end = start + p->len;

	while (next && next->frag.offset < start) {
		prev = next;
		next = pkt_next(next);
	}
	if (next && next->frag.offset == start && next->len == p->len) {
		pkt_free(p);
		return true;
	}
	if ((prev && prev->frag.offset + prev->len > start) || (next && end > next->frag.offset) || (d->total && end > d->total) ||
	    (!p->frag.has_more && (next || (d->total && d->total != end)))) {
		pkt_free(p);
		return false;
	}
	if (!p->frag.has_more)
		d->total = end;
	pkt_set_next(p, next);
	if (prev)
		pkt_set_next(prev, p);
	else
		d->parts = p;
	d->received += p->len;
	d->truesize += p->truesize;
	bytes += p->truesize;
	return true;
}

/* All parts are there: one packet with the IP header of the first before its data. */
static struct pkt *join(struct datagram *d)
{
	struct pkt *first = d->parts, *p;
	unsigned hlen = first->l4 - first->l3, room = LINEAR;
	uint8_t *at;

	p = pkt_alloc(PKT_DEV_ROOM + hlen, LINEAR);
	if (!p)
		return NULL;
	memcpy(p->seg[0].data - hlen, first->base + first->l3, hlen);
	p->base = p->seg[0].data - hlen;
	p->l4 = (uint16_t)hlen;
	p->dev = first->dev;
	p->flags = (first->flags & (PKT_IS_IP6 | PKT_BROADCAST | PKT_LOOPBACK)) | PKT_IS_FRAGMENT;
	p->proto = d->proto;
	p->time = first->time;
	p->src = d->src;
	p->dst = d->dst;
	at = p->seg[0].data;
	for (struct pkt *part = d->parts; part; part = pkt_next(part)) {
		for (unsigned off = 0; off < part->len;) {
			unsigned n = MIN(room, part->len - off);

			pkt_copy_out(part, off, at, n);
			if (p->nr_segs == 1 && at < p->seg[0].data + LINEAR)
				pkt_put(p, n);
			else {
				p->seg[p->nr_segs - 1].len += (uint16_t)n;
				p->len += n;
			}
			at += n;
			off += n;
			room -= n;
			if (!room && p->len < d->total) {
				paddr_t pa = page_alloc(0, PAGE_NOWAIT);

				if (pa == PADDR_NONE || !pkt_add_page(p, phys_to_virt(pa), 0)) {
					if (pa != PADDR_NONE)
						page_put(pa);
					pkt_free(p);
					return NULL;
				}
				at = phys_to_virt(pa);
				room = PAGE_SIZE;
			}
		}
	}
	p->udp.hop_limit = 0;
	p->udp.tos = 0;
	return p;
}

struct pkt *ip_reassemble(struct pkt *p, uint32_t id, uint32_t offset, bool has_more, uint8_t proto)
{
	struct datagram *d;
	struct pkt *whole = NULL;

	NET_COUNT(ip_reasm_reqds);
	/* All but the last are multiples of 8 long; the whole is at most 65535. */
	if (!p->len || (has_more && p->len % 8) || offset + p->len > 0xffff) {
		NET_COUNT(ip_reasm_fails);
		pkt_free(p);
		return NULL;
	}
	p->frag.offset = offset;
	p->frag.has_more = has_more;
	mutex_lock(&lock);
	d = find_or_make(p, id, proto);
	if (!d) {
		pkt_free(p);
	} else if (!insert(d, p)) {
		NET_COUNT(ip_reasm_fails);
		discard(d);
	} else if (d->total && d->received == d->total) {
		whole = join(d);
		if (whole)
			NET_COUNT(ip_reasm_oks);
		discard(d);
	} else if (bytes > MAX_BYTES) {
		make_room(0);
	}
	mutex_unlock(&lock);
	return whole;
}
