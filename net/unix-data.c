// SPDX-License-Identifier: MIT
/* AF_UNIX: messages. See net/unix.h. */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/unix.h"
#include "sched/clock.h"

#define SCM_RIGHTS	1
#define SCM_CREDENTIALS	2
#define CHUNK_MAX	32768u
#define CHUNK_MIN	448u		/* room that small stream writes share */
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM)

void unix_msg_free(struct unix_msg *msg)
{
	if (msg->rights)
		unix_rights_drop(msg->rights);
	kfree(msg->from);
	kfree(msg);
}

struct unix_msg *unix_take_all(struct unix_sock *u)
{
	struct unix_msg *first = u->head;

	atomic_store(&u->head, NULL, RELAXED);
	u->tail = NULL;
	u->nr_messages = 0;
	atomic_store(&u->queued, 0u, RELAXED);
	return first;
}

void unix_free_all(struct unix_msg *first)
{
	while (first) {
		struct unix_msg *next = first->next;

		unix_msg_free(first);
		first = next;
	}
}

/* ---- send -------------------------------------------------------------------------------------------------------------------- */

static int parse_control(struct unix_msg *msg, const struct sock_msg *m)
{
	const struct cmsg_hdr *h;
	size_t pos = 0;
	int error, r = 0;

	while (!r && (h = sock_msg_next(m, &pos, &error))) {
		size_t len = h->len - sizeof(*h);

		if (h->level != SOL_SOCKET)
			continue;
		if (h->type == SCM_RIGHTS) {
			r = unix_rights_add(&msg->rights, m->files, (const int *)(h + 1), (unsigned)(len / sizeof(int)));
		} else if (h->type == SCM_CREDENTIALS) {
			if (len < sizeof(msg->cred))
				return -EINVAL;
			memcpy(&msg->cred, h + 1, sizeof(msg->cred));
		} else {
			r = -EINVAL;
		}
	}
	return r ? r : error;
}

/* A message with up to len bytes of m->uio. 0 or -errno. */
static int make_msg(const struct unix_sock *from, struct sock_msg *m, size_t len, bool with_control, struct unix_msg **out)
{
	uint32_t room = from->so.type == SOCK_STREAM ? MAX((uint32_t)len, CHUNK_MIN) : (uint32_t)len;
	struct unix_msg *msg = kmalloc(sizeof(*msg) + room);
	int r;

	if (!msg)
		return -ENOMEM;
	*msg = (struct unix_msg){ .len = (uint32_t)len, .room = room, .cred = m->cred };
	r = with_control && m->control_len ? parse_control(msg, m) : 0;
	if (!r && len && uio_copy_from(m->uio, msg->data, len) != (ssize_t)len)
		r = -EFAULT;
	if (r) {
		unix_msg_free(msg);
		return r;
	}
	*out = msg;
	return 0;
}

bool unix_has_room(struct unix_sock *to, struct unix_sock *from)
{
	return atomic_load(&to->queued, RELAXED) < atomic_load(&from->so.sndbuf, RELAXED) &&
	       (to->so.type == SOCK_STREAM || atomic_load(&to->nr_messages, RELAXED) < 512);
}

/* to's lock held. */
static void append(struct unix_sock *to, struct unix_msg *msg)
{
	struct unix_msg *t = to->tail;

	/* Small writes of a stream share a message. */
	if (to->so.type == SOCK_STREAM && t && !msg->rights && !atomic_load(&t->rights, RELAXED) && t->room - t->len >= msg->len && t->cred.pid == msg->cred.pid &&
	    t->cred.uid == msg->cred.uid) {
		memcpy(t->data + t->len, msg->data, msg->len);
		t->len += msg->len;
		(void)atomic_fetch_add(&to->queued, msg->len, RELAXED);
		unix_msg_free(msg);
		return;
	}
	(void)atomic_fetch_add(&to->queued, msg->len + (uint32_t)sizeof(*msg), RELAXED);
	to->nr_messages++;
	if (msg->rights)
		unix_rights_enter(to, msg);
	if (t)
		t->next = msg;
	else
		atomic_store(&to->head, msg, RELAXED);
	to->tail = msg;
}

