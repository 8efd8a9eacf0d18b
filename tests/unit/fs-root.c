/* SPDX-License-Identifier: MIT
 *
 * The root: an EROFS image from mkfs.erofs below the writable layer. Looking, changing, renaming, removing; what a program sees must be what Linux's overlay and tmpfs show.
 */
/* sources: fs/uio.c fs/file.c fs/async.c fs/fdtable.c fs/vnode.c fs/dentry.c fs/path.c fs/path-cache.c fs/vfs-open.c fs/vfs-names.c fs/vfs-attr.c fs/vfs-context.c fs/mount.c fs/mount-proc.c fs/bind.c fs/erofs.c fs/erofs-dir.c fs/erofs-z.c fs/tmpfs.c fs/tmpfs-dir.c fs/tmpfs-file.c fs/tmpfs-clean.c fs/pagecache.c fs/devfs.c fs/pseudo.c fs/pseudo-tree.c fs/sysctl.c fs/text.c fs/proc-fd.c fs/locks.c fs/record-tree.c fs/inotify.c fs/pipe.c fs/special.c fs/poll.c fs/epoll.c libc/crc32c.c libc/lz4.c libc/rbtree.c sched/poller.c fs/cred.c fs/permission.c fs/anon-attr.c tests/host/fake-special.c tests/host/fake-fs.c */
#include "tests/host/vfs-env.h"

#include "tests/host/fake-fs.h"
#include "fs/cred.h"
#include "mmu/object.h"
#include "mmu/page.h"

static const char tree[] =
	"mkdir -p usr/lib/python etc dir/sub big empty && ln -s usr/lib lib && echo hello >etc/greeting && echo motd >etc/motd && ln etc/greeting etc/hard && "
	"ln -s /etc/greeting etc/abs && ln -s greeting etc/rel && ln -s loop1 loop2 && ln -s loop2 loop1 && ln -s ../etc/rel dir/up && "
	"head -c 10000 /dev/zero | tr '\\0' a >dir/ten && printf x >dir/sub/x && mkfifo fifo && head -c 8192 /dev/zero | tr '\\0' b >dir/even && head -c 8192 /dev/zero | tr '\\0' c >dir/cut && "
	"for i in $(seq 1 2000); do echo $i >big/file-with-a-long-name-$i; done && chmod 750 etc && "
	"printf '%.0sn' $(seq 1 250) >longname && touch $(cat longname) && : >nothing";

