/* SPDX-License-Identifier: MIT
 *
 * UDP loses nothing in its own machine while a device is slower than the program: who may block waits for room, who may not is told EAGAIN, poll(2) says so and wakes.
 */
/* sources: @net-stack */
#include "net/netdev-priv.h"
#include "tests/host/fake-net.h"

#define QUEUE	150000u
#define NR	1000u
#define SIZE	1400u

static uint8_t buf[SIZE];

static struct socket *connected(uint16_t port)
{
	struct sock_addr a = sim_addr(AF_INET, port);
	struct socket *so = sim_socket(AF_INET, SOCK_DGRAM);

	CHECK_EQ(so->ops->connect(so, &a, false), 0);
	return so;
}

static void blocking_sender_waits(struct socket *r, uint16_t port)
{
	struct socket *so = connected(port);
	uint64_t lost = sim_lost, sent = sim_sent;

	for (unsigned i = 0; i < NR; i++) {
		CHECK_EQ(sim_send(so, buf, SIZE, 0), SIZE);
		while (sim_recv(r, buf, SIZE, MSG_DONTWAIT) > 0);
	}
	sim_run(10 * NSEC_PER_SEC);
	CHECK_EQ(sim_lost, lost);
	CHECK_EQ(sim_sent - sent, NR);
	sim_close(so);
}

static void other_sender_is_told(uint16_t port)
{
	struct socket *so = connected(port);
	uint64_t lost = sim_lost, sent = sim_sent;
	unsigned done = 0;

	while (done < NR) {
		ssize_t n = sim_send(so, buf, SIZE, MSG_DONTWAIT);

		if (n == SIZE) {
			done++;
			continue;
		}
		CHECK_EQ(n, -EAGAIN);
		CHECK(!(so->ops->poll(so) & FILE_POLLOUT));
		while (!(so->ops->poll(so) & FILE_POLLOUT))
			CHECK(sim_step(sim_now + NSEC_PER_SEC));
	}
	CHECK_EQ(sim_sent - sent, NR);
	CHECK_EQ(sim_lost, lost);
	/* A device that has stopped: a time-out ends the wait, and closing leaves nothing. */
	sim_link_hold(sim_now + 60 * NSEC_PER_SEC);
	while (sim_send(so, buf, SIZE, MSG_DONTWAIT) == SIZE);
	so->snd_timeout = NSEC_PER_SEC;
	CHECK_EQ(sim_send(so, buf, SIZE, 0), -EAGAIN);
	sim_close(so);
	sim_run(120 * NSEC_PER_SEC);
}

int main(void)
{
	struct sock_addr a = sim_addr(AF_INET, 6000);
	struct socket *r;

	sim_link_attach();
	loopback.mtu = 1500;
	loopback.features = NETDEV_CSUM | NETDEV_RXCSUM;
	sim_link = (struct sim_link){ .per_byte = 100, .queue_limit = QUEUE, .full_at = QUEUE / 2 };
	r = sim_socket(AF_INET, SOCK_DGRAM);
	CHECK_EQ(r->ops->bind(r, &a), 0);
	blocking_sender_waits(r, 6000);
	other_sender_is_told(6000);
	sim_close(r);
	sim_run(NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
	return 0;
}
