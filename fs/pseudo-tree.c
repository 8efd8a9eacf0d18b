/* SPDX-License-Identifier: MIT
 *
 * The names of /proc and /sys (pseudo-priv.h).
 *
 * There are some hundred entries, and most programs look at two or three: a directory gets its children when somebody first looks into it, by one pass over the entries.
 * "/proc/self/x" is kept as "/proc/1/x", with /proc/self a link to "1", as programs see it on Linux.
 */
#include "fs/pseudo-priv.h"
#include "fs/sysctl.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "sched/mutex.h"

#define SELF_PID	"1"

SET_DECLARE(pseudo_files, struct pseudo_file);
SET_DECLARE(pseudo_links, struct pseudo_link);
SET_DECLARE(pseudo_dirs, struct pseudo_dir);
SET_DECLARE(pseudo_tables, struct pseudo_table);

struct pseudo_node *pseudo_proc, *pseudo_sys, *pseudo_cgroup2;
static struct mutex build_lock;
static uint64_t next_ino = 1;		/* [build_lock] */

struct pseudo_node *pseudo_child(const struct pseudo_node *dir, const char *name, size_t len)
{
	struct pseudo_node *n;

	for (n = dir->children; n; n = n->next)
		if (n->len == len && memcmp(n->name, name, len) == 0)
			return n;
	return NULL;
}

static struct pseudo_node *node_new(const char *parent, size_t parent_len, const char *name, size_t len)
{
	struct pseudo_node *n = kzalloc(sizeof(*n) + parent_len + 1 + len + 1);

	if (!n)
		return NULL;
	memcpy(n->path, parent, parent_len);
	n->path[parent_len] = '/';
	memcpy(n->path + parent_len + 1, name, len);
	n->path_len = parent_len + 1 + len;
	n->name = n->path + parent_len + 1;
	n->len = len;
	n->is_dynamic = len == 1 && name[0] == '%';
	n->ino = next_ino++;
	return n;
}

/* The child that a component of an entry's path stands for; NULL: no memory. */
static struct pseudo_node *add(struct pseudo_node *dir, const char *name, size_t len, bool is_last)
{
	bool is_self = dir == pseudo_proc && !is_last && len == 4 && memcmp(name, "self", 4) == 0;
	struct pseudo_node *n = is_self ? pseudo_child(dir, SELF_PID, sizeof(SELF_PID) - 1) : pseudo_child(dir, name, len);
	struct pseudo_node **end;

	if (n)
		return n;
	n = node_new(dir->path, dir->path_len, name, len);
	if (!n)
		return NULL;
	if (is_self) {
		n->name = SELF_PID;
		n->len = sizeof(SELF_PID) - 1;
	}
	for (end = &dir->children; *end; end = &(*end)->next)
		;
	*end = n;
	return n;
}

/*
 * If path lies below the directory rel ("" : every path does), *out is the child of node on the way to it, and *is_last says whether that is the end; else *out is NULL.
 * -ENOMEM.
 */
static int add_below(struct pseudo_node *dir, const char *rel, size_t rel_len, const char *path, struct pseudo_node **out, bool *is_last)
{
	const char *name = path, *end;

	*out = NULL;
	if (rel_len) {
		if (strncmp(path, rel, rel_len) != 0 || path[rel_len] != '/')
			return 0;
		name += rel_len + 1;
	}
	end = strchr(name, '/');
	*is_last = !end;
	*out = add(dir, name, end ? (size_t)(end - name) : strlen(name), !end);
	return *out ? 0 : -ENOMEM;
}

static void set_file(struct pseudo_node *n, const struct pseudo_file *f)
{
	if ((f->mode & S_IFMT) == S_IFDIR)
		n->dir_mode = (uint16_t)(f->mode & 07777);
	else
		n->file = f;
}

static int add_table(struct pseudo_node *dir, const struct pseudo_table *t)
{
	size_t len = strlen(t->dir), rel_len;
	struct pseudo_node *n;
	const char *rel;
	bool is_last;

	if (len > dir->path_len)
		return add_below(dir, dir->path, dir->path_len, t->dir, &n, &is_last);
	if (strncmp(dir->path, t->dir, len) != 0 || (dir->path[len] && dir->path[len] != '/'))
		return 0;
	rel = dir->path + len + (dir->path[len] == '/');
	rel_len = strlen(rel);
	for (unsigned i = 0; i < t->nr; i++) {
		int r = add_below(dir, rel, rel_len, t->files ? t->files[i].path : t->sysctls[i].name, &n, &is_last);

		if (r)
			return r;
		if (!n || !is_last)
			continue;
		if (t->files)
			set_file(n, &t->files[i]);
		else if (!n->sysctl || n->sysctl->is_kept)
			n->sysctl = &t->sysctls[i];
	}
	return 0;
}

static int populate_locked(struct pseudo_node *dir)
{
	const struct pseudo_table *const *t;
	const struct pseudo_file *const *f;
	const struct pseudo_link *const *l;
	const struct pseudo_dir *const *d;
	struct pseudo_node *n;
	bool is_last;
	int r = 0;

	SET_FOREACH(f, pseudo_files) {
		r = r ? r : add_below(dir, dir->path, dir->path_len, (*f)->path, &n, &is_last);
		if (!r && n && is_last)
			set_file(n, *f);
	}
	SET_FOREACH(l, pseudo_links) {
		r = r ? r : add_below(dir, dir->path, dir->path_len, (*l)->path, &n, &is_last);
		if (!r && n && is_last)
			n->link = *l;
	}
	SET_FOREACH(d, pseudo_dirs) {
		r = r ? r : add_below(dir, dir->path, dir->path_len, (*d)->path, &n, &is_last);
		if (!r && n && is_last)
			n->dir = *d;
	}
	SET_FOREACH(t, pseudo_tables)
		r = r ? r : add_table(dir, *t);
	return r;
}

int pseudo_populate(struct pseudo_node *dir)
{
	int r = 0;

	if (likely(atomic_load(&dir->is_complete, ACQUIRE)))	/* acquire: the children. Pairs: the store below */
		return 0;
	mutex_lock(&build_lock);
	if (!dir->is_complete)
		r = populate_locked(dir);
	if (!r)
		atomic_store(&dir->is_complete, true, RELEASE);	/* release: the children. Pairs: the load above */
	mutex_unlock(&build_lock);
	return r;
}

int pseudo_roots(void)
{
	mutex_lock(&build_lock);
	if (!pseudo_proc)
		pseudo_proc = node_new("", 0, "proc", 4);
	if (!pseudo_sys)
		pseudo_sys = node_new("", 0, "sys", 3);
	if (!pseudo_cgroup2)
		pseudo_cgroup2 = node_new("", 0, "cgroup2", 7);
	mutex_unlock(&build_lock);
	return pseudo_proc && pseudo_sys && pseudo_cgroup2 ? 0 : -ENOMEM;
}
