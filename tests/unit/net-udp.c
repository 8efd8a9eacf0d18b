/* SPDX-License-Identifier: MIT
 *
 * UDP over a link of 1500 bytes: fragments of both versions, in any order, with losses and duplicates; limits of reassembly; texts of addresses; the short way to ourselves.
 */
/* sources: @net-stack */
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

struct received {
	ssize_t n;
	unsigned out_flags;
	size_t control_len;
	struct sock_addr name;
	uint8_t control[256], data[1000];
};

static void receive(struct socket *so, struct received *r)
{
	struct iovec iov;
	struct uio u;
	struct sock_msg m = { .uio = &u, .name = &r->name, .control = r->control, .control_room = sizeof(r->control), .is_nonblock = true };

	memset(r, 0, sizeof(*r));
	uio_init(&u, &iov, r->data, sizeof(r->data), false);
	r->n = so->ops->recv(so, &m);
	r->out_flags = m.out_flags;
	r->control_len = m.control_len;
}

/* To ourselves the short way (deliver_local()) and the long one, by turns: nobody can tell. */
static void test_ways(int family)
{
	static const unsigned lengths[] = { 0, 1, 100, 1000, 1001, 1473, 60000 };
	struct socket *a = sim_socket(family, SOCK_DGRAM), *b = sim_socket(family, SOCK_DGRAM);
	struct sock_addr to = sim_addr(family, 2999);
	struct received r[2];

	CHECK_EQ(a->ops->bind(a, &to), 0);
	CHECK_EQ(b->ops->connect(b, &to, false), 0);
	for (unsigned i = 0; i < 3; i++) {
		static const int names4[] = { 8, 12, 13 }, names6[] = { 49, 51, 66 };	/* (RECV)PKTINFO, TTL, TOS */

		CHECK_EQ(a->ops->setopt(a, family == AF_INET ? 0 : 41, family == AF_INET ? names4[i] : names6[i], &(int){ 1 }, 4), 0);
	}
	for (unsigned i = 0; i < 4 * ARRAY_SIZE(lengths); i++) {
		uint64_t local = net_stats.udp_local, delivered = net_stats.udp_in_datagrams;

		if (i % 4 == 2)
			CHECK_EQ(b->ops->setopt(b, family == AF_INET ? 0 : 41, family == AF_INET ? 1 : 67, &(int){ (int)(4 * i) }, 4), 0);	/* TOS */
		if (i % 4 == 3)
			CHECK_EQ(b->ops->setopt(b, family == AF_INET ? 0 : 41, family == AF_INET ? 2 : 16, &(int){ (int)i + 1 }, 4), 0);	/* TTL */
		for (unsigned k = 0; k < 2; k++) {
			loopback.features ^= NETDEV_LOOPBACK;	/* off first */
			CHECK_EQ(sim_send(b, out, lengths[i / 4], 0), lengths[i / 4]);
			receive(a, &r[k]);
			CHECK(r[k].n >= 0 && r[k].control_len);
		}
		CHECK(!memcmp(&r[0], &r[1], sizeof(r[0])));
		CHECK_EQ(net_stats.udp_local, local + 1);
		CHECK_EQ(net_stats.udp_in_datagrams, delivered + 2);
	}
	sim_close(a);
	for (unsigned k = 0; k < 2; k++) {
		loopback.features ^= NETDEV_LOOPBACK;
		CHECK_EQ(sim_send(b, out, 10, 0), 10);
		CHECK_EQ(sim_recv(b, in, sizeof(in), MSG_DONTWAIT), -ECONNREFUSED);
		sim_run(2 * NSEC_PER_SEC);	/* ICMP is limited in rate */
	}
	sim_close(b);
}

int main(void)
{
	test_addresses();
	loopback_init();
	test_ways(AF_INET);
	test_ways(AF_INET6);
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
