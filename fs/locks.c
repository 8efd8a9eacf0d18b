/* SPDX-License-Identifier: MIT
 *
 * Advisory locks: flock(2) on open files, and record locks of fcntl(2) on processes (POSIX) and open files (OFD). They are kept per vnode, made with the first lock and
 * freed with the vnode. flock locks and record locks do not see each other (flock(2)).
 */
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/list.h"
#include "mmu/heap.h"
#include "sched/thread.h"
#include "sched/waitq.h"

#define LOCK_SH	1
#define LOCK_EX	2
#define LOCK_NB	4
#define LOCK_UN	8

#define F_RDLCK	0
#define F_WRLCK	1
#define F_UNLCK	2

#define MAX_WAITERS	16u	/* links of the wait-for graph that a deadlock search follows */

struct record {
	struct list node;		/* [locks->lock] */
	struct file_lock l;
};

/* Created with the first lock of a vnode, freed with it. */
struct file_locks {
	struct mutex lock;
	struct list records;		/* [lock] by owner then start: no two of one owner touch with the same type */
	struct list flocks;		/* [lock] owner: the struct file */
	struct waitq changed;
};

/* Who waits for whom, for EDEADLK: one entry for each sleeping POSIX locker. */
struct wait_edge {
	struct list node;		/* [edges_lock] */
	const void *waiter, *holder;
};
static struct mutex edges_lock;
static struct list edges = LIST_INIT(edges);

static struct file_locks *locks_of(struct vnode *v)
{
	struct file_locks *l = atomic_load(&v->locks, ACQUIRE), *none = NULL;	/* acquire: its fields. Pairs: the cas below */

	if (l)
		return l;
	l = KNEW(struct file_locks);
	if (!l)
		return NULL;
	list_init(&l->records);
	list_init(&l->flocks);
	waitq_init(&l->changed);
	if (atomic_cas2(&v->locks, &none, l, RELEASE, ACQUIRE))	/* release: fields before the pointer. Pairs: the load above */
		return l;
	kfree(l);
	return none;
}

/* ---- flock ----------------------------------------------------------------------------------------------------------------------- */

static struct record *find_flock(struct file_locks *ls, const struct file *f)
{
	struct record *r;

	list_for_each(r, &ls->flocks, node)
		if (r->l.owner == f)
			return r;
	return NULL;
}

/* Take or convert f's lock if nobody is in the way. spare: a new record, used if f had none. 0, -EAGAIN. */
static int try_flock(struct file_locks *ls, struct file *f, int16_t type, struct record **spare)
{
	struct record *r, *mine;
	int ret = 0;

	mutex_lock(&ls->lock);
	list_for_each(r, &ls->flocks, node)
		if (r->l.owner != f && (type == F_WRLCK || r->l.type == F_WRLCK))
			ret = -EAGAIN;
	mine = find_flock(ls, f);
	if (!ret && mine) {
		mine->l.type = type;
	} else if (!ret) {
		(*spare)->l = (struct file_lock){ .type = type, .owner = f };
		list_add_tail(&ls->flocks, &(*spare)->node);
		*spare = NULL;
	} else if (mine) {
		/* A conversion gives the old lock up first (flock(2)). */
		list_del(&mine->node);
		kfree(*spare);
		*spare = mine;
	}
	mutex_unlock(&ls->lock);
	return ret;
}

static void unlock_flock(struct file_locks *ls, const struct file *f)
{
	struct record *r;

	mutex_lock(&ls->lock);
	r = find_flock(ls, f);
	if (r)
		list_del(&r->node);
	mutex_unlock(&ls->lock);
	kfree(r);
	waitq_wake_all(&ls->changed, 0);
}

