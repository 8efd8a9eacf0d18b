// SPDX-License-Identifier: MIT
/*
 * adjtimex(2): the realtime clock is steered by a frequency (ADJ_FREQUENCY, ADJ_TICK) for good, by an offset that goes in at a rate of its own (ADJ_OFFSET, RFC 5905 appendix
 * A.5.5.6 and RFC 1589), and by adjtime(3)'s offset at 500 ppm.
 *
 * sched/clock.h lays all that out ahead as straight pieces, so nothing runs while the clock is steered. An offset therefore goes in at a constant rate, that of its first second
 * on Linux, instead of one that falls off. The monotonic clock is not steered.
 */
#include "linux/timex.h"

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/string.h"
#include "linux/deadline.h"
#include "linux/sys-util.h"
#include "linux/vdso.h"
#include "mmu/user.h"
#include "sched/clock.h"
#include "sched/mutex.h"

#define ADJ_OFFSET		0x0001u
#define ADJ_FREQUENCY		0x0002u
#define ADJ_MAXERROR		0x0004u
#define ADJ_ESTERROR		0x0008u
#define ADJ_STATUS		0x0010u
#define ADJ_TIMECONST		0x0020u
#define ADJ_TAI			0x0080u
#define ADJ_SETOFFSET		0x0100u
#define ADJ_MICRO		0x1000u
#define ADJ_NANO		0x2000u
#define ADJ_TICK		0x4000u
/* adjtime(3) sets the highest bit and means other things by two of those. */
#define ADJ_ADJTIME		0x8000u
#define ADJTIME_SINGLESHOT	0x0001u
#define ADJTIME_READONLY	0x2000u

#define STA_PLL		0x0001
#define STA_FLL		0x0008
#define STA_UNSYNC	0x0040
#define STA_FREQHOLD	0x0080
#define STA_CLOCKERR	0x1000
#define STA_NANO	0x2000
#define STA_MODE	0x4000
#define STA_RONLY	0xff00

#define TIME_OK		0
#define TIME_ERROR	5

#define TICK_US		10000
#define MAX_FREQ	(500l << 16)		/* 500 ppm */
#define MAX_OFFSET_NS	500000000l
#define MAX_ERROR_US	16000000l
#define MAX_TIMECONST	10
#define MAX_TAI		100000
#define ERROR_US_PER_S	500
#define ADJTIME_NS_PER_US 2000000ull		/* 500 ppm: how long a microsecond takes to go in */
#define ADJTIME_RATE	(500ll * 4294967296 / 1000000)
#define MAX_ADJTIME_US	1000000000000l
#define REALTIME_SEC_MAX	((int64_t)(INT64_MAX / NSEC_PER_SEC) - 30l * 365 * 24 * 3600)	/* Linux's TIME_SETTOD_SEC_MAX */

/* struct timex of 64-bit Linux. */
struct timex_abi {
	uint32_t modes, pad0;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad1;
	int64_t constant, precision, tolerance;
	int64_t sec, usec, tick, ppsfreq, jitter;
	int32_t shift, pad2;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai, pad3[11];
};
_Static_assert(sizeof(struct timex_abi) == 208, "struct timex");

/* What goes in over a time: amount from begin on, for span. */
struct going_in {
	int64_t amount;			/* ns of offsets, us of adjtime(3) */
	nsec_t begin, span;
	nsec_t per_unit;		/* how long one of those takes; 0: less than a nanosecond or so */
};

static struct mutex lock;		/* all below, and every change of the realtime clock */
static int status = STA_UNSYNC;
static int64_t maxerror = MAX_ERROR_US, esterror = MAX_ERROR_US, constant = 2, tick = TICK_US;
static int64_t freq;			/* ppm << 16 */
static nsec_t error_at;			/* when maxerror was what it says */
static int64_t reference;		/* second of the last offset */
static int32_t tai;			/* [a] */
static struct going_in offset, adjust;

nsec_t timex_tai_offset(void)
{
	return (nsec_t)(int64_t)atomic_load(&tai, RELAXED) * NSEC_PER_SEC;
}

/* What has not gone in at now. */
static int64_t left(const struct going_in *g, nsec_t now)
{
	nsec_t gone = now > g->begin ? now - g->begin : 0;
	int64_t size = g->amount < 0 ? -g->amount : g->amount;

	if (gone >= g->span)
		return 0;
	/* Offsets are below 2^29, their spans below 2^42. */
	size -= (int64_t)(g->per_unit ? gone / g->per_unit : (nsec_t)size * (gone >> 10) / (g->span >> 10));
	return g->amount < 0 ? -size : size;
}

/* lock held. The clock goes on as the variables say. */
static void steer(void)
{
	struct clock_extra extra[2] = {
		{ offset.span ? offset.amount * 4294967296 / (int64_t)offset.span : 0, offset.span },
		{ adjust.amount < 0 ? -ADJTIME_RATE : ADJTIME_RATE, adjust.span },
	};

	clock_slew(freq * 65536 / 1000000 + (tick - TICK_US) * 4294967296 / TICK_US, extra);
	vdso_clock_changed();
}

