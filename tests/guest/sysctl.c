/* SPDX-License-Identifier: MIT */
/*
 * Settings in /proc/sys: what a write takes and what it answers, positions, bounds, the access that root has, and how readers hear of a change. All settings used here are put back.
 */
#include "test.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define SYS "/proc/sys/"

/* Like the strings of C, so that all output is one kind of text. */
static void quote(const char *s, ssize_t n)
{
	putchar('"');
	for (ssize_t i = 0; i < n; i++) {
		if (s[i] == '\n')
			printf("\\n");
		else if (s[i] == '\t')
			printf("\\t");
		else
			putchar(s[i]);
	}
	putchar('"');
}

static const char *error(ssize_t r)
{
	return r < 0 ? strerrorname_np(errno) : "";
}

static ssize_t get(const char *name, char *buf, size_t size)
{
	char path[128];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), SYS "%s", name);
	fd = open(path, O_RDONLY);
	n = fd < 0 ? -1 : read(fd, buf, size);
	if (fd >= 0)
		close(fd);
	return n;
}

static void show_setting(const char *name)
{
	char buf[512];
	ssize_t n = get(name, buf, sizeof(buf));

	printf("  %s: ", name);
	if (n < 0)
		printf("%s\n", error(n));
	else
		quote(buf, n), putchar('\n');
}

/* One write of a text, and what the setting says after it. */
static void put(const char *name, const char *value)
{
	char path[128], buf[512];
	size_t len = strlen(value);
	ssize_t r, n;
	int fd, e;

	snprintf(path, sizeof(path), SYS "%s", name);
	fd = open(path, O_WRONLY);
	r = fd < 0 ? -1 : write(fd, value, len);
	e = errno;
	n = get(name, buf, sizeof(buf));
	errno = e;
	printf("  %s <- ", name);
	quote(value, (ssize_t)len);
	printf(": %zd %s, now ", r, error(r));
	quote(buf, n < 0 ? 0 : n);
	putchar('\n');
	if (fd >= 0)
		close(fd);
}

static void numbers(void)
{
	static const char *const values[] = {
		"7", "8\n", "  9  \n", "\t10\n\n", "0x1f", "0X1F\n", "017", "08", "1 2", "1 x", "x", "", "\n", "   ", "-1", "-", "+5", "5-", "5,", "5.0", "0x", "0xg", "201",
		"200", "0", "2147483647", "2147483648", "4294967296", "99999999999999999999", "000000000000000000000000000005", "12\r\n", "\v\f12",
	};
	puts("a number with bounds");
	for (unsigned i = 0; i < ARRAY_LEN(values); i++)
		put("vm/swappiness", values[i]);
	put("vm/swappiness", "60");

	puts("a number without a smallest one");
	put("kernel/perf_event_paranoid", "-3");
	put("kernel/perf_event_paranoid", "-2147483648");
	put("kernel/perf_event_paranoid", "-2147483649");
	put("kernel/perf_event_paranoid", "3");
	/* The two of real-time threads are checked against each other. */
	put("kernel/sched_rt_runtime_us", "1000001");
	put("kernel/sched_rt_runtime_us", "-2");
	put("kernel/sched_rt_runtime_us", "-1");
	put("kernel/sched_rt_period_us", "500000");
	put("kernel/sched_rt_runtime_us", "500001");
	put("kernel/sched_rt_runtime_us", "400000");
	put("kernel/sched_rt_period_us", "399999");
	put("kernel/sched_rt_period_us", "0");
	put("kernel/sched_rt_period_us", "1000000");
	put("kernel/sched_rt_runtime_us", "950000");

	puts("several numbers");
	put("kernel/sem", "1 2 3 4");
	put("kernel/sem", "5 6");
	put("kernel/sem", "7 8 x 9");
	put("kernel/sem", "1\n2\t3 4 5");
	put("kernel/sem", "32000\t1024000000\t500\t32000\n");

	puts("a long number");
	put("kernel/shmmax", "18446744073709551615");
	put("kernel/shmmax", "18446744073709551616");
	put("kernel/shmmax", "-5");
	put("kernel/shmmax", "0x10");
	put("kernel/shmmax", "18446744073692774399");
}

static void strings(void)
{
	char buf[64], old[65];
	struct utsname u;
	ssize_t r;
	int fd;

	uname(&u);
	strcpy(old, u.nodename);
	puts("a string");
	put("kernel/hostname", "one\n");
	put("kernel/hostname", "two three\nfour");
	put("kernel/hostname", "");
	put("kernel/hostname", "\n");
	put("kernel/hostname", "0123456789012345678901234567890123456789012345678901234567890123456789");
	uname(&u);
	printf("  uname: %zu characters\n", strlen(u.nodename));
	put("kernel/hostname", "sysctl");
	fd = open(SYS "kernel/hostname", O_RDWR);
	for (int i = 0; i < 4; i++) {
		r = read(fd, buf, 3);
		printf("  read of 3: %zd ", r);
		quote(buf, r);
		putchar('\n');
	}
	r = pwrite(fd, "XY", 2, 3);
	printf("  pwrite at 3: %zd %s\n", r, error(r));
	show_setting("kernel/hostname");
	r = pwrite(fd, "Z", 1, 9);
	printf("  pwrite beyond the end: %zd %s\n", r, error(r));
	show_setting("kernel/hostname");
	close(fd);
	put("kernel/hostname", old[0] ? old : "(none)");
}

