/* SPDX-License-Identifier: MIT */
/*
 * chroot(2) and the ways out of it that are known: each as Linux answers.
 * Some lead out (they are no fault: root may leave), the others must not.
 *
 *	/tmp/chroot-test/		outside
 *		who			"outside"
 *		link			-> /who
 *		jail/			the first root
 *			who		"jail"
 *			up		-> ../../../../tmp/chroot-test/who
 *			absolute	-> /who
 *			cell/		the second
 *				who	"cell"
 *			mount/		a file system of its own
 *				who	"mount"
 */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define TOP "/tmp/chroot-test"

static int outside, old_root;

static void make(const char *path, const char *text)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void show_fd(const char *what, int fd)
{
	char text[64];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd < 0)
		show("%s: %s", what, strerror(errno));
	else
		show("%s: %.*s", what, (int)(n > 0 ? n : 0), text);
	if (fd >= 0)
		close(fd);
}

static void who(const char *path)
{
	show_fd(path, open(path, O_RDONLY));
}

static void who_at(const char *what, int dir, const char *path)
{
	show_fd(what, openat(dir, path, O_RDONLY));
}

static void who2(const char *what, int dir, const char *path, uint64_t resolve)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = resolve };

	show_fd(what, (int)syscall(SYS_openat2, dir, path, &how, sizeof(how)));
}

static void cwd(const char *what)
{
	char path[4096];
	long n = syscall(SYS_getcwd, path, sizeof(path));

	show("%s: cwd %s", what, n > 0 ? path : strerror(errno));
}

static void link_of(const char *what, const char *path)
{
	char text[256];
	ssize_t n = readlink(path, text, sizeof(text) - 1);

	show("%s: %.*s", what, (int)(n > 0 ? n : 0), n > 0 ? text : "");
	if (n < 0)
		show("%s: %s", what, strerror(errno));
}

static void build(void)
{
	mkdir(TOP, 0755);
	need(chdir(TOP) == 0);
	make("who", "outside");
	(void)symlink("/who", "link");
	mkdir("jail", 0755);
	make("jail/who", "jail");
	(void)symlink("../../../.." TOP "/who", "jail/up");
	(void)symlink("/who", "jail/absolute");
	mkdir("jail/cell", 0755);
	make("jail/cell/who", "cell");
	mkdir("jail/mount", 0755);
	mkdir("jail/proc", 0755);
	need(mount("none", "jail/mount", "tmpfs", 0, NULL) == 0);
	need(mount("proc", "jail/proc", "proc", 0, NULL) == 0);
	make("jail/mount/who", "mount");
}

/* Back to where this began: what root may do who kept a descriptor. */
static void leave(void)
{
	need(fchdir(old_root) == 0 && chroot(".") == 0);
}

