// SPDX-License-Identifier: MIT
/* AF_UNIX: sending. See net/unix.h. */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/bpf.h"
#include "net/unix.h"
#include "sched/clock.h"

#define SCM_RIGHTS	1
#define SCM_CREDENTIALS	2
#define CHUNK_MAX	32768u
#define CHUNK_MIN	448u	/* room that small stream writes share */
#define PACKET_MARGIN	32u	/* of the send buffer a packet cannot use: Linux' overhead */
#define MAX_MESSAGES	512u	/* packets from the peer */
#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM)

/* What the control data of one send says. */
struct control {
	struct unix_rights *rights; /* give; NULL: none */
	bool has_cred;
	struct sock_cred cred;
};

void unix_msg_free(struct unix_msg *msg)
{
	if (msg->rights)
		unix_rights_drop(msg->rights);
	if (unlikely(msg->from))
		kfree(msg->from);
	kfree(msg);
}

/* 0 or -errno; with rights to drop in either case. */
static int parse_control(struct control *c, const struct sock_msg *m)
{
	const struct cmsg_hdr *h;
	size_t pos = 0;
	int error, r = 0;

	while (!r && (h = sock_msg_next(m, &pos, &error))) {
		size_t len = h->len - sizeof(*h);

		if (h->level != SOL_SOCKET)
			continue;
		if (h->type == SCM_RIGHTS) {
			r = unix_rights_add(&c->rights, m->files, (const int *)(h + 1),
					    (unsigned)(len / sizeof(int)));
		} else if (h->type == SCM_CREDENTIALS) {
			if (len != sizeof(c->cred))
				return -EINVAL;
			memcpy(&c->cred, h + 1, sizeof(c->cred));
			c->has_cred = true;
		} else {
			r = -EINVAL;
		}
	}
	return r ? r : error;
}

/* A message with len bytes of m->uio; it takes the rights. 0 or -errno. */
static int make_msg(const struct unix_sock *from, struct sock_msg *m, size_t len, struct control *c,
		    struct unix_msg **out)
{
	uint32_t room =
		from->so.type == SOCK_STREAM ? MAX((uint32_t)len, CHUNK_MIN) : (uint32_t)len;
	struct unix_msg *msg = kmalloc(sizeof(*msg) + room);

	if (!msg)
		return -ENOMEM;
	/* All but cred, which is valid with has_cred and else set at delivery. */
	msg->next = NULL;
	msg->from = NULL;
	msg->len = (uint32_t)len;
	msg->off = 0;
	msg->room = room;
	msg->rights = c->rights;
	msg->has_cred = c->has_cred;
	if (unlikely(c->has_cred))
		msg->cred = c->cred;
	c->rights = NULL;
	if (len && uio_copy_from(m->uio, msg->data, len) != (ssize_t)len) {
		unix_msg_free(msg);
		return -EFAULT;
	}
	*out = msg;
	return 0;
}

static bool are_peers(const struct unix_sock *a, const struct unix_sock *b)
{
	return atomic_load(&a->peer, RELAXED) == b && atomic_load(&b->peer, RELAXED) == a;
}

/* The bytes fit; may there be one message more? */
bool unix_has_room_for_packet(struct unix_sock *to, struct unix_sock *from)
{
	if (to->so.type == SOCK_DGRAM && to != from && atomic_load(&to->peer, RELAXED) != from)
		return atomic_load(&to->nr_messages, RELAXED) <= to->max_foreign;
	return atomic_load(&to->nr_messages, RELAXED) < MAX_MESSAGES;
}

/* to's lock held. unix(7): a message tells who sent it if either side wants to know, or nobody has
 * accepted the connection yet. */
static void set_cred(struct unix_sock *from, struct unix_sock *to, struct unix_msg *msg,
		     const struct sock_cred *cred)
{
	bool is_wanted = sock_has(&from->so, SF_PASSCRED) || sock_has(&to->so, SF_PASSCRED) ||
			 atomic_load(&to->is_embryo, RELAXED);

	if (!msg->has_cred)
		msg->cred = is_wanted ? *cred : UNIX_NOBODY;
}

