/* SPDX-License-Identifier: MIT
 *
 * Packet buffers.
 *
 * A packet is a short array of segments; their concatenation is the frame (on the wire's side: from the Ethernet header on). A segment lies in memory of the packet itself or
 * in a page with a reference count, which may be shared with a socket's send queue, the page cache, or another packet; net/ never changes shared bytes (who writes a file that is being sent does).
 *
 *	pkt_alloc(): one kmalloc()				pkt_from_page(), pkt_from_pool(): it lives in the tail of its own page
 *	+------------+----------+-----------+------+		+----------------------------------+------------+
 *	| struct pkt | headroom | seg[0] .. | room |		| seg[0]: what the device wrote    | struct pkt |
 *	+------------+----------+-----------+------+		+----------------------------------+------------+
 *	                          seg[1..] --> pages		  PKT_PAGE_ROOM bytes                seg[1..] --> pages
 *
 * Every header that a layer wants to see lies in seg[0] (pkt_pull_up() makes it so). Headers are pushed and pulled by moving seg[0].data.
 *
 * Ownership: a packet has one owner at a time; passing it on is "take" everywhere in net/ and net/netdev.h. Only pages are counted.
 * Context: thread, also with preemption disabled; not interrupt. All bytes are reached through the linear map: virt_to_phys() of seg.data is right for DMA, and a
 * segment is physically contiguous: it lies in one page, in one block of pages with one count (big chunks of send queues, big receive buffers), or in the packet's own memory.
 */
#pragma once

#include "libc/mpsc.h"
#include "libc/string.h"
#include "libc/types.h"
#include "net/addr.h"

struct netdev;
struct neigh;
struct pkt_pool;

/* 64 KiB in pages of PKT_PAGE_ROOM, one more for an odd start, one for headers. */
#define PKT_MAX_SEGS	20u

/* In front of the Ethernet header of every packet given to transmit(): the driver may write there (virtio_net_hdr). 16-byte multiple. */
#define PKT_DEV_ROOM	32u

struct pkt_seg {
	uint8_t *data;
	uint16_t len;
	uint16_t off;		/* data - off is the start of its page or buffer; only if has_page */
	uint32_t has_page;	/* PKT_SEG_*: what pkt_free() gives back. 0: memory of the packet itself */
};

#define PKT_SEG_PAGE	1u	/* a counted page: one reference */
#define PKT_SEG_POOL	2u	/* a receive buffer of a page, or a big one: net/pkt-pool.h. Not shared */
#define PKT_SEG_BIG	3u

#define PKT_CSUM_PARTIAL	0x01u	/* tx: the checksum over [csum_start, end) is to be stored at csum_start + csum_offset, which holds the pseudo-header's
					 * sum. rx: the same state, as a peer on this host left it: the data is as good as verified */
#define PKT_CSUM_OK		0x02u	/* rx: the device has verified the transport checksum */
#define PKT_IN_PAGE		0x04u	/* pkt.c: made by pkt_from_page() */
#define PKT_IS_IP6		0x08u
#define PKT_BROADCAST		0x10u	/* rx: link-layer broadcast or multicast */
#define PKT_IS_FRAGMENT		0x20u	/* rx: reassembled */
#define PKT_LOOPBACK		0x40u	/* rx: never left the machine */
#define PKT_IN_POOL		0x80u	/* pkt-pool.c: made by pkt_from_pool() */

enum pkt_gso { PKT_GSO_NONE, PKT_GSO_TCP4, PKT_GSO_TCP6, PKT_GSO_UDP };

/* Filled by the classifier, so that the connection's thread parses nothing again. Host byte order. */
struct pkt_tcp {
	uint32_t seq, ack;
	uint32_t ts_val, ts_ecr;
	uint16_t window, urgent;
	uint8_t flags, opt_len;		/* TCP header flags; bytes of options */
	uint8_t has_ts, ecn;		/* timestamp option present; ECN bits of the IP header */
	uint32_t data_len;
};

struct pkt {
	struct mpsc_node node;		/* link of whoever owns it; pkt_next() */
	struct netdev *dev;		/* rx: where it came in */
	uint32_t len;			/* bytes of all segments */
	uint16_t nr_segs;
	uint16_t flags;			/* PKT_* */
	uint16_t csum_start, csum_offset;	/* from the start of seg[0].data as given to or by the device */
	uint16_t gso_size;		/* bytes of payload of each segment that the device makes (tx) or that it was made from (rx; on average); 0 with PKT_GSO_NONE */
	uint8_t gso_type;		/* enum pkt_gso */
	uint8_t proto;			/* rx: transport protocol */
	uint16_t hdr_len;		/* tx with gso: bytes of all headers; rx: scratch */
	uint16_t l3, l4;		/* rx: IP and transport header, offsets from `base` */
	uint16_t tx_queue;		/* tx: number + 1 of the device's queue that its flow uses (modulo their number); 0: by hash */
	uint8_t *base;			/* rx: start of the frame in seg[0]'s memory */
	uint32_t truesize;		/* bytes of memory that it pins: what socket buffers count */
	uint32_t hash;			/* of the flow: chooses the tx queue */
	void *dev_private;		/* the driver's while it owns the packet */
	nsec_t time;			/* rx: arrival, monotonic */
	struct ip_addr src, dst;	/* rx: IP addresses */
	union {
		struct pkt_tcp tcp;
		struct {
			uint16_t sport, dport;
			uint8_t hop_limit, tos;
			uint32_t nr_dropped;	/* of the socket when it was queued: SO_RXQ_OVFL */
			uint32_t full_len;	/* packet sockets: of the frame that this is a part of */
		} udp;
		struct {
			uint32_t offset;	/* ip-frag.c */
			bool has_more;
		} frag;
	};
	struct pkt_pool *pool;		/* pkt-pool.c, as long as the buffer lives */
	uint8_t buf_size;		/* likewise: enum pkt_buf */
	struct pkt_seg seg[PKT_MAX_SEGS];
};

