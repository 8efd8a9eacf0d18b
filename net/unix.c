// SPDX-License-Identifier: MIT
/* AF_UNIX: life, connections. See net/unix.h. */
#include "net/unix.h"

#include "fs/cred.h"
#include "fs/vnode.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/net.h"
#include "net/sysctl.h"
#include "sched/clock.h"

#define SO_PEERCRED	17
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM | FILE_POLLWRBAND)
#define ENDED		(FILE_POLLANY & ~(FILE_POLLERR | FILE_POLLHUP))

static const struct socket_ops unix_ops;

/* ---- life --------------------------------------------------------------------------------- */

/* Runs when the peer has room: with its space locked. */
static bool relay_room(struct waiter *w, uint32_t key)
{
	struct unix_sock *u = container_of(w, struct unix_sock, relay);

	(void)key;
	if (atomic_exchange(&u->wants_room, false, RELAXED))
		socket_wake(&u->so, (unsigned)-1, POLL_OUT);
	return true;
}

static struct unix_sock *unix_new(int type)
{
	struct unix_sock *u = KNEW(struct unix_sock);

	_Static_assert(offsetof(struct unix_sock, so) == 0, "socket_free() frees it");
	if (!u)
		return NULL;
	socket_init(&u->so, &unix_ops, AF_UNIX, type, 0);
	u->max_foreign = atomic_load(&net_unix_max_qlen, RELAXED);
	waitq_init(&u->space);
	waiter_init(&u->relay, 0);
	u->relay.notify = relay_room;
	list_init(&u->rights);
	return u;
}

/* The identity of the caller, as SO_PEERCRED tells it. */
static struct sock_cred cred_now(const struct socket *so)
{
	const struct cred *c = cred_current();

	return (struct sock_cred){ so->cred.pid, c->euid, c->egid };
}

/* is_embryo: nobody has accepted it, its peer has to know. */
static void hang_up(struct unix_sock *u, bool is_embryo)
{
	bool is_dgram = u->so.type == SOCK_DGRAM;
	struct unix_sock *peer;
	struct unix_msg *unread;

	mutex_lock(&u->so.lock);
	peer = u->peer;
	if (peer && !is_dgram && (u->head || is_embryo))
		atomic_store(&peer->so.error, ECONNRESET, RELAXED);	/* it wrote what nobody will read */
	/* release: the error before the end. Pairs: wait_for_room in unix-send.c */
	atomic_store(&u->is_closed, true, RELEASE);
	atomic_store(&u->peer, NULL, RELAXED);
	waitq_del(&u->relay);
	unread = unix_take_all(u);
	mutex_unlock(&u->so.lock);
	unix_free_all(unread);
	waitq_wake_all(&u->space, 0);
	if (!peer)
		return;
	socket_wake(&peer->so, (unsigned)-1, is_dgram ? 0 : FILE_POLLHUP | ENDED);
	socket_put(&peer->so);
}

static void unix_release(struct socket *so)
{
	struct unix_sock *u = unix_of(so), *c;

	unix_drop_name(u);
	mutex_lock(&so->lock);
	atomic_store(&u->is_listening, false, RELAXED);
	c = u->accept_head;
	u->accept_head = u->accept_tail = NULL;
	mutex_unlock(&so->lock);
	while (c) {
		struct unix_sock *next = c->accept_next;

		hang_up(c, true);
		socket_put(&c->so);
		c = next;
	}
	hang_up(u, false);
	socket_wake(so, (unsigned)-1, 0);
	unix_rights_released();
}

static void unix_destroy(struct socket *so)
{
	unix_free_all(unix_take_all(unix_of(so)));
	unix_drop_name(unix_of(so));		/* of a connection that nobody accepted */
	socket_free(so);
}

/* Both fresh, or locked. */
static void join(struct unix_sock *a, struct unix_sock *b, const struct sock_cred *a_cred,
		 const struct sock_cred *b_cred)
{
	socket_get(&a->so);
	socket_get(&b->so);
	a->peer_cred = *b_cred;
	b->peer_cred = *a_cred;
	atomic_store(&b->peer, a, RELEASE);
	atomic_store(&a->peer, b, RELEASE);
}

int socket_pair(int family, int type, int proto, const struct sock_cred *cred, struct socket *out[2])
{
	int r;

	r = socket_create(family, type, proto, cred, &out[0]);
	if (r)
		return r;
	/* Of other families what is wrong with the arguments is told first. */
	r = family == AF_UNIX ? socket_create(family, type, proto, cred, &out[1]) : -EOPNOTSUPP;
	if (r) {
		out[0]->ops->release(out[0]);
		socket_put(out[0]);
		return r;
	}
	join(unix_of(out[0]), unix_of(out[1]), cred, cred);
	return 0;
}

