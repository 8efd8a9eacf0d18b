/* SPDX-License-Identifier: MIT */
/*
 * Cancellation of threads. glibc cancels by a signal whose handler unwinds the
 * stack from inside the system call, so pc, registers and unwind information
 * seen at the call must be those of the svc instruction.
 */
#include "test.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>

static int pipe_fds[2];
static sem_t semaphore;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int nr_cleaned, nr_ready;

static void clean(void *argument)
{
	__atomic_add_fetch(&nr_cleaned, (int)(long)argument, __ATOMIC_SEQ_CST);
}

static void unlock(void *argument)
{
	pthread_mutex_unlock(argument);
	clean((void *)1);
}

static void ready(void)
{
	__atomic_add_fetch(&nr_ready, 1, __ATOMIC_SEQ_CST);
}

static void block_in_read(void)
{
	char c;

	ready();
	if (read(pipe_fds[0], &c, 1) >= 0)
		show("FAIL read returned");
}

static void block_in_sleep(void)
{
	ready();
	sleep(100);
}

static void block_in_poll(void)
{
	struct pollfd p = { .fd = pipe_fds[0], .events = POLLIN };

	ready();
	poll(&p, 1, 100000);
}

static void block_in_semaphore(void)
{
	ready();
	sem_wait(&semaphore);
}

static void block_in_condition(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(unlock, &mutex);
	ready();
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(1);
}

static void block_in_pause(void)
{
	ready();
	pause();
}

static void block_in_sigwait(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	ready();
	sigwait(&set, &number);
}

static void loop_over_testcancel(void)
{
	ready();
	for (;;)
		pthread_testcancel();
}

static void compute(void)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	ready();
	for (volatile long i = 0;; i++)
		;
}

static const struct {
	const char *name;
	void (*block)(void);
} ways[] = {
	{ "read", block_in_read }, { "sleep", block_in_sleep }, { "poll", block_in_poll },
	{ "semaphore", block_in_semaphore }, { "condition", block_in_condition }, { "pause", block_in_pause },
	{ "sigwait", block_in_sigwait }, { "testcancel", loop_over_testcancel }, { "computing", compute },
};

/* Frames with cleanup handlers at three levels: all are unwound. */
static __attribute__((noinline)) void level2(int way)
{
	pthread_cleanup_push(clean, (void *)10);
	ways[way].block();
	pthread_cleanup_pop(0);
}

static __attribute__((noinline)) void level1(int way)
{
	pthread_cleanup_push(clean, (void *)100);
	level2(way);
	pthread_cleanup_pop(0);
}

static void *be_cancelled(void *argument)
{
	pthread_cleanup_push(clean, (void *)1000);
	level1((int)(long)argument);
	pthread_cleanup_pop(0);
	return NULL;
}

static void test_ways(void)
{
	for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
		pthread_t threads[3];
		int nr_cancelled = 0;

		nr_cleaned = 0;
		nr_ready = 0;
		for (int i = 0; i < 3; i++)
			need(pthread_create(&threads[i], NULL, be_cancelled, (void *)way) == 0);
		while (__atomic_load_n(&nr_ready, __ATOMIC_SEQ_CST) != 3)
			sched_yield();
		sleep_ms(5);
		for (int i = 0; i < 3; i++)
			need(pthread_cancel(threads[i]) == 0);
		for (int i = 0; i < 3; i++) {
			void *result;
			pthread_join(threads[i], &result);
			nr_cancelled += result == PTHREAD_CANCELED;
		}
		show("%s: cancelled %d, cleaned %d", ways[way].name, nr_cancelled, nr_cleaned);
	}
}

static void *not_cancelled(void *unused)
{
	int old;

	(void)unused;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	ready();
	sleep_ms(50);
	pthread_testcancel();
	show("disabled: still running");
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	pthread_testcancel();
	show("FAIL went on");
	return NULL;
}

static void *cancelled_before(void *unused)
{
	char c;

	(void)unused;
	while (__atomic_load_n(&nr_ready, __ATOMIC_SEQ_CST) == 0)
		;
	/* The cancellation is pending: the read must not even start. */
	if (read(pipe_fds[0], &c, 1) == 1)
		show("FAIL read took the byte");
	return NULL;
}

int main(void)
{
	pthread_t thread;
	void *result;

	need(pipe(pipe_fds) == 0);
	sem_init(&semaphore, 0, 0);
	test_ways();

	nr_ready = 0;
	need(pthread_create(&thread, NULL, not_cancelled, NULL) == 0);
	while (__atomic_load_n(&nr_ready, __ATOMIC_SEQ_CST) != 1)
		sched_yield();
	pthread_cancel(thread);
	pthread_join(thread, &result);
	check("cancelled after enabling", result == PTHREAD_CANCELED);

	nr_ready = 0;
	need(pthread_create(&thread, NULL, cancelled_before, NULL) == 0);
	pthread_cancel(thread);
	need(write(pipe_fds[1], "x", 1) == 1);
	__atomic_store_n(&nr_ready, 1, __ATOMIC_SEQ_CST);
	pthread_join(thread, &result);
	char c;
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	check("a pending cancellation comes before the read",
	      result == PTHREAD_CANCELED && read(pipe_fds[0], &c, 1) == 1);
	return test_end();
}
