/* SPDX-License-Identifier: MIT
 *
 * Consoles: plain streams, the terminal's line discipline, flow control both ways.
 */
/* sources: fs/tty.c fs/tty-line.c fs/special.c fs/poll.c fs/epoll.c fs/uio.c libc/rbtree.c sched/poller.c fs/anon-attr.c tests/host/fake-special.c tests/host/fake-file.c */
#include "fs/tty.h"

#include "fs/tty-priv.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "sched/clock.h"
#include "sched/thread.h"
#include "tests/host/special.h"

#define TCGETS		0x5401u
#define TCSETS		0x5402u
#define TCXONC		0x540au
#define TIOCGWINSZ	0x5413u
#define FIONREAD	0x541bu

static char output[1 << 20];
static size_t nr_output, room = sizeof(output);
static unsigned nr_unthrottled, last_signal;

static size_t port_write(struct console_port *p, const void *buf, size_t len)
{
	size_t n = len < room ? len : room;

	(void)p;
	memcpy(output + nr_output, buf, n);
	nr_output += n;
	room -= n;
	return n;
}

static void port_unthrottle(struct console_port *p)
{
	(void)p;
	nr_unthrottled++;
}

static struct console_port stdin_port = { .name = "samara.stdin", .unthrottle = port_unthrottle };
static struct console_port stdout_port = { .name = "samara.stdout", .write = port_write };
static struct console_port plain_port = { .name = "plain", .write = port_write, .unthrottle = port_unthrottle };

static long ioctl(struct file *f, unsigned cmd, void *arg)
{
	return f->ops->ioctl(f, cmd, (unsigned long)(uintptr_t)arg);
}

static void type(const char *s)
{
	CHECK_EQ(console_port_input(&stdin_port, s, strlen(s)), strlen(s));
}

static void expect_output(const char *s)
{
	if (nr_output != strlen(s) || memcmp(output, s, nr_output)) {
		fprintf(stderr, "output \"%.*s\", expected \"%s\"\n", (int)nr_output, output, s);
		exit(1);
	}
	nr_output = 0;
}

static void expect_read(struct file *f, const char *s)
{
	char buf[256];
	ssize_t n = do_read(f, buf, sizeof(buf));

	if (n != (ssize_t)strlen(s) || memcmp(buf, s, strlen(s))) {
		fprintf(stderr, "read \"%.*s\" (%lld), expected \"%s\"\n", n > 0 ? (int)n : 0, buf, (long long)n, s);
		exit(1);
	}
}

static void signal_hook(int sig)
{
	last_signal = (unsigned)sig;
}

static void test_terminal(void)
{
	struct file *in, *out;
	char buf[64];
	uint16_t winsize[4];
	struct { uint32_t iflag, oflag, cflag, lflag; uint8_t line, cc[19]; } termios;

	tty_signal_hook = signal_hook;
	CHECK_EQ(tty_open_port("samara.stdin", true, O_RDONLY | O_NONBLOCK, &in), 0);
	CHECK_EQ(tty_open_port("samara.stdout", true, O_WRONLY, &out), 0);
	CHECK_EQ(do_read(in, buf, 8), -EAGAIN);
	type("helo");
	expect_output("helo");
	CHECK_EQ(do_read(in, buf, 8), -EAGAIN);
	CHECK_EQ(file_poll(in, NULL) & FILE_POLLIN, 0);
	type("\177lo\r");
	expect_output("\b \blo\r\n");
	CHECK_EQ(file_poll(in, NULL) & FILE_POLLIN, FILE_POLLIN);
	CHECK_EQ(do_read(in, buf, 3), 3);
	expect_read(in, "lo\n");
	type("two words\027\nnext\n");
	nr_output = 0;
	expect_read(in, "two \n");	/* one line at a time */
	expect_read(in, "next\n");
	type("gone\025abc\004");
	nr_output = 0;
	expect_read(in, "abc");		/* end-of-file key pushes */
	type("\004");
	expect_read(in, "");
	CHECK_EQ(do_read(in, buf, 8), -EAGAIN);
	type("\303\244\177x\n");	/* one character, two bytes */
	expect_output("\303\244\b \bx\r\n");
	expect_read(in, "x\n");
	type("partial\003");
	expect_output("partial^C");
	CHECK_EQ(last_signal, 2);
	type("\026\003\n");		/* literal */
	nr_output = 0;
	expect_read(in, "\003\n");

	CHECK_EQ(do_write(out, "a\nb\n", 4), 4);
	expect_output("a\r\nb\r\n");
	CHECK_EQ(do_write(in, "p", 1), 1);	/* a terminal is open for both */
	expect_output("p");

	CHECK_EQ(ioctl(in, TCGETS, &termios), 0);
	termios.lflag &= ~0000012u;	/* ICANON, ECHO */
	termios.cc[6] = 3;		/* VMIN */
	termios.oflag = 0;
	CHECK_EQ(ioctl(out, TCSETS, &termios), 0);
	type("ab");
	CHECK_EQ(file_poll(in, NULL) & FILE_POLLIN, 0);
	type("c");
	CHECK_EQ(file_poll(in, NULL) & FILE_POLLIN, FILE_POLLIN);
	expect_read(in, "abc");
	expect_output("");
	CHECK_EQ(do_write(out, "a\n", 2), 2);
	expect_output("a\n");
	termios.cc[6] = 0;
	termios.cc[5] = 1;		/* VTIME: 0.1 s */
	in->flags &= ~(uint32_t)O_NONBLOCK;
	CHECK_EQ(ioctl(out, TCSETS, &termios), 0);
	CHECK_EQ(do_read(in, buf, 8), 0);
	tty_set_winsize(132, 50);
	CHECK_EQ(ioctl(out, TIOCGWINSZ, winsize), 0);
	CHECK_EQ(winsize[0], 50);
	CHECK_EQ(winsize[1], 132);
	CHECK_EQ(console_port_input(&stdin_port, "", 0), 0);	/* the host closes */
	expect_read(in, "");
	file_put(in);
	file_put(out);
}

