/* SPDX-License-Identifier: MIT
 *
 * sched/ and mmu/ for host tests that need threads: mutexes, sleeping, wait queues, timers on pthreads; pages and heap on malloc. Simple and slow.
 */
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arch/cpu.h>
#include <arch/time.h>
#include <arch/uaccess.h>

#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "sched/clock.h"
#include "sched/mutex.h"
#include "sched/rcu.h"
#include "sched/thread.h"
#include "sched/timer.h"
#include "sched/waitq.h"
#include "tests/host/special.h"

/* ---- clock -------------------------------------------------------------------------------------------------------- */

static nsec_t realtime_offset = 1700000000ull * NSEC_PER_SEC;

nsec_t arch_time_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (nsec_t)ts.tv_sec * NSEC_PER_SEC + (nsec_t)ts.tv_nsec;
}

nsec_t clock_realtime_at(nsec_t t)
{
	return t + realtime_offset;
}

nsec_t clock_when_realtime(nsec_t at)
{
	return at == NSEC_NEVER ? at : at > clock_realtime_offset() ? at - clock_realtime_offset() : 0;
}

nsec_t clock_realtime_offset(void)
{
	return realtime_offset;
}

void clock_set_realtime_offset(nsec_t offset)
{
	realtime_offset = offset;
}

/* ---- threads ------------------------------------------------------------------------------------------------------ */

struct fake_thread {
	struct thread t;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool is_woken;
	struct fake_thread *next;
};

static __thread struct fake_thread *self;
static struct fake_thread *all_threads;	/* never freed: a late thread_wake() is harmless */

struct thread *arch_current(void)
{
	if (!self) {
		pthread_condattr_t attr;

		self = calloc(1, sizeof(*self));
		pthread_mutex_init(&self->lock, NULL);
		pthread_condattr_init(&attr);
		pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
		pthread_cond_init(&self->cond, &attr);
		self->next = atomic_exchange(&all_threads, self, SEQ_CST);
	}
	return &self->t;
}

bool thread_needs_resched(void);
bool thread_needs_resched(void)
{
	return false;
}

void thread_preempt_slow(void)
{
}

void thread_yield(void)
{
	sched_yield();
}

bool thread_wake(struct thread *t)
{
	struct fake_thread *f = container_of(t, struct fake_thread, t);
	bool was;

	pthread_mutex_lock(&f->lock);
	was = f->is_woken;
	f->is_woken = true;
	pthread_cond_signal(&f->cond);
	pthread_mutex_unlock(&f->lock);
	return !was;
}

void thread_set_attention(struct thread *t, uint32_t bits)
{
	atomic_fetch_or(&t->attention, bits, SEQ_CST);
	thread_wake(t);
}

void thread_wait_begin(const char *wchan)
{
	struct fake_thread *f = container_of(arch_current(), struct fake_thread, t);

	f->t.wchan = wchan;
	pthread_mutex_lock(&f->lock);
	f->is_woken = false;
	pthread_mutex_unlock(&f->lock);
}

void thread_wait_end(void)
{
}

int thread_wait_block(nsec_t deadline, unsigned flags)
{
	struct fake_thread *f = container_of(arch_current(), struct fake_thread, t);
	struct timespec ts = { (time_t)(deadline / NSEC_PER_SEC), (long)(deadline % NSEC_PER_SEC) };
	int r = 0;

	pthread_mutex_lock(&f->lock);
	while (!f->is_woken && !r) {
		if (flags & WAIT_INTERRUPTIBLE && atomic_load(&f->t.attention, SEQ_CST))
			break;
		if (deadline == NSEC_NEVER)
			pthread_cond_wait(&f->cond, &f->lock);
		else
			r = pthread_cond_timedwait(&f->cond, &f->lock, &ts);
	}
	pthread_mutex_unlock(&f->lock);
	if (flags & WAIT_INTERRUPTIBLE && atomic_load(&f->t.attention, SEQ_CST))
		return -EINTR;
	return r ? -ETIMEDOUT : 0;
}

bool thread_wake_slot(struct thread **slot)
{
	struct thread *t = atomic_exchange(slot, NULL, ACQ_REL);

	if (t)
		thread_wake(t);
	return t;
}

int thread_wait_slot(struct thread **slot, const char *wchan, nsec_t deadline)
{
	return thread_wait_until(wchan, atomic_load(slot, ACQUIRE) != arch_current(), deadline, WAIT_INTERRUPTIBLE);
}

void mutex_lock_slow(struct mutex *m)
{
	mutex_lock(m);
}

void mutex_unlock_slow(struct mutex *m)
{
	mutex_unlock(m);
}

int thread_sleep_until(nsec_t deadline, unsigned flags)
{
	while (arch_time_ns() < deadline) {
		int r;

		thread_wait_begin("sleep");
		r = thread_wait_block(deadline, flags);
		if (r == -EINTR)
			return r;
	}
	return 0;
}

void (*fake_before_lock)(struct mutex *m);

