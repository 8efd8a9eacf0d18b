// SPDX-License-Identifier: MIT
/* sources: */
/* The x86-64 system-call ABI as this project writes it down (numbers, structures, flags), against the headers of a real Linux. Runs where the host is x86-64. */
#ifndef __x86_64__
int main(void)
{
	return 0;
}
#else
#include "arch-x86/arch/abi.h"
#include "arch-x86/arch/syscall.h"

#include <asm/unistd.h>
#include <stddef.h>
#include <stdio.h>

#include "fs/file.h"

/* Values of fs/file.h, before the host's headers take the names. */
enum {
	OUR_CREAT = O_CREAT, OUR_DIRECT = O_DIRECT, OUR_LARGEFILE = O_LARGEFILE, OUR_DIRECTORY = O_DIRECTORY, OUR_NOFOLLOW = O_NOFOLLOW, OUR_TMPFILE = O_TMPFILE,
	OUR_PATH = O_PATH, OUR_CLOEXEC = O_CLOEXEC, OUR_SYNC = O_SYNC, OUR_NOATIME = O_NOATIME, OUR_ASYNC = O_ASYNC,
};
#undef O_ACCMODE
#undef O_RDONLY
#undef O_WRONLY
#undef O_RDWR
#undef O_CREAT
#undef O_EXCL
#undef O_NOCTTY
#undef O_TRUNC
#undef O_APPEND
#undef O_NONBLOCK
#undef O_DSYNC
#undef O_ASYNC
#undef O_DIRECTORY
#undef O_NOFOLLOW
#undef O_DIRECT
#undef O_LARGEFILE
#undef O_NOATIME
#undef O_CLOEXEC
#undef O_SYNC
#undef O_PATH
#undef O_TMPFILE
#define stat linux_stat		/* the C library's is included below, in another form */
#include <asm/stat.h>
#undef stat
/* The uapi headers, not the C library's: structures of signal frames. */
#include "arch-x86/signal-reg.h"
#define sigcontext linux_sigcontext
#define ucontext linux_ucontext
#undef FP_XSTATE_MAGIC1
#undef FP_XSTATE_MAGIC2
#undef UC_FP_XSTATE
#undef UC_SIGCONTEXT_SS
#undef UC_STRICT_RESTORE_SS
#include <asm/sigcontext.h>
#include <asm/signal.h>
#include <asm/ucontext.h>
#undef sigcontext
#undef ucontext
#include <asm/fcntl.h>
#include <linux/eventpoll.h>
#include <asm/mman.h>

static int failures;

static void expect(const char *what, long have, long want)
{
	if (have != want) {
		printf("%s: %ld, Linux has %ld\n", what, have, want);
		failures++;
	}
}

static void check_numbers(void)
{
#define SYS(name, a, x, n)		if ((x) >= 0) expect(#name, x, __NR_##name);
#define SYS_RESTART(name, a, x, n)	SYS(name, a, x, n)
#define SYS_FRAME(name, a, x)		SYS(name, a, x, 0)
#define SYS_TODO(name, a, x, n)		SYS(name, a, x, n)
#include "linux/syscalls.def"
#undef SYS
#undef SYS_RESTART
#undef SYS_FRAME
#undef SYS_TODO
	expect("column", ARCH_SYSCALL_NR(1, 2), 2);
}

