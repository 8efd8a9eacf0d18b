/* SPDX-License-Identifier: MIT */
/*
 * Random operations on an arena of pages beside a model of what Linux does: mmap
 * over old mappings (anonymous, private and shared file), munmap, mprotect,
 * mremap, MADV_DONTNEED, writes by the program and by the kernel, truncation of
 * nothing. After each round every page must be accessible as the model says and
 * hold what the model says. Huge blocks split and form again in the second half.
 *
 * Arguments: operations, seed, threads (each has an arena of its own).
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#define PAGE 4096ul
#define NR_PAGES 1536 /* 6 MiB: holds at least two aligned blocks of 2 MiB */
#define NR_FILE_PAGES 64

enum kind { NONE, ANON, PRIVATE_FILE, SHARED_FILE };

struct page {
	enum kind kind;
	int prot;
	int file_page; /* of file mappings */
	bool is_own; /* a private page that was written: no longer the file's */
	unsigned char content; /* first and last byte; of own and anonymous pages */
};

struct arena {
	pthread_t thread;
	char *base;
	int fd, probe[2];
	unsigned long state;
	struct page pages[NR_PAGES];
	unsigned char file[NR_FILE_PAGES];
	long nr_operations, nr_wrong, nr_done;
};

static unsigned int next(struct arena *a)
{
	a->state ^= a->state << 13;
	a->state ^= a->state >> 7;
	a->state ^= a->state << 17;
	return (unsigned int)(a->state >> 16);
}

static unsigned char expected(struct arena *a, int i)
{
	struct page *p = &a->pages[i];

	return p->kind == ANON || p->is_own ? p->content : a->file[p->file_page];
}

static char *address(struct arena *a, int i)
{
	return a->base + (size_t)i * PAGE;
}

static void wrong(struct arena *a, const char *what, int i)
{
	if (__atomic_add_fetch(&a->nr_wrong, 1, __ATOMIC_RELAXED) <= 3)
		show("FAIL %s: page %d after %ld operations (kind %d, prot %d, errno %d)", what, i, a->nr_done, a->pages[i].kind,
		     a->pages[i].prot, errno);
}

/* Reads the first and last byte through a pipe: EFAULT instead of a signal. */
static void check_page(struct arena *a, int i)
{
	struct page *p = &a->pages[i];
	char bytes[2];
	bool is_readable = write(a->probe[1], address(a, i), 1) == 1;

	if (is_readable)
		is_readable = write(a->probe[1], address(a, i) + PAGE - 1, 1) == 1 && read(a->probe[0], bytes, 2) == 2;
	if (is_readable != (p->kind != NONE && (p->prot & PROT_READ)))
		wrong(a, "accessibility", i);
	else if (is_readable && ((unsigned char)bytes[0] != expected(a, i) || (unsigned char)bytes[1] != expected(a, i)))
		wrong(a, "content", i);
}

static void write_page(struct arena *a, int i, unsigned char value, bool by_kernel)
{
	struct page *p = &a->pages[i];
	bool is_allowed = p->kind != NONE && (p->prot & PROT_WRITE);

	if (by_kernel || !is_allowed) {
		/* The kernel writes: two bytes from the pipe, first and last of the page. */
		char bytes[2] = { (char)value, (char)value };
		if (write(a->probe[1], bytes, 2) != 2)
			abort();
		bool is_done = read(a->probe[0], address(a, i), 1) == 1 && read(a->probe[0], address(a, i) + PAGE - 1, 1) == 1;
		if (is_done != is_allowed)
			wrong(a, "writability", i);
		if (!is_done) {
			if (read(a->probe[0], bytes, 2) != 2)
				abort();
			return;
		}
	} else {
		address(a, i)[0] = (char)value;
		address(a, i)[PAGE - 1] = (char)value;
	}
	if (p->kind == SHARED_FILE) {
		a->file[p->file_page] = value;
	} else {
		p->is_own = true;
		p->content = value;
	}
}

static int random_prot(struct arena *a)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };

	return prots[next(a) % 4];
}

/* A run of pages: mostly short, sometimes blocks of 2 MiB and more. */
static void random_run(struct arena *a, int *first, int *count)
{
	*first = (int)(next(a) % NR_PAGES);
	*count = 1 + (int)(next(a) % (next(a) % 8 == 0 ? 700 : 12));
	if (*first + *count > NR_PAGES)
		*count = NR_PAGES - *first;
}

static void map_run(struct arena *a, int first, int count)
{
	enum kind kind = ANON + next(a) % 3;
	int prot = random_prot(a), file_page = 0, flags = MAP_FIXED | (kind == SHARED_FILE ? MAP_SHARED : MAP_PRIVATE);

	if (kind != ANON) {
		if (count > NR_FILE_PAGES)
			count = NR_FILE_PAGES;
		file_page = (int)(next(a) % (unsigned int)(NR_FILE_PAGES - count + 1));
	} else {
		flags |= MAP_ANONYMOUS;
	}
	if (mmap(address(a, first), (size_t)count * PAGE, prot, flags, kind == ANON ? -1 : a->fd, file_page * (off_t)PAGE) ==
	    MAP_FAILED) {
		wrong(a, "mmap", first);
		return;
	}
	for (int i = 0; i < count; i++)
		a->pages[first + i] = (struct page){ .kind = kind, .prot = prot, .file_page = file_page + i };
}

static void protect_run(struct arena *a, int first, int count)
{
	int prot = random_prot(a), i = 0;
	long result = mprotect(address(a, first), (size_t)count * PAGE, prot);

	/* Up to the first hole, then ENOMEM. */
	for (; i < count && a->pages[first + i].kind != NONE; i++)
		a->pages[first + i].prot = prot;
	if ((result == 0) != (i == count) || (result != 0 && errno != ENOMEM))
		wrong(a, "mprotect", first);
}

