// SPDX-License-Identifier: MIT
/* System calls about time: clocks and sleeping. Timers are in sigtimers.c. */
#include "fs/cred.h"
#include "fs/timerfd.h"
#include "libc/string.h"
#include "linux/deadline.h"
#include "linux/signal-priv.h"
#include "linux/sys-util.h"
#include "linux/timex.h"
#include "linux/vdso.h"
#include "sched/clock.h"

enum {
	CLOCK_REALTIME = 0,
	CLOCK_MONOTONIC = 1,
	CLOCK_PROCESS_CPUTIME_ID = 2,
	CLOCK_THREAD_CPUTIME_ID = 3,
	CLOCK_MONOTONIC_RAW = 4,
	CLOCK_REALTIME_COARSE = 5,
	CLOCK_MONOTONIC_COARSE = 6,
	CLOCK_BOOTTIME = 7,
	CLOCK_REALTIME_ALARM = 8,
	CLOCK_BOOTTIME_ALARM = 9,
	CLOCK_TAI = 11,
};

#define TIMER_ABSTIME	1
#define REALTIME_SEC_MAX	((int64_t)(INT64_MAX / NSEC_PER_SEC) - 30l * 365 * 24 * 3600)	/* Linux's TIME_SETTOD_SEC_MAX */

/* A negative clock number names the CPU clock of a process or thread: ~id << 3 | per-thread bit 2 | kind (posix-timers; clock_getcpuclockid(3)). */
static int cpu_clock(int clock, nsec_t *out)
{
	struct process *p = process_current();
	int id = ~(clock >> 3);
	struct thread_times times;
	struct task *t;
	nsec_t user, system;

	if ((clock & 3) == 3)
		return -EINVAL;
	if (clock & 4) {
		t = id ? task_get(p, id) : NULL;
		if (id && !t)
			return -EINVAL;
		thread_times(t ? t->thread : thread_current(), &times);
		if (t)
			task_put(t);
		*out = times.user_ns + times.system_ns;
		return 0;
	}
	if (id && id != p->pid)
		return -EINVAL;
	process_times(p, &user, &system);
	*out = user + system;
	return 0;
}

static int clock_read(int clock, nsec_t *out)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_REALTIME_ALARM:
		*out = clock_realtime();
		return 0;
	case CLOCK_TAI:
		*out = clock_realtime() + timex_tai_offset();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*out = clock_monotonic();
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		return cpu_clock((int)(~0u << 3 | 2), out);
	case CLOCK_THREAD_CPUTIME_ID:
		return cpu_clock((int)(~0u << 3 | 6), out);
	default:
		return clock < 0 ? cpu_clock(clock, out) : -EINVAL;
	}
}

long sys_clock_gettime(long clock, long ptr)
{
	nsec_t t;
	int r = clock_read((int)clock, &t);

	return r ? r : timespec_put(ptr, t);
}

long sys_clock_getres(long clock, long ptr)
{
	nsec_t t;
	int r = clock_read((int)clock, &t);

	return r || !ptr ? r : timespec_put(ptr, 1);
}

static bool wake_if_waiting(struct task *t, void *arg)
{
	(void)arg;
	if (atomic_load(&t->waits_realtime, RELAXED))
		(void)thread_wake(t->thread);
	return true;
}

void clock_was_set(bool is_step)
{
	struct process *p = process_current();

	vdso_clock_changed();
	timerfd_clock_was_set(is_step);
	sigtimers_clock_was_set(p);
	atomic_fence(SEQ_CST);	/* the new time before the look at who waits: store->load. Pairs: deadline_wait_until */
	process_for_each_task(p, wake_if_waiting, NULL);
}

long sys_clock_settime(long clock, long ptr)
{
	uint64_t seconds;
	nsec_t t;
	int r;

	if ((int)clock != CLOCK_REALTIME && (int)clock >= 0)
		return -EINVAL;
	r = timespec_get(ptr, &t);
	if (!r && user_load64((const uint64_t *)ptr, &seconds))
		r = -EFAULT;
	if (r == -EFAULT)
		return r;
	if ((int)clock < 0)	/* of CPU time */
		return clock_read((int)clock, &t) ? -EINVAL : -EPERM;
	/* t is never more than can be waited for, whatever was asked for. */
	if (r || seconds >= (uint64_t)REALTIME_SEC_MAX)
		return -EINVAL;
	return capable(CAP_SYS_TIME) ? timex_set_clock(t) : -EPERM;
}

struct timeval_abi {
	int64_t sec, usec;
};

