/* SPDX-License-Identifier: MIT */
/*
 * Priority-inheritance mutexes under load: threads of changing priorities lock
 * several in ascending order (chains, never circles), some with timeouts, some
 * robust with owners that end. The sums under the locks must be exact, and at the
 * end nobody may be left with a priority that was lent. Arguments: rounds a
 * thread, threads, seed.
 */
#include "test.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#define NR_LOCKS 5
#define MAX_THREADS 64

static long rounds = 300, nr_threads = 8;
static unsigned long seed = 1;
static pthread_mutex_t locks[NR_LOCKS], robust;
static long sums[NR_LOCKS], expected[NR_LOCKS], robust_sum, nr_deaths, nr_dead_owners, nr_lent, nr_errors;

static unsigned long next(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 8;
}

/* Field 18 of stat: 20 for an ordinary thread with no priority lent to it. */
static int my_priority(void)
{
	char path[64], text[512], *p;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", syscall(SYS_gettid));
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	need(n > 0);
	text[n] = 0;
	p = strrchr(text, ')');
	for (int field = 2; field < 18; field++)
		p = strchr(p + 1, ' ');
	return atoi(p);
}

static void set_priority(unsigned long n)
{
	struct sched_param param = { .sched_priority = n % 4 ? (int)(n % 4) * 10 : 0 };

	need(sched_setscheduler(0, param.sched_priority ? SCHED_FIFO : SCHED_OTHER, &param) == 0);
}

static void add(unsigned set, unsigned long *state)
{
	bool have[NR_LOCKS] = { 0 };

	for (int i = 0; i < NR_LOCKS; i++) {
		if (!(set >> i & 1))
			continue;
		struct timespec end = ns_to_timespec(now_ns(CLOCK_REALTIME) + (int64_t)(next(state) % 200000));
		int r = next(state) % 4 ? pthread_mutex_lock(&locks[i]) : pthread_mutex_timedlock(&locks[i], &end);
		have[i] = r == 0;
		if (r != 0 && r != ETIMEDOUT)
			__atomic_add_fetch(&nr_errors, 1, __ATOMIC_RELAXED);
		if (have[i]) {
			sums[i]++;
			__atomic_add_fetch(&expected[i], 1, __ATOMIC_RELAXED);
		}
		if (next(state) % 8 == 0)
			sched_yield();
	}
	if (next(state) % 8 == 0)
		usleep((useconds_t)(next(state) % 100));
	for (int i = NR_LOCKS; i-- > 0;)
		if (have[i])
			pthread_mutex_unlock(&locks[i]);
}

static void add_robustly(void)
{
	int r = pthread_mutex_lock(&robust);

	if (r == EOWNERDEAD) {
		__atomic_add_fetch(&nr_dead_owners, 1, __ATOMIC_RELAXED);
		pthread_mutex_consistent(&robust);
	} else if (r != 0) {
		__atomic_add_fetch(&nr_errors, 1, __ATOMIC_RELAXED);
		return;
	}
	robust_sum++;
	pthread_mutex_unlock(&robust);
}

static void *end_with_lock(void *unused)
{
	(void)unused;
	int r = pthread_mutex_lock(&robust);
	if (r == EOWNERDEAD) {
		__atomic_add_fetch(&nr_dead_owners, 1, __ATOMIC_RELAXED);
		pthread_mutex_consistent(&robust);
	}
	return NULL;
}

static void *work(void *argument)
{
	unsigned long state = (seed * 97 + (unsigned long)argument) * 0x9e3779b97f4a7c15ul | 1;
	pthread_t mortal;

	for (long i = 0; i < rounds; i++) {
		if (next(&state) % 16 == 0)
			set_priority(next(&state));
		add((unsigned)next(&state) % (1 << NR_LOCKS), &state);
		add_robustly();
		if (next(&state) % 32 == 0 && pthread_create(&mortal, NULL, end_with_lock, NULL) == 0) {
			__atomic_add_fetch(&nr_deaths, 1, __ATOMIC_RELAXED);
			pthread_join(mortal, NULL);
			add_robustly();
		}
	}
	set_priority(0);
	/* It owns nothing: so nobody may lend it anything any more. */
	if (my_priority() != 20)
		__atomic_add_fetch(&nr_lent, 1, __ATOMIC_RELAXED);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[MAX_THREADS];
	pthread_mutexattr_t attr;
	bool is_equal = true;

	if (argc > 1)
		rounds = atol(argv[1]);
	if (argc > 2)
		nr_threads = atol(argv[2]);
	if (argc > 3)
		seed = strtoul(argv[3], NULL, 0);
	need(nr_threads > 0 && nr_threads <= MAX_THREADS);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	for (int i = 0; i < NR_LOCKS; i++)
		need(pthread_mutex_init(&locks[i], &attr) == 0);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	need(pthread_mutex_init(&robust, &attr) == 0);
	for (long i = 0; i < nr_threads; i++)
		need(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
	for (long i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
	if (pthread_mutex_lock(&robust) == EOWNERDEAD) {
		nr_dead_owners++;
		pthread_mutex_consistent(&robust);
	}
	pthread_mutex_unlock(&robust);
	for (int i = 0; i < NR_LOCKS; i++)
		is_equal &= sums[i] == expected[i] && locks[i].__data.__lock == 0;
	check("the sums are exact and the locks free", is_equal);
	check("each dead owner was noticed once", nr_deaths == nr_dead_owners);
	check("the sum of the robust one too", robust_sum >= rounds * nr_threads);
	show("errors %ld, priorities left over %ld", nr_errors, nr_lent);
	return test_end();
}
