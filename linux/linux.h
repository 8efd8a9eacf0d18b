/* SPDX-License-Identifier: MIT
 *
 * What boards/ calls of the Linux ABI: start the program. Map of the folder: see docs/architecture.md.
 */
#pragma once

#include "libc/types.h"

struct file;

struct linux_program {
	const char *const *argv;	/* NULL-terminated; argv[0] is searched in PATH if it has no slash */
	const char *const *envp;
	const char *cwd;
	const char *hostname;
	struct file *std[3];		/* take */
	bool aslr, veneers, strace;
};

/*
 * Make the first process and run it. Returns only on failure: -errno after one clear log_line(). When the process ends, the kernel calls board_exit(status).
 */
int linux_start(const struct linux_program *p);
/* The last section of a trace (sched/trace.h): /proc/self/maps of the caller, which is of the application. */
void linux_write_maps(bool (*emit)(void *arg, const void *data, size_t len), void *arg);
/* Supplied by boards/: flush consoles and leave the machine. status as a shell would see it (128 + n for a signal). */
_Noreturn void board_exit(int status);
