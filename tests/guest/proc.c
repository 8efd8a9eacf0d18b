/* SPDX-License-Identifier: MIT */
/*
 * What programs read in /proc and /sys at start (redis, nginx, java, node, python,
 * Go): the files are there, in the form that parsers expect, and agree with what
 * system calls say. No figure is printed.
 */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* The content of a file, or "" (and `exists` false). Read in one go, then again byte by byte at the start. */
static char text[1 << 16];

static bool load(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return false;
	while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd);
	return len > 0;
}

static long number_after(const char *label)
{
	const char *at = strstr(text, label);

	return at ? strtol(at + strlen(label), NULL, 10) : -1;
}

static void check_file(const char *path, bool (*is_right)(void))
{
	char what[128];

	snprintf(what, sizeof(what), "%s", path);
	check(what, load(path) && is_right());
}

static int nr_cpus;

static bool is_meminfo(void)
{
	return number_after("MemTotal:") > 10000 && number_after("MemFree:") > 0 && number_after("MemAvailable:") > 0 &&
	       number_after("MemAvailable:") <= number_after("MemTotal:") && strstr(text, "Buffers:") && strstr(text, "Cached:") &&
	       strstr(text, "SwapTotal:") && strstr(text, " kB\n");
}

static bool is_cpuinfo(void)
{
	int nr = 0;

	for (const char *at = text; (at = strstr(at, "processor\t:")) != NULL; at++)
		nr++;
#ifdef __aarch64__
	return nr == nr_cpus && strstr(text, "CPU implementer\t:") && strstr(text, "Features\t:") && strstr(text, "asimd");
#else
	return nr == nr_cpus && strstr(text, "vendor_id\t:") && strstr(text, "flags\t\t:") && strstr(text, " sse2");
#endif
}

static bool is_stat(void)
{
	int nr = 0;

	for (const char *at = text; (at = strstr(at, "\ncpu")) != NULL; at++)
		nr++;
	return strncmp(text, "cpu  ", 5) == 0 && nr == nr_cpus && number_after("btime ") > 1000000 && strstr(text, "ctxt ") &&
	       strstr(text, "processes ");
}

static bool is_self_stat(void)
{
	int pid = 0, nr = 0;
	const char *end = strrchr(text, ')');

	for (const char *at = end; at && *at; at++)
		nr += *at == ' ';
	return sscanf(text, "%d (", &pid) == 1 && pid == getpid() && nr == 50;
}

static bool is_status(void)
{
	return strstr(text, "Name:\tproc\n") && number_after("Pid:\t") == getpid() && number_after("Threads:\t") == 1 &&
	       number_after("VmRSS:\t") > 0 && strstr(text, "Cpus_allowed_list:\t") && strstr(text, "SigBlk:\t");
}

static bool is_statm(void)
{
	long size, resident, shared;

	return sscanf(text, "%ld %ld %ld", &size, &resident, &shared) == 3 && size >= resident && resident > 0;
}

/* Each area that the program knows of is there with its protection. */
static bool is_maps(void)
{
	unsigned long begin, end, here = (unsigned long)&is_maps, stack = (unsigned long)&begin;
	char protection[5];
	bool has_code = false, has_stack = false, is_sorted = true;
	unsigned long last = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%lx-%lx %4s", &begin, &end, protection) != 3)
			return false;
		is_sorted &= begin >= last && end > begin;
		last = end;
		has_code |= here >= begin && here < end && strcmp(protection, "r-xp") == 0;
		has_stack |= stack >= begin && stack < end && strcmp(protection, "rw-p") == 0 && strstr(line, "[stack]");
	}
	return has_code && has_stack && is_sorted;
}

static bool is_smaps(void)
{
	return strstr(text, "Size:") && strstr(text, "Rss:") && strstr(text, "Private_Dirty:") && strstr(text, "AnonHugePages:") &&
	       strstr(text, "VmFlags:");
}

static bool is_mountinfo(void)
{
	return strstr(text, " / / ") && strstr(text, " - proc ");
}

static bool is_a_number(void)
{
	char *end;

	strtol(text, &end, 10);
	return end != text && *end == '\n';
}

static bool is_cpu_list(void)
{
	char expected[32];

	snprintf(expected, sizeof(expected), nr_cpus == 1 ? "0\n" : "0-%d\n", nr_cpus - 1);
	return strcmp(text, expected) == 0;
}

static bool is_huge_pages(void)
{
	return strstr(text, "always") && strstr(text, "madvise") && strstr(text, "never") && strchr(text, '[');
}

static bool is_huge_size(void)
{
	return strcmp(text, "2097152\n") == 0;
}

static bool is_something(void)
{
	return text[0] != '\0';
}

static bool is_line(void)
{
	return strchr(text, '\n') == text + strlen(text) - 1;
}

static bool is_comm(void)
{
	return strcmp(text, "proc\n") == 0;
}

static bool is_uptime(void)
{
	double up, idle;

	return sscanf(text, "%lf %lf", &up, &idle) == 2 && up > 0;
}

