// SPDX-License-Identifier: MIT
/* System calls that make or wait on event descriptors: pipes, eventfd, timerfd, epoll, poll, select, memfd, inotify. */
#include <arch/abi.h>

#include "fs/pipe.h"
#include "fs/timerfd.h"
#include "libc/string.h"
#include "linux/signal.h"
#include "linux/sys-util.h"
#include "mmu/heap.h"
#include "sched/clock.h"

long sys_pipe2(long fds_ptr, long flags)
{
	unsigned fl = abi_open_flags((unsigned)flags);
	struct fdtable *t = process_current()->files;
	struct file *ends[2];
	int fds[2];
	long r;

	if (fl & ~(unsigned)(O_CLOEXEC | O_DIRECT | O_NONBLOCK))
		return -EINVAL;
	r = pipe_create(&ends[0], &ends[1], fl & ~(unsigned)O_CLOEXEC);
	if (r)
		return r;
	fds[0] = (int)fd_return(ends[0], fl & O_CLOEXEC);
	if (fds[0] < 0) {
		file_put(ends[1]);
		return fds[0];
	}
	fds[1] = (int)fd_return(ends[1], fl & O_CLOEXEC);
	if (fds[1] < 0) {
		fd_close(t, fds[0]);
		return fds[1];
	}
	if (copy_to_user((void *)fds_ptr, fds, sizeof(fds))) {
		fd_close(t, fds[0]);
		fd_close(t, fds[1]);
		return -EFAULT;
	}
	return 0;
}

#define EFD_SEMAPHORE	1u

