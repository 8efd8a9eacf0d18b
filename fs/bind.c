/* SPDX-License-Identifier: MIT
 *
 * Bind mounts (mount(2) with MS_BIND), moving mounts, and the shadows that stand for dentries in a bind mount (fs/dentry.h).
 *
 * Mounts do not propagate: MS_SHARED and MS_SLAVE are taken, and every mount stays private. MS_UNBINDABLE is obeyed.
 */
#include "fs/dentry.h"
#include "fs/procfs.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"

struct dentry *shadow_create(struct mount *m, struct dentry *real)
{
	struct dentry *d = dentry_create(NULL, m, "", 0, 0, NULL);

	if (!d)
		return NULL;
	dentry_get(real);
	if (real->vnode)
		vnode_get(real->vnode);
	d->vnode = real->vnode;
	d->real = real;
	d->flags = DENTRY_SHADOW;
	atomic_fetch_add(&m->nr_shadows, 1u, RELAXED);
	return d;
}

/* A mount point in m at real. give. NULL: none. */
static struct dentry *find_point(const struct mount *m, const struct dentry *real)
{
	struct dentry *found = NULL;
	const struct mount *o;

	mutex_lock(&mounts_lock);
	list_for_each(o, &mounts, node)
		if (o->point && o->point->mount == m && dentry_real(o->point) == real) {
			found = o->point;
			dentry_get(found);
			break;
		}
	mutex_unlock(&mounts_lock);
	return found;
}

int shadow_get(struct mount *m, struct dentry *real, struct dentry **out)
{
	struct dentry *d = NULL;

	if (real == dentry_real(m->root)) {
		d = m->root;
		dentry_get(d);
	} else if (!mount_is_bind(m)) {
		*out = real;
		return 0;
	} else if (READ_ONCE(real->flags) & DENTRY_POINT) {
		d = find_point(m, real);
	}
	if (!d)
		d = shadow_create(m, real);
	dentry_put(real);
	*out = d;
	return d ? 0 : -ENOMEM;
}

struct mount *mount_clone(const struct mount *old, struct dentry *real)
{
	struct mount *m = mount_alloc(old->super, old->source, old->options, old->flags);

	if (!m)
		return NULL;
	m->root = shadow_create(m, real);
	if (!m->root) {
		mount_free(m);
		return NULL;
	}
	m->root->flags |= DENTRY_MOUNTROOT;
	return m;
}

/* Is d at or below top in the names of their file system? */
static bool is_within(const struct dentry *top, const struct dentry *d)
{
	rcu_read_lock();
	while (d != top && READ_ONCE(d->parent) != d)
		d = READ_ONCE(d->parent);
	rcu_read_unlock();
	return d == top;
}

/* To the end of copies: those of what is mounted on what n shows. mounts_lock held. */
static int copy_children(struct mount *n, struct list *copies)
{
	struct mount *o, *c;

	list_for_each(o, &mounts, node) {
		if (!o->point || o->point->mount != n->copy_of || o->is_unbindable || !is_within(dentry_real(n->root), dentry_real(o->point)))
			continue;
		c = mount_clone(o, dentry_real(o->root));
		if (!c)
			return -ENOMEM;
		c->copy_of = o;
		list_add_tail(copies, &c->node);
		/* What lies over the root of a mount covers the root of the copy, too. */
		if (o->point == o->point->mount->root) {
			c->point = n->root;
			dentry_get(c->point);
		} else {
			c->point = shadow_create(n, dentry_real(o->point));
		}
		if (!c->point)
			return -ENOMEM;
	}
	return 0;
}

/* A copy of what is seen at d, with the mounts below it if is_recursive; it comes first. The points are set, and nothing else. mounts_lock held. */
static int copy_tree(struct dentry *d, bool is_recursive, struct list *copies)
{
	struct mount *m = mount_clone(d->mount, dentry_real(d));
	int r = 0;

	if (!m)
		return -ENOMEM;
	m->copy_of = d->mount;
	list_add_tail(copies, &m->node);
	if (is_recursive)
		list_for_each(m, copies, node) {	/* it grows */
			r = copy_children(m, copies);
			if (r)
				break;
		}
	return r;
}

