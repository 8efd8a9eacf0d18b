/* SPDX-License-Identifier: MIT */
/*
 * File mappings: private copy-on-write, shared, both views coherent with
 * read and write, ends within pages, SIGBUS beyond the end, truncation under a
 * mapping, msync, permissions, memfd and /dev/zero, mappings that outlive
 * close and unlink.
 */
#include "test.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096ul
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf jump;

static void catch(int signal_number)
{
	siglongjmp(jump, signal_number);
}

/* The signal that reading or writing a byte raises, or 0. */
static int touch(volatile char *p, bool is_write)
{
	int number = sigsetjmp(jump, 1);

	if (number == 0) {
		if (is_write)
			*p = 'T';
		else
			(void)*p;
	}
	return number;
}

static int make_file(const char *path, size_t len)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	need(fd >= 0);
	need(ftruncate(fd, (off_t)len) == 0);
	for (size_t i = 0; i < len; i += PAGE) {
		char c = (char)('a' + i / PAGE);
		need(pwrite(fd, &c, 1, (off_t)i) == 1);
	}
	return fd;
}

static void test_private(void)
{
	int fd = make_file("/tmp/private", 3 * PAGE);
	char *a = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char *b = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, PAGE);
	char c;

	need(a != MAP_FAILED && b != MAP_FAILED);
	show("pages %c %c %c, second map %c %c", a[0], a[PAGE], a[2 * PAGE], b[0], b[PAGE]);
	a[PAGE] = 'X';
	check("a write is private", a[PAGE] == 'X' && b[0] == 'b');
	need(pread(fd, &c, 1, PAGE) == 1);
	check("the file is unchanged", c == 'b');
	check("DONTNEED brings the file's page back", madvise(a, 3 * PAGE, MADV_DONTNEED) == 0 && a[PAGE] == 'b');
	/* Not written yet: a change of the file is seen (Linux; POSIX leaves it open). */
	need(pwrite(fd, "Z", 1, 2 * PAGE) == 1);
	check("an unwritten page follows the file", a[2 * PAGE] == 'Z');
	a[0] = 'Q';
	need(pwrite(fd, "R", 1, 0) == 1);
	check("a written page does not", a[0] == 'Q');
	int read_only = open("/tmp/private", O_RDONLY);
	char *d = mmap(NULL, PAGE, RW, MAP_PRIVATE, read_only, 0);
	check("private and writable of a read-only file", d != MAP_FAILED && d[0] == 'R' && (d[0] = 'S') == 'S');
	check_errno("shared and writable of it", (long)mmap(NULL, PAGE, RW, MAP_SHARED, read_only, 0), EACCES);
	char *e = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, read_only, 0);
	check_errno("nor by mprotect", mprotect(e, PAGE, RW), EACCES);
	int write_only = open("/tmp/private", O_WRONLY);
	check_errno("a write-only file", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, write_only, 0), EACCES);
	int directory = open("/tmp", O_RDONLY);
	check_errno("a directory", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, directory, 0), ENODEV);
	int fds[2];
	need(pipe(fds) == 0);
	check_errno("a pipe", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fds[0], 0), ENODEV);
	close(fd);
	unlink("/tmp/private");
	check("the mapping outlives close and unlink", a[PAGE] == 'b' && b[PAGE] == 'Z');
}

