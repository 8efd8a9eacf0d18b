/* SPDX-License-Identifier: MIT
 *
 * See record-tree.h. The trees of one kind are treaps (Seidel and Aragon, 1996): ordered by start, and as heaps by a weight that looks random, which keeps them shallow
 * (about 2 ln n on average; 50 for a million), so that recursion is no danger to the stack.
 */
#include "fs/record-tree.h"

#include "mmu/heap.h"

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

/* ---- by kind --------------------------------------------------------------------------------------------------------------------- */

/* A total order: several owners may read from the same start. */
static bool is_before(const struct record *a, const struct record *b)
{
	return a->l.start != b->l.start ? a->l.start < b->l.start : a < b;
}

static struct record *recompute(struct record *r)
{
	r->last = r->l.end;
	if (r->left && r->left->last > r->last)
		r->last = r->left->last;
	if (r->right && r->right->last > r->last)
		r->last = r->right->last;
	return r;
}

/* The tree r in two: what is before at, and what is not. */
static void split(struct record *r, const struct record *at, struct record **before, struct record **behind)
{
	if (!r) {
		*before = *behind = NULL;
	} else if (is_before(r, at)) {
		split(r->right, at, &r->right, behind);
		*before = recompute(r);
	} else {
		split(r->left, at, before, &r->left);
		*behind = recompute(r);
	}
}

/* All of a is before all of b. */
static struct record *join(struct record *a, struct record *b)
{
	if (!a || !b)
		return a ? a : b;
	if (a->weight > b->weight) {
		a->right = join(a->right, b);
		return recompute(a);
	}
	b->left = join(a, b->left);
	return recompute(b);
}

static struct record *insert(struct record *root, struct record *r)
{
	if (!root || r->weight > root->weight) {
		split(root, r, &r->left, &r->right);
		return recompute(r);
	}
	if (is_before(r, root))
		root->left = insert(root->left, r);
	else
		root->right = insert(root->right, r);
	return recompute(root);
}

static struct record *remove(struct record *root, struct record *r)
{
	if (root == r)
		return join(r->left, r->right);
	if (is_before(r, root))
		root->left = remove(root->left, r);
	else
		root->right = remove(root->right, r);
	return recompute(root);
}

/* The first that overlaps l and is of another owner. Of l's owner there are few: they are about to be replaced by l. */
static struct record *find_other(struct record *r, const struct file_lock *l)
{
	struct record *found;

	if (!r || r->last < l->start)
		return NULL;
	found = find_other(r->left, l);
	if (found || r->l.start > l->end)
		return found;
	if (r->l.end >= l->start && r->l.owner != l->owner)
		return r;
	return find_other(r->right, l);
}

struct record *record_tree_conflict(const struct record_tree *t, const struct file_lock *l)
{
	struct record *r = find_other(t->kind[F_WRLCK], l);

	return r || l->type == F_RDLCK ? r : find_other(t->kind[F_RDLCK], l);
}

/* ---- by owner -------------------------------------------------------------------------------------------------------------------- */

static struct record *of_node(struct rb_node *n)
{
	return n ? rb_entry(n, struct record, by_owner) : NULL;
}

/* -1, 0, 1: where (owner, start) lies from r. */
static int compare(const void *owner, uint64_t start, const struct record *r)
{
	if (owner != r->l.owner)
		return (uintptr_t)owner < (uintptr_t)r->l.owner ? -1 : 1;
	return start < r->l.start ? -1 : start > r->l.start;
}

/* The owner's last record that starts at start or before, else its first; NULL: it has none. */
static struct record *find_from(struct record_tree *t, const void *owner, uint64_t start)
{
	struct record *before = NULL, *behind = NULL;
	struct rb_node *n = t->by_owner.root;

	while (n) {
		struct record *r = of_node(n);

		if (compare(owner, start, r) >= 0) {
			before = r;
			n = n->right;
		} else {
			behind = r;
			n = n->left;
		}
	}
	if (before && before->l.owner == owner)
		return before;
	return behind && behind->l.owner == owner ? behind : NULL;
}

static struct record *next_of_owner(struct record *r)
{
	struct record *next = of_node(rb_next(&r->by_owner));

	return next && next->l.owner == r->l.owner ? next : NULL;
}

/* Of its address: as good as random, and needs no state. */
static uint32_t weight_of(const struct record *r)
{
	uint64_t x = (uintptr_t)r / sizeof(*r) * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
	return (uint32_t)(x >> 32);
}

static void add(struct record_tree *t, struct record *r)
{
	struct rb_node **link = &t->by_owner.root, *parent = NULL;

	r->weight = weight_of(r);
	while (*link) {
		parent = *link;
		link = compare(r->l.owner, r->l.start, of_node(parent)) < 0 ? &parent->left : &parent->right;
	}
	rb_link(&t->by_owner, &r->by_owner, parent, link);
	t->kind[r->l.type] = insert(t->kind[r->l.type], r);
}

static void drop(struct record_tree *t, struct record *r)
{
	rb_remove(&t->by_owner, &r->by_owner);
	t->kind[r->l.type] = remove(t->kind[r->l.type], r);
	kfree(r);
}

/* Its place among the owner's stays the same. */
static void resize(struct record_tree *t, struct record *r, uint64_t start, uint64_t end)
{
	t->kind[r->l.type] = remove(t->kind[r->l.type], r);
	r->l.start = start;
	r->l.end = end;
	t->kind[r->l.type] = insert(t->kind[r->l.type], r);
}

/* Take n out of r, which overlaps it. */
static void cut(struct record_tree *t, struct record *r, const struct file_lock *n, struct record **spare)
{
	uint64_t end = r->l.end;

	if (r->l.start < n->start && end > n->end) {
		struct record *rest = *spare;

		*spare = NULL;
		rest->l = r->l;
		rest->l.start = n->end + 1;
		resize(t, r, r->l.start, n->start - 1);
		add(t, rest);
	} else if (r->l.start < n->start) {
		resize(t, r, r->l.start, n->start - 1);
	} else if (end > n->end) {
		resize(t, r, n->end + 1, end);
	} else {
		drop(t, r);
	}
}

void record_tree_apply(struct record_tree *t, const struct file_lock *l, struct record *spare[2])
{
	struct file_lock n = *l;
	struct record *r, *next;
	/* With the bytes on either side: what touches and is of the same kind becomes part of the new one. */
	uint64_t from = l->start ? l->start - 1 : 0, to = l->end == UINT64_MAX ? l->end : l->end + 1;

	for (r = find_from(t, l->owner, from); r && r->l.start <= to; r = next) {
		next = next_of_owner(r);
		if (r->l.end < from)
			continue;
		if (r->l.type == n.type) {
			n.start = MIN(n.start, r->l.start);
			n.end = MAX(n.end, r->l.end);
			drop(t, r);
		} else if (overlap(&r->l, l)) {
			cut(t, r, l, &spare[0]);
		}
	}
	if (n.type != F_UNLCK) {
		spare[1]->l = n;
		add(t, spare[1]);
		spare[1] = NULL;
	}
}

bool record_tree_release(struct record_tree *t, const void *owner)
{
	struct record *r = find_from(t, owner, 0), *next;
	bool had_some = r;

	for (; r; r = next) {
		next = next_of_owner(r);
		drop(t, r);
	}
	return had_some;
}
