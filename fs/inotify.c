/* SPDX-License-Identifier: MIT
 *
 * inotify(7).
 *
 *	instance --watches--> watch --vnode (ref)--> file
 *	             file --vnode->watches--> watch        both lists: watch_lock
 *	instance --events--> queue of what read(2) returns
 *
 * One mutex for all watches: watching is rare and what it guards is short. IN_DELETE_SELF comes when the last name goes, not (as on Linux) when the last descriptor is closed too.
 */
#include "fs/inotify.h"

#include "fs/async.h"
#include "fs/dentry.h"
#include "fs/special-priv.h"
#include "libc/errno.h"
#include "libc/list.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/user.h"
#include "sched/waitq.h"

#define FIONREAD	0x541bu
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)

/* As read(2) gives it, followed by len bytes of name, filled up with zeros. */
struct event_abi {
	int32_t wd;
	uint32_t mask, cookie, len;
};

struct event {
	struct list node;		/* [lock] */
	struct event_abi abi;
	char name[];
};

/* An inotify file. Created by inotify_create_file(), freed with its file. */
struct inotify {
	struct mutex lock;		/* after watch_lock */
	struct list events;		/* [lock] oldest first */
	uint32_t nr_events;		/* [a; lock] */
	uint32_t max_events;		/* [I] inotify_max_events when it was made */
	bool has_overflowed;		/* [lock] the event that says so is queued */
	size_t nr_bytes;		/* [lock] for FIONREAD */
	struct waitq readable;
	struct list watches;		/* [watch_lock] */
	int next_wd;			/* [watch_lock] */
};

struct inotify_watch {
	struct list of_instance, of_vnode;	/* [watch_lock] */
	struct inotify *instance;	/* [I] pin: the watch goes before it */
	struct vnode *vnode;		/* [I] ref */
	uint32_t mask;			/* [watch_lock] */
	int wd;				/* [I] */
};

static struct mutex watch_lock;		/* after ns_lock and vnode->lock */
uint32_t inotify_nr_watches;
uint32_t inotify_max_events = 16384;
uint64_t inotify_max_watches = 65536, inotify_max_instances = 128;
static uint64_t nr_instances;		/* [watch_lock] */
static uint32_t next_cookie;		/* [a] */

uint32_t inotify_new_cookie(void)
{
	return atomic_fetch_add(&next_cookie, 1u, RELAXED) + 1;
}

/* ---- events ---------------------------------------------------------------------------------------------------------------------- */

static bool is_same(const struct event *e, const struct event_abi *abi, const char *name)
{
	return e->abi.wd == abi->wd && e->abi.mask == abi->mask && e->abi.cookie == abi->cookie && e->abi.len == abi->len &&
	       (!abi->len || strcmp(e->name, name) == 0);
}

static void queue(struct inotify *in, int wd, uint32_t mask, uint32_t cookie, const char *name, size_t len)
{
	struct event_abi abi = { wd, mask, cookie, len ? (uint32_t)ALIGN_UP(len + 1, sizeof(struct event_abi)) : 0 };
	struct event *e = NULL;

	mutex_lock(&in->lock);
	if (in->nr_events >= in->max_events) {
		if (in->has_overflowed)
			goto out;
		abi = (struct event_abi){ -1, IN_Q_OVERFLOW, 0, 0 };
	} else if (!list_is_empty(&in->events) && is_same(list_last(&in->events, struct event, node), &abi, name)) {
		goto out;
	}
	e = kzalloc(sizeof(*e) + abi.len);
	if (!e)
		goto out;
	in->has_overflowed |= abi.mask == IN_Q_OVERFLOW;
	e->abi = abi;
	if (abi.len)
		memcpy(e->name, name, len);
	list_add_tail(&in->events, &e->node);
	in->nr_bytes += sizeof(abi) + abi.len;
	atomic_store(&in->nr_events, in->nr_events + 1, RELAXED);
out:
	mutex_unlock(&in->lock);
	if (e)
		waitq_wake_all(&in->readable, POLL_IN);
}

