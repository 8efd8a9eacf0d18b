// SPDX-License-Identifier: MIT
/*
 * AF_PACKET on the loopback device: who sees which frame with which address, frames that are sent, filters, control data, statistics, options, the ring.
 */
#include "test.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define PAYLOAD	"frame"

static int udp_in, udp_out;
static uint16_t udp_port;

static int open_packet(int type, int protocol, int index)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = index };
	int s = socket(AF_PACKET, type, 0);

	need(s >= 0 && !bind(s, (void *)&a, sizeof(a)));
	return s;
}

static void open_udp(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	udp_in = socket(AF_INET, SOCK_DGRAM, 0);
	udp_out = socket(AF_INET, SOCK_DGRAM, 0);
	need(!bind(udp_in, (void *)&a, sizeof(a)) && !getsockname(udp_in, (void *)&a, &len) && !connect(udp_out, (void *)&a, sizeof(a)));
	udp_port = a.sin_port;
}

static void send_udp(void)
{
	char buf[16];

	need(send(udp_out, PAYLOAD, 5, 0) == 5 && recv(udp_in, buf, sizeof(buf), 0) == 5);
}

/* What comes, until nothing does. */
static void show_frames(const char *what, int s)
{
	for (;;) {
		struct sockaddr_ll a = { .sll_family = 0 };
		socklen_t len = sizeof(a);
		uint8_t buf[128];
		ssize_t n = recvfrom(s, buf, sizeof(buf), MSG_DONTWAIT, (void *)&a, &len);

		if (n < 0)
			break;
		show("%s: %zd bytes, address %u bytes, family %u, protocol %04x, interface %d, hardware %u, type %u, length %u, first %02x, last %c", what, n, len, a.sll_family,
		     ntohs(a.sll_protocol), a.sll_ifindex, a.sll_hatype, a.sll_pkttype, a.sll_halen, buf[0], buf[n - 1] == 'e' ? 'e' : '-');
	}
}

static void show_who_sees(void)
{
	int all = open_packet(SOCK_RAW, ETH_P_ALL, 1), ip = open_packet(SOCK_RAW, ETH_P_IP, 1), dgram = open_packet(SOCK_DGRAM, ETH_P_IP, 0), arp = open_packet(SOCK_RAW, ETH_P_ARP, 0),
	    none = open_packet(SOCK_RAW, 0, 1), ip6 = open_packet(SOCK_DGRAM, ETH_P_IPV6, 1);

	send_udp();
	show_frames("all", all);
	show_frames("ip", ip);
	show_frames("dgram", dgram);
	show_frames("arp", arp);
	show_frames("none", none);
	show_frames("ip6", ip6);
	close(all);
	close(ip);
	close(dgram);
	close(arp);
	close(none);
	close(ip6);
}

static void show_names(void)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1 };
	socklen_t len = sizeof(a);
	int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ARP)), v;

	need(!getsockname(s, (void *)&a, &len));
	show("name: %u bytes, protocol %04x, interface %d, hardware %u, length %u", len, ntohs(a.sll_protocol), a.sll_ifindex, a.sll_hatype, a.sll_halen);
	a = (struct sockaddr_ll){ .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1 };
	check("bind", !bind(s, (void *)&a, sizeof(a)));
	len = sizeof(a);
	need(!getsockname(s, (void *)&a, &len));
	show("name: %u bytes, protocol %04x, interface %d, hardware %u, length %u", len, ntohs(a.sll_protocol), a.sll_ifindex, a.sll_hatype, a.sll_halen);
	check_errno("peer", getpeername(s, (void *)&a, &len), EOPNOTSUPP);
	check_errno("bind short", bind(s, (void *)&a, 19), EINVAL);
	a.sll_family = AF_INET;
	check_errno("bind family", bind(s, (void *)&a, sizeof(a)), EINVAL);
	a.sll_family = AF_PACKET;
	a.sll_ifindex = 4711;
	check_errno("bind nowhere", bind(s, (void *)&a, sizeof(a)), ENODEV);
	check_errno("connect", connect(s, (void *)&a, sizeof(a)), EOPNOTSUPP);
	check_errno("listen", listen(s, 1), EOPNOTSUPP);
	check_errno("shutdown", shutdown(s, SHUT_RDWR), EOPNOTSUPP);
	check_errno("stream", socket(AF_PACKET, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
	len = sizeof(v);
	check("protocol", !getsockopt(s, SOL_SOCKET, SO_PROTOCOL, &v, &len) && v == 0);
	check_errno("waitall", recv(s, &v, sizeof(v), MSG_WAITALL | MSG_DONTWAIT), EINVAL);
	check_errno("nothing", recv(s, &v, sizeof(v), MSG_DONTWAIT), EAGAIN);
	check_errno("map without a ring", (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, s, 0), EINVAL);
	close(s);
}

/* A datagram of UDP with all its headers, from port 7. */
static size_t make_frame(uint8_t *out)
{
	struct ether_header *e = (void *)out;
	struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = htons(33), .ttl = 9, .protocol = 17, .saddr = htonl(INADDR_LOOPBACK), .daddr = htonl(INADDR_LOOPBACK) };
	struct udphdr udp = { .source = htons(7), .dest = udp_port, .len = htons(13) };
	uint16_t words[10];
	uint32_t sum = 0;

	memset(e, 0, sizeof(*e));
	e->ether_type = htons(ETH_P_IP);
	memcpy(words, &ip, sizeof(words));
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = (uint16_t)~(sum + (sum >> 16));
	memcpy(out + 14, &ip, sizeof(ip));
	memcpy(out + 34, &udp, sizeof(udp));
	memcpy(out + 42, PAYLOAD, 5);
	return 47;
}

