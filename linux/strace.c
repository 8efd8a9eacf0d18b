// SPDX-License-Identifier: MIT
/*
 * System calls as text. Each call has a word of letters, one for each argument, that says how to print it (struct format); capital letters are outputs, read after the
 * call. Calls without a row are printed with hexadecimal arguments.
 */
#include "linux/strace.h"

#include <arch/abi.h>

#include "fs/file.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/syscalls.h"
#include "linux/task.h"
#include "mmu/user.h"
#include "sched/clock.h"

struct flag {
	unsigned long value;
	const char *name;
};

struct format {
	const char *name, *args;
	char result;			/* 'p' address, 0 number */
};

/*
 * d int  u unsigned  x hex  p pointer  f descriptor  @ directory descriptor  s path or string  o open flags  m octal mode  P PROT_*  M MAP_*  w whence  C clock
 * A AT_*  X futex operation  n signal  h sigprocmask how  t timespec  b buffer of the next argument's length  c fcntl command  L clone flags  a access mode
 * v vector of strings (only its address)  r resource  E epoll operation  g madvise advice  R prctl option
 * D arch_prctl code  J struct sigaction  K set of signals  G getrandom flags  i ioctl request
 * outputs: B buffer of result bytes  S struct stat  T timespec  I two descriptors  j struct sigaction  k set of signals  l struct rlimit
 */
