/* SPDX-License-Identifier: MIT
 *
 * timerfd_create(2).
 *
 * The kernel timer is armed for the next expiry only; it marks the file expired and wakes. How many expirations there were is computed when somebody looks, from the
 * interval, and only then the timer is armed again: a fast timer that nobody reads costs nothing.
 *
 * Locks: list_lock, then timerfd.lock. The timer's function takes neither, so timer_cancel() may be called with both.
 */
#include "fs/timerfd.h"

#include "fs/file.h"
#include "fs/special-priv.h"
#include "fs/uio.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/heap.h"
#include "sched/clock.h"
#include "sched/timer.h"

#define TFD_TIMER_ABSTIME	1u
#define TFD_TIMER_CANCEL_ON_SET	2u
#define CLOCK_REALTIME		0
#define CLOCK_MONOTONIC		1
#define CLOCK_BOOTTIME		7
#define CLOCK_REALTIME_ALARM	8
#define CLOCK_BOOTTIME_ALARM	9
#define POLL_IN			(FILE_POLLIN | FILE_POLLRDNORM)
#define TIMER_SLACK		50000u	/* ns: default of Linux */

/* Created by timerfd_create_file(), freed with its file. */
struct timerfd {
	struct mutex lock;
	struct timer timer;		/* [lock] arm, cancel */
	struct waitq readable;
	struct list node;		/* [list_lock] of those on the realtime clock */
	nsec_t next;			/* [lock] the next expiry not yet counted, on timerfd_now()'s clock; NSEC_NEVER: disarmed */
	nsec_t interval;		/* [lock] */
	uint64_t ticks;			/* [lock] expirations counted but not read */
	uint32_t has_expired;		/* [a] by the timer: look */
	uint32_t is_canceled;		/* [a] the clock was set: read gives -ECANCELED */
	bool is_realtime;		/* [I] */
	bool is_absolute;		/* [lock] set to a time of the realtime clock, which it follows; else on the monotonic one */
	bool cancels_on_set;		/* [lock] */
	int clock;			/* [I] */
};

static struct mutex list_lock;
static struct list realtime_files = LIST_INIT(realtime_files);	/* [list_lock] */

static void timerfd_fire(struct timer *t)
{
	struct timerfd *tf = container_of(t, struct timerfd, timer);

	atomic_store(&tf->has_expired, 1u, RELEASE);
	waitq_wake_all(&tf->readable, POLL_IN);
}

/* lock held. */
static nsec_t timerfd_now(const struct timerfd *tf)
{
	return tf->is_absolute ? clock_realtime() : clock_monotonic();
}

/* lock held. */
static void timerfd_arm(struct timerfd *tf)
{
	nsec_t at = tf->is_absolute ? clock_when_realtime(tf->next) : tf->next;

	if (tf->next != NSEC_NEVER)
		timer_arm(&tf->timer, MAX(at, 1ul), TIMER_SLACK);
}

/* lock held. Count what has expired by now. True: next has moved. */
static bool timerfd_count(struct timerfd *tf)
{
	nsec_t now = timerfd_now(tf);
	uint64_t n = 1;

	if (tf->next == NSEC_NEVER || now < tf->next)
		return false;
	if (tf->interval) {
		n += (now - tf->next) / tf->interval;
		tf->next += n * tf->interval;
	} else {
		tf->next = NSEC_NEVER;
	}
	tf->ticks += n;
	return true;
}

/* True with the number of expirations since the last read. */
static bool timerfd_take(struct timerfd *tf, uint64_t *out, int *error)
{
	bool is_canceled;

	mutex_lock(&tf->lock);
	is_canceled = atomic_exchange(&tf->is_canceled, 0u, RELAXED);
	/* Also if it came too early, because the clock was set back or runs slower since: it shall come again. */
	if (timerfd_count(tf) | atomic_exchange(&tf->has_expired, 0u, RELAXED))
		timerfd_arm(tf);
	*out = tf->ticks;
	*error = is_canceled ? -ECANCELED : 0;
	tf->ticks = 0;
	mutex_unlock(&tf->lock);
	return *out || is_canceled;
}

static bool timerfd_is_readable(struct timerfd *tf)
{
	return atomic_load(&tf->has_expired, ACQUIRE) || atomic_load(&tf->is_canceled, RELAXED);
}

static ssize_t timerfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
	struct timerfd *tf = f->private;
	uint64_t ticks;
	int r;

	(void)pos;
	if (u->left < sizeof(ticks))
		return -EINVAL;
	while (!timerfd_is_readable(tf) || !timerfd_take(tf, &ticks, &r)) {
		if (special_is_nonblock(f))
			return -EAGAIN;
		r = waitq_wait_until(&tf->readable, "timerfd", POLL_IN, timerfd_is_readable(tf), NSEC_NEVER, WAIT_INTERRUPTIBLE);
		if (r)
			return r;
	}
	if (r)
		return r;
	return uio_copy_to(u, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks) : -EFAULT;
}

static uint32_t timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *tf = f->private;

	poll_add(pt, &tf->readable);
	return timerfd_is_readable(tf) ? POLL_IN : 0;
}

/* ---- setting and reading ------------------------------------------------------------------------------------------ */

/* lock held. What timerfd_gettime(2) tells. */
static void timerfd_state(struct timerfd *tf, struct itimer_ns *out)
{
	nsec_t now = timerfd_now(tf);

	if (timerfd_count(tf)) {
		atomic_store(&tf->has_expired, 1u, RELAXED);
		timerfd_arm(tf);
	}
	out->interval = tf->interval;
	out->value = tf->next == NSEC_NEVER ? 0 : tf->next > now ? tf->next - now : 1;
}