void mutex_lock(struct mutex *m)
{
	uintptr_t me = (uintptr_t)arch_current(), free = 0;

	if (fake_before_lock)
		fake_before_lock(m);
	if (m->word == me)
		panic("mutex %p locked twice", (void *)m);
	while (!atomic_cas(&m->word, &free, me, SEQ_CST)) {
		free = 0;
		sched_yield();
	}
}

bool mutex_trylock(struct mutex *m)
{
	uintptr_t free = 0;

	return atomic_cas(&m->word, &free, (uintptr_t)arch_current(), SEQ_CST);
}

void mutex_unlock(struct mutex *m)
{
	if (atomic_load(&m->word, RELAXED) != (uintptr_t)arch_current())
		panic("mutex %p unlocked by a stranger", (void *)m);
	atomic_store(&m->word, 0ul, SEQ_CST);
}

void mutex_lock_urgent(struct mutex *m)
{
	mutex_lock(m);
}

void mutex_unlock_urged(struct mutex *m)
{
	mutex_unlock(m);
}

bool mutex_is_held(const struct mutex *m)
{
	return atomic_load(&m->word, RELAXED) == (uintptr_t)arch_current();
}

/* ---- wait queues -------------------------------------------------------------------------------------------------- */

void waitq_init(struct waitq *q)
{
	memset(q, 0, sizeof(*q));
	list_init(&q->waiters);
}

bool waiter_notify_thread(struct waiter *w, uint32_t key)
{
	if (key && w->events && !(key & w->events))
		return false;
	atomic_store(&w->fired, 1u, SEQ_CST);
	thread_wake(w->thread);
	return true;
}

void waiter_init(struct waiter *w, uint32_t events)
{
	*w = (struct waiter){ .notify = waiter_notify_thread, .thread = thread_current(), .events = events };
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	mutex_lock(&q->lock);
	w->queue = q;
	if (w->is_exclusive)
		list_add_tail(&q->waiters, &w->node);
	else
		list_add_head(&q->waiters, &w->node);
	atomic_fetch_add(&q->nr_waiters, 1u, SEQ_CST);
	mutex_unlock(&q->lock);
	atomic_fence(SEQ_CST);
}

void waitq_del(struct waiter *w)
{
	struct waitq *q = w->queue;

	if (!q)
		return;
	mutex_lock(&q->lock);
	list_del(&w->node);
	atomic_fetch_sub(&q->nr_waiters, 1u, SEQ_CST);
	w->queue = NULL;
	mutex_unlock(&q->lock);
}

void __waitq_pass_on(struct waitq *q, uint32_t key)
{
	struct waiter *w, *tmp;

	mutex_lock(&q->lock);
	list_for_each_safe(w, tmp, &q->waiters, node) {
		if (w->is_exclusive && w->notify(w, key))
			break;
	}
	mutex_unlock(&q->lock);
}

void __waitq_wake(struct waitq *q, unsigned nr, uint32_t key)
{
	struct waiter *w, *tmp;

	mutex_lock(&q->lock);
	list_for_each_safe(w, tmp, &q->waiters, node) {
		if (w->is_exclusive && !nr)
			break;
		if (w->notify(w, key) && w->is_exclusive)
			nr--;
	}
	mutex_unlock(&q->lock);
}

__attribute__((weak)) void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	fn(head);
}

__attribute__((weak)) void rcu_synchronize(void)
{
}

/* ---- timers: one thread looks every 200 us ------------------------------------------------------------------------ */

#define MAX_TIMERS 64

static pthread_mutex_t timer_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t timer_done = PTHREAD_COND_INITIALIZER;
static struct timer *timers[MAX_TIMERS], *running_timer;
bool fake_timers_are_held;
static bool has_timer_thread;

static void *timer_thread(void *arg)
{
	pthread_mutex_lock(&timer_lock);
	for (unsigned i = 0;; i = (i + 1) % MAX_TIMERS) {
		struct timespec nap = { 0, 200000 };
		struct timer *t = timers[i];

		if (!i) {
			pthread_mutex_unlock(&timer_lock);
			nanosleep(&nap, NULL);
			pthread_mutex_lock(&timer_lock);
			t = timers[0];
		}
		if (!t || t->deadline > arch_time_ns() || atomic_load(&fake_timers_are_held, RELAXED))
			continue;
		timers[i] = NULL;
		running_timer = t;
		pthread_mutex_unlock(&timer_lock);
		t->fn(t);
		pthread_mutex_lock(&timer_lock);
		running_timer = NULL;
		pthread_cond_broadcast(&timer_done);
	}
	return arg;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
}

static bool timer_forget(struct timer *t)
{
	for (unsigned i = 0; i < MAX_TIMERS; i++) {
		if (timers[i] == t) {
			timers[i] = NULL;
			return true;
		}
	}
	return false;
}

bool timer_arm(struct timer *t, nsec_t deadline, nsec_t slack)
{
	pthread_t id;
	unsigned i = 0;
	bool was;

	(void)slack;
	pthread_mutex_lock(&timer_lock);
	if (!has_timer_thread && !pthread_create(&id, NULL, timer_thread, NULL))
		has_timer_thread = true;
	was = timer_forget(t);
	t->deadline = deadline;
	while (timers[i])
		i++;
	timers[i] = t;
	pthread_mutex_unlock(&timer_lock);
	return was;
}

