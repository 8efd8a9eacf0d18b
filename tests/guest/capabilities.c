/* SPDX-License-Identifier: MIT */
/*
 * Who may do what: a thread drops one capability after the other and tries what each allows, then becomes another user
 * (credentials(7), capabilities(7)). Credentials belong to threads, so each part is a thread of its own and uses the raw
 * calls.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#define DIR "/tmp/caps"

static const char *error_of(long r)
{
	return r >= 0 ? "ok" : strerrorname_np(errno);
}

/* Leave only those capabilities effective that are in keep. */
static void drop(uint64_t gone)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	need(syscall(SYS_capget, &h, d) == 0);
	d[0].effective &= ~(uint32_t)gone;
	d[1].effective &= ~(uint32_t)(gone >> 32);
	need(syscall(SYS_capset, &h, d) == 0);
}

static void become(uid_t uid, gid_t gid)
{
	need(syscall(SYS_setresgid, gid, gid, gid) == 0);
	need(syscall(SYS_setresuid, uid, uid, uid) == 0);
}

static void in_thread(void *(*part)(void *))
{
	pthread_t t;

	need(pthread_create(&t, NULL, part, NULL) == 0);
	need(pthread_join(t, NULL) == 0);
}

static long open_close(const char *path, int flags)
{
	long fd = open(path, flags, 0600);

	if (fd >= 0)
		close((int)fd);
	return fd;
}

static void make(const char *path, uid_t uid, gid_t gid, mode_t mode)
{
	int fd = open(path, O_CREAT | O_WRONLY, 0600);

	need(fd >= 0 && fchown(fd, uid, gid) == 0 && fchmod(fd, mode) == 0);
	close(fd);
}

#define TRY(what, call) printf("  %-34s %s\n", what, error_of(call))

/* ---- what each capability allows -------------------------------------------------------------------------------- */

static long bind_port(int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	long r = bind(fd, (struct sockaddr *)&a, sizeof(a));
	int e = errno;

	close(fd);
	errno = e;
	return r;
}

static long raw_socket(void)
{
	long fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);

	if (fd >= 0)
		close((int)fd);
	return fd;
}

static long socket_option(int name, int value)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	long r = setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value));
	int e = errno;

	close(fd);
	errno = e;
	return r;
}

static long fifo_policy(void)
{
	struct sched_param p = { .sched_priority = 1 };
	long r = syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p);

	if (r == 0) {
		p.sched_priority = 0;
		syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &p);
	}
	return r;
}

static long raise_limit(void)
{
	struct rlimit l, more;

	need(getrlimit(RLIMIT_CORE, &l) == 0 && getrlimit(RLIMIT_MSGQUEUE, &l) == 0);
	more = (struct rlimit){ l.rlim_cur, l.rlim_max + 1 };
	return syscall(SYS_prlimit64, 0, RLIMIT_MSGQUEUE, &more, NULL);
}

static long set_same_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return syscall(SYS_clock_settime, CLOCK_REALTIME, &t);
}

static void *files(void *unused)
{
	for (int round = 0; round < 2; round++) {
		printf("%s\n", round ? "without the capabilities of files:" : "with them:");
		TRY("read a file of mode 0", open_close(DIR "/secret", O_RDONLY));
		TRY("write a file of mode 0", open_close(DIR "/secret", O_WRONLY));
		TRY("make a name in another's directory", mkdir(DIR "/closed/x", 0700));
		TRY("list it", open_close(DIR "/closed", O_RDONLY | O_DIRECTORY));
		TRY("go through it", open_close(DIR "/closed/inside", O_RDONLY));
		TRY("chmod another's file", chmod(DIR "/secret", 0));
		TRY("chown another's file", chown(DIR "/secret", 77, 77));
		TRY("utimes of another's file", utimes(DIR "/secret", (struct timeval[2]){ { 1, 0 }, { 1, 0 } }));
		TRY("unlink another's in a sticky one", unlink(DIR "/sticky/theirs"));
		TRY("O_NOATIME on another's file", open_close(DIR "/readable", O_RDONLY | O_NOATIME));
		TRY("link another's file", link(DIR "/readable", DIR "/linked"));
		TRY("mknod of a device", mknod(DIR "/null", S_IFCHR | 0600, makedev(1, 3)));
		unlink(DIR "/null");
		unlink(DIR "/linked");
		rmdir(DIR "/closed/x");
		if (round == 0) {
			make(DIR "/sticky/theirs", 77, 77, 0600);
			drop(1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | 1ull << CAP_CHOWN | 1ull << CAP_MKNOD);
		}
	}
	return unused;
}

