/* SPDX-License-Identifier: MIT
 *
 * Timers that send signals: setitimer(2) and timer_create(2). One structure serves both; an interval timer is one with a fixed signal and no number.
 *
 * Clocks of time: the kernel timer is armed for the expiry. Clocks of CPU time: it is armed for the earliest moment at which the CPU time can have been
 * used (all threads running at once), and armed again if it has not.
 *
 * Locks: set_lock serialises those who arm and cancel (never taken by an expiry, so that a cancel may wait for one); state_lock guards the numbers. state_lock is
 * the innermost: an expiry lets go of it before it sends.
 */
#include "libc/errno.h"
#include "libc/list.h"
#include "linux/process.h"
#include "linux/signal-priv.h"
#include "linux/sys-util.h"
#include "linux/syscalls.h"
#include "mmu/heap.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/timer.h"

#define SIGEV_SIGNAL	0
#define SIGEV_NONE	1
#define SIGEV_THREAD	2
#define SIGEV_THREAD_ID	4

#define TIMER_ABSTIME	1
#define NR_ITIMERS	3
#define CPU_CHECK_MIN	NSEC_PER_MSEC
#define DELAYTIMER_MAX	0x7fffffff

enum timer_clock { OF_REALTIME, OF_MONOTONIC, OF_PROCESS_CPU, OF_PROCESS_USER, OF_THREAD_CPU };

struct sigtimer {
	struct timer timer;
	struct process *process;	/* [I] */
	struct task *task;		/* [I] whom to signal (or whose CPU time counts): ref; NULL: the process */
	enum timer_clock clock;		/* [I] */
	int signo, notify;		/* [I] */
	bool has_id;			/* [I] POSIX timer: SI_TIMER, overruns */
	int id;				/* [I] */
	uint64_t value;			/* [I] */
	nsec_t expiry, interval;	/* [state_lock] expiry on its clock (real time: on the monotonic one); NSEC_NEVER: not armed */
	bool is_queued;			/* [state_lock] its signal has not been taken yet */
	uint64_t nr_overruns, last_overruns;	/* [state_lock] */
	struct list node;		/* [set_lock] */
};

struct posix_timers {
	struct mutex set_lock, state_lock;
	struct sigtimer itimer[NR_ITIMERS];
	struct list timers;		/* [set_lock and state_lock to change] */
	int next_id;			/* [set_lock] */
};

static nsec_t clock_now(const struct sigtimer *t)
{
	struct thread_times times;
	nsec_t user, system;

	switch (t->clock) {
	case OF_THREAD_CPU:
		thread_times(t->task->thread, &times);
		return times.user_ns + times.system_ns;
	case OF_PROCESS_CPU:
	case OF_PROCESS_USER:
		process_times(t->process, &user, &system);
		return t->clock == OF_PROCESS_USER ? user : user + system;
	default:
		return clock_monotonic();
	}
}

/* When the kernel timer has to fire for an expiry that is left_ns of its clock away. */
static nsec_t wake_time(const struct sigtimer *t, nsec_t expiry, nsec_t now)
{
	nsec_t left = expiry > now ? expiry - now : 0;

	if (t->clock <= OF_MONOTONIC)
		return expiry;
	if (t->clock != OF_THREAD_CPU)
		left /= MIN(MAX(READ_ONCE(t->process->nr_threads), 1u), nr_cpus);
	return clock_monotonic() + MAX(left, CPU_CHECK_MIN);
}

/* Move the expiry on by whole intervals. Returns how many were skipped beyond the first. state_lock held. */
static uint64_t advance(struct sigtimer *t, nsec_t now)
{
	uint64_t periods;

	if (!t->interval) {
		t->expiry = NSEC_NEVER;
		return 0;
	}
	periods = (now - t->expiry) / t->interval + 1;
	t->expiry += periods * t->interval;
	return periods - 1;
}

static void send(struct sigtimer *t)
{
	struct siginfo info = { .code = SI_KERNEL };

	if (t->has_id) {
		info.code = SI_TIMER;
		info.timer.timer_id = t->id;
		info.timer.value = t->value;
	}
	if (t->notify == SIGEV_NONE)
		return;
	if (t->notify == SIGEV_THREAD_ID) {
		if (signal_send_task(t->task, t->signo, &info))
			WRITE_ONCE(t->is_queued, false);
	} else if (signal_send_process(t->process, t->signo, &info)) {
		WRITE_ONCE(t->is_queued, false);
	}
}