static void look(void)
{
	char buf[256];
	struct stat_info st;

	CHECK(strcmp(slurp("/etc/greeting"), "hello\n") == 0);
	CHECK(strcmp(slurp("/etc/abs"), "hello\n") == 0);
	CHECK(strcmp(slurp("/dir/up"), "hello\n") == 0);
	CHECK(strcmp(slurp("etc//./rel"), "hello\n") == 0);
	CHECK(strcmp(slurp("/dir/sub/../../etc/greeting"), "hello\n") == 0);
	CHECK(strcmp(slurp("/../../etc/greeting"), "hello\n") == 0);
	st = stat_of("/etc");
	CHECK_EQ(st.mode, S_IFDIR | 0750);
	CHECK_EQ(st.nlink, 2);
	st = stat_of("/etc/greeting");
	CHECK_EQ(st.size, 6);
	CHECK_EQ(st.nlink, 2);
	CHECK_EQ(st.ino, stat_of("/etc/hard").ino);
	CHECK_EQ(stat_of("/dir").nlink, 3);
	CHECK_EQ(stat_of("/lib").mode & S_IFMT, S_IFLNK);
	CHECK_EQ(vfs_readlink(ctx, NULL, "/lib", buf, sizeof(buf)), 7);
	CHECK(memcmp(buf, "usr/lib", 7) == 0);
	CHECK_EQ(vfs_readlink(ctx, NULL, "/lib", buf, 3), 3);
	CHECK_EQ(vfs_readlink(ctx, NULL, "/etc/greeting", buf, 3), -EINVAL);
	CHECK_EQ(stat_error("/loop1"), -ELOOP);
	CHECK_EQ(stat_error("/nope"), -ENOENT);
	CHECK_EQ(stat_error("/nope"), -ENOENT);
	CHECK_EQ(stat_error("/nope/x"), -ENOENT);
	CHECK_EQ(stat_error("/etc/greeting/x"), -ENOTDIR);
	CHECK_EQ(stat_error("/etc/greeting/"), -ENOTDIR);
	CHECK_EQ(stat_error("/etc/greeting/."), -ENOTDIR);
	CHECK_EQ(stat_error(""), -ENOENT);
	CHECK_OK(stat_error("/etc/"));
	CHECK_OK(stat_error("/lib/"));
	CHECK_EQ(try_open("/etc", O_RDWR, 0), -EISDIR);
	CHECK_EQ(try_open("/etc/greeting", O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
	CHECK_EQ(try_open("/etc/rel", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
	CHECK_EQ(try_open("/etc/greeting", O_RDWR | O_CREAT | O_EXCL, 0), -EEXIST);
	CHECK_EQ(try_open("/etc", O_RDONLY | O_CREAT, 0), -EISDIR);
	memset(buf, 'n', 250);
	buf[250] = 0;
	CHECK_OK(stat_error(buf));
	CHECK_EQ(strlen(slurp("/nothing")), 0);
}

static void big_directory(void)
{
	char path[64], want[16];
	const char *p;
	int nr = 0;

	for (int i = 1; i <= 2000; i++) {
		snprintf(path, sizeof(path), "/big/file-with-a-long-name-%d", i);
		snprintf(want, sizeof(want), "%d\n", i);
		CHECK(strcmp(slurp(path), want) == 0);
		snprintf(path, sizeof(path), "/big/file-with-a-long-name-%dx", i);
		CHECK_EQ(stat_error(path), -ENOENT);
	}
	for (p = names("/big", 7); (p = strchr(p, ' ')) != NULL; p++)
		nr++;
	CHECK_EQ(nr, 2000);
}

static void contents(void)
{
	struct file *f = must_open("/dir/ten", O_RDWR, 0);
	static char buf[16384], want[16384];

	memset(want, 'a', 10000);
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 10000);
	CHECK(memcmp(buf, want, 10000) == 0);
	CHECK_EQ(rw(f, buf, 10, 9995, false), 5);
	CHECK_EQ(rw(f, buf, 10, 10000, false), 0);
	CHECK_EQ(rw(f, buf, 10, INT64_MAX, false), 0);
	CHECK_EQ(rw(f, buf, 0, 5, false), 0);
	/* Cut, and made longer, before there is a page of its own. */
	file_put(f);
	f = must_open("/dir/cut", O_RDWR, 0);
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 8192);
	CHECK_OK(f->ops->truncate(f, 4096));
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 4096);
	CHECK_OK(f->ops->truncate(f, 8192));
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 8192);
	CHECK(memcmp(buf, "cccc", 4) == 0 && buf[4095] == 'c' && buf[4096] == 0 && buf[8191] == 0);
	CHECK(rw(f, buf, 1000, 4096, false) == 1000 && buf[0] == 0 && buf[999] == 0);
	file_put(f);
	f = must_open("/dir/ten", O_RDWR, 0);
	/* Page-granular copy-up: one write in the middle, the rest shines through. */
	CHECK_EQ(rw(f, (char *)"XYZ", 3, 4095, true), 3);
	memcpy(want + 4095, "XYZ", 3);
	memset(buf, 0, sizeof(buf));
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 10000);
	CHECK(memcmp(buf, want, 10000) == 0);
	/* Shorter, then longer: zeros, not old bytes. */
	CHECK_OK(f->ops->truncate(f, 5000));
	CHECK_OK(f->ops->truncate(f, 16384));
	memset(want + 5000, 0, 16384 - 5000);
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 16384);
	CHECK(memcmp(buf, want, 16384) == 0);
	for (int i = 0; i < 16384; i += 1024)
		CHECK(rw(f, buf, 1024, i, false) == 1024 && memcmp(buf, want + i, 1024) == 0);
	/* Holes in lower data. */
	file_put(f);
	f = must_open("/dir/even", O_RDWR, 0);
	CHECK_OK(f->ops->allocate(f, 3, 100, 5000));
	memset(want, 'b', 8192);
	memset(want + 100, 0, 5000);
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 8192);
	CHECK(memcmp(buf, want, 8192) == 0);
	CHECK_EQ(rw(f, buf, 1, 8300, true), 1);
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 8301);
	CHECK(memcmp(buf, want, 8192) == 0 && buf[8192] == 0 && buf[8299] == 0);
	file_put(f);
	f = must_open("/tmp/sparse", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(rw(f, (char *)"end", 3, 1 << 30, true), 3);
	CHECK_EQ(file_seek(f, 0, 3), 1 << 30);
	CHECK_EQ(file_seek(f, 0, 4), 0);
	CHECK_EQ(file_seek(f, 1 << 30, 4), (1 << 30) + 3);
	CHECK_EQ(file_seek(f, (1 << 30) + 3, 3), -ENXIO);
	CHECK_EQ(stat_of("/tmp/sparse").blocks, 8);
	CHECK_EQ(rw(f, buf, 100, 5000, false), 100);
	CHECK(buf[0] == 0 && buf[99] == 0);
	file_put(f);
}

