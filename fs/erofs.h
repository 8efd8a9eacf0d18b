/* SPDX-License-Identifier: MIT
 *
 * EROFS images in memory, read-only: the lower layer of the root (fs/tmpfs.c puts the writable layer on top). Format: Linux Documentation/filesystems/erofs.rst and the
 * on-disk structures repeated in fs/erofs-reg.h.
 *
 * The image is not trusted: each offset is checked against its size at each use; what does not fit gives -EUCLEAN and a line in the log (the first few times).
 * Nothing is locked and nothing allocated after erofs_open(), except for compressed files. Context: thread.
 */
#pragma once

#include "libc/types.h"

struct erofs;
struct text;

/* What an inode says, decoded. */
struct erofs_inode {
	uint64_t nid, size;
	uint64_t tail;			/* offset in the image of what follows the inode and its xattrs */
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t mode, uid, gid, nlink;
	uint32_t u;			/* block address, device number, or chunk format */
	uint8_t layout;
};

/* A run of bytes of a file that lie together. */
struct erofs_extent {
	const uint8_t *data;		/* NULL: a hole */
	uint64_t len;
	bool is_encoded;		/* compressed: use erofs_read() */
};

struct erofs_dirent {
	const char *name;		/* in the image, not terminated */
	size_t len;
	uint64_t nid, next;		/* position of the entry behind it */
	uint8_t dtype;
};

/*
 * Where an image comes from that is not in memory from the start: load() reads what of [off, off+len) is missing to base, is_here() says whether anything is. Sleeps. False: an
 * I/O error, of which the log knows.
 */
#define EROFS_LOAD_SIZE	(256u << 10)	/* extents end at multiples of it, so that no more is loaded than is used */
struct erofs_source {
	bool (*load)(struct erofs_source *s, uint64_t off, uint64_t len);
	bool (*is_here)(struct erofs_source *s, uint64_t off, uint64_t len);
};

struct blkdev;
/* erofs-disk.c: the image on a disk, which is read when it is needed and then kept. 0, or -errno after one log_line(). Context: thread. */
int __must_check erofs_open_disk(struct blkdev *dev, struct erofs **out);
int __must_check erofs_open_source(const void *base, size_t size, struct erofs_source *source, struct erofs **out);

/* base..base+size stays readable while open; pin. 0, or -errno after one log_line() that says what to do. */
int __must_check erofs_open(const void *base, size_t size, struct erofs **out);
void erofs_close(struct erofs *e);
uint64_t erofs_root(const struct erofs *e);
uint64_t erofs_nr_inodes(const struct erofs *e);
uint64_t erofs_image_size(const struct erofs *e);

int __must_check erofs_get_inode(struct erofs *e, uint64_t nid, struct erofs_inode *out);
/* The bytes from off < size on. 0, -EUCLEAN. */
int __must_check erofs_map(struct erofs *e, const struct erofs_inode *in, uint64_t off, struct erofs_extent *out);
/* All bytes of the file, if they lie together and in memory for good; else NULL. */
const uint8_t *erofs_flat(struct erofs *e, const struct erofs_inode *in);
/* Copy [off, off+len); what is beyond the end of the file reads as zeros. 0, -EUCLEAN, -EOPNOTSUPP, -ENOMEM. */
int __must_check erofs_read(struct erofs *e, const struct erofs_inode *in, uint64_t off, void *buf, size_t len);
/* The page at idx as it lies in the image, if it can be mapped as it is (page aligned, zeros behind the end of the file); else NULL. */
const void *erofs_page_in_place(struct erofs *e, const struct erofs_inode *in, uint64_t idx);
/* The same without sleeping: NULL also if it is still on the disk. */
const void *erofs_page_if_here(struct erofs *e, const struct erofs_inode *in, uint64_t idx);

/* -ENOENT, -EUCLEAN, -ENOTDIR. */
int __must_check erofs_lookup(struct erofs *e, const struct erofs_inode *dir, const char *name, size_t len, uint64_t *nid);
/* The entry at or after pos (0: the first), without "." and "..". -ENOENT at the end. */
int __must_check erofs_dir_next(struct erofs *e, const struct erofs_inode *dir, uint64_t pos, struct erofs_dirent *out);