int file_flock(struct file *f, int operation)
{
	int op = operation & ~LOCK_NB, r;
	struct file_locks *ls;
	struct record *spare;

	if (READ_ONCE(f->flags) & O_PATH)
		return -EBADF;
	if (op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
		return -EINVAL;
	if (!f->vnode)		/* a pipe, a socket, ...: nobody else could open it */
		return 0;
	if (op == LOCK_UN) {
		ls = atomic_load(&f->vnode->locks, ACQUIRE);
		if (ls)
			unlock_flock(ls, f);
		return 0;
	}
	ls = locks_of(f->vnode);
	spare = ls ? KNEW(struct record) : NULL;
	if (!spare)
		return -ENOLCK;
	r = try_flock(ls, f, op == LOCK_EX ? F_WRLCK : F_RDLCK, &spare);
	if (r == -EAGAIN) {
		waitq_wake_all(&ls->changed, 0);
		if (!(operation & LOCK_NB)) {
			int w = waitq_wait_until(&ls->changed, "flock", 0, (r = try_flock(ls, f, op == LOCK_EX ? F_WRLCK : F_RDLCK, &spare)) == 0, NSEC_NEVER,
						 WAIT_INTERRUPTIBLE);

			r = r ? w : 0;
		}
	} else if (op == LOCK_SH) {
		waitq_wake_all(&ls->changed, 0);	/* may have been a conversion from exclusive */
	}
	kfree(spare);
	return r;
}

/* ---- record locks ---------------------------------------------------------------------------------------------------------------- */

static bool overlap(const struct file_lock *a, const struct file_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool conflict(const struct file_lock *a, const struct file_lock *b)
{
	return a->owner != b->owner && overlap(a, b) && (a->type == F_WRLCK || b->type == F_WRLCK);
}

static struct record *find_conflict(struct file_locks *ls, const struct file_lock *l)
{
	struct record *r;

	list_for_each(r, &ls->records, node)
		if (conflict(&r->l, l))
			return r;
	return NULL;
}

/*
 * Replace what the owner has in l's range by l: cut, split, and join. Two spares cover the worst case (a hole in the middle of a lock, and the lock itself). lock held.
 */
static void apply(struct file_locks *ls, const struct file_lock *l, struct record *spare[2])
{
	struct file_lock n = *l;
	struct record *r, *next;

	list_for_each_safe(r, next, &ls->records, node) {
		if (r->l.owner != n.owner)
			continue;
		if (n.type != F_UNLCK && r->l.type == n.type && r->l.start <= (n.end == UINT64_MAX ? n.end : n.end + 1) &&
		    n.start <= (r->l.end == UINT64_MAX ? r->l.end : r->l.end + 1)) {
			/* The same kind, touching: becomes part of the new one. */
			n.start = MIN(n.start, r->l.start);
			n.end = MAX(n.end, r->l.end);
			list_del(&r->node);
			kfree(r);
			continue;
		}
		if (!overlap(&r->l, &n))
			continue;
		if (r->l.start < n.start && r->l.end > n.end) {
			spare[0]->l = r->l;
			spare[0]->l.start = n.end + 1;
			list_add_tail(&ls->records, &spare[0]->node);
			spare[0] = NULL;
			r->l.end = n.start - 1;
		} else if (r->l.start < n.start) {
			r->l.end = n.start - 1;
		} else if (r->l.end > n.end) {
			r->l.start = n.end + 1;
		} else {
			list_del(&r->node);
			kfree(r);
		}
	}
	if (n.type != F_UNLCK) {
		spare[1]->l = n;
		list_add_tail(&ls->records, &spare[1]->node);
		spare[1] = NULL;
	}
}

static int try_lock(struct file_locks *ls, const struct file_lock *l, struct record *spare[2], const void **holder)
{
	struct record *r;
	int ret = 0;

	mutex_lock(&ls->lock);
	r = l->type == F_UNLCK ? NULL : find_conflict(ls, l);
	if (r) {
		*holder = r->l.owner;
		ret = -EAGAIN;
	} else {
		apply(ls, l, spare);
	}
	mutex_unlock(&ls->lock);
	return ret;
}

/* Would waiting for holder close a circle back to waiter? edges_lock held. */
static bool is_deadlock(const void *waiter, const void *holder)
{
	for (unsigned i = 0; i < MAX_WAITERS; i++) {
		const struct wait_edge *e;
		bool has_next = false;

		if (holder == waiter)
			return true;
		list_for_each(e, &edges, node)
			if (e->waiter == holder) {
				holder = e->holder;
				has_next = true;
				break;
			}
		if (!has_next)
			return false;
	}
	return false;
}

static int wait_lock(struct file_locks *ls, const struct file_lock *l, struct record *spare[2], const void *holder)
{
	struct wait_edge edge = { .waiter = l->owner, .holder = holder };
	int r, w;

	mutex_lock(&edges_lock);
	r = is_deadlock(edge.waiter, holder) ? -EDEADLK : 0;
	if (!r)
		list_add_tail(&edges, &edge.node);
	mutex_unlock(&edges_lock);
	if (r)
		return r;
	w = waitq_wait_until(&ls->changed, "file-lock", 0, (r = try_lock(ls, l, spare, &edge.holder)) == 0, NSEC_NEVER, WAIT_INTERRUPTIBLE);
	mutex_lock(&edges_lock);
	list_del(&edge.node);
	mutex_unlock(&edges_lock);
	return r ? w : 0;
}

int file_lock_set(struct file *f, struct file_lock *l, bool wait)
{
	unsigned access = READ_ONCE(f->flags) & O_ACCMODE;
	struct record *spare[2];
	const void *holder = NULL;
	struct file_locks *ls;
	int r;

	if (READ_ONCE(f->flags) & O_PATH)
		return -EBADF;
	if (l->type != F_RDLCK && l->type != F_WRLCK && l->type != F_UNLCK)
		return -EINVAL;
	if ((l->type == F_RDLCK && access == O_WRONLY) || (l->type == F_WRLCK && access == O_RDONLY))
		return -EBADF;
	if (!f->vnode)		/* a pipe, a socket, ...: nobody else could open it */
		return 0;
	if (l->type == F_UNLCK && !atomic_load(&f->vnode->locks, ACQUIRE))
		return 0;
	ls = locks_of(f->vnode);
	spare[0] = ls ? KNEW(struct record) : NULL;
	spare[1] = ls ? KNEW(struct record) : NULL;
	r = spare[0] && spare[1] ? try_lock(ls, l, spare, &holder) : -ENOLCK;
	if (r == -EAGAIN && wait)
		r = wait_lock(ls, l, spare, holder);
	if (!r)
		waitq_wake_all(&ls->changed, 0);
	kfree(spare[0]);
	kfree(spare[1]);
	return r;
}

int file_lock_get(struct file *f, struct file_lock *l)
{
	struct file_locks *ls;
	struct record *r = NULL;

	if (READ_ONCE(f->flags) & O_PATH)
		return -EBADF;
	if (l->type != F_RDLCK && l->type != F_WRLCK)
		return -EINVAL;
	ls = f->vnode ? atomic_load(&f->vnode->locks, ACQUIRE) : NULL;
	if (ls) {
		mutex_lock(&ls->lock);
		r = find_conflict(ls, l);
		if (r)
			*l = r->l;
		mutex_unlock(&ls->lock);
	}
	if (!r)
		l->type = F_UNLCK;
	return 0;
}

void file_locks_release(struct file *f, const void *owner)
{
	struct file_locks *ls = f->vnode ? atomic_load(&f->vnode->locks, ACQUIRE) : NULL;
	struct record *r, *next;
	bool has_freed = false;

	if (!ls)
		return;
	mutex_lock(&ls->lock);
	list_for_each_safe(r, next, &ls->records, node)
		if (r->l.owner == owner) {
			list_del(&r->node);
			kfree(r);
			has_freed = true;
		}
	r = owner == f ? find_flock(ls, f) : NULL;
	if (r) {
		list_del(&r->node);
		kfree(r);
		has_freed = true;
	}
	mutex_unlock(&ls->lock);
	if (has_freed)
		waitq_wake_all(&ls->changed, 0);
}
