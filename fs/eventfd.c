/* SPDX-License-Identifier: MIT
 *
 * eventfd(2): a 64-bit counter that is read to zero (or by ones), and blocks at both ends.
 *
 * The counter is changed by compare-and-swap only; no lock. Readers and writers sleep on queues of their own so that a read does not disturb an epoll that
 * waits for input.
 */
#include "fs/file.h"
#include "sched/sleeper.h"
#include "fs/special-priv.h"
#include "fs/uio.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/heap.h"
#include "mmu/user.h"

#define EFD_SEMAPHORE	1u
#define EVENTFD_MAX	(UINT64_MAX - 1)	/* the largest value that a write may leave */

#define POLL_IN		(FILE_POLLIN | FILE_POLLRDNORM)
#define POLL_OUT	(FILE_POLLOUT | FILE_POLLWRNORM)

/* Created by eventfd_create(), freed with its file. */
struct eventfd {
	uint64_t count;		/* [a] */
	struct sleeper reader, writer;	/* the first who sleeps in read, in write */
	struct waitq readable, writable;
	bool is_semaphore;	/* [I] */
};

/* False: zero. */
static bool eventfd_try_take(struct eventfd *e, uint64_t *out)
{
	uint64_t have = atomic_load(&e->count, RELAXED);

	while (have) {
		uint64_t take = e->is_semaphore ? 1 : have;

		/* acquire: what the writer did before its write. Pairs: eventfd_try_add */
		if (atomic_cas(&e->count, &have, have - take, ACQUIRE)) {
			*out = take;
			return true;
		}
	}
	return false;
}

/* add <= EVENTFD_MAX. False: would overflow. */
static bool eventfd_try_add(struct eventfd *e, uint64_t add)
{
	uint64_t have = atomic_load(&e->count, RELAXED);

	do {
		if (have > EVENTFD_MAX - add)
			return false;
		/* release: what was done before the write. Pairs: eventfd_try_take */
	} while (!atomic_cas(&e->count, &have, have + add, RELEASE));
	return true;
}

static __attribute__((noinline)) int eventfd_sleep_take(struct file *f, uint64_t *value)
{
	struct eventfd *e = f->private;
	int r;

	if (special_is_nonblock(f))
		return -EAGAIN;
	r = sleeper_wait_exclusive(&e->reader, &e->readable, "eventfd-read", POLL_IN, eventfd_try_take(e, value), NSEC_NEVER);
	if (!r && atomic_load(&e->count, RELAXED))	/* a semaphore of more than one */
		sleeper_pass_on(&e->reader, &e->readable, POLL_IN);
	return r;
}

static __attribute__((noinline)) int eventfd_sleep_add(struct file *f, uint64_t value)
{
	struct eventfd *e = f->private;

	if (value == UINT64_MAX)
		return -EINVAL;
	if (special_is_nonblock(f))
		return -EAGAIN;
	return sleeper_wait_until(&e->writer, &e->writable, "eventfd-write", POLL_OUT, eventfd_try_add(e, value), NSEC_NEVER);
}

static inline int eventfd_take(struct file *f, uint64_t *value)
{
	struct eventfd *e = f->private;
	int r = likely(eventfd_try_take(e, value)) ? 0 : eventfd_sleep_take(f, value);

	if (likely(!r))
		sleeper_wake_one(&e->writer, &e->writable, POLL_OUT);
	return r;
}

static inline int eventfd_add(struct file *f, uint64_t value)
{
	struct eventfd *e = f->private;
	int r = likely(value != UINT64_MAX && eventfd_try_add(e, value)) ? 0 : eventfd_sleep_add(f, value);

	if (likely(!r))
		sleeper_wake_one(&e->reader, &e->readable, POLL_IN);
	return r;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, uint64_t *pos)
{
	uint64_t value;
	int r;

	(void)pos;
	if (u->left < sizeof(value))
		return -EINVAL;
	r = eventfd_take(f, &value);
	if (r)
		return r;
	return uio_copy_to(u, &value, sizeof(value)) == sizeof(value) ? (ssize_t)sizeof(value) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, uint64_t *pos)
{
	uint64_t value;
	int r;

	(void)pos;
	if (u->left < sizeof(value))
		return -EINVAL;
	if (uio_copy_from(u, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	r = eventfd_add(f, value);
	return r ? r : (ssize_t)sizeof(value);
}

/* The buffer need not be aligned: the CPU does that (normal memory). */
static ssize_t eventfd_read_buf(struct file *f, void __user *buf, size_t len)
{
	uint64_t value;
	int r;

	if (len < sizeof(value))
		return -EINVAL;
	r = eventfd_take(f, &value);
	if (r)
		return r;
	return user_store64(buf, value) ? -EFAULT : (ssize_t)sizeof(value);
}

static ssize_t eventfd_write_buf(struct file *f, const void __user *buf, size_t len)
{
	uint64_t value;
	int r;

	if (len < sizeof(value))
		return -EINVAL;
	if (user_load64(buf, &value))
		return -EFAULT;
	r = eventfd_add(f, value);
	return r ? r : (ssize_t)sizeof(value);
}

static uint32_t eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->private;
	uint32_t events = 0;
	uint64_t count;

	if (pt && pt->events & POLL_IN)
		poll_add(pt, &e->readable);
	if (pt && pt->events & POLL_OUT)
		poll_add(pt, &e->writable);
	count = atomic_load(&e->count, RELAXED);
	if (count)
		events |= POLL_IN;
	if (count < EVENTFD_MAX)
		events |= POLL_OUT;
	if (count == UINT64_MAX)
		events |= FILE_POLLERR;
	return events;
}

static size_t eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *e = f->private;

	return (size_t)snprintf(buf, size, "eventfd-count: %16llx\neventfd-semaphore: %d\n",
				(unsigned long long)atomic_load(&e->count, RELAXED), e->is_semaphore);
}

static void eventfd_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops eventfd_ops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.read_buf = eventfd_read_buf,
	.write_buf = eventfd_write_buf,
	.poll = eventfd_poll,
	.stat = special_anon_stat,
	.fdinfo = eventfd_fdinfo,
	.release = eventfd_release,
};

int eventfd_create(uint32_t initial, unsigned flags, struct file **out)
{
	struct eventfd *e;
	struct file *f;

	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	e = KNEW(struct eventfd);
	if (!e)
		return -ENOMEM;
	e->count = initial;
	e->is_semaphore = flags & EFD_SEMAPHORE;
	waitq_init(&e->readable);
	waitq_init(&e->writable);
	f = file_alloc(&eventfd_ops, O_RDWR | (flags & O_NONBLOCK), e);
	if (!f) {
		kfree(e);
		return -ENOMEM;
	}
	f->kind = "eventfd";
	*out = f;
	return 0;
}
