/* SPDX-License-Identifier: MIT
 *
 * Timers that send signals: setitimer(2) and timer_create(2). One structure serves both; an interval timer is one with a fixed signal and no number.
 *
 * Clocks of time: the kernel timer is armed for the expiry, and for the next one when the signal is
 * taken: a fast timer whose signal is blocked costs nothing, and what it missed is computed then. An
 * ignored signal is never taken; such a timer goes on, but not faster than IGNORED_MIN. Clocks of CPU
 * time: the timer is armed for the earliest moment at which the CPU time can have been used (all threads
 * running at once), and armed again at once, as that is never soon.
 *
 * Locks: set_lock serialises those who set and delete (never taken by an expiry, so that a cancel may wait
 * for one). The process's signal_lock guards the numbers, so that a signal and its timer change together.
 */
#include "libc/errno.h"
#include "libc/rbtree.h"
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
#define IGNORED_MIN	(4 * NSEC_PER_MSEC)	/* a tick of the Linux that this is compared with */

enum timer_clock { OF_REALTIME, OF_MONOTONIC, OF_PROCESS_CPU, OF_PROCESS_USER, OF_THREAD_CPU };

struct sigtimer {
	struct timer timer;
	struct process *process;	/* [I] */
	struct task *task;		/* [I] whom to signal (or whose CPU time counts): ref; NULL: the process */
	bool is_realtime;		/* [I] made for the realtime clock */
	/* Of an expiry at an absolute time OF_REALTIME, which follows that clock when it is set; of a relative one OF_MONOTONIC. */
	enum timer_clock clock;		/* [set_lock and signal_lock to change] */
	int signo, notify;		/* [I] */
	bool has_id;			/* [I] POSIX timer: SI_TIMER, overruns */
	int id;				/* [I] */
	struct signal_entry *entry;	/* [I] of a POSIX timer: its signal, which is in a queue at most once */
	nsec_t expiry, interval;	/* [signal_lock] expiry on its clock; NSEC_NEVER: not set */
	bool is_armed;			/* [signal_lock] the kernel timer will run */
	bool is_waiting;		/* [signal_lock] armed again when its signal is taken */
	uint32_t setting;		/* [signal_lock] number of settings: a signal of an earlier one does not arm it */
	uint64_t nr_periods;		/* [signal_lock] passed since a signal was taken */
	uint64_t last_overruns;		/* [signal_lock] */
	struct rb_node node;		/* [set_lock and signal_lock to change] */
};

struct posix_timers {
	struct mutex set_lock;
	struct sigtimer itimer[NR_ITIMERS];
	struct rb_tree timers;		/* [set_lock and signal_lock to change] by id: a program may have as many as memory has room for */
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
	case OF_REALTIME:
		return clock_realtime();
	case OF_MONOTONIC:
		break;
	}
	return clock_monotonic();
}

/* set_lock or signal_lock held. NULL: none. */
static struct sigtimer *find_timer(struct posix_timers *all, int id)
{
	struct rb_node *n = all ? all->timers.root : NULL;

	while (n) {
		struct sigtimer *t = rb_entry(n, struct sigtimer, node);

		if (t->id == id)
			return t;
		n = id < t->id ? n->left : n->right;
	}
	return NULL;
}

/* Both locks held. */
static void insert_timer(struct posix_timers *all, struct sigtimer *t)
{
	struct rb_node **link = &all->timers.root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = t->id < rb_entry(parent, struct sigtimer, node)->id ? &parent->left : &parent->right;
	}
	rb_link(&all->timers, &t->node, parent, link);
}

static bool is_of_cpu_time(const struct sigtimer *t)
{
	return t->clock > OF_MONOTONIC;
}

/* When the kernel timer has to fire for an expiry that is left_ns of its clock away. */
static nsec_t wake_time(const struct sigtimer *t, nsec_t expiry, nsec_t now)
{
	nsec_t left = expiry > now ? expiry - now : 0;

	if (t->clock == OF_REALTIME)
		return clock_when_realtime(expiry);
	if (!is_of_cpu_time(t))
		return clock_monotonic() + left;
	if (t->clock != OF_THREAD_CPU)
		left /= MIN(MAX(READ_ONCE(t->process->nr_threads), 1u), nr_cpus);
	return clock_monotonic() + MAX(left, CPU_CHECK_MIN);
}

