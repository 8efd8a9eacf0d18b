/* SPDX-License-Identifier: MIT
 *
 * AF_UNIX sockets, unix(7): stream, datagram, sequenced packets. unix.c: life, names, connections; unix-data.c: messages, credentials; unix-rights.c: descriptors
 * on their way.
 *
 * A message lies in the receiver's queue, guarded by the receiver's lock; a sender takes only that lock. `peer` is set when the connection is made and holds a reference; it is
 * used only by calls on the socket itself, so it stays until release().
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
	struct sock_cred cred;
	struct sock_addr *from;		/* datagrams: kmalloc, NULL: unnamed */
	struct unix_rights *rights;	/* [a] NULL: none. The queue's lock; the collector takes those of queues that nobody can lock */
	uint8_t data[];
};

struct unix_name;

struct unix_sock {
	struct socket so;		/* first */
	struct unix_sock *peer;		/* [a] ref */
	struct unix_name *name;		/* [names lock] */
	struct sock_addr *inherited;	/* [I] an accepted socket has its listener's name; kmalloc */
	struct unix_msg *head, *tail;	/* [l]; emptiness is looked at without */
	uint32_t queued;		/* [a] bytes in the queue, with overhead */
	uint32_t nr_messages;		/* [l] */
	struct waitq space;		/* who waits for room in this socket's queue without being its peer (datagrams) */
	struct sock_cred peer_cred;	/* [I] after connect */
	bool is_closed, is_reset, is_listening;	/* [a] */
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

ssize_t unix_send(struct socket *so, struct sock_msg *m);
ssize_t unix_recv(struct socket *so, struct sock_msg *m);
/* Takes all messages off the queue, u's lock held or u unreachable; frees them (no lock held: files may go with them). */
struct unix_msg *unix_take_all(struct unix_sock *u);
void unix_free_all(struct unix_msg *first);
void unix_msg_free(struct unix_msg *msg);
bool unix_has_room(struct unix_sock *to, struct unix_sock *from);

/*
 * unix-rights.c. add: references on files by number, allocating *rights; 0 or -errno, with those so far in it. enter, leave: when its message comes into a queue and leaves it for a receiver,
 * who takes the files over from it; the queue's lock held. drop: take; puts the files left, in a queue or not; no lock held. released: a socket was; no lock held.
 */
int unix_rights_add(struct unix_rights **rights, struct fdtable *files, const int *fds, unsigned n);
void unix_rights_enter(struct unix_sock *to, struct unix_msg *msg);
void unix_rights_leave(struct unix_rights *r);
void unix_rights_drop(struct unix_rights *r);
void unix_rights_released(void);
/* unix.c: the socket bound to a name, referenced. 0, -ECONNREFUSED, -ENOENT, -EPROTOTYPE... */
int unix_find(const struct sock_addr *a, int type, struct unix_sock **out);
/* The socket's name as an address. */
void unix_get_name(struct unix_sock *u, struct sock_addr *out);
