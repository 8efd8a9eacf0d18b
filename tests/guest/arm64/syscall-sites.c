/* SPDX-License-Identifier: MIT */
/*
 * What a kernel that patches call sites can get wrong: generated code (RWX, and
 * written then made executable), other code emitted at the same address, many
 * threads at one fresh site, sites far apart, data that looks like an svc,
 * an svc across changes of protection, remapped and forgotten pages.
 */
#include "call-sites.h"
#include <fcntl.h>

#define SVC 0xd4000001u
#define RET 0xd65f03c0u
#define MOV_X8(n) (0xd2800008u | (uint32_t)(n) << 5)
#define MOV_X0(n) (0xd2800000u | (uint32_t)(n) << 5)
#define NOP 0xd503201fu

static void sync_code(void *start, size_t len)
{
	__builtin___clear_cache((char *)start, (char *)start + len);
}

/* A function at `code`: system call `number`, return. */
static void emit_call(void *at, int number)
{
	uint32_t *code = at;

	code[0] = MOV_X8(number);
	code[1] = SVC;
	code[2] = RET;
	sync_code(code, 12);
}

static void test_generated(void)
{
	uint32_t *code = map_code(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	int nr_right = 0;

	emit_call(code, SYS_getpid);
	for (int i = 0; i < 100; i++)
		nr_right += run(code) == getpid();
	show("generated in a writable page: %d", nr_right);

	/* The program overwrites its own code, as a JIT does: no svc there now. */
	code[0] = MOV_X0(123);
	code[1] = NOP;
	code[2] = RET;
	sync_code(code, 12);
	show("overwritten without svc: %ld", run(code));

	/* And again with another call at the same address, many times. */
	nr_right = 0;
	for (int i = 0; i < 200; i++) {
		emit_call(code, i % 2 ? SYS_getpid : SYS_gettid);
		long expected = i % 2 ? getpid() : syscall(SYS_gettid);
		nr_right += run_times(code, expected, 2);
	}
	show("rewritten 200 times: %d", nr_right);

	/* W^X: written, then made executable, then writable again. */
	nr_right = 0;
	uint32_t *strict = map_code(4096, PROT_READ | PROT_WRITE);
	for (int i = 0; i < 50; i++) {
		need(mprotect(strict, 4096, PROT_READ | PROT_WRITE) == 0);
		emit_call(strict + i % 3, i % 2 ? SYS_getpid : 999);
		need(mprotect(strict, 4096, PROT_READ | PROT_EXEC) == 0);
		nr_right += run(strict + i % 3) == (i % 2 ? getpid() : -ENOSYS);
	}
	show("write, then execute: %d", nr_right);

	/* The page goes away; another one comes to the same address. */
	nr_right = 0;
	for (int i = 0; i < 20; i++) {
		munmap(strict, 4096);
		need(mmap(strict, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			  0) == strict);
		emit_call(strict, SYS_getpid);
		nr_right += run(strict) == getpid();
	}
	show("unmapped and mapped anew: %d", nr_right);
	munmap(strict, 4096);
	munmap(code, 4096);
}

/* A move to another address, and a second view of the same memory. */
static void test_moved(void)
{
	uint32_t *code = map_code(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	emit_call(code, SYS_getpid);
	bool is_right = run(code) == getpid();

	/* Far away, so that a branch within the page cannot reach what it reached before. */
	void *far = mmap((void *)0x100000000000, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(far != MAP_FAILED);
	uint32_t *moved = mremap(code, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, far);
	check("a patched page moves with mremap",
	      moved == far && is_right && run(moved) == getpid() && run(moved) == getpid());

	int fd = memfd_create("code", 0);
	need(fd >= 0 && ftruncate(fd, 4096) == 0);
	uint32_t *writer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint32_t *runner = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	need(writer != MAP_FAILED && runner != MAP_FAILED);
	int nr_right = 0;
	for (int i = 0; i < 50; i++) {
		emit_call(writer, i % 2 ? SYS_getpid : 999);
		sync_code(runner, 12);
		nr_right += run(runner) == (i % 2 ? getpid() : -ENOSYS);
	}
	show("one view writes, another runs: %d", nr_right);
	close(fd);
}

/* Sites at the first and last words of pages, many of them, over 256 MiB. */
static void test_many_sites(void)
{
	const size_t distance = 1 << 20, nr = 256;
	uint8_t *area = mmap(NULL, nr * distance, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int nr_right = 0;

	need(area != MAP_FAILED);
	madvise(area, nr * distance, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < nr; i++) {
		uint32_t *last = (uint32_t *)(area + i * distance + 4096 - 8);
		last[0] = MOV_X8(SYS_getpid);
		last[1] = SVC;
		last[2] = RET; /* in the next page */
		sync_code(last, 12);
		uint32_t *first = (uint32_t *)(area + i * distance + 8192);
		first[-1] = MOV_X8(SYS_getpid);
		first[0] = SVC;
		first[1] = RET;
		sync_code(first - 1, 12);
	}
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < nr; i++) {
			nr_right += run(area + i * distance + 4096 - 8) == getpid();
			nr_right += run(area + i * distance + 8192 - 4) == getpid();
		}
	show("512 sites over 256 MiB, three rounds: %d", nr_right);
	munmap(area, nr * distance);

	/* One page full of svc. */
	uint32_t *page = map_code(8192, PROT_READ | PROT_WRITE | PROT_EXEC);
	page[0] = MOV_X8(999);
	for (int i = 1; i < 1500; i++)
		page[i] = SVC;
	page[1500] = RET;
	sync_code(page, 8192);
	show("1499 calls in a row: %ld, again %ld", run(page), run(page));
	munmap(page, 8192);
}

static void test_threads(void)
{
	show("8 threads at 1000 fresh sites, three times: %ld", run_threads(emit_call, 16, 3));
}

/* The word of an svc as data in the executable segment of this file. */
__asm__(".text\n"
	".balign 64\n"
	"data_in_text:\n"
	".word 0xd4000001, 0x11223344, 0xd4000001, 0xd4000001\n"
	"code_beside_data:\n"
	"mov x8, #172\n"
	"svc #0\n"
	"ret\n"
	".word 0xd4000001\n");
extern const uint32_t data_in_text[4];
extern long code_beside_data(void);

static void test_data(void)
{
	bool is_right = true;

	for (int i = 0; i < 3; i++) {
		is_right &= data_in_text[0] == SVC && data_in_text[1] == 0x11223344 && data_in_text[2] == SVC &&
			    data_in_text[3] == SVC;
		is_right &= code_beside_data() == getpid();
	}
	check("data that looks like an svc is left alone", is_right);

	/* The file itself is never changed, whatever was patched in memory. */
	int fd = open("/proc/self/exe", O_RDONLY);
	need(fd >= 0);
	static uint8_t buffer[1 << 16];
	bool is_found = false;
	ssize_t n, offset = 0;
	uint32_t expected[8] = { SVC, 0x11223344, SVC, SVC, MOV_X8(172), SVC, RET, SVC };
	while ((n = pread(fd, buffer, sizeof(buffer), offset)) >= 64) {
		for (ssize_t i = 0; i + 32 <= n; i += 4)
			is_found |= memcmp(buffer + i, expected, 32) == 0;
		offset += n - 60;
	}
	check("the file holds what it held", is_found);
	close(fd);
}

/* A file with an svc word, mapped privately with PROT_EXEC but only read. */
static void test_mapped_file(void)
{
	int fd = open("/tmp/data-file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	uint32_t words[1024];

	need(fd >= 0);
	for (int i = 0; i < 1024; i++)
		words[i] = i % 4 == 3 ? RET : i % 4 == 0 ? MOV_X8(SYS_getpid) : i % 4 == 1 ? SVC : NOP;
	need(write(fd, words, sizeof(words)) == sizeof(words));
	uint32_t *private = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	uint32_t *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	need(private != MAP_FAILED && shared != MAP_FAILED);
	check("mapped for execution, read as data", memcmp(private, words, 4096) == 0);
	int nr_right = 0;
	for (int i = 0; i < 10; i++)
		nr_right += run(private + 400) == getpid();
	show("a call in a mapped file: %d", nr_right);
	check("other words of that page are untouched",
	      memcmp(private, words, 400 * 4) == 0 && memcmp(private + 404, words + 404, 4096 - 404 * 4) == 0);
	check("another mapping of the file is untouched", memcmp(shared, words, 4096) == 0);
	uint32_t again[1024];
	need(pread(fd, again, 4096, 0) == 4096);
	check("the file is untouched", memcmp(again, words, 4096) == 0);
	close(fd);
	unlink("/tmp/data-file");
}

int main(void)
{
	test_generated();
	test_moved();
	test_many_sites();
	test_threads();
	test_data();
	test_mapped_file();
	return test_end();
}
