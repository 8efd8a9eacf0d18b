/* SPDX-License-Identifier: MIT
 *
 * Fairness in 64-bit fixed point, as pure functions. The measure is OSv's: the CPU time a thread has had, recent time weighing more: each nanosecond counts
 * e^((t - now)/tau). Whoever has the least runs. Rather than let all values decay, let new time weigh more: a nanosecond used at time t adds e^(t/tau).
 *
 * Here e^(t/tau) is 2^(t / 2^28 ns): a half-life of 2^28 ns = 268 ms, that is tau = 387 ms. OSv has 200 ms; with that, what a thread got too much while the hypervisor
 * had paused its CPU was forgotten before the others had caught up: shares of ten seconds were 3 % apart, now 2 % (tests/unit/sched-balance.c, with pauses of 10 ms
 * every 100 ms). All CPUs have the same clock, so values can be compared between CPUs and a migration converts nothing. The whole measure is a multiplication and a shift.
 *
 *	time    | generation g (2^32 ns = 4.3 s) ............... | g + 1
 *	step    |  0 |  1 |  2 | ...                      | 15 |  0 |
 *	weight  |  1..2 2..4 4..8 ...                      ..2^16  1..2	in g + 1 all older values have been divided by 2^16
 *
 * Units: usage is in 2^-6 ns of a nice-0 thread at step 0. Range: one charge is at most 2^29.5 ns * 2^24.5 (inverse weight of SCHED_IDLE) / 2^10 * 2^15 = 2^59, and so is
 * twice the sum of a generation; what is left of the one before is 2^-16 of that.
 */
#pragma once

#include "libc/types.h"

#define FAIR_STEP_SHIFT		28
#define FAIR_STEPS_SHIFT	4
#define FAIR_STEPS		(1u << FAIR_STEPS_SHIFT)
#define FAIR_GEN_SHIFT		(FAIR_STEP_SHIFT + FAIR_STEPS_SHIFT)
#define FAIR_USAGE_MAX		((1ull << 62) - 1)

#define FAIR_UNIT_SHIFT		6			/* units of usage in a nanosecond */
#define FAIR_HYSTERESIS_NS	(5 * NSEC_PER_MSEC)	/* OSv's thyst: equals alternate every 10 ms */
#define FAIR_SLEEPER_NS		(20 * NSEC_PER_MSEC)	/* the most that a sleeper is ahead of those who ran */
#define FAIR_MIGRANT_NS		(50 * NSEC_PER_MSEC)	/* the same for one that comes from another CPU */
#define FAIR_ROTATE_NS		(9 * NSEC_PER_MSEC)	/* a thread that is this far behind one on another CPU moves there; not twice the hysteresis, they resonate */
#define FAIR_RECHECK_NS		(100 * NSEC_PER_MSEC)	/* look again at the latest */

#define FAIR_NICE_0_INVERSE	65536u
#define FAIR_IDLE_INVERSE	22369621u		/* SCHED_IDLE: weight 3 of 1024 (sched(7)) */

/* 2^16 * 1024 / weight, weight = 1024 / 1.25^nice, as sched(7) documents nice values: one step is 10 % of CPU between two threads. */
extern const uint32_t fair_inverse_weight[40];

static inline uint32_t fair_generation(nsec_t now)
{
	return (uint32_t)(now >> FAIR_GEN_SHIFT);
}

static inline unsigned fair_step(nsec_t now)
{
	return (unsigned)(now >> FAIR_STEP_SHIFT) & (FAIR_STEPS - 1);
}

/*
 * The weight of time at now within its step, 2^10 to 2^11: 2^x = 1 + x - 0.34 x (1 - x) within 0.3 %. A bare staircase, or straight lines, resonate with the rotation of
 * equal threads: one gets its turns where time weighs less, again and again.
 */
static inline uint64_t fair_mantissa(nsec_t now)
{
	uint64_t x = (now & ((1ull << FAIR_STEP_SHIFT) - 1)) >> (FAIR_STEP_SHIFT - 10);

	return 1024 + x - (x * (1024 - x) * 352 >> 20);
}

