// SPDX-License-Identifier: MIT
/* /proc/net: proc(5), in the columns that netstat, ss and other readers of Linux expect. */
#include "fs/procfs.h"
#include "libc/string.h"
#include "net/dgram.h"
#include "net/neigh.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"
#include "net/unix.h"

struct walk {
	struct text *t;
	int family, proto;
	unsigned n;
};

static void put_addr(struct text *t, int family, const struct ip_addr *a, uint16_t port)
{
	if (family == AF_INET)
		text_printf(t, " %08X:%04X", ip_is_v4(a) ? a->w[3] : 0, port);
	else
		text_printf(t, " %08X%08X%08X%08X:%04X", a->w[0], a->w[1], a->w[2], a->w[3], port);
}

static void put_socket(struct walk *w, struct socket *so, const struct ip_addr *la, uint16_t lp, const struct ip_addr *ra, uint16_t rp, unsigned state, uint32_t tx,
		       uint32_t rx)
{
	text_printf(w->t, "%4u:", w->n++);
	put_addr(w->t, so->family, la, lp);
	put_addr(w->t, so->family, ra, rp);
	text_printf(w->t, " %02X %08X:%08X 00:00000000 00000000 %5u        0 %llu %u 0000000000000000", state, tx, rx, so->cred.uid, (unsigned long long)so->ino,
		    atomic_load(&so->refs, RELAXED));
}

/* Linux fills the lines of IPv4's connections with blanks: 149 and the end of the line. */
static void end_line(struct text *t, int family, size_t start)
{
	size_t len = t->len - start;

	text_printf(t, "%*s\n", family == AF_INET && len < 149 ? (int)(149 - len) : 0, "");
}

static void show_tcp_socket(struct socket *so, void *arg)
{
	struct walk *w = arg;
	size_t start = w->t->len;
	struct tcp_sock *tp;

	if (so->family != w->family || so->type != SOCK_STREAM || so->ops != &tcp_ops)
		return;
	tp = tcp_of(so);
	if (tp->state == TCP_CLOSED)
		return;
	put_socket(w, so, &tp->laddr, tp->lport, &tp->raddr, tp->rport, tp->state, tp->write_seq - tp->snd_una, tp->state == TCP_LISTEN ? tp->nr_accept : tp->rcv_bytes);
	text_printf(w->t, " %llu %u %u %u -1", (unsigned long long)(tp->rto / (10 * NSEC_PER_MSEC)), 4u, 0u, tp->mss ? tp->cwnd / tp->mss : 0);
	end_line(w->t, w->family, start);
}

static int show_tcp(struct text *t, int family)
{
	struct walk w = { .t = t, .family = family };

	text_printf(t, family == AF_INET ? "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode" :
					   "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode");
	end_line(t, family, 0);
	socket_for_each(show_tcp_socket, &w);
	return 0;
}

static int show_tcp4(struct text *t, struct pseudo_args *a)
{
	(void)a;
	return show_tcp(t, AF_INET);
}

static int show_tcp6(struct text *t, struct pseudo_args *a)
{
	(void)a;
	return show_tcp(t, AF_INET6);
}

static void show_dgram_socket(struct socket *so, void *arg)
{
	struct walk *w = arg;
	struct dgram *d;

	if (so->family != w->family || so->type == SOCK_STREAM || (w->proto ? so->proto != w->proto : so->type != SOCK_RAW))
		return;
	d = container_of(so, struct dgram, so);
	put_socket(w, so, &d->laddr, w->proto ? d->lport : so->proto, &d->raddr, d->rport, d->is_connected ? 1 : 7, 0, atomic_load(&d->queued, RELAXED));
	text_printf(w->t, " %u\n", atomic_load(&d->nr_dropped, RELAXED));
}

static int show_dgram(struct text *t, int family, int proto)
{
	struct walk w = { .t = t, .family = family, .proto = proto };

	text_printf(t, family == AF_INET ? "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" :
					   "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n");
	socket_for_each(show_dgram_socket, &w);
	return 0;
}

