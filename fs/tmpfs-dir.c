/* SPDX-License-Identifier: MIT
 *
 * Directories of tmpfs: the upper table (two trees: by name, and by age for readdir) over the lower directory.
 *
 * Readdir cookies: 0 ".", 1 "..", then LOWER + position in the lower directory, then UPPER + age of the upper entry. A cookie names the next entry to give, so entries that come
 * and go elsewhere neither repeat nor hide others.
 */
#include "fs/dentry.h"
#include "fs/tmpfs-priv.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define COOKIE_LOWER	(1ull << 32)
#define COOKIE_UPPER	(1ull << 60)

static int compare(uint32_t hash, const char *name, size_t len, const struct tdirent *e)
{
	if (hash != e->hash)
		return hash < e->hash ? -1 : 1;
	if (len != e->len)
		return len < e->len ? -1 : 1;
	return memcmp(name, e->name, len);
}

static struct tdirent *find(struct tdir *d, const char *name, size_t len)
{
	struct rb_node *n = d->by_name.root;
	uint32_t hash;

	if (!n)
		return NULL;
	hash = dname_hash(name, len);
	while (n) {
		struct tdirent *e = rb_entry(n, struct tdirent, by_name);
		int c = compare(hash, name, len, e);

		if (!c)
			return e;
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

/* Give e the youngest place in the order of readdir. */
static void append_seq(struct tdir *d, struct tdirent *e)
{
	struct rb_node *parent = rb_last(&d->by_seq);

	e->seq = d->next_seq++;
	rb_link(&d->by_seq, &e->by_seq, parent, parent ? &parent->right : &d->by_seq.root);
}

static struct tdirent *entry_alloc(const char *name, size_t len)
{
	struct tdirent *e = kzalloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	e->hash = dname_hash(name, len);
	e->len = (uint16_t)len;
	memcpy(e->name, name, len);
	return e;
}

static void insert(struct tdir *d, struct tdirent *e)
{
	struct rb_node **link = &d->by_name.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = compare(e->hash, e->name, e->len, rb_entry(parent, struct tdirent, by_name)) < 0 ? &parent->left : &parent->right;
	}
	rb_link(&d->by_name, &e->by_name, parent, link);
	append_seq(d, e);
	if (e->node)
		d->nr_live++;
	if (e->covers_lower)
		d->nr_covering++;
}

static void entry_remove(struct tdir *d, struct tdirent *e)
{
	rb_remove(&d->by_name, &e->by_name);
	rb_remove(&d->by_seq, &e->by_seq);
	if (e->covers_lower)
		d->nr_covering--;
	if (e->node) {
		d->nr_live--;
		vnode_put(&e->node->v);
	}
	kfree(e);
}

/* 0: the lower directory has the name; -ENOENT, -EUCLEAN. */
static int lower_lookup(struct tnode *dir, const char *name, size_t len, uint64_t *nid)
{
	if (!dir->has_lower)
		return -ENOENT;
	return erofs_lookup(tmpfs_of(&dir->v)->lower, &dir->lower, name, len, nid);
}

static int lookup(struct vnode *v, const char *name, size_t len, struct vnode **out)
{
	struct tnode *dir = tnode_of(v), *n;
	struct tdirent *e = find(&dir->dir, name, len);
	uint64_t nid;
	int r;

	if (e) {
		if (!e->node)
			return -ENOENT;
		vnode_get(&e->node->v);
		*out = &e->node->v;
		return 0;
	}
	r = lower_lookup(dir, name, len, &nid);
	if (!r)
		r = tmpfs_node_lower(tmpfs_of(v), nid, &n);
	if (!r)
		*out = &n->v;
	return r;
}

/*
 * Changing the table in two steps, so that what can fail comes first: prepare() makes sure that there is an entry for the name (a whiteout if it is new and covers a lower name;
 * not linked in if new), commit gives it its node.
 */
static int prepare(struct tnode *dir, const char *name, size_t len, struct tdirent **out, bool *is_new)
{
	struct tdirent *e = find(&dir->dir, name, len);
	uint64_t nid;
	int r;

	*is_new = !e;
	*out = e;
	if (e)
		return 0;
	r = lower_lookup(dir, name, len, &nid);
	if (r && r != -ENOENT)
		return r;
	e = entry_alloc(name, len);
	if (!e)
		return -ENOMEM;
	e->covers_lower = !r;
	*out = e;
	return 0;
}

/* node: take, or NULL for "no such name". The entry is freed if nothing needs it. */
static void commit(struct tnode *dir, struct tdirent *e, bool is_new, struct tnode *node)
{
	struct tdir *d = &dir->dir;
	struct tnode *old = e->node;

	if (is_new) {
		e->node = node;
		insert(d, e);
	} else {
		e->node = node;
		if (node && !old)
			d->nr_live++;
		if (!node && old)
			d->nr_live--;
		if (node) {
			/* A new file under an old name is a new entry for who reads the directory. */
			rb_remove(&d->by_seq, &e->by_seq);
			append_seq(d, e);
		}
		if (old)
			vnode_put(&old->v);
	}
	if (!e->node && !e->covers_lower)
		entry_remove(d, e);
	tmpfs_pin(dir);
	vnode_touch(&dir->v, VNODE_MTIME | VNODE_CTIME);
}

static int create(struct vnode *v, const char *name, size_t len, const struct vnode_new *how, struct vnode **out)
{
	struct tnode *dir = tnode_of(v), *n;
	struct vnode_new inherited = *how;
	struct tdirent *e;
	bool is_new;
	int r;

	r = prepare(dir, name, len, &e, &is_new);
	if (r)
		return r;
	if (READ_ONCE(v->mode) & S_ISGID) {
		inherited.gid = v->gid;
		if ((how->mode & S_IFMT) == S_IFDIR)
			inherited.mode |= S_ISGID;
		else if ((how->mode & (S_ISGID | 0010)) == (S_ISGID | 0010))
			inherited.mode = vnode_keep_setgid(how->mode, v->gid);
	}
	r = tmpfs_node_new(tmpfs_of(v), &inherited, &n);
	if (r) {
		if (is_new)
			kfree(e);
		return r;
	}
	if (vnode_is_dir(&n->v))
		WRITE_ONCE(v->nlink, v->nlink + 1);
	vnode_get(&n->v);
	commit(dir, e, is_new, n);
	*out = &n->v;
	return 0;
}

static int tmpfile(struct vnode *v, const struct vnode_new *how, struct vnode **out)
{
	struct tnode *n;
	int r;

	r = tmpfs_node_new(tmpfs_of(v), how, &n);
	if (r)
		return r;
	n->v.nlink = 0;
	*out = &n->v;
	return 0;
}

static int link(struct vnode *v, const char *name, size_t len, struct vnode *target)
{
	struct tnode *dir = tnode_of(v), *n = tnode_of(target);
	struct tdirent *e;
	bool is_new;
	int r;

	r = tmpfs_charge_link(n);
	if (r)
		return r;
	r = prepare(dir, name, len, &e, &is_new);
	if (r) {
		tmpfs_uncharge_link(n);
		return r;
	}
	WRITE_ONCE(target->nlink, target->nlink + 1);
	tmpfs_pin(n);
	vnode_touch(target, VNODE_CTIME);
	vnode_get(target);
	commit(dir, e, is_new, n);
	return 0;
}

/* 0: n has no entries. */
static int check_empty(struct tnode *n)
{
	struct tmpfs *fs = tmpfs_of(&n->v);
	struct erofs_dirent d = { 0 };
	uint64_t nr = 0;
	int r;

	if (n->dir.nr_live)
		return -ENOTEMPTY;
	if (!n->has_lower)
		return 0;
	while ((r = erofs_dir_next(fs->lower, &n->lower, d.next, &d)) == 0)
		if (++nr > n->dir.nr_covering)
			return -ENOTEMPTY;
	return r == -ENOENT ? 0 : r;
}

static int unlink(struct vnode *v, const char *name, size_t len, struct vnode *victim)
{
	struct tnode *dir = tnode_of(v), *n = tnode_of(victim);
	struct tdirent *e;
	bool is_new;
	int r;

	if (vnode_is_dir(victim)) {
		r = check_empty(n);
		if (r)
			return r;
	}
	r = prepare(dir, name, len, &e, &is_new);
	if (r)
		return r;
	if (vnode_is_dir(victim)) {
		WRITE_ONCE(v->nlink, v->nlink - 1);
		tmpfs_drop_link(n, n->v.nlink);
	} else {
		tmpfs_drop_link(n, 1);
	}
	commit(dir, e, is_new, NULL);
	return 0;
}

static int exchange(struct tnode *a_dir, struct tdirent *a, bool a_new, struct tnode *an, struct tnode *b_dir, struct tdirent *b, bool b_new,
		    struct tnode *bn)
{
	int delta = vnode_is_dir(&bn->v) - vnode_is_dir(&an->v);

