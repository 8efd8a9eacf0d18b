/* SPDX-License-Identifier: MIT
 *
 * Mutex, condition, semaphore, reader-writer lock, completion and wait queue under TSan, on threads of the host that sleep and wake by the protocol of
 * sched/thread.h. Plain counters inside the locks: TSan and the sums tell.
 */
/* sanitizer: thread */
/* sources: sched/mutex.c sched/cond.c sched/rwlock.c sched/completion.c sched/waitq.c */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "libc/print.h"
#include "sched/sched-priv.h"
#include "sched/sync.h"
#include "sched/waitq.h"

#define CHECK(c)	do { if (!(c)) { printf("%s:%d: %s\n", __FILE__, __LINE__, #c); exit(1); } } while (0)
#define NR		4
#define ROUNDS		4000

/* ---- threads ------------------------------------------------------------------------------------------------------ */

struct host_thread {
	struct thread t;
	struct sched_entity se;
	uint32_t state;
	pthread_mutex_t lock;
	pthread_cond_t cond;
};

static __thread struct host_thread *self;

struct thread *arch_current(void)
{
	if (!self) {
		pthread_condattr_t a;

		self = calloc(1, sizeof(*self));	/* never freed, as late wake-ups are allowed */
		self->t.sched = &self->se;
		self->state = STATE_RUNNABLE;
		pthread_mutex_init(&self->lock, NULL);
		pthread_condattr_init(&a);
		pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
		pthread_cond_init(&self->cond, &a);
	}
	return &self->t;
}

static nsec_t host_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

void thread_preempt_slow(void)
{
}

void thread_wait_begin(const char *wchan)
{
	(void)wchan;
	arch_current();
	atomic_store(&self->state, (uint32_t)STATE_ANNOUNCED, SEQ_CST);
	atomic_fence(SEQ_CST);
}

void thread_wait_end(void)
{
	atomic_store(&self->state, (uint32_t)STATE_RUNNABLE, RELAXED);
}

int thread_wait_block(nsec_t deadline, unsigned flags)
{
	struct timespec ts = { (time_t)(deadline / NSEC_PER_SEC), (long)(deadline % NSEC_PER_SEC) };
	int r = 0;

	(void)flags;
	pthread_mutex_lock(&self->lock);
	while (!r && atomic_load(&self->state, RELAXED) == STATE_ANNOUNCED) {
		if (deadline == NSEC_NEVER)
			pthread_cond_wait(&self->cond, &self->lock);
		else if (pthread_cond_timedwait(&self->cond, &self->lock, &ts))
			r = -ETIMEDOUT;
	}
	thread_wait_end();
	pthread_mutex_unlock(&self->lock);
	return r;
}

bool thread_wake(struct thread *t)
{
	struct host_thread *h = container_of(t, struct host_thread, t);
	uint32_t state = STATE_ANNOUNCED;
	bool r;

	atomic_fence(SEQ_CST);
	r = atomic_cas(&h->state, &state, (uint32_t)STATE_RUNNABLE, ACQ_REL);
	if (r) {
		pthread_mutex_lock(&h->lock);
		pthread_cond_signal(&h->cond);
		pthread_mutex_unlock(&h->lock);
	}
	return r;
}

