/* SPDX-License-Identifier: MIT
 *
 * Settings of the network that its parts obey (net/sysctl.c). All may change at any time: one atomic_load() for each decision.
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"

extern uint32_t net_somaxconn;
extern uint32_t net_rmem_max, net_wmem_max;		/* of SO_RCVBUF, SO_SNDBUF before they are doubled */
extern uint32_t net_rmem_default, net_wmem_default;	/* of a new socket, but TCP's */
extern uint32_t net_port_range[2];			/* of ports that are chosen: first and last */
extern uint32_t net_default_ttl;
extern uint32_t net_ignore_echo, net_ignore_echo6;	/* icmp_echo_ignore_all */
extern uint32_t net_bindv6only;
extern uint32_t net_first_free_port;			/* below, only who may provide the services that are known by them (ip(7)) */
extern uint32_t net_ping_groups[2];			/* who may make ping sockets (icmp(7)): first and last group */
extern uint32_t net_max_memberships;			/* of one socket in IPv4 multicast groups */
extern uint32_t net_unix_max_qlen;			/* of a new AF_UNIX datagram socket: messages of strangers that wait */
extern uint32_t net_bind_any, net_bind_any6;		/* bind(2) to addresses that are not ours: ip_nonlocal_bind */
extern uint32_t net_nr_reserved;			/* ports that are not chosen */
bool net_port_is_reserved_slow(uint32_t port);

/* May bind(2) take it, but connect(2) and bind(2) to port 0 not choose it? */
static inline bool net_port_is_reserved(uint32_t port)
{
	return unlikely(atomic_load(&net_nr_reserved, RELAXED)) && net_port_is_reserved_slow(port);
}

/* The first port of the range, and how many there are. */
static inline uint32_t net_ports(uint32_t *first)
{
	uint32_t last = atomic_load(&net_port_range[1], RELAXED);

	*first = atomic_load(&net_port_range[0], RELAXED);
	return last >= *first ? last - *first + 1 : 0;
}
