/* SPDX-License-Identifier: MIT
 *
 * AF_UNIX sockets, unix(7): stream, datagram, sequenced packets. unix.c: life, connections;
 * unix-name.c: names; unix-send.c, unix-recv.c: messages, credentials; unix-rights.c: descriptors
 * on their way.
 *
 * A message lies in the receiver's queue, guarded by the receiver's lock; a sender takes only that
 * lock. `peer` holds a reference. That of a stream or of sequenced packets is set once, when the
 * connection is made, and stays until release(), which no call on the socket overlaps. That of a
 * datagram socket changes: it is used under the lock, or with a reference taken under it. Two
 * sockets are locked in order of address.
 */
#pragma once

#include "net/socket.h"

#define UNIX_MAX_FDS	253u		/* SCM_MAX_FD */

/* Descriptors of a message (SCM_RIGHTS). */
struct unix_rights {
	struct list link;		/* [rights_lock] in its receiver's rights, or in those to put; to itself: in neither */
	struct unix_rights **owner;	/* [rights_lock] what points to it, while it is in a queue */
	unsigned nr;			/* files that it has a reference on */
	struct file *files[];		/* UNIX_MAX_FDS */
};

/* In one allocation with its data. */
struct unix_msg {
	struct unix_msg *next;
	uint32_t len, off, room;	/* bytes in data, of them consumed, capacity */
	bool has_cred;			/* the sender has named its identity (SCM_CREDENTIALS) */
	struct sock_cred cred;		/* who sent it; UNIX_NOBODY: neither side asked for it when it was sent */
	struct sock_addr *from;		/* datagrams: kmalloc, NULL: unnamed */
	struct unix_rights *rights;	/* [a] NULL: none. The queue's lock; the collector takes those of queues that nobody can lock */
	uint8_t data[];
};

struct unix_name;

struct unix_sock {
	struct socket so;		/* first */
	struct unix_sock *peer;		/* [a] ref */
	struct unix_name *name;		/* [names lock]; that there is one is looked at without */
	struct unix_msg *head, *tail;	/* [l]; emptiness is looked at without */
	uint32_t queued;		/* [a] bytes in the queue, with overhead */
	uint32_t nr_messages;		/* [l] */
	uint32_t max_foreign;		/* [I] of them from senders who are no peer: net.unix.max_dgram_qlen when it was made */
	/* Who waits for room in this socket's queue without being its peer: for datagrams, in connect(2). */
	struct waitq space;
	/* [l] in the peer's space, to wake who polls this socket. Linked by poll, until the peer changes. */
	struct waiter relay;
	bool wants_room;		/* [a] poll found none: the relay has somebody to wake */
	struct sock_cred peer_cred;	/* [I] after connect */
	struct sock_cred listen_cred;	/* [l] who called listen(2) */
	bool is_closed, is_listening;	/* [a] */
	bool is_embryo;			/* [a] nobody has accepted it yet */
	struct unix_sock *accept_head, *accept_tail, *accept_next;	/* [l] of the listener */
	unsigned nr_accept, backlog;	/* [l] */
	/* unix-rights.c; [rights_lock] */
	struct list rights;		/* struct unix_rights in this socket's queue */
	uint32_t in_flight, unexplained;	/* messages that hold it; the collector's count */
	struct file *file;		/* while in_flight */
	struct list passed_link, gc_link;
	bool is_candidate;
};

static inline struct unix_sock *unix_of(struct socket *so)
{
	return container_of(so, struct unix_sock, so);
}

#define UNIX_NOBODY	((struct sock_cred){ 0, 65534, 65534 })

/* unix-send.c */
ssize_t unix_send(struct socket *so, struct sock_msg *m);
void unix_msg_free(struct unix_msg *msg);
/* Is to not full for from? Looked at without locks, to wait by, and again under to's lock. */
bool unix_has_room_for_packet(struct unix_sock *to, struct unix_sock *from);
static inline bool unix_has_room(struct unix_sock *to, struct unix_sock *from)
{
	if (atomic_load(&to->queued, RELAXED) >= atomic_load(&from->so.sndbuf, RELAXED))
		return false;
	return likely(to->so.type == SOCK_STREAM) || unix_has_room_for_packet(to, from);
}
/* u has found no room: a signal is to tell when there is (socket_async). */
static inline void unix_wants_room(struct unix_sock *u)
{
	if (unlikely(atomic_load(&u->so.is_async, RELAXED)))
		atomic_store(&u->so.wants_room_signal, true, RELAXED);
}
/* A socket with a peer takes messages from nobody else (datagrams). */
static inline bool unix_may_send(const struct unix_sock *to, const struct unix_sock *from)
{
	struct unix_sock *peer = atomic_load(&to->peer, RELAXED);

	return !peer || peer == from;
}

/* unix-recv.c */
ssize_t unix_recv(struct socket *so, struct sock_msg *m);
int unix_queued(struct socket *so, unsigned what, int *out);
/* Takes all messages off the queue, u's lock held or u unreachable; frees them (no lock held: files may go with them). */
struct unix_msg *unix_take_all(struct unix_sock *u);
void unix_free_all(struct unix_msg *first);

/* unix.c. A reference on the peer, or NULL. */
struct unix_sock *unix_get_peer(struct unix_sock *u);
/*
 * The peer of a datagram socket becomes peer (take), which may be NULL; if expected is given, only
 * where that is the peer now. What was queued from the old one is lost.
 */
void unix_set_peer(struct unix_sock *u, struct unix_sock *peer, const struct unix_sock *expected);

/* unix-name.c: the socket bound to a name, referenced. 0, -ECONNREFUSED, -ENOENT, -EPROTOTYPE... */
int unix_find(const struct sock_addr *a, int type, struct unix_sock **out);
/* The socket's name as an address. */
void unix_get_name(struct unix_sock *u, struct sock_addr *out);
int unix_bind(struct socket *so, const struct sock_addr *a);
/* A name in the abstract space if u has none. 0, -ENOMEM, -EADDRINUSE. */
int unix_autobind(struct unix_sock *u);
/* What the new end of a connection is called: as its listener. 0, -ENOMEM. */
int unix_copy_name(struct unix_sock *to, struct unix_sock *from);
void unix_drop_name(struct unix_sock *u);

/*
 * unix-rights.c. add: references on files by number, allocating *rights; 0 or -errno, with those so far in it. enter, leave: when its message comes into a queue and leaves it for a receiver,
 * who takes the files over from it; the queue's lock held.
 * peek: another reference on file i; the queue's lock held. drop: take; puts the files left, in a queue or not; no lock held. released: a socket was; no lock held.
 */
int unix_rights_add(struct unix_rights **rights, struct fdtable *files, const int *fds, unsigned n);
void unix_rights_enter(struct unix_sock *to, struct unix_msg *msg);
void unix_rights_leave(struct unix_rights *r);
struct file *unix_rights_peek(const struct unix_rights *r, unsigned i);
void unix_rights_drop(struct unix_rights *r);
void unix_rights_released(void);
