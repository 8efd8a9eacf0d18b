/* SPDX-License-Identifier: MIT
 *
 * What the netlink families share: the socket, and composing an answer.
 */
#pragma once

#include "libc/mpsc.h"
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
	uint32_t pid;			/* [l] the socket's address */
	uint64_t groups;		/* [a] bit number - 1 */
	uint32_t options;		/* [a] bit NETLINK_* */
	struct mpsc notes;		/* what was announced, newest first; they come behind what is queued when they are looked for */
	uint32_t note_bytes;		/* [a] */
};

/* An answer being written: lock of nl held. Or an announcement: nl is NULL. */
struct answer {
	struct nl_sock *nl;
	const struct nlmsghdr *req;
	const uint8_t *body;		/* of the request */
	const char *message;		/* why it failed, for people; NULL: nothing to say */
	uint16_t type;			/* of the message, if not that of an answer */
	struct pkt *p;			/* the chunk being filled */
	struct nlmsghdr *msg;		/* the message being filled */
	uint8_t family;			/* wanted; 0: all */
	bool is_end;			/* the last chunk is queued even if the queue is full */
	int error;
};

/* Begin a message with a zeroed body of this size; it and its attributes may take 1024 bytes in all. NULL: no memory. */
void *nl_begin(struct answer *a, uint16_t type, unsigned size);
void nl_attr(struct answer *a, uint16_t type, const void *data, unsigned len);
void nl_attr_u32(struct answer *a, uint16_t type, uint32_t v);
void nl_put_error(struct answer *a, int error);
/* An error with its reason. Returns error. */
static inline int nl_fail(struct answer *a, int error, const char *message)
{
	a->message = message;
	return error;
}

/* netlink-change.c: RTM_NEW*, RTM_DEL*, RTM_SET*. 0 or -errno, with a->message. */
int nl_change(struct answer *a, const uint8_t *body, unsigned len);
/* Attributes by type (below nr), the last of each. Never beyond len: one that says it is longer ends them, and is as good as not there, as on Linux. */
struct nl_attr_ref {
	const uint8_t *data;
	uint32_t len;
	bool is_there;
};
void nl_parse(const uint8_t *attrs, unsigned len, struct nl_attr_ref *out, unsigned nr);
/* An address of AF_INET or AF_INET6. 0; -ERANGE: too short; -EAFNOSUPPORT. */
int nl_get_ip(const struct nl_attr_ref *t, uint8_t family, struct ip_addr *out);

/* netlink-diag.c: one request, sock_diag(7). False: answered by an error, no end of a dump follows. */
bool nl_diag(struct answer *a, const uint8_t *body, unsigned len);
