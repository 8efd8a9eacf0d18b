/* SPDX-License-Identifier: MIT
 *
 * The path walk. It goes as far as the dentry cache leads without taking references or locks (advance()), then takes one step the slow way - a name that is not cached, a
 * link, "..", a mount point - and tries again from there. base is referenced all the time, so giving up a fast stretch costs nothing but its time.
 */
#include "fs/cred.h"
#include "fs/dentry.h"
#include "fs/path-cache.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define MAX_LINKS	40u

struct component {
	const char *name;
	size_t len;
	uint32_t hash;
	const char *end;		/* just behind the name */
	const char *next;		/* behind the slashes that follow */
};

static void parse(const char *p, struct component *c)
{
	uint32_t h = 0;

	while (*p == '/')
		p++;
	c->name = p;
	for (; *p && *p != '/'; p++)
		h = (h + (uint8_t)*p) * 0x01000193u;	/* dname_hash() */
	c->hash = h ^ h >> 15;
	c->end = p;
	c->len = (size_t)(p - c->name);
	while (*p == '/')
		p++;
	c->next = p;
}

static bool is_dot(const struct component *c)
{
	return c->len == 1 && c->name[0] == '.';
}

static bool is_dotdot(const struct component *c)
{
	return c->len == 2 && c->name[0] == '.' && c->name[1] == '.';
}

/* A reference to what a slot of the context holds now. */
static struct dentry *context_get(struct dentry **slot)
{
	struct dentry *d;

	rcu_read_lock();
	d = rcu_deref(*slot);
	if (!dentry_try_get(d))
		d = NULL;
	rcu_read_unlock();
	return d;
}

static int set_base(struct walk *w, struct dentry *d)
{
	if (w->base)
		dentry_put(w->base);
	w->base = d;
	return d ? 0 : -ENOENT;
}

int walk_begin(struct walk *w, struct fs_context *ctx, struct file *at, const char *path)
{
	*w = (struct walk){ .ctx = ctx, .root = READ_ONCE(ctx->root), .rest = path };
	if (!*path)
		return -ENOENT;
	if (*path == '/')
		return set_base(w, context_get(&ctx->root));
	if (!at)
		return set_base(w, context_get(&ctx->cwd));
	if (!at->dentry || !vnode_is_dir(at->dentry->vnode))
		return -ENOTDIR;
	dentry_get(at->dentry);
	return set_base(w, at->dentry);
}

static bool is_scoped(unsigned resolve)
{
	return resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT);
}

int walk_begin_within(struct walk *w, struct fs_context *ctx, struct file *at, const char *path, unsigned resolve)
{
	bool is_absolute = *path == '/';
	int r;

	if (is_absolute && (resolve & RESOLVE_BENEATH)) {
		*w = (struct walk){ 0 };
		return -EXDEV;
	}
	/* The directory is the root of a scoped walk. */
	r = walk_begin(w, ctx, at, is_absolute && is_scoped(resolve) ? "." : path);
	w->rest = path;
	w->resolve = resolve;
	if (r || !is_scoped(resolve))
		return r;
	w->root = w->base;
	dentry_get(w->root);
	w->seq = atomic_load(&rename_seq, ACQUIRE);	/* acquire: even before the lookups. Pairs: seq_end in dentry.c */
	return 0;
}

void walk_end(struct walk *w)
{
	if (is_scoped(w->resolve) && w->root)
		dentry_put(w->root);
	if (w->base)
		dentry_put(w->base);
	if (w->file)
		file_put(w->file);
	kfree(w->buf);
}

/* The seq that a fast stretch starts with. False: a rename is going on. */
static bool walk_start(uint32_t *seq)
{
	*seq = atomic_load(&rename_seq, ACQUIRE);	/* acquire: even before the lookups. Pairs: seq_end in dentry.c */
	return !(*seq & 1);
}

static bool walk_validate(uint32_t seq)
{
	atomic_fence(ACQUIRE);		/* acquire: lookups before the second look. Pairs: seq_begin in dentry.c */
	return atomic_load(&rename_seq, RELAXED) == seq;
}

