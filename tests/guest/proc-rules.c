/* SPDX-License-Identifier: MIT */
/*
 * Rules that hold for all files of /proc and /sys, whatever they say: all that a walk finds are tried. Then what a call that is not a plain read answers, for some files of each
 * kind.
 */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define TEXT_MAX	(1 << 20)
#define SLOW_MAX	3000		/* longer ones are not read byte by byte */

static int nr_shown;

/* What breaks a rule. */
static void broken(const char *path, const char *rule, long value)
{
	test_failures++;
	if (nr_shown++ < 60)
		show("%s: %s (%ld)", path, rule, value);
}

/* Too large, too slow, not of this kind of file system, or what a read would wait for or take away. */
static bool is_left_out(const char *path)
{
	static const char *const names[] = { "/proc/kcore", "/proc/kmsg", "/proc/kallsyms", "/proc/kpage", "/proc/sys/fs/binfmt_misc", "/proc/sys/kernel/random/uuid", "/proc/sys/kernel/msg_next", "/proc/sys/kernel/sem_next", "/proc/sys/kernel/shm_next",
					     "/proc/sys/net/core/flow_limit", "/proc/1/pagemap", "/proc/1/mem", "/proc/1/fd", "/proc/1/task",
					     "/proc/1/cwd", "/proc/1/root", "/proc/1/exe", "/proc/1/map_files", "/proc/sysrq-trigger", "/proc/1/clear_refs", "/proc/1/ns", "/proc/acpi",
					     "/proc/timer_list", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/1/attr", "/proc/vmallocinfo", "/proc/self", "/proc/thread-self", "/proc/mounts", "/proc/net",
					     "/sys/kernel/slab", "/sys/kernel/debug", "/sys/kernel/tracing", "/sys/kernel/btf", "/sys/kernel/security", "/sys/kernel/notes", "/sys/module", "/sys/firmware",
					     "/sys/devices/pci", "/sys/devices/pnp", "/sys/devices/platform", "/sys/devices/virtual/tty", "/sys/devices/virtual/vc", "/sys/fs/cgroup", "/sys/fs/bpf",
					     "/sys/fs/pstore", "/sys/kernel/irq", "/sys/devices/system/memory", "/sys/bus/pci", "/sys/kernel/boot_params", "/sys/devices/LNX", "/sys/devices/breakpoint",
					     "/sys/devices/system/machinecheck", "/sys/devices/virtual/mem", "/sys/class/tty", "/sys/dev", "/sys/bus/platform", "/sys/power", "/sys/devices/system/cpu/microcode" };

	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (strncmp(path, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Reads to the end by pieces of size bytes. Bytes, or -errno. */
static long slurp(int fd, char *buf, size_t size)
{
	long n = 0;
	ssize_t r;

	while ((r = read(fd, buf + n, size < (size_t)(TEXT_MAX - n) ? size : (size_t)(TEXT_MAX - n))) > 0)
		n += r;
	return r < 0 ? -errno : n;
}

/* Numbers change while one looks: each becomes one '0', white space one blank. */
static long plain(char *s, long n)
{
	long out = 0;

	for (long i = 0; i < n; i++) {
		char c = s[i], last = out ? s[out - 1] : 0;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-' || c == '.')
			c = '0';
		else if (c == ' ' || c == '\t')
			c = ' ';
		if ((c == '0' || c == ' ') && c == last)
			continue;
		s[out++] = c;
	}
	return out;
}

static char whole[TEXT_MAX + 1], pieces[TEXT_MAX + 1], copy[TEXT_MAX + 1];

/* The text read by pieces is that read at once. It may have changed in between: then the next try must do. */
static void try_pieces(const char *path, int fd, size_t size)
{
	long n = 0, m = 0;

	for (int i = 0; i < 20; i++) {
		lseek(fd, 0, SEEK_SET);
		n = slurp(fd, whole, TEXT_MAX);
		lseek(fd, 0, SEEK_SET);
		m = slurp(fd, pieces, size);
		if (n < 0 || m < 0) {
			if (n == m)
				return;
			continue;
		}
		n = plain(whole, n);
		m = plain(pieces, m);
		if (n == m && memcmp(whole, pieces, (size_t)n) == 0)
			return;
	}
	broken(path, "read by pieces differs", (long)size);
}

/* From an offset on: the rest of the text, or nothing (numbers in /proc/sys). */
static void try_offset(const char *path, int fd, long offset)
{
	long n, m = 0;

	for (int i = 0; i < 20; i++) {
		lseek(fd, 0, SEEK_SET);
		n = slurp(fd, whole, TEXT_MAX);
		m = pread(fd, pieces, TEXT_MAX, offset);
		if (n < 0 || m == 0 || (m < 0 && errno == -n))
			return;
		memcpy(copy, whole + (n > offset ? offset : n), (size_t)(n > offset ? n - offset : 0));
		n = plain(copy, n > offset ? n - offset : 0);
		m = m > 0 ? plain(pieces, m) : m;
		/* pread gives as much as it likes: at least it must begin alike. */
		if (m > 0 && m <= n + 2 && memcmp(copy, pieces, (size_t)(m < n ? m : n)) == 0)
			return;
	}
	broken(path, "read from an offset differs", m);
}

static void try_read(const char *path)
{
	int fd = open(path, O_RDONLY), other;
	struct stat st;
	long n, r;

	if (fd < 0) {
		if (errno != EACCES && errno != EPERM && errno != EIO && errno != EINVAL && errno != ENODEV && errno != EOPNOTSUPP && errno != ENXIO)
			broken(path, "open", errno);
		return;
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		broken(path, "fstat", (long)st.st_mode);
	if (read(fd, whole, 0) > 0)
		broken(path, "read of nothing gives something", 0);
	n = slurp(fd, whole, TEXT_MAX);
	if (n > 0) {
		lseek(fd, 0, SEEK_SET);
		r = read(fd, (char *)1, 100);
		if (r >= 0 || errno != EFAULT)
			broken(path, "read to a bad address", r);
		r = lseek(fd, 0, SEEK_SET);
		if (r)
			broken(path, "seek to the begin", r);
		other = open(path, O_RDONLY);
		/* A number may be another one by now. */
		if (n > 1 && (read(fd, whole, 1) != 1 || read(other, pieces, 1) != 1 || (whole[0] != pieces[0] && !(whole[0] >= '0' && whole[0] <= '9'))))
			broken(path, "two opens do not begin alike", whole[0]);
		close(other);
		try_pieces(path, fd, 4096);
		/* A number in /proc/sys is given by one read. */
		if (n < SLOW_MAX && strncmp(path, "/proc/sys/", 10) != 0) {
			try_pieces(path, fd, 7);
			try_pieces(path, fd, 1);
		}
		try_offset(path, fd, 3);
		try_offset(path, fd, n - 1);
	}
	errno = 0;
	if (lseek(fd, -1, SEEK_SET) != -1)
		broken(path, "seek before the begin", errno);
	r = pread(fd, whole, 100, 1l << 40);
	if (r > 0)
		broken(path, "there is something far behind the end", r);
	close(fd);
}

static void try_file(const char *path, const struct stat *st)
{
	int fd, is_sys = strncmp(path, "/sys/", 5) == 0, by_mode = is_sys || strncmp(path, "/proc/sys/", 10) == 0;
	char with_slash[600];

	if (!is_sys && (st->st_size || st->st_nlink != 1))
		broken(path, "size, links", (long)st->st_size * 1000 + (long)st->st_nlink);
	if (st->st_blocks)
		broken(path, "blocks", (long)st->st_blocks);
	/* Root, too, needs the bits of the mode there. */
	if (by_mode) {
		fd = open(path, O_RDONLY);
		if (fd < 0 && errno == EACCES && st->st_mode & 0444)
			broken(path, "may be read and is not", errno);
		if (fd >= 0 && !(st->st_mode & 0444))
			broken(path, "may not be read and is", 0);
		close(fd);
		fd = open(path, O_WRONLY);
		if ((fd < 0) != !(st->st_mode & 0222))
			broken(path, "open for writing", errno);
	} else {
		fd = open(path, O_WRONLY);
		if (fd < 0 && errno != EACCES && errno != EPERM && errno != EIO)
			broken(path, "open for writing", errno);
		/* What is not there to be written says so, with either error. */
		if (fd >= 0 && !(st->st_mode & 0222) && (write(fd, "1", 1) != -1 || (errno != EINVAL && errno != EIO && errno != EACCES)))
			broken(path, "write", errno);
	}
	close(fd);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd >= 0 || errno != ENOTDIR)
		broken(path, "open as a directory", errno);
	snprintf(with_slash, sizeof(with_slash), "%s/", path);
	if (stat(with_slash, (struct stat *)whole) == 0 || errno != ENOTDIR)
		broken(path, "with a slash", errno);
	try_read(path);
}

struct names {
	unsigned nr;
	struct {
		char name[256];
		uint64_t ino;
		unsigned char type;
	} at[1500];
};

/* With a buffer of size bytes; sought tells to go back and forth between the calls. */
static void list(const char *path, struct names *n, size_t size, bool sought)
{
	static char buf[32768];
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	long r;

	n->nr = 0;
	while ((r = syscall(SYS_getdents64, fd, buf, size)) > 0) {
		int64_t next = 0;

		for (struct dirent64 *e = (void *)buf; (char *)e < buf + r; e = (void *)((char *)e + e->d_reclen)) {
			if (n->nr < ARRAY_LEN(n->at)) {
				strcpy(n->at[n->nr].name, e->d_name);
				n->at[n->nr].ino = e->d_ino;
				n->at[n->nr++].type = e->d_type;
			}
			next = e->d_off;
		}
		if (sought) {
			lseek(fd, 0, SEEK_SET);
			(void)!syscall(SYS_getdents64, fd, copy, 64);
			if (lseek(fd, next, SEEK_SET) != next)
				broken(path, "seek to an entry", (long)next);
		}
	}
	if (r < 0)
		broken(path, "getdents", errno);
	close(fd);
}

static void walk(const char *path, int depth);

static void try_entry(const char *path, const char *dir, uint64_t ino, unsigned char type, int depth)
{
	char target[4096];
	struct stat st;
	ssize_t len;

	if (is_left_out(path))
		return;
	if (lstat(path, &st)) {
		broken(path, "is listed and not there", errno);
		return;
	}
	if (IFTODT(st.st_mode) != type)
		broken(path, "type in the list", type);
	if (st.st_ino != ino && !S_ISDIR(st.st_mode))	/* another file system may be mounted on a directory */
		broken(path, "number in the list", (long)ino);
	if (S_ISREG(st.st_mode)) {
		try_file(path, &st);
	} else if (S_ISDIR(st.st_mode)) {
		walk(path, depth + 1);
	} else if (S_ISLNK(st.st_mode)) {
		len = readlink(path, target, sizeof(target));
		if (len <= 0)
			broken(path, "readlink", errno);
		if (stat(path, &st))
			broken(path, "leads nowhere", errno);
		if (open(path, O_RDONLY | O_NOFOLLOW) != -1 || errno != ELOOP)
			broken(path, "O_NOFOLLOW", errno);
	} else {
		broken(path, dir, st.st_mode);
	}
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void sort(struct names *n)
{
	qsort(n->at, n->nr, sizeof(n->at[0]), compare);
}

/* Everything in a directory. Numbers in /proc are processes: only the first, which is ours here and init there. */
static void walk(const char *path, int depth)
{
	struct names *n = malloc(sizeof(*n)), *m = malloc(sizeof(*m));
	char child[512];

	need(n && m);
	list(path, n, 32768, false);
	list(path, m, 300, true);
	if (n->nr < 2 || strcmp(n->at[0].name, ".") != 0 || strcmp(n->at[1].name, "..") != 0)
		broken(path, "does not begin with the dots", (long)n->nr);
	sort(n), sort(m);
	for (unsigned i = 0; depth && i < n->nr; i++) {
		if (i >= m->nr || strcmp(n->at[i].name, m->at[i].name) != 0 || (i && strcmp(n->at[i].name, n->at[i - 1].name) == 0)) {
			broken(path, n->at[i].name, i);
			break;
		}
	}
	for (unsigned i = 0; i < n->nr; i++) {
		char first = n->at[i].name[0];

		if (first == '.' || (depth == 0 && first >= '0' && first <= '9' && strcmp(n->at[i].name, "1") != 0))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, n->at[i].name);
		try_entry(child, path, n->at[i].ino, n->at[i].type, depth);
	}
	free(n);
	free(m);
}

/* ---- other calls --------------------------------------------------------------------------------------------------------------- */

static char answers[512];

static void answer(const char *what, long r)
{
	snprintf(answers + strlen(answers), sizeof(answers) - strlen(answers), " %s %s", what, r < 0 ? strerrorname_np(errno) : "ok");
}

/* Tells the number, too. */
static void answer_number(const char *what, long r)
{
	if (r < 0)
		answer(what, r);
	else
		snprintf(answers + strlen(answers), sizeof(answers) - strlen(answers), " %s %ld", what, r);
}

static void try_calls(const char *path)
{
	int fd = open(path, O_RDONLY), number = 0;
	struct iovec v[2] = { { whole, 1 }, { pieces, 2 } };
	struct stat st;
	char child[256];
	void *p;

	answers[0] = '\0';
	if (fd < 0 || fstat(fd, &st)) {
		show("%s: %s", path, strerrorname_np(errno));
		return;
	}
	answer_number("readv", readv(fd, v, 2));
	answer_number("end", lseek(fd, 0, SEEK_END));
	answer_number("data", lseek(fd, 0, SEEK_DATA));
	answer_number("far", lseek(fd, 1l << 40, SEEK_SET));
	answer_number("read there", read(fd, whole, 10));
	lseek(fd, 0, SEEK_SET);
	p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	answer("mmap", p == MAP_FAILED ? -1 : 0);
	answer("fsync", fsync(fd));
	answer("ftruncate", ftruncate(fd, 0));
	answer("FIONREAD", ioctl(fd, FIONREAD, &number));
	answer("TCGETS", ioctl(fd, 0x5401, whole));
	answer("write", write(fd, "1", 1));
	close(fd);
	fd = open(path, O_WRONLY);
	answer("O_WRONLY", fd);
	if (fd >= 0) {
		if (!(st.st_mode & 0222))
			answer("write", write(fd, "1", 1));
		answer("write from nowhere", write(fd, (void *)1, 1));
		answer("fallocate", fallocate(fd, 0, 0, 10));
		answer("ftruncate", ftruncate(fd, 0));
		answer("read", read(fd, whole, 1));
		close(fd);
	}
	fd = open(path, O_WRONLY | O_TRUNC);
	answer("O_TRUNC", fd);
	close(fd);
	answer("truncate", truncate(path, 0));
	answer("chmod", chmod(path, st.st_mode & 07777));
	answer("chown", chown(path, 0, 0));
	answer("utimes", utimensat(AT_FDCWD, path, NULL, 0));
	answer("unlink", unlink(path));
	snprintf(child, sizeof(child), "%s.x", path);
	answer("rename", rename(path, child));
	answer("link", link(path, child));
	snprintf(child, sizeof(child), "%s/x", path);
	answer("below", open(child, O_RDONLY));
	fd = open(path, O_RDONLY | O_PATH);
	answer("O_PATH", fd);
	close(fd);
	show("%s:%s", path, answers);
}

static void try_dir(const char *path)
{
	int fd = open(path, O_RDONLY);
	char child[256];

	answers[0] = '\0';
	answer("open", fd);
	answer("read", read(fd, whole, 10));
	answer("O_WRONLY", open(path, O_WRONLY));
	answer("fsync", fsync(fd));
	snprintf(child, sizeof(child), "%s/none", path);
	answer("creat", open(child, O_CREAT | O_WRONLY, 0600));
	answer("mkdir", mkdir(child, 0700));
	answer("symlink", symlink("x", child));
	answer("mknod", mknod(child, S_IFIFO | 0600, 0));
	answer("rmdir", rmdir(path));
	answer("stat", stat(child, (struct stat *)whole));
	answer("O_TMPFILE", open(path, O_TMPFILE | O_RDWR, 0600));
	show("%s:%s", path, answers);
	close(fd);
}

int main(void)
{
	static const char *const files[] = {
		"/proc/meminfo", "/proc/uptime", "/proc/cpuinfo", "/proc/filesystems", "/proc/cmdline", "/proc/self/maps", "/proc/self/status", "/proc/self/stat", "/proc/self/wchan",
		"/proc/self/comm", "/proc/self/limits", "/proc/self/mounts", "/proc/net/dev", "/proc/net/tcp", "/proc/sys/vm/swappiness",
		"/proc/sys/kernel/ostype", "/proc/sys/kernel/hostname", "/sys/devices/system/cpu/isolated", "/sys/class/net/lo/mtu", "/sys/class/net/lo/address", "/sys/kernel/mm/ksm/run", "/proc/self/net/udp",
	};
	static const char *const dirs[] = { "/proc", "/proc/self/fd", "/proc/self/task", "/proc/net", "/proc/sys", "/proc/sys/vm", "/sys", "/sys/class/net", "/sys/class/net/lo",
					    "/sys/devices/system/cpu" };

	close(open("/proc-rules", O_CREAT | O_WRONLY, 0600));
	walk("/proc", 0);
	walk("/sys", 0);
	show("walked");
	for (unsigned i = 0; i < ARRAY_LEN(files); i++)
		try_calls(files[i]);
	for (unsigned i = 0; i < ARRAY_LEN(dirs); i++)
		try_dir(dirs[i]);
	return test_end();
}