static void *reading(void *unused)
{
	drop(1ull << CAP_DAC_OVERRIDE);
	printf("with CAP_DAC_READ_SEARCH alone:\n");
	TRY("read a file of mode 0", open_close(DIR "/secret", O_RDONLY));
	TRY("write it", open_close(DIR "/secret", O_WRONLY));
	TRY("list a closed directory", open_close(DIR "/closed", O_RDONLY | O_DIRECTORY));
	TRY("make a name in it", mkdir(DIR "/closed/x", 0700));
	return unused;
}

static void *machine(void *unused)
{
	for (int round = 0; round < 2; round++) {
		printf("%s\n", round ? "without the others:" : "with the others:");
		TRY("raw socket", raw_socket());
		TRY("port 1", bind_port(1));
		TRY("SO_MARK", socket_option(SO_MARK, 1));
		TRY("SO_PRIORITY 6", socket_option(SO_PRIORITY, 6));
		TRY("SO_PRIORITY 7", socket_option(SO_PRIORITY, 7));
		TRY("SO_RCVBUFFORCE", socket_option(SO_RCVBUFFORCE, 4096));
		TRY("SCHED_FIFO", fifo_policy());
		TRY("nice -5", syscall(SYS_setpriority, PRIO_PROCESS, 0, -5));
		syscall(SYS_setpriority, PRIO_PROCESS, 0, 0);
		TRY("nice 0 again", syscall(SYS_setpriority, PRIO_PROCESS, 0, 0));
		TRY("a higher hard limit", raise_limit());
		TRY("set the clock", set_same_time());
		TRY("sethostname", sethostname("caps", 4));
		TRY("mount", mount("none", DIR "/sticky", "tmpfs", 0, NULL));
		umount(DIR "/sticky");
		TRY("chroot", syscall(SYS_chroot, "/"));
		TRY("setuid to another", syscall(SYS_setresuid, -1, -1, 5));
		TRY("setgroups", syscall(SYS_setgroups, 0, NULL));
		TRY("drop from the bounding set", prctl(PR_CAPBSET_DROP, CAP_AUDIT_READ));
		if (round == 0) {
			drop(~0ull);
			syscall(SYS_setresuid, -1, -1, 0);
		}
	}
	return unused;
}

/* ---- users -------------------------------------------------------------------------------------------------------- */

static void show_caps(const char *when)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];

	need(syscall(SYS_capget, &h, d) == 0);
	printf("  %-34s effective %s permitted %s\n", when, d[0].effective ? (d[0].effective == d[0].permitted ? "all" : "some") : "none",
	       d[0].permitted ? "all" : "none");
}

static void *transitions(void *unused)
{
	printf("users and capabilities:\n");
	show_caps("root");
	need(syscall(SYS_setresuid, -1, 1000, -1) == 0);
	show_caps("effective user 1000");
	need(syscall(SYS_setresuid, -1, 0, -1) == 0);
	show_caps("root again");
	need(syscall(SYS_setfsuid, 1000) == 0);
	show_caps("files as 1000");
	need(syscall(SYS_setfsuid, 0) == 1000);
	show_caps("files as root");
	need(prctl(PR_SET_KEEPCAPS, 1) == 0);
	need(syscall(SYS_setresuid, 1000, 1000, 1000) == 0);
	show_caps("all 1000, keeping");
	TRY("root once more", syscall(SYS_setresuid, 0, -1, -1));
	return unused;
}

