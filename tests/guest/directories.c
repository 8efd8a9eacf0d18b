/* SPDX-License-Identifier: MIT */
/*
 * Directories: mkdir, rmdir, getdents64 with changes in between, the *at calls,
 * chdir and getcwd, .. and mount points, /proc/self/fd, many entries.
 */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted, on one line. */
static void show_names(const char *what, const char *path)
{
	DIR *dir = opendir(path);
	char *names[64], line[400] = "";
	size_t nr = 0;
	struct dirent *entry;

	need(dir != NULL);
	while ((entry = readdir(dir)) != NULL && nr < 64)
		names[nr++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, nr, sizeof(names[0]), by_name);
	for (size_t i = 0; i < nr; i++) {
		strcat(line, " ");
		strcat(line, names[i]);
		free(names[i]);
	}
	show("%s:%s", what, line);
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0644);

	need(fd >= 0);
	close(fd);
}

static void test_make_and_remove(void)
{
	struct stat st;

	check("mkdir", mkdir("a", 0750) == 0 && stat("a", &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0750);
	check_errno("mkdir again", mkdir("a", 0755), EEXIST);
	check_errno("mkdir below nothing", mkdir("none/a", 0755), ENOENT);
	check("a directory has two links", st.st_nlink == 2);
	mkdir("a/b", 0755);
	check("and one more for each subdirectory", stat("a", &st) == 0 && st.st_nlink == 3);
	check_errno("rmdir of a full one", rmdir("a"), ENOTEMPTY);
	check_errno("rmdir of .", rmdir("a/b/."), EINVAL);
	check_errno("rmdir of ..", rmdir("a/b/.."), ENOTEMPTY);
	touch("f");
	check_errno("rmdir of a file", rmdir("f"), ENOTDIR);
	check_errno("trailing slash on a file", open("f/", O_RDONLY), ENOTDIR);
	check_errno("mkdir with a trailing dot", mkdir("q/.", 0755), ENOENT);
	check("mkdir with a trailing slash", mkdir("q/", 0755) == 0 && rmdir("q/") == 0);
	check("rmdir", rmdir("a/b") == 0 && rmdir("a") == 0);
	check_errno("gone", stat("a", &st), ENOENT);
	unlink("f");
}

static void test_listing(void)
{
	char name[32];

	mkdir("list", 0755);
	show_names("an empty directory", "list");
	mkdir("list/dir", 0755);
	touch("list/file");
	symlink("file", "list/link");
	mkfifo("list/fifo", 0600);
	show_names("four entries", "list");
	DIR *dir = opendir("list");
	struct dirent *entry;
	int nr_right = 0;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			nr_right += entry->d_type == DT_DIR;
		if (strcmp(entry->d_name, "dir") == 0)
			nr_right += entry->d_type == DT_DIR;
		if (strcmp(entry->d_name, "file") == 0)
			nr_right += entry->d_type == DT_REG;
		if (strcmp(entry->d_name, "link") == 0)
			nr_right += entry->d_type == DT_LNK;
		if (strcmp(entry->d_name, "fifo") == 0)
			nr_right += entry->d_type == DT_FIFO;
	}
	show("right types: %d", nr_right);
	touch("list/later");
	rewinddir(dir);
	int nr = 0;
	while ((entry = readdir(dir)) != NULL)
		nr++;
	show("after rewinddir: %d", nr);
	closedir(dir);

	/* Many entries, read in pieces; those present from begin to end come once each. */
	mkdir("many", 0755);
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "many/entry-%04d", i);
		touch(name);
	}
	int fd = open("many", O_RDONLY | O_DIRECTORY);
	static char seen[1500], buffer[1024];
	bool is_removed = false;
	long n;
	nr = 0;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		for (long i = 0; i < n;) {
			struct dirent64 *e = (struct dirent64 *)(buffer + i);
			int number;
			if (sscanf(e->d_name, "entry-%d", &number) == 1)
				seen[number]++;
			i += e->d_reclen;
			nr++;
		}
		if (!is_removed) {
			is_removed = true;
			for (int i = 0; i < 1500; i += 3) {
				snprintf(name, sizeof(name), "many/entry-%04d", i);
				unlink(name);
			}
			touch("many/new");
		}
	}
	check("getdents64 ends with 0", n == 0);
	bool is_right = true;
	for (int i = 0; i < 1500; i++)
		is_right &= i % 3 == 0 ? seen[i] <= 1 : seen[i] == 1;
	check("entries that stay come exactly once", is_right);
	lseek(fd, 0, SEEK_SET);
	nr = 0;
	while ((n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long i = 0; i < n; i += ((struct dirent64 *)(buffer + i))->d_reclen)
			nr++;
	show("entries at the end: %d", nr);
	check_errno("buffer too small", (lseek(fd, 0, SEEK_SET), syscall(SYS_getdents64, fd, buffer, 8)), EINVAL);
	check_errno("read of a directory", read(fd, buffer, 10), EISDIR);
	int file = open("list/file", O_RDONLY);
	check_errno("getdents64 of a file", syscall(SYS_getdents64, file, buffer, sizeof(buffer)), ENOTDIR);
	close(file);

	/* Remove everything while listing, as rm -r does. */
	dir = opendir("many");
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
	check("removed while listing", rmdir("many") == 0);
	check_errno("a removed directory takes no file", openat(fd, "x", O_CREAT | O_WRONLY, 0600), ENOENT);
	close(fd);
}

