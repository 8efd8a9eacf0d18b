/* SPDX-License-Identifier: MIT
 *
 * What fs/ asks about the calling process (fs/vnode.h).
 */
#include "fs/procfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "linux/process.h"
#include "linux/signal.h"
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

static void broken_pipe_signal(void)
{
	if (thread_current()->task)
		(void)signal_pipe(-EPIPE);
}

static void fs_hooks_init(void)
{
	vfs_current_fds = current_fds;
	vfs_current_context = current_context;
	vfs_broken_pipe = broken_pipe_signal;
}
INIT_HOOK(INIT_LATE, fs_hooks_init);

static ssize_t thread_self_target(char *buf, size_t size, struct pseudo_args *a)
{
	(void)a;
	return snprintf(buf, size, "%d/task/%d", process_current()->pid, task_current()->tid);
}
PSEUDO_LINK(thread_self, "/proc/thread-self", thread_self_target, NULL);
