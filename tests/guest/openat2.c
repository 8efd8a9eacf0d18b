/* SPDX-License-Identifier: MIT */
/* openat2(2): the restrictions on how a path leads to a file, alone and together, and the struct's sizes. */
#include "test.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct how {
	uint64_t flags, mode, resolve;
};

static const struct {
	unsigned resolve;
	const char *name;
} kinds[] = {
	{ 0, "none" }, { 1, "no-xdev" }, { 2, "no-magiclinks" }, { 4, "no-symlinks" }, { 8, "beneath" }, { 16, "in-root" },
	{ 9, "beneath no-xdev" }, { 20, "in-root no-symlinks" }, { 18, "in-root no-magiclinks" },
};

static const char *const paths[] = {
	"f", "./f", "d/f", "d//..//f", "d/..", "..", "../f", "../..", "d/../../r/f", "/", "/r/f", "/f", "/tmp/o2/r/f",
	"to-f", "to-up", "to-up/r/f", "to-root", "to-root/tmp", "to-abs-f", "to-inside", "d/to-dotdot-f", "d/to-far/f", "loop", "dangling",
	"m", "m/f", "m/..", "m/../f", "m/to-out", "to-m/f", "to-fd", "to-fd/f", "to-exe", "none", "none/f", "f/", "f/..", "d/f/x", "",
};

static const char *name_of(int error)
{
	return error == EXDEV ? "EXDEV" : error == ELOOP ? "ELOOP" : error == ENOENT ? "ENOENT" : error == ENOTDIR ? "ENOTDIR" :
	       error == EINVAL ? "EINVAL" : error == EAGAIN ? "EAGAIN" : error == E2BIG ? "E2BIG" : error == EEXIST ? "EEXIST" :
	       error == EISDIR ? "EISDIR" : error == EFAULT ? "EFAULT" : error == EBADF ? "EBADF" : "other";
}

static int openat2_size(int dir, const char *path, const void *how, size_t size)
{
	return (int)syscall(437, dir, path, how, size);
}

static int openat2_how(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct how how = { flags, mode, resolve };

	return openat2_size(dir, path, &how, sizeof(how));
}

/* What it leads to: the letter in the file, or "dir" and which. */
static const char *what_is(int fd)
{
	static char text[40];
	struct stat st, at;

	need(fstat(fd, &st) == 0);
	if (!S_ISDIR(st.st_mode)) {
		ssize_t n = st.st_size > 8 ? 0 : pread(fd, text, 8, 0);

		text[n < 0 ? 0 : n] = '\0';
		return n > 0 ? text : "a file";
	}
	static const char *const dirs[] = { "/", "/tmp", "/tmp/o2", "/tmp/o2/r", "/tmp/o2/r/d", "/tmp/o2/r/m" };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		if (stat(dirs[i], &at) == 0 && at.st_ino == st.st_ino && at.st_dev == st.st_dev) {
			snprintf(text, sizeof(text), "dir %s", dirs[i]);
			return text;
		}
	return "another dir";
}

static void make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void make_tree(void)
{
	mkdir("/tmp/o2", 0700);
	need(mount("none", "/tmp/o2", "tmpfs", 0, "") == 0);
	need(mkdir("/tmp/o2/r", 0700) == 0 && mkdir("/tmp/o2/r/d", 0700) == 0 && mkdir("/tmp/o2/r/m", 0700) == 0 && mkdir("/tmp/o2/r/tmp", 0700) == 0);
	need(mount("none", "/tmp/o2/r/m", "tmpfs", 0, "") == 0);
	make_file("/tmp/o2/f", "outer");
	make_file("/tmp/o2/r/f", "inner");
	make_file("/tmp/o2/r/d/f", "deep");
	make_file("/tmp/o2/r/m/f", "mounted");
	need(symlink("f", "/tmp/o2/r/to-f") == 0 && symlink("..", "/tmp/o2/r/to-up") == 0 && symlink("/", "/tmp/o2/r/to-root") == 0);
	need(symlink("/f", "/tmp/o2/r/to-abs-f") == 0 && symlink("d/../f", "/tmp/o2/r/to-inside") == 0);
	need(symlink("../f", "/tmp/o2/r/d/to-dotdot-f") == 0 && symlink("../..", "/tmp/o2/r/d/to-far") == 0);
	need(symlink("loop", "/tmp/o2/r/loop") == 0 && symlink("nowhere", "/tmp/o2/r/dangling") == 0);
	need(symlink("../f", "/tmp/o2/r/m/to-out") == 0 && symlink("m", "/tmp/o2/r/to-m") == 0);
	need(symlink("/proc/self/fd/50", "/tmp/o2/r/to-fd") == 0 && symlink("/proc/self/exe", "/tmp/o2/r/to-exe") == 0);
}

static void test_paths(int dir)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
			int fd = openat2_how(dir, paths[i], O_RDONLY, 0, kinds[k].resolve);

			show("%s \"%s\": %s", kinds[k].name, paths[i], fd < 0 ? name_of(errno) : what_is(fd));
			close(fd);
		}
}

static void try(const char *what, int fd)
{
	show("%s: %s", what, fd < 0 ? name_of(errno) : "ok");
	if (fd >= 0)
		close(fd);
}

static void test_magic(int dir)
{
	try("magic link by itself", openat2_how(dir, "/proc/self/fd/50", O_RDONLY, 0, 2));
	try("through it", openat2_how(dir, "/proc/self/fd/50/f", O_RDONLY, 0, 2));
	try("as itself", openat2_how(dir, "/proc/self/fd/50", O_PATH | O_NOFOLLOW, 0, 6));
	try("an ordinary link of proc", openat2_how(dir, "/proc/self", O_RDONLY, 0, 2));
	try("which is a link", openat2_how(dir, "/proc/self", O_RDONLY, 0, 4));
	try("a link as itself", openat2_how(dir, "to-f", O_PATH | O_NOFOLLOW, 0, 4));
	try("a link in the middle", openat2_how(dir, "to-m/f", O_PATH | O_NOFOLLOW, 0, 4));
}