static bool cannot_receive(const struct unix_sock *to)
{
	return atomic_load(&to->is_closed, RELAXED) || atomic_load(&to->so.shut, RELAXED) & SHUT_RD_BIT;
}

static int wait_for_room(struct unix_sock *from, struct unix_sock *to, const struct sock_msg *m, nsec_t deadline)
{
	struct waitq *q = from->peer == to ? &from->so.wq : &to->space;
	int r;

	if (m->is_nonblock)
		return -EAGAIN;
	r = waitq_wait_until(q, "unix-send", POLL_OUT | FILE_POLLHUP, unix_has_room(to, from) || cannot_receive(to), deadline, WAIT_INTERRUPTIBLE);
	return r == -ETIMEDOUT ? -EAGAIN : r;
}

/* take msg on success. */
static int deliver(struct unix_sock *from, struct unix_sock *to, struct sock_msg *m, struct unix_msg *msg, nsec_t deadline)
{
	int r;

	for (;;) {
		mutex_lock(&to->so.lock);
		if (cannot_receive(to))
			r = from->so.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
		else
			r = unix_has_room(to, from) ? 0 : -EAGAIN;
		if (!r)
			append(to, msg);
		mutex_unlock(&to->so.lock);
		if (r != -EAGAIN)
			break;
		r = wait_for_room(from, to, m, deadline);
		if (r)
			return r;
	}
	if (!r)
		socket_wake(&to->so, 1, POLL_IN);
	return r;
}

static ssize_t send_stream(struct unix_sock *u, struct unix_sock *to, struct sock_msg *m, nsec_t deadline)
{
	bool is_first = true;
	ssize_t done = 0;

	if (!m->uio->left)
		return 0;
	while (m->uio->left) {
		size_t n = MIN(m->uio->left, (size_t)CHUNK_MAX);
		struct unix_msg *msg;
		int r;

		/* Before the copy, which could not be undone. */
		if (!unix_has_room(to, u) && !cannot_receive(to)) {
			r = wait_for_room(u, to, m, deadline);
			if (r)
				return done ? done : r;
		}
		r = make_msg(u, m, n, is_first, &msg);
		if (!r) {
			struct sock_msg blocking = *m;

			blocking.is_nonblock = false;	/* others may have taken the room meanwhile: briefly over it is better than losing bytes */
			r = deliver(u, to, &blocking, msg, deadline);
			if (r)
				unix_msg_free(msg);
		}
		if (r)
			return done ? done : r;
		done += (ssize_t)n;
		is_first = false;
	}
	return done;
}

static ssize_t send_packet(struct unix_sock *u, struct unix_sock *to, struct sock_msg *m, nsec_t deadline)
{
	size_t len = m->uio->left;
	struct unix_msg *msg;
	int r;

	if (len > atomic_load(&u->so.sndbuf, RELAXED))
		return -EMSGSIZE;
	r = make_msg(u, m, len, true, &msg);
	if (r)
		return r;
	if (u->so.type == SOCK_DGRAM && u->name) {
		msg->from = kmalloc(sizeof(*msg->from));
		if (msg->from)
			unix_get_name(u, msg->from);
	}
	r = deliver(u, to, m, msg, deadline);
	if (r)
		unix_msg_free(msg);
	return r ? r : (ssize_t)len;
}

