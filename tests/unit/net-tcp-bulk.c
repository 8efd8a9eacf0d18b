/* SPDX-License-Identifier: MIT
 *
 * Bulk transfers between two ends of our TCP over a link that loses, reorders, duplicates and delays, under virtual time: every byte arrives, in both directions, IPv4 and IPv6,
 * and nothing is left behind.
 */
/* sources: @net-stack */
#include "mmu/page.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "tests/host/fake-net.h"

/* A byte of the stream by its position: any loss, repetition or exchange shows. */
static uint8_t byte_at(uint64_t i, unsigned salt)
{
	uint64_t x = (i / 8 + salt) * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	return (uint8_t)(x >> (i % 8) * 8);
}

struct stream {
	struct socket *from, *to;
	uint64_t sent, received, total;
	unsigned salt;
	bool is_shut;
};

/* As sendfile(2): pieces of pages that TCP may keep, of any size, also many small ones. n: about how much. */
static ssize_t send_pages(struct stream *s, size_t n)
{
	struct iovec iov[16];
	void *pages[16];
	struct uio u = { .iov = iov, .is_kernel = true, .is_pages = true };
	struct sock_msg m = { .uio = &u, .flags = sim_random() % 4 ? 0 : MSG_MORE, .is_nonblock = true };
	bool is_whole = sim_random() % 2;
	unsigned nr;
	ssize_t r;

	while (u.left < n && u.nr < ARRAY_SIZE(iov)) {
		size_t off = is_whole ? 0 : sim_random() % PAGE_SIZE, len = is_whole ? PAGE_SIZE : 1 + sim_random() % (PAGE_SIZE - off);
		uint8_t *page = phys_to_virt(page_alloc(0, 0));

		len = MIN(len, n - u.left);
		for (size_t i = 0; i < len; i++)
			page[off + i] = byte_at(s->sent + u.left + i, s->salt);
		pages[u.nr] = page;
		iov[u.nr++] = (struct iovec){ page + off, len };
		u.left += len;
	}
	nr = u.nr;
	r = s->from->ops->send(s->from, &m);
	for (unsigned i = 0; i < nr; i++)
		if (!uio_is_given(&u, nr, i))
			page_put(virt_to_phys(pages[i]));
	return r;
}

static bool pump_out(struct stream *s, uint8_t *buf, size_t size)
{
	size_t n = (size_t)MIN(s->total - s->sent, 1 + sim_random() % (sim_random() % 4 ? size : 300));
	ssize_t r;

	if (s->sent == s->total) {
		if (!s->is_shut) {
			s->is_shut = true;
			CHECK_EQ(s->from->ops->shutdown(s->from, SHUT_WR), 0);
			return true;
		}
		return false;
	}
	if (!(s->from->ops->poll(s->from) & FILE_POLLOUT))
		return false;
	if (sim_random() % 2) {
		r = send_pages(s, n);
	} else {
		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(s->sent + i, s->salt);
		r = sim_send(s->from, buf, n, MSG_DONTWAIT);
	}
	if (r == -EAGAIN)
		return false;
	CHECK(r > 0);
	s->sent += (uint64_t)r;
	return true;
}

/* 1 progress, 0 none, -1 end of stream. */
static int pump_in(struct stream *s, uint8_t *buf, size_t size)
{
	ssize_t r = sim_recv(s->to, buf, 1 + sim_random() % size, MSG_DONTWAIT);

	if (r == -EAGAIN)
		return 0;
	if (r < 0)
		fprintf(stderr, "recv: %zd after %llu of %llu\n", r, (unsigned long long)s->received, (unsigned long long)s->total);
	CHECK(r >= 0);
	for (ssize_t i = 0; i < r; i++)
		CHECK_EQ(buf[i], byte_at(s->received + (uint64_t)i, s->salt));
	s->received += (uint64_t)r;
	return r ? 1 : -1;
}

