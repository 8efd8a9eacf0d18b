/* SPDX-License-Identifier: MIT */
/*
 * A patched call site takes no exceptions: Samara counts them in
 * /proc/samara/syscalls, and 100,000 calls from few sites, in four threads, must
 * add next to none. On Linux, which has no such file, there is nothing to count.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

#define NR_CALLS 25000

/* A number after a name in the file, or 0. */
static long counter(const char *name)
{
	char text[512] = "";
	int fd = open("/proc/samara/syscalls", O_RDONLY);

	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	const char *at = n > 0 ? strstr(text, name) : NULL;
	return at ? strtol(at + strcspn(at, "0123456789"), NULL, 10) : -1;
}

static void *call(void *unused)
{
	long pid = getpid(), nr_wrong = 0;

	(void)unused;
	for (int i = 0; i < NR_CALLS; i++)
		nr_wrong += syscall(SYS_getpid) != pid;
	return (void *)nr_wrong;
}

static void run(const char *what, void *(*body)(void *))
{
	pthread_t threads[4];
	void *result;
	long nr_wrong = 0;

	body(NULL); /* the sites are patched now */
	long before = counter("exceptions");
	for (int i = 0; i < 4; i++)
		need(pthread_create(&threads[i], NULL, body, NULL) == 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		nr_wrong += (long)result;
	}
	long added = counter("exceptions") - before;
	show("%s: wrong results %ld, exceptions %s", what, nr_wrong, added < 100 ? "hardly any" : "many");
}

/* The same from generated code. */
static long (*generated)(void);

static void *call_generated(void *unused)
{
	long pid = getpid(), nr_wrong = 0;

	(void)unused;
	for (int i = 0; i < NR_CALLS; i++)
		nr_wrong += generated() != pid;
	return (void *)nr_wrong;
}

int main(void)
{
	char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(code != MAP_FAILED);
#ifdef __aarch64__
	static const uint32_t text[] = { 0xd2800008u | SYS_getpid << 5, 0xd4000001u, 0xd65f03c0u }; /* mov x8, #getpid; svc #0; ret */
#else
	static const uint8_t text[] = { 0xb8, SYS_getpid, 0, 0, 0, 0x0f, 0x05, 0xc3 }; /* mov $getpid, %eax; syscall; ret */
#endif
	memcpy(code, text, sizeof(text));
	__builtin___clear_cache((char *)code, (char *)code + sizeof(text));
	need(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
	generated = (long (*)(void))code;
	run("the C library's site", call);
	run("a generated site", call_generated);
	return test_end();
}