static const struct file_ops timerfd_ops;

static struct timerfd *file_timerfd(const struct file *f)
{
	return f->ops == &timerfd_ops ? f->private : NULL;
}

/* lock held. */
static void timerfd_set_next(struct timerfd *tf, bool is_absolute, nsec_t value)
{
	nsec_t now = clock_monotonic();

	tf->is_absolute = is_absolute && tf->is_realtime;
	if (!value)
		tf->next = NSEC_NEVER;
	else
		tf->next = is_absolute ? value : value > NSEC_NEVER - 1 - now ? NSEC_NEVER - 1 : now + value;
}

int timerfd_set_flags(struct file *f, unsigned flags, const struct itimer_ns *new_value, struct itimer_ns *old)
{
	struct timerfd *tf = file_timerfd(f);
	int r = 0;

	if (!tf || flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	mutex_lock(&tf->lock);
	timerfd_state(tf, old);
	timer_cancel(&tf->timer);
	if (atomic_load(&tf->is_canceled, RELAXED) && flags & TFD_TIMER_CANCEL_ON_SET)
		r = -ECANCELED;		/* and yet it is set: timerfd_settime(2) */
	atomic_store(&tf->has_expired, 0u, RELAXED);
	atomic_store(&tf->is_canceled, 0u, RELAXED);
	tf->ticks = 0;
	tf->interval = new_value->interval;
	tf->cancels_on_set = tf->is_realtime && (flags & TFD_TIMER_CANCEL_ON_SET) && (flags & TFD_TIMER_ABSTIME);
	timerfd_set_next(tf, flags & TFD_TIMER_ABSTIME, new_value->value);
	timerfd_arm(tf);
	mutex_unlock(&tf->lock);
	return r;
}

int timerfd_set(struct file *f, bool is_absolute, const struct itimer_ns *new_value, struct itimer_ns *old)
{
	return timerfd_set_flags(f, is_absolute ? TFD_TIMER_ABSTIME : 0, new_value, old);
}

int timerfd_get(struct file *f, struct itimer_ns *out)
{
	struct timerfd *tf = file_timerfd(f);

	if (!tf)
		return -EINVAL;
	mutex_lock(&tf->lock);
	timerfd_state(tf, out);
	mutex_unlock(&tf->lock);
	return 0;
}

void timerfd_clock_was_set(bool is_step)
{
	struct timerfd *tf;

	mutex_lock(&list_lock);
	list_for_each(tf, &realtime_files, node) {
		mutex_lock(&tf->lock);
		if (tf->next != NSEC_NEVER && tf->is_absolute) {
			timer_cancel(&tf->timer);
			timerfd_arm(tf);
		}
		if (is_step && tf->cancels_on_set) {
			atomic_store(&tf->is_canceled, 1u, RELAXED);
			waitq_wake_all(&tf->readable, POLL_IN);
		}
		mutex_unlock(&tf->lock);
	}
	mutex_unlock(&list_lock);
}

/* ---- creation ----------------------------------------------------------------------------------------------------- */

static void timerfd_release(struct file *f)
{
	struct timerfd *tf = f->private;

	if (tf->is_realtime) {
		mutex_lock(&list_lock);
		list_del(&tf->node);
		mutex_unlock(&list_lock);
	}
	timer_cancel(&tf->timer);
	kfree(tf);
}

static size_t timerfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct timerfd *tf = f->private;
	struct itimer_ns t;
	uint64_t ticks;

	mutex_lock(&tf->lock);
	timerfd_state(tf, &t);
	ticks = tf->ticks;
	mutex_unlock(&tf->lock);
	return (size_t)snprintf(buf, size, "clockid: %d\nticks: %llu\nsettime flags: %02o\nit_value: (%llu, %llu)\nit_interval: (%llu, %llu)\n",
				tf->clock, (unsigned long long)ticks, tf->is_absolute ? 1u : 0u, (unsigned long long)(t.value / NSEC_PER_SEC),
				(unsigned long long)(t.value % NSEC_PER_SEC), (unsigned long long)(t.interval / NSEC_PER_SEC),
				(unsigned long long)(t.interval % NSEC_PER_SEC));
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.stat = special_anon_stat,
	.fdinfo = timerfd_fdinfo,
	.release = timerfd_release,
};

int timerfd_create_file(int clock, unsigned flags, struct file **out)
{
	bool is_realtime = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM;
	struct timerfd *tf;
	struct file *f;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (!is_realtime && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME && clock != CLOCK_BOOTTIME_ALARM)
		return -EINVAL;
	tf = KNEW(struct timerfd);
	if (!tf)
		return -ENOMEM;
	tf->clock = clock;
	tf->is_realtime = is_realtime;
	tf->next = NSEC_NEVER;
	waitq_init(&tf->readable);
	timer_init(&tf->timer, timerfd_fire);
	f = file_alloc(&timerfd_ops, O_RDWR | (flags & O_NONBLOCK), tf);
	if (!f) {
		kfree(tf);
		return -ENOMEM;
	}
	f->kind = "timerfd";
	if (is_realtime) {
		mutex_lock(&list_lock);
		list_add_tail(&realtime_files, &tf->node);
		mutex_unlock(&list_lock);
	}
	*out = f;
	return 0;
}
