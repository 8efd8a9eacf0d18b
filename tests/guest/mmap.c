/* SPDX-License-Identifier: MIT */
/*
 * Anonymous memory: mmap with its flags, munmap and mprotect that split,
 * mremap, PROT_NONE reservations, brk, madvise, mincore, stack growth, huge
 * areas. What a page holds is read by the kernel too (probe), so that a fault
 * shows as EFAULT and needs no handler.
 */
#include "test.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096ul
#define MB (1ul << 20)
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static int probe_fds[2];

/* Can this byte be read? By a write to a pipe, which fails with EFAULT if not. */
static bool is_readable(const void *address)
{
	char c;

	if (write(probe_fds[1], address, 1) != 1)
		return false;
	return read(probe_fds[0], &c, 1) == 1;
}

static bool is_writable(void *address)
{
	char c = *(char *)address;

	need(write(probe_fds[1], &c, 1) == 1);
	if (read(probe_fds[0], address, 1) == 1)
		return true;
	need(read(probe_fds[0], &c, 1) == 1);
	return false;
}

static char *map(size_t len, int prot)
{
	char *p = mmap(NULL, len, prot, ANON, -1, 0);

	need(p != MAP_FAILED);
	return p;
}

/* One character a page: r readable, w writable too, . not mapped or no access. */
static void show_pages(const char *what, char *p, int nr)
{
	char line[65];

	for (int i = 0; i < nr; i++)
		line[i] = !is_readable(p + i * PAGE) ? '.' : is_writable(p + i * PAGE) ? 'w' : 'r';
	line[nr] = '\0';
	show("%s: %s", what, line);
}