#define DGRAM_FILE(id, family, proto) \
	static int show_##id(struct text *t, struct pseudo_args *a) \
	{ \
		(void)a; \
		return show_dgram(t, family, proto); \
	}
DGRAM_FILE(udp4, AF_INET, IPPROTO_UDP)
DGRAM_FILE(udp6, AF_INET6, IPPROTO_UDP)
DGRAM_FILE(raw4, AF_INET, 0)
DGRAM_FILE(raw6, AF_INET6, 0)

static void show_unix_socket(struct socket *so, void *arg)
{
	struct walk *w = arg;
	struct unix_sock *u;
	struct sock_addr name;

	if (so->family != AF_UNIX)
		return;
	u = unix_of(so);
	unix_get_name(u, &name);
	text_printf(w->t, "0000000000000000: %08X 00000000 %08X %04X %02X %5llu", atomic_load(&so->refs, RELAXED), sock_has(so, SF_ACCEPTCONN) ? 0x10000u : 0, so->type,
		    atomic_load(&u->peer, RELAXED) ? 3 : 1, (unsigned long long)so->ino);
	if (name.len > 2) {
		text_printf(w->t, " ");
		for (unsigned i = 0; i < name.len - 2; i++) {
			char c = name.un.path[i] ? name.un.path[i] : i ? 0 : '@';

			if (c)
				text_append(w->t, &c, 1);
		}
	}
	text_printf(w->t, "\n");
}

static int show_unix(struct text *t, struct pseudo_args *a)
{
	struct walk w = { .t = t };

	(void)a;
	text_printf(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	socket_for_each(show_unix_socket, &w);
	return 0;
}

static int show_dev(struct text *t, struct pseudo_args *a)
{
	(void)a;
	loopback_init();
	text_printf(t, "Inter-|   Receive                                                |  Transmit\n"
		       " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n");
	for (struct netdev *d = netdev_first(); d; d = d->next) {
		struct netdev_traffic n = netdev_traffic(d);

		text_printf(t, "%6s: %7llu %7llu %4llu %4llu    0     0          0         0 %8llu %7llu %4llu %4llu    0     0       0          0\n", d->name,
			    (unsigned long long)n.rx_bytes, (unsigned long long)n.rx_packets, (unsigned long long)d->rx_errors.errors,
			    (unsigned long long)d->rx_errors.dropped, (unsigned long long)n.tx_bytes, (unsigned long long)n.tx_packets,
			    (unsigned long long)d->tx_errors.errors, (unsigned long long)d->tx_errors.dropped);
	}
	return 0;
}

static bool show_route4(const struct route *r, void *arg)
{
	unsigned bits = r->prefix_len - 96u;

	if (r->is_v4)
		text_printf(arg, "%s\t%08X\t%08X\t%04X\t0\t0\t%u\t%08X\t0\t0\t0\n", r->dev->name, r->dst.w[3], r->gateway.w[3], ip_is_any(&r->gateway) ? 1 : 3, r->metric,
			    bits ? net32(~0u << (32 - bits)) : 0);
	return true;
}

static int show_route(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n");
	route_for_each(show_route4, t);
	return 0;
}

static void put_hex16(struct text *t, const struct ip_addr *a)
{
	for (unsigned i = 0; i < 16; i++)
		text_printf(t, "%02x", a->b[i]);
}

static bool show_route6_one(const struct route *r, void *arg)
{
	static const struct ip_addr zero;

	if (r->is_v4)
		return true;
	put_hex16(arg, &r->dst);
	text_printf(arg, " %02x ", r->prefix_len);
	put_hex16(arg, &zero);
	text_printf(arg, " 00 ");
	put_hex16(arg, &r->gateway);
	text_printf(arg, " %08x 00000001 00000000 %08x %8s\n", r->metric, ip_is_any(&r->gateway) ? 1 : 3, r->dev->name);
	return true;
}

static int show_route6(struct text *t, struct pseudo_args *a)
{
	(void)a;
	route_for_each(show_route6_one, t);
	return 0;
}

static bool show_if_inet6_one(const struct ifaddr *i, void *arg)
{
	if (ip_is_v4(&i->addr))
		return true;
	put_hex16(arg, &i->addr);
	text_printf(arg, " %02x %02x %02x %02x %8s\n", i->dev->index, i->prefix_len, ip_is_loopback(&i->addr) ? 0x10 : ip_is_link_local(&i->addr) ? 0x20 : 0,
		    atomic_load(&i->flags, RELAXED) & 0xff, i->dev->name);
	return true;
}

static int show_if_inet6(struct text *t, struct pseudo_args *a)
{
	(void)a;
	loopback_init();
	ifaddr_for_each(show_if_inet6_one, t);
	return 0;
}

static void show_arp_one(const struct neigh *n, void *arg)
{
	uint64_t mac = atomic_load(&n->mac, RELAXED);
	const uint8_t *m = (const uint8_t *)&mac;
	char ip[IP_TEXT_LEN];

	if (ip_is_v4(&n->addr))
		text_printf(arg, "%-16s 0x1         0x%x         %02x:%02x:%02x:%02x:%02x:%02x     *        %s\n", ip_to_text(&n->addr, ip), mac ? 2 : 0, m[0], m[1],
			    m[2], m[3], m[4], m[5], n->dev->name);
}

static int show_arp(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "IP address       HW type     Flags       HW address            Mask     Device\n");
	neigh_for_each(show_arp_one, t);
	return 0;
}

