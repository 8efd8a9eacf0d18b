// SPDX-License-Identifier: MIT
/*
 * AF_UNIX: descriptors on their way (SCM_RIGHTS), and the collector of sockets that only messages hold. See net/unix.h.
 *
 * A socket that lies in a queue is held by its message. Two that lie in each other's queues and have no descriptor hold each other for ever; so does one in its own. The
 * collector looks for them when a socket is released while others are on their way:
 *
 *	1. A socket all of whose references are messages is a candidate.
 *	2. Subtract what candidates hold of each other. Who has references left is held by the queue of a socket that is no candidate: it can be received.
 *	3. So can all that lies in the queues of those, and so on.
 *	4. The messages of the others are emptied; their files are put, and the sockets go as any other.
 *
 * It is sound since no reference can come to a candidate while rights_lock is held: it has no descriptor to duplicate, nobody can call on it, and who receives it has to
 * take the lock first. A reference that somebody else takes for a moment (fd_get() on a number that was just closed) only makes it no candidate this time.
 *
 * Putting a file may release a socket in whose queue there is another, and so on: as many levels as the application likes. So they are put by one loop: whoever comes in while it runs, from
 * inside or from another thread, leaves his files to it.
 *
 *	drop ---> doomed ---> drain loop: file_put() -> unix_release() -> purge -> drop (only adds)
 *
 * Connections that wait in the queue of a listener that is itself on its way have no file: what they hold counts as held. A circle through them stays.
 */
#include "libc/errno.h"
#include "mmu/heap.h"
#include "net/unix.h"

static struct mutex rights_lock;	/* innermost; so->lock may be held */
static struct list passed = LIST_INIT(passed);	/* [rights_lock] struct unix_sock with in_flight, by passed_link */
static unsigned nr_passed;		/* [a] of them; changed under rights_lock */
static struct list doomed = LIST_INIT(doomed);	/* [rights_lock] struct unix_rights to put */
static bool is_draining, must_collect;	/* [rights_lock] */
static unsigned skip;			/* [rights_lock] releases to let pass before the next look */

static struct unix_sock *unix_of_file(struct file *f)
{
	struct socket *so = file_socket(f);

	return so && so->family == AF_UNIX ? unix_of(so) : NULL;
}

int unix_rights_add(struct unix_rights **rights, struct fdtable *files, const int *fds, unsigned n)
{
	struct unix_rights *r = *rights;

	if (!n)
		return 0;
	if (n + (r ? r->nr : 0) > UNIX_MAX_FDS)
		return -EINVAL;
	if (!r) {
		r = kmalloc(sizeof(*r) + UNIX_MAX_FDS * sizeof(r->files[0]));
		if (!r)
			return -ENOMEM;
		r->nr = 0;
		list_init(&r->link);
		*rights = r;
	}
	for (unsigned i = 0; i < n; i++) {
		struct file *f = fd_get(files, fds[i]);

		if (!f)
			return -EBADF;
		r->files[r->nr++] = f;
	}
	return 0;
}

void unix_rights_enter(struct unix_sock *to, struct unix_msg *msg)
{
	struct unix_rights *r = msg->rights;

	mutex_lock(&rights_lock);
	list_add_tail(&to->rights, &r->link);
	r->owner = &msg->rights;
	for (unsigned i = 0; i < r->nr; i++) {
		struct unix_sock *u = unix_of_file(r->files[i]);

		if (!u || u->in_flight++)
			continue;
		u->file = r->files[i];
		list_add_tail(&passed, &u->passed_link);
		atomic_store(&nr_passed, nr_passed + 1, RELAXED);
	}
	mutex_unlock(&rights_lock);
}

/* rights_lock held. No-op when they are in no queue. */
static void leave(struct unix_rights *r)
{
	if (list_is_empty(&r->link))
		return;
	list_del(&r->link);
	list_init(&r->link);
	for (unsigned i = 0; i < r->nr; i++) {
		struct unix_sock *u = unix_of_file(r->files[i]);

		if (!u || --u->in_flight)
			continue;
		list_del(&u->passed_link);
		atomic_store(&nr_passed, nr_passed - 1, RELAXED);
	}
}

