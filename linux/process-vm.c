// SPDX-License-Identifier: MIT
/* process_vm_readv(2), process_vm_writev(2): there is one process, so both sides are its own memory. */
#include "libc/errno.h"
#include "linux/process.h"
#include "linux/sys-util.h"
#include "linux/task.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "mmu/user.h"

#define NR_MAX 1024 /* UIO_MAXIOV */

/* One side, and how far it has come. */
struct side {
	struct iovec *iov;
	long nr, i;
	size_t done; /* of iov[i] */
};

/* Copy in and check. Bytes in all, -EINVAL, -EFAULT, -ENOMEM; s->iov is to be freed in any case. */
static ssize_t get_side(struct side *s, long ptr, long nr)
{
	size_t total = 0, bytes = (size_t)nr * sizeof(*s->iov);

	if (nr < 0 || nr > NR_MAX)
		return -EINVAL;
	if (!nr)
		return 0;
	s->nr = nr;
	s->iov = kmalloc(bytes);
	if (!s->iov)
		return -ENOMEM;
	if (copy_from_user(s->iov, (const void *)ptr, bytes))
		return -EFAULT;
	for (long i = 0; i < nr; i++) {
		if ((ssize_t)s->iov[i].len < 0)
			return -EINVAL;
		total += s->iov[i].len;
	}
	return (ssize_t)MIN(total, (size_t)INT64_MAX);
}

/* Bytes at the front, in one page; 0 at the end. */
static size_t front(struct side *s, char **at)
{
	while (s->i < s->nr && s->done == s->iov[s->i].len) {
		s->i++;
		s->done = 0;
	}
	if (s->i == s->nr)
		return 0;
	*at = (char *)s->iov[s->i].base + s->done;
	return MIN(s->iov[s->i].len - s->done, PAGE_SIZE - (uintptr_t)*at % PAGE_SIZE);
}

/* Bytes, or -EFAULT if there are none. */
static ssize_t move(struct side *to, struct side *from, void *page)
{
	ssize_t moved = 0;
	char *dst, *src;
	size_t n;

	while ((n = MIN(front(to, &dst), front(from, &src)))) {
		if (copy_from_user(page, src, n) || copy_to_user(dst, page, n))
			return moved ? moved : -EFAULT;
		to->done += n;
		from->done += n;
		moved += (ssize_t)n;
	}
	return moved;
}

static bool is_own(long pid)
{
	struct task *t = pid ? task_get(process_current(), (int)pid) : NULL;

	if (t)
		task_put(t);
	return t;
}

static long transfer(long pid, const long local[2], const long remote[2], long flags, bool is_write)
{
	struct side here = {0}, there = {0};
	void *page = NULL;
	ssize_t r;

	if (flags)
		return -EINVAL;
	r = get_side(&here, local[0], local[1]);
	if (r > 0)
		r = get_side(&there, remote[0], remote[1]);
	if (r > 0 && !is_own(pid))
		r = -ESRCH;
	if (r > 0) {
		page = kmalloc(PAGE_SIZE);
		r = !page ? -ENOMEM : is_write ? move(&there, &here, page) : move(&here, &there, page);
	}
	kfree(page);
	kfree(here.iov);
	kfree(there.iov);
	return r;
}

long sys_process_vm_readv(long pid, long local, long nr_local, long remote, long nr_remote, long flags)
{
	return transfer(pid, (long[]){local, nr_local}, (long[]){remote, nr_remote}, flags, false);
}

long sys_process_vm_writev(long pid, long local, long nr_local, long remote, long nr_remote, long flags)
{
	return transfer(pid, (long[]){local, nr_local}, (long[]){remote, nr_remote}, flags, true);
}
