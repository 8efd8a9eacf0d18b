/* SPDX-License-Identifier: MIT
 *
 * Short hands of the VFS tests: an image from mkfs.erofs, a context, checks.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/dentry.h"
#include "fs/tmpfs.h"
#include "libc/errno.h"

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond); \
			exit(1); \
		} \
	} while (0)
#define CHECK_EQ(a, b) \
	do { \
		long long a_ = (long long)(a), b_ = (long long)(b); \
		if (a_ != b_) { \
			fprintf(stderr, "%s:%d: %s = %lld, expected %s = %lld\n", __FILE__, __LINE__, #a, a_, #b, b_); \
			exit(1); \
		} \
	} while (0)
#define CHECK_OK(a)	CHECK_EQ(a, 0)

static struct fs_context *ctx;

/* Run commands in a fresh directory t, make an image of t; page aligned, *size its length. NULL: no mkfs.erofs here. */
static inline void *make_image(const char *commands, const char *options, size_t *size)
{
	char dir[] = "/tmp/samara-fs-XXXXXX", cmd[4096];
	long len;
	void *p;
	FILE *f;

	if (system("command -v mkfs.erofs >/dev/null 2>&1") != 0)
		return NULL;
	CHECK(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), "umask 022 && cd %s && mkdir t && cd t && { %s\n} && cd .. && mkfs.erofs %s image t >/dev/null 2>&1", dir, commands, options);
	CHECK_EQ(system(cmd), 0);
	snprintf(cmd, sizeof(cmd), "%s/image", dir);
	f = fopen(cmd, "rb");
	CHECK(f);
	fseek(f, 0, SEEK_END);
	len = ftell(f);
	rewind(f);
	p = aligned_alloc(4096, ALIGN_UP((size_t)len, 4096));
	CHECK(p && fread(p, 1, (size_t)len, f) == (size_t)len);
	fclose(f);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	CHECK_EQ(system(cmd), 0);
	*size = (size_t)len;
	return p;
}

static inline void mount_image(const char *commands, const char *options)
{
	size_t size = 0;
	void *image = commands ? make_image(commands, options, &size) : NULL;

	if (commands && !image) {
		puts("skipped: no mkfs.erofs");
		exit(0);
	}
	CHECK_OK(vfs_mount_root(image, size));
	CHECK_OK(fs_context_create(&ctx));
	ctx->umask = 022;
}

/* Set where nobody writes meanwhile: reads at an offset are done the short way too, which must give the same. */
static bool rw_compares;
static unsigned long rw_nr_short;

static inline ssize_t rw(struct file *f, void *buf, size_t len, int64_t off, bool is_write)
{
	uint64_t pos = (uint64_t)off;
	struct iovec iov;
	struct uio u;
	ssize_t r;

	uio_init(&u, &iov, buf, len, false);
	r = is_write ? file_write(f, &u, off < 0 ? NULL : &pos) : file_read(f, &u, off < 0 ? NULL : &pos);
	if (rw_compares && !is_write && off >= 0) {
		char *again = malloc(len + 1);

		for (int i = 0; i < 2; i++) {
			ssize_t n = file_read_at(f, again, len, (uint64_t)off);

			CHECK(n == -EAGAIN || (n == r && (n <= 0 || memcmp(buf, again, (size_t)n) == 0)));
			rw_nr_short += n > 0;
		}
		free(again);
	}
	return r;
}

static inline struct file *must_open(const char *path, unsigned flags, uint32_t mode)
{
	struct file *f;
	int r = vfs_open(ctx, NULL, path, flags, mode, &f);

	if (r) {
		fprintf(stderr, "open %s: %d\n", path, r);
		exit(1);
	}
	return f;
}

static inline int try_open(const char *path, unsigned flags, uint32_t mode)
{
	struct file *f;
	int r = vfs_open(ctx, NULL, path, flags, mode, &f);

	if (!r)
		file_put(f);
	return r;
}

/* Whole file as a string. */
static inline const char *slurp(const char *path)
{
	static char buf[65536];
	struct file *f = must_open(path, O_RDONLY, 0);
	ssize_t n = rw(f, buf, sizeof(buf) - 1, -1, false);

	CHECK(n >= 0);
	buf[n] = 0;
	file_put(f);
	return buf;
}

static inline void spew(const char *path, const char *text)
{
	struct file *f = must_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK_EQ(rw(f, (void *)(uintptr_t)text, strlen(text), -1, true), strlen(text));
	file_put(f);
}

static inline struct stat_info stat_of(const char *path)
{
	struct stat_info st;

	CHECK_OK(vfs_stat(ctx, NULL, path, AT_SYMLINK_NOFOLLOW, &st));
	return st;
}

static inline int stat_error(const char *path)
{
	struct stat_info st;

	return vfs_stat(ctx, NULL, path, 0, &st);
}

/* Names of a directory, sorted by nothing, joined by spaces; nr entries a call (0: all). */
struct lister {
	struct dirent_sink sink;
	char *p;
	int left;
};

static inline int list_emit(struct dirent_sink *s, const char *name, size_t len, uint64_t ino, uint64_t next_off, uint8_t type)
{
	struct lister *l = container_of(s, struct lister, sink);

	(void)ino, (void)next_off, (void)type;
	if (!l->left)
		return -EINVAL;
	l->left--;
	if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
		return 0;
	l->p += sprintf(l->p, "%.*s ", (int)len, name);
	return 0;
}

static inline const char *names(const char *path, int at_once)
{
	static char buf[1 << 20];
	struct lister l = { { list_emit }, buf, 0 };
	struct file *f = must_open(path, O_RDONLY | O_DIRECTORY, 0);
	int r;

	buf[0] = 0;
	do {
		l.left = at_once ? at_once : 1 << 30;
		r = f->ops->getdents(f, &l.sink);
		CHECK(r == 0 || r == -EINVAL);
	} while (r);
	file_put(f);
	return buf;
}