long sys_eventfd2(long initial, long flags)
{
	unsigned fl = abi_open_flags((unsigned)flags & ~EFD_SEMAPHORE);
	struct file *f;
	long r;

	if (fl & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	r = eventfd_create((uint32_t)initial, (fl & ~(unsigned)O_CLOEXEC) | ((unsigned)flags & EFD_SEMAPHORE), &f);
	return r ? r : fd_return(f, fl & O_CLOEXEC);
}

/* ---- timerfd ------------------------------------------------------------------------------------------------------------- */

long sys_timerfd_create(long clock, long flags)
{
	unsigned fl = abi_open_flags((unsigned)flags);
	struct file *f;
	long r;

	if (fl & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	r = timerfd_create_file((int)clock, fl & ~(unsigned)O_CLOEXEC, &f);
	return r ? r : fd_return(f, fl & O_CLOEXEC);
}

static int itimer_get(long ptr, struct itimer_ns *t)
{
	int r = timespec_get(ptr, &t->interval);

	return r ? r : timespec_get(ptr + 16, &t->value);
}

static int itimer_put(long ptr, const struct itimer_ns *t)
{
	int r = timespec_put(ptr, t->interval);

	return r ? r : timespec_put(ptr + 16, t->value);
}

#define TFD_TIMER_ABSTIME	1l
#define TFD_TIMER_CANCEL_ON_SET	2l

long sys_timerfd_settime(long fd, long flags, long new_ptr, long old_ptr)
{
	struct itimer_ns t, old;
	struct file *f;
	long r;

	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	r = itimer_get(new_ptr, &t);
	if (r)
		return r;
	f = fd_file(fd);
	if (!f)
		return -EBADF;
	r = timerfd_set_flags(f, (unsigned)flags, &t, &old);
	file_put(f);
	return !r && old_ptr ? itimer_put(old_ptr, &old) : r;
}

long sys_timerfd_gettime(long fd, long ptr)
{
	struct file *f = fd_file(fd);
	struct itimer_ns t;
	long r;

	if (!f)
		return -EBADF;
	r = timerfd_get(f, &t);
	file_put(f);
	return r ? r : itimer_put(ptr, &t);
}

/* ---- epoll ------------------------------------------------------------------------------------------------------------------ */

long sys_epoll_create1(long flags)
{
	unsigned fl = abi_open_flags((unsigned)flags);
	struct file *f;
	long r;

	if (fl & ~(unsigned)O_CLOEXEC)
		return -EINVAL;
	r = epoll_create_file(0, &f);
	return r ? r : fd_return(f, fl & O_CLOEXEC);
}

#define EPOLL_CTL_DEL	2

long sys_epoll_ctl(long epfd, long op, long fd, long event)
{
	struct abi_epoll_event e = { 0 };
	struct epoll_event_k ev;
	struct file *ep, *f;
	long r = -EBADF;

	if ((int)op != EPOLL_CTL_DEL && copy_from_user(&e, (const void *)event, sizeof(e)))
		return -EFAULT;
	ev = (struct epoll_event_k){ e.events, e.data };
	ep = fd_file(epfd);
	f = fd_file(fd);
	if (ep && f)
		r = f->flags & O_PATH ? -EBADF : epoll_ctl_file(ep, (int)op, (int)fd, f, &ev);
	if (ep)
		file_put(ep);
	if (f)
		file_put(f);
	return r;
}

#define EPOLL_BATCH	16
#define EPOLL_SAME_LAYOUT \
	(sizeof(struct abi_epoll_event) == sizeof(struct epoll_event_k) && \
	 offsetof(struct abi_epoll_event, data) == offsetof(struct epoll_event_k, data))

/* How many of n went to the program. The range has been checked. */
static inline int epoll_put(long events, int at, const struct epoll_event_k *ready, int n)
{
	if (EPOLL_SAME_LAYOUT) {
		size_t missed = arch_user_copy((struct abi_epoll_event *)events + at, ready, (size_t)n * sizeof(*ready));

		return likely(!missed) ? n : n - (int)DIV_ROUND_UP(missed, sizeof(*ready));
	}
	for (int i = 0; i < n; i++) {
		struct abi_epoll_event e = { ready[i].events, ready[i].data };

		if (copy_to_user((struct abi_epoll_event *)events + at + i, &e, sizeof(e)))
			return i;
	}
	return n;
}

/* Only put of n went to the program, done before: the others are not lost. */
static __attribute__((noinline)) long epoll_put_failed(struct file *ep, const struct epoll_event_k *ready, int n, int put, int done)
{
	epoll_unreport_file(ep, ready + put, n - put);
	return done + put ? done + put : -EFAULT;
}

/* As many are ready as fit into one batch, and the program has room for more: n of them are in ready. */
static __attribute__((noinline)) long epoll_put_more(struct file *ep, long events, int max, struct epoll_event_k *ready, int n)
{
	int done = 0, put;

	while (n > 0) {
		put = epoll_put(events, done, ready, n);
		if (put < n)
			return epoll_put_failed(ep, ready, n, put, done);
		done += n;
		if (n < EPOLL_BATCH || done == max)
			break;
		n = epoll_more_file(ep, ready, MIN(max - done, EPOLL_BATCH));
	}
	return done;
}

static inline __attribute__((always_inline)) long epoll_wait_deadline(long epfd, long events, long max, nsec_t deadline)
{
	struct epoll_event_k ready[EPOLL_BATCH];
	unsigned nr = (unsigned)max;
	struct file *ep;
	long r;

	if (nr - 1 >= 0x7fffffffu / 16)		/* 0 and negative ones too */
		return -EINVAL;
	if (!user_range_ok((void *)events, nr * sizeof(struct abi_epoll_event)))
		return -EFAULT;
	ep = fd_file(epfd);
	if (!ep)
		return -EBADF;
	r = epoll_wait_file(ep, ready, (int)MIN(nr, (unsigned)EPOLL_BATCH), deadline);
	if (unlikely(r == EPOLL_BATCH && nr > EPOLL_BATCH)) {
		r = epoll_put_more(ep, events, (int)nr, ready, EPOLL_BATCH);
	} else if (r > 0) {
		int put = epoll_put(events, 0, ready, (int)r);

		if (unlikely(put < (int)r))
			r = epoll_put_failed(ep, ready, (int)r, put, 0);
	}
	file_put(ep);
	return r;
}

long sys_epoll_pwait(long epfd, long events, long max, long timeout_ms, long mask, long mask_size)
{
	nsec_t deadline = 0;
	long r;

	if ((int)timeout_ms < 0)
		deadline = NSEC_NEVER;
	else if ((int)timeout_ms > 0)
		deadline = syscall_deadline((nsec_t)(int)timeout_ms * NSEC_PER_MSEC);
	if (likely(!mask))
		return epoll_wait_deadline(epfd, events, max, deadline);
	r = signal_temp_mask_begin(mask, mask_size);
	return r ? r : signal_temp_mask_end(epoll_wait_deadline(epfd, events, max, deadline));
}

long sys_epoll_pwait2(long epfd, long events, long max, long timeout, long mask, long mask_size)
{
	nsec_t deadline;
	long r = timespec_get_deadline(timeout, &deadline);

	if (r)
		return r;
	r = signal_temp_mask_begin(mask, mask_size);
	if (r)
		return r;
	r = epoll_wait_deadline(epfd, events, max, deadline);
	return mask ? signal_temp_mask_end(r) : r;
}

/* ---- poll and select ---------------------------------------------------------------------------------------------------------- */

struct pollfd_abi {
	int32_t fd;
	int16_t events, revents;
};

#define POLL_SMALL	16

static long do_poll(struct pollfd_abi *fds, struct poll_entry *entries, unsigned nr, nsec_t deadline)
{
	long r;

	for (unsigned i = 0; i < nr; i++) {
		entries[i] = (struct poll_entry){ .events = (uint16_t)fds[i].events };
		if (fds[i].fd < 0)
			continue;
		entries[i].file = fd_file(fds[i].fd);
		if (!entries[i].file)
			entries[i].revents = FILE_POLLNVAL;
	}
	r = poll_files(entries, nr, deadline);
	for (unsigned i = 0; i < nr; i++) {
		fds[i].revents = (int16_t)entries[i].revents;
		if (entries[i].file)
			file_put(entries[i].file);
	}
	return r;
}

static long poll_deadline(long fds_ptr, long nr, nsec_t deadline)
{
	struct pollfd_abi small_fds[POLL_SMALL], *fds = small_fds;
	struct poll_entry small_entries[POLL_SMALL], *entries = small_entries;
	size_t n = (uint32_t)nr;
	long r = -ENOMEM;

	if (n > (size_t)fd_limit() && n > 1024)
		return -EINVAL;
	if (n > POLL_SMALL) {
		fds = kmalloc(n * sizeof(*fds));
		entries = kmalloc(n * sizeof(*entries));
		if (!fds || !entries)
			goto out_free;
	}
	r = -EFAULT;
	if (copy_from_user(fds, (const void *)fds_ptr, n * sizeof(*fds)))
		goto out_free;
	r = do_poll(fds, entries, (unsigned)n, deadline);
	for (size_t i = 0; i < n && r >= 0; i++)
		if (copy_to_user(&((struct pollfd_abi *)fds_ptr)[i].revents, &fds[i].revents, sizeof(fds[i].revents)))
			r = -EFAULT;
out_free:
	if (fds != small_fds)
		kfree(fds);
	if (entries != small_entries)
		kfree(entries);
	return r;
}

/* ppoll and pselect6 of the raw ABI write the time left back; a failure to do so is ignored, as on Linux. */
static void timeout_put_left(long ptr, nsec_t deadline)
{
	nsec_t now = clock_monotonic();
	int r;

	if (!ptr)
		return;
	r = timespec_put(ptr, deadline > now ? deadline - now : 0);
	(void)r;
}

long sys_ppoll(long fds, long nr, long timeout, long mask, long mask_size)
{
	nsec_t deadline;
	long r = timespec_get_deadline(timeout, &deadline);

	if (r)
		return r;
	r = signal_temp_mask_begin(mask, mask_size);
	if (r)
		return r;
	r = poll_deadline(fds, nr, deadline);
	timeout_put_left(timeout, deadline);
	return mask ? signal_temp_mask_end(r) : r;
}

/* poll(2): no mask, milliseconds (negative: for ever). */
long sys_poll(long fds, long nr, long timeout_ms)
{
	nsec_t deadline = 0;

	if ((int)timeout_ms < 0)
		deadline = NSEC_NEVER;
	else if ((int)timeout_ms > 0)
		deadline = syscall_deadline((nsec_t)(int)timeout_ms * NSEC_PER_MSEC);
	return poll_deadline(fds, nr, deadline);
}

#define FD_WORDS(n)	(((size_t)(n) + 63) / 64)
#define SELECT_IN	(FILE_POLLRDNORM | FILE_POLLRDBAND | FILE_POLLIN | FILE_POLLHUP | FILE_POLLERR)
#define SELECT_OUT	(FILE_POLLWRBAND | FILE_POLLWRNORM | FILE_POLLOUT | FILE_POLLERR)
#define SELECT_EX	FILE_POLLPRI

static bool fd_bit(const uint64_t *set, int fd)
{
	return set[fd / 64] >> (fd % 64) & 1;
}

/* sets: in, out, except, each FD_WORDS(nr) words; replaced by what is ready. entries and fds have room for nr. */
static long do_select(int nr, uint64_t *sets[3], struct poll_entry *entries, int *fds, nsec_t deadline)
{
	static const uint32_t masks[3] = { SELECT_IN, SELECT_OUT, SELECT_EX };
	static const uint32_t wanted[3] = { FILE_POLLIN | FILE_POLLRDNORM | FILE_POLLRDBAND, FILE_POLLOUT | FILE_POLLWRNORM | FILE_POLLWRBAND, FILE_POLLPRI };
	unsigned n = 0;
	long r = 0;

	for (int fd = 0; fd < nr; fd++) {
		uint32_t events = 0;

		for (int s = 0; s < 3; s++)
			events |= fd_bit(sets[s], fd) ? wanted[s] : 0;
		if (!events)
			continue;
		entries[n] = (struct poll_entry){ .file = fd_file(fd), .events = events };
		fds[n] = fd;
		if (!entries[n].file) {
			r = -EBADF;
			break;
		}
		n++;
	}
	if (!r)
		r = poll_files(entries, n, deadline);
	if (r >= 0) {
		uint64_t *asked[3] = { sets[0], sets[1], sets[2] };

		r = 0;
		for (unsigned i = 0; i < n; i++) {
			for (int s = 0; s < 3; s++) {
				if (!fd_bit(asked[s], fds[i]))
					continue;
				if (entries[i].revents & masks[s])
					r++;
				else
					asked[s][fds[i] / 64] &= ~(1ull << (fds[i] % 64));
			}
		}
	}
	for (unsigned i = 0; i < n; i++)
		file_put(entries[i].file);
	return r;
}

static long select_deadline(long nr, const long ptrs[3], nsec_t deadline)
{
	size_t words = FD_WORDS(nr), bytes = words * 8;
	uint64_t *sets[3], *memory;
	struct poll_entry *entries = NULL;
	int *fds = NULL;
	long r = -ENOMEM;

	memory = kzalloc(MAX(3 * bytes, (size_t)16));
	if (!memory)
		return -ENOMEM;
	for (size_t s = 0; s < 3; s++) {
		sets[s] = memory + s * words;
		if (ptrs[s] && copy_from_user(sets[s], (const void *)ptrs[s], bytes)) {
			r = -EFAULT;
			goto out_free;
		}
	}
	entries = kmalloc(MAX((size_t)nr, (size_t)1) * sizeof(*entries));
	fds = kmalloc(MAX((size_t)nr, (size_t)1) * sizeof(*fds));
	if (!entries || !fds)
		goto out_free;
	r = do_select((int)nr, sets, entries, fds, deadline);
	for (int s = 0; s < 3 && r >= 0; s++)
		if (ptrs[s] && copy_to_user((void *)ptrs[s], sets[s], bytes))
			r = -EFAULT;
out_free:
	kfree(memory);
	kfree(entries);
	kfree(fds);
	return r;
}

struct sigset_arg {
	long mask, size;
};

long sys_pselect6(long nr, long in, long out, long ex, long timeout, long sig_ptr)
{
	const long ptrs[3] = { in, out, ex };
	struct sigset_arg sig = { 0 };
	nsec_t deadline;
	long r;

	if ((int)nr < 0)
		return -EINVAL;
	nr = MIN((int)nr, fd_limit());
	if (sig_ptr && copy_from_user(&sig, (const void *)sig_ptr, sizeof(sig)))
		return -EFAULT;
	r = timespec_get_deadline(timeout, &deadline);
	if (!r)
		r = signal_temp_mask_begin(sig.mask, sig.size);
	if (r)
		return r;
	r = select_deadline(nr, ptrs, deadline);
	timeout_put_left(timeout, deadline);
	return sig.mask ? signal_temp_mask_end(r) : r;
}

struct timeval_abi {
	int64_t sec, usec;
};

#define SELECT_SEC_MAX	((int64_t)(NSEC_NEVER / 4 / NSEC_PER_SEC))

/* select(2) as a system call writes the time left back, too. */
long sys_select(long nr, long in, long out, long ex, long timeout)
{
	const long ptrs[3] = { in, out, ex };
	nsec_t deadline = NSEC_NEVER, now;
	struct timeval_abi tv;
	long r;

	if ((int)nr < 0)
		return -EINVAL;
	if (timeout) {
		if (copy_from_user(&tv, (const void *)timeout, sizeof(tv)))
			return -EFAULT;
		/* More microseconds than a second has are taken for what they are (select(2) on Linux). */
		if (tv.sec < 0 || tv.usec < 0)
			return -EINVAL;
		deadline = (nsec_t)MIN(tv.sec, SELECT_SEC_MAX) * NSEC_PER_SEC + (nsec_t)MIN(tv.usec, SELECT_SEC_MAX) * NSEC_PER_USEC;
		deadline = deadline ? syscall_deadline(deadline) : 0;
	}
	r = select_deadline(MIN((int)nr, fd_limit()), ptrs, deadline);
	if (timeout) {
		now = clock_monotonic();
		now = deadline > now ? deadline - now : 0;
		tv = (struct timeval_abi){ (int64_t)(now / NSEC_PER_SEC), (int64_t)(now % NSEC_PER_SEC / NSEC_PER_USEC) };
		if (copy_to_user((void *)timeout, &tv, sizeof(tv)))
			return r;	/* as Linux: a failure to do so is ignored */
	}
	return r;
}

/* ---- memfd, inotify ---------------------------------------------------------------------------------------------------------------- */

#define MFD_CLOEXEC		1u
#define MFD_ALLOW_SEALING	2u

long sys_memfd_create(long name_ptr, long flags)
{
	char name[250];
	struct file *f;
	long r;

	if ((unsigned)flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	r = strncpy_from_user(name, (const char *)name_ptr, sizeof(name));
	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : r;
	r = memfd_create_file(name, (unsigned)flags, &f);
	return r ? r : fd_return(f, (unsigned)flags & MFD_CLOEXEC);
}

long sys_inotify_init1(long flags)
{
	unsigned fl = abi_open_flags((unsigned)flags);
	struct file *f;
	long r;

	if (fl & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	r = inotify_create_file(fl & ~(unsigned)O_CLOEXEC, &f);
	return r ? r : fd_return(f, fl & O_CLOEXEC);
}
