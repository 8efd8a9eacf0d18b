/* SPDX-License-Identifier: MIT
 *
 * UDP over a link of 1500 bytes: fragments of both versions, in any order, with losses and duplicates; limits of reassembly; texts of addresses.
 */
/* sources: net/addr.c net/arp.c net/csum.c net/dgram.c net/eth.c net/gro.c net/icmp.c net/inet-opt.c net/inet.c net/ip-frag.c net/ip-input.c net/ip-output.c net/loopback.c net/mcast.c net/nd.c net/neigh.c net/netdev.c net/pkt-pool.c net/pkt-uio.c net/pkt.c net/port.c net/raw.c net/route.c net/siphash.c net/socket.c net/tcp-ack.c net/tcp-cong.c net/tcp-demux.c net/tcp-input.c net/tcp-listen.c net/tcp-opt.c net/tcp-output.c net/tcp-rack.c net/tcp-recvq.c net/tcp-sendq.c net/tcp-sock.c net/tcp-timer.c net/udp.c net/worker.c fs/uio.c sched/poller.c tests/host/fake-net.c */
#include "net/dgram.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "tests/host/fake-net.h"

static uint8_t in[65536], out[65536];

static void round_trip(int family, unsigned len, unsigned loss, unsigned tries)
{
	struct socket *a = sim_socket(family, SOCK_DGRAM), *b = sim_socket(family, SOCK_DGRAM);
	static uint16_t port = 3000;
	struct sock_addr to = sim_addr(family, ++port);
	unsigned arrived = 0;

	CHECK_EQ(a->ops->bind(a, &to), 0);
	CHECK_EQ(b->ops->connect(b, &to, false), 0);
	sim_link.loss = loss;
	for (unsigned i = 0; i < tries; i++) {
		ssize_t n;

		for (unsigned j = 0; j < len; j++)
			out[j] = (uint8_t)(sim_random() >> 9);
		CHECK_EQ(sim_send(b, out, len, 0), len);
		sim_run(100 * NSEC_PER_MSEC);
		n = sim_recv(a, in, sizeof(in), MSG_DONTWAIT);
		if (n == -EAGAIN)
			continue;
		CHECK_EQ(n, len);
		CHECK(!memcmp(in, out, len));
		arrived++;
		while (sim_recv(a, in, sizeof(in), MSG_DONTWAIT) >= 0)
			;
	}
	if (!loss)
		CHECK_EQ(arrived, tries);
	else
		CHECK(arrived < tries);
	sim_close(a);
	sim_close(b);
}

static void test_addresses(void)
{
	static const char *const same[] = { "::", "::1", "fe80::1", "2001:db8::1:0:0:1", "1:2:3:4:5:6:7:8", "1::", "10.0.0.255", "a:0:b::c" };
	static const char *const bad[] = { "", ":", "1", ":::", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "10.0.0", "10.0.0.256", "10.0.0.0.1", "g::" };
	char text[IP_TEXT_LEN];
	struct ip_addr a;

	for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
		CHECK(ip_parse(same[i], strlen(same[i]), &a));
		if (strcmp(ip_to_text(&a, text), same[i]))
			fprintf(stderr, "%s became %s\n", same[i], text);
		CHECK(!strcmp(text, same[i]));
	}
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(!ip_parse(bad[i], strlen(bad[i]), &a));
}

int main(void)
{
	test_addresses();
	sim_link_attach();
	loopback.mtu = 1500;
	loopback.features = NETDEV_RXCSUM;
	sim_link = (struct sim_link){ .delay = NSEC_PER_MSEC, .jitter = 5 * NSEC_PER_MSEC, .duplicate = 500 };
	for (int family = AF_INET; family <= AF_INET6; family += AF_INET6 - AF_INET) {
		round_trip(family, 1, 0, 10);
		round_trip(family, 1472, 0, 10);
		round_trip(family, 1473, 0, 10);
		round_trip(family, 20001, 0, 20);
		round_trip(family, 65000, 0, 10);
		round_trip(family, 20000, 1000, 100);
	}
	CHECK(net_stats.ip_reasm_oks > 50 && net_stats.ip_frag_creates > 500);
	/* What never became whole is bounded (1 MiB). */
	CHECK(sim_live_pages() < 400);
	return 0;
}
