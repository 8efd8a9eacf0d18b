/* SPDX-License-Identifier: MIT
 *
 * Pipes, FIFOs and eventfds: what pipe(7), fifo(7), eventfd(2) promise.
 */
/* sources: fs/pipe.c fs/eventfd.c fs/special.c fs/poll.c fs/epoll.c fs/uio.c libc/rbtree.c sched/poller.c fs/anon-attr.c fs/cred.c tests/host/fake-special.c tests/host/fake-file.c */
#include "fs/pipe.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "sched/clock.h"
#include "sched/thread.h"
#include "tests/host/special.h"

static char big[1 << 20];

static void test_capacity(void)
{
	struct file *r, *w;
	char c = 'x';
	long n = 0;

	CHECK_EQ(pipe_create(&r, &w, O_NONBLOCK), 0);
	CHECK_EQ(do_read(r, &c, 1), -EAGAIN);
	CHECK_EQ(file_poll(r, NULL), 0);
	CHECK_EQ(file_poll(w, NULL), FILE_POLLOUT | FILE_POLLWRNORM);
	while (do_write(w, &c, 1) == 1)
		n++;
	CHECK_EQ(n, 65536);
	CHECK_EQ(do_write(w, &c, 1), -EAGAIN);
	CHECK_EQ(file_poll(w, NULL), 0);
	CHECK_EQ(do_read(r, big, 4095), 4095);
	CHECK_EQ(do_write(w, &c, 1), -EAGAIN);	/* a page is free only when all of it was read, as on Linux */
	CHECK_EQ(do_read(r, big, 1), 1);
	CHECK_EQ(do_write(w, big, 5000), 4096);
	CHECK_EQ(do_read(r, big, sizeof(big)), 65536);

	/* At most PIPE_BUF: all or nothing. */
	CHECK_EQ(do_write(w, big, 16 * 4096 - 100), 16 * 4096 - 100);
	CHECK_EQ(do_write(w, big, 101), -EAGAIN);
	CHECK_EQ(do_write(w, big, 100), 100);
	CHECK_EQ(pipe_get_size(w), 65536);
	CHECK_EQ(pipe_set_size(w, 4096), -EBUSY);
	CHECK_EQ(pipe_set_size(w, 100000), 131072);
	CHECK_EQ(do_write(w, big, 101), 101);
	CHECK_EQ(do_read(r, big, sizeof(big)), 16 * 4096 + 101);
	CHECK_EQ(pipe_set_size(r, 1), 4096);
	CHECK_EQ(do_write(w, big, 8192), 4096);
	CHECK_EQ(do_write(r, big, 1), -EBADF);
	file_put(r);
	CHECK_EQ(do_write(w, &c, 1), -EPIPE);
	CHECK(file_poll(w, NULL) & FILE_POLLERR);
	file_put(w);
}

static void test_end_of_file(void)
{
	struct file *r, *w;
	char buf[8];

	CHECK_EQ(pipe_create(&r, &w, 0), 0);
	CHECK_EQ(do_write(w, "hello", 5), 5);
	file_put(w);
	CHECK_EQ(file_poll(r, NULL), FILE_POLLIN | FILE_POLLRDNORM | FILE_POLLHUP);
	CHECK_EQ(do_read(r, buf, 3), 3);
	CHECK_EQ(do_read(r, buf, 8), 2);
	CHECK_EQ(do_read(r, buf, 8), 0);
	CHECK_EQ(file_poll(r, NULL), FILE_POLLHUP);
	file_put(r);
}

static void test_faults(void)
{
	struct file *r, *w;
	char buf[8];

	CHECK_EQ(pipe_create(&r, &w, O_NONBLOCK), 0);
	CHECK_EQ(do_write(w, (void *)8, 5), -EFAULT);
	CHECK_EQ(do_read(r, buf, 8), -EAGAIN);
	CHECK_EQ(do_write(w, "abc", 3), 3);
	CHECK_EQ(do_read(r, (void *)8, 5), -EFAULT);
	CHECK_EQ(do_read(r, buf, 8), 3);
	file_put(r);
	file_put(w);
}

