/* SPDX-License-Identifier: MIT
 *
 * inotify(7): not yet. Programs that use it fall back to looking at the file from time to time when it cannot be had.
 */
#include "fs/vfs.h"
#include "libc/errno.h"

int inotify_create_file(unsigned flags, struct file **out)
{
	(void)flags;
	(void)out;
	return -ENOSYS;
}
