/* SPDX-License-Identifier: MIT
 *
 * /proc and /sys: a tree made at the first look from the registered entries (procfs.h), and the vnodes over it.
 *
 * "/proc/self/x" is kept as "/proc/1/x", with /proc/self a link to "1", as programs see it on Linux. Where "%" stands for a number a lookup asks the entry's pseudo_dir
 * whether that number exists, and what is below is never cached.
 */
#include "fs/procfs.h"

#include "fs/dentry.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define PROC_MAGIC	0x9fa0u
#define SYSFS_MAGIC	0x62656572u
#define DYNAMIC_INO	(1ull << 20)
#define SELF_PID	"1"
#define STORE_MAX	PAGE_SIZE

SET_DECLARE(pseudo_files, struct pseudo_file);
SET_DECLARE(pseudo_links, struct pseudo_link);
SET_DECLARE(pseudo_dirs, struct pseudo_dir);

/* One name of the tree; made at boot, lives for ever. Exactly one of file, link, or neither (a directory). */
struct node {
	struct node *next, *children;	/* [I] */
	const char *name;		/* [I] not terminated, in the entry's path */
	size_t len;
	const struct pseudo_file *file;
	const struct pseudo_link *link;
	const struct pseudo_dir *dir;	/* of a "%" */
	uint64_t ino;
	bool is_dynamic;		/* "%" */
};

struct pseudo_vnode {
	struct vnode v;			/* first */
	const struct node *node;
	struct pseudo_args args;
	unsigned nr_args;
};

static struct node proc_tree = { .ino = 1 }, sys_tree = { .ino = 2 };	/* [I] after build() */
static uint64_t next_ino = 3;		/* [build_lock] */
static struct mutex build_lock;
static bool is_built;			/* [a; build_lock] */

static const struct vnode_ops vops;
static const struct file_ops file_fops, dir_fops;

/* ---- text ------------------------------------------------------------------------------------------------------------------------ */

static bool text_room(struct text *t, size_t more)
{
	size_t capacity = t->capacity ? t->capacity : 512;
	char *p;

	if (t->has_failed)
		return false;
	if (t->len + more <= t->capacity)
		return true;
	while (capacity < t->len + more)
		capacity *= 2;
	p = krealloc(t->data, capacity);
	if (!p) {
		t->has_failed = true;
		return false;
	}
	t->data = p;
	t->capacity = capacity;
	return true;
}

void text_append(struct text *t, const char *s, size_t len)
{
	if (!text_room(t, len))
		return;
	memcpy(t->data + t->len, s, len);
	t->len += len;
}

