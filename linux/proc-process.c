// SPDX-License-Identifier: MIT
/* /proc/self: the process and its threads. Formats: proc(5). */
#include "fs/cred.h"
#include "fs/file.h"
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/linux.h"
#include "linux/process.h"
#include "linux/syscalls.h"
#include "linux/task.h"
#include "mmu/aspace.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "mmu/user.h"
#include "sched/clock.h"
#include "sched/cpu.h"
#include "sched/trace.h"

#define TICK_NS		(NSEC_PER_SEC / 100)
#define NAME_SIZE	256

/* ---- the address space --------------------------------------------------------------------------------------------------------- */

/* One line of maps: "start-end perms offset dev inode   path". */
static void put_area(struct text *t, const struct vm_area_info *i)
{
	uint64_t dev = 0, ino = 0;
	char name[NAME_SIZE] = "";

	if (i->object && i->object->ops->identity)
		i->object->ops->identity(i->object, &dev, &ino);
	if (i->name)
		strlcpy(name, i->name, sizeof(name));
	else if (i->object && i->object->ops->name)
		i->object->ops->name(i->object, name, sizeof(name));
	text_printf(t, "%lx-%lx %c%c%c%c %08lx %02x:%02x %lu", i->start, i->end, i->prot & VM_READ ? 'r' : '-',
		    i->prot & VM_WRITE ? 'w' : '-', i->prot & VM_EXEC ? 'x' : '-', i->flags & VM_SHARED ? 's' : 'p', i->off,
		    (unsigned)(dev >> 8) & 0xfff, (unsigned)dev & 0xff, (unsigned long)ino);
	text_printf(t, name[0] ? " %*s%s\n" : "\n", 20, "", name);
}

static bool show_area(const struct vm_area_info *i, void *t)
{
	put_area(t, i);
	return true;
}

static int show_maps(struct text *t, struct pseudo_args *a)
{
	(void)a;
	aspace_for_each(process_current()->aspace, show_area, t);
	return 0;
}
PSEUDO_FILE(maps, "/proc/self/maps", 0444, show_maps, NULL);

void linux_write_maps(bool (*emit)(void *arg, const void *data, size_t len), void *arg)
{
	struct text t = { 0 };
	uint32_t header[4] = { TRACE_SECTION_MAPS };

	if (task_current() && process_current()->aspace)
		aspace_for_each(process_current()->aspace, show_area, &t);
	if (t.has_failed)
		t.len = 0;
	header[2] = (uint32_t)t.len;
	if (emit(arg, header, sizeof(header)) && t.len)
		emit(arg, t.data, t.len);
	kfree(t.data);
}

static bool show_smap(const struct vm_area_info *i, void *t)
{
	unsigned long kib = (i->end - i->start) / 1024, rss = i->rss_bytes / 1024;
	bool is_private = !(i->flags & VM_SHARED);

	put_area(t, i);
	text_printf(t, "Size:           %8lu kB\nKernelPageSize: %8u kB\nMMUPageSize:    %8u kB\nRss:            %8lu kB\nPss:            %8lu kB\n", kib, 4, 4, rss, rss);
	/* "Shared" is what several processes have mapped. */
	text_printf(t, "Shared_Clean:   %8u kB\nShared_Dirty:   %8u kB\nPrivate_Clean:  %8u kB\nPrivate_Dirty:  %8lu kB\n", 0, 0, 0, rss);
	text_printf(t, "Referenced:     %8lu kB\nAnonymous:      %8lu kB\nLazyFree:       %8u kB\nAnonHugePages:  %8u kB\nSwap:           %8u kB\nLocked:         %8u kB\n",
		    rss, i->object ? 0 : rss, 0, 0, 0, 0);
	text_printf(t, "VmFlags:%s%s%s%s mr mw me ac\n", i->prot & VM_READ ? " rd" : "", i->prot & VM_WRITE ? " wr" : "",
		    i->prot & VM_EXEC ? " ex" : "", is_private ? "" : " sh");
	return true;
}

static int show_smaps(struct text *t, struct pseudo_args *a)
{
	(void)a;
	aspace_for_each(process_current()->aspace, show_smap, t);
	return 0;
}
PSEUDO_FILE(smaps, "/proc/self/smaps", 0444, show_smaps, NULL);

