/* SPDX-License-Identifier: MIT
 *
 * Restartable sequences (rseq(2)): not there. -ENOSYS without a word, as from a Linux built without them: every C library asks at its start and does without.
 */
#include "libc/errno.h"
#include "linux/syscalls.h"

long sys_rseq(long area, long len, long flags, long sig)
{
	(void)area, (void)len, (void)flags, (void)sig;
	return -ENOSYS;
}
