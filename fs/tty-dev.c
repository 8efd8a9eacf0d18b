/* SPDX-License-Identifier: MIT
 *
 * /dev/tty and /dev/console: the terminal by name. tty(4), console(4).
 */
#include "fs/tty-priv.h"
#include "fs/tty.h"
#include "fs/vnode.h"
#include "libc/errno.h"

static int open_port(struct tty *t, bool is_tty, unsigned flags, struct file **out)
{
	return tty_open_stream(t->port->name, is_tty, flags, out);
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

	return r == -ENXIO ? tty_open_stream(NULL, false, flags, out) : r;
}
DEV_NODE(console, "console", S_IFCHR | 0600, 5, 1, open_console);
