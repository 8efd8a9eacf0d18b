/* SPDX-License-Identifier: MIT
 *
 * Generated files for /proc and /sys. fs/ provides the tree; whoever knows the contents registers an entry (linset, any order). Parent directories are made as needed.
 *
 *	static int show_uptime(struct text *t, struct pseudo_args *a) { text_printf(t, "%u.%02u ...", ...); return 0; }
 *	PSEUDO_FILE(uptime, "/proc/uptime", 0444, show_uptime, NULL);
 */
#pragma once

#include "libc/set.h"
#include "libc/types.h"

/* Growing text buffer. After an allocation failure further output is dropped and the read returns -ENOMEM. */
struct text {
	char *data;
	size_t len, capacity;
	bool has_failed;
};
void text_printf(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_append(struct text *t, const char *s, size_t len);

/* For entries below dynamic directories (/proc/self/task/TID/..., /proc/self/fd/N): the numbers on the way. */
struct pseudo_args {
	long id[2];
};

struct file;

struct pseudo_file {
	const char *path;		/* "/proc/self/task/%/stat": % is a dynamic directory, see pseudo_dir */
	uint32_t mode;
	int (*show)(struct text *t, struct pseudo_args *a);			/* 0 or -errno */
	ssize_t (*store)(const char *data, size_t len, struct pseudo_args *a);	/* or NULL */
};
#define PSEUDO_FILE(id_, path_, mode_, show_, store_) \
	static const struct pseudo_file pseudo_file_##id_ = { path_, mode_, show_, store_ }; \
	SET_ADD(pseudo_files, pseudo_file_##id_)

/* A link whose target is made at each look (/proc/self/exe, /proc/self/fd/N). */
struct pseudo_link {
	const char *path;
	/* Length of the target. open(2) of it goes to *file (referenced) if the implementer sets that: deleted files, pipes. */
	ssize_t (*target)(char *buf, size_t size, struct pseudo_args *a);
	int (*open)(struct pseudo_args *a, struct file **out);	/* or NULL */
};
#define PSEUDO_LINK(id_, path_, target_, open_) \
	static const struct pseudo_link pseudo_link_##id_ = { path_, target_, open_ }; \
	SET_ADD(pseudo_links, pseudo_link_##id_)

/* A directory with dynamic numeric names ("/proc/self/task/%"): next existing number >= n, or -1. */
struct pseudo_dir {
	const char *path;
	long (*next)(long n, struct pseudo_args *a);
};
#define PSEUDO_DIR(id_, path_, next_) \
	static const struct pseudo_dir pseudo_dir_##id_ = { path_, next_ }; \
	SET_ADD(pseudo_dirs, pseudo_dir_##id_)
