/* SPDX-License-Identifier: MIT
 *
 * Red-black tree, intrusive, ordered by the caller: the caller walks down to find the place, then links and rebalances.
 *
 *	struct rb_node **link = &tree->root, *parent = NULL;
 *	while (*link) { parent = *link; link = key < KEY(parent) ? &parent->left : &parent->right; }
 *	rb_link(tree, node, parent, link);
 *
 * rb_tree keeps the leftmost node: rb_first() is one load. No locking.
 */
#pragma once

#include "libc/types.h"

struct rb_node {
	struct rb_node *parent, *left, *right;
	bool is_red;
};

struct rb_tree {
	struct rb_node *root, *leftmost;
};

void rb_link(struct rb_tree *tree, struct rb_node *node, struct rb_node *parent, struct rb_node **link);
void rb_remove(struct rb_tree *tree, struct rb_node *node);
struct rb_node *rb_last(const struct rb_tree *tree);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);

static inline struct rb_node *rb_first(const struct rb_tree *tree)
{
	return tree->leftmost;
}

#define rb_entry(ptr, type, member)	container_of(ptr, type, member)
