/* SPDX-License-Identifier: MIT */
/*
 * Timers at random distances from many threads: sleeps, timerfds and POSIX
 * timers. None comes early, none is lost. Arguments: timers a thread, threads.
 */
#include "test.h"
#include <pthread.h>
#include <signal.h>
#include <sys/timerfd.h>

static long nr_timers = 100, nr_threads = 8;
static long nr_early, nr_lost, nr_done;

static unsigned int next(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

/* 1 us to 16 ms, short ones more often. */
static long distance(unsigned int *seed)
{
	long span = 1000l << next(seed) % 15;

	return 1 + next(seed) % span;
}

static void early_if(bool is_early)
{
	if (is_early)
		__atomic_add_fetch(&nr_early, 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&nr_done, 1, __ATOMIC_RELAXED);
}

static void *use_timers(void *argument)
{
	unsigned int seed = (unsigned int)(long)argument * 77 + 5;
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN };
	timer_t timer;
	sigset_t set;

	event._sigev_un._tid = (int)syscall(SYS_gettid);
	need(fd >= 0 && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	for (long i = 0; i < nr_timers; i++) {
		long ns = distance(&seed);
		struct itimerspec spec = { .it_value = ns_to_timespec(ns) };
		int64_t begin = now_ns(CLOCK_MONOTONIC);

		switch (next(&seed) % 5) {
		case 0: {
			struct timespec end = ns_to_timespec(begin + ns);
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
			early_if(now_ns(CLOCK_MONOTONIC) < begin + ns);
			break;
		}
		case 1: {
			uint64_t value = 0;
			timerfd_settime(fd, 0, &spec, NULL);
			need(read(fd, &value, 8) == 8);
			early_if(now_ns(CLOCK_MONOTONIC) < begin + ns || value != 1);
			break;
		}
		case 2: {
			struct timespec limit = { .tv_sec = 20 };
			timer_settime(timer, 0, &spec, NULL);
			if (sigtimedwait(&set, NULL, &limit) != SIGRTMIN)
				__atomic_add_fetch(&nr_lost, 1, __ATOMIC_RELAXED);
			early_if(now_ns(CLOCK_MONOTONIC) < begin + ns);
			break;
		}
		case 3: /* armed, re-armed, cancelled: nothing may come */
			spec.it_value.tv_sec = 100;
			timerfd_settime(fd, 0, &spec, NULL);
			spec.it_value.tv_sec = 200;
			timerfd_settime(fd, 0, &spec, NULL);
			memset(&spec, 0, sizeof(spec));
			timerfd_settime(fd, 0, &spec, NULL);
			early_if(false);
			break;
		default: {
			struct timespec request = ns_to_timespec(ns);
			nanosleep(&request, NULL);
			early_if(now_ns(CLOCK_MONOTONIC) < begin + ns);
		}
		}
	}
	timer_delete(timer);
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[256];
	sigset_t set;

	if (argc > 1)
		nr_timers = atol(argv[1]);
	if (argc > 2)
		nr_threads = atol(argv[2]);
	need(nr_threads > 0 && nr_threads <= 256);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (long i = 0; i < nr_threads; i++)
		need(pthread_create(&threads[i], NULL, use_timers, (void *)i) == 0);
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	show("timers %ld, early %ld, lost %ld", nr_done, nr_early, nr_lost);
	return test_end();
}
