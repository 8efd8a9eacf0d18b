/* SPDX-License-Identifier: MIT
 *
 * For tests of TCP in virtual time (fake-net.h): a connection over IPv4 from us to us whose sender the test looks into.
 */
#pragma once

#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

struct pair {
	struct socket *l, *c, *s;	/* listener, the end that connected, the one that was accepted */
	struct tcp_sock *tp;		/* c */
};

static inline struct pair pair_open(void)
{
	static uint16_t port = 5000;
	struct sock_addr a = sim_addr(AF_INET, ++port);
	struct pair p = { sim_socket(AF_INET, SOCK_STREAM), sim_socket(AF_INET, SOCK_STREAM), NULL, NULL };

	CHECK_EQ(p.l->ops->bind(p.l, &a), 0);
	CHECK_EQ(p.l->ops->listen(p.l, 5), 0);
	CHECK_EQ(p.c->ops->connect(p.c, &a, false), 0);
	CHECK_EQ(p.l->ops->accept(p.l, &p.s, false), 0);
	p.tp = tcp_of(p.c);
	return p;
}

static inline void pair_close(struct pair *p)
{
	sim_close(p->c);
	sim_close(p->s);
	sim_close(p->l);
	sim_run(300 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
}

/* Send it all and read it at the other end; nothing is in flight then. each (or NULL): called after each step of time. */
static inline void pair_move(struct pair *p, size_t total, void (*each)(void))
{
	static uint8_t buf[65536];
	size_t sent = 0, received = 0;
	ssize_t r;

	while (received < total || p->tp->snd_una != p->tp->snd_nxt) {
		r = sent < total ? sim_send(p->c, buf, MIN(sizeof(buf), total - sent), MSG_DONTWAIT) : -EAGAIN;
		sent += r > 0 ? (size_t)r : 0;
		while ((r = sim_recv(p->s, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
			received += (size_t)r;
		if (received < total || p->tp->snd_una != p->tp->snd_nxt)
			CHECK(sim_step(sim_now + NSEC_PER_SEC));
		if (each)
			each();
		(void)p->c->ops->poll(p->c);	/* what has come is processed */
	}
}
