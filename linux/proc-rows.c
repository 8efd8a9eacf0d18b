// SPDX-License-Identifier: MIT
/*
 * Files of /proc that say little here: what programs look for and can do without, in the form that
 * proc(5) gives it. Nothing is behind most of them: no control groups, no keys, no modules.
 */
#include "fs/file.h"
#include "fs/procfs.h"
#include "fs/vfs.h"
#include "fs/vnode.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "linux/process.h"
#include "linux/task.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/cpu.h"

#define TEXT(name_, mode_, text_)	{ .path = name_, .mode = mode_, .constant = text_ }
#define SHOW(name_, mode_, fn)	{ .path = name_, .mode = mode_, .show = fn }
#define DIR(name_, mode_)	{ .path = name_, .mode = S_IFDIR | (mode_) }
#define PRESSURE(name) \
	TEXT("pressure/" name, 0666, "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
#define ID_MAP		"         0          0 4294967295\n"

static int show_einval(struct text *t, struct pseudo_args *a)
{
	(void)t, (void)a;
	return -EINVAL;
}

static int show_eio(struct text *t, struct pseudo_args *a)
{
	(void)t, (void)a;
	return -EIO;
}

static int show_sched(struct text *t, struct pseudo_args *a)
{
	struct thread *th = thread_current();
	struct thread_times times;

	(void)a;
	thread_times(th, &times);
	text_printf(t, "%s (%d, #threads: %u)\n-------------------------------------------------------------------\n", th->name,
		    process_current()->pid, process_current()->nr_threads);
	text_printf(t, "se.sum_exec_runtime                          :%15lu.%06lu\n", (unsigned long)((times.user_ns + times.system_ns) / NSEC_PER_MSEC),
		    (unsigned long)((times.user_ns + times.system_ns) % NSEC_PER_MSEC));
	text_printf(t, "nr_switches                                  :%21lu\nnr_voluntary_switches                        :%21lu\nnr_involuntary_switches                      :%21lu\n",
		    (unsigned long)(times.nr_voluntary + times.nr_involuntary), (unsigned long)times.nr_voluntary, (unsigned long)times.nr_involuntary);
	return 0;
}

static const struct pseudo_file self_rows[] = {
	TEXT("cgroup", 0444, ""), TEXT("cpuset", 0444, "/\n"), TEXT("oom_adj", 0644, "0\n"), TEXT("loginuid", 0644, "4294967295"),
	TEXT("sessionid", 0444, "4294967295"), SHOW("sched", 0644, show_sched), TEXT("wchan", 0444, "0"), TEXT("stack", 0400, "[<0>] read\n"),
	TEXT("syscall", 0400, "running\n"), TEXT("personality", 0400, "00000000\n"), TEXT("timers", 0444, ""),
	TEXT("uid_map", 0644, ID_MAP), TEXT("gid_map", 0644, ID_MAP), TEXT("projid_map", 0644, ID_MAP), TEXT("setgroups", 0644, "allow\n"),
	SHOW("pagemap", 0400, show_einval), SHOW("mem", 0600, show_eio), SHOW("clear_refs", 0200, show_einval), TEXT("autogroup", 0644, ""),
	TEXT("ksm_merging_pages", 0400, "0\n"), TEXT("ksm_stat", 0400, "ksm_rmap_items 0\n"),
	TEXT("timens_offsets", 0644, "monotonic           0         0\nboottime            0         0\n"),
	TEXT("attr/current", 0666, "unconfined\n"), SHOW("attr/prev", 0444, show_einval), SHOW("attr/exec", 0666, show_einval),
	SHOW("attr/fscreate", 0666, show_einval), SHOW("attr/keycreate", 0666, show_einval), SHOW("attr/sockcreate", 0666, show_einval),
	DIR("map_files", 0500), DIR("ns", 0511),
};
PSEUDO_TABLE(self_rows, "/proc/self", self_rows);

/* ---- namespaces: there is one of each kind ----------------------------------------------------- */

static int ns_stat(struct file *f, struct stat_info *out)
{
	*out = (struct stat_info){ .mode = S_IFREG | 0444, .nlink = 1, .ino = (uintptr_t)f->private, .blksize = PAGE_SIZE };
	return 0;
}

static int64_t ns_seek(struct file *f, int64_t off, int whence)
{
	(void)f, (void)whence;
	return off < 0 ? -EINVAL : 0;
}

static const struct file_ops ns_ops = { .stat = ns_stat, .seek = ns_seek };

static int ns_open(uintptr_t ino, struct file **out)
{
	*out = file_alloc(&ns_ops, O_RDONLY, (void *)ino);
	return *out ? 0 : -ENOMEM;
}

#define NAMESPACE(name, kind, number) \
	static int ns_open_##name(struct pseudo_args *a, struct file **out) \
	{ \
		(void)a; \
		return ns_open(number, out); \
	} \
	static const struct pseudo_link pseudo_link_ns_##name = { .path = "/proc/self/ns/" #name, .open = ns_open_##name, .constant = kind ":[" #number "]" }; \
	SET_ADD(pseudo_links, pseudo_link_ns_##name)
NAMESPACE(cgroup, "cgroup", 4026531835);
NAMESPACE(ipc, "ipc", 4026531839);
NAMESPACE(mnt, "mnt", 4026531841);
NAMESPACE(net, "net", 4026531840);
NAMESPACE(pid, "pid", 4026531836);
NAMESPACE(pid_for_children, "pid", 4026531836);
NAMESPACE(time, "time", 4026531834);
NAMESPACE(time_for_children, "time", 4026531834);
NAMESPACE(user, "user", 4026531837);
NAMESPACE(uts, "uts", 4026531838);

/* ---- the system --------------------------------------------------------------------------------- */

/* One zone; only its sum is known here, so all is shown as pages of order 0. */
static int show_buddyinfo(struct text *t, struct pseudo_args *a)
{
	struct page_stats m;

	(void)a;
	page_stats(&m);
	text_printf(t, "Node 0, zone   Normal %6lu %6u %6u %6u %6u %6u %6u %6u %6u %6u %6u \n", (unsigned long)(m.free_bytes / PAGE_SIZE), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	return 0;
}

static int show_zoneinfo(struct text *t, struct pseudo_args *a)
{
	unsigned long free, all;
	struct page_stats m;

	(void)a;
	page_stats(&m);
	free = (unsigned long)(m.free_bytes / PAGE_SIZE);
	all = (unsigned long)(m.total_bytes / PAGE_SIZE);
	text_printf(t, "Node 0, zone   Normal\n  per-node stats\n      nr_anon_pages %lu\n      nr_file_pages %lu\n", (unsigned long)(m.anon_bytes / PAGE_SIZE),
		    (unsigned long)(m.cached_bytes / PAGE_SIZE));
	text_printf(t, "  pages free     %lu\n        boost    0\n        min      0\n        low      0\n        high     0\n        spanned  %lu\n        present  %lu\n        managed  %lu\n"
		       "        cma      0\n        protection: (0, 0, 0, 0)\n      nr_free_pages %lu\n", free, all, all, all, free);
	return 0;
}

static int show_softirqs(struct text *t, struct pseudo_args *a)
{
	static const char *const names[] = { "HI", "TIMER", "NET_TX", "NET_RX", "BLOCK", "IRQ_POLL", "TASKLET", "SCHED", "HRTIMER", "RCU" };

	(void)a;
	text_printf(t, "                    ");
	for (unsigned i = 0; i < nr_cpus; i++)
		text_printf(t, "CPU%-8u", i);
	text_printf(t, "\n");
	for (unsigned n = 0; n < ARRAY_SIZE(names); n++) {
		text_printf(t, "%12s:", names[n]);
		for (unsigned i = 0; i < nr_cpus; i++)
			text_printf(t, " %10u", 0);
		text_printf(t, "\n");
	}
	return 0;
}

static int show_timer_list(struct text *t, struct pseudo_args *a)
{
	(void)a;
	text_printf(t, "Timer List Version: v0.9\nHRTIMER_MAX_CLOCK_BASES: 8\nnow at %lu nsecs\n", (unsigned long)clock_monotonic());
	return 0;
}

static ssize_t swallow(const char *data, size_t len, struct pseudo_args *a)
{
	(void)data, (void)a;
	return (ssize_t)len;
}

static const struct pseudo_file rows[] = {
	SHOW("buddyinfo", 0444, show_buddyinfo), SHOW("zoneinfo", 0444, show_zoneinfo), SHOW("softirqs", 0444, show_softirqs), SHOW("timer_list", 0400, show_timer_list),
	TEXT("modules", 0444, ""), TEXT("fb", 0444, ""), TEXT("locks", 0444, ""), TEXT("kallsyms", 0444, "0000000000000000 T _text\n"),
	TEXT("misc", 0444, "183 hw_random\n"), TEXT("crypto", 0444, "name         : sha256\ndriver       : none\n\n"), TEXT("execdomains", 0444, "0-0\tLinux           \t[kernel]\n"),
	TEXT("slabinfo", 0400, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
				"<active_slabs> <num_slabs> <sharedavail>\n"),
	TEXT("key-users", 0444, "    0:     1 1/1 0/1000000 0/25000000\n"), TEXT("keys", 0444, "00000001 I--Q---     1 perm 1f3f0000     0 65534 keyring   _uid_ses.0: empty\n"),
	TEXT("consoles", 0444, "hvc0                 -W- (EC p a)  229:0\n"), TEXT("iomem", 0444, "00000000-00000000 : System RAM\n"), TEXT("ioports", 0444, "00000000-00000000 : none\n"),
	TEXT("kmsg", 0400, ""), SHOW("kcore", 0400, show_eio), SHOW("kpagecount", 0400, show_einval), SHOW("kpageflags", 0400, show_einval), SHOW("kpagecgroup", 0400, show_einval),
	TEXT("vmallocinfo", 0400, "0x0000000000000000-0x0000000000000000       0 none\n"), { .path = "sysrq-trigger", .mode = 0200, .store = swallow },
	PRESSURE("cpu"), PRESSURE("memory"), PRESSURE("io"),
	TEXT("sysvipc/msg", 0444, "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid      stime      rtime      ctime\n"),
	TEXT("sysvipc/sem", 0444, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n"),
	TEXT("sysvipc/shm", 0444, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n"),
	TEXT("tty/drivers", 0444, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n/dev/console         /dev/console    5       1 system:console\n"),
	TEXT("tty/ldiscs", 0444, "n_tty       0\n"), DIR("bus", 0555), DIR("driver", 0555), DIR("fs", 0555), TEXT("irq/default_smp_affinity", 0644, "1\n"),
	DIR("sys/fs/binfmt_misc", 0555), DIR("sys/abi", 0555), DIR("sys/net/netfilter", 0555), DIR("sys/net/mptcp", 0555),
};
PSEUDO_TABLE(proc_rows, "/proc", rows);