void thread_urge(struct thread *t, bool is_urged)
{
	if (is_urged)
		(void)atomic_fetch_or(&t->sched->params, PARAMS_URGED, RELAXED);
	else
		(void)atomic_fetch_and(&t->sched->params, ~PARAMS_URGED, RELAXED);
	atomic_fence(SEQ_CST);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

static void run(void *(*fn)(void *), unsigned nr)
{
	pthread_t t[2 * NR];

	for (uintptr_t i = 0; i < nr; i++)
		pthread_create(&t[i], NULL, fn, (void *)i);
	for (unsigned i = 0; i < nr; i++)
		pthread_join(t[i], NULL);
}

/* ---- mutex -------------------------------------------------------------------------------------------------------- */

static struct mutex m;
static unsigned long sum;

static void *contend(void *arg)
{
	for (unsigned i = 0; i < ROUNDS * 5; i++) {
		if (i % 7 == 0 && mutex_trylock(&m)) {
			sum++;
			mutex_unlock(&m);
			continue;
		}
		mutex_lock(&m);
		CHECK(mutex_is_held(&m));
		sum++;
		if (i % 64 == 0)
			sched_yield();		/* the holder loses its CPU */
		mutex_unlock(&m);
	}
	CHECK(!mutex_is_held(&m) || !arg);
	return NULL;
}

/* Some only try, some wait and urge who holds it: the mark goes with the mutex. */
static struct thread *urged[NR];
static pthread_barrier_t all_known;

static void *urge(void *arg)
{
	uintptr_t me = (uintptr_t)arg;

	urged[me] = arch_current();
	pthread_barrier_wait(&all_known);	/* as threads of the kernel are to each other */
	for (unsigned i = 0; i < ROUNDS * 5; i++) {
		if (me % 2)
			mutex_lock_urgent(&m);
		else if (!mutex_trylock(&m))
			continue;
		(void)atomic_fetch_add(&sum, 1ul, RELAXED);
		if (i % 64 == 0)
			sched_yield();
		mutex_unlock_urged(&m);
	}
	return NULL;
}

static bool is_anyone_urged(void)
{
	for (unsigned i = 0; i < NR; i++)
		if (urged[i]->sched->params & PARAMS_URGED)
			return true;
	return false;
}

/* ---- condition ---------------------------------------------------------------------------------------------------- */

static struct cond not_empty, not_full;
static unsigned in_buffer, produced, consumed;

static void *producer_consumer(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		mutex_lock(&m);
		if ((uintptr_t)arg % 2) {
			while (in_buffer == 3)
				cond_wait(&not_full, &m, NSEC_NEVER, 0);
			in_buffer++;
			produced++;
			cond_signal(&not_empty, &m);
		} else {
			/* Deadlines run out now and then: a signal that meets one is not lost. */
			while (in_buffer == 0)
				cond_wait(&not_empty, &m, i % 3 ? NSEC_NEVER : host_now() + 20000, 0);
			in_buffer--;
			consumed++;
			if (i % 2)
				cond_signal(&not_full, &m);
			else
				cond_broadcast(&not_full, &m);
		}
		mutex_unlock(&m);
	}
	return NULL;
}

/* ---- semaphore ---------------------------------------------------------------------------------------------------- */

static struct semaphore sem;

static void *semaphores(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		CHECK(semaphore_wait(&sem, 1 + i % 2, NSEC_NEVER, 0) == 0);
		atomic_fetch_add(&sum, 1ul, RELAXED);
		semaphore_post(&sem, 1 + i % 2);
	}
	return arg;
}

/* ---- reader-writer lock ------------------------------------------------------------------------------------------- */

static struct rwlock rw;
static unsigned long pair[2];

static void *readers_writers(void *arg)
{
	for (unsigned i = 0; i < ROUNDS * 2; i++) {
		if (((uintptr_t)arg + i) % 4) {
			rwlock_read_lock(&rw);
			CHECK(pair[0] == pair[1]);
			rwlock_read_unlock(&rw);
		} else {
			rwlock_write_lock(&rw);
			pair[0]++;
			if (i % 32 == 0)
				sched_yield();
			pair[1]++;
			rwlock_write_unlock(&rw);
		}
	}
	return NULL;
}

/* ---- completion: on the waiter's stack, gone as soon as it is set -------------------------------------------------- */

static struct completion *offered;
static bool is_over;

static void *completer(void *arg)
{
	struct completion *c;

	while (!atomic_load(&is_over, ACQUIRE)) {
		c = atomic_exchange(&offered, (struct completion *)NULL, ACQ_REL);
		if (c)
			completion_set(c);
		else
			sched_yield();
	}
	return arg;
}

