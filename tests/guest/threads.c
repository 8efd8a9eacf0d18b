/* SPDX-License-Identifier: MIT */
/*
 * POSIX threads: create, join, detach, thread-local storage, stacks, mutex,
 * condition variable, barrier, rwlock, once, semaphore, keys, thread names.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/prctl.h>

#define NR_THREADS 16

static __thread int tls_initialised = 7;
static __thread long tls_zero;
static __thread char tls_aligned[64] __attribute__((aligned(64)));

static void *return_argument(void *argument)
{
	return argument;
}

static void *check_tls(void *argument)
{
	long me = (long)argument;
	bool is_right = tls_initialised == 7 && tls_zero == 0 && (uintptr_t)tls_aligned % 64 == 0;

	for (int i = 0; i < 200; i++) {
		tls_initialised = (int)me;
		tls_zero = me * 3;
		memset(tls_aligned, (int)me, sizeof(tls_aligned));
		if (i % 20 == 0)
			sched_yield();
		is_right &= tls_initialised == me && tls_zero == me * 3 && tls_aligned[63] == (char)me;
	}
	return (void *)(long)is_right;
}

static void test_create_join_tls(void)
{
	pthread_t threads[NR_THREADS];
	bool is_right = true, tls_right = true;
	void *result;

	for (long i = 0; i < NR_THREADS; i++)
		need(pthread_create(&threads[i], NULL, return_argument, (void *)(i * 11)) == 0);
	for (long i = 0; i < NR_THREADS; i++)
		is_right &= pthread_join(threads[i], &result) == 0 && result == (void *)(i * 11);
	check("sixteen threads return their argument", is_right);

	for (long i = 0; i < NR_THREADS; i++)
		need(pthread_create(&threads[i], NULL, check_tls, (void *)(i + 1)) == 0);
	for (long i = 0; i < NR_THREADS; i++)
		tls_right &= pthread_join(threads[i], &result) == 0 && result == (void *)1;
	check("thread-local variables are separate", tls_right);
	check("those of main are untouched", tls_initialised == 7 && tls_zero == 0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn, finished;

static void *count_up(void *unused)
{
	(void)unused;
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void *take_turns(void *argument)
{
	int me = (int)(long)argument;

	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != me)
			pthread_cond_wait(&cond, &mutex);
		turn = (turn + 1) % 4;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void test_mutex_cond(void)
{
	pthread_t threads[8];

	for (int i = 0; i < 8; i++)
		need(pthread_create(&threads[i], NULL, count_up, NULL) == 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	show("mutex sum %ld", counter);

	for (long i = 0; i < 4; i++)
		need(pthread_create(&threads[i], NULL, take_turns, (void *)i) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	show("four threads took turns, next is %d", turn);

	struct timespec deadline;
	int64_t begin = now_ns(CLOCK_MONOTONIC); /* first: a pause between the two makes the wait longer, not shorter */
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline = ns_to_timespec(deadline.tv_sec * 1000000000LL + deadline.tv_nsec + 20000000);
	pthread_mutex_lock(&mutex);
	int error = pthread_cond_timedwait(&cond, &mutex, &deadline);
	pthread_mutex_unlock(&mutex);
	check("timed wait ends with ETIMEDOUT", error == ETIMEDOUT);
	check("and not early", now_ns(CLOCK_MONOTONIC) - begin > 19000000);

	check("trylock of a free mutex", pthread_mutex_trylock(&mutex) == 0);
	check("trylock of a held mutex", pthread_mutex_trylock(&mutex) == EBUSY);
	pthread_mutex_unlock(&mutex);

	pthread_mutexattr_t attr;
	pthread_mutex_t special;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&special, &attr);
	check("recursive mutex", pthread_mutex_lock(&special) == 0 && pthread_mutex_lock(&special) == 0 &&
					 pthread_mutex_unlock(&special) == 0 && pthread_mutex_unlock(&special) == 0 &&
					 pthread_mutex_unlock(&special) == EPERM);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&special, &attr);
	check("error-checking mutex", pthread_mutex_lock(&special) == 0 && pthread_mutex_lock(&special) == EDEADLK &&
					      pthread_mutex_unlock(&special) == 0);
}

static sem_t semaphore, answer;

static void *detached(void *unused)
{
	(void)unused;
	sem_wait(&semaphore);
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	sem_post(&answer);
	return NULL;
}