/* ---- connections -------------------------------------------------------------------------- */

static void lock_two(struct unix_sock *a, struct unix_sock *b)
{
	mutex_lock(a < b ? &a->so.lock : &b->so.lock);
	if (a != b)
		mutex_lock(a < b ? &b->so.lock : &a->so.lock);
}

static void unlock_two(struct unix_sock *a, struct unix_sock *b)
{
	mutex_unlock(&a->so.lock);
	if (a != b)
		mutex_unlock(&b->so.lock);
}

struct unix_sock *unix_get_peer(struct unix_sock *u)
{
	struct unix_sock *peer;

	mutex_lock(&u->so.lock);
	peer = u->peer;
	if (peer)
		socket_get(&peer->so);
	mutex_unlock(&u->so.lock);
	return peer;
}

/* u's lock held. The old peer, whose reference is now the caller's; *unread is to be freed. */
static struct unix_sock *exchange_peer(struct unix_sock *u, struct unix_sock *peer,
				       struct unix_msg **unread)
{
	struct unix_sock *old = u->peer;

	waitq_del(&u->relay);
	atomic_store(&u->peer, peer, RELAXED);
	*unread = old && old != peer ? unix_take_all(u) : NULL;
	return old;
}

/* No locks held. */
static void after_exchange(struct unix_sock *u, struct unix_sock *old, struct unix_msg *unread)
{
	if (unread && atomic_load(&old->peer, RELAXED) == u && !atomic_load(&old->is_closed, RELAXED))
		atomic_store(&old->so.error, ECONNRESET, RELAXED);	/* what it sent is lost */
	unix_free_all(unread);
	/* Who waits to send: may he still, must he wait, and where? */
	waitq_wake_all(&u->space, 0);
	socket_wake(&u->so, (unsigned)-1, 0);
	if (!old)
		return;
	socket_wake(&old->so, (unsigned)-1, 0);
	socket_put(&old->so);
}

void unix_set_peer(struct unix_sock *u, struct unix_sock *peer, const struct unix_sock *expected)
{
	struct unix_msg *unread;
	struct unix_sock *old;

	mutex_lock(&u->so.lock);
	if (expected && u->peer != expected) {
		mutex_unlock(&u->so.lock);
		return;
	}
	old = exchange_peer(u, peer, &unread);
	mutex_unlock(&u->so.lock);
	after_exchange(u, old, unread);
}

static int connect_dgram(struct unix_sock *u, const struct sock_addr *a)
{
	struct unix_sock *peer, *old = NULL;
	struct unix_msg *unread = NULL;
	int r;

	if (a->len >= 2 && a->family == AF_UNSPEC) {
		unix_set_peer(u, NULL, NULL);
		return 0;
	}
	r = unix_find(a, SOCK_DGRAM, &peer);
	if (r)
		return r;
	r = sock_has(&u->so, SF_PASSCRED) ? unix_autobind(u) : 0;
	if (r)
		goto err_put;
	lock_two(u, peer);
	if (atomic_load(&peer->is_closed, RELAXED))
		r = -ECONNREFUSED;
	else if (!unix_may_send(peer, u))
		r = -EPERM;
	else
		old = exchange_peer(u, peer, &unread);
	unlock_two(u, peer);
	if (r)
		goto err_put;
	after_exchange(u, old, unread);
	return 0;
err_put:
	socket_put(&peer->so);
	return r;
}

/* l's lock held. */
static bool is_full(const struct unix_sock *l)
{
	return atomic_load(&l->nr_accept, RELAXED) > atomic_load(&l->backlog, RELAXED);
}

static bool can_connect_to(const struct unix_sock *l)
{
	return atomic_load(&l->is_listening, RELAXED) &&
	       !(atomic_load(&l->so.shut, RELAXED) & SHUT_RD_BIT);
}

/*
 * 0; -EAGAIN: the backlog is full. What c may do is looked at last, as Linux does: it may have been
 * connected by another thread while this one slept.
 */
