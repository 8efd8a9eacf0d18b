/* SPDX-License-Identifier: MIT
 *
 * Pipes and FIFOs beyond pipe_create() of fs/vfs.h. pipe(7), fifo(7), fcntl(2).
 */
#pragma once

#include "libc/types.h"

struct file;
struct pipe;

#define PIPE_BUF	4096u

/* F_GETPIPE_SZ, F_SETPIPE_SZ: capacity in bytes; -EBADF not a pipe, -EBUSY holds more than size, -EINVAL, -ENOMEM. */
long pipe_get_size(struct file *f);
long pipe_set_size(struct file *f, size_t size);

/*
 * open(2) of a FIFO: *slot is the inode's, NULL while nobody has it open; it must stay valid until the file's release(). Blocks for the other end as fifo(7) says.
 * give: file_put(). -ENXIO, -EINTR, -ENOMEM.
 */
int __must_check fifo_open(struct pipe **slot, unsigned flags, struct file **out);
