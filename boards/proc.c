/* SPDX-License-Identifier: MIT
 *
 * What /proc shows of the machine's start.
 */
#include "boards/board.h"
#include "fs/procfs.h"

static int show_cmdline(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "%s\n", board.bootargs);
	return 0;
}
PSEUDO_FILE(cmdline, "/proc/cmdline", 0444, show_cmdline, NULL);
