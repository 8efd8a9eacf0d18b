/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs: capacity, atomicity, ends that close, non-blocking, sizes, splice, tee, vmsplice. */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

static char data[1 << 20];
static volatile int nr_sigpipe;

static void on_sigpipe(int signal_number)
{
	(void)signal_number;
	nr_sigpipe = nr_sigpipe + 1;
}

static long fill(int fd, size_t piece)
{
	long total = 0;
	ssize_t n;

	while ((n = write(fd, data, piece)) > 0)
		total += n;
	return total;
}

static void test_basics(void)
{
	int p[2];
	struct stat st;
	int available;
	char buffer[64];

	need(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
	check("pipe2 flags", (fcntl(p[0], F_GETFL) & O_NONBLOCK) && fcntl(p[1], F_GETFD) == FD_CLOEXEC);
	check("a pipe is a FIFO", fstat(p[0], &st) == 0 && S_ISFIFO(st.st_mode));
	check_errno("read of an empty one", read(p[0], buffer, 1), EAGAIN);
	check("write and read", write(p[1], "hello", 5) == 5 && ioctl(p[0], FIONREAD, &available) == 0 && available == 5 &&
					read(p[0], buffer, 64) == 5);
	check_errno("write to the read end", write(p[0], "x", 1), EBADF);
	check_errno("read of the write end", read(p[1], buffer, 1), EBADF);
	check_errno("seek", lseek(p[0], 0, SEEK_CUR), ESPIPE);
	check_errno("pread", pread(p[0], buffer, 1, 0), ESPIPE);
	show("capacity %d", fcntl(p[0], F_GETPIPE_SZ));
	show("filled with 4096: %ld", fill(p[1], 4096));
	check_errno("full", write(p[1], "x", 1), EAGAIN);
	check("a page frees a page", read(p[0], data, 4096) == 4096 && fill(p[1], 4096) == 4096);
	while (read(p[0], data, sizeof(data)) > 0)
		;
	check("larger", fcntl(p[0], F_SETPIPE_SZ, 1 << 18) == 1 << 18 && fcntl(p[1], F_GETPIPE_SZ) == 1 << 18);
	show("filled again: %ld", fill(p[1], 65536));
	check_errno("smaller than its content", fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY);
	while (read(p[0], data, sizeof(data)) > 0)
		;
	show("smallest %d", fcntl(p[0], F_SETPIPE_SZ, 1));
	fcntl(p[0], F_SETPIPE_SZ, 65536);

	/* Non-blocking: up to PIPE_BUF all or nothing, more may be cut. */
	show("100000 into 65536: %zd", write(p[1], data, 100000));
	check("room for less than PIPE_BUF", read(p[0], data, 1000) == 1000);
	check_errno("then PIPE_BUF is refused", write(p[1], data, 4096), EAGAIN);
	while (read(p[0], data, sizeof(data)) > 0)
		;

	check("write end closed: end of file", (write(p[1], "ab", 2), close(p[1]) == 0 && read(p[0], buffer, 64) == 2 &&
								       read(p[0], buffer, 64) == 0));
	close(p[0]);
	need(pipe(p) == 0);
	close(p[0]);
	signal(SIGPIPE, on_sigpipe);
	check_errno("read end closed", write(p[1], "x", 1), EPIPE);
	show("SIGPIPE %d", nr_sigpipe);
	struct pollfd poll_fd = { .fd = p[1], .events = POLLOUT };
	check("poll shows POLLERR", poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLERR));
	signal(SIGPIPE, SIG_IGN);
	check_errno("ignored, the error stays", write(p[1], "x", 1), EPIPE);
	check_errno("bad address", pipe((int *)16), EFAULT);
	check_errno("bad flags", pipe2(p, 0x1234567), EINVAL);
}

/* Writers of PIPE_BUF bytes each: pieces never mix. */
#define PIECE 4096
static int shared_pipe[2];

static void *write_pieces(void *argument)
{
	char piece[PIECE];

	memset(piece, (int)(long)argument, PIECE);
	for (int i = 0; i < 200; i++)
		if (write(shared_pipe[1], piece, PIECE) != PIECE)
			return (void *)1;
	return NULL;
}

