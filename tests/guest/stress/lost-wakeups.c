/* SPDX-License-Identifier: MIT */
/*
 * Wake-ups at random distances: pairs of threads, each with its own way to wait
 * (futex, futex with timeout, pipe, eventfd with epoll, condition variable, signal,
 * semaphore). One sleeps a random time and wakes the other; the other waits, often
 * with a timeout that ends at about the same moment. Every wake-up must arrive: a
 * watchdog counts pairs that stand still. With --icount idle time costs nothing, so
 * an hour passes in a minute; seeds change the interleavings.
 *
 * Arguments: seconds, seed, longest distance in microseconds.
 */
#include "test.h"
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define NR_WAYS 7
#define NR_PAIRS (2 * NR_WAYS)
#define STANDSTILL_NS 20000000000 /* of the guest's clock */

struct pair {
	pthread_t sender, receiver;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	sem_t semaphore;
	uint32_t word;
	int pipe_fds[2], event_fd, epoll_fd, way;
	unsigned long seed;
	long nr_sent, nr_received, nr_timeouts;
	bool is_finished;
};
static struct pair pairs[NR_PAIRS];
static volatile bool is_over;
static unsigned long longest_us = 100000;

static unsigned long next(unsigned long *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 8;
}

/* Mostly short, sometimes long: 2^k with k at random. */
static unsigned long distance_us(unsigned long *state)
{
	unsigned long span = longest_us >> next(state) % 12;

	return span == 0 ? 0 : next(state) % span;
}

static void send(struct pair *p)
{
	uint64_t one = 1;

	switch (p->way) {
	case 0:
	case 1:
		__atomic_add_fetch(&p->word, 1, __ATOMIC_RELEASE);
		syscall(SYS_futex, &p->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		break;
	case 2:
		need(write(p->pipe_fds[1], "x", 1) == 1);
		break;
	case 3:
		need(write(p->event_fd, &one, 8) == 8);
		break;
	case 4:
		pthread_mutex_lock(&p->mutex);
		p->word++;
		pthread_cond_signal(&p->cond);
		pthread_mutex_unlock(&p->mutex);
		break;
	case 5:
		need(pthread_sigqueue(p->receiver, SIGRTMIN, (union sigval){ .sival_int = 0 }) == 0);
		break;
	default:
		sem_post(&p->semaphore);
	}
}

/* One wake-up is taken; false: the timeout came first. */
static bool receive(struct pair *p, unsigned long *state)
{
	struct timespec timeout = ns_to_timespec((int64_t)distance_us(state) * 1000);
	struct timespec until = ns_to_timespec(now_ns(CLOCK_REALTIME) + timeout.tv_nsec);
	bool has_timeout = next(state) % 2;
	sigset_t set;
	uint64_t value;
	char c;

	switch (p->way) {
	case 0:
	case 1: {
		uint32_t seen = (uint32_t)p->nr_received;
		while (__atomic_load_n(&p->word, __ATOMIC_ACQUIRE) == seen)
			if (syscall(SYS_futex, &p->word, FUTEX_WAIT_PRIVATE, seen, p->way == 1 && has_timeout ? &timeout : NULL, NULL, 0) &&
			    errno == ETIMEDOUT)
				return false;
		return true;
	}
	case 2: {
		struct pollfd poll_fd = { .fd = p->pipe_fds[0], .events = POLLIN };
		if (ppoll(&poll_fd, 1, has_timeout ? &timeout : NULL, NULL) == 0)
			return false;
		return read(p->pipe_fds[0], &c, 1) == 1;
	}
	case 3: {
		struct epoll_event event;
		if (epoll_wait(p->epoll_fd, &event, 1, has_timeout ? (int)(timeout.tv_nsec / 1000000) : -1) == 0)
			return false;
		return read(p->event_fd, &value, 8) == 8;
	}
	case 4: {
		bool is_there = true;
		pthread_mutex_lock(&p->mutex);
		while (p->word == (uint32_t)p->nr_received && is_there) {
			if (has_timeout)
				is_there = pthread_cond_timedwait(&p->cond, &p->mutex, &until) == 0;
			else
				pthread_cond_wait(&p->cond, &p->mutex);
		}
		is_there = p->word != (uint32_t)p->nr_received;
		pthread_mutex_unlock(&p->mutex);
		return is_there;
	}
	case 5:
		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN);
		return sigtimedwait(&set, NULL, has_timeout ? &timeout : NULL) == SIGRTMIN;
	default:
		return (has_timeout ? sem_timedwait(&p->semaphore, &until) : sem_wait(&p->semaphore)) == 0;
	}
}