struct rollup {
	vaddr_t first, last;
	unsigned long rss, anon, shared;	/* KiB */
};

static bool add_rollup(const struct vm_area_info *i, void *arg)
{
	struct rollup *r = arg;
	unsigned long rss = i->rss_bytes / 1024;

	if (!r->last)
		r->first = i->start;
	r->last = i->end;
	r->rss += rss;
	r->anon += i->object ? 0 : rss;
	r->shared += i->flags & VM_SHARED ? rss : 0;
	return true;
}

static int show_smaps_rollup(struct text *t, struct pseudo_args *a)
{
	struct rollup r = { 0 };

	(void)a;
	aspace_for_each(process_current()->aspace, add_rollup, &r);
	text_printf(t, "%08lx-%08lx ---p 00000000 00:00 0 %*s[rollup]\n", r.first, r.last, 28, "");
	text_printf(t, "Rss:            %8lu kB\nPss:            %8lu kB\nPss_Anon:       %8lu kB\nPss_File:       %8lu kB\nPss_Shmem:      %8lu kB\n", r.rss, r.rss, r.anon,
		    r.rss - r.anon - MIN(r.shared, r.rss - r.anon), MIN(r.shared, r.rss - r.anon));
	text_printf(t, "Shared_Clean:   %8u kB\nShared_Dirty:   %8u kB\nPrivate_Clean:  %8u kB\nPrivate_Dirty:  %8lu kB\nReferenced:     %8lu kB\nAnonymous:      %8lu kB\n", 0,
		    0, 0, r.rss, r.rss, r.anon);
	text_printf(t, "LazyFree:       %8u kB\nAnonHugePages:  %8u kB\nSwap:           %8u kB\nSwapPss:        %8u kB\nLocked:         %8u kB\n", 0, 0, 0, 0, 0);
	return 0;
}
PSEUDO_FILE(smaps_rollup, "/proc/self/smaps_rollup", 0444, show_smaps_rollup, NULL);

static bool show_numa(const struct vm_area_info *i, void *t)
{
	unsigned long pages = i->rss_bytes / PAGE_SIZE;
	char name[NAME_SIZE] = "";

	if (i->object && i->object->ops->name)
		i->object->ops->name(i->object, name, sizeof(name));
	text_printf(t, "%08lx default", i->start);
	if (name[0])
		text_printf(t, " file=%s", name);
	if (pages)
		text_printf(t, " %s=%lu N0=%lu kernelpagesize_kB=4", i->object ? "mapped" : "anon", pages, pages);
	text_printf(t, "\n");
	return true;
}

static int show_numa_maps(struct text *t, struct pseudo_args *a)
{
	(void)a;
	aspace_for_each(process_current()->aspace, show_numa, t);
	return 0;
}
PSEUDO_FILE(numa_maps, "/proc/self/numa_maps", 0444, show_numa_maps, NULL);

static int show_statm(struct text *t, struct pseudo_args *a)
{
	struct aspace_stats s;

	(void)a;
	aspace_stats(process_current()->aspace, &s);
	text_printf(t, "%lu %lu %u %lu 0 %lu 0\n", (unsigned long)(s.virtual_bytes / PAGE_SIZE), (unsigned long)(s.resident_bytes / PAGE_SIZE), 0,
		    (unsigned long)(s.text_bytes / PAGE_SIZE), (unsigned long)((s.data_bytes + s.stack_bytes) / PAGE_SIZE));
	return 0;
}
PSEUDO_FILE(statm, "/proc/self/statm", 0444, show_statm, NULL);

/* Bytes [start, end) of the program's own memory. */
static int show_memory(struct text *t, vaddr_t start, vaddr_t end)
{
	char chunk[256];

	while (start < end) {
		size_t n = MIN(sizeof(chunk), (size_t)(end - start));

		if (copy_from_user(chunk, (const void *)start, n))
			return -EFAULT;
		text_append(t, chunk, n);
		start += n;
	}
	return 0;
}

static int show_cmdline(struct text *t, struct pseudo_args *a)
{
	struct process *p = process_current();

	(void)a;
	return show_memory(t, p->arg_start, p->arg_end);
}
PSEUDO_FILE(cmdline, "/proc/self/cmdline", 0444, show_cmdline, NULL);

