/* SPDX-License-Identifier: MIT */
/* Options of a tmpfs mount: limits, owner, mode, mistakes, and new limits by a remount. */
#include "result.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

static const char at[] = "/tmp/to";

static void try(const char *options)
{
	struct statfs s;
	struct stat st;

	if (mount("none", at, "tmpfs", 0, options)) {
		show("\"%s\": %s", options, strerrorname_np(errno));
		return;
	}
	need(statfs(at, &s) == 0 && stat(at, &st) == 0);
	show("\"%s\": mode %o uid %d gid %d", options, st.st_mode, st.st_uid, st.st_gid);
	if (strstr(options, "size=") || strstr(options, "nr_blocks="))
		show("    blocks %ld", strchr(options, '%') ? -1L : (long)s.f_blocks);
	if (strstr(options, "nr_inodes="))
		show("    files %ld, %ld free", (long)s.f_files, (long)s.f_ffree);
	need(umount(at) == 0);
}

static void test_mounts(void)
{
	static const char *const options[] = {
		"", "size=1m", "size=8K", "size=5000", "size=1g", "nr_blocks=10", "nr_blocks=1k", "nr_inodes=20", "nr_inodes=2k", "mode=755", "mode=1700",
		"uid=5", "uid=5,gid=6", "size=10%,uid=5,gid=6", "size=1m,nr_inodes=20,mode=755", "size=abc", "size=", "size", "size=1x", "size=1mm",
		"mode=9", "mode=abc", "uid=-1", "uid=x", "nr_inodes=x", "blah=1", "blah", "size=1m,blah", ",size=1m", "size=1m,size=2m",
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		try(options[i]);
}

static void show_free(void)
{
	struct statfs s;

	need(statfs(at, &s) == 0);
	show("blocks %ld, %ld free; files %ld, %ld free", (long)s.f_blocks, (long)s.f_bfree, (long)s.f_files, (long)s.f_ffree);
}

static void test_limits(void)
{
	static char bytes[1 << 16];

	need(mount("none", at, "tmpfs", 0, "size=64k,nr_inodes=6") == 0 && chdir(at) == 0);
	int fd = open("a", O_RDWR | O_CREAT, 0600);
	result("fill", write(fd, bytes, sizeof(bytes)));
	result("more", write(fd, bytes, 1));
	show_free();
	result("more room", mount("none", at, NULL, MS_REMOUNT, "size=128k"));
	result("more", write(fd, bytes, 1));
	show_free();
	result("less than there is", mount("none", at, NULL, MS_REMOUNT, "size=32k"));
	result("not understood", mount("none", at, NULL, MS_REMOUNT, "size=x"));
	result("nothing said", mount("none", at, NULL, MS_REMOUNT, NULL));
	show_free();
	result("second name", link("a", "b"));
	result("directory", mkdir("d", 0700));
	result("symbolic link", symlink("a", "s"));
	show_free();
	result("a name too many", link("a", "c"));
	result("a name less", unlink("b"));
	show_free();
	result("again", link("a", "c"));
	result("another file", open("x", O_RDWR | O_CREAT, 0600));
	result("rename over a name", rename("s", "c"));
	show_free();
	result("fewer than there are", mount("none", at, NULL, MS_REMOUNT, "nr_inodes=2"));
	result("more", mount("none", at, NULL, MS_REMOUNT, "nr_inodes=100"));
	show_free();
	unlink("a");
	close(fd);
	unlink("x");
	unlink("c");
	rmdir("d");
	show_free();
}

static sigjmp_buf beyond;

static void on_bus_error(int number)
{
	(void)number;
	siglongjmp(beyond, 1);
}

/* A store into each page of a shared mapping, until there are no more. */
static int map_pages(int fd)
{
	volatile char *p = mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	volatile int n = 0;

	need(p != MAP_FAILED);
	if (!sigsetjmp(beyond, 1))
		for (; n < 100; n++)
			p[n * 4096] = 1;
	munmap((char *)p, 100 * 4096);
	return n;
}

/* The pages that a mount has are those that it takes, whatever way they come. */
static void test_pages(void)
{
	static char bytes[4096], target[1000];
	int fd, n;

	need(chdir("/") == 0 && mount("none", at, "tmpfs", 0, "size=256k,nr_inodes=60") == 0 && chdir(at) == 0);
	fd = open("a", O_RDWR | O_CREAT, 0600);
	for (n = 0; write(fd, bytes, sizeof(bytes)) == sizeof(bytes); n++)
		;
	result("pages written", n);
	result("another file", write(open("b", O_RDWR | O_CREAT, 0600), bytes, 1));
	show_free();
	need(ftruncate(fd, 0) == 0);
	for (n = 0; n < 100 && pwrite(fd, bytes, 1, (off_t)n << 24) == 1; n++)
		;
	result("pages far apart", n);
	show_free();
	need(ftruncate(fd, 0) == 0 && ftruncate(fd, 100 * 4096) == 0);
	signal(SIGBUS, on_bus_error);
	result("pages mapped", map_pages(fd));
	show_free();
	need(ftruncate(fd, 0) == 0);
	result("allocated", fallocate(fd, 0, 0, 64 * 4096));
	result("one too many", fallocate(fd, 0, 0, 65 * 4096));
	show_free();
	need(ftruncate(fd, 0) == 0);
	memset(target, 'x', 128);
	result("a link of 128 bytes", symlink(target, "long"));
	target[127] = 0;
	result("one of 127", symlink(target, "short"));
	show_free();
	need(ftruncate(fd, 0) == 0);
	for (n = 0; write(fd, bytes, sizeof(bytes)) == sizeof(bytes); n++)
		;
	result("beside the link", n);
	target[127] = 'x';
	result("a long link", symlink(target, "long-too"));
	result("the link removed", unlink("long"));
	result("a long link", symlink(target, "long-too"));
	show_free();
}

int main(void)
{
	mkdir("/tmp", 01777);
	mkdir(at, 0700);
	test_mounts();
	test_limits();
	test_pages();
	return test_end();
}
