// SPDX-License-Identifier: MIT
/*
 * Older forms of system calls, which x86-64 has and arm64 has not: each is a newer one with fixed arguments. poll, select and getdents are beside their newer forms
 * (sys-event.c, sys-path.c), fork and vfork in clone.c.
 */
#include <arch/abi.h>
#include <arch/thread.h>

#include "linux/signal-priv.h"
#include "linux/sys-util.h"
#include "sched/clock.h"

long sys_open(long pathname, long flags, long mode)
{
	return sys_openat(AT_FDCWD, pathname, flags, mode);
}

long sys_creat(long pathname, long mode)
{
	return sys_openat(AT_FDCWD, pathname, (long)abi_open_flags_out(O_CREAT | O_WRONLY | O_TRUNC), mode);
}

long sys_stat(long pathname, long ptr)
{
	return sys_newfstatat(AT_FDCWD, pathname, ptr, 0);
}

long sys_lstat(long pathname, long ptr)
{
	return sys_newfstatat(AT_FDCWD, pathname, ptr, AT_SYMLINK_NOFOLLOW);
}

long sys_access(long pathname, long mode)
{
	return sys_faccessat(AT_FDCWD, pathname, mode);
}

long sys_rename(long from, long to)
{
	return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_mkdir(long pathname, long mode)
{
	return sys_mkdirat(AT_FDCWD, pathname, mode);
}

long sys_rmdir(long pathname)
{
	return sys_unlinkat(AT_FDCWD, pathname, AT_REMOVEDIR);
}

long sys_link(long from, long to)
{
	return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_unlink(long pathname)
{
	return sys_unlinkat(AT_FDCWD, pathname, 0);
}

long sys_symlink(long target, long pathname)
{
	return sys_symlinkat(target, AT_FDCWD, pathname);
}

long sys_readlink(long pathname, long buf, long size)
{
	return sys_readlinkat(AT_FDCWD, pathname, buf, size);
}

long sys_chmod(long pathname, long mode)
{
	return sys_fchmodat(AT_FDCWD, pathname, mode);
}

long sys_chown(long pathname, long uid, long gid)
{
	return sys_fchownat(AT_FDCWD, pathname, uid, gid, 0);
}

long sys_lchown(long pathname, long uid, long gid)
{
	return sys_fchownat(AT_FDCWD, pathname, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_mknod(long pathname, long mode, long dev)
{
	return sys_mknodat(AT_FDCWD, pathname, mode, dev);
}

long sys_pipe(long fds)
{
	return sys_pipe2(fds, 0);
}

long sys_dup2(long fd, long new_fd)
{
	struct file *f;

	if ((int)fd != (int)new_fd)
		return sys_dup3(fd, new_fd, 0);
	f = fd_file(fd);
	if (!f)
		return -EBADF;
	file_put(f);
	return (int)fd;
}

long sys_eventfd(long initial)
{
	return sys_eventfd2(initial, 0);
}

long sys_signalfd(long fd, long mask, long size)
{
	return sys_signalfd4(fd, mask, size, 0);
}

long sys_inotify_init(void)
{
	return sys_inotify_init1(0);
}

/* The size is a hint of old, but must be positive (epoll_create(2)). */
long sys_epoll_create(long size)
{
	return (int)size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

long sys_epoll_wait(long epfd, long events, long max, long timeout_ms)
{
	return sys_epoll_pwait(epfd, events, max, timeout_ms, 0, 0);
}

long sys_getpgrp(void)
{
	return sys_getpgid(0);
}

long sys_pause(void)
{
	int r = thread_wait_until("pause", false, NSEC_NEVER, WAIT_INTERRUPTIBLE);

	return r == -EINTR ? -ERESTARTNOHAND : r;
}

long sys_time(long ptr)
{
	int64_t sec = (int64_t)(clock_realtime() / NSEC_PER_SEC);

	return ptr && copy_to_user((void *)ptr, &sec, sizeof(sec)) ? -EFAULT : sec;
}

/* ---- times of files ---------------------------------------------------------------------------------------------------- */

struct timeval_abi {
	int64_t sec, usec;
};

long sys_futimesat(long dirfd, long pathname, long times_ptr)
{
	struct timeval_abi tv[2];
	struct timespec64 times[2];

	if (!times_ptr)
		return utimens_at(dirfd, pathname, NULL, 0);
	if (copy_from_user(tv, (const void *)times_ptr, sizeof(tv)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (tv[i].usec < 0 || tv[i].usec >= 1000000)
			return -EINVAL;
		times[i] = (struct timespec64){ tv[i].sec, tv[i].usec * 1000 };
	}
	return utimens_at(dirfd, pathname, times, 0);
}

long sys_utimes(long pathname, long times_ptr)
{
	return pathname ? sys_futimesat(AT_FDCWD, pathname, times_ptr) : -EFAULT;
}

long sys_utime(long pathname, long times_ptr)
{
	int64_t sec[2];
	struct timespec64 times[2];

	if (!pathname)
		return -EFAULT;
	if (!times_ptr)
		return utimens_at(AT_FDCWD, pathname, NULL, 0);
	if (copy_from_user(sec, (const void *)times_ptr, sizeof(sec)))
		return -EFAULT;
	for (int i = 0; i < 2; i++)
		times[i] = (struct timespec64){ .sec = sec[i] };
	return utimens_at(AT_FDCWD, pathname, times, 0);
}

/* ---- arch_prctl(2) -------------------------------------------------------------------------------------------------------- */

#define ARCH_SET_GS	0x1001
#define ARCH_SET_FS	0x1002
#define ARCH_GET_FS	0x1003
#define ARCH_GET_GS	0x1004
#define ARCH_GET_CPUID	0x1011
#define ARCH_SET_CPUID	0x1012

/* GS is the kernel's: a program that wants it is told so (nothing but Wine is known to). */
long sys_arch_prctl(long code, long addr)
{
	switch ((int)code) {
	case ARCH_SET_FS:
		if (!arch_tls_is_valid((uint64_t)addr))
			return -EPERM;
		arch_tls_set((uint64_t)addr);
		return 0;
	case ARCH_GET_FS:
		return user_store64((uint64_t *)addr, arch_tls_get());
	case ARCH_GET_GS:
		return user_store64((uint64_t *)addr, 0);
	case ARCH_SET_GS:
		return addr ? -EPERM : 0;
	case ARCH_GET_CPUID:
		return 1;
	case ARCH_SET_CPUID:
		return -ENODEV;
	default:
		return -EINVAL;
	}
}
