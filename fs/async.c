/* SPDX-License-Identifier: MIT
 *
 * Subscriptions of files with an owner.
 *
 * Locks: file_async.lock, then the file's own and its wait queues', then file_async.owner_lock, which is the only one that the waker takes: it holds a queue's lock already.
 */
#include "fs/async.h"

#include "libc/atomic.h"
#include "libc/errno.h"
#include "mmu/heap.h"

#define MAX_SUBS	2u	/* one queue for readers and one for writers */

struct async_sub {
	struct waiter waiter;
	struct file_async *async;
};

/* Created by the first call for a file, freed with the file. */
struct file_async {
	struct mutex lock;
	struct file *file;		/* [I] pin */
	struct mutex owner_lock;
	struct file_owner owner;	/* [owner_lock] */
	int fd;				/* [owner_lock] -1: no O_ASYNC */
	bool is_subscribed;		/* [lock] */
	struct poll_table table;	/* [lock] */
	unsigned nr_subs;		/* [lock] */
	struct async_sub subs[MAX_SUBS];	/* [lock] */
};

void (*file_async_signal)(const struct file_owner *o, int fd, enum file_band band);

static bool async_notify(struct waiter *w, uint32_t key)
{
	struct file_async *a = container_of(w, struct async_sub, waiter)->async;
	enum file_band band = key ? (enum file_band)a->file->ops->async(a->file, key & ~(FILE_ASYNC_ON | FILE_ASYNC_OFF)) : BAND_NONE;
	struct file_owner owner;
	int fd;

	if (!band)
		return false;
	mutex_lock(&a->owner_lock);
	owner = a->owner;
	fd = a->fd;
	mutex_unlock(&a->owner_lock);
	if (owner.pid && (fd >= 0 || band == BAND_URG))
		file_async_signal(&owner, fd, band);
	return true;
}

static void async_add(struct poll_table *pt, struct waitq *q)
{
	struct file_async *a = container_of(pt, struct file_async, table);
	struct async_sub *s;

	if (a->nr_subs == MAX_SUBS)
		return;
	s = &a->subs[a->nr_subs++];
	s->async = a;
	waiter_init(&s->waiter, 0);
	s->waiter.notify = async_notify;
	waitq_add(q, &s->waiter);
}

/* lock held. */
static void unsubscribe(struct file_async *a)
{
	if (!a->is_subscribed)
		return;
	a->is_subscribed = false;
	for (unsigned i = 0; i < a->nr_subs; i++)
		waitq_del(&a->subs[i].waiter);
	a->nr_subs = 0;
	(void)a->file->ops->async(a->file, FILE_ASYNC_OFF);
}

/* lock held. Owner or O_ASYNC have changed. */
static void update(struct file_async *a)
{
	bool is_wanted = a->file->ops->async && a->file->ops->poll && (a->owner.pid || a->fd >= 0);

	if (!is_wanted) {
		unsubscribe(a);
	} else if (!a->is_subscribed) {
		a->is_subscribed = true;
		(void)a->file->ops->async(a->file, FILE_ASYNC_ON);
		(void)a->file->ops->poll(a->file, &a->table);
	}
}

static struct file_async *async_of(struct file *f)
{
	/* acquire: what who made it wrote. Pairs: the exchange below */
	struct file_async *a = atomic_load(&f->async, ACQUIRE), *none = NULL;

	if (a)
		return a;
	a = KNEW(struct file_async);
	if (!a)
		return NULL;
	a->file = f;
	a->fd = -1;
	a->table = (struct poll_table){ async_add, 0 };
	/* acq_rel: its fields before it is seen. Pairs: the load above */
	if (atomic_cas2(&f->async, &none, a, ACQ_REL, ACQUIRE))
		return a;
	kfree(a);
	return none;
}

void file_get_owner(struct file *f, struct file_owner *out)
{
	struct file_async *a = atomic_load(&f->async, ACQUIRE);	/* Pairs: async_of */

	*out = (struct file_owner){ 0 };
	if (!a)
		return;
	mutex_lock(&a->owner_lock);
	*out = a->owner;
	mutex_unlock(&a->owner_lock);
}

int file_set_owner(struct file *f, const struct file_owner *o, int sig)
{
	struct file_async *a = async_of(f);

	if (!a)
		return -ENOMEM;
	mutex_lock(&a->lock);
	mutex_lock(&a->owner_lock);
	if (sig >= 0) {
		a->owner.sig = sig;
	} else {
		a->owner.type = o->type;
		a->owner.pid = o->pid;
	}
	mutex_unlock(&a->owner_lock);
	update(a);
	mutex_unlock(&a->lock);
	return 0;
}

int file_set_async(struct file *f, int fd, bool is_on)
{
	struct file_async *a;

	if (is_on && !f->ops->async)
		return 0;
	a = is_on ? async_of(f) : atomic_load(&f->async, ACQUIRE);	/* Pairs: async_of */
	if (is_on && !a)
		return -ENOMEM;
	if (!is_on)
		atomic_fetch_and(&f->flags, ~(uint32_t)O_ASYNC, RELAXED);
	if (!a)
		return 0;
	mutex_lock(&a->lock);
	mutex_lock(&a->owner_lock);
	a->fd = is_on ? fd : -1;
	mutex_unlock(&a->owner_lock);
	update(a);
	mutex_unlock(&a->lock);
	if (is_on)
		atomic_fetch_or(&f->flags, (uint32_t)O_ASYNC, RELAXED);
	return 0;
}

void file_async_release(struct file *f)
{
	mutex_lock(&f->async->lock);
	unsubscribe(f->async);
	mutex_unlock(&f->async->lock);
	kfree(f->async);
	f->async = NULL;
}