static void test_detached(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	sem_init(&semaphore, 0, 0);
	sem_init(&answer, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	need(pthread_create(&thread, &attr, detached, NULL) == 0);
	check("detached thread waits", __atomic_load_n(&finished, __ATOMIC_ACQUIRE) == 0);
	sem_post(&semaphore);
	sem_wait(&answer);
	check("detached thread ran", finished == 1);

	need(pthread_create(&thread, NULL, detached, NULL) == 0);
	check("pthread_detach", pthread_detach(thread) == 0);
	sem_post(&semaphore);
	sem_wait(&answer);
}

static pthread_barrier_t barrier;
static int arrived[10], nr_serial;

static void *meet(void *unused)
{
	(void)unused;
	for (int round = 0; round < 10; round++) {
		__atomic_add_fetch(&arrived[round], 1, __ATOMIC_RELAXED);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_add_fetch(&nr_serial, 1, __ATOMIC_RELAXED);
		if (__atomic_load_n(&arrived[round], __ATOMIC_RELAXED) != 6)
			return (void *)1;
	}
	return NULL;
}

static void test_barrier(void)
{
	pthread_t threads[6];
	bool is_right = true;
	void *result;

	pthread_barrier_init(&barrier, NULL, 6);
	for (int i = 0; i < 6; i++)
		need(pthread_create(&threads[i], NULL, meet, NULL) == 0);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], &result);
		is_right &= result == NULL;
	}
	check("barrier lets nobody through early", is_right);
	show("serial threads %d", nr_serial);
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long left_half, right_half;

static void *read_or_write(void *argument)
{
	bool is_writer = (long)argument % 4 == 0, is_right = true;

	for (int i = 0; i < 1000; i++) {
		if (is_writer) {
			pthread_rwlock_wrlock(&rwlock);
			left_half++;
			right_half++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			is_right &= left_half == right_half;
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return (void *)(long)is_right;
}

static void test_rwlock(void)
{
	pthread_t threads[8];
	bool is_right = true;
	void *result;

	for (long i = 0; i < 8; i++)
		need(pthread_create(&threads[i], NULL, read_or_write, (void *)i) == 0);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], &result);
		is_right &= result == (void *)1;
	}
	check("readers never see half a write", is_right);
	show("writes %ld", left_half);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int nr_once, nr_destroyed;

static void run_once(void)
{
	nr_once++;
	sleep_ms(5);
}

static void destroy(void *value)
{
	__atomic_add_fetch(&nr_destroyed, (int)(long)value, __ATOMIC_RELAXED);
}

static void *use_key(void *unused)
{
	(void)unused;
	pthread_once(&once, run_once);
	pthread_setspecific(key, (void *)2);
	return NULL;
}

static void test_once_and_keys(void)
{
	pthread_t threads[5];

	pthread_key_create(&key, destroy);
	for (int i = 0; i < 5; i++)
		need(pthread_create(&threads[i], NULL, use_key, NULL) == 0);
	for (int i = 0; i < 5; i++)
		pthread_join(threads[i], NULL);
	show("once %d, destructors %d", nr_once, nr_destroyed);
}

static void *use_stack(void *unused)
{
	volatile char big[400 * 1024];

	(void)unused;
	for (size_t i = 0; i < sizeof(big); i += 512)
		big[i] = (char)i;
	return (void *)(long)(big[1024] == 0);
}

static void *name_self(void *unused)
{
	char name[16] = "";

	(void)unused;
	prctl(PR_SET_NAME, "a-very-long-thread-name");
	prctl(PR_GET_NAME, name);
	show("thread name <%s>", name);
	check("a thread has its own id", syscall(SYS_gettid) != getpid());
	return NULL;
}

static void test_attributes(void)
{
	static char own_stack[128 * 1024] __attribute__((aligned(65536)));
	pthread_attr_t attr;
	pthread_t thread;
	void *result;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 512 * 1024);
	need(pthread_create(&thread, &attr, use_stack, NULL) == 0);
	pthread_join(thread, &result);
	check("a stack of 512 KiB holds 400 KiB", result == (void *)1);

	pthread_attr_init(&attr);
	need(pthread_attr_setstack(&attr, own_stack, sizeof(own_stack)) == 0);
	need(pthread_create(&thread, &attr, return_argument, (void *)5) == 0);
	pthread_join(thread, &result);
	check("a stack given by the program", result == (void *)5);

	need(pthread_create(&thread, NULL, name_self, NULL) == 0);
	pthread_join(thread, NULL);
	check("main's thread id is the process id", syscall(SYS_gettid) == getpid());
}

int main(void)
{
	test_create_join_tls();
	test_mutex_cond();
	test_detached();
	test_barrier();
	test_rwlock();
	test_once_and_keys();
	test_attributes();
	return test_end();
}