static const struct format formats[] = {
	{ "read", "fBu", 0 }, { "write", "fbu", 0 }, { "pread64", "fBud", 0 }, { "pwrite64", "fbud", 0 },
	{ "readv", "fpd", 0 }, { "writev", "fpd", 0 }, { "openat", "@som", 0 }, { "close", "f", 0 },
	{ "lseek", "fdw", 0 }, { "newfstatat", "@sSA", 0 }, { "fstat", "fS", 0 }, { "statx", "@sAxp", 0 }, { "readlinkat", "@sBu", 0 },
	{ "faccessat", "@sa", 0 }, { "faccessat2", "@saA", 0 }, { "mkdirat", "@sm", 0 }, { "unlinkat", "@sA", 0 }, { "renameat", "@s@s", 0 },
	{ "renameat2", "@s@sx", 0 }, { "linkat", "@s@sA", 0 }, { "symlinkat", "s@s", 0 }, { "getcwd", "Bu", 0 }, { "chdir", "s", 0 }, { "fchdir", "f", 0 },
	{ "mmap", "puPMfx", 'p' }, { "munmap", "pu", 0 }, { "mprotect", "puP", 0 }, { "brk", "p", 'p' }, { "mremap", "puuxp", 'p' }, { "madvise", "pug", 0 },
	{ "msync", "pux", 0 }, { "fcntl", "fcx", 0 }, { "ioctl", "fip", 0 }, { "dup", "f", 0 }, { "dup3", "ffo", 0 }, { "pipe2", "Io", 0 },
	{ "getdents64", "fpu", 0 }, { "ftruncate", "fu", 0 }, { "truncate", "su", 0 }, { "fsync", "f", 0 }, { "fdatasync", "f", 0 }, { "fallocate", "fxuu", 0 },
	{ "fchmod", "fm", 0 }, { "fchmodat", "@sm", 0 }, { "fchown", "fdd", 0 }, { "fchownat", "@sddA", 0 }, { "utimensat", "@spA", 0 },
	{ "sendfile", "ffpu", 0 }, { "flock", "fd", 0 }, { "statfs", "sp", 0 }, { "fstatfs", "fp", 0 }, { "umask", "m", 0 },
	{ "eventfd2", "uo", 0 }, { "epoll_create1", "o", 0 }, { "epoll_ctl", "fEfp", 0 }, { "epoll_pwait", "fpddpu", 0 }, { "ppoll", "putpu", 0 },
	{ "pselect6", "dppptp", 0 }, { "timerfd_create", "Co", 0 }, { "timerfd_settime", "fxpp", 0 }, { "memfd_create", "sx", 0 },
	{ "futex", "pXutpu", 0 }, { "set_tid_address", "p", 0 }, { "set_robust_list", "pu", 0 }, { "rseq", "pxxx", 0 }, { "clone", "Lpppp", 0 },
	{ "clone3", "pu", 0 }, { "execve", "svv", 0 }, { "exit", "d", 0 }, { "exit_group", "d", 0 }, { "wait4", "dpxp", 0 },
	{ "nanosleep", "tp", 0 }, { "clock_nanosleep", "Cxtp", 0 }, { "clock_gettime", "CT", 0 }, { "clock_getres", "CT", 0 }, { "gettimeofday", "pp", 0 },
	{ "rt_sigaction", "nJju", 0 }, { "rt_sigprocmask", "hKku", 0 }, { "rt_sigsuspend", "Ku", 0 }, { "rt_sigtimedwait", "Kptu", 0 },
	{ "rt_sigreturn", "", 0 }, { "sigaltstack", "pp", 0 }, { "kill", "dn", 0 }, { "tkill", "dn", 0 }, { "tgkill", "ddn", 0 }, { "setitimer", "dpp", 0 },
	{ "prlimit64", "drpl", 0 }, { "getrandom", "BuG", 0 }, { "uname", "p", 0 }, { "sysinfo", "p", 0 }, { "prctl", "Rxxxx", 0 }, { "getrusage", "dp", 0 },
	{ "sched_getaffinity", "dup", 0 }, { "sched_setaffinity", "dup", 0 }, { "sched_yield", "", 0 },
	{ "getpid", "", 0 }, { "getppid", "", 0 }, { "gettid", "", 0 }, { "getuid", "", 0 }, { "geteuid", "", 0 }, { "getgid", "", 0 }, { "getegid", "", 0 },
	{ "socket", "ddd", 0 }, { "bind", "fpu", 0 }, { "listen", "fd", 0 }, { "accept4", "fppo", 0 }, { "connect", "fpu", 0 }, { "shutdown", "fd", 0 },
	{ "sendto", "fbuxpu", 0 }, { "recvfrom", "fBuxpp", 0 }, { "sendmsg", "fpx", 0 }, { "recvmsg", "fpx", 0 },
	{ "open", "som", 0 }, { "creat", "sm", 0 }, { "stat", "sS", 0 }, { "lstat", "sS", 0 }, { "access", "sa", 0 }, { "readlink", "sBu", 0 },
	{ "unlink", "s", 0 }, { "rename", "ss", 0 }, { "mkdir", "sm", 0 }, { "rmdir", "s", 0 }, { "link", "ss", 0 }, { "symlink", "ss", 0 },
	{ "chmod", "sm", 0 }, { "chown", "sdd", 0 }, { "lchown", "sdd", 0 }, { "pipe", "I", 0 }, { "dup2", "ff", 0 }, { "poll", "pud", 0 },
	{ "select", "dpppp", 0 }, { "epoll_create", "d", 0 }, { "epoll_wait", "fpdd", 0 }, { "eventfd", "u", 0 }, { "alarm", "u", 0 },
	{ "pause", "", 0 }, { "fork", "", 0 }, { "vfork", "", 0 }, { "getpgrp", "", 0 }, { "time", "p", 0 }, { "getdents", "fpu", 0 },
	{ "arch_prctl", "Dp", 0 }, { "setsockopt", "fddpu", 0 }, { "getsockopt", "fddpp", 0 }, { "getsockname", "fpp", 0 }, { "getpeername", "fpp", 0 },
};