static int show_environ(struct text *t, struct pseudo_args *a)
{
	struct process *p = process_current();

	(void)a;
	return show_memory(t, p->env_start, p->env_end);
}
PSEUDO_FILE(environ, "/proc/self/environ", 0400, show_environ, NULL);

static int show_auxv(struct text *t, struct pseudo_args *a)
{
	struct process *p = process_current();

	(void)a;
	text_append(t, (const char *)p->auxv, p->nr_auxv * sizeof(p->auxv[0]));
	return 0;
}
PSEUDO_FILE(auxv, "/proc/self/auxv", 0400, show_auxv, NULL);

/* ---- threads ------------------------------------------------------------------------------------------------------------------------- */

struct next_tid {
	int from, best;
};

static bool find_next_tid(struct task *t, void *arg)
{
	struct next_tid *n = arg;

	if (t->tid >= n->from && (n->best < 0 || t->tid < n->best))
		n->best = t->tid;
	return true;
}

static long next_task(long from, struct pseudo_args *a)
{
	struct next_tid n = { (int)from, -1 };

	(void)a;
	process_for_each_task(process_current(), find_next_tid, &n);
	return n.best;
}
PSEUDO_DIR(self_task, "/proc/self/task/%", next_task);

/* The thread that a file below /proc/self/task/TID is about, with a reference; the process's first for /proc/self itself. */
static struct task *task_of(struct pseudo_args *a, bool is_task)
{
	return task_get(process_current(), is_task ? (int)a->id[0] : process_current()->pid);
}

/* The first thread may have ended: then the caller stands for the process. */
static int with_task(struct text *t, struct pseudo_args *a, bool is_task,
		     void (*show)(struct text *t, struct task *task, bool is_task))
{
	struct task *task = task_of(a, is_task);

	if (!task && is_task)
		return -ESRCH;
	show(t, task ? task : task_current(), is_task);
	if (task)
		task_put(task);
	return 0;
}

static void put_stat(struct text *t, struct task *task, bool is_task)
{
	struct process *p = task->process;
	struct thread_times times;
	enum thread_policy policy;
	struct aspace_stats s;
	nsec_t user, system;
	int rt_priority, nice = thread_get_nice(task->thread), effective = thread_priority(task->thread);

	thread_times(task->thread, &times);
	user = times.user_ns;
	system = times.system_ns;
	if (!is_task)
		process_times(p, &user, &system);
	thread_get_policy(task->thread, &policy, &rt_priority);
	aspace_stats(p->aspace, &s);
	text_printf(t, "%d (%s) %c %d %d %d 0 -1 4194304 %lu 0 %lu 0 ", task->tid, task->thread->name, thread_state_letter(task->thread), p->ppid,
		    p->pgid, p->sid, (unsigned long)s.nr_faults, (unsigned long)s.nr_major_faults);
	text_printf(t, "%lu %lu 0 0 %d %d %u 0 %lu ", (unsigned long)(user / TICK_NS), (unsigned long)(system / TICK_NS),
		    effective ? -1 - effective : 20 + nice, nice, p->nr_threads, (unsigned long)(p->start_time / TICK_NS));
	text_printf(t, "%lu %lu 18446744073709551615 %lu %lu %lu 0 0 0 0 0 0 0 0 0 17 %d %d %d 0 0 0 %lu %lu %lu %lu %lu %lu %lu 0\n",
		    (unsigned long)s.virtual_bytes, (unsigned long)(s.resident_bytes / PAGE_SIZE), p->start_code, p->end_code, p->start_stack,
		    thread_cpu_id(task->thread), rt_priority, (int)policy, p->start_data, p->end_data, s.brk_start, p->arg_start, p->arg_end,
		    p->env_start, p->env_end);
}

static int show_self_stat(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, false, put_stat);
}
PSEUDO_FILE(self_stat, "/proc/self/stat", 0444, show_self_stat, NULL);

static int show_task_stat(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, true, put_stat);
}
PSEUDO_FILE(task_stat, "/proc/self/task/%/stat", 0444, show_task_stat, NULL);

static const char *state_name(char letter)
{
	return letter == 'R' ? "running" : letter == 'D' ? "disk sleep" : letter == 'Z' ? "zombie" : letter == 'T' ? "stopped" : "sleeping";
}

