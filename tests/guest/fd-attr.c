/* SPDX-License-Identifier: MIT */
/*
 * Owner, mode, times and file system of descriptors that have no name: pipes, sockets, event files, and of O_PATH
 * descriptors, by the descriptor and through /proc/self/fd.
 */
#include "test.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/timerfd.h>

static struct stat st;

static const char *err(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

static struct stat *now(int fd)
{
	need(fstat(fd, &st) == 0);
	return &st;
}

static void owner(const char *what, long r, int fd)
{
	const char *said = err(r);

	now(fd);
	show("    %s: %s, owner %d:%d mode %o", what, said, st.st_uid, st.st_gid, st.st_mode);
}

static void by_descriptor(int fd)
{
	struct timespec ts[2] = { { 5, 0 }, { 6, 0 } };
	struct timespec omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
	struct statfs sf = { 0 };
	const char *said;

	owner("fchmod", fchmod(fd, 0640), fd);
	owner("fchown", fchown(fd, 12, 34), fd);
	owner("fchown of the group", fchown(fd, -1, 35), fd);
	owner("fchown of nothing", fchown(fd, -1, -1), fd);
	owner("fchownat of the empty path", fchownat(fd, "", 1, 1, AT_EMPTY_PATH), fd);
	owner("fchownat without AT_EMPTY_PATH", fchownat(fd, "", 1, 1, 0), fd);
	said = err(futimens(fd, ts));
	now(fd);
	show("    futimens: %s %d %d", said, st.st_atime == 5, st.st_mtime == 6);
	show("    futimens of nothing: %s", err(futimens(fd, omit)));
	said = err(fstatfs(fd, &sf));
	show("    fstatfs: %s, type %lx, block %ld, name %ld", said, (long)sf.f_type, (long)sf.f_bsize, (long)sf.f_namelen);
}

static void by_name(int fd)
{
	struct timespec ts[2] = { { 7, 0 }, { 8, 0 } };
	struct statfs sf = { 0 };
	char path[64];
	const char *said;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	owner("chmod", chmod(path, 0600), fd);
	owner("chown", chown(path, 0, 0), fd);
	show("    utimensat: %s", err(utimensat(AT_FDCWD, path, ts, 0)));
	said = err(statfs(path, &sf));
	show("    statfs: %s, type %lx", said, (long)sf.f_type);
	said = err(stat(path, &st));
	show("    stat: %s, mode %o", said, st.st_mode);
	show("    access: %s", err(access(path, R_OK)));
	show("    ftruncate: %s", err(ftruncate(fd, 0)));
	show("    fsync: %s", err(fsync(fd)));
	show("    syncfs: %s", err(syncfs(fd)));
	show("    fchdir: %s", err(fchdir(fd)));
}

static void probe(const char *what, int fd)
{
	show("-- %s", what);
	need(fd >= 0);
	now(fd);
	show("    mode %o, links %d, owner %d:%d", st.st_mode, (int)st.st_nlink, st.st_uid, st.st_gid);
	by_descriptor(fd);
	by_name(fd);
}

static void test_pipe(void)
{
	struct stat other;
	int p[2], q[2];

	need(pipe(p) == 0 && pipe(q) == 0);
	probe("pipe", p[0]);
	need(fchmod(p[1], 0123) == 0 && fstat(p[0], &st) == 0 && fstat(p[1], &other) == 0);
	check("both ends are one", st.st_ino == other.st_ino && st.st_mode == other.st_mode);
	check("another pipe is another", now(q[0])->st_ino != other.st_ino && (st.st_mode & 0777) == 0600);
}

static void test_socket(void)
{
	int s[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	probe("UNIX socket", s[0]);
	show("the other end: mode %o", now(s[1])->st_mode);
	probe("TCP socket", socket(AF_INET, SOCK_STREAM, 0));
	probe("UDP socket", socket(AF_INET, SOCK_DGRAM, 0));
}

int main(void)
{
	sigset_t none;

	sigemptyset(&none);
	test_pipe();
	test_socket();
	probe("eventfd", eventfd(0, 0));
	probe("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
	probe("signalfd", signalfd(-1, &none, 0));
	probe("epoll", epoll_create1(0));
	probe("inotify", inotify_init());
	need(mkdir("/tmp/m", 0755) == 0 && mount("none", "/tmp/m", "tmpfs", 0, "") == 0);
	need(chdir("/tmp/m") == 0 && mkdir("d", 0755) == 0 && symlink("nowhere", "l") == 0 && mkfifo("p", 0644) == 0);
	close(open("f", O_CREAT | O_RDWR, 0644));
	probe("O_PATH file", open("f", O_PATH));
	probe("O_PATH directory", open("d", O_PATH));
	need(chdir("/tmp/m") == 0);
	probe("O_PATH link", open("l", O_PATH | O_NOFOLLOW));
	probe("O_PATH fifo", open("p", O_PATH));
	probe("fifo", open("p", O_RDWR));
	probe("memfd", memfd_create("m", 0));
	return test_end();
}
