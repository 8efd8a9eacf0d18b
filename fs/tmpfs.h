/* SPDX-License-Identifier: MIT
 *
 * Files in memory. One instance of it is the root: a tree whose directories and files may have an EROFS inode behind them.
 *
 *	tmpfs node  --lower-->  EROFS inode
 *
 * A directory's names are those of its lower directory, less the ones that the upper table covers (a whiteout, or another file of that name), plus the ones in the upper
 * table. A file's pages are those in its page tree, else those of the lower file (in place where that is possible). A node for an EROFS inode is found by the inode's number,
 * so links to one inode are one file; it can be forgotten and made again as long as nothing in it was changed, after that it stays ("pinned"). A rename moves the node, with
 * its lower inode: nothing is copied.
 */
#pragma once

#include "libc/types.h"

struct erofs;
struct file;
struct vnode;

/* The root over image (NULL: empty). give: *root. */
int __must_check tmpfs_create_root(struct erofs *image, struct vnode **root);
/* fs/devfs.c: device nodes and links into the root of a devtmpfs; puts root on failure. */
int __must_check devfs_populate(struct vnode *root);