/* Follow cached directories from base as long as the component is not the last. */
static void advance(struct walk *w)
{
	struct dentry *d = w->base, *c;
	const char *p = w->rest;
	struct component comp;
	uint64_t who = cred_current()->id;
	uint32_t seq;

	if (unlikely(w->resolve))
		return;
	rcu_read_lock();
	if (!walk_start(&seq))
		goto out;
	for (;;) {
		parse(p, &comp);
		if (!*comp.next)
			break;
		if (comp.name[0] == '.' && (is_dot(&comp) || is_dotdot(&comp)))
			break;
		if (unlikely(who) && vnode_permission(d->vnode, MAY_EXEC))
			break;
		c = dentry_find_rcu(d, comp.name, comp.len, comp.hash);
		if (!c || !c->vnode || !vnode_is_dir(c->vnode))
			break;
		d = dentry_resolve_mounts(c);
		p = comp.end;
	}
	if (d == w->base || !dentry_try_get(d))
		goto out;
	if (!walk_validate(seq)) {
		rcu_read_unlock();
		dentry_put(d);
		return;
	}
	rcu_read_unlock();
	w->rest = p;
	(void)set_base(w, d);
	return;
out:
	rcu_read_unlock();
}

/* May a restricted walk go from base to d? */
static int may_step(const struct walk *w, const struct dentry *d)
{
	return (w->resolve & RESOLVE_NO_XDEV) && d->mount != w->base->mount ? -EXDEV : 0;
}

/* As lookup(), in a restricted walk. put: d on failure. */
static int check_found(const struct walk *w, struct dentry *d)
{
	int r = may_step(w, d);

	/* As Linux, whose tmpfs remembers no names that are not there, and whose proc and sysfs (those with follow) ask each time. */
	if (!r && (w->resolve & RESOLVE_CACHED) && (!d->vnode || d->vnode->ops->follow))
		r = -EAGAIN;
	if (r)
		dentry_put(d);
	return r;
}

/* What is above d, out of mounts but not out of root: of the top of a tree itself. NULL: nowhere any more. give. */
static struct dentry *above(struct dentry *d, struct place root)
{
	bool is_top, is_shadow;
	struct dentry *up;

	mutex_lock(&mounts_lock);
	while (place_is_mount_root(place_of(d)) && d->mount->point && !place_is_same(place_of(d), root))
		d = d->mount->point;
	is_top = place_is_same(place_of(d), root) || (place_is_mount_root(place_of(d)) && !d->mount->point);
	is_shadow = (d->flags & DENTRY_SHADOW) && !is_top;
	rcu_read_lock();
	up = is_top ? d : READ_ONCE(dentry_real(d)->parent);
	/* A directory that is shown by a bind mount may have been moved to where that does not reach. */
	if ((is_shadow && up == dentry_real(d)) || !dentry_try_get(up))
		up = NULL;
	if (is_shadow)
		dentry_get(d);		/* keeps its mount */
	rcu_read_unlock();
	mutex_unlock(&mounts_lock);
	if (is_shadow) {
		if (up && shadow_get(d->mount, up, &up))
			up = NULL;
		dentry_put(d);
	}
	return up;
}

/* One up from base: not above the root, and out of mounts. */
static int step_up(struct walk *w)
{
	struct dentry *root, *up = NULL;
	bool is_at_root;

	if (w->base == w->root || w->base == vfs_root)
		return w->resolve & RESOLVE_BENEATH ? -EXDEV : 0;
	root = is_scoped(w->resolve) ? w->root : context_get(&w->ctx->root);	/* the context's may change meanwhile */
	if (!root)
		return -ENOENT;
	is_at_root = place_is_same(place_of(w->base), place_of(root));
	if (!is_at_root)
		up = above(w->base, place_of(root));
	if (!is_scoped(w->resolve))
		dentry_put(root);
	if (is_at_root)
		return w->resolve & RESOLVE_BENEATH ? -EXDEV : 0;
	if (unlikely(w->resolve) && up) {
		int r = may_step(w, up);

		/* What is above may have been moved out of the scope meanwhile; then nobody can say whether ".." has left it. */
		if (!r && is_scoped(w->resolve) && !walk_validate(w->seq))
			r = -EAGAIN;
		if (r) {
			dentry_put(up);
			return r;
		}
	}
	return set_base(w, up);
}

