/* SPDX-License-Identifier: MIT
 *
 * Page trees. See pagecache.h.
 */
#include "fs/pagecache.h"

#include "libc/errno.h"
#include "mmu/heap.h"
#include "sched/rcu.h"

#define BITS	6u
#define WAYS	(1u << BITS)

/* Level 0 holds slots, higher levels pointers to nodes. */
struct page_node {
	unsigned shift;			/* [I] of the index, in bits, for this level */
	unsigned nr_used;		/* [owner's lock] slots that are not 0 */
	uint64_t slot[WAYS];		/* [a] */
	struct rcu_head rcu;
};

static struct page_node *child(const struct page_node *n, uint64_t i)
{
	/* acquire: the child's fields before its use. Pairs: page_tree_reserve */
	return (struct page_node *)(uintptr_t)atomic_load(&n->slot[i], ACQUIRE);
}

static bool covers(const struct page_node *n, uint64_t idx)
{
	return n->shift + BITS >= 64 || !(idx >> (n->shift + BITS));
}

static struct page_node *leaf(const struct page_tree *t, uint64_t idx)
{
	struct page_node *n = rcu_deref(t->root);

	if (!n || !covers(n, idx))
		return NULL;
	while (n && n->shift)
		n = child(n, (idx >> n->shift) % WAYS);
	return n;
}

slot_t page_tree_load(const struct page_tree *t, uint64_t idx)
{
	const struct page_node *n = leaf(t, idx);

	return n ? atomic_load(&n->slot[idx % WAYS], ACQUIRE) : 0;	/* acquire: the page's contents. Pairs: page_tree_store */
}

slot_t page_tree_get(const struct page_tree *t, uint64_t idx, paddr_t *pa)
{
	slot_t s;

	if (!rcu_deref(t->root))
		return 0;
	rcu_read_lock();
	s = page_tree_load(t, idx);
	if (s & SLOT_PAGE) {
		*pa = slot_page(s);
		page_get(*pa);
	}
	rcu_read_unlock();
	return s;
}

static struct page_node *node_alloc(struct page_tree *t, unsigned shift)
{
	struct page_node *n = KNEW(struct page_node);

	if (n) {
		n->shift = shift;
		t->nr_nodes++;
	}
	return n;
}

static void node_free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct page_node, rcu));
}

int page_tree_reserve(struct page_tree *t, uint64_t idx)
{
	struct page_node *n = t->root, *c;

	while (!n || !covers(n, idx)) {
		c = node_alloc(t, n ? n->shift + BITS : 0);
		if (!c)
			return -ENOMEM;
		c->slot[0] = (uintptr_t)n;
		c->nr_used = n ? 1 : 0;
		rcu_assign(t->root, c);
		n = c;
	}
	for (; n->shift; n = c) {
		uint64_t i = (idx >> n->shift) % WAYS;

		c = child(n, i);
		if (c)
			continue;
		c = node_alloc(t, n->shift - BITS);
		if (!c)
			return -ENOMEM;
		n->nr_used++;
		atomic_store(&n->slot[i], (uintptr_t)c, RELEASE);	/* release: shift and zeros before the pointer. Pairs: child */
	}
	return 0;
}

void page_tree_store(struct page_tree *t, uint64_t idx, slot_t s)
{
	struct page_node *n = leaf(t, idx);
	slot_t old;

	if (!n)
		return;		/* nothing there and nothing reserved: s is 0 */
	old = n->slot[idx % WAYS];
	atomic_store(&n->slot[idx % WAYS], s, RELEASE);	/* release: the page's contents before the slot. Pairs: page_tree_load */
	if (!old == !s)
		return;
	atomic_store(&t->nr_slots, t->nr_slots + (s ? 1 : -1ull), RELAXED);
	n->nr_used += s ? 1 : -1u;
	if (!n->nr_used)
		page_tree_prune(t, idx);
}