/* lock held. amount begins to go in now, over span. */
static void begin(struct going_in *g, int64_t amount, nsec_t span, nsec_t now)
{
	*g = (struct going_in){ .amount = amount, .begin = now, .span = amount ? span : 0 };
}

static void begin_adjust(int64_t us, nsec_t now)
{
	us = us > MAX_ADJTIME_US ? MAX_ADJTIME_US : us < -MAX_ADJTIME_US ? -MAX_ADJTIME_US : us;
	begin(&adjust, us, (nsec_t)(us < 0 ? -us : us) * ADJTIME_NS_PER_US, now);
	adjust.per_unit = ADJTIME_NS_PER_US;
}

/* An offset goes in within as many seconds as the time constant says. */
static void begin_offset(int64_t ns, nsec_t now)
{
	begin(&offset, ns, NSEC_PER_SEC << (2 + constant), now);
}

static int64_t clamp(int64_t v, int64_t limit)
{
	return v > limit ? limit : v < -limit ? -limit : v;
}

/* lock held. ADJ_OFFSET: the loop that locks phase, or after long pauses frequency, learns from it (RFC 1589 3.1, appendix A.6). */
static void new_offset(int64_t value, nsec_t now)
{
	int64_t second = (int64_t)(clock_realtime_at(now) / NSEC_PER_SEC), pause = second - reference, limit = 1l << (3 + constant), delta = 0;

	if (!(status & STA_PLL))
		return;
	if (!(status & STA_NANO))
		value = clamp(value, 1000000) * 1000;
	value = clamp(value, MAX_OFFSET_NS);
	if (status & STA_FREQHOLD)
		pause = 0;
	reference = second;
	status &= ~STA_MODE;
	if (pause >= 256 && (status & STA_FLL || pause > 2048)) {
		status |= STA_MODE;
		delta = value * 65536 / 1000 / 4 / pause;
	}
	delta += value * (pause > limit ? limit : pause) / 1000 * 65536 >> 2 * (4 + constant);	/* below 2^29 * 2^13 * 2^7 */
	freq = clamp(freq + delta, MAX_FREQ);
	begin_offset(value, now);
}

/* lock held. The bound of the error grows until somebody says better; then nobody knows. */
static void age_error(nsec_t now)
{
	nsec_t seconds = (now - error_at) / NSEC_PER_SEC;

	error_at += seconds * NSEC_PER_SEC;
	maxerror += (int64_t)MIN(seconds, (nsec_t)MAX_ERROR_US) * ERROR_US_PER_S;
	if (maxerror > MAX_ERROR_US) {
		maxerror = MAX_ERROR_US;
		status |= STA_UNSYNC;
	}
}

static void new_status(int wanted, nsec_t now)
{
	if (status & STA_PLL && !(wanted & STA_PLL))
		status = STA_UNSYNC;
	if (!(status & STA_PLL) && wanted & STA_PLL)
		reference = (int64_t)(clock_realtime_at(now) / NSEC_PER_SEC);
	status = (status & STA_RONLY) | (wanted & ~STA_RONLY);
}

/* lock held. */
static void set_modes(const struct timex_abi *tx, nsec_t now)
{
	if (tx->modes & ADJ_STATUS)
		new_status(tx->status, now);
	if (tx->modes & ADJ_NANO)
		status |= STA_NANO;
	if (tx->modes & ADJ_MICRO)
		status &= ~STA_NANO;
	if (tx->modes & ADJ_FREQUENCY)
		freq = clamp(tx->freq, MAX_FREQ);
	if (tx->modes & ADJ_MAXERROR) {
		maxerror = tx->maxerror < 0 ? 0 : MIN(tx->maxerror, MAX_ERROR_US);
		error_at = now;
	}
	if (tx->modes & ADJ_ESTERROR)
		esterror = tx->esterror < 0 ? 0 : MIN(tx->esterror, MAX_ERROR_US);
	if (tx->modes & ADJ_TIMECONST) {
		constant = tx->constant < 0 ? 0 : MIN(tx->constant, MAX_TIMECONST);
		constant = MIN(constant + (status & STA_NANO ? 0 : 4), MAX_TIMECONST);
	}
	if (tx->modes & ADJ_TAI && tx->constant >= 0 && tx->constant <= MAX_TAI)
		atomic_store(&tai, (int32_t)tx->constant, RELAXED);
	if (tx->modes & ADJ_TICK)
		tick = tx->tick;
	if (tx->modes & (ADJ_OFFSET | ADJ_FREQUENCY | ADJ_TICK)) {
		begin_adjust(left(&adjust, now), now);
		if (tx->modes & ADJ_OFFSET && status & STA_PLL)
			new_offset(tx->offset, now);
		else
			begin_offset(left(&offset, now), now);
		steer();
	}
}

