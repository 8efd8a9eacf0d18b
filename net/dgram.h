/* SPDX-License-Identifier: MIT
 *
 * What UDP and raw sockets share: a receive queue that is the channel itself, destination and route, options of ip(7) and ipv6(7), control messages.
 */
#pragma once

#include "libc/mpsc.h"
#include "net/ip.h"
#include "net/netdev.h"
#include "net/pkt.h"
#include "net/port.h"
#include "net/socket.h"

struct mc_member {
	struct mc_member *next;
	struct ip_addr group;
	struct netdev *dev;
};

/* First member of struct udp_sock and struct raw_sock. */
struct dgram {
	struct socket so;
	struct mpsc channel;		/* packets from the network, newest first */
	uint32_t queued;		/* [a] bytes of memory in channel and queue */
	uint32_t nr_dropped;		/* [a] */
	struct pkt *queue, *queue_tail;	/* [so.lock], emptiness is looked at without */
	struct ip_addr laddr, raddr;	/* [so.lock] */
	uint16_t lport, rport;		/* [so.lock] */
	bool is_connected;		/* [so.lock] */
	struct ip_route route;		/* [so.lock] to route_dst */
	struct ip_addr route_dst;	/* [so.lock] */
	struct ip_opts opts[2];		/* [so.lock] to IPv4 and to IPv6 destinations */
	uint8_t mc_hops[2];		/* [so.lock] likewise */
	struct netdev *mc_dev[2];	/* [so.lock] likewise */
	uint32_t mc_addr;		/* [so.lock] as IP_MULTICAST_IF was told */
	struct mc_member *groups;	/* [so.lock] */
	struct netdev_waiter room;	/* waits for room in the device, with a reference; begun with the lock held. While it does the socket is not writable */
};

void dgram_init(struct dgram *d);
/* From the network: queue p for the application, or drop it. take. False: dropped. Context: any thread, no socket lock needed. */
bool dgram_deliver(struct dgram *d, struct pkt *p);
/* Wait for a packet and take it (or, with MSG_PEEK, look at it). so.lock is held on success. 0 or -errno. */
int dgram_wait(struct dgram *d, struct sock_msg *m, struct pkt **out);
bool dgram_has_data(struct dgram *d);	/* so.lock not held: it may be taken */
void dgram_pop(struct dgram *d);
/* Copy data and control messages of p out: what recv returns. */
ssize_t dgram_copy(struct dgram *d, struct sock_msg *m, struct pkt *p);
uint32_t dgram_poll(struct socket *so);
/*
 * so.lock held; what is sent next goes to dev, with that hash. Is there room for it, or will there be when the next step is? 0, or -EAGAIN: not now, and the socket is not writable
 * until there is.
 */
int dgram_find_room(struct dgram *d, struct netdev *dev, uint32_t hash);
/* so.lock held; dropped meanwhile. Wait until the socket is writable again. 0 or -errno. */
int dgram_wait_for_room(struct dgram *d, nsec_t deadline);
/* Route to dst, cached; waits for an address that is being configured. so.lock held; may drop and retake it. */
int dgram_route(struct dgram *d, const struct ip_addr *dst, const struct ip_addr *src, struct netdev *dev);
/* Control messages of a send to dst: source address, interface, TTL, traffic class. */
struct dgram_control {
	struct ip_addr src;
	struct netdev *dev;
	struct ip_opts opts;
	uint32_t segment;		/* UDP_SEGMENT */
	uint32_t stamps;		/* SOF_TX_* */
};
int dgram_parse_given(struct dgram *d, const struct sock_msg *m, bool v4, struct dgram_control *c);
static inline int dgram_parse_control(struct dgram *d, const struct sock_msg *m, const struct ip_addr *dst, struct dgram_control *c)
{
	bool v4 = ip_is_v4(dst);

	c->src = d->laddr;
	c->dev = NULL;
	c->opts = d->opts[!v4];
	c->segment = c->stamps = 0;
	return unlikely(m->control_len || sock_has(&d->so, SF_TX_STAMPS)) ? dgram_parse_given(d, m, v4, c) : 0;
}
int dgram_setopt(struct socket *so, int level, int name, const void *value, unsigned len);
int dgram_getopt(struct socket *so, int level, int name, void *value, unsigned *len);
int dgram_queued(struct socket *so, unsigned what, int *out);
/* Last steps of release and destroy. */
void dgram_release(struct dgram *d);
void dgram_destroy(struct dgram *d);
/* Record an asynchronous error and wake. Any thread. */
void dgram_error(struct dgram *d, int error);

/* Control messages of a packet but for its time; local: the address of ours that it is about. */
void inet_put_control(struct socket *so, struct sock_msg *m, const struct pkt *p, const struct ip_addr *local);

/* The error queue: sock-error.c. IP_RECVERR, IPV6_RECVERR: */
bool dgram_wants_errors(const struct dgram *d, bool is_v4);
/* Queue e about a datagram to port; the header of the transport is left out of what is quoted. Any thread, so.lock may be held. */
void dgram_queue_error(struct dgram *d, const struct ip_error *e, uint16_t port, unsigned header);
/* A send to dst failed as longer than mtu: the queue is told if it is asked for. */
void dgram_queue_too_long(struct dgram *d, const struct ip_addr *dst, uint16_t port, unsigned mtu);

/* Times of sending (SO_TIMESTAMPING). kind: SCM_TSTAMP_*. sent: its frame or a part of that, NULL with SOF_OPT_TSONLY; borrow. */
#define STAMP_SENT	0u
#define STAMP_SCHED	1u
#define STAMP_ACKED	2u
void sock_queue_stamp(struct socket *so, unsigned kind, uint32_t key, nsec_t time, const struct pkt *sent);
/* One datagram: begin before it is given away, p at its transport header (or before), end when it is sent or not. */
struct dgram_stamp {
	struct pkt *frame;
	uint32_t stamps, key;
};
void dgram_stamp_begin(struct dgram *d, uint32_t stamps, const struct pkt *p, struct dgram_stamp *s);
/* has_ip: p began with its IP header. */
void dgram_stamp_end(struct dgram *d, struct dgram_stamp *s, bool is_sent, bool has_ip, const struct ip_addr *src, const struct ip_addr *dst, const struct ip_opts *opts);

/* inet-opt.c: options of levels IP and IPv6 that TCP has too. rt: of a connected socket, else NULL. -ENOPROTOOPT: not one of these. */
#define IPPROTO_IP	0
#define IPPROTO_IPV6	41
int inet_setopt(struct socket *so, struct ip_opts *opts, int level, int name, const void *value, unsigned len);
int inet_getopt(struct socket *so, const struct ip_opts *opts, const struct ip_route *rt, int level, int name, void *value, unsigned *len);
/* An int that Linux takes as one byte, too, at level IP. 0, -EINVAL: too short for IPv6. */
int inet_opt_value(int level, const void *value, unsigned len, int *v);
int inet_put_int(int level, int v, void *value, unsigned *len);	/* 0 */
