/* SPDX-License-Identifier: MIT
 *
 * strace(1) from the inside: with `strace` on the kernel's command line each system call is one line on the console, as strace -f writes it, when it returns
 * (so calls of several threads are in the order of their ends). Arguments that are inputs are read before the call, outputs after it.
 */
#pragma once

#include "libc/types.h"

#define STRACE_LINE	480

struct strace_line {
	char text[STRACE_LINE];
	size_t len;
	nsec_t start;
	unsigned next_arg;		/* arguments before it are written already */
};

/* nr: number, args: the six registers. Call before the system call, then strace_exit() after it with the result. Context: thread. */
void strace_enter(struct strace_line *l, uint64_t nr, const long args[6]);
void strace_exit(struct strace_line *l, uint64_t nr, const long args[6], long result);
/* A call that does not return (exit, exit_group, execve that worked, rt_sigreturn). */
void strace_no_return(struct strace_line *l);