static void test_shared(void)
{
	int fd = make_file("/tmp/shared", 2 * PAGE);
	char *a = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	char *b = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	char *private = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char buffer[8] = "";

	need(a != MAP_FAILED && b != MAP_FAILED && private != MAP_FAILED);
	memcpy(a + 100, "hello", 6);
	check("seen through another mapping", memcmp(b + 100, "hello", 6) == 0);
	check("and a private one", memcmp(private + 100, "hello", 6) == 0);
	need(pread(fd, buffer, 6, 100) == 6);
	check("and by read", memcmp(buffer, "hello", 6) == 0);
	need(pwrite(fd, "world", 6, PAGE + 5) == 6);
	check("write is seen through the mapping", memcmp(a + PAGE + 5, "world", 6) == 0);
	check("msync", msync(a, 2 * PAGE, MS_SYNC) == 0 && msync(a, PAGE, MS_ASYNC) == 0);
	check_errno("msync with both", msync(a, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	check_errno("msync unaligned", msync(a + 1, PAGE, MS_SYNC), EINVAL);
	munmap(b, 2 * PAGE);
	check_errno("msync unmapped", msync(b, PAGE, MS_SYNC), ENOMEM);
	check("read into the mapping of the same file", pread(fd, a + 200, 6, 100) == 6 && memcmp(a + 200, "hello", 6) == 0);
	/* The time of modification moves when the mapping was written. */
	close(fd);
	fd = open("/tmp/shared", O_RDONLY);
	need(pread(fd, buffer, 6, 200) == 6);
	check("reopened, the file has it", memcmp(buffer, "hello", 6) == 0);
	close(fd);
	unlink("/tmp/shared");
}

static void test_end_of_file(void)
{
	int fd = make_file("/tmp/end", PAGE + 100);
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);

	need(p != MAP_FAILED);
	show("last byte %d, beyond %d", touch(p + PAGE + 99, false), touch(p + PAGE + 4000, false));
	check("the rest of the last page is zero", p[PAGE + 100] == 0 && p[2 * PAGE - 1] == 0);
	show("next page: read %d, write %d", touch(p + 2 * PAGE, false), touch(p + 3 * PAGE, true));
	check_errno("the kernel gets EFAULT there", write(fd, p + 2 * PAGE, 1), EFAULT);
	p[PAGE + 2000] = 'x';
	need(ftruncate(fd, 3 * PAGE) == 0);
	show("grown: read %d, write %d, beyond %d", touch(p + 2 * PAGE, false), touch(p + 3 * PAGE - 1, true),
	     touch(p + 3 * PAGE, false));
	need(ftruncate(fd, 10) == 0);
	show("shrunk: first page %d, second %d", touch(p + 5, true), touch(p + PAGE, false));
	need(ftruncate(fd, 2 * PAGE) == 0);
	check("grown again it is zero", p[10] == 0 && p[PAGE] == 0 && p[2 * PAGE - 1] == 0);
	check("what was kept is there", p[5] == 'T');
	char c = 1;
	need(pread(fd, &c, 1, PAGE + 2000) == 1);
	check("what was written beyond the end is gone", c == 0);

	char *private = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
	private[0] = 'p';
	private[PAGE] = 'p';
	need(ftruncate(fd, 0) == 0);
	show("truncated to nothing: shared %d, private written page %d", touch(p, false), touch(private, false));
	close(fd);
	unlink("/tmp/end");
}

static void test_special(void)
{
	int zero = open("/dev/zero", O_RDWR);
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE, zero, 0);
	check("/dev/zero, private", p != MAP_FAILED && p[0] == 0 && (p[PAGE] = 1) == 1);
	char *s = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	check("shared anonymous", s != MAP_FAILED && s[0] == 0 && (s[PAGE] = 1) == 1);

	int fd = memfd_create("m", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	need(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
	char *m = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	m[PAGE] = 'm';
	char c = 0;
	check("memfd", pread(fd, &c, 1, PAGE) == 1 && c == 'm');
	check_errno("seal against writing while mapped", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(m, 2 * PAGE);
	check("seals", fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0 &&
			       fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
	check_errno("sealed: write", pwrite(fd, &c, 1, 0), EPERM);
	check_errno("sealed: shrink", ftruncate(fd, PAGE), EPERM);
	check_errno("sealed: grow", ftruncate(fd, 3 * PAGE), EPERM);
	check_errno("sealed: map writable", (long)mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EPERM);
	check("sealed: map readable", mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	struct stat st;
	check("memfd is a file", fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 2 * PAGE && st.st_nlink == 0);

	/* A program's own file. */
	int self = open("/proc/self/exe", O_RDONLY);
	char *e = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, self, 0);
	check("/proc/self/exe", e != MAP_FAILED && memcmp(e, "\177ELF", 4) == 0);

	/* Large sparse mapping: only what is touched costs. */
	int big = open("/tmp/sparse", O_RDWR | O_CREAT | O_TRUNC, 0600);
	need(big >= 0 && ftruncate(big, 1l << 32) == 0);
	char *b = mmap(NULL, 1ul << 32, RW, MAP_SHARED, big, 0);
	need(b != MAP_FAILED);
	b[3ul << 30] = 's';
	check("a sparse file of 4 GiB", pread(big, &c, 1, 3l << 30) == 1 && c == 's' && b[1ul << 30] == 0);
	fstat(big, &st);
	check("takes few blocks", st.st_blocks > 0 && st.st_blocks < 20000);
	munmap(b, 1ul << 32);
	close(big);
	unlink("/tmp/sparse");
}

int main(void)
{
	struct sigaction action = { .sa_handler = catch };

	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	test_private();
	test_shared();
	test_end_of_file();
	test_special();
	return test_end();
}
