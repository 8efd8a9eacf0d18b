/* SPDX-License-Identifier: MIT */
/*
 * Who writes keeps others from running a file or making its mount read-only, and who runs it keeps others from writing:
 * ETXTBSY of open, truncate and execve, EBUSY of a remount; and the flags of umount2. The program runs copies of itself.
 */
#include "test.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define DIR "/tmp/busy"
#define COPY DIR "/copy"
#define NEXT DIR "/next"

static const char *err(long r)
{
	return r < 0 ? strerrorname_np(errno) : "ok";
}

#define result(what, call) show("%s: %s", what, err(call))

static void copy_file(const char *from, const char *to, mode_t mode)
{
	static char buf[65536];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, mode);
	ssize_t n;

	need(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		need(write(out, buf, (size_t)n) == n);
	need(n == 0 && close(in) == 0 && close(out) == 0);
}

static void try_open(const char *what, const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	show("%s: %s", what, err(fd));
	if (fd >= 0)
		close(fd);
}

/* path is being run. */
static void writes_are_refused(const char *path)
{
	struct stat st;

	try_open("O_RDWR", path, O_RDWR);
	try_open("O_WRONLY", path, O_WRONLY);
	try_open("O_WRONLY | O_TRUNC", path, O_WRONLY | O_TRUNC);
	try_open("O_RDONLY | O_TRUNC", path, O_RDONLY | O_TRUNC);
	try_open("O_WRONLY | O_CREAT | O_APPEND", path, O_WRONLY | O_CREAT | O_APPEND);
	try_open("O_WRONLY | O_CREAT | O_EXCL", path, O_WRONLY | O_CREAT | O_EXCL);
	try_open("O_RDONLY", path, O_RDONLY);
	try_open("O_PATH", path, O_PATH);
	result("truncate", truncate(path, 0));
	result("truncate to a negative size", truncate(path, -1));
	check("it kept its size", stat(path, &st) == 0 && st.st_size > 4096);
	result("chmod", chmod(path, 0755));
}

static void run(const char *what, const char *path, const char *stage)
{
	char *argv[] = { "text-busy", (char *)stage, NULL };

	execv(path, argv);
	show("%s: %s", what, strerrorname_np(errno));
}

static void first(void)
{
	static const char script[] = "#!" COPY "\n";
	struct stat st;
	int fd, fd2;

	show("-- a running program");
	writes_are_refused("/proc/self/exe");
	need(mkdir(DIR, 0755) == 0);
	copy_file("/proc/self/exe", COPY, 0755);
	fd = open(DIR "/script", O_WRONLY | O_CREAT, 0755);
	need(write(fd, script, sizeof(script) - 1) > 0);
	show("-- files open for writing");
	run("a script", DIR "/script", "?");
	close(fd);
	fd = open(COPY, O_WRONLY);
	fd2 = dup(fd);
	close(fd);
	run("a program by a second descriptor", COPY, "?");
	run("the interpreter of a script", DIR "/script", "?");
	need(chmod(COPY, 0644) == 0);
	run("not executable either", COPY, "?");
	need(chmod(COPY, 0755) == 0);
	need(ftruncate(fd2, 100) == 0);
	run("not a program any more either", COPY, "?");
	close(fd2);
	run("closed, but cut", COPY, "?");
	need(stat(COPY, &st) == 0);
	check("O_RDONLY | O_TRUNC of one that does not run", open(COPY, O_RDONLY | O_TRUNC) >= 0);
	copy_file("/proc/self/exe", COPY, 0755);
	need(open(COPY, O_RDONLY) >= 0);
	run("FAIL second", COPY, "second");
}

static void test_remount(void)
{
	int fd, ro;

	show("-- read-only while files are open");
	need(mkdir(DIR "/m", 0755) == 0 && mount("none", DIR "/m", "tmpfs", 0, "size=1m") == 0);
	fd = open(DIR "/m/f", O_RDWR | O_CREAT, 0600);
	ro = open(DIR "/m/f", O_RDONLY);
	result("with a writer", mount("none", DIR "/m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	result("with a writer, the mount alone", mount("none", DIR "/m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	close(fd);
	result("with a reader, the mount alone", mount("none", DIR "/m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	try_open("write", DIR "/m/f", O_RDWR);
	result("writable again", mount("none", DIR "/m", NULL, MS_REMOUNT | MS_BIND, NULL));
	unlink(DIR "/m/f");
	result("with a removed file", mount("none", DIR "/m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	close(ro);
	result("with nothing", mount("none", DIR "/m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	try_open("create", DIR "/m/g", O_RDWR | O_CREAT);
	result("remount of no mount", mount("none", DIR, NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

static void test_umount(void)
{
	show("-- umount2");
	need(symlink("m", DIR "/link") == 0);
	result("unknown flag", umount2(DIR "/m", 16));
	result("link, not followed", umount2(DIR "/link", UMOUNT_NOFOLLOW));
	result("expire and detach", umount2(DIR "/m", MNT_EXPIRE | MNT_DETACH));
	result("expire", umount2(DIR "/m", MNT_EXPIRE));
	result("expire again", umount2(DIR "/m", MNT_EXPIRE));
	result("no mount", umount2(DIR "/m", 0));
}

static void second(void)
{
	show("-- the copy runs");
	writes_are_refused(COPY);
	copy_file(COPY, NEXT, 0755);
	result("rename", rename(COPY, DIR "/moved"));
	try_open("by its new name", DIR "/moved", O_RDWR);
	result("unlink", unlink(DIR "/moved"));
	try_open("a new file of that name", DIR "/moved", O_RDWR | O_CREAT);
	unlink(DIR "/moved");
	test_remount();
	test_umount();
	run("FAIL third", NEXT, "third");
}

int main(int argc, char **argv)
{
	if (argc == 1) {
		first();
	} else if (!strcmp(argv[1], "second")) {
		second();
	} else {
		show("-- another copy runs");
		try_open("write", NEXT, O_RDWR);
	}
	return test_end();
}