static void test_jail(void)
{
	need(chdir("jail") == 0 && chroot(".") == 0);
	cwd("in jail");
	who("who");
	who("/who");
	who("../who");
	who("/../../../who");
	who("cell/../../../who");
	who("mount/../../who");
	who("mount/../mount/who");
	who("up");
	who("absolute");
	who("/cell/../../absolute");
	who("/tmp/chroot-test/who");
	link_of("/proc/self/root", "/proc/self/root");
	link_of("/proc/self/cwd", "/proc/self/cwd");
	who("/proc/self/root/who");
	who("/proc/self/root/../who");
	who("/proc/self/cwd/../../who");

	/* A directory outside that is open: relative paths start there, and there the root does not hold them. */
	who_at("from outside", outside, "who");
	who_at("from outside, absolute", outside, "/who");
	who_at("from outside, up and down", outside, "../chroot-test/who");
	who_at("from outside, a link", outside, "link");
	who_at("from outside, into the root and up", outside, "jail/../who");
	{
		char path[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d/who", outside);
		show_fd("the link of the descriptor", open(path, O_RDONLY));
		snprintf(path, sizeof(path), "/proc/self/fd/%d", outside);
		link_of("what it says", path);
	}
	who2("RESOLVE_IN_ROOT in jail", AT_FDCWD, "/../who", RESOLVE_IN_ROOT);
	who2("RESOLVE_IN_ROOT outside", outside, "/who", RESOLVE_IN_ROOT);
	who2("RESOLVE_IN_ROOT outside, up", outside, "../../who", RESOLVE_IN_ROOT);
	who2("RESOLVE_IN_ROOT outside, link", outside, "link", RESOLVE_IN_ROOT);
	who2("RESOLVE_IN_ROOT outside, jail's link", outside, "jail/absolute", RESOLVE_IN_ROOT);
	who2("RESOLVE_BENEATH outside", outside, "jail/../who", RESOLVE_BENEATH);
	who2("RESOLVE_BENEATH, up", outside, "jail/../../who", RESOLVE_BENEATH);
	who2("RESOLVE_BENEATH in jail, up", AT_FDCWD, "../who", RESOLVE_BENEATH);
	who2("RESOLVE_NO_XDEV", AT_FDCWD, "mount/who", RESOLVE_NO_XDEV);
	who2("RESOLVE_NO_XDEV, absolute", AT_FDCWD, "/who", RESOLVE_NO_XDEV);
	who2("RESOLVE_NO_MAGICLINKS", AT_FDCWD, "/proc/self/root/who", RESOLVE_NO_MAGICLINKS);

	need(fchdir(outside) == 0);
	cwd("outside, by fchdir");
	who("who");
	who("/who");
	who("../chroot-test/who");
	need(chdir("..") == 0);
	cwd("up");
	who("chroot-test/who");
	link_of("/proc/self/cwd", "/proc/self/cwd");
	leave();
	cwd("back");
}

/* A second root inside the first, while the working directory stays outside of it. */
static void test_nested(void)
{
	need(chdir(TOP "/jail") == 0 && chroot(".") == 0);
	need(chroot("cell") == 0);
	cwd("nested");
	who("/who");
	who("who");
	who("../who");
	who("cell/who");
	who("cell/../who");
	need(chdir("..") == 0 && chdir("..") == 0);
	cwd("nested, up twice");
	need(chdir("/") == 0);
	cwd("nested, /");
	who("../who");
	who("/../../who");
	leave();

	/* The root is a mount point, or has one over it. */
	need(chroot(TOP "/jail/mount") == 0);
	need(chdir("/") == 0);
	who("/who");
	who("../who");
	cwd("root is a mount");
	leave();

	check_errno("chroot to a file", chroot(TOP "/who"), ENOTDIR);
	check_errno("to nothing", chroot(TOP "/nothing"), ENOENT);
	check_errno("without memory", syscall(SYS_chroot, 8), EFAULT);
	check_errno("to an empty path", chroot(""), ENOENT);
}

/* Its name is removed or moved while it is the root. */
static void test_moved(void)
{
	need(chdir(TOP) == 0);
	mkdir("other", 0755);
	mkdir("other/inner", 0755);
	make("other/who", "other");
	int top = open(".", O_RDONLY | O_DIRECTORY);
	need(chdir("jail/cell") == 0 && chroot("..") == 0);
	need(renameat(top, "jail/cell", top, "other/cell") == 0);
	/* The working directory was moved out of the root. */
	cwd("moved out");
	who("../who");
	who("../../who");
	who("/who");
	need(renameat(top, "other/cell", top, "jail/cell") == 0);
	cwd("moved back");
	leave();

	need(chdir(TOP "/other/inner") == 0 && chroot(".") == 0);
	need(unlinkat(top, "other/inner", AT_REMOVEDIR) == 0);
	cwd("root removed");
	who("/who");
	who("../who");
	check_errno("making a file there", open("/file", O_CREAT | O_RDWR, 0600), ENOENT);
	leave();
	close(top);
}

int main(void)
{
	old_root = open("/", O_RDONLY | O_DIRECTORY);
	build();
	outside = open(TOP, O_RDONLY | O_DIRECTORY);
	need(old_root >= 0 && outside >= 0);
	test_jail();
	test_nested();
	test_moved();
	need(chdir("/") == 0);
	check("umount", umount(TOP "/jail/mount") == 0 && umount(TOP "/jail/proc") == 0);
	return test_end();
}
