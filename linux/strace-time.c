// SPDX-License-Identifier: MIT
/*
 * Times, timers and what they are given by.
 */
#include "libc/errno.h"
#include "linux/strace-priv.h"
#include "mmu/user.h"

/* unit: "nsec" or "usec". */
void strace_put_timespec(struct strace_line *l, const int64_t t[2], const char *unit)
{
	strace_put(l, "{tv_sec=%ld, tv_%s=%ld}", (long)t[0], unit, (long)t[1]);
}

static void put_two(struct strace_line *l, const int64_t t[4], const char *unit)
{
	strace_put(l, "{it_interval=");
	strace_put_timespec(l, t, unit);
	strace_put(l, ", it_value=");
	strace_put_timespec(l, t + 2, unit);
	strace_put(l, "}");
}

static void put_timespec(struct strace_line *l, const void *t)
{
	strace_put_timespec(l, t, "nsec");
}
STRACE_OBJECT_IN(timespec_in, int64_t[2], put_timespec);
STRACE_OBJECT_OUT(timespec_out, int64_t[2], put_timespec);

static void put_timeval(struct strace_line *l, const void *t)
{
	strace_put_timespec(l, t, "usec");
}
STRACE_OBJECT_IN(timeval_in, int64_t[2], put_timeval);
STRACE_OBJECT_OUT(timeval_out, int64_t[2], put_timeval);

/* What is left of a sleep: only written when it was interrupted. */
static void put_timespec_left(struct strace_line *l, unsigned i)
{
	int64_t t[2];

	if (l->result != -EINTR)
		strace_put_address(l, (uint64_t)l->args[i]);
	else if (strace_fetch(l, t, (uint64_t)l->args[i], sizeof(t)))
		strace_put_timespec(l, t, "nsec");
}
STRACE_OUT(timespec_left);

/* A time that the call changes to what is left of it, as it was before; only what a call takes fits into l->before. */
static void look_at_timespec(struct strace_line *l, unsigned i)
{
	int64_t t[2];

	l->has_before = l->args[i] && !copy_from_user(t, (const void *)l->args[i], sizeof(t)) && t[0] == (int32_t)t[0] && t[1] == (int32_t)t[1];
	if (l->has_before)
		l->before = (uint64_t)(uint32_t)t[0] << 32 | (uint32_t)t[1];
}

static void put_timespec_inout(struct strace_line *l, unsigned i)
{
	int64_t t[2] = { (int32_t)(l->before >> 32), (int32_t)l->before };

	if (l->has_before || strace_fetch(l, t, (uint64_t)l->args[i], sizeof(t)))
		strace_put_timespec(l, t, "nsec");
}
STRACE_OUT_WITH(timespec_inout, look_at_timespec);

static void put_itimerspec(struct strace_line *l, const void *t)
{
	put_two(l, t, "nsec");
}
STRACE_OBJECT_IN(itimerspec_in, int64_t[4], put_itimerspec);
STRACE_OBJECT_OUT(itimerspec_out, int64_t[4], put_itimerspec);

static void put_itimerval(struct strace_line *l, const void *t)
{
	put_two(l, t, "usec");
}
STRACE_OBJECT_IN(itimerval_in, int64_t[4], put_itimerval);
STRACE_OBJECT_OUT(itimerval_out, int64_t[4], put_itimerval);

/* struct sigevent, sigevent(7). */
static void put_sigevent_in(struct strace_line *l, unsigned i)
{
	static const struct strace_name list[] = { { 0, "SIGEV_SIGNAL" }, { 1, "SIGEV_NONE" }, { 2, "SIGEV_THREAD" }, { 4, "SIGEV_THREAD_ID" }, { 0, NULL } };
	static const struct strace_names notifies = { "SIGEV_???", list };
	struct { uint64_t value; int32_t signo, notify, tid, pad[11]; } e;

	if (!strace_fetch(l, &e, (uint64_t)l->args[i], sizeof(e)))
		return;
	strace_put(l, "{");
	if (e.value)
		strace_put(l, "sigev_value={sival_int=%d, sival_ptr=%#lx}, ", (int)e.value, (unsigned long)e.value);
	strace_put(l, "sigev_signo=");
	if (e.notify == 0 || e.notify == 4)
		strace_put_signal(l, (uint32_t)e.signo);
	else
		strace_put(l, "%d", e.signo);
	strace_put(l, ", sigev_notify=");
	strace_put_choice(l, &notifies, (uint32_t)e.notify);
	if (e.notify == 4)
		strace_put(l, ", sigev_notify_thread_id=%d", e.tid);
	strace_put(l, "}");
}
STRACE_IN(sigevent_in);

static void put_tms(struct strace_line *l, const void *tms)
{
	const uint64_t *t = tms;

	strace_put(l, "{tms_utime=%lu, tms_stime=%lu, tms_cutime=%lu, tms_cstime=%lu}", (unsigned long)t[0], (unsigned long)t[1], (unsigned long)t[2],
		   (unsigned long)t[3]);
}
STRACE_OBJECT_OUT(tms_out, uint64_t[4], put_tms);

static void put_time(struct strace_line *l, const void *t)
{
	strace_put(l, "[%ld]", (long)*(const int64_t *)t);
}
STRACE_OBJECT_OUT(time_out, int64_t, put_time);

static void put_utimbuf(struct strace_line *l, const void *times)
{
	const int64_t *t = times;

	strace_put(l, "{actime=%ld, modtime=%ld}", (long)t[0], (long)t[1]);
}
STRACE_OBJECT_IN(utimbuf, int64_t[2], put_utimbuf);

static void put_timevals(struct strace_line *l, const void *times)
{
	const int64_t *t = times;

	strace_put(l, "[");
	strace_put_timespec(l, t, "usec");
	strace_put(l, ", ");
	strace_put_timespec(l, t + 2, "usec");
	strace_put(l, "]");
}
STRACE_OBJECT_IN(timevals, int64_t[4], put_timevals);