static int lookup_slow(struct walk *w, const char *name, size_t len, uint32_t hash, struct dentry **out)
{
	struct vnode *dir = w->base->vnode;
	struct dentry *d, *top;
	int r;

	mutex_lock(&dir->super->ns_lock);
	r = dentry_lookup_locked(w->base, name, len, hash, &d);
	mutex_unlock(&dir->super->ns_lock);
	if (!r && unlikely(w->base->flags & DENTRY_SHADOW))
		r = shadow_get(w->base->mount, d, &d);
	if (r)
		return r;
	if (unlikely(READ_ONCE(d->covered))) {
		mutex_lock(&mounts_lock);
		top = dentry_resolve_mounts(d);
		dentry_get(top);
		mutex_unlock(&mounts_lock);
		dentry_put(d);
		d = top;
	}
	*out = d;
	return 0;
}

/* Child of base by name, mounts resolved, maybe negative. */
static int lookup(struct walk *w, const char *name, size_t len, uint32_t hash, struct dentry **out)
{
	struct dentry *d;
	uint32_t seq;
	bool is_good = false;
	int r;

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	if (!vnode_is_dir(w->base->vnode))
		return -ENOTDIR;
	r = vnode_permission(w->base->vnode, MAY_EXEC);
	if (r)
		return r;
	rcu_read_lock();
	if (walk_start(&seq)) {
		d = dentry_find_rcu(w->base, name, len, hash);
		if (d) {
			d = dentry_resolve_mounts(d);
			is_good = dentry_try_get(d);
		}
	}
	rcu_read_unlock();
	if (is_good) {
		if (walk_validate(seq)) {
			*out = d;
			return likely(!w->resolve) ? 0 : check_found(w, d);
		}
		dentry_put(d);
	}
	if (unlikely(w->resolve & RESOLVE_CACHED))
		return -EAGAIN;
	r = lookup_slow(w, name, len, hash, out);
	return likely(!w->resolve) || r ? r : check_found(w, *out);
}

/* One component, not the last, with everything that can happen. */
static int step(struct walk *w, const struct component *c)
{
	struct dentry *d;
	int r;

	if (!vnode_is_dir(w->base->vnode))
		return -ENOTDIR;
	if (is_dot(c) || is_dotdot(c)) {
		r = vnode_permission(w->base->vnode, MAY_EXEC);
		w->rest = c->end;
		return r ? r : is_dot(c) ? 0 : step_up(w);
	}
	r = lookup(w, c->name, c->len, c->hash, &d);
	if (r)
		return r;
	w->rest = c->end;
	if (!d->vnode) {
		dentry_put(d);
		return -ENOENT;
	}
	if (vnode_type(d->vnode) == S_IFLNK) {
		r = walk_follow(w, d);
		dentry_put(d);
		if (r || !w->file)
			return r;
		/* A link to an open directory (/proc/self/fd/N/...). */
		d = w->file->dentry;
		if (d)
			dentry_get(d);
		file_put(w->file);
		w->file = NULL;
		if (!d)
			return -ENOTDIR;
	}
	if (!vnode_is_dir(d->vnode)) {
		dentry_put(d);
		return -ENOTDIR;
	}
	return set_base(w, d);
}