static void test_atomicity(void)
{
	pthread_t threads[4];
	int counts[4] = { 0 }, nr_mixed = 0;
	char piece[PIECE];

	need(pipe(shared_pipe) == 0);
	for (long i = 0; i < 4; i++)
		need(pthread_create(&threads[i], NULL, write_pieces, (void *)(i + 1)) == 0);
	for (int i = 0; i < 800; i++) {
		size_t len = 0;
		while (len < PIECE) {
			ssize_t n = read(shared_pipe[0], piece + len, PIECE - len);
			need(n > 0);
			len += (size_t)n;
		}
		for (size_t k = 1; k < PIECE; k++)
			nr_mixed += piece[k] != piece[0];
		counts[(piece[0] - 1) & 3]++;
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	show("pieces %d %d %d %d, mixed bytes %d", counts[0], counts[1], counts[2], counts[3], nr_mixed);
}

/* Large writes through a small pipe: everything arrives in order. */
static void *write_stream(void *unused)
{
	(void)unused;
	for (int i = 0; i < 16; i++) {
		for (size_t k = 0; k < sizeof(data); k++)
			data[k] = (char)(k * 31 + (size_t)i);
		if (write(shared_pipe[1], data, sizeof(data)) != sizeof(data))
			return (void *)1;
	}
	close(shared_pipe[1]);
	return NULL;
}

static void test_stream(void)
{
	static char buffer[70000];
	pthread_t thread;
	size_t total = 0;
	long nr_wrong = 0;
	ssize_t n;

	close(shared_pipe[0]);
	close(shared_pipe[1]);
	need(pipe(shared_pipe) == 0);
	need(pthread_create(&thread, NULL, write_stream, NULL) == 0);
	while ((n = read(shared_pipe[0], buffer, sizeof(buffer) - total % 7000)) > 0)
		for (ssize_t i = 0; i < n; i++, total++)
			nr_wrong += buffer[i] != (char)(total % sizeof(data) * 31 + total / sizeof(data));
	pthread_join(thread, NULL);
	show("16 MiB streamed: %zu, wrong %ld", total, nr_wrong);
}

static void *open_fifo(void *unused)
{
	(void)unused;
	int fd = open("/tmp/fifo", O_WRONLY);
	need(fd >= 0 && write(fd, "through", 7) == 7);
	close(fd);
	return NULL;
}

static void test_fifo(void)
{
	pthread_t thread;
	char buffer[16] = "";

	mkdir("/tmp", 01777);
	need(mkfifo("/tmp/fifo", 0600) == 0);
	check_errno("open for writing without a reader", open("/tmp/fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	need(pthread_create(&thread, NULL, open_fifo, NULL) == 0);
	int fd = open("/tmp/fifo", O_RDONLY);
	check("open waits for the other side", fd >= 0);
	check("content", read(fd, buffer, 7) == 7 && strcmp(buffer, "through") == 0);
	pthread_join(thread, NULL);
	check("end of file", read(fd, buffer, 7) == 0);
	close(fd);
	fd = open("/tmp/fifo", O_RDWR);
	check("O_RDWR does not wait", fd >= 0 && write(fd, "x", 1) == 1 && read(fd, buffer, 1) == 1);
	unlink("/tmp/fifo");
}

static void test_splice(void)
{
	int p[2], q[2];
	char buffer[64] = "";
	loff_t offset = 2;

	need(pipe2(p, O_NONBLOCK) == 0 && pipe2(q, O_NONBLOCK) == 0);
	int file = open("/tmp/splice", O_RDWR | O_CREAT | O_TRUNC, 0600);
	need(write(file, "0123456789", 10) == 10);
	check("splice file to pipe", splice(file, &offset, p[1], NULL, 5, 0) == 5 && offset == 7);
	check("tee", tee(p[0], q[1], 100, 0) == 5);
	check("tee leaves the source", read(p[0], buffer, 64) == 5 && memcmp(buffer, "23456", 5) == 0);
	offset = 20;
	check("splice pipe to file", splice(q[0], NULL, file, &offset, 100, 0) == 5 && offset == 25 &&
					     pread(file, buffer, 5, 20) == 5 && memcmp(buffer, "23456", 5) == 0);
	need(write(p[1], "abc", 3) == 3);
	check("splice pipe to pipe", splice(p[0], NULL, q[1], NULL, 100, 0) == 3 && read(q[0], buffer, 64) == 3);
	check_errno("splice of two files", splice(file, NULL, file, NULL, 1, 0), EINVAL);
	check_errno("splice of an empty pipe", splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	struct iovec vec = { "vm", 2 };
	check("vmsplice", vmsplice(p[1], &vec, 1, 0) == 2 && read(p[0], buffer, 64) == 2 && memcmp(buffer, "vm", 2) == 0);
	close(file);
	unlink("/tmp/splice");
}

int main(void)
{
	test_basics();
	test_atomicity();
	test_stream();
	test_fifo();
	test_splice();
	return test_end();
}
