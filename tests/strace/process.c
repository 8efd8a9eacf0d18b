/* SPDX-License-Identifier: MIT */
/* Memory, time, the scheduler, identity and what else a process asks for. */
#include "calls.h"

#include <linux/capability.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static void memory(void)
{
	char *p = (char *)CALL(mmap, NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char vec[16];

	CALL(mprotect, p, 4096, PROT_NONE);
	CALL(mprotect, p, 4096, PROT_READ | PROT_EXEC);
	CALL(mprotect, p + 1, 4096, PROT_READ | 0x80);
	CALL(madvise, p, 4096, MADV_DONTNEED);
	CALL(madvise, p, 65536, MADV_HUGEPAGE);
	CALL(madvise, p, 4096, 999);
	CALL(msync, p, 4096, MS_SYNC);
	CALL(msync, p, 4096, MS_ASYNC | MS_INVALIDATE);
	CALL(mlock, p, 4096);
	CALL(mlock2, p, 4096, MLOCK_ONFAULT);
	CALL(munlock, p, 4096);
	CALL(mlockall, MCL_CURRENT | MCL_FUTURE | 0x100);
	CALL(munlockall);
	CALL(mincore, p + 4096, 8192, vec);
	p = (char *)CALL(mremap, p + 16384, 16384, 32768, MREMAP_MAYMOVE);
	CALL(mremap, p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p + 65536);
	CALL(munmap, p, 4097);
	CALL(munmap, 1, 0);
	CALL(mmap, NULL, 4096, PROT_READ, MAP_SHARED | MAP_POPULATE | MAP_NORESERVE, 700, 0x3000);
	CALL(mmap, 0x10000000, 4096, PROT_READ | PROT_GROWSDOWN, MAP_PRIVATE | MAP_FIXED_NOREPLACE | MAP_STACK | MAP_LOCKED, 700, 0);
	CALL(membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
	CALL(membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
}

static void clocks(void)
{
	struct timespec t = { 0, 1000 }, rem;
	struct itimerspec its = { { 0, 0 }, { 1000, 0 } }, old;
	struct itimerval itv = { { 0, 0 }, { 500, 250 } }, old_itv;
	struct timeval tv;
	struct tms tms;
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 7 };
	int id = 0;

	CALL(clock_gettime, CLOCK_MONOTONIC, &t);
	CALL(clock_gettime, CLOCK_BOOTTIME, &t);
	CALL(clock_gettime, 99, &t);
	CALL(clock_getres, CLOCK_REALTIME, &t);
	CALL(clock_getres, CLOCK_PROCESS_CPUTIME_ID, NULL);
	CALL(clock_settime, 99, &t);
	t = (struct timespec){ 0, 1000 };
	CALL(nanosleep, &t, &rem);
	CALL(nanosleep, &t, NULL);
	CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, &t, &rem);
	CALL(clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL);
	CALL(nanosleep, BAD, NULL);
	CALL(gettimeofday, &tv, NULL);
	CALL(setitimer, ITIMER_REAL, &itv, NULL);
	CALL(setitimer, ITIMER_VIRTUAL, &itv, &old_itv);
	CALL(getitimer, ITIMER_PROF, &itv);
	memset(&itv, 0, sizeof(itv));
	CALL(setitimer, ITIMER_REAL, &itv, &old_itv);
	CALL(setitimer, 77, &itv, NULL);
	CALL(timer_create, CLOCK_MONOTONIC, &ev, &id);
	CALL(timer_settime, id, 0, &its, &old);
	its.it_value.tv_sec = 4000000000;
	CALL(timer_settime, id, TIMER_ABSTIME, &its, NULL);
	CALL(timer_gettime, id, &old);
	CALL(timer_getoverrun, id);
	CALL(timer_delete, id);
	CALL(timer_create, CLOCK_REALTIME, NULL, &id);
	CALL(times, &tms);
	CALL(times, NULL);
}

static void scheduler(void)
{
	struct sched_param param = { 10 };
	uint64_t cpus = 0;
	unsigned cpu, node;
	struct { uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; } attr = { .size = 48 };

	CALL(sched_getaffinity, 0, sizeof(cpus), &cpus);
	CALL(sched_setaffinity, 0, sizeof(cpus), &cpus);
	CALL(sched_getscheduler, 0);
	CALL(sched_getparam, 0, &param);
	CALL(sched_setscheduler, 0, 77, &param);
	CALL(sched_get_priority_max, SCHED_FIFO);
	CALL(sched_get_priority_min, SCHED_BATCH);
	CALL(sched_rr_get_interval, 0, BAD);
	CALL(sched_yield);
	CALL(sched_setattr, 0, &attr, 0);
	attr.policy = 77;
	attr.flags = 1;
	CALL(sched_setattr, 0, &attr, 0);
	CALL(sched_setattr, 0, BAD, 0);
	CALL(sched_getattr, 0, &attr, 48, 0);
	CALL(sched_getattr, 0, &attr, 4, 0);
	CALL(set_mempolicy, 0, NULL, 0);
	CALL(set_mempolicy, 77 | 0x8000, NULL, 0);
	CALL(get_mempolicy, &cpu, NULL, 0, NULL, 0);
	CALL(reboot, 1, 672274793, 0x4321fedc, NULL);
	CALL(getpriority, PRIO_PROCESS, 0);
	CALL(setpriority, PRIO_PROCESS, 0, 0);
	CALL(getcpu, &cpu, &node, NULL);
}

static void identity(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2];
	uint32_t groups[4] = { 5, 6, 7 }, a, b, c;
	struct utsname names;
	char name[16];

	CALL(getuid);
	CALL(getegid);
	CALL(setgroups, 3, groups);
	CALL(getgroups, 4, groups);
	CALL(getgroups, 0, NULL);
	CALL(getresuid, &a, &b, &c);
	CALL(getresgid, &a, &b, BAD);
	CALL(setresuid, -1, -1, -1);
	CALL(setresgid, 0, -1, 0);
	CALL(setreuid, 0, -1);
	CALL(setuid, 0);
	CALL(setgid, 0);
	CALL(setfsuid, 0);
	CALL(capget, &head, caps);
	CALL(capset, &head, caps);
	head.version = 5;
	CALL(capget, &head, NULL);
	CALL(prctl, PR_SET_NAME, "renamed");
	CALL(prctl, PR_GET_NAME, name);
	CALL(prctl, PR_SET_DUMPABLE, 1);
	CALL(prctl, PR_GET_DUMPABLE);
	CALL(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	CALL(prctl, PR_SET_PDEATHSIG, SIGTERM);
	CALL(prctl, PR_GET_PDEATHSIG, &a);
	CALL(prctl, PR_CAPBSET_READ, CAP_NET_ADMIN);
	CALL(prctl, PR_SET_TIMERSLACK, 50000);
	CALL(prctl, PR_SET_KEEPCAPS, 1);
	CALL(prctl, 9999, 1, 2, 3, 4);
	CALL(uname, &names);
	CALL(uname, BAD);
	CALL(sethostname, "samara", 6);
	CALL(getpgid, 0);
	CALL(setpgid, 0, 77777777);
	CALL(getsid, -1);
}

static void limits(void)
{
	struct rlimit limit = { 512, 4096 }, old;
	struct rusage usage;
	struct sysinfo info;
	char bytes[40];
	int status;

	CALL(prlimit64, 0, RLIMIT_STACK, NULL, &old);
	CALL(prlimit64, 0, RLIMIT_NOFILE, &limit, NULL);
	CALL(getrlimit, RLIMIT_NOFILE, &old);
	CALL(setrlimit, RLIMIT_CORE, &limit);
	limit.rlim_cur = RLIM_INFINITY;
	CALL(prlimit64, 0, 99, &limit, NULL);
	CALL(prlimit64, 0, RLIMIT_NICE, BAD, NULL);
	CALL(getrusage, RUSAGE_SELF, &usage);
	CALL(getrusage, 77, &usage);
	CALL(sysinfo, &info);
	CALL(getrandom, bytes, 4, GRND_NONBLOCK);
	CALL(getrandom, bytes, sizeof(bytes), 0);
	CALL(wait4, -1, &status, WNOHANG, NULL);
	CALL(waitid, P_ALL, 0, NULL, WEXITED | WNOHANG, NULL);
	CALL(personality, 0xffffffff);
	CALL(execve, "/nonexistent", (char *[]){ "program", "with", "arguments", NULL }, (char *[]){ "A=1", "B=2", NULL });
	CALL(execveat, AT_FDCWD, "/nonexistent", (char *[]){ "program", NULL }, NULL, 0);
	CALL(syslog, 77, NULL, 0);
	CALL(syslog, 3, BAD, 0);
	syscall(1234, 1, 2, 3, 4, 5, 6);
}

int main(void)
{
	memory();
	clocks();
	scheduler();
	identity();
	limits();
	return 0;
}
