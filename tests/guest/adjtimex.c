/* SPDX-License-Identifier: MIT */
/*
 * adjtimex(2) and clock_adjtime(2): what is set can be read, who may, what is
 * refused; and that the realtime clock obeys: a tick that is 10 % longer shows
 * within a few milliseconds beside the raw clock, by system call and by vDSO.
 *
 * All is put back at the end.
 */
#include "test.h"
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>

static struct timex tx;

static int adjust(unsigned modes)
{
	tx.modes = modes;
	return adjtimex(&tx);
}

static int64_t by_call(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* How far the realtime clock, which read() reads, gains on the monotonic one within ms, in parts per thousand. */
static long gain(int ms, int64_t (*read)(clockid_t))
{
	int64_t raw = read(CLOCK_MONOTONIC_RAW), real = read(CLOCK_REALTIME), raw_now, real_now;

	do
		raw_now = read(CLOCK_MONOTONIC_RAW);
	while (raw_now - raw < ms * 1000000LL);
	real_now = read(CLOCK_REALTIME);
	return (long)(((real_now - real) - (raw_now - raw)) * 1000 / (raw_now - raw));
}

/* Does it ever reach what is asked for? Once a thread was kept from running between two looks that is not so. */
static bool gains(long low, long high, int64_t (*read)(clockid_t))
{
	for (int i = 0; i < 200; i++) {
		long g = gain(20, read);

		if (g >= low && g <= high)
			return true;
	}
	return false;
}

static bool is_monotonic(void)
{
	int64_t last = now_ns(CLOCK_REALTIME), now;

	for (int i = 0; i < 20000; i++) {
		now = i & 1 ? by_call(CLOCK_REALTIME) : now_ns(CLOCK_REALTIME);
		if (now < last)
			return false;
		last = now;
	}
	return true;
}

static void test_read(void)
{
	struct timex unread;

	check("adjtimex reads", adjust(0) >= 0);
	check("precision, tolerance, tick", tx.precision == 1 && tx.tolerance == 500 << 16 && tx.tick == 10000);
	check("clock_adjtime reads", clock_adjtime(CLOCK_REALTIME, &tx) >= 0);
	tx.modes = 0;
	check_errno("clock_adjtime of the monotonic clock", clock_adjtime(CLOCK_MONOTONIC, &tx), EOPNOTSUPP);
	check_errno("of CLOCK_TAI", clock_adjtime(CLOCK_TAI, &tx), EOPNOTSUPP);
	check_errno("of no clock", clock_adjtime(77, &tx), EINVAL);
	check_errno("adjtimex without memory", syscall(SYS_adjtimex, 8), EFAULT);
	check_errno("clock_adjtime without memory", syscall(SYS_clock_adjtime, 77, 8), EFAULT);
	unread = (struct timex){ .modes = 0 };
	check("the time is told", adjtimex(&unread) >= 0 && unread.time.tv_sec > 1000);
}

static void test_refused(void)
{
	tx.tick = 8999;
	check_errno("a tick too short", adjust(ADJ_TICK), EINVAL);
	tx.tick = 11001;
	check_errno("a tick too long", adjust(ADJ_TICK), EINVAL);
	tx.time.tv_sec = 0;
	tx.time.tv_usec = -1;
	check_errno("a step of -1 us", adjust(ADJ_SETOFFSET), EINVAL);
	tx.time.tv_usec = 1000000;
	check_errno("a step of 1,000,000 us", adjust(ADJ_SETOFFSET), EINVAL);
	tx.time.tv_usec = 1000000000;
	check_errno("a step of 1,000,000,000 ns", adjust(ADJ_SETOFFSET | ADJ_NANO), EINVAL);
	tx.time.tv_usec = 0;
	tx.time.tv_sec = -now_ns(CLOCK_REALTIME) / 1000000000;
	check_errno("a step to the epoch", adjust(ADJ_SETOFFSET), EINVAL);
	tx.freq = INT64_MAX;
	check_errno("a frequency beyond all bounds", adjust(ADJ_FREQUENCY), EINVAL);
	check_errno("adjtime's bit alone", adjust(0x8000), EINVAL);
}

static void test_set(void)
{
	tx.freq = 12345;
	check("a frequency", adjust(ADJ_FREQUENCY) >= 0 && adjust(0) >= 0 && tx.freq == 12345);
	tx.freq = -501 * 65536L;
	check("one too low is the lowest", adjust(ADJ_FREQUENCY) >= 0 && tx.freq == -500 * 65536L);
	tx.freq = 501 * 65536L;
	check("one too high is the highest", adjust(ADJ_FREQUENCY) >= 0 && tx.freq == 500 * 65536L);
	tx.freq = 0;
	check("none", adjust(ADJ_FREQUENCY) >= 0 && tx.freq == 0);
	tx.status = STA_PLL;
	check("status, synchronised", adjust(ADJ_STATUS) == TIME_OK && tx.status == STA_PLL);
	tx.status = STA_PLL | STA_UNSYNC;
	check("status, not", adjust(ADJ_STATUS) == TIME_ERROR && tx.status == (STA_PLL | STA_UNSYNC));
	tx.status = STA_PLL | STA_NANO | STA_CLOCKERR;
	check("read-only bits stay", adjust(ADJ_STATUS) == TIME_OK && tx.status == STA_PLL);
	check("nanoseconds", adjust(ADJ_NANO) == TIME_OK && tx.status == (STA_PLL | STA_NANO));
	tx.constant = 3;
	check("a time constant", adjust(ADJ_TIMECONST) >= 0 && tx.constant == 3);
	tx.constant = 99;
	check("one too great", adjust(ADJ_TIMECONST) >= 0 && tx.constant == 10);
	tx.offset = 1000000;
	check("an offset of 1 ms", adjust(ADJ_OFFSET) >= 0 && tx.offset > 900000 && tx.offset <= 1000000);
	check("microseconds", adjust(ADJ_MICRO) == TIME_OK && tx.status == STA_PLL && tx.offset > 900 && tx.offset <= 1000);
	tx.constant = 2;
	check("a time constant of those", adjust(ADJ_TIMECONST) >= 0 && tx.constant == 6);
	tx.offset = 0;
	check("no offset", adjust(ADJ_OFFSET) >= 0 && tx.offset == 0);
	tx.maxerror = 1234;
	tx.esterror = 567;
	check("errors", adjust(ADJ_MAXERROR | ADJ_ESTERROR) == TIME_OK && tx.esterror == 567 && tx.maxerror >= 1234 && tx.maxerror < 16000000);
	tx.status = 0;
	check("the loop off: not synchronised", adjust(ADJ_STATUS) == TIME_OK && tx.status == 0);
	tx.offset = 1000;
	check("an offset without the loop is none", adjust(ADJ_OFFSET) >= 0 && tx.offset == 0);
}

static void test_adjtime(void)
{
	struct timeval delta = { 1, 0 }, old;

	check("adjtime", adjtime(&delta, NULL) == 0);
	check("what is left", adjtime(NULL, &old) == 0 && ((old.tv_sec == 1 && old.tv_usec == 0) || (old.tv_sec == 0 && old.tv_usec > 900000)));
	delta = (struct timeval){ 0, 0 };
	check("taken back", adjtime(&delta, &old) == 0 && (old.tv_sec || old.tv_usec > 900000));
	check("nothing is left", adjtime(NULL, &old) == 0 && old.tv_sec == 0 && old.tv_usec == 0);
	tx.offset = 77;
	check("ADJ_OFFSET_SS_READ changes nothing", adjust(ADJ_OFFSET_SS_READ) >= 0 && tx.offset == 0);
}

static void test_tai(void)
{
	int64_t ahead;

	tx.constant = 37;
	check("TAI is 37 s ahead", adjust(ADJ_TAI) >= 0 && tx.tai == 37);
	ahead = now_ns(CLOCK_TAI) - now_ns(CLOCK_REALTIME);
	check("and its clock shows it", ahead > 36000000000LL && ahead <= 37000000000LL);
	tx.constant = -1;
	check("no negative one", adjust(ADJ_TAI) >= 0 && tx.tai == 37);
	tx.constant = 0;
	check("back", adjust(ADJ_TAI) >= 0 && tx.tai == 0);
}

static void test_step(void)
{
	int64_t before = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC), after;

	tx.time.tv_sec = 100;
	tx.time.tv_usec = 500000;
	check("a step of 100.5 s", adjust(ADJ_SETOFFSET) >= 0);
	after = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC) - before;
	check("has been made", after > 100400000000LL && after < 101000000000LL);
	tx.time.tv_sec = -101;
	tx.time.tv_usec = 500000000;
	check("and one back, in nanoseconds", adjust(ADJ_SETOFFSET | ADJ_NANO) >= 0);
	after = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_MONOTONIC) - before;
	check("too", after > -400000000LL && after < 500000000LL);
	check("a step leaves the clock unsynchronised", adjust(ADJ_MICRO) == TIME_ERROR && tx.status & STA_UNSYNC);
}

