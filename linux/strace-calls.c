// SPDX-License-Identifier: MIT
/*
 * One row for each system call, by name, so that it serves all ports: the kinds of its arguments (strace-priv.h), and with ROW_AS what follows its result where that is not
 * a decimal number. Calls without a row are printed with hexadecimal arguments.
 */
#include "libc/string.h"
#include "linux/strace-priv.h"

#define K1(a)		&strace_kind_##a
#define K2(a, ...)	&strace_kind_##a, K1(__VA_ARGS__)
#define K3(a, ...)	&strace_kind_##a, K2(__VA_ARGS__)
#define K4(a, ...)	&strace_kind_##a, K3(__VA_ARGS__)
#define K5(a, ...)	&strace_kind_##a, K4(__VA_ARGS__)
#define K6(a, ...)	&strace_kind_##a, K5(__VA_ARGS__)
#define PICK(a, b, c, d, e, f, name, ...)	name
#define KINDS(...)	PICK(__VA_ARGS__, K6, K5, K4, K3, K2, K1, 0)(__VA_ARGS__)

#define ROW(name, ...)			{ #name, { KINDS(__VA_ARGS__) }, NULL }
#define ROW_AS(name, result, ...)	{ #name, { KINDS(__VA_ARGS__) }, strace_result_##result }
#define ROW0(name)			{ #name, { NULL }, NULL }

