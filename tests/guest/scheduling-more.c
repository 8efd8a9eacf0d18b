/* SPDX-License-Identifier: MIT */
/*
 * Scheduling parameters of threads: inheritance, SCHED_RESET_ON_FORK,
 * sched_setattr and sched_getattr, time slices, nice values of threads, timer
 * slack, CPU clocks to sleep on, and what /proc/self/task shows of it all.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

static pid_t gettid_(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* ---- inheritance ------------------------------------------------------------------------- */

static void *show_inherited(void *unused)
{
	struct sched_param param;

	(void)unused;
	sched_getparam(0, &param);
	show("  new thread: policy %#x priority %d nice %d", sched_getscheduler(0), param.sched_priority,
	     getpriority(PRIO_PROCESS, 0));
	return NULL;
}

static void inherit(const char *what, int policy, int priority, int nice_value)
{
	struct sched_param param = { .sched_priority = priority };
	pthread_t thread;

	setpriority(PRIO_PROCESS, 0, nice_value);
	int r = sched_setscheduler(0, policy, &param);
	show("%s: %d, now %#x", what, r, sched_getscheduler(0));
	need(pthread_create(&thread, NULL, show_inherited, NULL) == 0);
	pthread_join(thread, NULL);
	param.sched_priority = 0;
	need(sched_setscheduler(0, SCHED_OTHER, &param) == 0);
	setpriority(PRIO_PROCESS, 0, 0);
}

/* ---- sched_setattr ----------------------------------------------------------------------- */

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};

static long set_attr(struct attr *a, unsigned flags)
{
	return syscall(SYS_sched_setattr, 0, a, flags);
}

static void show_attr(const char *what)
{
	struct attr a;

	memset(&a, 0x55, sizeof(a));
	long r = syscall(SYS_sched_getattr, 0, &a, 48, 0);
	show("%s: %ld size %u policy %u flags %#lx nice %d priority %u", what, r, a.size, a.policy, a.flags, a.nice, a.priority);
}

