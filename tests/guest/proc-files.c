/* SPDX-License-Identifier: MIT */
/*
 * Which files of /proc and /sys there are, with what rights, and what a read of them gives: a text, nothing, or an error. No content is printed.
 */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>

/* Below the folder that the line before it names. */
static const char *const paths[] = {
	"/proc/self/",
	"auxv", "cgroup", "clear_refs", "cmdline", "comm", "coredump_filter", "cpuset", "environ", "exe", "fdinfo/0", "gid_map", "io", "limits", "loginuid", "map_files", "maps",
	"mountinfo", "mounts", "mountstats", "net/dev", "ns/net", "ns/pid", "numa_maps", "oom_adj", "oom_score", "oom_score_adj", "personality", "sched", "schedstat",
	"sessionid", "setgroups", "smaps", "smaps_rollup", "stack", "stat", "statm", "status", "syscall", "timens_offsets", "timers", "uid_map", "wchan", "attr/current",
	"attr/exec", "nothing",
	"/proc/",
	"buddyinfo", "bus", "cgroups", "cmdline", "consoles", "cpuinfo", "crypto", "devices", "diskstats", "driver", "execdomains", "fb", "filesystems", "fs", "interrupts",
	"iomem", "irq", "key-users", "keys", "loadavg", "locks", "meminfo", "misc", "modules", "mounts", "partitions", "pressure/cpu", "pressure/io",
	"pressure/memory", "schedstat", "slabinfo", "softirqs", "stat", "swaps", "sysvipc/shm", "timer_list", "tty/drivers", "uptime", "version", "vmallocinfo", "vmstat",
	"zoneinfo", "thread-self/comm", "nothing",
	"/proc/net/",
	"arp", "dev_mcast", "fib_triestat", "icmp", "igmp", "netlink", "netstat", "packet", "protocols", "psched", "ptype", "raw", "raw6", "rt_cache", "snmp", "snmp6", "sockstat",
	"sockstat6", "softnet_stat", "stat/rt_cache", "tcp", "tcp6", "udp", "udp6", "unix", "wireless", "xfrm_stat", "dev_snmp6/lo", "nothing",
	"/proc/sys/",
	"kernel/osrelease", "kernel/hostname", "kernel/pid_max", "kernel/printk", "kernel/tainted", "kernel/yama/ptrace_scope", "kernel/keys/maxkeys", "kernel/pty/max",
	"kernel/seccomp/actions_avail", "vm/overcommit_memory", "vm/drop_caches", "vm/min_free_kbytes", "fs/file-nr", "fs/inode-nr", "fs/binfmt_misc", "fs/mqueue/msg_max",
	"net/core/somaxconn", "net/core/default_qdisc", "net/ipv4/ip_forward", "net/ipv4/ping_group_range", "net/ipv4/tcp_rmem", "net/ipv4/tcp_available_congestion_control",
	"net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/forwarding", "net/ipv4/conf/lo/accept_local", "net/ipv4/conf/nothing", "net/ipv4/neigh/default/gc_thresh3",
	"net/ipv6/conf/lo/disable_ipv6", "net/unix/max_dgram_qlen", "user/max_user_namespaces",
	"/sys/",
	"block", "bus/cpu/devices", "bus/cpu/uevent", "class/block", "class/hwmon", "class/net/lo/address", "class/net/lo/flags", "class/net/lo/ifindex", "class/net/lo/mtu",
	"class/net/lo/operstate", "class/net/lo/phys_port_id", "class/net/lo/speed", "class/net/lo/statistics/rx_bytes", "class/net/lo/type", "class/net/lo/uevent",
	"class/net/nothing", "class/thermal", "class/tty/console/active", "devices/system/cpu/cpu0/cache/index0/type", "devices/system/cpu/cpu0/topology/core_id",
	"devices/system/cpu/cpu0/topology/thread_siblings_list", "devices/system/cpu/cpu0/topology/package_cpus", "devices/system/cpu/cpu999", "devices/system/cpu/isolated",
	"devices/system/cpu/kernel_max", "devices/system/cpu/offline", "devices/system/cpu/online", "devices/system/cpu/vulnerabilities/meltdown", "devices/system/node/has_cpu",
	"devices/system/node/node0/cpumap", "devices/system/node/node0/distance", "devices/system/node/node0/meminfo", "fs/cgroup", "kernel/debug", "kernel/mm/ksm/run",
	"kernel/mm/transparent_hugepage/enabled", "kernel/mm/transparent_hugepage/khugepaged/defrag", "kernel/uevent_seqnum", "module", "power/state", "nothing",
};

