/* SPDX-License-Identifier: MIT
 *
 * Structures and constants of the system-call ABI that differ between ports (x86-64: asm/stat.h, asm/fcntl.h, uapi linux/eventpoll.h).
 */
#pragma once

#include <stdint.h>

/* struct stat, asm/stat.h */
struct abi_stat {
	uint64_t dev, ino, nlink;
	uint32_t mode, uid, gid, pad1;
	uint64_t rdev;
	int64_t size, blksize, blocks;
	int64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec, ctime_sec, ctime_nsec;
	int64_t unused[3];
};
_Static_assert(sizeof(struct abi_stat) == 144, "struct stat");

struct abi_epoll_event {
	uint32_t events;
	uint64_t data;
} __attribute__((packed));
_Static_assert(sizeof(struct abi_epoll_event) == 12, "struct epoll_event");

/*
 * O_* of this port to those of fs/file.h, which are arm64's, and back: O_DIRECT 040000 <-> 0200000 (there O_DIRECTORY 0200000 <-> 040000), O_LARGEFILE 0100000 <-> 0400000
 * (O_NOFOLLOW 0400000 <-> 0100000). Two pairs of bits change places.
 */
static inline unsigned abi_open_flags(unsigned flags)
{
	return (flags & ~0740000u) | (flags & 0140000u) << 2 | (flags >> 2 & 0140000u);
}

static inline unsigned abi_open_flags_out(unsigned flags)
{
	return abi_open_flags(flags);
}

#define ABI_MACHINE	"x86_64"
/* mmap(2): the mapping must lie in the first 2 GiB. */
#define ABI_MAP_32BIT	0x40l
