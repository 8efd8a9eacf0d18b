/* SPDX-License-Identifier: MIT */
/* Devices whose driver may be missing: opening them says ENODEV, or works; of a number that nobody has, ENODEV or ENXIO. */
#include "test.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void test(const char *path, unsigned major, unsigned minor)
{
	int fd;

	unlink("/tmp/missing-device");
	need(mknod("/tmp/missing-device", S_IFCHR | 0600, makedev(major, minor)) == 0);
	fd = open("/tmp/missing-device", O_RDWR);
	if (path)
		show("%s: %s", path, fd >= 0 || errno == ENODEV ? "is there, or has no driver" : strerror(errno));
	else
		show("%u, %u: %s", major, minor, fd >= 0 ? "IS THERE" : strerror(errno));
	if (fd >= 0)
		close(fd);
	unlink("/tmp/missing-device");
}

static void test_name(const char *path, unsigned minor)
{
	struct stat st;
	int r = stat(path, &st);

	/* Not every Linux has the names. */
	check(path, r != 0 || (S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, minor)));
}

int main(void)
{
	test("tun", 10, 200);
	test("fuse", 10, 229);
	test(NULL, 10, 254);
	test(NULL, 250, 77);
	test_name("/dev/net/tun", 200);
	test_name("/dev/fuse", 229);
	return test_end();
}
