/* SPDX-License-Identifier: MIT */
/*
 * The older system calls that x86-64 has beside those with at, flags or masks, made
 * directly: libraries of today hardly use them, but programs and runtimes do.
 */
#include "test.h"
#include <asm/prctl.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <utime.h>

#define call(...) syscall(__VA_ARGS__)

static void test_names(void)
{
	struct stat st;
	char target[16] = "";

	need(chdir("/tmp") == 0);
	check("mkdir", call(SYS_mkdir, "legacy", 0755) == 0);
	check_errno("mkdir again", call(SYS_mkdir, "legacy", 0755), EEXIST);
	long fd = call(SYS_open, "legacy/file", O_CREAT | O_EXCL | O_RDWR, 0640);
	check("open", fd >= 0 && write((int)fd, "12345", 5) == 5);
	check_errno("open exclusively", call(SYS_open, "legacy/file", O_CREAT | O_EXCL | O_RDWR, 0640), EEXIST);
	close((int)fd);
	check("stat", call(SYS_stat, "legacy/file", &st) == 0 && st.st_size == 5 && st.st_mode == (S_IFREG | 0640) && st.st_nlink == 1);
	check("access", call(SYS_access, "legacy/file", R_OK) == 0);
	check_errno("access to what is not there", call(SYS_access, "legacy/none", F_OK), ENOENT);
	check("chmod", call(SYS_chmod, "legacy/file", 0600) == 0 && stat("legacy/file", &st) == 0 && (st.st_mode & 0777) == 0600);
	check("chown", call(SYS_chown, "legacy/file", 12, 34) == 0 && stat("legacy/file", &st) == 0 && st.st_uid == 12 && st.st_gid == 34);
	check("link", call(SYS_link, "legacy/file", "legacy/hard") == 0 && stat("legacy/file", &st) == 0 && st.st_nlink == 2);
	check("symlink", call(SYS_symlink, "file", "legacy/soft") == 0);
	check("readlink", call(SYS_readlink, "legacy/soft", target, sizeof(target)) == 4 && strcmp(target, "file") == 0);
	check("lstat", call(SYS_lstat, "legacy/soft", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 4);
	check("lchown", call(SYS_lchown, "legacy/soft", 5, 6) == 0 && lstat("legacy/soft", &st) == 0 && st.st_uid == 5);
	check_errno("open without following", call(SYS_open, "legacy/soft", O_NOFOLLOW | O_RDONLY), ELOOP);
	check_errno("open what is no directory", call(SYS_open, "legacy/file", O_DIRECTORY | O_RDONLY), ENOTDIR);
	check_errno("open for O_PATH of nothing", call(SYS_open, "legacy/none", O_PATH), ENOENT);
	check("rename", call(SYS_rename, "legacy/hard", "legacy/other") == 0 && access("legacy/hard", F_OK) != 0);
	fd = call(SYS_creat, "legacy/file", 0777);
	check("creat empties", fd >= 0 && fstat((int)fd, &st) == 0 && st.st_size == 0 && (fcntl((int)fd, F_GETFL) & O_ACCMODE) == O_WRONLY);
	close((int)fd);
	check("mknod", call(SYS_mknod, "legacy/fifo", S_IFIFO | 0600, 0) == 0 && stat("legacy/fifo", &st) == 0 && S_ISFIFO(st.st_mode));
}

static void test_flags(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	check("O_TMPFILE", fd >= 0);
	int flags = fcntl(fd, F_GETFL);
	check("F_GETFL shows O_LARGEFILE", (flags & ~(O_TMPFILE & ~O_DIRECTORY) & ~O_DIRECTORY) == (0100000 | O_RDWR));
	check("O_APPEND and O_NONBLOCK by F_SETFL", fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK) == 0 &&
							    (fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK)) == (O_APPEND | O_NONBLOCK));
	close(fd);
	int p[2];
	check("pipe2 O_DIRECT", pipe2(p, O_DIRECT | O_CLOEXEC) == 0 && (fcntl(p[1], F_GETFL) & O_DIRECT));
	check("packets", write(p[1], "abc", 3) == 3 && write(p[1], "de", 2) == 2);
	char b[8];
	check("one at a time", read(p[0], b, 8) == 3 && read(p[0], b, 8) == 2);
	close(p[0]);
	close(p[1]);
	check_errno("pipe2 with a flag of others", pipe2(p, O_DIRECTORY), EINVAL);
}

struct linux_dirent {
	unsigned long ino;
	long off;
	unsigned short reclen;
	char name[];
};

