/* SPDX-License-Identifier: MIT */
/* System calls that do next to nothing: the cost of the way in and out. */
#include "bench.h"
#include <fcntl.h>

static int zero_fd, null_fd;

static void run_getppid(long n)
{
	for (long i = 0; i < n; i++) {
		syscall(SYS_getppid);
		keep(i);
	}
}

static void run_enosys(long n)
{
	for (long i = 0; i < n; i++) {
		syscall(1000);
		keep(i);
	}
}

static void run_read(long n)
{
	char c;

	for (long i = 0; i < n; i++) {
		need(read(zero_fd, &c, 1) == 1);
		keep(i);
	}
}

static void run_write(long n)
{
	for (long i = 0; i < n; i++) {
		need(write(null_fd, "x", 1) == 1);
		keep(i);
	}
}

static void run_clock_vdso(long n)
{
	struct timespec ts;

	for (long i = 0; i < n; i++) {
		clock_gettime(CLOCK_MONOTONIC, &ts);
		keep(i);
	}
}

static void run_clock_call(long n)
{
	struct timespec ts;

	for (long i = 0; i < n; i++) {
		syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
		keep(i);
	}
}

static void open_devices(void)
{
	zero_fd = open("/dev/zero", O_RDONLY);
	null_fd = open("/dev/null", O_WRONLY);
	need(zero_fd >= 0 && null_fd >= 0);
}

static const struct row rows[] = {
	{ .name = "empty_loop", .run = empty_loop },
	{ .name = "getppid", .run = run_getppid },
	{ .name = "enosys", .run = run_enosys },
	{ .name = "read1_devzero", .run = run_read, .prepare = open_devices },
	{ .name = "write1_devnull", .run = run_write, .prepare = open_devices },
	{ .name = "clock_gettime", .run = run_clock_vdso },
	{ .name = "clock_gettime_raw_syscall", .run = run_clock_call },
};

BENCH_MAIN(rows)
