/* SPDX-License-Identifier: MIT
 *
 * The kernel command line: docs/command-line.md, line by line.
 */
/* sources: boards/cmdline.c tests/host/fake-special.c */
#include <stdlib.h>

#include "boards/cmdline.h"
#include "tests/host/special.h"

static void *arena;

/* In an arena of exactly the promised size: the sanitizer sees every byte beyond. */
static struct cmdline parse(const char *text)
{
	struct cmdline c;

	free(arena);
	arena = malloc(cmdline_arena_size(text));
	cmdline_parse(text, arena, &c);
	return c;
}

#define CHECK_STR(a, b)	CHECK(strcmp(a, b) == 0)

static unsigned length(const char **v)
{
	unsigned n = 0;

	while (v[n])
		n++;
	return n;
}

static void test_empty(void)
{
	struct cmdline c = parse("");

	CHECK(!c.argv[0]);
	CHECK_STR(c.cwd, "/");
	CHECK_STR(c.hostname, "samara");
	CHECK_EQ(length(c.envp), 2);	/* PATH, HOME */
	c = parse("--");
	CHECK(!c.argv[0]);
	c = parse("   --   ");
	CHECK(!c.argv[0]);
}

static void test_options(void)
{
	struct cmdline c = parse("env=A=b%20c quiet aslr=off veneers=off exit=semihosting boot-report threads cwd=/x%2Fy hostname=h "
				 "tty=stdout,stdin winsize=80x24 console=pl011 ip=dhcp env=PATH=/bin virtio_mmio.device=512@0xfeb00e00:12 odd other=1 -- prog quiet");

	CHECK(c.is_quiet && c.no_aslr && c.no_veneers && c.boot_report && c.threads);
	CHECK_STR(c.exit, "semihosting");
	CHECK_STR(c.cwd, "/x/y");
	CHECK_STR(c.hostname, "h");
	CHECK(c.is_tty[0] && c.is_tty[1] && !c.is_tty[2]);
	CHECK_EQ(c.win_cols, 80);
	CHECK_EQ(c.win_rows, 24);
	CHECK_STR(c.console, "pl011");
	CHECK_STR(c.ip, "dhcp");
	CHECK_EQ(length(c.envp), 4);
	CHECK_STR(c.envp[0], "A=b c");
	CHECK_STR(c.envp[1], "PATH=/bin");
	CHECK_STR(c.envp[2], "HOME=/root");
	CHECK_STR(c.envp[3], "TERM=linux");
	CHECK_EQ(c.nr_unknown, 2);
	CHECK_STR(c.unknown[0], "odd");
	CHECK_STR(c.unknown[1], "other=1");
	CHECK_EQ(length(c.argv), 2);
	CHECK_STR(c.argv[1], "quiet");
}

static void test_encoding(void)
{
	struct cmdline c = parse("-- p % %25 a%20b %0A %zz %4 %C3%A4 -- %2D%2d");

	CHECK_EQ(length(c.argv), 10);
	CHECK_STR(c.argv[1], "");
	CHECK_STR(c.argv[2], "%");
	CHECK_STR(c.argv[3], "a b");
	CHECK_STR(c.argv[4], "\n");
	CHECK_STR(c.argv[5], "%zz");
	CHECK_STR(c.argv[6], "%4");
	CHECK_STR(c.argv[7], "\xc3\xa4");
	CHECK_STR(c.argv[8], "--");
	CHECK_STR(c.argv[9], "--");
}

static void test_many(void)
{
	static char text[40000];
	struct cmdline c;
	char *p = text;

	for (int i = 0; i < 2000; i++)
		p += sprintf(p, "env=V%d=x ", i);
	p += sprintf(p, "-- prog");
	for (int i = 0; i < 2000; i++)
		p += sprintf(p, " %d", i);
	c = parse(text);
	CHECK_EQ(length(c.envp), 2002);
	CHECK_EQ(length(c.argv), 2001);
	CHECK_STR(c.argv[2000], "1999");
}

int main(void)
{
	test_empty();
	test_options();
	test_encoding();
	test_many();
	free(arena);
	return 0;
}