static const struct strace_format formats[] = {
	/* files: data */
	ROW(read, int, bytes_out, ulong), ROW(write, int, bytes_next, ulong), ROW(pread64, int, bytes_out, ulong, long), ROW(pwrite64, int, bytes_next, ulong, long),
	ROW(readv, int, iovecs_out, ulong), ROW(writev, int, iovecs_in, ulong), ROW(preadv, int, iovecs_out, ulong, long), ROW(pwritev, int, iovecs_in, ulong, long),
	ROW(preadv2, int, iovecs_out, ulong, long, nothing, rwf_flags), ROW(pwritev2, int, iovecs_in, ulong, long, nothing, rwf_flags),
	ROW(lseek, int, long, whence), ROW(ftruncate, int, long), ROW(truncate, path, long), ROW(fallocate, int, falloc_mode, long, long), ROW(fsync, int),
	ROW(fdatasync, int), ROW0(sync), ROW(syncfs, int), ROW(sync_file_range, int, long, long, sync_range_flags), ROW(fadvise64, int, long, ulong, fadvise),
	ROW(readahead, int, long, ulong), ROW(sendfile, int, int, offset_inout, ulong), ROW(splice, int, offset_in, int, offset_in, ulong, splice_flags),
	ROW(tee, int, int, ulong, splice_flags), ROW(vmsplice, int, iovecs_in, ulong, splice_flags),
	ROW(copy_file_range, int, offset_in, int, offset_in, ulong, hex32),
	/* files: names */
	ROW(openat, dirfd, path, open_flags, mode_if_creat), ROW(openat2, dirfd, path, open_how, ulong), ROW(close, int), ROW(close_range, unsigned, unsigned, close_range_flags),
	ROW(newfstatat, dirfd, path, stat_out, at_flags), ROW(fstat, int, stat_out), ROW(statx, dirfd, path, statx_flags, statx_mask, statx_out),
	ROW(statfs, path, statfs_out), ROW(fstatfs, int, statfs_out), ROW(readlinkat, dirfd, path, bytes_out, ulong), ROW(faccessat, dirfd, path, access_mode),
	ROW(faccessat2, dirfd, path, access_mode, access_flags), ROW(mkdirat, dirfd, path, octal), ROW(mknodat, dirfd, path, mknod_mode, mknod_device),
	ROW(unlinkat, dirfd, path, at_remove), ROW(renameat, dirfd, path, dirfd, path), ROW(renameat2, dirfd, path, dirfd, path, rename_flags),
	ROW(linkat, dirfd, path, dirfd, path, link_flags), ROW(symlinkat, path, dirfd, path), ROW(getcwd, bytes_out_string, ulong), ROW(chdir, path), ROW(fchdir, int),
	ROW(chroot, path), ROW(fchmod, int, octal), ROW(fchmodat, dirfd, path, octal), ROW(fchown, int, id, id), ROW(fchownat, dirfd, path, id, id, at_flags),
	ROW(utimensat, dirfd, path, utimes, utime_flags), ROW_AS(umask, octal, octal), ROW(getdents64, int, dirents_out, unsigned), ROW(flock, int, flock_op),
	ROW_AS(fcntl, fcntl, int, fcntl_command, fcntl_arg), ROW(ioctl, int, ioctl_request, ioctl_arg), ROW(dup, int), ROW(dup3, int, int, dup_flags),
	ROW(pipe2, descriptors_out, pipe_flags), ROW(memfd_create, string, memfd_flags), ROW(mount, path, path, string, mount_flags, pointer),
	ROW(umount2, path, umount_flags), ROW(setxattr, path, string, bytes_next, ulong, xattr_flags), ROW(lsetxattr, path, string, bytes_next, ulong, xattr_flags),
	ROW(fsetxattr, int, string, bytes_next, ulong, xattr_flags), ROW(getxattr, path, string, bytes_out, ulong), ROW(lgetxattr, path, string, bytes_out, ulong),
	ROW(fgetxattr, int, string, bytes_out, ulong), ROW(listxattr, path, bytes_out, ulong), ROW(llistxattr, path, bytes_out, ulong), ROW(flistxattr, int, bytes_out, ulong),
	ROW(removexattr, path, string), ROW(lremovexattr, path, string), ROW(fremovexattr, int, string),
	/* events */
	ROW(eventfd2, unsigned, eventfd_flags), ROW(epoll_create1, epoll_flags), ROW(epoll_ctl, int, epoll_op, int, epoll_event_in),
	ROW(epoll_pwait, int, epoll_events_out, int, int, sigset_in, ulong), ROW(epoll_pwait2, int, epoll_events_out, int, timespec_in, sigset_in, ulong),
	ROW_AS(ppoll, poll, pollfds_in, unsigned, timespec_in, sigset_in, ulong), ROW_AS(pselect6, select, int, fdset, fdset, fdset, timespec_in, sigset_pair),
	ROW(timerfd_create, clock, timerfd_flags), ROW(timerfd_settime, int, timerfd_set_flags, itimerspec_in, itimerspec_out), ROW(timerfd_gettime, int, itimerspec_out),
	ROW(signalfd4, int, sigset_in, ulong, signalfd_flags), ROW(inotify_init1, inotify_flags), ROW(inotify_add_watch, int, path, inotify_mask),
	ROW(inotify_rm_watch, int, int),
	/* sockets */
	ROW(socket, family, socket_type, protocol), ROW(socketpair, family, socket_type, protocol, descriptors_out), ROW(bind, int, sockaddr_in, int), ROW(listen, int, int),
	ROW(accept, int, sockaddr_out, socklen_out), ROW(accept4, int, sockaddr_out, socklen_out, socket_flags), ROW(connect, int, sockaddr_in, int),
	ROW(getsockname, int, sockaddr_out, socklen_out), ROW(getpeername, int, sockaddr_out, socklen_out), ROW(shutdown, int, shutdown_how),
	ROW(sendto, int, bytes_next, ulong, message_flags, sockaddr_in, unsigned), ROW(recvfrom, int, bytes_out, ulong, message_flags, sockaddr_out, socklen_out),
	ROW(sendmsg, int, message_in, message_flags), ROW(recvmsg, int, message_out, message_flags), ROW(sendmmsg, int, messages_in, unsigned, message_flags),
	ROW_AS(recvmmsg, recvmmsg, int, messages_out, unsigned, message_flags, timespec_inout), ROW(setsockopt, int, option_level, option_name, option_in, int),
	ROW(getsockopt, int, option_level, option_name, option_out, socklen_out),
	/* memory */
	ROW_AS(mmap, address, pointer, ulong, prot, map_flags, int, hex), ROW(munmap, pointer, ulong), ROW(mprotect, pointer, ulong, prot), ROW_AS(brk, address, pointer),
	ROW_AS(mremap, address, pointer, ulong, ulong, mremap_flags, mremap_address), ROW(madvise, pointer, ulong, madvise), ROW(msync, pointer, ulong, msync_flags),
	ROW(mlock, pointer, ulong), ROW(mlock2, pointer, ulong, mlock_flags), ROW(munlock, pointer, ulong), ROW(mlockall, mlockall_flags), ROW0(munlockall),
	ROW(mincore, pointer, ulong, mincore_out), ROW_AS(membarrier, membarrier, membarrier, hex32), ROW(pkey_mprotect, pointer, ulong, prot, int),
	/* time */
	ROW(nanosleep, timespec_in, timespec_left), ROW(clock_nanosleep, clock, timer_flags, timespec_in, timespec_left), ROW(clock_gettime, clock, timespec_out),
	ROW(clock_getres, clock, timespec_out), ROW(clock_settime, clock, timespec_in), ROW(gettimeofday, timeval_out, pointer), ROW(settimeofday, timeval_in, pointer),
	ROW(getitimer, itimer, itimerval_out), ROW(setitimer, itimer, itimerval_in, itimerval_out), ROW(timer_create, clock, sigevent_in, int_out),
	ROW(timer_settime, int, timer_flags, itimerspec_in, itimerspec_out), ROW(timer_gettime, int, itimerspec_out), ROW(timer_getoverrun, int), ROW(timer_delete, int),
	ROW(times, tms_out), ROW(adjtimex, pointer), ROW(clock_adjtime, clock, pointer),
	/* signals */
	ROW(rt_sigaction, signal, sigaction_in, sigaction_out, ulong), ROW(rt_sigprocmask, sigprocmask_how, sigset_in, sigset_out, ulong), ROW(rt_sigpending, sigset_out, ulong),
	ROW(rt_sigsuspend, sigset_in, ulong), ROW_AS(rt_sigtimedwait, signal, sigset_in, siginfo_out, timespec_in, ulong), ROW(rt_sigqueueinfo, int, signal, siginfo_in),
	ROW(rt_tgsigqueueinfo, int, int, signal, siginfo_in), ROW(rt_sigreturn, sigreturn), ROW(sigaltstack, sigstack_in, sigstack_out), ROW(kill, int, signal),
	ROW(tkill, int, signal), ROW(tgkill, int, int, signal),
	/* threads, programs */
	ROW(futex, pointer, futex_op, futex_arg, futex_arg, futex_arg, futex_arg), ROW(futex_waitv, futex_waitv, unsigned, hex32, timespec_in, clock),
	ROW(set_tid_address, pointer), ROW(set_robust_list, pointer, ulong), ROW(get_robust_list, int, robust_head_out, robust_len_out), ROW(rseq, pointer, hex32, hex32, hex32),
	ROW(clone, clone, clone_more), ROW(clone3, clone3, ulong), ROW(execve, path, strings, environment), ROW(execveat, dirfd, path, strings, environment, at_flags),
	ROW(exit, int), ROW(exit_group, int), ROW(wait4, int, wait_status_out, wait_options, rusage_out), ROW(waitid, wait_type, int, siginfo_out, wait_options, rusage_out),
	ROW_AS(prctl, prctl, prctl_option, prctl_arg, prctl_arg, prctl_arg, prctl_arg), ROW_AS(personality, personality, personality), ROW(arch_prctl, arch_code, pointer),
	/* the scheduler */
	ROW0(sched_yield), ROW(sched_getaffinity, int, ulong, cpu_set_out), ROW(sched_setaffinity, int, ulong, cpu_set_in), ROW_AS(sched_getscheduler, policy, int),
	ROW(sched_setscheduler, int, sched_policy, int_at), ROW(sched_getparam, int, int_out), ROW(sched_setparam, int, int_at),
	ROW(sched_get_priority_max, sched_policy), ROW(sched_get_priority_min, sched_policy), ROW(sched_rr_get_interval, int, timespec_out),
	ROW(getpriority, priority_which, int), ROW(setpriority, priority_which, int, int), ROW(getcpu, uint_out, uint_out, pointer),
	ROW(sched_setattr, int, sched_attr_in, hex32), ROW(sched_getattr, int, sched_attr_out, unsigned, hex32),
	ROW(get_mempolicy, mempolicy_out, nodes_out, ulong, pointer, mempolicy_flags), ROW(set_mempolicy, mempolicy, nodes_in, ulong),
	ROW(mbind, pointer, ulong, mempolicy, nodes_in, ulong, mbind_flags), ROW(reboot, reboot_magic1, reboot_magic2, reboot_command),
	/* identity, limits */
	ROW0(getpid), ROW0(getppid), ROW0(gettid), ROW0(getuid), ROW0(geteuid), ROW0(getgid), ROW0(getegid), ROW(setuid, id), ROW(setgid, id), ROW(setreuid, id, id),
	ROW(setregid, id, id), ROW(setresuid, id, id, id), ROW(setresgid, id, id, id), ROW(getresuid, uint_out, uint_out, uint_out),
	ROW(getresgid, uint_out, uint_out, uint_out), ROW(setfsuid, id), ROW(setfsgid, id), ROW(getgroups, int, ids_out), ROW(setgroups, int, ids_in), ROW(setpgid, int, int),
	ROW(getpgid, int), ROW(getsid, int), ROW0(setsid), ROW(capget, cap_header, cap_data_out), ROW(capset, cap_header, cap_data_in),
	ROW(prlimit64, int, rlimit_name, rlimit_in, rlimit_out), ROW(getrlimit, rlimit_name, rlimit_out), ROW(setrlimit, rlimit_name, rlimit_in),
	ROW(getrusage, rusage_who, rusage_out), ROW(getrandom, random_out, ulong, random_flags), ROW(uname, uname_out), ROW(sysinfo, sysinfo_out),
	ROW(sethostname, bytes_next, ulong), ROW(setdomainname, bytes_next, ulong), ROW(syslog, syslog_type, syslog_arg, syslog_arg), ROW0(restart_syscall),
	/* x86-64 alone */
	ROW(open, path, open_flags, mode_if_creat), ROW(creat, path, octal), ROW(stat, path, stat_out), ROW(lstat, path, stat_out), ROW(access, path, access_mode),
	ROW(readlink, path, bytes_out, ulong), ROW(unlink, path), ROW(rename, path, path), ROW(mkdir, path, octal), ROW(rmdir, path), ROW(link, path, path),
	ROW(symlink, path, path), ROW(chmod, path, octal), ROW(chown, path, id, id), ROW(lchown, path, id, id), ROW(mknod, path, mknod_mode, mknod_device),
	ROW(pipe, descriptors_out), ROW(dup2, int, int), ROW_AS(poll, poll, pollfds_in, unsigned, poll_timeout), ROW_AS(select, select, int, fdset, fdset, fdset, timeval_in),
	ROW(epoll_create, int), ROW(epoll_wait, int, epoll_events_out, int, int), ROW(eventfd, unsigned), ROW(signalfd, int, sigset_in, ulong), ROW0(inotify_init),
	ROW(alarm, unsigned), ROW0(pause), ROW0(fork), ROW0(vfork), ROW0(getpgrp), ROW(time, time_out), ROW(getdents, int, dirents_out, unsigned), ROW(utime, path, utimbuf),
	ROW(utimes, path, timevals), ROW(futimesat, dirfd, path, timevals),
};

const struct strace_format *strace_find_format(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}