/* Off both lists; its memory and its vnode are given back by free_watch(), without the lock. watch_lock held. */
static void unlink_watch(struct inotify_watch *w)
{
	list_del(&w->of_instance);
	list_del(&w->of_vnode);
	atomic_fetch_sub(&inotify_nr_watches, 1u, RELAXED);
}

static void free_all(struct list *dead)
{
	while (!list_is_empty(dead)) {
		struct inotify_watch *w = list_first(dead, struct inotify_watch, of_instance);

		list_del(&w->of_instance);
		vnode_put(w->vnode);
		kfree(w);
	}
}

/* End w: the instance is told, w goes to dead. watch_lock held. */
static void end_watch(struct inotify_watch *w, struct list *dead)
{
	queue(w->instance, w->wd, IN_IGNORED, 0, NULL, 0);
	unlink_watch(w);
	list_add_tail(dead, &w->of_instance);
}

/* Tell who watches v. watch_lock held. */
static void deliver(struct vnode *v, uint32_t mask, uint32_t cookie, const char *name, size_t len, struct list *dead)
{
	struct inotify_watch *w, *next;

	if (!v->watches.next)
		return;
	list_for_each_safe(w, next, &v->watches, of_vnode) {
		if (!(w->mask & mask & IN_ALL_EVENTS) && !(mask & IN_UNMOUNT))
			continue;
		queue(w->instance, w->wd, mask, cookie, name, len);
		if (w->mask & IN_ONESHOT)
			end_watch(w, dead);
	}
}

/* The directory that d is in, and d's name in it, as they are now. give: vnode_put(). NULL: none. */
static struct vnode *parent_of(struct dentry *d, char name[NAME_MAX + 1], size_t *len)
{
	struct vnode *dir = NULL;
	const struct dname *n;
	struct dentry *parent;

	rcu_read_lock();
	d = dentry_real(d);
	parent = READ_ONCE(d->parent);
	if (parent != d && !(READ_ONCE(d->flags) & DENTRY_DELETED) && parent->vnode && vnode_try_get(parent->vnode)) {
		dir = parent->vnode;
		n = rcu_deref(d->name);
		*len = n->len;
		memcpy(name, n->text, n->len + 1ul);
	}
	rcu_read_unlock();
	return dir;
}

void inotify_file_event_slow(struct vnode *v, struct dentry *d, uint32_t mask)
{
	struct list dead = LIST_INIT(dead);
	char name[NAME_MAX + 1];
	struct vnode *dir;
	size_t len = 0;

	dir = d ? parent_of(d, name, &len) : NULL;
	if (vnode_is_dir(v))
		mask |= IN_ISDIR;
	mutex_lock(&watch_lock);
	if (dir)
		deliver(dir, mask, 0, name, len, &dead);
	deliver(v, mask, 0, NULL, 0, &dead);
	mutex_unlock(&watch_lock);
	if (dir)
		vnode_put(dir);
	free_all(&dead);
}

void inotify_name_event_slow(struct vnode *dir, const char *name, size_t len, uint32_t mask, uint32_t cookie)
{
	struct list dead = LIST_INIT(dead);
	char copy[NAME_MAX + 1];

	memcpy(copy, name, len);
	copy[len] = 0;
	mutex_lock(&watch_lock);
	deliver(dir, mask, cookie, copy, len, &dead);
	mutex_unlock(&watch_lock);
	free_all(&dead);
}

void inotify_gone_slow(struct vnode *v)
{
	bool is_last = !READ_ONCE(v->nlink);
	struct list dead = LIST_INIT(dead);

	mutex_lock(&watch_lock);
	if (!is_last || !vnode_is_dir(v))
		deliver(v, IN_ATTRIB | (vnode_is_dir(v) ? IN_ISDIR : 0), 0, NULL, 0, &dead);
	if (is_last && v->watches.next) {
		deliver(v, IN_DELETE_SELF, 0, NULL, 0, &dead);
		while (!list_is_empty(&v->watches))
			end_watch(list_first(&v->watches, struct inotify_watch, of_vnode), &dead);
	}
	mutex_unlock(&watch_lock);
	free_all(&dead);
}

