/* SPDX-License-Identifier: MIT
 *
 * epoll(7): what the rest of fs/ must tell it. The calls that linux/ uses are in fs/vfs.h.
 */
#pragma once

#include "libc/types.h"

struct file;

/* /proc/sys/fs/epoll/max_user_watches, of all users together: one more is -ENOSPC. [a] */
extern uint64_t epoll_max_watches;

/*
 * The last reference of f has gone: take it out of all interest sets. file_put() calls it before ops->release, with f->epoll_lock and f->epoll_items still
 * valid. Cheap if f was never watched. Context: thread, may sleep.
 */
void epoll_forget_file(struct file *f);