	/* The nodes have a reference of the caller: they survive the moment without a name. */
	vnode_get(&an->v);
	vnode_get(&bn->v);
	tmpfs_pin(an);
	tmpfs_pin(bn);
	commit(a_dir, a, a_new, bn);
	commit(b_dir, b, b_new, an);
	if (a_dir != b_dir) {
		WRITE_ONCE(a_dir->v.nlink, a_dir->v.nlink + (uint32_t)delta);
		WRITE_ONCE(b_dir->v.nlink, b_dir->v.nlink - (uint32_t)delta);
	}
	vnode_touch(&bn->v, VNODE_CTIME);
	return 0;
}

/* What a rename leaves behind: nothing, or a character device 0:0. */
static int node_left(struct vnode *from, unsigned flags, struct tnode **out)
{
	struct vnode_new how = { .mode = S_IFCHR };

	*out = NULL;
	return flags & RENAME_WHITEOUT ? tmpfs_node_new(tmpfs_of(from), &how, out) : 0;
}

static int rename(struct vnode *from, const char *from_name, size_t from_len, struct vnode *v, struct vnode *to, const char *to_name, size_t to_len,
		  struct vnode *victim, unsigned flags)
{
	struct tnode *fd = tnode_of(from), *td = tnode_of(to), *n = tnode_of(v), *left;
	struct tdirent *fe, *te;
	bool f_new, t_new;
	int r;

