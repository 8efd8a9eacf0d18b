// SPDX-License-Identifier: MIT
/*
 * Settings of the system as a whole: /proc/sys/kernel, vm, fs and user (fs/sysctl.h; proc(5), Linux
 * Documentation/admin-guide/sysctl).
 *
 * What nothing here would obey is kept and shown again, so that programs that set it go on. The
 * numbers are those of Debian's kernel on a machine with 2 GiB.
 */
#include <arch/abi.h>

#include <version.h>

#include "fs/epoll.h"
#include "fs/file.h"
#include "fs/inotify.h"
#include "fs/pipe.h"
#include "fs/sysctl.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "linux/memory-limits.h"
#include "linux/process.h"
#include "linux/system.h"
#include "linux/task.h"
#include "mmu/aspace.h"
#include "mmu/page.h"
#include "sched/init.h"
#include "sched/throttle.h"

/* The share of real-time threads (sched(7)): each of the two is checked against the other. */
static int get_rt_period(const struct sysctl *s, struct pseudo_args *a, int64_t *v)
{
	int64_t runtime;

	(void)s, (void)a;
	throttle_get(v, &runtime);
	return 0;
}

static int set_rt_period(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	int64_t period, runtime;

	(void)s, (void)a;
	throttle_get(&period, &runtime);
	return throttle_set(*v, runtime);
}

static int get_rt_runtime(const struct sysctl *s, struct pseudo_args *a, int64_t *v)
{
	int64_t period;

	(void)s, (void)a;
	throttle_get(&period, v);
	return 0;
}

static int set_rt_runtime(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	int64_t period, runtime;

	(void)s, (void)a;
	throttle_get(&period, &runtime);
	return throttle_set(period, *v);
}

static int get_last_pid(const struct sysctl *s, struct pseudo_args *a, int64_t *v)
{
	(void)s, (void)a;
	*v = task_last_number();
	return 0;
}

static int set_last_pid(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	(void)s, (void)a;
	if (*v > atomic_load(&task_pid_max, RELAXED))
		return -EINVAL;
	task_set_last_number((int)*v);
	return 0;
}

