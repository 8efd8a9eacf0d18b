/* SPDX-License-Identifier: MIT */
/* setrlimit(2) on memory: RLIMIT_AS, RLIMIT_DATA, RLIMIT_MEMLOCK; what mlock(2) and its kin count, make present and refuse. */
#include "test.h"

#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE	4096ul
#define MIB	(1ul << 20)

static long status_of(const char *field)
{
	char line[256];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	need(f);
	setvbuf(f, NULL, _IONBF, 0);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, field, strlen(field)))
			kib = atol(line + strlen(field));
	}
	fclose(f);
	return kib;
}

static void limit(int which, unsigned long cur)
{
	struct rlimit l = { cur, RLIM_INFINITY };

	need(setrlimit(which, &l) == 0);
}

static void result(const char *what, long r)
{
	show("%s: %s", what, r == -1 ? strerrorname_np(errno) : "done");
}

static void *map(size_t len, int prot, int flags)
{
	return mmap(NULL, len, prot, MAP_ANONYMOUS | flags, -1, 0);
}

static int nr_present(void *p, int pages)
{
	unsigned char vec[64];
	int n = 0;

	need(pages <= 64 && mincore(p, pages * PAGE, vec) == 0);
	for (int i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

static void test_address_space(void)
{
	char *p = map(MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE), *q;
	void *top = sbrk(0);

	show("-- RLIMIT_AS");
	need(p != MAP_FAILED);
	limit(RLIMIT_AS, status_of("VmSize:") * 1024 + 2 * MIB);
	result("map too much", (long)map(3 * MIB, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE));
	result("map shared, too much", (long)map(3 * MIB, PROT_READ, MAP_SHARED));
	q = map(MIB, PROT_NONE, MAP_PRIVATE);
	result("map some", (long)q);
	result("in the place of it", (long)mmap(q, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	result("grow too much", (long)mremap(p, MIB, 4 * MIB, MREMAP_MAYMOVE));
	result("keep both", (long)mremap(p, MIB, MIB, MREMAP_MAYMOVE | 4));
	result("grow some", (long)mremap(q, MIB, MIB + MIB / 2, MREMAP_MAYMOVE));
	result("break too far", (long)sbrk(3 * MIB));
	show("break has not moved: %d", sbrk(0) == top);
	limit(RLIMIT_AS, 0);
	result("no room at all", (long)map(PAGE, PROT_READ, MAP_PRIVATE));
	result("give back", munmap(p, MIB / 2));
	result("protect", mprotect(p + MIB / 2, PAGE, PROT_READ));
	limit(RLIMIT_AS, RLIM_INFINITY);
	result("without limit", (long)map(16 * MIB, PROT_NONE, MAP_PRIVATE));
}

static void test_data(void)
{
	char *p, *q = map(4 * MIB, PROT_READ, MAP_PRIVATE);
	void *top = sbrk(0);

	show("-- RLIMIT_DATA");
	limit(RLIMIT_DATA, status_of("VmData:") * 1024 + MIB);
	result("map too much", (long)map(2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE));
	result("map shared memory", (long)map(2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED));
	result("map to read only", (long)map(2 * MIB, PROT_READ, MAP_PRIVATE));
	result("make too much writable", mprotect(q, 2 * MIB, PROT_READ | PROT_WRITE));
	result("make some writable", mprotect(q, MIB / 2, PROT_READ | PROT_WRITE));
	result("make it writable again", mprotect(q, MIB / 2, PROT_READ | PROT_WRITE | PROT_EXEC));
	result("read only again", mprotect(q, MIB / 2, PROT_READ));
	p = map(MIB / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	result("map some", (long)p);
	result("grow too much", (long)mremap(p, MIB / 2, 2 * MIB, MREMAP_MAYMOVE));
	result("break too far", (long)sbrk(2 * MIB));
	show("break has not moved: %d", sbrk(0) == top);
	limit(RLIMIT_DATA, RLIM_INFINITY);
	result("without limit", (long)sbrk(2 * MIB));
}

static void test_lock(void)
{
	char *p = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE), *q;
	long before = status_of("VmLck:");

	show("-- mlock");
	show("locked at first: %ld", before);
	result("three bytes over two pages", mlock(p + PAGE - 1, 3));
	show("locked %ld, present %d", status_of("VmLck:"), nr_present(p, 16));
	result("again", mlock(p, 2 * PAGE));
	show("locked %ld", status_of("VmLck:"));
	result("on fault", mlock2(p + 4 * PAGE, 4 * PAGE, MLOCK_ONFAULT));
	show("locked %ld, present %d", status_of("VmLck:"), nr_present(p, 16));
	result("unknown flag", mlock2(p, PAGE, 2));
	result("advice that drops", madvise(p, PAGE, MADV_DONTNEED));
	result("that pages out", madvise(p, PAGE, MADV_PAGEOUT));
	result("that drops locked pages", madvise(p + PAGE, PAGE, 24));
	result("invalidate", msync(p, PAGE, MS_INVALIDATE));
	result("write back", msync(p, PAGE, MS_SYNC));
	result("unlock", munlock(p + 1, PAGE));
	show("locked %ld", status_of("VmLck:"));
	munmap(p + 6 * PAGE, PAGE);
	result("with a hole", mlock(p + 5 * PAGE, 4 * PAGE));
	show("locked %ld", status_of("VmLck:"));
	result("unlock with a hole", munlock(p + 5 * PAGE, 4 * PAGE));
	show("locked %ld", status_of("VmLck:"));
	q = map(2 * PAGE, PROT_NONE, MAP_PRIVATE);
	result("what cannot be touched", mlock(q, PAGE));
	show("locked %ld", status_of("VmLck:"));
	munmap(q, 2 * PAGE);
	show("locked %ld", status_of("VmLck:"));
	result("nothing", mlock(p, 0));
	result("wraps", mlock((void *)-PAGE, 2 * PAGE));
	result("wraps, unlock", munlock((void *)-PAGE, 2 * PAGE));
	result("no length fits", mlock(p + 1, -2ul));
	munmap(p, 16 * PAGE);
	show("locked %ld", status_of("VmLck:"));
	p = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_LOCKED);
	show("MAP_LOCKED: locked %ld, present %d", status_of("VmLck:"), nr_present(p, 8));
	p = mremap(p, 8 * PAGE, 12 * PAGE, MREMAP_MAYMOVE);
	show("grown: locked %ld, present %d", status_of("VmLck:"), nr_present(p, 12));
	munmap(p, 12 * PAGE);
}

static void test_lock_all(void)
{
	char *p, *q;

	show("-- mlockall");
	result("nothing", mlockall(0));
	result("on fault alone", mlockall(MCL_ONFAULT));
	result("unknown", mlockall(8));
	p = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	result("future", mlockall(MCL_FUTURE));
	show("locked %ld", status_of("VmLck:"));
	q = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
	show("present: before %d, after %d, locked %ld", nr_present(p, 8), nr_present(q, 8), status_of("VmLck:"));
	munmap(q, 8 * PAGE);
	result("future, on fault", mlockall(MCL_FUTURE | MCL_ONFAULT));
	q = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
	show("present %d, locked %ld", nr_present(q, 8), status_of("VmLck:"));
	result("all", mlockall(MCL_CURRENT));
	show("present %d, something is locked: %d", nr_present(p, 8), status_of("VmLck:") > 64);
	result("none", munlockall());
	show("locked %ld", status_of("VmLck:"));
	munmap(q, 8 * PAGE);
	q = map(8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	show("present %d, locked %ld", nr_present(q, 8), status_of("VmLck:"));
	munmap(p, 8 * PAGE);
	munmap(q, 8 * PAGE);
}

/* Root may lock what it likes. */
static void test_lock_limit(void)
{
	char *p = map(16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE), *q;

	show("-- RLIMIT_MEMLOCK");
	limit(RLIMIT_MEMLOCK, 0);
	result("root", mlock(p, PAGE));
	need(munlock(p, PAGE) == 0 && setresuid(1000, 1000, 0) == 0);
	result("user, no limit", mlock(p, PAGE));
	result("mlockall", mlockall(MCL_FUTURE));
	result("MAP_LOCKED", (long)map(PAGE, PROT_READ, MAP_PRIVATE | MAP_LOCKED));
	result("unlock", munlock(p, PAGE));
	need(setresuid(-1, 0, -1) == 0);
	limit(RLIMIT_MEMLOCK, 4 * PAGE + 100);
	need(setresuid(-1, 1000, -1) == 0);
	result("too much", mlock(p, 5 * PAGE));
	result("just enough", mlock(p, 4 * PAGE));
	result("the same again", mlock(p + PAGE, 3 * PAGE));
	result("one more", mlock(p + 4 * PAGE, PAGE));
	result("one beside", mlock(p + PAGE, 4 * PAGE));
	result("everything", mlockall(MCL_CURRENT));
	result("MAP_LOCKED", (long)map(PAGE, PROT_READ, MAP_PRIVATE | MAP_LOCKED));
	result("grow", (long)mremap(p, 4 * PAGE, 5 * PAGE, MREMAP_MAYMOVE));
	show("locked %ld", status_of("VmLck:"));
	munlock(p, 4 * PAGE);
	result("future", mlockall(MCL_FUTURE));
	result("map too much", (long)map(5 * PAGE, PROT_READ, MAP_PRIVATE));
	q = map(4 * PAGE, PROT_READ, MAP_PRIVATE);
	result("map some", (long)q);
	result("break", (long)sbrk(16 * PAGE));
	munlockall();
	show("locked %ld", status_of("VmLck:"));
}

int main(void)
{
	void *p;

	test_address_space();
	test_data();
	test_lock();
	test_lock_all();
	test_lock_limit();
	show("-- refused");
	p = map(PAGE, PROT_READ, MAP_PRIVATE);
	result("mincore, bad vector", mincore(p, PAGE, (void *)-PAGE));
	result("mincore, nothing mapped, bad vector", mincore((void *)PAGE, PAGE, (void *)-PAGE));
	result("madvise, above all", madvise((void *)(-1ul << 48), PAGE, MADV_NORMAL));
	result("madvise, no length fits", madvise(p, -1ul, MADV_NORMAL));
	result("madvise, wraps", madvise((void *)-PAGE, 2 * PAGE, MADV_NORMAL));
	result("madvise, unknown", madvise(p, PAGE, 999));
	result("madvise, unknown, nothing", madvise(p, 0, 999));
	return test_end();
}
