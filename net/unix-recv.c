// SPDX-License-Identifier: MIT
/* AF_UNIX: receiving. See net/unix.h. */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/unix.h"
#include "sched/clock.h"

#define SCM_RIGHTS	1
#define SCM_CREDENTIALS 2
#define FIONREAD	0x541bu
#define TIOCOUTQ	0x5411u
#define SIOCATMARK	0x8905u
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM)

/* One recv, over all its waits. */
struct receipt {
	bool has_cred, is_over; /* cred was told; nothing more may be added to what there is */
	struct sock_cred cred;
	struct unix_rights *left; /* to drop when the lock is free */
};

struct unix_msg *unix_take_all(struct unix_sock *u)
{
	struct unix_msg *first = u->head;

	atomic_store(&u->head, NULL, RELAXED);
	u->tail = NULL;
	atomic_store(&u->nr_messages, 0u, RELAXED);
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

/* ---- control data; the queue's lock held
 * ---------------------------------------------------------------------------------------- */

static void detach_files(struct unix_msg *msg, struct receipt *rc)
{
	rc->left = msg->rights;
	unix_rights_leave(rc->left);
	msg->rights = NULL;
}

/* Numbers for the message's files, as many as there is room for; a look (MSG_PEEK) makes new ones,
 * too. */
static void put_files(struct unix_msg *msg, struct sock_msg *m, struct receipt *rc)
{
	size_t room = m->control ? m->control_room - m->control_len : 0;
	unsigned fit = room < sizeof(struct cmsg_hdr)
			       ? 0
			       : (unsigned)((room - sizeof(struct cmsg_hdr)) / sizeof(int)),
		 n = 0, rest = 0;
	struct unix_rights *r = msg->rights;
	bool is_peek = m->flags & MSG_PEEK;
	int fds[UNIX_MAX_FDS];

	if (!is_peek)
		detach_files(msg, rc);
	while (n < r->nr && n < fit) {
		struct file *f = is_peek ? unix_rights_peek(r, n) : r->files[n];
		int fd = fd_install(m->files, f, 0, m->flags & MSG_CMSG_CLOEXEC, m->fd_limit);

		if (fd < 0) {
			if (is_peek)
				file_put(f); /* not the last one */
			break;
		}
		fds[n++] = fd;
	}
	if (n)
		sock_msg_put(m, SOL_SOCKET, SCM_RIGHTS, fds, n * sizeof(int));
	if (n < r->nr)
		m->out_flags |= MSG_CTRUNC;
	if (is_peek)
		return;
	while (n < r->nr)
		r->files[rest++] = r->files[n++];
	r->nr = rest;
}

/* The sender's identity, told once. False: msg is somebody else's, and must not be mixed with what
 * was read. */
static inline bool put_cred(struct unix_sock *u, struct unix_msg *msg, struct sock_msg *m,
			    struct receipt *rc)
{
	if (likely(!sock_has(&u->so, SF_PASSCRED)))
		return true;
	if (rc->has_cred)
		return !memcmp(&rc->cred, &msg->cred, sizeof(rc->cred));
	rc->has_cred = true;
	rc->cred = msg->cred;
	sock_msg_put(m, SOL_SOCKET, SCM_CREDENTIALS, &msg->cred, sizeof(msg->cred));
	return true;
}

/* ---- data; the queue's lock held ---------------------------------------------------------- */

/* Drop the first message, whose descriptors were taken. */
static void pop(struct unix_sock *u)
{
	struct unix_msg *msg = u->head;

	(void)atomic_fetch_sub(&u->queued, msg->len + (uint32_t)sizeof(*msg), RELAXED);
	atomic_store(&u->head, msg->next, RELAXED);
	if (!u->head)
		u->tail = NULL;
	atomic_store(&u->nr_messages, u->nr_messages - 1, RELAXED);
	unix_msg_free(msg);
}

/* SO_PEEK_OFF: len bytes were looked at, or are gone. */
static inline void move_peek(struct unix_sock *u, const struct sock_msg *m, size_t len)
{
	int off = atomic_load(&u->so.peek_off, RELAXED);

	if (likely(off < 0))
		return;
	off = m->flags & MSG_PEEK ? off + (int)len : (int)len < off ? off - (int)len : 0;
	atomic_store(&u->so.peek_off, off, RELAXED);
}

/* The message that a recv begins with, *skip becoming an offset in it; NULL: there are not so many
 * bytes. */
static struct unix_msg *first_at(struct unix_sock *u, size_t *skip)
{
	struct unix_msg *msg = u->head;

