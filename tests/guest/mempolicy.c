/* SPDX-License-Identifier: MIT */
/* Memory policies on a machine with one node: what is accepted, what is refused and why, and what is told afterwards. */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#ifndef SYS_set_mempolicy_home_node
#define SYS_set_mempolicy_home_node 450
#endif
#define PAGE 4096l
#define STATIC (1 << 15)
#define RELATIVE (1 << 14)
#define BALANCING (1 << 13)

static unsigned long mask[40];
static char *area;

static void result(const char *what, long r)
{
	if (r < 0)
		show("%s: %s", what, strerrorname_np(errno));
	else
		show("%s: %ld", what, r);
}

static void tell(const char *what, long addr, long flags)
{
	unsigned long nodes[3] = { ~0ul, ~0ul, ~0ul };
	int mode = -1;
	long r = syscall(SYS_get_mempolicy, &mode, nodes, 129l, addr, flags);

	if (r)
		show("    %s: %s", what, strerrorname_np(errno));
	else
		show("    %s: %#x, nodes %lx %lx %lx", what, mode, nodes[0], nodes[1], nodes[2]);
}

static long set(int mode, unsigned long nodes, unsigned long max_node)
{
	mask[0] = nodes;
	return syscall(SYS_set_mempolicy, mode, mask, max_node);
}

static void test_modes(void)
{
	static const int flags[] = { 0, STATIC, RELATIVE, STATIC | RELATIVE, BALANCING, STATIC | BALANCING };
	static const unsigned long nodes[] = { 0, 1, 2, 3 };
	char what[100];

	for (int mode = -1; mode <= 5; mode++)
		for (size_t f = 0; f < ARRAY_LEN(flags); f++)
			for (size_t n = 0; n < ARRAY_LEN(nodes); n++) {
				long r = set(mode | flags[f], nodes[n], 65);

				snprintf(what, sizeof(what), "set mode %d flags %x nodes %lx", mode, flags[f], nodes[n]);
				result(what, r);
				if (!r && (mode || !n))
					tell("told", 0, 0);
			}
	result("a mode too high", set(77, 1, 65));
}

static void test_masks(void)
{
	int mode;

	result("no mask", syscall(SYS_set_mempolicy, 2, NULL, 64l));
	result("no mask, default", syscall(SYS_set_mempolicy, 0, NULL, 0l));
	result("no bits", set(2, 1, 1));
	result("0 bits", set(2, 1, 0));
	result("1 bit", set(2, 3, 2));
	result("bits behind are not looked at", set(2, 1 | 1ul << 40, 10));
	result("many bits", set(2, 1, 2000));
	mask[30] = 1;
	result("a node that cannot be", set(2, 1, 2000));
	mask[30] = 0;
	result("more than a page", set(2, 1, 32770));
	result("a bad address", syscall(SYS_set_mempolicy, 2, (void *)8, 64l));
	result("told to no mask", syscall(SYS_get_mempolicy, &mode, NULL, 0l, 0l, 0l));
	result("told nothing", syscall(SYS_get_mempolicy, NULL, NULL, 0l, 0l, 0l));
	result("a mask of no bits", syscall(SYS_get_mempolicy, &mode, mask, 0l, 0l, 0l));
	result("a mask of one", syscall(SYS_get_mempolicy, &mode, mask, 1l, 0l, 0l));
	result("a huge mask", syscall(SYS_get_mempolicy, &mode, mask, 40000l, 0l, 0l));
	result("to a bad address", syscall(SYS_get_mempolicy, &mode, (void *)8, 64l, 0l, 0l));
	result("mode to a bad address", syscall(SYS_get_mempolicy, (void *)8, NULL, 0l, 0l, 0l));
	result("an address without its flag", syscall(SYS_get_mempolicy, &mode, NULL, 0l, area, 0l));
	result("unknown flags", syscall(SYS_get_mempolicy, &mode, NULL, 0l, 0l, 8l));
	tell("allowed", 0, 4);
	tell("allowed and more", 0, 5);
	tell("next node", 0, 1);
	need(set(3, 1, 65) == 0);
	tell("next node of an interleaved policy", 0, 1);
}

static long bind_pages(long first, long nr, int mode, unsigned long nodes, int flags)
{
	mask[0] = nodes;
	return syscall(SYS_mbind, area + first * PAGE, nr * PAGE, mode, mask, 65l, flags);
}