ssize_t unix_send(struct socket *so, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(so), *to = NULL;
	nsec_t deadline = NSEC_NEVER;
	ssize_t r;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (atomic_load(&so->shut, RELAXED) & SHUT_WR_BIT)
		return -EPIPE;
	if (atomic_load(&so->snd_timeout, RELAXED) != NSEC_NEVER)
		deadline = sock_deadline(so->snd_timeout);
	if (m->name && m->name->len && so->type == SOCK_DGRAM) {
		r = unix_find(m->name, SOCK_DGRAM, &to);
		if (r)
			return r;
	} else if (m->name && m->name->len && so->type == SOCK_STREAM) {
		return atomic_load(&u->peer, RELAXED) ? -EISCONN : -EOPNOTSUPP;
	} else {
		mutex_lock(&so->lock);
		to = u->peer;
		if (to)
			socket_get(&to->so);
		mutex_unlock(&so->lock);
		if (!to)
			return -ENOTCONN;
	}
	r = so->type == SOCK_STREAM ? send_stream(u, to, m, deadline) : send_packet(u, to, m, deadline);
	socket_put(&to->so);
	return r;
}

/* ---- receive ------------------------------------------------------------------------------------------------------------------- */

/* What does not fit is in *left. */
static void put_files(struct unix_msg *msg, struct sock_msg *m, struct unix_rights **left)
{
	size_t room = m->control_room - m->control_len;
	unsigned fit = room < sizeof(struct cmsg_hdr) + sizeof(int) ? 0 : (unsigned)((room - sizeof(struct cmsg_hdr)) / sizeof(int)), n = 0, rest = 0;
	struct unix_rights *r = msg->rights;
	int fds[UNIX_MAX_FDS];

	unix_rights_leave(r);
	if (!m->control)
		fit = 0;
	while (n < r->nr && n < fit) {
		int fd = fd_install(m->files, r->files[n], 0, m->flags & MSG_CMSG_CLOEXEC, m->fd_limit);

		if (fd < 0)
			break;
		fds[n++] = fd;
	}
	if (n)
		sock_msg_put(m, SOL_SOCKET, SCM_RIGHTS, fds, n * sizeof(int));
	if (n < r->nr)
		m->out_flags |= MSG_CTRUNC;
	while (n < r->nr)
		r->files[rest++] = r->files[n++];
	r->nr = rest;
	msg->rights = NULL;
	*left = r;
}

static void put_control(struct unix_sock *u, struct unix_msg *msg, struct sock_msg *m, struct unix_rights **left)
{
	if (sock_has(&u->so, SF_PASSCRED))
		sock_msg_put(m, SOL_SOCKET, SCM_CREDENTIALS, &msg->cred, sizeof(msg->cred));
	if (msg->rights && !(m->flags & MSG_PEEK))
		put_files(msg, m, left);
}

/* Lock held. Drop the first message, whose descriptors were taken. */
static void pop(struct unix_sock *u)
{
	struct unix_msg *msg = u->head;

	(void)atomic_fetch_sub(&u->queued, msg->len + (uint32_t)sizeof(*msg), RELAXED);
	atomic_store(&u->head, msg->next, RELAXED);
	if (!u->head)
		u->tail = NULL;
	u->nr_messages--;
	unix_msg_free(msg);
}

/* Lock held, queue not empty. Bytes, -EFAULT. */
static ssize_t copy_stream(struct unix_sock *u, struct sock_msg *m, ssize_t done, struct unix_rights **left)
{
	bool is_peek = m->flags & MSG_PEEK;
	struct unix_msg *msg = u->head, *next;
	struct sock_cred cred = msg->cred;
	ssize_t moved = 0;

	for (; msg && m->uio->left; msg = next) {
		size_t n = MIN((size_t)(msg->len - msg->off), m->uio->left);
		bool has_files = msg->rights;
		ssize_t r;

		/* Descriptors and other people's bytes are not mixed with what was read before. */
		if ((moved || done) && (has_files || (sock_has(&u->so, SF_PASSCRED) && memcmp(&cred, &msg->cred, sizeof(cred)))))
			break;
		r = uio_copy_to(m->uio, msg->data + msg->off, n);
		if (r < 0)
			return moved ? moved : r;
		if (!moved && !done)
			put_control(u, msg, m, left);
		moved += r;
		next = msg->next;
		if (!is_peek) {
			msg->off += (uint32_t)r;
			if (msg->off == msg->len)
				pop(u);
		}
		if ((size_t)r < n || has_files)
			break;
	}
	return moved;
}