static void append_and_position(void)
{
	struct file *f = must_open("/tmp/log", O_WRONLY | O_CREAT | O_APPEND, 0600);

	CHECK_EQ(rw(f, (char *)"one", 3, -1, true), 3);
	CHECK_EQ(file_seek(f, 0, 0), 0);
	CHECK_EQ(rw(f, (char *)"two", 3, -1, true), 3);
	CHECK_EQ(rw(f, (char *)"two", 3, -1, false), -EBADF);
	file_put(f);
	CHECK(strcmp(slurp("/tmp/log"), "onetwo") == 0);
	f = must_open("/tmp/log", O_RDWR | O_TRUNC, 0);
	CHECK_EQ(rw(f, (char *)"abcdef", 6, -1, true), 6);
	CHECK_EQ(file_seek(f, -2, 1), 4);
	CHECK_EQ(file_seek(f, -7, 1), -EINVAL);
	CHECK_EQ(rw(f, (void *)1, 4, -1, true), -EFAULT);
	CHECK_EQ(stat_of("/tmp/log").size, 6);
	file_put(f);
}

static void change_names(void)
{
	struct stat_info st;
	struct file *f;
	uint64_t ino;
	char buf[64];

	/* unlink while open; the other link stays. */
	f = must_open("/etc/greeting", O_RDONLY, 0);
	CHECK_OK(vfs_unlink(ctx, NULL, "/etc/greeting", false));
	CHECK_EQ(stat_error("/etc/greeting"), -ENOENT);
	CHECK_EQ(stat_error("/etc/abs"), -ENOENT);
	CHECK_EQ(rw(f, buf, sizeof(buf), 0, false), 6);
	CHECK_EQ(file_path(ctx, f, buf, sizeof(buf)), (ssize_t)strlen("/etc/greeting (deleted)"));
	CHECK(strcmp(buf, "/etc/greeting (deleted)") == 0);
	CHECK_OK(file_stat(f, &st));
	CHECK_EQ(st.nlink, 1);
	file_put(f);
	CHECK_EQ(stat_of("/etc/hard").nlink, 1);
	CHECK(strcmp(slurp("/etc/hard"), "hello\n") == 0);
	spew("/etc/greeting", "new\n");
	CHECK(strcmp(slurp("/etc/abs"), "new\n") == 0);
	CHECK(stat_of("/etc/greeting").ino != stat_of("/etc/hard").ino);
	/* Rename of a lower directory: no copy, contents and number stay. */
	ino = stat_of("/dir").ino;
	CHECK_OK(vfs_mkdir(ctx, NULL, "/new", 0755));
	CHECK_OK(vfs_rename(ctx, NULL, "/dir", NULL, "/new/moved", 0));
	CHECK_EQ(stat_error("/dir"), -ENOENT);
	CHECK_EQ(stat_of("/new/moved").ino, ino);
	CHECK(strcmp(slurp("/new/moved/sub/x"), "x") == 0);
	CHECK_EQ(stat_of("/new").nlink, 3);
	CHECK_EQ(vfs_rename(ctx, NULL, "/new", NULL, "/new/moved/in", 0), -EINVAL);
	CHECK_EQ(vfs_rename(ctx, NULL, "/new/moved/sub", NULL, "/new", 0), -ENOTEMPTY);
	CHECK_EQ(vfs_rename(ctx, NULL, "/new", NULL, "/etc/hard", 0), -ENOTDIR);
	CHECK_EQ(vfs_rename(ctx, NULL, "/etc/hard", NULL, "/new", 0), -EISDIR);
	CHECK_EQ(vfs_rename(ctx, NULL, "/etc/hard", NULL, "/etc/greeting", 1), -EEXIST);
	CHECK_OK(vfs_rename(ctx, NULL, "/etc/hard", NULL, "/etc/greeting", 2));
	CHECK(strcmp(slurp("/etc/hard"), "new\n") == 0);
	CHECK(strcmp(slurp("/etc/greeting"), "hello\n") == 0);
	CHECK_OK(vfs_rename(ctx, NULL, "/etc/hard", NULL, "/etc/greeting", 0));
	CHECK(strcmp(slurp("/etc/greeting"), "new\n") == 0);
	CHECK_EQ(stat_error("/etc/hard"), -ENOENT);
	/* Removing directories. */
	CHECK_EQ(vfs_unlink(ctx, NULL, "/new/moved", true), -ENOTEMPTY);
	CHECK_EQ(vfs_unlink(ctx, NULL, "/new/moved", false), -EISDIR);
	CHECK_EQ(vfs_unlink(ctx, NULL, "/etc/greeting", true), -ENOTDIR);
	CHECK_EQ(vfs_unlink(ctx, NULL, "/new/moved/sub/.", true), -EINVAL);
	CHECK_EQ(vfs_unlink(ctx, NULL, "/dev", true), -EBUSY);
	CHECK_OK(vfs_unlink(ctx, NULL, "/new/moved/sub/x", false));
	CHECK_OK(vfs_unlink(ctx, NULL, "/new/moved/sub", true));
	CHECK_EQ(stat_of("/new/moved").nlink, 2);
	CHECK_OK(vfs_mkdir(ctx, NULL, "/new/moved/sub/", 0755));
	CHECK(strcmp(names("/new/moved/sub", 0), "") == 0);
	CHECK_EQ(vfs_mkdir(ctx, NULL, "/new/moved/sub", 0755), -EEXIST);
	CHECK_OK(vfs_unlink(ctx, NULL, "/empty", true));
	CHECK_EQ(stat_error("/empty"), -ENOENT);
	/* cwd moves along with its directory. */
	CHECK_OK(vfs_chdir(ctx, "/new/moved/sub"));
	CHECK_OK(vfs_rename(ctx, NULL, "/new", NULL, "/newer", 0));
	CHECK_EQ(vfs_getcwd(ctx, buf, sizeof(buf)), (ssize_t)sizeof("/newer/moved/sub"));
	CHECK(strcmp(buf, "/newer/moved/sub") == 0);
	CHECK_EQ(vfs_getcwd(ctx, buf, 5), -ERANGE);
	CHECK_OK(vfs_chdir(ctx, ".."));
	CHECK_OK(vfs_unlink(ctx, NULL, "sub", true));
	CHECK_OK(stat_error("ten"));
	CHECK_OK(vfs_chdir(ctx, "/"));
}

