/* SPDX-License-Identifier: MIT
 *
 * strace(1) from the inside: with `strace` on the kernel's command line each system call is one line on the console, as strace -f writes it, when it returns
 * (so calls of several threads are in the order of their ends). Arguments that are inputs are read before the call, outputs after it. Signals that a thread takes and the ends
 * of threads are lines of their own. How the text is made: linux/strace-priv.h.
 *
 * Context: thread.
 */
#pragma once

#include "libc/types.h"

struct siginfo;
struct task;

/* nr: number, args: the six registers. Call before the system call, then strace_exit() after it with the result. */
void strace_enter(uint64_t nr, const long args[6]);
void strace_exit(uint64_t nr, long result);
/* A call that does not return (exit, exit_group). */
void strace_no_return(void);

/* The current thread takes a signal: "--- SIGTERM {...} ---". */
void strace_signal(const struct siginfo *info);
/* The current thread ends: "+++ exited with 1 +++". status: as wait(2) codes it. */
void strace_thread_end(int status);
/* t is freed: what it had for its lines. */
void strace_forget(struct task *t);