static void test_at_calls(void)
{
	struct stat st;
	char buffer[64];

	mkdir("at", 0755);
	int fd = open("at", O_RDONLY | O_DIRECTORY);
	check("openat", openat(fd, "f", O_CREAT | O_WRONLY, 0644) >= 0 && access("at/f", F_OK) == 0);
	check("mkdirat", mkdirat(fd, "d", 0755) == 0 && access("at/d", F_OK) == 0);
	check("linkat", linkat(fd, "f", fd, "g", 0) == 0);
	check("symlinkat and readlinkat", symlinkat("f", fd, "s") == 0 && readlinkat(fd, "s", buffer, 64) == 1);
	check("renameat", renameat(fd, "g", AT_FDCWD, "g-moved") == 0 && access("g-moved", F_OK) == 0);
	check("fstatat without following", fstatat(fd, "s", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
	check("faccessat", faccessat(fd, "f", R_OK, 0) == 0);
	check_errno("unlinkat of a directory", unlinkat(fd, "d", 0), EISDIR);
	check("unlinkat with AT_REMOVEDIR", unlinkat(fd, "d", AT_REMOVEDIR) == 0);
	check_errno("AT_REMOVEDIR of a file", unlinkat(fd, "f", AT_REMOVEDIR), ENOTDIR);
	check_errno("relative to a file", openat(open("at/f", O_RDONLY), "x", O_RDONLY), ENOTDIR);
	check_errno("relative to nothing", openat(999, "x", O_RDONLY), EBADF);
	check("absolute paths ignore it", fstatat(999, "/tmp", &st, 0) == 0);
	check_errno("unlinkat flags", unlinkat(fd, "f", 0x1000), EINVAL);
	check("mknodat makes a fifo", mknodat(fd, "p", S_IFIFO | 0600, 0) == 0 && stat("at/p", &st) == 0 && S_ISFIFO(st.st_mode));
	close(fd);
}

static void test_working_directory(void)
{
	char buffer[256];

	mkdir("wd", 0755);
	mkdir("wd/sub", 0755);
	check("chdir and getcwd", chdir("wd/sub") == 0 && strcmp(getcwd(buffer, 256), "/tmp/directories/wd/sub") == 0);
	check_errno("getcwd, too small", (long)getcwd(buffer, 5) - 1, ERANGE);
	check("..", chdir("..") == 0 && strcmp(getcwd(buffer, 256), "/tmp/directories/wd") == 0);
	check("a path with . and .. and slashes", chdir("./sub//../sub/.//") == 0 &&
							   strcmp(getcwd(buffer, 256), "/tmp/directories/wd/sub") == 0);
	check(".. of the root is the root", chdir("/../../..") == 0 && strcmp(getcwd(buffer, 256), "/") == 0);
	int fd = open("/tmp/directories/wd", O_RDONLY);
	check("fchdir", fchdir(fd) == 0 && access("sub", F_OK) == 0);
	close(fd);
	check_errno("chdir to nothing", chdir("none"), ENOENT);
	check("renamed, it has the new name", rename("/tmp/directories/wd", "/tmp/directories/wd2") == 0 &&
						      strcmp(getcwd(buffer, 256), "/tmp/directories/wd2") == 0);
	check("removed", chdir("sub") == 0 && rmdir("../sub") == 0);
	check_errno("getcwd of a removed one", syscall(SYS_getcwd, buffer, 256), ENOENT);
	chdir("/tmp/directories");
	symlink("/tmp/directories/wd2", "abs");
	symlink("wd2/../wd2", "rel");
	check("links to directories", chdir("abs") == 0 && chdir("/tmp/directories/rel") == 0 &&
					      strcmp(getcwd(buffer, 256), "/tmp/directories/wd2") == 0);
	chdir("/tmp/directories");
}

static void test_special(void)
{
	struct stat st;
	char buffer[64];
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int nr = 0;

	need(dir != NULL);
	while ((entry = readdir(dir)) != NULL)
		nr += strcmp(entry->d_name, "0") == 0 || strcmp(entry->d_name, "1") == 0 || strcmp(entry->d_name, "2") == 0;
	closedir(dir);
	show("standard streams in /proc/self/fd: %d", nr);
	int fd = open("/dev/null", O_RDWR);
	check("/dev/null", fd >= 0 && write(fd, "x", 1) == 1 && read(fd, buffer, 1) == 0 && fstat(fd, &st) == 0 &&
				   S_ISCHR(st.st_mode) && st.st_rdev == 0x103);
	fd = open("/dev/zero", O_RDWR);
	buffer[5] = 1;
	check("/dev/zero", fd >= 0 && write(fd, "x", 1) == 1 && read(fd, buffer, 64) == 64 && buffer[5] == 0);
	fd = open("/dev/full", O_RDWR);
	check_errno("/dev/full", write(fd, "x", 1), ENOSPC);
	fd = open("/dev/urandom", O_RDONLY);
	char more[64] = "";
	check("/dev/urandom", fd >= 0 && read(fd, buffer, 64) == 64 && read(fd, more, 64) == 64 && memcmp(buffer, more, 64) != 0);
	check("/proc/self/exe", readlink("/proc/self/exe", buffer, 64) > 0 && stat("/proc/self/exe", &st) == 0 && S_ISREG(st.st_mode));
	check("/proc/self/maps", ({
		FILE *f = fopen("/proc/self/maps", "r");
		char line[256];
		int nr_stack = 0, nr_lines = 0;
		while (f && fgets(line, sizeof(line), f)) {
			nr_lines++;
			nr_stack += strstr(line, "[stack]") != NULL;
		}
		if (f)
			fclose(f);
		nr_stack == 1 && nr_lines > 5;
	}));
	check("/proc/self/stat", ({
		FILE *f = fopen("/proc/self/stat", "r");
		int pid = 0;
		char comm[64] = "", state = 0;
		bool is_right = f && fscanf(f, "%d (%63[^)]) %c", &pid, comm, &state) == 3 && pid == getpid() && state == 'R';
		if (f)
			fclose(f);
		is_right && strcmp(comm, "directories") == 0;
	}));
	check("/proc/meminfo", ({
		FILE *f = fopen("/proc/meminfo", "r");
		long kb = 0;
		bool is_right = f && fscanf(f, "MemTotal: %ld kB", &kb) == 1 && kb > 10000;
		if (f)
			fclose(f);
		is_right;
	}));
	check("/proc/self/cmdline", ({
		FILE *f = fopen("/proc/self/cmdline", "r");
		char line[256] = "";
		size_t n = f ? fread(line, 1, 255, f) : 0;
		if (f)
			fclose(f);
		n > 0 && line[n - 1] == '\0' && strstr(line, "directories") != NULL;
	}));
	check("stdin, stdout: no terminal", !isatty(0) && !isatty(1));
}

int main(void)
{
	umask(022);
	mkdir("/tmp", 01777);
	need(mkdir("/tmp/directories", 0755) == 0 && chdir("/tmp/directories") == 0);
	test_make_and_remove();
	test_listing();
	test_at_calls();
	test_working_directory();
	test_special();
	return test_end();
}
