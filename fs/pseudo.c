/* SPDX-License-Identifier: MIT
 *
 * /proc and /sys: the vnodes over the tree of names (pseudo-tree.c).
 *
 * Where "%" stands for a number or a name a lookup asks the entry's pseudo_dir whether that exists, and what is below is never cached.
 *
 * What differs between the files of Linux's procfs, its /proc/sys and its sysfs is told by where they are: the access that root has, what poll(2) says, where one can seek.
 */
#include "fs/pseudo-priv.h"

#include "fs/dentry.h"
#include "fs/sysctl.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

#define PROC_MAGIC	0x9fa0u
#define SYSFS_MAGIC	0x62656572u
#define CGROUP2_MAGIC	0x63677270u
#define DYNAMIC_INO	(1ull << 20)
#define STORE_MAX	PAGE_SIZE
#define PROC_BLOCK	1024u
#define POLL_READY	(FILE_POLLIN | FILE_POLLOUT | FILE_POLLRDNORM | FILE_POLLWRNORM)
#define POLL_NEWS	(FILE_POLLERR | FILE_POLLPRI)

struct pseudo_vnode {
	struct vnode v;			/* first */
	struct pseudo_node *node;
	struct pseudo_args args;
	unsigned nr_args;
};

static const struct vnode_ops vops;
static const struct file_ops seq_fops, quiet_fops, sysctl_fops, sysfs_fops, dir_fops;

/* ---- vnodes ---------------------------------------------------------------------------------------------------------------------- */

static struct pseudo_vnode *pv_of(struct vnode *v)
{
	return container_of(v, struct pseudo_vnode, v);
}

static bool is_below(const struct pseudo_node *n, const char *dir)
{
	return strncmp(n->path, dir, strlen(dir)) == 0;
}

/* In Linux files of a process are of another make than the rest of /proc; what they say of the network is of a third. */
static bool is_of_network(const struct pseudo_node *n)
{
	return is_below(n, "/proc/self/net/");
}

static bool is_of_process(const struct pseudo_node *n)
{
	return is_below(n, "/proc/self/") && !is_of_network(n);
}

static uint32_t mode_of(const struct pseudo_node *n)
{
	if (n->file)
		return S_IFREG | n->file->mode;
	if (n->sysctl)
		return S_IFREG | n->sysctl->mode;
	if (n->link)
		return S_IFLNK | 0777;
	return S_IFDIR | (n->dir_mode ? n->dir_mode : is_below(n, "/sys/") || n == pseudo_sys ? 0755 : 0555);
}

static const struct file_ops *fops_of(const struct pseudo_node *n)
{
	if (n->sysctl)
		return &sysctl_fops;
	if (!n->file)
		return &dir_fops;
	if (is_below(n, "/sys/"))
		return &sysfs_fops;
	return n->file->event || !is_of_process(n) ? &seq_fops : &quiet_fops;
}

static uint64_t ino_of(const struct pseudo_node *n, const struct pseudo_args *a, unsigned nr_args)
{
	uint64_t ino = n->ino;

	for (unsigned i = 0; i < nr_args; i++)
		ino += ((uint64_t)a->id[i] + 1) * (DYNAMIC_INO << (20 * i));
	return ino;
}

static struct pseudo_vnode *vnode_for(struct fs_super *s, struct pseudo_node *n, const struct pseudo_args *a, unsigned nr_args)
{
	bool is_dir = !n->file && !n->sysctl && !n->link;
	struct pseudo_vnode *p;

