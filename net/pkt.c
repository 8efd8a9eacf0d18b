// SPDX-License-Identifier: MIT
#include "net/pkt.h"

#include "mmu/heap.h"
#include "mmu/page.h"
#include "net/csum.h"
#include "net/pkt-pool.h"

_Static_assert(sizeof(struct pkt) <= 512, "the tail of a page");
_Static_assert(offsetof(struct pkt, node) == 0, "pkt_next casts");

struct pkt *pkt_alloc(unsigned headroom, unsigned linear)
{
	size_t size = sizeof(struct pkt) + headroom + linear;
	struct pkt *p = kmalloc(size);

	if (!p)
		return NULL;
	pkt_init(p);
	p->seg[0] = (struct pkt_seg){ .data = (uint8_t *)(p + 1) + headroom };
	p->truesize = (uint32_t)size;
	return p;
}

struct pkt *pkt_from_page(void *page, unsigned off, unsigned len)
{
	struct pkt *p = (struct pkt *)((uint8_t *)page + PKT_PAGE_ROOM);

	pkt_init(p);
	p->flags = PKT_IN_PAGE;
	p->len = len;
	p->truesize = PAGE_SIZE;
	p->seg[0] = (struct pkt_seg){ .data = (uint8_t *)page + off, .len = (uint16_t)len };
	return p;
}

bool pkt_add_page(struct pkt *p, uint8_t *data, unsigned len)
{
	if (p->nr_segs == PKT_MAX_SEGS)
		return false;
	pkt_put_page(p, data, len, (unsigned)((uintptr_t)data & (PAGE_SIZE - 1)));
	return true;
}

bool pkt_absorb(struct pkt *p, struct pkt *q, unsigned skip)
{
	struct pkt_seg *s = &p->seg[p->nr_segs];
	unsigned kind = PKT_SEG_PAGE, room = PKT_PAGE_ROOM;

	if (p->nr_segs == PKT_MAX_SEGS || q->nr_segs != 1 || !(q->flags & (PKT_IN_PAGE | PKT_IN_POOL)))
		return false;
	if (q->flags & PKT_IN_POOL) {
		kind = q->buf_size == PKT_BUF_BIG ? PKT_SEG_BIG : PKT_SEG_POOL;
		room = pkt_buf_room(q);
	}
	s->data = q->seg[0].data + skip;
	s->len = (uint16_t)(q->seg[0].len - skip);
	s->off = (uint16_t)(s->data - ((uint8_t *)q - room));
	s->has_page = kind;
	p->nr_segs++;
	p->len += s->len;
	p->truesize += q->truesize;
	return true;
}

static __attribute__((noinline)) void seg_free(struct pkt_seg *s)
{
	uint8_t *start = s->data - s->off;

	if (s->has_page == PKT_SEG_PAGE)
		page_put(virt_to_phys(start));
	else
		pkt_pool_put((struct pkt *)(start + (s->has_page == PKT_SEG_BIG ? PKT_BIG_ROOM : PKT_PAGE_ROOM)));
}

static inline void seg_put(struct pkt_seg *s)
{
	if (s->has_page)
		seg_free(s);
}

void pkt_free(struct pkt *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->nr_segs; i++)
		seg_put(&p->seg[i]);
	if (p->flags & PKT_IN_POOL)
		pkt_pool_put(p);
	else if (p->flags & PKT_IN_PAGE)
		page_put(virt_to_phys((uint8_t *)p - PKT_PAGE_ROOM));
	else
		kfree(p);
}

void pkt_free_list(struct pkt *list)
{
	while (list) {
		struct pkt *next = pkt_next(list);

		pkt_free(list);
		list = next;
	}
}

/* How many bytes can follow seg[0]'s data in its memory. */
static unsigned linear_room(const struct pkt *p)
{
	const uint8_t *end;

	if (p->flags & (PKT_IN_PAGE | PKT_IN_POOL))
		end = (const uint8_t *)p;
	else
		end = (const uint8_t *)p + ksize(p);
	return (unsigned)(end - (p->seg[0].data + p->seg[0].len));
}

bool pkt_pull_up(struct pkt *p, unsigned len)
{
	if (p->seg[0].len >= len)
		return true;
	if (p->len < len || p->seg[0].has_page || len - p->seg[0].len > linear_room(p))
		return false;
	while (p->seg[0].len < len) {
		struct pkt_seg *s = &p->seg[1];
		unsigned n = MIN(len - p->seg[0].len, (unsigned)s->len);

		memcpy(p->seg[0].data + p->seg[0].len, s->data, n);
		p->seg[0].len += (uint16_t)n;
		s->data += n;
		s->off += (uint16_t)n;
		s->len -= (uint16_t)n;
		if (!s->len) {
			seg_put(s);
			p->nr_segs--;
			memmove(s, s + 1, (p->nr_segs - 1) * sizeof(*s));
		}
	}
	return true;
}

void pkt_trim_head(struct pkt *p, unsigned len)
{
	p->len -= len;
	for (struct pkt_seg *s = p->seg; len; s++) {
		unsigned n = MIN(len, (unsigned)s->len);

		s->data += n;
		s->off += (uint16_t)n;
		s->len -= (uint16_t)n;
		len -= n;
	}
}

void pkt_trim_to(struct pkt *p, unsigned len)
{
	unsigned i, left = len;

	if (len >= p->len)
		return;
	for (i = 0; left > p->seg[i].len; i++)
		left -= p->seg[i].len;
	p->seg[i].len = (uint16_t)left;
	for (unsigned j = i + 1; j < p->nr_segs; j++)
		seg_put(&p->seg[j]);
	p->nr_segs = (uint16_t)(i + 1);
	p->len = len;
}

void pkt_copy_out(const struct pkt *p, unsigned off, void *buf, unsigned len)
{
	uint8_t *out = buf;

	for (const struct pkt_seg *s = p->seg; len; s++) {
		unsigned n;

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		n = MIN(len, s->len - off);
		memcpy(out, s->data + off, n);
		out += n;
		len -= n;
		off = 0;
	}
}

uint32_t pkt_csum(const struct pkt *p, unsigned off, unsigned len, uint32_t sum)
{
	size_t at = 0;

	for (const struct pkt_seg *s = p->seg; len; s++) {
		unsigned n;

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		n = MIN(len, s->len - off);
		sum = csum_add_at(sum, csum_bytes(s->data + off, n, 0), at);
		at += n;
		len -= n;
		off = 0;
	}
	return sum;
}

struct pkt *pkt_copy(const struct pkt *p, unsigned headroom)
{
	struct pkt *c = pkt_alloc(headroom, p->len);

	if (!c)
		return NULL;
	pkt_copy_out(p, 0, pkt_put(c, p->len), p->len);
	c->dev = p->dev;
	c->flags = p->flags & (uint16_t)~(PKT_IN_PAGE | PKT_IN_POOL);
	c->proto = p->proto;
	c->src = p->src;
	c->dst = p->dst;
	c->time = p->time;
	c->udp = p->udp;
	return c;
}
