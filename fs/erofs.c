/* SPDX-License-Identifier: MIT
 *
 * EROFS: super block, inodes, and where the bytes of a file are. Directories: erofs-dir.c; compressed files: erofs-z.c.
 */
#include "fs/erofs.h"

#include "fs/erofs-priv.h"
#include "fs/erofs-reg.h"
#include "fs/vnode.h"
#include "libc/crc32c.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "mmu/heap.h"

#define MAX_COMPLAINTS	8u
#define KNOWN_INCOMPAT	(EROFS_FEATURE_INCOMPAT_ZERO_PADDING | EROFS_FEATURE_INCOMPAT_COMPR_CFGS | EROFS_FEATURE_INCOMPAT_CHUNKED_FILE | \
			 EROFS_FEATURE_INCOMPAT_DEVICE_TABLE | EROFS_FEATURE_INCOMPAT_XATTR_PREFIXES)

int erofs_corrupt(struct erofs *e, uint64_t nid, const char *what)
{
	if (atomic_fetch_add(&e->nr_complaints, 1u, RELAXED) < MAX_COMPLAINTS)
		log_line("the root file system image is damaged: %s (inode %llu); make it again", what, (unsigned long long)nid);
	return -EUCLEAN;
}

static bool checksum_is_good(const uint8_t *base, const struct erofs_super_block *sb)
{
	static const uint8_t zero[4];
	uint64_t block = 1ull << sb->blkszbits;
	size_t len = block > EROFS_SUPER_OFFSET ? (size_t)(block - EROFS_SUPER_OFFSET) : (size_t)block;
	const uint8_t *p = base + EROFS_SUPER_OFFSET;
	uint32_t crc = 0xffffffffu;

	crc = crc32c_update(crc, p, 4);
	crc = crc32c_update(crc, zero, 4);
	crc = crc32c_update(crc, p + 8, len - 8);
	return crc == sb->checksum;
}

/* Why this image cannot be used, or NULL. */
static const char *check_super(const uint8_t *base, size_t size, const struct erofs_super_block *sb)
{
	if (sb->blkszbits < 9 || sb->blkszbits > 16)
		return "its block size is not supported: make it with a block size of 4096 (mkfs.erofs -b4096)";
	if (size < EROFS_SUPER_OFFSET + (1ull << sb->blkszbits))
		return "it is cut short: make or copy it again";
	if ((sb->feature_compat & EROFS_FEATURE_COMPAT_SB_CHKSUM) && !checksum_is_good(base, sb))
		return "the checksum of its super block is wrong: make it again";
	if (sb->feature_incompat & (EROFS_FEATURE_INCOMPAT_ZTAILPACKING | EROFS_FEATURE_INCOMPAT_FRAGMENTS))
		return "it uses packed tails or fragments, which are not supported: make it without -Eztailpacking, -Efragments and -Ededupe";
	if (sb->feature_incompat & ~KNOWN_INCOMPAT)
		return "it uses features that are not supported: make it with plain `mkfs.erofs IMAGE DIRECTORY`";
	if (sb->extra_devices)
		return "its data is on further devices: make it without --blobdev";
	if (sb->dirblkbits)
		return "its directory blocks have an unsupported size: make it with plain `mkfs.erofs IMAGE DIRECTORY`";
	if (((uint64_t)sb->blocks << sb->blkszbits) > size)
		return "it is cut short: make or copy it again";
	return NULL;
}

int erofs_open(const void *base, size_t size, struct erofs **out)
{
	return erofs_open_source(base, size, NULL, out);
}

int erofs_open_source(const void *base, size_t size, struct erofs_source *source, struct erofs **out)
{
	struct erofs_super_block sb;
	const char *why = NULL;
	struct erofs_inode root;
	struct erofs *e;
	int r;

	if (size < EROFS_SUPER_OFFSET + sizeof(sb))
		why = "it is too small";
	else if (source && !source->load(source, 0, MIN(size, (size_t)EROFS_LOAD_SIZE)))	/* the super block, and the block its checksum covers */
		return -EIO;
	else
		memcpy(&sb, (const uint8_t *)base + EROFS_SUPER_OFFSET, sizeof(sb));
	if (!why && sb.magic != EROFS_SUPER_MAGIC_V1)
		why = "it is no EROFS image: make one with `mkfs.erofs IMAGE DIRECTORY`, or let `samara run` do it";
	if (!why)
		why = check_super(base, size, &sb);
	if (why) {
		log_line("the root file system image cannot be used: %s", why);
		return -EINVAL;
	}
	e = KNEW(struct erofs);
	if (!e)
		return -ENOMEM;
	e->base = base;
	e->source = source;
	e->block_bits = sb.blkszbits;
	/* Old tools leave blocks at 0; then everything that was given counts. */
	e->size = sb.blocks ? (uint64_t)sb.blocks << sb.blkszbits : size;
	e->meta = (uint64_t)sb.meta_blkaddr << sb.blkszbits;
	e->nr_inodes = sb.inos;
	e->root_nid = sb.root_nid;
	e->build_time = sb.build_time;
	e->build_time_nsec = sb.build_time_nsec;
	e->incompat = sb.feature_incompat;
	r = erofs_get_inode(e, e->root_nid, &root);
	if (!r && (root.mode & S_IFMT) != S_IFDIR)
		r = erofs_corrupt(e, e->root_nid, "the root is no directory");
	if (r) {
		erofs_close(e);
		return r;
	}
	*out = e;
	return 0;
}

