// SPDX-License-Identifier: MIT
/*
 * Files of /proc/net that have little or nothing to tell here, in the form that Linux gives them:
 * packet sockets, wireless, IPsec, caches that do not exist, and counters that are not kept by family.
 */
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "libc/string.h"
#include "net/netdev-priv.h"
#include "net/socket.h"
#include "net/wire.h"
#include "sched/cpu.h"

#define TEXT(name_, text_)	{ .path = name_, .mode = 0444, .constant = text_ }
#define SHOW(name_, fn)	{ .path = name_, .mode = 0444, .show = fn }
#define INET_HEAD	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
#define INET6_HEAD \
	"  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n"
#define NEIGH_STAT \
	"entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n"

/* IPv6's counters are kept together with IPv4's (/proc/net/snmp). */
static int show_snmp6(struct text *t, struct pseudo_args *a)
{
	static const char *const names[] = {
		"Ip6InReceives", "Ip6InHdrErrors", "Ip6InTooBigErrors", "Ip6InNoRoutes", "Ip6InAddrErrors", "Ip6InUnknownProtos", "Ip6InTruncatedPkts",
		"Ip6InDiscards", "Ip6InDelivers", "Ip6OutForwDatagrams", "Ip6OutRequests", "Ip6OutDiscards", "Ip6OutNoRoutes", "Ip6ReasmTimeout",
		"Ip6ReasmReqds", "Ip6ReasmOKs", "Ip6ReasmFails", "Ip6FragOKs", "Ip6FragFails", "Ip6FragCreates", "Ip6InMcastPkts", "Ip6OutMcastPkts",
		"Ip6InOctets", "Ip6OutOctets", "Ip6InMcastOctets", "Ip6OutMcastOctets", "Ip6InBcastOctets", "Ip6OutBcastOctets", "Ip6InNoECTPkts",
		"Ip6InECT1Pkts", "Ip6InECT0Pkts", "Ip6InCEPkts", "Ip6OutTransmits", "Icmp6InMsgs", "Icmp6InErrors", "Icmp6OutMsgs", "Icmp6OutErrors",
		"Icmp6InCsumErrors", "Udp6InDatagrams", "Udp6NoPorts", "Udp6InErrors", "Udp6OutDatagrams", "Udp6RcvbufErrors", "Udp6SndbufErrors",
		"Udp6InCsumErrors", "Udp6IgnoredMulti", "Udp6MemErrors"
	};

	(void)a;
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		text_printf(t, "%-32s\t0\n", names[i]);
	return 0;
}

struct counts {
	unsigned tcp, udp, raw;
};

static void count_socket(struct socket *so, void *arg)
{
	struct counts *c = arg;

	if (so->family != AF_INET6)
		return;
	c->tcp += so->type == SOCK_STREAM;
	c->udp += so->type == SOCK_DGRAM && so->proto == IPPROTO_UDP;
	c->raw += so->type == SOCK_RAW;
}

static int show_sockstat6(struct text *t, struct pseudo_args *a)
{
	struct counts c = { 0 };

	(void)a;
	socket_for_each(count_socket, &c);
	text_printf(t, "TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse 0\nRAW6: inuse %u\nFRAG6: inuse 0 memory 0\n", c.tcp, c.udp, c.raw);
	return 0;
}

static void show_netlink_socket(struct socket *so, void *arg)
{
	if (so->family == AF_NETLINK)
		text_printf(arg, "0000000000000000 %-3u %-10u 00000000 0        0        0     %-8u 0        %-8llu\n", so->proto, 1u, atomic_load(&so->refs, RELAXED),
			    (unsigned long long)so->ino);
}

static int show_netlink(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n");
	socket_for_each(show_netlink_socket, t);
	return 0;
}

static int show_protocols(struct text *t, struct pseudo_args *a)
{
	static const char *const names[] = { "NETLINK", "PINGv6", "RAWv6", "UDPv6", "TCPv6", "UNIX", "PING", "RAW", "UDP", "TCP" };

	(void)a;
	text_printf(t, "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha uh gp em\n");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		text_printf(t, "%-9s %4u %6d  %6d   %-3s %6u   %-3s  %-10s  y  y  y  y  y  y  y  y  y  y  y  y  n  y  y  y  y  y  n\n", names[i], 0, 0, -1, "NI", 0, "no", "kernel");
	return 0;
}