long sys_gettimeofday(long tv, long tz)
{
	nsec_t now = clock_realtime();
	struct timeval_abi v = { (int64_t)(now / NSEC_PER_SEC), (int64_t)(now % NSEC_PER_SEC / NSEC_PER_USEC) };

	if (tv && copy_to_user((void *)tv, &v, sizeof(v)))
		return -EFAULT;
	return tz ? zero_user((void *)tz, 8) : 0;
}

long sys_settimeofday(long tv, long tz)
{
	struct timeval_abi v = { 0 };
	int32_t zone[2] = { 0 };

	if (tv && copy_from_user(&v, (const void *)tv, sizeof(v)))
		return -EFAULT;
	if (v.usec < 0 || v.usec > 1000000)
		return -EINVAL;
	if (tz && copy_from_user(zone, (const void *)tz, sizeof(zone)))
		return -EFAULT;
	if (v.sec < 0 || v.usec == 1000000 || v.sec >= REALTIME_SEC_MAX)
		return -EINVAL;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (zone[0] > 15 * 60 || zone[0] < -15 * 60)
		return -EINVAL;
	return tv ? timex_set_clock((nsec_t)v.sec * NSEC_PER_SEC + (nsec_t)v.usec * NSEC_PER_USEC) : 0;
}

/* ---- sleeping ---------------------------------------------------------------------------------------------------------------- */

/* Relative sleeps count from the first start when they are restarted, and tell the time left when a handler interrupts them. */
static long sleep_relative(nsec_t span, long left_ptr)
{
	nsec_t deadline = syscall_deadline(span), now;
	int r = thread_sleep_until(deadline, WAIT_INTERRUPTIBLE);

	if (r == -EINTR && left_ptr) {
		now = clock_monotonic();
		if (timespec_put(left_ptr, deadline > now ? deadline - now : 0))
			return -EFAULT;
	}
	return r;
}

long sys_nanosleep(long req, long left)
{
	nsec_t span;
	int r = timespec_get(req, &span);

	return r ? r : sleep_relative(span, left);
}

static long sleep_until_realtime(nsec_t t)
{
	int r = deadline_wait_until("nanosleep", false, t | DEADLINE_REALTIME, WAIT_INTERRUPTIBLE);

	return r == -ETIMEDOUT ? 0 : r;
}

/* Until a clock of CPU time reaches t; looked at again after each sleep, as it may be set or run slower. */
static long sleep_until_clock(int clock, nsec_t t)
{
	nsec_t now;
	int r;

	for (;;) {
		r = clock_read(clock, &now);
		if (r)
			return r;
		if (now >= t)
			return 0;
		r = thread_sleep_until(clock_monotonic() + MIN(t - now, 10 * NSEC_PER_SEC), WAIT_INTERRUPTIBLE);
		if (r)
			return r;
	}
}

long sys_clock_nanosleep(long clock_arg, long flags, long req, long left)
{
	int clock = (int)clock_arg;
	bool is_monotonic = clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME;
	nsec_t t, now;
	int r;

	if (flags & ~(long)TIMER_ABSTIME)
		return -EINVAL;
	if (clock == CLOCK_THREAD_CPUTIME_ID || clock_read(clock, &now))
		return -EINVAL;
	if (clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE)
		return -EOPNOTSUPP;
	r = timespec_get(req, &t);
	if (r)
		return r;
	if (flags & TIMER_ABSTIME && (clock == CLOCK_REALTIME || clock == CLOCK_TAI))
		return sleep_until_realtime(clock == CLOCK_TAI ? t - MIN(t, timex_tai_offset()) : t);
	if (flags & TIMER_ABSTIME)
		return is_monotonic ? thread_sleep_until(t, WAIT_INTERRUPTIBLE) : sleep_until_clock(clock, t);
	if (clock == CLOCK_PROCESS_CPUTIME_ID || clock < 0)
		return sleep_until_clock(clock, now + t);
	return sleep_relative(t, left);
}

struct tms_abi {
	int64_t user, system, child_user, child_system;
};

#define CLOCK_TICK_NS	(NSEC_PER_SEC / 100)

long sys_times(long ptr)
{
	struct tms_abi t = { 0 };
	nsec_t user, system;

	process_times(process_current(), &user, &system);
	t.user = (int64_t)(user / CLOCK_TICK_NS);
	t.system = (int64_t)(system / CLOCK_TICK_NS);
	if (ptr && copy_to_user((void *)ptr, &t, sizeof(t)))
		return -EFAULT;
	return (long)(clock_monotonic() / CLOCK_TICK_NS);
}