static void show_sends(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = 1, .sll_halen = 6 };
	int raw = open_packet(SOCK_RAW, ETH_P_ALL, 1), dgram = open_packet(SOCK_DGRAM, ETH_P_ALL, 1), other = open_packet(SOCK_RAW, ETH_P_ALL, 1), unbound = socket(AF_PACKET, SOCK_RAW, 0);
	static uint8_t big[70000];
	uint8_t frame[64];
	size_t n = make_frame(frame);
	char buf[16];

	check("send a frame", send(raw, frame, n, 0) == (ssize_t)n);
	check_errno("127.0.0.1 is a martian, from a wire", recv(udp_in, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	show_frames("sender", raw);
	show_frames("another", other);
	show_frames("another without link", dgram);
	check("send a datagram", sendto(dgram, frame + 14, n - 14, 0, (void *)&to, sizeof(to)) == (ssize_t)n - 14);
	check_errno("here, too", recv(udp_in, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	show_frames("sender", dgram);
	show_frames("another", raw);
	frame[5] = 9;	/* for another host */
	check("send to another", send(raw, frame, n, 0) == (ssize_t)n);
	check_errno("it does not arrive", recv(udp_in, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	show_frames("sender", raw);
	check_errno("no header", send(raw, frame, 13, 0), EINVAL);
	check_errno("too long", send(raw, big, sizeof(big), 0), EMSGSIZE);
	check_errno("nowhere", send(unbound, frame, n, 0), ENXIO);
	check("with a name", sendto(unbound, frame, n, 0, (void *)&to, sizeof(to)) == (ssize_t)n);
	check_errno("short name", sendto(unbound, frame, n, 0, (void *)&to, 19), EINVAL);
	to.sll_ifindex = 4711;
	check_errno("unknown interface", sendto(unbound, frame, n, 0, (void *)&to, sizeof(to)), ENXIO);
	to.sll_halen = 200;
	check_errno("long address", sendto(unbound, frame, n, 0, (void *)&to, sizeof(to)), EINVAL);
	close(raw);
	close(dgram);
	close(other);
	close(unbound);
}

static void show_filter(void)
{
	struct sock_filter udp[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 17, 0, 1), BPF_STMT(BPF_RET | BPF_K, 30), BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_filter in[] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0),
				    BPF_STMT(BPF_RET | BPF_K, 0xffff), BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_filter link[] = { BPF_STMT(BPF_LD | BPF_H | BPF_ABS, SKF_LL_OFF + 12), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 1), BPF_STMT(BPF_RET | BPF_K, 21),
				      BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog p = { 4, udp };
	int raw = open_packet(SOCK_RAW, ETH_P_ALL, 1), dgram = open_packet(SOCK_DGRAM, ETH_P_IP, 1);

	need(!setsockopt(raw, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)));
	p.filter = link;
	need(!setsockopt(dgram, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)));
	send_udp();
	show_frames("filter", raw);
	show_frames("filter by link header", dgram);
	p.filter = in;
	need(!setsockopt(raw, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p)));
	send_udp();
	show_frames("filter by type", raw);
	close(raw);
	close(dgram);
}

static void show_receive(void)
{
	int s = open_packet(SOCK_RAW, ETH_P_IP, 1), one = 1, v;
	struct tpacket_stats stats;
	char buf[128], control[128];
	struct iovec iov = { buf, 20 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct pollfd pfd = { .fd = s, .events = POLLIN };
	struct tpacket_auxdata aux;
	struct cmsghdr *c;
	socklen_t len = sizeof(stats);
	ssize_t n;

	check("nothing to read", poll(&pfd, 1, 0) == 0);
	need(!setsockopt(s, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)));
	send_udp();
	check("poll", poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN);
	check("queued", !ioctl(s, FIONREAD, &v) && v == 47);
	n = recvmsg(s, &m, MSG_TRUNC);
	c = CMSG_FIRSTHDR(&m);
	need(c && c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA);
	memcpy(&aux, CMSG_DATA(c), sizeof(aux));
	show("truncated: %zd, flags %x, control %zu: user %u, length %u, %u, offsets %u, %u, vlan %u", n, m.msg_flags, (size_t)c->cmsg_len, aux.tp_status & 1, aux.tp_len, aux.tp_snaplen,
	     aux.tp_mac, aux.tp_net, aux.tp_vlan_tci);
	send_udp();
	check("peek", recv(s, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT) == 47);
	need(!getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
	show("statistics: %u, %u", stats.tp_packets, stats.tp_drops);
	need(!getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
	show("statistics again: %u, %u", stats.tp_packets, stats.tp_drops);
	close(s);
}

static void show_options(void)
{
	struct packet_mreq r = { .mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC };
	int s = open_packet(SOCK_RAW, ETH_P_ALL, 1), v;
	socklen_t len = sizeof(v);

	check("promiscuous", !setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)));
	check("not any more", !setsockopt(s, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &r, sizeof(r)));
	r.mr_type = PACKET_MR_MULTICAST;
	check_errno("address of no length", setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)), EINVAL);
	r.mr_alen = 6;
	r.mr_address[0] = 1;
	check("group", !setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)));
	r.mr_ifindex = 4711;
	check_errno("nowhere", setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, sizeof(r)), ENODEV);
	check_errno("short", setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &r, 8), EINVAL);
	v = 1;
	check("ignore outgoing", !setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &v, sizeof(v)));
	send_udp();
	show_frames("without outgoing", s);
	v = 2;
	check_errno("ignore 2", setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &v, sizeof(v)), EINVAL);
	check("read it", !getsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &v, &len) && v == 1);
	check_errno("unknown", setsockopt(s, SOL_PACKET, 99, &v, sizeof(v)), ENOPROTOOPT);
	check_errno("unknown, read", getsockopt(s, SOL_PACKET, 99, &v, &len), ENOPROTOOPT);
	v = TPACKET_V2;
	check("header", !getsockopt(s, SOL_PACKET, PACKET_HDRLEN, &v, &len) && v == (int)sizeof(struct tpacket2_hdr));
	v = 77;
	check_errno("header of nothing", getsockopt(s, SOL_PACKET, PACKET_HDRLEN, &v, &len), EINVAL);
	close(s);
}

