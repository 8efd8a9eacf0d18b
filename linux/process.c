/* SPDX-License-Identifier: MIT
 *
 * The process structure: creation and what is asked of all its threads.
 */
#include "linux/process.h"

#include "fs/cred.h"
#include "fs/file.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "mmu/aspace.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/clock.h"

static struct process *first_process;	/* [I] after linux_start() */

struct process *process_first(void)
{
	return first_process;
}

static void default_limits(struct process *p)
{
	struct page_stats mem;

	page_stats(&mem);
	for (unsigned i = 0; i < NR_RLIMITS; i++)
		p->rlimits[i] = (struct rlimit_k){ RLIM_INFINITY, RLIM_INFINITY };
	p->rlimits[RLIMIT_STACK].cur = 8ull << 20;
	p->rlimits[RLIMIT_CORE] = (struct rlimit_k){ 0, RLIM_INFINITY };
	p->rlimits[RLIMIT_NOFILE] = (struct rlimit_k){ 1024, 1048576 };
	/* As Linux: threads may take an eighth of memory. */
	p->rlimits[RLIMIT_NPROC].cur = p->rlimits[RLIMIT_NPROC].max = MAX(mem.total_bytes / (8 * 16384), 64ull);
	p->rlimits[RLIMIT_SIGPENDING] = p->rlimits[RLIMIT_NPROC];
	p->rlimits[RLIMIT_MEMLOCK] = (struct rlimit_k){ 8ull << 20, 8ull << 20 };
	p->rlimits[RLIMIT_MSGQUEUE] = (struct rlimit_k){ 819200, 819200 };
	p->rlimits[RLIMIT_NICE] = p->rlimits[RLIMIT_RTPRIO] = (struct rlimit_k){ 0, 0 };
}

int process_create(struct process **out)
{
	struct process *p = KNEW(struct process);
	int r = -ENOMEM;

	if (!p)
		return -ENOMEM;
	p->aspace = aspace_create();
	if (!p->aspace)
		goto err_process;
	p->files = fdtable_create();
	if (!p->files)
		goto err_aspace;
	r = fs_context_create(&p->fs);
	if (r)
		goto err_files;
	list_init(&p->threads);
	list_init(&p->pending.entries);
	p->pending.nr_total = &p->nr_queued;
	waitq_init(&p->signal_waitq);
	p->pid = p->pgid = p->sid = 1;
	p->dumpable = 1;
	p->mce_policy = PROCESS_MCE_DEFAULT;
	p->start_time = clock_monotonic();
	default_limits(p);
	first_process = p;
	*out = p;
	return 0;

err_files:
	fdtable_put(p->files);
err_aspace:
	aspace_destroy(p->aspace);
err_process:
	kfree(p);
	return r;
}

void process_become(struct cred *c)
{
	const struct cred *old = cred_current();

	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid || c->fsgid != old->fsgid || (c->permitted & ~old->permitted)) {
		atomic_store(&process_current()->dumpable, 0u, RELAXED);
		task_current()->pdeath_signal = 0;
	}
	cred_commit(c);
}

void process_times(struct process *p, nsec_t *user_ns, nsec_t *system_ns)
{
	struct task *t;

	mutex_lock(&p->threads_lock);
	*user_ns = p->dead_user_ns;
	*system_ns = p->dead_system_ns;
	list_for_each(t, &p->threads, node) {
		struct thread_times times;

		thread_times(t->thread, &times);
		*user_ns += times.user_ns;
		*system_ns += times.system_ns;
	}
	mutex_unlock(&p->threads_lock);
}

void process_for_each_task(struct process *p, bool (*fn)(struct task *t, void *arg), void *arg)
{
	struct task *t;

	mutex_lock(&p->threads_lock);
	list_for_each(t, &p->threads, node)
		if (!fn(t, arg))
			break;
	mutex_unlock(&p->threads_lock);
}
