/* SPDX-License-Identifier: MIT */
/*
 * What an operation costs does not depend on how many objects of its kind there are: timers, record locks of one file (of one description, and of many), locks on whole
 * files. On Samara, which is run with exact times for this, the cost among many is compared with the cost among few; Linux keeps some of these in lists and is not judged.
 */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#define FEW 200
#define MANY 12000
#define SAMPLE 100	/* operations that are measured together */

static bool is_judged;
static int file, files[MANY];

static void set_lock(int fd, int command, short type, long start)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };

	need(fcntl(fd, command, &l) == 0);
}

static void make_timer(int i)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	struct itimerspec setting = { .it_value.tv_sec = 1000 };
	int id;

	(void)i;
	need(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id) == 0);
	need(syscall(SYS_timer_settime, id, 0, &setting, NULL) == 0);
}

static void make_record(int i)
{
	set_lock(file, F_SETLK, F_WRLCK, 2 * i);
}

/* Each reads the same byte, and writes one of its own. */
static void make_shared_record(int i)
{
	set_lock(files[i], F_OFD_SETLK, F_RDLCK, 0);
	set_lock(files[i], F_OFD_SETLK, F_WRLCK, 1000000 + 2 * i);
}

static void make_flock(int i)
{
	need(flock(files[i], LOCK_SH) == 0);
}

static void close_file(int i)
{
	need(close(files[i]) == 0);
}

static char text[100];

static const char *name_of(const char *kind, int i)
{
	snprintf(text, sizeof(text), "/tmp/many-objects.d/%s%d", kind, i);
	return text;
}

static void make_target(void)
{
	int fd = open("/tmp/many-objects.d/target", O_RDWR | O_CREAT, 0600);

	need(fd >= 0);
	close(fd);
}

static void make_link(int i)
{
	need(link("/tmp/many-objects.d/target", name_of("link", i)) == 0);
}

static void look_up(int i)
{
	struct stat st;

	need(stat(name_of("link", i), &st) == 0);
}

static void look_in_vain(int i)
{
	need(access(name_of("none", i), F_OK) == -1);
}

static void remove_link(int i)
{
	need(unlink(name_of("link", i)) == 0);
}

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The operations from on, in nanoseconds, which are instructions here. */
static long measure(void (*operate)(int), int from)
{
	long start = now();

	for (int i = from; i < from + SAMPLE; i++)
		operate(i);
	return now() - start;
}

static void try(const char *what, void (*operate)(int))
{
	long few, many;

	for (int i = 0; i < FEW; i++)
		operate(i);
	few = measure(operate, FEW);
	for (int i = FEW + SAMPLE; i < MANY - SAMPLE; i++)
		operate(i);
	many = measure(operate, MANY - SAMPLE);
	if (!check(what, !is_judged || (many < 2 * few && few < 2 * many)))
		show("%ld, then %ld", few, many);
}

int main(void)
{
	struct rlimit limit = { MANY + 100, MANY + 100 }, none = { RLIM_INFINITY, RLIM_INFINITY };
	struct utsname name;

	uname(&name);
	is_judged = strcmp(name.nodename, "samara") == 0;
	setrlimit(RLIMIT_NOFILE, &limit);
	setrlimit(RLIMIT_SIGPENDING, &none);
	mkdir("/tmp", 01777);
	file = open("/tmp/many-objects", O_RDWR | O_CREAT, 0600);
	need(file >= 0);
	for (int i = 0; i < MANY; i++)
		need((files[i] = open("/tmp/many-objects", O_RDWR)) >= 0);
	try("timers", make_timer);
	try("record locks", make_record);
	set_lock(file, F_SETLK, F_UNLCK, 0);
	try("record locks of many descriptions", make_shared_record);
	try("locks on a whole file", make_flock);
	try("closing files with locks", close_file);
	mkdir("/tmp/many-objects.d", 0700);
	need(mount("x", "/tmp/many-objects.d", "tmpfs", 0, "nr_inodes=100000") == 0);
	make_target();
	try("names of a directory", make_link);
	try("looking names up", look_up);
	try("looking for names that are not there", look_in_vain);
	try("removing names", remove_link);
	return test_end();
}