#define N(name)	((unsigned long long)atomic_load(&net_stats.name, RELAXED))

static int show_snmp(struct text *t, struct pseudo_args *a)
{
	/* What the short ways leave out. */
	unsigned long long in = N(tcp_local) + N(tcp_short_in), out = N(tcp_local) + N(tcp_short_out), udp = N(udp_local);

	(void)a;
	text_printf(t, "Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers OutRequests OutDiscards "
		       "OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates\n"
		       "Ip: 2 64 %llu %llu %llu 0 %llu 0 %llu %llu %llu %llu 0 %llu %llu %llu %llu %llu %llu\n",
		    N(ip_in_receives) + in + udp, N(ip_in_hdr_errors), N(ip_in_addr_errors), N(ip_in_unknown_protos), N(ip_in_delivers) + in + udp, N(ip_out_requests) + out + udp, N(ip_out_discards),
		    N(ip_out_no_routes), N(ip_reasm_reqds), N(ip_reasm_oks), N(ip_reasm_fails), N(ip_frag_oks), N(ip_frag_fails), N(ip_frag_creates));
	text_printf(t, "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps InTimestamps InTimestampReps "
		       "InAddrMasks InAddrMaskReps OutMsgs OutErrors OutRateLimitGlobal OutRateLimitHost OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs OutRedirects "
		       "OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps\n"
		       "Icmp: %llu %llu 0 %llu 0 0 0 0 %llu 0 0 0 0 0 %llu 0 0 0 0 0 0 0 0 0 %llu 0 0 0 0\n",
		    N(icmp_in_msgs), N(icmp_in_errors), N(icmp_in_unreach), N(icmp_in_echos), N(icmp_out_msgs), N(icmp_out_echo_reps));
	text_printf(t, "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts "
		       "InCsumErrors\nTcp: 1 200 120000 -1 %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu\n",
		    N(tcp_active_opens), N(tcp_passive_opens), N(tcp_attempt_fails), N(tcp_estab_resets), N(tcp_curr_estab), N(tcp_in_segs) + in, N(tcp_out_segs) + out,
		    N(tcp_retrans_segs), N(tcp_in_errs), N(tcp_out_rsts), N(tcp_csum_errors));
	text_printf(t, "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\nUdp: %llu %llu %llu %llu %llu 0 %llu 0 0\n"
		       "UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\nUdpLite: 0 0 0 0 0 0 0 0 0\n",
		    N(udp_in_datagrams), N(udp_no_ports), N(udp_in_errors), N(udp_out_datagrams) + udp, N(udp_rcvbuf_errors), N(udp_csum_errors));
	return 0;
}