static void test_attr(void)
{
	struct attr a = { .size = 48, .policy = SCHED_FIFO, .priority = 5 };

	show_attr("at first");
	check("FIFO", set_attr(&a, 0) == 0);
	show_attr("FIFO");
	a = (struct attr){ .size = 48, .policy = SCHED_BATCH, .nice = 7 };
	check("BATCH", set_attr(&a, 0) == 0);
	show_attr("BATCH");
	show("getpriority %d", getpriority(PRIO_PROCESS, 0));
	a = (struct attr){ .size = 48, .policy = SCHED_RR, .priority = 3, .flags = 1 };
	check("RR, reset on fork", set_attr(&a, 0) == 0);
	show_attr("RR");
	show("getscheduler %#x", sched_getscheduler(0));
	a = (struct attr){ .size = 48, .policy = SCHED_OTHER, .nice = 0 };
	check("back", set_attr(&a, 0) == 0);
	show_attr("back");
	a.policy = SCHED_FIFO;
	check_errno("FIFO without priority", set_attr(&a, 0), EINVAL);
	a = (struct attr){ .size = 48, .policy = 77 };
	check_errno("unknown policy", set_attr(&a, 0), EINVAL);
	a = (struct attr){ .size = 48, .policy = SCHED_OTHER, .flags = 1 << 20 };
	check_errno("unknown flag", set_attr(&a, 0), EINVAL);
	a = (struct attr){ .size = 48, .policy = SCHED_OTHER };
	check_errno("flags of the call", set_attr(&a, 1), EINVAL);
	check_errno("no thread", syscall(SYS_sched_setattr, 999999, &a, 0), ESRCH);
	check_errno("no memory", syscall(SYS_sched_setattr, 0, 16, 0), EFAULT);
	check_errno("none", syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	a.size = 20;
	check_errno("too small", set_attr(&a, 0), E2BIG);
	show("it says how big: %u", a.size >= 48);
	check_errno("get too small", syscall(SYS_sched_getattr, 0, &a, 20, 0), EINVAL);
	check_errno("get flags", syscall(SYS_sched_getattr, 0, &a, 48, 1), EINVAL);
	check_errno("get nobody", syscall(SYS_sched_getattr, 999999, &a, 48, 0), ESRCH);
	a = (struct attr){ .size = 48, .policy = SCHED_OTHER, .nice = 50 };
	check("nice is limited", set_attr(&a, 0) == 0 && getpriority(PRIO_PROCESS, 0) == 19);
	setpriority(PRIO_PROCESS, 0, 0);
	setpriority(PRIO_PROCESS, 0, 6);
	a = (struct attr){ .size = 48, .policy = SCHED_FIFO, .priority = 9, .flags = 8 | 16 };
	check_errno("keep the policy, which has no priority", set_attr(&a, 0), EINVAL);
	a = (struct attr){ .size = 48, .policy = SCHED_FIFO, .nice = 2, .flags = 8 };
	check("keep the policy", set_attr(&a, 0) == 0);
	show_attr("policy kept");
	a = (struct attr){ .size = 48, .policy = SCHED_BATCH, .nice = 3, .flags = 16 };
	check("keep the parameters", set_attr(&a, 0) == 0);
	show_attr("parameters kept");
	a = (struct attr){ .size = 0, .policy = SCHED_OTHER };
	check("size 0 is the first version's", set_attr(&a, 0) == 0);
	show_attr("back");
}

/* ---- slices, nice, slack ----------------------------------------------------------------- */

static void show_interval(const char *what, int policy, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	struct timespec ts = { .tv_sec = -1 };

	need(sched_setscheduler(0, policy, &param) == 0);
	int r = sched_rr_get_interval(0, &ts);
	if (policy == SCHED_OTHER)
		show("%s: %d, some milliseconds %d", what, r, ts.tv_sec == 0 && ts.tv_nsec >= 0 && ts.tv_nsec <= 100000000);
	else
		show("%s: %d, %ld.%09ld", what, r, (long)ts.tv_sec, ts.tv_nsec);
}

static pid_t other_tid;
static bool may_end;

static void *wait_here(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "other-thread");
	__atomic_store_n(&other_tid, gettid_(), __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&may_end, __ATOMIC_SEQ_CST))
		sleep_ms(1);
	return (void *)(long)prctl(PR_GET_TIMERSLACK);
}

static void read_task(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/%s", tid, name);
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
}

static long stat_field(pid_t tid, int wanted)
{
	char text[1024];

	read_task(tid, "stat", text, sizeof(text));
	char *p = strrchr(text, ')');
	if (!p)
		return -999;
	for (int field = 2; field < wanted; field++)
		p = strchr(p + 1, ' ');
	return atol(p);
}

static void test_others(void)
{
	struct sched_param param = { .sched_priority = 7 };
	unsigned long ran, waited, slices;
	char text[256];
	cpu_set_t one;
	pthread_t thread;
	void *slack;

	show("timer slack %d", prctl(PR_GET_TIMERSLACK));
	check("set it", prctl(PR_SET_TIMERSLACK, 1000) == 0 && prctl(PR_GET_TIMERSLACK) == 1000);
	need(pthread_create(&thread, NULL, wait_here, NULL) == 0);
	while (!__atomic_load_n(&other_tid, __ATOMIC_SEQ_CST))
		sleep_ms(1);
	check("0 is the default again", prctl(PR_SET_TIMERSLACK, 0) == 0 && prctl(PR_GET_TIMERSLACK) == 50000);

	check("nice of another thread", setpriority(PRIO_PROCESS, (id_t)other_tid, 9) == 0 &&
						 getpriority(PRIO_PROCESS, (id_t)other_tid) == 9 && getpriority(PRIO_PROCESS, 0) == 0);
	show("stat: priority %ld nice %ld rt %ld policy %ld", stat_field(other_tid, 18), stat_field(other_tid, 19),
	     stat_field(other_tid, 40), stat_field(other_tid, 41));
	check("policy of another thread", sched_setscheduler(other_tid, SCHED_RR, &param) == 0 &&
						   sched_getscheduler(other_tid) == SCHED_RR && sched_getscheduler(0) == SCHED_OTHER);
	show("stat: priority %ld nice %ld rt %ld policy %ld", stat_field(other_tid, 18), stat_field(other_tid, 19),
	     stat_field(other_tid, 40), stat_field(other_tid, 41));
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	check("affinity of another thread", sched_setaffinity(other_tid, sizeof(one), &one) == 0);
	sleep_ms(20);
	show("processor %ld", stat_field(other_tid, 39));
	read_task(other_tid, "comm", text, sizeof(text));
	show("comm %s", strtok(text, "\n"));
	read_task(other_tid, "schedstat", text, sizeof(text));
	show("schedstat: %d fields, ran %d", sscanf(text, "%lu %lu %lu", &ran, &waited, &slices), ran > 0 && slices > 0);
	read_task(other_tid, "wchan", text, sizeof(text));
	show("wchan of a sleeper: %s", strlen(text) > 1 ? "a name" : text);
	read_task(gettid_(), "wchan", text, sizeof(text));
	show("wchan of oneself: %s", text);
	read_task(gettid_(), "stat", text, sizeof(text));
	show("state of oneself: %c", *(strrchr(text, ')') + 2));
	read_task(other_tid, "status", text, sizeof(text));
	show("%s", strtok(text, "\n"));
	__atomic_store_n(&may_end, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, &slack);
	show("slack of a thread made before: %ld", (long)slack);
}

