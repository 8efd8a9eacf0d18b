/* SPDX-License-Identifier: MIT
 *
 * System calls: prototypes (from linux/syscalls.def), the table, and what an implementation may use of the call path.
 */
#pragma once

#include <arch/syscall.h>

#include "libc/types.h"

struct frame;

#define SYSCALL_ARGS0	void
#define SYSCALL_ARGS1	long
#define SYSCALL_ARGS2	long, long
#define SYSCALL_ARGS3	long, long, long
#define SYSCALL_ARGS4	long, long, long, long
#define SYSCALL_ARGS5	long, long, long, long, long
#define SYSCALL_ARGS6	long, long, long, long, long, long

#define SYS(name, arm64_nr, x86_nr, nargs)		long sys_##name(SYSCALL_ARGS##nargs);
#define SYS_RESTART(name, arm64_nr, x86_nr, nargs)	long sys_##name(SYSCALL_ARGS##nargs);
#define SYS_FRAME(name, arm64_nr, x86_nr)		long sys_##name(struct frame *f);
#define SYS_TODO(name, arm64_nr, x86_nr, nargs)
#include "linux/syscalls.def"
#undef SYS
#undef SYS_RESTART
#undef SYS_FRAME
#undef SYS_TODO

#define SYSCALL_KNOWN	1u	/* the row exists (perhaps without an implementation) */
#define SYSCALL_RESTART	2u	/* SA_RESTART applies */
#define SYSCALL_FRAME	4u	/* takes the frame */

struct syscall {
	void (*fn)(void);	/* cast to the type that nargs or SYSCALL_FRAME say; NULL: not there */
	const char *name;	/* NULL: no such number */
	uint8_t nargs, flags;
};

/* One more than the highest number of this port; rows of numbers that it does not have share the last slot. */
extern const struct syscall syscall_table[ARCH_NR_SYSCALLS + 1];

/*
 * For a call with a relative timeout: the deadline on the monotonic clock (NSEC_NEVER if timeout_ns is NSEC_NEVER). If the call is being restarted
 * unseen, the deadline of its first start. Call it once in a system call.
 */
nsec_t syscall_deadline(nsec_t timeout_ns);

/* From now on calls through veneers build a frame and are seen by tracepoints. At boot. */
void syscall_use_frames(void);

/* Counters for /proc/samara/syscalls. */
struct syscall_stats {
	uint64_t exceptions;	/* calls that came by svc */
	uint64_t fast;		/* calls through a veneer */
	uint64_t patched;	/* sites rewritten */
	uint64_t unreachable;	/* sites that no veneer can reach, or that may not be rewritten */
};
void syscall_stats(struct syscall_stats *out);


long syscall_unknown(unsigned long nr);
/* The first handler is about to be set up: decides about the interrupted call in f. */
void syscall_before_handler(struct frame *f, bool sa_restart);
