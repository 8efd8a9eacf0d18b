// SPDX-License-Identifier: MIT
/* AF_UNIX: names, bind. See net/unix.h. */
#include "fs/cred.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/unix.h"

#define S_IFMT	      0170000u
#define S_IFSOCK      0140000u
#define PATH_SIZE     108u
#define NR_AUTO_NAMES 0x100000u /* five hexadecimal digits */

/* A bound name: in the abstract space (path[0] is 0), or an inode. Linked while the socket that has
 * it lives. */
struct unix_name {
	struct unix_name *next;
	struct unix_sock
		*sock;	   /* NULL: an accepted socket's copy of its listener's name, not linked */
	uint64_t dev, ino; /* ino 0: abstract */
	unsigned len;	   /* bytes of path, as given */
	char path[PATH_SIZE + 1];
};

static struct mutex names_lock;
static struct unix_name *names; /* [names_lock] few: servers */

static int name_from_addr(const struct sock_addr *a, struct unix_name *n)
{
	if (a->len <= 2 || a->len > 2 + PATH_SIZE || a->family != AF_UNIX)
		return -EINVAL;
	n->len = a->len - 2;
	memcpy(n->path, a->un.path, n->len);
	n->path[n->len] = 0;
	if (n->path[0])
		n->len = (unsigned)strlen(n->path); /* with or without the final 0 */
	return 0;
}

/* The name like that one, which in the abstract space each type of socket has for itself.
 * names_lock held. */
static struct unix_name *find_name(const struct unix_name *like, int type)
{
	for (struct unix_name *n = names; n; n = n->next) {
		bool is_same = like->ino ? n->ino == like->ino && n->dev == like->dev
					 : !n->ino && n->len == like->len &&
						   n->sock->so.type == type &&
						   !memcmp(n->path, like->path, n->len);

		if (is_same)
			return n;
	}
	return NULL;
}

int unix_find(const struct sock_addr *a, int type, struct unix_sock **out)
{
	struct unix_name like = {.ino = 0}, *n;
	struct stat_info st;
	int r = name_from_addr(a, &like);

	if (r)
		return r;
	if (like.path[0]) {
		if (!a->fs)
			return -ENOENT;
		r = vfs_stat(a->fs, NULL, like.path, 0, &st);
		if (!r && !capable(CAP_DAC_OVERRIDE))
			r = vfs_access(a->fs, NULL, like.path, MAY_WRITE, 0);
		if (r)
			return r;
		if ((st.mode & S_IFMT) != S_IFSOCK)
			return -ECONNREFUSED;
		like.dev = st.dev;
		like.ino = st.ino;
	}
	mutex_lock(&names_lock);
	n = find_name(&like, type);
	if (!n)
		r = -ECONNREFUSED;
	else if (n->sock->so.type != type)
		r = -EPROTOTYPE;
	else {
		*out = n->sock;
		socket_get(&n->sock->so);
	}
	mutex_unlock(&names_lock);
	return r;
}

void unix_get_name(struct unix_sock *u, struct sock_addr *out)
{
	memset(out, 0, sizeof(*out));
	out->family = AF_UNIX;
	out->len = 2;
	mutex_lock(&names_lock);
	if (u->name) {
		memcpy(out->un.path, u->name->path, u->name->len);
		/* A path counts its final 0, even where that is beyond sockaddr_un. */
		out->len = 2 + u->name->len + (u->name->path[0] ? 1 : 0);
	}
	mutex_unlock(&names_lock);
}

/* n becomes u's name. 0; -EINVAL: it has one; -EADDRINUSE. take on success. */
static int give_name(struct unix_sock *u, struct unix_name *n)
{
	int r = 0;

	n->sock = u;
	mutex_lock(&names_lock);
	if (u->name) {
		r = -EINVAL;
	} else if (!n->ino && find_name(n, u->so.type)) {
		r = -EADDRINUSE;
	} else {
		atomic_store(&u->name, n, RELAXED);
		n->next = names;
		names = n;
	}
	mutex_unlock(&names_lock);
	return r;
}

int unix_autobind(struct unix_sock *u)
{
	static uint32_t next; /* [a] */
	struct unix_name *n;
	int r = -EADDRINUSE;

	if (atomic_load(&u->name, RELAXED))
		return 0;
	n = KNEW(struct unix_name);
	if (!n)
		return -ENOMEM;
	n->len = 6;
	for (uint32_t i = 0; i < NR_AUTO_NAMES && r == -EADDRINUSE; i++) {
		snprintf(n->path + 1, 8, "%05x",
			 atomic_fetch_add(&next, 1u, RELAXED) % NR_AUTO_NAMES);
		r = give_name(u, n);
	}
	if (r)
		kfree(n);
	return r == -EINVAL ? 0 : r; /* another thread was faster */
}

/* The inode of a path is made before it is known whether the socket may have it: what loses is
 * removed again, as on Linux. */
static int bind_path(struct unix_sock *u, const struct sock_addr *a, struct unix_name *n)
{
	struct stat_info st;
	int r = a->fs ? vfs_mknod(a->fs, NULL, n->path, S_IFSOCK | 0777u, 0) : -EINVAL;

	if (r)
		return r == -EEXIST ? -EADDRINUSE : r;
	r = vfs_stat(a->fs, NULL, n->path, AT_SYMLINK_NOFOLLOW, &st);
	if (!r) {
		n->dev = st.dev;
		n->ino = st.ino;
		r = give_name(u, n);
	}
	if (r)
		(void)vfs_unlink(a->fs, NULL, n->path, false);
	return r;
}

int unix_bind(struct socket *so, const struct sock_addr *a)
{
	struct unix_sock *u = unix_of(so);
	struct unix_name *n;
	int r;

	if (a->len == 2 && a->family == AF_UNIX)
		return unix_autobind(u);
	n = KNEW(struct unix_name);
	if (!n)
		return -ENOMEM;
	r = name_from_addr(a, n);
	if (!r)
		r = n->path[0] ? bind_path(u, a, n) : give_name(u, n);
	if (r)
		kfree(n);
	return r;
}

int unix_copy_name(struct unix_sock *to, struct unix_sock *from)
{
	struct unix_name *n = KNEW(struct unix_name);

	if (!n)
		return -ENOMEM;
	mutex_lock(&names_lock);
	if (from->name) {
		*n = *from->name;
		n->sock = NULL;
		atomic_store(&to->name, n, RELAXED);
		n = NULL;
	}
	mutex_unlock(&names_lock);
	kfree(n);
	return 0;
}

void unix_drop_name(struct unix_sock *u)
{
	struct unix_name **link, *n;

	mutex_lock(&names_lock);
	n = u->name;
	if (n) {
		for (link = &names; n->sock && *link != n; link = &(*link)->next)
			;
		if (n->sock)
			*link = n->next;
		atomic_store(&u->name, NULL, RELAXED);
	}
	mutex_unlock(&names_lock);
	kfree(n);
}
