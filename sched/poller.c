// SPDX-License-Identifier: MIT
#include "sched/poller.h"

#include "sched/cpu.h"
#include "sched/mutex.h"

static struct mutex register_lock;
static struct poller *pollers;		/* [a] written under register_lock; grows at its head */
uint32_t pollers_on;

void poller_register(struct poller *p)
{
	mutex_lock(&register_lock);
	p->next = pollers;
	/* release: all of it. Pairs: the walks */
	atomic_store(&pollers, p, RELEASE);
	mutex_unlock(&register_lock);
}

/* A hint: the thread may move at any time. */
static unsigned this_cpu(void)
{
	return thread_current()->cpu->id;
}

void poller_set(struct poller *p, bool is_on)
{
	if (poller_is_on(p) == is_on)
		return;
	if (is_on) {
		atomic_store(&p->last_cpu, this_cpu(), RELAXED);
		atomic_fetch_add(&pollers_on, 1u, RELAXED);
	} else {
		atomic_fetch_sub(&pollers_on, 1u, RELAXED);
	}
	atomic_store(&p->is_on, (uint32_t)is_on, RELAXED);
}

bool __poller_look(bool will_sleep)
{
	unsigned cpu = this_cpu();
	bool has_found = false;

	/* acquire: what it points at. Pairs: poller_register */
	for (struct poller *p = atomic_load(&pollers, ACQUIRE); p; p = p->next) {
		if (!poller_is_on(p) || (p->home >= 0 && p->home != (int)cpu))
			continue;
		atomic_store(&p->last_cpu, cpu, RELAXED);
		has_found |= p->poll(p, will_sleep);
	}
	return has_found;
}

void __poller_idle(unsigned cpu)
{
	for (struct poller *p = atomic_load(&pollers, ACQUIRE); p; p = p->next)	/* Pairs: poller_register */
		if (poller_is_on(p) && atomic_load(&p->last_cpu, RELAXED) == cpu)
			p->idle(p);
}
