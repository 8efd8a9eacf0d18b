/* SPDX-License-Identifier: MIT */
/* Files in memory: open and close, stat, pread and pwrite of 4 KiB, what a server does for a file, a pipe filled and emptied by one thread. */
#include "bench.h"
#include <fcntl.h>
#include <sys/stat.h>

static const char path[] = "/tmp/bench-file";
static char buffer[32 << 10];
static int fd, fds[2];

static void make_file(void)
{
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	need(fd >= 0 && write(fd, buffer, sizeof(buffer)) == sizeof(buffer));
}

static void run_open_close(long n)
{
	for (long i = 0; i < n; i++)
		close(open(path, O_RDONLY));
}

static void run_stat(long n)
{
	struct stat st;

	for (long i = 0; i < n; i++)
		need(stat(path, &st) == 0);
}

static void run_pread(long n)
{
	for (long i = 0; i < n; i++)
		need(pread(fd, buffer, 4096, 4096) == 4096);
}

static void run_pwrite(long n)
{
	for (long i = 0; i < n; i++)
		need(pwrite(fd, buffer, 4096, 4096) == 4096);
}

static char program[256];

static void find_program(void)
{
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	need(n > 0);
	program[n] = '\0';
}

/* 1 KiB of a file of the image that the machine started with. */
static void run_serve(long n)
{
	struct stat st;

	for (long i = 0; i < n; i++) {
		int file = open(program, O_RDONLY | O_NONBLOCK);

		need(file >= 0 && fstat(file, &st) == 0);
		need(pread(file, buffer, 1024, 0) == 1024);
		close(file);
	}
}

static void make_pipe(void)
{
	need(pipe(fds) == 0);
}

static void run_pipe(long n)
{
	for (long i = 0; i < n; i++) {
		need(write(fds[1], buffer, sizeof(buffer)) == sizeof(buffer));
		need(read(fds[0], buffer, sizeof(buffer)) == sizeof(buffer));
	}
}

static const struct row rows[] = {
	{ .name = "open_close", .run = run_open_close, .prepare = make_file },
	{ .name = "stat", .run = run_stat, .prepare = make_file },
	{ .name = "pread_4k_tmpfile", .run = run_pread, .prepare = make_file },
	{ .name = "pwrite_4k_tmpfile", .run = run_pwrite, .prepare = make_file },
	{ .name = "open_fstat_pread_close_1k", .run = run_serve, .prepare = find_program },
	{ .name = "pipe_write_read_32k_1thread", .run = run_pipe, .prepare = make_pipe },
};

BENCH_MAIN(rows)
