/* SPDX-License-Identifier: MIT */
#include "sched/init.h"

SET_DECLARE(init_hooks, struct init_hook);

void init_run(enum init_level level)
{
	const struct init_hook *const *h;

	SET_FOREACH(h, init_hooks)
		if ((*h)->level == level)
			(*h)->fn();
}
