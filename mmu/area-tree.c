/* SPDX-License-Identifier: MIT
 *
 * See area-tree.h. AVL: the heights of two siblings differ by at most one; after a change everything on the way up to the root is recomputed, which also carries
 * max_gap, and rotated where the balance is lost.
 */
#include "mmu/area-tree.h"

static int height(const struct area_node *n)
{
	return n ? n->height : 0;
}

static uint64_t max_gap(const struct area_node *n)
{
	return n ? n->max_gap : 0;
}

/* True if anything changed that the parent's values depend on. */
static bool recompute(struct area_node *n)
{
	int l = height(n->left), r = height(n->right), h = 1 + MAX(l, r);
	uint64_t below = MAX(max_gap(n->left), max_gap(n->right)), gap = MAX(n->gap, below);
	bool has_changed = n->height != h || n->max_gap != gap;

	n->height = h;
	n->max_gap = gap;
	return has_changed;
}

static void set_gap(struct area_node *n)
{
	vaddr_t below = n->prev ? n->prev->end : 0;
	vaddr_t top = n->start > n->guard ? n->start - n->guard : 0;

	n->gap = top > below ? top - below : 0;
}

/* Put b where a hangs (a may be the root). */
static void replace_child(struct area_tree *t, struct area_node *a, struct area_node *b)
{
	struct area_node *p = a->parent;

	if (!p)
		t->root = b;
	else if (p->left == a)
		p->left = b;
	else
		p->right = b;
	if (b)
		b->parent = p;
}

/*
 *	  n            l
 *	 / \          / \
 *	l   c   ->   a   n
 *     / \              / \
 *    a   b            b   c
 */
static struct area_node *rotate_right(struct area_tree *t, struct area_node *n)
{
	struct area_node *l = n->left;

	replace_child(t, n, l);
	n->left = l->right;
	if (n->left)
		n->left->parent = n;
	l->right = n;
	n->parent = l;
	recompute(n);
	recompute(l);
	return l;
}

static struct area_node *rotate_left(struct area_tree *t, struct area_node *n)
{
	struct area_node *r = n->right;

	replace_child(t, n, r);
	n->right = r->left;
	if (n->right)
		n->right->parent = n;
	r->left = n;
	n->parent = r;
	recompute(n);
	recompute(r);
	return r;
}

/*
 * n's subtrees or gap have changed, and those of must (NULL, or n or above it). Climbs until nothing changes any more and must lies behind.
 */
static void fix_up(struct area_tree *t, struct area_node *n, const struct area_node *must)
{
	bool is_behind = !must;

	for (; n; n = n->parent) {
		int balance = height(n->left) - height(n->right);

		if (n == must)
			is_behind = true;
		if (balance > 1) {
			if (height(n->left->left) < height(n->left->right))
				rotate_left(t, n->left);
			n = rotate_right(t, n);
		} else if (balance < -1) {
			if (height(n->right->right) < height(n->right->left))
				rotate_right(t, n->right);
			n = rotate_left(t, n);
		} else if (!recompute(n) && is_behind && n != must) {
			break;
		}
	}
}

/* The area below n has changed its end, or is another. */
static void fix_gap(struct area_tree *t, struct area_node *n)
{
	uint64_t old = n->gap;

	set_gap(n);
	if (n->gap != old)
		fix_up(t, n, n);
}

struct area_node *area_tree_find(const struct area_tree *t, vaddr_t addr)
{
	struct area_node *n = t->root, *best = NULL;

	while (n) {
		if (n->end > addr) {
			best = n;
			if (n->start <= addr)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

void area_tree_insert(struct area_tree *t, struct area_node *n)
{
	struct area_node **link = &t->root, *p = NULL;

	n->prev = n->next = n->left = n->right = NULL;
	while (*link) {
		p = *link;
		if (n->start < p->start) {
			n->next = p;
			link = &p->left;
		} else {
			n->prev = p;
			link = &p->right;
		}
	}
	*link = n;
	n->parent = p;
	if (n->prev)
		n->prev->next = n;
	else
		t->first = n;
	if (n->next)
		n->next->prev = n;
	else
		t->last = n;
	t->nr++;
	set_gap(n);
	if (n->next)		/* an ancestor of the new leaf: one climb does for both */
		set_gap(n->next);
	fix_up(t, n, n->next ? n->next : n);
}

void area_tree_remove(struct area_tree *t, struct area_node *n)
{
	struct area_node *from;		/* lowest place whose subtree changed */
	struct area_node *s = NULL;	/* what takes the place of n if it has two children */

	if (n->left && n->right) {
		s = n->next;		/* leftmost of the right subtree: no left child */
		from = s->parent == n ? s : s->parent;
		replace_child(t, s, s->right);
		replace_child(t, n, s);
		s->left = n->left;
		s->left->parent = s;
		s->right = n->right;
		if (s->right)
			s->right->parent = s;
	} else {
		from = n->parent;
		replace_child(t, n, n->left ? n->left : n->right);
	}
	if (n->prev)
		n->prev->next = n->next;
	else
		t->first = n->next;
	if (n->next)
		n->next->prev = n->prev;
	else
		t->last = n->prev;
	t->nr--;
	/*
	 * The next area's gap has grown. It is s (whose values are stale besides), or n's right child, which stands in n's place, or else an ancestor: one climb does.
	 */
	if (n->next)
		set_gap(n->next);
	if (!s && n->right)
		from = n->next;
	fix_up(t, from, n->next);
}

void area_tree_update(struct area_tree *t, struct area_node *n)
{
	fix_gap(t, n);
	if (n->next)
		fix_gap(t, n->next);
}

/* The highest fit in the free range [start, end), or 0. */
static vaddr_t fit(vaddr_t start, vaddr_t end, uint64_t len, uint64_t align, vaddr_t low, vaddr_t high)
{
	vaddr_t at;

	start = MAX(start, low);
	end = MIN(end, high);
	if (start >= end || end - start < len)
		return 0;
	at = ALIGN_DOWN(end - len, align);
	return at >= start ? at : 0;
}

/* want: len + align - PAGE_SIZE, so that a gap of it fits whatever its alignment. Depth: the height of the tree, 23 for 65530 areas. */
static vaddr_t search(const struct area_node *n, uint64_t want, uint64_t len, uint64_t align, vaddr_t low, vaddr_t high)
{
	vaddr_t at = 0;

	if (!n || n->max_gap < want)
		return 0;
	if (n->end < high)
		at = search(n->right, want, len, align, low, high);
	if (!at && n->gap >= want)
		at = fit(n->prev ? n->prev->end : 0, n->start - n->guard, len, align, low, high);
	if (!at && n->start > low)
		at = search(n->left, want, len, align, low, high);
	return at;
}

vaddr_t area_tree_find_gap(const struct area_tree *t, uint64_t len, uint64_t align, vaddr_t low, vaddr_t high)
{
	vaddr_t at = fit(t->last ? t->last->end : 0, (vaddr_t)-1, len, align, low, high);

	return at ? at : search(t->root, len + align - PAGE_SIZE, len, align, low, high);
}

bool area_tree_is_free(const struct area_tree *t, vaddr_t start, vaddr_t end)
{
	const struct area_node *n = area_tree_find(t, start);

	return !n || (n->start > n->guard ? n->start - n->guard : 0) >= end;
}
