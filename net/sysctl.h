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

/* The first port of the range, and how many there are. */
static inline uint32_t net_ports(uint32_t *first)
{
	uint32_t last = atomic_load(&net_port_range[1], RELAXED);

	*first = atomic_load(&net_port_range[0], RELAXED);
	return last >= *first ? last - *first + 1 : 0;
}
