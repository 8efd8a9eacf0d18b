// SPDX-License-Identifier: MIT
/* sources: libc/rbtree.c */
/* Random inserts and removals; the red-black invariants, the order and the leftmost pointer are checked after each. */
#include "libc/rbtree.h"

#include <stdio.h>
#include <stdlib.h>

struct item {
	struct rb_node node;
	unsigned key;
	bool is_in;
};

#define CHECK(c)	do { if (!(c)) { printf("%d: %s\n", __LINE__, #c); exit(1); } } while (0)

static int black_height(const struct rb_node *n)
{
	int l, r;

	if (!n)
		return 1;
	CHECK(!n->is_red || !((n->left && n->left->is_red) || (n->right && n->right->is_red)));
	CHECK(!n->left || n->left->parent == n);
	CHECK(!n->right || n->right->parent == n);
	l = black_height(n->left);
	r = black_height(n->right);
	CHECK(l == r);
	return l + !n->is_red;
}

static void check(const struct rb_tree *t, int expected)
{
	struct rb_node *n, *last = NULL;
	int count = 0;

	black_height(t->root);
	CHECK(!t->root || !t->root->is_red);
	for (n = rb_first(t); n; last = n, n = rb_next(n)) {
		CHECK(!last || rb_entry(last, struct item, node)->key <= rb_entry(n, struct item, node)->key);
		CHECK(rb_prev(n) == last);
		count++;
	}
	CHECK(rb_last(t) == last);
	CHECK(count == expected);
}

static void insert(struct rb_tree *t, struct item *i)
{
	struct rb_node **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = i->key < rb_entry(parent, struct item, node)->key ? &parent->left : &parent->right;
	}
	rb_link(t, &i->node, parent, link);
}

int main(void)
{
	static struct item items[200];
	struct rb_tree t = { 0 };
	int count = 0;

	srand(1);
	for (int step = 0; step < 20000; step++) {
		struct item *i = &items[rand() % 200];

		if (i->is_in) {
			rb_remove(&t, &i->node);
			count--;
		} else {
			i->key = (unsigned)rand() % 100;
			insert(&t, i);
			count++;
		}
		i->is_in = !i->is_in;
		check(&t, count);
	}
	return 0;
}
