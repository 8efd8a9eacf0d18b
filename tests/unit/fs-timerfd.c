/* SPDX-License-Identifier: MIT
 *
 * timerfd: expirations counted exactly, absolute and relative times on both clocks, clocks that are set, waiting and polling.
 */
/* sources: fs/timerfd.c fs/special.c fs/poll.c fs/epoll.c fs/uio.c libc/rbtree.c sched/poller.c fs/anon-attr.c tests/host/fake-special.c tests/host/fake-file.c */
#include "fs/timerfd.h"

#include "fs/vfs.h"
#include "sched/clock.h"
#include "tests/host/special.h"

#define MS	NSEC_PER_MSEC

static struct file *new_timer(int clock)
{
	struct file *f;

	CHECK_EQ(timerfd_create_file(clock, O_NONBLOCK, &f), 0);
	return f;
}

static uint64_t ticks(struct file *f)
{
	uint64_t n;
	ssize_t r = do_read(f, &n, 8);

	if (r == -EAGAIN)
		return 0;
	CHECK_EQ(r, 8);
	return n;
}

static void test_one_shot(void)
{
	struct itimer_ns t = { 0, 20 * MS }, old;
	struct file *f = new_timer(1);
	struct poll_entry p = { .file = f, .events = FILE_POLLIN };
	nsec_t start = clock_monotonic();

	CHECK_EQ(ticks(f), 0);
	CHECK_EQ(timerfd_set(f, false, &t, &old), 0);
	CHECK_EQ(old.value, 0);
	CHECK_EQ(timerfd_get(f, &old), 0);
	CHECK(old.value > 0 && old.value <= 20 * MS);
	CHECK_EQ(ticks(f), 0);
	CHECK_EQ(poll_files(&p, 1, NSEC_NEVER), 1);
	CHECK(clock_monotonic() >= start + 20 * MS);
	CHECK_EQ(ticks(f), 1);
	CHECK_EQ(ticks(f), 0);
	CHECK_EQ(timerfd_get(f, &old), 0);
	CHECK_EQ(old.value, 0);
	/* In the past: at once. Disarmed: never. */
	t.value = 1;
	CHECK_EQ(timerfd_set(f, true, &t, &old), 0);
	CHECK_EQ(poll_files(&p, 1, NSEC_NEVER), 1);
	t.value = 0;
	CHECK_EQ(timerfd_set(f, true, &t, &old), 0);
	CHECK_EQ(ticks(f), 0);
	CHECK_EQ(poll_files(&p, 1, clock_monotonic() + 10 * MS), 0);
	file_put(f);
}

static void test_interval(void)
{
	struct itimer_ns t = { MS, 0 }, now;
	struct file *f = new_timer(1);
	uint64_t total = 0, expected;
	nsec_t start = clock_monotonic() + 3 * MS;

	t.value = start;
	CHECK_EQ(timerfd_set(f, true, &t, &now), 0);
	for (unsigned i = 0; i < 20; i++) {
		nap_ms(1 + i % 5);
		total += ticks(f);
	}
	nap_ms(30);
	do {
		expected = 1 + (clock_monotonic() - start) / MS;
		total += ticks(f);
	} while (1 + (clock_monotonic() - start) / MS != expected);	/* no expiry in between */
	CHECK(total == expected || total == expected - 1);		/* the fake timer may be up to 0.2 ms late */
	CHECK_EQ(timerfd_get(f, &now), 0);
	CHECK_EQ(now.interval, MS);
	CHECK(now.value <= MS);
	file_put(f);
}

static void test_realtime(void)
{
	struct itimer_ns t = { 0, clock_realtime() + 10000 * MS }, old;
	struct file *f = new_timer(0), *g = new_timer(0);
	uint64_t n;

	CHECK_EQ(timerfd_set_flags(f, 3, &t, &old), 0);		/* ABSTIME, CANCEL_ON_SET */
	CHECK_EQ(timerfd_set(g, true, &t, &old), 0);
	clock_set_realtime_offset(clock_realtime_offset() + 20000 * MS);
	timerfd_clock_was_set(true);
	CHECK_EQ(do_read(f, &n, 8), -ECANCELED);
	nap_ms(5);
	CHECK_EQ(ticks(f), 0);	/* that read took all */
	CHECK_EQ(ticks(g), 1);	/* its time has come by the new clock */
	CHECK_EQ(timerfd_set_flags(f, 4, &t, &old), -EINVAL);
	file_put(f);
	file_put(g);
}

int main(void)
{
	struct file *f;

	CHECK_EQ(timerfd_create_file(3, 0, &f), -EINVAL);
	test_one_shot();
	test_interval();
	test_realtime();
	return 0;
}
