/* SPDX-License-Identifier: MIT */
/*
 * Several threads wait for signals to the process: as many signals, as many
 * threads that return, however little time lies between them.
 */
#include "test.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/signalfd.h>

#define NR_THREADS 6
#define ROUNDS 20

static int nr_waiting, nr_back;
static sigset_t waited;
static bool with_mask_of_own;

/* Nobody else of this CPU runs while the signals are sent. */
static void set_realtime(bool is_realtime)
{
	struct sched_param param = { .sched_priority = is_realtime ? 5 : 0 };

	sched_setscheduler(0, is_realtime ? SCHED_FIFO : SCHED_OTHER, &param);
}

static void wait_until_asleep(int nr)
{
	while (__atomic_load_n(&nr_waiting, __ATOMIC_SEQ_CST) != nr)
		sleep_ms(1);
	sleep_ms(5);
}

static void wait_until_back(int nr)
{
	for (int i = 0; i < 20000 && __atomic_load_n(&nr_back, __ATOMIC_SEQ_CST) != nr; i++)
		sleep_ms(1);
}

static void *wait_once(void *argument)
{
	sigset_t set = waited;
	siginfo_t info;
	struct timespec long_time = { 1000, 0 };

	/* The first waits for one signal only, the others for all: what another took must not be lost for it. */
	if (with_mask_of_own && argument == NULL) {
		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN + 3);
	}
	__atomic_add_fetch(&nr_waiting, 1, __ATOMIC_SEQ_CST);
	int number;
	/* On Linux one that was woken for a signal that another took meanwhile is "interrupted". */
	do
		number = (long)argument % 2 ? sigwaitinfo(&set, &info) : sigtimedwait(&set, &info, &long_time);
	while (number < 0 && errno == EINTR);
	__atomic_add_fetch(&nr_back, 1, __ATOMIC_SEQ_CST);
	return (void *)(long)number;
}

/* Signal numbers, one a thread. */
static void round_of(const int *numbers, int nr)
{
	pthread_t threads[NR_THREADS];
	union sigval value = { 0 };
	long sum = 0, expected = 0;

	nr_waiting = nr_back = 0;
	for (long i = 0; i < nr; i++) {
		need(pthread_create(&threads[i], NULL, wait_once, (void *)i) == 0);
		expected += numbers[i];
	}
	wait_until_asleep(nr);
	set_realtime(true);
	for (int i = 0; i < nr; i++)
		sigqueue(getpid(), numbers[i], value);
	set_realtime(false);
	wait_until_back(nr);
	if (nr_back != nr) {
		show("FAIL %d of %d threads returned", nr_back, nr);
		exit(1);
	}
	for (int i = 0; i < nr; i++) {
		void *number;

		pthread_join(threads[i], &number);
		sum += (long)number;
	}
	if (sum != expected)
		show("FAIL other signals came than were sent");
}

static void test_waiters(void)
{
	static const int standard[] = { SIGUSR1, SIGUSR2, SIGHUP, SIGALRM };
	int same[NR_THREADS], mixed[NR_THREADS];

	for (int i = 0; i < NR_THREADS; i++) {
		same[i] = SIGRTMIN + 1;
		mixed[i] = SIGRTMIN + 3 - i % 3;
	}
	for (int i = 0; i < ROUNDS; i++) {
		round_of(standard, 4);
		round_of(same, NR_THREADS);
	}
	show("each of several signals wakes a thread");
	with_mask_of_own = true;
	for (int i = 0; i < ROUNDS; i++)
		round_of(mixed, NR_THREADS);
	with_mask_of_own = false;
	show("also where one waits for one signal only");
}

static void handler(int number)
{
	(void)number;
}

static void *pause_once(void *argument)
{
	sigset_t set;

	(void)argument;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	__atomic_add_fetch(&nr_waiting, 1, __ATOMIC_SEQ_CST);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pause();
	__atomic_add_fetch(&nr_back, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Two signals end the pause of two threads; the main thread blocks both. */
static void test_pause(void)
{
	pthread_t threads[2];

	signal(SIGUSR1, handler);
	signal(SIGUSR2, handler);
	nr_waiting = nr_back = 0;
	for (int i = 0; i < 2; i++)
		need(pthread_create(&threads[i], NULL, pause_once, NULL) == 0);
	wait_until_asleep(2);
	sleep_ms(50);
	kill(getpid(), SIGUSR1);
	while (__atomic_load_n(&nr_back, __ATOMIC_SEQ_CST) != 1)
		sleep_ms(1);
	kill(getpid(), SIGUSR2);
	wait_until_back(2);
	show("pause: %d of 2 returned", nr_back);
}

static int fd;

static void *read_once(void *argument)
{
	struct signalfd_siginfo info;

	(void)argument;
	__atomic_add_fetch(&nr_waiting, 1, __ATOMIC_SEQ_CST);
	if (read(fd, &info, sizeof(info)) == sizeof(info))
		__atomic_add_fetch(&nr_back, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void test_signalfd(void)
{
	pthread_t threads[NR_THREADS];
	union sigval value = { 0 };

	fd = signalfd(-1, &waited, 0);
	nr_waiting = nr_back = 0;
	for (int i = 0; i < NR_THREADS; i++)
		need(pthread_create(&threads[i], NULL, read_once, NULL) == 0);
	wait_until_asleep(NR_THREADS);
	set_realtime(true);
	for (int i = 0; i < NR_THREADS; i++)
		sigqueue(getpid(), SIGRTMIN + i % 2, value);
	set_realtime(false);
	wait_until_back(NR_THREADS);
	show("signalfd: %d of %d returned", nr_back, NR_THREADS);
}

int main(void)
{
	sigemptyset(&waited);
	for (int i = 0; i < 4; i++)
		sigaddset(&waited, SIGRTMIN + i);
	sigaddset(&waited, SIGUSR1);
	sigaddset(&waited, SIGUSR2);
	sigaddset(&waited, SIGHUP);
	sigaddset(&waited, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &waited, NULL);
	test_waiters();
	test_pause();
	test_signalfd();
	return test_end();
}