static void test_cached(int dir)
{
	struct stat st;

	need(fstatat(dir, "d/f", &st, 0) == 0 && fstatat(dir, "to-f", &st, 0) == 0);
	try("cached: what was just looked at", openat2_how(dir, "d/f", O_RDONLY, 0, 32));
	try("cached: by a link", openat2_how(dir, "to-f", O_RDONLY, 0, 32));
	try("cached: one up", openat2_how(dir, "d/..", O_RDONLY, 0, 32));
	try("cached and beneath", openat2_how(dir, "d/f", O_RDONLY, 0, 40));
	try("cached and created", openat2_how(dir, "d/f", O_RDWR | O_CREAT, 0600, 32));
	try("cached and emptied", openat2_how(dir, "d/f", O_RDWR | O_TRUNC, 0, 32));
	try("cached and without a name", openat2_how(dir, "d", O_RDWR | O_TMPFILE, 0600, 32));
	try("cached file of proc", openat2_how(dir, "/proc/version", O_RDONLY, 0, 32));
	try("cached magic link", openat2_how(dir, "/proc/self/fd/50", O_RDONLY, 0, 32));
}

static void test_create(int dir)
{
	try("create in a scope", openat2_how(dir, "new", O_RDWR | O_CREAT | O_EXCL, 0600, 8));
	try("again", openat2_how(dir, "new", O_RDWR | O_CREAT | O_EXCL, 0600, 8));
	try("create outside", openat2_how(dir, "../new", O_RDWR | O_CREAT, 0600, 8));
	try("create above the root", openat2_how(dir, "../../made", O_RDWR | O_CREAT, 0600, 16));
	check("was made in the root", faccessat(dir, "made", F_OK, 0) == 0);
	try("create by an absolute path", openat2_how(dir, "/made2", O_RDWR | O_CREAT, 0600, 16));
	check("in the root as well", faccessat(dir, "made2", F_OK, 0) == 0);
	try("create through a link out", openat2_how(dir, "to-up/new", O_RDWR | O_CREAT, 0600, 8));
	try("create behind a dangling link", openat2_how(dir, "dangling", O_RDWR | O_CREAT, 0600, 8));
	try("create without links", openat2_how(dir, "to-f", O_RDWR | O_CREAT, 0600, 4));
	try("no name, in a scope", openat2_how(dir, "d", O_RDWR | O_TMPFILE, 0600, 8));
	try("no name, outside", openat2_how(dir, "..", O_RDWR | O_TMPFILE, 0600, 8));
	try("from a file", openat2_how(50, "x", O_RDONLY, 0, 8));
	try("from the working directory", openat2_how(AT_FDCWD, "..", O_RDONLY, 0, 8));
	try("in the working directory", openat2_how(AT_FDCWD, "..", O_RDONLY, 0, 16));
	try("an absolute path from nothing", openat2_how(-1, "/f", O_RDONLY, 0, 16));
	try("an absolute path from a file", openat2_how(50, "/f", O_RDONLY, 0, 16));
	try("from nothing", openat2_how(-1, "f", O_RDONLY, 0, 8));
}

static void test_arguments(int dir)
{
	unsigned char big[5000] = { 0 };

	try("beneath and in root", openat2_how(dir, "f", O_RDONLY, 0, 24));
	try("unknown restriction", openat2_how(dir, "f", O_RDONLY, 0, 64));
	try("unknown flag", openat2_how(dir, "f", 0x40000000u, 0, 0));
	try("unknown flag above", openat2_how(dir, "f", 1ull << 40, 0, 0));
	try("mode without creation", openat2_how(dir, "f", O_RDONLY, 0600, 0));
	try("strange mode", openat2_how(dir, "f", O_RDWR | O_CREAT, 0100600, 0));
	try("huge mode", openat2_how(dir, "f", O_RDWR | O_CREAT, 1ull << 33, 0));
	try("path with truncation", openat2_how(dir, "f", O_PATH | O_TRUNC, 0, 0));
	try("path alone", openat2_how(dir, "f", O_PATH | O_CLOEXEC, 0, 0));
	try("no name without writing", openat2_how(dir, "d", O_TMPFILE | O_RDONLY, 0600, 0));
	*(uint64_t *)big = O_RDONLY;
	try("too small", openat2_size(dir, "f", big, 23));
	try("no struct", openat2_size(dir, "f", big, 0));
	try("bigger", openat2_size(dir, "f", big, 32));
	try("odd size", openat2_size(dir, "f", big, 41));
	try("a page", openat2_size(dir, "f", big, 4096));
	try("more than a page", openat2_size(dir, "f", big, 4097));
	big[200] = 1;
	try("something behind", openat2_size(dir, "f", big, 256));
	try("behind the size", openat2_size(dir, "f", big, 200));
	try("bad pointer", openat2_size(dir, "f", (void *)16, 24));
}

int main(void)
{
	make_tree();
	int dir = open("/tmp/o2/r", O_RDONLY | O_DIRECTORY), fd = open("/tmp/o2/r/d", O_RDONLY);
	need(dir >= 0 && dup2(fd, 50) == 50);
	test_paths(dir);
	test_magic(dir);
	test_cached(dir);
	need(dup2(open("/tmp/o2/r/f", O_RDONLY), 50) == 50);
	need(chdir("/tmp/o2/r") == 0);
	test_create(dir);
	test_arguments(dir);
	return test_end();
}