static void put_signal_sets(struct text *t, struct task *task)
{
	struct process *p = task->process;
	sigmask_t ignored = 0, caught = 0;

	mutex_lock(&p->signal_lock);
	for (int i = 0; i < NR_SIGNALS; i++) {
		if (p->actions[i].handler == SIG_IGN)
			ignored |= 1ull << i;
		else if (p->actions[i].handler != SIG_DFL)
			caught |= 1ull << i;
	}
	text_printf(t, "SigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", p->nr_queued,
		    (unsigned long)p->rlimits[RLIMIT_SIGPENDING].cur, task->pending.set, p->pending.set, task->blocked, ignored, caught);
	mutex_unlock(&p->signal_lock);
}

static void put_affinity(struct text *t, struct thread *thread)
{
	uint64_t mask[MAX_CPUS / 64] = { 0 };
	const char *comma = "";
	unsigned words = (nr_cpus + 31) / 32;

	thread_get_affinity(thread, mask, ARRAY_SIZE(mask));
	text_printf(t, "Cpus_allowed:\t");
	for (unsigned w = words; w-- > 0;)
		text_printf(t, "%s%0*x", w == words - 1 ? "" : ",", w == words - 1 ? 1 : 8, (unsigned)(mask[w / 2] >> (w % 2 * 32)));
	text_printf(t, "\nCpus_allowed_list:\t");
	for (unsigned i = 0; i < nr_cpus; i++) {
		unsigned first = i;

		if (!(mask[i / 64] >> (i % 64) & 1))
			continue;
		while (i + 1 < nr_cpus && mask[(i + 1) / 64] >> ((i + 1) % 64) & 1)
			i++;
		text_printf(t, first == i ? "%s%u" : "%s%u-%u", comma, first, i);
		comma = ",";
	}
	text_printf(t, "\n");
}

static void put_status(struct text *t, struct task *task, bool is_task)
{
	struct process *p = task->process;
	const struct cred *c = cred_get_of(task->thread);
	char letter = thread_state_letter(task->thread);
	struct thread_times times;
	struct aspace_stats s;

	(void)is_task;
	thread_times(task->thread, &times);
	aspace_stats(p->aspace, &s);
	text_printf(t, "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n", task->thread->name,
		    p->fs->umask, letter, state_name(letter), p->pid, task->tid, p->ppid);
	text_printf(t, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nFDSize:\t256\nGroups:\t", c->uid, c->euid, c->suid, c->fsuid, c->gid, c->egid,
		    c->sgid, c->fsgid);
	for (unsigned i = 0; i < c->nr_groups; i++)
		text_printf(t, "%u ", c->groups[i]);
	text_printf(t, "\nVmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n", s.virtual_bytes / 1024,
		    s.virtual_bytes / 1024, s.locked_bytes / 1024, s.resident_bytes / 1024, s.resident_bytes / 1024);
	text_printf(t, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\nVmSwap:\t%8u kB\nThreads:\t%u\n", s.data_bytes / 1024, s.stack_bytes / 1024,
		    s.text_bytes / 1024, 0, p->nr_threads);
	put_signal_sets(t, task);
	text_printf(t, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\nSeccomp:\t0\n",
		    c->inheritable, c->permitted, c->effective, c->bounding, c->ambient, task->no_new_privs);
	cred_put(c);
	put_affinity(t, task->thread);
	text_printf(t, "Mems_allowed:\t1\nMems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		    (unsigned long)times.nr_voluntary, (unsigned long)times.nr_involuntary);
}

static int show_status(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, false, put_status);
}
PSEUDO_FILE(self_status, "/proc/self/status", 0444, show_status, NULL);

static int show_task_status(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, true, put_status);
}
PSEUDO_FILE(task_status, "/proc/self/task/%/status", 0444, show_task_status, NULL);

static void put_comm(struct text *t, struct task *task, bool is_task)
{
	(void)is_task;
	text_printf(t, "%s\n", task->thread->name);
}

static int show_comm(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, false, put_comm);
}

static int show_task_comm(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, true, put_comm);
}

