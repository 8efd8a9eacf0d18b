// SPDX-License-Identifier: MIT
/* sources: linux/strace-args.c linux/strace-calls.c linux/strace-event.c linux/strace-file.c linux/strace-ioctl.c linux/strace-names.c linux/strace-net.c linux/strace-net-names.c linux/strace-prctl.c linux/strace-process.c linux/strace-sched.c linux/strace-signal.c linux/strace-text.c linux/strace-time.c libc/print.c libc/string.c */
/*
 * Every call's arguments from garbage: registers and memory of the application are whatever they may be, and the line stays a line. And a few lines byte by byte; the rest is
 * compared with strace(1) by tests/strace-calls.py.
 */
#include "linux/strace-priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/crash.h"
#include "mmu/user.h"

#define ARENA	(64u << 10)
#define ROUNDS	400

static int failures;
static uint8_t *arena;			/* the only memory that the application has */
static uint64_t seed = 88172645463325252ull;

#define CHECK(cond) \
	do { \
		if (!(cond)) { \
			printf("line %d: %s\n", __LINE__, #cond); \
			failures++; \
		} \
	} while (0)

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* ---- what the kernel has ---------------------------------------------------------------------------------------------------------- */

static bool is_mapped(const void *p, size_t len)
{
	uint64_t off = (uint64_t)p - (uint64_t)arena;

	return off <= ARENA && len <= ARENA - off;
}

size_t arch_user_copy(void *dst, const void *src, size_t len)
{
	if (!is_mapped(src, len))
		return len;
	memcpy(dst, src, len);
	return 0;
}

ssize_t arch_user_strncpy(char *dst, const char *src, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		if (!is_mapped(src + i, 1))
			return -EFAULT;
		dst[i] = src[i];
		if (!dst[i])
			return (ssize_t)i;
	}
	return (ssize_t)max;
}

const char *signal_name(int sig)
{
	static char name[16];

	sprintf(name, "SIG%d", sig);
	return name;
}

void panic(const char *fmt, ...)
{
	puts(fmt);
	abort();
}

/* ---- lines ------------------------------------------------------------------------------------------------------------------------- */

static const struct { const char *name; unsigned nr_args; } calls[] = {
#define SYS(name, a, x, n)		{ #name, n },
#define SYS_RESTART(name, a, x, n)	{ #name, n },
#define SYS_FRAME(name, a, x)		{ #name, 6 },
#define SYS_TODO(name, a, x, n)		{ #name, n },
#include "linux/syscalls.def"
};

static struct strace_line *line;	/* of its own size, so that ASan sees its end */

static void begin(const char *name, unsigned nr_args, const long args[6])
{
	memset(line, 0, offsetof(struct strace_line, text));
	line->format = strace_find_format(name);
	line->name = name;
	line->nr_args = nr_args;
	for (unsigned i = 0; i < 6; i++)
		line->args[i] = args[i];
	strace_put(line, "%s(", name);
	strace_put_begin(line);
	strace_put_args(line);
}

static void end(long result, int interrupted)
{
	line->result = result;
	line->has_ended = true;
	strace_put_args(line);
	strace_put(line, ")");
	strace_put_result(line, interrupted);
}

static long any_argument(void)
{
	switch (any() % 8) {
	case 0:
		return 0;
	case 1:
		return (long)(any() % 64);
	case 2:
		return -(long)(any() % 200);
	case 3:
		return (long)any();
	case 4:
		return (long)(uint64_t)arena + ARENA - (long)(any() % 64);
	default:
		return (long)(uint64_t)arena + (long)(any() % ARENA);
	}
}

/* Words that are addresses, small numbers, or anything. */
static void fill(void)
{
	for (unsigned i = 0; i < ARENA / 8; i++) {
		uint64_t v = (uint64_t)any_argument();

		memcpy(arena + 8 * i, &v, sizeof(v));
	}
	for (unsigned i = 0; i < 64; i++)
		memset(arena + any() % (ARENA - 64), (int)any(), 64);
}