static void transfer(const char *what, int family, uint64_t up, uint64_t down, uint16_t port)
{
	static uint8_t buf[32768];
	struct socket *l = sim_socket(family, SOCK_STREAM), *c = sim_socket(family, SOCK_STREAM), *s;
	struct sock_addr a = sim_addr(family, port);
	struct stream st[2];
	nsec_t start = sim_now;
	bool done[2] = { false, false };
	uint64_t sent = sim_sent, lost = sim_lost;

	CHECK_EQ(l->ops->bind(l, &a), 0);
	CHECK_EQ(l->ops->listen(l, 5), 0);
	CHECK_EQ(c->ops->connect(c, &a, false), 0);
	CHECK_EQ(l->ops->accept(l, &s, false), 0);
	st[0] = (struct stream){ .from = c, .to = s, .total = up, .salt = 1 };
	st[1] = (struct stream){ .from = s, .to = c, .total = down, .salt = 2 };
	while (!done[0] || !done[1]) {
		bool progress = false;

		for (int i = 0; i < 2; i++) {
			int r;

			progress |= pump_out(&st[i], buf, sizeof(buf));
			if (done[i])
				continue;
			r = pump_in(&st[i], buf, sizeof(buf));
			progress |= r > 0;
			done[i] = r < 0;
		}
		if (!progress && !(done[0] && done[1])) {
			CHECK(sim_step(sim_now + 1000 * NSEC_PER_SEC));
			CHECK(sim_now - start < 4 * 3600 * NSEC_PER_SEC);
		}
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(st[i].received, st[i].total);
	printf("%-32s %s %8.1f s, %6.2f MB/s, %llu frames, %llu lost, rto %llu, retrans %u+%u\n", what, family == AF_INET ? "v4" : "v6", (double)(sim_now - start) / 1e9,
	       (double)(up + down) / 1e6 / ((double)(sim_now - start) / 1e9), (unsigned long long)(sim_sent - sent), (unsigned long long)(sim_lost - lost),
	       (unsigned long long)net_stats.tcp_timeouts, tcp_of(c)->nr_retrans_total, tcp_of(s)->nr_retrans_total);
	net_stats.tcp_timeouts = 0;
	sim_close(c);
	sim_close(s);
	sim_close(l);
	sim_run(300 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
	CHECK_EQ(tcp_nr_time_wait, 0);
	CHECK_EQ(tcp_nr_orphans, 0);
}

/* The timer runs out, and its function has to wait for the lock; its holder arms it anew. Then it runs twice, and the connection outlives both. */
static void late_timer(uint16_t port)
{
	struct socket *l = sim_socket(AF_INET, SOCK_STREAM), *c = sim_socket(AF_INET, SOCK_STREAM), *s;
	struct tcp_sock *tp = tcp_of(c);
	struct sock_addr a = sim_addr(AF_INET, port);
	char byte;

	CHECK_EQ(l->ops->bind(l, &a), 0);
	CHECK_EQ(l->ops->listen(l, 5), 0);
	CHECK_EQ(c->ops->connect(c, &a, false), 0);
	CHECK_EQ(l->ops->accept(l, &s, false), 0);
	sim_run(10 * NSEC_PER_SEC);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(sim_send(c, "x", 1, 0), 1);
		CHECK(tp->timer.is_armed);
		list_del(&tp->timer.node.link);
		tp->timer.is_armed = false;
		tp->xmit_at = tp->armed_at - 1;
		tcp_timer_update(tp);
		/* The acknowledgement comes: the first run finds nothing to do, and the second is still to come. */
		CHECK_EQ(sim_recv(s, &byte, 1, 0), 1);
		sim_run(NSEC_PER_MSEC);
		(void)c->ops->poll(c);
		CHECK_EQ(tp->snd_una, tp->snd_nxt);
		tp->timer.fn(&tp->timer);
		sim_run(10 * NSEC_PER_SEC);
	}
	CHECK_EQ(tp->state, TCP_ESTABLISHED);
	sim_close(c);
	sim_close(s);
	sim_close(l);
	sim_run(300 * NSEC_PER_SEC);
	CHECK_EQ(sim_live_pages(), 0);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	static const unsigned losses[] = { 0, 100, 500, 2000 };
	unsigned seeds = argc > 1 ? (unsigned)atoi(argv[1]) : 1, megabytes = argc > 2 ? (unsigned)atoi(argv[2]) : 2;
	uint16_t port = 5000;

	sim_link_attach();
	for (unsigned seed = 1; seed <= seeds; seed++) {
		sim_seed(seed);
		for (unsigned i = 0; i < ARRAY_SIZE(losses); i++) {
			for (int v6 = 0; v6 < 2; v6++) {
				uint64_t n = (losses[i] >= 2000 ? megabytes * 250000ull : megabytes * 1000000ull);
				char name[64];

				snprintf(name, sizeof(name), "loss %u%% dup reorder jitter", losses[i] / 100);
				loopback.mtu = v6 ? 1500 : 9000 - 7500 * (seed & 1);
				sim_link = (struct sim_link){ .loss = losses[i], .duplicate = losses[i] ? 50 : 0, .reorder = losses[i] ? 50 : 0,
							      .delay = 10 * NSEC_PER_MSEC, .jitter = losses[i] ? NSEC_PER_MSEC : 0, .segment = true,
							      .per_byte = 80, .queue_limit = 200000 };
				loopback.features = v6 ? NETDEV_CSUM | NETDEV_RXCSUM : NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6 | NETDEV_RXCSUM;
				transfer(name, v6 ? AF_INET6 : AF_INET, n, n / 3, port++);
				transfer(name, v6 ? AF_INET6 : AF_INET, 0, n, port++);
			}
		}
		loopback.mtu = 65536;
		sim_link = (struct sim_link){ .delay = 20 * NSEC_PER_USEC };
		loopback.features = NETDEV_CSUM | NETDEV_TSO4 | NETDEV_TSO6 | NETDEV_RXCSUM;
		transfer("plain loopback", AF_INET, 20000000, 20000000, port++);
		/* Segments longer than GSO_MAX, sent again. */
		sim_link.loss = 500;
		transfer("lossy loopback", AF_INET, 5000000, 5000000, port++);
		sim_link.loss = 0;
		late_timer(port++);
	}
	return 0;
}
