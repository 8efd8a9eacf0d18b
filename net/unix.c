// SPDX-License-Identifier: MIT
/* AF_UNIX: life, names, connections. See net/unix.h. */
#include "net/unix.h"

#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/net.h"
#include "sched/clock.h"

#define S_IFMT		0170000u
#define S_IFSOCK	0140000u
#define PATH_SIZE	108u
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM | FILE_POLLWRBAND)

/* A bound name: in the abstract space (path[0] is 0), or an inode. Linked while the socket that has it lives. */
struct unix_name {
	struct unix_name *next;
	struct unix_sock *sock;		/* NULL: an accepted socket's copy of its listener's name, not linked */
	uint64_t dev, ino;		/* ino 0: abstract */
	unsigned len;			/* bytes of path, as given */
	char path[PATH_SIZE + 1];
};

static struct mutex names_lock;
static struct unix_name *names;		/* [names_lock] few: servers */
static const struct socket_ops unix_ops;

/* ---- names ---------------------------------------------------------------------------------------------------------------------- */

static int name_from_addr(const struct sock_addr *a, struct unix_name *n)
{
	if (a->len < 2 || a->family != AF_UNIX)
		return -EINVAL;
	if (a->len > 2 + PATH_SIZE)
		return -EINVAL;
	n->len = a->len - 2;
	memcpy(n->path, a->un.path, n->len);
	n->path[n->len] = 0;
	if (n->len && n->path[0])
		n->len = (unsigned)strlen(n->path);	/* with or without the final 0 */
	return 0;
}

/* names_lock held. */
static struct unix_name *find_name(const struct unix_name *like)
{
	for (struct unix_name *n = names; n; n = n->next) {
		if (like->ino ? n->ino == like->ino && n->dev == like->dev : !n->ino && n->len == like->len && !memcmp(n->path, like->path, n->len))
			return n;
	}
	return NULL;
}

int unix_find(const struct sock_addr *a, int type, struct unix_sock **out)
{
	struct unix_name like = { .ino = 0 }, *n;
	struct stat_info st;
	int r = name_from_addr(a, &like);

	if (r)
		return r;
	if (!like.len)
		return -ECONNREFUSED;
	if (like.path[0]) {
		if (!a->fs)
			return -ENOENT;
		r = vfs_stat(a->fs, NULL, like.path, 0, &st);
		if (r)
			return r;
		if ((st.mode & S_IFMT) != S_IFSOCK)
			return -ECONNREFUSED;
		like.dev = st.dev;
		like.ino = st.ino;
	}
	mutex_lock(&names_lock);
	n = find_name(&like);
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
		out->len = 2 + u->name->len + (u->name->path[0] && u->name->len < PATH_SIZE ? 1 : 0);
	} else if (u->inherited) {
		*out = *u->inherited;
	}
	mutex_unlock(&names_lock);
}

/* unix(7): a name of five hexadecimal digits in the abstract space. */
static void autobind_name(struct unix_name *n)
{
	static uint32_t next;		/* [a] */

	n->path[0] = 0;
	snprintf(n->path + 1, 8, "%05x", atomic_fetch_add(&next, 1u, RELAXED) & 0xfffff);
	n->len = 6;
}

static int unix_bind(struct socket *so, const struct sock_addr *a)
{
	struct unix_sock *u = unix_of(so);
	struct unix_name *n = KNEW(struct unix_name);
	struct stat_info st;
	int r;

	if (!n)
		return -ENOMEM;
	r = name_from_addr(a, n);
	if (!r && !n->len)
		autobind_name(n);
	if (!r && u->name)
		r = -EINVAL;
	if (!r && n->path[0]) {
		r = a->fs ? vfs_mknod(a->fs, NULL, n->path, S_IFSOCK | 0777u, 0) : -EINVAL;
		if (r == -EEXIST)
			r = -EADDRINUSE;
		if (!r)
			r = vfs_stat(a->fs, NULL, n->path, AT_SYMLINK_NOFOLLOW, &st);
		if (!r) {
			n->dev = st.dev;
			n->ino = st.ino;
		}
	}
	if (r)
		goto err_free;
	n->sock = u;
	mutex_lock(&names_lock);
	if (u->name) {
		r = -EINVAL;
	} else if (!n->ino && find_name(n)) {
		r = -EADDRINUSE;
	} else {
		u->name = n;
		n->next = names;
		names = n;
	}
	mutex_unlock(&names_lock);
	if (!r)
		return 0;
err_free:
	kfree(n);
	return r;
}

