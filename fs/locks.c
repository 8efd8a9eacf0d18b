/* SPDX-License-Identifier: MIT
 *
 * Advisory locks: flock(2) on open files, and record locks of fcntl(2) on processes (POSIX) and open files (OFD). They are kept per vnode, made with the first lock and
 * freed with the vnode. flock locks and record locks do not see each other (flock(2)).
 */
#include "fs/record-tree.h"
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

#define MAX_WAITERS	16u	/* links of the wait-for graph that a deadlock search follows */

/* The lock of one open file. Made by file_flock(), freed when it is given up. */
struct flock {
	struct rb_node node;		/* [locks->lock] */
	const struct file *owner;	/* [I] */
	int16_t type;			/* [locks->lock] F_RDLCK, F_WRLCK */
};

/* Created with the first lock of a vnode, freed with it. */
struct file_locks {
	struct mutex lock;
	struct record_tree records;	/* [lock] */
	struct rb_tree flocks;		/* [lock] by owner */
	uint64_t nr_flocks[2];		/* [lock] of each type */
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
	waitq_init(&l->changed);
	if (atomic_cas2(&v->locks, &none, l, RELEASE, ACQUIRE))	/* release: fields before the pointer. Pairs: the load above */
		return l;
	kfree(l);
	return none;
}

/* ---- flock ----------------------------------------------------------------------------------------------------------------------- */

/* f's lock; NULL: *link below *parent is the place for it. lock held. */
static struct flock *find_flock(struct file_locks *ls, const struct file *f, struct rb_node ***link, struct rb_node **parent)
{
	*parent = NULL;
	for (*link = &ls->flocks.root; **link;) {
		struct flock *l = rb_entry(**link, struct flock, node);

		if (l->owner == f)
			return l;
		*parent = **link;
		*link = (uintptr_t)f < (uintptr_t)l->owner ? &(*parent)->left : &(*parent)->right;
	}
	return NULL;
}

static void remove_flock(struct file_locks *ls, struct flock *l)
{
	rb_remove(&ls->flocks, &l->node);
	ls->nr_flocks[l->type]--;
}

/* Take or convert f's lock if nobody is in the way. spare: a new one, used if f had none. 0, -EAGAIN. */
static int try_flock(struct file_locks *ls, struct file *f, int16_t type, struct flock **spare)
{
	struct rb_node **link, *parent;
	uint64_t in_the_way;
	struct flock *mine;
	int ret = 0;

	mutex_lock(&ls->lock);
	in_the_way = ls->nr_flocks[F_WRLCK] + (type == F_WRLCK ? ls->nr_flocks[F_RDLCK] : 0);
	mine = find_flock(ls, f, &link, &parent);
	if (mine && (type == F_WRLCK || mine->type == F_WRLCK))
		in_the_way--;
	if (in_the_way) {
		ret = -EAGAIN;
		if (mine) {	/* a conversion gives the old lock up first (flock(2)) */
			remove_flock(ls, mine);
			kfree(*spare);
			*spare = mine;
		}
	} else if (mine) {
		ls->nr_flocks[mine->type]--;
		mine->type = type;
		ls->nr_flocks[type]++;
	} else {
		(*spare)->owner = f;
		(*spare)->type = type;
		rb_link(&ls->flocks, &(*spare)->node, parent, link);
		ls->nr_flocks[type]++;
		*spare = NULL;
	}
	mutex_unlock(&ls->lock);
	return ret;
}

/* True: f had one. */
static bool unlock_flock(struct file_locks *ls, const struct file *f)
{
	struct rb_node **link, *parent;
	struct flock *l;

	mutex_lock(&ls->lock);
	l = find_flock(ls, f, &link, &parent);
	if (l)
		remove_flock(ls, l);
	mutex_unlock(&ls->lock);
	kfree(l);
	return l;
}

int file_flock(struct file *f, int operation)
{
	int op = operation & ~LOCK_NB, r;
	struct file_locks *ls;
	struct flock *spare;

	if (READ_ONCE(f->flags) & O_PATH)
		return -EBADF;
	if (op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
		return -EINVAL;
	if (!f->vnode)		/* a pipe, a socket, ...: nobody else could open it */
		return 0;
	if (op == LOCK_UN) {
		ls = atomic_load(&f->vnode->locks, ACQUIRE);
		if (ls && unlock_flock(ls, f))
			waitq_wake_all(&ls->changed, 0);
		return 0;
	}
	ls = locks_of(f->vnode);
	spare = ls ? KNEW(struct flock) : NULL;
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

static int try_lock(struct file_locks *ls, const struct file_lock *l, struct record *spare[2], const void **holder)
{
	struct record *r;
	int ret = 0;

	mutex_lock(&ls->lock);
	r = l->type == F_UNLCK ? NULL : record_tree_conflict(&ls->records, l);
	if (r) {
		*holder = r->l.owner;
		ret = -EAGAIN;
	} else {
		record_tree_apply(&ls->records, l, spare);
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
	if ((l->type == F_RDLCK && !FILE_MAY_READ(access)) || (l->type == F_WRLCK && !FILE_MAY_WRITE(access)))
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
		r = record_tree_conflict(&ls->records, l);
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
	bool has_freed;

	if (!ls)
		return;
	mutex_lock(&ls->lock);
	has_freed = record_tree_release(&ls->records, owner);
	mutex_unlock(&ls->lock);
	if (owner == f && unlock_flock(ls, f))
		has_freed = true;
	if (has_freed)
		waitq_wake_all(&ls->changed, 0);
}
