/* SPDX-License-Identifier: MIT */
/*
 * Files among threads: appends never overlap, a shared offset is moved once for
 * each read, directories under concurrent change, descriptors that are closed while
 * used, rename storms that never lose a file.
 */
#include "test.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define NR_THREADS 4

static void run(void *(*body)(void *), int nr)
{
	pthread_t threads[8];

	for (long i = 0; i < nr; i++)
		need(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
	for (int i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
}

static int shared_fd;

static void *append(void *argument)
{
	char record[100];
	int fd = open("appended", O_WRONLY | O_APPEND);

	need(fd >= 0);
	memset(record, 'a' + (int)(long)argument, sizeof(record));
	for (int i = 0; i < 300; i++)
		need(write(fd, record, sizeof(record)) == sizeof(record));
	close(fd);
	return NULL;
}

static void test_append(void)
{
	char record[100];
	int counts[NR_THREADS] = { 0 }, nr_mixed = 0;
	int fd = open("appended", O_RDWR | O_CREAT | O_TRUNC, 0600);

	run(append, NR_THREADS);
	while (read(fd, record, sizeof(record)) == sizeof(record)) {
		for (size_t i = 1; i < sizeof(record); i++)
			nr_mixed += record[i] != record[0];
		counts[(record[0] - 'a') & (NR_THREADS - 1)]++;
	}
	show("appended %d %d %d %d, mixed %d", counts[0], counts[1], counts[2], counts[3], nr_mixed);
	close(fd);
}

static char seen[4000];

static void *read_records(void *unused)
{
	int record;

	(void)unused;
	while (read(shared_fd, &record, 4) == 4)
		__atomic_add_fetch(&seen[record], 1, __ATOMIC_RELAXED);
	return NULL;
}

static void test_shared_offset(void)
{
	int nr_once = 0;

	shared_fd = open("records", O_RDWR | O_CREAT | O_TRUNC, 0600);
	for (int i = 0; i < 4000; i++)
		need(write(shared_fd, &i, 4) == 4);
	lseek(shared_fd, 0, SEEK_SET);
	run(read_records, NR_THREADS);
	for (int i = 0; i < 4000; i++)
		nr_once += seen[i] == 1;
	show("records read once: %d", nr_once);
	close(shared_fd);
}

static long nr_errors;

static void *create_and_remove(void *argument)
{
	char name[64], other[64];
	long me = (long)argument;

	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "dir/%ld-%d", me, i % 10);
		snprintf(other, sizeof(other), "dir/%ld-moved", me);
		int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		bool is_right = fd >= 0 && write(fd, "x", 1) == 1 && rename(name, other) == 0 && access(name, F_OK) != 0 &&
				unlink(other) == 0;
		__atomic_add_fetch(&nr_errors, !is_right, __ATOMIC_RELAXED);
		close(fd);
	}
	return NULL;
}

static void test_directory(void)
{
	struct stat st;

	mkdir("dir", 0755);
	run(create_and_remove, NR_THREADS);
	show("errors %ld", nr_errors);
	check("the directory is empty again", rmdir("dir") == 0 && stat("dir", &st) != 0);
}

/* Only one of several creators with O_EXCL wins. */
static long nr_winners;

static void *compete(void *unused)
{
	char name[32];

	(void)unused;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "exclusive-%d", i);
		int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd >= 0) {
			__atomic_add_fetch(&nr_winners, 1, __ATOMIC_RELAXED);
			close(fd);
		}
	}
	return NULL;
}

/* Two names, always exactly one file: renames to and fro. */

static void *swap_names(void *argument)
{
	for (int i = 0; i < 500; i++) {
		if ((long)argument == 0)
			rename("this", "that");
		else
			rename("that", "this");
	}
	return NULL;
}

static void test_names(void)
{
	run(compete, NR_THREADS);
	show("winners %ld", nr_winners);
	close(open("this", O_CREAT | O_WRONLY, 0600));
	run(swap_names, 2);
	check("one name is left", (access("this", F_OK) == 0) != (access("that", F_OK) == 0));
}

/* Descriptors are closed and opened by some threads while others use them: any error is EBADF. */
static long nr_odd;

static void *use_descriptors(void *argument)
{
	char c;
	unsigned int seed = (unsigned int)(long)argument + 1;

	for (int i = 0; i < 2000; i++) {
		seed = seed * 1103515245 + 12345;
		int fd = 100 + (int)(seed >> 16) % 8;
		long result = 0;
		switch ((seed >> 24) % 5) {
		case 0:
			result = pread(fd, &c, 1, 0);
			break;
		case 1:
			result = dup2(shared_fd, fd);
			break;
		case 2:
			result = close(fd);
			break;
		case 3:
			result = lseek(fd, 0, SEEK_CUR);
			break;
		default:
			result = fcntl(fd, F_GETFD);
		}
		if (result < 0 && errno != EBADF && errno != EBUSY)
			__atomic_add_fetch(&nr_odd, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_descriptors(void)
{
	shared_fd = open("records", O_RDWR);
	run(use_descriptors, NR_THREADS);
	show("odd errors %ld", nr_odd);
	char c;
	check("the file is unharmed", pread(shared_fd, &c, 1, 0) == 1);
}

int main(void)
{
	mkdir("/tmp", 01777);
	need(mkdir("/tmp/files-threads", 0755) == 0 && chdir("/tmp/files-threads") == 0);
	test_append();
	test_shared_offset();
	test_directory();
	test_names();
	test_descriptors();
	return test_end();
}
