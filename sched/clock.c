/* SPDX-License-Identifier: MIT */
#include "sched/clock.h"

#include "libc/atomic.h"
#include "libc/string.h"
#include "sched/clock-line.h"

static nsec_t realtime_offset;		/* [a] while it was never slewed */
static struct clock_lines lines;	/* clock-line.h */
static uint32_t nr_set;			/* [a] */

nsec_t clock_realtime_offset(void)
{
	nsec_t now;

	if (likely(!atomic_load(&lines.version, RELAXED)))
		return atomic_load(&realtime_offset, RELAXED);
	now = clock_monotonic();
	return clock_lines_at(&lines, now) - now;
}

nsec_t clock_realtime_at(nsec_t t)
{
	return likely(!atomic_load(&lines.version, RELAXED)) ? t + atomic_load(&realtime_offset, RELAXED) : clock_lines_at(&lines, t);
}

/* By rates of some ten per cent at most each step leaves a tenth of the error. */
static nsec_t when_slewed(nsec_t at)
{
	nsec_t t = at - clock_realtime_offset(), value = clock_lines_at(&lines, t);

	for (unsigned i = 0; i < 24 && value != at; i++) {
		t += at - value;
		value = clock_lines_at(&lines, t);
	}
	return value < at ? t + 1 : t;
}

nsec_t clock_when_realtime(nsec_t at)
{
	nsec_t offset = clock_realtime_offset();

	if (at == NSEC_NEVER || at <= offset)
		return at == NSEC_NEVER ? at : 0;
	if (likely(!atomic_load(&lines.version, RELAXED)))
		return at - offset;
	return (int64_t)(at - offset) < 0 ? NSEC_NEVER : when_slewed(at);
}

bool clock_is_slewed(void)
{
	return atomic_load(&lines.version, RELAXED);
}

const struct clock_lines *clock_lines(void)
{
	return &lines;
}

/* Make piece[0..CLOCK_PIECES) the set in use. */
static void publish(const struct clock_piece *piece)
{
	uint32_t next = lines.version + 1;

	if (!next)
		next = 2;
	for (unsigned i = 0; i < CLOCK_PIECES; i++) {
		atomic_store(&lines.set[next & 1][i].start, piece[i].start, RELAXED);
		atomic_store(&lines.set[next & 1][i].offset, piece[i].offset, RELAXED);
		atomic_store(&lines.set[next & 1][i].rate, piece[i].rate, RELAXED);
	}
	atomic_store(&lines.version, next, RELEASE);	/* release: the set. Pairs: clock_lines_at */
}

static nsec_t value_at(const struct clock_piece *p, nsec_t t)
{
	return t + p->offset + (nsec_t)(((__int128)(int64_t)(t - p->start) * p->rate) >> 32);
}

/* p goes on from where before is at start. */
static void follow(struct clock_piece *p, const struct clock_piece *before, nsec_t start, int64_t rate)
{
	*p = (struct clock_piece){ .start = start, .offset = value_at(before, start) - start, .rate = rate };
}

void clock_slew(int64_t rate, const struct clock_extra extra[2])
{
	unsigned first = extra[0].span > extra[1].span, nr = 2;
	struct clock_piece piece[CLOCK_PIECES];
	nsec_t at = clock_monotonic() + CLOCK_SLEW_DELAY, end;

	for (unsigned i = 0; i < CLOCK_PIECES; i++)
		piece[i] = (struct clock_piece){ .start = UINT64_MAX };
	if (!lines.version) {
		piece[0] = (struct clock_piece){ .offset = realtime_offset };
	} else {
		const struct clock_piece *set = lines.set[lines.version & 1];
		unsigned i = CLOCK_PIECES - 1;

		while (i && set[i].start > at)
			i--;
		piece[0] = set[i];
	}
	follow(&piece[1], &piece[0], at, rate + (extra[0].span ? extra[0].rate : 0) + (extra[1].span ? extra[1].rate : 0));
	/* The shorter one ends first. */
	for (unsigned i = 0; i < 2; i++) {
		const struct clock_extra *e = &extra[first ^ i], *last = &extra[!first];

		end = at + e->span;
		if (!e->span || (nr > 2 && end == piece[nr - 1].start))
			continue;
		follow(&piece[nr], &piece[nr - 1], end, rate + (!i && last->span > e->span ? last->rate : 0));
		nr++;
	}
	publish(piece);
	atomic_fetch_add(&nr_set, 1u, RELEASE);	/* release: the pieces. Pairs: clock_nr_set */
}

void clock_set_realtime_offset(nsec_t offset)
{
	struct clock_piece piece[CLOCK_PIECES];

	atomic_store(&realtime_offset, offset, RELAXED);
	if (lines.version) {
		/* The same rates from another place: a piece that is over keeps its distance to the next. */
		nsec_t step = offset - clock_realtime_offset();

		memcpy(piece, lines.set[lines.version & 1], sizeof(piece));
		for (unsigned i = 0; i < CLOCK_PIECES; i++)
			piece[i].offset += step;
		publish(piece);
	}
	atomic_fetch_add(&nr_set, 1u, RELEASE);	/* release: the offset. Pairs: clock_nr_set */
}

uint32_t clock_nr_set(void)
{
	return atomic_load(&nr_set, ACQUIRE);
}
