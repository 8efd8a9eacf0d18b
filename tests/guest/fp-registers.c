/* SPDX-License-Identifier: MIT */
/*
 * FP/SIMD registers belong to their thread: they and their modes survive
 * preemption, sleeps, yields, migration and signals whose handlers use them, in
 * threads that use them always, now and then, or never, and system calls that
 * copy much, also where the copy meets pages that come late or not at all; and a
 * thread made by clone(2) begins with a copy of its maker's.
 */
#include "test.h"
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define NR_THREADS 8
#define ROUNDS 150

/*
 * uint64_t survive_calls(value, kind, n, a0, a1, a2, &result): all registers are set from value, and the work is done with no other FP instruction in between: kind
 * SPIN spins for n steps, else n times (at least once) the system call with the number in kind; afterwards the registers must be as they were. Returns the bits that differ,
 * or-ed; what the last call returned goes to result.
 *
 * long clone_with(flags, stack_top, unused, tls, child_tid): two registers hold 8 and 31; the child stores its own in the words above stack_top and ends.
 */
#define SPIN (-1)

#ifdef __aarch64__
#include "arm64/fp-registers.h"
#else
#include "x86_64/fp-registers.h"
#endif

static uint64_t survive(uint64_t value, long kind, long n, const void *argument)
{
	long result;

	return survive_calls(value, kind, n, (long)argument, 0, 0, &result);
}

static int nr_wrong;
static pthread_t threads[NR_THREADS];
static bool is_over;
static sem_t done;

static void handler(int signal_number)
{
	if (survive((uint64_t)signal_number << 40, SPIN, 50, NULL))
		__atomic_add_fetch(&nr_wrong, 1, __ATOMIC_RELAXED);
}