/* lock held. */
static int set_clock_locked(nsec_t t, nsec_t now)
{
	if (t < now || t / NSEC_PER_SEC >= (nsec_t)REALTIME_SEC_MAX)
		return -EINVAL;
	clock_set_realtime_offset(t - now);
	offset = adjust = (struct going_in){ 0 };
	if (freq || tick != TICK_US || clock_is_slewed())
		steer();
	status |= STA_UNSYNC;
	maxerror = esterror = MAX_ERROR_US;
	return 0;
}

int timex_set_clock(nsec_t t)
{
	int r;

	mutex_lock(&lock);
	r = set_clock_locked(t, clock_monotonic());
	mutex_unlock(&lock);
	if (!r)
		clock_was_set(true);
	return r;
}

/* Checked. */
static int step(const struct timex_abi *tx)
{
	int64_t ns = tx->modes & ADJ_NANO ? tx->usec : tx->usec * 1000;
	nsec_t now = clock_monotonic();
	__int128 t = (__int128)clock_realtime_at(now) + (__int128)tx->sec * (int64_t)NSEC_PER_SEC + ns;

	return t < 0 || t > INT64_MAX ? -EINVAL : set_clock_locked((nsec_t)t, now);
}

static int validate(const struct timex_abi *tx)
{
	if (tx->modes & ADJ_ADJTIME) {
		if (!(tx->modes & ADJTIME_SINGLESHOT))
			return -EINVAL;
		if (!(tx->modes & ADJTIME_READONLY) && !capable(CAP_SYS_TIME))
			return -EPERM;
	} else {
		if (tx->modes && !capable(CAP_SYS_TIME))
			return -EPERM;
		if (tx->modes & ADJ_TICK && (tx->tick < TICK_US * 9 / 10 || tx->tick > TICK_US * 11 / 10))
			return -EINVAL;
	}
	if (tx->modes & ADJ_SETOFFSET) {
		if (!capable(CAP_SYS_TIME))
			return -EPERM;
		if (tx->usec < 0 || tx->usec >= (tx->modes & ADJ_NANO ? 1000000000 : 1000000))
			return -EINVAL;
	}
	if (tx->modes & ADJ_FREQUENCY && (tx->freq > INT64_MAX / 65536000 || tx->freq < INT64_MIN / 65536000))
		return -EINVAL;
	return 0;
}

/* lock held. What the program reads. */
static int fill(struct timex_abi *tx, nsec_t now)
{
	nsec_t t = clock_realtime_at(now);
	int64_t adjust_left = left(&adjust, now), offset_left = left(&offset, now);

	age_error(now);
	if (tx->modes & ADJ_ADJTIME) {
		int64_t wanted = tx->offset;

		tx->offset = adjust_left;
		if (!(tx->modes & ADJTIME_READONLY)) {
			begin_offset(offset_left, now);
			begin_adjust(wanted, now);
			steer();
		}
	} else {
		if (tx->modes)
			set_modes(tx, now);
		offset_left = left(&offset, now);
		tx->offset = status & STA_NANO ? offset_left : offset_left / 1000;
	}
	tx->freq = freq;
	tx->maxerror = maxerror;
	tx->esterror = esterror;
	tx->status = status;
	tx->constant = constant;
	tx->precision = 1;
	tx->tolerance = MAX_FREQ;
	tx->sec = (int64_t)(t / NSEC_PER_SEC);
	tx->usec = (int64_t)(t % NSEC_PER_SEC) / (status & STA_NANO ? 1 : 1000);
	tx->tick = tick;
	tx->tai = tai;
	tx->ppsfreq = tx->jitter = tx->stabil = tx->jitcnt = tx->calcnt = tx->errcnt = tx->stbcnt = 0;
	tx->shift = 0;
	return status & (STA_UNSYNC | STA_CLOCKERR) ? TIME_ERROR : TIME_OK;
}

static long adjust_clock(long ptr)
{
	uint32_t nr_set = clock_nr_set();
	struct timex_abi tx;
	int r;

	if (copy_from_user(&tx, (const void __user *)ptr, sizeof(tx)))
		return -EFAULT;
	r = validate(&tx);
	if (r)
		return r;
	mutex_lock(&lock);
	if (tx.modes & ADJ_SETOFFSET)
		r = step(&tx);
	if (!r)
		r = fill(&tx, clock_monotonic());
	mutex_unlock(&lock);
	if (r < 0)
		return r;
	if (tx.modes & ADJ_SETOFFSET || nr_set != clock_nr_set())
		clock_was_set(tx.modes & ADJ_SETOFFSET);
	return copy_to_user((void __user *)ptr, &tx, sizeof(tx)) ? -EFAULT : r;
}

long sys_adjtimex(long ptr)
{
	return adjust_clock(ptr);
}

long sys_clock_adjtime(long clock, long ptr)
{
	struct timex_abi tx;

	if (copy_from_user(&tx, (const void __user *)ptr, sizeof(tx)))
		return -EFAULT;
	if ((int)clock == 0)
		return adjust_clock(ptr);
	/* The others cannot be steered; a number that is none: clock_getres(2) knows. */
	return sys_clock_getres(clock, 0) ? -EINVAL : -EOPNOTSUPP;
}