bool timer_cancel(struct timer *t)
{
	bool was;

	pthread_mutex_lock(&timer_lock);
	while (running_timer == t)
		pthread_cond_wait(&timer_done, &timer_lock);
	was = timer_forget(t);
	pthread_mutex_unlock(&timer_lock);
	return was;
}

/* ---- memory ------------------------------------------------------------------------------------------------------- */

/* Each page is preceded by nothing: counts are kept in a small table so that leaks and double frees show under ASan. */
struct fake_page {
	void *page;
	unsigned count;
	struct fake_page *next;
};
static struct fake_page *pages;
static pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER;

bool fake_page_alloc_fails;

paddr_t page_alloc(unsigned order, unsigned flags)
{
	struct fake_page *p;

	if (atomic_load(&fake_page_alloc_fails, RELAXED))
		return PADDR_NONE;
	p = malloc(sizeof(*p));
	p->page = aligned_alloc(PAGE_SIZE << order, PAGE_SIZE << order);
	p->count = 1;
	memset(p->page, flags & PAGE_ZERO ? 0 : 0xa5, PAGE_SIZE << order);
	pthread_mutex_lock(&pages_lock);
	p->next = pages;
	pages = p;
	pthread_mutex_unlock(&pages_lock);
	return (paddr_t)(uintptr_t)p->page;
}

static struct fake_page **page_find(paddr_t pa)
{
	struct fake_page **p;

	for (p = &pages; *p && (paddr_t)(uintptr_t)(*p)->page != pa; p = &(*p)->next)
		;
	return p;
}

void page_get(paddr_t pa)
{
	struct fake_page **p;

	pthread_mutex_lock(&pages_lock);
	p = page_find(pa);
	if (*p)
		(*p)->count++;
	pthread_mutex_unlock(&pages_lock);
}

void page_put(paddr_t pa)
{
	struct fake_page **p, *gone = NULL;

	pthread_mutex_lock(&pages_lock);
	p = page_find(pa);
	if (*p && !--(*p)->count) {
		gone = *p;
		*p = gone->next;
	}
	pthread_mutex_unlock(&pages_lock);
	if (gone)
		free(gone->page);
	free(gone);
}

void page_free(paddr_t pa, unsigned order)
{
	(void)order;
	page_put(pa);
}

unsigned fake_nr_pages(void)
{
	unsigned nr = 0;

	pthread_mutex_lock(&pages_lock);
	for (struct fake_page *p = pages; p; p = p->next)
		nr++;
	pthread_mutex_unlock(&pages_lock);
	return nr;
}

unsigned page_count(paddr_t pa)
{
	struct fake_page **p;
	unsigned n;

	pthread_mutex_lock(&pages_lock);
	p = page_find(pa);
	n = *p ? (*p)->count : 1000000;
	pthread_mutex_unlock(&pages_lock);
	return n;
}

void *kmalloc(size_t size)
{
	return malloc(size);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void *krealloc(void *p, size_t size)
{
	return realloc(p, size);
}

size_t ksize(const void *p)
{
	return malloc_usable_size((void *)p);
}

unsigned fake_nr_kfree;

void kfree(void *p)
{
	(void)atomic_fetch_add(&fake_nr_kfree, 1u, RELAXED);
	free(p);
}

char *kstrdup(const char *s)
{
	return strdup(s);
}

/* ---- the application's memory: addresses below a page are not mapped ------------------------------------------------ */

size_t arch_user_copy(void *dst, const void *src, size_t len)
{
	if ((uintptr_t)dst < PAGE_SIZE || (uintptr_t)src < PAGE_SIZE)
		return len;
	memcpy(dst, src, len);
	return 0;
}

size_t arch_user_zero(void *dst, size_t len)
{
	if ((uintptr_t)dst < PAGE_SIZE)
		return len;
	memset(dst, 0, len);
	return 0;
}

int arch_user_load32(const uint32_t *src, uint32_t *out)
{
	return arch_user_copy(out, src, 4) ? -EFAULT : 0;
}

int arch_user_store32(uint32_t *dst, uint32_t value)
{
	return arch_user_copy(dst, &value, 4) ? -EFAULT : 0;
}

int arch_user_load64(const uint64_t *src, uint64_t *out)
{
	return arch_user_copy(out, src, 8) ? -EFAULT : 0;
}

int arch_user_store64(uint64_t *dst, uint64_t value)
{
	return arch_user_copy(dst, &value, 8) ? -EFAULT : 0;
}

/* ---- printing ----------------------------------------------------------------------------------------------------- */

#undef vsnprintf
#undef snprintf

int samara_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	return vsnprintf(buf, size, fmt, ap);
}

int samara_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

void log_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("samara: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

#undef strlcpy
__attribute__((weak)) size_t samara_strlcpy(char *dst, const char *src, size_t size)
{
	return (size_t)snprintf(dst, size, "%s", src);
}
