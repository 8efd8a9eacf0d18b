/* SPDX-License-Identifier: MIT */
/* Flags of mmap(2) that MAP_SHARED ignores and MAP_SHARED_VALIDATE refuses. */
#include "test.h"

#include <sys/mman.h>

#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#define UNKNOWN 0x200000

static int file;

static void try(const char *what, int flags, int fd)
{
	void *p;

	errno = 0;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
	show("%s: %s", what, p == MAP_FAILED ? strerrorname_np(errno) : "mapped");
	if (p != MAP_FAILED)
		munmap(p, 4096);
}

int main(void)
{
	file = memfd_create("flags", 0);
	need(file >= 0 && ftruncate(file, 4096) == 0);
	try("shared, unknown flag", MAP_SHARED | UNKNOWN, file);
	try("private, unknown flag", MAP_PRIVATE | UNKNOWN, file);
	try("validated", MAP_SHARED_VALIDATE, file);
	try("validated, unknown flag", MAP_SHARED_VALIDATE | UNKNOWN, file);
	try("validated, synchronous", MAP_SHARED_VALIDATE | 0x80000, file);
	try("validated, old flags", MAP_SHARED_VALIDATE | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | 0x800 | 0x1000, file);
	try("validated, not to be replaced", MAP_SHARED_VALIDATE | 0x100000, file);
	try("validated, no file", MAP_SHARED_VALIDATE | UNKNOWN, -1);
	try("validated, anonymous", MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1);
	try("no type", MAP_ANONYMOUS, -1);
	return test_end();
}