static void test_basics(void)
{
	char *p = map(16 * PAGE, RW);
	bool is_zero = true;

	for (size_t i = 0; i < 16 * PAGE; i++)
		is_zero &= p[i] == 0;
	check("new memory is zero", is_zero);
	check_errno("length zero", (long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	check_errno("neither shared nor private", (long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	check_errno("unaligned fixed address", (long)mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	check_errno("bad descriptor", (long)mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	check_errno("unaligned offset", (long)syscall(SYS_mmap, NULL, PAGE, RW, ANON, -1, 1), EINVAL);
	check_errno("more than the address space", (long)mmap(NULL, 1ul << 60, PROT_NONE, ANON, -1, 0), ENOMEM);
	check_errno("fixed beyond the address space",
		    (long)mmap((void *)(1ul << 60), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	check("a length is rounded up to pages", (map(100, RW))[4095] == 0);
	check_errno("munmap unaligned", munmap(p + 1, PAGE), EINVAL);
	check_errno("munmap of length zero", munmap(p, 0), EINVAL);
	check("munmap", munmap(p, 16 * PAGE) == 0 && !is_readable(p));
	check("munmap again", munmap(p, 16 * PAGE) == 0);

	char *hint = map(PAGE, RW);
	munmap(hint, PAGE);
	check("a free hint is taken", mmap(hint, PAGE, RW, ANON, -1, 0) == hint);
	char *other = mmap(hint, PAGE, RW, ANON, -1, 0);
	check("a taken hint is not", other != MAP_FAILED && other != hint);
	check_errno("MAP_FIXED_NOREPLACE at a taken address",
		    (long)mmap(hint, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	hint[0] = 5;
	check("MAP_FIXED replaces", mmap(hint, PAGE, RW, ANON | MAP_FIXED, -1, 0) == hint && hint[0] == 0);
	munmap(hint, PAGE);
	check("MAP_FIXED_NOREPLACE at a free one",
	      mmap(hint, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == hint);
}

static void test_splits(void)
{
	char *p = map(16 * PAGE, RW);

	memset(p, 7, 16 * PAGE);
	munmap(p + 4 * PAGE, 2 * PAGE);
	show_pages("hole in the middle", p, 16);
	munmap(p, PAGE);
	munmap(p + 15 * PAGE, PAGE);
	show_pages("and at both ends", p, 16);
	munmap(p + 3 * PAGE, 6 * PAGE);
	show_pages("over a hole", p, 16);
	check("what is left is unchanged", p[PAGE] == 7 && p[14 * PAGE + 4095] == 7);
	munmap(p, 16 * PAGE);

	p = map(16 * PAGE, RW);
	memset(p, 9, 16 * PAGE);
	mprotect(p + 2 * PAGE, 4 * PAGE, PROT_READ);
	mprotect(p + 8 * PAGE, 2 * PAGE, PROT_NONE);
	mprotect(p + 5 * PAGE, 4 * PAGE, RW);
	show_pages("protections", p, 16);
	mprotect(p, 16 * PAGE, PROT_READ);
	show_pages("all read-only", p, 16);
	mprotect(p, 16 * PAGE, RW);
	show_pages("all writable", p, 16);
	bool is_same = true;
	for (size_t i = 0; i < 16 * PAGE; i++)
		is_same &= p[i] == 9;
	check("contents survive", is_same);
	munmap(p + 8 * PAGE, PAGE);
	check_errno("mprotect over a hole", mprotect(p, 16 * PAGE, PROT_READ), ENOMEM);
	show_pages("changed up to the hole", p, 16);
	check_errno("mprotect unaligned", mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	check_errno("mprotect with odd bits", mprotect(p, PAGE, 0x100), EINVAL);
	check("mprotect of nothing", mprotect(p, 0, PROT_READ) == 0);
	check_errno("mprotect of unmapped", mprotect(p + 8 * PAGE, PAGE, PROT_READ), ENOMEM);
	munmap(p, 16 * PAGE);
}

static void test_mremap(void)
{
	char *p = map(8 * PAGE, RW);

	for (int i = 0; i < 8; i++)
		p[i * PAGE] = (char)(i + 1);
	check("shrink in place", mremap(p, 8 * PAGE, 4 * PAGE, 0) == p && !is_readable(p + 4 * PAGE));
	check("grow in place where free", mremap(p, 4 * PAGE, 8 * PAGE, 0) == p && p[3 * PAGE] == 4 && p[5 * PAGE] == 0);

	/* Something behind it: it cannot grow there. */
	char *area = map(16 * PAGE, PROT_NONE);
	check("fixed inside", mmap(area, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == area);
	area[0] = 1;
	area[3 * PAGE] = 4;
	check_errno("cannot grow in place", (long)mremap(area, 4 * PAGE, 8 * PAGE, 0), ENOMEM);
	char *moved = mremap(area, 4 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
	check("grows by moving", moved != MAP_FAILED && moved != area && moved[0] == 1 && moved[3 * PAGE] == 4 &&
					 moved[31 * PAGE] == 0);
	check("the old place is free", !is_readable(area));
	char *target = area + 8 * PAGE;
	check("moves to a fixed place", mremap(moved, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target &&
						target[0] == 1);
	check("only that part moved", !is_readable(moved) && !is_readable(moved + PAGE) && moved[3 * PAGE] == 4);
	check_errno("fixed and overlapping", (long)mremap(target, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
							  target + PAGE), EINVAL);
	check_errno("fixed without maymove", (long)mremap(target, PAGE, PAGE, MREMAP_FIXED, area), EINVAL);
	check_errno("nothing there", (long)mremap(area, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	check_errno("new length zero", (long)mremap(target, PAGE, 0, MREMAP_MAYMOVE), EINVAL);
	check_errno("unaligned", (long)mremap(target + 1, PAGE, PAGE, MREMAP_MAYMOVE), EINVAL);

	char *kept = map(4 * PAGE, RW);
	memset(kept, 3, 4 * PAGE);
	char *copy = mremap(kept, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	check("MREMAP_DONTUNMAP moves the pages", copy != MAP_FAILED && copy != kept && copy[0] == 3 && copy[3 * PAGE] == 3);
	check("and leaves empty ones", kept[0] == 0 && kept[3 * PAGE] == 0);

	/* 64 MiB that move keep their content without being copied page by page by hand. */
	char *big = map(64 * MB, RW);
	for (size_t i = 0; i < 64 * MB; i += MB)
		big[i] = (char)(i / MB + 1);
	char *big_moved = mremap(big, 64 * MB, 96 * MB, MREMAP_MAYMOVE);
	bool is_same = big_moved != MAP_FAILED;
	for (size_t i = 0; is_same && i < 64 * MB; i += MB)
		is_same &= big_moved[i] == (char)(i / MB + 1);
	check("64 MiB grow to 96", is_same && big_moved[95 * MB] == 0);
	munmap(big_moved, 96 * MB);
}

static void test_reservations(void)
{
	const size_t terabyte = 1ul << 40;
	char *p = mmap(NULL, 4 * terabyte, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);

	check("four terabytes of PROT_NONE", p != MAP_FAILED);
	check("cannot be read", !is_readable(p) && !is_readable(p + 4 * terabyte - 1));
	check("a page in the middle", mprotect(p + terabyte, PAGE, RW) == 0);
	p[terabyte] = 1;
	check("can be used", p[terabyte] == 1 && !is_readable(p + terabyte - 1) && !is_readable(p + terabyte + PAGE));
	check("replaced by a mapping", mmap(p + 2 * terabyte, 2 * MB, RW, ANON | MAP_FIXED, -1, 0) == p + 2 * terabyte);
	memset(p + 2 * terabyte, 1, 2 * MB);
	check("madvise over all", madvise(p, 4 * terabyte, MADV_DONTNEED) == 0 && p[terabyte] == 0 && p[2 * terabyte] == 0);
	check("unmapped at once", munmap(p, 4 * terabyte) == 0);

	/* Overcommit: more than there is, if it is not touched. */
	char *big = mmap(NULL, 64ul << 30, RW, ANON | MAP_NORESERVE, -1, 0);
	check("64 GiB writable, untouched", big != MAP_FAILED);
	for (size_t i = 0; i < 64; i++)
		big[i << 30] = (char)i;
	check("a page here and there", big[63ul << 30] == 63 && big[(63ul << 30) + 1] == 0);
	munmap(big, 64ul << 30);
	for (int i = 0; i < 100; i++) {
		char *q = mmap(NULL, 1ul << 33, RW, ANON | MAP_NORESERVE, -1, 0);
		need(q != MAP_FAILED);
		q[1ul << 32] = 1;
		munmap(q, 1ul << 33);
	}
	check("a hundred times 8 GiB", true);
}

static void test_brk(void)
{
	char *start = sbrk(0);

	check("sbrk grows", sbrk(1 << 20) == start);
	memset(start, 1, 1 << 20);
	check("the end can be used", start[(1 << 20) - 1] == 1);
	check("sbrk shrinks", sbrk(-(1 << 19)) != (void *)-1 && !is_readable(start + (1 << 20) - 1));
	sbrk(1 << 19);
	check("grown again it is zero", start[(1 << 20) - 1] == 0 && start[0] == 1);
	check("brk below the start is refused", syscall(SYS_brk, 4096) == (long)sbrk(0));
	check_errno("brk beyond memory", brk((void *)(1ul << 50)), ENOMEM);
	sbrk(-(1 << 20));
}

static void test_madvise(void)
{
	char *p = map(8 * PAGE, RW);

	memset(p, 5, 8 * PAGE);
	check("DONTNEED", madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED) == 0);
	check("gives zeros", p[0] == 5 && p[PAGE] == 0 && p[3 * PAGE - 1] == 0 && p[3 * PAGE] == 5);
	check("FREE", madvise(p, 8 * PAGE, MADV_FREE) == 0);
	char c = p[4 * PAGE];
	check("keeps or zeroes", c == 5 || c == 0);
	p[4 * PAGE] = 6;
	check("a write after FREE stays", p[4 * PAGE] == 6);
	static const int advices[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
				       MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK, MADV_DOFORK, MADV_DONTDUMP };
	bool is_right = true;
	for (size_t i = 0; i < ARRAY_LEN(advices); i++)
		is_right &= madvise(p, 8 * PAGE, advices[i]) == 0;
	check("advice is accepted", is_right);
	check_errno("unknown advice", madvise(p, PAGE, 12345), EINVAL);
	check_errno("unaligned", madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	munmap(p + 4 * PAGE, PAGE);
	check_errno("over a hole", madvise(p, 8 * PAGE, MADV_DONTNEED), ENOMEM);
	check("but done elsewhere", p[0] == 0 && p[7 * PAGE] == 0);
	check("POPULATE_WRITE", madvise(p, 4 * PAGE, 23) == 0);

	unsigned char residency[8];
	char *q = map(8 * PAGE, RW);
	madvise(q, 8 * PAGE, MADV_NOHUGEPAGE);
	q[2 * PAGE] = 1;
	q[5 * PAGE] = 1;
	need(mincore(q, 8 * PAGE, residency) == 0);
	show("mincore %d%d%d%d%d%d%d%d", residency[0] & 1, residency[1] & 1, residency[2] & 1, residency[3] & 1,
	     residency[4] & 1, residency[5] & 1, residency[6] & 1, residency[7] & 1);
	check_errno("mincore over a hole", mincore(p, 8 * PAGE, residency), ENOMEM);
	check_errno("mincore unaligned", mincore(q + 1, PAGE, residency), EINVAL);
	check("mlock and munlock", mlock(q, PAGE) == 0 && munlock(q, PAGE) == 0);
	char *populated = mmap(NULL, 8 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
	need(mincore(populated, 8 * PAGE, residency) == 0);
	check("MAP_POPULATE", (residency[0] & residency[7] & 1) == 1);
}

static int use_stack(int depth)
{
	volatile char frame[4000];

	for (size_t i = 0; i < sizeof(frame); i += 100)
		frame[i] = (char)depth;
	return depth == 0 ? 0 : use_stack(depth - 1) + (frame[100] == (char)depth);
}

static void test_stack(void)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);

	show("recursion over 6 MB: %d", use_stack(1500));
	/* Grows at once, far below, as a large array in a function does. */
	volatile char *below = (volatile char *)(here - 7 * MB);
	*below = 1;
	check("seven MiB below", *below == 1);
}

static void test_huge(void)
{
	char *p = map(64 * MB, RW);
	char *aligned = (char *)(((uintptr_t)p + 2 * MB - 1) & ~(2 * MB - 1));

	for (size_t i = 0; i < 64 * MB; i += PAGE)
		p[i] = (char)(i / PAGE);
	munmap(aligned + 4 * MB + 16 * PAGE, PAGE);
	mprotect(aligned + 6 * MB + 8 * PAGE, 3 * PAGE, PROT_READ);
	madvise(aligned + 8 * MB + 5 * PAGE, PAGE, MADV_DONTNEED);
	show_pages("hole in a large area", aligned + 4 * MB + 12 * PAGE, 10);
	show_pages("protection in a large area", aligned + 6 * MB + 6 * PAGE, 8);
	bool is_same = true;
	for (char *q = p; q < p + 64 * MB; q += PAGE)
		if (q != aligned + 4 * MB + 16 * PAGE)
			is_same &= *q == (q == aligned + 8 * MB + 5 * PAGE ? 0 : (char)((q - p) / (long)PAGE));
	check("all other pages keep their content", is_same);
	munmap(p, 64 * MB);
}

static void test_limits(void)
{
	struct rlimit old, limit;

	need(getrlimit(RLIMIT_AS, &old) == 0);
	limit = old;
	limit.rlim_cur = 256 * MB;
	need(setrlimit(RLIMIT_AS, &limit) == 0);
	check_errno("RLIMIT_AS", (long)mmap(NULL, 512 * MB, RW, ANON, -1, 0), ENOMEM);
	need(setrlimit(RLIMIT_AS, &old) == 0);
}

int main(void)
{
	need(pipe2(probe_fds, O_NONBLOCK) == 0);
	test_basics();
	test_splits();
	test_mremap();
	test_reservations();
	test_brk();
	test_madvise();
	test_stack();
	test_huge();
	test_limits();
	return test_end();
}
