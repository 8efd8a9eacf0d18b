/* SPDX-License-Identifier: MIT
 *
 * Identity of files that have no name. Linux gives all anonymous inodes one inode number, and pipes one each.
 */
#include "fs/special-priv.h"

#include "fs/anon-attr.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "sched/clock.h"

#define ANON_INO	1u
#define ANON_DEV	0x0du	/* small numbers that no mounted file system has, as pipefs and anon_inodefs on Linux */
#define SPECIAL_DEV	0x0cu

static struct anon_attr *anon_inode;	/* of all of them together */
static uint64_t last_ino = ANON_INO + 1000;	/* [a] */

uint64_t special_new_ino(void)
{
	return atomic_fetch_add(&last_ino, 1ul, RELAXED) + 1;
}

void special_stat(struct stat_info *out, uint32_t mode, uint64_t ino)
{
	nsec_t boot = clock_realtime_offset();
	struct timespec64 t = { .sec = (int64_t)(boot / NSEC_PER_SEC), .nsec = (int64_t)(boot % NSEC_PER_SEC) };

	*out = (struct stat_info){
		.dev = ino == ANON_INO ? ANON_DEV : SPECIAL_DEV,
		.ino = ino,
		.mode = mode,
		.nlink = 1,
		.blksize = PAGE_SIZE,
		.atime = t,
		.mtime = t,
		.ctime = t,
		.btime = t,
	};
}

int special_anon_stat(struct file *f, struct stat_info *out)
{
	(void)f;
	special_stat(out, 0600, ANON_INO);
	anon_attr_stat(&anon_inode, out);
	return 0;
}

int special_anon_setattr(struct file *f, const struct vnode_attr *a)
{
	(void)f;
	return anon_attr_set(&anon_inode, a);
}
