/* SPDX-License-Identifier: MIT
 *
 * The kernel command line (docs/command-line.md is the contract). Pure: no global state, also tested on the host.
 */
#pragma once

#include "libc/types.h"

#define CMDLINE_MAX_UNKNOWN	4u

struct cmdline {
	const char **argv;		/* NULL-terminated; argv[0] is NULL if there is no "--" or nothing after it */
	const char **envp;		/* NULL-terminated */
	const char *cwd, *hostname;
	const char *console;		/* NULL: not said */
	const char *exit;		/* how to end the emulator with a status; NULL: not said */
	const char *trace;		/* events; NULL: none */
	unsigned trace_mib;		/* of each CPU's ring; 0: not said */
	unsigned profile_hz;		/* 0: none */
	const char *ip;			/* NULL: not said */
	const char *root_disk;		/* NULL: the root is the initrd */
	bool is_quiet, no_aslr, no_veneers, boot_report, threads, strace;
	bool is_tty[3];
	unsigned win_cols, win_rows;	/* 0: not said */
	const char *unknown[CMDLINE_MAX_UNKNOWN];	/* the first ones */
	unsigned nr_unknown;
};

/* Bytes that cmdline_parse() needs for the strings and arrays of this text. */
size_t cmdline_arena_size(const char *text);
/* Decode text into *out; all pointers lead into the arena (8-byte aligned) or to literals. */
void cmdline_parse(const char *text, void *arena, struct cmdline *out);
