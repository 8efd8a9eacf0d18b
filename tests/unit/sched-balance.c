/* SPDX-License-Identifier: MIT
 *
 * The scheduler of several CPUs, simulated: the kernel's own run queue, switch and wake-up code with a clock that the test moves, so that shares of CPU time do not
 * depend on what else the host does. A CPU here is its timer, its interrupts and the thread it runs; it may be paused, as a hypervisor pauses virtual CPUs, and what
 * runs is charged for the pause as for any other time.
 */
/* sources: sched/fair.c sched/rq.c sched/throttle.c sched/wake.c sched/switch.c sched/timer-set.c libc/rbtree.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/time.h>

#include "libc/print.h"
#include "mmu/aspace.h"
#include "mmu/page.h"
#include "sched/irq.h"
#include "sched/sched-priv.h"
#include "sched/trace.h"

#define CHECK(c, ...)	do { if (!(c)) { printf("%s:%d: %s ", __FILE__, __LINE__, #c); printf(" " __VA_ARGS__); printf("\n"); exit(1); } } while (0)
#define MAX_SIM_CPUS	8
#define MAX_THREADS	64

unsigned nr_cpus;
struct cpu *cpus[MAX_CPUS];

static struct machine {
	struct cpu cpu;
	struct runqueue rq;
	struct thread_block idle;
	nsec_t timer;			/* of the comparator */
	bool has_ipi;
	nsec_t pause_at, paused_until;
	nsec_t idle_with_work_since, longest_idle;	/* while threads waited elsewhere */
} machine[MAX_SIM_CPUS], *here;

static struct worker {
	struct thread_block block;
	nsec_t work_ns, rest_ns;	/* 0: always busy */
	nsec_t burst_end;		/* of its CPU time */
	nsec_t before, latest_wish, worst_delay;
	bool is_waiting;
} worker[MAX_THREADS];

static nsec_t now;
static unsigned long random_state;

static nsec_t random_below(nsec_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (random_state >> 8) % n;
}

/* ---- what the scheduler calls ----------------------------------------------------------------------------------------- */

struct thread *arch_current(void)
{
	return here->cpu.running;
}

nsec_t arch_time_ns(void)
{
	return now;
}

void arch_timer_arm(nsec_t deadline)
{
	here->timer = deadline;
}

struct thread *arch_switch(struct thread *prev, struct thread *next)
{
	(void)next;
	return prev;
}

static void send_ipi(struct cpu *target)
{
	machine[target->id].has_ipi = true;
}

const struct irq_controller *irq_controller(void)
{
	static const struct irq_controller c = { .send_ipi = send_ipi };

	return &c;
}

nsec_t trace_sample_period(void)
{
	return 0;
}

void trace_record(enum trace_event event, uint64_t a, uint64_t b)
{
	(void)event, (void)a, (void)b;
}

void aspace_activate(struct aspace *as)
{
	(void)as;
}

void thread_put(struct thread *t)
{
	(void)t;
}

/* Never called: waits of threads go by rest(). */
_Noreturn void thread_exit(void)
{
	abort();
}

_Noreturn void panic(const char *fmt, ...)
{
	printf("panic: %s\n", fmt);
	exit(1);
}

int thread_wait_block_until(nsec_t deadline)
{
	(void)deadline;
	abort();
}

void thread_wait_begin(const char *wchan)
{
	(void)wchan;
	abort();	/* not in this simulation */
}

void barrier_serve(struct runqueue *rq)
{
	(void)rq;
}

void thread_wait_end(void)
{
	abort();
}

int thread_wait_give_up(int error)
{
	(void)error;
	abort();
}

/* ---- a CPU -------------------------------------------------------------------------------------------------------------- */

static struct worker *worker_of(const struct thread *t)
{
	return t->sched->is_idle ? NULL : container_of(container_of(t, struct thread_block, thread), struct worker, block);
}

static nsec_t cpu_time(const struct sched_entity *se)
{
	return se->clock & CLOCK_RUNNING ? now - (se->clock & ~CLOCK_RUNNING) : se->clock;
}

/* As idle_loop() does, up to its wfi. */
static void be_idle(struct runqueue *rq)
{
	wake_drain(rq);
	wake_serve_requests(rq);
	if (rq->first) {
		wake_set_idle(rq, false);
		sched_switch(SWITCH_PREEMPT);
	} else if (!rq->is_idle) {
		wake_set_idle(rq, true);
		wake_steal(rq, false);
	} else {
		wake_set_idle(rq, true);
	}
}

