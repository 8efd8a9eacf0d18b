/* SPDX-License-Identifier: MIT */
/* Corners of calls on files: new names for open files, allocation, flags of one call, limits and overflow, locks on all that has a descriptor. */
#include "result.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#define MAX	INT64_MAX

static int new_file(const char *name, long size)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	static char bytes[65536];

	need(fd >= 0 && size <= (long)sizeof(bytes));
	for (long i = 0; i < size; i++)
		bytes[i] = (char)('a' + i % 26);
	need(write(fd, bytes, size) == size);
	return fd;
}

static long size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : (long)st.st_size;
}

static long blocks_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : (long)st.st_blocks;
}

static void test_links(void)
{
	char path[64];
	int fd = open("/tmp/fc", O_TMPFILE | O_RDWR, 0600), other, pair[2];
	struct stat st;

	result("a file without a name", linkat(fd, "", AT_FDCWD, "/tmp/fc/one", AT_EMPTY_PATH));
	fstat(fd, &st);
	show("links %d", (int)st.st_nlink);
	result("a second name", linkat(fd, "", AT_FDCWD, "/tmp/fc/two", AT_EMPTY_PATH));
	result("no flag, no name", linkat(fd, "", AT_FDCWD, "/tmp/fc/three", 0));
	unlink("/tmp/fc/one");
	result("from the second to the first", linkat(fd, "", AT_FDCWD, "/tmp/fc/one", AT_EMPTY_PATH));
	unlink("/tmp/fc/one");
	unlink("/tmp/fc/two");
	result("once it has lost both", linkat(fd, "", AT_FDCWD, "/tmp/fc/one", AT_EMPTY_PATH));
	fd = open("/tmp/fc", O_TMPFILE | O_RDWR, 0600);
	sprintf(path, "/proc/self/fd/%d", fd);
	result("by /proc", linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/fc/one", AT_SYMLINK_FOLLOW));
	unlink("/tmp/fc/one");
	fd = open("/tmp/fc", O_TMPFILE | O_RDWR | O_EXCL, 0600);
	result("one that may not get a name", linkat(fd, "", AT_FDCWD, "/tmp/fc/one", AT_EMPTY_PATH));
	fd = new_file("/tmp/fc/gone", 3);
	unlink("/tmp/fc/gone");
	result("one that is gone", linkat(fd, "", AT_FDCWD, "/tmp/fc/one", AT_EMPTY_PATH));
	sprintf(path, "/proc/self/fd/%d", fd);
	result("by /proc", linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/fc/one", AT_SYMLINK_FOLLOW));
	other = open("/tmp/fc", O_RDONLY | O_DIRECTORY);
	result("a directory", linkat(other, "", AT_FDCWD, "/tmp/fc/one", AT_EMPTY_PATH));
	fd = memfd_create("m", 0);
	result("a memfd", linkat(fd, "", AT_FDCWD, "/tmp/fc/one", AT_EMPTY_PATH));
	need(pipe(pair) == 0);
	sprintf(path, "/proc/self/fd/%d", pair[0]);
	result("a pipe", linkat(AT_FDCWD, path, AT_FDCWD, "/tmp/fc/one", AT_SYMLINK_FOLLOW));
	fd = new_file("/tmp/fc/left", 1);
	result("rename that leaves a whiteout", syscall(SYS_renameat2, AT_FDCWD, "/tmp/fc/left", AT_FDCWD, "/tmp/fc/right", 4));
	need(stat("/tmp/fc/left", &st) == 0);
	show("it is %o, device %d", st.st_mode, (int)st.st_rdev);
	result("with exchange", syscall(SYS_renameat2, AT_FDCWD, "/tmp/fc/left", AT_FDCWD, "/tmp/fc/right", 6));
	result("and without replacing", syscall(SYS_renameat2, AT_FDCWD, "/tmp/fc/right", AT_FDCWD, "/tmp/fc/new", 5));
}

static void test_allocation(void)
{
	int fd = new_file("/tmp/fc/alloc", 10), ro = open("/tmp/fc/alloc", O_RDONLY), pair[2], dir = open("/tmp/fc", O_RDONLY), sock[2];
	char c;

	result("keep the size", fallocate(fd, 1, 0, 1 << 20));
	show("size %ld blocks %ld", size_of(fd), blocks_of(fd));
	result("grow", fallocate(fd, 0, 0, 1 << 19));
	show("size %ld blocks %ld", size_of(fd), blocks_of(fd));
	result("punch", fallocate(fd, 3, 4096, 8192));
	show("size %ld blocks %ld", size_of(fd), blocks_of(fd));
	result("punch inside a page", fallocate(fd, 3, 2, 3));
	check("zeros", pread(fd, &c, 1, 3) == 1 && c == 0 && pread(fd, &c, 1, 5) == 1 && c == 'f');
	result("punch beyond the end", fallocate(fd, 3, 1 << 19, 1 << 19));
	show("size %ld blocks %ld", size_of(fd), blocks_of(fd));
	result("punch and change the size", fallocate(fd, 2, 0, 4096));
	result("zero", fallocate(fd, 16, 0, 4096));
	result("collapse", fallocate(fd, 8, 0, 4096));
	result("collapse and keep", fallocate(fd, 9, 0, 4096));
	result("insert", fallocate(fd, 32, 0, 4096));
	result("insert and keep", fallocate(fd, 33, 0, 4096));
	result("unshare", fallocate(fd, 64, 0, 4096));
	result("punch and zero", fallocate(fd, 18, 0, 4096));
	result("unknown", fallocate(fd, 128, 0, 4096));
	result("negative", fallocate(fd, 0, -1, 4096));
	result("nothing", fallocate(fd, 0, 0, 0));
	result("beyond all", fallocate(fd, 0, MAX, 4096));
	result("read-only", fallocate(ro, 0, 0, 4096));
	result("a directory", fallocate(dir, 0, 0, 4096));
	need(pipe(pair) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	result("a pipe", fallocate(pair[1], 0, 0, 4096));
	result("a socket", fallocate(sock[0], 0, 0, 4096));
	result("nothing open", fallocate(-1, 0, 0, 4096));
}

static void test_flags(void)
{
	int fd = new_file("/tmp/fc/flags", 10), e = eventfd(0, 0), pair[2], sock[2];
	char buf[8] = "abcd";
	uint64_t v;
	struct iovec four = { buf, 4 }, eight = { &v, 8 };

	result("append at 0", pwritev2(fd, &four, 1, 0, RWF_APPEND));
	lseek(fd, 2, SEEK_SET);
	result("append at the position", pwritev2(fd, &four, 1, -1, RWF_APPEND));
	show("size %ld position %ld", size_of(fd), (long)lseek(fd, 0, SEEK_CUR));
	result("append read", preadv2(fd, &four, 1, 0, RWF_APPEND));
	result("sync", pwritev2(fd, &four, 1, 0, RWF_SYNC | RWF_DSYNC | RWF_HIPRI));
	result("not appending", pwritev2(fd, &four, 1, 0, 0x20));
	result("unknown", pwritev2(fd, &four, 1, 0, 0x40));
	result("a file that shall not wait", preadv2(fd, &four, 1, 0, RWF_NOWAIT));
	show("size %ld", size_of(fd));
	result("eventfd that shall not", preadv2(e, &eight, 1, -1, RWF_NOWAIT));
	result("at an offset", preadv2(e, &eight, 1, 0, RWF_NOWAIT));
	need(pipe(pair) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	result("a pipe", preadv2(pair[0], &four, 1, -1, RWF_NOWAIT));
	result("a socket", preadv2(sock[0], &four, 1, -1, RWF_NOWAIT));
	result("offset -2", preadv2(fd, &four, 1, -2, 0));
}

static void test_proc(void)
{
	char path[64];
	int sock[2], e = eventfd(0, 0), fd, pair[2];

	need(socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0 && pipe(pair) == 0);
	sprintf(path, "/proc/self/fd/%d", sock[0]);
	result("socket by /proc", open(path, O_RDWR));
	sprintf(path, "/proc/self/fd/%d", e);
	result("eventfd by /proc", open(path, O_RDWR));
	sprintf(path, "/proc/self/fd/%d", pair[0]);
	fd = open(path, O_RDONLY);
	check("pipe by /proc", fd >= 0);
	result("as a directory", open(path, O_RDONLY | O_DIRECTORY));
}

static void test_seek(void)
{
	int t = timerfd_create(CLOCK_MONOTONIC, 0), e = eventfd(0, 0), ep = epoll_create1(0), in = inotify_init1(0), pair[2], sock[2];
	int fd = new_file("/tmp/fc/seek", 10), dir = open("/tmp/fc", O_RDONLY);

	need(pipe(pair) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	result("timerfd", lseek(t, 0, SEEK_SET));
	result("to somewhere", lseek(t, 5, SEEK_SET));
	result("in a strange way", lseek(t, 0, 7));
	result("eventfd", lseek(e, 0, SEEK_CUR));
	result("epoll", lseek(ep, 0, SEEK_END));
	result("inotify", lseek(in, 0, SEEK_SET));
	result("pipe", lseek(pair[0], 0, SEEK_SET));
	result("socket", lseek(sock[0], 0, SEEK_SET));
	result("too far", lseek(fd, 5, SEEK_SET) == 5 ? lseek(fd, MAX, SEEK_CUR) : 0);
	result("too far from the end", lseek(fd, MAX, SEEK_END));
	result("before the begin", lseek(fd, -11, SEEK_END));
	result("far before it", lseek(fd, INT64_MIN, SEEK_CUR));
	result("far before the end", lseek(fd, INT64_MIN, SEEK_END));
	result("strange", lseek(fd, 0, 5));
	result("position", lseek(fd, 0, SEEK_CUR));
	lseek(dir, 1, SEEK_SET);
	result("directory, too far", lseek(dir, MAX, SEEK_CUR));
	result("directory, before the begin", lseek(dir, INT64_MIN, SEEK_CUR));
}

static void test_overflow(void)
{
	int fd = new_file("/tmp/fc/over", 10), to = new_file("/tmp/fc/over2", 0), pair[2];
	char buf[16];
	struct iovec iov = { buf, 16 };
	off_t at = MAX - 3, at2 = 0;

	need(pipe(pair) == 0);
	result("pread", pread(fd, buf, 16, MAX - 3));
	result("pread far, in range", pread(fd, buf, 3, MAX - 3));
	result("pread negative", pread(fd, buf, 16, -1));
	result("pread of a pipe", pread(pair[0], buf, 16, 0));
	result("pwrite", pwrite(fd, buf, 16, MAX - 3));
	result("pwritev", pwritev(fd, &iov, 1, MAX - 3));
	result("preadv", preadv(fd, &iov, 1, MAX - 3));
	result("sendfile", sendfile(to, fd, &at, 16));
	at = -1;
	result("sendfile negative", sendfile(to, fd, &at, 16));
	at = MAX - 3;
	result("splice in", splice(fd, &at, pair[1], NULL, 16, 0));
	need(write(pair[1], buf, 16) == 16);
	result("splice out", splice(pair[0], NULL, fd, &at, 16, 0));
	at = 0;
	at2 = MAX - 3;
	result("copy_file_range to the end of all", copy_file_range(fd, &at, to, &at2, 16, 0) > 0 ? 1 : -1);
	at = 4;
	result("copy_file_range, all there is", copy_file_range(fd, &at, to, NULL, SIZE_MAX, 0));
	at = 0;
	result("copy_file_range, more than the end", copy_file_range(fd, &at, to, NULL, INT64_MAX, 0));
	at = 100;
	result("from behind the end", copy_file_range(fd, &at, to, NULL, 10, 0));
	at = 0, at2 = 4;
	result("overlapping", copy_file_range(fd, &at, fd, &at2, 5, 0));
	result("truncate", ftruncate(fd, -1));
	result("sync_file_range", sync_file_range(fd, MAX, 10, 0));
	result("of a pipe", sync_file_range(pair[0], 0, 10, 0));
	result("readahead of a pipe", readahead(pair[0], 0, 10));
	result("readahead", readahead(fd, 0, 10));
	result("fadvise of a pipe", -posix_fadvise(pair[0], 0, 0, 0));
	need(ftruncate(to, 0) == 0);
	int append = open("/tmp/fc/over2", O_WRONLY | O_APPEND);
	at = 0;
	result("sendfile to an appending file", sendfile(append, fd, &at, 5));
	result("splice to one", splice(pair[0], NULL, append, NULL, 5, 0));
}

static void test_to_itself(void)
{
	static char buf[70000];
	int fd = memfd_create("self", 0);
	off_t at = 0;
	bool is_right = true;

	need(write(fd, "abc", 3) == 3);
	result("to its own end", sendfile(fd, fd, &at, 3 << 20));
	show("offset %ld position %ld size %ld", (long)at, (long)lseek(fd, 0, SEEK_CUR), size_of(fd));
	for (long i = 0; i < 3 << 20; i += 65537) {
		char c;
		is_right = is_right && pread(fd, &c, 1, i) == 1 && c == "abc"[i % 3];
	}
	check("the bytes repeat", is_right);
	fd = new_file("/tmp/fc/self", 100);
	at = 90;
	result("the last ten", sendfile(fd, fd, &at, 25));
	need(pread(fd, buf, 200, 0) == 125);
	buf[125] = '\0';
	show("%s", buf + 85);
	lseek(fd, 50, SEEK_SET);
	at = 0;
	result("into the middle", sendfile(fd, fd, &at, 25));
	need(pread(fd, buf, 200, 0) == 125);
	show("%.30s", buf + 48);
}

static void test_limits(void)
{
	struct rlimit limit = { 100, 1000 };
	int fd = new_file("/tmp/fc/limit", 0), from = new_file("/tmp/fc/from", 200), pair[2];
	char buf[200] = "";
	struct iovec iov = { buf, 50 };
	off_t at = 0;

	need(pipe(pair) == 0 && write(pair[1], buf, 200) == 200);
	signal(SIGXFSZ, SIG_IGN);
	need(setrlimit(RLIMIT_FSIZE, &limit) == 0);
	result("write", write(fd, buf, 200));
	result("write at it", write(fd, buf, 1));
	result("pwrite across", pwrite(fd, buf, 20, 90));
	result("pwrite behind", pwrite(fd, buf, 20, 101));
	result("append", pwritev2(fd, &iov, 1, 0, RWF_APPEND));
	result("truncate to it", ftruncate(fd, 100));
	result("beyond it", ftruncate(fd, 101));
	result("by name", truncate("/tmp/fc/limit", 101));
	result("a bigger file to less", ftruncate(from, 150));
	result("fallocate", fallocate(fd, 0, 0, 101));
	result("fallocate and keep", fallocate(fd, 1, 0, 101));
	need(ftruncate(fd, 90) == 0 && lseek(fd, 90, SEEK_SET) == 90);
	result("sendfile", sendfile(fd, from, &at, 50));
	result("again", sendfile(fd, from, &at, 50));
	need(ftruncate(fd, 90) == 0 && lseek(fd, 90, SEEK_SET) == 90);
	result("splice", splice(pair[0], NULL, fd, NULL, 50, 0));
	need(ftruncate(fd, 90) == 0 && lseek(fd, 90, SEEK_SET) == 90);
	at = 0;
	result("copy_file_range", copy_file_range(from, &at, fd, NULL, 50, 0));
	result("a pipe knows none", write(pair[1], buf, 150));
	limit.rlim_cur = RLIM_INFINITY;
	limit.rlim_max = RLIM_INFINITY;
	(void)setrlimit(RLIMIT_FSIZE, &limit);
}

static void test_locks(void)
{
	int pair[2], sock[2], e = eventfd(0, 0), fd = new_file("/tmp/fc/lock", 10), path = open("/tmp/fc/lock", O_PATH);
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };

	need(pipe(pair) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	result("flock of a pipe", flock(pair[0], LOCK_EX));
	result("of a socket", flock(sock[0], LOCK_SH | LOCK_NB));
	result("of an eventfd", flock(e, LOCK_EX));
	result("unlock", flock(e, LOCK_UN));
	result("strange", flock(e, LOCK_EX | LOCK_SH));
	result("by path only", flock(path, LOCK_EX));
	result("lock of a socket", fcntl(sock[0], F_SETLK, &l));
	result("of the end that reads", fcntl(pair[0], F_SETLK, &l));
	l.l_start = MAX - 2;
	l.l_len = 5;
	result("range too far", fcntl(fd, F_SETLK, &l));
	l.l_whence = SEEK_END;
	l.l_start = MAX;
	result("start too far", fcntl(fd, F_SETLK, &l));
	l.l_whence = SEEK_CUR;
	result("from the position", fcntl(fd, F_SETLK, &l));
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = -6 };
	result("before the begin", fcntl(fd, F_SETLK, &l));
	l.l_start = INT64_MIN;
	result("start before it", fcntl(fd, F_SETLK, &l));
	l.l_start = 0;
	l.l_len = INT64_MIN;
	result("far before it", fcntl(fd, F_SETLK, &l));
	l.l_whence = 9;
	result("strange base", fcntl(fd, F_SETLK, &l));
	l = (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = MAX - 4 };
	result("up to the end of all", fcntl(fd, F_OFD_SETLK, &l));
	l = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET };
	need(fcntl(fd, F_GETLK, &l) == 0);
	show("found: start %ld len %ld", (long)l.l_start, (long)l.l_len);
	uint64_t hint = 2, got = 9;
	result("F_GETLEASE", fcntl(fd, F_GETLEASE));
	result("F_SET_RW_HINT", fcntl(fd, F_SET_RW_HINT, &hint));
	result("F_GET_RW_HINT", fcntl(fd, F_GET_RW_HINT, &got) ? -1 : (long)got);
	hint = 6;
	result("another", fcntl(fd, F_SET_RW_HINT, &hint));
	result("F_GET_SEALS", fcntl(fd, F_GET_SEALS));
	result("F_ADD_SEALS", fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
}

static void show_events(const char *what, int fd)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(fd, buf, sizeof(buf));

	show("%s: %s", what, n < 0 ? "none" : "");
	for (ssize_t at = 0; at < n;) {
		struct inotify_event *e = (void *)(buf + at);
		show("    %08x %s", e->mask, e->len ? e->name : "");
		at += (ssize_t)(sizeof(*e) + e->len);
	}
}

static void test_events(void)
{
	int in = inotify_init1(IN_NONBLOCK), dir;
	char buf[4096];
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_OMIT } };

	need(mkdir("/tmp/fc/watched", 0700) == 0);
	dir = open("/tmp/fc/watched", O_RDONLY | O_DIRECTORY);
	int fd = new_file("/tmp/fc/watched/f", 10);
	need(inotify_add_watch(in, "/tmp/fc/watched", IN_ALL_EVENTS) > 0);
	need(syscall(SYS_getdents64, dir, buf, sizeof(buf)) > 0);
	show_events("directory read", in);
	need(syscall(SYS_getdents64, dir, buf, sizeof(buf)) == 0);
	show_events("at its end", in);
	utimensat(AT_FDCWD, "/tmp/fc/watched/f", t, 0);
	show_events("access time", in);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	utimensat(AT_FDCWD, "/tmp/fc/watched/f", t, 0);
	show_events("change time", in);
	utimensat(AT_FDCWD, "/tmp/fc/watched/f", NULL, 0);
	show_events("both", in);
	need(fallocate(fd, 0, 0, 100) == 0);
	show_events("fallocate", in);
	int other = new_file("/tmp/fc/other", 0);
	off_t at = 0;
	need(sendfile(other, fd, &at, 5) == 5);
	show_events("sendfile from it", in);
	at = 0;
	need(copy_file_range(fd, &at, other, NULL, 5, 0) == 5);
	show_events("copy_file_range from it", in);
}

int main(void)
{
	mkdir("/tmp/fc", 0700);
	need(mount("none", "/tmp/fc", "tmpfs", 0, "") == 0);
	test_links();
	test_allocation();
	test_flags();
	test_proc();
	test_seek();
	test_overflow();
	test_to_itself();
	test_limits();
	test_locks();
	test_events();
	return test_end();
}
