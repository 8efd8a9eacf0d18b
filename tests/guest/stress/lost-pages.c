/* SPDX-License-Identifier: MIT */
/*
 * Memory beside a mapping of a file, in the same piece of page table, while another thread takes the file's pages away all the time: by holes, by truncation, by turns. A page
 * of memory that was written keeps what was written, and nothing stays resident at the end that was not at the begin.
 *
 *	stress/lost-pages ROUNDS
 */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#define PIECE (2l << 20)
#define PAGE 4096l
#define AT ((char *)0x3000000000l)

static int file;
static bool is_over;

static void *take_away(void *argument)
{
	for (long n = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); n++) {
		if (n % 64 == 63)
			need(ftruncate(file, 0) == 0 && ftruncate(file, PIECE) == 0);
		else
			need(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PIECE) == 0);
	}
	return argument;
}

static long resident_pages(void)
{
	char line[128] = "";
	long pages = -1;
	int fd = open("/proc/self/statm", O_RDONLY);

	need(fd >= 0 && read(fd, line, sizeof(line) - 1) > 0 && sscanf(line, "%*d %ld", &pages) == 1);
	close(fd);
	return pages;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? atol(argv[1]) : 1000, lost = 0, before;
	pthread_t other;

	file = memfd_create("pages", 0);
	need(file >= 0 && ftruncate(file, PIECE) == 0);
	need(pthread_create(&other, NULL, take_away, NULL) == 0);
	before = resident_pages();
	for (long n = 1; n <= rounds; n++) {
		int kind = n % 2 ? MAP_SHARED : MAP_PRIVATE;
		char *shown = mmap(AT, PIECE, PROT_READ | PROT_WRITE, kind | MAP_FIXED, file, 0);
		volatile long *memory = mmap(AT, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

		need(shown == AT && (char *)memory == AT);
		*memory = n;	/* the first page there: its fault makes the table */
		for (int look = 0; look < 300; look++)
			lost += *memory != n;
		need(munmap(AT, PIECE) == 0);
	}
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(other, NULL);
	show("%ld pages lost", lost);
	check("what is resident is what was", labs(resident_pages() - before) < 512);
	return test_end();
}
