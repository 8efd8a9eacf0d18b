/* SPDX-License-Identifier: MIT
 *
 * What the netlink families share: the socket, and composing an answer.
 */
#pragma once

#include "net/addr.h"
#include "net/netlink-reg.h"
#include "net/pkt.h"
#include "net/socket.h"

#define NETLINK_ROUTE		0
#define NETLINK_SOCK_DIAG	4

struct nl_sock {
	struct socket so;		/* first */
	struct pkt *head, *tail;	/* [l]; emptiness is looked at without */
	uint32_t queued;		/* [l] */
	uint32_t pid, groups;		/* [l] pid: the socket's address */
};

/* An answer being written: lock of nl held. */
struct answer {
	struct nl_sock *nl;
	const struct nlmsghdr *req;
	struct pkt *p;			/* the chunk being filled */
	struct nlmsghdr *msg;		/* the message being filled */
	uint8_t family;			/* wanted; 0: all */
	bool is_end;			/* the last chunk is queued even if the queue is full */
	int error;
};

/* Begin a message with a zeroed body of this size; it and its attributes may take 512 bytes in all. NULL: no memory. */
void *nl_begin(struct answer *a, uint16_t type, unsigned size);
void nl_attr(struct answer *a, uint16_t type, const void *data, unsigned len);
void nl_attr_u32(struct answer *a, uint16_t type, uint32_t v);
void nl_put_error(struct answer *a, int error);

/* netlink-diag.c: one request, sock_diag(7). False: answered by an error, no end of a dump follows. */
bool nl_diag(struct answer *a, const uint8_t *body, unsigned len);
