// SPDX-License-Identifier: MIT
/* What happens once in a while: leases, router solicitations, addresses that run out. */
#include "net/config.h"
#include "net/route.h"

void net_slow_tick(nsec_t now)
{
	route_expire(now);
	dhcp_tick(now);
	slaac_tick(now);
}
