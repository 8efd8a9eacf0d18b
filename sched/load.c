/* SPDX-License-Identifier: MIT
 *
 * Load averages without a tick.
 */
#include "sched/load.h"

#include "sched/cpu.h"
#include "sched/sched-priv.h"
#include "sched/thread.h"

#define ONE		(1u << LOAD_SHIFT)

/* exp(-5 s / 1, 5, 15 min) in fixed point, rounded up as Linux rounds them. */
static const uint32_t factors[3] = { 1884, 2014, 2037 };

static nsec_t next_sample;			/* [a] who moves it on takes the sample */
static nsec_t sampled_at, idle_then;		/* [a] the sampler's */
static uint32_t averages[3];			/* [a] */

uint32_t load_decay(uint32_t avg, uint32_t factor, uint64_t active, uint64_t nr)
{
	uint64_t power = ONE, base = factor;

	for (; nr; nr >>= 1) {
		if (nr & 1)
			power = (power * base + ONE / 2) >> LOAD_SHIFT;
		base = (base * base + ONE / 2) >> LOAD_SHIFT;
	}
	/* Rounded towards active, so that it is reached. */
	return (uint32_t)((avg * power + active * (ONE - power) + (active >= avg ? ONE - 1 : 0)) >> LOAD_SHIFT);
}

static void sample(nsec_t now)
{
	nsec_t span = now - sampled_at, available = span * nr_cpus, idle = 0, since;
	uint64_t active, nr = (span + LOAD_PERIOD_NS / 2) / LOAD_PERIOD_NS;
	unsigned i, nr_waiting = 0;

	for (i = 0; i < nr_cpus; i++) {
		idle += cpu_idle_ns(cpus[i]);
		nr_waiting += atomic_load(&cpus[i]->rq->nr_queued, RELAXED);
	}
	since = idle - MIN(idle, idle_then);
	active = ((available - MIN(since, available)) / NSEC_PER_USEC << LOAD_SHIFT) / (span / NSEC_PER_USEC);
	active += (uint64_t)nr_waiting << LOAD_SHIFT;
	for (i = 0; i < ARRAY_SIZE(averages); i++)
		atomic_store(&averages[i], load_decay(averages[i], factors[i], active, nr), RELAXED);
	sampled_at = now;
	idle_then = idle;
}

void load_tick(nsec_t now)
{
	/* acquire: what the last sampler wrote. Pairs: the release below */
	nsec_t next = atomic_load(&next_sample, ACQUIRE);

	if (likely(now < next))
		return;
	/* Nobody else samples until the deadline is set again. */
	if (!atomic_cas(&next_sample, &next, NSEC_NEVER, ACQUIRE))
		return;
	if (sampled_at)
		sample(now);
	else
		sampled_at = now;		/* what was before the kernel does not count */
	/* release: the sample before the next one. Pairs: the acquire above */
	atomic_store(&next_sample, now + LOAD_PERIOD_NS, RELEASE);
}

void load_averages(nsec_t now, uint32_t avg[3])
{
	load_tick(now);
	for (unsigned i = 0; i < ARRAY_SIZE(averages); i++)
		avg[i] = atomic_load(&averages[i], RELAXED);
}