static int enqueue(struct unix_sock *l, struct unix_sock *c, struct unix_sock *server)
{
	struct sock_cred cred = cred_now(&c->so);
	int r = 0;

	lock_two(l, c);
	if (!can_connect_to(l)) {
		r = -ECONNREFUSED;
	} else if (is_full(l)) {
		r = -EAGAIN;
	} else if (c->is_listening || c->peer) {
		r = c->is_listening ? -EINVAL : -EISCONN;
	} else {
		server->so.cred = l->so.cred;
		join(c, server, &cred, &l->listen_cred);
		if (l->accept_tail)
			l->accept_tail->accept_next = server;
		else
			atomic_store(&l->accept_head, server, RELAXED);
		l->accept_tail = server;
		atomic_store(&l->nr_accept, l->nr_accept + 1, RELAXED);
	}
	unlock_two(l, c);
	if (!r)
		socket_wake(&l->so, 1, POLL_IN);
	return r;
}

/*
 * One try of connect(2) with the socket that has the name now. 1: its backlog was full and is not
 * any more, try again.
 */
static int connect_once(struct unix_sock *u, const struct sock_addr *a, struct unix_sock *server,
			bool is_nonblock, nsec_t deadline)
{
	struct unix_sock *l;
	int r = unix_find(a, u->so.type, &l);

	if (r)
		return r;
	r = unix_copy_name(server, l);
	if (!r)
		r = enqueue(l, u, server);
	if (r == -EAGAIN && !is_nonblock) {
		r = waitq_wait_until(&l->space, "unix-connect", 0,
				     !is_full(l) || !atomic_load(&l->is_listening, RELAXED),
				     deadline, WAIT_INTERRUPTIBLE);
		r = r ? sock_wait_error(r, deadline) : 1;
	}
	if (r)
		unix_drop_name(server);
	socket_put(&l->so);
	return r;
}

static int unix_connect(struct socket *so, const struct sock_addr *a, bool is_nonblock)
{
	struct unix_sock *u = unix_of(so), *server;
	nsec_t deadline;
	int r;

	if (so->type == SOCK_DGRAM)
		return connect_dgram(u, a);
	if (sock_has(so, SF_PASSCRED) && a->len > 2) {
		r = unix_autobind(u);
		if (r)
			return r;
	}
	server = unix_new(so->type);
	if (!server)
		return -ENOMEM;
	atomic_store(&server->is_embryo, true, RELAXED);
	deadline = sock_deadline(atomic_load(&so->snd_timeout, RELAXED));
	do
		r = connect_once(u, a, server, is_nonblock, deadline);
	while (r > 0);
	if (r)
		socket_put(&server->so);
	return r;
}

static int unix_listen(struct socket *so, int backlog)
{
	struct unix_sock *u = unix_of(so);
	int r = 0;

	if (so->type == SOCK_DGRAM)
		return -EOPNOTSUPP;
	mutex_lock(&so->lock);
	if (!atomic_load(&u->name, RELAXED) || u->peer) {
		r = -EINVAL;
	} else {
		atomic_store(&u->backlog, sock_backlog(backlog), RELAXED);
		u->listen_cred = cred_now(so);
		atomic_store(&u->is_listening, true, RELAXED);
		sock_set(so, SF_ACCEPTCONN, true);
	}
	mutex_unlock(&so->lock);
	if (!r)
		waitq_wake_all(&u->space, 0);	/* the backlog may have grown */
	return r;
}

/* The oldest connection; -EAGAIN: none; -EINVAL: and there will be none. */
static int take_connection(struct unix_sock *u, struct unix_sock **out, bool is_nonblock)
{
	struct unix_sock *c;
	int r = 0;

	mutex_lock(&u->so.lock);
	c = u->accept_head;
	if (!u->is_listening) {
		r = -EINVAL;
	} else if (!c) {
		r = !is_nonblock && atomic_load(&u->so.shut, RELAXED) & SHUT_RD_BIT ? -EINVAL : -EAGAIN;
	} else {
		atomic_store(&u->accept_head, c->accept_next, RELAXED);
		if (!u->accept_head)
			u->accept_tail = NULL;
		atomic_store(&u->nr_accept, u->nr_accept - 1, RELAXED);
		*out = c;
	}
	mutex_unlock(&u->so.lock);
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
		r = take_connection(u, &c, is_nonblock);
		if (!r)
			break;
		if (r != -EAGAIN || is_nonblock)
			return r;
		r = waitq_wait_exclusive(&so->wq, "unix-accept", POLL_IN,
				     atomic_load(&u->accept_head, RELAXED) || !can_connect_to(u),
				     deadline, WAIT_INTERRUPTIBLE);
		if (r)
			return sock_wait_error(r, deadline);
	}
	if (sock_has(so, SF_PASSCRED))
		sock_set(&c->so, SF_PASSCRED, true);
	atomic_store(&c->is_embryo, false, RELAXED);
	waitq_wake_all(&u->space, 0);
	*out = &c->so;
	return 0;
}

