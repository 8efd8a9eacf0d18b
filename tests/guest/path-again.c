/* SPDX-License-Identifier: MIT */
/*
 * Paths that are looked up again and again, so that whatever remembers them does, and then lead elsewhere: rename, exchange, unlink, links, chdir, directories moved
 * and replaced, rights of directories, mounts, chroot; and a file that is replaced by rename while others open it.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define TIMES	5
#define VERSIONS 300

/* A file that says what it is. */
static void make(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* What the path leads to, by open and by stat, the same each time. */
static const char *what(int at, const char *path)
{
	static char seen[64];
	char text[64];
	struct stat st;

	for (int i = 0; i < TIMES; i++) {
		int fd = openat(at, path, O_RDONLY), r = fstatat(at, path, &st, 0);
		ssize_t n = 0;

		if (fd < 0)
			snprintf(text, sizeof(text), "%s", strerrorname_np(errno));
		else if ((n = read(fd, text, sizeof(text) - 1)) >= 0)
			text[n] = 0;
		else
			snprintf(text, sizeof(text), "%s", errno == EISDIR ? "a directory" : "unreadable");
		if (fd >= 0)
			close(fd);
		if (fd >= 0 && r)
			return "opened, but not there";
		if (i && strcmp(seen, text))
			return "not the same twice";
		strcpy(seen, text);
	}
	return seen;
}

static void show_what(const char *when, const char *path)
{
	show("%s: %s is %s", when, path, what(AT_FDCWD, path));
}

static void test_names(void)
{
	char cwd[256], absolute[300];

	need(getcwd(cwd, sizeof(cwd)) != NULL);
	mkdir("d", 0755);
	mkdir("d/e", 0755);
	make("d/e/one", "one");
	make("d/e/two", "two");
	snprintf(absolute, sizeof(absolute), "%s/d/e/one", cwd);
	show_what("made", "d/e/one");
	check("by its whole path", !strcmp(what(AT_FDCWD, absolute), "one"));
	rename("d/e/two", "d/e/one");
	show_what("replaced", "d/e/one");
	show_what("replaced", "d/e/two");
	check("by its whole path, replaced", !strcmp(what(AT_FDCWD, absolute), "two"));
	make("d/e/two", "three");
	show_what("made again", "d/e/two");
	syscall(SYS_renameat2, AT_FDCWD, "d/e/one", AT_FDCWD, "d/e/two", 2);
	show_what("exchanged", "d/e/one");
	show_what("exchanged", "d/e/two");
	unlink("d/e/one");
	show_what("removed", "d/e/one");
	check("by its whole path, removed", !strcmp(what(AT_FDCWD, absolute), "ENOENT"));
	link("d/e/two", "d/e/one");
	show_what("linked", "d/e/one");
	unlink("d/e/two");
	show_what("other name removed", "d/e/one");
	show_what("slash", "d/e/one/");
	show_what("slashes", "d//e///one");
	show_what("dots", "./d/./e/./one");
	show_what("two dots", "d/e/../e/one");
	show_what("below a file", "d/e/one/x");
	show_what("directory", "d/e");
	show_what("directory", "d/e/");
}

static void test_directories(void)
{
	int fd;

	mkdir("p", 0755);
	mkdir("p/q", 0755);
	mkdir("r", 0755);
	mkdir("r/q", 0755);
	make("p/q/f", "in p");
	make("r/q/f", "in r");
	show_what("before", "p/q/f");
	show_what("before", "r/q/f");
	syscall(SYS_renameat2, AT_FDCWD, "p", AT_FDCWD, "r", 2);
	show_what("parents exchanged", "p/q/f");
	show_what("parents exchanged", "r/q/f");
	rename("p", "s");
	show_what("parent renamed", "p/q/f");
	show_what("parent renamed", "s/q/f");
	fd = open("s/q", O_RDONLY | O_DIRECTORY);
	show("from a descriptor: f is %s", what(fd, "f"));
	rename("s/q", "t");
	show("moved: f is %s", what(fd, "f"));
	show_what("moved", "s/q/f");
	show_what("moved", "t/f");
	close(fd);
	fd = open("r/q", O_RDONLY | O_DIRECTORY);
	show("another by that descriptor: f is %s", what(fd, "f"));
	chdir("t");
	show_what("in t", "f");
	chdir("../r/q");
	show_what("in r/q", "f");
	fchdir(fd);
	show_what("in r/q again", "f");
	close(fd);
	chdir("../..");
	unlink("t/f");
	rmdir("t");
	mkdir("t", 0755);
	make("t/f", "new");
	show_what("made anew", "t/f");
	show_what("up", "t/../r/q/f");
	rename("r", "u");
	show_what("up, renamed", "t/../r/q/f");
}

static void test_links(void)
{
	mkdir("x", 0755);
	mkdir("y", 0755);
	make("x/f", "in x");
	make("y/f", "in y");
	symlink("x", "l");
	symlink("x/f", "m");
	show_what("link to x", "l/f");
	show_what("link to x/f", "m");
	symlink("y", "l2");
	rename("l2", "l");
	show_what("link to y", "l/f");
	unlink("m");
	symlink("y/f", "m");
	show_what("link to y/f", "m");
	unlink("l");
	show_what("no link", "l/f");
	rename("y", "l");
	show_what("directory in its place", "l/f");
	show_what("dangling", "m");
	rename("l", "y");
	symlink("y", "l");
	show_what("link again", "l/f");
	show_what("not dangling", "m");
}

static void test_rights(void)
{
	mkdir("open", 0755);
	mkdir("open/in", 0755);
	make("open/in/f", "seen");
	show_what("root", "open/in/f");
	setfsuid(1000);
	show_what("user", "open/in/f");
	setfsuid(0);
	chmod("open", 0700);
	show_what("closed, root", "open/in/f");
	setfsuid(1000);
	show_what("closed, user", "open/in/f");
	setfsuid(0);
	chmod("open", 0711);
	setfsuid(1000);
	show_what("open, user", "open/in/f");
	setfsuid(0);
	chmod("open/in", 0700);
	setfsuid(1000);
	show_what("closed below, user", "open/in/f");
	setfsuid(0);
	chown("open/in", 1000, 1000);
	setfsuid(1000);
	show_what("its own, user", "open/in/f");
	setfsuid(1001);
	show_what("another user", "open/in/f");
	setfsuid(0);
	chmod("open/in/f", 0600);
	setfsuid(1000);
	show_what("the file is closed, user", "open/in/f");
	setfsuid(0);
	show_what("the file is closed, root", "open/in/f");
}

static void test_mounts(void)
{
	mkdir("m1", 0755);
	mkdir("m1/m2", 0755);
	make("m1/m2/f", "below");
	show_what("before", "m1/m2/f");
	check("mount", mount("none", "m1", "tmpfs", 0, "") == 0);
	show_what("mounted", "m1/m2/f");
	mkdir("m1/m2", 0755);
	make("m1/m2/f", "on top");
	show_what("made", "m1/m2/f");
	check("mount", mount("none", "m1/m2", "tmpfs", 0, "") == 0);
	show_what("mounted twice", "m1/m2/f");
	check("umount", umount("m1/m2") == 0);
	show_what("unmounted", "m1/m2/f");
	check("umount", umount("m1") == 0);
	show_what("unmounted twice", "m1/m2/f");
}

static void test_chroot(void)
{
	mkdir("jail", 0755);
	make("jail/f", "in jail");
	make("/f", "outside");
	show_what("outside", "/f");
	check("chroot", chroot("jail") == 0);
	show_what("chroot", "/f");
	check("out of it", chdir("..") == 0);
	show_what("outside, relative", "jail/f");
}

/* ---- replaced while others open it ---- */

static int version;

static void *replace(void *arg)
{
	char text[16], name[16];

	(void)arg;
	for (int i = 1; i <= VERSIONS; i++) {
		snprintf(text, sizeof(text), "%d", i);
		snprintf(name, sizeof(name), "new%d", i % 3);
		make(name, text);
		if (i % 5 == 0)
			unlink("now");
		rename(name, "now");
		__atomic_store_n(&version, i, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void *look(void *arg)
{
	long bad = 0;
	int seen;

	(void)arg;
	do {
		int fd;
		char text[16] = "";

		seen = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
		fd = open("now", O_RDONLY);
		if (fd < 0)
			continue;
		need(read(fd, text, sizeof(text) - 1) >= 0);
		close(fd);
		bad += atoi(text) < seen;
	} while (seen < VERSIONS);
	return (void *)bad;
}

static void test_threads(void)
{
	pthread_t threads[4];
	void *bad, *all = NULL;

	make("now", "0");
	for (int i = 0; i < 4; i++)
		need(pthread_create(&threads[i], NULL, i ? look : replace, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		need(pthread_join(threads[i], &bad) == 0);
		all = bad ? bad : all;
	}
	check("nobody saw an old file", all == NULL);
	show_what("in the end", "now");
}

int main(void)
{
	need(mkdir("/tmp/path-again", 0755) == 0 && chdir("/tmp/path-again") == 0);
	test_names();
	test_directories();
	test_links();
	test_rights();
	test_mounts();
	test_threads();
	test_chroot();
	return test_end();
}
