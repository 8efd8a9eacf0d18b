/* SPDX-License-Identifier: MIT
 *
 * /dev/tty and /dev/console: the terminal by name. tty(4), console(4).
 */
#include "fs/dentry.h"
#include "fs/tty-priv.h"
#include "fs/tty.h"
#include "fs/vnode.h"
#include "libc/errno.h"

static int open_port(struct tty *t, bool is_tty, unsigned flags, struct file **out)
{
	return tty_open_port(t->port->name, is_tty, flags, out);
}

static int open_tty(struct vnode *v, unsigned flags, struct file **out)
{
	struct tty *in = atomic_load(&terminal.in, RELAXED), *to = atomic_load(&terminal.out, RELAXED);

	(void)v;
	if ((flags & O_ACCMODE) == O_RDONLY || !to)
		to = in;
	return to ? open_port(to, true, flags, out) : -ENXIO;
}
DEV_NODE(tty, "tty", S_IFCHR | 0666, 5, 0, open_tty);

static int open_console(struct vnode *v, unsigned flags, struct file **out)
{
	int r = open_tty(v, flags, out);

	return r == -ENXIO ? tty_open_port(NULL, false, flags, out) : r;
}
DEV_NODE(console, "console", S_IFCHR | 0600, 5, 1, open_console);

/* The descriptors that a program starts with have the name /dev/console: ttyname(3) looks for it. Without that node they have none. */
static void attach_name(struct file *f)
{
	struct fs_context *ctx;
	struct file *named;

	if (fs_context_create(&ctx))
		return;
	if (!vfs_open(ctx, NULL, "/dev/console", O_PATH, 0, &named)) {
		dentry_get(named->dentry);
		f->vnode = named->vnode;
		f->dentry = named->dentry;
		file_put(named);
	}
	fs_context_put(ctx);
}

int tty_open_stream(const char *port, bool is_tty, unsigned flags, struct file **out)
{
	int r = tty_open_port(port, is_tty, flags, out);

	if (!r && is_tty)
		attach_name(*out);
	return r;
}