/* to's lock held. */
static void append(struct unix_sock *to, struct unix_msg *msg)
{
	struct unix_msg *t = to->tail;

	/* Small writes of a stream share a message. */
	if (to->so.type == SOCK_STREAM && t && !msg->rights && !atomic_load(&t->rights, RELAXED) &&
	    t->room - t->len >= msg->len && t->cred.pid == msg->cred.pid &&
	    t->cred.uid == msg->cred.uid && t->cred.gid == msg->cred.gid) {
		memcpy(t->data + t->len, msg->data, msg->len);
		t->len += msg->len;
		(void)atomic_fetch_add(&to->queued, msg->len, RELAXED);
		unix_msg_free(msg);
		return;
	}
	(void)atomic_fetch_add(&to->queued, msg->len + (uint32_t)sizeof(*msg), RELAXED);
	atomic_store(&to->nr_messages, to->nr_messages + 1, RELAXED);
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
	return atomic_load(&to->is_closed, RELAXED) ||
	       atomic_load(&to->so.shut, RELAXED) & SHUT_RD_BIT;
}

/* The socket's own reasons. A sender of datagrams to somebody who is not its peer looks at them
 * only before it waits, as on Linux. */
static int why_not_send(struct unix_sock *from)
{
	int r = sock_take_error(&from->so);

	return r ? r : atomic_load(&from->so.shut, RELAXED) & SHUT_WR_BIT ? -EPIPE : 0;
}

/* Has anything changed for a sender who waits for room? */
static bool is_wait_over(struct unix_sock *from, struct unix_sock *to, bool is_peer)
{
	return unix_has_room(to, from) || atomic_load(&to->is_closed, RELAXED) ||
	       !unix_may_send(to, from) || are_peers(from, to) != is_peer ||
	       (is_peer && (atomic_load(&from->so.shut, RELAXED) & SHUT_WR_BIT ||
			    atomic_load(&from->so.error, RELAXED)));
}

/* 0: look again. -EAGAIN, -EINTR, the socket's error, -EPIPE: it was shut. */
static int wait_for_room(struct unix_sock *from, struct unix_sock *to, const struct sock_msg *m,
			 nsec_t deadline)
{
	bool is_peer = are_peers(from, to);
	int r;

	unix_wants_room(from);
	if (m->is_nonblock)
		return -EAGAIN;
	r = waitq_wait_until(is_peer ? &from->so.wq : &to->space, "unix-send",
			     POLL_OUT | FILE_POLLHUP, is_wait_over(from, to, is_peer), deadline,
			     WAIT_INTERRUPTIBLE);
	if (r)
		return sock_wait_error(r, deadline);
	/* acquire: that the peer is gone, then the error that it left. Pairs: hang_up */
	(void)atomic_load(&to->is_closed, ACQUIRE);
	return is_peer ? why_not_send(from) : 0;
}

/* ---- streams ------------------------------------------------------------------------------ */

/* take msg. It has to go now that its bytes were copied: that others may have used the room
 * meanwhile is for them to wait for. */
static int deliver_stream(struct unix_sock *from, struct unix_sock *to, struct sock_msg *m,
			  struct unix_msg *msg)
{
	mutex_lock(&to->so.lock);
	if (unlikely(cannot_receive(to))) {
		mutex_unlock(&to->so.lock);
		unix_msg_free(msg);
		return -EPIPE;
	}
	set_cred(from, to, msg, &m->cred);
	append(to, msg);
	mutex_unlock(&to->so.lock);
	socket_wake(&to->so, 1, POLL_IN);
	return 0;
}

static ssize_t send_stream(struct unix_sock *u, struct unix_sock *to, struct sock_msg *m,
			   struct control *c, nsec_t deadline)
{
	ssize_t done = 0;

	while (m->uio->left) {
		size_t n = MIN(m->uio->left, (size_t)CHUNK_MAX);
		struct unix_msg *msg;
		int r = 0;

		/* Before the copy, which could not be undone. */
		if (!unix_has_room(to, u) && !cannot_receive(to))
			r = wait_for_room(u, to, m, deadline);
		if (!r)
			r = make_msg(u, m, n, c, &msg);
		if (!r)
			r = deliver_stream(u, to, m, msg);
		if (r)
			return done ? done : r;
		done += (ssize_t)n;
	}
	return done;
}

/* ---- packets ------------------------------------------------------------------------------ */