#define FLAG(f)	{ f, #f }
/* In strace's order. */
static const struct flag open_flags[] = {
	FLAG(O_CREAT), FLAG(O_EXCL), FLAG(O_NOCTTY), FLAG(O_TRUNC), FLAG(O_APPEND), FLAG(O_NONBLOCK), FLAG(O_SYNC), FLAG(O_DSYNC), FLAG(O_DIRECT),
	FLAG(O_LARGEFILE), FLAG(O_NOFOLLOW), FLAG(O_NOATIME), FLAG(O_CLOEXEC), FLAG(O_PATH), FLAG(O_TMPFILE), FLAG(O_DIRECTORY), { 0, NULL },
};
#undef FLAG
static const struct flag prot_flags[] = {
	{ 1, "PROT_READ" }, { 2, "PROT_WRITE" }, { 4, "PROT_EXEC" }, { 0, NULL },
};
static const struct flag map_flags[] = {
	{ 0x03, "MAP_SHARED_VALIDATE" }, { 0x01, "MAP_SHARED" }, { 0x02, "MAP_PRIVATE" }, { 0x10, "MAP_FIXED" }, { 0x20, "MAP_ANONYMOUS" },
	{ 0x100, "MAP_GROWSDOWN" }, { 0x800, "MAP_DENYWRITE" }, { 0x4000, "MAP_NORESERVE" }, { 0x8000, "MAP_POPULATE" }, { 0x20000, "MAP_STACK" },
	{ 0x40000, "MAP_HUGETLB" }, { 0x100000, "MAP_FIXED_NOREPLACE" }, { 0, NULL },
};
static const struct flag at_flags[] = {
	{ 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_REMOVEDIR" }, { 0x400, "AT_SYMLINK_FOLLOW" },
	{ 0x800, "AT_NO_AUTOMOUNT" }, { 0x1000, "AT_EMPTY_PATH" }, { 0, NULL },
};
static const struct flag access_flags[] = { { 4, "R_OK" }, { 2, "W_OK" }, { 1, "X_OK" }, { 0, NULL } };
static const struct flag clone_flags[] = {
	{ 0x100, "CLONE_VM" }, { 0x200, "CLONE_FS" }, { 0x400, "CLONE_FILES" }, { 0x800, "CLONE_SIGHAND" }, { 0x4000, "CLONE_VFORK" },
	{ 0x10000, "CLONE_THREAD" }, { 0x40000, "CLONE_SYSVSEM" }, { 0x80000, "CLONE_SETTLS" }, { 0x100000, "CLONE_PARENT_SETTID" },
	{ 0x200000, "CLONE_CHILD_CLEARTID" }, { 0x1000000, "CLONE_CHILD_SETTID" }, { 0, NULL },
};

static const struct flag sa_flags[] = {
	{ 0x04000000, "SA_RESTORER" }, { 0x08000000, "SA_ONSTACK" }, { 0x10000000, "SA_RESTART" }, { 0x40000000, "SA_NODEFER" },
	{ 0x80000000, "SA_RESETHAND" }, { 1, "SA_NOCLDSTOP" }, { 2, "SA_NOCLDWAIT" }, { 4, "SA_SIGINFO" }, { 0, NULL },
};
static const struct flag random_flags[] = { { 1, "GRND_NONBLOCK" }, { 2, "GRND_RANDOM" }, { 4, "GRND_INSECURE" }, { 0, NULL } };
static const struct flag requests[] = {		/* whole values */
	{ 0x5401, "TCGETS" }, { 0x5402, "TCSETS" }, { 0x5403, "TCSETSW" }, { 0x5404, "TCSETSF" }, { 0x540f, "TIOCGPGRP" }, { 0x5410, "TIOCSPGRP" },
	{ 0x5413, "TIOCGWINSZ" }, { 0x5414, "TIOCSWINSZ" }, { 0x541b, "FIONREAD" }, { 0x5421, "FIONBIO" }, { 0x5451, "FIOCLEX" },
	{ 0x8912, "SIOCGIFCONF" }, { 0x8913, "SIOCGIFFLAGS" }, { 0x8915, "SIOCGIFADDR" }, { 0x8927, "SIOCGIFHWADDR" }, { 0x8933, "SIOCGIFINDEX" },
	{ 0, NULL },
};

static const struct flag arch_codes[] = {
	{ 0x1001, "ARCH_SET_GS" }, { 0x1002, "ARCH_SET_FS" }, { 0x1003, "ARCH_GET_FS" }, { 0x1004, "ARCH_GET_GS" }, { 0x3001, "ARCH_CET_STATUS" }, { 0, NULL },
};

static const char *const errno_names[] = {
	[EPERM] = "EPERM (Operation not permitted)", [ENOENT] = "ENOENT (No such file or directory)", [ESRCH] = "ESRCH (No such process)",
	[EINTR] = "EINTR (Interrupted system call)", [EIO] = "EIO (Input/output error)", [ENXIO] = "ENXIO (No such device or address)",
	[E2BIG] = "E2BIG (Argument list too long)", [ENOEXEC] = "ENOEXEC (Exec format error)", [EBADF] = "EBADF (Bad file descriptor)",
	[ECHILD] = "ECHILD (No child processes)", [EAGAIN] = "EAGAIN (Resource temporarily unavailable)", [ENOMEM] = "ENOMEM (Cannot allocate memory)",
	[EACCES] = "EACCES (Permission denied)", [EFAULT] = "EFAULT (Bad address)", [EBUSY] = "EBUSY (Device or resource busy)",
	[EEXIST] = "EEXIST (File exists)", [EXDEV] = "EXDEV (Invalid cross-device link)", [ENODEV] = "ENODEV (No such device)",
	[ENOTDIR] = "ENOTDIR (Not a directory)", [EISDIR] = "EISDIR (Is a directory)", [EINVAL] = "EINVAL (Invalid argument)",
	[EMFILE] = "EMFILE (Too many open files)", [ENOTTY] = "ENOTTY (Inappropriate ioctl for device)", [EFBIG] = "EFBIG (File too large)",
	[ENOSPC] = "ENOSPC (No space left on device)", [ESPIPE] = "ESPIPE (Illegal seek)", [EROFS] = "EROFS (Read-only file system)",
	[EMLINK] = "EMLINK (Too many links)", [EPIPE] = "EPIPE (Broken pipe)", [ERANGE] = "ERANGE (Numerical result out of range)",
	[EDEADLK] = "EDEADLK (Resource deadlock avoided)", [ENAMETOOLONG] = "ENAMETOOLONG (File name too long)", [ENOSYS] = "ENOSYS (Function not implemented)",
	[ENOTEMPTY] = "ENOTEMPTY (Directory not empty)", [ELOOP] = "ELOOP (Too many levels of symbolic links)", [ENODATA] = "ENODATA (No data available)",
	[EOVERFLOW] = "EOVERFLOW (Value too large for defined data type)", [ENOTSOCK] = "ENOTSOCK (Socket operation on non-socket)",
	[EPROTONOSUPPORT] = "EPROTONOSUPPORT (Protocol not supported)", [EOPNOTSUPP] = "EOPNOTSUPP (Operation not supported)",
	[EAFNOSUPPORT] = "EAFNOSUPPORT (Address family not supported by protocol)", [EADDRINUSE] = "EADDRINUSE (Address already in use)",
	[EADDRNOTAVAIL] = "EADDRNOTAVAIL (Cannot assign requested address)", [ECONNRESET] = "ECONNRESET (Connection reset by peer)",
	[EISCONN] = "EISCONN (Transport endpoint is already connected)", [ENOTCONN] = "ENOTCONN (Transport endpoint is not connected)",
	[ETIMEDOUT] = "ETIMEDOUT (Connection timed out)", [ECONNREFUSED] = "ECONNREFUSED (Connection refused)",
	[EALREADY] = "EALREADY (Operation already in progress)", [EINPROGRESS] = "EINPROGRESS (Operation now in progress)",
};

static const char *const signal_names[] = {
	"0", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE",
	"SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM",
	"SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
};

static void put(struct strace_line *l, const char *fmt, ...) __printf(2, 3);

static void put(struct strace_line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, STRACE_LINE - l->len, fmt, ap);
	va_end(ap);
	l->len = MIN(l->len + (size_t)n, (size_t)STRACE_LINE - 1);
}

