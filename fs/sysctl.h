/* SPDX-License-Identifier: MIT
 *
 * Settings below /proc/sys (sysctl(8)). Whoever obeys a setting has a row for it in a table of its folder:
 *
 *	static uint32_t fin_timeout = 60, port_range[2] = { 32768, 60999 };	// read with READ_ONCE or atomic_load
 *	static const struct sysctl rows[] = {
 *		SYSCTL_INT("tcp_fin_timeout", 0644, &fin_timeout, 0, INT32_MAX),
 *		SYSCTL_INTS("ip_local_port_range", 0644, port_range, 2, 1, 65535),
 *		SYSCTL_TEXT("tcp_available_congestion_control", "reno cubic"),
 *	};
 *	SYSCTL_TABLE(tcp_rows, "net/ipv4", rows);
 *
 * Reading and writing follow Linux's kernel/sysctl.c: numbers in C notation between white space; what is not one, or out of bounds, is EINVAL; fewer numbers than the setting has change
 * the first ones; a write that does not begin at position 0 is swallowed; a read elsewhere is at the end. Root, too, needs the bits of the mode.
 */
#pragma once

#include "fs/procfs.h"

struct uio;

enum sysctl_type {
	SYSCTL_TYPE_INT,		/* uint32_t data[nr], shown with a sign */
	SYSCTL_TYPE_UINT,		/* the same without; one, and what follows it is passed over */
	SYSCTL_TYPE_ULONG,		/* uint64_t data[nr] */
	SYSCTL_TYPE_STRING,		/* char data[nr] with its end, or get_text and set_text */
};

#define SYSCTL_MAX_VALUES	8

struct sysctl {
	const char *name;		/* relative to the table; may have directories and one "%" */
	uint16_t mode;
	uint8_t type;			/* enum sysctl_type */
	bool is_kept;			/* nobody obeys it: gives way to another row of the name */
	uint16_t nr;			/* numbers; of a string the size */
	void *data;			/* [a] or NULL: get and set, or nothing to show */
	int64_t min, max;		/* of each number (as uint64_t for ULONG) */
	union {
		/* Numbers that are not simply there. get fills v[nr]; set checks and takes all of them: 0 or -errno. Each optional: data is used. */
		struct {
			int (*get)(const struct sysctl *s, struct pseudo_args *a, int64_t *v);
			int (*set)(const struct sysctl *s, struct pseudo_args *a, const int64_t *v);
		};
		/* The same of strings; get_text makes at most nr bytes with the end. */
		struct {
			void (*get_text)(const struct sysctl *s, char *buf, size_t size);
			int (*set_text)(const struct sysctl *s, const char *value);
		};
	};
	struct pseudo_event *event;	/* or NULL; whoever changes the value raises it */
};

/* Bounds of which Linux has none. */
#define SYSCTL_NO_MIN	INT32_MIN
#define SYSCTL_NO_MAX	INT32_MAX

#define SYSCTL_INTS(name_, mode_, data_, nr_, min_, max_) \
	{ .name = name_, .mode = mode_, .type = SYSCTL_TYPE_INT, .nr = nr_, .data = data_, .min = min_, .max = max_ }
#define SYSCTL_INT(name_, mode_, data_, min_, max_)	SYSCTL_INTS(name_, mode_, data_, 1, min_, max_)
#define SYSCTL_UINT(name_, mode_, data_, min_, max_) \
	{ .name = name_, .mode = mode_, .type = SYSCTL_TYPE_UINT, .nr = 1, .data = data_, .min = min_, .max = max_ }
#define SYSCTL_ULONGS(name_, mode_, data_, nr_, min_, max_) \
	{ .name = name_, .mode = mode_, .type = SYSCTL_TYPE_ULONG, .nr = nr_, .data = data_, .min = min_, .max = (int64_t)(max_) }
#define SYSCTL_STRING(name_, mode_, data_) \
	{ .name = name_, .mode = mode_, .type = SYSCTL_TYPE_STRING, .nr = sizeof(data_), .data = data_ }
/* A number that nobody obeys: what is written is shown. */
#define SYSCTL_KEPT(name_, value_, min_, max_) \
	{ .name = name_, .mode = 0644, .is_kept = true, .nr = 1, .data = &(uint32_t){ (uint32_t)(value_) }, .min = min_, .max = max_ }
/* A text that never changes. */
#define SYSCTL_TEXT(name_, text_) \
	{ .name = name_, .mode = 0444, .type = SYSCTL_TYPE_STRING, .nr = sizeof(text_), .data = (char *)(uintptr_t)text_ }
/* Numbers by functions. */
#define SYSCTL_CALLS(name_, mode_, nr_, min_, max_, get_, set_) \
	{ .name = name_, .mode = mode_, .type = SYSCTL_TYPE_INT, .nr = nr_, .min = min_, .max = max_, .get = get_, .set = set_ }

#define SYSCTL_TABLE(id_, dir_, rows_) \
	static const struct pseudo_table pseudo_table_##id_ = { .dir = "/proc/sys/" dir_, .sysctls = rows_, .nr = ARRAY_SIZE(rows_) }; \
	SET_ADD(pseudo_tables, pseudo_table_##id_)

/* read(2) and write(2) of one, at *pos, which advances. For pseudo.c. */
ssize_t sysctl_read(const struct sysctl *s, struct pseudo_args *a, struct uio *u, uint64_t *pos);
ssize_t sysctl_write(const struct sysctl *s, struct pseudo_args *a, struct uio *u, uint64_t *pos);