static void links(void)
{
	char buf[64];

	CHECK_OK(vfs_symlink(ctx, "target", NULL, "/tmp/link"));
	CHECK_EQ(vfs_readlink(ctx, NULL, "/tmp/link", buf, sizeof(buf)), 6);
	CHECK_EQ(stat_of("/tmp/link").size, 6);
	spew("/tmp/link", "through");
	CHECK(strcmp(slurp("/tmp/target"), "through") == 0);
	CHECK_OK(vfs_link(ctx, NULL, "/tmp/target", NULL, "/tmp/second", 0));
	CHECK_EQ(stat_of("/tmp/second").nlink, 2);
	CHECK_OK(vfs_unlink(ctx, NULL, "/tmp/target", false));
	CHECK_EQ(stat_of("/tmp/second").nlink, 1);
	CHECK_EQ(vfs_link(ctx, NULL, "/etc", NULL, "/etc2", 0), -EPERM);
	CHECK_EQ(vfs_link(ctx, NULL, "/etc/greeting", NULL, "/dev/greeting", 0), -EXDEV);
	CHECK_EQ(vfs_link(ctx, NULL, "/etc/greeting", NULL, "/tmp/second", 0), -EEXIST);
}

static void attributes(void)
{
	struct timespec64 t[2] = { { 1000, 5 }, { 2000, 7 } };
	struct statfs_info sf;
	struct stat_info st;
	struct file *f;
	const struct cred *was;
	struct cred *user;

	CHECK_OK(vfs_chmod(ctx, NULL, "/etc/greeting", 04711, 0));
	CHECK_EQ(stat_of("/etc/greeting").mode, S_IFREG | 04711);
	CHECK_OK(vfs_chown(ctx, NULL, "/etc/greeting", 5, 6, 0));
	st = stat_of("/etc/greeting");
	CHECK_EQ(st.uid, 5);
	CHECK_EQ(st.gid, 6);
	CHECK_EQ(st.mode, S_IFREG | 0711);
	CHECK_OK(vfs_utimens(ctx, NULL, "/etc/greeting", t, 0));
	st = stat_of("/etc/greeting");
	CHECK_EQ(st.atime.sec, 1000);
	CHECK_EQ(st.mtime.nsec, 7);
	t[0].nsec = 0x3ffffffe;
	t[1].nsec = 0x3fffffff;
	CHECK_OK(vfs_utimens(ctx, NULL, "/etc/greeting", t, 0));
	st = stat_of("/etc/greeting");
	CHECK_EQ(st.atime.sec, 1000);
	CHECK(st.mtime.sec > 1600000000);
	/* A lower file keeps its change although nobody holds it. */
	CHECK_OK(vfs_chmod(ctx, NULL, "/big/file-with-a-long-name-7", 0400, 0));
	CHECK_EQ(stat_of("/big/file-with-a-long-name-7").mode & 07777, 0400);
	CHECK_EQ(vfs_access(ctx, NULL, "/big/file-with-a-long-name-7", MAY_EXEC, 0), -EACCES);
	CHECK_OK(vfs_access(ctx, NULL, "/big/file-with-a-long-name-7", MAY_WRITE, 0));
	user = cred_copy(cred_current());
	user->fsuid = user->fsgid = 1000;
	user->effective = 0;
	was = cred_override(user);
	CHECK_EQ(vfs_access(ctx, NULL, "/big/file-with-a-long-name-7", MAY_READ, 0), -EACCES);
	CHECK_EQ(stat_error("/etc/greeting"), -EACCES);
	CHECK_EQ(try_open("/etc2", O_CREAT | O_WRONLY, 0600), -EACCES);
	CHECK_EQ(vfs_unlink(ctx, NULL, "/tmp/second", false), -EPERM);
	cred_revert(was);
	CHECK_OK(vfs_truncate(ctx, "/etc/greeting", 1));
	CHECK_EQ(stat_of("/etc/greeting").size, 1);
	CHECK_OK(vfs_statfs(ctx, "/", &sf));
	CHECK_EQ(sf.namelen, 255);
	CHECK_OK(vfs_statfs(ctx, "/proc", &sf));
	CHECK_EQ(sf.type, 0x9fa0);
	CHECK_EQ(vfs_open(ctx, NULL, "/tmp", O_TMPFILE | O_RDWR, 0600, &f), 0);
	CHECK_EQ(rw(f, (char *)"tmp", 3, 0, true), 3);
	CHECK_OK(vfs_link(ctx, f, "", NULL, "/tmp/named", AT_EMPTY_PATH));
	file_put(f);
	CHECK(strcmp(slurp("/tmp/named"), "tmp") == 0);
	CHECK_EQ(vfs_open(ctx, NULL, "/etc/rel", O_PATH | O_NOFOLLOW, 0, &f), 0);
	CHECK_EQ(rw(f, (char *)"tmp", 3, 0, true), -EBADF);
	CHECK_OK(vfs_stat(ctx, f, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, &st));
	CHECK_EQ(st.mode & S_IFMT, S_IFLNK);
	file_put(f);
}