int walk_parent(struct walk *w)
{
	struct component c;
	int r;

	for (;;) {
		advance(w);
		parse(w->rest, &c);
		if (!*c.next)
			break;
		r = step(w, &c);
		if (r)
			return r;
	}
	if (!vnode_is_dir(w->base->vnode))
		return -ENOTDIR;
	/* Who may not search it does not learn what is in it. */
	r = cred_current()->id ? vnode_permission(w->base->vnode, MAY_EXEC) : 0;
	if (r)
		return r;
	if (c.len > NAME_MAX)
		return -ENAMETOOLONG;
	w->last = c.name;
	w->last_len = c.len;
	w->last_hash = c.hash;
	w->has_slash = c.end != c.next;
	w->last_type = !c.len ? LAST_ROOT : is_dot(&c) ? LAST_DOT : is_dotdot(&c) ? LAST_DOTDOT : LAST_NORMAL;
	w->rest = c.end;
	return 0;
}

int walk_child(struct walk *w, struct dentry **out)
{
	int r = 0;

	if (w->last_type == LAST_NORMAL)
		return lookup(w, w->last, w->last_len, w->last_hash, out);
	if (w->last_type != LAST_ROOT)
		r = vnode_permission(w->base->vnode, MAY_EXEC);
	if (!r && w->last_type == LAST_DOTDOT)
		r = step_up(w);
	if (r)
		return r;
	dentry_get(w->base);
	*out = w->base;
	return 0;
}

/* A link leads a restricted walk to an open file: d, or a file without a name. */
static int may_jump(const struct walk *w, const struct dentry *d)
{
	if (w->resolve & RESOLVE_NO_MAGICLINKS)
		return -ELOOP;
	if (is_scoped(w->resolve) || ((w->resolve & RESOLVE_NO_XDEV) && (!d || d->mount != w->base->mount)))
		return -EXDEV;
	return 0;
}

