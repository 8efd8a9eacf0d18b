// SPDX-License-Identifier: MIT
#include "linux/sys-util.h"

#include "libc/string.h"
#include "linux/signal.h"
#include "mmu/heap.h"
#include "net/socket.h"
#include "sched/clock.h"

/* The rest of path_arg_get(): the name did not fit, cannot be had, is empty, or is relative to a directory; n: what strncpy_from_user() said. */
static __attribute__((noinline)) int path_arg_rest(struct path_arg *p, long dirfd, long pathname, unsigned at_flags, ssize_t n)
{
	int r = -ENOENT;

	if (n == -ENAMETOOLONG) {
		p->allocated = kmalloc(PATH_MAX);
		if (!p->allocated)
			return -ENOMEM;
		p->name = p->allocated;
		n = strncpy_from_user(p->allocated, (const char *)pathname, PATH_MAX);
	}
	if (n < 0)
		r = (int)n;
	if (n < 0 || (!p->name[0] && !(at_flags & AT_EMPTY_PATH)))
		goto err_free;
	if (p->name[0] == '/' || (int)dirfd == AT_FDCWD)
		return 0;
	p->at = fd_file(dirfd);
	if (p->at)
		return 0;
	r = -EBADF;
err_free:
	kfree(p->allocated);
	p->allocated = NULL;
	return r;
}

int path_arg_get(struct path_arg *p, long dirfd, long pathname, unsigned at_flags)
{
	ssize_t n = strncpy_from_user(p->small, (const char *)pathname, sizeof(p->small));

	p->at = NULL;
	p->allocated = NULL;
	p->name = p->small;
	if (likely(n > 0 && (p->small[0] == '/' || (int)dirfd == AT_FDCWD)))
		return 0;
	return path_arg_rest(p, dirfd, pathname, at_flags, n);
}

void path_arg_put_slow(struct path_arg *p)
{
	if (p->at)
		file_put(p->at);
	kfree(p->allocated);
}

struct timespec_abi {
	int64_t sec, nsec;
};

/* Seconds that still fit nsec_t with room for adding the present time. */
#define SEC_MAX		((int64_t)(NSEC_NEVER / 4 / NSEC_PER_SEC))

int timespec_get(long ptr, nsec_t *out)
{
	struct timespec_abi t;

	if (copy_from_user(&t, (const void *)ptr, sizeof(t)))
		return -EFAULT;
	if (t.sec < 0 || t.nsec < 0 || t.nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	*out = (nsec_t)MIN(t.sec, SEC_MAX) * NSEC_PER_SEC + (nsec_t)t.nsec;
	return 0;
}

int timespec_put(long ptr, nsec_t t)
{
	struct timespec_abi v = { (int64_t)(t / NSEC_PER_SEC), (int64_t)(t % NSEC_PER_SEC) };

	return copy_to_user((void *)ptr, &v, sizeof(v));
}

int timespec_get_deadline(long ptr, nsec_t *deadline)
{
	nsec_t span = NSEC_NEVER;
	int r = ptr ? timespec_get(ptr, &span) : 0;

	if (r)
		return r;
	*deadline = span ? syscall_deadline(span) : 0;
	return 0;
}

long broken_pipe(const struct file *f, long r)
{
	const struct socket *so;

	if (likely(r != -EPIPE))
		return r;
	so = file_socket(f);
	return so && so->type != SOCK_STREAM ? r : signal_pipe(r);
}

long fd_return(struct file *f, bool cloexec)
{
	int fd = fd_install(process_current()->files, f, 0, cloexec, fd_limit());

	if (fd < 0)
		file_put(f);
	return fd;
}