static void test_packets(void)
{
	struct file *r, *w;
	char buf[16];

	CHECK_EQ(pipe_create(&r, &w, O_DIRECT | O_NONBLOCK), 0);
	CHECK_EQ(do_write(w, "abcd", 4), 4);
	CHECK_EQ(do_write(w, "ef", 2), 2);
	CHECK_EQ(do_read(r, buf, 3), 3);	/* the rest of the packet is lost */
	CHECK_EQ(do_read(r, buf, 16), 2);
	CHECK_EQ(do_read(r, buf, 16), -EAGAIN);
	file_put(r);
	file_put(w);
}

static void *big_writer(void *arg)
{
	struct file *w = arg;

	for (unsigned i = 0; i < 64; i++)
		CHECK_EQ(do_write(w, big, sizeof(big) / 4 + i), sizeof(big) / 4 + i);
	file_put(w);
	return NULL;
}

static void test_stream(void)
{
	static char buf[70000];
	struct file *r, *w;
	unsigned long total = 0, expected = 0;
	pthread_t id;
	ssize_t n;

	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7);
	CHECK_EQ(pipe_create(&r, &w, 0), 0);
	pthread_create(&id, NULL, big_writer, w);
	while ((n = do_read(r, buf, 1 + (total * 31) % sizeof(buf))) > 0)
		total += (unsigned long)n;
	CHECK_EQ(n, 0);
	for (unsigned i = 0; i < 64; i++)
		expected += sizeof(big) / 4 + i;
	CHECK_EQ(total, expected);
	pthread_join(id, NULL);
	file_put(r);
}

static void *atomic_writer(void *arg)
{
	char line[1000];

	for (unsigned i = 0; i < 3000; i++) {
		unsigned len = 1 + (i * 37) % 999;

		memset(line, 'a' + (int)(i % 26), len - 1);
		line[len - 1] = '\n';
		CHECK_EQ(do_write(arg, line, len), len);
	}
	file_put(arg);
	return NULL;
}

