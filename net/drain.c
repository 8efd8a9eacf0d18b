// SPDX-License-Identifier: MIT
/*
 * The machine goes off with its program, but what the program sent and closed must still arrive: on Linux the kernel outlives the process and sends it. So before the machine is
 * left, wait until every peer has acknowledged all data and our FIN, and until the devices have taken all frames. Peers that do not answer are given up after a time without
 * progress; connections to ourselves end with us.
 */
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/tcp-priv.h"

#define STEP_NS		(2 * NSEC_PER_MSEC)
#define SILENCE_NS	(4 * NSEC_PER_SEC)	/* five retransmissions from the shortest timeout on */
#define LIMIT_NS	(60 * NSEC_PER_SEC)

static bool is_sending(void)
{
	for (struct netdev *d = netdev_first(); d; d = rcu_deref(d->next))
		if (d->ops->is_sending && d->ops->is_sending(d))
			return true;
	return false;
}

void net_drain(void)
{
	nsec_t start = clock_monotonic(), heard = start, now = start;
	uint32_t left, acked, before = 0;

	if (!net_is_started())
		return;
	while ((left = tcp_count_unacked(&acked)) || is_sending()) {
		now = clock_monotonic();
		if (acked != before)
			heard = now;
		before = acked;
		if (now - heard > SILENCE_NS || now - start > LIMIT_NS)
			break;
		(void)thread_sleep_until(now + STEP_NS, 0);
	}
}
