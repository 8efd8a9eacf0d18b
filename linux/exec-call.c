/* SPDX-License-Identifier: MIT
 *
 * execve(2), execveat(2): another program in this process. The new program is opened and checked while the old one is intact; then the other threads end,
 * a new address space takes the place of the old one, and a failure from there on is the end (as on Linux, SIGKILL).
 */
#include <arch/thread.h>

#include "fs/file.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/exec.h"
#include "linux/futex.h"
#include "linux/process.h"
#include "linux/rseq.h"
#include "linux/signal-priv.h"
#include "linux/syscalls.h"
#include "linux/veneer.h"
#include "mmu/aspace.h"
#include "mmu/heap.h"
#include "mmu/user.h"
#include "sched/sched.h"

static void replace_aspace(struct process *p, struct aspace *fresh)
{
	struct aspace *old = p->aspace;
	arch_irqflags_t flags;

	mutex_lock(&p->threads_lock);
	p->aspace = fresh;
	mutex_unlock(&p->threads_lock);
	flags = arch_irq_save();
	thread_current()->aspace = fresh;
	aspace_activate(fresh);
	arch_irq_restore(flags);
	sched_forget_aspace(old);
	aspace_destroy(old);
}

/* What of the old program does not survive (execve(2), "Effect on process attributes"). */
static void forget_old_program(struct process *p, struct task *t)
{
	futex_exit(t);
	t->pi.is_gone = false;		/* it goes on as another program */
	if (t->clear_child_tid && user_store32((uint32_t *)t->clear_child_tid, 0))
		t->clear_child_tid = 0;
	t->clear_child_tid = t->set_child_tid = t->robust_list = 0;
	rseq_forget(t);
	atomic_store(&p->membarrier, 0u, RELAXED);
	sigtimers_exec(p);
	signal_exec_reset(p, t);
	fd_close_on_exec(p->files);
	mutex_lock(&p->threads_lock);
	if (t->tid != p->pid)
		task_renumber(t, p->pid);
	mutex_unlock(&p->threads_lock);
}

static long commit(struct exec *e, struct frame *f)
{
	static const struct arch_fpu no_fpu;
	struct process *p = process_current();
	struct aspace *fresh = aspace_create();
	int r;

	if (!fresh) {
		exec_free(e);
		return -ENOMEM;
	}
	if (!process_become_single(p)) {
		aspace_destroy(fresh);
		exec_free(e);
		return -EAGAIN;		/* never seen: this thread is about to end */
	}
	forget_old_program(p, task_current());
	veneer_reset();
	replace_aspace(p, fresh);
	r = exec_load(e, f);
	if (r)
		log_line("%s cannot be loaded (error %d) and the program before it is gone", e->path, -r);
	exec_free(e);
	if (r)
		process_exit(SIGKILL);
	arch_fpu_load(&no_fpu);
	f->syscall_nr = -1;		/* the registers are the new program's */
	return 0;
}

static long do_exec(struct frame *f, const char *path, vaddr_t argv, vaddr_t envp)
{
	struct exec *e = exec_alloc();
	int r;

	if (!e)
		return -ENOMEM;
	r = exec_strings_from_user(&e->argv, argv);
	if (!r)
		r = exec_strings_from_user(&e->envp, envp);
	if (!r && !e->argv.nr)
		r = exec_strings_add(&e->argv, "");	/* since Linux 5.18 argc is at least 1 */
	if (!r)
		r = exec_prepare(e, path);
	if (r) {
		exec_free(e);
		return r;
	}
	return commit(e, f);
}

static long exec_path_arg(struct frame *f, vaddr_t user_path, vaddr_t argv, vaddr_t envp)
{
	char *path = kmalloc(PATH_MAX);
	long r;

	if (!path)
		return -ENOMEM;
	r = strncpy_from_user(path, (const char *)user_path, PATH_MAX);
	if (r == 0)
		r = -ENOENT;
	if (r > 0)
		r = do_exec(f, path, argv, envp);
	kfree(path);
	return r;
}

long sys_execve(struct frame *f)
{
	return exec_path_arg(f, (vaddr_t)frame_arg(f, 0), (vaddr_t)frame_arg(f, 1), (vaddr_t)frame_arg(f, 2));
}

#define AT_FDCWD_	(-100)

/* Of a path relative to a descriptor, or (AT_EMPTY_PATH) of the file itself: by its name, as fexecve(3) does through /proc. */
static long exec_at_path(int fd, const char *path, char *out, size_t size)
{
	struct process *p = process_current();
	struct file *at;
	ssize_t n;

	if (path[0] == '/' || fd == AT_FDCWD_)
		return strlcpy(out, path, size) < size ? 0 : -ENAMETOOLONG;
	at = fd_get(p->files, fd);
	if (!at)
		return -EBADF;
	n = file_path(p->fs, at, out, size);
	file_put(at);
	if (n < 0)
		return n;
	if (!path[0])
		return 0;
	if (strlen(out) + 1 + strlen(path) >= size)
		return -ENAMETOOLONG;
	n = (ssize_t)strlen(out);
	out[n++] = '/';
	strlcpy(out + n, path, size - (size_t)n);
	return 0;
}

long sys_execveat(struct frame *f)
{
	long flags = frame_arg(f, 4), r;
	char *path, *full;

	if (flags & ~(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	path = kmalloc(2 * PATH_MAX);
	if (!path)
		return -ENOMEM;
	full = path + PATH_MAX;
	r = strncpy_from_user(path, (const char *)frame_arg(f, 1), PATH_MAX);
	if (r == 0 && !(flags & AT_EMPTY_PATH))
		r = -ENOENT;
	if (r >= 0)
		r = exec_at_path((int)frame_arg(f, 0), path, full, PATH_MAX);
	if (!r)
		r = do_exec(f, full, (vaddr_t)frame_arg(f, 2), (vaddr_t)frame_arg(f, 3));
	kfree(path);
	return r;
}
