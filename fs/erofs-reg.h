/* SPDX-License-Identifier: MIT
 *
 * EROFS on disk (Linux 6.1 fs/erofs/erofs_fs.h names; Documentation/filesystems/erofs.rst). Little endian. Offsets in bytes.
 *
 *	0        1024      1152            meta_blkaddr << blkszbits
 *	| unused | super   | ...           | inodes, 32-byte slots: nid n at n * 32      ... data blocks
 *
 * An inode (32 or 64 bytes) is followed by its xattrs, and these by the tail of the file (flat inline), the chunk table, or the compression index.
 */
#pragma once

#include "libc/types.h"

#define EROFS_SUPER_OFFSET		1024u
#define EROFS_SUPER_MAGIC_V1		0xe0f5e1e2u

#define EROFS_FEATURE_COMPAT_SB_CHKSUM		0x01u
#define EROFS_FEATURE_INCOMPAT_ZERO_PADDING	0x01u
#define EROFS_FEATURE_INCOMPAT_COMPR_CFGS	0x02u
#define EROFS_FEATURE_INCOMPAT_CHUNKED_FILE	0x04u
#define EROFS_FEATURE_INCOMPAT_DEVICE_TABLE	0x08u	/* also: second compression algorithm */
#define EROFS_FEATURE_INCOMPAT_ZTAILPACKING	0x10u
#define EROFS_FEATURE_INCOMPAT_FRAGMENTS	0x20u
#define EROFS_FEATURE_INCOMPAT_XATTR_PREFIXES	0x40u

struct erofs_super_block {
	uint32_t magic;
	uint32_t checksum;		/* crc32c of the rest of the block, this field as 0 */
	uint32_t feature_compat;
	uint8_t blkszbits;
	uint8_t sb_extslots;
	uint16_t root_nid;
	uint64_t inos;
	uint64_t build_time;
	uint32_t build_time_nsec;
	uint32_t blocks;
	uint32_t meta_blkaddr;
	uint32_t xattr_blkaddr;
	uint8_t uuid[16];
	uint8_t volume_name[16];
	uint32_t feature_incompat;
	uint16_t available_compr_algs;	/* or lz4_max_distance without COMPR_CFGS */
	uint16_t extra_devices;
	uint16_t devt_slotoff;
	uint8_t dirblkbits;
	uint8_t xattr_prefix_count;
	uint32_t xattr_prefix_start;
	uint64_t packed_nid;
	uint8_t reserved[24];
};
_Static_assert(sizeof(struct erofs_super_block) == 128, "EROFS super block");

#define EROFS_ISLOTBITS		5u
#define EROFS_I_EXTENDED	1u	/* bit 0 of i_format: 64 bytes */
#define EROFS_I_LAYOUT(f)	(((f) >> 1) & 7u)
#define EROFS_I_ALL		0x0fu

enum {
	EROFS_INODE_FLAT_PLAIN,
	EROFS_INODE_COMPRESSED_FULL,
	EROFS_INODE_FLAT_INLINE,
	EROFS_INODE_COMPRESSED_COMPACT,
	EROFS_INODE_CHUNK_BASED,
};

struct erofs_inode_compact {
	uint16_t i_format, i_xattr_icount, i_mode, i_nlink;
	uint32_t i_size, i_reserved, i_u, i_ino;
	uint16_t i_uid, i_gid;
	uint32_t i_reserved2;
};
_Static_assert(sizeof(struct erofs_inode_compact) == 32, "EROFS compact inode");

struct erofs_inode_extended {
	uint16_t i_format, i_xattr_icount, i_mode, i_reserved;
	uint64_t i_size;
	uint32_t i_u, i_ino, i_uid, i_gid;
	uint64_t i_mtime;
	uint32_t i_mtime_nsec, i_nlink;
	uint8_t i_reserved2[16];
};
_Static_assert(sizeof(struct erofs_inode_extended) == 64, "EROFS extended inode");

/* Bytes of the xattrs in the inode: 12 + 4 * (count - 1), 0 for count 0. */
#define EROFS_XATTR_IBODY(count)	((count) ? 12u + 4u * ((uint32_t)(count) - 1) : 0u)

/* Chunk-based: i_u's low half. */
#define EROFS_CHUNK_FORMAT_BLKBITS_MASK	0x001fu
#define EROFS_CHUNK_FORMAT_INDEXES	0x0020u
#define EROFS_NULL_ADDR			0xffffffffu
struct erofs_inode_chunk_index {
	uint16_t advise, device_id;
	uint32_t blkaddr;
};

/* Directory block: n entries sorted by name, then the names; n = nameoff of the first / 12. */
#define EROFS_DIRENT_SIZE	12u
/* nid at 0 (8), nameoff at 8 (2), file_type at 10 (1: FT_*), reserved at 11 */
