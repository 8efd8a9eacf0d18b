/* SPDX-License-Identifier: MIT
 *
 * A world for tests of net/: one thread, virtual time, timers, a link with faults. Blocking calls run the world until they are woken.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/uio.h"
#include "libc/errno.h"
#include "net/netdev.h"
#include "net/socket.h"

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
			abort(); \
		} \
	} while (0)
#define CHECK_EQ(a, b) \
	do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (a_ != b_) { \
			fprintf(stderr, "%s:%d: %s = %lld, expected %s = %lld\n", __FILE__, __LINE__, #a, a_, #b, b_); \
			abort(); \
		} \
	} while (0)

extern nsec_t sim_now;
/* Run the next thing that is due (packet, timer, worker); false: nothing is, before limit (time moves to limit then). */
bool sim_step(nsec_t limit);
void sim_run(nsec_t span);
uint32_t sim_random(void);
void sim_seed(uint32_t seed);
/* Leaks: pages and packets still there. */
unsigned sim_live_pages(void);

/* The loopback device as a link: what each packet suffers, in 1/10000. */
struct sim_link {
	unsigned loss, duplicate, reorder;
	nsec_t delay, jitter, per_byte;	/* per_byte: ns, serialisation */
	unsigned queue_limit;		/* bytes waiting to be serialised; 0: none */
	unsigned full_at;		/* so many make the queue full, and half of them room again (netdev.h); 0: it does not say */
	bool segment;			/* split GSO packets as a device does */
	bool merge;			/* receive merges none; kept for tests of LRO */
};
extern struct sim_link sim_link;
extern uint64_t sim_sent, sim_lost;
void sim_link_attach(void);
/* The device takes nothing before that time. */
void sim_link_hold(nsec_t until);
/* Called for each packet that enters the link (starts at the IP header); true: take it away from the link. */
extern bool (*sim_filter)(struct pkt *p);

/* Short hands. */
struct socket *sim_socket(int family, int type);
void sim_close(struct socket *so);
ssize_t sim_send(struct socket *so, const void *buf, size_t len, unsigned flags);
ssize_t sim_recv(struct socket *so, void *buf, size_t len, unsigned flags);
struct sock_addr sim_addr(int family, uint16_t port);