void erofs_close(struct erofs *e)
{
	kfree(e->zcache.data);
	kfree(e);
}

uint64_t erofs_root(const struct erofs *e)
{
	return e->root_nid;
}

uint64_t erofs_nr_inodes(const struct erofs *e)
{
	return e->nr_inodes;
}

uint64_t erofs_image_size(const struct erofs *e)
{
	return e->size;
}

static void decode_compact(const struct erofs *e, const struct erofs_inode_compact *c, struct erofs_inode *out)
{
	out->mode = c->i_mode;
	out->size = c->i_size;
	out->nlink = c->i_nlink;
	out->uid = c->i_uid;
	out->gid = c->i_gid;
	out->u = c->i_u;
	out->mtime = (int64_t)e->build_time;
	out->mtime_nsec = e->build_time_nsec;
}

static void decode_extended(const struct erofs_inode_extended *x, struct erofs_inode *out)
{
	out->mode = x->i_mode;
	out->size = x->i_size;
	out->nlink = x->i_nlink;
	out->uid = x->i_uid;
	out->gid = x->i_gid;
	out->u = x->i_u;
	out->mtime = (int64_t)x->i_mtime;
	out->mtime_nsec = x->i_mtime_nsec;
}

static const char *check_inode(const struct erofs_inode *in)
{
	switch (in->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return NULL;
	default:
		return "an inode of an unknown type";
	}
	if (in->size > INT64_MAX)
		return "an impossible file size";
	if (in->layout > EROFS_INODE_CHUNK_BASED)
		return "an unknown data layout";
	if ((in->mode & S_IFMT) == S_IFDIR && (in->layout == EROFS_INODE_COMPRESSED_FULL || in->layout == EROFS_INODE_COMPRESSED_COMPACT))
		return "a compressed directory";
	return NULL;
}

int erofs_get_inode(struct erofs *e, uint64_t nid, struct erofs_inode *out)
{
	union {
		struct erofs_inode_compact c;
		struct erofs_inode_extended x;
	} u;
	const uint8_t *p;
	const char *why;
	uint64_t off;
	size_t len;

	if (nid > e->size >> EROFS_ISLOTBITS)
		return erofs_corrupt(e, nid, "an inode number beyond the end");
	off = e->meta + (nid << EROFS_ISLOTBITS);
	p = erofs_at(e, off, sizeof(u.c));
	if (!p)
		return erofs_corrupt(e, nid, "an inode number beyond the end");
	*out = (struct erofs_inode){ .nid = nid };
	memcpy(&u.c, p, sizeof(u.c));
	len = u.c.i_format & EROFS_I_EXTENDED ? sizeof(u.x) : sizeof(u.c);
	p = erofs_at(e, off, len);
	if (!p || (u.c.i_format & ~EROFS_I_ALL))
		return erofs_corrupt(e, nid, "an inode of an unknown format");
	memcpy(&u, p, len);
	if (u.c.i_format & EROFS_I_EXTENDED)
		decode_extended(&u.x, out);
	else
		decode_compact(e, &u.c, out);
	out->layout = (uint8_t)EROFS_I_LAYOUT(u.c.i_format);
	out->tail = off + len + EROFS_XATTR_IBODY(u.c.i_xattr_icount);
	if (out->mtime_nsec >= NSEC_PER_SEC)
		out->mtime_nsec = 0;
	why = check_inode(out);
	return why ? erofs_corrupt(e, nid, why) : 0;
}

static uint64_t limit_extent(const struct erofs *e, uint64_t at, uint64_t len)
{
	return e->source ? MIN(len, EROFS_LOAD_SIZE - at % EROFS_LOAD_SIZE) : len;
}

/* All but a tail in the last block lies at block u; the tail follows the inode. */
static int map_flat(struct erofs *e, const struct erofs_inode *in, uint64_t off, struct erofs_extent *out)
{
	uint64_t block = 1ull << e->block_bits, end = in->size, at;

	if (in->layout == EROFS_INODE_FLAT_INLINE) {
		end = (in->size - 1) & ~(block - 1);	/* start of the last block */
		if (off >= end) {
			at = in->tail + (off - end);
			out->len = in->size - off;
			/* The format forbids a tail that crosses into another block. */
			if ((in->tail & (block - 1)) + (in->size - end) > block)
				return erofs_corrupt(e, in->nid, "a file tail that crosses a block");
			out->data = erofs_at(e, at, out->len);
			return out->data ? 0 : erofs_corrupt(e, in->nid, "a file tail beyond the end");
		}
	}
	at = ((uint64_t)in->u << e->block_bits) + off;
	out->len = limit_extent(e, at, end - off);
	out->data = erofs_at(e, at, out->len);
	return out->data ? 0 : erofs_corrupt(e, in->nid, "file data beyond the end");
}

