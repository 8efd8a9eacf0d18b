/* SPDX-License-Identifier: MIT
 *
 * Between packets and the application's memory.
 */
#pragma once

#include "fs/uio.h"
#include "net/pkt.h"

/* A packet of len bytes taken from u, with headroom, in pages beyond what fits a small allocation. 0, -ENOMEM, -EFAULT. give: *out. */
int __must_check pkt_from_uio(struct uio *u, unsigned headroom, unsigned len, struct pkt **out);
/* Copy [off, off + len) to u. Bytes copied; -EFAULT if none could be. */
ssize_t pkt_to_uio(const struct pkt *p, unsigned off, struct uio *u, unsigned len);
