// SPDX-License-Identifier: MIT
/*
 * Red-black tree (Cormen et al., "Introduction to Algorithms", chapter 13). Invariants: the root is black; a red node has black children; every path from a node down
 * to a leaf passes the same number of black nodes. NULL counts as black.
 */
#include "libc/rbtree.h"

static bool is_red(const struct rb_node *n)
{
	return n && n->is_red;
}

/* Put `with` (may be NULL) where `node` hangs below its parent. */
static void replace_child(struct rb_tree *tree, struct rb_node *node, struct rb_node *with)
{
	struct rb_node *parent = node->parent;

	if (!parent)
		tree->root = with;
	else if (parent->left == node)
		parent->left = with;
	else
		parent->right = with;
	if (with)
		with->parent = parent;
}

/*
 *	    n               r
 *	   / \    left     / \
 *	  a   r   --->    n   c
 *	     / \         / \
 *	    b   c       a   b
 */
static void rotate_left(struct rb_tree *tree, struct rb_node *n)
{
	struct rb_node *r = n->right;

	replace_child(tree, n, r);
	n->right = r->left;
	if (n->right)
		n->right->parent = n;
	r->left = n;
	n->parent = r;
}

static void rotate_right(struct rb_tree *tree, struct rb_node *n)
{
	struct rb_node *l = n->left;

	replace_child(tree, n, l);
	n->left = l->right;
	if (n->left)
		n->left->parent = n;
	l->right = n;
	n->parent = l;
}

void rb_link(struct rb_tree *tree, struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
	if (!parent || (parent == tree->leftmost && link == &parent->left))
		tree->leftmost = n;
	*n = (struct rb_node){ .parent = parent, .is_red = true };
	*link = n;
	/* n is red; only "red node with red parent" can be wrong. */
	while (is_red(n->parent)) {
		struct rb_node *p = n->parent, *g = p->parent;
		bool is_left = g->left == p;
		struct rb_node *uncle = is_left ? g->right : g->left;

		if (is_red(uncle)) {
			p->is_red = uncle->is_red = false;
			g->is_red = true;
			n = g;
			continue;
		}
		if (is_left) {
			if (p->right == n) {
				rotate_left(tree, p);
				p = n;
			}
			rotate_right(tree, g);
		} else {
			if (p->left == n) {
				rotate_right(tree, p);
				p = n;
			}
			rotate_left(tree, g);
		}
		p->is_red = false;
		g->is_red = true;
		break;
	}
	tree->root->is_red = false;
}

/* The subtree at n (may be NULL) below parent lacks one black node. */
static void fix_missing_black(struct rb_tree *tree, struct rb_node *n, struct rb_node *parent)
{
	while (n != tree->root && !is_red(n)) {
		bool is_left = parent->left == n;
		struct rb_node *s = is_left ? parent->right : parent->left;

		if (is_red(s)) {
			s->is_red = false;
			parent->is_red = true;
			if (is_left)
				rotate_left(tree, parent);
			else
				rotate_right(tree, parent);
			s = is_left ? parent->right : parent->left;
		}
		if (!is_red(s->left) && !is_red(s->right)) {
			s->is_red = true;
			n = parent;
			parent = n->parent;
			continue;
		}
		if (is_left) {
			if (!is_red(s->right)) {
				s->left->is_red = false;
				s->is_red = true;
				rotate_right(tree, s);
				s = parent->right;
			}
			s->right->is_red = false;
			s->is_red = parent->is_red;
			parent->is_red = false;
			rotate_left(tree, parent);
		} else {
			if (!is_red(s->left)) {
				s->right->is_red = false;
				s->is_red = true;
				rotate_left(tree, s);
				s = parent->left;
			}
			s->left->is_red = false;
			s->is_red = parent->is_red;
			parent->is_red = false;
			rotate_right(tree, parent);
		}
		return;
	}
	if (n)
		n->is_red = false;
}

void rb_remove(struct rb_tree *tree, struct rb_node *n)
{
	struct rb_node *child, *parent;
	bool removed_red;

	if (tree->leftmost == n)
		tree->leftmost = rb_next(n);
	if (n->left && n->right) {
		/* Its successor s, which has no left child, takes n's place. */
		struct rb_node *s = n->right;

		while (s->left)
			s = s->left;
		child = s->right;
		removed_red = s->is_red;
		parent = s->parent == n ? s : s->parent;
		if (s->parent != n) {
			replace_child(tree, s, child);
			s->right = n->right;
			s->right->parent = s;
		}
		replace_child(tree, n, s);
		s->left = n->left;
		s->left->parent = s;
		s->is_red = n->is_red;
	} else {
		child = n->left ? n->left : n->right;
		parent = n->parent;
		removed_red = n->is_red;
		replace_child(tree, n, child);
	}
	if (!removed_red && tree->root)
		fix_missing_black(tree, child, parent);
	*n = (struct rb_node){ 0 };
}

struct rb_node *rb_last(const struct rb_tree *tree)
{
	struct rb_node *n = tree->root;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->right) {
		for (p = n->right; p->left; p = p->left)
			;
		return p;
	}
	for (p = n->parent; p && p->right == n; p = p->parent)
		n = p;
	return p;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->left) {
		for (p = n->left; p->right; p = p->right)
			;
		return p;
	}
	for (p = n->parent; p && p->left == n; p = p->parent)
		n = p;
	return p;
}