static void expire(struct timer *timer)
{
	struct sigtimer *t = container_of(timer, struct sigtimer, timer);
	struct posix_timers *all = t->process->timers;
	nsec_t now = clock_now(t), next = NSEC_NEVER;
	bool has_fired = false, must_send = false;

	mutex_lock(&all->state_lock);
	if (t->expiry != NSEC_NEVER && now >= t->expiry) {
		uint64_t missed = advance(t, now);

		has_fired = true;
		must_send = !t->is_queued || !t->has_id;
		if (t->is_queued)
			missed++;
		t->nr_overruns += missed;
		t->is_queued = t->notify != SIGEV_NONE;
	}
	if (t->expiry != NSEC_NEVER)
		next = t->expiry;
	mutex_unlock(&all->state_lock);
	if (has_fired && must_send)
		send(t);
	if (next != NSEC_NEVER)
		timer_arm(&t->timer, wake_time(t, next, now), 0);
}

void sigtimers_dequeued(struct process *p, struct siginfo *info)
{
	struct posix_timers *all = p->timers;
	struct sigtimer *t;

	if (!all)
		return;
	mutex_lock(&all->state_lock);
	list_for_each(t, &all->timers, node) {
		if (t->id != info->timer.timer_id)
			continue;
		t->last_overruns = MIN(t->nr_overruns, (uint64_t)DELAYTIMER_MAX);
		info->timer.overrun = (int32_t)t->last_overruns;
		t->nr_overruns = 0;
		t->is_queued = false;
		break;
	}
	mutex_unlock(&all->state_lock);
}

/* ---- arming, set_lock held ------------------------------------------------------------------------------------------- */

static void read_setting(struct sigtimer *t, nsec_t *left, nsec_t *interval)
{
	nsec_t now = clock_now(t);

	mutex_lock(&t->process->timers->state_lock);
	*interval = t->interval;
	*left = t->expiry == NSEC_NEVER ? 0 : t->expiry > now ? t->expiry - now : 1;
	mutex_unlock(&t->process->timers->state_lock);
}

/* expiry NSEC_NEVER: disarm. */
static void set_timer(struct sigtimer *t, nsec_t expiry, nsec_t interval, nsec_t now)
{
	struct posix_timers *all = t->process->timers;

	mutex_lock(&all->state_lock);
	t->expiry = NSEC_NEVER;
	mutex_unlock(&all->state_lock);
	(void)timer_cancel(&t->timer);
	mutex_lock(&all->state_lock);
	t->expiry = expiry;
	t->interval = interval;
	t->nr_overruns = t->last_overruns = 0;
	if (t->has_id && expiry != NSEC_NEVER)
		t->is_queued = false;
	mutex_unlock(&all->state_lock);
	if (expiry != NSEC_NEVER)
		timer_arm(&t->timer, wake_time(t, expiry, now), 0);
}

static struct posix_timers *timers_get(struct process *p)
{
	static const int signals[NR_ITIMERS] = { SIGALRM, SIGVTALRM, SIGPROF };
	static const enum timer_clock clocks[NR_ITIMERS] = { OF_MONOTONIC, OF_PROCESS_USER, OF_PROCESS_CPU };
	struct posix_timers *all;

	mutex_lock(&p->lock);
	all = p->timers;
	if (!all) {
		all = KNEW(struct posix_timers);
		if (all) {
			list_init(&all->timers);
			for (int i = 0; i < NR_ITIMERS; i++) {
				struct sigtimer *t = &all->itimer[i];

				timer_init(&t->timer, expire);
				t->process = p;
				t->clock = clocks[i];
				t->signo = signals[i];
				t->expiry = NSEC_NEVER;
			}
			atomic_store(&p->timers, all, RELEASE);	/* release: its contents. Pairs: sigtimers_dequeued */
		}
	}
	mutex_unlock(&p->lock);
	return all;
}

/* ---- interval timers --------------------------------------------------------------------------------------------------- */

struct timeval_k {
	int64_t sec, usec;
};
struct itimerval_k {
	struct timeval_k interval, value;
};

static int timeval_ns(const struct timeval_k *tv, nsec_t *out)
{
	if (tv->sec < 0 || tv->usec < 0 || tv->usec >= 1000000)
		return -EINVAL;
	*out = (uint64_t)tv->sec > NSEC_NEVER / NSEC_PER_SEC / 4 ? NSEC_NEVER / 4
								: (uint64_t)tv->sec * NSEC_PER_SEC + (uint64_t)tv->usec * NSEC_PER_USEC;
	return 0;
}

/* Rounded up: a timer that is armed never shows 0. */
static struct timeval_k ns_timeval(nsec_t ns)
{
	ns = DIV_ROUND_UP(ns, NSEC_PER_USEC) * NSEC_PER_USEC;
	return (struct timeval_k){ (int64_t)(ns / NSEC_PER_SEC), (int64_t)(ns % NSEC_PER_SEC / NSEC_PER_USEC) };
}

static int put_itimer(struct sigtimer *t, long to)
{
	nsec_t left, interval;
	struct itimerval_k v;

	read_setting(t, &left, &interval);
	v.interval = ns_timeval(interval);
	v.value = ns_timeval(left);
	return copy_to_user((void *)to, &v, sizeof(v));
}