static void check_line(const char *name)
{
	bool is_text = true;

	for (size_t i = 0; i < line->len; i++)
		is_text &= line->text[i] >= ' ' && line->text[i] < 127;
	if (line->len >= STRACE_LINE || line->text[line->len] || strlen(line->text) != line->len || !is_text) {
		printf("%s: not a line\n", name);
		failures++;
	}
}

static void test_garbage(void)
{
	static const long results[] = { 0, 1, 2, 3, 100, -1, -EINTR, -EFAULT, -516, -133, -4095, -5000, 1l << 40 };
	long args[6];

	for (unsigned round = 0; round < ROUNDS; round++) {
		fill();
		for (unsigned c = 0; c < ARRAY_SIZE(calls); c++) {
			for (unsigned i = 0; i < 6; i++)
				args[i] = any_argument();
			begin(calls[c].name, calls[c].nr_args, args);
			check_line(calls[c].name);
			if (any() % 4 == 0)	/* the call, or another thread, writes it */
				memset(arena + any() % (ARENA - 64), (int)any(), 64);
			end(results[any() % ARRAY_SIZE(results)], any() % 2 ? 512 : EINTR);
			check_line(calls[c].name);
		}
	}
}

static void test_siginfo(void)
{
	struct siginfo info;

	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned k = 0; k < sizeof(info); k++)
			((uint8_t *)&info)[k] = (uint8_t)any();
		if (i % 2) {
			info.signo = (int)(any() % 66);
			info.code = (int)(any() % 20) - 8;
		}
		line->len = 0;
		strace_put_siginfo(line, &info);
		check_line("siginfo");
	}
}

/* ---- exact ones ------------------------------------------------------------------------------------------------------------------- */

static void expect(const char *name, const long args[6], long result, const char *text)
{
	begin(name, 6, args);
	end(result, EINTR);
	if (strcmp(line->text, text)) {
		printf("is:     %s\nshould: %s\n", line->text, text);
		failures++;
	}
}
#define EXPECT(text, result, name, ...)	expect(name, (const long[6]){ __VA_ARGS__ }, result, text)

static long at(unsigned off)
{
	return (long)(uint64_t)arena + off;
}

static void test_exact(void)
{
	static const uint8_t inet[16] = { 2, 0, 0, 80, 10, 0, 2, 2 };
	static const uint32_t four = 4, one = 1;
	char long_text[200];

	memset(arena, 0, ARENA);
	memcpy(arena, inet, sizeof(inet));
	memcpy(arena + 16, &four, 4);
	memcpy(arena + 20, &one, 4);
	EXPECT("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3", 3, "socket", 2, 02000001, 6);
	EXPECT("connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"10.0.2.2\")}, 16) = -1 EINPROGRESS (Operation now in progress)", -115,
	       "connect", 3, at(0), 16);
	EXPECT("connect(3, {sa_family=AF_INET, sa_data=\"\\0P\\n\\0\"}, 6) = 0", 0, "connect", 3, at(0), 6);
	EXPECT("getsockopt(3, SOL_SOCKET, SO_ERROR, [EPERM], [4]) = 0", 0, "getsockopt", 3, 1, 4, at(20), at(16));
	EXPECT("close(-1) = -1 EBADF (Bad file descriptor)", -9, "close", -1);
	EXPECT("write(1, \"\", 0) = 0", 0, "write", 1, at(0), 0);
	EXPECT("mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7000", 0x7000, "mmap", 0, 4096, 0, 0x22, -1, 0);
	EXPECT("read(3, NULL, 4) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)", -512, "read", 3, 0, 4);
	EXPECT("no_such_call(0x1, 0, 0xff, 0, 0, 0) = 0", 0, "no_such_call", 1, 0, 255);
	memset(arena + 100, 'x', 200);
	begin("write", 3, (const long[6]){ 1, at(100), 200 });
	end(200, EINTR);
	snprintf(long_text, sizeof(long_text), "write(1, \"%.*s\"..., 200) = 200", STRACE_LIST_MAX, (const char *)arena + 100);
	CHECK(!strcmp(line->text, long_text));
}

int main(void)
{
	arena = malloc(ARENA);
	line = malloc(sizeof(*line));
	test_exact();
	test_garbage();
	test_siginfo();
	free(arena);
	free(line);
	return failures != 0;
}