/* ---- expiry, signal_lock held ------------------------------------------------------------------------------------------ */

/* Move the expiry of a periodic timer on beyond now, by whole intervals. */
static void advance(struct sigtimer *t, nsec_t now)
{
	uint64_t periods;

	if (now < t->expiry)
		return;
	periods = (now - t->expiry) / t->interval + 1;
	t->expiry += periods * t->interval;
	t->nr_periods += periods;
}

static void arm(struct sigtimer *t, nsec_t now)
{
	t->is_armed = true;
	timer_arm(&t->timer, wake_time(t, t->expiry, now), 0);
}

static void arm_next(struct sigtimer *t, nsec_t now)
{
	t->is_waiting = false;
	advance(t, now);
	arm(t, now);
}

/* An interval timer's signal is like any other of its number; the one of real time waits until it is taken. */
static void fire_itimer(struct sigtimer *t, nsec_t now)
{
	static const struct siginfo info = { .code = SI_KERNEL };

	(void)signal_send_locked(t->process, NULL, t->signo, &info);
	if (is_of_cpu_time(t) && t->interval)
		arm_next(t, now);
}

static void fire_posix(struct sigtimer *t, nsec_t now)
{
	bool is_sent = true;

	if (!is_of_cpu_time(t) || !t->entry->is_queued)
		is_sent = signal_send_entry_locked(t->process, t->notify == SIGEV_THREAD_ID ? t->task : NULL, t->entry);
	t->entry->info.timer.setting = t->setting;
	if (!t->interval)
		return;
	if (is_of_cpu_time(t))
		arm_next(t, now);
	else if (is_sent)
		t->is_waiting = true;
	else
		arm_next(t, t->interval < IGNORED_MIN ? now + IGNORED_MIN : now);
}

static void expire(struct timer *timer)
{
	struct sigtimer *t = container_of(timer, struct sigtimer, timer);
	struct process *p = t->process;
	nsec_t now = clock_now(t);
	bool has_fired = false;

	mutex_lock(&p->threads_lock);
	mutex_lock(&p->signal_lock);
	if (t->is_armed && now < t->expiry) {
		arm(t, now);	/* CPU time that was not used, or the clock was set back */
	} else if (t->is_armed) {
		has_fired = true;
		t->is_armed = false;
		if (t->has_id)
			fire_posix(t, now);
		else
			fire_itimer(t, now);
	}
	/* From here on t may be gone: who takes its signal may arm it on another CPU, where it may run and be deleted. */
	mutex_unlock(&p->signal_lock);
	mutex_unlock(&p->threads_lock);
	if (has_fired)
		waitq_wake_all(&p->signal_waitq, 0);
}

void sigtimers_dequeued(struct process *p, struct siginfo *info)
{
	struct sigtimer *t = find_timer(p->timers, info->timer.timer_id);
	uint32_t setting = info->timer.setting;

	info->timer.setting = 0;	/* not the program's */
	if (!t || !t->interval || t->setting != setting)
		return;
	if (t->is_waiting)
		arm_next(t, clock_now(t));
	t->last_overruns = MIN(t->nr_periods - 1 + (uint64_t)info->timer.overrun, (uint64_t)DELAYTIMER_MAX);
	info->timer.overrun = (int32_t)t->last_overruns;
	t->nr_periods = 0;
}

void sigtimers_alarm_taken(struct process *p)
{
	/* acquire: its contents. Pairs: timers_get */
	struct posix_timers *all = atomic_load(&p->timers, ACQUIRE);
	struct sigtimer *t = all ? &all->itimer[0] : NULL;

	if (t && t->interval && !t->is_armed && t->expiry != NSEC_NEVER)
		arm_next(t, clock_now(t));
}