	if (victim && vnode_is_dir(victim) && !(flags & RENAME_EXCHANGE)) {
		r = check_empty(tnode_of(victim));
		if (r)
			return r;
	}
	r = prepare(fd, from_name, from_len, &fe, &f_new);
	if (r)
		return r;
	r = prepare(td, to_name, to_len, &te, &t_new);
	if (r)
		goto err_from;
	r = node_left(from, flags, &left);
	if (r)
		goto err_to;
	vnode_touch(v, VNODE_CTIME);
	if (flags & RENAME_EXCHANGE)
		return exchange(fd, fe, f_new, n, td, te, t_new, tnode_of(victim));
	if (victim) {
		if (vnode_is_dir(victim))
			WRITE_ONCE(to->nlink, to->nlink - 1);
		tmpfs_drop_link(tnode_of(victim), vnode_is_dir(victim) ? victim->nlink : 1);
	}
	if (vnode_is_dir(v)) {
		WRITE_ONCE(from->nlink, from->nlink - 1);
		WRITE_ONCE(to->nlink, to->nlink + 1);
	}
	tmpfs_pin(n);
	vnode_get(v);
	commit(td, te, t_new, n);
	commit(fd, fe, f_new, left);
	return 0;
err_to:
	if (t_new)
		kfree(te);
err_from:
	if (f_new)
		kfree(fe);
	return r;
}

void tmpfs_dir_destroy(struct tnode *n)
{
	struct rb_node *e;

	while ((e = rb_first(&n->dir.by_name)) != NULL)
		entry_remove(&n->dir, rb_entry(e, struct tdirent, by_name));
}

/* ---- reading --------------------------------------------------------------------------------------------------------------------- */

static int emit_dots(struct file *f, struct dirent_sink *sink)
{
	struct vnode *parent = f->dentry ? dentry_real(f->dentry)->parent->vnode : f->vnode;
	int r = 0;

	if (f->pos == 0) {
		r = sink->emit(sink, ".", 1, f->vnode->ino, 1, DT_DIR);
		if (!r)
			f->pos = 1;
	}
	if (!r && f->pos == 1) {
		r = sink->emit(sink, "..", 2, parent->ino, COOKIE_LOWER, DT_DIR);
		if (!r)
			f->pos = COOKIE_LOWER;
	}
	return r;
}

static int emit_lower(struct file *f, struct tnode *n, struct dirent_sink *sink)
{
	struct erofs *lower = tmpfs_of(&n->v)->lower;
	uint64_t pos = f->pos - COOKIE_LOWER;
	struct erofs_dirent d;
	int r;

	while (n->has_lower) {
		r = erofs_dir_next(lower, &n->lower, pos, &d);
		if (r == -ENOENT)
			break;
		if (r)
			return r;
		if (!n->dir.nr_covering || !find(&n->dir, d.name, d.len)) {
			r = sink->emit(sink, d.name, d.len, d.nid, COOKIE_LOWER + d.next, d.dtype);
			if (r)
				return r;
		}
		pos = d.next;
		f->pos = COOKIE_LOWER + pos;
	}
	f->pos = COOKIE_UPPER;
	return 0;
}

static struct tdirent *first_from(struct tdir *d, uint64_t seq)
{
	struct rb_node *n = d->by_seq.root;
	struct tdirent *best = NULL;