/* ---- sleeping on CPU clocks -------------------------------------------------------------- */

static void *burn_until(void *flag)
{
	while (!__atomic_load_n((bool *)flag, __ATOMIC_SEQ_CST))
		;
	return NULL;
}

static void test_cpu_clocks(void)
{
	struct timespec span = { .tv_nsec = 30000000 };
	bool is_over = false;
	clockid_t clock;
	pthread_t thread;

	need(pthread_create(&thread, NULL, burn_until, &is_over) == 0);
	int64_t begin = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	int r = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &span, NULL);
	show("sleep on the process's CPU clock: %d, not early %d", r, now_ns(CLOCK_PROCESS_CPUTIME_ID) - begin >= 30000000);
	struct timespec end = ns_to_timespec(now_ns(CLOCK_PROCESS_CPUTIME_ID) + 30000000);
	r = clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &end, NULL);
	show("until a time on it: %d, not early %d", r,
	     now_ns(CLOCK_PROCESS_CPUTIME_ID) >= end.tv_sec * 1000000000LL + end.tv_nsec);
	need(pthread_getcpuclockid(thread, &clock) == 0);
	begin = now_ns(clock);
	r = clock_nanosleep(clock, 0, &span, NULL);
	show("sleep on another thread's CPU clock: %d, not early %d", r, now_ns(clock) - begin >= 30000000);
	show("on one's own: %d", clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &span, NULL));
	show("resolution: %d", clock_getres(clock, &end) == 0 && end.tv_sec == 0 && end.tv_nsec >= 1);
	__atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	need(clock_getcpuclockid(0, &clock) == 0);
	show("clock_getcpuclockid: %d", clock_gettime(clock, &end) == 0);
	show("clock_settime of a CPU clock: %d", clock_settime(CLOCK_PROCESS_CPUTIME_ID, &end) == -1 ? errno : 0);
}

int main(void)
{
	inherit("other, nice 3", SCHED_OTHER, 0, 3);
	inherit("batch", SCHED_BATCH, 0, 2);
	inherit("idle", SCHED_IDLE, 0, 0);
	inherit("fifo", SCHED_FIFO, 11, 0);
	inherit("rr", SCHED_RR, 12, 0);
	inherit("fifo, reset on fork", SCHED_FIFO | SCHED_RESET_ON_FORK, 13, 0);
	inherit("other, nice -5, reset on fork", SCHED_OTHER | SCHED_RESET_ON_FORK, 0, -5);
	inherit("other, nice 5, reset on fork", SCHED_OTHER | SCHED_RESET_ON_FORK, 0, 5);
	test_attr();
	show_interval("FIFO", SCHED_FIFO, 1);
	show_interval("RR", SCHED_RR, 1);
	show_interval("OTHER", SCHED_OTHER, 0);
	test_others();
	test_cpu_clocks();
	return test_end();
}
