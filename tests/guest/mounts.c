/* SPDX-License-Identifier: MIT */
/*
 * Bind mounts: one directory at two places, seen and changed through both; mounts below mounts, moved, unmounted while in use; flags of a mount; /proc/self/mountinfo.
 */
#include "result.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#define TOP "/tmp/m"
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static const char *get(const char *path)
{
	static char text[4][64];
	static int next;
	char *buf = text[next++ % 4];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(text[0]) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return strerrorname_np(errno);
	buf[n] = 0;
	return buf;
}

static int bind(const char *from, const char *to, unsigned long flags)
{
	return mount(from, to, NULL, MS_BIND | flags, NULL);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in a directory, sorted, one line. */
static void list(const char *path)
{
	char line[400] = "", *names[32];
	size_t nr = 0;
	DIR *d = opendir(path);
	struct dirent *e;

	need(d != NULL);
	while ((e = readdir(d)) && nr < ARRAY_LEN(names))
		names[nr++] = strdup(e->d_name);
	closedir(d);
	qsort(names, nr, sizeof(names[0]), by_name);
	for (size_t i = 0; i < nr; i++) {
		strcat(strcat(line, " "), names[i]);
		free(names[i]);
	}
	show("%s:%s", path, line);
}

static void where(const char *what)
{
	char buf[256];

	show("%s: %s", what, getcwd(buf, sizeof(buf)) ? buf : strerrorname_np(errno));
}

/* The lines of mountinfo below TOP, without numbers: what they show, where, flags, kind. And is each one's parent there? */
static void list_mounts(const char *what)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	char line[512], root[128], point[128], flags[128], rest[256];
	int id, parent, ids[64], nr = 0;

	need(f != NULL);
	show("mounts, %s", what);
	while (fgets(line, sizeof(line), f)) {
		bool has_parent = false;

		need(sscanf(line, "%d %d %*s %127s %127s %127s %255[^\n]", &id, &parent, root, point, flags, rest) == 6);
		for (int i = 0; i < nr; i++)
			has_parent |= ids[i] == parent;
		if (nr < 64)
			ids[nr++] = id;
		if (strncmp(point, TOP, strlen(TOP)))
			continue;
		if (strstr(rest, ",inode64"))
			*strstr(rest, ",inode64") = 0;
		show("    %s at %s %s %s%s", root, point, flags, rest, has_parent ? "" : " (no parent)");
	}
	fclose(f);
}

