/* SPDX-License-Identifier: MIT */
/*
 * prctl(2) option by option: what it answers, what it refuses. Then ioprio_get(2) and ioprio_set(2).
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void call(const char *name, int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	long r = prctl(option, a, b, c, d);

	show("%s(%ld, %ld, %ld, %ld) = %ld %s", name, (long)a, (long)b, (long)c, (long)d, r, r < 0 ? strerrorname_np(errno) : "");
}
#define P(option, a, b, c, d) call(#option, option, a, b, c, d)

static void *second(void *arg)
{
	(void)arg;
	P(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	return NULL;
}

static void capabilities(void)
{
	P(PR_CAPBSET_READ, 0, 0, 0, 0);
	P(PR_CAPBSET_READ, 40, 0, 0, 0);
	P(PR_CAPBSET_READ, 41, 0, 0, 0);
	P(PR_CAPBSET_READ, 63, 0, 0, 0);
	P(PR_CAPBSET_READ, 64, 0, 0, 0);
	P(PR_CAPBSET_READ, -1ul, 0, 0, 0);
	P(PR_CAPBSET_DROP, 41, 0, 0, 0);
	P(PR_CAPBSET_DROP, 12, 0, 0, 0);
	P(PR_CAPBSET_READ, 12, 0, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 40, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 41, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 1, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 1);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 41, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 0, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 41, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	P(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0);
	P(PR_CAP_AMBIENT, 0, 0, 0, 0);
	P(PR_CAP_AMBIENT, 5, 0, 0, 0);
	P(PR_GET_KEEPCAPS, 0, 0, 0, 0);
	P(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	P(PR_GET_KEEPCAPS, 0, 0, 0, 0);
	P(PR_GET_SECUREBITS, 0, 0, 0, 0);
	P(PR_SET_KEEPCAPS, 2, 0, 0, 0);
	P(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	P(PR_GET_SECUREBITS, 0, 0, 0, 0);
	P(PR_SET_SECUREBITS, 0x100, 0, 0, 0);
	P(PR_SET_SECUREBITS, 0x4, 0, 0, 0);
	P(PR_GET_SECUREBITS, 0, 0, 0, 0);
	P(PR_SET_SECUREBITS, 0x30, 0, 0, 0);
	P(PR_GET_SECUREBITS, 0, 0, 0, 0);
	P(PR_SET_SECUREBITS, 0, 0, 0, 0);
	P(PR_SET_SECUREBITS, 0x20, 0, 0, 0);
	P(PR_SET_KEEPCAPS, 1, 0, 0, 0);
	P(PR_SET_SECUREBITS, 0x75, 0, 0, 0);
	P(PR_GET_SECUREBITS, 0, 0, 0, 0);
}

static void process(void)
{
	int v = -1, r;

	P(PR_SET_PDEATHSIG, 65, 0, 0, 0);
	P(PR_SET_PDEATHSIG, -1ul, 0, 0, 0);
	P(PR_SET_PDEATHSIG, 64, 0, 0, 0);
	r = prctl(PR_GET_PDEATHSIG, &v);
	show("PR_GET_PDEATHSIG: %d, %d", r, v);
	P(PR_SET_PDEATHSIG, 0, 0, 0, 0);
	P(PR_GET_PDEATHSIG, 1, 0, 0, 0);
	P(PR_GET_DUMPABLE, 0, 0, 0, 0);
	P(PR_SET_DUMPABLE, 0, 0, 0, 0);
	P(PR_GET_DUMPABLE, 0, 0, 0, 0);
	P(PR_SET_DUMPABLE, 2, 0, 0, 0);
	P(PR_SET_DUMPABLE, 1, 0, 0, 0);
	P(PR_SET_CHILD_SUBREAPER, 5, 0, 0, 0);
	r = prctl(PR_GET_CHILD_SUBREAPER, &v);
	show("PR_GET_CHILD_SUBREAPER: %d, %d", r, v);
	P(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
	r = prctl(PR_GET_CHILD_SUBREAPER, &v);
	show("PR_GET_CHILD_SUBREAPER: %d, %d", r, v);
	P(PR_GET_CHILD_SUBREAPER, 1, 0, 0, 0);
	P(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	P(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	P(PR_GET_THP_DISABLE, 0, 0, 0, 0);
	P(PR_SET_THP_DISABLE, 0, 1, 0, 0);
	P(PR_GET_THP_DISABLE, 1, 0, 0, 0);
	P(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	P(PR_MCE_KILL_GET, 0, 0, 0, 0);
	P(PR_MCE_KILL_GET, 1, 0, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
	P(PR_MCE_KILL_GET, 0, 0, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_SET, 3, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_LATE, 1, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 1, 0, 0);
	P(PR_MCE_KILL, PR_MCE_KILL_CLEAR, 0, 0, 0);
	P(PR_MCE_KILL, 2, 0, 0, 0);
	P(PR_MCE_KILL_GET, 0, 0, 0, 0);
	P(PR_GET_IO_FLUSHER, 0, 0, 0, 0);
	P(PR_SET_IO_FLUSHER, 1, 0, 0, 0);
	P(PR_GET_IO_FLUSHER, 0, 0, 0, 0);
	P(PR_SET_IO_FLUSHER, 2, 0, 0, 0);
	P(PR_SET_IO_FLUSHER, 0, 1, 0, 0);
	P(PR_GET_IO_FLUSHER, 1, 0, 0, 0);
	P(PR_SET_IO_FLUSHER, 0, 0, 0, 0);
}

static void thread(void)
{
	char name[17] = "................";
	pthread_t other;

	P(PR_GET_TIMING, 0, 0, 0, 0);
	P(PR_SET_TIMING, 0, 0, 0, 0);
	P(PR_SET_TIMING, 1, 0, 0, 0);
	P(PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0);
	P(PR_TASK_PERF_EVENTS_ENABLE, 0, 0, 0, 0);
	show("PR_SET_NAME: %d", prctl(PR_SET_NAME, "a name that is longer"));
	prctl(PR_GET_NAME, name);
	show("PR_GET_NAME: 0 '%s'", name);
	P(PR_SET_NAME, 1, 0, 0, 0);
	P(PR_GET_NAME, 1, 0, 0, 0);
	P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	P(PR_SET_TIMERSLACK, 12345, 0, 0, 0);
	P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	P(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
	P(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0);
	P(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0);
	P(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1);
	P(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0);
	P(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	P(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	P(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	pthread_create(&other, NULL, second, NULL);
	pthread_join(other, NULL);
	P(PR_SET_TIMERSLACK, 0, 0, 0, 0);
	P(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	P(PR_GET_SECCOMP, 0, 0, 0, 0);
	P(PR_SET_SECCOMP, 7, 0, 0, 0);
	P(PR_GET_SPECULATION_CTRL, 99, 0, 0, 0);
	P(PR_GET_SPECULATION_CTRL, 0, 1, 0, 0);
	P(PR_SET_SPECULATION_CTRL, 99, 0, 0, 0);
	P(PR_GET_UNALIGN, 0, 0, 0, 0);
	P(PR_GET_FPEMU, 0, 0, 0, 0);
	P(PR_GET_FPEXC, 0, 0, 0, 0);
	P(PR_GET_ENDIAN, 0, 0, 0, 0);
	P(PR_GET_FP_MODE, 0, 0, 0, 0);
	P(PR_MPX_ENABLE_MANAGEMENT, 0, 0, 0, 0);
	call("PR 0", 0, 0, 0, 0, 0);
	call("PR 17", 17, 0, 0, 0, 0);
	call("PR 1000", 1000, 0, 0, 0, 0);
	call("PR -1", -1, 0, 0, 0, 0);
}

static void io(const char *name, long r)
{
	show("%s = %ld %s", name, r, r < 0 ? strerrorname_np(errno) : "");
}
#define IO_GET(which, who)	io("ioprio_get(" #which ", " #who ")", syscall(SYS_ioprio_get, which, who))
#define IO_SET(which, who, class, data) \
	io("ioprio_set(" #which ", " #who ", " #class ", " #data ")", syscall(SYS_ioprio_set, which, who, (class) << 13 | (data)))

static void io_priority(void)
{
	IO_GET(1, 0);
	IO_GET(2, 0);
	IO_GET(0, 0);
	IO_GET(4, 0);
	IO_GET(1, 999999);
	IO_SET(1, 0, 2, 0);
	IO_GET(1, 0);
	IO_SET(1, 0, 2, 7);
	IO_GET(1, 0);
	io("ioprio_get(1, pid)", syscall(SYS_ioprio_get, 1, getpid()));
	IO_SET(1, 0, 2, 8);
	IO_SET(1, 0, 1, 3);
	IO_GET(1, 0);
	IO_SET(1, 0, 3, 0);
	IO_GET(1, 0);
	IO_SET(1, 0, 3, 5);
	IO_SET(1, 0, 0, 0);
	IO_SET(1, 0, 0, 1);
	IO_SET(1, 0, 4, 0);
	IO_SET(1, 0, 7, 0);
	IO_SET(0, 0, 2, 1);
	IO_SET(4, 0, 2, 1);
	IO_SET(1, 999999, 2, 1);
	IO_SET(2, 999999, 2, 1);
	IO_GET(1, 0);
	setpriority(PRIO_PROCESS, 0, 10);
	IO_GET(1, 0);
}

int main(void)
{
	process();
	thread();
	io_priority();
	capabilities();
	return test_end();
}