static void test_obeyed(void)
{
	tx.tick = 11000;
	check("a tick 10 % longer", adjust(ADJ_TICK) >= 0 && tx.tick == 11000);
	check("is obeyed by the system call", gains(80, 120, by_call));
	check("and by the vDSO", gains(80, 120, now_ns));
	check("which never go back", is_monotonic());
	tx.tick = 9000;
	check("a tick 10 % shorter", adjust(ADJ_TICK) >= 0 && tx.tick == 9000);
	check("is obeyed, too", gains(-120, -80, by_call) && gains(-120, -80, now_ns));
	check("and does not go back", is_monotonic());
	for (int i = 0; i < 200; i++) {
		tx.tick = i & 1 ? 9000 : 11000;
		need(adjust(ADJ_TICK) >= 0);
		int64_t a = now_ns(CLOCK_REALTIME), b = by_call(CLOCK_REALTIME), c = now_ns(CLOCK_REALTIME);
		if (b < a || c < b)
			show("FAIL it went back with a change");
	}
	tx.tick = 10000;
	check("the usual tick", adjust(ADJ_TICK) >= 0 && tx.tick == 10000);
	check("and the clocks agree", gains(-2, 2, by_call) && gains(-2, 2, now_ns));
}

static void drop_sys_time(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	need(syscall(SYS_capget, &head, data) == 0);
	data[0].effective &= ~(1u << CAP_SYS_TIME);
	need(syscall(SYS_capset, &head, data) == 0);
}

