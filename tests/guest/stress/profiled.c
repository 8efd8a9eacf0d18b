/* SPDX-License-Identifier: MIT */
/*
 * For tests/trace-check.py --profile: nearly all of the time is spent in a system
 * call that inner() makes, which outer() calls, which main() calls.
 */
#include "test.h"
#include <fcntl.h>

static char buffer[1 << 20];
static volatile int sink;

static __attribute__((noinline)) void inner(int fd)
{
	if (read(fd, buffer, sizeof(buffer)) > 0)
		sink++;
}

static __attribute__((noinline)) void outer(int fd)
{
	inner(fd);
	sink++;
}

int main(void)
{
	int fd = open("/dev/zero", O_RDONLY);

	for (int i = 0; i < 1000; i++)
		outer(fd);
	check("profiled", sink >= 1000);
	return test_end();
}
