/* SPDX-License-Identifier: MIT
 *
 * The tree of areas against a plain sorted array: order, neighbours, balance, gap sums, placement.
 */
/* sources: mmu/area-tree.c mmu/limits.c tests/host/mmu-env.c mmu/page.c mmu/buddy.c mmu/init.c mmu/kmap.c mmu/pt.c mmu/fault.c mmu/area.c mmu/object.c mmu/heap.c */
#include <stdio.h>
#include <stdlib.h>

#include "libc/print.h"
#include "mmu/area-tree.h"
#include "tests/host/mmu-env.h"

#define MAX_NODES	300
#define SPAN		0x400000ul	/* 1024 pages */

static struct area_node nodes[MAX_NODES];
static bool in_use[MAX_NODES];

static int check_subtree(const struct area_node *n, const struct area_node *parent)
{
	int l, r;
	uint64_t max;

	if (!n)
		return 0;
	CHECK(n->parent == parent);
	l = check_subtree(n->left, n);
	r = check_subtree(n->right, n);
	CHECK(l - r <= 1 && r - l <= 1 && n->height == 1 + MAX(l, r));
	max = n->gap;
	if (n->left)
		max = MAX(max, n->left->max_gap);
	if (n->right)
		max = MAX(max, n->right->max_gap);
	CHECK(n->max_gap == max);
	return n->height;
}

static void check_tree(const struct area_tree *t)
{
	const struct area_node *n, *prev = NULL;
	unsigned nr = 0;

	check_subtree(t->root, NULL);
	for (n = t->first; n; prev = n, n = n->next) {
		vaddr_t below = prev ? prev->end : 0;

		CHECK(n->prev == prev && n->start >= below);
		CHECK(n->gap == (n->start > n->guard && n->start - n->guard > below ? n->start - n->guard - below : 0));
		nr++;
	}
	CHECK(t->last == prev && t->nr == nr);
}

static bool model_free(vaddr_t start, vaddr_t end)
{
	unsigned i;

	for (i = 0; i < MAX_NODES; i++) {
		if (in_use[i] && nodes[i].start - MIN(nodes[i].guard, nodes[i].start) < end && start < nodes[i].end)
			return false;
	}
	return true;
}

static vaddr_t model_gap(uint64_t len, vaddr_t low, vaddr_t high)
{
	vaddr_t at;

	for (at = high - len; at >= low && at < high; at -= PAGE_SIZE) {
		if (model_free(at, at + len))
			return at;
	}
	return 0;
}

static void check_gap(const struct area_tree *t)
{
	uint64_t len = (1 + (uint64_t)rand() % 40) * PAGE_SIZE;
	vaddr_t low = PAGE_SIZE * (1 + (uint64_t)rand() % 100), high = SPAN - PAGE_SIZE * ((uint64_t)rand() % 500);
	vaddr_t at = area_tree_find_gap(t, len, PAGE_SIZE, low, high);

	CHECK(at == model_gap(len, low, high));
	at = area_tree_find_gap(t, len, 16 * PAGE_SIZE, low, high);
	CHECK(!at || (IS_ALIGNED(at, 16 * PAGE_SIZE) && at >= low && at + len <= high && model_free(at, at + len)));
}

int main(void)
{
	struct area_tree t = { 0 };
	unsigned n;

	srand(2);
	for (n = 0; n < 30000; n++) {
		unsigned i = (unsigned)rand() % (n % 9000 < 4500 ? MAX_NODES : 12);
		struct area_node *a = &nodes[i];
		struct area_node *found;
		vaddr_t va;

		if (in_use[i]) {
			if (rand() % 3 == 0) {		/* shrink */
				if (a->end - a->start > PAGE_SIZE)
					a->start += PAGE_SIZE;
				area_tree_update(&t, a);
			} else {
				area_tree_remove(&t, a);
				in_use[i] = false;
			}
		} else {
			a->start = ((uint64_t)rand() % 1000 + 1) * PAGE_SIZE;
			a->end = a->start + (1 + (uint64_t)rand() % 5) * PAGE_SIZE;
			a->guard = 0;
			if (model_free(a->start, a->end)) {
				a->guard = rand() % 10 || a->start < 9 * PAGE_SIZE || !model_free(a->start - 8 * PAGE_SIZE, a->end) ? 0 : 8 * PAGE_SIZE;
				area_tree_insert(&t, a);
				in_use[i] = true;
			}
		}
		if (n % 16 == 0) {
			check_tree(&t);
			check_gap(&t);
		}
		va = (uint64_t)rand() % SPAN;
		found = area_tree_find(&t, va);
		CHECK(!found || found->end > va);
		CHECK(!found || !found->prev || found->prev->end <= va);
		CHECK(found || !t.last || t.last->end <= va);
	}
	puts("ok");
	return 0;
}
