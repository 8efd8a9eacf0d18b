// SPDX-License-Identifier: MIT
#include "net/pkt-pool.h"

#include "mmu/page.h"
#include "sched/mutex.h"

_Static_assert(PKT_BIG_SIZE <= 65536, "offsets in a segment have 16 bits");

static struct mutex pools_lock;
static struct pkt_pool *pools;		/* [pools_lock] */

static void buf_free(struct pkt *tail)
{
	page_free(virt_to_phys(pkt_buf_start(tail)), tail->buf_size == PKT_BUF_BIG ? PKT_BIG_ORDER : 0);
}

static uint32_t free_list(struct mpsc_node *n)
{
	uint32_t nr = 0;

	while (n) {
		struct pkt *tail = container_of(n, struct pkt, node);

		n = n->next;
		buf_free(tail);
		nr++;
	}
	return nr;
}

static uint32_t drop_freed(struct pkt_pool *pool, enum pkt_buf size)
{
	uint32_t nr = free_list(mpsc_take_newest_first(&pool->freed[size]));

	(void)atomic_fetch_sub(&pool->nr[size], nr, RELAXED);
	return nr;
}

static uint64_t pools_shrink(uint64_t want)
{
	uint64_t got = 0;

	if (!mutex_trylock(&pools_lock))
		return 0;
	for (struct pkt_pool *p = pools; p && got < want; p = p->next)
		got += (uint64_t)drop_freed(p, PKT_BUF_BIG) * PKT_BIG_SIZE + (uint64_t)drop_freed(p, PKT_BUF_PAGE) * PAGE_SIZE;
	mutex_unlock(&pools_lock);
	return got;
}

static struct shrinker shrinker = { .name = "receive buffers", .shrink = pools_shrink };

void pkt_pool_init(struct pkt_pool *pool, uint32_t most_pages, uint32_t most_big)
{
	bool is_first;

	pool->most[PKT_BUF_PAGE] = most_pages;
	pool->most[PKT_BUF_BIG] = most_big;
	mutex_lock(&pools_lock);
	is_first = !pools;
	pool->next = pools;
	pools = pool;
	mutex_unlock(&pools_lock);
	if (is_first)
		shrinker_register(&shrinker);
}

void pkt_pool_keep_big(struct pkt_pool *pool, uint32_t most)
{
	struct pkt *taken = pool->taken[PKT_BUF_BIG];

	atomic_store(&pool->most[PKT_BUF_BIG], most, RELAXED);
	if (most)
		return;
	pool->taken[PKT_BUF_BIG] = NULL;
	if (taken)
		pool->nr_used[PKT_BUF_BIG] += free_list(&taken->node);
	pkt_pool_settle(pool);
	drop_freed(pool, PKT_BUF_BIG);
}

static __attribute__((noinline)) struct pkt *buf_alloc(struct pkt_pool *pool, enum pkt_buf size)
{
	paddr_t pa = page_alloc(size == PKT_BUF_BIG ? PKT_BIG_ORDER : 0, PAGE_NOWAIT);
	struct pkt *tail;

	if (pa == PADDR_NONE)
		return NULL;
	tail = (struct pkt *)((uint8_t *)phys_to_virt(pa) + (size == PKT_BUF_BIG ? PKT_BIG_ROOM : PKT_PAGE_ROOM));
	tail->pool = pool;
	tail->buf_size = (uint8_t)size;
	return tail;
}

struct pkt *pkt_pool_get(struct pkt_pool *pool, enum pkt_buf size)
{
	struct pkt *tail = pool->taken[size];

	if (unlikely(!tail)) {
		/* The warmest first; node is the first member. */
		if (!mpsc_is_empty(&pool->freed[size]))
			tail = (struct pkt *)mpsc_take_newest_first(&pool->freed[size]);
		if (!tail)
			return buf_alloc(pool, size);
	}
	pool->taken[size] = pkt_next(tail);
	pool->nr_used[size]++;
	return tail;
}

void pkt_pool_put(struct pkt *tail)
{
	struct pkt_pool *pool = tail->pool;
	unsigned size = tail->buf_size;

	if (unlikely(atomic_fetch_add(&pool->nr[size], 1u, RELAXED) >= atomic_load(&pool->most[size], RELAXED))) {
		(void)atomic_fetch_sub(&pool->nr[size], 1u, RELAXED);
		buf_free(tail);
		return;
	}
	(void)mpsc_push(&pool->freed[size], &tail->node);
}

struct pkt *pkt_from_pool(struct pkt *p, unsigned off, unsigned len)
{
	pkt_init(p);
	p->flags = PKT_IN_POOL;
	p->len = len;
	p->truesize = p->buf_size == PKT_BUF_BIG ? PKT_BIG_SIZE : PAGE_SIZE;
	p->seg[0] = (struct pkt_seg){ .data = pkt_buf_start(p) + off, .len = (uint16_t)len };
	return p;
}

bool pkt_add_pool(struct pkt *p, struct pkt *tail, unsigned len)
{
	bool is_big = tail->buf_size == PKT_BUF_BIG;

	if (p->nr_segs == PKT_MAX_SEGS)
		return false;
	p->seg[p->nr_segs++] = (struct pkt_seg){ .data = pkt_buf_start(tail), .len = (uint16_t)len, .has_page = is_big ? PKT_SEG_BIG : PKT_SEG_POOL };
	p->len += len;
	p->truesize += is_big ? PKT_BIG_SIZE : PAGE_SIZE;
	return true;
}
