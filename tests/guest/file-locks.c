/* SPDX-License-Identifier: MIT */
/*
 * File locks: flock, open-file-description locks, and POSIX locks as one
 * process sees them. (Two processes come with fork.)
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>

static int lock(int fd, int command, short type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(fd, command, &l);
}

static void show_lock(const char *what, int fd, int command, short type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	need(fcntl(fd, command, &l) == 0);
	show("%s: %s %ld+%ld pid %s", what, l.l_type == F_UNLCK ? "free" : l.l_type == F_RDLCK ? "read" : "write",
	     l.l_type == F_UNLCK ? 0 : (long)l.l_start, l.l_type == F_UNLCK ? 0 : (long)l.l_len,
	     l.l_pid == 0 ? "0" : l.l_pid == -1 ? "-1" : "some");
}

static void *flock_later(void *argument)
{
	int fd = *(int *)argument;
	long result = flock(fd, LOCK_EX);

	show("waiting flock: %ld", result);
	flock(fd, LOCK_UN);
	return NULL;
}

static void *ofd_later(void *argument)
{
	int fd = *(int *)argument;
	long result = lock(fd, F_OFD_SETLKW, F_WRLCK, 5, 10);

	show("waiting OFD lock: %ld", result);
	lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	mkdir("/tmp", 01777);
	int a = open("/tmp/locks", O_RDWR | O_CREAT, 0600), b = open("/tmp/locks", O_RDWR);
	need(a >= 0 && b >= 0);

	check("flock", flock(a, LOCK_EX) == 0);
	check_errno("a second description", flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	int copy = dup(a);
	check("a duplicate shares it", flock(copy, LOCK_EX | LOCK_NB) == 0);
	check("downgrade", flock(a, LOCK_SH) == 0 && flock(b, LOCK_SH | LOCK_NB) == 0);
	check_errno("upgrade against a reader", flock(a, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	flock(a, LOCK_UN);
	flock(b, LOCK_UN);
	check_errno("wrong operation", flock(a, 77), EINVAL);
	need(flock(a, LOCK_EX) == 0);
	need(pthread_create(&thread, NULL, flock_later, &b) == 0);
	sleep_ms(20);
	show("unlocking");
	close(copy);
	flock(a, LOCK_UN);
	pthread_join(thread, NULL);
	int c = open("/tmp/locks", O_RDWR);
	flock(c, LOCK_EX);
	close(c);
	check("closing unlocks", flock(a, LOCK_EX | LOCK_NB) == 0);
	flock(a, LOCK_UN);

	check("OFD write lock", lock(a, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
	check_errno("overlapping", lock(b, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
	check("beside it", lock(b, F_OFD_SETLK, F_WRLCK, 10, 10) == 0);
	show_lock("conflict", b, F_OFD_GETLK, F_RDLCK, 0, 100);
	show_lock("none", b, F_OFD_GETLK, F_RDLCK, 50, 10);
	check("unlock the middle", lock(a, F_OFD_SETLK, F_UNLCK, 3, 4) == 0);
	show_lock("first part", b, F_OFD_GETLK, F_WRLCK, 0, 5);
	show_lock("hole", b, F_OFD_GETLK, F_WRLCK, 3, 4);
	show_lock("last part", b, F_OFD_GETLK, F_WRLCK, 5, 5);
	check("to the end of the file", lock(a, F_OFD_SETLK, F_WRLCK, 100, 0) == 0);
	show_lock("far away", b, F_OFD_GETLK, F_WRLCK, 1l << 40, 1);
	lock(b, F_OFD_SETLK, F_UNLCK, 0, 0);
	need(pthread_create(&thread, NULL, ofd_later, &b) == 0);
	sleep_ms(20);
	show("unlocking");
	lock(a, F_OFD_SETLK, F_UNLCK, 0, 0);
	pthread_join(thread, NULL);

	check("POSIX locks do not conflict within a process",
	      lock(a, F_SETLK, F_WRLCK, 0, 10) == 0 && lock(b, F_SETLK, F_WRLCK, 0, 10) == 0);
	show_lock("so none is seen", b, F_GETLK, F_WRLCK, 0, 10);
	check_errno("but an OFD lock does", lock(b, F_OFD_SETLK, F_WRLCK, 0, 10), EAGAIN);
	close(b);
	b = open("/tmp/locks", O_RDWR);
	check("closing any descriptor drops POSIX locks", lock(b, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
	int r = open("/tmp/locks", O_RDONLY);
	check_errno("a write lock needs writing", lock(r, F_SETLK, F_WRLCK, 50, 1), EBADF);
	check_errno("wrong type", lock(a, F_SETLK, 77, 0, 1), EINVAL);
	check_errno("before the start", lock(a, F_SETLK, F_RDLCK, -5, 1), EINVAL);
	unlink("/tmp/locks");
	return test_end();
}