static void *room_maker(void *arg)
{
	nap_ms(10);
	room = sizeof(output) - nr_output;
	console_port_writable(&plain_port);
	return arg;
}

static void test_plain(void)
{
	static char data[300000], in[6000];
	struct file *f, *g;
	struct stat_info st;
	uint32_t n;
	pthread_t id;

	nr_output = 0;
	CHECK_EQ(tty_open_port("none", false, O_RDWR, &f), -ENXIO);
	CHECK_EQ(tty_open_port("plain", false, O_RDWR | O_NONBLOCK, &f), 0);
	CHECK_EQ(tty_open_port("plain", false, O_RDWR, &g), 0);
	CHECK_EQ(ioctl(f, TCGETS, data), -ENOTTY);
	CHECK_EQ(f->ops->stat(f, &st), 0);
	CHECK_EQ(st.mode & 0170000, 0010000);
	CHECK_EQ(do_write(f, "a\nb", 3), 3);
	expect_output("a\nb");

	/* More than the driver takes: the blocking write waits, the other returns what went. */
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (char)(i * 13);
	room = 1000;
	CHECK_EQ(do_write(f, data, sizeof(data)), 1000);
	CHECK_EQ(do_write(f, data, 1), -EAGAIN);
	CHECK_EQ(file_poll(f, NULL) & FILE_POLLOUT, 0);
	nr_output = 0;
	pthread_create(&id, NULL, room_maker, NULL);
	CHECK_EQ(do_write(g, data, sizeof(data)), sizeof(data));
	pthread_join(id, NULL);
	CHECK(!memcmp(output, data, sizeof(data)) && nr_output == sizeof(data));
	CHECK_EQ(do_write(g, (void *)8, 10), -EFAULT);

	CHECK_EQ(do_read(f, data, 1), -EAGAIN);
	memset(in, 'i', sizeof(in));
	CHECK_EQ(console_port_input(&plain_port, in, sizeof(in)), 4096);
	CHECK_EQ(ioctl(f, FIONREAD, &n), 0);
	CHECK_EQ(n, 4096);
	CHECK_EQ(do_read(f, data, 100), 100);
	CHECK_EQ(nr_unthrottled, 0);
	CHECK_EQ(do_read(g, data, 3000), 3000);
	CHECK_EQ(nr_unthrottled, 1);
	CHECK_EQ(console_port_input(&plain_port, in, 1904), 1904);
	CHECK_EQ(console_port_input(&plain_port, "", 0), 0);
	CHECK_EQ(do_read(f, data, 10000), 2900);
	CHECK_EQ(do_read(g, data, 10000), 0);
	CHECK_EQ(file_poll(f, NULL) & (FILE_POLLIN | FILE_POLLHUP), FILE_POLLHUP);
	file_put(f);
	file_put(g);
}

static void *write_late(void *f)
{
	CHECK_EQ(do_write(f, "late", 4), 4);
	return f;
}

/* A stopped terminal has no room on any of its ports, and who waits on one hears of the start by another. */
static void test_stopped(void)
{
	struct file *in, *err;
	pthread_t id;

	nr_output = 0;
	room = sizeof(output);
	CHECK_EQ(tty_open_port("samara.stdin", true, O_RDONLY, &in), 0);
	CHECK_EQ(tty_open_port("plain", true, O_WRONLY | O_NONBLOCK, &err), 0);
	CHECK_EQ(file_poll(err, NULL) & FILE_POLLOUT, FILE_POLLOUT);
	CHECK_EQ(ioctl(in, TCXONC, (void *)0), 0);
	CHECK_EQ(file_poll(err, NULL) & FILE_POLLOUT, 0);
	CHECK_EQ(do_write(err, "x", 1), -EAGAIN);
	err->flags &= ~(uint32_t)O_NONBLOCK;
	pthread_create(&id, NULL, write_late, err);
	nap_ms(20);
	expect_output("");
	CHECK_EQ(ioctl(in, TCXONC, (void *)1), 0);
	pthread_join(id, NULL);
	expect_output("late");
	CHECK_EQ(file_poll(err, NULL) & FILE_POLLOUT, FILE_POLLOUT);
	file_put(in);
	file_put(err);
}

int main(void)
{
	CHECK_EQ(console_port_register(&stdin_port), 0);
	CHECK_EQ(console_port_register(&stdout_port), 0);
	CHECK_EQ(console_port_register(&plain_port), 0);
	test_terminal();
	test_plain();
	test_stopped();
	return 0;
}
