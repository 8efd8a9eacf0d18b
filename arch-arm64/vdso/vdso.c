/* SPDX-License-Identifier: MIT
 *
 * The vDSO: linux-vdso.so.1 with the functions of Linux arm64 (vdso(7), "ARM64 functions"). Application code: it runs with the application's registers and
 * stack, must not need relocation, and reads the page of data that the kernel maps just below it.
 */
#include <stdint.h>

#include <arch/vdso.h>

#define EINVAL_		22
#define NSEC		1000000000ull
#define NR_clock_gettime	113
#define NR_clock_getres		114

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

int __kernel_clock_gettime(int clock, struct timespec *ts);
int __kernel_gettimeofday(struct timeval *tv, struct timezone *tz);
int __kernel_clock_getres(int clock, struct timespec *res);

static inline long syscall2(long nr, long a, long b)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1) : "memory");
	return x0;
}

static inline uint64_t now(int is_realtime)
{
	const struct vdso_data *d = &vdso_data;
	uint64_t ns, counter;

	/* isb: the counter is not read ahead of what comes before (Arm ARM D11.2.1). */
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(counter) : : "memory");
	counter -= d->base;
	if (__builtin_expect(d->shift == 0, 1))		/* whole nanoseconds a tick, as on QEMU */
		ns = counter * d->mult;
	else
		ns = (uint64_t)(((unsigned __int128)counter * d->mult) >> d->shift);
	return is_realtime ? ns + __atomic_load_n(&d->realtime_offset, __ATOMIC_RELAXED) : ns;
}

int __kernel_clock_gettime(int clock, struct timespec *ts)
{
	uint64_t ns, seconds;

	if ((unsigned)clock >= 32 || !((REALTIME_CLOCKS | MONOTONIC_CLOCKS) >> clock & 1))
		return (int)syscall2(NR_clock_gettime, clock, (long)ts);
	ns = now(REALTIME_CLOCKS >> clock & 1);
	seconds = (uint64_t)(((unsigned __int128)(ns >> 9) * vdso_data.second_recip) >> 64) >> 11;
	ts->sec = (int64_t)seconds;
	ts->nsec = (int64_t)(ns - seconds * NSEC);
	return 0;
}

int __kernel_gettimeofday(struct timeval *tv, struct timezone *tz)
{
	if (tv) {
		uint64_t ns = now(1);

		tv->sec = (int64_t)(ns / NSEC);
		tv->usec = (int64_t)(ns % NSEC / 1000);
	}
	if (tz)
		*tz = (struct timezone){ 0, 0 };
	return 0;
}

int __kernel_clock_getres(int clock, struct timespec *res)
{
	if ((unsigned)clock >= 32 || !((REALTIME_CLOCKS | MONOTONIC_CLOCKS) >> clock & 1))
		return (int)syscall2(NR_clock_getres, clock, (long)res);
	if (res)
		*res = (struct timespec){ 0, COARSE_CLOCKS >> clock & 1 ? 4000000 : 1 };
	return 0;
}
