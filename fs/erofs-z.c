/* SPDX-License-Identifier: MIT
 *
 * EROFS compressed files: not yet.
 */
#include "fs/erofs-priv.h"
#include "libc/errno.h"
#include "libc/print.h"

int erofs_z_read(struct erofs *e, const struct erofs_inode *in, uint64_t off, uint8_t *buf, size_t len)
{
	(void)in, (void)off, (void)buf, (void)len;
	if (!e->nr_complaints++)
		log_line("the root file system image is compressed, which is not supported: make it without -z");
	return -EOPNOTSUPP;
}