static ssize_t store_name(struct task *task, const char *data, size_t len)
{
	char name[THREAD_NAME_LEN] = { 0 };
	size_t n = MIN(len, sizeof(name) - 1);

	if (!task)
		return -ESRCH;
	memcpy(name, data, n);
	if (n && name[n - 1] == '\n')
		name[n - 1] = 0;
	memcpy(task->thread->name, name, sizeof(name));
	task_put(task);
	return (ssize_t)len;
}

static ssize_t store_comm(const char *data, size_t len, struct pseudo_args *a)
{
	return store_name(task_of(a, false), data, len);
}

static ssize_t store_task_comm(const char *data, size_t len, struct pseudo_args *a)
{
	return store_name(task_of(a, true), data, len);
}
PSEUDO_FILE(self_comm, "/proc/self/comm", 0644, show_comm, store_comm);
PSEUDO_FILE(task_comm, "/proc/self/task/%/comm", 0644, show_task_comm, store_task_comm);

static void put_wchan(struct text *t, struct task *task, bool is_task)
{
	const char *wchan = READ_ONCE(task->thread->wchan);

	(void)is_task;
	text_printf(t, "%s", wchan ? wchan : "0");
}

static int show_task_wchan(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, true, put_wchan);
}
PSEUDO_FILE(task_wchan, "/proc/self/task/%/wchan", 0444, show_task_wchan, NULL);

static void put_schedstat(struct text *t, struct task *task, bool is_task)
{
	struct thread_times times;

	(void)is_task;
	thread_times(task->thread, &times);
	text_printf(t, "%lu 0 %lu\n", times.user_ns + times.system_ns, (unsigned long)(times.nr_voluntary + times.nr_involuntary));
}

static int show_task_schedstat(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, true, put_schedstat);
}

static int show_self_schedstat(struct text *t, struct pseudo_args *a)
{
	return with_task(t, a, false, put_schedstat);
}
PSEUDO_FILE(self_schedstat, "/proc/self/schedstat", 0444, show_self_schedstat, NULL);
PSEUDO_FILE(task_schedstat, "/proc/self/task/%/schedstat", 0444, show_task_schedstat, NULL);

static int show_timerslack(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "%u\n", thread_current()->slack_ns);
	return 0;
}
PSEUDO_FILE(timerslack, "/proc/self/timerslack_ns", 0666, show_timerslack, NULL);

/* ---- the rest of /proc/self ----------------------------------------------------------------------------------------------------------- */

static ssize_t exe_target(char *buf, size_t size, struct pseudo_args *a)
{
	struct process *p = process_current();
	ssize_t n = -ENOENT;

	(void)a;
	mutex_lock(&p->lock);
	if (p->exe_path)
		n = (ssize_t)strlcpy(buf, p->exe_path, size);
	mutex_unlock(&p->lock);
	return n;
}
PSEUDO_MAGIC_LINK(exe, "/proc/self/exe", exe_target);

static ssize_t cwd_target(char *buf, size_t size, struct pseudo_args *a)
{
	ssize_t n = vfs_cwd_link(process_current()->fs, buf, size);

	(void)a;
	return n > 0 ? n - 1 : n;	/* without the 0 */
}
PSEUDO_MAGIC_LINK(cwd, "/proc/self/cwd", cwd_target);

static ssize_t root_target(char *buf, size_t size, struct pseudo_args *a)
{
	(void)a;
	return (ssize_t)strlcpy(buf, "/", size);
}
PSEUDO_MAGIC_LINK(root, "/proc/self/root", root_target);