/* ---- instances ------------------------------------------------------------------------------------------------------------------- */

static struct list instances = LIST_INIT(instances);	/* [watch_lock] */

/* The watches of an instance are found from here by inotify_unmount(). */
struct inotify_file {
	struct inotify in;		/* first */
	struct list node;		/* [watch_lock] */
};

void inotify_unmount(struct fs_super *s)
{
	struct list dead = LIST_INIT(dead);
	struct inotify_watch *w, *next;
	struct inotify_file *i;

	mutex_lock(&watch_lock);
	list_for_each(i, &instances, node)
		list_for_each_safe(w, next, &i->in.watches, of_instance)
			if (w->vnode->super == s) {
				queue(&i->in, w->wd, IN_UNMOUNT, 0, NULL, 0);
				end_watch(w, &dead);
			}
	mutex_unlock(&watch_lock);
	free_all(&dead);
}

/* Bytes given to u by one event; 0: it does not fit; -EFAULT. lock not held. */
static ssize_t give_event(struct uio *u, const struct event *e)
{
	size_t len = sizeof(e->abi) + e->abi.len;

	if (u->left < len)
		return 0;
	if (uio_copy_to(u, &e->abi, sizeof(e->abi)) != sizeof(e->abi) || uio_copy_to(u, e->name, e->abi.len) != (ssize_t)e->abi.len)
		return -EFAULT;
	return (ssize_t)len;
}

/* The oldest event, or NULL: *r is -EAGAIN if there is none, -EINVAL if it does not fit into room. */
static struct event *take_event(struct inotify *in, size_t room, int *r)
{
	struct event *e = NULL;

	*r = -EAGAIN;
	mutex_lock(&in->lock);
	if (!list_is_empty(&in->events)) {
		e = list_first(&in->events, struct event, node);
		if (sizeof(e->abi) + e->abi.len > room) {
			e = NULL;
			*r = -EINVAL;
		} else {
			list_del(&e->node);
			in->has_overflowed &= e->abi.mask != IN_Q_OVERFLOW;
			in->nr_bytes -= sizeof(e->abi) + e->abi.len;
			atomic_store(&in->nr_events, in->nr_events - 1, RELAXED);
		}
	}
	mutex_unlock(&in->lock);
	return e;
}

static ssize_t read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct inotify *in = f->private;
	ssize_t done = 0, n;
	struct event *e;
	int r;

	(void)pos;
	for (;;) {
		e = take_event(in, u->left, &r);
		if (e) {
			n = give_event(u, e);
			kfree(e);
			if (n < 0)
				return n;	/* as Linux, though events before it were read */
			done += n;
			continue;
		}
		if (done)
			return done;
		if (r == -EINVAL || special_is_nonblock(f))
			return r;
		r = waitq_wait_until(&in->readable, "inotify", POLL_IN, atomic_load(&in->nr_events, RELAXED), NSEC_NEVER, WAIT_INTERRUPTIBLE);
		if (r)
			return r;
	}
}

static uint32_t poll(struct file *f, struct poll_table *pt)
{
	struct inotify *in = f->private;

	poll_add(pt, &in->readable);
	return atomic_load(&in->nr_events, RELAXED) ? POLL_IN : 0;
}

static long ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct inotify *in = f->private;
	uint32_t n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&in->lock);
	n = (uint32_t)in->nr_bytes;
	mutex_unlock(&in->lock);
	return user_store32((uint32_t *)arg, n);
}

static void release(struct file *f)
{
	struct inotify_file *i = f->private;
	struct list dead = LIST_INIT(dead);
	struct inotify_watch *w, *next;

	mutex_lock(&watch_lock);
	list_for_each_safe(w, next, &i->in.watches, of_instance) {
		unlink_watch(w);
		list_add_tail(&dead, &w->of_instance);
	}
	list_del(&i->node);
	nr_instances--;
	mutex_unlock(&watch_lock);
	free_all(&dead);
	while (!list_is_empty(&i->in.events)) {
		struct event *e = list_first(&i->in.events, struct event, node);

		list_del(&e->node);
		kfree(e);
	}
	kfree(i);
}