#define PKT_TAIL	((unsigned)ALIGN_UP(sizeof(struct pkt), 64ul))
#define PKT_PAGE_ROOM	((unsigned)PAGE_SIZE - PKT_TAIL)

/* A packet without flags and bytes, with one segment that the caller fills. */
static inline void pkt_init(struct pkt *p)
{
	_Static_assert(offsetof(struct pkt, src) % 8 == 0 && offsetof(struct pkt, src) <= 128, "zero_words");
	zero_words(p, offsetof(struct pkt, src));
	p->nr_segs = 1;
}

/* seg[0] is empty, with room for headroom bytes before and `linear` bytes after its data. give: pkt_free(). NULL: no memory. */
struct pkt *pkt_alloc(unsigned headroom, unsigned linear);
/*
 * A received packet whose first buffer is a whole page from page_alloc(0, ...), of which the device wrote [off, off + len), off + len <= PKT_PAGE_ROOM. Cannot
 * fail, allocates nothing. take: the page's reference. give: pkt_free().
 */
struct pkt *pkt_from_page(void *page, unsigned off, unsigned len);
/* Append bytes of a page. take: one reference of the page (page_get() it first to share). False (the reference stays the caller's): no slot left. */
bool __must_check pkt_add_page(struct pkt *p, uint8_t *data, unsigned len);
/* The same with a slot left; off: from the start of the page, or of pages with one count, of which p counts what it has: the rest belongs to its neighbours. */
static inline void pkt_put_page(struct pkt *p, uint8_t *data, unsigned len, unsigned off)
{
	p->seg[p->nr_segs++] = (struct pkt_seg){ .data = data, .len = (uint16_t)len, .off = (uint16_t)off, .has_page = PKT_SEG_PAGE };
	p->len += len;
	p->truesize += (uint32_t)ALIGN_UP(len, PAGE_SIZE);
}
/*
 * What follows the first skip bytes of q, all of it in seg[0], becomes p's last segment. take: q. False (q stays the caller's): no slot left, or q is not a single segment in a
 * page or receive buffer of its own.
 */
bool __must_check pkt_absorb(struct pkt *p, struct pkt *q, unsigned skip);
void pkt_free(struct pkt *p);		/* NULL is fine */
void pkt_free_list(struct pkt *list);

static inline struct pkt *pkt_next(const struct pkt *p)
{
	return (struct pkt *)p->node.next;
}

static inline void pkt_set_next(struct pkt *p, struct pkt *next)
{
	p->node.next = next ? &next->node : NULL;
}

/* Make room for len bytes before the data; the caller knows that the headroom is there. */
static inline void *pkt_push(struct pkt *p, unsigned len)
{
	p->seg[0].data -= len;
	p->seg[0].off -= (uint16_t)len;
	p->seg[0].len += (uint16_t)len;
	p->len += len;
	return p->seg[0].data;
}

/* Drop len bytes, all in seg[0]. */
static inline void pkt_pull(struct pkt *p, unsigned len)
{
	p->seg[0].data += len;
	p->seg[0].off += (uint16_t)len;
	p->seg[0].len -= (uint16_t)len;
	p->len -= len;
}

/* Append len bytes to seg[0] while it is the only one; the caller knows that the room is there. */
static inline void *pkt_put(struct pkt *p, unsigned len)
{
	void *at = p->seg[0].data + p->seg[0].len;

	p->seg[0].len += (uint16_t)len;
	p->len += len;
	return at;
}

/* rx: segments on the wire that it was made from. */
static inline unsigned pkt_nr_wire(const struct pkt *p)
{
	return likely(!p->gso_size) ? 1 : (p->len + p->gso_size - 1) / p->gso_size;
}

/* The first len bytes contiguous in seg[0]. False: the packet is shorter, or they do not fit. */
bool __must_check pkt_pull_up(struct pkt *p, unsigned len);
/* Drop len bytes anywhere in front; at the end down to len. len <= p->len for the first. */
void pkt_trim_head(struct pkt *p, unsigned len);
void pkt_trim_to(struct pkt *p, unsigned len);
/* Copy out; the range is inside the packet. */
void pkt_copy_out(const struct pkt *p, unsigned off, void *buf, unsigned len);
/* Internet checksum (not inverted) over [off, off + len), starting with sum. */
uint32_t pkt_csum(const struct pkt *p, unsigned off, unsigned len, uint32_t sum);
/* A copy in memory of its own, with this headroom. NULL: no memory. */
struct pkt *pkt_copy(const struct pkt *p, unsigned headroom);
