/* SPDX-License-Identifier: MIT
 *
 * fcntl(2) and ioctl(2) of a file's owner and of O_ASYNC; the signals themselves. Context: thread.
 */
#pragma once

#include "libc/types.h"

struct file;

/* F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX. -EINVAL, -ESRCH, -EFAULT, -ENOMEM. */
long sigio_fcntl(struct file *f, int cmd, long arg);
/* FIOASYNC; of sockets FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP. -ENOTTY: none of these. */
long sigio_ioctl(struct file *f, int fd, unsigned cmd, long arg);
/* O_ASYNC as F_SETFL sets it. 0, -ENOMEM. */
int sigio_set(struct file *f, int fd, bool is_on);