static const struct sysctl kernel_rows[] = {
	SYSCTL_TEXT("osrelease", SYSTEM_RELEASE),
	SYSCTL_TEXT("ostype", "Linux"),
	SYSCTL_TEXT("version", SYSTEM_VERSION),
	SYSCTL_TEXT("arch", ABI_MACHINE),
	SYSCTL_TEXT("ngroups_max", "65536"),
	SYSCTL_TEXT("cap_last_cap", "40"),
	SYSCTL_INT("cad_pid", 0600, &(uint32_t){ 1 }, 1, 1),
	SYSCTL_KEPT("panic", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("perf_event_paranoid", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("yama/ptrace_scope", 0, 0, 3),
	SYSCTL_INT("pid_max", 0644, &task_pid_max, 301, 4194304),
	SYSCTL_INT("threads-max", 0644, &task_max_threads, 1, 0x3fffffff),
	SYSCTL_CALLS("sched_rt_period_us", 0644, 1, 1, SYSCTL_NO_MAX, get_rt_period, set_rt_period),
	SYSCTL_CALLS("sched_rt_runtime_us", 0644, 1, -1, SYSCTL_NO_MAX, get_rt_runtime, set_rt_runtime),
	SYSCTL_KEPT("sched_deadline_period_max_us", 4194304, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("sched_deadline_period_min_us", 100, 0, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("shmmax", 0644, &(uint64_t){ 18446744073692774399ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("auto_msgmni", 0, 0, 1),
	SYSCTL_STRING("core_pattern", 0644, ((char[128]){ "core" })),
	SYSCTL_KEPT("core_pipe_limit", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("core_uses_pid", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("ctrl-alt-del", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("dmesg_restrict", 1, 0, 1),
	SYSCTL_KEPT("hung_task_check_count", 4194304, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("hung_task_check_interval_secs", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("hung_task_panic", 0, 0, 1),
	SYSCTL_ULONGS("hung_task_timeout_secs", 0644, &(uint64_t){ 120ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("hung_task_warnings", 10, -1, SYSCTL_NO_MAX),
	SYSCTL_KEPT("kexec_load_disabled", 0, 1, 1),
	SYSCTL_KEPT("keys/gc_delay", 300, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("keys/maxbytes", 20000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("keys/maxkeys", 200, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("keys/persistent_keyring_expiry", 259200, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("keys/root_maxbytes", 25000000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("keys/root_maxkeys", 1000000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("kptr_restrict", 0, 0, 2),
	SYSCTL_KEPT("max_lock_depth", 1024, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_STRING("modprobe", 0644, ((char[256]){ "/sbin/modprobe" })),
	SYSCTL_KEPT("modules_disabled", 0, 1, 1),
	SYSCTL_TEXT("msg_next_id", "-1"),
	SYSCTL_KEPT("msgmax", 8192, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("msgmnb", 16384, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("msgmni", 32000, 0, 32768),
	SYSCTL_CALLS("ns_last_pid", 0666, 1, 0, SYSCTL_NO_MAX, get_last_pid, set_last_pid),
	SYSCTL_KEPT("numa_balancing", 0, 0, 4),
	SYSCTL_KEPT("oops_limit", 10000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("overflowgid", 65534, 0, 65535),
	SYSCTL_KEPT("overflowuid", 65534, 0, 65535),
	SYSCTL_KEPT("panic_on_oops", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("panic_on_rcu_stall", 0, 0, 1),
	SYSCTL_KEPT("panic_on_warn", 0, 0, 1),
	SYSCTL_KEPT("panic_print", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("perf_cpu_time_max_percent", 25, 0, 100),
	SYSCTL_KEPT("perf_event_max_contexts_per_stack", 8, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("perf_event_max_sample_rate", 100000, 1, SYSCTL_NO_MAX),
	SYSCTL_KEPT("perf_event_max_stack", 127, 0, 640),
	SYSCTL_KEPT("perf_event_mlock_kb", 516, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("perf_user_access", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("print-fatal-signals", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INTS("printk", 0644, ((uint32_t[]){ 1, 4, 1, 7 }), 4, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("printk_delay", 0, 0, 10000),
	SYSCTL_KEPT("printk_ratelimit", 5, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("printk_ratelimit_burst", 10, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("pty/max", 4096, 0, 1048576),
	SYSCTL_TEXT("pty/nr", "0"),
	SYSCTL_KEPT("pty/reserve", 1024, 0, 1048576),
	SYSCTL_KEPT("randomize_va_space", 2, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("sched_autogroup_enabled", 0, 0, 1),
	SYSCTL_KEPT("sched_cfs_bandwidth_slice_us", 5000, 1, SYSCTL_NO_MAX),
	SYSCTL_KEPT("sched_child_runs_first", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("sched_energy_aware", 1, 0, 1),
	SYSCTL_KEPT("sched_rr_timeslice_ms", 100, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("sched_schedstats", 0, 0, 1),
	SYSCTL_TEXT("seccomp/actions_avail", "kill_process kill_thread trap errno user_notif trace log allow"),
	SYSCTL_STRING("seccomp/actions_logged", 0644, ((char[256]){ "kill_process kill_thread trap errno user_notif trace log" })),
	SYSCTL_INTS("sem", 0644, ((uint32_t[]){ 32000, 1024000000, 500, 32000 }), 4, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_TEXT("sem_next_id", "-1"),
	SYSCTL_TEXT("shm_next_id", "-1"),
	SYSCTL_KEPT("shm_rmid_forced", 0, 0, 1),
	SYSCTL_ULONGS("shmall", 0644, &(uint64_t){ 18446744073692774399ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("shmmni", 4096, 0, 32768),
	SYSCTL_KEPT("soft_watchdog", 1, 0, 1),
	SYSCTL_KEPT("softlockup_panic", 0, 0, 1),
	SYSCTL_KEPT("sysctl_writes_strict", 1, -1, 1),
	SYSCTL_ULONGS("tainted", 0644, &(uint64_t){ 0ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("timer_migration", 1, 0, 1),
	SYSCTL_KEPT("unprivileged_bpf_disabled", 2, 0, 2),
	SYSCTL_KEPT("unprivileged_userns_clone", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("warn_limit", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("watchdog", 1, 0, 1),
	SYSCTL_KEPT("watchdog_thresh", 10, 0, 60),
};
SYSCTL_TABLE(kernel, "kernel", kernel_rows);

static int set_overcommit(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	(void)s, (void)a;
	atomic_store(&memory_overcommit, (uint32_t)*v, RELAXED);
	WRITE_ONCE(aspace_commits_all, *v == 1);
	memory_set_limits(process_current());
	return 0;
}

/* Each of the two puts the other out of force. */
static int set_commit_ratio(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	(void)s, (void)a;
	atomic_store(&memory_commit_kbytes, 0u, RELAXED);
	atomic_store(&memory_commit_ratio, (uint32_t)*v, RELAXED);
	return 0;
}

static int set_commit_kbytes(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	(void)s, (void)a;
	atomic_store(&memory_commit_ratio, 0u, RELAXED);
	atomic_store(&memory_commit_kbytes, (uint64_t)*v, RELAXED);
	return 0;
}

static const struct sysctl vm_rows[] = {
	SYSCTL_INT("max_map_count", 0644, &aspace_max_areas, 0, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("mmap_min_addr", 0644, &(uint64_t){ 32768 }, 1, 0, UINT64_MAX),
	SYSCTL_ULONGS("user_reserve_kbytes", 0644, &memory_user_kbytes, 1, 0, UINT64_MAX),
	SYSCTL_ULONGS("admin_reserve_kbytes", 0644, &memory_admin_kbytes, 1, 0, UINT64_MAX),
	SYSCTL_INT("compact_memory", 0200, &(uint32_t){ 0 }, 1, 1),
	SYSCTL_KEPT("compact_unevictable_allowed", 1, 0, 1),
	SYSCTL_KEPT("compaction_proactiveness", 20, 0, 100),
	SYSCTL_ULONGS("dirty_background_bytes", 0644, &(uint64_t){ 0ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("dirty_background_ratio", 10, 0, 100),
	SYSCTL_ULONGS("dirty_bytes", 0644, &(uint64_t){ 0ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("dirty_expire_centisecs", 3000, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("dirty_ratio", 20, 0, 100),
	SYSCTL_KEPT("dirty_writeback_centisecs", 500, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("dirtytime_expire_seconds", 43200, 0, SYSCTL_NO_MAX),
	SYSCTL_INT("drop_caches", 0200, &(uint32_t){ 0 }, 1, 4),
	SYSCTL_KEPT("extfrag_threshold", 500, 0, 1000),
	SYSCTL_KEPT("hugetlb_shm_group", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("laptop_mode", 0, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("legacy_va_layout", 0, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("memory_failure_early_kill", 0, 0, 1),
	SYSCTL_KEPT("memory_failure_recovery", 1, 0, 1),
	SYSCTL_KEPT("min_free_kbytes", 22528, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("min_slab_ratio", 5, 0, 100),
	SYSCTL_KEPT("min_unmapped_ratio", 1, 0, 100),
	SYSCTL_INT("mmap_rnd_bits", 0600, &(uint32_t){ 18 }, 18, 33),
	SYSCTL_INT("mmap_rnd_compat_bits", 0600, &(uint32_t){ 11 }, 11, 16),
	SYSCTL_ULONGS("nr_hugepages", 0644, &(uint64_t){ 0ul }, 1, 0, UINT64_MAX),
	SYSCTL_ULONGS("nr_hugepages_mempolicy", 0644, &(uint64_t){ 0ul }, 1, 0, UINT64_MAX),
	SYSCTL_ULONGS("nr_overcommit_hugepages", 0644, &(uint64_t){ 0ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("numa_stat", 1, 0, 1),
	SYSCTL_KEPT("oom_dump_tasks", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("oom_kill_allocating_task", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	{ .name = "overcommit_memory", .mode = 0644, .nr = 1, .data = &memory_overcommit, .min = 0, .max = 2, .set = set_overcommit },
	{ .name = "overcommit_ratio", .mode = 0644, .nr = 1, .data = &memory_commit_ratio, .min = SYSCTL_NO_MIN, .max = SYSCTL_NO_MAX, .set = set_commit_ratio },
	{ .name = "overcommit_kbytes", .mode = 0644, .type = SYSCTL_TYPE_ULONG, .nr = 1, .data = &memory_commit_kbytes, .max = INT64_MAX, .set = set_commit_kbytes },
	SYSCTL_KEPT("page-cluster", 3, 0, 31),
	SYSCTL_KEPT("page_lock_unfairness", 5, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("panic_on_oom", 0, 0, 2),
	SYSCTL_KEPT("percpu_pagelist_high_fraction", 0, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("stat_interval", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("swappiness", 60, 0, 200),
	SYSCTL_KEPT("unprivileged_userfaultfd", 0, 0, 1),
	SYSCTL_KEPT("vfs_cache_pressure", 100, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("watermark_boost_factor", 15000, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("watermark_scale_factor", 10, 1, 3000),
	SYSCTL_KEPT("zone_reclaim_mode", 0, 0, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(vm, "vm", vm_rows);

/* ---- files ----------------------------------------------------------------------------------- */

uint32_t system_nr_open = 1048576;
static uint64_t file_max = INT64_MAX;		/* [a] */

static int get_file_nr(const struct sysctl *s, struct pseudo_args *a, int64_t *v)
{
	struct fdtable *t = process_current()->files;

	(void)s, (void)a;
	v[0] = v[1] = 0;
	for (int fd = fd_next(t, 0); fd >= 0; fd = fd_next(t, fd + 1))
		v[0]++;
	v[2] = (int64_t)atomic_load(&file_max, RELAXED);
	return 0;
}

static int set_pipe_max_size(const struct sysctl *s, struct pseudo_args *a, const int64_t *v)
{
	uint32_t size = pipe_round_size((uint64_t)*v);

	(void)s, (void)a;
	if (!size)
		return -EINVAL;
	atomic_store(&pipe_max_size, size, RELAXED);
	return 0;
}

/* As Linux: a watch costs about 192 bytes there, and all of them may have a 25th of memory. */
static void init_limits(void)
{
	struct page_stats m;

	page_stats(&m);
	epoll_max_watches = m.total_bytes / 25 / 192;
	memory_user_kbytes = MIN(memory_user_kbytes, m.total_bytes / 32 / 1024);
	memory_admin_kbytes = MIN(memory_admin_kbytes, m.total_bytes / 32 / 1024);
}
INIT_HOOK(INIT_FS, init_limits);

static const struct sysctl fs_rows[] = {
	SYSCTL_ULONGS("file-max", 0644, &file_max, 1, 0, INT64_MAX),
	{ .name = "file-nr", .mode = 0444, .type = SYSCTL_TYPE_ULONG, .nr = 3, .get = get_file_nr },
	SYSCTL_UINT("nr_open", 0644, &system_nr_open, 8, 2147483584),
	SYSCTL_TEXT("dentry-state", "0\t0\t45\t0\t0\t0"),
	SYSCTL_TEXT("inode-nr", "0\t0"),
	SYSCTL_TEXT("inode-state", "0\t0\t0\t0\t0\t0\t0"),
	SYSCTL_ULONGS("aio-max-nr", 0644, &(uint64_t){ 65536ul }, 1, 0, UINT64_MAX),
	SYSCTL_ULONGS("aio-nr", 0444, &(uint64_t){ 0ul }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("dir-notify-enable", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("epoll/max_user_watches", 0644, &epoll_max_watches, 1, 0, INT64_MAX),
	SYSCTL_KEPT("fanotify/max_queued_events", 16384, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("fanotify/max_user_groups", 128, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("fanotify/max_user_marks", 16393, 0, SYSCTL_NO_MAX),
	SYSCTL_INT("inotify/max_queued_events", 0644, &inotify_max_events, 0, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("inotify/max_user_instances", 0644, &inotify_max_instances, 1, 0, INT32_MAX),
	SYSCTL_ULONGS("inotify/max_user_watches", 0644, &inotify_max_watches, 1, 0, INT32_MAX),
	SYSCTL_KEPT("lease-break-time", 45, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("leases-enable", 1, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("mount-max", 100000, 1, SYSCTL_NO_MAX),
	SYSCTL_KEPT("mqueue/msg_default", 10, 1, 65536),
	SYSCTL_KEPT("mqueue/msg_max", 10, 1, 65536),
	SYSCTL_KEPT("mqueue/msgsize_default", 8192, 128, 16777216),
	SYSCTL_KEPT("mqueue/msgsize_max", 8192, 128, 16777216),
	SYSCTL_KEPT("mqueue/queues_max", 256, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("overflowgid", 65534, 0, 65535),
	SYSCTL_KEPT("overflowuid", 65534, 0, 65535),
	{ .name = "pipe-max-size", .mode = 0644, .type = SYSCTL_TYPE_UINT, .nr = 1, .data = &pipe_max_size, .max = UINT32_MAX, .set = set_pipe_max_size },
	SYSCTL_ULONGS("pipe-user-pages-hard", 0644, &pipe_user_hard, 1, 0, UINT64_MAX),
	SYSCTL_ULONGS("pipe-user-pages-soft", 0644, &pipe_user_soft, 1, 0, UINT64_MAX),
	SYSCTL_UINT("protected_fifos", 0644, &vfs_protected_fifos, 0, 2),
	SYSCTL_UINT("protected_hardlinks", 0644, &vfs_protected_hardlinks, 0, 1),
	SYSCTL_UINT("protected_regular", 0644, &vfs_protected_regular, 0, 2),
	SYSCTL_UINT("protected_symlinks", 0644, &vfs_protected_symlinks, 0, 1),
	SYSCTL_KEPT("suid_dumpable", 0, 0, 2),
};
SYSCTL_TABLE(fs, "fs", fs_rows);

/* ---- the rest -------------------------------------------------------------------------------- */

static const struct sysctl user_rows[] = {
	SYSCTL_KEPT("max_cgroup_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_fanotify_groups", 128, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_fanotify_marks", 16393, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("max_inotify_instances", 0644, &inotify_max_instances, 1, 0, INT32_MAX),
	SYSCTL_ULONGS("max_inotify_watches", 0644, &inotify_max_watches, 1, 0, INT32_MAX),
	SYSCTL_KEPT("max_ipc_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_mnt_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_net_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_pid_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_time_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_user_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_uts_namespaces", 7643, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(user, "user", user_rows);

static const struct sysctl crypto_rows[] = {
	SYSCTL_TEXT("fips_enabled", "0"),
};
SYSCTL_TABLE(crypto, "crypto", crypto_rows);

static const struct sysctl debug_rows[] = {
	SYSCTL_KEPT("exception-trace", 0, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(debug, "debug", debug_rows);

static const struct sysctl dev_rows[] = {
	SYSCTL_KEPT("tty/ldisc_autoload", 1, 0, 1),
};
SYSCTL_TABLE(dev, "dev", dev_rows);

/* ---- random numbers -------------------------------------------------------------------------------------------------------------- */

#define UUID_SIZE	37

static void put_uuid(char *buf, size_t size, const uint8_t *b)
{
	/* Version 4, variant 1 (RFC 9562 5.4). */
	snprintf(buf, size, "%02x%02x%02x%02x-%02x%02x-4%x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5],
		 b[6] & 15u, b[7], (b[8] & 0x3fu) | 0x80u, b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static void get_uuid(const struct sysctl *s, char *buf, size_t size)
{
	uint8_t b[16];

	(void)s;
	random_bytes(b, sizeof(b));
	put_uuid(buf, size, b);
}

/* Made at the first look; two first looks at once may see two ids, the later one stays. */
static void get_boot_id(const struct sysctl *s, char *buf, size_t size)
{
	static uint8_t id[16];
	static uint32_t is_made;	/* [a] */

	(void)s;
	if (!atomic_load(&is_made, ACQUIRE)) {	/* Pairs: the release below */
		random_bytes(id, sizeof(id));
		atomic_store(&is_made, 1u, RELEASE);	/* release: id before the flag. Pairs: the acquire above */
	}
	put_uuid(buf, size, id);
}

static const struct sysctl random_rows[] = {
	{ .name = "uuid", .mode = 0444, .type = SYSCTL_TYPE_STRING, .nr = UUID_SIZE, .get_text = get_uuid },
	{ .name = "boot_id", .mode = 0444, .type = SYSCTL_TYPE_STRING, .nr = UUID_SIZE, .get_text = get_boot_id },
	SYSCTL_TEXT("entropy_avail", "256"),
	SYSCTL_TEXT("poolsize", "256"),
	SYSCTL_KEPT("urandom_min_reseed_secs", 60, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("write_wakeup_threshold", 256, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(random, "kernel/random", random_rows);