static void test_getdents(void)
{
	char buffer[2048];
	int fd = open("/tmp/legacy", O_RDONLY | O_DIRECTORY), nr = 0, nr_right = 0;
	long n, at;

	need(fd >= 0);
	while ((n = call(SYS_getdents, fd, buffer, 200)) > 0)
		for (at = 0; at < n;) {
			struct linux_dirent *d = (struct linux_dirent *)(buffer + at);
			char type = buffer[at + d->reclen - 1];
			struct stat st;

			need(fstatat(fd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0);
			nr++;
			nr_right += d->ino != 0 && d->reclen % 8 == 0 && type == (char)(st.st_mode >> 12);
			at += d->reclen;
		}
	show("getdents: %ld, entries %d, right %d", n, nr, nr_right);
	lseek(fd, 0, SEEK_SET);
	check_errno("getdents with no room", call(SYS_getdents, fd, buffer, 8), EINVAL);
	close(fd);
}

static void test_removal(void)
{
	check_errno("rmdir of what is not empty", call(SYS_rmdir, "legacy"), ENOTEMPTY);
	check("unlink", call(SYS_unlink, "legacy/file") == 0 && call(SYS_unlink, "legacy/other") == 0 && call(SYS_unlink, "legacy/soft") == 0 &&
				call(SYS_unlink, "legacy/fifo") == 0);
	check_errno("unlink again", call(SYS_unlink, "legacy/file"), ENOENT);
	check("rmdir", call(SYS_rmdir, "legacy") == 0);
}

static void test_times(void)
{
	struct utimbuf seconds = { 1000, 2000 };
	struct timeval micros[2] = { { 3000, 500000 }, { 4000, 1 } }, bad[2] = { { 1, 1000000 }, { 1, 0 } };
	struct stat st;
	long now, other = 0;

	close(open("/tmp/times", O_CREAT | O_RDWR, 0644));
	check("utime", call(SYS_utime, "/tmp/times", &seconds) == 0 && stat("/tmp/times", &st) == 0 && st.st_atime == 1000 && st.st_mtime == 2000);
	check("utimes", call(SYS_utimes, "/tmp/times", micros) == 0 && stat("/tmp/times", &st) == 0 && st.st_atime == 3000 &&
				st.st_atim.tv_nsec == 500000000 && st.st_mtime == 4000 && st.st_mtim.tv_nsec == 1000);
	check_errno("utimes with a second of microseconds", call(SYS_utimes, "/tmp/times", bad), EINVAL);
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY);
	micros[0].tv_sec = 77;
	check("futimesat", call(SYS_futimesat, dir, "times", micros) == 0 && stat("/tmp/times", &st) == 0 && st.st_atime == 77);
	close(dir);
	check("utime, now", call(SYS_utime, "/tmp/times", NULL) == 0 && stat("/tmp/times", &st) == 0 && st.st_mtime > 1000000);
	check_errno("utime of what is not there", call(SYS_utime, "/tmp/none", NULL), ENOENT);
	now = call(SYS_time, &other);
	check("time", now == other && labs(now - time(NULL)) <= 1);
	check_errno("time at a bad address", call(SYS_time, 8), EFAULT);
	unlink("/tmp/times");
}

static void test_descriptors(void)
{
	int p[2], fd;
	uint64_t value = 3;
	sigset_t set;

	check("pipe", call(SYS_pipe, p) == 0 && write(p[1], "x", 1) == 1 && (fcntl(p[0], F_GETFD) & FD_CLOEXEC) == 0);
	check("dup2", call(SYS_dup2, p[0], 77) == 77 && call(SYS_dup2, 77, 77) == 77);
	check_errno("dup2 of none", call(SYS_dup2, 99, 99), EBADF);
	check_errno("dup2 beyond the limit", call(SYS_dup2, p[0], 1 << 30), EBADF);
	fd = (int)call(SYS_eventfd, 5);
	check("eventfd", fd >= 0 && write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8 && value == 8);
	close(fd);
	fd = (int)call(SYS_inotify_init);
	check("inotify_init", fd >= 0);
	close(fd);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = (int)call(SYS_signalfd, -1, &set, 8);
	raise(SIGUSR1);
	unsigned info[32];
	check("signalfd", fd >= 0 && read(fd, info, sizeof(info)) == 128 && info[0] == SIGUSR1);
	close(fd);
	sigprocmask(SIG_UNBLOCK, &set, NULL);

	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 0x123456789abcdef }, out[3];
	memset(out, 0xee, sizeof(out));
	check_errno("epoll_create of size 0", call(SYS_epoll_create, 0), EINVAL);
	fd = (int)call(SYS_epoll_create, 1);
	need(fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, p[0], &event) == 0);
	event.data.u64 = 5;
	need(epoll_ctl(fd, EPOLL_CTL_ADD, 77, &event) == 0);
	long n = call(SYS_epoll_wait, fd, out, 3, 1000);
	check("epoll_wait, packed events", n == 2 && out[0].events == EPOLLIN && out[1].events == EPOLLIN &&
						   (out[0].data.u64 ^ out[1].data.u64) == (0x123456789abcdef ^ 5) && out[2].events == 0xeeeeeeee &&
						   sizeof(out) == 36);
	close(fd);

	struct pollfd fds[2] = { { p[0], POLLIN, 0 }, { p[1], POLLIN, 0 } };
	n = call(SYS_poll, fds, 2, -1);
	show("poll: %ld, %x %x", n, fds[0].revents, fds[1].revents);
	check("poll waits", call(SYS_poll, fds + 1, 1, 5) == 0);
	fd_set in;
	struct timeval limit = { 5, 0 };
	FD_ZERO(&in);
	FD_SET(p[0], &in);
	FD_SET(p[1], &in);
	n = call(SYS_select, p[1] + 1, &in, NULL, NULL, &limit);
	check("select", n == 1 && FD_ISSET(p[0], &in) && !FD_ISSET(p[1], &in) && limit.tv_sec <= 5);
	limit = (struct timeval){ 0, 3000 };
	FD_ZERO(&in);
	FD_SET(p[1], &in);
	n = call(SYS_select, p[1] + 1, &in, NULL, NULL, &limit);
	check("select that times out has no time left", n == 0 && limit.tv_sec == 0 && limit.tv_usec == 0 && !FD_ISSET(p[1], &in));
	limit.tv_sec = -1;
	check_errno("select with a negative time", call(SYS_select, 1, NULL, NULL, NULL, &limit), EINVAL);
	for (int i = 0; i < 2; i++)
		close(p[i]);
	close(77);
}