long sys_getitimer(long which, long value)
{
	struct posix_timers *all;

	if (which < 0 || which >= NR_ITIMERS)
		return -EINVAL;
	all = timers_get(process_current());
	return all ? put_itimer(&all->itimer[which], value) : -ENOMEM;
}

long sys_setitimer(long which, long value, long old)
{
	struct itimerval_k v = { 0 };
	nsec_t first, interval, now;
	struct posix_timers *all;
	struct sigtimer *t;
	int r = 0;

	if (which < 0 || which >= NR_ITIMERS)
		return -EINVAL;
	if (value && copy_from_user(&v, (const void *)value, sizeof(v)))
		return -EFAULT;
	if (timeval_ns(&v.value, &first) || timeval_ns(&v.interval, &interval))
		return -EINVAL;
	all = timers_get(process_current());
	if (!all)
		return -ENOMEM;
	t = &all->itimer[which];
	mutex_lock(&all->set_lock);
	if (old)
		r = put_itimer(t, old);
	if (!r) {
		now = clock_now(t);
		set_timer(t, first ? now + first : NSEC_NEVER, interval, now);
	}
	mutex_unlock(&all->set_lock);
	return r;
}

/* alarm(2): seconds; gives what was left of the one before, rounded so that it is 0 only if there was none. */
long sys_alarm(long seconds)
{
	struct posix_timers *all = timers_get(process_current());
	nsec_t left, interval, now, first = (nsec_t)(uint32_t)seconds * NSEC_PER_SEC;
	struct sigtimer *t;

	if (!all)
		return 0;
	t = &all->itimer[0];
	mutex_lock(&all->set_lock);
	read_setting(t, &left, &interval);
	now = clock_now(t);
	set_timer(t, first ? now + first : NSEC_NEVER, 0, now);
	mutex_unlock(&all->set_lock);
	if (!left)
		return 0;
	return (long)MAX((left + NSEC_PER_SEC / 2) / NSEC_PER_SEC, (nsec_t)1);
}

/* ---- POSIX timers ------------------------------------------------------------------------------------------------------ */

struct sigevent_k {
	uint64_t value;
	int32_t signo, notify, tid;
	int32_t pad[11];
};
_Static_assert(sizeof(struct sigevent_k) == 64, "sigevent(7)");

static int choose_clock(long id, enum timer_clock *out)
{
	switch ((int)id) {
	case 0:		/* REALTIME */
	case 8:		/* REALTIME_ALARM */
	case 11:	/* TAI */
		*out = OF_REALTIME;
		return 0;
	case 1:		/* MONOTONIC */
	case 7:		/* BOOTTIME */
	case 9:		/* BOOTTIME_ALARM */
		*out = OF_MONOTONIC;
		return 0;
	case 2:
		*out = OF_PROCESS_CPU;
		return 0;
	case 3:
		*out = OF_THREAD_CPU;
		return 0;
	default:
		/* clock_getcpuclockid: ~pid << 3 | kind; pthread_getcpuclockid: | 4 */
		if ((int)id >= 0)
			return -EINVAL;
		*out = (int)id & 4 ? OF_THREAD_CPU : OF_PROCESS_CPU;
		return 0;
	}
}

static struct sigtimer *find_timer(struct posix_timers *all, long id)
{
	struct sigtimer *t;

	if (all)
		list_for_each(t, &all->timers, node)
			if (t->id == (int)id)
				return t;
	return NULL;
}

static void free_timer(struct posix_timers *all, struct sigtimer *t)
{
	mutex_lock(&all->state_lock);
	t->expiry = NSEC_NEVER;
	list_del(&t->node);
	mutex_unlock(&all->state_lock);
	(void)timer_cancel(&t->timer);
	if (t->task)
		task_put(t->task);
	kfree(t);
}

/* The thread that a timer is about: by notification, or by its clock. */
static int choose_task(struct sigtimer *t, long clock, const struct sigevent_k *ev)
{
	int tid = 0;

	if (t->notify == SIGEV_THREAD_ID)
		tid = ev->tid;
	else if (t->clock == OF_THREAD_CPU)
		tid = (int)clock < 0 && ~((int)clock >> 3) ? ~((int)clock >> 3) : task_current()->tid;
	if (!tid)
		return 0;
	t->task = task_get(t->process, tid);
	return t->task ? 0 : -EINVAL;
}

