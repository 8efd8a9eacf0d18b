/* SPDX-License-Identifier: MIT */
/* vm.overcommit_memory and the settings beside it: what may be written, and which mappings are refused in each mode. Sizes are far from the limits, as other programs of Linux count there. */
#include "test.h"
#include <fcntl.h>
#include <sys/mman.h>

#define MIB	(1ul << 20)
#define PRIVATE	(MAP_PRIVATE | MAP_ANONYMOUS)

static void put(const char *name, unsigned long value)
{
	char path[128], text[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/vm/%s", name);
	snprintf(text, sizeof(text), "%ld", (long)value);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		show("%s <- %s: %s", name, text, strerrorname_np(errno));
	close(fd);
}

static void show_settings(const char *what)
{
	static const char *const names[] = { "overcommit_memory", "overcommit_ratio", "overcommit_kbytes" };
	char path[128], line[256] = "";

	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(line);
		ssize_t r;
		int fd;

		snprintf(path, sizeof(path), "/proc/sys/vm/%s", names[i]);
		fd = open(path, O_RDONLY);
		line[n++] = ' ';
		r = read(fd, line + n, sizeof(line) - n - 1);
		line[n + (r > 0 ? (size_t)r - 1 : 0)] = '\0';
		close(fd);
	}
	show("%s:%s", what, line);
}

/* KiB. */
static unsigned long meminfo(const char *name)
{
	static char text[8192];
	int fd = open("/proc/meminfo", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	char *p;

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	p = strstr(text, name);
	need(p);
	return strtoul(p + strlen(name), NULL, 10);
}

static void *try_map(const char *what, unsigned long size, int prot, int flags)
{
	void *p = mmap(NULL, size, prot, flags, -1, 0);

	show("%s: %s", what, p == MAP_FAILED ? strerrorname_np(errno) : "ok");
	return p;
}

static void drop(void *p, unsigned long size)
{
	if (p != MAP_FAILED)
		munmap(p, size);
}

static void never(void)
{
	unsigned long before;
	void *p, *q;
	int r;

	before = meminfo("Committed_AS:");
	p = mmap(NULL, 40 * MIB, PROT_READ | PROT_WRITE, PRIVATE, -1, 0);
	check("what is mapped is promised", meminfo("Committed_AS:") >= before + 38 * 1024);
	drop(p, 40 * MIB);
	put("overcommit_memory", 2);
	put("overcommit_kbytes", meminfo("Committed_AS:") + 64 * 1024);
	p = try_map("half of what is left", 32 * MIB, PROT_READ | PROT_WRITE, PRIVATE);
	drop(try_map("more than all", 128 * MIB, PROT_READ | PROT_WRITE, PRIVATE), 128 * MIB);
	drop(try_map("MAP_NORESERVE does not help", 128 * MIB, PROT_READ | PROT_WRITE, PRIVATE | MAP_NORESERVE), 128 * MIB);
	drop(try_map("what is only read", 128 * MIB, PROT_READ, PRIVATE), 128 * MIB);
	q = try_map("what nobody may touch", 128 * MIB, PROT_NONE, PRIVATE);
	r = mprotect(q, 128 * MIB, PROT_READ | PROT_WRITE);
	show("made writable: %s", r ? strerrorname_np(errno) : "ok");
	r = mprotect(q, 4 * MIB, PROT_READ | PROT_WRITE);
	show("a part of it: %s", r ? strerrorname_np(errno) : "ok");
	drop(q, 128 * MIB);
	q = mremap(p, 32 * MIB, 256 * MIB, MREMAP_MAYMOVE);
	show("made longer: %s", q == MAP_FAILED ? strerrorname_np(errno) : "ok");
	show("the heap: %s", sbrk(128 * MIB) == (void *)-1 ? strerrorname_np(errno) : "ok");
	show("a little of it: %s", sbrk(MIB) == (void *)-1 ? strerrorname_np(errno) : "ok");
	drop(p, 32 * MIB);
	drop(try_map("after half was given back", 48 * MIB, PROT_READ | PROT_WRITE, PRIVATE), 48 * MIB);

	/* What is kept for root. */
	put("admin_reserve_kbytes", 32 * 1024);
	p = try_map("root", 48 * MIB, PROT_READ | PROT_WRITE, PRIVATE);
	drop(p, 48 * MIB);
	need(seteuid(1000) == 0);
	p = try_map("others", 48 * MIB, PROT_READ | PROT_WRITE, PRIVATE);
	drop(p, 48 * MIB);
	need(seteuid(0) == 0);
	put("admin_reserve_kbytes", 8192);
	put("overcommit_ratio", 50);
	check("the limit is half of RAM", meminfo("CommitLimit:") > meminfo("MemTotal:") / 2 - 2048 && meminfo("CommitLimit:") <= meminfo("MemTotal:") / 2 + 4);
	put("overcommit_memory", 0);
}

int main(void)
{
	void *p;

	show_settings("at first");
	put("overcommit_memory", 3);
	put("overcommit_memory", -1ul);
	put("overcommit_ratio", -1ul);
	put("overcommit_kbytes", 4096);
	show_settings("kbytes set");
	put("overcommit_ratio", 50);
	show_settings("ratio set");

	/* 0: only what can never be is refused. */
	p = try_map("mode 0", 1ul << 40, PROT_READ | PROT_WRITE, PRIVATE);
	drop(p, 1ul << 40);
	p = try_map("mode 0, MAP_NORESERVE", 1ul << 40, PROT_READ | PROT_WRITE, PRIVATE | MAP_NORESERVE);
	drop(p, 1ul << 40);
	put("overcommit_memory", 1);
	p = try_map("mode 1", 1ul << 40, PROT_READ | PROT_WRITE, PRIVATE);
	drop(p, 1ul << 40);
	put("overcommit_memory", 0);
	never();
	p = try_map("mode 0 again", 128 * MIB, PROT_READ | PROT_WRITE, PRIVATE);
	return test_end();
}
