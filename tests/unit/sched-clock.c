/* SPDX-License-Identifier: MIT
 *
 * The realtime clock while it is steered: when it will show a time is known to the nanosecond, whatever rates it will have until then.
 */
/* sources: sched/clock.c */
#include "sched/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define MS	NSEC_PER_MSEC
#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)
#define CHECK_EQ(a, b) CHECK((a) == (b))

static nsec_t time_now = 5000 * MS;

nsec_t arch_time_ns(void)
{
	return time_now += 1000;
}

/* The first moment at which the clock shows at is found, from now on and far ahead. */
static void check_from(nsec_t start)
{
	for (nsec_t ahead = 0; ahead < 1000000000 * MS; ahead = ahead * 3 + 12345677) {
		nsec_t at = clock_realtime_at(start) + ahead, when = clock_when_realtime(at);

		CHECK(clock_realtime_at(when) >= at);
		CHECK(clock_realtime_at(when - 2) <= at);
	}
}

int main(void)
{
	struct clock_extra none[2] = { { 0, 0 } }, extra[2] = { { 1 << 26, 30 * MS }, { -(1 << 27), 300 * MS } };
	uint32_t nr;

	clock_set_realtime_offset(1000000000000 * MS);
	check_from(clock_monotonic());
	CHECK_EQ(clock_when_realtime(NSEC_NEVER), NSEC_NEVER);
	CHECK_EQ(clock_when_realtime(5), 0);
	nr = clock_nr_set();
	clock_slew(429496730, none);		/* 10 % faster */
	CHECK(clock_nr_set() != nr);		/* who sleeps until a time looks again */
	check_from(clock_monotonic());
	clock_slew(-429496730, extra);		/* slower, with two offsets that go in */
	check_from(clock_monotonic());
	clock_set_realtime_offset(clock_realtime_offset() - 5000 * MS);
	check_from(clock_monotonic());
	CHECK_EQ(clock_when_realtime(NSEC_NEVER), NSEC_NEVER);
	CHECK_EQ(clock_when_realtime(5), 0);
	return 0;
}