static void test_areas(void)
{
	need(set(2, 1, 65) == 0);
	tell("an area without", (long)area, 2);
	tell("the node of its page", (long)area, 3);
	tell("no area", (long)area + 8 * PAGE, 2);
	result("bind", bind_pages(1, 2, 2, 1, 0));
	tell("before it", (long)area, 2);
	tell("in it", (long)area + PAGE + 5, 2);
	tell("its node", (long)area + PAGE + 5, 3);
	tell("behind it", (long)area + 3 * PAGE, 2);
	result("prefer none", bind_pages(2, 1, 1, 0, 0));
	tell("told", (long)area + 2 * PAGE, 2);
	result("prefer, static", bind_pages(2, 1, 1 | STATIC, 1, 0));
	tell("told", (long)area + 2 * PAGE, 2);
	result("interleave, moving", bind_pages(0, 8, 3, 1, 2));
	tell("told", (long)area + 7 * PAGE, 2);
	result("moving all, strictly", bind_pages(0, 8, 5, 1, 5));
	result("home node", syscall(SYS_set_mempolicy_home_node, area, 2 * PAGE, 0l, 0l));
	result("default", bind_pages(0, 8, 0, 0, 1));
	tell("told", (long)area, 2);
	result("default with nodes", bind_pages(0, 8, 0, 1, 0));
	result("no such node", bind_pages(0, 8, 2, 2, 0));
	result("unknown flags", bind_pages(0, 8, 2, 1, 8));
	result("nothing, unknown mode", bind_pages(0, 0, 9, 1, 0));
	result("nothing", bind_pages(0, 0, 2, 2, 0));
	result("in the middle of a page", syscall(SYS_mbind, area + 1, PAGE, 2, mask, 65l, 0));
	result("round the end", syscall(SYS_mbind, area, -PAGE, 2, mask, 65l, 0));
	result("a hole behind", bind_pages(6, 4, 2, 1, 0));
	result("all hole", bind_pages(8, 1, 2, 1, 0));
	result("a hole before", syscall(SYS_mbind, area - PAGE, 2 * PAGE, 2, mask, 65l, 0));
	need(munmap(area + 4 * PAGE, PAGE) == 0);
	result("a hole between", bind_pages(3, 3, 2, 1, 0));
}

static void test_home_node(void)
{
	result("an interleaved area", bind_pages(0, 2, 3, 1, 0));
	result("home node", syscall(SYS_set_mempolicy_home_node, area, PAGE, 0l, 0l));
	result("no such node", syscall(SYS_set_mempolicy_home_node, area, PAGE, 1l, 0l));
	result("flags", syscall(SYS_set_mempolicy_home_node, area, PAGE, 0l, 1l));
	result("nothing", syscall(SYS_set_mempolicy_home_node, area, 0l, 0l, 0l));
	result("in the middle of a page", syscall(SYS_set_mempolicy_home_node, area + 1, PAGE, 0l, 0l));
	result("round the end", syscall(SYS_set_mempolicy_home_node, area, -PAGE, 0l, 0l));
}

static void test_moving(void)
{
	unsigned long from = 1, to = 1;
	void *pages[3] = { area, area + 4 * PAGE, area + 2 * PAGE };
	int nodes[3] = { 0 }, status[3] = { 7, 7, 7 };

	area[0] = 1;
	madvise(area + 2 * PAGE, PAGE, MADV_DONTNEED);
	result("where pages are", syscall(SYS_move_pages, 0, 3l, pages, NULL, status, 0));
	show("    %d %d %d", status[0], status[1], status[2]);
	result("move them", syscall(SYS_move_pages, getpid(), 3l, pages, nodes, status, 2));
	show("    %d %d %d", status[0], status[1], status[2]);
	result("move none", syscall(SYS_move_pages, 0, 0l, pages, nodes, status, 2));
	nodes[1] = 1;
	status[0] = status[1] = 7;
	result("to no such node", syscall(SYS_move_pages, 0, 3l, pages, nodes, status, 2));
	nodes[1] = -1;
	result("to a negative one", syscall(SYS_move_pages, 0, 3l, pages, nodes, status, 2));
	result("unknown flags", syscall(SYS_move_pages, 0, 3l, pages, nodes, status, 1));
	result("addresses at a bad address", syscall(SYS_move_pages, 0, 3l, (void *)8, NULL, status, 0));
	result("status at a bad address", syscall(SYS_move_pages, 0, 3l, pages, NULL, (void *)8, 0));
	result("no such process", syscall(SYS_move_pages, 99999999, 1l, pages, NULL, status, 0));
	result("migrate", syscall(SYS_migrate_pages, 0, 65l, &from, &to));
	from = 2;
	result("from a node that is not there", syscall(SYS_migrate_pages, 0, 65l, &from, &to));
	to = 2;
	result("to one", syscall(SYS_migrate_pages, 0, 65l, &from, &to));
	to = 0;
	result("to none", syscall(SYS_migrate_pages, 0, 65l, &from, &to));
	result("no such process", syscall(SYS_migrate_pages, 99999999, 65l, &from, &to));
	result("bad addresses", syscall(SYS_migrate_pages, 0, 65l, (void *)8, &to));
}

static void *tell_in_thread(void *argument)
{
	tell("a new thread", 0, 0);
	need(set(0, 0, 65) == 0);
	return argument;
}

int main(void)
{
	pthread_t thread;

	area = mmap(NULL, 10 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(area != MAP_FAILED && munmap(area, PAGE) == 0 && munmap(area + 9 * PAGE, PAGE) == 0);
	area += PAGE;
	memset(area, 1, 8 * PAGE);
	tell("at the start", 0, 0);
	test_modes();
	test_masks();
	test_areas();
	test_home_node();
	test_moving();
	need(set(2 | STATIC, 1, 65) == 0);
	pthread_create(&thread, NULL, tell_in_thread, NULL);
	pthread_join(thread, NULL);
	tell("its maker", 0, 0);
	return test_end();
}
