/* SPDX-License-Identifier: MIT
 *
 * AF_UNIX sockets, unix(7): stream, datagram, sequenced packets. unix.c: life, names, connections; unix-data.c: messages, descriptors, credentials.
 *
 * A message lies in the receiver's queue, guarded by the receiver's lock; a sender takes only that lock. `peer` is set when the connection is made and holds a reference; it is
 * used only by calls on the socket itself, so it stays until release().
 *
 * Not done: descriptors of sockets that are passed in a circle and then closed on both sides stay open (Linux has a collector).
 */
#pragma once

#include "net/socket.h"

#define UNIX_MAX_FDS	253u		/* SCM_MAX_FD */

/* In one allocation with its data. */
struct unix_msg {
	struct unix_msg *next;
	uint32_t len, off, room;	/* bytes in data, of them consumed, capacity */
	struct sock_cred cred;
	struct sock_addr *from;		/* datagrams: kmalloc, NULL: unnamed */
	struct file **files;		/* kmalloc, NULL: none */
	unsigned nr_files;
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
};

static inline struct unix_sock *unix_of(struct socket *so)
{
	return container_of(so, struct unix_sock, so);
}

ssize_t unix_send(struct socket *so, struct sock_msg *m);
ssize_t unix_recv(struct socket *so, struct sock_msg *m);
void unix_purge(struct unix_sock *u);
void unix_msg_free(struct unix_msg *msg);
bool unix_has_room(struct unix_sock *to, struct unix_sock *from);
/* unix.c: the socket bound to a name, referenced. 0, -ECONNREFUSED, -ENOENT, -EPROTOTYPE... */
int unix_find(const struct sock_addr *a, int type, struct unix_sock **out);
/* The socket's name as an address. */
void unix_get_name(struct unix_sock *u, struct sock_addr *out);
