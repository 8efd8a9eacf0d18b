/* SPDX-License-Identifier: MIT */
/*
 * Regular files: open flags, offsets, append, truncation, holes, vectors,
 * links, rename with its flags, unlink while open, times, modes, owners.
 * All happens below /tmp/files.
 */
#include "test.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

static char *content(const char *path)
{
	static char buffer[4][256];
	static int turn;
	char *text = buffer[turn++ % 4];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, 255);

	if (n < 0)
		return strcpy(text, fd < 0 ? "(no file)" : "(unreadable)");
	text[n] = '\0';
	close(fd);
	return text;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void test_open_flags(void)
{
	int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0640);
	struct stat st;

	check("O_CREAT | O_EXCL creates", fd >= 0);
	check_errno("O_EXCL refuses an old file", open("new", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST);
	check("mode", fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640);
	check("type, size, links", S_ISREG(st.st_mode) && st.st_size == 0 && st.st_nlink == 1);
	check_errno("open without O_CREAT", open("absent", O_RDWR), ENOENT);
	check_errno("O_DIRECTORY of a file", open("new", O_RDONLY | O_DIRECTORY), ENOTDIR);
	check_errno("write to a directory", open(".", O_WRONLY), EISDIR);
	check_errno("create in place of a directory", open(".", O_CREAT | O_RDONLY, 0600), EISDIR);
	check_errno("a file as a directory", open("new/x", O_RDONLY), ENOTDIR);
	check_errno("empty name", open("", O_RDONLY), ENOENT);
	check_errno("bad pointer", open((char *)16, O_RDONLY), EFAULT);
	check("write", write(fd, "0123456789", 10) == 10);
	check_errno("read of a write-only descriptor", read(open("new", O_WRONLY), &st, 1), EBADF);
	check_errno("write of a read-only descriptor", write(open("new", O_RDONLY), "x", 1), EBADF);
	int append = open("new", O_WRONLY | O_APPEND);
	check("O_APPEND", lseek(append, 0, SEEK_SET) == 0 && write(append, "ab", 2) == 2 &&
				  strcmp(content("new"), "0123456789ab") == 0);
	check("append moves the offset to the end", lseek(append, 0, SEEK_CUR) == 12);
	check("pwrite with O_APPEND appends on Linux", pwrite(append, "c", 1, 0) == 1 &&
							       strcmp(content("new"), "0123456789abc") == 0);
	check("F_SETFL takes O_APPEND away", fcntl(append, F_SETFL, 0) == 0 && pwrite(append, "X", 1, 0) == 1 &&
						     strcmp(content("new"), "X123456789abc") == 0);
	close(open("new", O_WRONLY | O_TRUNC));
	check("O_TRUNC", strcmp(content("new"), "") == 0);
	int path = open("new", O_PATH);
	check("O_PATH opens", path >= 0);
	check_errno("but cannot be read", read(path, &st, 1), EBADF);
	check("fstat works on it", fstat(path, &st) == 0);
	check("F_GETFL shows it", (fcntl(path, F_GETFL) & O_PATH) != 0);
	int tmp = open(".", O_TMPFILE | O_RDWR, 0600);
	check("O_TMPFILE", tmp >= 0 && write(tmp, "t", 1) == 1 && fstat(tmp, &st) == 0 && st.st_nlink == 0);
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", tmp);
	check("linked into the tree", linkat(AT_FDCWD, name, AT_FDCWD, "linked", AT_SYMLINK_FOLLOW) == 0 &&
					      strcmp(content("linked"), "t") == 0);
	check("F_GETFL", (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	check("O_CLOEXEC", (fcntl(open("new", O_CLOEXEC), F_GETFD) & FD_CLOEXEC) != 0);
	check("umask", umask(022) == 0022 && umask(077) == 022 &&
			       fstat(open("masked", O_CREAT | O_RDWR, 0666), &st) == 0 && (st.st_mode & 0777) == 0600);
	umask(022);
	unlink("linked");
	unlink("masked");
	close(fd);
	unlink("new");
}

static void test_offsets(void)
{
	int fd = open("offsets", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char buffer[32] = "";
	struct iovec in[3], out[2] = { { "abc", 3 }, { "defg", 4 } };

	need(fd >= 0);
	check("writev", writev(fd, out, 2) == 7);
	check("offset moved", lseek(fd, 0, SEEK_CUR) == 7);
	check("pwrite leaves it", pwrite(fd, "XY", 2, 2) == 2 && lseek(fd, 0, SEEK_CUR) == 7);
	in[0] = (struct iovec){ buffer, 2 };
	in[1] = (struct iovec){ NULL, 0 };
	in[2] = (struct iovec){ buffer + 10, 20 };
	check("preadv", preadv(fd, in, 3, 1) == 6 && memcmp(buffer, "bX", 2) == 0 && memcmp(buffer + 10, "Yefg", 4) == 0);
	check("pwritev", pwritev(fd, out, 2, 20) == 7);
	struct stat st;
	fstat(fd, &st);
	show("size with a hole %ld", (long)st.st_size);
	check("the hole is zero", pread(fd, buffer, 13, 7) == 13 && memcmp(buffer, "\0\0\0\0\0\0\0\0\0\0\0\0\0", 13) == 0);
	show("read at the end %zd, beyond %zd", pread(fd, buffer, 9, 27), pread(fd, buffer, 9, 1000));
	show("seek end-1 %ld", (long)lseek(fd, -1, SEEK_END));
	check_errno("seek before the start", lseek(fd, -100, SEEK_SET), EINVAL);
	check_errno("unknown whence", lseek(fd, 0, 77), EINVAL);
	check_errno("negative offset", pread(fd, buffer, 1, -1), EINVAL);
	check("seek beyond the end", lseek(fd, 5000, SEEK_SET) == 5000 && read(fd, buffer, 1) == 0);
	check("write there", write(fd, "!", 1) == 1 && fstat(fd, &st) == 0 && st.st_size == 5001);
	check("SEEK_DATA", lseek(fd, 0, SEEK_DATA) == 0);
	check("SEEK_HOLE is at most the end", lseek(fd, 0, SEEK_HOLE) > 0 && lseek(fd, 0, SEEK_HOLE) <= 5001);
	check_errno("SEEK_DATA at the end", lseek(fd, 5001, SEEK_DATA), ENXIO);
	check("ftruncate shrinks", ftruncate(fd, 4) == 0 && strcmp(content("offsets"), "abXY") == 0);
	check("and grows with zeros", ftruncate(fd, 8) == 0 && pread(fd, buffer, 8, 0) == 8 &&
					      memcmp(buffer, "abXY\0\0\0\0", 8) == 0);
	check_errno("negative length", ftruncate(fd, -1), EINVAL);
	check_errno("truncate a directory", truncate(".", 0), EISDIR);
	check("fallocate", fallocate(fd, 0, 0, 10000) == 0 && fstat(fd, &st) == 0 && st.st_size == 10000);
	check("fallocate, size kept", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 20000) == 0 && fstat(fd, &st) == 0 &&
					      st.st_size == 10000);
	check("punch a hole", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0 &&
				      pread(fd, buffer, 4, 0) == 4 && memcmp(buffer, "\0\0\0\0", 4) == 0);
	check("reads of length 0", read(fd, (void *)16, 0) == 0);
	check_errno("read to a bad address", pread(fd, (void *)16, 4, 0), EFAULT);
	check_errno("write from a bad address", pwrite(fd, (void *)16, 4, 0), EFAULT);
	check_errno("iovec count", syscall(SYS_readv, fd, in, -1), EINVAL);
	check("fsync and fdatasync", fsync(fd) == 0 && fdatasync(fd) == 0);
	int copy = dup(fd);
	lseek(fd, 3, SEEK_SET);
	check("dup shares the offset", lseek(copy, 0, SEEK_CUR) == 3);
	int other = open("offsets", O_RDONLY);
	check("another open does not", lseek(other, 0, SEEK_CUR) == 0);
	check("dup3", dup3(fd, 200, O_CLOEXEC) == 200 && fcntl(200, F_GETFD) == FD_CLOEXEC);
	check_errno("dup3 onto itself", dup3(fd, fd, 0), EINVAL);
	check("dup2 onto itself", dup2(fd, fd) == fd);
	check("F_DUPFD", fcntl(fd, F_DUPFD, 300) == 300);
	check("F_DUPFD_CLOEXEC", fcntl(fd, F_DUPFD_CLOEXEC, 300) == 301 && fcntl(301, F_GETFD) == FD_CLOEXEC);
	check("the lowest free descriptor is taken", (close(200), close(copy), dup(fd) == copy));
	check("close_range", syscall(SYS_close_range, 300, 400, 0) == 0);
	check_errno("closed", fcntl(300, F_GETFD), EBADF);
	check_errno("close twice", close(301), EBADF);
	close(fd);
	unlink("offsets");
}

static void test_links(void)
{
	struct stat st;
	char buffer[64];

	write_text("a", "A");
	check("link", link("a", "b") == 0 && stat("b", &st) == 0 && st.st_nlink == 2);
	check_errno("link onto an old name", link("a", "b"), EEXIST);
	check("symlink", symlink("a", "s") == 0 && strcmp(content("s"), "A") == 0);
	check("lstat", lstat("s", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 1);
	ssize_t n = readlink("s", buffer, sizeof(buffer));
	check("readlink", n == 1 && buffer[0] == 'a');
	check_errno("readlink of a file", readlink("a", buffer, 9), EINVAL);
	check_errno("O_NOFOLLOW", open("s", O_RDONLY | O_NOFOLLOW), ELOOP);
	symlink("loop2", "loop1");
	symlink("loop1", "loop2");
	check_errno("a loop", open("loop1", O_RDONLY), ELOOP);
	symlink("nowhere", "dangling");
	check_errno("dangling", open("dangling", O_RDONLY), ENOENT);
	check("created through it", open("dangling", O_CREAT | O_WRONLY, 0600) >= 0 && access("nowhere", F_OK) == 0);
	check_errno("O_EXCL does not follow", open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600), EEXIST);

	/* A chain of 40 links is followed, of 41 not. */
	char name[16], target[16];
	strcpy(target, "a");
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof(name), "chain%d", i);
		need(symlink(target, name) == 0);
		strcpy(target, name);
	}
	check("forty links in a row", strcmp(content("chain40"), "A") == 0);
	check_errno("forty-one", open("chain41", O_RDONLY), ELOOP);

	unlink("a");
	check("the other name keeps it", strcmp(content("b"), "A") == 0);
	int fd = open("b", O_RDWR);
	check("unlink while open", unlink("b") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0);
	check("still readable and writable", pwrite(fd, "B", 1, 0) == 1 && pread(fd, buffer, 1, 0) == 1 && buffer[0] == 'B');
	check_errno("unlink again", unlink("b"), ENOENT);
	check_errno("unlink a directory", unlink("."), EISDIR);
	close(fd);

	char longname[300];
	memset(longname, 'n', sizeof(longname));
	longname[255] = '\0';
	check("a name of 255 bytes", open(longname, O_CREAT | O_WRONLY, 0600) >= 0 && unlink(longname) == 0);
	longname[255] = 'n';
	longname[256] = '\0';
	check_errno("of 256 bytes", open(longname, O_CREAT | O_WRONLY, 0600), ENAMETOOLONG);
	static char longpath[5000];
	memset(longpath, '/', sizeof(longpath));
	longpath[4094] = '.';
	longpath[4095] = '\0';
	check("a path of 4095 bytes", access(longpath, F_OK) == 0);
	longpath[4095] = '.';
	longpath[4096] = '\0';
	check_errno("of 4096 bytes", access(longpath, F_OK), ENAMETOOLONG);
}