static void positions(void)
{
	char buf[64];
	ssize_t r;
	int fd = open(SYS "vm/swappiness", O_RDWR);

	puts("positions");
	r = read(fd, buf, 1);
	printf("  read of 1: %zd, then %zd\n", r, read(fd, buf, sizeof(buf)));
	r = pread(fd, buf, sizeof(buf), 1);
	printf("  pread at 1: %zd %s\n", r, error(r));
	r = pread(fd, buf, sizeof(buf), 0);
	printf("  pread at 0: %zd\n", r);
	r = pwrite(fd, "77", 2, 1);
	printf("  pwrite at 1: %zd %s\n", r, error(r));
	show_setting("vm/swappiness");
	printf("  lseek: %ld %ld %ld\n", (long)lseek(fd, 0, SEEK_SET), (long)lseek(fd, 5, SEEK_CUR), (long)lseek(fd, 0, SEEK_END));
	lseek(fd, 0, SEEK_SET);
	r = write(fd, "4", 1);
	printf("  writes: %zd", r);
	r = write(fd, "5\n", 2);
	printf(" %zd\n", r);
	show_setting("vm/swappiness");
	r = write(fd, "", 0);
	printf("  write of nothing: %zd\n", r);
	close(fd);
	fd = open(SYS "vm/swappiness", O_WRONLY | O_TRUNC);
	printf("  O_TRUNC: %s\n", fd < 0 ? error(fd) : "ok");
	close(fd);
	fd = open(SYS "vm/swappiness", O_WRONLY | O_APPEND);
	r = write(fd, "60\n", 3);
	printf("  O_APPEND: %zd\n", r);
	close(fd);
	show_setting("vm/swappiness");
}

static void access_of_root(void)
{
	static const char *const names[] = { "kernel/osrelease", "kernel/ostype", "kernel/cap_last_cap", "kernel/ngroups_max", "vm/swappiness", "vm/drop_caches", "vm/compact_memory",
					     "kernel/random/uuid" };

	puts("access");
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		char path[128];
		struct stat st;
		int r, w, rw;

		snprintf(path, sizeof(path), SYS "%s", names[i]);
		r = open(path, O_RDONLY);
		printf("  %s: read %s,", names[i], r < 0 ? error(r) : "ok");
		w = open(path, O_WRONLY);
		printf(" write %s,", w < 0 ? error(w) : "ok");
		rw = open(path, O_RDWR);
		printf(" both %s,", rw < 0 ? error(rw) : "ok");
		if (stat(path, &st) == 0)
			printf(" mode %o, size %ld, blocks %ld, block %ld\n", st.st_mode, (long)st.st_size, (long)st.st_blocks, (long)st.st_blksize);
		close(r), close(w), close(rw);
	}
	printf("  chmod: %s\n", error(chmod(SYS "vm/swappiness", 0666)));
	printf("  unlink: %s\n", error(unlink(SYS "vm/swappiness")));
	printf("  creat: %s\n", error(open(SYS "vm/none", O_CREAT | O_WRONLY, 0600)));
	printf("  mkdir: %s\n", error(mkdir(SYS "vm/none", 0700)));
	printf("  open of what is not there: %s\n", error(open(SYS "vm/none", O_RDONLY)));
	printf("  below a file: %s\n", error(open(SYS "vm/swappiness/x", O_RDONLY)));
}

static void news(void)
{
	int fd = open(SYS "kernel/hostname", O_RDONLY), other = open(SYS "vm/swappiness", O_RDONLY);
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN | POLLPRI | POLLOUT }, { .fd = other, .events = POLLIN | POLLPRI | POLLOUT } };
	struct epoll_event e = { .events = EPOLLPRI };
	int ep = epoll_create1(0);
	struct utsname u;

	puts("news");
	uname(&u);
	poll(p, 2, 0);
	printf("  at rest: %x %x\n", p[0].revents, p[1].revents);
	printf("  epoll: %d, %d ready\n", epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), epoll_wait(ep, &e, 1, 0));
	sethostname("changed", 7);
	printf("  epoll: %d ready\n", epoll_wait(ep, &e, 1, 0));
	sethostname("again", 5);
	poll(p, 2, 0);
	printf("  after a change: %x %x\n", p[0].revents, p[1].revents);
	poll(p, 2, 0);
	printf("  once more: %x %x\n", p[0].revents, p[1].revents);
	sethostname(u.nodename, strlen(u.nodename));
	close(fd), close(other), close(ep);
}

int main(void)
{
	numbers();
	strings();
	positions();
	access_of_root();
	news();
	fflush(stdout);
	return test_end();
}
