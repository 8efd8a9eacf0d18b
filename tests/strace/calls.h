/* SPDX-License-Identifier: MIT
 *
 * What the programs of tests/strace/ use. Each makes calls of one topic, directly, so that strace(1) and --strace can be compared line by line: the same calls with the
 * same results on both kernels, each time. Nothing is checked here and nothing is printed.
 */
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define CALL(name, ...)	syscall(SYS_##name, ##__VA_ARGS__)
#define BAD		((void *)0xdead000000001234ul)	/* no address of a program */
#define N(array)	(sizeof(array) / sizeof((array)[0]))
