/* SPDX-License-Identifier: MIT */
/* At the limit of descriptors a call that makes one must fail before it has changed anything else. */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static const char full[] = "/tmp/limit-full", none[] = "/tmp/limit-none";
static int top;	/* the highest descriptor that is open */

static void set_limit(int limit)
{
	struct rlimit r = { limit, 1000 };

	need(setrlimit(RLIMIT_NOFILE, &r) == 0);
}

static long size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? -1 : (long)st.st_size;
}

static void test_files(void)
{
	check_errno("O_TRUNC", open(full, O_RDWR | O_TRUNC), EMFILE);
	check("the file keeps its content", size_of(full) == 7);
	check_errno("O_CREAT", open(none, O_RDWR | O_CREAT, 0600), EMFILE);
	check_errno("O_CREAT | O_EXCL", open(none, O_RDWR | O_CREAT | O_EXCL, 0600), EMFILE);
	check_errno("creat", creat(full, 0600), EMFILE);
	check("no file was made", size_of(none) == -1);
	check("nor emptied", size_of(full) == 7);
	check_errno("O_TMPFILE", open("/tmp", O_TMPFILE | O_RDWR, 0600), EMFILE);
	check_errno("a name that is not there", open("/tmp/limit-other", O_RDONLY), EMFILE);
	check_errno("a fifo that nobody writes to", open("/tmp/limit-fifo", O_RDONLY), EMFILE);
	check_errno("a bad pointer comes first", open((char *)16, O_RDONLY), EFAULT);
}

static void test_events(void)
{
	sigset_t set;
	int two[2] = { -7, -7 };

	sigemptyset(&set);
	check_errno("dup", dup(0), EMFILE);
	check_errno("dup2 beyond", dup2(0, top + 1), EBADF);
	check_errno("F_DUPFD", fcntl(0, F_DUPFD, 0), EMFILE);
	check_errno("F_DUPFD beyond", fcntl(0, F_DUPFD, top + 1), EINVAL);
	check_errno("pipe", pipe(two), EMFILE);
	check_errno("socketpair", socketpair(AF_UNIX, SOCK_STREAM, 0, two), EMFILE);
	check_errno("socket", socket(AF_UNIX, SOCK_STREAM, 0), EMFILE);
	check_errno("eventfd", eventfd(0, 0), EMFILE);
	check_errno("epoll", epoll_create1(0), EMFILE);
	check_errno("timerfd", timerfd_create(CLOCK_MONOTONIC, 0), EMFILE);
	check_errno("signalfd", signalfd(-1, &set, 0), EMFILE);
	check_errno("inotify", inotify_init1(0), EMFILE);
	check_errno("memfd", memfd_create("x", 0), EMFILE);
	close(top);
	check_errno("a pipe needs two", pipe(two), EMFILE);
	check_errno("a pair too", socketpair(AF_UNIX, SOCK_STREAM, 0, two), EMFILE);
	check("the one is free still", dup(0) == top);
}

static int listener(struct sockaddr_un *a, socklen_t *len)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX, .sun_path = "\0limit" };
	*len = offsetof(struct sockaddr_un, sun_path) + 6;
	need(fd >= 0 && bind(fd, (struct sockaddr *)a, *len) == 0 && listen(fd, 5) == 0);
	return fd;
}

static void test_accept(int server, int client)
{
	char c;

	check_errno("accept", accept(server, NULL, NULL), EMFILE);
	check_errno("accept4", accept4(server, NULL, NULL, SOCK_CLOEXEC), EMFILE);
	set_limit(top + 2);
	int fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	check("the connection is still there", fd == top + 1 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	check("and works", write(client, "x", 1) == 1 && read(fd, &c, 1) == 1 && c == 'x');
	close(fd);
	check_errno("accept that fails gives its number back", accept(server, NULL, NULL), EAGAIN);
	check_errno("open that fails too", open("/tmp/limit-other", O_RDONLY), ENOENT);
	fd = dup(0);
	check("it is the next one, not closed on exec", fd == top + 1 && fcntl(fd, F_GETFD) == 0);
}

static void *open_fifo(void *arg)
{
	(void)arg;
	return (void *)(long)open("/tmp/limit-fifo", O_RDONLY);
}

/* While open() waits for the other side, its number is taken, but not open. */
static void test_waiting(void)
{
	pthread_t id;
	void *got;
	int fd, writer = -1;

	set_limit(100);
	fd = dup(0);
	close(fd);
	need(pthread_create(&id, NULL, open_fifo, NULL) == 0);
	while ((writer = open("/tmp/limit-fifo", O_WRONLY | O_NONBLOCK)) < 0)
		usleep(1000);
	pthread_join(id, &got);
	check("two numbers, of two threads", (long)got >= fd && writer >= fd && (long)got != writer);
	close(writer);
	close((int)(long)got);

	/* Nobody opens the other side until the number has been tried. */
	need(pthread_create(&id, NULL, open_fifo, NULL) == 0);
	while ((writer = dup(0)) == fd)
		close(writer), usleep(1000);
	close(writer);
	check_errno("close of a number that is taken", close(fd), EBADF);
	check_errno("dup of it", dup(fd), EBADF);
	check_errno("dup2 to it", dup2(0, fd), EBUSY);
	check_errno("its flags", fcntl(fd, F_GETFD), EBADF);
	check("close_range leaves it alone", syscall(SYS_close_range, fd, fd, 0) == 0);
	writer = open("/tmp/limit-fifo", O_WRONLY);
	pthread_join(id, &got);
	check("open has it", (long)got == fd && write(writer, "y", 1) == 1);
}

int main(void)
{
	struct sockaddr_un a;
	socklen_t len;

	int fd = open(full, O_RDWR | O_CREAT | O_TRUNC, 0600);
	need(fd >= 0 && write(fd, "content", 7) == 7);
	close(fd);
	unlink(none);
	need(mkfifo("/tmp/limit-fifo", 0600) == 0 || errno == EEXIST);
	int server = listener(&a, &len), client = socket(AF_UNIX, SOCK_STREAM, 0);
	need(connect(client, (struct sockaddr *)&a, len) == 0);
	top = dup(0);
	set_limit(top + 1);
	test_files();
	test_events();
	test_accept(server, client);
	test_waiting();
	return test_end();
}
