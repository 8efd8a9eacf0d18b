/* SPDX-License-Identifier: MIT
 *
 * A set of deadlines: O(1) to add and to remove, never sorted. Pure data structure; the owner serialises.
 *
 * The idea is OSv's timer_set: most timers are cancelled, so sort only what is about to expire. `last` is the time of the last expiry. A deadline lies in the
 * bucket given by the highest bit in which it differs from `last`:
 *
 *	last	 0100 1011		bucket 0: due (deadline <= last)
 *	deadline 0100 1110   bit 2	bucket 3: 0100 11xx
 *	deadline 0110 0000   bit 5	bucket 6: 011x xxxx
 *
 * When time moves from `last` to `now` and h is the highest bit that differs between the two, then every bucket up to h is due as a whole, bucket h + 1 is
 * looked through (each member is due or moves to a lower bucket), and the buckets above keep their meaning. So a deadline moves at most once for each bit.
 */
#pragma once

#include "sched/timer.h"

#define TIMER_BUCKETS	64		/* deadlines are below 2^63 ns: the difference has at most 63 bits */

struct timer_set {
	nsec_t last;
	nsec_t next;			/* no member is due before it; NSEC_NEVER: empty. May be early after a removal */
	uint64_t nonempty;		/* bit i: bucket[i] has members */
	struct list bucket[TIMER_BUCKETS];
};

void timer_set_init(struct timer_set *s, nsec_t now);
/* n is in no set. deadline != NSEC_NEVER. */
void timer_set_add(struct timer_set *s, struct timer_node *n, nsec_t deadline);
void timer_set_del(struct timer_set *s, struct timer_node *n);
/* Move all that are due at now to the end of due (linked by link, in no order); next becomes exact. */
void timer_set_expire(struct timer_set *s, nsec_t now, struct list *due);

static inline bool timer_node_is_set(const struct timer_node *n)
{
	return n->bucket != 0;
}
