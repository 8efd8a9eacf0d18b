/* SPDX-License-Identifier: MIT */
/* Page faults of 4 KiB and 2 MiB, mmap and munmap, mprotect, brk, memcpy. */
#include "bench.h"
#include <sys/mman.h>

#define PAGE 4096l
#define MB (1l << 20)
#define AREA (64 * MB)
#define RW (PROT_READ | PROT_WRITE)

static char *map(long len)
{
	char *p = mmap(NULL, (size_t)len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED);
	return p;
}

/*
 * Touches every page of 64 MiB; the time of mmap and munmap is taken out, as
 * what this row is to show is the fault. A row's loop body is one area, so its
 * divisor is the number of pages (or blocks).
 */
static int64_t outside_ns;

static void touch_area(long n, int advice)
{
	for (long i = 0; i < n; i++) {
		int64_t begin = now_ns();
		char *p = map(AREA + 2 * MB);
		char *aligned = (char *)(((uintptr_t)p + 2 * MB - 1) & ~(2ul * MB - 1));
		if (advice >= 0)
			madvise(aligned, AREA, advice);
		outside_ns += now_ns() - begin;
		for (long at = 0; at < AREA; at += PAGE)
			aligned[at] = 1;
		begin = now_ns();
		munmap(p, AREA + 2 * MB);
		outside_ns += now_ns() - begin;
	}
}

/* A row of its own kind: prints itself, since time outside is subtracted. */
static void print_touch(const char *name, int advice, long divisor)
{
	double values[REPEATS];

	touch_area(1, advice);
	for (int i = 0; i < REPEATS; i++) {
		outside_ns = 0;
		int64_t begin = now_ns();
		touch_area(1, advice);
		values[i] = (double)(now_ns() - begin - outside_ns) / (double)divisor;
	}
	qsort(values, REPEATS, sizeof(values[0]), by_value);
	printf("%s %.1f ns/op %ld %.1f%%\n", name, values[REPEATS / 2], divisor,
	       (values[REPEATS - 1] - values[0]) / values[REPEATS / 2] * 100);
	fflush(stdout);
}

/* A program has other memory beside what it maps and unmaps. */
static void prepare_neighbour(void)
{
	map(MB)[0] = 1;
}

static void run_mmap_munmap(long n)
{
	for (long i = 0; i < n; i++)
		munmap(map(PAGE), PAGE);
}

static void run_mmap_touch_munmap(long n)
{
	for (long i = 0; i < n; i++) {
		char *p = map(PAGE);
		*p = 1;
		munmap(p, PAGE);
	}
}

static char *area;

static void prepare_mprotect(void)
{
	/* Between inaccessible neighbours, so that no area can be joined with another. */
	area = mmap(NULL, 3 * (64 << 10), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(area != MAP_FAILED);
	area += 64 << 10;
	need(mprotect(area, 64 << 10, RW) == 0);
	memset(area, 1, 64 << 10);
}

static void run_mprotect(long n)
{
	for (long i = 0; i < n; i++) {
		need(mprotect(area, 64 << 10, PROT_READ) == 0);
		need(mprotect(area, 64 << 10, RW) == 0);
	}
}

static void run_brk(long n)
{
	for (long i = 0; i < n; i++) {
		char *p = sbrk(64 << 10);
		for (long at = 0; at < 64 << 10; at += PAGE)
			p[at] = 1;
		sbrk(-(64 << 10));
	}
}

static char *from, *to;

static void prepare_memcpy(void)
{
	from = map(MB);
	to = map(MB);
	memset(from, 1, MB);
	memset(to, 1, MB);
}

static void run_memcpy(long n)
{
	for (long i = 0; i < n; i++) {
		memcpy(to, from, MB);
		keep(i);
	}
}

static const struct row rows[] = {
	{ .name = "mmap_munmap_4k_untouched", .run = run_mmap_munmap, .prepare = prepare_neighbour },
	{ .name = "mmap_touch_munmap_4k", .run = run_mmap_touch_munmap, .prepare = prepare_neighbour },
	{ .name = "mprotect_pair_64k", .run = run_mprotect, .prepare = prepare_mprotect },
	{ .name = "brk_grow_touch_shrink_64k", .run = run_brk },
	{ .name = "memcpy_1MiB", .run = run_memcpy, .prepare = prepare_memcpy },
};

static const struct {
	const char *name;
	int advice;
	long divisor;
} touch_rows[] = {
	{ "pagefault_4k_64MiB_per_page", MADV_NOHUGEPAGE, AREA / PAGE },
	{ "pagefault_thp_64MiB_per_2M", MADV_HUGEPAGE, AREA / (2 * MB) },
	{ "pagefault_default_64MiB_per_4k_page", -1, AREA / PAGE },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < ARRAY_LEN(touch_rows); i++)
		if (is_wanted(&(struct row){ .name = touch_rows[i].name }, argc, argv))
			print_touch(touch_rows[i].name, touch_rows[i].advice, touch_rows[i].divisor);
	return run_rows(rows, ARRAY_LEN(rows), argc, argv);
}
