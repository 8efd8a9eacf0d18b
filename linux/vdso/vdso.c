/* SPDX-License-Identifier: MIT
 *
 * The vDSO: linux-vdso.so.1 with the functions of vdso(7). A port names them, and exports those that its Linux has (arch-<port>/vdso/vdso.map; the linker drops
 * the others). Application code: it runs with the application's registers and stack, must not need relocation, and reads the page of data that the kernel maps
 * just below it.
 */
#include <arch/vdso.h>

#include "linux/vdso/data.h"

#define NSEC			1000000000ull
#define CLOCK_REALTIME		0
#define CLOCK_MONOTONIC		1
#define CLOCK_MONOTONIC_RAW	4
#define CLOCK_REALTIME_COARSE	5
#define CLOCK_MONOTONIC_COARSE	6
#define CLOCK_BOOTTIME		7

/* CLOCK_TAI asks the kernel, which knows how far it is ahead. */
#define REALTIME_CLOCKS		(1u << CLOCK_REALTIME | 1u << CLOCK_REALTIME_COARSE)
#define MONOTONIC_CLOCKS	(1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_MONOTONIC_COARSE | 1u << CLOCK_BOOTTIME)
#define COARSE_CLOCKS		(1u << CLOCK_REALTIME_COARSE | 1u << CLOCK_MONOTONIC_COARSE)

struct timespec {
	int64_t sec, nsec;
};
struct timeval {
	int64_t sec, usec;
};
struct timezone {
	int32_t minuteswest, dsttime;
};

extern const struct vdso_data vdso_data __attribute__((visibility("hidden")));	/* vdso.ld */

#define NAME(name)		ARCH_VDSO_NAME(name)

int NAME(clock_gettime)(int clock, struct timespec *ts);
int NAME(gettimeofday)(struct timeval *tv, struct timezone *tz);
int NAME(clock_getres)(int clock, struct timespec *res);
int64_t NAME(time)(int64_t *t);
long NAME(getcpu)(unsigned *cpu, unsigned *node, void *unused);

ARCH_VDSO_ALSO(int, clock_gettime, int, struct timespec *);
ARCH_VDSO_ALSO(int, gettimeofday, struct timeval *, struct timezone *);
ARCH_VDSO_ALSO(int, clock_getres, int, struct timespec *);
ARCH_VDSO_ALSO(int64_t, time, int64_t *);
ARCH_VDSO_ALSO(long, getcpu, unsigned *, unsigned *, void *);

static __attribute__((noinline)) uint64_t slewed(uint64_t ns)
{
	return clock_lines_at(&vdso_data.lines, ns);
}

static inline uint64_t now(int is_realtime)
{
	const struct vdso_data *d = &vdso_data;
	uint64_t ns, counter = arch_vdso_counter() - d->base;

	if (ARCH_VDSO_MAY_TICK_WHOLE_NS && __builtin_expect(d->shift == 0, 1))
		ns = counter * d->mult;
	else
		ns = (uint64_t)(((unsigned __int128)counter * d->mult) >> d->shift);
	if (is_realtime && __builtin_expect(__atomic_load_n(&d->lines.version, __ATOMIC_RELAXED) != 0, 0))
		return slewed(ns);
	return is_realtime ? ns + __atomic_load_n(&d->realtime_offset, __ATOMIC_RELAXED) : ns;
}

static inline uint64_t seconds_of(uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)(ns >> 9) * vdso_data.second_recip) >> 64) >> 11;
}

static int is_known(int clock)
{
	return (unsigned)clock < 32 && ((REALTIME_CLOCKS | MONOTONIC_CLOCKS) >> clock & 1);
}

int NAME(clock_gettime)(int clock, struct timespec *ts)
{
	uint64_t ns, seconds;

	if (!is_known(clock))
		return (int)arch_vdso_syscall(ARCH_VDSO_NR_CLOCK_GETTIME, clock, (long)ts, 0);
	ns = now(REALTIME_CLOCKS >> clock & 1);
	seconds = seconds_of(ns);
	ts->sec = (int64_t)seconds;
	ts->nsec = (int64_t)(ns - seconds * NSEC);
	return 0;
}

int NAME(gettimeofday)(struct timeval *tv, struct timezone *tz)
{
	if (tv) {
		uint64_t ns = now(1), seconds = seconds_of(ns);

		tv->sec = (int64_t)seconds;
		tv->usec = (int64_t)((ns - seconds * NSEC) / 1000);
	}
	if (tz)
		*tz = (struct timezone){ 0, 0 };
	return 0;
}

int NAME(clock_getres)(int clock, struct timespec *res)
{
	if (!is_known(clock))
		return (int)arch_vdso_syscall(ARCH_VDSO_NR_CLOCK_GETRES, clock, (long)res, 0);
	if (res)
		*res = (struct timespec){ 0, COARSE_CLOCKS >> clock & 1 ? 4000000 : 1 };
	return 0;
}

int64_t NAME(time)(int64_t *t)
{
	int64_t seconds = (int64_t)seconds_of(now(1));

	if (t)
		*t = seconds;
	return seconds;
}

/* By system call, which is a branch here; who asks often has rseq (libc does). */
long NAME(getcpu)(unsigned *cpu, unsigned *node, void *unused)
{
	return arch_vdso_syscall(ARCH_VDSO_NR_GETCPU, (long)cpu, (long)node, (long)unused);
}
