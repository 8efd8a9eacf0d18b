/* SPDX-License-Identifier: MIT
 *
 * The vDSO: linux-vdso.so.1 with the functions of Linux x86-64 (vdso(7), "x86-64 functions"). Application code: it runs with the application's registers and
 * stack, must not need relocation, and reads the page of data that the kernel maps just below it.
 */
#include <stdint.h>

#include <arch/vdso.h>

#define NSEC		1000000000ull
#define NR_clock_gettime	228
#define NR_clock_getres		229
#define NR_getcpu		309

#define CLOCK_REALTIME		0
#define CLOCK_MONOTONIC		1
#define CLOCK_MONOTONIC_RAW	4
#define CLOCK_REALTIME_COARSE	5
#define CLOCK_MONOTONIC_COARSE	6
#define CLOCK_BOOTTIME		7
#define CLOCK_TAI		11

#define REALTIME_CLOCKS		(1u << CLOCK_REALTIME | 1u << CLOCK_REALTIME_COARSE | 1u << CLOCK_TAI)
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

int __vdso_clock_gettime(int clock, struct timespec *ts);
int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
int __vdso_clock_getres(int clock, struct timespec *res);
int64_t __vdso_time(int64_t *t);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

#define ALSO_AS(name, type, ...)	type name(__VA_ARGS__) __attribute__((weak, alias("__vdso_" #name)))
ALSO_AS(clock_gettime, int, int, struct timespec *);
ALSO_AS(gettimeofday, int, struct timeval *, struct timezone *);
ALSO_AS(clock_getres, int, int, struct timespec *);
ALSO_AS(time, int64_t, int64_t *);
ALSO_AS(getcpu, long, unsigned *, unsigned *, void *);

static inline long syscall3(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

static inline uint64_t now(int is_realtime)
{
	const struct vdso_data *d = &vdso_data;
	uint64_t ns, counter;
	uint32_t lo, hi;

	/* lfence: the counter is not read ahead of what comes before (SDM vol. 2, RDTSC). */
	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	counter = ((uint64_t)hi << 32 | lo) - d->base;
	ns = (uint64_t)(((unsigned __int128)counter * d->mult) >> d->shift);
	return is_realtime ? ns + __atomic_load_n(&d->realtime_offset, __ATOMIC_RELAXED) : ns;
}

static inline uint64_t seconds_of(uint64_t ns)
{
	return (uint64_t)(((unsigned __int128)(ns >> 9) * vdso_data.second_recip) >> 64) >> 11;
}

int __vdso_clock_gettime(int clock, struct timespec *ts)
{
	uint64_t ns, seconds;

	if ((unsigned)clock >= 32 || !((REALTIME_CLOCKS | MONOTONIC_CLOCKS) >> clock & 1))
		return (int)syscall3(NR_clock_gettime, clock, (long)ts, 0);
	ns = now(REALTIME_CLOCKS >> clock & 1);
	seconds = seconds_of(ns);
	ts->sec = (int64_t)seconds;
	ts->nsec = (int64_t)(ns - seconds * NSEC);
	return 0;
}

int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
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

int __vdso_clock_getres(int clock, struct timespec *res)
{
	if ((unsigned)clock >= 32 || !((REALTIME_CLOCKS | MONOTONIC_CLOCKS) >> clock & 1))
		return (int)syscall3(NR_clock_getres, clock, (long)res, 0);
	if (res)
		*res = (struct timespec){ 0, COARSE_CLOCKS >> clock & 1 ? 4000000 : 1 };
	return 0;
}

int64_t __vdso_time(int64_t *t)
{
	int64_t seconds = (int64_t)seconds_of(now(1));

	if (t)
		*t = seconds;
	return seconds;
}

/* By system call, which is a branch here; who asks often has rseq (libc does). */
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
	return syscall3(NR_getcpu, (long)cpu, (long)node, (long)unused);
}
