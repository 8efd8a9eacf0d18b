/* SPDX-License-Identifier: MIT */
/*
 * A thread sleeps in a full pipe, writing by each call that can; another reads
 * a part, or nothing, and closes the reading end: the writer ends with what it
 * moved, or EPIPE, and SIGPIPE comes as it should, ignored, blocked or handled.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define FULL 65536

enum how { WRITE, WRITEV, VMSPLICE, SPLICE_FILE, SPLICE_PIPE, TEE, SENDFILE, NR_HOWS };
static const char *const how_names[] = { "write", "writev", "vmsplice", "splice from a file", "splice from a pipe", "tee", "sendfile" };
enum signals { IGNORED, BLOCKED, HANDLED, NR_SIGNALS };
static const char *const signal_names[] = { "ignored", "blocked", "handled" };

/* Whole pages: a part of one would take a place of its own. */
static char data[2 * FULL] __attribute__((aligned(4096)));
static int ends[2], source[2], file;
static enum how how;
static enum signals signals;
static int nr_handled;
static bool has_begun;

static void handler(int sig)
{
	(void)sig;
	__atomic_add_fetch(&nr_handled, 1, __ATOMIC_SEQ_CST);
}

static long fill(void)
{
	struct iovec v[2] = { { data, FULL }, { data + FULL, FULL } };
	loff_t pos = 0;
	off_t offset = 0;

	switch (how) {
	case WRITE:
		return write(ends[1], data, sizeof(data));
	case WRITEV:
		return writev(ends[1], v, 2);
	case VMSPLICE:
		return vmsplice(ends[1], v, 2, 0);
	case SPLICE_FILE:
		return splice(file, &pos, ends[1], NULL, sizeof(data), 0);
	case SPLICE_PIPE:
		return splice(source[0], NULL, ends[1], NULL, sizeof(data), 0);
	case TEE:
		return tee(source[0], ends[1], sizeof(data), 0);
	default:
		return sendfile(ends[1], file, &offset, sizeof(data));
	}
}

static void *writer(void *unused)
{
	struct timespec now = { 0 };
	long first, second;
	int error, pending;
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(signals == BLOCKED ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
	__atomic_store_n(&has_begun, true, __ATOMIC_SEQ_CST);
	/* Linux moves as much as a pipe has room for in one call of some of them: the first fills it, the next sleeps. */
	errno = 0;
	first = fill();
	error = errno;
	if (how == SPLICE_PIPE)
		need(write(source[1], data, FULL) == FULL);
	second = fill();
	error = first < 0 ? error : errno;
	pending = signals == BLOCKED && sigtimedwait(&set, NULL, &now) == SIGPIPE;
	show("  %ld, then %ld, %s; handled %d, pending %d", first, second, second < 0 ? strerror(error) : "no error",
	     __atomic_load_n(&nr_handled, __ATOMIC_SEQ_CST), pending);
	return NULL;
}

static void wait_full(int bytes)
{
	int n = 0;

	while (n < bytes) {
		need(ioctl(ends[0], FIONREAD, &n) == 0);
		sleep_ms(1);
	}
	sleep_ms(5);
}

/* part: bytes that are read before the end is closed; of a whole page, once the writer has filled it again. */
static void test(int part)
{
	pthread_t thread;

	nr_handled = 0;
	has_begun = false;
	need(pipe(ends) == 0 && pipe(source) == 0);
	need(write(source[1], data, FULL) == FULL);
	show("%s, %d read, SIGPIPE %s", how_names[how], part, signal_names[signals]);
	signal(SIGPIPE, signals == IGNORED ? SIG_IGN : handler);
	need(pthread_create(&thread, NULL, writer, NULL) == 0);
	wait_full(FULL);
	if (part)
		need(read(ends[0], data, part) == part);
	if (part >= 4096)
		wait_full(FULL);
	close(ends[0]);
	pthread_join(thread, NULL);
	close(ends[1]);
	close(source[0]);
	close(source[1]);
}

int main(void)
{
	file = open("/tmp/pipe-broken", O_CREAT | O_TRUNC | O_RDWR, 0600);
	need(file >= 0 && write(file, data, sizeof(data)) == sizeof(data));
	unlink("/tmp/pipe-broken");
	for (int i = 0; i < NR_HOWS; i++) {
		for (int j = 0; j < NR_SIGNALS; j++) {
			how = i;
			signals = j;
			test(0);
			/* A part of a page makes no room. */
			test(100);
			if (how == WRITE || how == WRITEV)
				test(4096);
		}
	}
	return test_end();
}
