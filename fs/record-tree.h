/* SPDX-License-Identifier: MIT
 *
 * The record locks of one file, found in a time that grows with the logarithm of their number: a program may hold as many as memory has room for.
 *
 *	by owner, then start	what an owner has: its records never overlap, and two that touch are of different kinds
 *	readers, writers	all of one kind by start, each with the last byte below it in the tree: who is in the way
 *
 * No lock of its own: the caller has one. Used inside fs/.
 */
#pragma once

#include "fs/vfs.h"
#include "libc/rbtree.h"

#define F_RDLCK	0
#define F_WRLCK	1
#define F_UNLCK	2

/* Allocated by who sets a lock, before; freed by record_tree_apply() and record_tree_release(), or by its maker if it was not needed. */
struct record {
	struct file_lock l;
	struct rb_node by_owner;
	struct record *left, *right;	/* readers, writers */
	uint64_t last;			/* greatest l.end of this one and those below it */
	uint32_t weight;		/* no less than those of the ones below it */
};

struct record_tree {
	struct rb_tree by_owner;
	struct record *kind[2];		/* readers, writers */
};

/* A record of another owner that l cannot be beside; NULL: none. */
struct record *record_tree_conflict(const struct record_tree *t, const struct file_lock *l);
/*
 * Replace what l's owner has in l's range by l (F_UNLCK: by nothing): cut, split, and join. spare: two records; those that were used are set to NULL. There is no conflict.
 */
void record_tree_apply(struct record_tree *t, const struct file_lock *l, struct record *spare[2]);
/* Free all of the owner's. True: there were some. */
bool record_tree_release(struct record_tree *t, const void *owner);