void unix_rights_leave(struct unix_rights *r)
{
	mutex_lock(&rights_lock);
	leave(r);
	mutex_unlock(&rights_lock);
}

struct file *unix_rights_peek(const struct unix_rights *r, unsigned i)
{
	struct file *f = r->files[i];

	mutex_lock(&rights_lock);	/* the collector counts references */
	file_get(f);
	mutex_unlock(&rights_lock);
	return f;
}

/* ---- the collector; rights_lock held ------------------------------------------------------------------------------------------ */

/* For each candidate that lies in u's queue: its count of unexplained references changes by -1, or it joins the reachable (and leaves the rest). */
static void visit_queue(struct unix_sock *u, struct list *reachable)
{
	struct unix_rights *r;

	list_for_each (r, &u->rights, link) {
		for (unsigned i = 0; i < r->nr; i++) {
			struct unix_sock *v = unix_of_file(r->files[i]);

			if (!v || !v->is_candidate)
				continue;
			if (!reachable) {
				v->unexplained--;
			} else {
				v->is_candidate = false;
				list_del(&v->gc_link);
				list_add_tail(reachable, &v->gc_link);
			}
		}
	}
}

static void collect(void)
{
	struct list candidates = LIST_INIT(candidates), reachable = LIST_INIT(reachable);
	struct unix_sock *u, *next;
	unsigned nr_dropped = 0;

	list_for_each (u, &passed, passed_link) {
		/* acquire: a closer's last use is before its put. Pairs: file_put */
		u->is_candidate = atomic_load(&u->file->refs, ACQUIRE) == u->in_flight;
		if (u->is_candidate) {
			u->unexplained = u->in_flight;
			list_add_tail(&candidates, &u->gc_link);
		}
	}
	list_for_each (u, &candidates, gc_link)
		visit_queue(u, NULL);
	list_for_each_safe (u, next, &candidates, gc_link) {
		if (u->unexplained) {
			u->is_candidate = false;
			list_del(&u->gc_link);
			list_add_tail(&reachable, &u->gc_link);
		}
	}
	/* The list grows while it is walked, by each candidate once. */
	list_for_each (u, &reachable, gc_link)
		visit_queue(u, &reachable);
	list_for_each (u, &candidates, gc_link) {
		u->is_candidate = false;
		while (!list_is_empty(&u->rights)) {
			struct unix_rights *r = list_first(&u->rights, struct unix_rights, link);

			leave(r);
			atomic_store(r->owner, NULL, RELAXED);	/* the message stays, with its bytes */
			list_add_tail(&doomed, &r->link);
			nr_dropped++;
		}
	}
	/* With many on their way and nothing to find, not at each release. */
	skip = nr_dropped ? 0 : nr_passed / 64;
}

/* ---- putting ------------------------------------------------------------------------------------------------------------------- */

/* rights_lock held on entry, not on return. No other lock is held. */
static void drain_unlock(void)
{
	struct unix_rights *r;

	if (is_draining) {
		mutex_unlock(&rights_lock);
		return;
	}
	is_draining = true;
	for (;;) {
		if (list_is_empty(&doomed) && must_collect) {
			must_collect = false;
			collect();
		}
		if (list_is_empty(&doomed))
			break;
		r = list_first(&doomed, struct unix_rights, link);
		list_del(&r->link);
		mutex_unlock(&rights_lock);
		for (unsigned i = 0; i < r->nr; i++)
			file_put(r->files[i]);
		kfree(r);
		mutex_lock(&rights_lock);
	}
	is_draining = false;
	mutex_unlock(&rights_lock);
}

void unix_rights_drop(struct unix_rights *r)
{
	mutex_lock(&rights_lock);
	leave(r);
	list_add_tail(&doomed, &r->link);
	drain_unlock();
}

void unix_rights_released(void)
{
	if (!atomic_load(&nr_passed, RELAXED))
		return;
	mutex_lock(&rights_lock);
	if (skip)
		skip--;
	else
		must_collect = true;
	drain_unlock();
}