void page_tree_prune(struct page_tree *t, uint64_t idx)
{
	struct page_node *path[64 / BITS + 2], *n = t->root;
	unsigned depth = 0;

	if (!n || !covers(n, idx))
		n = NULL;
	for (; n; n = n->shift ? child(n, (idx >> n->shift) % WAYS) : NULL)
		path[depth++] = n;
	for (; depth && !path[depth - 1]->nr_used; depth--) {
		n = path[depth - 1];
		if (depth > 1) {
			atomic_store(&path[depth - 2]->slot[(idx >> path[depth - 2]->shift) % WAYS], 0, RELEASE);	/* release: as the root. Pairs: child */
			path[depth - 2]->nr_used--;
		} else {
			rcu_assign(t->root, NULL);
		}
		t->nr_nodes--;
		rcu_defer(&n->rcu, node_free_rcu);
	}
}

/* In the subtree n whose first index is base. */
static bool next_in(const struct page_node *n, uint64_t base, uint64_t *idx, uint64_t end, slot_t *s)
{
	uint64_t i = *idx > base ? (*idx - base) >> n->shift : 0;

	for (; i < WAYS; i++) {
		uint64_t start = base + (i << n->shift);

		if (start >= end)
			return false;
		if (!n->slot[i])
			continue;
		if (!n->shift) {
			*idx = start;
			*s = n->slot[i];
			return true;
		}
		if (next_in(child(n, i), start, idx, end, s))
			return true;
	}
	return false;
}

bool page_tree_next(const struct page_tree *t, uint64_t *idx, uint64_t end, slot_t *s)
{
	return t->root && covers(t->root, *idx) && next_in(t->root, 0, idx, end, s);
}

static void free_node(struct page_node *n)
{
	if (n->shift)
		for (unsigned i = 0; i < WAYS; i++)
			if (n->slot[i])
				free_node(child(n, i));
	kfree(n);
}

void page_tree_destroy(struct page_tree *t)
{
	if (t->root)
		free_node(t->root);
	t->root = NULL;
	t->nr_nodes = t->nr_slots = 0;
}

/* ---- batches ------------------------------------------------------------------------------------------------------------------- */

struct page_batch_block {
	struct rcu_head rcu;
	unsigned nr;
	paddr_t page[PAGE_BATCH];
};

static uint64_t nr_pending;	/* [a] pages in batches that wait for their grace period */

static void put_all(struct rcu_head *head)
{
	struct page_batch_block *b = container_of(head, struct page_batch_block, rcu);

	for (unsigned i = 0; i < b->nr; i++)
		page_put(b->page[i]);
	atomic_fetch_sub(&nr_pending, (uint64_t)b->nr, RELAXED);
	kfree(b);
}

/* struct shrinker. A program that truncates and writes by turns can have all memory on its way back: wait for it. */
static uint64_t wait_for_pending(uint64_t want)
{
	uint64_t nr = atomic_load(&nr_pending, RELAXED);

	(void)want;
	if (!nr)
		return 0;
	rcu_synchronize();
	return nr * PAGE_SIZE;
}

void page_batch_init(void)
{
	static struct shrinker shrinker = { .name = "freed file pages", .shrink = wait_for_pending };

	shrinker_register(&shrinker);
}

void page_batch_add(struct page_batch *b, paddr_t pa)
{
	if (b->block && b->block->nr == PAGE_BATCH)
		page_batch_end(b);
	if (!b->block)
		b->block = KNEW(struct page_batch_block);
	if (!b->block) {
		rcu_synchronize();
		page_put(pa);
		return;
	}
	b->block->page[b->block->nr++] = pa;
}

void page_batch_end(struct page_batch *b)
{
	if (b->block) {
		atomic_fetch_add(&nr_pending, (uint64_t)b->block->nr, RELAXED);
		rcu_defer(&b->block->rcu, put_all);
	}
	b->block = NULL;
}
