/* SPDX-License-Identifier: MIT
 *
 * The realtime clock while it is slewed (adjtimex(2)): a few straight pieces over the monotonic clock, one after the other. Read without a lock by the kernel and, from its
 * page of data, by the vDSO (so: stdint alone).
 *
 *	piece i, from piece[i].start on:  realtime = t + offset + ((t - start) * rate >> 32)
 *
 * There are two sets. The writer (one at a time) fills the one that is not in use and then counts version up, whose lowest bit names the set in use; a reader that finds version
 * changed reads again, which happens only when somebody has changed the clock meanwhile: nobody waits. The first piece of a new set is the one that was in force, and the next
 * begins a little after the set is published: who still reads the old set gets the same time. So the clock never goes back.
 */
#pragma once

#include <stdint.h>

#define CLOCK_PIECES	4u

struct clock_piece {
	uint64_t start, offset;		/* ns */
	int64_t rate;			/* 2^-32 */
};

struct clock_lines {
	uint32_t version;		/* [a] 0: never slewed, the pieces mean nothing */
	struct clock_piece set[2][CLOCK_PIECES];	/* pieces that are not needed start at UINT64_MAX */
};

/* The realtime at monotonic time t. version is not 0. */
static inline uint64_t clock_lines_at(const struct clock_lines *l, uint64_t t)
{
	uint32_t version, again = __atomic_load_n(&l->version, __ATOMIC_ACQUIRE);	/* acquire: the set that it names. Pairs: clock_slew */
	struct clock_piece p;
	unsigned i;

	do {
		version = again;
		i = CLOCK_PIECES - 1;
		while (i && __atomic_load_n(&l->set[version & 1][i].start, __ATOMIC_RELAXED) > t)
			i--;
		p.start = __atomic_load_n(&l->set[version & 1][i].start, __ATOMIC_RELAXED);
		p.offset = __atomic_load_n(&l->set[version & 1][i].offset, __ATOMIC_RELAXED);
		p.rate = __atomic_load_n(&l->set[version & 1][i].rate, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);	/* the set before version. Pairs: clock_slew */
		again = __atomic_load_n(&l->version, __ATOMIC_RELAXED);
	} while (again != version);
	return t + p.offset + (uint64_t)(int64_t)(((__int128)(int64_t)(t - p.start) * p.rate) >> 32);
}
