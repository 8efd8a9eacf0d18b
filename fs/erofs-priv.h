/* SPDX-License-Identifier: MIT
 *
 * Inside fs/erofs*.c.
 */
#pragma once

#include "fs/erofs.h"
#include "libc/string.h"
#include "sched/mutex.h"

/* The extent of a compressed file that was decoded last. */
struct erofs_zcache {
	uint8_t *data;
	uint64_t capacity, nid, start, len;	/* len 0: nothing in it */
};

/* Created by erofs_open(), freed by erofs_close(). All [I] but the last three. */
struct erofs {
	const uint8_t *base;
	struct erofs_source *source;	/* NULL: all of it is in memory */
	uint64_t size;			/* of the image: blocks of the super block, at most what was given */
	uint64_t meta;			/* offset of nid 0 */
	uint64_t nr_inodes, root_nid;
	uint64_t build_time;
	uint32_t build_time_nsec;
	uint32_t incompat;
	unsigned block_bits;
	uint32_t nr_complaints;		/* [a] */
	struct mutex z_lock;
	struct erofs_zcache zcache;	/* [z_lock] */
};

/* [off, off+len) of the image, or NULL. */
static inline const uint8_t *erofs_at(const struct erofs *e, uint64_t off, uint64_t len)
{
	if (off > e->size || len > e->size - off)
		return NULL;
	if (unlikely(e->source) && !e->source->load(e->source, off, len))
		return NULL;
	return e->base + off;
}

static inline uint16_t erofs_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t erofs_le32(const uint8_t *p)
{
	return erofs_le16(p) | (uint32_t)erofs_le16(p + 2) << 16;
}

static inline uint64_t erofs_le64(const uint8_t *p)
{
	return erofs_le32(p) | (uint64_t)erofs_le32(p + 4) << 32;
}

/* Says so in the log (the first few times); returns -EUCLEAN. */
int erofs_corrupt(struct erofs *e, uint64_t nid, const char *what);

/* fs/erofs-z.c: decompress [off, off+len), inside the file. */
int erofs_z_read(struct erofs *e, const struct erofs_inode *in, uint64_t off, uint8_t *buf, size_t len);
