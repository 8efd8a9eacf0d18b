/* SPDX-License-Identifier: MIT
 *
 * How much of a CPU real-time threads of the application may take: throttle.c.
 */
#pragma once

#include "libc/types.h"

/* /proc/sys/kernel/sched_rt_period_us and sched_rt_runtime_us; a runtime of -1 is no limit. 0 or -EINVAL. Context: any. */
int throttle_set(int64_t period_us, int64_t runtime_us);
void throttle_get(int64_t *period_us, int64_t *runtime_us);