/* As sched_irq() and timer_interrupt() do. */
static void interrupt(struct runqueue *rq)
{
	struct list due = LIST_INIT(due);
	struct sched_entity *se, *tmp;

	rq->in_irq = true;
	if (here->has_ipi) {
		here->has_ipi = false;
		wake_drain(rq);
		wake_serve_requests(rq);
	}
	if (here->timer <= now) {
		here->timer = NSEC_NEVER;
		rq->armed = NSEC_NEVER;
		if (now >= rq->waits.next) {
			timer_set_expire(&rq->waits, now, &due);
			list_for_each_safe(se, tmp, &due, timer.link) {
				list_del(&se->timer.link);
				se->has_timed_out = true;
				worker_of(se->thread)->latest_wish = now;
				worker_of(se->thread)->is_waiting = true;
				thread_wake(se->thread);
			}
		}
		if (now >= rq->preempt_at)
			sched_look(rq, now);
		wake_spread(rq, now);
	}
	rq->in_irq = false;
	sched_arm(rq);
	if (here->cpu.running->needs_resched && here->cpu.running->preempt_count == 0)
		sched_switch(SWITCH_PREEMPT);
}

/* As thread_sleep_until() does. */
static void rest(struct worker *w)
{
	struct sched_entity *se = w->block.thread.sched;
	struct runqueue *rq = here->cpu.rq;

	se->state = STATE_ANNOUNCED;
	timer_set_add(&rq->waits, &se->timer, now + 1 + random_below(2 * w->rest_ns));
	se->timer_cpu = &here->cpu;
	sched_arm(rq);
	sched_switch(SWITCH_BLOCK);
}

static void note_start(struct worker *w)
{
	if (w && w->is_waiting) {
		w->is_waiting = false;
		w->worst_delay = MAX(w->worst_delay, now - w->latest_wish);
		if (w->work_ns)
			w->burst_end = cpu_time(w->block.thread.sched) + 1 + random_below(2 * w->work_ns);
	}
}

/* When something happens next on m, if nothing changes. */
static nsec_t next_event(struct machine *m, nsec_t pause_every, nsec_t pause_length)
{
	struct worker *w = worker_of(m->cpu.running);
	nsec_t at = m->has_ipi ? now : m->timer;

	if (w && w->work_ns)
		at = MIN(at, now + (w->burst_end > cpu_time(w->block.thread.sched) ? w->burst_end - cpu_time(w->block.thread.sched) : 0));
	if (!w && (m->rq.first || !mpsc_is_empty(&m->rq.incoming) || m->rq.requests || !m->rq.is_idle))
		at = now;
	at = MAX(at, m->paused_until);
	while (pause_every && at != NSEC_NEVER && m->pause_at <= at) {
		m->paused_until = m->pause_at + 1 + random_below(2 * pause_length);
		m->pause_at = m->paused_until + 1 + random_below(2 * pause_every);
		at = MAX(at, m->paused_until);
	}
	return at;
}

static void step(struct machine *m)
{
	struct worker *w;

	here = m;
	if (m->has_ipi || m->timer <= now)
		interrupt(m->cpu.rq);
	w = worker_of(m->cpu.running);
	if (w && w->work_ns && !w->is_waiting && cpu_time(w->block.thread.sched) >= w->burst_end)
		rest(w);
	if (m->cpu.running == m->cpu.idle)
		be_idle(m->cpu.rq);
	note_start(worker_of(m->cpu.running));
}

/* How long a CPU is idle while a thread waits in a queue. */
static void watch_idleness(void)
{
	unsigned nr_waiting = 0;

	for (unsigned i = 0; i < nr_cpus; i++)
		nr_waiting += machine[i].rq.nr_queued;
	for (unsigned i = 0; i < nr_cpus; i++) {
		struct machine *m = &machine[i];

		if (!nr_waiting || m->cpu.running != m->cpu.idle || m->paused_until > now)
			m->idle_with_work_since = NSEC_NEVER;
		else if (m->idle_with_work_since == NSEC_NEVER)
			m->idle_with_work_since = now;
		else
			m->longest_idle = MAX(m->longest_idle, now - m->idle_with_work_since);
	}
}

static void run(nsec_t end, nsec_t pause_every, nsec_t pause_length)
{
	unsigned nr_standing = 0;

	while (now < end) {
		struct machine *first = NULL;
		nsec_t at, earliest = end;

		for (unsigned i = 0; i < nr_cpus; i++) {
			at = next_event(&machine[i], pause_every, pause_length);
			if (at < earliest) {
				earliest = at;
				first = &machine[i];
			}
		}
		nr_standing = earliest > now ? 0 : nr_standing + 1;
		CHECK(nr_standing < 1000, "time stands still at %lu: CPU %u, thread %ld", (unsigned long)now, first ? first->cpu.id : 99,
		      first && worker_of(first->cpu.running) ? worker_of(first->cpu.running) - worker : -1);
		now = MAX(now, earliest);
		watch_idleness();
		if (first)
			step(first);
	}
}

/* ---- set up --------------------------------------------------------------------------------------------------------------- */

