/* SPDX-License-Identifier: MIT */
/* Files: opening, metadata, data, directories, attributes, locks, terminals. */
#include "calls.h"

#include <linux/fs.h>
#include <linux/stat.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <termios.h>

#define DIR	"/tmp/strace"
#define NAME	DIR "/file"

static void opening(void)
{
	struct { uint64_t flags, mode, resolve; } how = { O_RDONLY | O_CLOEXEC, 0, 0 };
	int dir, fd;

	CALL(mkdirat, AT_FDCWD, DIR, 0755);
	dir = CALL(openat, AT_FDCWD, DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = CALL(openat, dir, "file", O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0640);
	CALL(openat, dir, "file", O_WRONLY | O_CREAT | O_EXCL, 0);
	CALL(openat, AT_FDCWD, NULL, O_RDONLY);
	CALL(openat, AT_FDCWD, BAD, O_RDONLY);
	CALL(openat, AT_FDCWD, "", O_RDONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_SYNC | O_NOATIME | O_LARGEFILE);
	CALL(openat, -5, "tab\there \"quoted\" \\ \1\33\377 end", O_RDWR | O_PATH | O_DSYNC);
	CALL(openat2, AT_FDCWD, NAME, &how, sizeof(how));
	CALL(close_range, 5, 6, 0);
	CALL(close, dir);
	CALL(close, fd);
}

static void metadata(void)
{
	struct timespec times[2] = { { 1000, 5 }, { 0, UTIME_OMIT } };
	struct stat st;
	struct statx stx;
	struct statfs fs;
	char buf[64];
	int fd = CALL(openat, AT_FDCWD, NAME, O_RDWR);

	CALL(newfstatat, AT_FDCWD, NAME, &st, AT_SYMLINK_NOFOLLOW);
	CALL(fstat, fd, &st);
	CALL(fstat, fd, BAD);
	CALL(newfstatat, AT_FDCWD, "/dev/null", &st, 0);
	CALL(newfstatat, AT_FDCWD, "/nonexistent", &st, AT_NO_AUTOMOUNT | 0x8000);
	CALL(statx, AT_FDCWD, NAME, AT_STATX_SYNC_AS_STAT | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx);
	CALL(statx, fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_SIZE, &stx);
	CALL(statx, fd, "/nonexistent", AT_STATX_DONT_SYNC, STATX_ALL, &stx);
	CALL(statfs, "/tmp", &fs);
	CALL(fstatfs, fd, BAD);
	CALL(faccessat, AT_FDCWD, NAME, R_OK | W_OK);
	CALL(faccessat, AT_FDCWD, NAME, F_OK);
	CALL(faccessat2, AT_FDCWD, "/nonexistent", X_OK, AT_EACCESS);
	CALL(fchmod, fd, 0600);
	CALL(fchmodat, AT_FDCWD, NAME, 04755);
	CALL(fchown, fd, 0, -1);
	CALL(fchownat, AT_FDCWD, NAME, 1, 2, AT_SYMLINK_NOFOLLOW);
	CALL(utimensat, AT_FDCWD, NAME, times, 0);
	CALL(utimensat, fd, NULL, NULL, 0);
	CALL(utimensat, AT_FDCWD, "/nonexistent", BAD, AT_SYMLINK_NOFOLLOW);
	times[0].tv_nsec = UTIME_NOW;
	CALL(utimensat, AT_FDCWD, NAME, times, 0);
	CALL(umask, 027);
	CALL(getcwd, buf, sizeof(buf));
	CALL(getcwd, buf, 1);
	CALL(chdir, "/tmp");
	CALL(fchdir, 500);
	CALL(readlinkat, AT_FDCWD, NAME, buf, sizeof(buf));
	CALL(close, fd);
}

static void data(void)
{
	struct iovec iov[2] = { { "0123456789", 10 }, { "abc", 3 } };
	char buf[64];
	struct iovec in[2] = { { buf, 5 }, { buf + 5, 20 } };
	int fd = CALL(openat, AT_FDCWD, NAME, O_RDWR | O_TRUNC), other = CALL(openat, AT_FDCWD, NAME, O_RDONLY);

	CALL(write, fd, "The quick brown fox jumps over the lazy dog", 43);
	CALL(lseek, fd, 4l, SEEK_SET);
	CALL(read, fd, buf, 5);
	CALL(lseek, fd, -3l, SEEK_CUR);
	CALL(lseek, fd, 0, SEEK_DATA);
	CALL(lseek, fd, 0, 77);
	CALL(pread64, fd, buf, 10, 10);
	CALL(pwrite64, fd, "\0\0017\1x", 5, 2);
	CALL(writev, fd, iov, 2);
	CALL(pwritev, fd, iov, 2, 5, 0);
	CALL(preadv, fd, in, 2, 0, 0);
	CALL(preadv2, fd, in, 2, 0, 0, 0);
	CALL(writev, fd, BAD, 2);
	CALL(readv, fd, in, 0);
	CALL(ftruncate, fd, 10);
	CALL(truncate, NAME, 5000000000);
	CALL(fallocate, fd, 0, 0, 4096);
	CALL(fallocate, fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, 100, 4096);
	CALL(fsync, fd);
	CALL(fdatasync, other);
	CALL(sync_file_range, fd, 0, 4096, SYNC_FILE_RANGE_WRITE);
	CALL(fadvise64, fd, 0, 4096, POSIX_FADV_WILLNEED);
	CALL(readahead, fd, 0, 4096);
	CALL(ioctl, fd, FIOCLEX);
	CALL(ioctl, fd, TCGETS, buf);
	CALL(ioctl, fd, 0x12345678, buf);
	CALL(close, other);
	CALL(close, fd);
}

static void directories(void)
{
	char buf[4096];
	int dir;

	CALL(linkat, AT_FDCWD, NAME, AT_FDCWD, DIR "/link", 0);
	CALL(symlinkat, "file", AT_FDCWD, DIR "/symbolic");
	CALL(readlinkat, AT_FDCWD, DIR "/symbolic", buf, sizeof(buf));
	CALL(renameat2, AT_FDCWD, DIR "/link", AT_FDCWD, DIR "/file", RENAME_NOREPLACE);
	CALL(renameat2, AT_FDCWD, DIR "/link", AT_FDCWD, DIR "/other", 0);
	dir = CALL(openat, AT_FDCWD, DIR, O_RDONLY | O_DIRECTORY);
	CALL(getdents64, dir, buf, sizeof(buf));
	CALL(getdents64, dir, buf, sizeof(buf));
	CALL(getdents64, -1, buf, sizeof(buf));
	CALL(mknodat, dir, "fifo", S_IFIFO | 0600, 0);
	CALL(unlinkat, dir, "fifo", 0);
	CALL(unlinkat, dir, "other", 0);
	CALL(unlinkat, dir, "symbolic", 0);
	CALL(unlinkat, dir, "symbolic", AT_REMOVEDIR);
	CALL(close, dir);
	CALL(chroot, "/nonexistent");
	CALL(unlinkat, AT_FDCWD, DIR "/.", AT_REMOVEDIR);
}

static void control(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20 };
	int fd = CALL(openat, AT_FDCWD, NAME, O_RDWR | O_CLOEXEC);
	struct winsize size;

	CALL(fcntl, fd, F_GETFD);
	CALL(fcntl, fd, F_SETFD, 0);
	CALL(fcntl, fd, F_GETFD);
	CALL(fcntl, fd, F_SETFD, FD_CLOEXEC);
	CALL(fcntl, fd, F_GETFL);
	CALL(fcntl, fd, F_SETFL, O_RDWR | O_APPEND | O_NONBLOCK);
	CALL(fcntl, fd, F_GETFL);
	CALL(fcntl, fd, F_DUPFD, 50);
	CALL(fcntl, fd, F_DUPFD_CLOEXEC, 60);
	CALL(fcntl, fd, F_SETLK, &lock);
	CALL(fcntl, fd, F_GETLK, &lock);
	lock.l_type = F_UNLCK;
	CALL(fcntl, fd, F_SETLKW, &lock);
	lock.l_type = F_RDLCK;
	CALL(fcntl, fd, F_OFD_SETLK, &lock);
	CALL(fcntl, fd, F_SETLK, BAD);
	CALL(fcntl, fd, F_GETOWN);
	CALL(fcntl, fd, F_SETSIG, SIGIO);
	CALL(fcntl, fd, 9999, 5);
	CALL(fcntl, -1, F_GETFL);
	CALL(flock, fd, LOCK_EX | LOCK_NB);
	CALL(flock, fd, LOCK_UN);
	CALL(ioctl, fd, TIOCGWINSZ, &size);
	CALL(ioctl, fd, TIOCGPGRP, &size);
	CALL(close_range, fd, ~0u, 0);
}

static void attributes(void)
{
	char buf[64];
	int fd = CALL(openat, AT_FDCWD, NAME, O_RDWR);

	CALL(setxattr, NAME, "user.colour", "blue", 4, XATTR_CREATE);
	CALL(fgetxattr, fd, "nothing", buf, sizeof(buf));
	CALL(close, fd);
}

static void memory_file(void)
{
	int fd = CALL(memfd_create, "strace", 3u);

	CALL(memfd_create, "strace", 0x8000);
	CALL(fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
	CALL(fcntl, fd, F_GET_SEALS);
	CALL(close, fd);
}

int main(void)
{
	opening();
	metadata();
	data();
	directories();
	control();
	attributes();
	memory_file();
	CALL(unlinkat, AT_FDCWD, NAME, 0);
	CALL(unlinkat, AT_FDCWD, DIR, AT_REMOVEDIR);
	return 0;
}