static void *completed(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct completion c = { 0 };

		atomic_store(&offered, &c, RELEASE);
		CHECK(completion_wait(&c, NSEC_NEVER, 0) == 0);
		CHECK(completion_is_set(&c));
		c.word = 0xdead;
	}
	atomic_store(&is_over, true, RELEASE);
	return arg;
}

static void *completions(void *arg)
{
	return arg ? completer(arg) : completed(arg);
}

/* ---- wait queue --------------------------------------------------------------------------------------------------- */

static struct waitq q = WAITQ_INIT(q);
static uint32_t turn;

static void *take_turns(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		CHECK(waitq_wait_until(&q, "turn", 0, atomic_load(&turn, ACQUIRE) % NR == me, NSEC_NEVER, 0) == 0);
		atomic_store(&turn, turn + 1, RELEASE);
		waitq_wake_all(&q, 0);
	}
	return NULL;
}

struct counter {
	struct waiter w;
	unsigned nr;
};

static bool count(struct waiter *w, uint32_t key)
{
	(void)key;
	container_of(w, struct counter, w)->nr++;
	return true;
}

static unsigned nr_told(struct counter *c)
{
	unsigned nr = c->nr;

	c->nr = 0;
	return nr;
}

/* All that are not exclusive, and so many of the others: none of them as well, if another was woken instead (epoll_wake). */
static void exclusive(void)
{
	struct counter one, first, second;

	for (unsigned i = 0; i < 3; i++) {
		struct counter *c = i == 0 ? &first : i == 1 ? &second : &one;

		waiter_init(&c->w, 0);
		c->w.notify = count;
		c->w.is_exclusive = c != &one;
		c->nr = 0;
		waitq_add(&q, &c->w);
		waitq_wake(&q, 0, 0);
		CHECK(nr_told(&first) == 0 && (i < 1 || nr_told(&second) == 0) && (i < 2 || nr_told(&one) == 1));
	}
	waitq_wake(&q, 1, 0);
	CHECK(nr_told(&one) == 1 && nr_told(&first) == 1 && nr_told(&second) == 0);
	waitq_wake(&q, 2, 0);
	CHECK(nr_told(&one) == 1 && nr_told(&first) == 1 && nr_told(&second) == 1);
	waitq_wake_all(&q, 0);
	CHECK(nr_told(&one) == 1 && nr_told(&first) == 1 && nr_told(&second) == 1);
	waitq_del(&first.w);
	waitq_del(&second.w);
	waitq_del(&one.w);
}

int main(void)
{
	nsec_t t;

	exclusive();
	run(contend, NR);
	CHECK(sum == NR * ROUNDS * 5 && m.word == 0 && !m.waiting && mpsc_is_empty(&m.incoming));
	pthread_barrier_init(&all_known, NULL, NR);
	run(urge, NR);
	CHECK(m.word == 0 && mpsc_is_empty(&m.incoming) && !is_anyone_urged());
	run(producer_consumer, 2 * NR);
	CHECK(produced == NR * ROUNDS && consumed == produced && !in_buffer && m.word == 0 && !not_empty.first && !not_full.first);
	sum = 0;
	semaphore_post(&sem, 3);
	run(semaphores, NR);
	CHECK(sum == NR * ROUNDS && sem.count == 3);
	run(readers_writers, NR);
	CHECK(pair[0] == NR * ROUNDS / 2 && pair[0] == pair[1] && rw.word == 0);
	run(completions, 2);
	run(take_turns, NR);
	CHECK(turn == NR * ROUNDS && q.nr_waiters == 0 && list_is_empty(&q.waiters));

	/* Deadlines. */
	t = host_now();
	CHECK(semaphore_wait(&sem, 4, t + 5 * NSEC_PER_MSEC, 0) == -ETIMEDOUT && host_now() >= t + 5 * NSEC_PER_MSEC);
	CHECK(completion_wait(&(struct completion){ 0 }, host_now() + 1000, 0) == -ETIMEDOUT);
	printf("ok\n");
	return 0;
}
