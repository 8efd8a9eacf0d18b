/* SPDX-License-Identifier: MIT
 *
 * The tree of names behind /proc and /sys: what pseudo-tree.c makes of the registered entries, for pseudo.c.
 */
#pragma once

#include "fs/procfs.h"

/* One name; made when its directory is first looked into, lives for ever. One of file, sysctl, link, or none (a directory). */
struct pseudo_node {
	struct pseudo_node *next, *children;	/* [I] after the parent's, its own is_complete */
	bool is_complete;		/* [a; build_lock] children are all there */
	bool is_dynamic;		/* [I] "%" */
	uint16_t dir_mode;		/* [I] of a directory that has an entry of its own; else 0 */
	const struct pseudo_file *file;
	const struct sysctl *sysctl;
	const struct pseudo_link *link;
	const struct pseudo_dir *dir;	/* of a "%" */
	uint64_t ino;
	const char *name;		/* [I] terminated; the end of path but for SELF_PID */
	size_t len, path_len;
	char path[];			/* [I] as entries spell it: "/proc/self/task/%" */
};

extern struct pseudo_node *pseudo_proc, *pseudo_sys, *pseudo_cgroup2;	/* [I] after pseudo_roots() */

/* Makes the roots. 0 or -ENOMEM; any number of calls. */
int pseudo_roots(void);
/* All children of a directory. 0 or -ENOMEM: the next call goes on. */
int pseudo_populate(struct pseudo_node *dir);
struct pseudo_node *pseudo_child(const struct pseudo_node *dir, const char *name, size_t len);