/* A link starts at the root. */
static int jump_root(struct walk *w)
{
	struct dentry *root;
	int r;

	if (w->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	if (w->resolve & RESOLVE_IN_ROOT) {
		dentry_get(w->root);
		return set_base(w, w->root);
	}
	root = context_get(&w->ctx->root);
	r = root && w->resolve ? may_step(w, root) : 0;
	if (!r)
		return set_base(w, root);
	dentry_put(root);
	return r;
}

int walk_follow(struct walk *w, struct dentry *d)
{
	struct vnode *v = d->vnode;
	size_t rest_len, size;
	ssize_t n;
	char *buf;
	int r;

	if (++w->nr_links > MAX_LINKS || (w->resolve & RESOLVE_NO_SYMLINKS) || (d->mount && (d->mount->flags & MS_NOSYMFOLLOW)))
		return -ELOOP;
	r = vnode_may_follow(v, w->base->vnode);
	if (r)
		return r;
	if (v->ops->follow) {
		if (w->resolve & RESOLVE_CACHED)
			return -EAGAIN;
		r = v->ops->follow(v, &w->file);
		if (r != -ENOTSUP)
			return r || !w->resolve ? r : may_jump(w, w->file->dentry);
		r = (v->flags & VNODE_MAGIC) && w->resolve ? may_jump(w, w->base) : 0;
		if (r)
			return r;
	}
	rest_len = strlen(w->rest);
	size = MIN(atomic_load(&v->size, RELAXED), (uint64_t)PATH_MAX - 1);
	if (!size)
		size = PATH_MAX - 1;	/* links of /proc have no size */
	if (size + rest_len >= PATH_MAX)
		size = PATH_MAX - 1 - MIN(rest_len, PATH_MAX - 1ul);
	if (!size)
		return -ENAMETOOLONG;
	buf = kmalloc(size + rest_len + 1);
	if (!buf)
		return -ENOMEM;
	n = v->ops->readlink ? v->ops->readlink(v, buf, size) : -EINVAL;
	if (n <= 0) {
		kfree(buf);
		return n ? (int)n : -ENOENT;
	}
	memcpy(buf + n, w->rest, rest_len + 1);
	kfree(w->buf);
	w->buf = buf;
	w->rest = buf;
	return buf[0] == '/' ? jump_root(w) : 0;
}

static int lookup_empty(struct fs_context *ctx, struct file *at, struct dentry **out, struct file **file)
{
	*out = NULL;
	if (!at) {
		*out = context_get(&ctx->cwd);
		return *out ? 0 : -ENOENT;
	}
	if (at->dentry) {
		dentry_get(at->dentry);
		*out = at->dentry;
		return 0;
	}
	if (!file)
		return -ENOENT;
	file_get(at);
	*file = at;
	return 0;
}

/* The general case of path_lookup(): links, names that are not cached, mount points on the way up, errors. */
static int lookup_walking(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, unsigned resolve,
			  struct dentry **out, struct file **file)
{
	struct dentry *d = NULL;
	struct walk w;
	int r;

	r = walk_begin_within(&w, ctx, at, path, resolve);
	while (!r) {
		r = walk_parent(&w);
		if (!r)
			r = walk_child(&w, &d);
		if (r)
			break;
		if (!d->vnode) {
			r = -ENOENT;
		} else if (vnode_type(d->vnode) == S_IFLNK && ((flags & WALK_FOLLOW) || w.has_slash)) {
			r = walk_follow(&w, d);
			dentry_put(d);
			d = NULL;
			if (r || !w.file)
				continue;
			d = w.file->dentry;
			if (d)
				dentry_get(d);
			else if (file) {
				*file = w.file;
				w.file = NULL;
			} else
				r = -ENOENT;
		}
		if (!r && d && w.has_slash && !vnode_is_dir(d->vnode))
			r = -ENOTDIR;
		break;
	}
	walk_end(&w);
	if (r && d) {
		dentry_put(d);
		d = NULL;
	}
	*out = d;
	return r;
}

/* Start of a walk without references. RCU held. NULL: not a directory. */
static inline struct dentry *start_rcu(struct fs_context *ctx, struct file *at, const char *path)
{
	if (*path == '/')
		return rcu_deref(ctx->root);
	if (!at)
		return rcu_deref(ctx->cwd);
	return at->dentry && vnode_is_dir(at->dentry->vnode) ? at->dentry : NULL;
}

/* The whole path by cached names, RCU held. 0 and a dentry without reference, 1 if ".." was on the way; -ENOENT by a negative one; -EAGAIN: the slow way knows. */
static int lookup_cached(const struct fs_context *ctx, struct dentry *d, const char *p, unsigned flags, struct dentry **out)
{
	int has_up = 0;
	uint64_t who = cred_current()->id;

	for (;;) {
		const char *name;
		struct dentry *c;
		uint32_t h = 0, type;

		while (*p == '/')
			p++;
		if (!*p)
			break;
		for (name = p; *p && *p != '/'; p++)
			h = (h + (uint8_t)*p) * 0x01000193u;	/* dname_hash() */
		if (*name == '.' && p - name <= 2) {
			if (p - name == 1)
				continue;
			if (name[1] == '.') {
				has_up = 1;
				c = READ_ONCE(d->parent);
				if (d == READ_ONCE(ctx->root))
					continue;
				if (c == d)
					return -EAGAIN;
				d = c;
				continue;
			}
		}
		if (unlikely(who) && vnode_permission(d->vnode, MAY_EXEC))
			return -EAGAIN;
		c = dentry_find_rcu(d, name, (size_t)(p - name), h ^ h >> 15);
		if (!c)
			return -EAGAIN;
		if (!c->vnode)
			return -ENOENT;
		c = dentry_resolve_mounts(c);
		type = vnode_type(c->vnode);
		if (type != S_IFDIR && (*p || (type == S_IFLNK && (flags & WALK_FOLLOW))))
			return -EAGAIN;
		d = c;
	}
	*out = d;
	return has_up;
}

/* Keep the path in the cache of whole paths if it leads to d still. d is referenced. */
static __attribute__((noinline)) void remember(struct fs_context *ctx, struct file *at, const char *path, struct dentry *d)
{
	/* The root does not change meanwhile; the thread's rights cannot. */
	struct fs_context now = { .root = READ_ONCE(ctx->root) };
	struct dentry *start, *again;
	uint64_t generation;
	bool is_good;
	uint32_t seq;

	rcu_read_lock();
	generation = path_cache_generation();
	start = start_rcu(ctx, at, path);
	is_good = start && start != d && path_cache_mark(d, start);
	/* seq_cst: the marks before the walk: store->load. Pairs: forget_paths, seq_begin in dentry.c */
	atomic_fence(SEQ_CST);
	is_good = is_good && walk_start(&seq) && !lookup_cached(&now, start, path, 0, &again) && again == d && walk_validate(seq) &&
		  path_cache_generation() == generation;
	rcu_read_unlock();
	if (is_good)
		path_cache_store(start, path, d, generation);
}

/* Asked for the second time, it is kept: most names are used once. r: lookup_cached() of it. */
static void consider(struct fs_context *ctx, struct file *at, const char *path, struct dentry *d, int r)
{
	if (r || vnode_type(d->vnode) == S_IFLNK)
		return;
	if (READ_ONCE(d->flags) & DENTRY_SEEN)
		remember(ctx, at, path, d);
	else
		atomic_fetch_or(&d->flags, DENTRY_SEEN, RELAXED);
}

/* By names that are cached. 0, -ENOENT, or -EAGAIN: look again the slow way. */
static __attribute__((noinline)) int lookup_names(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, struct dentry **out)
{
	struct dentry *d;
	uint32_t seq;
	int r = -EAGAIN;

	rcu_read_lock();
	if (walk_start(&seq)) {
		d = start_rcu(ctx, at, path);
		r = d ? lookup_cached(ctx, d, path, flags, &d) : -EAGAIN;
		if (r >= 0 && !dentry_try_get(d))
			r = -EAGAIN;
	}
	rcu_read_unlock();
	if (r == -EAGAIN)
		return r;
	if (likely(walk_validate(seq))) {
		*out = d;
		if (r < 0)
			return r;
		consider(ctx, at, path, d, r);
		return 0;
	}
	if (r >= 0)
		dentry_put(d);
	return -EAGAIN;
}

/* By the whole path. Referenced; NULL: it is not kept. */
static inline struct dentry *lookup_whole(struct fs_context *ctx, struct file *at, const char *path)
{
	struct dentry *start, *d = NULL;

	rcu_read_lock();
	start = start_rcu(ctx, at, path);
	if (likely(start))
		d = path_cache_find(start, path);
	if (d && unlikely(!dentry_try_get(d)))
		d = NULL;
	rcu_read_unlock();
	return d;
}

/* What path_lookup() does when the path is not kept. */
static __attribute__((noinline)) int lookup_any(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, struct dentry **out, struct file **file)
{
	int r;

	if (*path) {
		r = lookup_names(ctx, at, path, flags, out);
		if (r != -EAGAIN)
			return r;
	} else if (flags & WALK_EMPTY) {
		return lookup_empty(ctx, at, out, file);
	}
	return lookup_walking(ctx, at, path, flags, 0, out, file);
}

int path_lookup(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, struct dentry **out, struct file **file)
{
	if (file)
		*file = NULL;
	if (likely(*path)) {
		*out = lookup_whole(ctx, at, path);
		if (likely(*out))
			return 0;
	}
	return lookup_any(ctx, at, path, flags, out, file);
}

int path_lookup_within(struct fs_context *ctx, struct file *at, const char *path, unsigned flags, unsigned resolve,
		       struct dentry **out, struct file **file)
{
	if (file)
		*file = NULL;
	return lookup_walking(ctx, at, path, flags, resolve, out, file);
}

int path_lookup_cached(struct fs_context *ctx, struct file *at, const char *path, struct dentry **out)
{
	if (!*path)
		return -EAGAIN;
	*out = lookup_whole(ctx, at, path);
	return *out ? 0 : lookup_names(ctx, at, path, WALK_FOLLOW, out);
}
