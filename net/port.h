/* SPDX-License-Identifier: MIT
 *
 * Who is bound to which port: UDP sockets, TCP listeners and bound TCP sockets. Lookups run under RCU; changes under one mutex a table.
 */
#pragma once

#include "net/socket.h"

struct port_table;
extern struct port_table udp_ports, tcp_ports;

/* Embedded in a socket that outlives it by a grace period. */
struct port_entry {
	struct port_entry *next;	/* [rcu] */
	struct socket *so;		/* [I] */
	struct ip_addr laddr, raddr;	/* [a, in parts] raddr any: not connected */
	uint16_t port, rport;		/* host order; port 0: not in the table */
	bool is_listening;		/* TCP */
};

/*
 * Bind e (so set) to laddr and port (0: choose one). laddr any of the socket's family; an AF_INET6 socket that is not SF_V6ONLY takes IPv4 too.
 * 0, -EADDRINUSE, -EACCES: below 1024, without CAP_NET_BIND_SERVICE.
 */
int port_bind(struct port_table *t, struct port_entry *e, const struct ip_addr *laddr, uint16_t port);
void port_unbind(struct port_table *t, struct port_entry *e);
/* Does e, by the address it is bound to, take packets for a? */
bool port_takes(const struct port_entry *e, const struct ip_addr *a);
/* Is anybody bound to it, on whatever address? */
bool port_is_bound(struct port_table *t, uint16_t port);
/* Become a listener: -EADDRINUSE if another listens there without SO_REUSEPORT. */
int port_listen(struct port_table *t, struct port_entry *e);
/* And not any more; the port stays its own. */
void port_unlisten(struct port_table *t, struct port_entry *e);

/* The best match for a packet, referenced (socket_put()); NULL: none. hash spreads over SO_REUSEPORT groups. only_listening for TCP. */
struct socket *port_lookup(struct port_table *t, const struct ip_addr *src, uint16_t sport, const struct ip_addr *dst, uint16_t dport, const struct netdev *dev,
			   uint32_t hash, bool only_listening);
/* All matches, one after another: *cursor starts NULL; each result is referenced and stays so until the next call. For multicast. */
struct socket *port_next_match(struct port_table *t, struct socket *prev, const struct ip_addr *src, uint16_t sport, const struct ip_addr *dst, uint16_t dport,
			       const struct netdev *dev);