static void put_flags(struct strace_line *l, const struct flag *table, unsigned long value, const char *none)
{
	const char *bar = "";

	if (!value) {
		put(l, "%s", none);
		return;
	}
	for (const struct flag *f = table; f->name; f++) {
		if ((value & f->value) != f->value)
			continue;
		put(l, "%s%s", bar, f->name);
		value &= ~f->value;
		bar = "|";
	}
	if (value)
		put(l, "%s%#lx", bar, value);
}

static void put_choice(struct strace_line *l, const char *const *names, size_t nr, unsigned long value)
{
	if (value < nr && names[value])
		put(l, "%s", names[value]);
	else
		put(l, "%lu", value);
}

/* Up to 32 bytes as a C string, as strace -s 32. */
static void put_bytes(struct strace_line *l, long ptr, long len)
{
	unsigned char bytes[32];
	size_t n = MIN((size_t)MAX(len, 0l), sizeof(bytes));

	if (!ptr || copy_from_user(bytes, (const void *)ptr, n)) {
		put(l, ptr ? "%#lx" : "NULL", ptr);
		return;
	}
	put(l, "\"");
	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n')
			put(l, "\\n");
		else if (bytes[i] == '\t')
			put(l, "\\t");
		else if (bytes[i] == '\r')
			put(l, "\\r");
		else if (bytes[i] == '"' || bytes[i] == '\\')
			put(l, "\\%c", bytes[i]);
		else if (bytes[i] >= ' ' && bytes[i] < 127)
			put(l, "%c", bytes[i]);
		else if (i + 1 < n && bytes[i + 1] >= '0' && bytes[i + 1] <= '7')
			put(l, "\\%03o", bytes[i]);
		else
			put(l, "\\%o", bytes[i]);
	}
	put(l, len > (long)n ? "\"..." : "\"");
}