static const struct file_ops inotify_ops = {
	.read = read,
	.poll = poll,
	.async = file_async_plain,
	.ioctl = ioctl,
	.stat = special_anon_stat,
	.release = release,
};

int inotify_create_file(unsigned flags, struct file **out)
{
	struct inotify_file *i = KNEW(struct inotify_file);
	struct file *f;
	bool has_room;

	if (!i)
		return -ENOMEM;
	mutex_lock(&watch_lock);
	has_room = nr_instances < atomic_load(&inotify_max_instances, RELAXED);
	nr_instances += has_room;
	mutex_unlock(&watch_lock);
	if (!has_room) {
		kfree(i);
		return -EMFILE;
	}
	i->in.max_events = atomic_load(&inotify_max_events, RELAXED);
	list_init(&i->in.events);
	list_init(&i->in.watches);
	waitq_init(&i->in.readable);
	i->in.next_wd = 1;
	f = file_alloc(&inotify_ops, O_RDONLY | (flags & O_NONBLOCK), i);
	mutex_lock(&watch_lock);
	if (f)
		list_add_tail(&instances, &i->node);
	else
		nr_instances--;
	mutex_unlock(&watch_lock);
	if (!f) {
		kfree(i);
		return -ENOMEM;
	}
	f->kind = "inotify";
	*out = f;
	return 0;
}

/* watch_lock held. */
static struct inotify_watch *find(struct inotify *in, const struct vnode *v)
{
	struct inotify_watch *w;

	if (v->watches.next)
		list_for_each(w, &v->watches, of_vnode)
			if (w->instance == in)
				return w;
	return NULL;
}

static int add_locked(struct inotify *in, struct vnode *v, uint32_t mask, struct inotify_watch **spare)
{
	struct inotify_watch *w = find(in, v);

	if (w && (mask & IN_MASK_CREATE))
		return -EEXIST;
	if (w) {
		w->mask = (mask & IN_MASK_ADD ? w->mask : 0) | (mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK));
		return w->wd;
	}
	if (atomic_load(&inotify_nr_watches, RELAXED) >= atomic_load(&inotify_max_watches, RELAXED))
		return -ENOSPC;
	w = *spare;
	*spare = NULL;
	w->instance = in;
	w->vnode = v;
	w->mask = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
	w->wd = in->next_wd++;
	vnode_get(v);
	if (!v->watches.next)
		list_init(&v->watches);
	list_add_tail(&v->watches, &w->of_vnode);
	list_add_tail(&in->watches, &w->of_instance);
	atomic_fetch_add(&inotify_nr_watches, 1u, RELAXED);
	return w->wd;
}

int inotify_add(struct file *f, struct vnode *v, uint32_t mask)
{
	struct inotify_watch *spare;
	int r;

	if (f->ops != &inotify_ops || !(mask & IN_ALL_EVENTS) || (mask & (IN_MASK_ADD | IN_MASK_CREATE)) == (IN_MASK_ADD | IN_MASK_CREATE))
		return -EINVAL;
	spare = KNEW(struct inotify_watch);
	if (!spare)
		return -ENOMEM;
	mutex_lock(&watch_lock);
	r = add_locked(f->private, v, mask, &spare);
	mutex_unlock(&watch_lock);
	kfree(spare);
	return r;
}

int inotify_remove(struct file *f, int wd)
{
	struct inotify *in = f->private;
	struct list dead = LIST_INIT(dead);
	struct inotify_watch *w, *next;

	if (f->ops != &inotify_ops)
		return -EINVAL;
	mutex_lock(&watch_lock);
	list_for_each_safe(w, next, &in->watches, of_instance)
		if (w->wd == wd)
			end_watch(w, &dead);
	mutex_unlock(&watch_lock);
	if (list_is_empty(&dead))
		return -EINVAL;
	free_all(&dead);
	return 0;
}
