/* SPDX-License-Identifier: MIT
 *
 * splice(2), tee(2), vmsplice(2); file_splice() is declared in fs/vfs.h and serves sendfile(2), splice(2) and copy_file_range(2).
 */
#pragma once

#include "libc/types.h"

struct file;
struct uio;

#define SPLICE_F_MOVE		1u
#define SPLICE_F_NONBLOCK	2u
#define SPLICE_F_MORE		4u
#define SPLICE_F_GIFT		8u

/* Duplicate up to len bytes from one pipe into another without consuming them. -EINVAL: not two different pipes. */
ssize_t file_tee(struct file *in, struct file *out, size_t len, unsigned flags);
/* Memory into the write end of a pipe, or a pipe's read end into memory. -EBADF: not a pipe. Pages are copied, which is allowed: SPLICE_F_GIFT is a hint. */
ssize_t file_vmsplice(struct file *pipe, struct uio *u, unsigned flags);