static inline uint64_t fair_scale(uint64_t units, nsec_t now, uint64_t mantissa)
{
	return (units * mantissa >> 10) << fair_step(now);
}

#define FAIR_STEP_NS		(1ull << FAIR_STEP_SHIFT)
#define FAIR_EVER		387270502u		/* FAIR_STEP_NS / ln 2: all the time before a step, at the weight of its begin */

/*
 * The span that ended at the begin of a step, at the weight of that begin: S/ln 2 * (1 - 2^(-span/S)), S the length of a step. Whole steps are a geometric series, the
 * rest f (in steps) is f - 0.3466 f^2 + 0.0801 f^3 - 0.0139 f^4.
 */
static inline nsec_t fair_past(nsec_t span)
{
	unsigned n = (unsigned)MIN(span >> FAIR_STEP_SHIFT, 31ull);
	uint64_t f = span & (FAIR_STEP_NS - 1), f16 = f >> (FAIR_STEP_SHIFT - 16);
	uint64_t less = f16 * (22713 - (f16 * (5249 - (f16 * 911 >> 16)) >> 16)) >> 16;

	return (FAIR_EVER - (FAIR_EVER >> n)) + ((f - (f * less >> 16)) >> n);
}

/* Usage that running for delta until now adds. */
static inline uint64_t fair_charge(nsec_t delta, uint32_t inverse_weight, nsec_t now)
{
	nsec_t in_step = now & (FAIR_STEP_NS - 1), units;

	if (likely(delta <= in_step))
		return fair_scale(delta * inverse_weight >> (16 - FAIR_UNIT_SHIFT), now, fair_mantissa(now - delta / 2));
	/* Simpson's rule: the middle alone would be 2 % too little for a whole step, so who runs undisturbed would be charged less than who is looked at often. */
	units = in_step * (1024 + 4 * fair_mantissa(now - in_step / 2) + fair_mantissa(now)) / (6 * 1024);
	units += fair_past(delta - in_step);
	return fair_scale(units * inverse_weight >> (16 - FAIR_UNIT_SHIFT), now, 1024);
}

/* A span of time as usage, of a thread with this weight, or a nice-0 thread if it weighs less. */
static inline uint64_t fair_span(nsec_t span, uint32_t inverse_weight, nsec_t now)
{
	return fair_scale(span * MIN(inverse_weight, FAIR_NICE_0_INVERSE) >> (16 - FAIR_UNIT_SHIFT), now, fair_mantissa(now));
}

/* usage of generation from as one of generation to. A thread that was accounted later than the asking CPU (to < from) keeps its value. */
static inline uint64_t fair_age(uint64_t usage, uint32_t from, uint32_t to)
{
	uint32_t n = to - from;

	if (likely(n == 0) || (int32_t)n < 0)
		return usage;
	return n >= 64 / FAIR_STEPS ? 0 : usage >> n * FAIR_STEPS;
}

static inline uint64_t fair_add(uint64_t usage, uint64_t more)
{
	return MIN(usage + more, FAIR_USAGE_MAX);
}

/*
 * How long a thread with this weight may run until its usage exceeds the limit. Rounded up, and at the present weight of time, which grows: the limit has been
 * passed when the time is over.
 */
static inline nsec_t fair_time_to(uint64_t usage, uint64_t limit, uint32_t inverse_weight, nsec_t now)
{
	uint64_t units;

	if (limit < usage)
		return 0;
	units = (limit - usage) >> fair_step(now);
	if (units >= FAIR_RECHECK_NS << FAIR_UNIT_SHIFT << 10)
		return FAIR_RECHECK_NS;
	units = (units << 10) / fair_mantissa(now) + 2;
	return MIN((units << (16 - FAIR_UNIT_SHIFT)) / inverse_weight + 1, FAIR_RECHECK_NS);
}
