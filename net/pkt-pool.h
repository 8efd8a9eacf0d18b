/* SPDX-License-Identifier: MIT
 *
 * Receive buffers that come back to the queue that made them, without the page allocator in between.
 *
 * A buffer is a page or PKT_BIG_SIZE bytes; a struct pkt lies in its tail and stands for it all its life, also while the buffer is in a ring and there is no packet:
 *
 *	+--------------------------------------------+------------+	page: PKT_PAGE_ROOM bytes for the device
 *	| what the device writes                     | struct pkt |	big:  PKT_BIG_ROOM
 *	+--------------------------------------------+------------+
 *
 *	pkt_pool_get() -> the device's ring -> pkt_from_pool(), pkt_add_pool() -> sockets -> pkt_free() -> the pool
 *
 * The pool keeps what is freed up to a number of each size; what is more goes to the page allocator, and so does all of it when memory is short (shrinker). Whoever frees may run
 * on any CPU: a list with many producers (libc/mpsc.h); whoever fills the ring takes all of it at once and then needs no atomic operation for each.
 *
 * A buffer has one owner, no reference count: bytes of a pooled segment must be copied to be kept or given elsewhere (pkt_seg.has_page is PKT_SEG_PAGE for those that may be shared).
 */
#pragma once

#include "libc/atomic.h"
#include "net/pkt.h"

#define PKT_BIG_ORDER	3u
#define PKT_BIG_SIZE	((unsigned)(PAGE_SIZE << PKT_BIG_ORDER))
#define PKT_BIG_ROOM	((unsigned)(PKT_BIG_SIZE - PKT_TAIL))

enum pkt_buf { PKT_BUF_PAGE, PKT_BUF_BIG, PKT_NR_BUFS };

/* Made by pkt_pool_init(), never freed: buffers that are out point to it. */
struct pkt_pool {
	struct pkt *taken[PKT_NR_BUFS];	/* owner (who fills the ring) only */
	uint32_t nr_used[PKT_NR_BUFS];	/* owner only: taken from `taken`, not yet subtracted from nr */
	struct pkt_pool *next;		/* [I] all of them, for the shrinker */
	struct mpsc freed[PKT_NR_BUFS] __cacheline;	/* [a] */
	uint32_t nr[PKT_NR_BUFS];	/* [a] buffers in freed and taken, about */
	uint32_t most[PKT_NR_BUFS];	/* [a] how many are kept */
};

/* Context of all: thread. */
void pkt_pool_init(struct pkt_pool *pool, uint32_t most_pages, uint32_t most_big);
/* Keep so many big buffers from now on; those that are too many are freed. Owner. */
void pkt_pool_keep_big(struct pkt_pool *pool, uint32_t most);
/* A buffer: its tail. give: pkt_from_pool(), pkt_add_pool(), pkt_pool_put(). NULL: no memory. Owner. */
struct pkt *pkt_pool_get(struct pkt_pool *pool, enum pkt_buf size);
/* After some pkt_pool_get(): the pool knows again how much it keeps. Owner. */
static inline void pkt_pool_settle(struct pkt_pool *pool)
{
	for (unsigned i = 0; i < PKT_NR_BUFS; i++) {
		if (pool->nr_used[i])
			(void)atomic_fetch_sub(&pool->nr[i], pool->nr_used[i], RELAXED);
		pool->nr_used[i] = 0;
	}
}
/* Give a buffer back without having made a packet of it. Anyone. */
void pkt_pool_put(struct pkt *tail);

static inline unsigned pkt_buf_room(const struct pkt *tail)
{
	return tail->buf_size == PKT_BUF_BIG ? PKT_BIG_ROOM : PKT_PAGE_ROOM;
}

static inline uint8_t *pkt_buf_start(struct pkt *tail)
{
	return (uint8_t *)tail - pkt_buf_room(tail);
}

/* A received packet in the buffer of this tail: [off, off + len) of it. Cannot fail. take: the buffer. give: pkt_free(). */
struct pkt *pkt_from_pool(struct pkt *tail, unsigned off, unsigned len);
/* The first len bytes of a buffer behind what p has. take: the buffer. False (the buffer stays the caller's): no slot left. */
bool __must_check pkt_add_pool(struct pkt *p, struct pkt *tail, unsigned len);