static int unix_shutdown(struct socket *so, int how)
{
	struct unix_sock *u = unix_of(so), *peer = unix_get_peer(u);
	uint32_t bits = how == SHUT_RDWR ? 3u : how == SHUT_RD ? SHUT_RD_BIT : SHUT_WR_BIT;

	(void)atomic_fetch_or(&so->shut, bits, RELAXED);
	if (peer && so->type != SOCK_DGRAM) {
		(void)atomic_fetch_or(&peer->so.shut, (bits & SHUT_RD_BIT ? SHUT_WR_BIT : 0) | (bits & SHUT_WR_BIT ? SHUT_RD_BIT : 0), RELAXED);
		/* All are woken. The signal of fs/async.h: the end of both directions, or of what comes. */
		socket_wake(&peer->so, (unsigned)-1, bits == 3u ? FILE_POLLHUP | ENDED : bits & SHUT_WR_BIT ? ENDED : 0);
	}
	socket_wake(so, (unsigned)-1, 0);
	if (peer)
		socket_put(&peer->so);
	return 0;
}

/* ---- names, poll, options ----------------------------------------------------------------- */

static int unix_getname(struct socket *so, struct sock_addr *out, enum sock_name whose)
{
	struct unix_sock *u = unix_of(so), *peer = whose ? unix_get_peer(u) : NULL;

	if (whose && !peer)
		return -ENOTCONN;
	unix_get_name(whose ? peer : u, out);
	if (peer)
		socket_put(&peer->so);
	return 0;
}

/*
 * u's lock held. Linked to the peer before it is asked again: who makes room after that wakes this
 * socket.
 */
static bool dgram_is_writable(struct unix_sock *u, struct unix_sock *peer)
{
	if (!peer || unix_has_room(peer, u) || atomic_load(&peer->is_closed, RELAXED)) {
		waitq_del(&u->relay);
		return true;
	}
	unix_wants_room(u);
	atomic_store(&u->wants_room, true, RELAXED);
	if (!u->relay.queue)
		waitq_add(&peer->space, &u->relay);
	/* wants_room before the look for room: store->load. Pairs: the fence in waitq_wake */
	atomic_fence(SEQ_CST);
	return unix_has_room(peer, u) || atomic_load(&peer->is_closed, RELAXED);
}

static uint32_t listener_poll(struct unix_sock *u, uint32_t shut)
{
	uint32_t events = atomic_load(&u->accept_head, RELAXED) ? POLL_IN : 0;

	if (shut & SHUT_RD_BIT)
		events |= POLL_IN | FILE_POLLRDHUP;
	return shut == (SHUT_RD_BIT | SHUT_WR_BIT) ? events | FILE_POLLHUP : events;
}

static uint32_t unix_poll(struct socket *so)
{
	struct unix_sock *u = unix_of(so), *peer;
	uint32_t shut = atomic_load(&so->shut, RELAXED), events = 0;

	if (atomic_load(&u->is_listening, RELAXED))
		return listener_poll(u, shut);
	if (atomic_load(&u->head, RELAXED))
		events |= POLL_IN;
	if (atomic_load(&so->error, RELAXED))
		events |= FILE_POLLERR;
	mutex_lock(&so->lock);
	peer = u->peer;
	if (so->type == SOCK_DGRAM) {
		if (dgram_is_writable(u, peer))
			events |= POLL_OUT;
	} else if (!peer) {
		events |= POLL_OUT | FILE_POLLHUP;
	} else {
		if (atomic_load(&peer->is_closed, RELAXED))
			shut = SHUT_RD_BIT | SHUT_WR_BIT;
		if (unix_has_room(peer, u))
			events |= POLL_OUT;
		else
			unix_wants_room(u);
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
	struct sock_cred cred = { 0, 0xffffffff, 0xffffffff };

	if (level != SOL_SOCKET)
		return -ENOPROTOOPT;
	if (name != SO_PEERCRED)
		return -ENOPROTOOPT;
	mutex_lock(&so->lock);
	if (u->is_listening)
		cred = u->listen_cred;
	else if (u->peer_cred.pid)
		cred = u->peer_cred;
	mutex_unlock(&so->lock);
	*len = MIN(*len, (unsigned)sizeof(cred));
	memcpy(value, &cred, *len);
	return 0;
}

/* SO_SNDBUF: there may be room now. */
static void unix_buffers_changed(struct socket *so)
{
	socket_wake(so, (unsigned)-1, POLL_OUT);
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
	.buffers_changed = unix_buffers_changed,
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
