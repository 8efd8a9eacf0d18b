/* SPDX-License-Identifier: MIT
 *
 * /proc/self/mounts, mountinfo and mountstats (proc(5)), and /proc/filesystems.
 */
#include "fs/dentry.h"
#include "fs/procfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"

SET_DECLARE(fs_types, struct fs_type);

static void show_flags(struct text *t, const struct mount *m)
{
	static const struct {
		unsigned long flag;
		const char *name;
	} names[] = {
		{ MS_NOSUID, ",nosuid" }, { MS_NODEV, ",nodev" }, { MS_NOEXEC, ",noexec" }, { MS_NOATIME, ",noatime" }, { MS_NODIRATIME, ",nodiratime" },
		{ MS_RELATIME, ",relatime" }, { MS_NOSYMFOLLOW, ",nosymfollow" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (m->flags & names[i].flag)
			text_printf(t, "%s", names[i].name);
}

/* With the characters that would break a line of mounts as octal (proc(5)). */
static void show_escaped(struct text *t, const char *s)
{
	for (; *s; s++)
		if (strchr(" \t\n\\#", *s))
			text_printf(t, "\\%03o", (unsigned)*s);
		else
			text_append(t, s, 1);
}

/* The path from root to d. */
static void show_path(struct text *t, struct dentry *root, struct dentry *d)
{
	char *buf = kmalloc(PATH_MAX), *start;

	if (buf && dentry_path(root, d, buf, PATH_MAX, &start) > 0)
		show_escaped(t, start);
	kfree(buf);
}

static const char *type_name(const struct mount *m)
{
	return m->super->type ? m->super->type->name : "none";
}

static void show_options(struct text *t, const struct mount *m)
{
	if (m->super->type && m->super->type->show_options)
		m->super->type->show_options(m->super, t);
	else if (*m->options)
		text_printf(t, ",%s", m->options);
}

/* As the names of the file system have it, what of them m shows. */
static void show_root(struct text *t, const struct mount *m)
{
	struct dentry *real = dentry_real(m->root);

	show_path(t, dentry_real(real->mount->root), real);
	if (READ_ONCE(real->flags) & DENTRY_DELETED)
		text_printf(t, "//deleted");
}

static void show_fs_and_source(struct text *t, const struct mount *m)
{
	text_printf(t, "%s ", type_name(m));
	show_escaped(t, m->source);
}

static void show_mount(struct text *t, struct dentry *root, const struct mount *m)
{
	show_escaped(t, m->source);
	text_printf(t, " ");
	show_path(t, root, m->root);
	text_printf(t, " %s %s", type_name(m), m->flags & (MS_RDONLY | SUPER_RDONLY) ? "ro" : "rw");
	show_flags(t, m);
	show_options(t, m);
	text_printf(t, " 0 0\n");
}

static void show_info(struct text *t, struct dentry *root, const struct mount *m)
{
	text_printf(t, "%d %d %u:%u ", m->id, m->parent_id, DEV_MAJOR(m->super->dev), DEV_MINOR(m->super->dev));
	show_root(t, m);
	text_printf(t, " ");
	show_path(t, root, m->root);
	text_printf(t, " %s", m->flags & MS_RDONLY ? "ro" : "rw");
	show_flags(t, m);
	text_printf(t, "%s - ", m->is_unbindable ? " unbindable" : "");
	show_fs_and_source(t, m);
	text_printf(t, " %s", m->flags & SUPER_RDONLY ? "ro" : "rw");
	show_options(t, m);
	text_printf(t, "\n");
}

static void show_stats(struct text *t, struct dentry *root, const struct mount *m)
{
	text_printf(t, "device ");
	show_escaped(t, m->source);
	text_printf(t, " mounted on ");
	show_path(t, root, m->root);
	text_printf(t, " with fstype %s\n", type_name(m));
}

/* Is m below root? */
static bool is_seen(const struct mount *m, struct dentry *root)
{
	struct place at = place_of(m->root), top = place_of(root);

	rcu_read_lock();
	while (!place_is_same(at, top) && place_up(&at))
		;
	rcu_read_unlock();
	return place_is_same(at, top);
}

/* One line for each mount that the reader can see. */
static int show_all(struct text *t, void (*show)(struct text *t, struct dentry *root, const struct mount *m))
{
	struct fs_context *ctx = vfs_current_context ? vfs_current_context() : NULL;
	struct dentry *root = vfs_root;
	struct mount *m;

	if (ctx)
		mutex_lock(&ctx->lock);
	if (ctx)
		root = ctx->root;
	dentry_get(root);
	if (ctx)
		mutex_unlock(&ctx->lock);
	mutex_lock(&mounts_lock);
	list_for_each(m, &mounts, node)
		if (is_seen(m, root))
			show(t, root, m);
	mutex_unlock(&mounts_lock);
	dentry_put(root);
	return 0;
}

static int show_mounts(struct text *t, struct pseudo_args *a)
{
	(void)a;
	return show_all(t, show_mount);
}
PSEUDO_FILE_EVENT(proc_self_mounts, "/proc/self/mounts", 0444, show_mounts, &mounts_changed);

static int show_mountinfo(struct text *t, struct pseudo_args *a)
{
	(void)a;
	return show_all(t, show_info);
}
PSEUDO_FILE_EVENT(proc_self_mountinfo, "/proc/self/mountinfo", 0444, show_mountinfo, &mounts_changed);

static int show_mountstats(struct text *t, struct pseudo_args *a)
{
	(void)a;
	return show_all(t, show_stats);
}
PSEUDO_FILE_EVENT(proc_self_mountstats, "/proc/self/mountstats", 0400, show_mountstats, &mounts_changed);

static int show_filesystems(struct text *t, struct pseudo_args *a)
{
	const struct fs_type *const *p;

	(void)a;
	SET_FOREACH(p, fs_types)
		text_printf(t, "%s\t%s\n", (*p)->needs_device ? "" : "nodev", (*p)->name);
	return 0;
}
PSEUDO_FILE(proc_filesystems, "/proc/filesystems", 0444, show_filesystems, NULL);

PSEUDO_LINK_TO(proc_mounts, "/proc/mounts", "self/mounts");