	/* Whether names below may be kept is seen from the children. The roots have no dynamic ones, and boot should not pay for their names. */
	if (is_dir && n != pseudo_proc && n != pseudo_sys && n != pseudo_cgroup2 && pseudo_populate(n))
		return NULL;
	p = KNEW(struct pseudo_vnode);
	if (!p)
		return NULL;
	vnode_init(&p->v, s, &vops, fops_of(n), mode_of(n), ino_of(n, a, nr_args));
	p->node = n;
	p->args = *a;
	p->nr_args = nr_args;
	if (nr_args || (is_dir && pseudo_child(n, "%", 1)))
		p->v.flags |= VNODE_UNCACHED;
	if (n->link && n->link->is_magic)
		p->v.flags |= VNODE_MAGIC;
	if (vnode_is_dir(&p->v))
		p->v.nlink = 2;
	if (p->v.fops == &sysfs_fops)
		p->v.size = n->file->size ? n->file->size : PAGE_SIZE;
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

/* The id of a dynamic name, or -1. */
static long find_dynamic(const struct pseudo_dir *dir, const char *name, size_t len, struct pseudo_args *a)
{
	char buf[NAME_MAX + 1];
	long id;

	if (!dir->name) {
		id = parse_id(name, len);
		return id >= 0 && dir->next(id, a) == id ? id : -1;
	}
	for (id = dir->next(0, a); id >= 0; id = dir->next(id + 1, a)) {
		dir->name(id, buf, sizeof(buf));
		if (strlen(buf) == len && memcmp(buf, name, len) == 0)
			return id;
	}
	return -1;
}

static int lookup(struct vnode *v, const char *name, size_t len, struct vnode **out)
{
	struct pseudo_vnode *dir = pv_of(v), *p;
	struct pseudo_args a = dir->args;
	unsigned nr_args = dir->nr_args;
	struct pseudo_node *n;
	int r = pseudo_populate(dir->node);

	if (r)
		return r;
	n = pseudo_child(dir->node, name, len);
	if (!n || n->is_dynamic) {
		long id;

		n = pseudo_child(dir->node, "%", 1);
		if (!n || !n->dir || nr_args >= ARRAY_SIZE(a.id))
			return -ENOENT;
		id = find_dynamic(n->dir, name, len, &a);
		if (id < 0)
			return -ENOENT;
		a.id[nr_args++] = id;
	}
	p = vnode_for(v->super, n, &a, nr_args);
	if (!p)
		return -ENOMEM;
	*out = &p->v;
	return 0;
}

/* Nothing can be made or removed here; the errors are those that Linux has for root. */
static int create(struct vnode *v, const char *name, size_t len, const struct vnode_new *how, struct vnode **out)
{
	(void)name, (void)len, (void)out;
	if (pv_of(v)->node->path[1] == 'p')
		return -ENOENT;
	return (how->mode & S_IFMT) == S_IFREG ? -EACCES : -EPERM;
}

static int unlink(struct vnode *v, const char *name, size_t len, struct vnode *victim)
{
	(void)name, (void)len, (void)victim;
	return is_below(pv_of(v)->node, "/proc/sys") ? -EACCES : -EPERM;
}

static int link(struct vnode *v, const char *name, size_t len, struct vnode *target)
{
	(void)name, (void)len, (void)target;
	return pv_of(v)->node->path[1] == 'p' ? -ENOENT : -EPERM;
}

static int rename(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *v, struct vnode *to_dir, const char *to, size_t to_len, struct vnode *victim,
		  unsigned flags)
{
	(void)from, (void)from_len, (void)v, (void)to, (void)to_len, (void)flags;
	if (is_below(pv_of(from_dir)->node, "/proc/sys") && victim)
		return -EACCES;
	return pv_of(to_dir)->node->path[1] == 'p' && !victim ? -ENOENT : -EPERM;
}

static int tmpfile(struct vnode *v, const struct vnode_new *how, struct vnode **out)
{
	(void)how, (void)out;
	return is_below(pv_of(v)->node, "/proc/sys") ? -EACCES : -EOPNOTSUPP;
}

/* Kept as long as the vnode is: a file of a process has its mode back at the next look. */
static int setattr(struct vnode *v, const struct vnode_attr *a)
{
	const struct pseudo_node *n = pv_of(v)->node;
	unsigned refused = is_below(n, "/proc/sys/") ? ATTR_MODE | ATTR_UID | ATTR_GID : is_of_process(n) ? ATTR_MODE : 0;

	if (a->what & refused)
		return -EPERM;
	vnode_apply_attr(v, a);
	return 0;
}

/* Taken by all who may be written, and without effect. */
static int truncate(struct vnode *v, uint64_t size)
{
	(void)size;
	return v->fops == &sysctl_fops && !(READ_ONCE(v->mode) & 0222) ? -EACCES : 0;
}

static ssize_t readlink(struct vnode *v, char *buf, size_t size)
{
	struct pseudo_vnode *p = pv_of(v);
	ssize_t r;
	char *tmp;

	if (!p->node->link)
		return -EINVAL;
	if (p->node->link->constant) {
		r = (ssize_t)MIN(strlen(p->node->link->constant), size);
		memcpy(buf, p->node->link->constant, (size_t)r);
		return r;
	}
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

static int getattr(struct vnode *v, struct stat_info *out)
{
	vnode_stat(v, out);
	out->blocks = 0;	/* whatever the size says */
	if (pv_of(v)->node->path[1] == 'p')
		out->blksize = PROC_BLOCK;
	return 0;
}

static int open(struct vnode *v, unsigned flags, struct file **out);

static const struct vnode_ops vops = {
	.lookup = lookup,
	.create = create,
	.unlink = unlink,
	.link = link,
	.rename = rename,
	.tmpfile = tmpfile,
	.setattr = setattr,
	.truncate = truncate,
	.readlink = readlink,
	.follow = follow,
	.getattr = getattr,
	.open = open,
	.destroy = destroy,
};

/* ---- directories ----------------------------------------------------------------------------------------------------------------- */

/* Positions: 0 and 1 the dots, 2 + i the i-th child; from DYNAMIC on, the numbers. */
#define POS_DYNAMIC	(1ull << 32)

static int emit_numbers(struct file *f, struct pseudo_vnode *p, const struct pseudo_node *n, struct dirent_sink *sink)
{
	struct pseudo_args a = p->args;
	char name[NAME_MAX + 1];
	long id;
	int r;

	if (p->nr_args >= ARRAY_SIZE(a.id))
		return 0;
	while ((id = n->dir->next((long)(f->pos - POS_DYNAMIC), &a)) >= 0) {
		size_t len;

		if (n->dir->name)
			n->dir->name(id, name, sizeof(name));
		else
			snprintf(name, sizeof(name), "%ld", id);
		len = strlen(name);

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
	const struct pseudo_node *n, *dynamic = NULL;
	uint64_t i = 2;
	int r = pseudo_populate(p->node);

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

/* The size of these directories, where their end is for SEEK_END, is 0; they hold neither data nor a hole. */
static int64_t seek_dir(struct file *f, int64_t off, int whence)
{
	if (whence == 1)
		off += (int64_t)f->pos;
	if (whence == 3 || whence == 4)
		return -ENXIO;
	if (whence > 4 || whence < 0 || off < 0)
		return -EINVAL;
	f->pos = (uint64_t)off;
	return off;
}

static const struct file_ops dir_fops = {
	.getdents = getdents,
	.seek = seek_dir,
};

/* ---- files ----------------------------------------------------------------------------------------------------------------------- */

/* An open file's text; in f->private from the open on. */
struct content {
	struct mutex lock;
	struct text text;		/* [lock] */
	bool is_made;			/* [a; lock] */
	uint32_t seen;			/* [a] events that this reader knows */
};

void pseudo_event_raise(struct pseudo_event *e)
{
	atomic_fetch_add(&e->count, 1u, RELAXED);
	waitq_wake_all(&e->waiters, 0);
}

static struct pseudo_event *event_of(const struct pseudo_node *n)
{
	return n->file ? n->file->event : n->sysctl->event;
}

/* lock held. */
static int make_text(struct pseudo_vnode *p, struct content *c)
{
	const struct pseudo_file *file = p->node->file;
	int r = 0;

	c->text.len = 0;
	c->text.has_failed = false;
	if (file->show)
		r = file->show(&c->text, &p->args);
	else
		text_append(&c->text, file->constant, strlen(file->constant));
	if (!r && c->text.has_failed)
		r = -ENOMEM;
	WRITE_ONCE(c->is_made, !r);
	return r;
}

static ssize_t read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pseudo_vnode *p = pv_of(f->vnode);
	struct content *c = f->private;
	ssize_t r = 0;

	if (!p->node->file->show && !p->node->file->constant)
		return is_of_process(p->node) ? -EINVAL : -EIO;
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

	if (!p->node->file->store && f->ops != &sysfs_fops)
		return is_of_process(p->node) ? -EINVAL : -EIO;
	buf = kmalloc(len + 1);
	if (!buf)
		return -ENOMEM;
	r = uio_copy_from(u, buf, len);
	if (r > 0) {
		buf[r] = 0;
		r = p->node->file->store ? p->node->file->store(buf, (size_t)r, &p->args) : -EIO;
	}
	kfree(buf);
	if (r > 0)
		*pos += (uint64_t)r;
	return r;
}

static ssize_t read_sysctl(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pseudo_vnode *p = pv_of(f->vnode);

	return sysctl_read(p->node->sysctl, &p->args, u, pos);
}

static ssize_t write_sysctl(struct file *f, struct uio *u, uint64_t *pos)
{
	struct pseudo_vnode *p = pv_of(f->vnode);

	return sysctl_write(p->node->sysctl, &p->args, u, pos);
}

/* Linux says of mount tables and settings with an event that they can be read, of all others also that they can be written. */
static uint32_t poll(struct file *f, struct poll_table *pt)
{
	struct pseudo_event *e = event_of(pv_of(f->vnode)->node);
	struct content *c = f->private;
	uint32_t count;

	if (!e)
		return POLL_READY;
	poll_add(pt, &e->waiters);
	count = atomic_load(&e->count, RELAXED);
	if (atomic_exchange(&c->seen, count, RELAXED) != count)
		return FILE_POLLIN | FILE_POLLRDNORM | POLL_NEWS;
	return f->ops == &seq_fops ? FILE_POLLIN | FILE_POLLRDNORM : POLL_READY;
}

/* A file of sysfs is news until it was read. */
static uint32_t poll_sysfs(struct file *f, struct poll_table *pt)
{
	struct content *c = f->private;

	(void)pt;
	return POLL_READY | (READ_ONCE(c->is_made) ? 0 : POLL_NEWS);
}

/* What is made at a read has no end to seek from. */
static int64_t seek_seq(struct file *f, int64_t off, int whence)
{
	return whence == 0 || whence == 1 ? vnode_seek(f, off, whence) : -EINVAL;
}

/* The largest offset of a file system that says nothing about it. */
static int64_t seek_sysfs(struct file *f, int64_t off, int whence)
{
	return !whence && off > INT32_MAX ? -EINVAL : vnode_seek(f, off, whence);
}

static int truncate_file(struct file *f, uint64_t size)
{
	(void)f, (void)size;
	return 0;
}

static int fsync(struct file *f, bool data_only)
{
	(void)f, (void)data_only;
	return 0;
}

static int map(struct file *f, uint64_t off, size_t len, unsigned prot, bool is_shared, struct vm_object **out)
{
	(void)off, (void)len, (void)prot, (void)is_shared, (void)out;
	return is_of_process(pv_of(f->vnode)->node) ? -ENODEV : -EIO;
}

static void release(struct file *f)
{
	struct content *c = f->private;

	kfree(c->text.data);
	kfree(c);
}

static const struct file_ops seq_fops = {
	.read = read,
	.write = write,
	.poll = poll,
	.seek = seek_seq,
	.map = map,
	.truncate = truncate_file,
	.release = release,
};

/* Files of a process: without poll(), which epoll refuses. */
static const struct file_ops quiet_fops = {
	.read = read,
	.write = write,
	.seek = seek_seq,
	.truncate = truncate_file,
	.release = release,
};

static const struct file_ops sysctl_fops = {
	.read = read_sysctl,
	.write = write_sysctl,
	.poll = poll,
	.seek = vnode_seek,
	.truncate = truncate_file,
	.release = release,
};

static const struct file_ops sysfs_fops = {
	.read = read,
	.write = write,
	.poll = poll_sysfs,
	.seek = seek_sysfs,
	.fsync = fsync,
	.truncate = truncate_file,
	.release = release,
};

/* Of settings and of sysfs root, too, can only read and write what somebody may; of what the network says only write. */
static bool is_refused(struct vnode *v, unsigned flags)
{
	uint32_t mode = READ_ONCE(v->mode);
	unsigned access = flags & O_ACCMODE;

	if (v->fops != &sysctl_fops && v->fops != &sysfs_fops)
		return is_of_network(pv_of(v)->node) && access != O_RDONLY && !(mode & 0222);
	return (access != O_WRONLY && !(mode & 0444)) || (access != O_RDONLY && !(mode & 0222));
}

static int open(struct vnode *v, unsigned flags, struct file **out)
{
	struct content *c = NULL;

	if (vnode_is_dir(v))
		return vnode_open(v, flags, out);
	if (is_refused(v, flags))
		return -EACCES;
	c = KNEW(struct content);
	if (!c)
		return -ENOMEM;
	if (event_of(pv_of(v)->node))
		c->seen = atomic_load(&event_of(pv_of(v)->node)->count, RELAXED);
	*out = file_alloc(v->fops, flags, c);
	if (!*out)
		kfree(c);
	return *out ? 0 : -ENOMEM;
}

/* ---- file systems ---------------------------------------------------------------------------------------------------------------- */

static int mount_tree(const struct fs_type *type, struct pseudo_node **tree, struct vnode **root)
{
	struct pseudo_args none = { { 0 } };
	struct fs_super *s;
	struct pseudo_vnode *p;
	int r = pseudo_roots();

	if (r)
		return r;
	s = KNEW(struct fs_super);
	if (!s)
		return -ENOMEM;
	s->type = type;
	s->dev = fs_new_dev();
	p = vnode_for(s, *tree, &none, 0);
	if (!p) {
		kfree(s);
		return -ENOMEM;
	}
	*root = &p->v;
	return 0;
}

static void unmount(struct fs_super *s)
{
	kfree(s);
}

static int mount_proc(const struct fs_type *type, const char *options, struct vnode **root)
{
	(void)options;
	return mount_tree(type, &pseudo_proc, root);
}
static const struct fs_type proc_type = { .name = "proc", .magic = PROC_MAGIC, .mount = mount_proc, .unmount = unmount };
FS_TYPE(proc_type);

static int mount_sysfs(const struct fs_type *type, const char *options, struct vnode **root)
{
	(void)options;
	return mount_tree(type, &pseudo_sys, root);
}
static const struct fs_type sysfs_type = { .name = "sysfs", .is_single = true, .magic = SYSFS_MAGIC, .mount = mount_sysfs, .unmount = unmount };
FS_TYPE(sysfs_type);

static int mount_cgroup2(const struct fs_type *type, const char *options, struct vnode **root)
{
	(void)options;
	return mount_tree(type, &pseudo_cgroup2, root);
}
static const struct fs_type cgroup2_type = { .name = "cgroup2", .is_single = true, .magic = CGROUP2_MAGIC, .mount = mount_cgroup2, .unmount = unmount };
FS_TYPE(cgroup2_type);

/* The one group there is, without controllers. Who is in it may be put there. */
static ssize_t store_member(const char *data, size_t len, struct pseudo_args *a)
{
	(void)a;
	return len && data[0] >= '0' && data[0] <= '9' ? (ssize_t)len : -EINVAL;
}

static const struct pseudo_file cgroup2_files[] = {
	{ .path = "cgroup.controllers", .mode = 0444, .constant = "\n" },
	{ .path = "cgroup.max.depth", .mode = 0644, .constant = "max\n" },
	{ .path = "cgroup.max.descendants", .mode = 0644, .constant = "max\n" },
	{ .path = "cgroup.procs", .mode = 0644, .constant = "1\n", .store = store_member },
	{ .path = "cgroup.stat", .mode = 0444, .constant = "nr_descendants 0\nnr_dying_descendants 0\n" },
	{ .path = "cgroup.subtree_control", .mode = 0644, .constant = "\n" },
	{ .path = "cgroup.threads", .mode = 0644, .constant = "1\n", .store = store_member },
};
PSEUDO_TABLE(cgroup2, "/cgroup2", cgroup2_files);

PSEUDO_LINK_TO(proc_self, "/proc/self", "1");
PSEUDO_LINK_TO(proc_net, "/proc/net", "self/net");