static void show_ring(int version)
{
	struct tpacket_req q = { .tp_block_size = 8192, .tp_block_nr = 2, .tp_frame_size = 2048, .tp_frame_nr = 8 }, bad = q;
	int s = open_packet(SOCK_RAW, ETH_P_IP, 1);
	struct pollfd pfd = { .fd = s, .events = POLLIN };
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	uint8_t *ring;

	need(!setsockopt(s, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)));
	bad.tp_frame_nr = 7;
	check_errno("frames that do not fit", setsockopt(s, SOL_PACKET, PACKET_RX_RING, &bad, sizeof(bad)), EINVAL);
	bad = q;
	bad.tp_block_size = 4000;
	check_errno("block of no pages", setsockopt(s, SOL_PACKET, PACKET_RX_RING, &bad, sizeof(bad)), EINVAL);
	bad = q;
	bad.tp_frame_size = 16;
	check_errno("small frame", setsockopt(s, SOL_PACKET, PACKET_RX_RING, &bad, sizeof(bad)), EINVAL);
	check("ring", !setsockopt(s, SOL_PACKET, PACKET_RX_RING, &q, sizeof(q)));
	check_errno("version, now", setsockopt(s, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)), EBUSY);
	check_errno("map a part", (long)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0), EINVAL);
	ring = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0);
	need(ring != MAP_FAILED);
	check("nothing to read", poll(&pfd, 1, 0) == 0);
	for (int i = 0; i < 10; i++)
		send_udp();
	check("poll", poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN);
	for (int i = 0; i < 8; i++) {
		struct tpacket2_hdr *h2 = (void *)(ring + 2048 * i);
		struct tpacket_hdr *h1 = (void *)h2;
		struct sockaddr_ll *a = (void *)((uint8_t *)h2 + TPACKET_ALIGN(sizeof(*h2)));
		unsigned mac = version == TPACKET_V2 ? h2->tp_mac : h1->tp_mac, net = version == TPACKET_V2 ? h2->tp_net : h1->tp_net;

		show("frame %d: status %u, length %u, %u, offsets %u, %u, protocol %04x, type %u, last %c", i, version == TPACKET_V2 ? h2->tp_status & 1 : (unsigned)h1->tp_status & 1,
		     version == TPACKET_V2 ? h2->tp_len : h1->tp_len, version == TPACKET_V2 ? h2->tp_snaplen : h1->tp_snaplen, mac, net, ntohs(a->sll_protocol), a->sll_pkttype,
		     ((char *)h2)[mac + 46]);
		h2->tp_status = 0;
	}
	need(!getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
	show("statistics: %u, %u", stats.tp_packets, stats.tp_drops);
	send_udp();
	check("first again", ((struct tpacket2_hdr *)ring)->tp_status & 1);
	close(s);	/* the mapping keeps it */
	munmap(ring, 16384);
}

/* A machine that has just started may not have done it. */
static void set_up(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	(void)!ioctl(s, SIOCSIFFLAGS, &r);
	close(s);
}

int main(void)
{
	set_up();
	open_udp();
	show_names();
	show_who_sees();
	show_sends();
	show_filter();
	show_receive();
	show_options();
	show_ring(TPACKET_V1);
	show_ring(TPACKET_V2);
	return test_end();
}
