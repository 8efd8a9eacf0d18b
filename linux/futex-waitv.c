/* SPDX-License-Identifier: MIT
 *
 * futex_waitv (Linux, Documentation/userspace-api/futex2.rst): wait for a wake-up on any of several words. One waiter for each, as of futex.c; the thread sleeps until
 * one is woken and takes the others back.
 */
#include "libc/errno.h"
#include "linux/deadline.h"
#include "linux/futex-priv.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "mmu/heap.h"
#include "mmu/user.h"

#define FUTEX_WAITV_MAX	128
#define FUTEX_32	2u
#define CLOCK_REALTIME	0
#define CLOCK_MONOTONIC	1

struct waitv_entry {
	uint64_t value, addr;
	uint32_t flags, reserved;
};

struct wait {
	struct futex_waiter w;
	vaddr_t addr;
	uint32_t value;
};

static int get_entry(long from, struct wait *wait)
{
	struct waitv_entry e;

	if (copy_from_user(&e, (const void *)from, sizeof(e)))
		return -EFAULT;
	if ((e.flags & ~(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || e.reserved || !(e.flags & FUTEX_32))
		return -EINVAL;
	wait->addr = e.addr;
	wait->value = (uint32_t)e.value;
	wait->w.thread = thread_current();
	wait->w.bitset = FUTEX_BITSET_ANY;
	/* The private flag, kept where the key will be. */
	wait->w.key.offset = e.flags & FUTEX_PRIVATE_FLAG;
	return 0;
}

static int get_all(struct wait *waits, unsigned nr, long from)
{
	int r = 0;

	for (unsigned i = 0; i < nr && !r; i++)
		r = get_entry(from + (long)(i * sizeof(struct waitv_entry)), &waits[i]);
	for (unsigned i = 0; i < nr && !r; i++) {
		r = futex_make_key(waits[i].addr, waits[i].w.key.offset, &waits[i].w.key);
		waits[i].w.bucket = futex_bucket_of(&waits[i].w.key);
	}
	return r;
}

/* Take the first nr back: the last of them that has been woken; -1: none. */
static int remove_all(struct wait *waits, unsigned nr)
{
	int woken = -1;

	for (unsigned i = 0; i < nr; i++)
		if (!futex_remove_waiter(&waits[i].w))
			woken = (int)i;
	return woken;
}

static bool is_any_woken(const struct wait *waits, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		if (atomic_load(&waits[i].w.is_woken, ACQUIRE))		/* acquire. Pairs: futex_wake_waiter */
			return true;
	return false;
}

static long wait_for_any(struct wait *waits, unsigned nr, nsec_t deadline)
{
	int r = 0, woken;
	unsigned i;

	for (i = 0; i < nr && !r; i++)
		r = futex_enqueue_if_equal(&waits[i].w, waits[i].addr, waits[i].value);
	if (r) {
		woken = remove_all(waits, i - 1);
		return woken >= 0 ? woken : r;
	}
	r = deadline_wait_until("futex-waitv", is_any_woken(waits, nr), deadline, WAIT_INTERRUPTIBLE);
	woken = remove_all(waits, nr);
	return woken >= 0 ? woken : r;
}

long sys_futex_waitv(long from, long nr, long flags, long timeout, long clock)
{
	nsec_t deadline;
	struct wait *waits;
	long r;

	if ((uint32_t)flags || !(uint32_t)nr || (uint32_t)nr > FUTEX_WAITV_MAX || !from)
		return -EINVAL;
	if (timeout && (int)clock != CLOCK_REALTIME && (int)clock != CLOCK_MONOTONIC)
		return -EINVAL;
	r = futex_deadline((vaddr_t)timeout, (int)clock == CLOCK_REALTIME, &deadline);
	if (r)
		return r;
	waits = kzalloc((uint32_t)nr * sizeof(*waits));
	if (!waits)
		return -ENOMEM;
	r = get_all(waits, (uint32_t)nr, from);
	if (!r)
		r = wait_for_any(waits, (uint32_t)nr, deadline);
	kfree(waits);
	return r;
}