static void test_names(void)
{
	struct stat a, b;
	char buf[128], target[128];
	int dir, fd;
	ssize_t n;

	need(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("a/d", 0755) == 0);
	put("a/f", "first");
	result("bind", bind(TOP "/a", TOP "/b", 0));
	show("read: %s", get("b/f"));
	need(stat("a/f", &a) == 0 && stat("b/f", &b) == 0);
	check("one file", a.st_dev == b.st_dev && a.st_ino == b.st_ino);
	result("a name that is not there", access("b/new", F_OK));
	put("a/new", "made");
	show("made at the source: %s", get("b/new"));
	put("b/new2", "there");
	show("made in the mount: %s", get("a/new2"));
	result("removed in the mount", unlink("b/new"));
	result("gone at the source", access("a/new", F_OK));
	result("removed at the source", unlink("a/new2"));
	result("gone in the mount", access("b/new2", F_OK));
	result("renamed", rename("b/f", "b/d/g"));
	show("read: %s, %s, %s", get("a/d/g"), get("b/d/g"), get("a/f"));
	result("and back", rename("a/d/g", "a/f"));
	result("rename to the other", rename("a/f", "b/h"));
	result("link to the other", link("b/f", "a/h"));
	result("link", link("b/f", "b/h"));
	result("mkdir", mkdir("b/d/e", 0700));
	result("symlink", symlink("d/e", "b/l"));
	result("through it", access("b/l/..", F_OK));
	result("a directory into itself", rename("b/d", "b/d/e/x"));
	list("a");
	list("b");
	list("b/d");

	/* The way up. */
	need(chdir("b/d/e") == 0);
	where("in the mount");
	result("rename above", rename(TOP "/a/d", TOP "/a/dd"));
	where("renamed");
	need(chdir("..") == 0);
	where("one up");
	need(chdir("../..") == 0);
	where("two more");
	need(rename("b/dd", "a/d") != 0 && rename("b/dd", "b/d") == 0);

	dir = open("b", O_RDONLY | O_DIRECTORY);
	fd = openat(dir, "d/../f", O_RDONLY);
	need(dir >= 0 && fd >= 0);
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
	n = readlink(buf, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	show("descriptor: %s", target);
	close(fd);
	fd = openat(dir, "d", O_RDWR | O_TMPFILE, 0600);
	need(fd >= 0 && write(fd, "tmp", 3) == 3);
	snprintf(buf, sizeof(buf), "/proc/self/fd/%d", fd);
	result("link of a file without a name", linkat(AT_FDCWD, buf, dir, "t", AT_SYMLINK_FOLLOW));
	show("read: %s", get("a/t"));
	close(fd);
	close(dir);

	/* A directory removed by its other name. */
	need(chdir("b/d/e") == 0);
	result("remove the directory", rmdir(TOP "/a/d/e"));
	where("removed");
	result("make a file in it", open("x", O_CREAT | O_WRONLY, 0600));
	result("up", chdir(".."));
	where("up");
	need(chdir(TOP) == 0);
	result("umount", umount("b"));
	list("b");
}

static void test_files(void)
{
	put("x", "one");
	put("y", "two");
	result("file on file", bind("x", "y", 0));
	show("read: %s", get("y"));
	result("remove the mount point", unlink("y"));
	result("rename over it", rename("x", "y"));
	result("remove the source", unlink("x"));
	show("read: %s", get("y"));
	list_mounts("of a file");
	result("umount", umount("y"));
	show("read: %s", get("y"));
	result("file on directory", bind("y", "b", 0));
	result("directory on file", bind("a", "y", 0));
	result("no source", mount(NULL, "b", NULL, MS_BIND, NULL));
	result("empty source", bind("", "b", 0));
	result("no such source", bind("nothing", "b", 0));
	result("no such target", bind("a", "nothing", 0));
	result("a link's target", (symlink("a", "la"), bind("la", "b", 0)));
	list("b");
	result("umount through a link", (symlink("b", "lb"), umount2("lb", UMOUNT_NOFOLLOW)));
	result("and without the flag", umount("lb"));
	result("umount of no mount", umount("a"));
	result("unknown flag", umount2("a", 64));
}

static void test_read_only(void)
{
	int fd;

	need(bind("a", "b", MS_RDONLY) == 0);
	result("MS_RDONLY with MS_BIND", open("b/w", O_CREAT | O_WRONLY, 0600) >= 0);
	fd = open("b/f", O_WRONLY);
	result("read-only while a file is written", mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	close(fd);
	for (fd = 3; fd < 20; fd++)
		close(fd);
	fd = open("a/f", O_WRONLY);
	result("while the source is written", mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	close(fd);
	result("make", open("b/w2", O_CREAT | O_WRONLY, 0600));
	result("write", open("b/f", O_RDWR));
	result("unlink", unlink("b/f"));
	result("mkdir", mkdir("b/n", 0700));
	result("chmod", chmod("b/f", 0600));
	result("truncate", truncate("b/f", 0));
	result("access", access("b/f", W_OK));
	result("rename", rename("b/f", "b/q"));
	result("at the source", mkdir("a/n", 0700));
	result("seen", access("b/n", F_OK));
	list_mounts("read-only");
	result("below the root", mount(NULL, "b/d", NULL, MS_REMOUNT | MS_BIND, NULL));
	result("writable again", mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND, NULL));
	result("rmdir", rmdir("b/n"));
	need(umount("b") == 0);
}

static void test_below(void)
{
	int fd;

	need(mkdir("a/s", 0755) == 0 && mount("inner", "a/s", "tmpfs", 0, "size=64k") == 0);
	put("a/s/i", "inner");
	need(bind("a", "b", 0) == 0);
	show("not recursive: %s", get("b/s/i"));
	result("remove what is mounted on elsewhere", rmdir("b/s"));
	need(umount("b") == 0);
	need(bind("a", "b", MS_REC) == 0);
	show("recursive: %s", get("b/s/i"));
	result("umount of the one above", umount("b"));
	list_mounts("recursive");
	result("umount of the source's", umount("a/s"));
	show("the copy: %s", get("b/s/i"));
	put("b/s/j", "more");
	show("written: %s", get("b/s/j"));
	result("rmdir of a mount point", rmdir("b/s"));
	result("rmdir by its other name", rmdir("a/s"));
	result("rename by its other name", rename("a/s", "a/s2"));
	fd = open("b/s/j", O_RDONLY);
	result("umount while a file is open", umount("b/s"));
	result("lazily, of the one above", umount2("b", MNT_DETACH));
	result("the mount point is free", rmdir("a/s"));
	char text[8];
	result("the file", pread(fd, text, sizeof(text), 0));
	close(fd);
	list("b");
	list_mounts("none");

	/* Mounts made in a bind mount. */
	need(bind("a", "b", 0) == 0 && mkdir("b/d/p", 0755) == 0 && mount("new", "b/d/p", "tmpfs", 0, "") == 0);
	put("b/d/p/in", "new");
	show("there: %s, at the source: %s", get("b/d/p/in"), get("a/d/p/in"));
	need(chdir("b/d/p") == 0);
	where("in it");
	result("umount while it is the working directory", umount(TOP "/b/d/p"));
	need(chdir("../..") == 0);
	where("two up");
	result("rename of what is above", rename("d", "dd"));
	show("there: %s", get("dd/p/in"));
	need(chdir(TOP) == 0 && rename("a/dd", "a/d") == 0);
	list_mounts("one in the other");
	result("once more over it", mount("over", "b/d/p", "tmpfs", 0, "mode=700"));
	show("covered: %s", get("b/d/p/in"));
	need(umount("b/d/p") == 0);
	show("uncovered: %s", get("b/d/p/in"));

	/* Move. */
	need(mkdir("c", 0755) == 0);
	result("move", mount("b", "c", NULL, MS_MOVE, NULL));
	show("there: %s", get("c/d/p/in"));
	list("b");
	list_mounts("moved");
	result("move into itself", mount("c", "c/d", NULL, MS_MOVE, NULL));
	result("move what is no mount", mount("a", "b", NULL, MS_MOVE, NULL));
	result("move onto a file", mount("c", "y", NULL, MS_MOVE, NULL));
	result("move, no source", mount(NULL, "b", NULL, MS_MOVE, NULL));
	need(umount("c/d/p") == 0 && umount("c") == 0 && rmdir("a/d/p") == 0 && rmdir("c") == 0);
}

static void test_lifetime(void)
{
	char text[16] = "", *m;
	int fd, dir;

	need(mount("fs", "b", "tmpfs", 0, "") == 0 && mkdir("b/d", 0755) == 0 && mkdir("c", 0755) == 0);
	put("b/d/f", "stays");
	need(bind("b/d", "c", 0) == 0);
	result("umount of the first", umount("b"));
	show("the second: %s", get("c/f"));
	result("make", (put("c/g", "new"), 0));
	list("c");
	list_mounts("of a part");
	fd = open("c/f", O_RDONLY);
	m = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	need(m != MAP_FAILED);
	result("busy by a file", umount("c"));
	close(fd);
	result("busy by a mapping", umount("c"));
	need(munmap(m, 4096) == 0);
	result("umount", umount("c"));

	need(mount("fs", "b", "tmpfs", 0, "") == 0 && mkdir("b/d", 0755) == 0);
	put("b/d/f", "lazy");
	dir = open("b/d", O_RDONLY | O_DIRECTORY);
	need(chdir("b/d") == 0);
	result("detach", umount2(TOP "/b", MNT_DETACH));
	fd = openat(dir, "f", O_RDONLY);
	need(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	show("by its descriptor: %s", text);
	where("nowhere");
	result("up", chdir(".."));
	where("at its top");
	result("no further", chdir(".."));
	where("at its top");
	result("mount there", mount("x", "d", "tmpfs", 0, ""));
	result("bind from there", bind("d", TOP "/c", 0));
	need(chdir(TOP) == 0);
	close(fd);
	close(dir);

	/* The idiom of containers: onto itself, then private. */
	result("onto itself", bind("a", "a", 0));
	result("twice", bind("a", "a", 0));
	show("read: %s", get("a/f"));
	list_mounts("twice");
	need(umount("a") == 0 && umount("a") == 0);
	result("a third time", umount("a"));

	need(mount("fs", "b", "tmpfs", 0, "") == 0);
	result("expire: first", umount2("b", MNT_EXPIRE));
	result("expire: second", umount2("b", MNT_EXPIRE));
	result("expire and detach", (mount("fs", "b", "tmpfs", 0, ""), umount2("b", MNT_EXPIRE | MNT_DETACH)));
	fd = open("b", O_RDONLY);
	result("expire while busy", umount2("b", MNT_EXPIRE));
	close(fd);
	need(umount("b") == 0);
}

static void test_types(void)
{
	static const struct {
		const char *what;
		unsigned long flags;
	} types[] = {
		{ "private", MS_PRIVATE }, { "slave", MS_SLAVE }, { "private, all", MS_PRIVATE | MS_REC }, { "two at once", MS_PRIVATE | MS_SLAVE },
		{ "with another flag", MS_PRIVATE | MS_NODEV },
	};

	need(bind("a", "b", 0) == 0);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		result(types[i].what, mount(NULL, "b", NULL, types[i].flags, NULL));
	result("not the root of a mount", mount(NULL, "b/d", NULL, MS_PRIVATE, NULL));
	result("unbindable", mount(NULL, "b", NULL, MS_UNBINDABLE, NULL));
	result("bind", bind("b", "c", 0));
	list_mounts("unbindable");
	result("left out", bind(TOP, "c", MS_REC));
	list_mounts("left out");
	result("detach", umount2("c", MNT_DETACH));
	need(umount("b") == 0);
}

static void test_flags(void)
{
	struct statfs s;
	int fd;

	need(mount("fs", "b", "tmpfs", MS_NODEV | MS_NOEXEC | MS_NOSUID | MS_NOATIME | MS_NOSYMFOLLOW, "size=1m,mode=750,uid=3,nr_inodes=50") == 0);
	need(mknod("b/null", S_IFCHR | 0666, makedev(1, 3)) == 0);
	put("b/run", "#!/bin/true\n");
	need(chmod("b/run", 0755) == 0 && symlink("run", "b/link") == 0);
	result("device", open("b/null", O_RDONLY));
	result("device as a name", close(open("b/null", O_PATH)));
	result("access to run", access("b/run", X_OK));
	result("run", execl("b/run", "run", NULL));
	result("link", open("b/link", O_RDONLY));
	result("the link itself", readlink("b/link", (char[8]){ 0 }, 8));
	fd = open("b/run", O_RDONLY);
	result("map to run", mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	result("map", mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
	close(fd);
	need(statfs("b", &s) == 0);
	show("flags %lx", (long)s.f_flags);
	list_mounts("with flags");
	result("another without flags", bind("b", "c", 0));
	result("flags", mount(NULL, "c", NULL, MS_REMOUNT | MS_BIND, NULL));
	result("device", close(open("c/null", O_RDONLY)));
	result("link", close(open("c/link", O_RDONLY)));
	list_mounts("with and without");
	result("the whole file system read-only", mount(NULL, "b", NULL, MS_REMOUNT | MS_RDONLY, "size=2m"));
	result("make in the other", open("c/x", O_CREAT | O_WRONLY, 0600));
	list_mounts("read-only");
	need(umount("c") == 0);
	result("busy by its mapping", umount("b"));
	result("detach", umount2("b", MNT_DETACH));
}

static void test_kinds(void)
{
	static const char *const kinds[] = { "ramfs", "mqueue", "hugetlbfs", "debugfs", "cgroup2", "proc", "sysfs", "devtmpfs", "nothing", "" };
	struct statfs s;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		errno = 0;
		if (mount("src", "b", kinds[i], 0, NULL)) {
			show("%s: %s", kinds[i], strerrorname_np(errno));
			continue;
		}
		need(statfs("b", &s) == 0);
		show("%s: type %lx, again %s", kinds[i], (long)s.f_type, mount("src", "b", kinds[i], 0, NULL) ? strerrorname_np(errno) : "good");
		while (umount("b") == 0)
			;
	}
	result("no kind", mount("src", "b", NULL, 0, NULL));
	result("on a file", mount("src", "y", "ramfs", 0, NULL));
	need(mount("src", "b", "ramfs", 0, "size=1k,unknown=7") == 0);
	put("b/f", "in ramfs");
	show("%s", get("b/f"));
	need(umount("b") == 0);
	need(mount("src", "b", "proc", 0, NULL) == 0);
	result("a further /proc", access("b/self/maps", R_OK));
	need(umount("b") == 0);
	result("the first one", access("/proc/self/maps", R_OK));
}

static void news(struct pollfd *p)
{
	int n = poll(p, 1, 0);

	show("news: %d %x", n, p->revents);
}

static void test_events(void)
{
	struct pollfd p = { .fd = open("/proc/self/mountinfo", O_RDONLY), .events = POLLPRI };
	char buf[4096];
	int in = inotify_init1(IN_NONBLOCK);

	need(p.fd >= 0 && in >= 0);
	while (read(p.fd, buf, sizeof(buf)) > 0)
		;
	news(&p);
	need(bind("a", "b", 0) == 0);
	news(&p);
	news(&p);
	need(inotify_add_watch(in, "a", IN_CREATE | IN_DELETE) > 0);
	need(mkdir("b/ev", 0700) == 0 && rmdir("b/ev") == 0);
	for (ssize_t n = read(in, buf, sizeof(buf)), at = 0; at < n; at += sizeof(struct inotify_event) + ((struct inotify_event *)(buf + at))->len)
		show("event %x %s", ((struct inotify_event *)(buf + at))->mask, ((struct inotify_event *)(buf + at))->name);
	close(in);
	need(umount("b") == 0);
	news(&p);
	close(p.fd);
}

static void test_chroot(void)
{
	struct stat st, root;

	need(bind("a", "b", 0) == 0 && mkdir("a/d/r", 0755) == 0 && mkdir("a/d/r/in", 0755) == 0 && mkdir("/tmp/m/a/d/r/proc", 0755) == 0);
	need(mount("proc", "b/d/r/proc", "proc", 0, NULL) == 0);
	need(stat("b/d/r", &root) == 0 && chdir("b/d/r/in") == 0 && chroot(TOP "/b/d/r") == 0);
	where("in a root within a bind mount");
	need(chdir("../../../..") == 0 && stat(".", &st) == 0);
	where("up");
	check("not out of the root", st.st_ino == root.st_ino && st.st_dev == root.st_dev);
	need(chdir("proc") == 0 && chdir("../..") == 0 && stat(".", &st) == 0);
	where("up from a mount");
	check("not out of the root", st.st_ino == root.st_ino && st.st_dev == root.st_dev);
	FILE *f = fopen("/proc/self/mounts", "r");
	char line[256];
	need(f != NULL);
	while (fgets(line, sizeof(line), f))
		show("%.*s", (int)strcspn(line, "\n"), line);
	fclose(f);
}

int main(void)
{
	umask(022);
	need(mkdir(TOP, 0755) == 0 && mount("top", TOP, "tmpfs", 0, "mode=755") == 0 && chdir(TOP) == 0);
	test_names();
	test_files();
	test_read_only();
	test_below();
	test_lifetime();
	test_types();
	test_flags();
	test_kinds();
	test_events();
	test_chroot();
	return test_end();
}
