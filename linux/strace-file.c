// SPDX-License-Identifier: MIT
/*
 * Files: flags of open(2), metadata, vectors, fcntl(2). ioctl(2) is in strace-ioctl.c.
 */
#include <arch/abi.h>

#include "fs/file.h"
#include "libc/errno.h"
#include "linux/strace-priv.h"
#include "mmu/user.h"

static void put_dirfd(struct strace_line *l, unsigned i)
{
	if ((int)l->args[i] == -100)
		strace_put(l, "AT_FDCWD");
	else
		strace_put(l, "%d", (int)l->args[i]);
}
STRACE_IN(dirfd);

/* ---- opening ------------------------------------------------------------------------------------------------------------------- */

void strace_put_open_flags(struct strace_line *l, unsigned flags)
{
	static const char *const access[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	unsigned rest = abi_open_flags(flags) & ~(unsigned)O_ACCMODE;

	strace_put(l, "%s", access[flags & O_ACCMODE]);
	if (rest) {
		strace_put(l, "|");
		strace_put_flags(l, &strace_open_names, rest);
	}
}

static void put_open_flags(struct strace_line *l, unsigned i)
{
	strace_put_open_flags(l, (unsigned)l->args[i]);
}
STRACE_IN(open_flags);

/* pipe2, dup3: without an access mode. */
static void put_pipe_flags(struct strace_line *l, unsigned i)
{
	strace_put_flags(l, &strace_open_names, abi_open_flags((unsigned)l->args[i]));
}
STRACE_IN(pipe_flags);
const struct strace_kind strace_kind_dup_flags = { .put = put_pipe_flags };

static bool may_create(unsigned flags)
{
	return abi_open_flags(flags) & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
}

/* The mode of open counts only where a file may be made. The flags are the argument before it. */
static void put_mode_if_creat(struct strace_line *l, unsigned i)
{
	if (i && may_create((unsigned)l->args[i - 1]))
		strace_put(l, "%#03o", (unsigned)l->args[i] & 0177777);
}
STRACE_IN(mode_if_creat);

static void put_open_how(struct strace_line *l, unsigned i)
{
	static const struct strace_name list[] = {
		{ 1, "RESOLVE_NO_XDEV" }, { 2, "RESOLVE_NO_MAGICLINKS" }, { 4, "RESOLVE_NO_SYMLINKS" }, { 8, "RESOLVE_BENEATH" }, { 16, "RESOLVE_IN_ROOT" },
		{ 32, "RESOLVE_CACHED" }, { 0, NULL },
	};
	static const struct strace_names resolves = { "RESOLVE_???", list };
	uint64_t how[3];

	if (!strace_fetch(l, how, (uint64_t)l->args[i], sizeof(how)))
		return;
	strace_put(l, "{flags=");
	strace_put_open_flags(l, (unsigned)how[0]);
	if (may_create((unsigned)how[0]) || how[1])
		strace_put(l, ", mode=%#03lo", (unsigned long)how[1]);
	strace_put(l, ", resolve=");
	strace_put_flags(l, &resolves, how[2]);
	strace_put(l, "}");
}
STRACE_IN(open_how);

static void put_two_descriptors(struct strace_line *l, const void *object)
{
	const int32_t *pair = object;

	strace_put(l, "[%d, %d]", pair[0], pair[1]);
}
STRACE_OBJECT_OUT(descriptors_out, int32_t[2], put_two_descriptors);

/* ---- metadata -------------------------------------------------------------------------------------------------------------------- */

void strace_put_mode(struct strace_line *l, uint32_t mode)
{
	static const char *const types[16] = {
		[1] = "S_IFIFO", [2] = "S_IFCHR", [4] = "S_IFDIR", [6] = "S_IFBLK", [8] = "S_IFREG", [10] = "S_IFLNK", [12] = "S_IFSOCK",
	};
	static const struct { uint32_t bit; const char *name; } bits[] = { { 04000, "S_ISUID" }, { 02000, "S_ISGID" }, { 01000, "S_ISVTX" } };
	const char *type = types[mode >> 12 & 15];

	if (type)
		strace_put(l, "%s|", type);
	for (unsigned i = 0; type && i < ARRAY_SIZE(bits); i++)
		if (mode & bits[i].bit)
			strace_put(l, "%s|", bits[i].name);
	strace_put(l, "%#03o", mode & (type ? 0777 : 07777));
}

static void put_makedev(struct strace_line *l, unsigned major, unsigned minor)
{
	strace_put(l, major ? "makedev(%#x, " : "makedev(%u, ", major);
	strace_put(l, minor ? "%#x)" : "%u)", minor);
}

static void put_device_number(struct strace_line *l, uint64_t dev)
{
	put_makedev(l, (unsigned)(dev >> 8 & 0xfff) | (unsigned)(dev >> 32 & ~0xffful), (unsigned)(dev & 0xff) | (unsigned)(dev >> 12 & ~0xfful));
}

static bool is_device(uint32_t mode)
{
	return (mode & 0170000) == 0020000 || (mode & 0170000) == 0060000;
}

static void put_stat_out(struct strace_line *l, unsigned i)
{
	struct abi_stat st;

	if (!strace_fetch_out(l, &st, (uint64_t)l->args[i], sizeof(st)))
		return;
	strace_put(l, "{st_mode=");
	strace_put_mode(l, st.mode);
	if (is_device(st.mode)) {
		strace_put(l, ", st_rdev=");
		put_device_number(l, st.rdev);
	} else {
		strace_put(l, ", st_size=%ld", (long)st.size);
	}
	strace_put(l, ", ...}");
}
STRACE_OUT(stat_out);

/* struct statx as far as it is shown: statx(2). */
struct statx_head {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size;
};

static void put_statx_out(struct strace_line *l, unsigned i)
{
	static const struct strace_name list[] = {
		{ 0x4, "STATX_ATTR_COMPRESSED" }, { 0x10, "STATX_ATTR_IMMUTABLE" }, { 0x20, "STATX_ATTR_APPEND" }, { 0x40, "STATX_ATTR_NODUMP" },
		{ 0x800, "STATX_ATTR_ENCRYPTED" }, { 0x1000, "STATX_ATTR_AUTOMOUNT" }, { 0x2000, "STATX_ATTR_MOUNT_ROOT" }, { 0x100000, "STATX_ATTR_VERITY" },
		{ 0x200000, "STATX_ATTR_DAX" }, { 0, NULL },
	};
	static const struct strace_names attributes = { "STATX_ATTR_???", list };
	struct statx_head st;

	if (!strace_fetch_out(l, &st, (uint64_t)l->args[i], sizeof(st)))
		return;
	strace_put(l, "{stx_mask=");
	strace_put_flags(l, &strace_statx_names, st.mask);
	strace_put(l, ", stx_attributes=");
	strace_put_flags(l, &attributes, st.attributes);
	strace_put(l, ", stx_mode=");
	strace_put_mode(l, st.mode);
	strace_put(l, ", stx_size=%lu, ...}", (unsigned long)st.size);
}
STRACE_OUT(statx_out);

/* struct statfs, asm-generic/statfs.h. */
static void put_statfs_out(struct strace_line *l, unsigned i)
{
	static const struct strace_name list[] = {
		{ 0x20, "ST_VALID" }, { 0x1, "ST_RDONLY" }, { 0x2, "ST_NOSUID" }, { 0x4, "ST_NODEV" }, { 0x8, "ST_NOEXEC" }, { 0x10, "ST_SYNCHRONOUS" },
		{ 0x40, "ST_MANDLOCK" }, { 0x400, "ST_NOATIME" }, { 0x800, "ST_NODIRATIME" }, { 0x1000, "ST_RELATIME" }, { 0x2000, "ST_NOSYMFOLLOW" }, { 0, NULL },
	};
	static const struct strace_names flags = { "ST_???", list };
	static const struct strace_name magic_list[] = {
		{ 0x01021994, "TMPFS_MAGIC" }, { 0x794c7630, "OVERLAYFS_SUPER_MAGIC" }, { 0x858458f6, "RAMFS_MAGIC" }, { 0xef53, "EXT2_SUPER_MAGIC" }, { 0xe0f5e1e2, "EROFS_SUPER_MAGIC_V1" },
		{ 0x9fa0, "PROC_SUPER_MAGIC" }, { 0x62656572, "SYSFS_MAGIC" }, { 0x50495045, "PIPEFS_MAGIC" }, { 0x534f434b, "SOCKFS_MAGIC" },
		{ 0x1cd1, "DEVPTS_SUPER_MAGIC" }, { 0x58465342, "XFS_SUPER_MAGIC" }, { 0, NULL },
	};
	static const struct strace_names magics = { NULL, magic_list };
	struct {
		uint64_t type, bsize, blocks, bfree, bavail, files, ffree;
		uint32_t fsid[2];
		uint64_t namelen, frsize, flags;
	} s;

	if (!strace_fetch_out(l, &s, (uint64_t)l->args[i], sizeof(s)))
		return;
	strace_put(l, "{f_type=");
	strace_put_choice(l, &magics, s.type);
	strace_put(l, ", f_bsize=%lu, f_blocks=%lu, f_bfree=%lu, f_bavail=%lu, f_files=%lu, f_ffree=%lu, ", (unsigned long)s.bsize, (unsigned long)s.blocks,
		   (unsigned long)s.bfree, (unsigned long)s.bavail, (unsigned long)s.files, (unsigned long)s.ffree);
	strace_put(l, s.fsid[0] ? "f_fsid={val=[%#x, " : "f_fsid={val=[%u, ", s.fsid[0]);
	strace_put(l, s.fsid[1] ? "%#x]}" : "%u]}", s.fsid[1]);
	strace_put(l, ", f_namelen=%lu, f_frsize=%lu, f_flags=", (unsigned long)s.namelen, (unsigned long)s.frsize);
	strace_put_flags(l, &flags, s.flags);
	strace_put(l, "}");
}
STRACE_OUT(statfs_out);

/* How many there are: struct linux_dirent64 has its length at 16, struct linux_dirent (getdents) as well. */
static void put_dirents_out(struct strace_line *l, unsigned i)
{
	uint64_t at = (uint64_t)l->args[i], end = at + (uint64_t)MAX(l->result, 0l);
	unsigned nr = 0;
	uint16_t len;

	strace_put_address(l, at);
	if (strace_has_failed(l))
		return;
	while (at + 24 <= end && !copy_from_user(&len, (const void *)(at + 16), sizeof(len)) && len >= 24) {
		at += len;
		nr++;
	}
	strace_put(l, " /* %u entries */", nr);
}
STRACE_OUT(dirents_out);

static void put_mknod_mode(struct strace_line *l, unsigned i)
{
	strace_put_mode(l, (uint32_t)l->args[i]);
}
STRACE_IN(mknod_mode);

static void put_mknod_device(struct strace_line *l, unsigned i)
{
	if (i && is_device((uint32_t)l->args[i - 1]))
		put_device_number(l, (uint32_t)l->args[i]);
}
STRACE_IN(mknod_device);

/* " /" "* 1970-01-01T00:16:40.000000005+0000 *" "/". Proleptic Gregorian: days are counted in eras of 400 years that begin on 1 March. */
static void put_date(struct strace_line *l, int64_t sec, int64_t nsec)
{
	int64_t days = sec / 86400, rest = sec % 86400, era, day, year, month;

	if (rest < 0) {
		rest += 86400;
		days--;
	}
	if (days < -1000000 || days > 100000000 || (!sec && !nsec))
		return;
	days += 719468;				/* from 0000-03-01 */
	era = (days >= 0 ? days : days - 146096) / 146097;
	day = days - era * 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	year += era * 400 + (month >= 10);
	month += month < 10 ? 3 : -9;
	strace_put(l, " /* %ld-%02ld-%02ldT%02ld:%02ld:%02ld", (long)year, (long)month, (long)day + 1, (long)(rest / 3600), (long)(rest / 60 % 60), (long)(rest % 60));
	if (nsec)
		strace_put(l, ".%09ld", (long)nsec);
	strace_put(l, "+0000 */");
}

static void put_utime(struct strace_line *l, const void *element)
{
	const int64_t *t = element;

	if (t[1] == 0x3fffffff || t[1] == 0x3ffffffe) {
		strace_put(l, t[1] == 0x3fffffff ? "UTIME_NOW" : "UTIME_OMIT");
		return;
	}
	strace_put_timespec(l, t, "nsec");
	put_date(l, t[0], t[1]);
}

static void put_utimes(struct strace_line *l, unsigned i)
{
	strace_put_list(l, (uint64_t)l->args[i], 2, 2 * sizeof(int64_t), put_utime);
}
STRACE_IN(utimes);

/* ---- data ------------------------------------------------------------------------------------------------------------------------- */

/* has_data: what lies there is shown, of the first nr_bytes in all of them; else where. */
void strace_put_iovecs(struct strace_line *l, uint64_t address, uint64_t nr, bool has_data, uint64_t nr_bytes)
{
	uint64_t iov[2], n;

	if (!address || !nr) {
		strace_put(l, address ? "[]" : "NULL");
		return;
	}
	for (uint64_t i = 0; i < nr; i++) {
		if (i == STRACE_LIST_MAX) {
			strace_put(l, ", ...");
			break;
		}
		if (copy_from_user(iov, (const void *)(address + i * sizeof(iov)), sizeof(iov))) {
			if (!i) {
				strace_put_address(l, address);
				return;
			}
			strace_put(l, ", ... /* %#lx */", (unsigned long)(address + i * sizeof(iov)));
			break;
		}
		strace_put(l, i ? ", {iov_base=" : "[{iov_base=");
		n = MIN(iov[1], nr_bytes);
		if (has_data)
			strace_put_bytes(l, iov[0], n);
		else
			strace_put_address(l, iov[0]);
		strace_put(l, ", iov_len=%lu}", (unsigned long)iov[1]);
		nr_bytes -= n;
	}
	strace_put(l, "]");
}

static void put_iovecs_in(struct strace_line *l, unsigned i)
{
	strace_put_iovecs(l, (uint64_t)l->args[i], (uint64_t)l->args[i + 1], true, UINT64_MAX);
}
STRACE_IN(iovecs_in);

static void put_iovecs_out(struct strace_line *l, unsigned i)
{
	bool is_read = !strace_has_failed(l);

	strace_put_iovecs(l, (uint64_t)l->args[i], (uint64_t)l->args[i + 1], is_read, is_read ? (uint64_t)l->result : 0);
}
STRACE_OUT(iovecs_out);

/* Also of a splice, which changes it: strace 6.1 shows it as it was before. */
static void put_offset(struct strace_line *l, const void *off)
{
	strace_put(l, "[%ld]", (long)*(const int64_t *)off);
}
STRACE_OBJECT_IN(offset_in, int64_t, put_offset);

static void look_at_offset(struct strace_line *l, unsigned i)
{
	l->has_before = l->args[i] && !copy_from_user(&l->before, (const void *)l->args[i], sizeof(l->before));
}

/* sendfile: before and after. */
static void put_offset_inout(struct strace_line *l, unsigned i)
{
	int64_t off;

	if (!l->has_before) {
		strace_put_address(l, (uint64_t)l->args[i]);
		return;
	}
	strace_put(l, "[%ld]", (long)l->before);
	if (!strace_has_failed(l) && !copy_from_user(&off, (const void *)l->args[i], sizeof(off)) && (uint64_t)off != l->before)
		strace_put(l, " => [%ld]", (long)off);
}
STRACE_OUT_WITH(offset_inout, look_at_offset);

/* ---- fcntl ------------------------------------------------------------------------------------------------------------------------- */

enum {
	F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG,
	F_SETOWN_EX = 15, F_GETOWN_EX, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW,
	F_SETLEASE = 1024, F_GETLEASE, F_NOTIFY, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS,
};

#define COMMAND(c)	{ c, #c }
static const struct strace_name fcntl_list[] = {
	COMMAND(F_DUPFD), COMMAND(F_GETFD), COMMAND(F_SETFD), COMMAND(F_GETFL), COMMAND(F_SETFL), COMMAND(F_GETLK), COMMAND(F_SETLK), COMMAND(F_SETLKW),
	COMMAND(F_SETOWN), COMMAND(F_GETOWN), COMMAND(F_SETSIG), COMMAND(F_GETSIG), COMMAND(F_SETOWN_EX), COMMAND(F_GETOWN_EX), COMMAND(F_OFD_GETLK),
	COMMAND(F_OFD_SETLK), COMMAND(F_OFD_SETLKW), COMMAND(F_SETLEASE), COMMAND(F_GETLEASE), COMMAND(F_NOTIFY), COMMAND(F_DUPFD_CLOEXEC), COMMAND(F_SETPIPE_SZ),
	COMMAND(F_GETPIPE_SZ), COMMAND(F_ADD_SEALS), COMMAND(F_GET_SEALS), { 0, NULL },
};
#undef COMMAND
static const struct strace_names fcntl_commands = { "F_???", fcntl_list };
STRACE_CHOICE(fcntl_command, &fcntl_commands);

static const struct strace_name seal_list[] = {
	{ 1, "F_SEAL_SEAL" }, { 2, "F_SEAL_SHRINK" }, { 4, "F_SEAL_GROW" }, { 8, "F_SEAL_WRITE" }, { 16, "F_SEAL_FUTURE_WRITE" }, { 0, NULL },
};
static const struct strace_names seals = { "F_SEAL_???", seal_list };
static const struct strace_name fd_list[] = { { 1, "FD_CLOEXEC" }, { 0, NULL } };
static const struct strace_names fd_flags = { "FD_???", fd_list };
static const struct strace_name lock_list[] = { { 0, "F_RDLCK" }, { 1, "F_WRLCK" }, { 2, "F_UNLCK" }, { 0, NULL } };
static const struct strace_names lock_types = { "F_???", lock_list };

/* struct flock; the holder is shown where it is asked for. */
static void put_lock(struct strace_line *l, uint64_t address, bool has_pid)
{
	struct { int16_t type, whence; int64_t start, len; int32_t pid; } lock;

	if (!strace_fetch(l, &lock, address, sizeof(lock)))
		return;
	strace_put(l, "{l_type=");
	strace_put_choice(l, &lock_types, (uint16_t)lock.type);
	strace_put(l, ", l_whence=");
	strace_put_choice(l, &strace_whences, (uint16_t)lock.whence);
	strace_put(l, ", l_start=%ld, l_len=%ld", (long)lock.start, (long)lock.len);
	if (has_pid)
		strace_put(l, ", l_pid=%d", lock.pid);
	strace_put(l, "}");
}

static void put_owner(struct strace_line *l, uint64_t address)
{
	static const struct strace_name list[] = { { 0, "F_OWNER_TID" }, { 1, "F_OWNER_PID" }, { 2, "F_OWNER_PGRP" }, { 0, NULL } };
	static const struct strace_names types = { "F_OWNER_???", list };
	struct { uint32_t type; int32_t pid; } owner;

	if (!strace_fetch(l, &owner, address, sizeof(owner)))
		return;
	strace_put(l, "{type=");
	strace_put_choice(l, &types, owner.type);
	strace_put(l, ", pid=%d}", owner.pid);
}

/* An output for the few commands that give something; the others' arguments do not change. */
static void put_fcntl_arg(struct strace_line *l, unsigned i)
{
	uint64_t v = (uint64_t)l->args[i];

	switch ((unsigned)l->args[1]) {
	case F_GETFD: case F_GETFL: case F_GETOWN: case F_GETSIG: case F_GETLEASE: case F_GETPIPE_SZ: case F_GET_SEALS:
		break;
	case F_SETFD:
		strace_put_flags(l, &fd_flags, (uint32_t)v);
		break;
	case F_SETFL:
		strace_put_open_flags(l, (unsigned)v);
		break;
	case F_SETLK: case F_SETLKW: case F_OFD_SETLK: case F_OFD_SETLKW:
		put_lock(l, v, false);
		break;
	case F_GETLK: case F_OFD_GETLK:
		if (strace_has_failed(l))
			strace_put_address(l, v);
		else
			put_lock(l, v, true);
		break;
	case F_SETOWN_EX:
		put_owner(l, v);
		break;
	case F_GETOWN_EX:
		if (strace_has_failed(l))
			strace_put_address(l, v);
		else
			put_owner(l, v);
		break;
	case F_SETSIG:
		strace_put_signal(l, v);
		break;
	case F_SETLEASE:
		strace_put_choice(l, &lock_types, (uint32_t)v);
		break;
	case F_ADD_SEALS:
		strace_put_flags(l, &seals, (uint32_t)v);
		break;
	case F_DUPFD: case F_DUPFD_CLOEXEC: case F_SETOWN: case F_SETPIPE_SZ:
		strace_put(l, "%d", (int)v);
		break;
	default:
		strace_put(l, v ? "%#lx" : "%lu", (unsigned long)v);
	}
}
STRACE_OUT(fcntl_arg);

void strace_result_fcntl(struct strace_line *l)
{
	uint32_t v = (uint32_t)l->result, command = (uint32_t)l->args[1];

	if ((command != F_GETFL && !v) || (command != F_GETFD && command != F_GETFL && command != F_GET_SEALS && command != F_GETSIG && command != F_GETLEASE)) {
		strace_put(l, "%ld", l->result);
		return;
	}
	if (command == F_GETSIG || command == F_GETLEASE)
		strace_put(l, "%u (", v);
	else
		strace_put(l, v ? "%#x (%s" : "%u (%s", v, command == F_GET_SEALS ? "seals " : "flags ");
	if (command == F_GETSIG)
		strace_put_signal(l, v);
	else if (command == F_GETLEASE)
		strace_put_choice(l, &lock_types, v);
	else if (command == F_GET_SEALS)
		strace_put_flags(l, &seals, v);
	else if (command == F_GETFD)
		strace_put_flags(l, &fd_flags, v);
	else
		strace_put_open_flags(l, v);
	strace_put(l, ")");
}