static void drop_name(struct unix_sock *u)
{
	struct unix_name **link, *n;

	mutex_lock(&names_lock);
	n = u->name;
	if (n) {
		for (link = &names; n->sock && *link != n; link = &(*link)->next)
			;
		if (n->sock)
			*link = n->next;
		u->name = NULL;
	}
	mutex_unlock(&names_lock);
	kfree(n);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------- */

static struct unix_sock *unix_new(int type)
{
	struct unix_sock *u = KNEW(struct unix_sock);

	_Static_assert(offsetof(struct unix_sock, so) == 0, "socket_free() frees it");
	if (!u)
		return NULL;
	socket_init(&u->so, &unix_ops, AF_UNIX, type, 0);
	waitq_init(&u->space);
	list_init(&u->rights);
	return u;
}

static void hang_up(struct unix_sock *u)
{
	struct unix_sock *peer;
	struct unix_msg *unread;

	mutex_lock(&u->so.lock);
	atomic_store(&u->is_closed, true, RELAXED);
	peer = u->peer;
	atomic_store(&u->peer, NULL, RELAXED);
	if (peer && u->so.type != SOCK_DGRAM && u->head)
		atomic_store(&peer->so.error, ECONNRESET, RELAXED);	/* it wrote what nobody will read */
	unread = unix_take_all(u);
	mutex_unlock(&u->so.lock);
	unix_free_all(unread);
	waitq_wake_all(&u->space, 0);
	if (!peer)
		return;
	if (u->so.type != SOCK_DGRAM)
		socket_wake(&peer->so, (unsigned)-1, 0);
	socket_put(&peer->so);
}

static void unix_release(struct socket *so)
{
	struct unix_sock *u = unix_of(so), *c;

	drop_name(u);
	mutex_lock(&so->lock);
	atomic_store(&u->is_listening, false, RELAXED);
	c = u->accept_head;
	u->accept_head = u->accept_tail = NULL;
	mutex_unlock(&so->lock);
	while (c) {
		struct unix_sock *next = c->accept_next;

		hang_up(c);
		socket_put(&c->so);
		c = next;
	}
	hang_up(u);
	socket_wake(so, (unsigned)-1, 0);
	unix_rights_released();
}

static void unix_destroy(struct socket *so)
{
	unix_free_all(unix_take_all(unix_of(so)));
	drop_name(unix_of(so));			/* of a connection that nobody accepted */
	socket_free(so);
}

/* Both fresh: no locks needed yet. */
static void join(struct unix_sock *a, struct unix_sock *b)
{
	socket_get(&a->so);
	socket_get(&b->so);
	a->peer_cred = b->so.cred;
	b->peer_cred = a->so.cred;
	atomic_store(&b->peer, a, RELEASE);
	atomic_store(&a->peer, b, RELEASE);
}

int socket_pair(int family, int type, int proto, const struct sock_cred *cred, struct socket *out[2])
{
	int r;

	if (family != AF_UNIX)
		return family == AF_INET || family == AF_INET6 ? -EOPNOTSUPP : -EAFNOSUPPORT;
	r = socket_create(family, type, proto, cred, &out[0]);
	if (r)
		return r;
	r = socket_create(family, type, proto, cred, &out[1]);
	if (r) {
		out[0]->ops->release(out[0]);
		socket_put(out[0]);
		return r;
	}
	join(unix_of(out[0]), unix_of(out[1]));
	return 0;
}

/* ---- connections --------------------------------------------------------------------------------------------------------------------- */

static int connect_dgram(struct unix_sock *u, const struct sock_addr *a)
{
	struct unix_sock *peer = NULL, *old;
	int r = 0;

	if (a->len >= 2 && a->family != AF_UNSPEC)
		r = unix_find(a, SOCK_DGRAM, &peer);
	if (r)
		return r;
	mutex_lock(&u->so.lock);
	old = u->peer;
	atomic_store(&u->peer, peer, RELAXED);
	mutex_unlock(&u->so.lock);
	if (old)
		socket_put(&old->so);
	return 0;
}

/* l's lock held. */
static bool is_full(const struct unix_sock *l)
{
	return atomic_load(&l->nr_accept, RELAXED) > atomic_load(&l->backlog, RELAXED);
}

/* 0; -EAGAIN: the backlog is full. */
static int enqueue(struct unix_sock *l, struct unix_sock *c, struct unix_sock *server)
{
	int r = 0;

	mutex_lock(&l->so.lock);
	if (!l->is_listening) {
		r = -ECONNREFUSED;
	} else if (is_full(l)) {
		r = -EAGAIN;
	} else {
		server->so.cred = l->so.cred;
		join(c, server);
		if (l->accept_tail)
			l->accept_tail->accept_next = server;
		else
			l->accept_head = server;
		l->accept_tail = server;
		l->nr_accept++;
	}
	mutex_unlock(&l->so.lock);
	if (!r)
		socket_wake(&l->so, 1, POLL_IN);
	return r;
}

/* What the new end of a connection to l is called. False: no memory. */
static bool copy_name(struct unix_sock *server, struct unix_sock *l)
{
	struct unix_name *n = KNEW(struct unix_name);

	if (!n)
		return false;
	mutex_lock(&names_lock);
	if (l->name) {
		*n = *l->name;
		n->sock = NULL;
		server->name = n;
		n = NULL;
	}
	mutex_unlock(&names_lock);
	kfree(n);
	return true;
}

static int unix_connect(struct socket *so, const struct sock_addr *a, bool is_nonblock)
{
	struct unix_sock *u = unix_of(so), *l, *server;
	nsec_t deadline;
	int r;

	if (so->type == SOCK_DGRAM)
		return connect_dgram(u, a);
	r = unix_find(a, so->type, &l);
	if (r)
		return r;
	if (u->peer || u->is_listening) {
		socket_put(&l->so);
		return u->is_listening ? -EINVAL : -EISCONN;
	}
	server = unix_new(so->type);
	if (server && !copy_name(server, l)) {
		socket_put(&server->so);
		server = NULL;
	}
	if (!server) {
		socket_put(&l->so);
		return -ENOMEM;
	}
	server->inherited = kmalloc(sizeof(*server->inherited));
	if (server->inherited)
		unix_get_name(l, server->inherited);
	deadline = sock_deadline(atomic_load(&so->snd_timeout, RELAXED));
	for (;;) {
		r = enqueue(l, u, server);
		if (r != -EAGAIN || is_nonblock)
			break;
		r = waitq_wait_until(&l->space, "unix-connect", 0, !is_full(l) || !atomic_load(&l->is_listening, RELAXED), deadline, WAIT_INTERRUPTIBLE);
		if (r) {
			r = r == -ETIMEDOUT ? -EAGAIN : r;
			break;
		}
	}
	if (r)
		socket_put(&server->so);
	socket_put(&l->so);
	return r;
}

static int unix_listen(struct socket *so, int backlog)
{
	struct unix_sock *u = unix_of(so);
	int r = 0;

	if (so->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	mutex_lock(&so->lock);
	if (!u->name || u->peer) {
		r = -EINVAL;
	} else {
		atomic_store(&u->backlog, sock_backlog(backlog), RELAXED);
		atomic_store(&u->is_listening, true, RELAXED);
		sock_set(so, SF_ACCEPTCONN, true);
	}
	mutex_unlock(&so->lock);
	return r;
}

static int unix_accept(struct socket *so, struct socket **out, bool is_nonblock)
{
	struct unix_sock *u = unix_of(so), *c;
	nsec_t deadline;
	int r;

	if (so->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	deadline = sock_deadline(atomic_load(&so->rcv_timeout, RELAXED));
	for (;;) {
		mutex_lock(&so->lock);
		c = u->accept_head;
		r = u->is_listening ? -EAGAIN : -EINVAL;
		if (c) {
			atomic_store(&u->accept_head, c->accept_next, RELAXED);
			if (!u->accept_head)
				u->accept_tail = NULL;
			u->nr_accept--;
		}
		mutex_unlock(&so->lock);
		if (c)
			break;
		if (r != -EAGAIN || is_nonblock)
			return r;
		r = waitq_wait_until(&so->wq, "unix-accept", POLL_IN, atomic_load(&u->accept_head, RELAXED) || !atomic_load(&u->is_listening, RELAXED), deadline,
				     WAIT_INTERRUPTIBLE);
		if (r)
			return r == -ETIMEDOUT ? -EAGAIN : r;
	}
	waitq_wake_all(&u->space, 0);
	*out = &c->so;
	return 0;
}

static int unix_shutdown(struct socket *so, int how)
{
	struct unix_sock *u = unix_of(so), *peer;
	uint32_t bits = how == SHUT_RDWR ? 3u : how == SHUT_RD ? SHUT_RD_BIT : SHUT_WR_BIT;

	mutex_lock(&so->lock);
	peer = u->peer;
	if (peer)
		socket_get(&peer->so);
	(void)atomic_fetch_or(&so->shut, bits, RELAXED);
	if (u->is_listening && bits & SHUT_RD_BIT)
		atomic_store(&u->is_listening, false, RELAXED);
	mutex_unlock(&so->lock);
	if (peer && so->type != SOCK_DGRAM) {
		(void)atomic_fetch_or(&peer->so.shut, (bits & SHUT_RD_BIT ? SHUT_WR_BIT : 0) | (bits & SHUT_WR_BIT ? SHUT_RD_BIT : 0), RELAXED);
		socket_wake(&peer->so, (unsigned)-1, 0);
	}
	socket_wake(so, (unsigned)-1, 0);
	if (peer)
		socket_put(&peer->so);
	return peer || so->type != SOCK_STREAM || sock_has(so, SF_ACCEPTCONN) ? 0 : -ENOTCONN;
}

/* ---- names, poll, options --------------------------------------------------------------------------------------------------------------- */

/* A reference on the peer, or NULL. */
static struct unix_sock *get_peer(struct unix_sock *u)
{
	struct unix_sock *peer;

	mutex_lock(&u->so.lock);
	peer = u->peer;
	if (peer)
		socket_get(&peer->so);
	mutex_unlock(&u->so.lock);
	return peer;
}

static int unix_getname(struct socket *so, struct sock_addr *out, bool is_peer)
{
	struct unix_sock *u = unix_of(so), *peer = is_peer ? get_peer(u) : NULL;
	static const struct sock_addr unnamed = { .len = 2, .family = AF_UNIX };

	if (is_peer && !peer)
		return -ENOTCONN;
	unix_get_name(is_peer ? peer : u, out);
	/* An accepted socket has its listener's name. */
	if (!is_peer && out->len == 2)
		*out = unnamed;
	if (peer)
		socket_put(&peer->so);
	return 0;
}

static uint32_t unix_poll(struct socket *so)
{
	struct unix_sock *u = unix_of(so), *peer;
	uint32_t shut = atomic_load(&so->shut, RELAXED), events = 0;

	if (atomic_load(&u->is_listening, RELAXED))
		return atomic_load(&u->accept_head, RELAXED) ? POLL_IN : 0;
	if (atomic_load(&u->head, RELAXED))
		events |= POLL_IN;
	if (atomic_load(&so->error, RELAXED))
		events |= FILE_POLLERR;
	mutex_lock(&so->lock);
	peer = u->peer;
	if (so->type == SOCK_DGRAM) {
		if (!peer || unix_has_room(peer, u) || atomic_load(&peer->is_closed, RELAXED))
			events |= POLL_OUT;
	} else if (!peer) {
		events |= POLL_OUT | FILE_POLLHUP;
	} else {
		bool is_gone = atomic_load(&peer->is_closed, RELAXED);

		if (is_gone)
			shut = SHUT_RD_BIT | SHUT_WR_BIT;
		if (is_gone || shut & SHUT_WR_BIT || unix_has_room(peer, u))
			events |= POLL_OUT;
	}
	mutex_unlock(&so->lock);
	if (shut & SHUT_RD_BIT)
		events |= POLL_IN | FILE_POLLRDHUP;
	if (shut == (SHUT_RD_BIT | SHUT_WR_BIT))
		events |= FILE_POLLHUP;
	return events;
}

static int unix_getopt(struct socket *so, int level, int name, void *value, unsigned *len)
{
	struct unix_sock *u = unix_of(so);
	struct sock_cred none = { 0, 0xffffffff, 0xffffffff };

	if (level != SOL_SOCKET || name != 17)	/* SO_PEERCRED */
		return -ENOPROTOOPT;
	*len = MIN(*len, (unsigned)sizeof(none));
	memcpy(value, u->peer ? &u->peer_cred : sock_has(so, SF_ACCEPTCONN) ? &so->cred : &none, *len);
	return 0;
}

static int unix_queued(struct socket *so, unsigned what, int *out)
{
	struct unix_sock *u = unix_of(so), *peer;

	*out = 0;
	if (what == 0x541b) {
		mutex_lock(&so->lock);
		for (struct unix_msg *m = u->head; m; m = m->next) {
			*out += (int)(m->len - m->off);
			if (so->type != SOCK_STREAM)
				break;
		}
		mutex_unlock(&so->lock);
		return 0;
	}
	peer = get_peer(u);
	if (peer) {
		*out = (int)atomic_load(&peer->queued, RELAXED);
		socket_put(&peer->so);
	}
	return 0;
}

static const struct socket_ops unix_ops = {
	.bind = unix_bind,
	.connect = unix_connect,
	.listen = unix_listen,
	.accept = unix_accept,
	.shutdown = unix_shutdown,
	.getname = unix_getname,
	.send = unix_send,
	.recv = unix_recv,
	.poll = unix_poll,
	.getopt = unix_getopt,
	.queued = unix_queued,
	.release = unix_release,
	.destroy = unix_destroy,
};

static int unix_create(struct socket **out, int family, int type, int proto)
{
	struct unix_sock *u = unix_new(type);

	(void)family;
	(void)proto;
	if (!u)
		return -ENOMEM;
	*out = &u->so;
	return 0;
}

NET_PROTO(unix_stream, .family = AF_UNIX, .type = SOCK_STREAM, .proto = 0, .is_default = true, .create = unix_create);
NET_PROTO(unix_dgram, .family = AF_UNIX, .type = SOCK_DGRAM, .proto = 0, .is_default = true, .create = unix_create);
NET_PROTO(unix_seqpacket, .family = AF_UNIX, .type = SOCK_SEQPACKET, .proto = 0, .is_default = true, .create = unix_create);