static void readdir_is_stable(void)
{
	struct lister l;
	static char buf[1 << 16];
	struct file *f;
	char path[64];
	int r, round = 0;

	CHECK_OK(vfs_mkdir(ctx, NULL, "/many", 0755));
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof(path), "/many/f%03d", i);
		spew(path, "");
	}
	/* Remove what has been seen and add others while reading: each of the first 100 is seen exactly once. */
	l = (struct lister){ { list_emit }, buf, 0 };
	f = must_open("/many", O_RDONLY, 0);
	do {
		l.left = 9;
		r = f->ops->getdents(f, &l.sink);
		snprintf(path, sizeof(path), "/many/f%03d", round);
		CHECK_OK(vfs_unlink(ctx, NULL, path, false));
		snprintf(path, sizeof(path), "/many/g%03d", round++);
		if (round < 5)
			spew(path, "");
	} while (r);
	file_put(f);
	for (int i = 0; i < 100; i++) {
		const char *p;

		snprintf(path, sizeof(path), "f%03d ", i);
		p = strstr(buf, path);
		CHECK(p && !strstr(p + 1, path));
	}
}

static void descriptors(void)
{
	struct fdtable *t = fdtable_create(), *c;
	struct file *f = must_open("/etc/greeting", O_RDONLY, 0), *g;

	for (int i = 0; i < 200; i++) {
		file_get(f);
		CHECK_EQ(fd_install(t, f, 0, i & 1, 1024), i);
	}
	CHECK_EQ(fd_install(t, f, 0, false, 200), -EMFILE);
	CHECK_OK(fd_close(t, 17));
	CHECK_OK(fd_close(t, 5));
	CHECK_EQ(fd_close(t, 5), -EBADF);
	file_get(f);
	CHECK_EQ(fd_install(t, f, 10, false, 1024), 17);
	file_get(f);
	CHECK_EQ(fd_install(t, f, 0, false, 1024), 5);
	CHECK_EQ(fd_get_cloexec(t, 7), 1);
	file_get(f);
	CHECK_EQ(fd_install_at(t, f, 7, false, 1024), 7);
	CHECK_EQ(fd_get_cloexec(t, 7), 0);
	file_get(f);
	CHECK_EQ(fd_install_at(t, f, 700, false, 1024), 700);
	CHECK_EQ(fd_install_at(t, f, 1024, false, 1024), -EBADF);
	c = fdtable_copy(t);
	fd_close_on_exec(t);
	CHECK(!fd_get(t, 9));
	CHECK_EQ(fd_next(t, 199), 700);
	CHECK_OK(fd_close_range(t, 0, ~0u, false));
	CHECK_EQ(fd_next(t, 0), -1);
	g = fd_get(c, 9);
	CHECK(g == f);
	file_put(g);
	fdtable_put(c);
	fdtable_put(t);
	CHECK_EQ(f->refs, 1);
	file_put(f);
}

