/* SPDX-License-Identifier: MIT
 *
 * What the special files (pipe, eventfd, timerfd, epoll, ...) of this folder share: identity for stat(2).
 */
#pragma once

#include "fs/file.h"
#include "libc/atomic.h"
#include "libc/types.h"

struct stat_info;

/* Types of st_mode, inode(7). */
#define SPECIAL_IFIFO	0010000u
#define SPECIAL_IFCHR	0020000u

/* Inode number of a new object without a name. Context: any. */
uint64_t special_new_ino(void);
/* Fill out for an object without a name; times are those of boot. */
void special_stat(struct stat_info *out, uint32_t mode, uint64_t ino);
/* file_ops.stat of anonymous inodes (eventfd, epoll, ...): mode 0600, one shared inode as on Linux. */
int special_anon_stat(struct file *f, struct stat_info *out);
int special_anon_setattr(struct file *f, const struct vnode_attr *a);
static inline bool special_is_nonblock(const struct file *f)
{
	return atomic_load(&f->flags, RELAXED) & O_NONBLOCK;
}