static void *run_sender(void *argument)
{
	struct pair *p = argument;
	unsigned long state = p->seed * 2 + 1;

	while (!is_over) {
		usleep((useconds_t)distance_us(&state));
		/* At most a few ahead, so that queues stay short. */
		if (p->nr_sent - __atomic_load_n(&p->nr_received, __ATOMIC_ACQUIRE) > 8)
			continue;
		__atomic_add_fetch(&p->nr_sent, 1, __ATOMIC_RELEASE);
		send(p);
	}
	/* The last one, for a receiver that waits without a timeout; it looks at is_finished after it. */
	__atomic_add_fetch(&p->nr_sent, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&p->is_finished, true, __ATOMIC_RELEASE);
	send(p);
	return NULL;
}

static void *run_receiver(void *argument)
{
	struct pair *p = argument;
	unsigned long state = p->seed * 2 + 2;

	while (!__atomic_load_n(&p->is_finished, __ATOMIC_ACQUIRE) || p->nr_received != p->nr_sent) {
		if (receive(p, &state))
			__atomic_add_fetch(&p->nr_received, 1, __ATOMIC_RELEASE);
		else
			p->nr_timeouts++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 5;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	int64_t last_progress[NR_PAIRS];
	long last_received[NR_PAIRS] = { 0 }, nr_lost = 0, nr_timeouts = 0, nr_received = 0;
	sigset_t set;

	if (argc > 3)
		longest_us = strtoul(argv[3], NULL, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	int64_t begin = now_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < NR_PAIRS; i++) {
		struct pair *p = &pairs[i];
		struct epoll_event event = { .events = EPOLLIN };
		p->way = i % NR_WAYS;
		p->seed = (seed * NR_PAIRS + (unsigned long)i) * 0x9e3779b97f4a7c15ul | 4;
		pthread_mutex_init(&p->mutex, NULL);
		pthread_cond_init(&p->cond, NULL);
		sem_init(&p->semaphore, 0, 0);
		need(pipe(p->pipe_fds) == 0);
		p->event_fd = eventfd(0, EFD_SEMAPHORE);
		p->epoll_fd = epoll_create1(0);
		need(epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->event_fd, &event) == 0);
		need(pthread_create(&p->receiver, NULL, run_receiver, p) == 0);
		need(pthread_create(&p->sender, NULL, run_sender, p) == 0);
		last_progress[i] = begin;
	}
	while ((double)(now_ns(CLOCK_MONOTONIC) - begin) < seconds * 1e9) {
		usleep(500000);
		for (int i = 0; i < NR_PAIRS; i++) {
			long received = __atomic_load_n(&pairs[i].nr_received, __ATOMIC_ACQUIRE);
			int64_t now = now_ns(CLOCK_MONOTONIC);
			if (received != last_received[i]) {
				last_received[i] = received;
				last_progress[i] = now;
			} else if (now - last_progress[i] > STANDSTILL_NS) {
				show("FAIL way %d stands still after %ld wake-ups", pairs[i].way, received);
				nr_lost++;
				last_progress[i] = INT64_MAX / 2;
			}
		}
	}
	if (nr_lost)
		return 1;
	is_over = true;
	bool are_equal = true;
	for (int i = 0; i < NR_PAIRS; i++) {
		pthread_join(pairs[i].sender, NULL);
		pthread_join(pairs[i].receiver, NULL);
		are_equal &= pairs[i].nr_sent == pairs[i].nr_received;
		nr_timeouts += pairs[i].nr_timeouts;
		nr_received += pairs[i].nr_received;
	}
	check("as many received as sent", are_equal);
	check("some waits timed out", nr_timeouts > 0);
	if (argc > 4)
		show("received %ld, timeouts %ld, guest time %.0f s", nr_received, nr_timeouts,
		     (double)(now_ns(CLOCK_MONOTONIC) - begin) / 1e9);
	show("lost wake-ups: %ld", nr_lost);
	return test_end();
}