/* ---- setting, set_lock held -------------------------------------------------------------------------------------------- */

static void read_setting(struct sigtimer *t, nsec_t *left, nsec_t *interval)
{
	struct process *p = t->process;
	nsec_t now = clock_now(t);
	bool is_silent = t->notify == SIGEV_NONE;

	mutex_lock(&p->signal_lock);
	*interval = t->interval;
	if (t->interval && t->expiry != NSEC_NEVER && (t->is_waiting || is_silent))
		advance(t, now);
	if (t->expiry == NSEC_NEVER || !(t->is_armed || t->is_waiting || is_silent))
		*left = 0;
	else if (t->expiry > now)
		*left = t->expiry - now;
	else
		*left = is_silent ? 0 : 1;
	mutex_unlock(&p->signal_lock);
}

/* The expiry is one of clock; NSEC_NEVER: disarm. */
static void set_timer(struct sigtimer *t, enum timer_clock clock, nsec_t expiry, nsec_t interval)
{
	struct process *p = t->process;

	mutex_lock(&p->signal_lock);
	t->is_armed = t->is_waiting = false;
	t->expiry = NSEC_NEVER;
	t->setting++;
	mutex_unlock(&p->signal_lock);
	(void)timer_cancel(&t->timer);
	t->clock = clock;
	if (expiry != NSEC_NEVER) {
		nsec_t now = clock_now(t);

		mutex_lock(&p->signal_lock);
		t->expiry = expiry;
		t->interval = interval;
		t->nr_periods = t->last_overruns = 0;
		if (t->notify != SIGEV_NONE)
			arm(t, now);
		mutex_unlock(&p->signal_lock);
	} else {
		t->interval = is_of_cpu_time(t) && !t->has_id ? interval : 0;
		t->last_overruns = 0;
	}
}

void sigtimers_clock_was_set(struct process *p)
{
	/* acquire: its contents. Pairs: timers_get */
	struct posix_timers *all = atomic_load(&p->timers, ACQUIRE);
	struct rb_node *n;

	if (!all)
		return;
	mutex_lock(&all->set_lock);
	mutex_lock(&p->signal_lock);
	for (n = rb_first(&all->timers); n; n = rb_next(n)) {
		struct sigtimer *t = rb_entry(n, struct sigtimer, node);

		if (t->clock == OF_REALTIME && t->is_armed)
			arm(t, clock_now(t));
	}
	mutex_unlock(&p->signal_lock);
	mutex_unlock(&all->set_lock);
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
			for (int i = 0; i < NR_ITIMERS; i++) {
				struct sigtimer *t = &all->itimer[i];

				timer_init(&t->timer, expire);
				t->process = p;
				t->clock = clocks[i];
				t->signo = signals[i];
				t->expiry = NSEC_NEVER;
			}
			atomic_store(&p->timers, all, RELEASE);	/* release: its contents. Pairs: sigtimers_alarm_taken */
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
	nsec_t first, interval;
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
	if (!r)
		set_timer(t, t->clock, first ? clock_now(t) + first : NSEC_NEVER, interval);
	mutex_unlock(&all->set_lock);
	return r;
}

