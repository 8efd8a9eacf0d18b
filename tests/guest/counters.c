/* SPDX-License-Identifier: MIT */
/*
 * The counters under /proc that top, vmstat and their like read: they move when
 * what they count happens, and agree with each other. No figure is printed.
 */
#include "test.h"
#include <ctype.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#define BUSY_NS 400000000ll
#define TICK_NS 10000000ll
#define MAX_CPUS 64
#define NR_PAGES 300
#define NR_SWITCHES 50

static char text[1 << 16];

static bool load(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	if (fd >= 0)
		close(fd);
	return len > 0;
}

/* The number after a label that begins a line, or -1. */
static long long number_of(const char *path, const char *label)
{
	if (!load(path))
		return -1;
	for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, label, strlen(label)) == 0)
			return strtoll(at + strlen(label), NULL, 10);
	}
	return -1;
}

struct times {
	long long busy, idle;
};

/* Of the line "cpu " or "cpuN ": user, nice, system, idle, iowait, irq, softirq, steal. */
static struct times cpu_times(const char *label)
{
	struct times t = { -1, -1 };
	unsigned long long v[8];

	if (!load("/proc/stat"))
		return t;
	const char *at = strncmp(text, label, strlen(label)) == 0 ? text : strstr(text, label);
	if (at != NULL && sscanf(at + strlen(label), "%llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4],
				 &v[5], &v[6], &v[7]) == 8)
		t = (struct times){ (long long)(v[0] + v[1] + v[2] + v[5] + v[6]), (long long)(v[3] + v[4]) };
	return t;
}

static long long clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static void be_busy(void)
{
	long long end = clock_ns(CLOCK_THREAD_CPUTIME_ID) + BUSY_NS;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) < end)
		;
}

static void sleep_ns(long ns)
{
	struct timespec ts = { 0, ns };

	nanosleep(&ts, NULL);
}

static void test_times(int nr_cpus)
{
	struct times before = cpu_times("cpu "), after;
	long long run_before = number_of("/proc/uptime", "");

	be_busy();
	after = cpu_times("cpu ");
	check("busy time of all CPUs", before.busy >= 0 && after.busy - before.busy >= BUSY_NS / TICK_NS / 2);
	before = after;
	for (int i = 0; i < 10; i++)
		sleep_ns(50000000);
	after = cpu_times("cpu ");
	check("idle time of all CPUs", after.idle - before.idle >= 25);
	check("time does not go back", after.busy >= before.busy && number_of("/proc/uptime", "") >= run_before);

	long long sum = 0, slack = 2 * nr_cpus + 2;
	char label[16];
	for (int i = 0; i < nr_cpus; i++) {
		snprintf(label, sizeof(label), "cpu%d ", i);
		sum += cpu_times(label).busy;
	}
	after = cpu_times("cpu ");
	check("the sum is that of the CPUs", sum <= after.busy + slack && sum >= after.busy - slack - 10);
}

static void test_switches(void)
{
	long long before = number_of("/proc/stat", "ctxt "), irqs = number_of("/proc/stat", "intr ");

	for (int i = 0; i < NR_SWITCHES; i++)
		sleep_ns(1000000);
	check("switches are counted", before > 0 && number_of("/proc/stat", "ctxt ") - before >= NR_SWITCHES);
	check("interrupts are counted", irqs > 0 && number_of("/proc/stat", "intr ") - irqs >= NR_SWITCHES / 2);
	check("somebody runs", number_of("/proc/stat", "procs_running ") >= 1);
	check("nobody is blocked", number_of("/proc/stat", "procs_blocked ") >= 0);
}

/* A line of names, then rows of a label and a number for each CPU. */
static void test_interrupts(int nr_cpus)
{
	int nr_names = 0, nr_rows = 0, nr_wrong = 0;

	if (!check("interrupts", load("/proc/interrupts")))
		return;
	char *line = strtok(text, "\n");
	for (char *at = line; (at = strstr(at, "CPU")) != NULL; at++)
		nr_names++;
	while ((line = strtok(NULL, "\n")) != NULL) {
		char *at = strchr(line, ':');
		int nr = 0;
		/* Err and MIS have one number on Linux. */
		if (at == NULL || strncmp(line, "Err", 3) == 0 || strncmp(line, "MIS", 3) == 0)
			continue;
		for (at++; nr < nr_cpus; nr++) {
			while (*at == ' ')
				at++;
			if (!isdigit((unsigned char)*at))
				break;
			strtoll(at, &at, 10);
		}
		nr_rows++;
		nr_wrong += nr != nr_cpus;
	}
	check("a column for each CPU", nr_names == nr_cpus);
	check("each row has them", nr_rows >= 2 && nr_wrong == 0);
}

static void test_load(void)
{
	double avg[3];
	int running, all, last;

	check("load averages", load("/proc/loadavg") && sscanf(text, "%lf %lf %lf %d/%d %d", &avg[0], &avg[1], &avg[2], &running, &all, &last) == 6 &&
		      avg[0] >= 0 && avg[0] < 100 && running >= 1 && running <= all && last >= 1);
}

static void test_sched(int nr_cpus)
{
	long long before = 0, after = 0;

	for (int turn = 0; turn < 2; turn++) {
		long long *sum = turn == 0 ? &before : &after;
		int nr = 0;
		if (turn == 1)
			be_busy();
		if (!load("/proc/schedstat"))
			break;
		for (const char *at = text; (at = strstr(at, "\ncpu")) != NULL; at++) {
			unsigned long long v[9];
			if (sscanf(at, "\ncpu%*d %llu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5],
				   &v[6], &v[7], &v[8]) == 9) {
				*sum += (long long)v[6];
				nr++;
			}
		}
		check("schedstat has each CPU", strncmp(text, "version 15\n", 11) == 0 && nr == nr_cpus);
		/* Time is added when a thread leaves its CPU. */
		sleep_ns(1000000);
	}
	check("time used is counted", after >= before);
}

static void test_memory(void)
{
	size_t size = NR_PAGES * 4096;
	long long before = number_of("/proc/vmstat", "pgfault ");
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(p, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	check("page faults are counted", before > 0 && number_of("/proc/vmstat", "pgfault ") - before >= NR_PAGES);
	check("free pages", number_of("/proc/vmstat", "nr_free_pages ") > 0);
	check("block input and output", number_of("/proc/vmstat", "pgpgin ") >= 0 && number_of("/proc/vmstat", "pgpgout ") >= 0);
	munmap(p, size);
}

int main(void)
{
	cpu_set_t set;
	sched_getaffinity(0, sizeof(set), &set);
	int nr_cpus = CPU_COUNT(&set);

	test_times(nr_cpus);
	test_switches();
	test_interrupts(nr_cpus);
	test_load();
	test_sched(nr_cpus);
	test_memory();
	return test_end();
}
