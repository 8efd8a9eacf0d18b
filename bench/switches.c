/* SPDX-License-Identifier: MIT */
/*
 * Switches between two threads: yield, and round trips over a pipe, a futex,
 * eventfds with epoll. One operation is a round trip (two
 * switches). Both threads on CPU 0, or (_2cpu) on CPUs 0 and 1.
 */
#include "bench.h"
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static pthread_t partner;
static int there[2], back[2]; /* pipes, or event descriptors in [0] */
static int epoll_here, epoll_there;
static uint32_t ping, pong;
static volatile bool is_over;
static int partner_cpu;

static void start_partner(void *(*body)(void *), int cpu)
{
	is_over = false;
	partner_cpu = cpu;
	bind_to(0);
	need(pthread_create(&partner, NULL, body, NULL) == 0);
}

static void *answer_pipe(void *unused)
{
	char c;

	(void)unused;
	bind_to(partner_cpu);
	while (read(there[0], &c, 1) == 1 && c != 'q')
		need(write(back[1], &c, 1) == 1);
	return NULL;
}

static void run_pipe(long n)
{
	char c = 'x';

	for (long i = 0; i < n; i++) {
		need(write(there[1], &c, 1) == 1);
		need(read(back[0], &c, 1) == 1);
	}
}

static void stop_pipe(void)
{
	need(write(there[1], "q", 1) == 1);
	pthread_join(partner, NULL);
	for (int i = 0; i < 2; i++) {
		close(there[i]);
		close(back[i]);
	}
}

static void prepare_pipe(void)
{
	need(pipe(there) == 0 && pipe(back) == 0);
	start_partner(answer_pipe, 0);
}

static void prepare_pipe_2cpu(void)
{
	need(pipe(there) == 0 && pipe(back) == 0);
	start_partner(answer_pipe, 1);
}

static void futex_wait(uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer_futex(void *unused)
{
	uint32_t seen = 0;

	(void)unused;
	bind_to(partner_cpu);
	for (;;) {
		while (__atomic_load_n(&ping, __ATOMIC_ACQUIRE) == seen)
			futex_wait(&ping, seen);
		seen++;
		if (is_over)
			return NULL;
		__atomic_store_n(&pong, seen, __ATOMIC_RELEASE);
		futex_wake(&pong);
	}
}

static void run_futex(long n)
{
	for (long i = 0; i < n; i++) {
		uint32_t next = ping + 1;
		__atomic_store_n(&ping, next, __ATOMIC_RELEASE);
		futex_wake(&ping);
		while (__atomic_load_n(&pong, __ATOMIC_ACQUIRE) != next)
			futex_wait(&pong, next - 1);
	}
}

static void prepare_futex(void)
{
	ping = pong = 0;
	start_partner(answer_futex, 0);
}

static void prepare_futex_2cpu(void)
{
	ping = pong = 0;
	start_partner(answer_futex, 1);
}

static void stop_futex(void)
{
	is_over = true;
	__atomic_add_fetch(&ping, 1, __ATOMIC_RELEASE);
	futex_wake(&ping);
	pthread_join(partner, NULL);
}

static void wait_and_take(int epoll_fd, int event_fd)
{
	struct epoll_event event;
	uint64_t value;

	need(epoll_wait(epoll_fd, &event, 1, -1) == 1);
	need(read(event_fd, &value, 8) == 8);
}

static void *answer_epoll(void *unused)
{
	uint64_t one = 1;

	(void)unused;
	bind_to(partner_cpu);
	for (;;) {
		wait_and_take(epoll_there, there[0]);
		if (is_over)
			return NULL;
		need(write(back[0], &one, 8) == 8);
	}
}

static void run_epoll(long n)
{
	uint64_t one = 1;

	for (long i = 0; i < n; i++) {
		need(write(there[0], &one, 8) == 8);
		wait_and_take(epoll_here, back[0]);
	}
}

static int epoll_of(int event_fd)
{
	int fd = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };

	need(fd >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, event_fd, &event) == 0);
	return fd;
}

static void prepare_events(void)
{
	there[0] = eventfd(0, EFD_NONBLOCK);
	back[0] = eventfd(0, EFD_NONBLOCK);
	epoll_there = epoll_of(there[0]);
	epoll_here = epoll_of(back[0]);
}

static void prepare_epoll(void)
{
	prepare_events();
	start_partner(answer_epoll, 0);
}

static void prepare_epoll_2cpu(void)
{
	prepare_events();
	start_partner(answer_epoll, 1);
}

static void stop_events(void)
{
	close(there[0]);
	close(back[0]);
	close(epoll_there);
	close(epoll_here);
}

static void stop_epoll(void)
{
	uint64_t one = 1;

	is_over = true;
	need(write(there[0], &one, 8) == 8);
	pthread_join(partner, NULL);
	stop_events();
}

static void run_epoll_alone(long n)
{
	uint64_t one = 1;

	for (long i = 0; i < n; i++) {
		need(write(back[0], &one, 8) == 8);
		wait_and_take(epoll_here, back[0]);
	}
}

static void run_epoll_empty(long n)
{
	struct epoll_event event;

	for (long i = 0; i < n; i++)
		need(epoll_wait(epoll_here, &event, 1, 0) == 0);
}

static void run_yield(long n)
{
	for (long i = 0; i < n; i++)
		sched_yield();
}

static void *yield_too(void *unused)
{
	(void)unused;
	bind_to(partner_cpu);
	while (!is_over)
		sched_yield();
	return NULL;
}

static void prepare_yield(void)
{
	start_partner(yield_too, 0);
}

static void prepare_alone(void)
{
	bind_to(0);
}

static void stop_yield(void)
{
	is_over = true;
	pthread_join(partner, NULL);
}

static const struct row rows[] = {
	{ .name = "sched_yield_alone", .run = run_yield, .prepare = prepare_alone },
	{ .name = "sched_yield_2thr_pair_samecpu", .run = run_yield, .prepare = prepare_yield, .finish = stop_yield },
	{ .name = "futex_pingpong_samecpu", .run = run_futex, .prepare = prepare_futex, .finish = stop_futex },
	{ .name = "pipe_pingpong_samecpu", .run = run_pipe, .prepare = prepare_pipe, .finish = stop_pipe },
	{ .name = "epoll_eventfd_pingpong_samecpu", .run = run_epoll, .prepare = prepare_epoll, .finish = stop_epoll },
	{ .name = "epoll_eventfd_1thread", .run = run_epoll_alone, .prepare = prepare_events, .finish = stop_events },
	{ .name = "epoll_wait_empty_t0", .run = run_epoll_empty, .prepare = prepare_events, .finish = stop_events },
	{ .name = "futex_pingpong_2cpu", .run = run_futex, .prepare = prepare_futex_2cpu, .finish = stop_futex },
	{ .name = "pipe_pingpong_2cpu", .run = run_pipe, .prepare = prepare_pipe_2cpu, .finish = stop_pipe },
	{ .name = "epoll_eventfd_pingpong_2cpu", .run = run_epoll, .prepare = prepare_epoll_2cpu, .finish = stop_epoll },
};

BENCH_MAIN(rows)