static int show_netstat(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "TcpExt: SyncookiesSent SyncookiesRecv SyncookiesFailed OutOfWindowIcmps ListenOverflows ListenDrops DelayedACKs TCPTimeouts TCPLossProbes TCPSackRecovery "
		       "TCPFastRetrans TCPChallengeACK TW PAWSEstab RcvPruned TCPBacklogDrop TCPOFOQueue TCPDSACKOldSent TCPAbortOnMemory TCPKeepAlive TCPSpuriousRTOs SamaraBytesByReference TCPGROMerged\n"
		       "TcpExt: %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu %llu\n",
		    N(tcp_syncookies_sent), N(tcp_syncookies_recv), N(tcp_syncookies_failed), N(tcp_out_of_window_icmps), N(tcp_listen_overflows), N(tcp_listen_drops), N(tcp_delayed_acks),
		    N(tcp_timeouts), N(tcp_loss_probes), N(tcp_sack_recovery), N(tcp_fast_retrans), N(tcp_challenge_acks), N(tcp_tw), N(tcp_paws), N(tcp_rcv_pruned),
		    N(tcp_backlog_drops), N(tcp_ofo_queue), N(tcp_dup_data), N(tcp_abort_on_memory), N(tcp_keepalives), N(tcp_spurious_rtos), N(tcp_by_reference), N(tcp_gro_merged));
	return 0;
}

struct counts {
	unsigned all, tcp, udp, raw;
};

static void count_socket(struct socket *so, void *arg)
{
	struct counts *c = arg;

	c->all++;
	if (so->family != AF_INET && so->family != AF_INET6)
		return;
	c->tcp += so->proto == IPPROTO_TCP && so->type == SOCK_STREAM;
	c->udp += so->proto == IPPROTO_UDP && so->type == SOCK_DGRAM;
	c->raw += so->type == SOCK_RAW;
}

static int show_sockstat(struct text *t, struct pseudo_args *a)
{
	struct counts c = { 0 };

	(void)a;
	socket_for_each(count_socket, &c);
	text_printf(t, "sockets: used %u\nTCP: inuse %u orphan %u tw %u alloc %u mem 0\nUDP: inuse %u mem 0\nUDPLITE: inuse 0\nRAW: inuse %u\nFRAG: inuse 0 memory 0\n", c.all, c.tcp,
		    atomic_load(&tcp_nr_orphans, RELAXED), atomic_load(&tcp_nr_time_wait, RELAXED), c.tcp, c.udp, c.raw);
	return 0;
}

PSEUDO_FILE(net_tcp, "/proc/self/net/tcp", 0444, show_tcp4, NULL);
PSEUDO_FILE(net_tcp6, "/proc/self/net/tcp6", 0444, show_tcp6, NULL);
PSEUDO_FILE(net_udp, "/proc/self/net/udp", 0444, show_udp4, NULL);
PSEUDO_FILE(net_udp6, "/proc/self/net/udp6", 0444, show_udp6, NULL);
PSEUDO_FILE(net_raw, "/proc/self/net/raw", 0444, show_raw4, NULL);
PSEUDO_FILE(net_raw6, "/proc/self/net/raw6", 0444, show_raw6, NULL);
PSEUDO_FILE(net_unix, "/proc/self/net/unix", 0444, show_unix, NULL);
PSEUDO_FILE(net_dev, "/proc/self/net/dev", 0444, show_dev, NULL);
PSEUDO_FILE(net_route, "/proc/self/net/route", 0444, show_route, NULL);
PSEUDO_FILE(net_route6, "/proc/self/net/ipv6_route", 0444, show_route6, NULL);
PSEUDO_FILE(net_if_inet6, "/proc/self/net/if_inet6", 0444, show_if_inet6, NULL);
PSEUDO_FILE(net_arp, "/proc/self/net/arp", 0444, show_arp, NULL);
PSEUDO_FILE(net_snmp, "/proc/self/net/snmp", 0444, show_snmp, NULL);
PSEUDO_FILE(net_netstat, "/proc/self/net/netstat", 0444, show_netstat, NULL);
PSEUDO_FILE(net_sockstat, "/proc/self/net/sockstat", 0444, show_sockstat, NULL);