static void look(const char *path)
{
	static char buf[1 << 16];
	const char *what = "text";
	struct stat st;
	ssize_t n;
	int fd;

	if (stat(path, &st)) {
		show("%s: %s", path, strerrorname_np(errno));
		return;
	}
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, sizeof(buf));
	if (n <= 0)
		what = n ? strerrorname_np(errno) : "nothing";
	close(fd);
	if (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode))
		show("%s: %o, %ld bytes, %ld blocks, %s", path, st.st_mode, strstr(path, "exe") ? 0 : (long)st.st_size, strstr(path, "exe") ? 0 : (long)st.st_blocks, what);
}

static void line(const char *path)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	if (n > 0 && buf[n - 1] == '\n')
		buf[n - 1] = '\0';
	show("%s: '%s'", path, buf);
}

static void link_of(const char *path)
{
	char buf[256];
	ssize_t n = readlink(path, buf, sizeof(buf) - 1);

	buf[n > 0 ? n : 0] = '\0';
	show("%s -> %s", path, buf);
}

static void polling(const char *path)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLPRI };
	int ep = epoll_create1(0), fd = open(path, O_RDONLY), r;
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI };
	char c[2];

	r = epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	show("epoll %s: %s", path, r ? strerrorname_np(errno) : "ok");
	poll(&p, 1, 0);
	r = p.revents;
	if (read(fd, c, 1) < 0)
		show("cannot be read");
	poll(&p, 1, 0);
	show("  poll %x, after a read %x", r, p.revents);
	close(fd), close(ep);
}

/* The number in the link is that of the file, by which programs tell namespaces apart. */
static void namespaces(void)
{
	static const char *const names[] = { "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		char path[64], target[64] = "", wanted[96];
		struct stat st = { 0 };

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		stat(path, &st);
		snprintf(wanted, sizeof(wanted), "%s:[%lu]", names[i], (unsigned long)st.st_ino);
		if (readlink(path, target, sizeof(target) - 1) < 0 || strcmp(target, wanted) != 0)
			check(names[i], false);
	}
	show("numbers of namespaces");
}

int main(void)
{
	const char *dir = "";
	char path[256];

	for (unsigned i = 0; i < ARRAY_LEN(paths); i++) {
		if (paths[i][0] == '/') {
			dir = paths[i];
			continue;
		}
		snprintf(path, sizeof(path), "%s%s", dir, paths[i]);
		look(path);
	}
	line("/sys/class/net/lo/address");
	line("/sys/class/net/lo/type");
	line("/sys/class/net/lo/mtu");
	line("/sys/devices/system/cpu/cpu0/topology/core_id");
	line("/sys/devices/system/cpu/cpu0/topology/core_cpus_list");
	line("/sys/devices/system/cpu/cpu0/topology/physical_package_id");
	line("/sys/devices/system/cpu/offline");
	line("/proc/self/setgroups");
	line("/proc/self/loginuid");
	line("/proc/net/psched");
	link_of("/proc/net");
	link_of("/proc/mounts");
	link_of("/sys/class/net/lo");
	link_of("/sys/bus/cpu/devices/cpu0");
	link_of("/sys/devices/system/cpu/cpu0/node0");
	link_of("/sys/devices/system/node/node0/cpu0");
	namespaces();
	polling("/proc/meminfo");
	polling("/proc/self/maps");
	polling("/proc/self/mounts");
	polling("/proc/net/dev");
	polling("/proc/sys/vm/swappiness");
	polling("/sys/class/net/lo/mtu");
	check_errno("no file can be made in /proc", open("/proc/none", O_CREAT | O_WRONLY, 0600), ENOENT);
	check_errno("no file can be made in /sys", open("/sys/none", O_CREAT | O_WRONLY, 0600), EACCES);
	check_errno("no folder can be made in /sys", mkdir("/sys/none", 0700), EPERM);
	check_errno("what is only read in /sys", open("/sys/class/net/lo/address", O_WRONLY), EACCES);
	check_errno("what is only written in /sys", open("/sys/bus/cpu/uevent", O_RDONLY), EACCES);
	return test_end();
}