static const struct {
	const char *name, *unit;
} limit_names[NR_RLIMITS] = {
	[RLIMIT_CPU] = { "Max cpu time", "seconds" },	[RLIMIT_FSIZE] = { "Max file size", "bytes" },
	[RLIMIT_DATA] = { "Max data size", "bytes" },	[RLIMIT_STACK] = { "Max stack size", "bytes" },
	[RLIMIT_CORE] = { "Max core file size", "bytes" },	[RLIMIT_RSS] = { "Max resident set", "bytes" },
	[RLIMIT_NPROC] = { "Max processes", "processes" },	[RLIMIT_NOFILE] = { "Max open files", "files" },
	[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },	[RLIMIT_AS] = { "Max address space", "bytes" },
	[RLIMIT_LOCKS] = { "Max file locks", "locks" },	[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
	[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },	[RLIMIT_NICE] = { "Max nice priority", "" },
	[RLIMIT_RTPRIO] = { "Max realtime priority", "" },	[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
};

static void put_limit(struct text *t, uint64_t v)
{
	if (v == RLIM_INFINITY)
		text_printf(t, "%-20s ", "unlimited");
	else
		text_printf(t, "%-20lu ", v);
}

static int show_limits(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (int i = 0; i < NR_RLIMITS; i++) {
		const struct rlimit_k *l = &process_current()->rlimits[i];

		text_printf(t, "%-25s ", limit_names[i].name);
		put_limit(t, l->cur);
		put_limit(t, l->max);
		text_printf(t, "%-10s\n", limit_names[i].unit);
	}
	return 0;
}
PSEUDO_FILE(limits, "/proc/self/limits", 0444, show_limits, NULL);

static int show_zero(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "0\n");
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The number written, as Linux reads it: decimal, or hexadecimal after 0x, a sign before it, white space around it. */
static bool parse_number(const char *data, size_t len, int64_t *out)
{
	const char *p = data, *end = data + strnlen(data, len);
	bool is_negative;
	uint64_t value = 0;
	unsigned base = 10;

	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	is_negative = p < end && *p == '-';
	p += is_negative;
	if (end - p > 2 && p[0] == '0' && (p[1] | 0x20) == 'x') {
		base = 16;
		p += 2;
	}
	if (p == end)
		return false;
	for (; p < end; p++) {
		unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0') : (unsigned)((*p | 0x20) - 'a') < 6 ? (unsigned)((*p | 0x20) - 'a') + 10 : 16;

		value = value * base + digit;
		if (digit >= base || value > UINT32_MAX)
			return false;
	}
	*out = is_negative ? -(int64_t)value : (int64_t)value;
	return true;
}

/* Kept for who asks: nothing chooses among processes, and no core is dumped. */
static int32_t oom_score_adj, oom_score_adj_min;	/* [a] */
static uint32_t coredump_filter = 0x33;			/* [a] */

static int show_oom_score_adj(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "%d\n", atomic_load(&oom_score_adj, RELAXED));
	return 0;
}

static ssize_t store_oom_score_adj(const char *data, size_t len, struct pseudo_args *a)
{
	int64_t value;

	(void)a;
	if (!parse_number(data, len, &value) || value < -1000 || value > 1000)
		return -EINVAL;
	if (capable(CAP_SYS_RESOURCE))
		atomic_store(&oom_score_adj_min, (int32_t)value, RELAXED);
	else if (value < atomic_load(&oom_score_adj_min, RELAXED))
		return -EACCES;
	atomic_store(&oom_score_adj, (int32_t)value, RELAXED);
	return (ssize_t)len;
}
PSEUDO_FILE(oom_score, "/proc/self/oom_score", 0444, show_zero, NULL);
PSEUDO_FILE(oom_score_adj, "/proc/self/oom_score_adj", 0644, show_oom_score_adj, store_oom_score_adj);

static int show_coredump_filter(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "%08x\n", atomic_load(&coredump_filter, RELAXED));
	return 0;
}

static ssize_t store_coredump_filter(const char *data, size_t len, struct pseudo_args *a)
{
	int64_t value;

	(void)a;
	if (!parse_number(data, len, &value) || value < 0)
		return -EINVAL;
	atomic_store(&coredump_filter, (uint32_t)value & 0x1ff, RELAXED);
	return (ssize_t)len;
}
PSEUDO_FILE(coredump_filter, "/proc/self/coredump_filter", 0644, show_coredump_filter, store_coredump_filter);

static int show_io(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
	return 0;
}
PSEUDO_FILE(io, "/proc/self/io", 0400, show_io, NULL);

/* ---- Samara's own ---------------------------------------------------------------------------------------------------------------------- */

static int show_syscalls(struct text *t, struct pseudo_args *a)
{
	struct syscall_stats s;

	(void)a;
	syscall_stats(&s);
	text_printf(t, "exceptions %lu\nfast %lu\npatched %lu\nunreachable %lu\n", (unsigned long)s.exceptions, (unsigned long)s.fast,
		    (unsigned long)s.patched, (unsigned long)s.unreachable);
	return 0;
}
PSEUDO_FILE(samara_syscalls, "/proc/samara/syscalls", 0444, show_syscalls, NULL);