/* Mount the copies, the first one at point (take). On failure they are all as they were. mounts_lock held. */
static int link_copies(struct list *copies, struct dentry *point)
{
	struct mount *m = list_first(copies, struct mount, node);
	int r;

	list_del(&m->node);
	r = mount_link(m, point);
	if (r) {
		list_add_tail(copies->next, &m->node);	/* first again */
		return r;
	}
	while (!list_is_empty(copies)) {
		m = list_first(copies, struct mount, node);
		list_del(&m->node);
		mount_set_point(m, m->point);
	}
	return 0;
}

/* What is to be seen at another place, too, or instead. give. 0 or -errno. */
static int find_source(struct fs_context *ctx, const char *source, struct dentry **out)
{
	return source && *source ? path_lookup(ctx, NULL, source, WALK_FOLLOW, out, NULL) : -EINVAL;
}

int mount_bind(struct fs_context *ctx, struct dentry *point, const char *source, bool is_recursive)
{
	struct list copies = LIST_INIT(copies);
	struct dentry *from;
	int r;

	r = find_source(ctx, source, &from);
	if (r)
		return r;
	mutex_lock(&mounts_lock);
	if (!mount_is_attached(from->mount) || from->mount->is_unbindable)
		r = -EINVAL;
	if (!r)
		r = copy_tree(from, is_recursive, &copies);
	if (!r && vnode_is_dir(from->vnode) != vnode_is_dir(point->vnode))
		r = -ENOTDIR;
	if (!r) {
		dentry_get(point);
		r = link_copies(&copies, point);
	}
	mutex_unlock(&mounts_lock);
	/* From the last on: each may be on a shadow of one before it. */
	while (!list_is_empty(&copies)) {
		struct mount *m = list_last(&copies, struct mount, node);

		list_del(&m->node);
		mount_free(m);
	}
	dentry_put(from);
	if (!r)
		pseudo_event_raise(&mounts_changed);
	return r;
}

/* mounts_lock held. */
static int check_move(const struct dentry *from, struct dentry *point)
{
	const struct mount *m = from->mount, *p = point->mount;

	if (READ_ONCE(dentry_real(point)->flags) & DENTRY_DELETED)
		return -ENOENT;
	if (!mount_is_attached(p) || !mount_is_attached(m) || m->root != from || !m->point || vnode_is_dir(from->vnode) != vnode_is_dir(point->vnode))
		return -EINVAL;
	for (; p; p = p->point ? p->point->mount : NULL)
		if (p == m)
			return -ELOOP;
	return 0;
}

int mount_move(struct fs_context *ctx, struct dentry *point, const char *source)
{
	struct dentry *from;
	int r;

	r = find_source(ctx, source, &from);
	if (r)
		return r;
	mount_change_begin();
	mutex_lock(&mounts_lock);
	dentry_get(point);
	point = mount_topmost(point);
	r = check_move(from, point);
	if (!r) {
		mount_leave_point(from->mount);
		mount_set_point(from->mount, point);
	} else {
		dentry_put(point);
	}
	mutex_unlock(&mounts_lock);
	dentry_put(from);
	if (!r)
		pseudo_event_raise(&mounts_changed);
	mount_change_end();
	return r;
}

int mount_change_type(struct dentry *root, unsigned long flags)
{
	unsigned long type = flags & ~(MS_REC | MS_SILENT);
	struct mount *m;

	if (root->mount->root != root || (type & (type - 1)) || (type & ~(MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)))
		return -EINVAL;
	mutex_lock(&mounts_lock);
	list_for_each(m, &mounts, node) {
		const struct mount *p = m;

		while ((flags & MS_REC) && p && p != root->mount)
			p = p->point ? p->point->mount : NULL;
		if (p == root->mount)
			m->is_unbindable = type == MS_UNBINDABLE;
	}
	mutex_unlock(&mounts_lock);
	return 0;
}
