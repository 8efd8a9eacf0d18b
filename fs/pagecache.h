/* SPDX-License-Identifier: MIT
 *
 * The pages of one file: a radix tree from page index to page, 64 ways a level.
 *
 * Readers: under RCU, no lock: load the slot, take a reference to the page, leave RCU. Writers: under the owner's mutex (vnode->meta). A page that leaves the tree keeps the
 * tree's reference until a grace period is over, so that a reader which saw it can still take its own. A node goes, after a grace period too, when nothing is in it any more.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"
#include "mmu/page.h"

/* A slot: 0 nothing; a page: its address with SLOT_PAGE; a hole (reads as zeros, whatever lies below): SLOT_HOLE. */
typedef uint64_t slot_t;
#define SLOT_PAGE	1ull
#define SLOT_HOLE	2ull
#define SLOT_CLEAN	4ull		/* the page is an unchanged copy of what lies below */

struct page_node;

/* Zero-initialised is empty. */
struct page_tree {
	struct page_node *root;		/* [a; owner's lock] */
	uint64_t nr_slots;		/* [a; owner's lock] that are not 0 */
	uint64_t nr_nodes;		/* [owner's lock] PAGE_NODES_IN_PAGE of them take a page of memory */
};
#define PAGE_NODES_IN_PAGE	7u

static inline paddr_t slot_page(slot_t s)
{
	return s & ~(PAGE_SIZE - 1);
}

/* Context: RCU held, or the owner's lock. */
slot_t page_tree_load(const struct page_tree *t, uint64_t idx);
/* The page at idx with a reference for the caller in *pa if it is one; returns the slot. */
slot_t page_tree_get(const struct page_tree *t, uint64_t idx, paddr_t *pa);
/* Owner's lock. Makes room for idx: after that page_tree_store() there cannot fail. -ENOMEM. */
int __must_check page_tree_reserve(struct page_tree *t, uint64_t idx);
void page_tree_store(struct page_tree *t, uint64_t idx, slot_t s);
/* Give back what page_tree_reserve() made for idx, if nothing was stored there. */
void page_tree_prune(struct page_tree *t, uint64_t idx);
/* First slot that is not 0 at or behind idx and before end; false: none. Owner's lock. */
bool page_tree_next(const struct page_tree *t, uint64_t *idx, uint64_t end, slot_t *s);
/* Free all nodes; no page may be left. */
void page_tree_destroy(struct page_tree *t);

/* Pages that have left a tree, to be given back after a grace period. */
#define PAGE_BATCH	60u
struct page_batch {
	struct page_batch_block *block;
};
void page_batch_add(struct page_batch *b, paddr_t pa);
void page_batch_end(struct page_batch *b);
/* Register the shrinker that waits for batches on their way. Once, at boot. */
void page_batch_init(void);