#define SAME(ours, theirs) \
	_Static_assert(offsetof(struct abi_stat, ours) == offsetof(struct linux_stat, theirs) && \
		       sizeof(((struct abi_stat *)0)->ours) == sizeof(((struct linux_stat *)0)->theirs), #theirs)
SAME(dev, st_dev);
SAME(ino, st_ino);
SAME(nlink, st_nlink);
SAME(mode, st_mode);
SAME(uid, st_uid);
SAME(gid, st_gid);
SAME(rdev, st_rdev);
SAME(size, st_size);
SAME(blksize, st_blksize);
SAME(blocks, st_blocks);
SAME(atime_sec, st_atime);
SAME(atime_nsec, st_atime_nsec);
SAME(mtime_sec, st_mtime);
SAME(ctime_nsec, st_ctime_nsec);
_Static_assert(sizeof(struct abi_stat) == sizeof(struct linux_stat), "struct stat");
_Static_assert(sizeof(struct abi_epoll_event) == sizeof(struct epoll_event), "struct epoll_event");
_Static_assert(offsetof(struct abi_epoll_event, data) == offsetof(struct epoll_event, data), "struct epoll_event");
_Static_assert(ABI_MAP_32BIT == MAP_32BIT, "mmap(2)");

#define SAME_MC(ours, theirs) \
	_Static_assert(offsetof(struct sigcontext, ours) == offsetof(struct linux_sigcontext, theirs), #theirs)
SAME_MC(r8, r8);
SAME_MC(r15, r15);
SAME_MC(rdi, rdi);
SAME_MC(rsi, rsi);
SAME_MC(rbp, rbp);
SAME_MC(rbx, rbx);
SAME_MC(rdx, rdx);
SAME_MC(rax, rax);
SAME_MC(rcx, rcx);
SAME_MC(rsp, rsp);
SAME_MC(rip, rip);
SAME_MC(eflags, eflags);
SAME_MC(cs, cs);
SAME_MC(ss, ss);
SAME_MC(err, err);
SAME_MC(trapno, trapno);
SAME_MC(oldmask, oldmask);
SAME_MC(cr2, cr2);
SAME_MC(fpstate, fpstate);
_Static_assert(sizeof(struct sigcontext) == sizeof(struct linux_sigcontext), "struct sigcontext");
_Static_assert(offsetof(struct ucontext, stack_sp) == offsetof(struct linux_ucontext, uc_stack.ss_sp), "uc_stack");
_Static_assert(offsetof(struct ucontext, stack_flags) == offsetof(struct linux_ucontext, uc_stack.ss_flags), "uc_stack");
_Static_assert(offsetof(struct ucontext, stack_size) == offsetof(struct linux_ucontext, uc_stack.ss_size), "uc_stack");
_Static_assert(offsetof(struct ucontext, mc) == offsetof(struct linux_ucontext, uc_mcontext), "uc_mcontext");
_Static_assert(offsetof(struct ucontext, sigmask) == offsetof(struct linux_ucontext, uc_sigmask), "uc_sigmask");
_Static_assert(offsetof(struct _fpstate_64, sw_reserved) == SW_BYTES_OFFSET && sizeof(struct _fpx_sw_bytes) == sizeof(struct sw_bytes), "sw_reserved");
_Static_assert(offsetof(struct sw_bytes, xfeatures) == offsetof(struct _fpx_sw_bytes, xfeatures), "struct _fpx_sw_bytes");
_Static_assert(offsetof(struct sw_bytes, xstate_size) == offsetof(struct _fpx_sw_bytes, xstate_size), "struct _fpx_sw_bytes");
_Static_assert(FP_XSTATE_MAGIC1 == 0x46505853 && FP_XSTATE_MAGIC2 == 0x46505845 && UC_FP_XSTATE == 1, "as signal-reg.h has them");
_Static_assert(UC_SIGCONTEXT_SS == 2 && UC_STRICT_RESTORE_SS == 4, "as signal-reg.h has them");

static void check_flag(const char *name, unsigned linux_flag, unsigned ours)
{
	expect(name, (long)abi_open_flags(linux_flag), (long)ours);
	expect(name, (long)abi_open_flags_out(ours), (long)linux_flag);
}

int main(void)
{
	check_numbers();
	check_flag("O_CREAT", O_CREAT, OUR_CREAT);
	check_flag("O_DIRECT", O_DIRECT, OUR_DIRECT);
	check_flag("O_LARGEFILE", O_LARGEFILE, OUR_LARGEFILE);
	check_flag("O_DIRECTORY", O_DIRECTORY, OUR_DIRECTORY);
	check_flag("O_NOFOLLOW", O_NOFOLLOW, OUR_NOFOLLOW);
	check_flag("O_TMPFILE", O_TMPFILE, OUR_TMPFILE);
	check_flag("O_PATH", O_PATH, OUR_PATH);
	check_flag("O_CLOEXEC", O_CLOEXEC, OUR_CLOEXEC);
	check_flag("O_SYNC", O_SYNC, OUR_SYNC);
	check_flag("O_NOATIME", O_NOATIME, OUR_NOATIME);
	check_flag("FASYNC", FASYNC, OUR_ASYNC);
	check_flag("all four", O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW, OUR_DIRECT | OUR_LARGEFILE | OUR_DIRECTORY | OUR_NOFOLLOW);
	if (!failures)
		printf("ok\n");
	return failures != 0;
}
#endif
