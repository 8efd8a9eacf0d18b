/* SPDX-License-Identifier: MIT */
/* Limits, names, ids, prctl, uname, sysinfo, getrandom, umask and other small calls. */
#include "test.h"
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static void test_names(void)
{
	struct utsname name;
	char host[65];

	need(uname(&name) == 0);
	show("%s %s", name.sysname, name.machine);
	check("release looks like a version of Linux 4 or later", name.release[0] >= '4' || (name.release[0] >= '1' && name.release[1] != '.'));
	check("hostname", gethostname(host, sizeof(host)) == 0 && strcmp(host, name.nodename) == 0);
	check("sethostname", sethostname("other", 5) == 0 && gethostname(host, sizeof(host)) == 0 && strcmp(host, "other") == 0);
	check_errno("bad address", syscall(SYS_uname, (void *)16), EFAULT);
}

static void test_ids(void)
{
	uid_t r, e, s;
	gid_t groups[32];

	show("uid %d %d gid %d %d", getuid(), geteuid(), getgid(), getegid());
	check("getresuid", getresuid(&r, &e, &s) == 0 && r == 0 && e == 0 && s == 0);
	check("process id", getpid() > 0 && getpgid(0) > 0 && getsid(0) >= 0 && getppid() >= 0);
	check("setgroups and getgroups", setgroups(2, (gid_t[]){ 7, 8 }) == 0 && getgroups(32, groups) == 2 && groups[1] == 8);
	check("setresgid", setresgid(5, 6, 7) == 0 && getgid() == 5 && getegid() == 6);
	check("setresuid", setresuid(11, 12, 13) == 0 && getuid() == 11 && geteuid() == 12);
	check("swap", seteuid(13) == 0 && geteuid() == 13);
	check_errno("not back to root", setuid(0), EPERM);
}

static void test_limits(void)
{
	struct rlimit limit, old;
	struct rusage usage;

	check("stack limit", getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 8 << 20);
	check("files", getrlimit(RLIMIT_NOFILE, &old) == 0 && old.rlim_cur >= 256);
	limit = old;
	limit.rlim_cur = 20;
	need(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	int fds[40], nr = 0;
	while (nr < 40 && (fds[nr] = dup(0)) >= 0)
		nr++;
	check("no more files than the limit", nr > 0 && fds[nr - 1] == 19 && errno == EMFILE);
	check_errno("nor above it", dup2(0, 30), EBADF);
	for (int i = 0; i < nr; i++)
		close(fds[i]);
	setrlimit(RLIMIT_NOFILE, &old);
	check("prlimit of another resource", prlimit(0, RLIMIT_CORE, NULL, &limit) == 0);
	limit.rlim_cur = 10;
	limit.rlim_max = 5;
	check_errno("soft above hard", setrlimit(RLIMIT_CORE, &limit), EINVAL);
	check_errno("unknown resource", getrlimit(99, &limit), EINVAL);
	limit = (struct rlimit){ 1000, 1000 };
	need(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	signal(SIGXFSZ, SIG_IGN);
	int fd = open("/tmp/limit", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char data[1500] = "";
	check("RLIMIT_FSIZE cuts", write(fd, data, 1500) == 1000);
	check_errno("and refuses", write(fd, data, 1), EFBIG);
	unlink("/tmp/limit");
	check("getrusage", getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0 && usage.ru_minflt > 0);
	check("of the thread", getrusage(RUSAGE_THREAD, &usage) == 0);
	check("of children", getrusage(RUSAGE_CHILDREN, &usage) == 0 && usage.ru_maxrss == 0);
	check_errno("of somebody", getrusage((enum __rusage_who)77, &usage), EINVAL);
}

static void test_prctl(void)
{
	char name[16] = "";
	int number = 9;

	check("name", prctl(PR_SET_NAME, "new-name") == 0 && prctl(PR_GET_NAME, name) == 0 && strcmp(name, "new-name") == 0);
	int fd = open("/proc/self/comm", O_RDONLY);
	char comm[32] = "";
	check("/proc/self/comm", fd >= 0 && read(fd, comm, 31) == 9 && strcmp(comm, "new-name\n") == 0);
	check("death signal", prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && prctl(PR_GET_PDEATHSIG, &number) == 0 && number == SIGTERM);
	prctl(PR_SET_PDEATHSIG, 0);
	check("dumpable", prctl(PR_GET_DUMPABLE) == 1 && prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0);
	prctl(PR_SET_DUMPABLE, 1);
	check("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	check("timer slack", prctl(PR_GET_TIMERSLACK) == 50000 && prctl(PR_SET_TIMERSLACK, 1000) == 0 && prctl(PR_GET_TIMERSLACK) == 1000);
	check("child subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	check("bounding set", prctl(PR_CAPBSET_READ, 0) == 1);
	check("huge pages off and on", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0 && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 &&
					       prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0);
	check_errno("unknown", prctl(12345678), EINVAL);
}

static void test_random(void)
{
	unsigned char a[256] = { 0 }, b[256] = { 0 };
	int histogram[256] = { 0 };

	check("getrandom", getrandom(a, 256, 0) == 256 && getrandom(b, 256, GRND_NONBLOCK) == 256 && memcmp(a, b, 256) != 0);
	check("GRND_RANDOM", getrandom(a, 16, GRND_RANDOM) == 16);
	check("length 0", getrandom(a, 0, 0) == 0);
	check_errno("flags", getrandom(a, 1, 0x77), EINVAL);
	check_errno("bad address", syscall(SYS_getrandom, (void *)16, 8, 0), EFAULT);
	for (int i = 0; i < 256; i++) {
		need(getrandom(a, 256, 0) == 256);
		for (int k = 0; k < 256; k++)
			histogram[a[k]]++;
	}
	int lowest = 1000000, highest = 0;
	for (int i = 0; i < 256; i++) {
		lowest = histogram[i] < lowest ? histogram[i] : lowest;
		highest = histogram[i] > highest ? histogram[i] : highest;
	}
	check("64 KiB are evenly spread", lowest > 150 && highest < 370);
}

static void test_system(void)
{
	struct sysinfo info;
	int status;

	check("sysinfo", sysinfo(&info) == 0 && info.totalram * info.mem_unit > 10 << 20 && info.freeram <= info.totalram && info.uptime >= 0);
	check("pages by sysconf", sysconf(_SC_PHYS_PAGES) > 1000 && sysconf(_SC_AVPHYS_PAGES) > 100 && sysconf(_SC_PAGESIZE) == 4096);
	check_errno("wait without children", wait(&status), ECHILD);
	check_errno("waitpid", waitpid(-1, &status, WNOHANG), ECHILD);
	siginfo_t si;
	check_errno("waitid", waitid(P_ALL, 0, &si, WEXITED), ECHILD);
	check_errno("exec of nothing", execl("/none", "none", NULL), ENOENT);
	check_errno("exec of a directory", execl("/tmp", "tmp", NULL), EACCES);
	check("sync", (sync(), true));
	check_errno("an unknown call", syscall(1000), ENOSYS);
	check_errno("of number 2^32", syscall(1l << 32 | 1000), ENOSYS);
	check("personality", syscall(SYS_personality, 0xffffffff) == 0);
	check("set_tid_address", syscall(SYS_set_tid_address, &status) == syscall(SYS_gettid));
}

int main(void)
{
	test_names();
	test_limits();
	test_prctl();
	test_random();
	test_system();
	test_ids();
	return test_end();
}
