/* SPDX-License-Identifier: MIT
 *
 * See gather.h. A CPU takes back by itself when it allocates and before it sleeps (idle.c). One that sleeps already, or is busy with something else, needs a visit: a
 * thread goes from CPU to CPU. It waits for nothing that somebody may hold who waits for memory: neither its affinity's lock nor the buddy allocator's is held across
 * a sleep or an allocation.
 */
#include "sched/gather.h"

#include "libc/print.h"
#include "mmu/page.h"
#include "sched/init.h"
#include "sched/sched-priv.h"
#include "sched/sync.h"

static struct {
	struct mutex lock;		/* one at a time */
	struct thread *thread;		/* [I] NULL: there is one CPU */
	struct completion *done;	/* [a] of who waits; NULL: nothing to do */
} gather;

static void visit(unsigned cpu)
{
	uint64_t mask[CPU_WORDS] = { 0 };

	mask[cpu / 64] = 1ull << cpu % 64;
	if (cpu_is_online(cpus[cpu]) && !thread_set_affinity(thread_current(), mask, CPU_WORDS))
		page_cpu_give_back();
}

static void gather_main(void *arg)
{
	struct completion *done;

	(void)arg;
	thread_current()->gives_memory = true;
	for (;;) {
		/* acquire: the wish. Pairs: gather_memory */
		(void)thread_wait_until("gather", (done = atomic_exchange(&gather.done, NULL, ACQUIRE)) != NULL, NSEC_NEVER, 0);
		for (unsigned i = 0; i < nr_cpus; i++)
			if (page_cpu_keeps(i, false))
				visit(i);
		completion_set(done);
	}
}

static bool others_keep(bool only_objects)
{
	for (unsigned i = 0; i < nr_cpus; i++)
		if (cpus[i] != READ_ONCE(thread_current()->cpu) && page_cpu_keeps(i, only_objects))
			return true;
	return false;
}

static void gather_all(bool only_objects)
{
	struct completion done = { 0 };

	if (!gather.thread || !others_keep(only_objects))
		return;
	mutex_lock(&gather.lock);
	atomic_store(&gather.done, &done, RELEASE);	/* release: the completion. Pairs: gather_main */
	thread_wake(gather.thread);
	(void)completion_wait(&done, NSEC_NEVER, 0);
	mutex_unlock(&gather.lock);
}

void gather_memory(void)
{
	gather_all(true);
}

/* struct shrinker. */
static uint64_t shrink(uint64_t want)
{
	uint64_t before = page_nr_shared();

	(void)want;
	gather_all(false);
	return page_nr_shared() > before ? (page_nr_shared() - before) * PAGE_SIZE : 0;
}

static void gather_init(void)
{
	static struct shrinker shrinker = { .name = "what other CPUs keep", .shrink = shrink };
	const struct thread_params p = { .name = "gather", .entry = gather_main, .pinned_cpu = -1, .is_realtime = true };

	if (nr_cpus == 1)
		return;
	if (thread_create(&p, &gather.thread)) {
		log_line("no memory for the thread that gathers memory");
		return;
	}
	thread_start(gather.thread);
	shrinker_register(&shrinker);
}
INIT_HOOK(INIT_CORE, gather_init);