	while (n) {
		struct tdirent *e = rb_entry(n, struct tdirent, by_seq);

		if (e->seq >= seq) {
			best = e;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static int emit_upper(struct file *f, struct tnode *n, struct dirent_sink *sink)
{
	struct tdirent *e = first_from(&n->dir, f->pos - COOKIE_UPPER);
	struct rb_node *next;
	int r;

	for (; e; e = next ? rb_entry(next, struct tdirent, by_seq) : NULL) {
		next = rb_next(&e->by_seq);
		if (e->node) {
			r = sink->emit(sink, e->name, e->len, e->node->v.ino, COOKIE_UPPER + e->seq + 1, vnode_dtype(e->node->v.mode));
			if (r)
				return r;
		}
		f->pos = COOKIE_UPPER + e->seq + 1;
	}
	return 0;
}

static int getdents(struct file *f, struct dirent_sink *sink)
{
	struct tnode *n = tnode_of(f->vnode);
	struct mutex *ns = &f->vnode->super->ns_lock;
	int r;

	mutex_lock(&f->pos_lock);
	mutex_lock(ns);
	r = !f->vnode->nlink ? -ENOENT : emit_dots(f, sink);
	if (!r && f->pos < COOKIE_UPPER)
		r = emit_lower(f, n, sink);
	if (!r)
		r = emit_upper(f, n, sink);
	mutex_unlock(ns);
	mutex_unlock(&f->pos_lock);
	return r == -ENOENT ? 0 : r;
}

static int64_t seek(struct file *f, int64_t off, int whence)
{
	if (whence != 0 && whence != 1)
		return -EINVAL;
	if ((whence == 1 && __builtin_add_overflow(off, (int64_t)f->pos, &off)) || off < 0)
		return -EINVAL;
	/* Anything else than a cookie that was given starts at the next place that makes sense. */
	if (off > 1 && (uint64_t)off < COOKIE_LOWER)
		off = (int64_t)COOKIE_LOWER;
	f->pos = (uint64_t)off;
	return off;
}

static int fsync(struct file *f, bool data_only)
{
	(void)f, (void)data_only;
	return 0;
}

const struct file_ops tmpfs_dir_fops = {
	.getdents = getdents,
	.seek = seek,
	.fsync = fsync,
};

const struct vnode_ops tmpfs_dir_vops = {
	.lookup = lookup,
	.create = create,
	.link = link,
	.unlink = unlink,
	.rename = rename,
	.tmpfile = tmpfile,
	.getattr = tmpfs_getattr,
	.setattr = tmpfs_setattr,
	.getxattr = tmpfs_getxattr,
	.destroy = tmpfs_destroy,
};
