/* SPDX-License-Identifier: MIT
 *
 * The areas of an address space in order of address: a height-balanced (AVL) tree that also knows, for each subtree, the biggest gap below one of its areas, so that
 * free space is found in O(log n); plus links to the neighbours. libc/rbtree.h cannot keep such sums.
 *
 * No locking. Areas do not overlap.
 */
#pragma once

#include "libc/types.h"

struct area_node {
	struct area_node *parent, *left, *right;
	struct area_node *prev, *next;		/* neighbours by address */
	vaddr_t start, end;
	uint64_t guard;				/* room to keep free below start, of a stack */
	uint64_t gap;				/* free bytes between prev (or 0) and start - guard */
	uint64_t max_gap;			/* greatest gap in this subtree */
	int height;
};

struct area_tree {
	struct area_node *root, *first, *last;
	unsigned nr;
};

/* The lowest area that ends above addr; NULL. It holds addr if its start is not above. */
struct area_node *area_tree_find(const struct area_tree *t, vaddr_t addr);
/* start, end and guard are set; overlaps nothing. */
void area_tree_insert(struct area_tree *t, struct area_node *n);
void area_tree_remove(struct area_tree *t, struct area_node *n);
/* start, end or guard of n have changed, its place in the order has not. */
void area_tree_update(struct area_tree *t, struct area_node *n);
/*
 * The highest multiple of align at or above low such that [it, it + len) is free and ends at or below high. 0: none (low > 0). Finds every place if align is PAGE_SIZE;
 * with a greater one it may miss a gap that is less than len + align.
 */
vaddr_t area_tree_find_gap(const struct area_tree *t, uint64_t len, uint64_t align, vaddr_t low, vaddr_t high);
/* Nothing lies in [start, end), guards below stacks included. */
bool area_tree_is_free(const struct area_tree *t, vaddr_t start, vaddr_t end);