void text_printf(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!text_room(t, 128))
		return;
	va_start(ap, fmt);
	n = vsnprintf(t->data + t->len, t->capacity - t->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= t->capacity - t->len) {
		if (!text_room(t, (size_t)n + 1))
			return;
		va_start(ap, fmt);
		n = vsnprintf(t->data + t->len, t->capacity - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}

/* ---- the tree -------------------------------------------------------------------------------------------------------------------- */

static struct node *child(const struct node *dir, const char *name, size_t len)
{
	struct node *n;

	for (n = dir->children; n; n = n->next)
		if (n->len == len && memcmp(n->name, name, len) == 0)
			return n;
	return NULL;
}

static struct node *add(struct node *dir, const char *name, size_t len)
{
	struct node *n = child(dir, name, len), **end;

	if (n)
		return n;
	n = KNEW(struct node);
	if (!n)
		return NULL;
	n->name = name;
	n->len = len;
	n->is_dynamic = len == 1 && name[0] == '%';
	n->ino = next_ino++;
	for (end = &dir->children; *end; end = &(*end)->next)
		;
	*end = n;
	return n;
}

/* The node of a path, with its parents; NULL: no memory, or not below /proc or /sys. */
static struct node *add_path(const char *path)
{
	struct node *n;

	if (strncmp(path, "/proc/", 6) == 0) {
		n = &proc_tree;
		path += 6;
		if (strncmp(path, "self/", 5) == 0) {
			n = add(n, SELF_PID, sizeof(SELF_PID) - 1);
			path += 5;
		}
	} else if (strncmp(path, "/sys/", 5) == 0) {
		n = &sys_tree;
		path += 5;
	} else {
		return NULL;
	}
	while (n && *path) {
		const char *end = strchr(path, '/');
		size_t len = end ? (size_t)(end - path) : strlen(path);

		n = add(n, path, len);
		path += len + (end != NULL);
	}
	return n;
}

static int build_locked(void)
{
	const struct pseudo_file *const *f;
	const struct pseudo_link *const *l;
	const struct pseudo_dir *const *d;
	struct node *n;

	SET_FOREACH(f, pseudo_files) {
		n = add_path((*f)->path);
		if (!n)
			return -ENOMEM;
		n->file = *f;
	}
	SET_FOREACH(l, pseudo_links) {
		n = add_path((*l)->path);
		if (!n)
			return -ENOMEM;
		n->link = *l;
	}
	SET_FOREACH(d, pseudo_dirs) {
		n = add_path((*d)->path);
		if (!n)
			return -ENOMEM;
		n->dir = *d;
	}
	return 0;
}

/* The trees are made when somebody first looks: a program that does not use /proc does not pay for it. After -ENOMEM the next look goes on where this ended. */
static int build(void)
{
	int r = 0;

	if (likely(atomic_load(&is_built, ACQUIRE)))	/* acquire: the tree. Pairs: the store below */
		return 0;
	mutex_lock(&build_lock);
	if (!is_built)
		r = build_locked();
	if (!r)
		atomic_store(&is_built, true, RELEASE);	/* release: the tree. Pairs: the load above */
	mutex_unlock(&build_lock);
	return r;
}

/* ---- vnodes ---------------------------------------------------------------------------------------------------------------------- */

static struct pseudo_vnode *pv_of(struct vnode *v)
{
	return container_of(v, struct pseudo_vnode, v);
}

static uint32_t mode_of(const struct node *n)
{
	if (n->file)
		return S_IFREG | n->file->mode;
	return n->link ? S_IFLNK | 0777 : S_IFDIR | 0555;
}

static uint64_t ino_of(const struct node *n, const struct pseudo_args *a, unsigned nr_args)
{
	uint64_t ino = n->ino;

	for (unsigned i = 0; i < nr_args; i++)
		ino += ((uint64_t)a->id[i] + 1) * (DYNAMIC_INO << (20 * i));
	return ino;
}

static struct pseudo_vnode *vnode_for(struct fs_super *s, const struct node *n, const struct pseudo_args *a, unsigned nr_args)
{
	struct pseudo_vnode *p = KNEW(struct pseudo_vnode);
	const struct node *c;

	if (!p)
		return NULL;
	vnode_init(&p->v, s, &vops, n->file ? &file_fops : &dir_fops, mode_of(n), ino_of(n, a, nr_args));
	p->node = n;
	p->args = *a;
	p->nr_args = nr_args;
	if (nr_args)
		p->v.flags |= VNODE_UNCACHED;
	for (c = n->children; c; c = c->next)
		if (c->is_dynamic)
			p->v.flags |= VNODE_UNCACHED;
	if (vnode_is_dir(&p->v))
		p->v.nlink = 2;
	vnode_now(&p->v.mtime);
	p->v.atime = p->v.ctime = p->v.btime = p->v.mtime;
	return p;
}

static long parse_id(const char *name, size_t len)
{
	long id = 0;

	if (!len || len > 10 || (name[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		id = id * 10 + (name[i] - '0');
	}
	return id;
}

static int lookup(struct vnode *v, const char *name, size_t len, struct vnode **out)
{
	struct pseudo_vnode *dir = pv_of(v), *p;
	struct pseudo_args a = dir->args;
	unsigned nr_args = dir->nr_args;
	const struct node *n;
	int r = build();

	if (r)
		return r;
	n = child(dir->node, name, len);
	if (!n || n->is_dynamic) {
		long id = parse_id(name, len);

		n = child(dir->node, "%", 1);
		if (id < 0 || !n || !n->dir || nr_args >= ARRAY_SIZE(a.id) || n->dir->next(id, &a) != id)
			return -ENOENT;
		a.id[nr_args++] = id;
	}
	p = vnode_for(v->super, n, &a, nr_args);
	if (!p)
		return -ENOMEM;
	*out = &p->v;
	return 0;
}

/* Nothing can be made here; the errors are those of Linux's /proc. */
static int create(struct vnode *v, const char *name, size_t len, const struct vnode_new *how, struct vnode **out)
{
	(void)v, (void)name, (void)len, (void)out;
	return (how->mode & S_IFMT) == S_IFREG ? -ENOENT : -EPERM;
}

static ssize_t readlink(struct vnode *v, char *buf, size_t size)
{
	struct pseudo_vnode *p = pv_of(v);
	ssize_t r;
	char *tmp;

	if (!p->node->link)
		return -EINVAL;
	/* Targets are written with an end, which a reader's buffer need not have room for. */
	tmp = kmalloc(PATH_MAX);
	if (!tmp)
		return -ENOMEM;
	r = p->node->link->target(tmp, PATH_MAX, &p->args);
	if (r > 0) {
		r = (ssize_t)MIN((size_t)r, MIN(size, PATH_MAX - 1ul));
		memcpy(buf, tmp, (size_t)r);
	}
	kfree(tmp);
	return r;
}

static int follow(struct vnode *v, struct file **out)
{
	struct pseudo_vnode *p = pv_of(v);

	return p->node->link && p->node->link->open ? p->node->link->open(&p->args, out) : -ENOTSUP;
}

static void destroy(struct vnode *v)
{
	vnode_free_rcu(v);
}

static int open(struct vnode *v, unsigned flags, struct file **out);

static const struct vnode_ops vops = {
	.lookup = lookup,
	.create = create,
	.readlink = readlink,
	.follow = follow,
	.open = open,
	.destroy = destroy,
};

/* ---- directories ----------------------------------------------------------------------------------------------------------------- */

/* Positions: 0 and 1 the dots, 2 + i the i-th child; from DYNAMIC on, the numbers. */
#define POS_DYNAMIC	(1ull << 32)

static int emit_numbers(struct file *f, struct pseudo_vnode *p, const struct node *n, struct dirent_sink *sink)
{
	struct pseudo_args a = p->args;
	char name[24];
	long id;
	int r;

	if (p->nr_args >= ARRAY_SIZE(a.id))
		return 0;
	while ((id = n->dir->next((long)(f->pos - POS_DYNAMIC), &a)) >= 0) {
		size_t len = (size_t)snprintf(name, sizeof(name), "%ld", id);

		a.id[p->nr_args] = id;
		r = sink->emit(sink, name, len, ino_of(n, &a, p->nr_args + 1), POS_DYNAMIC + (uint64_t)id + 1, vnode_dtype(mode_of(n)));
		if (r)
			return r;
		f->pos = POS_DYNAMIC + (uint64_t)id + 1;
	}
	return 0;
}

static int getdents_locked(struct file *f, struct dirent_sink *sink)
{
	struct pseudo_vnode *p = pv_of(f->vnode);
	const struct node *n, *dynamic = NULL;
	uint64_t i = 2;
	int r = build();

	if (r)
		return r;
	for (; f->pos < 2; f->pos++) {
		r = sink->emit(sink, "..", f->pos + 1, f->vnode->ino, f->pos + 1, DT_DIR);
		if (r)
			return r;
	}
	for (n = p->node->children; n; n = n->next, i++) {
		if (n->is_dynamic) {
			dynamic = n;
			continue;
		}
		if (i < f->pos)
			continue;
		r = sink->emit(sink, n->name, n->len, ino_of(n, &p->args, p->nr_args), i + 1, vnode_dtype(mode_of(n)));
		if (r)
			return r;
		f->pos = i + 1;
	}
	if (f->pos < POS_DYNAMIC)
		f->pos = POS_DYNAMIC;
	return dynamic && dynamic->dir ? emit_numbers(f, p, dynamic, sink) : 0;
}

static int getdents(struct file *f, struct dirent_sink *sink)
{
	int r;

	mutex_lock(&f->pos_lock);
	r = getdents_locked(f, sink);
	mutex_unlock(&f->pos_lock);
	return r;
}

static int64_t seek_dir(struct file *f, int64_t off, int whence)
{
	if (whence == 1)
		off += (int64_t)f->pos;
	if (whence > 1 || whence < 0 || off < 0)
		return -EINVAL;
	f->pos = (uint64_t)off;
	return off;
}

static const struct file_ops dir_fops = {
	.getdents = getdents,
	.seek = seek_dir,
};

/* ---- files ----------------------------------------------------------------------------------------------------------------------- */

/* An open file's text; in f->private from the first read on. */
struct content {
	struct mutex lock;
	struct text text;		/* [lock] */
	bool is_made;			/* [lock] */
};

/* lock held. */
static int make_text(struct pseudo_vnode *p, struct content *c)
{
	int r;

	c->text.len = 0;
	c->text.has_failed = false;
	r = p->node->file->show(&c->text, &p->args);
	if (!r && c->text.has_failed)
		r = -ENOMEM;
	c->is_made = !r;
	return r;
}

static ssize_t read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pseudo_vnode *p = pv_of(f->vnode);
	struct content *c = f->private;
	ssize_t r = 0;

	if (!p->node->file->show)
		return -EINVAL;
	mutex_lock(&c->lock);
	if (!c->is_made || *pos == 0)
		r = make_text(p, c);
	if (!r && *pos < c->text.len) {
		r = uio_copy_to(u, c->text.data + *pos, c->text.len - *pos);
		if (r > 0)
			*pos += (uint64_t)r;
	}
	mutex_unlock(&c->lock);
	return r;
}

static ssize_t write(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pseudo_vnode *p = pv_of(f->vnode);
	size_t len = MIN(u->left, STORE_MAX - 1);
	char *buf;
	ssize_t r;

	if (!p->node->file->store)
		return -EIO;
	buf = kmalloc(len + 1);
	if (!buf)
		return -ENOMEM;
	r = uio_copy_from(u, buf, len);
	if (r > 0) {
		buf[r] = 0;
		r = p->node->file->store(buf, (size_t)r, &p->args);
	}
	kfree(buf);
	if (r > 0)
		*pos += (uint64_t)r;
	return r;
}

static void release(struct file *f)
{
	struct content *c = f->private;

	kfree(c->text.data);
	kfree(c);
}

static const struct file_ops file_fops = {
	.read = read,
	.write = write,
	.seek = vnode_seek,
	.release = release,
};

static int open(struct vnode *v, unsigned flags, struct file **out)
{
	struct content *c = NULL;

	if (vnode_is_dir(v))
		return vnode_open(v, flags, out);
	c = KNEW(struct content);
	if (!c)
		return -ENOMEM;
	*out = file_alloc(&file_fops, flags, c);
	if (!*out)
		kfree(c);
	return *out ? 0 : -ENOMEM;
}

/* ---- file systems ---------------------------------------------------------------------------------------------------------------- */

static int mount_tree(const struct fs_type *type, const struct node *tree, struct vnode **root)
{
	struct pseudo_args none = { { 0 } };
	struct fs_super *s = KNEW(struct fs_super);
	struct pseudo_vnode *p;

	if (!s)
		return -ENOMEM;
	s->type = type;
	s->dev = fs_new_dev();
	p = vnode_for(s, tree, &none, 0);
	if (!p) {
		kfree(s);
		return -ENOMEM;
	}
	*root = &p->v;
	return 0;
}

static void statfs_proc(struct fs_super *s, struct statfs_info *out)
{
	(void)s;
	out->type = PROC_MAGIC;
}

static void statfs_sys(struct fs_super *s, struct statfs_info *out)
{
	(void)s;
	out->type = SYSFS_MAGIC;
}

static void unmount(struct fs_super *s)
{
	kfree(s);
}

static int mount_proc(const char *source, const char *options, struct vnode **root);
static const struct fs_type proc_type = { .name = "proc", .mount = mount_proc, .statfs = statfs_proc, .unmount = unmount };
FS_TYPE(proc_type);

static int mount_proc(const char *source, const char *options, struct vnode **root)
{
	(void)source, (void)options;
	return mount_tree(&proc_type, &proc_tree, root);
}

static int mount_sysfs(const char *source, const char *options, struct vnode **root);
static const struct fs_type sysfs_type = { .name = "sysfs", .mount = mount_sysfs, .statfs = statfs_sys, .unmount = unmount };
FS_TYPE(sysfs_type);

static int mount_sysfs(const char *source, const char *options, struct vnode **root)
{
	(void)source, (void)options;
	return mount_tree(&sysfs_type, &sys_tree, root);
}

static ssize_t self_target(char *buf, size_t size, struct pseudo_args *a)
{
	(void)a;
	return (ssize_t)strlcpy(buf, SELF_PID, size);
}
PSEUDO_LINK(proc_self, "/proc/self", self_target, NULL);
