/* SPDX-License-Identifier: MIT
 *
 * Record locks beside a model that knows for each byte what each owner has: random locks and unlocks, upgrades and releases, every conflict asked for.
 */
/* sources: fs/record-tree.c libc/rbtree.c */
#include "fs/record-tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "mmu/heap.h"

#define BYTES	48u		/* the last one stands for all behind it */
#define OWNERS	5u
#define CHECK(c)	do { if (!(c)) { printf("%d: %s\n", __LINE__, #c); exit(1); } } while (0)

static struct record_tree tree;
static int model[OWNERS][BYTES];	/* F_* */
static char owners[OWNERS];
static long nr_records;

void kfree(void *p)
{
	nr_records -= p != NULL;
	free(p);
}

static struct record *record_new(void)
{
	nr_records++;
	return calloc(1, sizeof(struct record));
}

static bool model_conflict(unsigned owner, int type, unsigned start, unsigned end)
{
	for (unsigned o = 0; o < OWNERS; o++)
		for (unsigned b = start; o != owner && b <= end; b++)
			if (model[o][b] != F_UNLCK && (type == F_WRLCK || model[o][b] == F_WRLCK))
				return true;
	return false;
}

/* Adjacent bytes of one kind are one record. */
static long model_records(void)
{
	long n = 0;

	for (unsigned o = 0; o < OWNERS; o++)
		for (unsigned b = 0; b < BYTES; b++)
			n += model[o][b] != F_UNLCK && (!b || model[o][b - 1] != model[o][b]);
	return n;
}

static void check_conflicts(void)
{
	for (unsigned o = 0; o < OWNERS; o++)
		for (unsigned b = 0; b < BYTES; b++)
			for (int16_t type = F_RDLCK; type <= F_WRLCK; type++) {
				struct file_lock l = { .type = type, .start = b, .end = b == BYTES - 1 ? UINT64_MAX : b, .owner = &owners[o] };
				struct record *r = record_tree_conflict(&tree, &l);

				CHECK(!r == !model_conflict(o, type, b, b));
				CHECK(!r || (r->l.owner != l.owner && r->l.start <= l.end && l.start <= r->l.end));
			}
}

static void set(unsigned owner, int type, unsigned start, unsigned end)
{
	struct file_lock l = { .type = (int16_t)type, .start = start, .end = end == BYTES - 1 ? UINT64_MAX : end, .owner = &owners[owner] };
	struct record *spare[2], *r = type == F_UNLCK ? NULL : record_tree_conflict(&tree, &l);

	CHECK(!r == (type == F_UNLCK || !model_conflict(owner, type, start, end)));
	if (r)
		return;
	spare[0] = record_new();
	spare[1] = record_new();
	record_tree_apply(&tree, &l, spare);
	kfree(spare[0]);
	kfree(spare[1]);
	for (unsigned b = start; b <= end; b++)
		model[owner][b] = type;
}

static void release(unsigned owner)
{
	bool had_some = false;

	for (unsigned b = 0; b < BYTES; b++) {
		had_some |= model[owner][b] != F_UNLCK;
		model[owner][b] = F_UNLCK;
	}
	CHECK(record_tree_release(&tree, &owners[owner]) == had_some);
}

static unsigned depth(const struct record *r)
{
	unsigned l, rr;

	if (!r)
		return 0;
	l = depth(r->left);
	rr = depth(r->right);
	return 1 + MAX(l, rr);
}

/* As many as a program likes, in the order that would make a plain tree a list. */
static void test_many(void)
{
	enum { MANY = 100000 };

	for (uint64_t i = 0; i < MANY; i++) {
		struct file_lock l = { .type = F_WRLCK, .start = 2 * i, .end = 2 * i, .owner = &owners[0] };
		struct record *spare[2] = { record_new(), record_new() };

		record_tree_apply(&tree, &l, spare);
		kfree(spare[0]);
		kfree(spare[1]);
	}
	CHECK(nr_records == MANY && depth(tree.kind[F_WRLCK]) < 80);
	CHECK(record_tree_release(&tree, &owners[0]));
}

int main(void)
{
	srand(1);
	for (unsigned o = 0; o < OWNERS; o++)
		for (unsigned b = 0; b < BYTES; b++)
			model[o][b] = F_UNLCK;
	for (unsigned i = 0; i < 40000; i++) {
		unsigned start = (unsigned)rand() % BYTES, end = start + (unsigned)rand() % (rand() % 4 ? 4 : BYTES);

		if (rand() % 60 == 0)
			release((unsigned)rand() % OWNERS);
		else
			set((unsigned)rand() % OWNERS, rand() % 3, start, MIN(end, BYTES - 1));
		CHECK(nr_records == model_records());
		if (i % 20 == 0)
			check_conflicts();
	}
	for (unsigned o = 0; o < OWNERS; o++)
		release(o);
	CHECK(!nr_records && !tree.by_owner.root && !tree.kind[F_RDLCK] && !tree.kind[F_WRLCK]);
	test_many();
	CHECK(!nr_records);
	return 0;
}