static void *user(void *unused)
{
	static const gid_t groups[] = { 60, 50, 55 };
	gid_t got[4];
	struct stat st;

	need(syscall(SYS_setgroups, 3, groups) == 0);
	become(1000, 1000);
	printf("user 1000 with the groups 50, 55, 60:\n");
	show_caps("capabilities");
	need(syscall(SYS_getgroups, 4, got) == 3);
	printf("  groups %u %u %u\n", got[0], got[1], got[2]);
	TRY("read what group 50 may", open_close(DIR "/of-group", O_RDONLY));
	TRY("write it", open_close(DIR "/of-group", O_WRONLY));
	TRY("read what group 99 may", open_close(DIR "/of-others", O_RDONLY));
	TRY("access R_OK of it", faccessat(AT_FDCWD, DIR "/of-others", R_OK, AT_EACCESS));
	TRY("make a file", open_close(DIR "/free/mine", O_CREAT | O_WRONLY));
	TRY("give it to group 60", chown(DIR "/free/mine", -1, 60));
	TRY("give it to group 99", chown(DIR "/free/mine", -1, 99));
	TRY("give it to user 5", chown(DIR "/free/mine", 5, -1));
	need(chmod(DIR "/free/mine", 06755) == 0 && stat(DIR "/free/mine", &st) == 0);
	printf("  mode %o\n", st.st_mode & 07777);
	TRY("write it", pwrite(open(DIR "/free/mine", O_WRONLY), "x", 1, 0));
	need(stat(DIR "/free/mine", &st) == 0);
	printf("  mode %o after the write\n", st.st_mode & 07777);
	TRY("link another's file", link(DIR "/readable", DIR "/free/linked"));
	TRY("follow another's link in a sticky one", open_close(DIR "/sticky/link", O_RDONLY));
	TRY("setuid back to root", syscall(SYS_setresuid, 0, 0, 0));
	TRY("setgroups", syscall(SYS_setgroups, 0, NULL));
	return unused;
}

static void *real_and_effective(void *unused)
{
	printf("access(2) asks as the real user:\n");
	need(syscall(SYS_setresuid, 1000, 0, 0) == 0);
	TRY("access of a file of mode 0", syscall(SYS_faccessat, AT_FDCWD, DIR "/secret", R_OK));
	TRY("open it", open_close(DIR "/secret", O_RDONLY));
	TRY("access again", syscall(SYS_faccessat, AT_FDCWD, DIR "/secret", R_OK));
	return unused;
}

int main(void)
{
	umask(022);
	need(mkdir(DIR, 0755) == 0 && mkdir(DIR "/closed", 0700) == 0 && mkdir(DIR "/sticky", 0755) == 0 && mkdir(DIR "/free", 0755) == 0);
	make(DIR "/closed/inside", 77, 77, 0644);
	need(chown(DIR "/closed", 77, 77) == 0 && chmod(DIR "/sticky", 01777) == 0 && chmod(DIR "/free", 0777) == 0);
	make(DIR "/secret", 77, 77, 0);
	make(DIR "/readable", 77, 77, 0444);
	make(DIR "/sticky/theirs", 77, 77, 0600);
	make(DIR "/of-group", 77, 50, 0640);
	make(DIR "/of-others", 77, 99, 0640);
	need(symlink(DIR "/readable", DIR "/sticky/link") == 0 && lchown(DIR "/sticky/link", 77, 77) == 0 && chown(DIR "/sticky", 78, 78) == 0);
	in_thread(files);
	in_thread(reading);
	in_thread(machine);
	in_thread(transitions);
	in_thread(user);
	in_thread(real_and_effective);
	printf("the first thread is still user %ld\n", syscall(SYS_getuid));
	return 0;
}
