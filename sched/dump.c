/* SPDX-License-Identifier: MIT
 *
 * All threads, for people.
 */
#include "libc/print.h"
#include "sched/sched-priv.h"

static bool dump(struct thread *t, void *arg)
{
	struct thread_times times;
	unsigned *nr = arg;

	thread_times(t, &times);
	log_raw("%5u %-16s %c cpu %d %10llu us  %s\n", (*nr)++, t->name, thread_state_letter(t), thread_cpu_id(t),
		(unsigned long long)((times.user_ns + times.system_ns) / NSEC_PER_USEC), t->wchan ? t->wchan : "-");
	return true;
}

void thread_dump_all(void)
{
	unsigned nr = 0;

	thread_for_each(dump, &nr);
}