	for (; msg && *skip && *skip >= msg->len - msg->off; msg = msg->next)
		*skip -= msg->len - msg->off;
	return msg;
}

/* Bytes; -EAGAIN: none; -EFAULT. */
static ssize_t copy_stream(struct unix_sock *u, struct sock_msg *m, size_t skip, struct receipt *rc)
{
	bool is_peek = m->flags & MSG_PEEK;
	struct unix_msg *msg = first_at(u, &skip), *next;
	ssize_t moved = 0;

	if (!msg)
		return -EAGAIN;
	/* The first one also if no byte is asked for: it may bring files. */
	do {
		size_t n = MIN(msg->len - msg->off - skip, m->uio->left);
		bool has_files = msg->rights;
		bool is_mine = put_cred(u, msg, m, rc);

		if (!is_mine || uio_copy_to(m->uio, msg->data + msg->off + skip, n) != (ssize_t)n) {
			rc->is_over = true;
			if (is_mine && !moved)
				return -EFAULT; /* nothing is taken off the queue, even where a part
						   was copied */
			break;
		}
		moved += (ssize_t)n;
		if (has_files)
			put_files(msg, m, rc);
		next = msg->next;
		if (!is_peek) {
			msg->off += (uint32_t)n;
			if (msg->off == msg->len)
				pop(u);
		}
		if (has_files) {
			rc->is_over = true;
			break;
		}
		msg = next;
		skip = 0;
	} while (msg && m->uio->left);
	move_peek(u, m, (size_t)moved);
	rc->is_over |= is_peek;
	return moved;
}

/* The length; -EAGAIN: no message; -EFAULT: it is lost, as on Linux. */
static ssize_t copy_packet(struct unix_sock *u, struct sock_msg *m, size_t skip, struct receipt *rc)
{
	struct unix_msg *msg = first_at(u, &skip);
	size_t len, n;
	ssize_t r;

	if (!msg)
		return -EAGAIN;
	len = msg->len - skip;
	n = MIN(len, m->uio->left);
	r = n ? uio_copy_to(m->uio, msg->data + skip, n) : 0;
	if (r != (ssize_t)n) {
		r = -EFAULT;
		if (msg->rights && !(m->flags & MSG_PEEK))
			detach_files(msg, rc);
	} else {
		r = (ssize_t)(m->flags & MSG_TRUNC ? len : n);
		if (n < len)
			m->out_flags |= MSG_TRUNC;
		if (m->name && msg->from)
			*m->name = *msg->from;
		(void)put_cred(u, msg, m, rc);
		if (msg->rights)
			put_files(msg, m, rc);
		move_peek(u, m, m->flags & MSG_PEEK ? n : msg->len);
	}
	if (!(m->flags & MSG_PEEK))
		pop(u);
	return r;
}

/* ---- recv --------------------------------------------------------------------------------- */

static bool has_ended(struct unix_sock *u)
{
	struct unix_sock *peer = atomic_load(&u->peer, RELAXED);

	return atomic_load(&u->so.shut, RELAXED) & SHUT_RD_BIT ||
	       atomic_load(&u->so.error, RELAXED) ||
	       (u->so.type != SOCK_DGRAM && (!peer || atomic_load(&peer->is_closed, RELAXED)));
}

/* Anything for a recv to see, from this offset on? */
static bool has_input(struct unix_sock *u, size_t skip)
{
	bool r;

	if (likely(!skip))
		return atomic_load(&u->head, RELAXED) || has_ended(u);
	mutex_lock(&u->so.lock);
	r = first_at(u, &skip);
	mutex_unlock(&u->so.lock);
	return r || has_ended(u);
}

/* Nothing is queued: what recv returns; -EAGAIN: it may wait. */
static int why_no_data(struct unix_sock *u, const struct sock_msg *m)
{
	int r = sock_take_error(&u->so);

	if (r)
		return r;
	if (u->so.type == SOCK_DGRAM) /* Linux tells only who would wait that it is shut */
		return !m->is_nonblock && has_ended(u) ? 0 : -EAGAIN;
	if (!u->peer)
		return u->so.type == SOCK_STREAM ? -EINVAL : -ENOTCONN;
	return has_ended(u) ? 0 : -EAGAIN;
}

/* Lock held. Bytes, 0 at the end; -EAGAIN: nothing yet; other errors. */
static ssize_t take(struct unix_sock *u, struct sock_msg *m, size_t skip, struct receipt *rc)
{
	bool is_stream = u->so.type == SOCK_STREAM;
	ssize_t n = is_stream ? 0 : sock_take_error(&u->so); /* of packets an error comes first */

	if (n)
		return n;
	if (u->head) {
		n = is_stream ? copy_stream(u, m, skip, rc) : copy_packet(u, m, skip, rc);
		if (n != -EAGAIN)
			return n;
	}
	return why_no_data(u, m);
}

/* There is room again: tell who waits for it. */
static void tell_room(struct unix_sock *u)
{
	struct unix_sock *peer;

	if (u->so.type != SOCK_DGRAM) {
		socket_wake(&u->peer->so, (unsigned)-1, POLL_OUT);
		return;
	}
	peer = unix_get_peer(u);
	if (peer) {
		socket_wake(&peer->so, (unsigned)-1, POLL_OUT);
		socket_put(&peer->so);
	}
	waitq_wake_all(&u->space, POLL_OUT);
}

static void put_peer_name(struct unix_sock *u, struct sock_addr *out)
{
	unix_get_name(u->peer, out);
	if (out->len == 2)
		out->len = 0;
}

ssize_t unix_recv(struct socket *so, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(so);
	bool is_stream = so->type == SOCK_STREAM, is_peek = m->flags & MSG_PEEK;
	nsec_t deadline = NSEC_NEVER;
	struct receipt rc = {.has_cred = false};
	size_t target = is_stream && m->flags & MSG_WAITALL
				? m->uio->left
				: MIN((size_t)atomic_load(&so->rcvlowat, RELAXED), m->uio->left);
	bool has_slept = false;
	ssize_t done = 0, n;
	int r;

	if (m->flags & (MSG_OOB | MSG_ERRQUEUE))
		return !(m->flags & MSG_OOB) ? -EAGAIN : is_stream ? -EINVAL : -EOPNOTSUPP;
	if (m->name)
		m->name->len = 0;
	for (;;) {
		int peek_off = is_peek ? atomic_load(&u->so.peek_off, RELAXED) : 0;
		size_t skip = peek_off > 0 ? (size_t)peek_off : 0;
		bool was_full;

		mutex_lock(&so->lock);
		was_full = u->peer ? !unix_has_room(u, u->peer) : so->type == SOCK_DGRAM;
		n = take(u, m, skip, &rc);
		mutex_unlock(&so->lock);
		if (rc.left) {
			unix_rights_drop(rc.left);
			rc.left = NULL;
		}
		if (was_full && n >= 0 && !is_peek)
			tell_room(u);
		if (unlikely(has_slept) && atomic_load(&u->head, RELAXED))
			sleeper_pass_on(&so->reader, &so->wq, POLL_IN);
		if (n >= 0) {
			if (m->name && is_stream && n)
				put_peer_name(u, m->name);
			done += n;
			if (!n || !is_stream || rc.is_over || (size_t)done >= target)
				return done;
		} else if (n != -EAGAIN) {
			return done ? done : n;
		}
		if (m->is_nonblock)
			return done ? done : -EAGAIN;
		if (deadline == NSEC_NEVER && atomic_load(&so->rcv_timeout, RELAXED) != NSEC_NEVER)
			deadline = sock_deadline(so->rcv_timeout);
		/* Of those that take what comes one is woken for each message, and tells the next if it leaves something; who only looks takes it from nobody. */
		r = sleeper_wait_as(&so->reader, &so->wq, "unix-recv", POLL_IN | FILE_POLLHUP,
				    has_input(u, skip), deadline, !is_peek);
		if (r)
			return done ? done : sock_wait_error(r, deadline);
		has_slept = !is_peek;
	}
}

int unix_queued(struct socket *so, unsigned what, int *out)
{
	struct unix_sock *u = unix_of(so), *peer;

	*out = 0;
	if (what == FIONREAD) {
		if (atomic_load(&u->is_listening, RELAXED))
			return -EINVAL;
		mutex_lock(&so->lock);
		for (struct unix_msg *m = u->head; m; m = m->next) {
			*out += (int)(m->len - m->off);
			if (so->type == SOCK_DGRAM)
				break;
		}
		mutex_unlock(&so->lock);
		return 0;
	}
	if (what == SIOCATMARK && so->type == SOCK_STREAM)
		return 0;
	if (what != TIOCOUTQ)
		return -EINVAL;
	peer = unix_get_peer(u);
	if (peer) {
		*out = (int)atomic_load(&peer->queued, RELAXED);
		socket_put(&peer->so);
	}
	return 0;
}