static void test_rights(void)
{
	struct timespec bad = { 0, -1 }, good = { 1800000000, 0 };
	struct timeval bad_tv = { 0, -1 };

	drop_sys_time();
	check("without CAP_SYS_TIME it can be read", adjust(0) >= 0 && adjust(ADJ_OFFSET_SS_READ) >= 0);
	check_errno("nothing else", adjust(ADJ_FREQUENCY), EPERM);
	tx.tick = 1;
	check_errno("whatever the values", adjust(ADJ_TICK), EPERM);
	check_errno("nor by adjtime", adjust(ADJ_OFFSET_SINGLESHOT), EPERM);
	check_errno("nor a step", adjust(ADJ_SETOFFSET), EPERM);
	check_errno("clock_settime looks at its argument first", syscall(SYS_clock_settime, CLOCK_REALTIME, 8), EFAULT);
	check_errno("and at its value", clock_settime(CLOCK_REALTIME, &bad), EINVAL);
	check_errno("then it refuses", clock_settime(CLOCK_REALTIME, &good), EPERM);
	check_errno("of another clock first of all", syscall(SYS_clock_settime, CLOCK_MONOTONIC, 8), EINVAL);
	check_errno("settimeofday looks at its argument first", syscall(SYS_settimeofday, 8, NULL), EFAULT);
	check_errno("and at its value", syscall(SYS_settimeofday, &bad_tv, NULL), EINVAL);
	check_errno("then it refuses", syscall(SYS_settimeofday, &good, NULL), EPERM);
	check_errno("also without a time", syscall(SYS_settimeofday, NULL, NULL), EPERM);
}

static int64_t deadline;

static void *sleeper(void *reached)
{
	struct timespec ts = { deadline / 1000000000, deadline % 1000000000 };

	need(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL) == 0);
	*(bool *)reached = by_call(CLOCK_REALTIME) >= deadline;
	return NULL;
}

/* Times of the realtime clock that were asked for before it was slowed are waited for by the slower clock. */
static void test_deadlines(void)
{
	int fd = timerfd_create(CLOCK_REALTIME, 0);
	struct sigevent se = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec it = { 0 };
	bool has_reached = false;
	sigset_t set;
	timer_t timer;
	pthread_t t;
	uint64_t n = 0;
	int sig = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	need(fd >= 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0 && timer_create(CLOCK_REALTIME, &se, &timer) == 0);
	deadline = by_call(CLOCK_REALTIME) + 300000000;
	it.it_value = (struct timespec){ deadline / 1000000000, deadline % 1000000000 };
	need(timerfd_settime(fd, TFD_TIMER_ABSTIME, &it, NULL) == 0 && timer_settime(timer, TIMER_ABSTIME, &it, NULL) == 0 &&
	     pthread_create(&t, NULL, sleeper, &has_reached) == 0);
	tx.tick = 9000;
	need(adjust(ADJ_TICK) >= 0);
	check("timerfd of a clock that was slowed", read(fd, &n, sizeof(n)) == sizeof(n) && n == 1 && by_call(CLOCK_REALTIME) >= deadline);
	check("timer", sigwait(&set, &sig) == 0 && sig == SIGUSR1 && by_call(CLOCK_REALTIME) >= deadline);
	pthread_join(t, NULL);
	check("sleep", has_reached);
	tx.tick = 10000;
	need(adjust(ADJ_TICK) >= 0);
	timer_delete(timer);
	close(fd);
}

int main(void)
{
	test_read();
	test_refused();
	test_set();
	test_adjtime();
	test_tai();
	test_step();
	test_obeyed();
	test_deadlines();
	test_rights();
	return test_end();
}