static void discard_run(struct arena *a, int first, int count)
{
	bool has_hole = false;

	for (int i = 0; i < count; i++) {
		struct page *p = &a->pages[first + i];
		has_hole |= p->kind == NONE;
		p->is_own = false;
		p->content = 0;
	}
	long result = madvise(address(a, first), (size_t)count * PAGE, MADV_DONTNEED);
	if ((result == 0) == has_hole)
		wrong(a, "madvise", first);
}

/* Moves a run that is one mapping to another place of the same size. */
static void move_run(struct arena *a, int first, int count)
{
	int to = (int)(next(a) % NR_PAGES);
	struct page moved[16];

	if (count > 16)
		count = 16;
	if (to + count > NR_PAGES || (to < first + count && first < to + count))
		return;
	for (int i = 0; i < count; i++) {
		struct page *p = &a->pages[first + i], *q = &a->pages[first];
		moved[i] = *p;
		if (p->kind == NONE || p->kind != q->kind || p->prot != q->prot ||
		    (p->kind != ANON && p->file_page != q->file_page + i))
			return; /* Linux refuses to move what is not one area */
	}
	/* One area by all that the model knows; Linux may hold it as two that never joined: then EFAULT, nothing moved. */
	void *result = mremap(address(a, first), (size_t)count * PAGE, (size_t)count * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			      address(a, to));
	if (result == MAP_FAILED) {
		if (errno != EFAULT)
			wrong(a, "mremap", first);
		/* The target was unmapped before the source was found unfit, or not: make both sure. */
		if (munmap(address(a, to), (size_t)count * PAGE) != 0)
			wrong(a, "munmap", to);
		for (int i = 0; i < count; i++)
			a->pages[to + i] = (struct page){ .kind = NONE };
		return;
	}
	for (int i = 0; i < count; i++) {
		a->pages[to + i] = moved[i];
		a->pages[first + i] = (struct page){ .kind = NONE };
	}
}

static void *run(void *argument)
{
	struct arena *a = argument;
	int first, count;

	for (a->nr_done = 0; a->nr_done < a->nr_operations; a->nr_done++) {
		random_run(a, &first, &count);
		switch (next(a) % 12) {
		case 0:
		case 1:
			map_run(a, first, count);
			break;
		case 2:
			if (munmap(address(a, first), (size_t)count * PAGE) != 0)
				wrong(a, "munmap", first);
			for (int i = 0; i < count; i++)
				a->pages[first + i] = (struct page){ .kind = NONE };
			break;
		case 3:
		case 4:
			protect_run(a, first, count);
			break;
		case 5:
			discard_run(a, first, count);
			break;
		case 6:
			move_run(a, first, count);
			break;
		case 7: /* the file is written by the kernel */
			a->file[first % NR_FILE_PAGES] = (unsigned char)next(a);
			for (int side = 0; side < 2; side++)
				if (pwrite(a->fd, &a->file[first % NR_FILE_PAGES], 1,
					   (off_t)(first % NR_FILE_PAGES) * (off_t)PAGE + (side ? (off_t)PAGE - 1 : 0)) != 1)
					wrong(a, "pwrite", first);
			break;
		default:
			for (int i = 0; i < count && i < 20; i++)
				write_page(a, first + i, (unsigned char)(1 + next(a) % 255), next(a) % 4 == 0);
		}
		random_run(a, &first, &count);
		for (int i = 0; i < count && i < 16; i++)
			check_page(a, first + i);
		if (a->nr_done % 2000 == 1999) {
			for (int i = 0; i < NR_PAGES; i++)
				check_page(a, i);
			/* Start again from one large area, so that huge blocks come back. */
			if (mmap(a->base, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
			    a->base)
				wrong(a, "mmap", 0);
			for (int i = 0; i < NR_PAGES; i++)
				a->pages[i] = (struct page){ .kind = ANON, .prot = PROT_READ | PROT_WRITE };
		}
	}
	for (int i = 0; i < NR_PAGES; i++)
		check_page(a, i);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct arena arenas[16];
	long nr_operations = argc > 1 ? atol(argv[1]) : 4000, nr_threads = argc > 3 ? atol(argv[3]) : 2, nr_wrong = 0;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;

	need(nr_threads > 0 && nr_threads <= 16);
	for (long i = 0; i < nr_threads; i++) {
		struct arena *a = &arenas[i];
		a->state = (seed * 16 + (unsigned long)i) * 0x9e3779b97f4a7c15ul + 1;
		a->nr_operations = nr_operations;
		a->fd = memfd_create("arena", 0);
		need(a->fd >= 0 && ftruncate(a->fd, NR_FILE_PAGES * PAGE) == 0 && pipe2(a->probe, O_NONBLOCK) == 0);
		a->base = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		need(a->base != MAP_FAILED);
		for (int k = 0; k < NR_PAGES; k++)
			a->pages[k] = (struct page){ .kind = ANON, .prot = PROT_READ | PROT_WRITE };
	}
	for (long i = 0; i < nr_threads; i++)
		need(pthread_create(&arenas[i].thread, NULL, run, &arenas[i]) == 0);
	for (long i = 0; i < nr_threads; i++) {
		pthread_join(arenas[i].thread, NULL);
		nr_wrong += arenas[i].nr_wrong;
	}
	show("operations %ld in each of %ld arenas, wrong %ld", nr_operations, nr_threads, nr_wrong);
	return test_end();
}
