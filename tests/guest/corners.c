/* SPDX-License-Identifier: MIT */
/* Corners of system calls where the order of checks or an odd rule of Linux shows. */
#include "test.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static void test_files(void)
{
	int fd = open("/tmp/corners", O_RDWR | O_CREAT | O_TRUNC, 0600), n = -1;
	off_t from, to;

	need(fd >= 0 && write(fd, "0123456789", 10) == 10 && lseek(fd, 3, SEEK_SET) == 3);
	check("FIONREAD of a file", ioctl(fd, FIONREAD, &n) == 0 && n == 7);
	check("and beyond its end", lseek(fd, 12, SEEK_SET) == 12 && ioctl(fd, FIONREAD, &n) == 0 && n == -2);
	check_errno("FIONREAD to a bad address", ioctl(fd, FIONREAD, (void *)8), EFAULT);
	check_errno("copy_file_range onto itself", (from = 0, to = 5, copy_file_range(fd, &from, fd, &to, 6, 0)), EINVAL);
	check("beside itself", (from = 0, to = 10, copy_file_range(fd, &from, fd, &to, 10, 0)) == 10);
	check("cut at the end of the file there is no overlap", (from = 15, to = 20, copy_file_range(fd, &from, fd, &to, 100, 0)) == 5);
	close(fd);
	unlink("/tmp/corners");
	fd = open("/tmp", O_RDONLY);
	check_errno("FIONREAD of a directory", ioctl(fd, FIONREAD, &n), ENOTTY);
	close(fd);
}

static void test_calls(void)
{
	char attr[64];

	check_errno("sched_getattr of a negative thread", syscall(SYS_sched_getattr, -1, attr, sizeof(attr), 0), EINVAL);
	check_errno("rt_sigaction: the address before the number", syscall(SYS_rt_sigaction, 99, (void *)8, NULL, 8), EFAULT);
	check_errno("rt_sigaction: the number", syscall(SYS_rt_sigaction, 99, NULL, NULL, 8), EINVAL);
	check_errno("rt_sigaction: the size", syscall(SYS_rt_sigaction, 99, (void *)8, NULL, 16), EINVAL);
}

static void test_unix(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0corners" };
	int s[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	check_errno("a connected socket to nobody", connect(s[0], (struct sockaddr *)&a, sizeof(a)), ECONNREFUSED);
	strcpy(a.sun_path, "/tmp/corners-nowhere");
	check_errno("to no file", connect(s[0], (struct sockaddr *)&a, sizeof(a)), ENOENT);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	test_files();
	test_calls();
	test_unix();
	return test_end();
}