static bool is_loadavg(void)
{
	double a, b, c;
	int running, all, last;

	return sscanf(text, "%lf %lf %lf %d/%d %d", &a, &b, &c, &running, &all, &last) == 6 && running >= 1;
}

static bool is_limits(void)
{
	return strstr(text, "Max open files") && strstr(text, "Max stack size            8388608") && strstr(text, "Soft Limit");
}

static bool is_version(void)
{
	return strncmp(text, "Linux version ", 14) == 0;
}

static bool is_filesystems(void)
{
	return strstr(text, "nodev\tproc") && strstr(text, "nodev\ttmpfs");
}

static void *name_and_wait(void *argument)
{
	prctl(PR_SET_NAME, "worker");
	__atomic_store_n((int *)argument, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	sleep_ms(300);
	return NULL;
}

static void test_tasks(void)
{
	static int tid;
	pthread_t thread;
	char path[64];
	int nr = 0;

	need(pthread_create(&thread, NULL, name_and_wait, &tid) == 0);
	while (__atomic_load_n(&tid, __ATOMIC_ACQUIRE) == 0)
		sched_yield();
	sleep_ms(50); /* it sleeps now */
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	bool has_thread = false;
	need(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		nr += entry->d_name[0] != '.';
		has_thread |= atoi(entry->d_name) == tid;
	}
	closedir(dir);
	check("/proc/self/task has two threads", nr == 2 && has_thread);
	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", tid);
	check("a thread's comm", load(path) && strcmp(text, "worker\n") == 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	check("a thread's stat", load(path) && strtol(text, NULL, 10) == tid && strstr(text, "(worker) S "));
	check("Threads in status", load("/proc/self/status") && number_after("Threads:\t") == 2);
	pthread_join(thread, NULL);
	sleep_ms(10);
	check_errno("gone after the join", access(path, F_OK), ENOENT);
}

int main(void)
{
	cpu_set_t set;
	struct stat st;
	char link[256];

	sched_getaffinity(0, sizeof(set), &set);
	nr_cpus = CPU_COUNT(&set);
	check_file("/proc/meminfo", is_meminfo);
	check_file("/proc/cpuinfo", is_cpuinfo);
	check_file("/proc/stat", is_stat);
	check_file("/proc/uptime", is_uptime);
	check_file("/proc/loadavg", is_loadavg);
	check_file("/proc/version", is_version);
	check_file("/proc/filesystems", is_filesystems);
	check_file("/proc/cmdline", is_line);
	check_file("/proc/mounts", is_something);
	check_file("/proc/self/stat", is_self_stat);
	check_file("/proc/self/status", is_status);
	check_file("/proc/self/statm", is_statm);
	check_file("/proc/self/maps", is_maps);
	check_file("/proc/self/smaps", is_smaps);
	check_file("/proc/self/mountinfo", is_mountinfo);
	check("/proc/self/cgroup", access("/proc/self/cgroup", R_OK) == 0);
	check_file("/proc/self/limits", is_limits);
	check_file("/proc/self/comm", is_comm);
	check_file("/proc/self/oom_score_adj", is_a_number);
	check_file("/proc/sys/vm/overcommit_memory", is_a_number);
	check_file("/proc/sys/vm/max_map_count", is_a_number);
	check_file("/proc/sys/kernel/ngroups_max", is_a_number);
	check_file("/proc/sys/kernel/pid_max", is_a_number);
	check_file("/proc/sys/kernel/osrelease", is_line);
	check_file("/proc/sys/kernel/hostname", is_line);
	check_file("/proc/sys/kernel/random/boot_id", is_line);
	check_file("/sys/devices/system/cpu/online", is_cpu_list);
	check_file("/sys/devices/system/cpu/possible", is_cpu_list);
	check_file("/sys/kernel/mm/transparent_hugepage/enabled", is_huge_pages);
	check_file("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", is_huge_size);
	check_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", is_line);
	ssize_t n = readlink("/proc/self", link, sizeof(link) - 1);
	check("/proc/self is this process", n > 0 && (link[n] = '\0', atoi(link) == getpid()));
	n = readlink("/proc/self/cwd", link, sizeof(link) - 1);
	check("/proc/self/cwd", n == 1 && link[0] == '/');
	n = readlink("/proc/self/root", link, sizeof(link) - 1);
	check("/proc/self/root", n == 1 && link[0] == '/');
	check("/proc/thread-self", stat("/proc/thread-self/comm", &st) == 0);
	check("/dev/fd, /dev/stdin", stat("/dev/fd/0", &st) == 0 || stat("/proc/self/fd/0", &st) == 0);
	check_errno("a process that is not there", access("/proc/999999", F_OK), ENOENT);
	check_errno("nothing can be created", open("/proc/new", O_CREAT | O_WRONLY, 0600), ENOENT);
	char *area = mmap((void *)0x5000000000, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	snprintf(link, sizeof(link), "%lx-%lx r--p", (unsigned long)area, (unsigned long)area + 3 * 4096);
	load("/proc/self/maps");
	check("a new area shows up in maps", strstr(text, link) != NULL);
	test_tasks();
	return test_end();
}