static void test_rename(void)
{
	write_text("x", "X");
	write_text("y", "Y");
	check("rename replaces", rename("x", "y") == 0 && strcmp(content("y"), "X") == 0 && access("x", F_OK) != 0);
	check("rename onto itself", rename("y", "y") == 0);
	write_text("x", "X2");
	check_errno("RENAME_NOREPLACE", syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "y", RENAME_NOREPLACE), EEXIST);
	check("to a free name", syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "z", RENAME_NOREPLACE) == 0);
	check("RENAME_EXCHANGE", syscall(SYS_renameat2, AT_FDCWD, "y", AT_FDCWD, "z", RENAME_EXCHANGE) == 0 &&
					 strcmp(content("y"), "X2") == 0 && strcmp(content("z"), "X") == 0);
	check_errno("exchange with nothing", syscall(SYS_renameat2, AT_FDCWD, "y", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	check_errno("both flags", syscall(SYS_renameat2, AT_FDCWD, "y", AT_FDCWD, "z", 3), EINVAL);
	link("y", "y2");
	check("rename onto the same file leaves both", rename("y", "y2") == 0 && access("y", F_OK) == 0 && access("y2", F_OK) == 0);

	mkdir("d1", 0755);
	mkdir("d2", 0755);
	write_text("d2/f", "f");
	check_errno("directory onto a full one", rename("d1", "d2"), ENOTEMPTY);
	check("onto an empty one", rename("d2", "d1") == 0 && strcmp(content("d1/f"), "f") == 0);
	check_errno("directory onto a file", rename("d1", "y"), ENOTDIR);
	check_errno("file onto a directory", rename("y", "d1"), EISDIR);
	mkdir("d1/sub", 0755);
	check_errno("into its own subdirectory", rename("d1", "d1/sub/x"), EINVAL);
	check_errno("rename of nothing", rename("none", "some"), ENOENT);
	int fd = open("z", O_RDONLY);
	rename("z", "moved");
	char c = 0;
	check("an open file moves along", pread(fd, &c, 1, 0) == 1 && c == 'X');
	check("/proc/self/fd names the new place", ({
		char path[64], target[256];
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		n > 0 && (target[n] = '\0', strcmp(target, "/tmp/files/moved") == 0);
	}));
	close(fd);
}

static void test_attributes(void)
{
	struct stat st, before;
	struct statx stx;

	write_text("attr", "12345");
	int fd = open("attr", O_RDWR);
	check("chmod", chmod("attr", 04751) == 0 && stat("attr", &st) == 0 && (st.st_mode & 07777) == 04751);
	check("fchmod", fchmod(fd, 0600) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0600);
	check("fchmodat", fchmodat(AT_FDCWD, "attr", 0644, 0) == 0);
	check("chown", chown("attr", 12, 34) == 0 && stat("attr", &st) == 0 && st.st_uid == 12 && st.st_gid == 34);
	check("chown -1 keeps", fchown(fd, (uid_t)-1, 56) == 0 && stat("attr", &st) == 0 && st.st_uid == 12 && st.st_gid == 56);
	struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
	check("utimensat", utimensat(AT_FDCWD, "attr", times, 0) == 0 && stat("attr", &st) == 0 &&
				   st.st_atim.tv_sec == 1000 && st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	check("UTIME_OMIT and UTIME_NOW", futimens(fd, times) == 0 && stat("attr", &st) == 0 && st.st_atim.tv_sec == 1000 &&
						  st.st_mtim.tv_sec > 1000000);
	times[1].tv_nsec = 1000000000;
	check_errno("bad nanoseconds", futimens(fd, times), EINVAL);
	before = st;
	sleep_ms(20);
	need(write(fd, "x", 1) == 1);
	fstat(fd, &st);
	check("a write moves mtime and ctime", (st.st_mtim.tv_sec != before.st_mtim.tv_sec ||
						st.st_mtim.tv_nsec > before.st_mtim.tv_nsec) &&
						       st.st_ctim.tv_nsec == st.st_mtim.tv_nsec);
	check("statx", statx(AT_FDCWD, "attr", 0, STATX_BASIC_STATS, &stx) == 0 && stx.stx_size == 5 &&
			       (stx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS && stx.stx_uid == 12 &&
			       stx.stx_ino == st.st_ino);
	check("statx of a descriptor", statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &stx) == 0 && stx.stx_size == 5);
	check("fstatat of a descriptor", fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && st.st_size == 5);
	check_errno("statx with odd flags", statx(fd, "", 0x80000, STATX_SIZE, &stx), EINVAL);
	check("access", access("attr", R_OK | W_OK) == 0);
	chmod("attr", 0);
	check("root may read and write", access("attr", R_OK | W_OK) == 0);
	check_errno("but not execute without any x", access("attr", X_OK), EACCES);
	check_errno("access mode", access("attr", 99), EINVAL);
	check("blocks", stat("attr", &st) == 0 && st.st_blksize >= 512 && st.st_blocks >= 1);
	struct statfs fs;
	check("statfs", statfs(".", &fs) == 0 && fs.f_bsize > 0 && fs.f_blocks > 0 && fs.f_namelen == 255);
	check_errno("chmod of nothing", chmod("none", 0), ENOENT);
	close(fd);
	unlink("attr");
}

static void test_copies(void)
{
	char pattern[10000], back[10000];
	int in = open("in", O_RDWR | O_CREAT | O_TRUNC, 0600), out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0600);
	off_t offset = 100;

	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i * 7);
	need(write(in, pattern, sizeof(pattern)) == sizeof(pattern));
	check("sendfile", sendfile(out, in, &offset, 5000) == 5000 && offset == 5100);
	check("content", pread(out, back, 5000, 0) == 5000 && memcmp(back, pattern + 100, 5000) == 0);
	check("sendfile stops at the end", sendfile(out, in, &offset, 100000) == 4900);
	loff_t from = 0, to = 20000;
	check("copy_file_range", copy_file_range(in, &from, out, &to, 10000, 0) == 10000 && from == 10000);
	check("content", pread(out, back, 10000, 20000) == 10000 && memcmp(back, pattern, 10000) == 0);
	check("at the end nothing", copy_file_range(in, &from, out, &to, 10000, 0) == 0);
	check_errno("copy_file_range flags", copy_file_range(in, &from, out, &to, 1, 5), EINVAL);
	int fds[2];
	need(pipe(fds) == 0);
	offset = 0;
	check("sendfile to a pipe", sendfile(fds[1], in, &offset, 1000) == 1000 && read(fds[0], back, 2000) == 1000 &&
					    memcmp(back, pattern, 1000) == 0);
	close(in);
	close(out);
}

int main(void)
{
	umask(022);
	mkdir("/tmp", 01777);
	need(mkdir("/tmp/files", 0755) == 0 && chdir("/tmp/files") == 0);
	test_open_flags();
	test_offsets();
	test_links();
	test_rename();
	test_attributes();
	test_copies();
	return test_end();
}