static volatile int nr_alarms;

static void on_alarm(int signal_number)
{
	(void)signal_number;
	nr_alarms = nr_alarms + 1;
}

static void *interrupt_main(void *main_thread)
{
	sleep_ms(20);
	pthread_kill(*(pthread_t *)main_thread, SIGALRM);
	return NULL;
}

static void test_waiting(void)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	pthread_t self = pthread_self(), thread;

	sigaction(SIGALRM, &action, NULL);
	check("alarm, none before", call(SYS_alarm, 100) == 0);
	check("alarm, time left", call(SYS_alarm, 1) == 100);
	check_errno("pause ends with a signal, though SA_RESTART", call(SYS_pause), EINTR);
	check("it was the alarm", nr_alarms == 1 && call(SYS_alarm, 0) == 0);
	need(pthread_create(&thread, NULL, interrupt_main, &self) == 0);
	check_errno("poll is not restarted", call(SYS_poll, NULL, 0, 5000), EINTR);
	pthread_join(thread, NULL);
	check("process group", call(SYS_getpgrp) == getpgid(0));
}

static void test_arch(void)
{
	unsigned long fs = 0, self;

	__asm__("mov %%fs:0, %0" : "=r"(self));
	check("ARCH_GET_FS", call(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0 && fs == self);
	check("ARCH_SET_FS", call(SYS_arch_prctl, ARCH_SET_FS, fs) == 0);
	check_errno("ARCH_SET_FS to a kernel address", call(SYS_arch_prctl, ARCH_SET_FS, 1ul << 63), EPERM);
	check_errno("ARCH_GET_FS to a bad address", call(SYS_arch_prctl, ARCH_GET_FS, 8), EFAULT);
	check_errno("unknown code", call(SYS_arch_prctl, 0x7777, 0), EINVAL);
	void *low = mmap(NULL, 3 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	void *lower = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	check("MAP_32BIT", low != MAP_FAILED && lower != MAP_FAILED && low != lower && (uintptr_t)low < 0x80000000 && (uintptr_t)lower < 0x80000000);
	check_errno("MAP_32BIT has its limit", mmap(NULL, 3ul << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT | MAP_NORESERVE, -1, 0), ENOMEM);
	*(char *)low = 1;
	munmap(low, 3 << 20);
	munmap(lower, 4096);
}

/* Where the oldest static programs call the kernel. */
static void test_vsyscall(void)
{
	long (*vsyscall_time)(long *) = (long (*)(long *))0xffffffffff600400ul;
	int (*vsyscall_gettimeofday)(struct timeval *, void *) = (int (*)(struct timeval *, void *))0xffffffffff600000ul;
	int (*vsyscall_getcpu)(unsigned *, unsigned *, void *) = (int (*)(unsigned *, unsigned *, void *))0xffffffffff600800ul;
	struct timeval tv = { 0 };
	unsigned cpu = 9999;

	check("vsyscall time", labs(vsyscall_time(NULL) - time(NULL)) <= 1);
	check("vsyscall gettimeofday", vsyscall_gettimeofday(&tv, NULL) == 0 && labs(tv.tv_sec - time(NULL)) <= 1);
	check("vsyscall getcpu", vsyscall_getcpu(&cpu, NULL, NULL) == 0 && cpu < 9999);
}

int main(void)
{
	test_names();
	test_flags();
	test_getdents();
	test_removal();
	test_times();
	test_descriptors();
	test_waiting();
	test_arch();
	test_vsyscall();
	return test_end();
}