static void put_string(struct strace_line *l, long ptr)
{
	char text[160];
	ssize_t n;

	if (!ptr) {
		put(l, "NULL");
		return;
	}
	n = strncpy_from_user(text, (const char *)ptr, sizeof(text));
	if (n == -ENAMETOOLONG) {
		text[sizeof(text) - 1] = 0;
		put(l, "\"%s\"...", text);
	} else if (n < 0) {
		put(l, "%#lx", ptr);
	} else {
		put(l, "\"%s\"", text);
	}
}

static void put_open_flags(struct strace_line *l, unsigned flags)
{
	static const char *const access[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	unsigned rest = abi_open_flags(flags) & ~(unsigned)O_ACCMODE;

	put(l, "%s", access[flags & O_ACCMODE]);
	if (rest) {
		put(l, "|");
		put_flags(l, open_flags, rest, "");
	}
}

static void put_timespec(struct strace_line *l, long ptr)
{
	int64_t t[2];

	if (!ptr)
		put(l, "NULL");
	else if (copy_from_user(t, (const void *)ptr, sizeof(t)))
		put(l, "%#lx", ptr);
	else
		put(l, "{tv_sec=%ld, tv_nsec=%ld}", (long)t[0], (long)t[1]);
}

static void put_mode(struct strace_line *l, uint32_t mode)
{
	static const char *const types[16] = {
		[1] = "S_IFIFO", [2] = "S_IFCHR", [4] = "S_IFDIR", [6] = "S_IFBLK", [8] = "S_IFREG", [10] = "S_IFLNK", [12] = "S_IFSOCK",
	};
	const char *type = types[mode >> 12 & 15];

	put(l, "%s|%#o", type ? type : "0", mode & 07777);
}

static void put_stat(struct strace_line *l, long ptr)
{
	struct abi_stat st;

	if (copy_from_user(&st, (const void *)ptr, sizeof(st))) {
		put(l, "%#lx", ptr);
		return;
	}
	put(l, "{st_mode=");
	put_mode(l, st.mode);
	if ((st.mode & 0170000) == 0020000)
		put(l, ", st_rdev=makedev(%#x, %#x), ...}", (unsigned)(st.rdev >> 8) & 0xfff, (unsigned)st.rdev & 0xff);
	else
		put(l, ", st_size=%ld, ...}", (long)st.size);
}

static void put_signal(struct strace_line *l, unsigned long signo)
{
	if (signo < ARRAY_SIZE(signal_names))
		put(l, "%s", signal_names[signo]);
	else if (signo <= 64)
		put(l, "SIGRT_%lu", signo - 32);
	else
		put(l, "%lu", signo);
}

/* [INT TERM]; ~[...] names those that are not in it, when these are fewer. */
static void put_signal_set(struct strace_line *l, uint64_t set)
{
	unsigned nr = 0;
	bool is_inverted;
	const char *space = "";

	for (uint64_t rest = set; rest; rest &= rest - 1)
		nr++;
	is_inverted = nr >= 64 * 2 / 3;
	put(l, is_inverted ? "~[" : "[");
	for (unsigned i = 0; i < 64; i++) {
		if ((set >> i & 1) == is_inverted)
			continue;
		if (i + 1 < ARRAY_SIZE(signal_names))
			put(l, "%s%s", space, signal_names[i + 1] + 3);
		else
			put(l, "%sRT_%u", space, i + 1 - 32);
		space = " ";
	}
	put(l, "]");
}

static void put_sigset_at(struct strace_line *l, long ptr)
{
	uint64_t set;

	if (!ptr)
		put(l, "NULL");
	else if (copy_from_user(&set, (const void *)ptr, sizeof(set)))
		put(l, "%#lx", ptr);
	else
		put_signal_set(l, set);
}

static void put_sigaction(struct strace_line *l, long ptr)
{
	struct { uint64_t handler, flags, restorer, mask; } act;

	if (!ptr || copy_from_user(&act, (const void *)ptr, sizeof(act))) {
		put(l, ptr ? "%#lx" : "NULL", ptr);
		return;
	}
	if (act.handler < 2)
		put(l, "{sa_handler=%s, sa_mask=", act.handler ? "SIG_IGN" : "SIG_DFL");
	else
		put(l, "{sa_%s=%#lx, sa_mask=", act.flags & 4 ? "sigaction" : "handler", (unsigned long)act.handler);
	put_signal_set(l, act.mask);
	put(l, ", sa_flags=");
	put_flags(l, sa_flags, act.flags, "0");
	if (act.flags & 0x04000000)
		put(l, ", sa_restorer=%#lx", (unsigned long)act.restorer);
	put(l, "}");
}

static void put_limit(struct strace_line *l, uint64_t limit)
{
	if (limit == UINT64_MAX)
		put(l, "RLIM64_INFINITY");
	else if (limit > 1024 && limit % 1024 == 0)
		put(l, "%lu*1024", (unsigned long)limit / 1024);
	else
		put(l, "%lu", (unsigned long)limit);
}

static void put_rlimit(struct strace_line *l, long ptr)
{
	uint64_t limit[2];

	if (!ptr || copy_from_user(limit, (const void *)ptr, sizeof(limit))) {
		put(l, ptr ? "%#lx" : "NULL", ptr);
		return;
	}
	put(l, "{rlim_cur=");
	put_limit(l, limit[0]);
	put(l, ", rlim_max=");
	put_limit(l, limit[1]);
	put(l, "}");
}

/* One of a table of whole values. */
static void put_value(struct strace_line *l, const struct flag *table, unsigned long request)
{
	for (const struct flag *f = table; f->name; f++)
		if (f->value == request) {
			put(l, "%s", f->name);
			return;
		}
	put(l, "%#lx", request);
}

static void put_futex_op(struct strace_line *l, unsigned long op)
{
	static const char *const names[] = {
		"FUTEX_WAIT", "FUTEX_WAKE", "FUTEX_FD", "FUTEX_REQUEUE", "FUTEX_CMP_REQUEUE", "FUTEX_WAKE_OP", "FUTEX_LOCK_PI", "FUTEX_UNLOCK_PI",
		"FUTEX_TRYLOCK_PI", "FUTEX_WAIT_BITSET", "FUTEX_WAKE_BITSET",
	};

	put_choice(l, names, ARRAY_SIZE(names), op & 127);
	put(l, "%s%s", op & 128 ? "_PRIVATE" : "", op & 256 ? "|FUTEX_CLOCK_REALTIME" : "");
}

static void put_fcntl(struct strace_line *l, unsigned long cmd)
{
	static const char *const names[] = {
		"F_DUPFD", "F_GETFD", "F_SETFD", "F_GETFL", "F_SETFL", "F_GETLK", "F_SETLK", "F_SETLKW", "F_SETOWN", "F_GETOWN",
	};

	if (cmd == 1030)
		put(l, "F_DUPFD_CLOEXEC");
	else
		put_choice(l, names, ARRAY_SIZE(names), cmd);
}

/* One of a list of names. False: how is of another kind. */
static bool put_choice_arg(struct strace_line *l, char how, unsigned long v)
{
	static const char *const clocks[] = {
		"CLOCK_REALTIME", "CLOCK_MONOTONIC", "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_THREAD_CPUTIME_ID", "CLOCK_MONOTONIC_RAW",
		"CLOCK_REALTIME_COARSE", "CLOCK_MONOTONIC_COARSE", "CLOCK_BOOTTIME",
	};
	static const char *const whence[] = { "SEEK_SET", "SEEK_CUR", "SEEK_END", "SEEK_DATA", "SEEK_HOLE" };
	static const char *const hows[] = { "SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK" };
	static const char *const epoll_ops[] = { NULL, "EPOLL_CTL_ADD", "EPOLL_CTL_DEL", "EPOLL_CTL_MOD" };
	static const char *const limits[] = {
		"RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC", "RLIMIT_NOFILE",
		"RLIMIT_MEMLOCK", "RLIMIT_AS",
	};
	static const char *const advices[] = {
		"MADV_NORMAL", "MADV_RANDOM", "MADV_SEQUENTIAL", "MADV_WILLNEED", "MADV_DONTNEED", NULL, NULL, NULL, "MADV_FREE", "MADV_REMOVE",
		"MADV_DONTFORK", "MADV_DOFORK", NULL, NULL, "MADV_HUGEPAGE", "MADV_NOHUGEPAGE", "MADV_DONTDUMP",
	};
	static const char *const options[] = { [4] = "PR_SET_DUMPABLE", [15] = "PR_SET_NAME", [16] = "PR_GET_NAME", [23] = "PR_CAPBSET_READ" };

	switch (how) {
	case 'C':
		put_choice(l, clocks, ARRAY_SIZE(clocks), v);
		break;
	case 'w':
		put_choice(l, whence, ARRAY_SIZE(whence), v);
		break;
	case 'h':
		put_choice(l, hows, ARRAY_SIZE(hows), v);
		break;
	case 'E':
		put_choice(l, epoll_ops, ARRAY_SIZE(epoll_ops), v);
		break;
	case 'r':
		put_choice(l, limits, ARRAY_SIZE(limits), v);
		break;
	case 'g':
		put_choice(l, advices, ARRAY_SIZE(advices), v);
		break;
	case 'R':
		put_choice(l, options, ARRAY_SIZE(options), v);
		break;
	default:
		return false;
	}
	return true;
}

/* Flags, and modes. False: how is of another kind. */
static bool put_flags_arg(struct strace_line *l, char how, unsigned long v)
{
	switch (how) {
	case 'o':
		put_open_flags(l, (unsigned)v);
		break;
	case 'm':
		put(l, "%#o", (unsigned)v & 07777);
		break;
	case 'P':
		put_flags(l, prot_flags, v, "PROT_NONE");
		break;
	case 'M':
		put_flags(l, map_flags, v, "0");
		break;
	case 'A':
		put_flags(l, at_flags, v, "0");
		break;
	case 'a':
		put_flags(l, access_flags, v, "F_OK");
		break;
	case 'L':
		put_flags(l, clone_flags, v & ~0xfful, "0");
		if (v & 0xff)
			put(l, "|%lu", v & 0xff);
		break;
	case 'G':
		put_flags(l, random_flags, v, "0");
		break;
	default:
		return false;
	}
	return true;
}

/* One argument; args gives the neighbours, result is valid for outputs only. */
static void put_arg(struct strace_line *l, char how, const long args[6], unsigned i, long result)
{
	unsigned long v = (unsigned long)args[i];
	int32_t pair[2];

	switch (how) {
	case 'f':
	case 'd':
		put(l, "%d", (int)v);
		break;
	case 'u':
		put(l, "%lu", v);
		break;
	case '@':
		if ((int)v == -100)
			put(l, "AT_FDCWD");
		else
			put(l, "%d", (int)v);
		break;
	case 's':
		put_string(l, args[i]);
		break;
	case 'b':
		put_bytes(l, args[i], args[i + 1]);
		break;
	case 'B':
		if (result < 0)
			put(l, "%#lx", v);
		else
			put_bytes(l, args[i], result);
		break;
	case 'X':
		put_futex_op(l, v);
		break;
	case 'n':
		put_signal(l, v);
		break;
	case 'c':
		put_fcntl(l, v);
		break;
	case 't':
		put_timespec(l, args[i]);
		break;
	case 'T':
		if (result < 0)
			put(l, "%#lx", v);
		else
			put_timespec(l, args[i]);
		break;
	case 'S':
		if (result < 0)
			put(l, "%#lx", v);
		else
			put_stat(l, args[i]);
		break;
	case 'J':
		put_sigaction(l, args[i]);
		break;
	case 'K':
		put_sigset_at(l, args[i]);
		break;
	case 'i':
		put_value(l, requests, v);
		break;
	case 'D':
		put_value(l, arch_codes, v);
		break;
	case 'j':
	case 'k':
	case 'l':
		if (v && result < 0)
			put(l, "%#lx", v);
		else
			(how == 'j' ? put_sigaction : how == 'k' ? put_sigset_at : put_rlimit)(l, args[i]);
		break;
	case 'I':
		if (result < 0 || copy_from_user(pair, (const void *)args[i], sizeof(pair)))
			put(l, "%#lx", v);
		else
			put(l, "[%d, %d]", pair[0], pair[1]);
		break;
	default:
		if (put_choice_arg(l, how, v) || put_flags_arg(l, how, v))
			break;
		if (how == 'p' && !v)
			put(l, "NULL");
		else
			put(l, v ? "%#lx" : "%lu", v);
	}
}

static const struct format *find_format(uint64_t nr)
{
	const char *name = nr < ARCH_NR_SYSCALLS ? syscall_table[nr].name : NULL;

	for (size_t i = 0; name && i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

static bool is_output(char how)
{
	return how == 'B' || how == 'S' || how == 'T' || how == 'I' || how == 'j' || how == 'k' || how == 'l';
}

/* The mode of open counts only where a file may be made. */
static unsigned nr_args(const struct format *f, const long args[6])
{
	unsigned n = (unsigned)strlen(f->args), at = !strcmp(f->name, "openat") ? 2 : !strcmp(f->name, "open") ? 1 : 0;

	if (at && !(abi_open_flags((unsigned)args[at]) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY))))
		return at + 1;
	if (!strcmp(f->name, "fcntl") && (args[1] == 1 || args[1] == 3))
		return 2;
	return n;
}

static void put_args(struct strace_line *l, uint64_t nr, const long args[6], long result, bool outputs)
{
	const struct format *f = find_format(nr);
	unsigned n = f ? nr_args(f, args) : nr < ARCH_NR_SYSCALLS ? syscall_table[nr].nargs : 6;

	for (; l->next_arg < n; l->next_arg++) {
		char how = f ? f->args[l->next_arg] : 'x';

		if (!outputs && is_output(how))
			return;
		if (l->next_arg)
			put(l, ", ");
		put_arg(l, how, args, l->next_arg, result);
	}
}

void strace_enter(struct strace_line *l, uint64_t nr, const long args[6])
{
	const char *name = nr < ARCH_NR_SYSCALLS ? syscall_table[nr].name : NULL;

	l->len = 0;
	l->next_arg = 0;
	l->start = clock_monotonic();
	put(l, "[%5d] ", task_current()->tid);
	if (name)
		put(l, "%s(", name);
	else
		put(l, "syscall_%#lx(", (unsigned long)nr);
	put_args(l, nr, args, 0, false);
}

void strace_exit(struct strace_line *l, uint64_t nr, const long args[6], long result)
{
	const struct format *f = find_format(nr);
	nsec_t took = clock_monotonic() - l->start;

	put_args(l, nr, args, result, true);
	put(l, ") = ");
	if (result < 0 && result > -4096) {
		put(l, "-1 ");
		if (-result < (long)ARRAY_SIZE(errno_names) && errno_names[-result])
			put(l, "%s", errno_names[-result]);
		else if (result <= -512)
			put(l, "(to be restarted)");
		else
			put(l, "errno %ld", -result);
	} else if (f && f->result == 'p') {
		put(l, "%#lx", (unsigned long)result);
	} else {
		put(l, f && !strcmp(f->name, "fcntl") && args[1] == 1 && result == 1 ? "%#lx (flags FD_CLOEXEC)" : "%ld", result);
	}
	put(l, " <%lu.%06lu>\n", (unsigned long)(took / NSEC_PER_SEC), (unsigned long)(took % NSEC_PER_SEC / NSEC_PER_USEC));
	log_raw("%s", l->text);
}

void strace_no_return(struct strace_line *l)
{
	put(l, ") = ?\n");
	log_raw("%s", l->text);
}