/* alarm(2): seconds; gives what was left of the one before, rounded so that it is 0 only if there was none. */
long sys_alarm(long seconds)
{
	struct posix_timers *all = timers_get(process_current());
	nsec_t left, interval, first = (nsec_t)(uint32_t)seconds * NSEC_PER_SEC;
	struct sigtimer *t;

	if (!all)
		return 0;
	t = &all->itimer[0];
	mutex_lock(&all->set_lock);
	read_setting(t, &left, &interval);
	set_timer(t, t->clock, first ? clock_now(t) + first : NSEC_NEVER, 0);
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

/* The signal of a timer counts towards RLIMIT_SIGPENDING as long as there is the timer: it can always be sent. */
static int give_entry(struct sigtimer *t, const struct sigevent_k *ev)
{
	struct process *p = t->process;
	bool is_within;

	t->entry = KNEW(struct signal_entry);
	if (!t->entry)
		return -EAGAIN;
	mutex_lock(&p->signal_lock);
	is_within = p->nr_queued < p->rlimits[RLIMIT_SIGPENDING].cur;
	p->nr_queued += is_within;
	mutex_unlock(&p->signal_lock);
	if (!is_within) {
		kfree(t->entry);
		return -EAGAIN;
	}
	t->entry->is_timers = true;
	t->entry->info.signo = ev->signo;
	t->entry->info.code = SI_TIMER;
	return 0;
}

/* Not armed, in no list. Its signal stays pending, as on Linux. */
static void free_parts(struct sigtimer *t)
{
	struct process *p = t->process;

	mutex_lock(&p->signal_lock);
	signal_entry_release(t->entry, &p->nr_queued);
	mutex_unlock(&p->signal_lock);
	if (t->task)
		task_put(t->task);
	kfree(t);
}

static void free_timer(struct sigtimer *t)
{
	struct process *p = t->process;

	mutex_lock(&p->signal_lock);
	t->is_armed = t->is_waiting = false;
	rb_remove(&p->timers->timers, &t->node);
	mutex_unlock(&p->signal_lock);
	(void)timer_cancel(&t->timer);
	free_parts(t);
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
	enum timer_clock of;
	struct sigtimer *t;
	int r;

	if (event && copy_from_user(&ev, (const void *)event, sizeof(ev)))
		return -EFAULT;
	r = choose_clock(clock, &of);
	if (r)
		return r;
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
	t->clock = of;
	t->is_realtime = of == OF_REALTIME;
	r = choose_task(t, clock, &ev);
	if (!r)
		r = give_entry(t, &ev);
	if (r) {
		if (t->task)
			task_put(t->task);
		kfree(t);
		return r;
	}
	mutex_lock(&all->set_lock);
	t->id = all->next_id++;
	t->entry->info.timer.timer_id = t->id;
	t->entry->info.timer.value = event ? ev.value : (uint64_t)t->id;
	r = user_store32((uint32_t *)out_id, (uint32_t)t->id);
	if (r) {
		free_parts(t);
	} else {
		mutex_lock(&p->signal_lock);
		insert_timer(all, t);
		mutex_unlock(&p->signal_lock);
	}
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

static void set_posix(struct sigtimer *t, long flags, nsec_t value, nsec_t interval)
{
	enum timer_clock clock = t->clock;
	nsec_t expiry = value;

	if (t->is_realtime)
		clock = flags & TIMER_ABSTIME ? OF_REALTIME : OF_MONOTONIC;
	if (!value)
		expiry = NSEC_NEVER;
	else if (!(flags & TIMER_ABSTIME))
		expiry = value < NSEC_NEVER / 2 ? (t->is_realtime ? clock_monotonic() : clock_now(t)) + value : NSEC_NEVER / 2;
	set_timer(t, clock, expiry, interval);
}

long sys_timer_settime(long id, long flags, long value, long old)
{
	struct posix_timers *all = process_current()->timers;
	nsec_t interval, first;
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
	t = find_timer(all, (int)id);
	if (!t)
		r = -EINVAL;
	if (!r && old)
		r = put_itimerspec(t, old);
	if (!r)
		set_posix(t, flags, first, interval);
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
	t = find_timer(all, (int)id);
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
	t = find_timer(all, (int)id);
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
	t = find_timer(all, (int)id);
	if (t)
		free_timer(t);
	mutex_unlock(&all->set_lock);
	return t ? 0 : -EINVAL;
}

/* ---- ends ---------------------------------------------------------------------------------------------------------------- */

void sigtimers_exec(struct process *p)
{
	struct posix_timers *all = p->timers;
	struct rb_node *n;

	if (!all)
		return;
	mutex_lock(&all->set_lock);
	while ((n = rb_first(&all->timers)) != NULL)
		free_timer(rb_entry(n, struct sigtimer, node));
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
		set_timer(&all->itimer[i], all->itimer[i].clock, NSEC_NEVER, 0);
	mutex_unlock(&all->set_lock);
}
