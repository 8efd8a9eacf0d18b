/* SPDX-License-Identifier: MIT
 *
 * TCP loses none of its own segments in its own machine: it waits for a device whose queue is full, however large its windows are, and sends nothing again for what lies there.
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

#define QUEUE	300000u
#define TOTAL	(6u << 20)
#define NR	3

static uint8_t buf[65536];

struct flow {
	struct socket *c, *s;
	size_t sent, received;
};

static void flow_open(struct flow *f, struct socket *l, const struct sock_addr *a)
{
	*f = (struct flow){ .c = sim_socket(AF_INET, SOCK_STREAM) };
	CHECK_EQ(f->c->ops->connect(f->c, a, false), 0);
	CHECK_EQ(l->ops->accept(l, &f->s, false), 0);
}

static void pump(struct flow *f, size_t total)
{
	ssize_t r = f->sent < total ? sim_send(f->c, buf, MIN(sizeof(buf), total - f->sent), MSG_DONTWAIT) : -EAGAIN;

	CHECK(r > 0 || r == -EAGAIN);
	f->sent += r > 0 ? (size_t)r : 0;
	while ((r = sim_recv(f->s, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		f->received += (size_t)r;
	CHECK_EQ(r, -EAGAIN);
}

/* is_held: the device takes nothing for a minute in the middle of it. */
static void transfer(unsigned nr, bool has_tso, bool is_held, uint16_t port)
{
	struct socket *l = sim_socket(AF_INET, SOCK_STREAM);
	struct sock_addr a = sim_addr(AF_INET, port);
	uint64_t lost = sim_lost;
	bool is_done = false;
	struct flow f[NR];

	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM | (has_tso ? NETDEV_TSO4 | NETDEV_TSO6 : 0);
	CHECK_EQ(l->ops->bind(l, &a), 0);
	CHECK_EQ(l->ops->listen(l, 5), 0);
	for (unsigned i = 0; i < nr; i++)
		flow_open(&f[i], l, &a);
	while (!is_done) {
		is_done = true;
		for (unsigned i = 0; i < nr; i++) {
			pump(&f[i], TOTAL);
			is_done &= f[i].received == TOTAL;
		}
		if (is_held && f[0].received > TOTAL / 2) {
			is_held = false;
			sim_link_hold(sim_now + 60 * NSEC_PER_SEC);
		}
		if (!is_done)
			CHECK(sim_step(sim_now + 1000 * NSEC_PER_SEC));
	}
	CHECK_EQ(sim_lost, lost);
	for (unsigned i = 0; i < nr; i++) {
		CHECK_EQ(tcp_of(f[i].c)->nr_retrans_total, 0);
		sim_close(f[i].c);
		sim_close(f[i].s);
	}
	sim_close(l);
	sim_run(300 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
	CHECK_EQ(tcp_nr_orphans, 0);
}

int main(void)
{
	uint16_t port = 5000;

	sim_link_attach();
	loopback.mtu = 1500;
	sim_link = (struct sim_link){ .delay = 50 * NSEC_PER_MSEC, .segment = true, .per_byte = 8, .queue_limit = QUEUE, .full_at = QUEUE / 2 };
	for (int has_tso = 0; has_tso < 2; has_tso++) {
		transfer(1, has_tso, false, port++);
		transfer(NR, has_tso, false, port++);
		transfer(1, has_tso, true, port++);
	}
	return 0;
}