static void make_thread(struct thread_block *b, struct cpu *cpu, int nice)
{
	memset(b, 0, sizeof(*b));
	b->thread.sched = &b->sched;
	b->thread.cpu = cpu;
	b->sched.thread = &b->thread;
	b->sched.state = STATE_RUNNABLE;
	b->sched.params = PARAMS(POLICY_OTHER, 0, nice);
	memset(b->sched.affinity, 0xff, sizeof(b->sched.affinity));
	rq_refresh_params(&b->sched);
}

static void make_machine(unsigned nr, nsec_t start, unsigned long seed)
{
	memset(machine, 0, sizeof(machine));
	memset(worker, 0, sizeof(worker));
	random_state = seed * 0x9e3779b97f4a7c15ul | 1;
	now = start;
	nr_cpus = nr;
	for (unsigned i = 0; i < nr; i++) {
		struct machine *m = &machine[i];

		m->cpu = (struct cpu){ .id = i, .is_online = 1, .rq = &m->rq, .idle = &m->idle.thread, .running = &m->idle.thread };
		cpus[i] = &m->cpu;
		make_thread(&m->idle, &m->cpu, 0);
		m->idle.sched.is_idle = true;
		m->idle.sched.params = m->idle.sched.active_params = PARAMS(POLICY_IDLE, 0, 0);
		m->idle.sched.clock = CLOCK_RUNNING | now;
		m->idle.thread.preempt_count = 1;
		m->timer = m->idle_with_work_since = NSEC_NEVER;
		m->pause_at = now + random_below(100 * NSEC_PER_MSEC);
		here = m;
		rq_init(&m->rq, &m->cpu, now);
	}
}

/* All start on CPU 0, as threads that one thread creates. */
static void start(unsigned nr, nsec_t work_ns, nsec_t rest_ns, const int *nice)
{
	here = &machine[0];
	for (unsigned i = 0; i < nr; i++) {
		struct worker *w = &worker[i];

		make_thread(&w->block, &machine[0].cpu, nice ? nice[i] : 0);
		w->block.sched.generation = machine[0].rq.generation;
		w->work_ns = work_ns;
		w->rest_ns = rest_ns;
		w->is_waiting = true;
		w->latest_wish = now;
		w->block.sched.has_slept = true;
		wake_place(&w->block.thread, true);
	}
}

static void begin_measuring(unsigned nr)
{
	for (unsigned i = 0; i < nr; i++) {
		worker[i].before = cpu_time(&worker[i].block.sched);
		worker[i].worst_delay = 0;
	}
	for (unsigned i = 0; i < nr_cpus; i++)
		machine[i].longest_idle = 0;
}

static nsec_t used(unsigned i)
{
	return cpu_time(&worker[i].block.sched) - worker[i].before;
}

static double equal_shares(unsigned nr, unsigned on, nsec_t pause_every, nsec_t pause_length, unsigned long seed)
{
	double mean = 10.0 * NSEC_PER_SEC * MIN(nr, on) / nr, worst = 0, share;

	make_machine(on, seed * 777 * NSEC_PER_MSEC, seed);
	start(nr, 0, 0, NULL);
	run(now + 500 * NSEC_PER_MSEC, pause_every, pause_length);
	begin_measuring(nr);
	run(now + 10 * NSEC_PER_SEC, pause_every, pause_length);
	for (unsigned i = 0; i < nr; i++) {
		share = (double)used(i) / mean - 1;
		worst = MAX(worst, share < 0 ? -share : share);
	}
	if (worst > 0.02 && getenv("VERBOSE"))
		for (unsigned i = 0; i < nr; i++)
			printf("  thread %u: %.2f ms on %u\n", i, (double)used(i) / 1e6, worker[i].block.thread.cpu->id);
	if (!pause_every)
		for (unsigned i = 0; i < on; i++)
			CHECK(machine[i].longest_idle <= NSEC_PER_MSEC, "CPU %u was idle for %lu ns", i, (unsigned long)machine[i].longest_idle);
	return worst;
}

/* Threads that work and rest: no CPU is idle for a millisecond while one waits. */
static void conserve_work(unsigned nr, unsigned on, nsec_t work_ns, nsec_t rest_ns)
{
	nsec_t longest = 0, sum = 0;

	make_machine(on, 0, nr);
	start(nr, work_ns, rest_ns, NULL);
	run(now + 100 * NSEC_PER_MSEC, 0, 0);
	begin_measuring(nr);
	run(now + 2 * NSEC_PER_SEC, 0, 0);
	for (unsigned i = 0; i < on; i++)
		longest = MAX(longest, machine[i].longest_idle);
	for (unsigned i = 0; i < nr; i++)
		sum += used(i);
	CHECK(longest <= 100 * NSEC_PER_USEC, "%u on %u: idle for %lu ns", nr, on, (unsigned long)longest);
	printf("%u on %u, work %lu us, rest %lu us: %.1f %% busy, idle while others waited %lu us at most\n", nr, on, (unsigned long)work_ns / 1000,
	       (unsigned long)rest_ns / 1000, (double)sum / (2e7 * on), (unsigned long)longest / 1000);
}

