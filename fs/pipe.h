/* SPDX-License-Identifier: MIT
 *
 * Pipes and FIFOs beyond pipe_create() of fs/vfs.h. pipe(7), fifo(7), fcntl(2).
 */
#pragma once

#include "libc/types.h"

struct file;
struct pipe;

#define PIPE_BUF	4096u

/*
 * pipe(7), /proc/sys/fs: the capacity in bytes (a power of two) that needs CAP_SYS_RESOURCE to be passed, and how many pages all pipes may have before those made without
 * CAP_SYS_RESOURCE and CAP_SYS_ADMIN get two pages only (soft), and none (hard). 0: no limit. [a]
 */
extern uint32_t pipe_max_size;
extern uint64_t pipe_user_soft, pipe_user_hard;

/* The capacity that a pipe gets who asks for size bytes; 0: too many. */
uint32_t pipe_round_size(uint64_t size);

/* F_GETPIPE_SZ, F_SETPIPE_SZ: capacity in bytes; -EBADF not a pipe, -EBUSY holds more than size, -EPERM beyond the limits above, -EINVAL, -ENOMEM. */
long pipe_get_size(struct file *f);
long pipe_set_size(struct file *f, size_t size);

/*
 * open(2) of a FIFO: *slot is the inode's, NULL while nobody has it open; it must stay valid until the file's release(). Blocks for the other end as fifo(7) says.
 * give: file_put(). -ENXIO, -EINTR, -ENOMEM.
 */
int __must_check fifo_open(struct pipe **slot, unsigned flags, struct file **out);
