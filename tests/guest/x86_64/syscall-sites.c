/* SPDX-License-Identifier: MIT */
/*
 * What a kernel that rewrites call sites can get wrong: generated code (RWX, and
 * written then made executable), other code emitted at the same address, many
 * threads at one fresh site, sites far apart and across pages, bytes before a
 * syscall that look like mov $nr, %eax and are not, jumps to the syscall itself,
 * the red zone, remapped and forgotten pages.
 */
#include "call-sites.h"
#include <fcntl.h>

#define CALL_SIZE 8
#define TIMES 4 /* enough for a site to be seen, checked, rewritten, and run so */

/* mov $number, %eax; syscall; ret */
static void emit_call(void *at, int number)
{
	uint8_t *code = at;

	code[0] = 0xb8;
	memcpy(code + 1, &number, 4);
	memcpy(code + 5, "\x0f\x05\xc3", 3);
}

static void test_generated(void)
{
	uint8_t *code = map_code(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	int nr_right = 0;

	emit_call(code, SYS_getpid);
	for (int i = 0; i < 100; i++)
		nr_right += run(code) == getpid();
	show("generated in a writable page: %d", nr_right);

	/* The program overwrites its own code, as a JIT does: no call there now. */
	memcpy(code, "\xb8\x7b\x00\x00\x00\xc3\x90\x90", 8);
	show("overwritten without a call: %ld", run(code));

	/* And again with another call at the same address, many times. */
	nr_right = 0;
	for (int i = 0; i < 200; i++) {
		emit_call(code, i % 2 ? SYS_getpid : SYS_gettid);
		nr_right += run_times(code, i % 2 ? getpid() : syscall(SYS_gettid), TIMES);
	}
	show("rewritten 200 times: %d", nr_right);

	/* Only the number is written, while the rest of the site stays what it is. */
	nr_right = 0;
	emit_call(code, SYS_getpid);
	for (int i = 0; i < 50; i++) {
		code[0] = 0xb8;
		memcpy(code + 1, i % 2 ? "\x27\x00\x00\x00" : "\xe7\x03\x00\x00", 4);
		nr_right += run_times(code, i % 2 ? getpid() : -ENOSYS, TIMES);
	}
	show("another number: %d", nr_right);

	/* W^X: written, then made executable, then writable again. */
	nr_right = 0;
	uint8_t *strict = map_code(4096, PROT_READ | PROT_WRITE);
	for (int i = 0; i < 50; i++) {
		need(mprotect(strict, 4096, PROT_READ | PROT_WRITE) == 0);
		emit_call(strict + i % 3, i % 2 ? SYS_getpid : 999);
		need(mprotect(strict, 4096, PROT_READ | PROT_EXEC) == 0);
		nr_right += run_times(strict + i % 3, i % 2 ? getpid() : -ENOSYS, TIMES);
	}
	show("write, then execute: %d", nr_right);

	/* The page goes away; another one comes to the same address. */
	nr_right = 0;
	for (int i = 0; i < 20; i++) {
		munmap(strict, 4096);
		need(mmap(strict, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
			  0) == strict);
		emit_call(strict, SYS_getpid);
		nr_right += run_times(strict, getpid(), TIMES);
	}
	show("unmapped and mapped anew: %d", nr_right);
	munmap(strict, 4096);
	munmap(code, 4096);
}

/* A move to another address, and a second view of the same memory. */
static void test_moved(void)
{
	uint8_t *code = map_code(4096, PROT_READ | PROT_WRITE | PROT_EXEC);
	emit_call(code, SYS_getpid);
	bool is_right = run_times(code, getpid(), TIMES);

	/* Far away, so that a branch cannot reach what it reached before. */
	void *far = mmap((void *)0x100000000000, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(far != MAP_FAILED);
	uint8_t *moved = mremap(code, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, far);
	check("a rewritten page moves with mremap", moved == far && is_right && run_times(moved, getpid(), TIMES));

	int fd = memfd_create("code", 0);
	need(fd >= 0 && ftruncate(fd, 4096) == 0);
	uint8_t *writer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint8_t *runner = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	need(writer != MAP_FAILED && runner != MAP_FAILED);
	int nr_right = 0;
	for (int i = 0; i < 50; i++) {
		emit_call(writer, i % 2 ? SYS_getpid : 999);
		nr_right += run_times(runner, i % 2 ? getpid() : -ENOSYS, TIMES);
	}
	show("one view writes, another runs: %d", nr_right);
	close(fd);
}

/* Sites at the ends of pages and across them, many of them, over 256 MiB. */
static void test_many_sites(void)
{
	const size_t distance = 1 << 20, nr = 256;
	uint8_t *area = mmap(NULL, nr * distance, PROT_READ | PROT_WRITE | PROT_EXEC,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int nr_right = 0;

	need(area != MAP_FAILED);
	madvise(area, nr * distance, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < nr; i++) {
		emit_call(area + i * distance + 4096 - i % 10, SYS_getpid);
		emit_call(area + i * distance + 8192, SYS_getpid);
	}
	for (int round = 0; round < TIMES; round++)
		for (size_t i = 0; i < nr; i++) {
			nr_right += run(area + i * distance + 4096 - i % 10) == getpid();
			nr_right += run(area + i * distance + 8192) == getpid();
		}
	show("512 sites over 256 MiB, four rounds: %d", nr_right);
	munmap(area, nr * distance);

	/* One page full of syscall instructions. */
	uint8_t *page = map_code(8192, PROT_READ | PROT_WRITE | PROT_EXEC);
	memcpy(page, "\xb8\xe7\x03\x00\x00", 5);
	for (int i = 0; i < 1499; i++) /* and the number again, as it is lost each time */
		memcpy(page + 5 + 4 * i, i % 2 ? "\x0f\x05\x90\x90" : "\x0f\x05\xb0\x27", 4);
	page[5 + 4 * 1499] = 0xc3;
	show("1499 calls in a row: %d", run(page) == run(page));
	munmap(page, 8192);
}

static void test_threads(void)
{
	/* each at another place of its word */
	show("8 threads at 1000 fresh sites, four times: %ld", run_threads(emit_call, 9, TIMES));
}

/*
 * b8 27 00 00 00 0f 05 stands here four times, with eax 39 (getpid), but only in
 * the last is it mov $39, %eax; syscall. The functions return what the other
 * instruction did, too.
 */
__asm__(".text\n"
	".balign 8\n"
	"part_of_mov_r8:\n"		/* mov $39, %r8d */
	"mov $39, %eax\n"
	".byte 0x41, 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05\n"
	"shl $32, %r8\n"
	"or %r8, %rax\n"
	"ret\n"
	".balign 8\n"
	"part_of_store:\n"		/* movl $39, -72(%rsp), in the red zone */
	"mov $39, %eax\n"
	"movl $1, -72(%rsp)\n"
	".byte 0xc7, 0x44, 0x24, 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05\n"
	"mov -72(%rsp), %ecx\n"
	"shl $32, %rcx\n"
	"or %rcx, %rax\n"
	"ret\n"
	".balign 8\n"
	"part_of_address:\n"		/* lea 39(%rax), %edi */
	"mov $39, %eax\n"
	".byte 0x8d, 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05\n"
	"shl $32, %rdi\n"
	"or %rdi, %rax\n"
	"ret\n"
	".balign 8\n"
	"jump_behind_mov:\n"		/* to the syscall, with another number */
	"mov $999, %eax\n"
	"test %rdi, %rdi\n"
	"jnz 1f\n"
	"mov $39, %eax\n"
	"1: syscall\n"
	"ret\n"
	".balign 8\n"
	"with_red_zone:\n"		/* all 128 bytes of it, around a call */
	"mov $16, %ecx\n"
	"1: mov %rcx, -136(%rsp, %rcx, 8)\n"
	"dec %ecx\n"
	"jnz 1b\n"
	".balign 8\n"
	"mov $39, %eax\n"
	"syscall\n"
	"mov $16, %ecx\n"
	"2: cmp %rcx, -136(%rsp, %rcx, 8)\n"
	"jne 3f\n"
	"dec %ecx\n"
	"jnz 2b\n"
	"ret\n"
	"3: mov $-1, %rax\n"
	"ret\n"
	".balign 8\n"
	"data_in_text:\n"
	".byte 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0x11\n"
	"code_beside_data:\n"
	"mov $39, %eax\n"
	"syscall\n"
	"ret\n");
extern long part_of_mov_r8(long, long), part_of_store(long, long), part_of_address(long, long), jump_behind_mov(long, long),
	with_red_zone(long, long), code_beside_data(long, long);
extern const uint8_t data_in_text[8];

static void test_lookalikes(void)
{
	long pid = getpid();

	check("mov to r8d", run_times(part_of_mov_r8, 39l << 32 | pid, TIMES));
	check("store of 39", run_times(part_of_store, 39l << 32 | pid, TIMES));
	check("lea of 39 + 39", run_times(part_of_address, 78l << 32 | pid, TIMES));
	bool is_right = true;
	for (int i = 0; i < 3 * TIMES; i++)
		is_right &= jump_behind_mov(i & 1, 0) == (i & 1 ? -ENOSYS : pid);
	check("jumps to the syscall itself", is_right);
	check("red zone", run_times(with_red_zone, pid, TIMES));
}

static void test_data(void)
{
	static const uint8_t expected[16] = { 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0x11, 0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3 };

	bool is_right = run_times(code_beside_data, getpid(), TIMES);
	check("data that looks like a call is left alone", is_right && memcmp(data_in_text, expected, 8) == 0);

	/* The file itself is never changed, whatever was rewritten in memory. */
	int fd = open("/proc/self/exe", O_RDONLY);
	need(fd >= 0);
	static uint8_t buffer[1 << 16];
	bool is_found = false;
	ssize_t n, offset = 0;
	while ((n = pread(fd, buffer, sizeof(buffer), offset)) >= 64) {
		for (ssize_t i = 0; i + 16 <= n; i++)
			is_found |= memcmp(buffer + i, expected, 16) == 0 && offset + i < 1 << 20;
		offset += n - 60;
	}
	check("the file holds what it held", is_found);
	close(fd);
}

/* A file with calls, mapped privately with PROT_EXEC. */
static void test_mapped_file(void)
{
	int fd = open("/tmp/data-file", O_RDWR | O_CREAT | O_TRUNC, 0644);
	uint8_t bytes[4096], again[4096];

	need(fd >= 0);
	for (int i = 0; i < 4096; i += CALL_SIZE)
		emit_call(bytes + i, SYS_getpid);
	need(write(fd, bytes, sizeof(bytes)) == sizeof(bytes));
	uint8_t *private = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	uint8_t *shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	need(private != MAP_FAILED && shared != MAP_FAILED);
	check("mapped for execution, read as data", memcmp(private, bytes, 4096) == 0);
	int nr_right = 0;
	for (int i = 0; i < 10; i++)
		nr_right += run(private + 800) == getpid();
	show("a call in a mapped file: %d", nr_right);
	check("the rest of that page is untouched",
	      memcmp(private, bytes, 800) == 0 && memcmp(private + 805, bytes + 805, 4096 - 805) == 0);
	check("another mapping of the file is untouched", memcmp(shared, bytes, 4096) == 0);
	need(pread(fd, again, 4096, 0) == 4096);
	check("the file is untouched", memcmp(again, bytes, 4096) == 0);
	close(fd);
	unlink("/tmp/data-file");
}

int main(void)
{
	test_generated();
	test_moved();
	test_many_sites();
	test_threads();
	test_lookalikes();
	test_data();
	test_mapped_file();
	return test_end();
}