/* Lock held. */
static ssize_t copy_packet(struct unix_sock *u, struct sock_msg *m, struct unix_rights **left)
{
	struct unix_msg *msg = u->head;
	size_t n = MIN((size_t)msg->len, m->uio->left), len = msg->len;

	if (n && uio_copy_to(m->uio, msg->data, n) != (ssize_t)n)
		return -EFAULT;
	if (n < len)
		m->out_flags |= MSG_TRUNC;
	if (u->so.type == SOCK_SEQPACKET)
		m->out_flags |= MSG_EOR;
	if (m->name) {
		m->name->len = 0;
		if (msg->from)
			*m->name = *msg->from;
	}
	put_control(u, msg, m, left);
	if (!(m->flags & MSG_PEEK))
		pop(u);
	return (ssize_t)(m->flags & MSG_TRUNC ? len : n);
}

static bool has_input(struct unix_sock *u)
{
	struct unix_sock *peer = atomic_load(&u->peer, RELAXED);

	return atomic_load(&u->head, RELAXED) || atomic_load(&u->so.shut, RELAXED) & SHUT_RD_BIT || atomic_load(&u->so.error, RELAXED) ||
	       (u->so.type != SOCK_DGRAM && (!peer || atomic_load(&peer->is_closed, RELAXED)));
}

/* Nothing is queued: what recv returns; -EAGAIN: it may wait. */
static int why_no_data(struct unix_sock *u)
{
	int r = sock_take_error(&u->so);

	if (r)
		return r;
	if (u->so.type != SOCK_DGRAM && !u->peer)
		return u->so.type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
	return has_input(u) ? 0 : -EAGAIN;
}

/* There is room again: tell who waits for it. */
static void tell_room(struct unix_sock *u)
{
	struct unix_sock *peer = atomic_load(&u->peer, RELAXED);

	if (peer)
		socket_wake(&peer->so, (unsigned)-1, POLL_OUT);
	if (u->so.type == SOCK_DGRAM)
		waitq_wake_all(&u->space, POLL_OUT);
}

ssize_t unix_recv(struct socket *so, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(so);
	bool is_stream = so->type == SOCK_STREAM, wants_all = is_stream && m->flags & MSG_WAITALL && !(m->flags & MSG_PEEK);
	nsec_t deadline = NSEC_NEVER;
	ssize_t done = 0, n;
	int r;

	if (m->flags & (MSG_OOB | MSG_ERRQUEUE))
		return m->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	if (m->name)
		m->name->len = 0;
	for (;;) {
		struct unix_rights *left = NULL;
		bool was_full;

		mutex_lock(&so->lock);
		was_full = u->peer && !unix_has_room(u, u->peer);
		if (u->head) {
			n = is_stream ? copy_stream(u, m, done, &left) : copy_packet(u, m, &left);
			r = 0;
		} else {
			n = 0;
			r = why_no_data(u);
		}
		mutex_unlock(&so->lock);
		if (left)
			unix_rights_drop(left);
		if (n < 0)
			return done ? done : n;
		done += n;
		if (n && !(m->flags & MSG_PEEK) && (was_full || !u->peer))
			tell_room(u);
		if (!is_stream && r != -EAGAIN)
			return r ? r : done;
		if (n && (!wants_all || !m->uio->left))
			return done;
		if (!n && r != -EAGAIN)
			return done || !r ? done : r;
		if (!n && done && !wants_all)
			return done;
		if (m->is_nonblock)
			return done ? done : -EAGAIN;
		if (deadline == NSEC_NEVER && atomic_load(&so->rcv_timeout, RELAXED) != NSEC_NEVER)
			deadline = sock_deadline(so->rcv_timeout);
		r = sleeper_wait_until(&so->reader, &so->wq, "unix-recv", POLL_IN | FILE_POLLHUP, has_input(u), deadline);
		if (r)
			return done ? done : r == -ETIMEDOUT ? -EAGAIN : r;
	}
}
