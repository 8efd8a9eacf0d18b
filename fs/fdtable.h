/* SPDX-License-Identifier: MIT
 *
 * What a descriptor table looks like inside: for fs/fdtable.c, and for the look-up in line of the calls that every server makes all the time. All others use fs/file.h.
 */
#pragma once

#include "fs/file.h"

/* Replaced as a whole when it grows; the old one is freed through RCU. */
struct fdarray {
	struct rcu_head rcu;
	unsigned capacity;		/* [I] multiple of 64 */
	uint64_t *used, *cloexec;	/* [table's lock] bitmaps, inside this allocation */
	struct file *slot[];		/* [a; written under the table's lock] ref */
};

/* Created by fdtable_create(), counted; closes everything with the last reference. */
struct fdtable {
	struct fdarray *array;		/* [a; lock] */
	struct mutex lock;
	bool is_shared;			/* [a] fdtable_share() */
	unsigned first_free;		/* [lock] no free descriptor below */
	uint32_t refs;			/* [a] */
};

static inline struct file *fd_get_inline(struct fdtable *t, long fd)
{
	struct thread *self = thread_current();
	struct file *f = NULL;
	struct fdarray *a;

	preempt_disable_self(self);	/* rcu_read_lock() */
	a = rcu_deref(t->array);
	if ((unsigned)fd >= a->capacity)
		goto out;
	f = rcu_deref(a->slot[(unsigned)fd]);
	if (!f)
		goto out;
	/* Unconditionally: a dead file stays dead whatever is added, and its memory is there by RCU. */
	if (unlikely(atomic_fetch_add(&f->refs, 1u, RELAXED) & FILE_DEAD))
		f = NULL;
out:
	preempt_enable_self(self);
	return f;
}

/*
 * The file of a descriptor for the time of one system call, not counted. Only as long as fd_can_borrow(): then the caller is the only thread that uses the table, so nobody can
 * close the descriptor while it is in the call, and only itself could make the second thread (fdtable_share).
 */
static inline bool fd_can_borrow(const struct fdtable *t)
{
	return !atomic_load(&t->is_shared, RELAXED);
}

static inline struct file *fd_borrow(struct fdtable *t, long fd)
{
	struct fdarray *a = atomic_load(&t->array, RELAXED);

	return (unsigned)fd < a->capacity ? atomic_load(&a->slot[(unsigned)fd], RELAXED) : NULL;
}

/* Either: fd_drop() gives it back. */
static inline struct file *fd_hold(struct fdtable *t, long fd, bool *is_counted)
{
	*is_counted = !fd_can_borrow(t);
	return *is_counted ? fd_get_inline(t, fd) : fd_borrow(t, fd);
}

static inline void fd_drop(struct file *f, bool is_counted)
{
	if (is_counted)
		file_put(f);
}

/* A file that has a name, in a table that no other thread can grow meanwhile, is put straight into its slot. */
static inline void fd_fill(struct fdtable *t, int fd, struct file *f)
{
	if (likely(fd_can_borrow(t) && f->vnode))
		rcu_assign(atomic_load(&t->array, RELAXED)->slot[(unsigned)fd], f);
	else
		fd_fill_slow(t, fd, f);
}
