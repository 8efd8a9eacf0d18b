/* SPDX-License-Identifier: MIT
 *
 * The network: what boards/ and linux/ call beyond sockets (net/socket.h) and devices (net/netdev.h).
 *
 * Map of the folder, from the wire up:
 *	pkt.h, netdev.h		packets, devices			eth.c, neigh.h, arp.c, nd.c	link layer, neighbours
 *	route.h			addresses, routes			ip.h: ip-input.c, ip-output.c, ip-frag.c, icmp.c, mcast.c
 *	demux.h			connection and port tables		udp.c, raw.c, tcp-*.c		transports
 *	worker.h		who processes what no thread picks up	socket.h: socket.c, sock-*.c	sockets; unix-*.c, netlink*.c
 *	packet.h		AF_PACKET				bpf.h: bpf.c, sock-filter.c	filters of sockets
 *	config.h		ip=, DHCP, SLAAC, resolv.conf		proc.c				/proc/net
 *
 * The walk of a packet: netdev_receive() -> ip_input() -> tcp_classify() pushes it on the connection's channel (a lock-free list) and wakes who waits for
 * the socket; that thread runs tcp_process() under the socket lock inside recv, send, poll. Nothing below sockets holds a lock on the way up.
 * Where nothing is out of the ordinary there are short ways, each to the same end (tests/unit/net-tcp-plain.c): tcp_input_short() from the frame to the channel, is_plain() and
 * plain() for the segment, send_short() from tcp_output() to the device; tcp_deliver_short() and udp.c's deliver_local() from us to us.
 *
 * Lock order: socket (listener before its child; AF_UNIX: lower address first) -> demux, route, neigh -> device. A thread that holds a socket's lock may transmit: the loopback
 * device gives the packet to ip_input() on the spot, which takes no socket lock.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"

/* The text of `ip=` on the kernel command line, before devices are probed. borrow: must stay. */
void net_set_ip_option(const char *text);
/* First use: starts devices, configures addresses. Idempotent, cheap once done. 0; -ENOMEM: not now, and it may be tried again. Context: thread. */
int __must_check net_start(void);
bool net_is_started(void);
/* True while addresses are still being asked for (DHCP): an absent route may come. */
bool net_is_configuring(void);
/* Wait for the end of that, for one who has no route; bounded. */
void net_wait_configured(unsigned timeout_ms);
/* Before the machine is left, when all files are closed: wait until peers have what was sent to them; bounded (drain.c). Context: thread. */
void net_drain(void);

/*
 * Counters of RFC 4293, 4022, 4113: /proc/net/snmp, netstat. Names as there; besides one for each short way, each a count in several of theirs (proc.c adds):
 * tcp_local and udp_local, from us to us; tcp_short_in and tcp_short_out, those that a device received and sent.
 */
#define NET_STATS(X) \
	X(ip_in_receives) X(ip_in_hdr_errors) X(ip_in_addr_errors) X(ip_in_unknown_protos) X(ip_in_delivers) X(ip_out_requests) X(ip_out_discards) \
	X(ip_out_no_routes) X(ip_reasm_reqds) X(ip_reasm_oks) X(ip_reasm_fails) X(ip_frag_oks) X(ip_frag_fails) X(ip_frag_creates) \
	X(icmp_in_msgs) X(icmp_in_errors) X(icmp_out_msgs) X(icmp_in_echos) X(icmp_out_echo_reps) X(icmp_in_unreach) \
	X(udp_in_datagrams) X(udp_no_ports) X(udp_in_errors) X(udp_out_datagrams) X(udp_rcvbuf_errors) X(udp_csum_errors) \
	X(tcp_active_opens) X(tcp_passive_opens) X(tcp_attempt_fails) X(tcp_estab_resets) X(tcp_curr_estab) X(tcp_in_segs) X(tcp_out_segs) \
	X(tcp_retrans_segs) X(tcp_in_errs) X(tcp_out_rsts) X(tcp_csum_errors) \
	X(tcp_syncookies_sent) X(tcp_syncookies_recv) X(tcp_syncookies_failed) X(tcp_listen_overflows) X(tcp_listen_drops) X(tcp_delayed_acks) \
	X(tcp_timeouts) X(tcp_spurious_rtos) X(tcp_loss_probes) X(tcp_sack_recovery) X(tcp_fast_retrans) X(tcp_challenge_acks) X(tcp_tw) X(tcp_paws) X(tcp_rcv_pruned) \
	X(tcp_backlog_drops) X(tcp_ofo_queue) X(tcp_dup_data) X(tcp_abort_on_memory) X(tcp_keepalives) X(tcp_out_of_window_icmps) X(tcp_ecn_ce) X(tcp_ecn_reductions) X(tcp_by_reference) \
	X(tcp_local) X(udp_local) X(tcp_short_in) X(tcp_short_out) X(tcp_gro_merged)

struct net_stats {
#define X(name) uint64_t name;
	NET_STATS(X)
#undef X
};
extern struct net_stats net_stats;	/* [a] */

#define NET_COUNT(name)		((void)atomic_fetch_add(&net_stats.name, 1ull, RELAXED))
#define NET_COUNT_N(name, n)	((void)atomic_fetch_add(&net_stats.name, (uint64_t)(n), RELAXED))
