/* SPDX-License-Identifier: MIT
 *
 * What fs/ asks about the calling process (fs/vnode.h).
 */
#include "fs/vnode.h"
#include "linux/process.h"
#include "linux/task.h"
#include "sched/init.h"
#include "sched/thread.h"

static struct fdtable *current_fds(void)
{
	return thread_current()->task ? process_current()->files : NULL;
}

static struct fs_context *current_context(void)
{
	return thread_current()->task ? process_current()->fs : NULL;
}

static void fs_hooks_init(void)
{
	vfs_current_fds = current_fds;
	vfs_current_context = current_context;
}
INIT_HOOK(INIT_LATE, fs_hooks_init);