static int map_chunk(struct erofs *e, const struct erofs_inode *in, uint64_t off, struct erofs_extent *out)
{
	uint32_t format = in->u & 0xffff, block;
	unsigned bits = e->block_bits + (format & EROFS_CHUNK_FORMAT_BLKBITS_MASK);
	unsigned unit = format & EROFS_CHUNK_FORMAT_INDEXES ? 8 : 4;
	uint64_t index, in_chunk;
	const uint8_t *p;

	if ((format & ~(EROFS_CHUNK_FORMAT_BLKBITS_MASK | EROFS_CHUNK_FORMAT_INDEXES)) || bits > 47)
		return erofs_corrupt(e, in->nid, "an unknown chunk format");
	index = off >> bits;
	in_chunk = off & ((1ull << bits) - 1);
	if (index > e->size / unit)
		return erofs_corrupt(e, in->nid, "a chunk table beyond the end");
	p = erofs_at(e, ALIGN_UP(in->tail, unit) + index * unit, unit);
	if (!p)
		return erofs_corrupt(e, in->nid, "a chunk table beyond the end");
	block = erofs_le32(p + (unit == 8 ? 4 : 0));
	if (unit == 8 && erofs_le16(p + 2) != 0 && block != EROFS_NULL_ADDR)
		return erofs_corrupt(e, in->nid, "a chunk on another device");
	out->len = MIN((1ull << bits) - in_chunk, in->size - off);
	if (block == EROFS_NULL_ADDR) {
		out->data = NULL;
		return 0;
	}
	out->len = limit_extent(e, ((uint64_t)block << e->block_bits) + in_chunk, out->len);
	out->data = erofs_at(e, ((uint64_t)block << e->block_bits) + in_chunk, out->len);
	return out->data ? 0 : erofs_corrupt(e, in->nid, "file data beyond the end");
}

int erofs_map(struct erofs *e, const struct erofs_inode *in, uint64_t off, struct erofs_extent *out)
{
	*out = (struct erofs_extent){ 0 };
	if (off >= in->size)
		return -EINVAL;
	switch (in->layout) {
	case EROFS_INODE_FLAT_PLAIN:
	case EROFS_INODE_FLAT_INLINE:
		return map_flat(e, in, off, out);
	case EROFS_INODE_CHUNK_BASED:
		return map_chunk(e, in, off, out);
	default:
		out->is_encoded = true;
		out->len = in->size - off;
		return 0;
	}
}

const uint8_t *erofs_flat(struct erofs *e, const struct erofs_inode *in)
{
	struct erofs_extent x;

	return !e->source && !erofs_map(e, in, 0, &x) && x.len == in->size ? x.data : NULL;
}

int erofs_read(struct erofs *e, const struct erofs_inode *in, uint64_t off, void *buf, size_t len)
{
	uint8_t *p = buf;
	int r;

	while (len && off < in->size) {
		struct erofs_extent x;
		size_t n;

		r = erofs_map(e, in, off, &x);
		if (r)
			return r;
		n = (size_t)MIN((uint64_t)len, x.len);
		if (x.is_encoded) {
			r = erofs_z_read(e, in, off, p, n);
			if (r)
				return r;
		} else if (x.data) {
			memcpy(p, x.data, n);
		} else {
			memset(p, 0, n);
		}
		p += n;
		off += n;
		len -= n;
	}
	memset(p, 0, len);
	return 0;
}

const void *erofs_page_if_here(struct erofs *e, const struct erofs_inode *in, uint64_t idx)
{
	uint64_t at = ((uint64_t)in->u << e->block_bits) + (idx << PAGE_SHIFT);

	/* Where a flat file's page lies is known without reading; a page in a tail is another's. */
	if (e->source && (in->layout != EROFS_INODE_FLAT_PLAIN || at >= e->size || PAGE_SIZE > e->size - at || !e->source->is_here(e->source, at, PAGE_SIZE)))
		return NULL;
	return erofs_page_in_place(e, in, idx);
}

const void *erofs_page_in_place(struct erofs *e, const struct erofs_inode *in, uint64_t idx)
{
	uint64_t off = idx << PAGE_SHIFT;
	struct erofs_extent x;

	if (off >= in->size || erofs_map(e, in, off, &x) || !x.data || !IS_ALIGNED((uintptr_t)x.data, PAGE_SIZE))
		return NULL;
	if (x.len >= PAGE_SIZE)
		return x.data;
	/* The last page: what lies behind the end of the file must read as zeros. */
	if (off + x.len != in->size || !erofs_at(e, (uint64_t)(x.data - e->base), PAGE_SIZE))
		return NULL;
	while (x.len % sizeof(uint64_t))
		if (x.data[x.len++])
			return NULL;
	for (; x.len < PAGE_SIZE; x.len += sizeof(uint64_t))
		if (*(const uint64_t *)(x.data + x.len))
			return NULL;
	return x.data;
}