/* A thread that works a little now and then, among busy ones: served soon, and it takes no more than it needs. */
static void serve_sleeper(unsigned nr_busy, unsigned on)
{
	nsec_t sum = 0;

	make_machine(on, 0, 1);
	start(nr_busy + 1, 0, 0, NULL);
	worker[0].work_ns = 50 * NSEC_PER_USEC;
	worker[0].rest_ns = 500 * NSEC_PER_USEC;
	worker[0].is_waiting = true;
	run(now + 500 * NSEC_PER_MSEC, 0, 0);
	begin_measuring(nr_busy + 1);
	run(now + 10 * NSEC_PER_SEC, 0, 0);
	for (unsigned i = 1; i <= nr_busy; i++) {
		CHECK(used(i) > 10 * NSEC_PER_SEC / (nr_busy + 1) * on * 9 / 10, "busy %u has %lu ms", i, (unsigned long)used(i) / 1000000);
		sum += used(i);
	}
	printf("a sleeper beside %u busy threads on %u: %.1f %% of a CPU, worst delay %lu us\n", nr_busy, on, (double)used(0) / 1e8,
	       (unsigned long)worker[0].worst_delay / 1000);
	/* It wants 9 %: less than its share. */
	CHECK(used(0) > 600 * NSEC_PER_MSEC && worker[0].worst_delay <= 2 * FAIR_HYSTERESIS_NS);
}

static void favour(unsigned on, int nice, double expected)
{
	int nices[2 * MAX_SIM_CPUS];
	double high = 0, low = 0;

	for (unsigned i = 0; i < 2 * on; i++)
		nices[i] = i % 2 ? nice : 0;
	make_machine(on, 0, 1);
	start(2 * on, 0, 0, nices);
	run(now + 500 * NSEC_PER_MSEC, 0, 0);
	begin_measuring(2 * on);
	run(now + 10 * NSEC_PER_SEC, 0, 0);
	for (unsigned i = 0; i < 2 * on; i++)
		*(i % 2 ? &low : &high) += (double)used(i);
	printf("nice 0 to nice %d, a pair for each of %u CPUs: %.3f (%.3f)\n", nice, on, high / low, expected);
	CHECK(high / low > expected * 0.97 && high / low < expected * 1.03);
}

int main(int argc, char **argv)
{
	static const unsigned pairs[][2] = { { 2, 2 }, { 3, 2 }, { 5, 2 }, { 8, 2 }, { 5, 4 }, { 6, 4 }, { 7, 4 }, { 8, 4 }, { 13, 4 },
					     { 9, 8 }, { 11, 8 }, { 20, 8 }, { 32, 8 } };
	double worst, worst_calm = 0, worst_paused = 0;
	unsigned long nr_seeds = argc > 1 ? strtoul(argv[1], NULL, 0) : 3;

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (unsigned long seed = 1; seed <= nr_seeds; seed++) {
			worst = equal_shares(pairs[i][0], pairs[i][1], 0, 0, seed);
			worst_calm = MAX(worst_calm, worst);
			if (argc > 1)
				printf("%u on %u: %.2f %%", pairs[i][0], pairs[i][1], worst * 100);
			worst = equal_shares(pairs[i][0], pairs[i][1], 100 * NSEC_PER_MSEC, 10 * NSEC_PER_MSEC, seed);
			worst_paused = MAX(worst_paused, worst);
			if (argc > 1)
				printf(", with pauses of 10 ms every 100 ms: %.2f %%\n", worst * 100);
		}
	CHECK(worst_calm <= 0.01 && worst_paused <= 0.02, "%.4f %.4f", worst_calm, worst_paused);
	conserve_work(9, 8, NSEC_PER_MSEC, 200 * NSEC_PER_USEC);
	conserve_work(32, 8, NSEC_PER_MSEC, 200 * NSEC_PER_USEC);
	conserve_work(32, 8, 100 * NSEC_PER_USEC, 300 * NSEC_PER_USEC);
	conserve_work(12, 4, 5 * NSEC_PER_MSEC, 5 * NSEC_PER_MSEC);
	serve_sleeper(1, 1);
	serve_sleeper(4, 2);
	serve_sleeper(16, 8);
	favour(1, 1, 1.25);
	favour(1, 5, 3.05);
	favour(2, 5, 3.05);
	printf("shares of 10 s within %.2f %%; with CPUs that pause %.2f %%\n", worst_calm * 100, worst_paused * 100);
	return 0;
}