static struct fdtable *table;
static struct fdtable *get_table(void)
{
	return table;
}

static void special_places(void)
{
	char buf[256];
	struct file *f;

	f = must_open("/dev/zero", O_RDWR, 0);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(rw(f, buf, 10, -1, false), 10);
	CHECK(buf[9] == 0 && buf[10] == 1);
	CHECK_EQ(rw(f, buf, 10, -1, true), 10);
	file_put(f);
	f = must_open("/dev/full", O_RDWR, 0);
	CHECK_EQ(rw(f, buf, 10, -1, true), -ENOSPC);
	file_put(f);
	CHECK_EQ(stat_of("/dev/null").rdev, 0x103);
	CHECK(strstr(slurp("/proc/mounts"), "proc /proc proc rw"));
	CHECK(strstr(slurp("/proc/self/mountinfo"), "tmpfs tmpfs rw"));
	CHECK(strstr(slurp("/proc/filesystems"), "nodev\ttmpfs"));
	vfs_current_fds = get_table;
	table = fdtable_create();
	f = must_open("/etc/greeting", O_RDWR, 0);
	CHECK_EQ(fd_install(table, f, 3, false, 10), 3);
	CHECK(strcmp(names("/proc/self/fd", 1), "3 ") == 0);
	CHECK_EQ(vfs_readlink(ctx, NULL, "/dev/fd/3", buf, sizeof(buf)), 13);
	CHECK(memcmp(buf, "/etc/greeting", 13) == 0);
	CHECK_EQ(stat_of("/proc/self/fd/3").mode & S_IFMT, S_IFLNK);
	CHECK_EQ(strlen(slurp("/proc/self/fd/3")), 1);
	CHECK(strstr(slurp("/proc/self/fdinfo/3"), "flags:\t02\n"));
	CHECK_EQ(stat_error("/proc/self/fd/4"), -ENOENT);
	fdtable_put(table);
	vfs_current_fds = NULL;
	CHECK_EQ(vfs_unlink(ctx, NULL, "/proc/mounts", false), -EPERM);
	CHECK_EQ(try_open("/proc/new", O_CREAT | O_WRONLY, 0600), -ENOENT);
	CHECK_OK(vfs_mkdir(ctx, NULL, "/mnt", 0755));
	CHECK_OK(vfs_mount(ctx, "none", "/mnt", "tmpfs", 0, "size=64k,mode=700"));
	CHECK_EQ(stat_of("/mnt").mode, S_IFDIR | 0700);
	spew("/mnt/x", "in the mount");
	f = must_open("/mnt/y", O_CREAT | O_RDWR, 0600);
	for (int i = 0; i < 15; i++)
		CHECK_EQ(rw(f, buf, 100, i * 4096, true), 100);
	CHECK_EQ(rw(f, buf, 100, 15 * 4096, true), -ENOSPC);
	CHECK_EQ(vfs_umount(ctx, "/mnt", 0), -EBUSY);
	file_put(f);
	CHECK(strcmp(slurp("/mnt/../mnt/x"), "in the mount") == 0);
	CHECK_OK(vfs_umount(ctx, "/mnt", 0));
	CHECK_EQ(stat_error("/mnt/x"), -ENOENT);
	CHECK_EQ(vfs_mknod(ctx, NULL, "/tmp/ff", S_IFIFO | 0600, 0), 0);
	f = must_open("/tmp/ff", O_RDWR | O_NONBLOCK, 0);
	CHECK_EQ(rw(f, buf, 10, -1, true), 10);
	CHECK_EQ(rw(f, buf, 100, -1, false), 10);
	file_put(f);
	CHECK_EQ(stat_of("/fifo").mode & S_IFMT, S_IFIFO);
}

