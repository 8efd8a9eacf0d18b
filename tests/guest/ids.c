/* SPDX-License-Identifier: MIT */
/*
 * Users and groups: which of the real, effective and saved ids each call sets,
 * for root and for a user who is none any more (credentials(7), setreuid(2)).
 * The system calls themselves, not the C library's: that would tell its threads.
 */
#include "test.h"
#include <fcntl.h>

static void show_ids(const char *what)
{
	uid_t u[3];
	gid_t g[3];

	need(syscall(SYS_getresuid, &u[0], &u[1], &u[2]) == 0);
	need(syscall(SYS_getresgid, &g[0], &g[1], &g[2]) == 0);
	show("%s: uid %u %u %u gid %u %u %u", what, u[0], u[1], u[2], g[0], g[1], g[2]);
}

static void groups(void)
{
	gid_t set[3] = { 7, 100, 4000 }, got[3] = { 0, 0, 0 };

	check("setgroups", syscall(SYS_setgroups, 3, set) == 0);
	check("their number", syscall(SYS_getgroups, 0, NULL) == 3);
	check("getgroups", syscall(SYS_getgroups, 3, got) == 3 && memcmp(set, got, sizeof(set)) == 0);
	check_errno("too few", syscall(SYS_getgroups, 2, got), EINVAL);
	check_errno("less than none", syscall(SYS_getgroups, -1, got), EINVAL);
	check_errno("no memory there", syscall(SYS_getgroups, 3, (void *)8), EFAULT);
	check_errno("too many", syscall(SYS_setgroups, 65537, set), EINVAL);
	check("setgroups to none", syscall(SYS_setgroups, 0, NULL) == 0 && syscall(SYS_getgroups, 0, NULL) == 0);
}

static void as_root(void)
{
	check_errno("setuid -1", syscall(SYS_setuid, -1), EINVAL);
	check_errno("setgid -1", syscall(SYS_setgid, -1), EINVAL);
	check("setreuid -1 -1", syscall(SYS_setreuid, -1, -1) == 0);
	check("setregid -1 -1", syscall(SYS_setregid, -1, -1) == 0);
	show_ids("unchanged");
	check("setregid 50 -1", syscall(SYS_setregid, 50, -1) == 0);
	show_ids("a real group alone");
	check("setregid -1 60", syscall(SYS_setregid, -1, 60) == 0);
	show_ids("an effective group alone");
	check("setregid -1 50", syscall(SYS_setregid, -1, 50) == 0);
	show_ids("as the real one");
	check("setresgid 10 20 30", syscall(SYS_setresgid, 10, 20, 30) == 0);
	show_ids("three groups");
	check("setreuid 1000 -1", syscall(SYS_setreuid, 1000, -1) == 0);
	show_ids("a real user alone");
	check("setresuid 1000 2000 3000", syscall(SYS_setresuid, 1000, 2000, 3000) == 0);
	show_ids("three users");
}

static void as_user(void)
{
	check_errno("setgroups", syscall(SYS_setgroups, 0, NULL), EPERM);
	check_errno("setuid to another", syscall(SYS_setuid, 0), EPERM);
	check_errno("setuid to the effective", syscall(SYS_setuid, 2000), EPERM);
	check_errno("setgid to the effective", syscall(SYS_setgid, 20), EPERM);
	check_errno("setresuid to another", syscall(SYS_setresuid, -1, -1, 0), EPERM);
	check_errno("setreuid, real from saved", syscall(SYS_setreuid, 3000, -1), EPERM);
	check_errno("setregid, real from saved", syscall(SYS_setregid, 30, -1), EPERM);
	show_ids("unchanged");
	check("setreuid, effective from saved", syscall(SYS_setreuid, -1, 3000) == 0);
	show_ids("saved follows");
	check("setregid, swapped", syscall(SYS_setregid, 20, 10) == 0);
	show_ids("swapped");
	check("setuid to the real", syscall(SYS_setuid, 1000) == 0);
	check("setgid to the real", syscall(SYS_setgid, 20) == 0);
	show_ids("effective alone");
}

int main(void)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY);

	need(fd >= 0);
	check("F_NOTIFY with no events", fcntl(fd, F_NOTIFY, DN_MULTISHOT) == 0);
	check("F_NOTIFY with none at all", fcntl(fd, F_NOTIFY, 0) == 0);
	need(syscall(SYS_setgroups, 0, NULL) == 0);
	groups();
	as_root();
	as_user();
	return test_end();
}