static int show_softnet(struct text *t, struct pseudo_args *a)
{
	(void)a;
	for (unsigned i = 0; i < nr_cpus; i++) {
		for (unsigned field = 0; field < 12; field++)
			text_printf(t, "00000000 ");
		text_printf(t, "%08x\n", i);
	}
	return 0;
}

static const struct pseudo_file rows[] = {
	SHOW("snmp6", show_snmp6), SHOW("sockstat6", show_sockstat6), SHOW("netlink", show_netlink), SHOW("protocols", show_protocols), SHOW("softnet_stat", show_softnet),
	TEXT("packet", "sk               RefCnt Type Proto  Iface R Rmem   User   Inode\n"),
	TEXT("psched", "000003e8 00000040 000f4240 3b9aca00\n"),
	TEXT("ptype", "Type Device      Function\n0800          ip_rcv\n0806          arp_rcv\n86dd          ipv6_rcv\n"),
	TEXT("wireless", "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n"
			 " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n"),
	TEXT("icmp", INET_HEAD), TEXT("icmp6", INET6_HEAD), TEXT("udplite", INET_HEAD), TEXT("udplite6", INET6_HEAD),
	TEXT("fib_triestat", "Basic info: size of leaf: 48 bytes, size of tnode: 40 bytes.\n"), TEXT("fib_trie", ""),
	TEXT("rt_cache", "Iface\tDestination\tGateway \tFlags\t\tRefCnt\tUse\tMetric\tSource\t\tMTU\tWindow\tIRTT\tTOS\tHHRef\tHHUptod\tSpecDst\n"),
	TEXT("rt6_stats", "0000 0000 0000 0000 0000 0000 0000\n"), TEXT("xfrm_stat", "XfrmInError             \t0\nXfrmOutError            \t0\n"),
	TEXT("stat/rt_cache", "entries  in_hit   in_slow_tot in_slow_mc in_no_route in_brd   in_martian_dst in_martian_src out_hit  out_slow_tot out_slow_mc gc_total gc_ignored "
			      "gc_goal_miss gc_dst_overflow in_hlist_search out_hlist_search\n"),
	TEXT("stat/arp_cache", NEIGH_STAT), TEXT("stat/ndisc_cache", NEIGH_STAT), TEXT("connector", "Name            ID\n"), TEXT("anycast6", ""), TEXT("ip6_flowlabel", ""),
	TEXT("mcfilter", "Idx Device        MCA        SRC    INC    EXC\n"), TEXT("mcfilter6", "Idx Device        Multicast Address                Source Address                   INC    EXC\n"),
	TEXT("ip_mr_cache", "Group    Origin   Iif     Pkts    Bytes    Wrong Oifs\n"), TEXT("ip_mr_vif", "Interface      BytesIn  PktsIn  BytesOut PktsOut Flags Local    Remote\n"),
	TEXT("ip6_mr_cache", "Group                            Origin                           Iif      Pkts  Bytes     Wrong  Oifs\n"),
	TEXT("ip6_mr_vif", "Interface      BytesIn  PktsIn  BytesOut PktsOut Flags\n"), { .path = "netfilter", .mode = S_IFDIR | 0555 },
};
PSEUDO_TABLE(net_rows, "/proc/self/net", rows);

static long next_dev(long n, struct pseudo_args *a)
{
	(void)a;
	loopback_init();
	for (struct netdev *d = netdev_first(); d; d = d->next)
		if ((long)d->index >= n)
			return (long)d->index;
	return -1;
}

static void name_dev(long n, char *buf, size_t size)
{
	struct netdev *d = netdev_by_index((uint32_t)n);

	strlcpy(buf, d ? d->name : "", size);
}
PSEUDO_DIR_NAMED(dev_snmp6, "/proc/self/net/dev_snmp6/%", next_dev, name_dev);

static int show_dev_snmp6(struct text *t, struct pseudo_args *a)
{
	text_printf(t, "%-32s\t%ld\n", "ifIndex", a->id[0]);
	return show_snmp6(t, a);
}
PSEUDO_FILE(dev_snmp6, "/proc/self/net/dev_snmp6/%", 0444, show_dev_snmp6, NULL);