static void mappings(void)
{
	struct file *f = must_open("/big/file-with-a-long-name-9", O_RDWR, 0), *g;
	struct vm_page p, q, w;
	struct vm_object *o;
	char buf[64];

	CHECK_OK(f->ops->map(f, 0, 4096, 1, false, &o));
	CHECK_OK(o->ops->get_page(o, 0, false, &p));
	CHECK(!p.is_writable && memcmp((void *)p.pa, "9\n\0", 3) == 0);
	CHECK_EQ(o->ops->get_page(o, 1, false, &q), -ENXIO);
	/* A write gives the file a page of its own, and read again the mapping shows it. */
	CHECK_EQ(rw(f, (char *)"8", 1, 0, true), 1);
	CHECK_OK(o->ops->get_page(o, 0, false, &q));
	CHECK(q.is_writable && *(char *)q.pa == '8');
	page_put(p.pa);
	page_put(q.pa);
	CHECK(o->ops->name(o, buf, sizeof(buf)) == strlen("/big/file-with-a-long-name-9"));
	o->ops->unref(o);
	file_put(f);
	/* In place: whole pages of a plain file. */
	f = must_open("/newer/moved/even", O_RDWR, 0);
	CHECK_OK(f->ops->map(f, 0, 4096, 1, false, &o));
	o->ops->unref(o);
	g = must_open("/longname", O_RDWR, 0);
	CHECK_OK(g->ops->map(g, 0, 4096, 3, true, &o));
	CHECK_OK(o->ops->get_page(o, 0, true, &w));
	CHECK(w.is_writable);
	*(char *)w.pa = 'W';
	CHECK_EQ(rw(g, buf, 1, 0, false), 1);
	CHECK_EQ(buf[0], 'W');
	fake_nr_unmaps = 0;
	CHECK_OK(g->ops->truncate(g, 0));
	CHECK_EQ(fake_nr_unmaps, 1);
	CHECK_EQ(o->ops->get_page(o, 0, false, &p), -ENXIO);
	page_put(w.pa);
	o->ops->unref(o);
	file_put(g);
	file_put(f);
	CHECK_OK(tmpfs_create_unnamed("memfd:x", O_RDWR, 0777, &f));
	CHECK(file_path(ctx, f, buf, sizeof(buf)) > 0);
	CHECK(strcmp(buf, "/memfd:x (deleted)") == 0);
	file_put(f);
}

static struct file *cut_file;
static uint64_t cut_to;

/* When somebody is about to lock cut_file's pages: shorten it. */
static void cut_first(struct mutex *m)
{
	if (m != &cut_file->vnode->meta)
		return;
	fake_before_lock = NULL;
	CHECK_OK(cut_file->ops->truncate(cut_file, cut_to));
}

/* A fault has looked at the size, and then the file is truncated: nothing is left beyond the new end, nor comes back when the file grows. */
static void stores_beside_truncation(void)
{
	struct stat_info st;
	struct vm_object *o;
	struct vm_page p;
	char c;

	for (int for_write = 0; for_write < 2; for_write++) {
		CHECK_OK(tmpfs_create_unnamed("memfd:cut", O_RDWR, 0777, &cut_file));
		CHECK_OK(cut_file->ops->map(cut_file, 0, 8192, 3, true, &o));
		for (cut_to = 0; cut_to <= 4096; cut_to += 2048) {
			CHECK_OK(cut_file->ops->truncate(cut_file, 8192));
			fake_before_lock = cut_first;
			CHECK_EQ(o->ops->get_page(o, 1, for_write, &p), -ENXIO);
			CHECK(!fake_before_lock);
			CHECK_OK(cut_file->vnode->ops->getattr(cut_file->vnode, &st));
			CHECK_EQ(st.size, cut_to);
			CHECK_EQ(st.blocks, 0);
		}
		/* The page is there before: what the fault found is not what it gives out. */
		CHECK_OK(cut_file->ops->truncate(cut_file, 8192));
		CHECK_EQ(rw(cut_file, (char *)"x", 1, 4096, true), 1);
		CHECK_OK(cut_file->ops->truncate(cut_file, 4096));
		CHECK_OK(cut_file->ops->truncate(cut_file, 8192));
		CHECK_EQ(rw(cut_file, &c, 1, 4096, false), 1);
		CHECK_EQ(c, 0);
		o->ops->unref(o);
		file_put(cut_file);
	}
}

