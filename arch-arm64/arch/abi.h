/* SPDX-License-Identifier: MIT
 *
 * Structures and constants of the system-call ABI that differ between ports (arm64: the asm-generic ones).
 */
#pragma once

#include <stdint.h>

/* struct stat, asm-generic/stat.h */
struct abi_stat {
	uint64_t dev, ino;
	uint32_t mode, nlink, uid, gid;
	uint64_t rdev, pad1;
	int64_t size;
	int32_t blksize, pad2;
	int64_t blocks;
	int64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec, ctime_sec, ctime_nsec;
	uint32_t unused[2];
};
_Static_assert(sizeof(struct abi_stat) == 128, "struct stat");

struct abi_epoll_event {
	uint32_t events;
	uint64_t data;
};
_Static_assert(sizeof(struct abi_epoll_event) == 16, "struct epoll_event");

/* O_* of this port to those of fs/file.h, which are arm64's, and back. */
static inline unsigned abi_open_flags(unsigned flags)
{
	return flags;
}

static inline unsigned abi_open_flags_out(unsigned flags)
{
	return flags;
}

#define ABI_MACHINE	"aarch64"
/* mmap(2): the mapping must lie in the first 2 GiB. Not on this port. */
#define ABI_MAP_32BIT	0l