/* to's lock held. 0; -EAGAIN: no room. */
static int check_receiver(struct unix_sock *from, struct unix_sock *to)
{
	if (!unix_may_send(to, from))
		return -EPERM;
	if (atomic_load(&to->is_closed, RELAXED))
		return from->so.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
	if (atomic_load(&to->so.shut, RELAXED) & SHUT_RD_BIT)
		return -EPIPE;
	return unix_has_room(to, from) ? 0 : -EAGAIN;
}

/* Does the receiver's filter let it pass? If so it is cut. The sender hears nothing of it. */
static bool is_wanted(struct unix_sock *to, struct unix_msg *msg)
{
	struct bpf_view v = { .head = msg->data, .head_len = msg->len, .link = BPF_NONE };
	uint32_t keep = sock_filter_view(&to->so, &v);

	msg->len = MIN(msg->len, keep);
	return keep;
}

/* take msg on success. */
static int deliver_packet(struct unix_sock *from, struct unix_sock *to, struct sock_msg *m,
			  struct unix_msg *msg, nsec_t deadline)
{
	int r;

	for (;;) {
		mutex_lock(&to->so.lock);
		r = check_receiver(from, to);
		if (!r) {
			set_cred(from, to, msg, &m->cred);
			if (unlikely(atomic_load(&to->so.filter, RELAXED)) && !is_wanted(to, msg)) {
				mutex_unlock(&to->so.lock);
				unix_msg_free(msg);
				return 0;
			}
			append(to, msg);
		}
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

static ssize_t send_packet(struct unix_sock *u, struct unix_sock *to, struct sock_msg *m,
			   struct control *c, nsec_t deadline)
{
	size_t len = m->uio->left;
	struct unix_msg *msg;
	int r;

	if (len + PACKET_MARGIN > atomic_load(&u->so.sndbuf, RELAXED))
		return -EMSGSIZE;
	r = why_not_send(u);
	if (!r)
		r = make_msg(u, m, len, c, &msg);
	if (r)
		return r;
	if (atomic_load(&u->name, RELAXED)) {
		msg->from = kmalloc(sizeof(*msg->from));
		if (msg->from)
			unix_get_name(u, msg->from);
	}
	r = deliver_packet(u, to, m, msg, deadline);
	if (r)
		unix_msg_free(msg);
	return r ? r : (ssize_t)len;
}

static ssize_t send_dgram(struct unix_sock *u, struct sock_msg *m, struct control *c,
			  nsec_t deadline)
{
	bool has_name = m->name && m->name->len;
	struct unix_sock *to = NULL;
	ssize_t r = 0;

	if (has_name) {
		r = unix_find(m->name, SOCK_DGRAM, &to);
	} else {
		to = unix_get_peer(u);
		r = to ? 0 : -ENOTCONN;
	}
	if (!r && sock_has(&u->so, SF_PASSCRED))
		r = unix_autobind(u);
	if (!r)
		r = send_packet(u, to, m, c, deadline);
	if (r == -ECONNREFUSED && !has_name)
		unix_set_peer(u, NULL, to); /* told once, then it is not connected */
	if (to)
		socket_put(&to->so);
	return r;
}

ssize_t unix_send(struct socket *so, struct sock_msg *m)
{
	struct unix_sock *u = unix_of(so), *to;
	struct control c = {.rights = NULL};
	nsec_t deadline = NSEC_NEVER;
	ssize_t r;

	if (unlikely(m->control_len)) {
		r = parse_control(&c, m);
		if (r)
			goto out;
	}
	if (m->flags & MSG_OOB) {
		r = -EOPNOTSUPP;
		goto out;
	}
	if (atomic_load(&so->snd_timeout, RELAXED) != NSEC_NEVER)
		deadline = sock_deadline(so->snd_timeout);
	if (so->type == SOCK_DGRAM) {
		r = send_dgram(u, m, &c, deadline);
		goto out;
	}
	/* acquire: the peer's state. Pairs: join */
	to = atomic_load(&u->peer, ACQUIRE);
	if (so->type == SOCK_STREAM && m->name && m->name->len)
		r = to ? -EISCONN : -EOPNOTSUPP;
	else if (!to)
		r = -ENOTCONN;
	else if (so->type == SOCK_STREAM)
		r = atomic_load(&so->shut, RELAXED) & SHUT_WR_BIT
			    ? -EPIPE
			    : send_stream(u, to, m, &c, deadline);
	else
		r = send_packet(u, to, m, &c, deadline);
out:
	if (c.rights)
		unix_rights_drop(c.rights);
	return r;
}