static void move_to(unsigned cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* ---- copies ---- */

#define COPY	(256 * 1024l)

static unsigned char content[COPY];

/* A file in memory that holds content; its position is its end. */
static int make_file(uint64_t value)
{
	int fd = memfd_create("f", 0);
	long n = 0;

	return fd >= 0 && !survive_calls(value, SYS_write, 1, fd, (long)content, COPY, &n) && n == COPY ? fd : -1;
}

/* A whole file to fresh pages, each of which faults in the midst of the copy. */
static bool copy_to_fresh_pages(uint64_t value, long skew)
{
	unsigned char *p = mmap(NULL, COPY + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = make_file(value);
	bool is_good;
	long n = 0;

	lseek(fd, 0, SEEK_SET);
	is_good = fd >= 0 && !survive_calls(value + 1, SYS_read, 1, fd, (long)(p + skew), COPY, &n) && n == COPY &&
		  memcmp(p + skew, content, COPY) == 0;
	munmap(p, COPY + 4096);
	close(fd);
	return is_good;
}

/* A page of the buffer is not there. How much is copied is Linux's affair; what is, must be right. */
static bool copy_to_missing_page(uint64_t value, long have)
{
	unsigned char *p = mmap(NULL, COPY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *edge = p + COPY - 4096;
	int fd = make_file(value);
	bool is_good;
	long n = 0;

	mprotect(edge, 4096, PROT_NONE);
	lseek(fd, 0, SEEK_SET);
	is_good = fd >= 0 && !survive_calls(value + 1, SYS_read, 1, fd, (long)(edge - have), have + 2000, &n) && n >= have - 64 && n <= have &&
		  memcmp(edge - have, content, (size_t)n) == 0;
	lseek(fd, 0, SEEK_SET);
	is_good = is_good && !survive_calls(value + 2, SYS_write, 1, fd, (long)(edge - have), have + 2000, &n) && n > 0 && n <= have;
	is_good = is_good && !survive_calls(value + 3, SYS_read, 1, fd, (long)edge, 2000, &n) && n == -EFAULT;
	munmap(p, COPY);
	close(fd);
	return is_good;
}

/* 4 KiB a turn from a pipe that is empty each time: after some turns the registers are not loaded any more, and the copy needs them. */
struct feeder {
	int fd;
	long nr;
};

static void *feed(void *argument)
{
	struct feeder *f = argument;
	static unsigned char page[4096];

	for (long i = 0; i < f->nr; i++) {
		if (write(f->fd, page, sizeof(page)) < 0)
			break;
		sched_yield();
	}
	return NULL;
}

static bool copy_after_sleeps(uint64_t value)
{
	static unsigned char page[4096];
	int ends[2];
	struct feeder f = { .nr = 120 };
	pthread_t t;
	bool is_good;
	long n = 0;

	if (pipe(ends))
		return false;
	fcntl(ends[1], F_SETPIPE_SZ, 4096);
	f.fd = ends[1];
	pthread_create(&t, NULL, feed, &f);
	is_good = !survive_calls(value, SYS_read, f.nr, ends[0], (long)page, sizeof(page), &n) && n == 4096;
	close(ends[0]);
	pthread_join(t, NULL);
	close(ends[1]);
	return is_good;
}

/* The style of thread i: how often it uses the registers, and what it does meanwhile. */
static void *body(void *argument)
{
	unsigned i = (unsigned)(uintptr_t)argument;
	struct timespec sleep = { .tv_nsec = 20000 };

	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t value = (uint64_t)(i + 1) << 32 | round << 8, differ = 0;

		if (i % 4 == 1)
			move_to(i + round);
		switch ((round + i) % 5) {
		case 0:
			differ = survive(value, SPIN, 20000, NULL);
			break;
		case 1:
			differ = survive(value, SYS_nanosleep, 0, &sleep);
			break;
		case 2:
			if (i < 4 && round % 8 == 2 && !copy_to_fresh_pages(value, (long)round % 3 * 5))
				differ = 1;
			differ |= survive(value, SYS_sched_yield, 0, NULL);
			break;
		case 3:
			for (int n = 0; n < 40 && i % 2; n++) /* turns without them */
				sched_yield();
			break;
		default:
			differ = survive(value, SYS_getppid, 0, NULL);
		}
		if (differ)
			__atomic_add_fetch(&nr_wrong, 1, __ATOMIC_RELAXED);
	}
	sem_post(&done);
	return NULL;
}

static void *disturb(void *unused)
{
	struct timespec sleep = { .tv_nsec = 300000 };

	for (unsigned i = 0; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); i++) {
		pthread_kill(threads[i % NR_THREADS], SIGUSR1);
		nanosleep(&sleep, NULL);
	}
	return unused;
}

static void test_threads(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	pthread_t disturber;

	sigaction(SIGUSR1, &action, NULL);
	for (uintptr_t i = 0; i < NR_THREADS; i++)
		pthread_create(&threads[i], NULL, body, (void *)i);
	pthread_create(&disturber, NULL, disturb, NULL);
	for (int i = 0; i < NR_THREADS; i++)
		sem_wait(&done);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(disturber, NULL); /* before the threads it sends signals to */
	for (int i = 0; i < NR_THREADS; i++)
		pthread_join(threads[i], NULL);
	check("registers survive", nr_wrong == 0);
}

static void test_copies(void)
{
	bool is_good = true;

	for (long skew = 0; skew < 70; skew += 23)
		is_good = is_good && copy_to_fresh_pages(1000, skew);
	check("registers survive copies to fresh pages", is_good);
	for (long have = 500; have < 20000; have += have / 3 + 1)
		is_good = is_good && copy_to_missing_page(2000, have);
	check("registers survive copies that fail", is_good);
	check("registers survive copies after sleeps", copy_after_sleeps(3000));
}

static void test_clone(void)
{
	static uint64_t stack[512] __attribute__((aligned(16)));
	static int tid = 1;
	uint64_t *top = stack + ARRAY_LEN(stack) - 2;
	long r;

	r = clone_with(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID, top, NULL,
		       NULL, &tid);
	check("clone", r > 0);
	while (__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
		syscall(SYS_futex, &tid, FUTEX_WAIT, 1, NULL, NULL, 0);
	check("a child has its maker's registers", top[0] == 8 && top[1] == 31);
}

int main(void)
{
	for (long i = 0; i < COPY; i++)
		content[i] = (unsigned char)(i ^ i >> 8 ^ i >> 16);
	test_clone();
	test_copies();
	test_threads();
	return test_end();
}
