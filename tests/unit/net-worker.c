/* SPDX-License-Identifier: MIT
 *
 * The workers of several CPUs: what is pushed to something that is listed by any CPU is processed, whoever lists, unlists and lists it again; by the worker that its state names.
 */
/* sources: net/worker.c tests/host/fake-special.c */
/* sanitizer: thread */
#include <pthread.h>

#include "net/worker.h"
#include "sched/cpu.h"
#include "tests/host/special.h"

#define NR_CPUS		4u
#define NR_ITEMS	6u
#define ROUNDS		20000u

unsigned nr_cpus = NR_CPUS;

struct item {
	struct work work;
	uint32_t pending;		/* [a] its channel */
};

static struct cpu the_cpus[NR_CPUS];
static struct item items[NR_ITEMS];
static uint32_t nr_done, nr_runs[NR_CPUS];	/* [a] */
static __thread unsigned my_worker;

/* ---- threads of the kernel ------------------------------------------------------------------------------------------- */

struct started {
	struct thread_params params;
	unsigned index;
	struct thread *thread;		/* [a] */
};

static struct started started[NR_CPUS];
static unsigned nr_started;

static void *thread_main(void *arg)
{
	struct started *s = arg;

	my_worker = s->index;
	thread_current()->cpu = &the_cpus[s->index];
	atomic_store(&s->thread, thread_current(), RELEASE);
	s->params.entry(s->params.arg);
	return NULL;
}

/* It runs at once: until then it has no struct thread. */
int thread_create(const struct thread_params *params, struct thread **out)
{
	struct started *s = &started[nr_started];
	pthread_t id;

	*s = (struct started){ .params = *params, .index = nr_started++ };
	CHECK(!pthread_create(&id, NULL, thread_main, s));
	pthread_detach(id);
	while (!(*out = atomic_load(&s->thread, ACQUIRE)))
		nap_ms(1);
	return 0;
}

void thread_start(struct thread *t)
{
	(void)t;
}

/* ---- what is listed --------------------------------------------------------------------------------------------------- */

static bool run(struct work *w, nsec_t now)
{
	struct item *it = container_of(w, struct item, work);
	uint32_t state = atomic_load(&w->state, RELAXED);

	(void)now;
	CHECK(state & WORK_LISTED);
	CHECK_EQ(state >> WORK_CPU_SHIFT, my_worker);
	(void)atomic_fetch_add(&nr_runs[my_worker], 1u, RELAXED);
	(void)atomic_fetch_add(&nr_done, atomic_exchange(&it->pending, 0u, ACQ_REL), RELAXED);
	state = work_unlist(w);
	return atomic_load(&it->pending, ACQUIRE) && work_relist(w, state);
}

static void push(struct item *it, bool is_urgent)
{
	(void)atomic_fetch_add(&it->pending, 1u, RELEASE);
	atomic_fence(SEQ_CST);	/* as list_for_worker() */
	if (work_claim(&it->work))
		work_add(&it->work);
	if (is_urgent)
		work_urgent(&it->work);
}

static void *producer(void *arg)
{
	unsigned cpu = (unsigned)(uintptr_t)arg, x = cpu;

	thread_current()->cpu = &the_cpus[cpu];
	for (unsigned i = 0; i < ROUNDS; i++) {
		x = x * 1103515245 + 12345;
		push(&items[(x >> 16) % NR_ITEMS], i % 4);
		if (i % 1000 == 0)
			nap_ms(1);
	}
	return NULL;
}

static void wait_done(uint32_t nr)
{
	for (unsigned i = 0; i < 20000 && atomic_load(&nr_done, RELAXED) != nr; i++)
		nap_ms(1);
	CHECK_EQ(atomic_load(&nr_done, RELAXED), nr);
}

int main(void)
{
	pthread_t t[NR_CPUS];

	for (unsigned i = 0; i < NR_CPUS; i++)
		the_cpus[i].id = i;
	for (unsigned i = 0; i < NR_ITEMS; i++)
		items[i].work.run = run;
	thread_current()->cpu = &the_cpus[2];
	CHECK(worker_start() && worker_start());
	CHECK_EQ(nr_started, NR_CPUS);
	/* One at rest is run by the worker of the CPU that lists it, with and without haste. */
	push(&items[0], true);
	wait_done(1);
	push(&items[1], false);
	wait_done(2);
	CHECK_EQ(atomic_load(&nr_runs[2], RELAXED), 2);
	for (uintptr_t i = 0; i < NR_CPUS; i++)
		pthread_create(&t[i], NULL, producer, (void *)i);
	for (unsigned i = 0; i < NR_CPUS; i++)
		pthread_join(t[i], NULL);
	wait_done(2 + NR_CPUS * ROUNDS);
	for (unsigned i = 0; i < NR_CPUS; i++)
		CHECK(atomic_load(&nr_runs[i], RELAXED));
	return 0;
}