long sys_timer_create(long clock, long event, long out_id)
{
	struct process *p = process_current();
	struct posix_timers *all = timers_get(p);
	struct sigevent_k ev = { .notify = SIGEV_SIGNAL, .signo = SIGALRM };
	struct sigtimer *t;
	int r;

	if (event && copy_from_user(&ev, (const void *)event, sizeof(ev)))
		return -EFAULT;
	if (ev.notify != SIGEV_SIGNAL && ev.notify != SIGEV_NONE && ev.notify != SIGEV_THREAD && ev.notify != SIGEV_THREAD_ID)
		return -EINVAL;
	if (ev.notify != SIGEV_NONE && (ev.signo < 1 || ev.signo > NR_SIGNALS))
		return -EINVAL;
	t = KNEW(struct sigtimer);
	if (!t || !all) {
		kfree(t);
		return -EAGAIN;
	}
	timer_init(&t->timer, expire);
	t->process = p;
	t->notify = ev.notify;
	t->signo = ev.signo;
	t->has_id = true;
	t->expiry = NSEC_NEVER;
	r = choose_clock(clock, &t->clock);
	if (!r)
		r = choose_task(t, clock, &ev);
	if (r) {
		kfree(t);
		return r;
	}
	mutex_lock(&all->set_lock);
	t->id = all->next_id++;
	t->value = event ? ev.value : (uint64_t)t->id;
	mutex_lock(&all->state_lock);
	list_add_tail(&all->timers, &t->node);
	mutex_unlock(&all->state_lock);
	r = user_store32((uint32_t *)out_id, (uint32_t)t->id);
	if (r)
		free_timer(all, t);
	mutex_unlock(&all->set_lock);
	return r;
}

static int put_itimerspec(struct sigtimer *t, long to)
{
	nsec_t left, interval;
	int r;

	read_setting(t, &left, &interval);
	r = timespec_put(to, interval);
	return r ? r : timespec_put(to + 16, left);
}

static nsec_t expiry_of(const struct sigtimer *t, long flags, nsec_t value, nsec_t now)
{
	nsec_t offset;

	if (!value)
		return NSEC_NEVER;
	if (!(flags & TIMER_ABSTIME))
		return value < NSEC_NEVER / 2 ? now + value : NSEC_NEVER / 2;
	if (t->clock != OF_REALTIME)
		return value;
	offset = clock_realtime_offset();
	return value > offset ? value - offset : 0;
}

long sys_timer_settime(long id, long flags, long value, long old)
{
	struct posix_timers *all = process_current()->timers;
	nsec_t interval, first, now;
	struct sigtimer *t;
	int r;

	if (!value)
		return -EINVAL;
	r = timespec_get(value, &interval);
	if (!r)
		r = timespec_get(value + 16, &first);
	if (r)
		return r;
	if (!all)
		return -EINVAL;
	mutex_lock(&all->set_lock);
	t = find_timer(all, id);
	if (!t)
		r = -EINVAL;
	if (!r && old)
		r = put_itimerspec(t, old);
	if (!r) {
		now = clock_now(t);
		set_timer(t, expiry_of(t, flags, first, now), interval, now);
	}
	mutex_unlock(&all->set_lock);
	return r;
}

long sys_timer_gettime(long id, long value)
{
	struct posix_timers *all = process_current()->timers;
	struct sigtimer *t;
	int r = -EINVAL;

	if (!all)
		return r;
	mutex_lock(&all->set_lock);
	t = find_timer(all, id);
	if (t)
		r = put_itimerspec(t, value);
	mutex_unlock(&all->set_lock);
	return r;
}

long sys_timer_getoverrun(long id)
{
	struct posix_timers *all = process_current()->timers;
	struct sigtimer *t;
	long r = -EINVAL;

	if (!all)
		return r;
	mutex_lock(&all->set_lock);
	t = find_timer(all, id);
	if (t)
		r = (long)t->last_overruns;
	mutex_unlock(&all->set_lock);
	return r;
}

long sys_timer_delete(long id)
{
	struct posix_timers *all = process_current()->timers;
	struct sigtimer *t;

	if (!all)
		return -EINVAL;
	mutex_lock(&all->set_lock);
	t = find_timer(all, id);
	if (t)
		free_timer(all, t);
	mutex_unlock(&all->set_lock);
	return t ? 0 : -EINVAL;
}

/* ---- ends ---------------------------------------------------------------------------------------------------------------- */

void sigtimers_exec(struct process *p)
{
	struct posix_timers *all = p->timers;
	struct sigtimer *t, *next;

	if (!all)
		return;
	mutex_lock(&all->set_lock);
	list_for_each_safe(t, next, &all->timers, node)
		free_timer(all, t);
	mutex_unlock(&all->set_lock);
}

void sigtimers_stop(struct process *p)
{
	struct posix_timers *all = p->timers;

	if (!all)
		return;
	sigtimers_exec(p);
	mutex_lock(&all->set_lock);
	for (int i = 0; i < NR_ITIMERS; i++)
		set_timer(&all->itimer[i], NSEC_NEVER, 0, 0);
	mutex_unlock(&all->set_lock);
}
