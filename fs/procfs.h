/* SPDX-License-Identifier: MIT
 *
 * Generated files for /proc and /sys. fs/ provides the tree; whoever knows the contents registers an entry (linset, any order). Parent directories are made as needed.
 *
 *	static int show_uptime(struct text *t, struct pseudo_args *a) { text_printf(t, "%u.%02u ...", ...); return 0; }
 *	PSEUDO_FILE(uptime, "/proc/uptime", 0444, show_uptime, NULL);
 *
 * Many files of one directory are rows of a table (PSEUDO_TABLE). What lies below /proc/sys is described by fs/sysctl.h.
 */
#pragma once

#include "libc/set.h"
#include "libc/types.h"
#include "sched/waitq.h"

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

/* Something that readers can wait for: poll(2) of a file with an event says POLLPRI and POLLERR when it has happened since the last poll or the open. */
struct pseudo_event {
	uint32_t count;			/* [a] */
	struct waitq waiters;
};
#define PSEUDO_EVENT(name_)	struct pseudo_event name_ = { .waiters = WAITQ_INIT((name_).waiters) }
/* Context: thread. */
void pseudo_event_raise(struct pseudo_event *e);

struct pseudo_file {
	const char *path;		/* "/proc/self/task/%/stat": % is a dynamic directory, see pseudo_dir; in a table relative to the table's directory */
	uint32_t mode;			/* with S_IFDIR: a directory of that mode, perhaps an empty one */
	int (*show)(struct text *t, struct pseudo_args *a);			/* 0 or -errno */
	ssize_t (*store)(const char *data, size_t len, struct pseudo_args *a);	/* or NULL */
	const char *constant;		/* the text, if show is NULL */
	uint32_t size;			/* for stat(2); 0: none, or a page below /sys */
	struct pseudo_event *event;	/* or NULL; not below /sys */
};
#define PSEUDO_FILE(id_, path_, mode_, show_, store_) \
	static const struct pseudo_file pseudo_file_##id_ = { .path = path_, .mode = mode_, .show = show_, .store = store_ }; \
	SET_ADD(pseudo_files, pseudo_file_##id_)
#define PSEUDO_FILE_EVENT(id_, path_, mode_, show_, event_) \
	static const struct pseudo_file pseudo_file_##id_ = { .path = path_, .mode = mode_, .show = show_, .event = event_ }; \
	SET_ADD(pseudo_files, pseudo_file_##id_)

struct sysctl;

/* Files of one directory, or settings (fs/sysctl.h): one of the two arrays. A directory may have several tables. */
struct pseudo_table {
	const char *dir;		/* "/sys/devices/system/cpu" */
	const struct pseudo_file *files;
	const struct sysctl *sysctls;
	unsigned nr;
};
#define PSEUDO_TABLE(id_, dir_, rows_) \
	static const struct pseudo_table pseudo_table_##id_ = { .dir = dir_, .files = rows_, .nr = ARRAY_SIZE(rows_) }; \
	SET_ADD(pseudo_tables, pseudo_table_##id_)

/* A link whose target is made at each look (/proc/self/exe, /proc/self/fd/N). */
struct pseudo_link {
	const char *path;
	/* Length of the target. open(2) of it goes to *file (referenced) if the implementer sets that: deleted files, pipes. */
	ssize_t (*target)(char *buf, size_t size, struct pseudo_args *a);
	int (*open)(struct pseudo_args *a, struct file **out);	/* or NULL */
	const char *constant;		/* the target, if target is NULL */
	bool is_magic;			/* VNODE_MAGIC */
};
#define PSEUDO_LINK(id_, path_, target_, open_) \
	static const struct pseudo_link pseudo_link_##id_ = { .path = path_, .target = target_, .open = open_ }; \
	SET_ADD(pseudo_links, pseudo_link_##id_)
#define PSEUDO_LINK_TO(id_, path_, text_) \
	static const struct pseudo_link pseudo_link_##id_ = { .path = path_, .constant = text_ }; \
	SET_ADD(pseudo_links, pseudo_link_##id_)
#define PSEUDO_MAGIC_LINK(id_, path_, target_) \
	static const struct pseudo_link pseudo_link_##id_ = { .path = path_, .target = target_, .is_magic = true }; \
	SET_ADD(pseudo_links, pseudo_link_##id_)

/* A directory with dynamic names ("/proc/self/task/%"): next existing number >= n, or -1. Names are the numbers, or what name() makes of them. */
struct pseudo_dir {
	const char *path;
	long (*next)(long n, struct pseudo_args *a);
	void (*name)(long n, char *buf, size_t size);	/* or NULL */
};
#define PSEUDO_DIR(id_, path_, next_) PSEUDO_DIR_NAMED(id_, path_, next_, NULL)
#define PSEUDO_DIR_NAMED(id_, path_, next_, name_) \
	static const struct pseudo_dir pseudo_dir_##id_ = { path_, next_, name_ }; \
	SET_ADD(pseudo_dirs, pseudo_dir_##id_)