/* Clean copies go when memory is short, those that are mapped too; own pages never. */
static void shrinking(void)
{
	struct file *f = must_open("/etc/motd", O_RDWR, 0);
	struct vm_page p, q;
	struct vm_object *o;
	char c;

	CHECK_OK(f->ops->map(f, 0, 4096, 1, false, &o));
	CHECK_OK(o->ops->get_page(o, 0, false, &p));
	CHECK(!p.is_writable);
	CHECK_EQ(fake_shrinker->shrink(0), 0);
	fake_nr_unmaps = 0;
	CHECK_EQ(fake_shrinker->shrink(1 << 30), 4096);
	CHECK_EQ(fake_nr_unmaps, 1);
	CHECK_EQ(page_count(p.pa), 1);
	page_put(p.pa);
	CHECK_EQ(fake_shrinker->shrink(1 << 30), 0);
	CHECK_OK(o->ops->get_page(o, 0, false, &q));
	CHECK(*(char *)q.pa == 'm');
	page_put(q.pa);
	CHECK_EQ(rw(f, (char *)"M", 1, 0, true), 1);
	CHECK_EQ(fake_shrinker->shrink(1 << 30), 0);
	CHECK_EQ(rw(f, &c, 1, 0, false), 1);
	CHECK_EQ(c, 'M');
	o->ops->unref(o);
	file_put(f);
}

static void locks(void)
{
	struct file *a = must_open("/etc/greeting", O_RDWR, 0), *b = must_open("/etc/greeting", O_RDWR, 0);
	struct file_lock l = { .type = 1, .start = 10, .end = 19, .owner = a }, m;

	CHECK_OK(file_flock(a, 1));
	CHECK_OK(file_flock(b, 1));
	CHECK_EQ(file_flock(b, 2 | 4), -EAGAIN);
	CHECK_OK(file_flock(a, 8));
	CHECK_OK(file_flock(b, 2 | 4));
	CHECK_EQ(file_flock(a, 1 | 4), -EAGAIN);
	CHECK_OK(file_lock_set(a, &l, false));
	m = (struct file_lock){ .type = 0, .start = 19, .end = 30, .owner = b };
	CHECK_EQ(file_lock_set(b, &m, false), -EAGAIN);
	CHECK_OK(file_lock_get(b, &m));
	CHECK_EQ(m.type, 1);
	CHECK_EQ(m.start, 10);
	m = (struct file_lock){ .type = 2, .start = 13, .end = 15, .owner = a };
	CHECK_OK(file_lock_set(a, &m, false));
	m = (struct file_lock){ .type = 1, .start = 13, .end = 15, .owner = b };
	CHECK_OK(file_lock_set(b, &m, false));
	m = (struct file_lock){ .type = 1, .start = 12, .end = 12, .owner = b };
	CHECK_EQ(file_lock_set(b, &m, false), -EAGAIN);
	m.start = m.end = 16;
	CHECK_EQ(file_lock_set(b, &m, false), -EAGAIN);
	file_put(a);
	CHECK_OK(file_lock_set(b, &m, false));
	file_put(b);
}

static void deep_and_wide(void)
{
	char path[PATH_MAX];
	size_t len = 0;

	for (int i = 0; i < 100; i++) {
		len += (size_t)sprintf(path + len, "/d%d", i);
		CHECK_OK(vfs_mkdir(ctx, NULL, path, 0755));
	}
	CHECK_OK(vfs_chdir(ctx, path));
	CHECK_EQ(vfs_getcwd(ctx, path, sizeof(path)), (ssize_t)len + 1);
	/* More names than the cache keeps: trimming must not lose anything. */
	CHECK_OK(vfs_mkdir(ctx, NULL, "wide", 0755));
	for (int i = 0; i < 30000; i++) {
		sprintf(path, "wide/n%d", i);
		CHECK_EQ(stat_error(path), -ENOENT);
		if (i % 10 == 0)
			spew(path, "z");
	}
	for (int i = 0; i < 30000; i += 10) {
		sprintf(path, "wide/n%d", i);
		CHECK_OK(stat_error(path));
		CHECK_OK(vfs_unlink(ctx, NULL, path, false));
	}
	CHECK_OK(vfs_unlink(ctx, NULL, "wide", true));
	CHECK_OK(vfs_chdir(ctx, "/"));
}

int main(void)
{
	mount_image(tree, "");
	rw_compares = true;
	look();
	big_directory();
	contents();
	CHECK(rw_nr_short >= 10);
	append_and_position();
	change_names();
	links();
	attributes();
	readdir_is_stable();
	descriptors();
	special_places();
	mappings();
	stores_beside_truncation();
	shrinking();
	locks();
	deep_and_wide();
	puts("ok");
	return 0;
}