/* Lines of several writers never mix. */
static void test_atomic(void)
{
	struct file *r, *w;
	pthread_t id[4];
	char buf[3000], last = '\n';
	unsigned long lines = 0;
	ssize_t n;

	CHECK_EQ(pipe_create(&r, &w, 0), 0);
	for (unsigned i = 0; i < 4; i++) {
		file_get(w);
		pthread_create(&id[i], NULL, atomic_writer, w);
	}
	file_put(w);
	while ((n = do_read(r, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			CHECK(last == '\n' || buf[i] == '\n' || buf[i] == last);
			last = buf[i];
			lines += last == '\n';
		}
	}
	CHECK_EQ(lines, 4 * 3000);
	for (unsigned i = 0; i < 4; i++)
		pthread_join(id[i], NULL);
	file_put(r);
}

static struct thread *sleeper;

static void *interrupted_reader(void *arg)
{
	char c;

	atomic_store(&sleeper, thread_current(), SEQ_CST);
	CHECK_EQ(do_read(arg, &c, 1), -EINTR);
	return NULL;
}

static void test_interrupt(void)
{
	struct file *r, *w;
	pthread_t id;

	CHECK_EQ(pipe_create(&r, &w, 0), 0);
	pthread_create(&id, NULL, interrupted_reader, r);
	while (!atomic_load(&sleeper, SEQ_CST))
		nap_ms(1);
	nap_ms(10);
	thread_set_attention(sleeper, ATTN_SIGNAL);
	pthread_join(id, NULL);
	file_put(r);
	file_put(w);
}

static struct pipe *slot;

static void *fifo_writer(void *arg)
{
	struct file *w;

	nap_ms(20);
	CHECK_EQ(fifo_open(&slot, O_WRONLY, &w), 0);
	CHECK_EQ(do_write(w, "fifo", 4), 4);
	file_put(w);
	return arg;
}

static void test_fifo(void)
{
	struct file *r, *r2, *w;
	pthread_t id;
	char buf[8];

	CHECK_EQ(fifo_open(&slot, O_WRONLY | O_NONBLOCK, &w), -ENXIO);
	CHECK(!slot);
	CHECK_EQ(fifo_open(&slot, O_RDONLY | O_NONBLOCK, &r), 0);
	CHECK_EQ(file_poll(r, NULL), 0);	/* no hang-up before a first writer */
	CHECK_EQ(do_read(r, buf, 1), 0);
	CHECK_EQ(fifo_open(&slot, O_WRONLY | O_NONBLOCK, &w), 0);
	CHECK_EQ(do_read(r, buf, 1), -EAGAIN);
	file_put(w);
	CHECK_EQ(file_poll(r, NULL), FILE_POLLHUP);
	CHECK_EQ(fifo_open(&slot, O_RDONLY | O_NONBLOCK, &r2), 0);
	CHECK_EQ(file_poll(r2, NULL), 0);
	file_put(r2);
	file_put(r);
	CHECK(!slot);

	pthread_create(&id, NULL, fifo_writer, NULL);
	CHECK_EQ(fifo_open(&slot, O_RDONLY, &r), 0);	/* waits for the writer */
	CHECK_EQ(do_read(r, buf, 8), 4);
	CHECK_EQ(do_read(r, buf, 8), 0);
	pthread_join(id, NULL);
	file_put(r);
	CHECK(!slot);
}

static void *eventfd_poster(void *arg)
{
	uint64_t one = 1;

	for (unsigned i = 0; i < 10000; i++)
		CHECK_EQ(do_write(arg, &one, 8), 8);
	return NULL;
}

static void test_eventfd(void)
{
	uint64_t v = 5, sum = 0;
	struct file *e;
	pthread_t id[3];

	CHECK_EQ(eventfd_create(3, O_NONBLOCK, &e), 0);
	CHECK_EQ(do_write(e, &v, 8), 8);
	CHECK_EQ(do_read(e, &v, 4), -EINVAL);
	CHECK_EQ(do_read(e, &v, 8), 8);
	CHECK_EQ(v, 8);
	CHECK_EQ(do_read(e, &v, 8), -EAGAIN);
	v = UINT64_MAX;
	CHECK_EQ(do_write(e, &v, 8), -EINVAL);
	v = UINT64_MAX - 1;
	CHECK_EQ(do_write(e, &v, 8), 8);
	CHECK_EQ(file_poll(e, NULL), FILE_POLLIN | FILE_POLLRDNORM);
	v = 1;
	CHECK_EQ(do_write(e, &v, 8), -EAGAIN);
	file_put(e);

	CHECK_EQ(eventfd_create(2, 1 | O_NONBLOCK, &e), 0);	/* EFD_SEMAPHORE */
	CHECK_EQ(do_read(e, &v, 8), 8);
	CHECK_EQ(v, 1);
	CHECK_EQ(do_read(e, &v, 8), 8);
	CHECK_EQ(do_read(e, &v, 8), -EAGAIN);
	file_put(e);

	CHECK_EQ(eventfd_create(0, 0, &e), 0);
	for (unsigned i = 0; i < 3; i++)
		pthread_create(&id[i], NULL, eventfd_poster, e);
	while (sum < 30000) {
		CHECK_EQ(do_read(e, &v, 8), 8);
		sum += v;
	}
	for (unsigned i = 0; i < 3; i++)
		pthread_join(id[i], NULL);
	CHECK_EQ(sum, 30000);
	file_put(e);
}

int main(void)
{
	test_capacity();
	test_end_of_file();
	test_faults();
	test_packets();
	test_stream();
	test_atomic();
	test_interrupt();
	test_fifo();
	test_eventfd();
	return 0;
}
