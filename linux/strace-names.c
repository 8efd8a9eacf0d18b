// SPDX-License-Identifier: MIT
/*
 * Constants of system calls other than those of sockets (strace-net-names.c), in the order in which strace(1) writes them. Values: asm-generic and uapi headers of Linux 6.1;
 * O_* are fs/file.h's.
 */
#include "fs/file.h"
#include "linux/strace-priv.h"

#define NAMES(table, unknown, ...) \
	static const struct strace_name table##_list[] = { __VA_ARGS__, { 0, NULL } }; \
	static const struct strace_names table = { unknown, table##_list }
#define SHARED(table, unknown, ...) \
	static const struct strace_name table##_list[] = { __VA_ARGS__, { 0, NULL } }; \
	const struct strace_names table = { unknown, table##_list }

/* ---- files --------------------------------------------------------------------------------------------------------------------- */

SHARED(strace_open_names, "O_???",
	{ O_CREAT, "O_CREAT" }, { O_EXCL, "O_EXCL" }, { O_NOCTTY, "O_NOCTTY" }, { O_TRUNC, "O_TRUNC" }, { O_APPEND, "O_APPEND" }, { O_NONBLOCK, "O_NONBLOCK" },
	{ O_SYNC, "O_SYNC" }, { O_DSYNC, "O_DSYNC" }, { O_DIRECT, "O_DIRECT" }, { O_LARGEFILE, "O_LARGEFILE" }, { O_NOFOLLOW, "O_NOFOLLOW" },
	{ O_NOATIME, "O_NOATIME" }, { O_CLOEXEC, "O_CLOEXEC" }, { O_PATH, "O_PATH" }, { O_TMPFILE, "O_TMPFILE" }, { O_DIRECTORY, "O_DIRECTORY" }, { O_ASYNC, "FASYNC" });

NAMES(access_modes, "?_OK", { 0, "F_OK" }, { 4, "R_OK" }, { 2, "W_OK" }, { 1, "X_OK" });
STRACE_FLAGS(access_mode, &access_modes);

NAMES(at_names, "AT_???",
	{ 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_REMOVEDIR" }, { 0x400, "AT_SYMLINK_FOLLOW" }, { 0x800, "AT_NO_AUTOMOUNT" }, { 0x1000, "AT_EMPTY_PATH" },
	{ 0x8000, "AT_RECURSIVE" });
NAMES(access_names, "AT_???",
	{ 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_EACCESS" }, { 0x400, "AT_SYMLINK_FOLLOW" }, { 0x800, "AT_NO_AUTOMOUNT" }, { 0x1000, "AT_EMPTY_PATH" });
STRACE_FLAGS(access_flags, &access_names);
STRACE_FLAGS(at_flags, &at_names);
STRACE_FLAGS(at_remove, &at_names);
STRACE_FLAGS(link_flags, &at_names);
STRACE_FLAGS(utime_flags, &at_names);

NAMES(statx_sync, "AT_STATX_???",
	{ 0x2000, "AT_STATX_FORCE_SYNC" }, { 0x4000, "AT_STATX_DONT_SYNC" }, { 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_REMOVEDIR" }, { 0x400, "AT_SYMLINK_FOLLOW" },
	{ 0x800, "AT_NO_AUTOMOUNT" }, { 0x1000, "AT_EMPTY_PATH" }, { 0x8000, "AT_RECURSIVE" });
static void put_statx_flags(struct strace_line *l, unsigned i)
{
	uint32_t v = (uint32_t)l->args[i];

	if (v & 0x6000) {
		strace_put_flags(l, &statx_sync, v);
		return;
	}
	strace_put(l, "AT_STATX_SYNC_AS_STAT%s", v ? "|" : "");
	if (v)
		strace_put_flags(l, &at_names, v);
}
STRACE_IN(statx_flags);

SHARED(strace_statx_names, "STATX_???",
	{ 0xfff, "STATX_ALL" }, { 0x7ff, "STATX_BASIC_STATS" }, { 0x1, "STATX_TYPE" }, { 0x2, "STATX_MODE" }, { 0x4, "STATX_NLINK" }, { 0x8, "STATX_UID" },
	{ 0x10, "STATX_GID" }, { 0x20, "STATX_ATIME" }, { 0x40, "STATX_MTIME" }, { 0x80, "STATX_CTIME" }, { 0x100, "STATX_INO" }, { 0x200, "STATX_SIZE" },
	{ 0x400, "STATX_BLOCKS" }, { 0x800, "STATX_BTIME" }, { 0x1000, "STATX_MNT_ID" }, { 0x2000, "STATX_DIOALIGN" });
STRACE_FLAGS(statx_mask, &strace_statx_names);

NAMES(rename_names, "RENAME_???", { 1, "RENAME_NOREPLACE" }, { 2, "RENAME_EXCHANGE" }, { 4, "RENAME_WHITEOUT" });
STRACE_FLAGS(rename_flags, &rename_names);
NAMES(memfd_names, "MFD_???", { 1, "MFD_CLOEXEC" }, { 2, "MFD_ALLOW_SEALING" }, { 4, "MFD_HUGETLB" });
STRACE_FLAGS(memfd_flags, &memfd_names);
NAMES(falloc_names, "FALLOC_FL_???",
	{ 1, "FALLOC_FL_KEEP_SIZE" }, { 2, "FALLOC_FL_PUNCH_HOLE" }, { 4, "FALLOC_FL_NO_HIDE_STALE" }, { 8, "FALLOC_FL_COLLAPSE_RANGE" },
	{ 0x10, "FALLOC_FL_ZERO_RANGE" }, { 0x20, "FALLOC_FL_INSERT_RANGE" }, { 0x40, "FALLOC_FL_UNSHARE_RANGE" });
STRACE_FLAGS(falloc_mode, &falloc_names);
NAMES(fadvises, "POSIX_FADV_???",
	{ 0, "POSIX_FADV_NORMAL" }, { 1, "POSIX_FADV_RANDOM" }, { 2, "POSIX_FADV_SEQUENTIAL" }, { 3, "POSIX_FADV_WILLNEED" }, { 4, "POSIX_FADV_DONTNEED" },
	{ 5, "POSIX_FADV_NOREUSE" });
STRACE_CHOICE(fadvise, &fadvises);
NAMES(flock_names, "LOCK_???", { 4, "LOCK_NB" }, { 1, "LOCK_SH" }, { 2, "LOCK_EX" }, { 8, "LOCK_UN" });

/* strace has the operation before LOCK_NB. */
static void put_flock_op(struct strace_line *l, unsigned i)
{
	uint32_t v = (uint32_t)l->args[i];
	static const char *const names[] = { [1] = "LOCK_SH", [2] = "LOCK_EX", [8] = "LOCK_UN" };

	if ((v & ~4u) < ARRAY_SIZE(names) && names[v & ~4u])
		strace_put(l, "%s%s", names[v & ~4u], v & 4 ? "|LOCK_NB" : "");
	else
		strace_put_flags(l, &flock_names, v);
}
STRACE_IN(flock_op);

NAMES(sync_range_names, "SYNC_FILE_RANGE_???",
	{ 1, "SYNC_FILE_RANGE_WAIT_BEFORE" }, { 2, "SYNC_FILE_RANGE_WRITE" }, { 4, "SYNC_FILE_RANGE_WAIT_AFTER" });
STRACE_FLAGS(sync_range_flags, &sync_range_names);
NAMES(xattr_names, "XATTR_???", { 1, "XATTR_CREATE" }, { 2, "XATTR_REPLACE" });
STRACE_FLAGS(xattr_flags, &xattr_names);
NAMES(close_range_names, "CLOSE_RANGE_???", { 2, "CLOSE_RANGE_UNSHARE" }, { 4, "CLOSE_RANGE_CLOEXEC" });
STRACE_FLAGS(close_range_flags, &close_range_names);
NAMES(rwf_names, "RWF_???", { 1, "RWF_HIPRI" }, { 2, "RWF_DSYNC" }, { 4, "RWF_SYNC" }, { 8, "RWF_NOWAIT" }, { 0x10, "RWF_APPEND" });
STRACE_FLAGS(rwf_flags, &rwf_names);
SHARED(strace_whences, "SEEK_???", { 0, "SEEK_SET" }, { 1, "SEEK_CUR" }, { 2, "SEEK_END" }, { 3, "SEEK_DATA" }, { 4, "SEEK_HOLE" });
STRACE_CHOICE(whence, &strace_whences);
SHARED(strace_splice_names, "SPLICE_F_???",
	{ 1, "SPLICE_F_MOVE" }, { 2, "SPLICE_F_NONBLOCK" }, { 4, "SPLICE_F_MORE" }, { 8, "SPLICE_F_GIFT" });
STRACE_FLAGS(splice_flags, &strace_splice_names);
NAMES(umount_names, "MNT_???", { 1, "MNT_FORCE" }, { 2, "MNT_DETACH" }, { 4, "MNT_EXPIRE" }, { 8, "UMOUNT_NOFOLLOW" });
STRACE_FLAGS(umount_flags, &umount_names);
NAMES(mount_names, "MS_???",
	{ 1, "MS_RDONLY" }, { 2, "MS_NOSUID" }, { 4, "MS_NODEV" }, { 8, "MS_NOEXEC" }, { 0x10, "MS_SYNCHRONOUS" }, { 0x20, "MS_REMOUNT" }, { 0x400, "MS_NOATIME" },
	{ 0x1000, "MS_BIND" }, { 0x2000, "MS_MOVE" }, { 0x4000, "MS_REC" }, { 0x8000, "MS_SILENT" }, { 0x40000, "MS_PRIVATE" }, { 0x200000, "MS_RELATIME" });
STRACE_FLAGS(mount_flags, &mount_names);

/* ---- events --------------------------------------------------------------------------------------------------------------------- */

NAMES(epoll_create_names, "EPOLL_???", { 0x80000, "EPOLL_CLOEXEC" });
STRACE_FLAGS(epoll_flags, &epoll_create_names);
NAMES(epoll_ops, "EPOLL_CTL_???", { 1, "EPOLL_CTL_ADD" }, { 2, "EPOLL_CTL_DEL" }, { 3, "EPOLL_CTL_MOD" });
STRACE_CHOICE(epoll_op, &epoll_ops);
SHARED(strace_epoll_names, "EPOLL???",
	{ 0x1, "EPOLLIN" }, { 0x2, "EPOLLPRI" }, { 0x4, "EPOLLOUT" }, { 0x8, "EPOLLERR" }, { 0x10, "EPOLLHUP" }, { 0x20, "EPOLLNVAL" }, { 0x40, "EPOLLRDNORM" },
	{ 0x80, "EPOLLRDBAND" }, { 0x100, "EPOLLWRNORM" }, { 0x200, "EPOLLWRBAND" }, { 0x400, "EPOLLMSG" }, { 0x2000, "EPOLLRDHUP" },
	{ 0x10000000, "EPOLLEXCLUSIVE" }, { 0x20000000, "EPOLLWAKEUP" }, { 0x40000000, "EPOLLONESHOT" }, { 0x80000000, "EPOLLET" });
SHARED(strace_poll_names, "POLL???",
	{ 0x1, "POLLIN" }, { 0x2, "POLLPRI" }, { 0x4, "POLLOUT" }, { 0x40, "POLLRDNORM" }, { 0x100, "POLLWRNORM" }, { 0x80, "POLLRDBAND" }, { 0x200, "POLLWRBAND" },
	{ 0x8, "POLLERR" }, { 0x10, "POLLHUP" }, { 0x20, "POLLNVAL" }, { 0x400, "POLLMSG" }, { 0x1000, "POLLREMOVE" }, { 0x2000, "POLLRDHUP" });
NAMES(eventfd_names, "EFD_???", { 1, "EFD_SEMAPHORE" }, { 0x80000, "EFD_CLOEXEC" }, { 0x800, "EFD_NONBLOCK" });
STRACE_FLAGS(eventfd_flags, &eventfd_names);
NAMES(timerfd_names, "TFD_???", { 0x80000, "TFD_CLOEXEC" }, { 0x800, "TFD_NONBLOCK" });
STRACE_FLAGS(timerfd_flags, &timerfd_names);
NAMES(timerfd_set_names, "TFD_???", { 1, "TFD_TIMER_ABSTIME" }, { 2, "TFD_TIMER_CANCEL_ON_SET" });
STRACE_FLAGS(timerfd_set_flags, &timerfd_set_names);
NAMES(timer_names, "TIMER_???", { 1, "TIMER_ABSTIME" });
STRACE_FLAGS(timer_flags, &timer_names);
NAMES(signalfd_names, "SFD_???", { 0x80000, "SFD_CLOEXEC" }, { 0x800, "SFD_NONBLOCK" });
STRACE_FLAGS(signalfd_flags, &signalfd_names);
NAMES(inotify_init_names, "IN_???", { 0x800, "IN_NONBLOCK" }, { 0x80000, "IN_CLOEXEC" });
STRACE_FLAGS(inotify_flags, &inotify_init_names);
NAMES(inotify_names, "IN_???",
	{ 0x1, "IN_ACCESS" }, { 0x2, "IN_MODIFY" }, { 0x4, "IN_ATTRIB" }, { 0x8, "IN_CLOSE_WRITE" }, { 0x10, "IN_CLOSE_NOWRITE" }, { 0x20, "IN_OPEN" },
	{ 0x40, "IN_MOVED_FROM" }, { 0x80, "IN_MOVED_TO" }, { 0x100, "IN_CREATE" }, { 0x200, "IN_DELETE" }, { 0x400, "IN_DELETE_SELF" }, { 0x800, "IN_MOVE_SELF" },
	{ 0x2000, "IN_UNMOUNT" }, { 0x4000, "IN_Q_OVERFLOW" }, { 0x8000, "IN_IGNORED" }, { 0x1000000, "IN_ONLYDIR" }, { 0x2000000, "IN_DONT_FOLLOW" },
	{ 0x4000000, "IN_EXCL_UNLINK" }, { 0x10000000, "IN_MASK_CREATE" }, { 0x20000000, "IN_MASK_ADD" }, { 0x40000000, "IN_ISDIR" }, { 0x80000000, "IN_ONESHOT" });
STRACE_FLAGS(inotify_mask, &inotify_names);

/* ---- memory --------------------------------------------------------------------------------------------------------------------- */

NAMES(prot_names, "PROT_???", { 0, "PROT_NONE" }, { 1, "PROT_READ" }, { 2, "PROT_WRITE" }, { 4, "PROT_EXEC" }, { 8, "PROT_SEM" },
	{ 0x1000000, "PROT_GROWSDOWN" }, { 0x2000000, "PROT_GROWSUP" });
STRACE_FLAGS(prot, &prot_names);
NAMES(map_names, "MAP_???",
	{ 0x03, "MAP_SHARED_VALIDATE" }, { 0x01, "MAP_SHARED" }, { 0x02, "MAP_PRIVATE" }, { 0x10, "MAP_FIXED" }, { 0x20, "MAP_ANONYMOUS" }, { 0x40, "MAP_32BIT" },
	{ 0x4000, "MAP_NORESERVE" }, { 0x8000, "MAP_POPULATE" }, { 0x10000, "MAP_NONBLOCK" }, { 0x100, "MAP_GROWSDOWN" }, { 0x800, "MAP_DENYWRITE" },
	{ 0x1000, "MAP_EXECUTABLE" }, { 0x2000, "MAP_LOCKED" }, { 0x20000, "MAP_STACK" }, { 0x40000, "MAP_HUGETLB" }, { 0x80000, "MAP_SYNC" },
	{ 0x100000, "MAP_FIXED_NOREPLACE" });
STRACE_FLAGS(map_flags, &map_names);
NAMES(mremap_names, "MREMAP_???", { 1, "MREMAP_MAYMOVE" }, { 2, "MREMAP_FIXED" }, { 4, "MREMAP_DONTUNMAP" });
STRACE_FLAGS(mremap_flags, &mremap_names);
NAMES(msync_names, "MS_???", { 4, "MS_SYNC" }, { 1, "MS_ASYNC" }, { 2, "MS_INVALIDATE" });
STRACE_FLAGS(msync_flags, &msync_names);
NAMES(mlock_names, "MLOCK_???", { 1, "MLOCK_ONFAULT" });
STRACE_FLAGS(mlock_flags, &mlock_names);
NAMES(mlockall_names, "MCL_???", { 1, "MCL_CURRENT" }, { 2, "MCL_FUTURE" }, { 4, "MCL_ONFAULT" });
STRACE_FLAGS(mlockall_flags, &mlockall_names);
NAMES(advices, "MADV_???",
	{ 0, "MADV_NORMAL" }, { 1, "MADV_RANDOM" }, { 2, "MADV_SEQUENTIAL" }, { 3, "MADV_WILLNEED" }, { 4, "MADV_DONTNEED" }, { 8, "MADV_FREE" }, { 9, "MADV_REMOVE" },
	{ 10, "MADV_DONTFORK" }, { 11, "MADV_DOFORK" }, { 12, "MADV_MERGEABLE" }, { 13, "MADV_UNMERGEABLE" }, { 14, "MADV_HUGEPAGE" }, { 15, "MADV_NOHUGEPAGE" },
	{ 16, "MADV_DONTDUMP" }, { 17, "MADV_DODUMP" }, { 18, "MADV_WIPEONFORK" }, { 19, "MADV_KEEPONFORK" }, { 20, "MADV_COLD" }, { 21, "MADV_PAGEOUT" },
	{ 22, "MADV_POPULATE_READ" }, { 23, "MADV_POPULATE_WRITE" }, { 24, "MADV_DONTNEED_LOCKED" }, { 25, "MADV_COLLAPSE" }, { 100, "MADV_HWPOISON" },
	{ 101, "MADV_SOFT_OFFLINE" });
STRACE_CHOICE(madvise, &advices);
NAMES(membarriers, "MEMBARRIER_CMD_???",
	{ 0, "MEMBARRIER_CMD_QUERY" }, { 1, "MEMBARRIER_CMD_GLOBAL" }, { 2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED" }, { 4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED" },
	{ 8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED" }, { 16, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED" }, { 32, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE" },
	{ 64, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE" }, { 128, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ" },
	{ 256, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ" });
STRACE_CHOICE(membarrier, &membarriers);

/* MEMBARRIER_CMD_QUERY gives a set of commands. */
void strace_result_membarrier(struct strace_line *l)
{
	if (!l->args[0] && l->result) {
		strace_put(l, "%#lx (", l->result);
		strace_put_flags(l, &membarriers, (uint64_t)l->result);
		strace_put(l, ")");
	} else {
		strace_put(l, "%ld", l->result);
	}
}

/* ---- time ------------------------------------------------------------------------------------------------------------------------ */

SHARED(strace_clocks, "CLOCK_???",
	{ 0, "CLOCK_REALTIME" }, { 1, "CLOCK_MONOTONIC" }, { 2, "CLOCK_PROCESS_CPUTIME_ID" }, { 3, "CLOCK_THREAD_CPUTIME_ID" }, { 4, "CLOCK_MONOTONIC_RAW" },
	{ 5, "CLOCK_REALTIME_COARSE" }, { 6, "CLOCK_MONOTONIC_COARSE" }, { 7, "CLOCK_BOOTTIME" }, { 8, "CLOCK_REALTIME_ALARM" }, { 9, "CLOCK_BOOTTIME_ALARM" },
	{ 10, "CLOCK_SGI_CYCLE" }, { 11, "CLOCK_TAI" });

/* Clocks of a process or thread by number, ~pid << 3 | kind: clock_getcpuclockid(3). */
static void put_clock(struct strace_line *l, unsigned i)
{
	int32_t v = (int32_t)l->args[i];
	static const char *const kinds[] = { "CPUCLOCK_PROF", "CPUCLOCK_VIRT", "CPUCLOCK_SCHED" };

	if (v >= 0)
		strace_put_choice(l, &strace_clocks, (uint32_t)v);
	else if ((v & 7) == 3)
		strace_put(l, "FD_TO_CLOCKID(%d)", ~(v >> 3));
	else if ((v & 3) == 3)
		strace_put(l, "%d", v);
	else
		strace_put(l, "MAKE_%s_CPUCLOCK(%d, %s)", v & 4 ? "THREAD" : "PROCESS", ~(v >> 3), kinds[v & 3]);
}
STRACE_IN(clock);

NAMES(itimers, "ITIMER_???", { 0, "ITIMER_REAL" }, { 1, "ITIMER_VIRTUAL" }, { 2, "ITIMER_PROF" });
STRACE_CHOICE(itimer, &itimers);

/* ---- processes ------------------------------------------------------------------------------------------------------------------- */

NAMES(rlimits, "RLIMIT_???",
	{ 0, "RLIMIT_CPU" }, { 1, "RLIMIT_FSIZE" }, { 2, "RLIMIT_DATA" }, { 3, "RLIMIT_STACK" }, { 4, "RLIMIT_CORE" }, { 5, "RLIMIT_RSS" }, { 6, "RLIMIT_NPROC" },
	{ 7, "RLIMIT_NOFILE" }, { 8, "RLIMIT_MEMLOCK" }, { 9, "RLIMIT_AS" }, { 10, "RLIMIT_LOCKS" }, { 11, "RLIMIT_SIGPENDING" }, { 12, "RLIMIT_MSGQUEUE" },
	{ 13, "RLIMIT_NICE" }, { 14, "RLIMIT_RTPRIO" }, { 15, "RLIMIT_RTTIME" });
STRACE_CHOICE(rlimit_name, &rlimits);
NAMES(rusages, "RUSAGE_???", { 0, "RUSAGE_SELF" }, { 0xffffffff, "RUSAGE_CHILDREN" }, { 1, "RUSAGE_THREAD" });
STRACE_CHOICE(rusage_who, &rusages);
SHARED(strace_policies, "SCHED_???",
	{ 0, "SCHED_OTHER" }, { 1, "SCHED_FIFO" }, { 2, "SCHED_RR" }, { 3, "SCHED_BATCH" }, { 5, "SCHED_IDLE" }, { 6, "SCHED_DEADLINE" });
NAMES(reset_on_fork, "SCHED_???", { 0x40000000, "SCHED_RESET_ON_FORK" });

static void put_sched_policy(struct strace_line *l, unsigned i)
{
	uint32_t v = (uint32_t)l->args[i];

	strace_put_choice(l, &strace_policies, v & ~0x40000000u);
	if (v & 0x40000000u) {
		strace_put(l, "|");
		strace_put_flags(l, &reset_on_fork, 0x40000000u);
	}
}
STRACE_IN(sched_policy);

void strace_result_policy(struct strace_line *l)
{
	strace_put(l, "%ld (", l->result);
	strace_put_choice(l, &strace_policies, (uint64_t)l->result & ~0x40000000ul);
	strace_put(l, ")");
}

NAMES(priorities, "PRIO_???", { 0, "PRIO_PROCESS" }, { 1, "PRIO_PGRP" }, { 2, "PRIO_USER" });
STRACE_CHOICE(priority_which, &priorities);
NAMES(wait_names, "W???",
	{ 1, "WNOHANG" }, { 2, "WSTOPPED" }, { 4, "WEXITED" }, { 8, "WCONTINUED" }, { 0x1000000, "WNOWAIT" }, { 0x20000000, "__WNOTHREAD" }, { 0x40000000, "__WALL" },
	{ 0x80000000, "__WCLONE" });
STRACE_FLAGS(wait_options, &wait_names);
NAMES(wait_types, "P_???", { 0, "P_ALL" }, { 1, "P_PID" }, { 2, "P_PGID" }, { 3, "P_PIDFD" });
STRACE_CHOICE(wait_type, &wait_types);
NAMES(sigprocmask_hows, "SIG_???", { 0, "SIG_BLOCK" }, { 1, "SIG_UNBLOCK" }, { 2, "SIG_SETMASK" });
STRACE_CHOICE(sigprocmask_how, &sigprocmask_hows);
NAMES(random_names, "GRND_???", { 1, "GRND_NONBLOCK" }, { 2, "GRND_RANDOM" }, { 4, "GRND_INSECURE" });
STRACE_FLAGS(random_flags, &random_names);
NAMES(arch_codes, "ARCH_???",
	{ 0x1001, "ARCH_SET_GS" }, { 0x1002, "ARCH_SET_FS" }, { 0x1003, "ARCH_GET_FS" }, { 0x1004, "ARCH_GET_GS" }, { 0x1011, "ARCH_GET_CPUID" },
	{ 0x1012, "ARCH_SET_CPUID" });

/* Two of strace 6.1's unknown ones have names in later headers; it writes them as numbers. */
STRACE_CHOICE(arch_code, &arch_codes);

NAMES(personality_types, "PER_???", { 0, "PER_LINUX" }, { 8, "PER_LINUX32" });
NAMES(personality_flags, "PER_???",
	{ 0x20000, "UNAME26" }, { 0x40000, "ADDR_NO_RANDOMIZE" }, { 0x80000, "FDPIC_FUNCPTRS" }, { 0x100000, "MMAP_PAGE_ZERO" }, { 0x200000, "ADDR_COMPAT_LAYOUT" },
	{ 0x400000, "READ_IMPLIES_EXEC" }, { 0x800000, "ADDR_LIMIT_32BIT" }, { 0x1000000, "SHORT_INODE" }, { 0x2000000, "WHOLE_SECONDS" },
	{ 0x4000000, "STICKY_TIMEOUTS" }, { 0x8000000, "ADDR_LIMIT_3GB" });

static void put_persona(struct strace_line *l, uint32_t v)
{
	strace_put_choice(l, &personality_types, v & 0xff);
	if (v & ~0xffu) {
		strace_put(l, "|");
		strace_put_flags(l, &personality_flags, v & ~0xffu);
	}
}

static void put_personality(struct strace_line *l, unsigned i)
{
	uint32_t v = (uint32_t)l->args[i];

	if (v == 0xffffffff)
		strace_put(l, "0xffffffff");
	else
		put_persona(l, v);
}
STRACE_IN(personality);

void strace_result_personality(struct strace_line *l)
{
	strace_put(l, l->result ? "%#lx (" : "%ld (", l->result);
	put_persona(l, (uint32_t)l->result);
	strace_put(l, ")");
}

SHARED(strace_clone_names, "CLONE_???",
	{ 0x100, "CLONE_VM" }, { 0x200, "CLONE_FS" }, { 0x400, "CLONE_FILES" }, { 0x800, "CLONE_SIGHAND" }, { 0x1000, "CLONE_PIDFD" }, { 0x2000, "CLONE_PTRACE" },
	{ 0x4000, "CLONE_VFORK" }, { 0x8000, "CLONE_PARENT" }, { 0x10000, "CLONE_THREAD" }, { 0x20000, "CLONE_NEWNS" }, { 0x40000, "CLONE_SYSVSEM" },
	{ 0x80000, "CLONE_SETTLS" }, { 0x100000, "CLONE_PARENT_SETTID" }, { 0x200000, "CLONE_CHILD_CLEARTID" }, { 0x400000, "CLONE_DETACHED" },
	{ 0x800000, "CLONE_UNTRACED" }, { 0x1000000, "CLONE_CHILD_SETTID" }, { 0x2000000, "CLONE_NEWCGROUP" }, { 0x4000000, "CLONE_NEWUTS" },
	{ 0x8000000, "CLONE_NEWIPC" }, { 0x10000000, "CLONE_NEWUSER" }, { 0x20000000, "CLONE_NEWPID" }, { 0x40000000, "CLONE_NEWNET" }, { 0x80000000, "CLONE_IO" },
	{ 0x100000000, "CLONE_CLEAR_SIGHAND" }, { 0x200000000, "CLONE_INTO_CGROUP" }, { 0x80, "CLONE_NEWTIME" });

SHARED(strace_capabilities, "CAP_???",
	{ 0, "CAP_CHOWN" }, { 1, "CAP_DAC_OVERRIDE" }, { 2, "CAP_DAC_READ_SEARCH" }, { 3, "CAP_FOWNER" }, { 4, "CAP_FSETID" }, { 5, "CAP_KILL" }, { 6, "CAP_SETGID" },
	{ 7, "CAP_SETUID" }, { 8, "CAP_SETPCAP" }, { 9, "CAP_LINUX_IMMUTABLE" }, { 10, "CAP_NET_BIND_SERVICE" }, { 11, "CAP_NET_BROADCAST" }, { 12, "CAP_NET_ADMIN" },
	{ 13, "CAP_NET_RAW" }, { 14, "CAP_IPC_LOCK" }, { 15, "CAP_IPC_OWNER" }, { 16, "CAP_SYS_MODULE" }, { 17, "CAP_SYS_RAWIO" }, { 18, "CAP_SYS_CHROOT" },
	{ 19, "CAP_SYS_PTRACE" }, { 20, "CAP_SYS_PACCT" }, { 21, "CAP_SYS_ADMIN" }, { 22, "CAP_SYS_BOOT" }, { 23, "CAP_SYS_NICE" }, { 24, "CAP_SYS_RESOURCE" },
	{ 25, "CAP_SYS_TIME" }, { 26, "CAP_SYS_TTY_CONFIG" }, { 27, "CAP_MKNOD" }, { 28, "CAP_LEASE" }, { 29, "CAP_AUDIT_WRITE" }, { 30, "CAP_AUDIT_CONTROL" },
	{ 31, "CAP_SETFCAP" }, { 32, "CAP_MAC_OVERRIDE" }, { 33, "CAP_MAC_ADMIN" }, { 34, "CAP_SYSLOG" }, { 35, "CAP_WAKE_ALARM" }, { 36, "CAP_BLOCK_SUSPEND" },
	{ 37, "CAP_AUDIT_READ" }, { 38, "CAP_PERFMON" }, { 39, "CAP_BPF" }, { 40, "CAP_CHECKPOINT_RESTORE" });
