/* SPDX-License-Identifier: MIT */
/*
 * inotify: which events each operation on a watched directory and a watched file
 * gives, in which order; one-shot watches, the ends of watches, small buffers,
 * a reader that waits.
 */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int in;

/* Cookies have no fixed numbers: show them in order of appearance. */
static int cookie_number(unsigned cookie)
{
	static unsigned seen[16];
	static int nr;

	if (!cookie)
		return 0;
	for (int i = 0; i < nr; i++)
		if (seen[i] == cookie)
			return i + 1;
	seen[nr++] = cookie;
	return nr;
}

static void show_events(const char *what)
{
	char buf[8192] __attribute__((aligned(8))), line[400];
	ssize_t n = read(in, buf, sizeof(buf));
	int len = snprintf(line, sizeof(line), "%s:", what);

	if (n < 0)
		len += snprintf(line + len, sizeof(line) - len, " %s", strerror(errno));
	for (char *p = buf; p < buf + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		len += snprintf(line + len, sizeof(line) - len, " [%d %x %d %s %u]", e->wd, e->mask, cookie_number(e->cookie), e->len ? e->name : "-", e->len);
		p += sizeof(*e) + e->len;
	}
	show("%s", line);
}

static void test_files(void)
{
	char c;
	int f = open("w/a", O_CREAT | O_RDWR, 0644);

	show_events("create");
	need(write(f, "x", 1) == 1 && pread(f, &c, 1, 0) == 1);
	show_events("write, read");
	need(write(f, "x", 1) == 1 && write(f, "x", 1) == 1);
	show_events("two writes are one event");
	need(fchmod(f, 0600) == 0);
	show_events("fchmod");
	need(ftruncate(f, 0) == 0);
	show_events("ftruncate");
	close(f);
	show_events("close");
	show("watch: %d", inotify_add_watch(in, "w/a", IN_ALL_EVENTS));
	need(chmod("w/a", 0640) == 0);
	show_events("chmod");
	need(rename("w/a", "w/b") == 0);
	show_events("rename inside");
	need(link("w/b", "w/c") == 0);
	show_events("link");
	need(rename("w/b", "b2") == 0);
	show_events("rename to outside");
	need(unlink("w/c") == 0);
	show_events("unlink one of two");
	need(unlink("b2") == 0);
	show_events("unlink the last");
	check_errno("that watch is gone", inotify_rm_watch(in, 2), EINVAL);
}

static void test_directories(void)
{
	int n = 0;
	char small[8];

	need(mkdir("w/d", 0755) == 0);
	show_events("mkdir");
	need(symlink("x", "w/l") == 0);
	show_events("symlink");
	need(mkdir("other", 0755) == 0 && rename("w/d", "other/d") == 0);
	show_events("directory out");
	need(rename("other/d", "w/d") == 0);
	show_events("directory in");
	need(rmdir("w/d") == 0 && unlink("w/l") == 0);
	show_events("rmdir, unlink");
	need(ioctl(in, FIONREAD, &n) == 0);
	show("nothing to read: %d", n);
	close(open("w", O_RDONLY));
	need(ioctl(in, FIONREAD, &n) == 0);
	show("to read: %d", n);
	check_errno("too small a buffer", read(in, small, sizeof(small)), EINVAL);
	show_events("directory opened and closed");
	need(rmdir("w") == 0 && rmdir("other") == 0);
	show_events("the watched directory goes");
	check_errno("it is gone", inotify_add_watch(in, "w", IN_ALL_EVENTS), ENOENT);
}

static void test_flags(void)
{
	int wd, f;

	need(mkdir("v", 0755) == 0);
	wd = inotify_add_watch(in, "v", IN_CREATE | IN_ONESHOT);
	need(mkdir("v/1", 0755) == 0 && mkdir("v/2", 0755) == 0);
	show_events("one shot");
	check_errno("and over", inotify_rm_watch(in, wd), EINVAL);
	need((f = open("file", O_CREAT | O_WRONLY, 0600)) >= 0);
	check_errno("only directories", inotify_add_watch(in, "file", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	check_errno("no events", inotify_add_watch(in, "file", 0), EINVAL);
	check_errno("not an inotify descriptor", inotify_add_watch(f, "file", IN_OPEN), EINVAL);
	check_errno("not open", inotify_add_watch(99, "file", IN_OPEN), EBADF);
	close(f);
	wd = inotify_add_watch(in, "v", IN_CREATE);
	check("the same watch again", wd == inotify_add_watch(in, "v", IN_DELETE | IN_MASK_ADD));
	check_errno("not again", inotify_add_watch(in, "v", IN_DELETE | IN_MASK_CREATE), EEXIST);
	need(mkdir("v/3", 0755) == 0 && rmdir("v/3") == 0);
	show_events("both events");
	check("remove", inotify_rm_watch(in, wd) == 0);
	show_events("removed");
	need(rmdir("v/1") == 0 && rmdir("v/2") == 0);
	show_events("unseen");
}

static void *waiter(void *arg)
{
	struct pollfd p = { .fd = in, .events = POLLIN };

	(void)arg;
	int nr_ready = poll(&p, 1, 10000);
	show("poll: %d %x", nr_ready, p.revents);
	return NULL;
}

static void test_waiting(void)
{
	pthread_t t;
	int wd = inotify_add_watch(in, "v", IN_CREATE);

	need(pthread_create(&t, NULL, waiter, NULL) == 0);
	usleep(20000);
	need(mkdir("v/now", 0755) == 0);
	pthread_join(t, NULL);
	show_events("what woke it");
	inotify_rm_watch(in, wd);
}

int main(void)
{
	char dir[] = "/tmp/inotify-XXXXXX";

	need(mkdtemp(dir) && chdir(dir) == 0 && mkdir("w", 0755) == 0);
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	show("watch: %d", inotify_add_watch(in, "w", IN_ALL_EVENTS));
	show_events("nothing yet");
	test_files();
	test_directories();
	test_flags();
	test_waiting();
	close(in);
	return test_end();
}
